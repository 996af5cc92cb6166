import { expect, test } from "vitest";
import { referenceCompiler } from "../../src/backends/reference/index.ts";
import { pool } from "../../src/backends/wasm/pool.ts";
import { window } from "../../src/backends/wasm/window.ts";
import type { RealName } from "../../src/core/dtype.ts";
import type { Geometry, Operand, PoolKernel } from "../../src/ir/kernel.ts";
import { dense, place, randomNumbers, take, wasmContext } from "./wasm-fixture.ts";

const ctx = wasmContext();
const { heap } = ctx;
const reference = referenceCompiler(heap);
const random = randomNumbers(3);
const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
/** Eighths up to 4: their sums over a window are exact in all float dtypes but bfloat16. */
const numbers = (n: number): number[] => Array.from({ length: n }, () => Math.floor(random() * 32) / 8);
const wholes = (n: number): number[] => Array.from({ length: n }, () => Math.floor(random() * 9));

function geometry(
  input: number[],
  kernel: number[],
  stride: number[],
  padding: number[],
  dilation: number[],
  ceil = false,
): Geometry {
  const output = input.map((size, dim) => {
    const steps = (size + 2 * padding[dim]! - dilation[dim]! * (kernel[dim]! - 1) - 1) / stride[dim]!;
    return (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
  });
  return { input, output, kernel, stride, padding, dilation };
}

const geometries: [string, Geometry][] = [
  ["1d", geometry([9], [3], [1], [1], [1])],
  ["1d, stride 2 and dilation 3", geometry([20], [4], [2], [3], [3])],
  ["1d, kernel beyond the image", geometry([2], [5], [1], [4], [1])],
  ["2d", geometry([7, 19], [3, 3], [1, 1], [1, 1], [1, 1])],
  ["2d, uneven", geometry([8, 11], [2, 4], [3, 2], [0, 2], [2, 1])],
  ["2d, no padding", geometry([6, 6], [2, 2], [2, 2], [0, 0], [1, 1])],
  ["2d, 1x1", geometry([5, 6], [1, 1], [1, 1], [0, 0], [1, 1])],
  ["3d", geometry([4, 5, 9], [2, 3, 3], [1, 2, 1], [1, 0, 1], [1, 1, 2])],
];

type ImageLayout = "dense" | "transposed" | "gaps";
function imageStrides(shape: readonly number[], layout: ImageLayout): number[] {
  if (layout === "dense") return dense(shape);
  if (layout === "transposed") return dense([...shape].reverse()).reverse();
  return dense(shape.map((size) => size + 1)).map((stride) => stride * 2);
}

const windowCases = geometries.flatMap(([name, g]) =>
  (["dense", "transposed", "gaps"] as const).map((layout) => [name, layout, g] as const),
);

test.each(windowCases)("im2col and col2im: %s, image %s", (_name, layout, g) => {
  const planes = 3;
  const shape = [planes, ...g.input];
  const columnCount = planes * count(g.kernel) * count(g.output);
  const image = place(heap, "float32", shape, numbers(count(shape)), imageStrides(shape, layout));
  const columnValues = numbers(columnCount);
  const columns = place(heap, "float32", [columnCount], new Array(columnCount).fill(-1));
  const expectedColumns = place(heap, "float32", [columnCount], new Array(columnCount).fill(-2));
  window({ skeleton: "window", mode: "im2col", dtype: "float32" }, ctx)(planes, g, image, columns.address);
  reference.compile({ skeleton: "window", mode: "im2col", dtype: "float32" })(
    planes,
    g,
    image,
    expectedColumns.address,
  );
  expect(take(heap, "float32", [columnCount], columns)).toEqual(take(heap, "float32", [columnCount], expectedColumns));

  const from = place(heap, "float32", [columnCount], columnValues);
  const expected = place(heap, "float32", shape, new Array(count(shape)).fill(7));
  const before = heap.allocated;
  window({ skeleton: "window", mode: "col2im", dtype: "float32" }, ctx)(planes, g, image, from.address);
  expect(heap.allocated).toBe(before);
  reference.compile({ skeleton: "window", mode: "col2im", dtype: "float32" })(planes, g, expected, from.address);
  expect(take(heap, "float32", shape, image)).toEqual(take(heap, "float32", shape, expected));
});

test("im2col of a row by hand", () => {
  const g = geometry([4], [3], [1], [1], [1]);
  const image = place(heap, "int64", [1, 4], [1, 2, 3, 4]);
  const columns = place(heap, "int64", [3, 4], new Array(12).fill(9));
  window({ skeleton: "window", mode: "im2col", dtype: "int64" }, ctx)(1, g, image, columns.address);
  expect(take(heap, "int64", [3, 4], columns)).toEqual([0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 0]);
});

test.each(["uint8", "int16", "int64", "float16", "bfloat16", "float64"] as RealName[])("%s there and back", (dtype) => {
  const g = geometry([5, 7], [2, 3], [1, 1], [1, 1], [1, 1]);
  const n = count(g.kernel) * count(g.output);
  const values = wholes(n);
  const columns = place(heap, dtype, [n], values);
  const image = place(heap, dtype, [1, 5, 7], new Array(35).fill(0));
  const expected = place(heap, dtype, [1, 5, 7], new Array(35).fill(0));
  window({ skeleton: "window", mode: "col2im", dtype }, ctx)(1, g, image, columns.address);
  reference.compile({ skeleton: "window", mode: "col2im", dtype })(1, g, expected, columns.address);
  expect(take(heap, dtype, [35], { ...image, strides: [1] })).toEqual(
    take(heap, dtype, [35], { ...expected, strides: [1] }),
  );
});

test("float16 sums of col2im round once", () => {
  const g = geometry([1], [3], [1], [2], [1]);
  // One pixel under three windows: 2048 + 1 + 1, where each single addition would round back to 2048.
  const columns = place(heap, "float16", [3, 3], [0, 0, 2048, 0, 1, 0, 1, 0, 0]);
  const image = place(heap, "float16", [1, 1], [0]);
  window({ skeleton: "window", mode: "col2im", dtype: "float16" }, ctx)(1, g, image, columns.address);
  expect(take(heap, "float16", [1], image)).toEqual([2050]);
});

function both(
  mode: PoolKernel["mode"],
  dtype: RealName,
  g: Geometry,
  values: number[],
  divisor = 0,
  countPadding = true,
  chosen: number[] | null = null,
): { readonly got: number[][]; readonly expected: number[][] } {
  const planes = 2;
  const back = mode === "avgBackward" || mode === "maxBackward";
  const [from, to] = back ? [g.output, g.input] : [g.input, g.output];
  const input = place(heap, dtype, [planes, ...from], values);
  const outputs = [0, 1, 2].map((): [Operand, Operand] => [
    place(heap, dtype, [planes, ...to], new Array(planes * count(to)).fill(3)),
    place(heap, "int64", [planes, ...g.output], chosen ?? new Array(planes * count(g.output)).fill(-1)),
  ]);
  const kernel = { skeleton: "pool", mode, dtype } as const;
  const written = pool({ ...kernel, window: g }, ctx);
  const runs = [pool(kernel, ctx), reference.compile(kernel), written];
  const [got, expected, known] = runs.map((run, i) => {
    const [out, indices] = outputs[i]!;
    const at = mode === "max" || mode === "maxBackward" ? indices.address : 0;
    run(planes, g, out.address, input.address, at, divisor, countPadding);
    return [take(heap, dtype, [planes, ...to], out), take(heap, "int64", [planes, ...g.output], indices)];
  });
  expect(known).toEqual(got); // whether windows are written out makes no difference
  return { got: got!, expected: expected! };
}

const pools: [string, Geometry][] = [
  ...geometries,
  ["2d with ceil", geometry([7, 8], [3, 3], [2, 2], [1, 1], [1, 1], true)],
  ["1d with ceil", geometry([8], [3], [3], [1], [1], true)],
  ["1d, stride 3", geometry([40], [2], [3], [1], [2])],
  ["1d, stride 5", geometry([60], [3], [5], [0], [1])],
];

test.each(pools)("max with indices: %s", (_name, g) => {
  const { got, expected } = both("max", "float32", g, numbers(2 * count(g.input)));
  expect(got).toEqual(expected);
});

test.each(["uint8", "int8", "int64", "float16", "bfloat16", "float64"] as RealName[])("max of %s", (dtype) => {
  const g = geometry([6, 9], [3, 2], [2, 1], [1, 1], [1, 2]);
  const { got, expected } = both("max", dtype, g, wholes(2 * 54));
  expect(got).toEqual(expected);
});

test("NaN wins, ties go to the first, and padding is never chosen", () => {
  const g = geometry([4], [2], [2], [0], [1]);
  const low = Number.NEGATIVE_INFINITY;
  const { got } = both("max", "float32", g, [1, Number.NaN, 5, 5, low, low, 2, 3]);
  expect(got).toEqual([
    [Number.NaN, 5, low, 3],
    [1, 2, 0, 3],
  ]);
  const padded = both("max", "float32", geometry([2], [3], [1], [1], [1]), [low, low, -4, -3]);
  expect(padded.got).toEqual([
    [low, low, -3, -3],
    [0, 0, 1, 1],
  ]);
});

test("in vectors too: NaN wins, ties go to the first, and a window of least values gives its first element", () => {
  const low = Number.NEGATIVE_INFINITY;
  const rows = [
    [1, Number.NaN, 5, 5, low, low, 2, 3, 0, 0, Number.NaN, Number.NaN],
    [0, 9, 5, 6, low, low, 2, 3, -1, 0, 7, 7],
  ];
  const g = geometry([2, 12], [2, 2], [2, 2], [0, 0], [1, 1]);
  const { got } = both("max", "float32", g, [...rows.flat(), ...rows.flat()]);
  expect(got[0]!.slice(0, 6)).toEqual([Number.NaN, 6, low, 3, 0, Number.NaN]);
  expect(got[1]!.slice(0, 6)).toEqual([1, 15, 4, 7, 8, 11]);
});

const backwards = pools.flatMap(([name, g]) =>
  (["float32", "float64", "float16"] as const).map((dtype) => [name, dtype, g] as const),
);

test.each(backwards)("the gradient of maxima: %s, %s", (_name, dtype, g) => {
  const indices = Array.from({ length: 2 * count(g.output) }, () => Math.floor(random() * count(g.input)));
  const { got, expected } = both("maxBackward", dtype, g, numbers(2 * count(g.output)), 0, true, indices);
  expect(got[0]).toEqual(expected[0]);
});

test("the gradient of maxima by hand", () => {
  const g = geometry([3], [2], [1], [0], [1]);
  const { got } = both("maxBackward", "float32", g, [1, 2, 3, 4], 0, true, [1, 1, 0, 2]);
  expect(got[0]).toEqual([0, 3, 0, 3, 0, 4]);
});

test("an index outside of the plane is an error", () => {
  const g = geometry([3], [2], [1], [0], [1]);
  expect(() => both("maxBackward", "float32", g, [1, 2, 3, 4], 0, true, [1, 1, 0, 3])).toThrow();
});

const averages = pools.flatMap(([name, g]) =>
  (
    [
      [0, true],
      [0, false],
      [3, true],
    ] as const
  ).map(([divisor, countPadding]) => [name, divisor, countPadding, g] as const),
);

test.each(averages)("avg and its gradient: %s, divisor %i, counting padding %s", (_name, divisor, countPadding, g) => {
  const forward = both("avg", "float64", g, numbers(2 * count(g.input)), divisor, countPadding);
  const backward = both("avgBackward", "float64", g, numbers(2 * count(g.output)), divisor, countPadding);
  for (const { got, expected } of [forward, backward]) {
    got[0]!.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[0]![i]!, 12);
    });
  }
});

