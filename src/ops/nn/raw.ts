/** What the raw code of torch.nn.functional shares: dense operands, aliases, workspaces, lists of sizes. */
import { type DType, float32, float64, type TypedArray } from "../../core/dtype.ts";
import { check, NotImplementedError } from "../../core/errors.ts";
import { Layout } from "../../core/layout.ts";
import { type Tensor, wrap } from "../../core/tensor.ts";
import type { Geometry } from "../../ir/kernel.ts";
import { copyKernel, plain, unrecorded } from "../define.ts";
import { emptyTensor } from "../operands.ts";

/** The tensor without history and in row-major order without gaps; nothing waits to be conjugated or negated. */
export function dense(t: Tensor): Tensor {
  return unrecorded(() => plain(t.detach().contiguous()));
}

/** The shape as a plain list, which is quicker to take apart than a `Size`. */
export const shapeOf = (t: Tensor): readonly number[] => t.impl.layout.shape;

/** The sizes behind batch and channels. */
export const spatial = (t: Tensor): number[] => t.impl.layout.shape.slice(2);

/** The elements of a dense tensor in memory, which may begin inside its storage: read before anything is allocated. */
export function elements(t: Tensor): TypedArray {
  const { storage, layout, dtype } = t.impl;
  return storage.window(dtype).subarray(layout.offset, layout.offset + layout.numel);
}

/** The same memory in another layout, without history and no view: for raw code on fresh results. */
export function alias(t: Tensor, layout: Layout): Tensor {
  return wrap(t.impl.storage, layout, t.impl.dtype);
}

/** The elements of a dense tensor in another shape, without history. */
export function reshaped(t: Tensor, shape: readonly number[]): Tensor {
  return alias(t, Layout.contiguous(shape, t.impl.layout.offset));
}

/** float32 for the dtypes of 16 bits, which compute in it and are rounded once; the others stay. */
export const computeDType = (dtype: DType): DType =>
  dtype.category === "float" && dtype.itemsize === 2 ? float32 : dtype;

/** A conversion without history; the tensor itself where there is nothing to convert. */
export function converted(t: Tensor, dtype: DType): Tensor {
  if (t.dtype === dtype) return t;
  return copyKernel.into([t.detach()], emptyTensor(t.shape, dtype, t.device));
}

/** Runs `body` on a workspace that is freed at once: nothing else may keep it. */
export function withWorkspace<R>(count: number, like: Tensor, body: (workspace: Tensor) => R): R {
  const workspace = emptyTensor([count], like.dtype, like.device);
  try {
    return body(workspace);
  } finally {
    workspace.impl.storage.free();
  }
}

/** Sizes as PyTorch's messages write spatial sizes: `(2 x 3)`. */
export const times = (sizes: readonly number[]): string => `(${sizes.join(" x ")})`;

/** Sizes as PyTorch's messages write tuples: `(2, 3)`. */
export const tuple = (sizes: readonly number[]): string =>
  sizes.length === 1 ? `(${sizes[0]},)` : `(${sizes.join(", ")})`;

/** One number for every dim, or a list of as many as there are dims; else throws the message. */
export function perDim(values: readonly number[], dims: number, message: () => string): number[] {
  if (values.length === 1) return new Array<number>(dims).fill(values[0]!);
  check(values.length === dims, message);
  return [...values];
}

/** The extent of a dilated kernel. */
export const extent = (kernel: number, dilation: number): number => dilation * (kernel - 1) + 1;

/** Every dim's number of window positions, rounded down. */
export function positions(g: Omit<Geometry, "output">): number[] {
  return g.input.map(
    (n, d) => Math.floor((n + 2 * g.padding[d]! - extent(g.kernel[d]!, g.dilation[d]!)) / g.stride[d]!) + 1,
  );
}

/** Throws unless the dtype is one of floating point numbers. */
export function needFloat(kernel: string, dtype: DType): void {
  check(dtype.isFloatingPoint, () => `"${kernel}" not implemented for '${dtype.scalarName}'`);
}

/** Throws PyTorch's error for a second operand of another dtype. */
export function needDType(expected: DType, t: Tensor | null): void {
  check(
    t === null || t.dtype === expected,
    () => `expected scalar type ${expected.scalarName} but found ${t!.dtype.scalarName}`,
  );
}

/** The number type in which statistics are kept: float64 for float64, else float32. */
export const statDType = (dtype: DType): DType => (dtype === float64 ? float64 : float32);

/** Throws for a result that has no derivative of its own. */
export function noSecondDerivative(name: string): never {
  throw new NotImplementedError(`the derivative for '${name}' is not implemented`);
}
