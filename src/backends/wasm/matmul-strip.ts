/** The inner kernel of matmul: a few rows times panels of columns, their sums kept in registers. */
import type { Element } from "./element.ts";
import { isDirect, laneBytes, type SumLane, vectorWidth } from "./matmul-pack.ts";
import type { Func, FuncBuilder, Local, ModuleBuilder } from "./module.ts";
import { emitTurned } from "./square.ts";
import { copyOf, times } from "./walk.ts";

/** Most rows of a strip: twelve sums, two columns and one row fill the fifteen registers that V8 has on x64. */
export const STRIP_ROWS = 6;
/** The heights of strips: any number of rows is some of them. */
export const STRIP_HEIGHTS: readonly number[] = [STRIP_ROWS, 4, 2, 1];
/** Columns of a panel: two vectors. */
export const panelColumns = (lane: SumLane): number => 2 * vectorWidth(lane);
/** Bytes of one depth of a packed panel, and of a row of a tile. */
export const PANEL_BYTES = 32;
export const SPILL_BYTES: number = STRIP_ROWS * PANEL_BYTES;

/** What tells one matmul from another. */
export interface StripOptions {
  readonly lane: SumLane;
  /** How elements of the result are read and written. */
  readonly item: Element;
  readonly relaxed: boolean;
}

/** A strip of `a` times panels of `b` into a strip of the result. Steps are in bytes. */
export interface Strip {
  readonly a: Local;
  readonly aRow: Local;
  readonly aDepth: Local;
  readonly b: Local;
  readonly bDepth: Local;
  readonly bPanel: Local;
  readonly columns: Local;
  readonly depth: Local;
  readonly out: Local;
  readonly outRow: Local;
  readonly outColumn: Local;
  /** What beta times is added. */
  readonly old: Local;
  readonly oldRow: Local;
  readonly oldColumn: Local;
  readonly alpha: Local;
  readonly beta: Local;
  /** Where a tile is laid down whose way out is not two vectors per row. */
  readonly spill: Local;
}

/** A function for strips of each height, which takes the fields of `Strip` in their order. */
export function stripFunctions(module: ModuleBuilder, options: StripOptions): Func[] {
  const finish = finishTile(module, options);
  return STRIP_HEIGHTS.map((rows) => strip(module, options, rows, finish));
}

const i = "i32" as const;

function strip(module: ModuleBuilder, options: StripOptions, rows: number, finish: Func): Func {
  const { lane } = options;
  const types = [i, i, i, i, i, i, i, i, i, i, i, i, i, i, lane, lane, i] as const;
  return module.func(null, types, [], (f, ...locals) => {
    const [a, aRow, aDepth, b, bDepth, bPanel, columns, depth, out, outRow, outColumn, old, oldRow, oldColumn] = locals;
    const [alpha, beta, spill] = locals.slice(14) as [Local, Local, Local];
    const left = { a, aRow, aDepth, b, bDepth, bPanel, columns, depth, out, outRow, outColumn };
    const at: Strip = { ...left, old, oldRow, oldColumn, alpha, beta, spill };
    const width = panelColumns(lane);
    const sums = Array.from({ length: rows * 2 }, () => f.local("v128"));
    f.loop((again) => {
      emitSums(f, options, sums, at);
      emitWhetherVectors(f, options, at);
      f.if(
        () => emitVectorsOut(f, lane, sums, at),
        () => {
          sums.forEach((sum, k) => {
            f.get(spill)
              .get(sum)
              .store("v128.store", 16 * k);
          });
          f.get(spill).i32(rows).get(columns).i32(width).get(columns).i32(width).op("i32.lt_s").select();
          f.get(out).get(outRow).get(outColumn).get(old).get(oldRow).get(oldColumn).get(alpha).get(beta).call(finish);
        },
      );
      f.get(out).get(outColumn).i32(width).op("i32.mul").op("i32.add").set(out);
      f.get(old).get(oldColumn).i32(width).op("i32.mul").op("i32.add").set(old);
      f.add(b, bPanel);
      f.get(columns).i32(width).op("i32.sub").tee(columns).i32(0).op("i32.gt_s").brIf(again);
    });
  });
}