test("averages by hand", () => {
  const g = geometry([3], [3], [1], [1], [1]);
  const values = [3, 6, 9, 0, 0, 0];
  expect(both("avg", "float32", g, values).got[0]!.slice(0, 3)).toEqual([3, 6, 5]);
  expect(both("avg", "float32", g, values, 0, false).got[0]!.slice(0, 3)).toEqual([4.5, 6, 7.5]);
  expect(both("avg", "int64", g, values, 2).got[0]!.slice(0, 3)).toEqual([4, 9, 7]);
  expect(both("avgBackward", "float32", g, values).got[0]!.slice(0, 3)).toEqual([3, 6, 5]);
});

test.each(["float16", "bfloat16", "float32"] as RealName[])("averages of %s round once", (dtype) => {
  const g = geometry([6, 6], [3, 3], [1, 1], [1, 1], [1, 1]);
  const forward = both("avg", dtype, g, wholes(72), 8);
  const backward = both("avgBackward", dtype, g, wholes(72), 8);
  expect(forward.got).toEqual(forward.expected);
  expect(backward.got).toEqual(backward.expected);
});

test("no planes: nothing is touched", () => {
  const g = geometry([3], [3], [1], [1], [1]);
  const nowhere = { address: 64, strides: [3, 1] };
  const before = heap.allocated;
  pool({ skeleton: "pool", mode: "max", dtype: "float32" }, ctx)(0, g, 64, 64, 64, 0, true);
  window({ skeleton: "window", mode: "col2im", dtype: "float32" }, ctx)(0, g, nowhere, 64);
  expect(heap.allocated).toBe(before);
});

test("booleans are refused by name where they are summed", () => {
  expect(() => window({ skeleton: "window", mode: "col2im", dtype: "bool" }, ctx)).toThrow("'Bool'");
  expect(() => pool({ skeleton: "pool", mode: "avg", dtype: "bool" }, ctx)).toThrow("'Bool'");
});
