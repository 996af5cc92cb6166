/** Sums and products beyond the basic ones: without NaN, of nonzeros, of exponentials. */
import { type DType, float32, int64 } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { toFloat } from "../core/scalar.ts";
import type { Tensor } from "../core/tensor.ts";
import * as ir from "../ir/expr.ts";
import { load, loadBool } from "../ir/expr.ts";
import type { Dims, DTypeLike, Op, OpInfo, Reduction } from "./call.ts";
import { composite, custom, differentiable, pointwise, unrecorded } from "./define.ts";
import { prodGrad } from "./products.ts";
import { keepDims, type ReduceSpec, reduce, reducedDims, reduceRaw } from "./reduce.ts";

/** A reduction over all dims or one, with a dtype. */
export interface Prod {
  (self: Tensor, options?: { dtype?: DTypeLike | null }): Tensor;
  (self: Tensor, dim: number, options: { keepdim?: boolean; dtype?: DTypeLike | null }): Tensor;
  (self: Tensor, options: { dim: number; keepdim?: boolean; dtype?: DTypeLike | null }): Tensor;
  (self: Tensor, dim: number, keepdim?: boolean, options?: { dtype?: DTypeLike | null }): Tensor;
  readonly op: OpInfo;
}

/** The method `prod`. */
export interface ProdMethod {
  (options?: { dtype?: DTypeLike | null }): Tensor;
  (dim: number, options: { keepdim?: boolean; dtype?: DTypeLike | null }): Tensor;
  (options: { dim: number; keepdim?: boolean; dtype?: DTypeLike | null }): Tensor;
  (dim: number, keepdim?: boolean, options?: { dtype?: DTypeLike | null }): Tensor;
}

/**
 * The product of all elements, or along one dim; ints and bools multiply as int64.
 * @example torch.tensor([2, 3]).prod() // tensor(6.)
 */
export const prod: Prod = reduce({
  name: "prod",
  params: ["* dtype:dtype?=null", "dim:int keepdim:bool=false * dtype:dtype?=null"],
  dtype: "sum",
  combine: "prod",
  saves: "both",
  grad: (g, { x, out, dims, withDim }) => prodGrad(g, x, out, withDim ? dims[0] : undefined),
});

const zeroNan = ir.select(ir.ne(load(0), load(0)), 0, load(0));

/**
 * The sum of the elements that are not NaN.
 * @example torch.tensor([1, NaN]).nansum() // tensor(1.)
 */
export const nansum: Reduction = reduce({
  name: "nansum",
  params: ["dim:ints?=null keepdim:bool=false * dtype:dtype?=null"],
  dtype: "sum",
  combine: "sum",
  pre: zeroNan,
  saves: "input",
  nodes: ["NansumBackward0", "NansumBackward0"],
  grad: (g, { x }) => g.mul(x.eq(x)),
});

/**
 * The mean of the elements that are not NaN.
 * @example torch.tensor([1, NaN]).nanmean() // tensor(1.)
 */
export const nanmean: Reduction = composite(
  { name: "nanmean", params: "dim:ints?=null keepdim:bool=false * dtype:dtype?=null" },
  (self, v) => {
    check(
      self.dtype.isFloatingPoint,
      () => `nanmean(): expected input to have floating point dtype but got ${self.dtype.scalarName}`,
    );
    const dim = v.dim as number[] | null;
    const keepdim = v.keepdim as boolean;
    const count = self.detach().eq(self.detach()).sum(dim, keepdim);
    return self.nansum(dim, keepdim, { dtype: v.dtype as DType | null }).div(count);
  },
);

const nonzeros: ReduceSpec = { combine: "sum", pre: ir.cast(loadBool(0), "lane") };

/**
 * How many elements are not 0.
 * @example torch.tensor([0, 3, 4]).countNonzero() // tensor(2)
 */
export const countNonzero: Op<[dim?: Dims | null], "dim"> = custom(
  { name: "countNonzero", params: "dim:ints?=null" },
  (self, v) => {
    const dims = reducedDims(v.dim as number[] | null, self.dim());
    return reduceRaw(self, nonzeros, dims, false, int64, int64);
  },
);

const shiftedSum: ReduceSpec = { combine: "sum", pre: ir.exp(ir.sub(load(0), load(1))) };
/** `log(sum) + shift`, and `shift` alone where it is infinite. */
const unshift = pointwise("logsumexp", 2, (total, shift) => ir.add(ir.log(total!), shift!));
const finiteOrZero = pointwise("logsumexp", 1, (x) => ir.select(ir.eq(ir.abs(x!), Number.POSITIVE_INFINITY), 0, x!));
const weight = pointwise("logsumexp", 3, (g, x, out) => ir.mul(g!, ir.exp(ir.sub(x!, out!))));

/**
 * The logarithm of the sum of exponentials along dims, without overflow. `dim` is a number or a list; `keepdim` leaves
 * size 1.
 * @example torch.zeros(2).logsumexp(0) // tensor(0.6931)
 */
export const logsumexp: Op<[dim: Dims, keepdim?: boolean], "dim keepdim"> = custom(
  { name: "logsumexp", params: "dim:ints keepdim:bool=false" },
  (self, v) => {
    const x = self.dtype.isFloatingPoint ? self : self.to(toFloat(self.dtype));
    const dims = reducedDims(v.dim as number[], x.dim());
    const keepdim = v.keepdim as boolean;
    const out = unrecorded(() => stableLogsumexp(x.detach(), dims, keepdim));
    return differentiable("LogsumexpBackward0", out, [x], [x, out], ([g], [input, result]) => {
      const kept = (t: Tensor): Tensor => keepDims(t, input!.shape, dims, keepdim);
      return [weight.apply([kept(g!), input!, kept(result!)])];
    });
  },
);

function stableLogsumexp(x: Tensor, dims: readonly number[], keepdim: boolean): Tensor {
  const empty = dims.some((d) => x.shape[d] === 0);
  const wide = x.dtype.itemsize < 4 ? float32 : x.dtype;
  const shift = empty ? x.newZeros([]) : finiteOrZero.apply([dims.length === 0 ? x : x.amax(dims, true)]);
  const total = reduceRaw(x, shiftedSum, dims, keepdim, wide, wide, [shift]);
  return unshift.apply([total, empty ? shift : shift.reshape(total.shape)]).to(x.dtype);
}
