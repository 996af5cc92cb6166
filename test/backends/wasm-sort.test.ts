import { expect, test } from "vitest";
import { referenceCompiler } from "../../src/backends/reference/index.ts";
import { sort } from "../../src/backends/wasm/sort.ts";
import type { RealName } from "../../src/core/dtype.ts";
import { place, randomNumbers, take, wasmContext } from "./wasm-fixture.ts";

const ctx = wasmContext();
const { heap } = ctx;
const dtypeNames: RealName[] = [
  "bool",
  "uint8",
  "int8",
  "int16",
  "int32",
  "int64",
  "float16",
  "bfloat16",
  "float32",
  "float64",
];

interface Sorted {
  readonly values: number[];
  readonly indices: number[];
}

function run(dtype: RealName, descending: boolean, rows: number, length: number, input: number[]): Sorted {
  const shape = [rows, length];
  const from = place(heap, dtype, shape, input);
  const values = place(heap, dtype, shape, new Array(rows * length).fill(0));
  const indices = place(heap, "int64", shape, new Array(rows * length).fill(0));
  sort({ skeleton: "sort", dtype, descending }, ctx)(rows, length, values.address, indices.address, from.address);
  return { values: take(heap, dtype, shape, values), indices: take(heap, "int64", shape, indices) };
}

test("NaN is greatest and -0 equals 0, in the order of the input", () => {
  const input = [0, Number.NaN, -0, 1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, Number.NaN];
  expect(run("float32", false, 1, 8, input).indices).toEqual([5, 6, 0, 2, 3, 4, 1, 7]);
  expect(run("float32", true, 1, 8, input).indices).toEqual([1, 7, 4, 3, 0, 2, 6, 5]);
  expect(run("float32", false, 1, 8, input).values.slice(2, 4)).toEqual([0, -0]);
});

test.each(["float16", "bfloat16", "float64"] as RealName[])("%s orders NaN and zeros alike", (dtype) => {
  const input = [0, Number.NaN, -0, 1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, Number.NaN];
  expect(run(dtype, false, 1, 8, input).indices).toEqual([5, 6, 0, 2, 3, 4, 1, 7]);
  expect(run(dtype, true, 1, 8, input).indices).toEqual([1, 7, 4, 3, 0, 2, 6, 5]);
});

test("a NaN with its sign bit set is greatest too", () => {
  const from = place(heap, "float32", [3], [1, 0, 2]);
  heap.i32[from.address / 4 + 1] = -1;
  const indices = place(heap, "int64", [3], [0, 0, 0]);
  sort({ skeleton: "sort", dtype: "float32", descending: false }, ctx)(1, 3, 0, indices.address, from.address);
  expect(take(heap, "int64", [3], indices)).toEqual([0, 2, 1]);
});

test("int64 keeps its low bits", () => {
  const from = place(heap, "int64", [4], [0, 0, 0, 0]);
  const numbers = [2n ** 60n + 1n, 2n ** 60n, -(2n ** 63n), 2n ** 63n - 1n];
  heap.i64.set(numbers, from.address / 8);
  const indices = place(heap, "int64", [4], [0, 0, 0, 0]);
  sort({ skeleton: "sort", dtype: "int64", descending: false }, ctx)(1, 4, 0, indices.address, from.address);
  expect(take(heap, "int64", [4], indices)).toEqual([2, 1, 0, 3]);
});

const lengths = [1, 2, 32, 33, 300, 9000];
const cases = dtypeNames.flatMap((dtype) =>
  lengths.flatMap((length) => [false, true].map((descending) => [dtype, length, descending] as const)),
);

test.each(cases)("%s rows of %i, descending %s, as the reference", (dtype, length, descending) => {
  const random = randomNumbers(length);
  const rows = length > 1000 ? 2 : 3;
  const span = dtype === "bool" ? 2 : 200;
  const low = dtype === "bool" || dtype === "uint8" ? 0 : -100;
  const input = Array.from({ length: rows * length }, () => {
    const wide = (dtype === "float32" || dtype === "float64" || dtype === "int32") && random() < 0.3 ? 1e6 : 1;
    return Math.floor(random() * span + low) * wide;
  });
  const got = run(dtype, descending, rows, length, input);
  const shape = [rows, length];
  const from = place(heap, dtype, shape, input);
  const values = place(heap, dtype, shape, input);
  const indices = place(heap, "int64", shape, input);
  const reference = referenceCompiler(heap).compile({ skeleton: "sort", dtype, descending });
  reference(rows, length, values.address, indices.address, from.address);
  expect(got.values).toEqual(take(heap, dtype, shape, values));
  expect(got.indices).toEqual(take(heap, "int64", shape, indices));
});

test("values or indices alone, and rows of no length", () => {
  const from = place(heap, "int32", [2, 2], [2, 1, 3, 4]);
  const values = place(heap, "int32", [2, 2], [0, 0, 0, 0]);
  const kernel = sort({ skeleton: "sort", dtype: "int32", descending: false }, ctx);
  const before = heap.allocated;
  kernel(2, 2, values.address, 0, from.address);
  kernel(2, 0, values.address, 0, from.address);
  kernel(0, 100, values.address, 0, from.address);
  expect(take(heap, "int32", [2, 2], values)).toEqual([1, 2, 3, 4]);
  expect(heap.allocated).toBe(before);
});

test("a row sorts into its own place", () => {
  const from = place(heap, "float32", [2, 3], [3, 1, 2, 6, 5, 4]);
  sort({ skeleton: "sort", dtype: "float32", descending: false }, ctx)(2, 3, from.address, 0, from.address);
  expect(take(heap, "float32", [2, 3], from)).toEqual([1, 2, 3, 4, 5, 6]);
});
