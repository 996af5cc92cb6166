/** The inner matmul kernel, and the loops around it that keep its panels in the caches (after Goto and van de Geijn). */
import type { Element } from "./element.ts";
import { DEPTH_STEP, type FloatLane, packPanel, vectorWidth } from "./matmul-pack.ts";
import type { Func, FuncBuilder, Local, ModuleBuilder } from "./module.ts";
import { copyOf, times } from "./walk.ts";

/** Rows of a tile; its columns are two vectors. Larger tiles spill: 16 registers hold 8 sums, 2 columns, 1 row. */
export const TILE_ROWS = 4;
export const tileColumns = (lane: FloatLane): number => 2 * vectorWidth(lane);

/** Depth of a block: a panel of columns (8 KiB) stays in the first cache. */
export const BLOCK_DEPTH = 256;
/** Bytes per depth of a block of rows and of columns: 128 KiB and 1 MiB, for the second cache. */
export const blockRows = (lane: FloatLane): number => (lane === "f32" ? 128 : 64);
export const blockColumns = (lane: FloatLane): number => (lane === "f32" ? 1024 : 512);

/** What tells one float matmul from another. */
export interface TileOptions {
  readonly lane: FloatLane;
  /** How the operands' elements are read. */
  readonly item: Element;
  readonly relaxed: boolean;
}

/** The variables that describe one matrix product. Steps are in bytes. */
export interface Product {
  readonly m: Local;
  readonly n: Local;
  readonly k: Local;
  readonly out: Local;
  readonly outRow: Local;
  readonly outColumn: Local;
  readonly a: Local;
  readonly aRow: Local;
  readonly aDepth: Local;
  readonly b: Local;
  readonly bDepth: Local;
  readonly bColumn: Local;
  readonly alpha: Local;
  readonly beta: Local;
}

interface TileArguments {
  readonly a: Local;
  readonly b: Local;
  readonly depth: Local;
  readonly out: Local;
  readonly outRow: Local;
  readonly outColumn: Local;
  readonly rows: Local;
  readonly columns: Local;
  readonly alpha: Local;
  readonly beta: Local;
  /** Where a tile is laid down whose way out is not two vectors per row. */
  readonly spill: Local;
}

/** A function that multiplies one panel of rows by one of columns into a tile of the result. */
function tile(module: ModuleBuilder, { lane, relaxed }: TileOptions): Func {
  const i = "i32" as const;
  return module.func(null, [i, i, i, i, i, i, i, i, lane, lane, i], [], (f, ...locals) => {
    const [a, b, depth, out, outRow, outColumn, rows, columns, alpha, beta, spill] = locals;
    const sums = Array.from({ length: TILE_ROWS * 2 }, () => f.local("v128"));
    emitSums(f, lane, relaxed, sums, a, b, depth);
    const at = { a, b, depth, out, outRow, outColumn, rows, columns, alpha, beta, spill };
    f.get(rows).i32(TILE_ROWS).op("i32.eq").get(columns).i32(tileColumns(lane)).op("i32.eq").op("i32.and");
    f.get(outColumn)
      .i32(lane === "f32" ? 4 : 8)
      .op("i32.eq")
      .op("i32.and");
    f.if(
      () => emitVectorsOut(f, lane, sums, at),
      () => emitElementsOut(f, lane, sums, at),
    );
  });
}

function emitSums(
  f: FuncBuilder,
  lane: FloatLane,
  relaxed: boolean,
  sums: readonly Local[],
  a: Local,
  b: Local,
  depth: Local,
): void {
  const shape = lane === "f32" ? "f32x4" : "f64x2";
  const bytes = lane === "f32" ? 4 : 8;
  const columns = [f.local("v128"), f.local("v128")];
  const row = f.local("v128");
  f.loop((again) => {
    for (let step = 0; step < DEPTH_STEP; step++) {
      for (const [j, column] of columns.entries()) {
        const offset = step * 32 + j * 16;
        f.get(b).load("v128.load", offset).set(column);
      }
      for (let i = 0; i < TILE_ROWS; i++) {
        const offset = (step * TILE_ROWS + i) * bytes;
        f.get(a)
          .load(lane === "f32" ? "v128.load32_splat" : "v128.load64_splat", offset)
          .set(row);
        columns.forEach((column, j) => {
          const sum = sums[2 * i + j]!;
          if (relaxed) f.get(row).get(column).get(sum).op(`${shape}.relaxed_madd`).set(sum);
          else f.get(row).get(column).op(`${shape}.mul`).get(sum).op(`${shape}.add`).set(sum);
        });
      }
    }
    f.add(a, DEPTH_STEP * TILE_ROWS * bytes).add(b, DEPTH_STEP * 32);
    f.get(depth).i32(DEPTH_STEP).op("i32.sub").tee(depth).i32(0).op("i32.gt_s").brIf(again);
  });
}

