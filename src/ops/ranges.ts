/** Sequences: `arange`, `linspace`, `logspace`, `eye`. */
import { Complex, isComplexNumber } from "../core/complex.ts";
import { type DType, int64 } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import type { Values } from "../core/params.ts";
import { cNames, missing } from "../core/sampling.ts";
import { getDefaultDtype, resultType, type Scalar } from "../core/scalar.ts";
import type { Tensor } from "../core/tensor.ts";
import { warn } from "../core/warnings.ts";
import type { OpInfo } from "./call.ts";
import { type CreateOptions, deviceOf, factory, fillRaw, finish, writer } from "./create.ts";
import { fn } from "./define.ts";
import { emptyTensor } from "./operands.ts";

/** A 1-d tensor with `value(i)` at i. */
function sequence(count: number, dtype: DType, v: Values, value: (i: number) => Scalar): Tensor {
  const t = emptyTensor([count], dtype, deviceOf(v));
  if (t.device.type === "meta") return finish(t, v);
  const write = writer(t.impl.storage.window(dtype), dtype);
  for (let i = 0; i < count; i++) write(i, value(i));
  return finish(t, v);
}

/** `arange(end)`, `arange(start, end, step)`. */
export interface Arange {
  (end: Scalar, options?: CreateOptions): Tensor;
  (start: Scalar, end: Scalar, step?: Scalar, options?: CreateOptions): Tensor;
  (start: Scalar, end: Scalar, options?: CreateOptions & { step?: Scalar }): Tensor;
  readonly op: OpInfo;
}

/**
 * Numbers from `start` (default 0) up to, not including, `end`, by `step` (default 1). int64 where all three are whole
 * numbers, else the default float dtype.
 * @throws RuntimeError "step must be nonzero", or where `step` leads away from `end`.
 * @example torch.arange(3) // tensor([0, 1, 2])
 * @example torch.arange(1, 2, 0.5) // tensor([1.0000, 1.5000])
 */
export const arange: Arange = fn<Arange>(
  {
    name: "arange",
    params: [`end:scalar ${factory}`, `start:scalar end:scalar step:scalar=1 ${factory}`],
    kind: "create",
  },
  (v) => {
    const start = (v.start as Scalar | undefined) ?? 0;
    const step = (v.step as Scalar | undefined) ?? 1;
    const end = v.end as Scalar;
    const dtype = (v.dtype as DType | null) ?? resultType([start, end, step]);
    const [a, b, s] = [Number(start), Number(end), Number(step)];
    check(s !== 0, () => "step must be nonzero");
    check(Number.isFinite(a) && Number.isFinite(b), () => `unsupported range: ${a} -> ${b}`);
    check(s > 0 ? b >= a : b <= a, () => "upper bound and larger bound inconsistent with step sign");
    if (dtype.name === "bool" || dtype.isComplex) throw missing("arange_cpu", dtype);
    const count = Math.ceil((b - a) / s);
    if (dtype === int64) {
      const [first, by] = [BigInt(Math.trunc(a)), BigInt(Math.trunc(s))];
      return sequence(count, dtype, v, (i) => first + by * BigInt(i));
    }
    return sequence(count, dtype, v, (i) => a + s * i);
  },
);

/** `range(start, end, step)`, with the end. */
export interface Range {
  (start?: number, end?: number, step?: number, options?: CreateOptions): Tensor;
  (start: number, end: number, options: CreateOptions & { step?: number }): Tensor;
  readonly op: OpInfo;
}

/**
 * As `arange`, but floats, and `end` is part of it; PyTorch is going to remove it.
 * @example torch.range(0, 3) // tensor([0., 1., 2., 3.])
 */
export const range: Range = fn<Range>(
  { name: "range", params: `start:scalar=0 end:scalar step:scalar=1 ${factory}`, kind: "create" },
  (v) => {
    warn(
      "deprecated-range",
      "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with " +
        "Python's range builtin. Instead, use torch.arange, which produces values in [start, end).",
    );
    const [a, b, s] = [Number(v.start), Number(v.end), Number(v.step)];
    check(s !== 0, () => "step must be nonzero");
    check(Number.isFinite(a) && Number.isFinite(b), () => `unsupported range: ${a} -> ${b}`);
    check(s > 0 ? b >= a : b <= a, () => "upper bound and lower bound inconsistent with step sign");
    const dtype = (v.dtype as DType | null) ?? getDefaultDtype();
    if (dtype.isComplex) throw missing("range_cpu", dtype);
    return sequence(Math.floor((b - a) / s) + 1, dtype, v, (i) => a + s * i);
  },
);

/** `linspace(start, end, steps)`. */
export interface Linspace {
  (start: number | Complex, end: number | Complex, steps: number, options?: CreateOptions): Tensor;
  readonly op: OpInfo;
}

/** `steps` evenly spaced numbers from `start` to `end`, from both ends, so that the last one is exact. */
function evenly(start: number, end: number, steps: number): (i: number) => number {
  const step = (end - start) / (steps - 1);
  const half = Math.floor(steps / 2);
  return (i) => (steps === 1 ? start : i < half ? start + step * i : end - step * (steps - 1 - i));
}

