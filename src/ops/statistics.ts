/** Spread, median and covariance. */
import { bool, type DType, float32 } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { wrapDim } from "../core/layout.ts";
import { namedTuple } from "../core/namedtuple.ts";
import type { Tensor } from "../core/tensor.ts";
import { warn } from "../core/warnings.ts";
import * as ir from "../ir/expr.ts";
import { load } from "../ir/expr.ts";
import type { Dims, OpInfo } from "./call.ts";
import { custom, differentiable, pointwise, unrecorded, type Values } from "./define.ts";
import { equalOrNan } from "./equals.ts";
import { selected, sortRaw, type ValuesIndices } from "./ordering.ts";
import { checkElements, keepDims, type ReduceSpec, reducedDims, reduceRaw } from "./reduce.ts";
import { shareAmong } from "./reductions.ts";

/** The named arguments of `std` and its kin: `unbiased` is short for a correction of 1 or 0. */
export interface SpreadOptions {
  dim?: Dims | null;
  unbiased?: boolean;
  correction?: number | null;
  keepdim?: boolean;
}

/** The methods `std` and `var`. */
export interface SpreadMethod<R = Tensor> {
  (unbiased: boolean): R;
  (options?: SpreadOptions): R;
  (dim: Dims | null, options?: Omit<SpreadOptions, "dim">): R;
  (dim: Dims | null, unbiased: boolean, options?: { keepdim?: boolean }): R;
  (dim: Dims | null, unbiased: boolean, keepdim: boolean): R;
}

/** A measure of spread over all elements or some dims. */
export interface Spread<R = Tensor> {
  (self: Tensor, unbiased: boolean): R;
  (self: Tensor, options?: SpreadOptions): R;
  (self: Tensor, dim: Dims | null, options?: Omit<SpreadOptions, "dim">): R;
  (self: Tensor, dim: Dims | null, unbiased: boolean, options?: { keepdim?: boolean }): R;
  (self: Tensor, dim: Dims | null, unbiased: boolean, keepdim: boolean): R;
  readonly op: OpInfo;
}

const spreadParams = [
  "unbiased:bool=true",
  "dim:ints? unbiased:bool=true keepdim:bool=false",
  "dim:ints?=null * correction:scalar?=1 keepdim:bool=false",
];

/** What a call of the family asks for. */
interface Asked {
  readonly dims: readonly number[];
  readonly keepdim: boolean;
  /** Elements per result less the correction. */
  readonly freedom: number;
}

function asked(name: string, self: Tensor, v: Values): Asked {
  check(self.dtype.isFloatingPoint, () => `${name} only support floating point and complex dtypes`);
  const dims = reducedDims(v.dim as number[] | null | undefined, self.dim());
  const correction = v.unbiased === undefined ? Number(v.correction ?? 1) : v.unbiased ? 1 : 0;
  const freedom = dims.reduce((n, d) => n * self.shape[d]!, 1) - correction;
  return { dims, keepdim: (v.keepdim as boolean | undefined) ?? false, freedom };
}

const average: ReduceSpec = { combine: "sum", post: ir.div(load(0), load(1)) };
const squaredDistance: ReduceSpec = {
  combine: "sum",
  pre: ir.mul(ir.sub(load(0), load(1)), ir.sub(load(0), load(1))),
};
const varOf = pointwise("var", 2, (squares, freedom) => ir.div(squares!, freedom!));
const stdOf = pointwise("std", 2, (squares, freedom) => ir.sqrt(ir.div(squares!, freedom!)));

/** PyTorch's running mean loses its way where an infinity comes by. */
const running = pointwise("mean", 2, (center, squares) => ir.select(ir.ne(squares!, squares!), Number.NaN, center!));

/** The mean and the variance or its root, in two passes, without autograd. */
function measure(name: string, kernel: typeof varOf, self: Tensor, { dims, keepdim, freedom }: Asked): Tensor[] {
  if (freedom <= 0 && self.numel() > 0) {
    warn(
      "degrees-of-freedom",
      `${name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor (input ` +
        "numel divided by output numel).",
    );
  }
  const x = self.detach();
  const wide: DType = x.dtype.itemsize < 4 ? float32 : x.dtype;
  const center = reduceRaw(x, average, dims, true, wide, wide);
  const squares = reduceRaw(x, squaredDistance, dims, keepdim, wide, wide, [center]);
  const spread = kernel.apply([squares, Math.max(freedom, 0)]);
  return [spread.to(x.dtype), running.apply([center.reshape(squares.shape), squares]).to(x.dtype)];
}

