/** The loops of a product around its strips, which keep panels in the caches (after Goto and van de Geijn). */
import type { Element } from "./element.ts";
import { laneBytes, packPanel, type SumLane } from "./matmul-pack.ts";
import { PANEL_BYTES, panelColumns, STRIP_HEIGHTS, STRIP_ROWS, type Strip, stripFunctions } from "./matmul-strip.ts";
import type { Func, FuncBuilder, Local, ModuleBuilder } from "./module.ts";
import { copyOf } from "./walk.ts";

/** Most depth of a block: a panel of columns takes 8 KiB of the first cache, a strip of rows 6 KiB. */
export const BLOCK_DEPTH = 256;
/** Most bytes of one depth of a block of packed columns, which takes 512 KiB of the second cache. */
export const BLOCK_BYTES = 2048;

/** The variables that describe one matrix product. Steps are in bytes. */
export interface Product extends Omit<Strip, "bPanel" | "columns" | "depth" | "spill"> {
  readonly m: Local;
  readonly n: Local;
  readonly k: Local;
  readonly bColumn: Local;
}

/** How a product goes about it, and places for a tile, a strip and a block of columns. */
export interface Blocking {
  /** Depth of a block. */
  readonly depth: Local;
  /** Where a strip of rows is packed; 0: it is read as it lies. */
  readonly strip: Local;
  /** Whether whole panels of columns are read as they lie. */
  readonly inPlace: Local;
  readonly panels: Local;
  readonly spill: Local;
}

/** The functions that a product calls. */
export interface ProductFunctions {
  readonly lane: SumLane;
  readonly packRows: Func;
  readonly packColumns: Func;
  readonly strips: readonly Func[];
}

/** `source` reads elements of the operands, `target` reads and writes those of the result. */
export function productFunctions(
  module: ModuleBuilder,
  lane: SumLane,
  relaxed: boolean,
  source: Element,
  target: Element,
): ProductFunctions {
  return {
    lane,
    packRows: packPanel(module, lane, source, STRIP_ROWS),
    packColumns: packPanel(module, lane, source, panelColumns(lane)),
    strips: stripFunctions(module, { lane, item: target, relaxed }),
  };
}

/** Emits a whole product: blocks of columns and of depth, then strips of rows. */
export function emitProduct(f: FuncBuilder, functions: ProductFunctions, p: Product, blocking: Blocking): void {
  const { lane } = functions;
  const [column, depth, columns, depths] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
  const block = f.local("i32");
  f.i32(BLOCK_BYTES / laneBytes(lane)).set(block);
  const first = { old: f.local("i32"), oldRow: f.local("i32"), oldColumn: f.local("i32"), beta: f.local(lane) };
  blocks(f, column, columns, p.n, block, () => {
    blocks(f, depth, depths, p.k, blocking.depth, () => {
      const out = element2d(f, p.out, column, p.outColumn);
      f.get(depth).op("i32.eqz");
      f.if(
        () => {
          f.get(element2d(f, p.old, column, p.oldColumn)).set(first.old);
          f.get(p.oldRow).set(first.oldRow).get(p.oldColumn).set(first.oldColumn).get(p.beta).set(first.beta);
        },
        () => {
          f.get(out).set(first.old).get(p.outRow).set(first.oldRow).get(p.outColumn).set(first.oldColumn);
          f[lane](1).set(first.beta);
        },
      );
      const a = element2d(f, p.a, depth, p.aDepth);
      const b = element2d(f, element2d(f, p.b, depth, p.bDepth), column, p.bColumn);
      emitBlock(f, functions, { ...p, ...first, a, b, out, n: columns, k: depths }, blocking);
    });
  });
}

/** for (at = 0; at < end; at += size) with `count` = min(size, end - at). */
function blocks(f: FuncBuilder, at: Local, count: Local, end: Local, size: Local, body: () => void): void {
  f.i32(0).set(at);
  f.while(
    () => f.get(at).get(end).op("i32.lt_u"),
    () => {
      f.get(end).get(at).op("i32.sub").tee(count).get(size).get(count).get(size).op("i32.lt_u").select().set(count);
      body();
      f.add(at, size);
    },
  );
}

/** A variable with base + position · step. */
function element2d(f: FuncBuilder, base: Local, position: Local, step: Local): Local {
  const address = f.local("i32");
  f.get(base).get(position).get(step).op("i32.mul").op("i32.add").set(address);
  return address;
}