function spaced(op: string, v: Values, map: (re: number, im: number | null) => Scalar): Tensor {
  const steps = v.steps as number;
  check(steps >= 0, () => "number of steps must be non-negative");
  const ends = [v.start, v.end].map((x) => (isComplexNumber(x) ? x : new Complex(Number(x))));
  const complex = isComplexNumber(v.start) || isComplexNumber(v.end);
  const given = v.dtype as DType | null;
  const inferred = complex ? getDefaultDtype().toComplex() : getDefaultDtype();
  check(
    !complex || given === null || given.isComplex,
    () =>
      `torch.${op}(): inferred dtype ${cNames[inferred.name]} can't be safely cast to passed dtype ${given!.scalarName}`,
  );
  const re = evenly(ends[0]!.re, ends[1]!.re, steps);
  const im = evenly(ends[0]!.im, ends[1]!.im, steps);
  return sequence(steps, given ?? inferred, v, (i) => map(re(i), complex ? im(i) : null));
}

/**
 * `steps` numbers from `start` to `end`, both included, evenly spaced. dtype: the default float dtype.
 * @throws RuntimeError "number of steps must be non-negative".
 * @example torch.linspace(0, 1, 3) // tensor([0.0000, 0.5000, 1.0000])
 */
export const linspace: Linspace = fn<Linspace>(
  { name: "linspace", params: `start:scalar end:scalar steps:int ${factory}`, kind: "create" },
  (v) => spaced("linspace", v, (re, im) => (im === null ? re : new Complex(re, im))),
);

/** `logspace(start, end, steps, base)`. */
export interface Logspace {
  (start: number | Complex, end: number | Complex, steps: number, base?: number, options?: CreateOptions): Tensor;
  readonly op: OpInfo;
}

/**
 * `base` (default 10) to the power of `steps` evenly spaced exponents from `start` to `end`.
 * @throws RuntimeError "number of steps must be non-negative".
 * @example torch.logspace(0, 2, 3) // tensor([  1.,  10., 100.])
 */
export const logspace: Logspace = fn<Logspace>(
  { name: "logspace", params: `start:scalar end:scalar steps:int base:float=10 ${factory}`, kind: "create" },
  (v) => {
    const base = v.base as number;
    return spaced("logspace", v, (re, im) => {
      if (im === null) return base ** re;
      const turn = im * Math.log(base);
      return new Complex(base ** re * Math.cos(turn), base ** re * Math.sin(turn));
    });
  },
);

/** `eye(n, m)`. */
export interface Eye {
  (n: number, options?: CreateOptions): Tensor;
  (n: number, m: number, options?: CreateOptions): Tensor;
  readonly op: OpInfo;
}

/**
 * An `[n, m]` matrix (m default n) with ones on the diagonal and zeros elsewhere. dtype: the default float dtype.
 * @throws RuntimeError for negative sizes.
 * @example torch.eye(2) // tensor([[1., 0.], [0., 1.]])
 */
export const eye: Eye = fn<Eye>({ name: "eye", params: `n:int m:int?=null ${factory}`, kind: "create" }, (v) => {
  const n = v.n as number;
  const m = (v.m as number | null) ?? n;
  check(n >= 0, () => `n must be greater or equal to 0, got ${n}`);
  check(m >= 0, () => `m must be greater or equal to 0, got ${m}`);
  const t = fillRaw(emptyTensor([n, m], (v.dtype as DType | null) ?? getDefaultDtype(), deviceOf(v)), 0);
  fillRaw(t.diagonal(), 1);
  return finish(t, v);
});

/** `trilIndices(row, col, offset)`. */
export interface TriangleIndices {
  (row: number, col: number, offset?: number, options?: CreateOptions): Tensor;
  (row: number, col: number, options: CreateOptions & { offset?: number }): Tensor;
  readonly op: OpInfo;
}

/** Row and column numbers of the elements of a `row` by `col` matrix that `within` keeps, in row-major order. */
function triangleIndices(
  name: string,
  pyName: string,
  within: (column: number, limit: number) => boolean,
): TriangleIndices {
  return fn<TriangleIndices>({ name, params: `row:int col:int offset:int=0 ${factory}`, kind: "create" }, (v) => {
    const [row, col, offset] = [v.row as number, v.col as number, v.offset as number];
    const dtype = (v.dtype as DType | null) ?? int64;
    check(row >= 0, () => `row must be non-negative, got${row}`);
    check(col >= 0, () => `col must be non-negative, got${col}`);
    check(dtype.category === "int", () => `"${pyName}" not implemented for '${dtype.scalarName}'`);
    const places: [number, number][] = [];
    for (let r = 0; r < row; r++) for (let c = 0; c < col; c++) if (within(c, r + offset)) places.push([r, c]);
    const t = emptyTensor([2, places.length], dtype, deviceOf(v));
    if (t.device.type === "meta") return t;
    const write = writer(t.impl.storage.window(dtype), dtype);
    places.forEach(([r, c], i) => {
      write(i, r);
      write(places.length + i, c);
    });
    return t;
  });
}

/**
 * Rows and columns of the lower triangle of a `row` by `col` matrix, on and below the diagonal at `offset`: `[2, n]`,
 * int64.
 * @example torch.trilIndices(2, 2) // tensor([[0, 1, 1], [0, 0, 1]])
 */
export const trilIndices: TriangleIndices = triangleIndices("trilIndices", "tril_indices", (c, limit) => c <= limit);
/**
 * Rows and columns of the upper triangle of a `row` by `col` matrix, on and above the diagonal at `offset`: `[2, n]`,
 * int64.
 * @example torch.triuIndices(2, 2) // tensor([[0, 0, 1], [0, 1, 1]])
 */
export const triuIndices: TriangleIndices = triangleIndices("triuIndices", "triu_indices", (c, limit) => c >= limit);
