/**
 * Kernels as data: a skeleton, an expression and dtypes. No size, stride or scalar is part of a kernel. Operators may name
 * any dtype; `ir/complex` lowers what is not real, so that backends see kernels of real dtypes only.
 */
import type { DType, Lane, RealName, StoredName } from "../core/dtype.ts";
import type { Expr } from "./expr.ts";

/** How a pointwise operand is walked: dense in row-major order, one element for all, or by strides. */
export type OperandClass = "c" | "b" | "s";

/** `out[i] = expr(in0[i], in1[i], …)`; a runtime scalar is an input of class `b`. */
export interface PointwiseKernel<D = RealName> {
  readonly skeleton: "pointwise";
  readonly expr: Expr;
  readonly lane: Lane;
  readonly inputs: readonly D[];
  readonly output: D;
}

/** How elements are combined. `argmax`/`argmin` give the int64 index of the first extremum (NaN wins). */
export type Combine = "sum" | "prod" | "min" | "max" | "and" | "or" | "argmin" | "argmax";

/**
 * `out = post(combine over the reduced elements of pre(in0, in1, …))`. Both expressions are in `lane`. Float sums are
 * compensated or blockwise, so that their error does not grow with the length. Empty: 0, 1, false or true.
 * `post` reads load(0) = the combined value and load(1) = the number of elements combined.
 */
export interface ReduceKernel<D = RealName> {
  readonly skeleton: "reduce";
  readonly combine: Combine;
  readonly pre: Expr;
  readonly post: Expr | null;
  readonly lane: Lane;
  readonly inputs: readonly D[];
  readonly output: D;
}

/** Inclusive scan along one dimension. `min`/`max` write the int64 index of the extremum (the latest on ties) too. */
export interface ScanKernel<D = RealName> {
  readonly skeleton: "scan";
  readonly combine: "sum" | "prod" | "min" | "max" | "logaddexp";
  readonly input: D;
  readonly lane: Lane;
  readonly output: D;
}

/**
 * `out[p] = source[p·s + Σ index_k[p]·stride_k]` for every position p of `out`. Indices are int64, negative ones count
 * from the end; one out of bounds stops before anything is written and is reported.
 */
export interface GatherKernel<D = RealName> {
  readonly skeleton: "gather";
  readonly dtype: D;
  readonly indices: number;
}

/** The reverse: `target[p·s + Σ index_k[p]·stride_k] (=, +=, …) source[p]`, in row-major order of p. */
export interface ScatterKernel<D = RealName> {
  readonly skeleton: "scatter";
  readonly mode: "set" | "add" | "mul" | "min" | "max";
  readonly dtype: D;
  readonly indices: number;
}

/** Batched `out = alpha · a @ b + beta · addend`, every operand by strides (in place, also transposed). */
export interface MatmulKernel<D = RealName> {
  readonly skeleton: "matmul";
  readonly dtype: D;
}

/** Sliding windows over one to three trailing dims: to columns (`im2col`), and their sum back (`col2im`). */
export interface WindowKernel<D = RealName> {
  readonly skeleton: "window";
  readonly mode: "im2col" | "col2im";
  readonly dtype: D;
}

/**
 * Convolutions over one to three spatial dims. An image has one map of results per filter: `map` is the map of an image,
 * `image` the sum of the windows that a map stands for (its transpose), `weight` the weight's gradient. A weight or an
 * image stands for itself in any of them.
 */
export interface ConvolutionKernel<D = RealName> {
  readonly skeleton: "convolution";
  readonly result: "map" | "image" | "weight";
  readonly dtype: D;
}

/**
 * Pooling over one to three trailing dims, and the way back. `max` also writes int64 indices into the flattened spatial
 * plane, which `maxBackward` reads.
 */
export interface PoolKernel<D = RealName> {
  readonly skeleton: "pool";
  readonly mode: "max" | "maxBackward" | "avg" | "avgBackward";
  readonly dtype: D;
  /** The windows of every geometry that it will get: for small ones, which then are written out in code. */
  readonly window?: PoolWindow | null;
}

/** Windows as in `Geometry`. */
export interface PoolWindow {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
}

/** Stable sort along the last dimension of dense rows, with int64 indices. NaN counts as the greatest. */
export interface SortKernel<D = RealName> {
  readonly skeleton: "sort";
  readonly dtype: D;
  readonly descending: boolean;
}

/**
 * Several pointwise results at once, all of one float dtype and dense: `out_k[i] = outputs_k(in0[i], …)`. Loads read
 * `inputs` dense inputs, then `scalars` numbers. An output may lie exactly where an input lies: every element is read
 * before any result at its position is written.
 */
export interface UpdateKernel {
  readonly skeleton: "update";
  readonly lane: "f32" | "f64";
  readonly inputs: number;
  readonly scalars: number;
  readonly outputs: readonly Expr[];
}