/** The products of a tile, in `sums`. */
function emitSums(f: FuncBuilder, { lane, relaxed }: StripOptions, sums: readonly Local[], at: Strip): void {
  const rows = sums.length / 2;
  const columns = [f.local("v128"), f.local("v128")];
  const row = f.local("v128");
  const [b, left] = [copyOf(f, at.b), copyOf(f, at.depth)];
  const lines = Array.from({ length: rows }, () => f.local("i32"));
  lines.forEach((line, k) => {
    if (k === 0) f.get(at.a).set(line);
    else
      f.get(lines[k - 1]!)
        .get(at.aRow)
        .op("i32.add")
        .set(line);
  });
  for (const sum of sums) f.i32x4(0).set(sum);
  // V8 before version 12 moves a block's loads in front of its arithmetic, where they do not fit in registers: a
  // branch after each row, which is never taken, makes blocks of them.
  const crowded = 3 * rows + 2 > 15;
  f.block((never) =>
    f.loop((again) => {
      columns.forEach((column, k) => {
        f.get(b)
          .load("v128.load", 16 * k)
          .set(column);
      });
      lines.forEach((line, k) => {
        if (crowded && k > 0) f.get(left).i32(-1).op("i32.eq").brIf(never);
        f.get(line)
          .load(laneBytes(lane) === 4 ? "v128.load32_splat" : "v128.load64_splat")
          .set(row);
        columns.forEach((column, j) => {
          emitMultiplyAdd(f, lane, relaxed, row, column, sums[2 * k + j]!);
        });
      });
      for (const line of lines) f.add(line, at.aDepth);
      f.add(b, at.bDepth);
      f.get(left).i32(1).op("i32.sub").tee(left).brIf(again);
    }),
  );
}

/** sum += a · b. */
export function emitMultiplyAdd(f: FuncBuilder, lane: SumLane, relaxed: boolean, a: Local, b: Local, sum: Local): void {
  f.get(a).get(b);
  if (relaxed && lane === "f32") f.get(sum).op("f32x4.relaxed_madd");
  else if (relaxed && lane === "f64") f.get(sum).op("f64x2.relaxed_madd");
  else
    f.op(`${shapeOf(lane)}.mul`)
      .get(sum)
      .op(`${shapeOf(lane)}.add`);
  f.set(sum);
}

const shapes = { i32: "i32x4", i64: "i64x2", f32: "f32x4", f64: "f64x2" } as const;

/** The name of a vector of a lane. */
export const shapeOf = <L extends SumLane>(lane: L): (typeof shapes)[L] => shapes[lane];

/** Leaves whether whole rows of the tile lie side by side, in the result and in what is added. */
function emitWhetherVectors(f: FuncBuilder, { lane, item }: StripOptions, at: Strip): void {
  if (!isDirect(item, lane)) {
    f.i32(0);
    return;
  }
  const bytes = laneBytes(lane);
  f.get(at.columns).i32(panelColumns(lane)).op("i32.ge_s").get(at.outColumn).i32(bytes).op("i32.eq").op("i32.and");
  emitNoOldOr(f, lane, at, at.oldColumn);
  f.op("i32.and");
}

/** Leaves whether nothing is added, or what is added is dense along a step. */
function emitNoOldOr(f: FuncBuilder, lane: SumLane, { beta }: Pick<Strip, "beta">, step: Local): void {
  f.get(beta)[lane](0).op(`${lane}.eq`).get(step).i32(laneBytes(lane)).op("i32.eq").op("i32.or");
}

/** `alpha · sum + beta · old`, whole rows. Both ways out multiply and add apart, so that they round alike. */
function emitVectorsOut(f: FuncBuilder, lane: SumLane, sums: readonly Local[], at: Strip): void {
  const [out, old] = [copyOf(f, at.out), copyOf(f, at.old)];
  const emitRows = (emitValue: (sum: Local, offset: number) => void): void => {
    sums.forEach((sum, k) => {
      if (k > 0 && k % 2 === 0) f.add(out, at.outRow).add(old, at.oldRow);
      f.get(out);
      emitValue(sum, 16 * (k % 2));
      f.store("v128.store", 16 * (k % 2));
    });
  };
  emitScaled(f, lane, at, (scale) => emitRows((sum, offset) => scale(sum, () => f.get(old).load("v128.load", offset))));
}

/**
 * Runs `emit` once with and once without something to add: only with a beta other than 0 may it be read, since it can
 * be NaN. `scale` leaves `alpha · sum + beta · old`.
 */
