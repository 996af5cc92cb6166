/** Walks over strided operands in row-major order. */
import type { Operand } from "../../ir/kernel.ts";

/** The number of positions of a shape. */
export function count(shape: readonly number[]): number {
  return shape.reduce((n, size) => n * size, 1);
}

/**
 * Visits every position of `shape` in row-major order. `offsets[k]` is that of list k of strides, in elements; the
 * array is reused.
 */
export function walk(
  shape: readonly number[],
  strides: readonly (readonly number[])[],
  visit: (offsets: readonly number[], position: number) => void,
): void {
  const total = count(shape);
  const index = shape.map(() => 0);
  const offsets = strides.map(() => 0);
  for (let position = 0; position < total; position++) {
    visit(offsets, position);
    for (let dim = shape.length - 1; dim >= 0; dim--) {
      index[dim]! += 1;
      const wrapped = index[dim] === shape[dim];
      const steps = wrapped ? 1 - shape[dim]! : 1;
      for (let k = 0; k < offsets.length; k++) offsets[k]! += steps * strides[k]![dim]!;
      if (!wrapped) break;
      index[dim] = 0;
    }
  }
}

/** The element index of an operand's first element. */
export function origin(operand: Operand, itemsize: number): number {
  return operand.address / itemsize;
}

/** The strides of row-major order. */
export function denseStrides(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let dim = shape.length - 2; dim >= 0; dim--) strides[dim] = strides[dim + 1]! * shape[dim + 1]!;
  return strides;
}
