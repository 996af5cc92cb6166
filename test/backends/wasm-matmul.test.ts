import { expect, test } from "vitest";
import { matmul } from "../../src/backends/wasm/matmul.ts";
import type { RealName } from "../../src/core/dtype.ts";
import type { Operand } from "../../src/ir/kernel.ts";
import { dense, place, randomNumbers, take, wasmContext } from "./wasm-fixture.ts";

const ctx = wasmContext();
const { heap } = ctx;
const random = randomNumbers(42);
/** Small quarters: exact in every dtype, and so are their products and short sums in most. */
const numbers = (count: number): number[] => Array.from({ length: count }, () => Math.floor(random() * 17 - 8) / 4);
const integers = (count: number): number[] => Array.from({ length: count }, () => Math.floor(random() * 17 - 8));

/** [batch, m, k] by [batch, k, n], all in row-major lists. */
function multiply(batch: number, m: number, n: number, k: number, a: number[], b: number[]): number[] {
  const out = new Array<number>(batch * m * n).fill(0);
  out.forEach((_, at) => {
    const [z, i, j] = [Math.floor(at / (m * n)), Math.floor(at / n) % m, at % n];
    for (let kk = 0; kk < k; kk++) out[at]! += a[(z * m + i) * k + kk]! * b[(z * k + kk) * n + j]!;
  });
  return out;
}

const kernels = new Map<string, ReturnType<typeof matmul>>();
function run(dtype: RealName, relaxed = ctx.relaxed): ReturnType<typeof matmul> {
  const key = `${dtype} ${relaxed}`;
  const found = kernels.get(key) ?? matmul({ skeleton: "matmul", dtype }, { ...ctx, relaxed });
  kernels.set(key, found);
  return found;
}

/** Row-major, transposed, or with gaps. */
type Layout = "rows" | "columns" | "gaps";
function strides([batch, rows, columns]: readonly [number, number, number], layout: Layout): number[] {
  if (layout === "rows") return dense([batch, rows, columns]);
  if (layout === "columns") return [rows * columns, 1, rows];
  return [rows * columns * 6, columns * 3, 2];
}

const layouts: Layout[] = ["rows", "columns", "gaps"];
const sizes: [m: number, n: number, k: number][] = [
  [1, 1, 1],
  [3, 2, 5],
  [4, 8, 4],
  [5, 9, 7],
  [16, 16, 16],
  [17, 23, 31],
  [33, 40, 65],
  [1, 50, 64],
  [50, 1, 64],
  [70, 1, 3],
  [1, 70, 35],
  [130, 12, 260],
  [6, 16, 9],
  [13, 9, 300],
  [64, 10, 40],
  [2, 40, 33],
  [40, 3, 33],
  ...[7, 8, 9, 10, 11].map((m): [number, number, number] => [m, 24, 20]),
];
const cases = sizes.flatMap(([m, n, k]) => layouts.map((layout) => [m, n, k, layout] as const));

test.each(cases)("float32 %ix%i over %i, operands by %s", (m, n, k, layout) => {
  const [a, b] = [numbers(2 * m * k), numbers(2 * k * n)];
  const out = place(heap, "float32", [2, m, n], new Array(2 * m * n).fill(Number.NaN), strides([2, m, n], layout));
  const A = place(heap, "float32", [2, m, k], a, strides([2, m, k], layout));
  const B = place(heap, "float32", [2, k, n], b, strides([2, k, n], layout));
  run("float32")([2], m, n, k, out, A, B, 1, 0);
  expect(take(heap, "float32", [2, m, n], out)).toEqual(multiply(2, m, n, k, a, b));
});

const mixed = layouts.flatMap((a) => layouts.flatMap((b) => layouts.map((out) => [a, b, out] as const)));

test.each(mixed)("float64 with a by %s, b by %s and out by %s, scaled and added", (la, lb, lo) => {
  const [m, n, k] = [21, 18, 37];
  const [a, b, old] = [numbers(m * k), numbers(k * n), numbers(m * n)];
  const out = place(heap, "float64", [1, m, n], old, strides([1, m, n], lo));
  const A = place(heap, "float64", [1, m, k], a, strides([1, m, k], la));
  const B = place(heap, "float64", [1, k, n], b, strides([1, k, n], lb));
  run("float64")([1], m, n, k, out, A, B, 0.5, -2);
  const expected = multiply(1, m, n, k, a, b).map((value, i) => 0.5 * value - 2 * old[i]!);
  expect(take(heap, "float64", [1, m, n], out)).toEqual(expected);
});

