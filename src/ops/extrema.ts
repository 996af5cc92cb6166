/** The largest and smallest elements: of all, along a dim, of two tensors; and where they are. */
import { bool, int64 } from "../core/dtype.ts";
import { check, IndexError, RuntimeError } from "../core/errors.ts";
import { wrapDim } from "../core/layout.ts";
import { type NamedTuple, namedTuple } from "../core/namedtuple.ts";
import type { Tensor } from "../core/tensor.ts";
import type { Combine } from "../ir/kernel.ts";
import type { Op, OpInfo } from "./call.ts";
import { custom, differentiable } from "./define.ts";
import { equalOrNan } from "./equals.ts";
import { pick, selected, type ValuesIndices } from "./ordering.ts";
import { checkElements, keepDims, type ReduceSpec, reducedDims, reduceRaw } from "./reduce.ts";
import { shareAmong } from "./reductions.ts";

/** `max(x)`, `max(x, other)` and `max(x, dim)`, which alone gives the positions too. */
export interface Extremum {
  (self: Tensor): Tensor;
  (self: Tensor, other: Tensor | { other: Tensor }): Tensor;
  (self: Tensor, dim: number, keepdim?: boolean | { keepdim?: boolean }): ValuesIndices;
  (self: Tensor, options: { dim: number; keepdim?: boolean }): ValuesIndices;
  readonly op: OpInfo;
}

/** The methods `max` and `min`. */
export interface ExtremumMethod {
  (): Tensor;
  (other: Tensor | { other: Tensor }): Tensor;
  (dim: number, keepdim?: boolean | { keepdim?: boolean }): ValuesIndices;
  (options: { dim: number; keepdim?: boolean }): ValuesIndices;
}

const extremumParams = ["", "other:tensor", "dim:int keepdim:bool=false"];

/** One object for each, by which its runners are found. */
const specs = {
  min: { combine: "min" },
  max: { combine: "max" },
  argmin: { combine: "argmin" },
  argmax: { combine: "argmax" },
} as const satisfies Partial<Record<Combine, ReduceSpec>>;

/** The extremum of all elements; equals share the gradient. */
function extremumOfAll(self: Tensor, combine: "max" | "min", node: string): Tensor {
  const dims = reducedDims(null, self.dim());
  checkElements(combine, self, dims, []);
  const out = reduceRaw(self.detach(), specs[combine], dims, false, self.dtype, self.dtype);
  return differentiable(node, out, [self], [self, out], ([g], [x, y]) => [shareAmong(g!, equalOrNan(x!, y!), dims)]);
}

/** The first position of each slice's extremum; a NaN is one. */
function argRaw(self: Tensor, combine: "argmin" | "argmax", dims: readonly number[], keepdim: boolean): Tensor {
  return reduceRaw(self.detach(), specs[combine], dims, keepdim, self.dtype, int64);
}

function extremumAlong(
  self: Tensor,
  name: "max" | "min",
  rawDim: number,
  keepdim: boolean,
): [values: Tensor, indices: Tensor] {
  const dim = wrapDim(rawDim, self.dim());
  const dims = self.dim() === 0 ? [] : [dim];
  checkElements(name, self, dims);
  const at = argRaw(self, name === "max" ? "argmax" : "argmin", dims, true);
  const found = pick(self.detach(), dim, at);
  const [values, indices] = keepdim || self.dim() === 0 ? [found, at] : [found.squeeze(dim), at.squeeze(dim)];
  const node = `${name === "max" ? "Max" : "Min"}Backward0`;
  return [selected(node, self, dim, values, indices, keepdim), indices];
}

const maxResult = namedTuple("max", ["values", "indices"]);
const minResult = namedTuple("min", ["values", "indices"]);

/**
 * The largest element of all, of each slice along `dim` with its position, or elementwise of two tensors. NaN wins.
 * With `dim` a named tuple `{ values, indices }`.
 * @throws RuntimeError for an empty tensor.
 * @example x.max() // tensor(5.)
 * @example x.max(1).indices // tensor([2, 2])
 */
export const max: Extremum = custom({ name: "max", params: extremumParams }, (self, v, which) => {
  if (which === 0) return extremumOfAll(self, "max", "MaxBackward1");
  if (which === 1) return self.maximum(v.other as Tensor);
  return maxResult(...extremumAlong(self, "max", v.dim as number, v.keepdim as boolean));
});

