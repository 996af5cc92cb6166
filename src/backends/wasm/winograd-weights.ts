/** Weights to transformed weights, as many rows as a vector has lanes at once, and the way back of their gradients. */
import type { WasmContext } from "./context.ts";
import { readWords, upTo } from "./geometry.ts";
import { laneInfo } from "./lanes.ts";
import { exported, type FuncBuilder, type Local, ModuleBuilder } from "./module.ts";
import { PANEL } from "./taps.ts";
import { copyOf, withTable } from "./walk.ts";
import { emitLinear, emitOverlapping, type FloatLane, fullFormula } from "./winograd-linear.ts";
import type { Matrix } from "./winograd-matrices.ts";

type TableFunction = (table: number) => void;

/** Where the matrices [rows, depth] of kernels lie: bytes from one to the next. */
export interface Kernels {
  readonly address: number;
  readonly row: number;
  readonly depth: number;
}

/** Where the elements of transformed kernels go: blocks of `PANEL` rows, side by side at each depth. */
export interface Blocks {
  readonly address: number;
  readonly block: number;
  readonly depth: number;
  readonly element: number;
}

/** `blocks = matrix · kernel · matrixᵀ` of every kernel. */
export type SpreadWeights = (rows: number, depth: number, from: Kernels, to: Blocks) => void;

/** `kernel = matrix · elements · matrixᵀ` of `count` kernels that follow one another in both. */
export type CollectWeights = (count: number, elements: number, elementStep: number, to: number) => void;

/** Compiles the transform of weights, or of weights turned round. */
export function spreadWeights(ctx: WasmContext, lane: FloatLane, matrix: Matrix, turned: boolean): SpreadWeights {
  const module = new ModuleBuilder(ctx.heap.shared);
  module.func("run", ["i32"], [], (f, table) => emitSpread(f, lane, matrix, turned, table));
  const run = exported<TableFunction>(ctx.instantiate(module.finish()), "run");
  return (rows, depth, from, to) => {
    const words = [rows, depth, from.address, from.row, from.depth, to.address, to.block, to.depth, to.element];
    withTable(ctx.heap, words, run);
  };
}

function emitSpread(f: FuncBuilder, lane: FloatLane, matrix: Matrix, turned: boolean, table: Local): void {
  const [rows, depth, from, rowStep, depthFrom, to, block, depthTo, element] = readWords(f, table, 0, 9) as [
    Local,
    Local,
    Local,
    Local,
    Local,
    Local,
    Local,
    Local,
    Local,
  ];
  const { width: lanes } = laneInfo[lane];
  const [row, last] = [f.local("i32"), f.local("i32")];
  f.get(rows).i32(1).op("i32.sub").set(last);
  f.while(
    () => f.get(row).get(rows).op("i32.lt_s"),
    () => {
      const target = copyOf(f, to);
      for (let first = 0; first < PANEL; first += lanes) {
        // Rows beyond the last repeat it.
        const sources = Array.from({ length: lanes }, (_, k) => {
          const source = f.local("i32");
          f.get(row)
            .i32(first + k)
            .op("i32.add")
            .set(source);
          f.get(source).get(last).get(source).get(last).op("i32.lt_s").select();
          f.get(rowStep).op("i32.mul").get(from).op("i32.add").set(source);
          return source;
        });
        const cell = copyOf(f, target);
        upTo(f, depth, () => {
          const place = copyOf(f, cell);
          for (const value of emitTransform(
            f,
            lane,
            matrix,
            emitKernels(f, lane, sources, matrix[0]!.length, turned),
          )) {
            f.get(place).get(value).store("v128.store");
            f.add(place, element);
          }
          for (const source of sources) f.add(source, depthFrom);
          f.add(cell, depthTo);
        });
        f.add(target, 16);
      }
      f.add(to, block).add(row, PANEL);
    },
  );
}

/** The elements of kernels, one kernel in each lane. */
function emitKernels(
  f: FuncBuilder,
  lane: FloatLane,
  sources: readonly Local[],
  taps: number,
  turned: boolean,
): Local[] {
  const bytes = lane === "f32" ? 4 : 8;
  const wide = lane === "f32" ? "32" : "64";
  return Array.from({ length: taps ** 2 }, (_, i) => {
    const offset = (turned ? taps ** 2 - 1 - i : i) * bytes;
    const value = f.local("v128");
    f.get(sources[0]!).load(`v128.load${wide}_zero`, offset).set(value);
    for (let k = 1; k < sources.length; k++) {
      f.get(sources[k]!).get(value).memoryLane(`v128.load${wide}_lane`, k, offset).set(value);
    }
    return value;
  });
}

/** `matrix · square · matrixᵀ`, all row by row. */
function emitTransform(f: FuncBuilder, lane: FloatLane, matrix: Matrix, square: readonly Local[]): Local[] {
  const v = fullFormula(f, lane);
  const size = matrix[0]!.length;
  const columns = Array.from({ length: size }, (_, b) =>
    emitLinear(
      v,
      matrix,
      Array.from({ length: size }, (_, a) => square[a * size + b]!),
    ),
  );
  return matrix.flatMap((_, i) =>
    emitLinear(
      v,
      matrix,
      columns.map((column) => column[i]!),
    ),
  );
}

/** Compiles the way back. */
export function collectWeights(ctx: WasmContext, lane: FloatLane, matrix: Matrix): CollectWeights {
  const module = new ModuleBuilder(ctx.heap.shared);
  module.func("run", ["i32"], [], (f, table) => emitCollect(f, lane, matrix, table));
  const run = exported<TableFunction>(ctx.instantiate(module.finish()), "run");
  return (count, elements, elementStep, to) => withTable(ctx.heap, [count, elements, elementStep, to], run);
}

function emitCollect(f: FuncBuilder, lane: FloatLane, matrix: Matrix, table: Local): void {
  const [count, elements, elementStep, to] = readWords(f, table, 0, 4) as [Local, Local, Local, Local];
  const { width: lanes } = laneInfo[lane];
  const [bytes, taps] = [16 / lanes, matrix.length];
  const v = fullFormula(f, lane);
  const [cell, target] = [f.local("i32"), f.local("i32")];
  emitOverlapping(f, count, lanes, (kernel) => {
    f.get(kernel).i32(bytes).op("i32.mul").get(elements).op("i32.add").set(cell);
    f.get(kernel)
      .i32(taps ** 2 * bytes)
      .op("i32.mul")
      .get(to)
      .op("i32.add")
      .set(target);
    const square = Array.from({ length: matrix[0]!.length ** 2 }, () => {
      const value = v.let(() => f.get(cell).load("v128.load"));
      f.add(cell, elementStep);
      return value;
    });
    emitTransform(f, lane, matrix, square).forEach((value, i) => {
      for (let k = 0; k < lanes; k++) {
        f.get(target).get(value);
        f.memoryLane(lanes === 4 ? "v128.store32_lane" : "v128.store64_lane", k, (k * taps ** 2 + i) * bytes);
      }
    });
  });
}