const whole: RealName[] = ["uint8", "int8", "int16", "int32", "int64"];
const wholeSizes = [
  [7, 6, 9],
  [15, 20, 11],
];
test.each(
  whole.flatMap((dtype) => wholeSizes.map(([m, n, k]) => [dtype, m!, n!, k!] as const)),
)("%s products, %ix%i over %i", (dtype, m, n, k) => {
  const whole = (count: number): number[] => integers(count).map((x) => (dtype === "uint8" ? Math.abs(x) % 5 : x % 4));
  const [a, b] = [whole(m * k), whole(k * n)];
  const out = place(heap, dtype, [m, n], new Array(m * n).fill(1));
  run(dtype)([], m, n, k, out, place(heap, dtype, [m, k], a), place(heap, dtype, [k, n], b), 1, 0);
  const wrap = { uint8: 0xff, int8: 0xff } as Partial<Record<RealName, number>>;
  const mask = wrap[dtype] ?? 0xffff;
  const bits = (values: number[]): number[] => values.map((value) => value & mask);
  expect(bits(take(heap, dtype, [m, n], out))).toEqual(bits(multiply(1, m, n, k, a, b)));
});

/** The addend's strides against [m, n], and which of its values is added at (i, j). */
const addends: [string, number[], (i: number, j: number) => number][] = [
  ["one row for all", [0, 1], (_, j) => j],
  ["one column for all", [1, 0], (i) => i],
  ["one number", [0, 0], () => 0],
  ["a transposed matrix", [1, 100], (i, j) => i + 100 * j],
];
const addendSizes = [
  [3, 3, 3],
  [40, 1, 64],
  [64, 10, 300],
  [10, 64, 30],
  [20, 33, 17],
];

test.each(
  addends.flatMap(([name, strides, index]) =>
    addendSizes.map(([m, n, k]) => [name, m!, n!, k!, strides, index] as const),
  ),
)("%s added to %ix%i over %i", (_, m, n, k, strides, index) => {
  const [a, b, added] = [integers(m * k), integers(k * n), integers(100 * 100)];
  const out = place(heap, "float32", [m, n], new Array(m * n).fill(Number.NaN));
  const old = { address: place(heap, "float32", [added.length], added).address, strides };
  const A = place(heap, "float32", [m, k], a);
  const B = place(heap, "float32", [k, n], b, [1, k]);
  run("float32")([], m, n, k, out, A, B, 2, 3, old);
  const expected = multiply(1, m, n, k, a, b).map(
    (value, at) => 2 * value + 3 * added[index(Math.floor(at / n), at % n)]!,
  );
  expect(take(heap, "float32", [m, n], out)).toEqual(expected);
});

test("int64 keeps all bits, and scales by alpha and beta", () => {
  const A = place(heap, "int64", [1, 2], [2 ** 40, 3]);
  const B = place(heap, "int64", [2, 1], [2 ** 12, 5]);
  const out = place(heap, "int64", [1, 1], [7]);
  run("int64")([], 1, 1, 2, out, A, B, 2, 3);
  expect(heap.i64[out.address / 8]).toBe(2n * (2n ** 52n + 15n) + 21n);
});

test.each(["float16", "bfloat16"] as RealName[])("%s sums in float32 and rounds once", (dtype) => {
  const k = 4096; // 1 + 4095 · 2^-12: each step alone would round away
  const a = Array.from({ length: k }, (_, i) => (i === 0 ? 1 : 2 ** -12));
  const [m, n] = [3, 5];
  const A = place(heap, dtype, [m, k], [...a, ...a, ...a]);
  const B = place(heap, dtype, [k, n], new Array(k * n).fill(1));
  const out = place(heap, dtype, [m, n], new Array(m * n).fill(4));
  run(dtype)([], m, n, k, out, A, B, 1, 1);
  expect(take(heap, dtype, [m, n], out)).toEqual(new Array(m * n).fill(6));
});

test.each([true, false])("float32 sums over several blocks of depth (relaxed: %s)", (relaxed) => {
  const [m, n, k] = [9, 1030, 520];
  const [a, b] = [integers(m * k), integers(k * n)];
  const old = integers(m * n);
  const out = place(heap, "float32", [m, n], old);
  const A = place(heap, "float32", [m, k], a);
  const B = place(heap, "float32", [k, n], b, [1, k]);
  run("float32", relaxed && ctx.relaxed)([], m, n, k, out, A, B, 2, 3);
  const expected = multiply(1, m, n, k, a, b).map((value, i) => 2 * value + 3 * old[i]!);
  expect(take(heap, "float32", [m, n], out)).toEqual(expected);
});

test("rows in several blocks", () => {
  const [m, n, k] = [259, 9, 6];
  const [a, b] = [integers(m * k), integers(k * n)];
  const out = place(heap, "float64", [m, n], new Array(m * n).fill(0));
  run("float64")([], m, n, k, out, place(heap, "float64", [m, k], a), place(heap, "float64", [k, n], b), 1, 0);
  expect(take(heap, "float64", [m, n], out)).toEqual(multiply(1, m, n, k, a, b));
});

/** Batch strides of operands against [2, 3] batches. */
const broadcasts: [string, number[], number[]][] = [
  ["b shared by all", [3, 1], [0, 0]],
  ["a shared by all", [0, 0], [3, 1]],
  ["a shared by the inner batch", [1, 0], [3, 1]],
  ["b shared by the outer batch", [3, 1], [0, 1]],
  ["both broadcast", [1, 0], [0, 1]],
];