/** The gradient of the variance; `g` keeps the reduced dims. */
function varGrad(g: Tensor, x: Tensor, { dims, freedom }: Asked): Tensor {
  // As PyTorch: over everything, 2 / 0 is not multiplied by the distance from the mean.
  if (freedom === 0 && dims.length === x.dim()) return g.expand(x.shape).mul(Number.POSITIVE_INFINITY);
  return g.mul(2 / freedom).mul(x.sub(x.mean(dims, true)));
}

/** The gradient of the variance from that of its root: 0 where the root is 0. */
const throughRoot = pointwise("std", 2, (g, root) => ir.select(ir.eq(root!, 0), 0, ir.div(g!, ir.mul(root!, 2))));

/**
 * The standard deviation of all elements, or along dims; divides by n - 1 unless told otherwise. `correction` (1) is
 * what is taken from n; `unbiased: false` is 0.
 * @throws RuntimeError for integers.
 * @example torch.tensor([1, 3]).std({ correction: 0 }) // tensor(1.)
 */
export const std: Spread = custom({ name: "std", params: spreadParams }, (self, v) => {
  const a = asked("std and var", self, v);
  const [out] = unrecorded(() => measure("std", stdOf, self, a));
  return differentiable("StdBackward0", out!, [self], [self, out!], ([g], [x, y]) => {
    const kept = (t: Tensor): Tensor => keepDims(t, x!.shape, a.dims, a.keepdim);
    return [varGrad(throughRoot.apply([kept(g!), kept(y!)]), x!, a)];
  });
});

/**
 * The variance of all elements, or along dims; divides by n - 1 unless told otherwise.
 * @example torch.tensor([1, 3]).var() // tensor(2.)
 */
const variance: Spread = custom({ name: "var", params: spreadParams }, (self, v) => {
  const a = asked("std and var", self, v);
  const [out] = unrecorded(() => measure("var", varOf, self, a));
  return differentiable("VarBackward0", out!, [self], [self], ([g], [x]) => [
    varGrad(keepDims(g!, x!.shape, a.dims, a.keepdim), x!, a),
  ]);
});

export { variance as var };

/** The gradient of the mean; `g` keeps the reduced dims. */
function meanGrad(g: Tensor, x: Tensor, { dims }: Asked): Tensor {
  return g.expand(x.shape).div(dims.reduce((n, d) => n * x.shape[d]!, 1));
}

/** The sum of those that are there. */
function total(parts: readonly (Tensor | null)[]): Tensor | null {
  return parts.reduce((a, b) => (a === null || b === null ? (a ?? b) : a.add(b)), null);
}

/**
 * The standard deviation and the mean of all elements, or along dims.
 * @example torch.stdMean(torch.tensor([1, 3]))[0] // tensor(1.4142)
 */
export const stdMean: Spread<[std: Tensor, mean: Tensor]> = custom(
  { name: "stdMean", params: spreadParams, receiver: null },
  (self, v) => {
    const a = asked("std_mean", self, v);
    const [out, center] = unrecorded(() => measure("std_mean", stdOf, self, a));
    return differentiable("StdMeanBackward0", [out!, center!], [self], [self, out!], ([g, gMean], [x, y]) => {
      const kept = (t: Tensor): Tensor => keepDims(t, x!.shape, a.dims, a.keepdim);
      const spread = g == null ? null : varGrad(throughRoot.apply([kept(g), kept(y!)]), x!, a);
      return [total([spread, gMean == null ? null : meanGrad(kept(gMean), x!, a)])];
    });
  },
);

/**
 * The variance and the mean of all elements, or along dims.
 * @example torch.varMean(torch.tensor([1, 3]))[1] // tensor(2.)
 */