/** `alpha · sum + beta · out`, whole rows. Both ways out multiply and add apart, so that they round alike. */
function emitVectorsOut(f: FuncBuilder, lane: FloatLane, sums: readonly Local[], at: TileArguments): void {
  const shape = lane === "f32" ? "f32x4" : "f64x2";
  const alpha = f.local("v128");
  f.get(at.alpha).op(`${shape}.splat`).set(alpha);
  const emitRows = (emitValue: (sum: Local, offset: number) => void): void => {
    for (let i = 0; i < TILE_ROWS; i++) {
      for (let j = 0; j < 2; j++) {
        f.get(at.out);
        emitValue(sums[2 * i + j]!, 16 * j);
        f.store("v128.store", 16 * j);
      }
      if (i < TILE_ROWS - 1) f.add(at.out, at.outRow);
    }
  };
  emitIfBeta(
    f,
    lane,
    at.beta,
    () =>
      emitRows((sum, offset) => {
        f.get(alpha).get(sum).op(`${shape}.mul`);
        f.get(at.beta).op(`${shape}.splat`).get(at.out).load("v128.load", offset).op(`${shape}.mul`);
        f.op(`${shape}.add`);
      }),
    () => emitRows((sum) => f.get(alpha).get(sum).op(`${shape}.mul`)),
  );
}

/** Only with a beta other than 0 may the old result be read: it can be NaN. */
function emitIfBeta(f: FuncBuilder, lane: FloatLane, beta: Local, withOld: () => void, without: () => void): void {
  f.get(beta)[lane](0).op(`${lane}.ne`).if(withOld, without);
}

/** Parts of a tile, or strides of any kind. */
function emitElementsOut(f: FuncBuilder, lane: FloatLane, sums: readonly Local[], at: TileArguments): void {
  const { out, outRow, outColumn, rows, columns, alpha, beta, spill } = at;
  sums.forEach((sum, i) => {
    f.get(spill)
      .get(sum)
      .store("v128.store", 16 * i);
  });
  const cell = f.local("i32");
  const from = f.local("i32");
  const left = f.local("i32");
  const value = f.local(lane);
  times(f, rows, () => {
    f.get(out).set(cell).get(spill).set(from).get(columns).set(left);
    f.loop((again) => {
      f.get(from).load(`${lane}.load`).get(alpha).op(`${lane}.mul`).set(value);
      f.get(beta)[lane](0).op(`${lane}.ne`);
      f.if(() => f.get(value).get(beta).get(cell).load(`${lane}.load`).op(`${lane}.mul`).op(`${lane}.add`).set(value));
      f.get(cell).get(value).store(`${lane}.store`);
      f.add(cell, outColumn)
        .add(from, lane === "f32" ? 4 : 8)
        .add(left, -1);
      f.get(left).brIf(again);
    });
    f.add(out, outRow).add(spill, 32);
  });
}

/** Places for packed panels and for one tile. */
export interface Buffers {
  readonly spill: Local;
  readonly rows: Local;
  readonly columns: Local;
}

/** The functions that a product by tiles calls. */
export interface TileFunctions {
  readonly lane: FloatLane;
  readonly packRows: Func;
  readonly packColumns: Func;
  readonly tile: Func;
}

export function tileFunctions(module: ModuleBuilder, options: TileOptions): TileFunctions {
  const { lane, item } = options;
  return {
    lane,
    packRows: packPanel(module, lane, item, TILE_ROWS),
    packColumns: packPanel(module, lane, item, tileColumns(lane)),
    tile: tile(module, options),
  };
}

