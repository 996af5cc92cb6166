/** Writes at single elements that an index names along a dim: `scatter` and its kin. */

import { check, NotImplementedError } from "../core/errors.ts";
import { wrapDim } from "../core/layout.ts";
import type { Values } from "../core/params.ts";
import type { Scalar } from "../core/scalar.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import { warn } from "../core/warnings.ts";
import type { OpInplace } from "./call.ts";
import { full } from "./create.ts";
import { checkPoints, leading, type Mode, outOfReach, pointPlan, scatterRaw } from "./gather.ts";
import { cat } from "./join.ts";
import { commonDevice } from "./operands.ts";
import { checkReduction, type Places, type Reduction, reduceInto, reductionGrads } from "./scatter-reduce.ts";
import { type Write, writing } from "./writes.ts";

/** `scatter(self, dim, index, src)` with a tensor or a number, which may also be named `value`. */
type Scatter = OpInplace<
  [dim: number, index: Tensor, src: Tensor | Scalar],
  "dim index src",
  {
    /** Instead of replacing, adds or multiplies. */
    reduce?: "add" | "multiply" | null;
  }
>;

/** `t` with zeros behind it in every dim up to this shape. */
function padTo(t: Tensor, shape: readonly number[]): Tensor {
  return shape.reduce((x, n, d) => {
    const have = x.shape[d]!;
    return have === n ? x : cat([x, x.newZeros(x.shape.with(d, n - have))], d);
  }, t);
}

/** The part of `src` that the index covers. */
const covered = (src: Tensor, index: Tensor): Tensor =>
  src.dim() === 0 || index.dim() === 0 ? src.detach() : leading(src.detach(), index.shape);

function scatterAt(target: Tensor, dim: number, index: Tensor, src: Tensor, mode: Mode): void {
  if (index.numel() > 0)
    scatterRaw(target, pointPlan(target, dim, index), covered(src, index), mode, [dim], outOfReach);
}

/** The arguments of all of them, checked. */
function place(self: Tensor, v: Values): { dim: number; index: Tensor; src: Tensor } {
  const index = v.index as Tensor;
  const dim = wrapDim(v.dim as number, self.dim());
  const src = v.src as Tensor | undefined;
  commonDevice(src === undefined ? [self, index] : [self, index, src]);
  checkPoints("scatter", self, dim, index, src ?? null);
  check(src === undefined || self.dtype === src.dtype, () => "scatter(): Expected self.dtype to be equal to src.dtype");
  return { dim, index, src: src ?? full([], v.value as Scalar, { dtype: self.dtype, device: self.device }) };
}

const deprecatedReduce =
  "The reduce argument of torch.scatter with Tensor src is deprecated and will be removed in a future PyTorch release. " +
  "Use torch.scatter_reduce instead for more reduction options.";

function combining(self: Tensor, v: Values): Write {
  check(v.reduce === "add" || v.reduce === "multiply", () => "reduce argument must be either add or multiply.");
  const { dim, index, src } = place(self, v);
  if (isTensor(v.src)) warn("scatter-reduce", deprecatedReduce);
  return {
    node: "torch::autograd::NotImplemented",
    inputs: [src],
    reads: [src],
    run: (target) => scatterAt(target, dim, index, src, v.reduce === "add" ? "add" : "mul"),
    grad: () => {
      throw new NotImplementedError("derivative for aten::scatter is not implemented");
    },
  };
}

/**
 * Writes each element of `src` (or one value) at the place that the index names along `dim`. `reduce` `"add"` or
 * `"multiply"` combines instead. Where several go to one place, one of them stays.
 * @throws RuntimeError for an index out of bounds, or that is not int64.
 * @example torch.zeros(3).scatter(0, torch.tensor([1n]), torch.tensor([5])) // tensor([0., 5., 0.])
 */
