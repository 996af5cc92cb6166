/** Joining tensors: `cat` and `stack`. */
import { recording } from "../autograd/node.ts";
import { promoteTypes } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { list, wrapDim } from "../core/layout.ts";
import type { Tensor } from "../core/tensor.ts";
import { wrap } from "../core/tensor.ts";
import type { OpInfo } from "./call.ts";
import { convertVia } from "./create.ts";
import { copyKernel, differentiable, fn } from "./define.ts";
import { commonDevice, emptyTensor } from "./operands.ts";

/** A function of a list of tensors and a dim. */
export interface Join {
  (tensors: readonly Tensor[], dim?: number): Tensor;
  (tensors: readonly Tensor[], options: { dim?: number }): Tensor;
  readonly op: OpInfo;
}

function join(tensors: readonly Tensor[], rawDim: number): Tensor {
  check(tensors.length > 0, () => "torch.cat(): expected a non-empty list of Tensors");
  const device = commonDevice(tensors);
  // 1-d tensors without elements are skipped, whatever the others' shape: an old habit of PyTorch's.
  const skipped = (t: Tensor): boolean => t.dim() === 1 && t.numel() === 0;
  tensors.forEach((t, i) => {
    check(t.dim() > 0, () => `zero-dimensional tensor (at position ${i}) cannot be concatenated`);
  });
  const model = tensors.find((t) => !skipped(t)) ?? tensors[0]!;
  const dim = wrapDim(rawDim, model.dim());
  tensors.forEach((t, i) => {
    if (!skipped(t)) checkSizes(model, t, dim, i);
  });
  const dtype = tensors.map((t) => t.dtype).reduce(promoteTypes);
  const sizes = tensors.map((t) => (skipped(t) ? 0 : t.shape[dim]!));
  const total = sizes.reduce((a, b) => a + b, 0);
  const out = emptyTensor(model.shape.with(dim, total), dtype, device);
  let start = 0;
  tensors.forEach((t, i) => {
    const n = sizes[i]!;
    if (n > 0) {
      const region = wrap(out.impl.storage, out.impl.layout.slice(dim, start, n), dtype);
      copyKernel.into([t], region, convertVia(t.dtype, dtype));
    }
    start += n;
  });
  if (!recording(tensors)) return out;
  return differentiable("CatBackward0", out, tensors, [], ([g], _, needs) => {
    let at = 0;
    return tensors.map((t, i) => {
      const from = at;
      at += sizes[i]!;
      if (!needs[i]) return null;
      return skipped(t) ? g!.newZeros(t.shape) : g!.narrow(dim, from, sizes[i]!);
    });
  });
}

function checkSizes(model: Tensor, t: Tensor, dim: number, i: number): void {
  check(
    t.dim() === model.dim(),
    () => `Tensors must have same number of dimensions: got ${model.dim()} and ${t.dim()}`,
  );
  t.shape.forEach((n, d) => {
    check(
      d === dim || n === model.shape[d],
      () =>
        `Sizes of tensors must match except in dimension ${dim}. Expected size ${model.shape[d]} but got size ${n} for ` +
        `tensor number ${i} in the list.`,
    );
  });
}

/**
 * Joins tensors along an existing dim. All other sizes are equal; dtypes are promoted; `dim` 0.
 * @throws RuntimeError "Sizes of tensors must match except in dimension 0", or for an empty list.
 * @example torch.cat([torch.zeros(1), torch.ones(2)]) // tensor([0., 1., 1.])
 */
export const cat: Join = fn<Join>({ name: "cat", params: "tensors:tensors dim:int=0" }, (v) =>
  join(v.tensors as Tensor[], v.dim as number),
);
/**
 * `cat` by NumPy's name.
 * @example torch.concat([torch.ones(1), torch.zeros(1)]) // tensor([1., 0.])
 */
export const concat: Join = fn<Join>({ name: "concat", params: "tensors:tensors dim:int=0" }, (v) =>
  join(v.tensors as Tensor[], v.dim as number),
);
/**
 * `cat` by NumPy's longer name.
 * @example torch.concatenate([torch.ones(1), torch.zeros(1)]) // tensor([1., 0.])
 */
export const concatenate: Join = fn<Join>({ name: "concatenate", params: "tensors:tensors dim:int=0" }, (v) =>
  join(v.tensors as Tensor[], v.dim as number),
);

/**
 * Joins tensors of one size along a new dim. `dim` 0.
 * @throws RuntimeError "stack expects each tensor to be equal size".
 * @example torch.stack([torch.zeros(2), torch.ones(2)]) // tensor([[0., 0.], [1., 1.]])
 */
export const stack: Join = fn<Join>({ name: "stack", params: "tensors:tensors dim:int=0" }, (v) => {
  const tensors = v.tensors as Tensor[];
  check(tensors.length > 0, () => "stack expects a non-empty TensorList");
  const first = tensors[0]!;
  const dim = wrapDim(v.dim as number, first.dim() + 1);
  tensors.forEach((t, i) => {
    check(
      list(t.shape) === list(first.shape),
      () =>
        `stack expects each tensor to be equal size, but got ${list(first.shape)} at entry 0 and ${list(t.shape)} at ` +
        `entry ${i}`,
    );
  });
  return join(
    tensors.map((t) => t.unsqueeze(dim)),
    dim,
  );
});