test.each(broadcasts)("batches with %s", (_name, aBatch, bBatch) => {
  const shapes = [[6, 6, 5] as const, [1, 7, 9] as const, [11, 1, 20] as const];
  for (const [m, n, k] of shapes) {
    const [a, b] = [integers(6 * m * k), integers(6 * k * n)];
    const operand = (values: number[], rows: number, columns: number, batch: number[]): Operand => {
      const { address } = place(heap, "float32", [6 * rows * columns], values);
      return { address, strides: [...batch.map((s) => s * rows * columns), columns, 1] };
    };
    const out = place(heap, "float32", [2, 3, m, n], new Array(6 * m * n).fill(0));
    run("float32")([2, 3], m, n, k, out, operand(a, m, k, aBatch), operand(b, k, n, bBatch), 1, 0);
    const expected = [0, 1, 2, 3, 4, 5].flatMap((z) => {
      const pick = (values: number[], count: number, [outer, inner]: number[]): number[] => {
        const start = (Math.floor(z / 3) * outer! + (z % 3) * inner!) * count;
        return values.slice(start, start + count);
      };
      return multiply(1, m, n, k, pick(a, m * k, aBatch), pick(b, k * n, bBatch));
    });
    expect(take(heap, "float32", [2, 3, m, n], out)).toEqual(expected);
  }
});

test("k = 0 leaves beta times out, and beta = 0 does not read it", () => {
  const nothing = { address: heap.alloc(64), strides: [0, 1] };
  const out = place(heap, "float32", [2, 2], [1, 2, 3, 4]);
  run("float32")([], 2, 2, 0, out, nothing, nothing, Number.NaN, 2);
  const unset = place(heap, "float32", [2, 2], new Array(4).fill(Number.NaN));
  run("float32")([], 2, 2, 0, unset, nothing, nothing, 1, 0);
  expect([take(heap, "float32", [2, 2], out), take(heap, "float32", [2, 2], unset)]).toEqual([
    [2, 4, 6, 8],
    [0, 0, 0, 0],
  ]);
});

test.each([
  [1, 64, 64],
  [64, 1, 64],
  [20, 30, 40],
  [2, 2, 2],
])("%ix%i over %i with beta = 0 ignores NaN in out", (m, n, k) => {
  const out = place(heap, "float32", [m, n], new Array(m * n).fill(Number.NaN));
  const ones = place(heap, "float32", [64, 64], new Array(4096).fill(1));
  run("float32")([], m, n, k, out, { ...ones, strides: [64, 1] }, { ...ones, strides: [64, 1] }, 1, 0);
  expect(take(heap, "float32", [m, n], out)).toEqual(new Array(m * n).fill(k));
});

test("a NaN of an operand reaches its row only", () => {
  const a = new Array(20 * 20).fill(1);
  a[5 * 20 + 3] = Number.NaN;
  const out = place(heap, "float32", [20, 20], new Array(400).fill(0));
  const ones = place(heap, "float32", [20, 20], new Array(400).fill(1));
  run("float32")([], 20, 20, 20, out, place(heap, "float32", [20, 20], a), ones, 1, 0);
  const rows = Array.from({ length: 400 }, (_, i) => (Math.floor(i / 20) === 5 ? Number.NaN : 20));
  expect(take(heap, "float32", [20, 20], out)).toEqual(rows);
});

test("results depend neither on the address nor on the rows beside them", () => {
  const [m, n, k] = [37, 29, 300];
  const a = Array.from({ length: m * k }, random);
  const b = Array.from({ length: k * n }, random);
  const B = place(heap, "float32", [k, n], b);
  const A = place(heap, "float32", [m, k], a);
  const whole = place(heap, "float32", [m, n], new Array(m * n).fill(0));
  run("float32")([], m, n, k, whole, A, B, 0.3, 0);
  const { address } = place(heap, "float32", [m * k + 1], [0, ...a]);
  const shifted = { address: address + 4, strides: [k, 1] };
  const part = place(heap, "float32", [m - 5, n + 1], new Array((m - 5) * (n + 1)).fill(0));
  run("float32")([], m - 5, n, k, part, { ...shifted, address: shifted.address + 5 * k * 4 }, B, 0.3, 0);
  const expected = take(heap, "float32", [m, n], whole).slice(5 * n);
  expect(take(heap, "float32", [m - 5, n], { ...part, strides: [n + 1, 1] })).toEqual(expected);
});

test("empty results and empty batches touch nothing, and all buffers are given back", () => {
  const before = heap.allocated;
  const nowhere = { address: 64, strides: [0, 0, 0] };
  run("float32")([0], 4, 4, 4, nowhere, nowhere, nowhere, 1, 0);
  run("float32")([2], 0, 4, 4, nowhere, nowhere, nowhere, 1, 0);
  run("float32")([2], 4, 0, 4, nowhere, nowhere, nowhere, 1, 0);
  expect(heap.allocated).toBe(before);
});

test("booleans are refused by name", () => {
  expect(() => run("bool")).toThrow("not implemented for 'Bool'");
});