/**
 * What a pass along a row reduces; `post` reads the value as the load that later passes read it by. Without `of`, `post`
 * stands alone: a number of the row made of others. `fmax` is the greatest that is not NaN.
 */
export type RowReduction =
  | { readonly combine: "sum" | "fmax"; readonly of: Expr; readonly post: Expr | null }
  | { readonly combine: "none"; readonly of: null; readonly post: Expr };

/** One pass along a row: what it stores as the result's elements, and what it reduces. */
export interface RowPass {
  readonly store: Expr | null;
  readonly reduce: readonly RowReduction[];
}

/**
 * Passes along each row of dense rows, of one float dtype. Inputs are of class `c` (elements along the row) or `b` (one
 * for the row). After the inputs, loads read the result's element as last stored, then the reductions in their order.
 */
export interface RowKernel {
  readonly skeleton: "row";
  readonly lane: "f32" | "f64";
  /** The inputs' classes. */
  readonly inputs: string;
  readonly passes: readonly RowPass[];
  /** How many reductions, from the first on, are results too: one element per row. */
  readonly kept: number;
}

export type Kernel<D = RealName> =
  | PointwiseKernel<D>
  | ReduceKernel<D>
  | ScanKernel<D>
  | GatherKernel<D>
  | ScatterKernel<D>
  | MatmulKernel<D>
  | WindowKernel<D>
  | ConvolutionKernel<D>
  | PoolKernel<D>
  | SortKernel<D>
  | UpdateKernel
  | RowKernel;

/** Where an operand lies: the byte address of its first element in the heap, and strides in elements. */
export interface Operand {
  readonly address: number;
  readonly strides: readonly number[];
}

/**
 * A pointwise kernel ready to run. `dense` takes `n` elements and byte addresses, output first: operands of class `c`
 * advance, those of class `b` do not. `strided` takes a shape and one operand per address, output first.
 */
export interface PointwiseRun {
  dense(classes: string): (n: number, out: number, a?: number, b?: number, c?: number, d?: number, e?: number) => void;
  strided(shape: readonly number[], operands: readonly Operand[]): void;
}

/** `outer` is the shape of the result, `inner` the reduced shape; an operand's strides cover outer, then inner. */
export type ReduceRun = (
  outer: readonly number[],
  inner: readonly number[],
  out: Operand,
  inputs: readonly Operand[],
) => void;

/** `shape` without the scanned dimension, which has `length` elements; strides cover shape, then the scanned dim. */
export type ScanRun = (
  shape: readonly number[],
  length: number,
  out: Operand,
  input: Operand,
  indices: Operand | null,
) => void;

/** `sizes[k]`, `strides[k]`: extent and stride (elements, in the source) of the dimension that index k selects in. */
export interface IndexSpace {
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
}

/** Returns null, or the first index out of bounds: which index operand, and its value. */
export type GatherRun = (
  shape: readonly number[],
  out: Operand,
  source: Operand,
  indices: readonly Operand[],
  space: IndexSpace,
) => { readonly operand: number; readonly value: number } | null;

/** As `GatherRun`; checks every index before the first write. */
export type ScatterRun = (
  shape: readonly number[],
  target: Operand,
  source: Operand,
  indices: readonly Operand[],
  space: IndexSpace,
) => { readonly operand: number; readonly value: number } | null;

/**
 * out [batch…, m, n], a [batch…, m, k], b [batch…, k, n]: strides cover batch, then the two matrix dims. The addend lies
 * like out, but may have strides of 0; without one it is what out holds. With a beta of 0 it is not read.
 */
export type MatmulRun = (
  batch: readonly number[],
  m: number,
  n: number,
  k: number,
  out: Operand,
  a: Operand,
  b: Operand,
  alpha: number,
  beta: number,
  addend?: Operand,
) => void;

/** Window geometry, one entry per spatial dim (1 to 3). Padding is implied zeros (−inf for max). */
export interface Geometry {
  readonly input: readonly number[];
  readonly output: readonly number[];
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
}

/**
 * im2col: image [planes, …input] by strides -> columns, dense [planes, …kernel, …output].
 * col2im: columns -> image, which is overwritten with the sums.
 */
export type WindowRun = (planes: number, geometry: Geometry, image: Operand, columns: number) => void;

/** The sizes of a convolution; in its geometry, `input` is the image's and `output` the map's. */
export interface ConvolutionSizes extends Geometry {
  readonly images: number;
  readonly groups: number;
  /** Channels of an image and of a map, within one group. */
  readonly channels: number;
  readonly filters: number;
}