export const scatter: Scatter = writing(
  {
    name: "scatter",
    params: [
      "dim:int index:tensor src:tensor * reduce:str?=null",
      "dim:int index:tensor value:scalar * reduce:str?=null",
    ],
  },
  (self, v, which) => {
    if (v.reduce != null) return combining(self, v);
    const { dim, index, src } = place(self, v);
    return {
      node: which === 0 ? "ScatterBackward0" : "ScatterBackward1",
      inputs: [src],
      reads: [src, index],
      saved: [index],
      run: (target) => scatterAt(target, dim, index, src, "set"),
      grad: ([g], [, , at], needs) => [
        needs[0] ? g!.scatter(dim, at!, 0) : null,
        needs[1] ? padTo(g!.gather(dim, at!), src.shape) : null,
      ],
    };
  },
);

/**
 * Adds each element of `src` at the place that the index names along `dim`.
 * @throws RuntimeError for an index out of bounds, or that is not int64.
 * @example torch.zeros(2).scatterAdd(0, torch.tensor([1n, 1n]), torch.ones(2)) // tensor([0., 2.])
 */
export const scatterAdd: OpInplace<[dim: number, index: Tensor, src: Tensor], "dim index src"> = writing(
  { name: "scatterAdd", params: "dim:int index:tensor src:tensor" },
  (self, v) => {
    const { dim, index, src } = place(self, v);
    return {
      node: "ScatterAddBackward0",
      inputs: [src],
      reads: [src, index],
      saved: [index],
      run: (target) => scatterAt(target, dim, index, src, "add"),
      grad: ([g], [, , at], needs) => [needs[0] ? g! : null, needs[1] ? padTo(g!.gather(dim, at!), src.shape) : null],
    };
  },
);

/** Where `scatterReduce` reads and writes. */
const pointPlaces = (dim: number, index: Tensor): Places => ({
  name: "scatter_reduce",
  take: (t) => t.gather(dim, index),
  add: (t, src) => t.scatterAdd(dim, index, src),
  clear: (t) => t.scatter(dim, index, 0),
  reduce: (t, src, how, includeSelf) => t.scatterReduce(dim, index, src, how, { includeSelf }),
  write: (target, src, mode) => scatterAt(target, dim, index, src, mode),
});

/**
 * Combines the elements of `src` that go to one place by their sum, product, mean, maximum or minimum. `reduce`
 * `"sum"`, `"prod"`, `"mean"`, `"amax"` or `"amin"`; `includeSelf` true.
 * @example torch.zeros(2).scatterReduce(0, torch.tensor([1n, 1n]), torch.tensor([3, 5]), "amax") // tensor([0., 5.])
 */
export const scatterReduce: OpInplace<
  [dim: number, index: Tensor, src: Tensor, reduce: Reduction],
  "dim index src reduce",
  { includeSelf?: boolean }
> = writing(
  { name: "scatterReduce", params: "dim:int index:tensor src:tensor reduce:str * includeSelf:bool=true" },
  (self, v) => {
    const { dim, index, src } = place(self, v);
    const how = checkReduction(
      v.reduce,
      ["sum", "prod", "mean", "amax", "amin"],
      () => "reduce argument must be either sum, prod, mean, amax or amin.",
    );
    const includeSelf = v.includeSelf as boolean;
    const linear = how === "sum" || how === "mean";
    return {
      node: "ScatterReduceBackward0",
      inputs: [src],
      reads: [src, index],
      keeps: linear ? "nothing" : "both",
      saved: linear ? [index] : [index, src],
      run: (target) => {
        if (index.numel() > 0) reduceInto(target, src, how, includeSelf, pointPlaces(dim, index));
      },
      grad: ([g], [old, out, at, from], needs) => {
        if (at!.numel() === 0) return [g!, g!.newZeros(src.shape)];
        const part = from == null || at!.dim() === 0 ? from : leading(from, at!.shape);
        const of = { g: g!, old: old!, out: out!, src: part ?? g!.newOnes(at!.shape), how, includeSelf };
        const [gSelf, gSrc] = reductionGrads(of, pointPlaces(dim, at!));
        return [needs[0] ? gSelf() : null, needs[1] ? padTo(gSrc(), src.shape) : null];
      },
    };
  },
);