export const varMean: Spread<[variance: Tensor, mean: Tensor]> = custom(
  { name: "varMean", params: spreadParams, receiver: null },
  (self, v) => {
    const a = asked("var_mean", self, v);
    const [out, center] = unrecorded(() => measure("var_mean", varOf, self, a));
    return differentiable("VarMeanBackward0", [out!, center!], [self], [self], ([g, gMean], [x]) => {
      const kept = (t: Tensor): Tensor => keepDims(t, x!.shape, a.dims, a.keepdim);
      const spread = g == null ? null : varGrad(kept(g), x!, a);
      return [total([spread, gMean == null ? null : meanGrad(kept(gMean), x!, a)])];
    });
  },
);

// ---------------------------------------------------------------- median

/** `median(x)` of all elements, `median(x, dim)` of each slice with its position. */
export interface Median {
  (self: Tensor): Tensor;
  (self: Tensor, dim: number, keepdim?: boolean | { keepdim?: boolean }): ValuesIndices;
  (self: Tensor, options: { dim: number; keepdim?: boolean }): ValuesIndices;
  readonly op: OpInfo;
}

/** The methods `median` and `nanmedian`. */
export interface MedianMethod {
  (): Tensor;
  (dim: number, keepdim?: boolean | { keepdim?: boolean }): ValuesIndices;
  (options: { dim: number; keepdim?: boolean }): ValuesIndices;
}

const medianParams = ["", "dim:int keepdim:bool=false"];

/** Where the median is in sorted order, given how many of n elements are NaN: the first of these, if any. */
const withNan = pointwise("median", 2, (nan, n) =>
  ir.select(ir.gt(nan!, 0), ir.sub(n!, nan!), ir.floordiv(ir.sub(n!, 1), 2)),
);
/** The same, leaving those that are NaN out; all of them NaN: the first. */
const withoutNan = pointwise("nanmedian", 2, (nan, n) => ir.max(ir.floordiv(ir.sub(ir.sub(n!, nan!), 1), 2), 0));

/** The median of each slice and its position, both with `dim` kept. */
function medianRaw(self: Tensor, dim: number, place: typeof withNan): [values: Tensor, indices: Tensor] {
  const [values, indices] = sortRaw(self, dim, false);
  if (self.dim() === 0) return [values, indices];
  const at = place.apply([values.ne(values).sum(dim, true), self.shape[dim]!]);
  return [values.gather(dim, at), indices.gather(dim, at)];
}

function medianOf(
  name: "median" | "nanmedian",
  place: typeof withNan,
): (self: Tensor, v: Values, which: number) => unknown {
  const node = name === "median" ? "MedianBackward" : "NanmedianBackward";
  const result = namedTuple(name, ["values", "indices"]);
  return (self, v, which) => {
    check(self.dtype !== bool, () => `"${name}_cpu" not implemented for 'Bool'`);
    if (which === 0) {
      const out = unrecorded(() =>
        self.numel() === 0
          ? self.newFull([], Number.NaN)
          : medianRaw(self.detach().reshape([-1]), 0, place)[0].reshape([]),
      );
      const dims = reducedDims(null, self.dim());
      return differentiable(`${node}0`, out, [self], [self, out], ([g], [x, y]) => [
        shareAmong(g!, equalOrNan(x!, y!), dims),
      ]);
    }
    const dim = wrapDim(v.dim as number, self.dim());
    checkElements(name, self, self.dim() === 0 ? [] : [dim]);
    const keepdim = v.keepdim as boolean;
    const [values, indices] = unrecorded(() =>
      medianRaw(self.detach(), dim, place).map((t) => (keepdim || t.dim() === 0 ? t : t.squeeze(dim))),
    ) as [Tensor, Tensor];
    return result(selected(`${node}1`, self, dim, values, indices, keepdim), indices);
  };
}

/**
 * The lower median of all elements, or of each slice along `dim` with its position; NaN where there is one. With `dim`
 * a named tuple `{ values, indices }`.
 * @example torch.tensor([1, 5, 3, 2]).median() // tensor(2.)
 */
export const median: Median = custom({ name: "median", params: medianParams }, medianOf("median", withNan));

/**
 * The lower median of the elements that are not NaN.
 * @example torch.nanmedian(torch.tensor([1, NaN, 3])) // tensor(1.)
 */
export const nanmedian: Median = custom({ name: "nanmedian", params: medianParams }, medianOf("nanmedian", withoutNan));
