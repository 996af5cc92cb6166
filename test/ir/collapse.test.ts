/** Collapsing dims: fewer of them, the same elements in the same order. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { collapse, orderByStride, popDim } from "../../src/ir/collapse.ts";
import { layoutOf, shapeOf, stridesOf } from "../support/kernels.ts";

/** The offsets of all operands at every position in row-major order. */
function walk(shape: readonly number[], strides: readonly (readonly number[])[]): number[][] {
  let positions = [strides.map(() => 0)];
  shape.forEach((size, dim) => {
    positions = positions.flatMap((base) =>
      Array.from({ length: size }, (_, i) => base.map((offset, k) => offset + i * strides[k]![dim]!)),
    );
  });
  return positions;
}

const cases = shapeOf(4, 4).chain((shape) =>
  fc.record({
    shape: fc.constant(shape),
    strides: fc
      .tuple(layoutOf(shape.length, false), layoutOf(shape.length, true))
      .map((layouts) => layouts.map((layout) => stridesOf(shape, layout).strides)),
  }),
);

test("collapse keeps the elements and their order", () => {
  fc.assert(
    fc.property(cases, ({ shape, strides }) => {
      const dims = collapse(shape, strides);
      expect(walk(dims.shape, dims.strides)).toEqual(walk(shape, strides));
      expect(dims.shape).not.toContain(1);
    }),
  );
});

test("orderByStride keeps the elements and puts the first operand's smallest stride last", () => {
  fc.assert(
    fc.property(cases, ({ shape, strides }) => {
      const dims = orderByStride({ shape, strides });
      const byText = (a: number[], b: number[]): number => `${a}`.localeCompare(`${b}`);
      expect(walk(dims.shape, dims.strides).sort(byText)).toEqual(walk(shape, strides).sort(byText));
      expect(dims.strides[0]).toEqual([...strides[0]!].sort((a, b) => b - a));
    }),
  );
});

test("dense operands collapse to one dim, also around a dim of size 1", () => {
  expect(collapse([2, 1, 3, 4], [[12, 99, 4, 1]])).toEqual({ shape: [24], strides: [[1]] });
});

test("a dim stays apart where one operand repeats", () => {
  const strides = [
    [4, 1],
    [0, 1],
  ];
  expect(collapse([3, 4], strides)).toEqual({ shape: [3, 4], strides });
});

test("no dims are one dense element", () => {
  expect(popDim(collapse([1, 1], [[5, 7]]))).toEqual({ size: 1, last: [1], rest: { shape: [], strides: [[]] } });
});
