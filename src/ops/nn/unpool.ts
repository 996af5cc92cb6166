/** The inverse of maximum pooling: every maximum back at its position, zeros elsewhere. */
import { int64 } from "../../core/dtype.ts";
import { check, RuntimeError, ValueError } from "../../core/errors.ts";
import { equalShapes, list, product } from "../../core/layout.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Dims, Op } from "../call.ts";
import { differentiable, fn, type Values } from "../define.ts";
import { longHint } from "./loss-class.ts";
import { gatherPlanes, scatterRaw } from "./planes.ts";
import { dense, perDim, reshaped, tuple } from "./raw.ts";

/** An unpooling's call. */
export type MaxUnpool = Op<
  [indices: Tensor, kernelSize: Dims, stride?: Dims | null, padding?: Dims, outputSize?: readonly number[] | null],
  "indices kernelSize stride padding outputSize"
>;

const words = ["", "one", "two", "three"];

/** The result's spatial sizes: as asked for, where the windows allow it, else the smallest that the windows fill. */
function sizesOf(x: Tensor, dims: number, v: Values): number[] {
  const of = (name: string, values: readonly number[]): number[] =>
    perDim(values, dims, () => `max_unpool${dims}d: ${name} should be an int or ${words[dims]} ints`);
  const kernel = of("kernel_size", v.kernelSize as number[]);
  const stride = v.stride === null ? kernel : of("stride", v.stride as number[]);
  const padding = of("padding", v.padding as number[]);
  const input = x.shape.slice(-dims);
  const sizes = input.map((n, d) => (n - 1) * stride[d]! + kernel[d]! - 2 * padding[d]!);
  const given = v.outputSize as number[] | null;
  if (given === null) return sizes;
  check(
    given.length === dims || given.length === dims + 2,
    () =>
      `output_size should be a sequence containing ${dims} or ${dims + 2} elements, but it has a length of ` +
      `'${given.length}'`,
    ValueError,
  );
  const wanted = given.slice(-dims);
  wanted.forEach((n, d) => {
    const [low, high] = [sizes[d]! - stride[d]!, sizes[d]! + stride[d]!];
    check(
      low < n && n < high,
      () => `invalid output_size "${tuple(wanted)}" (dim ${d} must be between ${low} and ${high})`,
      ValueError,
    );
  });
  return wanted;
}

function unpool(x: Tensor, indices: Tensor, sizes: readonly number[]): Tensor {
  const dims = sizes.length;
  check(
    indices.dtype === int64,
    () => `elements in indices should be type int64 but got: ${indices.dtype.scalarName}${longHint(indices)}`,
  );
  check(
    x.dim() === dims + 1 || x.dim() === dims + 2,
    () =>
      `Input to max_unpooling${dims}d should be a ${dims + 1}d or ${dims + 2}d Tensor, but got a tensor with ${x.dim()} ` +
      "dimensions.",
  );
  check(
    equalShapes(x.shape, indices.shape),
    () =>
      `Expected shape of indices to be same as that of the input tensor (${list(x.shape)}) but got indices tensor with ` +
      `shape: ${list(indices.shape)}`,
  );
  const planes = product(x.shape.slice(0, -dims));
  const flat = [planes, product(x.shape.slice(-dims))];
  const size = product(sizes);
  const at = reshaped(dense(indices), flat);
  const report = (position: number): Error =>
    new RuntimeError(`Found an invalid max index: ${position} (output volumes are of size ${sizes.join("x")}`);
  const out = scatterRaw(reshaped(dense(x), flat), at, size, "set", report);
  const shape = x.shape;
  const node = `MaxUnpool${dims}DBackward0`;
  return differentiable(node, reshaped(out, [...shape.slice(0, -dims), ...sizes]), [x], [indices], ([g]) => [
    gatherPlanes(g!.reshape(planes, size), at, `MaxUnpool${dims}DBackwardBackward0`).reshape(shape),
  ]);
}

function maxUnpool(dims: number): MaxUnpool {
  const params = "input:tensor indices:tensor kernelSize:ints stride:ints?=null padding:ints=[0] outputSize:ints?=null";
  return fn<MaxUnpool>({ name: `maxUnpool${dims}d`, params, kind: "custom" }, (v) => {
    const [x, indices] = [v.input as Tensor, v.indices as Tensor];
    const sizes = sizesOf(x, dims, v);
    if (dims > 1) return unpool(x, indices, sizes);
    return unpool(x.unsqueeze(-1), indices.unsqueeze(-1), [...sizes, 1]).squeeze(-1);
  });
}

/**
 * The inverse of `maxPool1d`, from its values and positions.
 * Shapes and errors: those of `nn.MaxUnpool1d`.
 * @example F.maxUnpool1d(torch.tensor([[5, 4]]), torch.tensor([[1n, 3n]]), 2) // tensor([[0., 5., 0., 4.]])
 */
export const maxUnpool1d: MaxUnpool = maxUnpool(1);
/**
 * The inverse of `maxPool2d`, from its values and positions.
 * Shapes and errors: those of `nn.MaxUnpool2d`.
 * @example F.maxUnpool2d(torch.tensor([[[5]]]), torch.tensor([[[2n]]]), 2) // tensor([[[0., 0.], [5., 0.]]])
 */
export const maxUnpool2d: MaxUnpool = maxUnpool(2);
/**
 * The inverse of `maxPool3d`, from its values and positions.
 * Shapes and errors: those of `nn.MaxUnpool3d`.
 * @example
 * F.maxUnpool3d(torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1, { dtype: "int64" }), 2).shape
 * // torch.Size([1, 2, 2, 2])
 */
export const maxUnpool3d: MaxUnpool = maxUnpool(3);