function emitScaled(
  f: FuncBuilder,
  lane: SumLane,
  { alpha, beta }: Pick<Strip, "alpha" | "beta">,
  emit: (scale: (sum: Local, loadOld: () => void) => void) => void,
): void {
  const shape = shapeOf(lane);
  const [factor, factorOld] = [f.local("v128"), f.local("v128")];
  f.get(alpha).op(`${shape}.splat`).set(factor).get(beta).op(`${shape}.splat`).set(factorOld);
  f.get(beta)[lane](0).op(`${lane}.ne`);
  f.if(
    () =>
      emit((sum, loadOld) => {
        f.get(factor).get(sum).op(`${shape}.mul`).get(factorOld);
        loadOld();
        f.op(`${shape}.mul`).op(`${shape}.add`);
      }),
    () => emit((sum) => f.get(factor).get(sum).op(`${shape}.mul`)),
  );
}

/** The way out of a part of a tile, of one whose columns lie side by side, and of any strides. */
interface Tile extends Pick<Strip, "out" | "outRow" | "outColumn" | "old" | "oldRow" | "oldColumn" | "alpha" | "beta"> {
  readonly from: Local;
  readonly rows: Local;
  readonly columns: Local;
}

function finishTile(module: ModuleBuilder, { lane, item }: StripOptions): Func {
  return module.func(null, [i, i, i, i, i, i, i, i, i, lane, lane], [], (f, ...locals) => {
    const [from, rows, columns, out, outRow, outColumn, old, oldRow, oldColumn, alpha, beta] = locals;
    const tile: Tile = { from, rows, columns, out, outRow, outColumn, old, oldRow, oldColumn, alpha, beta };
    if (isDirect(item, lane)) {
      f.get(outRow).i32(laneBytes(lane)).op("i32.eq");
      f.get(columns).i32(panelColumns(lane)).op("i32.eq").op("i32.and");
      emitNoOldOr(f, lane, tile, oldRow);
      f.op("i32.and");
      f.if(() => emitColumnsOut(f, lane, tile));
    }
    f.get(rows).if(() => emitElementsOut(f, lane, item, tile));
  });
}

/** As many whole squares of rows as there are, turned, since the columns of the result are what is dense. */
function emitColumnsOut(f: FuncBuilder, lane: SumLane, tile: Tile): void {
  const square = vectorWidth(lane);
  const [out, old] = [f.local("i32"), f.local("i32")];
  const rows = Array.from({ length: square }, () => f.local("v128"));
  f.while(
    () => f.get(tile.rows).i32(square).op("i32.ge_u"),
    () => {
      f.get(tile.out).set(out).get(tile.old).set(old);
      for (const half of [0, 16]) {
        rows.forEach((row, k) => {
          f.get(tile.from)
            .load("v128.load", PANEL_BYTES * k + half)
            .set(row);
        });
        const columns = emitTurned(f, rows);
        emitScaled(f, lane, tile, (scale) => {
          for (const column of columns) {
            f.get(out);
            scale(column, () => f.get(old).load("v128.load"));
            f.store("v128.store");
            f.add(out, tile.outColumn).add(old, tile.oldColumn);
          }
        });
      }
      f.add(tile.from, PANEL_BYTES * square).add(tile.rows, -square);
      f.add(tile.out, square * laneBytes(lane)).add(tile.old, square * laneBytes(lane));
    },
  );
}

function emitElementsOut(f: FuncBuilder, lane: SumLane, item: Element, tile: Tile): void {
  const [out, old, from, value] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local(lane)];
  times(f, tile.rows, () => {
    f.get(tile.out).set(out).get(tile.old).set(old).get(tile.from).set(from);
    times(f, tile.columns, () => {
      f.get(from).load(`${lane}.load`).set(value);
      emitElement(f, item, { out, old, alpha: tile.alpha, beta: tile.beta }, value);
      f.add(out, tile.outColumn).add(old, tile.oldColumn).add(from, laneBytes(lane));
    });
    f.add(tile.out, tile.outRow).add(tile.old, tile.oldRow).add(tile.from, PANEL_BYTES);
  });
}

/** Stores `alpha · sum + beta · old`; reads the old value only with a beta other than 0. `sum` is overwritten. */
export function emitElement(
  f: FuncBuilder,
  item: Element,
  { out, old, alpha, beta }: Pick<Strip, "out" | "old" | "alpha" | "beta">,
  sum: Local,
): void {
  const { lane } = item;
  f.get(sum).get(alpha).op(`${lane}.mul`).set(sum);
  f.get(beta)[lane](0).op(`${lane}.ne`);
  f.if(() => {
    f.get(sum).get(beta).get(old);
    item.load(f);
    f.op(`${lane}.mul`).op(`${lane}.add`).set(sum);
  });
  f.get(out).get(sum);
  item.store(f);
}
