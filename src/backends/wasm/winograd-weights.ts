/** Weights to transformed weights, as many rows as a vector has lanes at once, and the way back of their gradients. */
import type { WasmContext } from "./context.ts";
import { emitMin, readWords, upTo } from "./geometry.ts";
import { laneInfo } from "./lanes.ts";
import { exported, type FuncBuilder, type Local, ModuleBuilder } from "./module.ts";
import { PANEL } from "./taps.ts";
import { copyOf, withTable } from "./walk.ts";
import { emitLinear, emitOverlapping, type FloatLane, fullFormula } from "./winograd-linear.ts";
import type { Matrix } from "./winograd-matrices.ts";

type TableFunction = (table: number) => void;

/** Kernels [outer, inner]: how many, where they lie and where their elements go. Steps are in bytes. */
export interface Kernels {
  readonly outer: number;
  readonly inner: number;
  readonly from: number;
  readonly fromOuter: number;
  readonly fromInner: number;
  readonly to: number;
  readonly toOuter: number;
  readonly toInner: number;
  /** From one element of a transformed kernel to the next. */
  readonly element: number;
}

/** `to = matrix · kernel · matrixᵀ` of every kernel. */
export type SpreadWeights = (kernels: Kernels) => void;

/** `kernel = matrix · elements · matrixᵀ` of `count` kernels that follow one another in both. */
export type CollectWeights = (count: number, elements: number, elementStep: number, to: number) => void;

/** How the elements of transformed kernels lie: in panels of `PANEL` outer ones at each inner one, or in rows. */
export type WeightLayout = "panels" | "rows";

/**
 * Compiles the transform of weights, or of weights turned round. To panels, `toOuter` is the step between panels; in
 * rows, the inner kernels follow one another, and `toInner` does not count.
 */
export function spreadWeights(
  ctx: WasmContext,
  lane: FloatLane,
  matrix: Matrix,
  layout: WeightLayout,
  turned: boolean,
): SpreadWeights {
  const module = new ModuleBuilder(ctx.heap.shared);
  module.func("run", ["i32"], [], (f, table) => {
    type Words = [Local, Local, Local, Local, Local, Local, Local, Local, Local];
    const [outer, inner, from, fromOuter, fromInner, to, toOuter, toInner, element] = readWords(
      f,
      table,
      0,
      9,
    ) as Words;
    const words = { outer, inner, from, fromOuter, fromInner, to, toOuter, toInner };
    const spread = (sources: readonly Local[], target: Local): void => {
      const place = copyOf(f, target);
      for (const value of emitTransform(f, lane, matrix, emitKernels(f, lane, sources, matrix[0]!.length, turned))) {
        f.get(place).get(value).store("v128.store");
        f.add(place, element);
      }
    };
    if (layout === "panels") emitPanels(f, lane, words, spread);
    else emitRows(f, lane, words, spread);
  });
  const run = exported<TableFunction>(ctx.instantiate(module.finish()), "run");
  return (k) => {
    const words = [k.outer, k.inner, k.from, k.fromOuter, k.fromInner, k.to, k.toOuter, k.toInner, k.element];
    withTable(ctx.heap, words, run);
  };
}

type KernelWords = { readonly [K in Exclude<keyof Kernels, "element">]: Local };

/** Transforms as many kernels as there are lanes. */
type Spread = (sources: readonly Local[], target: Local) => void;

/** The addresses of kernels `first`, `first` + 1, …, `step` apart; those beyond the last repeat it. */
function emitSources(f: FuncBuilder, lanes: number, from: Local, first: Local, count: Local, step: Local): Local[] {
  return Array.from({ length: lanes }, (_, k) => {
    const [index, source] = [f.local("i32"), f.local("i32")];
    f.get(first).i32(k).op("i32.add").set(index);
    f.get(count).i32(1).op("i32.sub").set(source);
    emitMin(f, index, source);
    f.get(step).op("i32.mul").get(from).op("i32.add").set(source);
    return source;
  });
}

/** Lanes along the outer dim, one inner kernel after another. */
function emitPanels(f: FuncBuilder, lane: FloatLane, w: KernelWords, spread: Spread): void {
  const { width: lanes } = laneInfo[lane];
  const [outer, first] = [f.local("i32"), f.local("i32")];
  f.while(
    () => f.get(outer).get(w.outer).op("i32.lt_s"),
    () => {
      for (let part = 0; part < PANEL; part += lanes) {
        f.get(outer).i32(part).op("i32.add").set(first);
        const sources = emitSources(f, lanes, w.from, first, w.outer, w.fromOuter);
        const target = copyOf(f, w.to);
        f.add(target, (part / lanes) * 16);
        upTo(f, w.inner, () => {
          spread(sources, target);
          for (const source of sources) f.add(source, w.fromInner);
          f.add(target, w.toInner);
        });
      }
      f.add(w.to, w.toOuter).add(outer, PANEL);
    },
  );
}

/** Lanes along the inner dim, one outer kernel after another. */
function emitRows(f: FuncBuilder, lane: FloatLane, w: KernelWords, spread: Spread): void {
  const { width: lanes } = laneInfo[lane];
  const inner = f.local("i32");
  upTo(f, w.outer, () => {
    const target = copyOf(f, w.to);
    f.i32(0).set(inner);
    f.while(
      () => f.get(inner).get(w.inner).op("i32.lt_s"),
      () => {
        spread(emitSources(f, lanes, w.from, inner, w.inner, w.fromInner), target);
        f.add(target, 16).add(inner, lanes);
      },
    );
    f.add(w.from, w.fromOuter).add(w.to, w.toOuter);
  });
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