/** Emits a whole product: blocks of columns, of depth, of rows; then the tiles of a block. */
export function emitProduct(f: FuncBuilder, functions: TileFunctions, p: Product, buffers: Buffers): void {
  const { lane, packRows, packColumns } = functions;
  const width = tileColumns(lane);
  const [column, depth, row] = [f.local("i32"), f.local("i32"), f.local("i32")];
  const [columns, depths, rows] = [f.local("i32"), f.local("i32"), f.local("i32")];
  const panelStep = f.local("i32"); // bytes of one line of a panel: its depth with the zeros
  const beta = f.local(lane);
  blocks(f, column, columns, p.n, blockColumns(lane), () => {
    blocks(f, depth, depths, p.k, BLOCK_DEPTH, () => {
      f.get(depths)
        .i32(DEPTH_STEP - 1)
        .op("i32.add")
        .i32(-DEPTH_STEP)
        .op("i32.and");
      f.i32(lane === "f32" ? 4 : 8)
        .op("i32.mul")
        .set(panelStep);
      f.get(p.beta)[lane](1).get(depth).op("i32.eqz").select().set(beta); // later blocks add to the first
      const from = element2d(f, p.b, depth, p.bDepth, column, p.bColumn);
      emitPack(
        f,
        packColumns,
        { to: buffers.columns, from, lines: columns, step: p.bColumn, width },
        depths,
        p.bDepth,
        panelStep,
      );
      blocks(f, row, rows, p.m, blockRows(lane), () => {
        const start = element2d(f, p.a, row, p.aRow, depth, p.aDepth);
        emitPack(
          f,
          packRows,
          { to: buffers.rows, from: start, lines: rows, step: p.aRow, width: TILE_ROWS },
          depths,
          p.aDepth,
          panelStep,
        );
        const out = element2d(f, p.out, row, p.outRow, column, p.outColumn);
        emitTiles(f, functions, { ...p, out, m: rows, n: columns, k: depths, beta }, buffers, panelStep);
      });
    });
  });
}

/** for (at = 0; at < end; at += size) with `count` = min(size, end - at). */
function blocks(f: FuncBuilder, at: Local, count: Local, end: Local, size: number, body: () => void): void {
  f.i32(0).set(at);
  f.while(
    () => f.get(at).get(end).op("i32.lt_u"),
    () => {
      f.get(end).get(at).op("i32.sub").tee(count).i32(size).get(count).i32(size).op("i32.lt_u").select().set(count);
      body();
      f.add(at, size);
    },
  );
}

function element2d(f: FuncBuilder, base: Local, i: Local, iStep: Local, j: Local, jStep: Local): Local {
  const address = f.local("i32");
  f.get(base).get(i).get(iStep).op("i32.mul").op("i32.add");
  f.get(j).get(jStep).op("i32.mul").op("i32.add").set(address);
  return address;
}

interface Packing {
  readonly to: Local;
  readonly from: Local;
  readonly lines: Local;
  readonly step: Local;
  readonly width: number;
}

function emitPack(
  f: FuncBuilder,
  pack: Func,
  { to, from, lines, step, width }: Packing,
  depth: Local,
  depthStep: Local,
  panelStep: Local,
): void {
  const target = copyOf(f, to);
  const source = copyOf(f, from);
  const [line, count] = [f.local("i32"), f.local("i32")];
  blocks(f, line, count, lines, width, () => {
    f.get(target).get(source).get(count).get(depth).get(step).get(depthStep).call(pack);
    f.get(target).get(panelStep).i32(width).op("i32.mul").op("i32.add").set(target);
    f.get(source).get(step).i32(width).op("i32.mul").op("i32.add").set(source);
  });
}

function emitTiles(
  f: FuncBuilder,
  { lane, tile }: TileFunctions,
  p: Product,
  buffers: Buffers,
  panelStep: Local,
): void {
  const width = tileColumns(lane);
  const columnPanel = copyOf(f, buffers.columns);
  const outColumn = copyOf(f, p.out);
  const [rowPanel, out] = [f.local("i32"), f.local("i32")];
  const [column, columns, row, rows] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
  blocks(f, column, columns, p.n, width, () => {
    f.get(buffers.rows).set(rowPanel).get(outColumn).set(out);
    blocks(f, row, rows, p.m, TILE_ROWS, () => {
      f.get(rowPanel).get(columnPanel).get(p.k).get(out).get(p.outRow).get(p.outColumn).get(rows).get(columns);
      f.get(p.alpha).get(p.beta).get(buffers.spill).call(tile);
      f.get(rowPanel).get(panelStep).i32(TILE_ROWS).op("i32.mul").op("i32.add").set(rowPanel);
      f.get(out).get(p.outRow).i32(TILE_ROWS).op("i32.mul").op("i32.add").set(out);
    });
    f.get(columnPanel).get(panelStep).i32(width).op("i32.mul").op("i32.add").set(columnPanel);
    f.get(outColumn).get(p.outColumn).i32(width).op("i32.mul").op("i32.add").set(outColumn);
  });
}