/**
 * The smallest element of all, of each slice along `dim` with its position, or elementwise of two tensors. NaN wins.
 * With `dim` a named tuple `{ values, indices }`.
 * @throws RuntimeError for an empty tensor.
 * @example x.min() // tensor(0.)
 * @example x.min(0).values // tensor([0., 1., 2.])
 */
export const min: Extremum = custom({ name: "min", params: extremumParams }, (self, v, which) => {
  if (which === 0) return extremumOfAll(self, "min", "MinBackward1");
  if (which === 1) return self.minimum(v.other as Tensor);
  return minResult(...extremumAlong(self, "min", v.dim as number, v.keepdim as boolean));
});

type Position = Op<[dim?: number | null, keepdim?: boolean], "dim keepdim">;

function position(name: "argmax" | "argmin", self: Tensor, dim: number | null, keepdim: boolean): Tensor {
  const dims = dim === null ? reducedDims(null, self.dim()) : reducedDims([dim], self.dim());
  check(
    dim !== null || self.numel() > 0,
    () => `${name}(): Expected reduction dim to be specified for input.numel() == 0.`,
    IndexError,
  );
  checkElements(name, self, dims);
  check(self.dtype !== bool, () => `"${name}_cpu" not implemented for 'Bool'`);
  return argRaw(self, name, dims, keepdim);
}

/**
 * The position of the largest element in the flattened tensor, or in each slice along `dim`. int64; the first among
 * equals.
 * @throws IndexError for an empty tensor.
 * @example torch.tensor([1, 5, 3]).argmax() // tensor(1)
 */
export const argmax: Position = custom({ name: "argmax", params: "dim:int?=null keepdim:bool=false" }, (self, v) =>
  position("argmax", self, v.dim as number | null, v.keepdim as boolean),
);

/**
 * The position of the smallest element in the flattened tensor, or in each slice along `dim`. int64; the first among
 * equals.
 * @throws IndexError for an empty tensor.
 * @example torch.tensor([4, 1, 3]).argmin() // tensor(1)
 */
export const argmin: Position = custom({ name: "argmin", params: "dim:int?=null keepdim:bool=false" }, (self, v) =>
  position("argmin", self, v.dim as number | null, v.keepdim as boolean),
);

const aminmaxResult = namedTuple("aminmax", ["min", "max"]);

/**
 * The smallest and the largest element of all, or of each slice along `dim`. A named tuple `{ min, max }`.
 * @example x.aminmax().max // tensor(5.)
 */
export const aminmax: Op<
  [],
  "",
  { dim?: number | null; keepdim?: boolean },
  NamedTuple<Tensor, readonly ["min", "max"]>
> = custom({ name: "aminmax", params: "* dim:int?=null keepdim:bool=false" }, (self, v) => {
  const dim = v.dim as number | null;
  const keepdim = v.keepdim as boolean;
  const dims = reducedDims(dim === null ? null : [dim], self.dim());
  checkAminmax(self, dims, dim !== null);
  // PyTorch gives a 0-dim tensor the dim that is kept.
  const lone = self.dim() === 0 && dim !== null && keepdim;
  const [least, greatest] = (["min", "max"] as const).map((combine) => {
    const out = reduceRaw(self.detach(), specs[combine], dims, keepdim, self.dtype, self.dtype);
    return lone ? out.reshape([1]) : out;
  }) as [Tensor, Tensor];
  const shape = self.shape;
  differentiable("AminmaxBackward0", [least, greatest], [self], [self, least, greatest], (grads, [x, ...outs]) => {
    const parts = grads.flatMap((g, i) => {
      if (g === null) return [];
      const [kept, out] = [g, outs[i]!].map((t) => keepDims(t, shape, dims, keepdim)) as [Tensor, Tensor];
      return [shareAmong(kept, x!.detach().eq(out), dims)];
    });
    return [parts.length === 0 ? null : parts.reduce((a, b) => a.add(b)).reshape(shape)];
  });
  return aminmaxResult(least, greatest);
});

function checkAminmax(self: Tensor, dims: readonly number[], withDim: boolean): void {
  const empty = dims.find((d) => self.shape[d] === 0);
  if (empty === undefined) return;
  if (withDim) throw new IndexError(`aminmax: Expected reduction dim ${empty} to have non-zero size.`);
  throw new RuntimeError("aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.");
}
