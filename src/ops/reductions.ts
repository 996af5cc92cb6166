/** The basic reductions, each one kernel. */
import { recording } from "../autograd/node.ts";
import { check } from "../core/errors.ts";
import { list } from "../core/layout.ts";
import type { Tensor } from "../core/tensor.ts";
import * as ir from "../ir/expr.ts";
import { load, loadBool } from "../ir/expr.ts";
import type { Dims, Op, Reduction } from "./call.ts";
import { composite } from "./define.ts";
import { emptyTensor } from "./operands.ts";
import { reduce, reduceInto } from "./reduce.ts";
import type { BySizes } from "./views.ts";

const sumSpec = { combine: "sum" } as const;

/**
 * The sum of all elements, or along dims; ints and bools sum to int64. `dim` is a number or a list; `keepdim` leaves
 * size 1. `dtype` converts first.
 * @throws IndexError for a dim out of range.
 * @example x.sum() // tensor(15.)
 * @example x.sum(1, { keepdim: true }) // tensor([[ 3.], [12.]])
 */
export const sum: Reduction = reduce({
  name: "sum",
  dtype: "sum",
  ...sumSpec,
  grad: (g, { shape }) => g.expand(shape),
});

/**
 * The mean of all elements, or along dims; floats only. `dim` is a number or a list; `keepdim` leaves size 1.
 * @throws RuntimeError "mean(): could not infer output dtype" for integers: convert, or give `dtype`.
 * @example x.mean(0) // tensor([1.5000, 2.5000, 3.5000])
 */
export const mean: Reduction = reduce({
  name: "mean",
  dtype: "float",
  combine: "sum",
  post: ir.div(load(0), load(1)),
  grad: (g, { shape, count }) => g.expand(shape).div(count),
});

type ByDims = Op<[dim?: Dims | null, keepdim?: boolean], "dim keepdim">;
const truthParams = ["", "dim:ints? keepdim:bool=false"];

/**
 * Whether any element is not 0. `dim` is a number or a list; `keepdim` leaves size 1. The result is bool.
 * @example torch.tensor([0, 1]).any() // tensor(True)
 */
export const any: ByDims = reduce({
  name: "any",
  params: truthParams,
  dtype: "bool",
  combine: "or",
  pre: loadBool(0),
});

/**
 * Whether no element is 0. `dim` is a number or a list; `keepdim` leaves size 1. The result is bool.
 * @example torch.tensor([0, 1]).all() // tensor(False)
 */
export const all: ByDims = reduce({
  name: "all",
  params: truthParams,
  dtype: "bool",
  combine: "and",
  pre: loadBool(0),
});

/**
 * The largest element of each slice; the gradient is shared evenly among equals. `dim` is a number or a list; `keepdim`
 * leaves size 1.
 * @throws IndexError for an empty dim.
 * @example x.amax(1) // tensor([2., 5.])
 */
export const amax: ByDims = reduce({
  name: "amax",
  params: ["dim:ints=[] keepdim:bool=false"],
  dtype: "same",
  combine: "max",
  needsElements: true,
  saves: "both",
  nodes: ["AmaxBackward0", "AmaxBackward0"],
  grad: (g, { x, out, dims }) => shareAmong(g, x.eq(out), dims),
});

/**
 * The smallest element of each slice; the gradient is shared evenly among equals. `dim` is a number or a list;
 * `keepdim` leaves size 1.
 * @throws IndexError for an empty dim.
 * @example x.amin(1) // tensor([0., 3.])
 */
export const amin: ByDims = reduce({
  name: "amin",
  params: ["dim:ints=[] keepdim:bool=false"],
  dtype: "same",
  combine: "min",
  needsElements: true,
  saves: "both",
  nodes: ["AminBackward0", "AminBackward0"],
  grad: (g, { x, out, dims }) => shareAmong(g, x.eq(out), dims),
});

/** Divides a gradient evenly among the chosen elements of each slice. */
export function shareAmong(g: Tensor, chosen: Tensor, dims: readonly number[]): Tensor {
  return g.mul(chosen).div(chosen.sum(dims, true));
}

/** Sums the dims that broadcasting from `size` added or stretched. */
export const sumToSize: BySizes = composite(
  { name: "sumToSize", params: "...size:ints", isFunction: false },
  (self, v) => {
    const size = v.size as number[];
    if (size.length === 0) return self.sum();
    const { shape } = self.impl.layout;
    const lead = shape.length - size.length;
    check(
      lead >= 0 && size.every((n, d) => n === 1 || n === shape[d + lead]),
      () => `size {${list(size)}} is not expandable to size {${list(shape)}}.`,
    );
    const dims = shape.flatMap((n, d) => (d < lead || (size[d - lead] === 1 && n !== 1) ? [d] : []));
    if (dims.length === 0) return self;
    const { dtype } = self.impl;
    if (dtype.isFloatingPoint && !recording([self])) {
      return reduceInto(emptyTensor(size, dtype, self.device), self, sumSpec, dims, dtype);
    }
    const kept = self.sum(dims, true);
    return lead === 0 ? kept : kept.view(size);
  },
);
