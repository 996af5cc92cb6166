/** Fewer dimensions for the same elements: kernels see the smallest shape that their operands' strides allow. */

/** A shape with one list of strides per operand. */
export interface Dims {
  readonly shape: readonly number[];
  readonly strides: readonly (readonly number[])[];
}

/**
 * Drops dims of size 1 and merges neighbours that every operand walks as one. The row-major order of the elements
 * stays. No dims are left for a single element.
 */
export function collapse(shape: readonly number[], strides: readonly (readonly number[])[]): Dims {
  const sizes: number[] = [];
  const kept: number[][] = strides.map(() => []);
  shape.forEach((size, dim) => {
    if (size === 1) return;
    const last = sizes.length - 1;
    const merges = last >= 0 && strides.every((s, k) => kept[k]![last] === s[dim]! * size);
    if (merges) sizes[last]! *= size;
    else sizes.push(size);
    const at = sizes.length - 1;
    strides.forEach((s, k) => {
      kept[k]![at] = s[dim]!;
    });
  });
  return { shape: sizes, strides: kept };
}

/** The dims in the order of the first operand's strides, the greatest first; only for work without an order. */
export function orderByStride({ shape, strides }: Dims): Dims {
  const key = (dim: number, operand: number): number => strides[operand]?.[dim] ?? 0;
  const before = (a: number, b: number): number => {
    for (let operand = 0; operand < strides.length; operand++) {
      const difference = key(b, operand) - key(a, operand);
      if (difference !== 0) return difference;
    }
    return a - b;
  };
  return permuteDims({ shape, strides }, shape.map((_, dim) => dim).sort(before));
}

/** The dims in the given order. */
export function permuteDims({ shape, strides }: Dims, order: readonly number[]): Dims {
  const pick = (list: readonly number[]): number[] => order.map((dim) => list[dim]!);
  return { shape: pick(shape), strides: strides.map(pick) };
}

/** The last dim, its size and strides, and the dims before it. No dims at all are one element, walked densely. */
export function popDim({ shape, strides }: Dims): {
  readonly size: number;
  readonly last: readonly number[];
  readonly rest: Dims;
} {
  const rest = { shape: shape.slice(0, -1), strides: strides.map((list) => list.slice(0, -1)) };
  return { size: shape.at(-1) ?? 1, last: strides.map((list) => list.at(-1) ?? 1), rest };
}