/** Part of the columns, and where their panels are. */
type Panels = Pick<Strip, "b" | "bDepth" | "bPanel" | "columns"> & { readonly out: Local; readonly old: Local };

/** A block of columns and of depth: the columns that are read as they lie, and those that are packed. */
function emitBlock(f: FuncBuilder, functions: ProductFunctions, p: Product, blocking: Blocking): void {
  const { lane } = functions;
  const width = panelColumns(lane);
  const [lying, packed, b, lyingPanel, depthStep] = [
    f.local("i32"),
    f.local("i32"),
    f.local("i32"),
    f.local("i32"),
    f.local("i32"),
  ];
  f.get(p.n).i32(-width).op("i32.and").i32(0).get(blocking.inPlace).select().set(lying);
  f.get(p.n).get(lying).op("i32.sub").set(packed);
  f.get(element2d(f, p.b, lying, p.bColumn)).set(b);
  f.i32(PANEL_BYTES).tee(depthStep).set(lyingPanel);
  const panelBytes = f.local("i32");
  f.get(p.k).i32(PANEL_BYTES).op("i32.mul").set(panelBytes);
  emitPackColumns(f, functions, { ...p, b, n: packed }, blocking.panels, panelBytes);
  const parts: Panels[] = [
    { b: p.b, bDepth: p.bDepth, bPanel: lyingPanel, columns: lying, out: p.out, old: p.old },
    {
      b: blocking.panels,
      bDepth: depthStep,
      bPanel: panelBytes,
      columns: packed,
      out: element2d(f, p.out, lying, p.outColumn),
      old: element2d(f, p.old, lying, p.oldColumn),
    },
  ];
  const [row, left] = [f.local("i32"), copyOf(f, p.m)];
  f.i32(0).set(row);
  functions.strips.forEach((strip, i) => {
    const rows = STRIP_HEIGHTS[i]!;
    f.while(
      () => f.get(left).i32(rows).op("i32.ge_u"),
      () => {
        emitStrip(f, functions, p, blocking, row, rows, strip, parts);
        f.add(row, rows).add(left, -rows);
      },
    );
  });
}

function emitPackColumns(
  f: FuncBuilder,
  { lane, packColumns }: ProductFunctions,
  p: Product,
  panels: Local,
  panelBytes: Local,
): void {
  const [target, source] = [copyOf(f, panels), copyOf(f, p.b)];
  const [column, columns, width] = [f.local("i32"), f.local("i32"), f.local("i32")];
  f.i32(panelColumns(lane)).set(width);
  blocks(f, column, columns, p.n, width, () => {
    f.get(target).get(source).get(columns).get(p.k).get(p.bColumn).get(p.bDepth).call(packColumns);
    f.add(target, panelBytes);
    f.get(source).get(p.bColumn).get(width).op("i32.mul").op("i32.add").set(source);
  });
}

/** One strip of rows times all panels. */
function emitStrip(
  f: FuncBuilder,
  { lane, packRows }: ProductFunctions,
  p: Product,
  blocking: Blocking,
  row: Local,
  rows: number,
  strip: Func,
  parts: readonly Panels[],
): void {
  const a = element2d(f, p.a, row, p.aRow);
  const [aRow, aDepth] = [copyOf(f, p.aRow), copyOf(f, p.aDepth)];
  f.get(blocking.strip).if(() => {
    f.get(blocking.strip).get(a).i32(rows).get(p.k).get(p.aRow).get(p.aDepth).call(packRows);
    f.get(blocking.strip).set(a).i32(laneBytes(lane)).set(aRow);
    f.i32(STRIP_ROWS * laneBytes(lane)).set(aDepth);
  });
  for (const part of parts) {
    f.get(part.columns).if(() => {
      const out = element2d(f, part.out, row, p.outRow);
      const old = element2d(f, part.old, row, p.oldRow);
      const { b, bDepth, bPanel, columns } = part;
      const before = [a, aRow, aDepth, b, bDepth, bPanel, columns, p.k, out, p.outRow, p.outColumn];
      for (const local of before) f.get(local);
      for (const local of [old, p.oldRow, p.oldColumn, p.alpha, p.beta, blocking.spill]) f.get(local);
      f.call(strip);
    });
  }
}
