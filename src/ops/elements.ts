/** Elements of a tensor read one by one, for the few operators that no kernel fits. */
import { float32 } from "../core/dtype.ts";
import { NotImplementedError } from "../core/errors.ts";
import { missing } from "../core/sampling.ts";
import type { Tensor } from "../core/tensor.ts";
import { plain } from "./define.ts";
import { isMeta } from "./operands.ts";

/** Elements in row-major order. */
export type Elements = ArrayLike<number | bigint> & Iterable<number | bigint>;

/**
 * A copy of the elements in row-major order: numbers, or bigints for int64; float16 and bfloat16 widened. `op` names
 * who asks, since a meta tensor has none.
 */
export function elementsOf(op: string, t: Tensor): Elements {
  if (isMeta(t)) throw new NotImplementedError(`${op}(): a meta tensor has no elements to look at`);
  if (t.dtype.isComplex) throw missing(op, t.dtype);
  const x = plain(t.dtype.isFloatingPoint && t.dtype.itemsize < 4 ? t.detach().to(float32) : t.detach()).contiguous();
  const { layout, storage, dtype } = x.impl;
  return storage.window(dtype).slice(layout.offset, layout.offset + layout.numel);
}

/** The same as float64. */
export function numbersOf(op: string, t: Tensor): Float64Array {
  return Float64Array.from(elementsOf(op, t), Number);
}

/** Writes elements over a fresh row-major tensor. */
export function fill(t: Tensor, values: ArrayLike<number | bigint>): Tensor {
  (t.impl.storage.window(t.dtype) as { set(values: ArrayLike<number | bigint>): void }).set(values);
  return t;
}