/** Byte addresses of dense operands; one of the first three is the result. */
export interface ConvolutionOperands {
  /** [images, groups · channels, …input] */
  readonly image: number;
  /** [images, groups · filters, …output] */
  readonly map: number;
  /** [groups · filters, channels, …kernel] */
  readonly weight: number;
  /** One element per channel of the resulting map or image, which is added to it; 0: none. */
  readonly bias: number;
}

export type ConvolutionRun = (sizes: ConvolutionSizes, operands: ConvolutionOperands) => void;

/**
 * Dense [planes, …input] -> dense [planes, …output]. `max`: indices address is int64. `avg`: each sum is divided by
 * `divisor`, or when 0 by the count of window elements, padding included iff `countPadding`. `maxBackward` and
 * `avgBackward` take the output's gradient as `input` and write the input's gradient to `out`; an index outside of the
 * plane is an error.
 */
export type PoolRun = (
  planes: number,
  geometry: Geometry,
  out: number,
  input: number,
  indices: number,
  divisor: number,
  countPadding: boolean,
) => void;

/** Dense [rows, length] input -> dense values and int64 indices (either may be 0: not wanted). */
export type SortRun = (rows: number, length: number, values: number, indices: number, input: number) => void;

/** `n` elements; byte addresses of the outputs, the inputs, and the scalars, which lie 8 bytes apart. */
export type UpdateRun = (n: number, outputs: readonly number[], inputs: readonly number[], scalars: number) => void;

/** Where rows begin: the byte address of the first, and the distance from row to row in elements (0: one for all). */
export interface Rows {
  readonly address: number;
  readonly step: number;
}

/** The pieces that a row's elements lie in: how many, and the distance from one to the next in elements. */
export interface Pieces {
  readonly count: number;
  readonly step: number;
}

/** `length` elements per piece, of which a row has one by default; `kept` are addresses of dense results, one per row. */
export type RowRun = (
  rows: number,
  length: number,
  out: Rows,
  inputs: readonly Rows[],
  kept: readonly number[],
  pieces?: Pieces,
) => void;

/** The runners by skeleton. */
interface Runs {
  pointwise: PointwiseRun;
  reduce: ReduceRun;
  scan: ScanRun;
  gather: GatherRun;
  scatter: ScatterRun;
  matmul: MatmulRun;
  window: WindowRun;
  convolution: ConvolutionRun;
  pool: PoolRun;
  sort: SortRun;
  update: UpdateRun;
  row: RowRun;
}

/** Which runner a kernel compiles to. */
export type Run<K extends Kernel<StoredName>> = Runs[K["skeleton"]];

/** Turns kernels into runners over a heap. Backends differ in nothing else. */
export interface Compiler {
  readonly name: string;
  /** A kernel that is made of others has them compiled by `parts`, the outermost compiler. */
  compile<K extends Kernel>(kernel: K, parts?: Compiler): Run<K>;
  /** Whether matrix products are much faster than whatever else computes as many multiplications; by default not. */
  fastProducts?(): boolean;
}

/** The text of a kernel, which is its cache key. Expressions stand in it by number: their own texts are long. */
export function kernelKey(kernel: Kernel<StoredName>): string {
  let key = "";
  for (const [name, value] of Object.entries(kernel)) key += `${name}=${part(value)};`;
  return key;
}

type Part = string | number | boolean | null | Expr | readonly Part[] | RowPass | RowReduction;

function part(value: Part): string | number | boolean | null {
  if (typeof value !== "object" || value === null) return value;
  if ("op" in value) return exprNumber(value);
  const parts: readonly Part[] = Object.values(value);
  return `[${parts.map(part).join()}]`;
}

const exprNumbers = new WeakMap<Expr, number>();
const exprTexts = new Map<string, number>();

/** The same number for expressions of one text. */
function exprNumber(expr: Expr): number {
  let number = exprNumbers.get(expr);
  if (number !== undefined) return number;
  const text = JSON.stringify(expr, exactNumbers);
  number = exprTexts.get(text) ?? exprTexts.size;
  exprTexts.set(text, number);
  exprNumbers.set(expr, number);
  return number;
}

/** JSON has no NaN, infinities or -0, and two kernels that differ in them must not share a runner. */
const exactNumbers = (_: string, value: unknown): unknown =>
  typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))
    ? { number: Object.is(value, -0) ? "-0" : String(value) }
    : value;

/** The dtype that a lane stores as. */
export const laneDType: Readonly<Record<Lane, RealName>> = {
  i32: "int32",
  i64: "int64",
  f32: "float32",
  f64: "float64",
};

/** The lane in which values of `from` pass to `to` without a second rounding. */
export function conversionLane(from: DType, to: DType): Lane {
  if (from.category === "float") return from.lane;
  if (to.category === "float") return from.lane === "i64" && to.lane === "f32" ? "f32" : to.lane;
  return from.lane === "i64" || to.lane === "i64" ? "i64" : "i32";
}
