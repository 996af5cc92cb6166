/** Kernels above the threshold: the same bits on one, two and three threads, and the reference's values. */
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { referenceCompiler } from "../../src/backends/reference/index.ts";
import { createContext, wasmCompiler } from "../../src/backends/wasm/compiler.ts";
import type { Call } from "../../src/backends/wasm/team.ts";
import { chooseThreads, threadCount, whyNoThreads } from "../../src/backends/wasm/threads.ts";
import { dtypes, type RealName } from "../../src/core/dtype.ts";
import { createHeap, type Heap } from "../../src/core/heap.ts";
import * as e from "../../src/ir/expr.ts";
import type { Compiler, Geometry, Kernel, Operand, Run } from "../../src/ir/kernel.ts";
import { decode, encode, randomNumbers } from "./wasm-fixture.ts";

const N = 2 ** 18 + 77;
const SIDE = 603; // SIDE * SIDE > 2^18, and no multiple of a vector

const heap = createHeap();
const context = createContext(heap);
const wasm = wasmCompiler(heap, context);
const reference = referenceCompiler(heap);

const at = (address: number, ...strides: number[]): Operand => ({ address, strides });

/** A new reservation with elements between -4 and 4; integers between -100 and 100. */
function random(dtype: RealName, count: number, seed = 1): number {
  const next = randomNumbers(seed);
  const address = heap.alloc(count * dtypes[dtype].itemsize);
  const window = new dtypes[dtype].array(heap.memory.buffer, address, count);
  for (let i = 0; i < count; i++) {
    const x = next() * 8 - 4;
    window[i] = encode(dtype, dtypes[dtype].category === "int" ? Math.round(x * 25) : x) as never;
  }
  return address;
}

/** The stored bytes at an address. */
const bytesAt = (address: number, bytes: number): Uint8Array => heap.u8.slice(address, address + bytes);

/** Runs a kernel with `threads` threads, and returns the bytes it wrote at `out`. */
function bytesOf<K extends Kernel>(
  compiler: Compiler,
  threads: number,
  kernel: K,
  call: (run: Run<K>) => unknown,
  [out, bytes]: readonly [number, number],
): Uint8Array {
  chooseThreads(threads);
  heap.u8.fill(0x55, out, out + bytes);
  call(compiler.compile(kernel));
  return bytesAt(out, bytes);
}

/** Expects the same bits from one, two and three threads, and from workers that took part; returns them. */
function sameBits<K extends Kernel>(
  kernel: K,
  call: (run: Run<K>) => unknown,
  out: readonly [number, number],
  joins = true,
): Uint8Array {
  const single = bytesOf(wasm, 1, kernel, call, out);
  for (const threads of [2, 3]) {
    const before = context.team.helped;
    const deadline = performance.now() + 10_000;
    do {
      const several = bytesOf(wasm, threads, kernel, call, out);
      expect(Buffer.compare(several, single)).toBe(0);
    } while (joins && context.team.helped === before && performance.now() < deadline);
    if (joins) expect(context.team.helped).toBeGreaterThan(before);
  }
  return single;
}

/** As `sameBits`, and the reference's values within a relative error. */
function likeReference<K extends Kernel>(
  kernel: K,
  dtype: RealName,
  call: (run: Run<K>) => unknown,
  [out, count]: readonly [number, number],
  error = 0,
  joins = true,
): void {
  const { array, itemsize } = dtypes[dtype];
  const bytes = count * itemsize;
  const ours = new array(sameBits(kernel, call, [out, bytes], joins).buffer as ArrayBuffer);
  const theirs = new array(bytesOf(reference, 1, kernel, call, [out, bytes]).buffer as ArrayBuffer);
  let worst = 0;
  for (let i = 0; i < count; i++) {
    const [x, y] = [decode(dtype, ours[i]!), decode(dtype, theirs[i]!)];
    if (!Object.is(x, y)) worst = Math.max(worst, Math.abs(x - y) / Math.max(1, Math.abs(y)));
  }
  expect(worst).toBeLessThanOrEqual(error);
}

let a = 0;
let b = 0;
let out = 0;

beforeAll(() => {
  a = random("float32", 4 * N, 1);
  b = random("float32", 4 * N, 2);
  out = heap.alloc(16 * N);
});
afterAll(() => chooseThreads(null));

const pointwise = (expr: e.Expr, inputs: readonly RealName[], output: RealName) =>
  ({ skeleton: "pointwise", expr, lane: output === "float64" ? "f64" : "f32", inputs, output }) as const;
const mulAdd = e.add(e.mul(e.load(0), e.load(1)), 3);

test("a dense pointwise kernel", () => {
  const kernel = pointwise(mulAdd, ["float32", "float32"], "float32");
  likeReference(kernel, "float32", (run) => run.dense("ccc")(N, out, a, b), [out, N], 1e-6);
});

test("a dense pointwise kernel with one element for all", () => {
  const kernel = pointwise(mulAdd, ["float32", "float32"], "float32");
  likeReference(kernel, "float32", (run) => run.dense("ccb")(N, out, a, b), [out, N], 1e-6);
});

test("a pointwise kernel of mixed dtypes", () => {
  const ints = random("int32", N);
  const kernel = pointwise(e.mul(e.load(0), e.load(1)), ["int32", "float32"], "float16");
  likeReference(kernel, "float16", (run) => run.dense("ccc")(N, out, ints, b), [out, N]);
});

test("a kernel that imports functions of Math", () => {
  const doubles = random("float64", N);
  const kernel = pointwise({ op: "unary", code: "sin", a: e.load(0) }, ["float64"], "float64");
  likeReference(kernel, "float64", (run) => run.dense("cc")(N, out, doubles), [out, N]);
});

test("a kernel that imports another function stays on the main thread", () => {
  const doubles = random("float64", N);
  const kernel = pointwise({ op: "unary", code: "erf", a: e.load(0) }, ["float64"], "float64");
  const before = context.team.helped;
  sameBits(kernel, (run) => run.dense("cc")(N, out, doubles), [out, 8 * N], false);
  expect(context.team.helped).toBe(before);
});

const layouts: readonly [string, readonly number[], readonly (readonly number[])[]][] = [
  [
    "a broadcast row",
    [SIDE, SIDE],
    [
      [SIDE, 1],
      [SIDE, 1],
      [0, 1],
    ],
  ],
  [
    "a transposed operand",
    [SIDE, SIDE],
    [
      [SIDE, 1],
      [SIDE, 1],
      [1, SIDE],
    ],
  ],
  [
    "a transposed result",
    [SIDE, SIDE],
    [
      [1, SIDE],
      [SIDE, 1],
      [1, SIDE],
    ],
  ],
  ["every second element", [N], [[1], [2], [3]]],
  [
    "two long rows",
    [2, N],
    [
      [N, 1],
      [N + 1, 1],
      [0, 1],
    ],
  ],
  [
    "three short outer dims",
    [2, 3, 60, 800],
    [
      [144000, 48000, 800, 1],
      [0, 48000, 800, 1],
      [1, 2, 6, 360],
    ],
  ],
];

test.each(layouts)("a strided pointwise kernel: %s", (_, shape, strides) => {
  const kernel = pointwise(mulAdd, ["float32", "float32"], "float32");
  const count = shape.reduce((x, y) => x * y, 1);
  const addresses = [out, a, b];
  const operands = strides.map((list, k) => at(addresses[k]!, ...list));
  likeReference(kernel, "float32", (run) => run.strided(shape, operands), [out, count], 1e-6);
});

const combines = ["sum", "prod", "min", "max", "and", "or", "argmax"] as const;
type Way = readonly [string, readonly number[], readonly number[], readonly number[]];
const ways: readonly Way[] = [
  ["all", [], [4 * N], [1]],
  ["all of a strided matrix", [], [SIDE, SIDE], [SIDE + 3, 2]],
  ["rows", [SIDE], [SIDE], [SIDE, 1]],
  ["columns", [SIDE], [SIDE], [1, SIDE]],
  ["few long rows", [3], [N], [N + 5, 1]],
  ["few long columns", [9], [40000], [1, 9]],
  ["planes of rows", [2, 20], [9, 900], [162000, 900, 18000, 1]],
];

test.each(combines.flatMap((combine) => ways.map((way) => [combine, ...way] as const)))("%s of %s", (...row) => {
  const [combine, name, outer, inner, strides] = row;
  const logical = combine === "and" || combine === "or";
  const output: RealName = combine === "argmax" ? "int64" : logical ? "bool" : "float32";
  // Products of ones and a few twos are exact.
  const factor = e.select(e.gt(e.load(0), 3.9999), 2, 1);
  const truth = e.gt(e.load(0), combine === "and" ? -5 : 3.9999);
  const pre = logical ? truth : combine === "prod" ? factor : e.load(0);
  const kernel = { skeleton: "reduce", combine, pre, post: null, lane: "f32", inputs: ["float32"], output } as const;
  const results = outer.reduce((x, y) => x * y, 1);
  const dense = outer.map((_, i) => outer.slice(i + 1).reduce((x, y) => x * y, 1));
  const call = (run: Run<typeof kernel>): void => run(outer, inner, at(out, ...dense), [at(a, ...strides)]);
  // Positions of few results side by side, or of one, are one thread's work.
  const joins = combine !== "argmax" || !/^all|few long columns/.test(name);
  likeReference(kernel, output, call, [out, results], combine === "sum" ? 5e-5 : 0, joins);
});

test("a mean knows the number of elements, also in blocks", () => {
  const post = e.div(e.load(0), e.load(1));
  const kernel = {
    skeleton: "reduce",
    combine: "sum",
    pre: e.constant(3),
    post,
    lane: "f32",
    inputs: ["float32"],
    output: "float16",
  } as const;
  sameBits(kernel, (run) => run([], [4 * N], at(out), [at(a, 1)]), [out, 2]);
  expect(heap.u16[out / 2]).toBe(0x4200);
});

test("a float32 sum in blocks is as exact as float64's", () => {
  const count = 4 * N;
  const values = new Float32Array(heap.memory.buffer, a, count);
  let exact = 0;
  for (const value of values) exact += value;
  const kernel = {
    skeleton: "reduce",
    combine: "sum",
    pre: e.load(0),
    post: null,
    lane: "f32",
    inputs: ["float32"],
    output: "float32",
  } as const;
  sameBits(kernel, (run) => run([], [count], at(out), [at(a, 1)]), [out, 4]);
  const scale = values.reduce((sum, value) => sum + Math.abs(value), 0);
  expect(Math.abs(heap.f32[out / 4]! - exact) / scale).toBeLessThan(1e-8);
});

test("sums of integers", () => {
  const ints = random("int64", 2 * N);
  const kernel = {
    skeleton: "reduce",
    combine: "sum",
    pre: e.load(0),
    post: null,
    lane: "i64",
    inputs: ["int64"],
    output: "int64",
  } as const;
  likeReference(kernel, "int64", (run) => run([], [2 * N], at(out), [at(ints, 1)]), [out, 1]);
});

test("a scan of rows, with and without indices", () => {
  const sum = { skeleton: "scan", combine: "sum", input: "float32", lane: "f32", output: "float32" } as const;
  likeReference(
    sum,
    "float32",
    (run) => run([SIDE], SIDE, at(out, SIDE, 1), at(a, SIDE, 1), null),
    [out, SIDE * SIDE],
    1e-6,
  );
  const max = { ...sum, combine: "max" } as const;
  const indices = heap.alloc(SIDE * SIDE * 8);
  const call = (run: Run<typeof max>): void =>
    run([SIDE], SIDE, at(out, 1, SIDE), at(a, 1, SIDE), at(indices, 1, SIDE));
  likeReference(max, "int64", call, [indices, SIDE * SIDE]);
});

type Product = readonly [string, RealName, readonly number[], number, number, number];
const products: readonly Product[] = [
  ["square", "float32", [], 250, 250, 250],
  ["tall", "float32", [], 3001, 17, 300],
  ["wide", "float64", [], 19, 3003, 301],
  ["batched", "float32", [70], 64, 33, 80],
  ["few large", "float32", [2, 2], 160, 161, 162],
  ["halves", "float16", [], 222, 222, 222],
  ["integers", "int32", [], 230, 231, 232],
];

test.each(products)("a product: %s of %s", (_, dtype, batch, m, n, k) => {
  const count = batch.reduce((x, y) => x * y, 1);
  const [x, y] = [random(dtype, count * m * k, 3), random(dtype, count * k * n, 4)];
  const lead = (size: number): number[] => batch.map((_, i) => batch.slice(i + 1).reduce((p, q) => p * q, size));
  const [o, p, q] = [at(out, ...lead(m * n), n, 1), at(x, ...lead(m * k), k, 1), at(y, ...lead(k * n), 1, k)];
  const error = dtype === "float16" ? 2e-3 : dtype === "float64" ? 1e-12 : 2e-4;
  const kernel = { skeleton: "matmul", dtype } as const;
  likeReference(kernel, dtype, (run) => run(batch, m, n, k, o, p, q, 0.5, 0), [out, count * m * n], error);
});

test("a matrix times a vector, both ways round", () => {
  const [m, k] = [4100, 2500];
  const x = random("float32", m * k, 5);
  const kernel = { skeleton: "matmul", dtype: "float32" } as const;
  const rows = (run: Run<typeof kernel>): void => run([], m, 1, k, at(out, 1, 1), at(x, k, 1), at(b, 1, 1), 1, 0);
  sameBits(kernel, rows, [out, 4 * m]);
  const columns = (run: Run<typeof kernel>): void => run([], m, 1, k, at(out, 1, 1), at(x, 1, m), at(b, 1, 1), 1, 0);
  likeReference(kernel, "float32", columns, [out, m], 1e-3);
});

const geometry: Geometry = {
  input: [20, 21],
  output: [20, 11],
  kernel: [3, 3],
  stride: [1, 2],
  padding: [1, 1],
  dilation: [1, 1],
};
const PLANES = 180;
const positions = 20 * 11;

test("images to columns and back", () => {
  const columns = PLANES * 9 * positions;
  const image = at(a, 420, 21, 1);
  const forth = { skeleton: "window", mode: "im2col", dtype: "float32" } as const;
  likeReference(forth, "float32", (run) => run(PLANES, geometry, image, out), [out, columns]);
  const back = { skeleton: "window", mode: "col2im", dtype: "float32" } as const;
  likeReference(back, "float32", (run) => run(PLANES, geometry, at(out, 420, 21, 1), a), [out, PLANES * 420], 1e-6);
});

/** 3x3 on transformed tiles, and others by taps. */
const convolutions = [
  ["3x3", [3, 3], [1, 1], [40, 40]],
  ["5x5 with stride 2", [5, 5], [2, 2], [18, 18]],
] as const;
test.each(
  convolutions.flatMap((row) => (["map", "image", "weight"] as const).map((result) => [result, ...row] as const)),
)("the %s of a convolution, %s", (result, _, kernel, stride, output) => {
  const [images, channels, filters] = [4, 24, 20];
  const sizes = {
    ...{ images, groups: 1, channels, filters, kernel, stride, output, input: [40, 40] },
    ...{ padding: [1, 1], dilation: [1, 1] },
  };
  const counts = {
    image: images * channels * 1600,
    map: images * filters * output[0] * output[1],
    weight: filters * channels * kernel[0] * kernel[1],
  };
  const operands = { image: 0, map: 0, weight: 0, bias: 0 };
  for (const name of ["image", "map", "weight"] as const) operands[name] = random("float32", counts[name], 7);
  const described = { skeleton: "convolution", result, dtype: "float32" } as const;
  const joins = result !== "image" || stride[0] === 1; // its columns are multiplied in parts too small for that
  sameBits(described, (run) => run(sizes, operands), [operands[result], 4 * counts[result]], joins);
});

test("pools", () => {
  const max = { skeleton: "pool", mode: "max", dtype: "float32" } as const;
  const indices = heap.alloc(PLANES * positions * 8);
  const run = (pool: Run<typeof max>): void => pool(PLANES, geometry, out, a, indices, 0, false);
  likeReference(max, "int64", run, [indices, PLANES * positions]);
  likeReference(max, "float32", run, [out, PLANES * positions]);
  const maxBack = { ...max, mode: "maxBackward" } as const;
  const unpool = (pool: Run<typeof max>): void => pool(PLANES, geometry, out, a, indices, 0, false);
  likeReference(maxBack, "float32", unpool, [out, PLANES * 420], 1e-6);
  const avg = { ...max, mode: "avg" } as const;
  likeReference(avg, "float32", (pool) => pool(PLANES, geometry, out, a, 0, 0, true), [out, PLANES * positions], 1e-6);
  const back = { ...max, mode: "avgBackward" } as const;
  likeReference(back, "float32", (pool) => pool(PLANES, geometry, out, a, 0, 0, false), [out, PLANES * 420], 1e-6);
});

test("a gather of rows and of elements", () => {
  const index = heap.alloc(N * 8);
  for (let i = 0; i < N; i++) heap.i64[index / 8 + i] = BigInt(((i * 7919) % 600) - 300);
  const kernel = { skeleton: "gather", dtype: "float32", indices: 1 } as const;
  const space = { sizes: [300], strides: [500] };
  const rows = (run: Run<typeof kernel>): unknown =>
    run([700, 500], at(out, 500, 1), at(a, 0, 1), [at(index, 1, 0)], space);
  likeReference(kernel, "float32", rows, [out, 700 * 500]);
  const flat = { sizes: [300], strides: [1] };
  likeReference(kernel, "float32", (run) => run([N], at(out, 1), at(a, 0), [at(index, 1)], flat), [out, N]);
});

test.each([20, 300, 9000])("a sort of rows of %i", (length) => {
  const rows = Math.ceil(300_000 / length);
  const kernel = { skeleton: "sort", dtype: "float32", descending: true } as const;
  const indices = heap.alloc(rows * length * 8);
  const call = (run: Run<typeof kernel>): void => run(rows, length, out, indices, a);
  likeReference(kernel, "int64", call, [indices, rows * length]);
  likeReference(kernel, "float32", call, [out, rows * length]);
});

test("workers see memory that was added after they started", () => {
  const before = heap.reserved;
  const far = heap.alloc(Math.max(before, 64 << 20));
  expect(heap.reserved).toBeGreaterThan(before);
  const kernel = { skeleton: "window", mode: "im2col", dtype: "float32" } as const;
  const columns = PLANES * 9 * positions;
  likeReference(kernel, "float32", (run) => run(PLANES, geometry, at(a, 420, 21, 1), far), [far, columns]);
  heap.free(far);
});

test("a call that fails on the main thread throws when all others are done", () => {
  const row = wasm.compile(pointwise(mulAdd, ["float32", "float32"], "float32"));
  const bytes = [0, 1, 2, 3].map((i): Call => {
    const func =
      i === 0
        ? () => {
            throw new Error("broken");
          }
        : (row.dense("ccc") as Call["func"]);
    return { func, args: [16, out, a, b] };
  });
  chooseThreads(2);
  expect(() => context.team.run(bytes)).toThrow("broken");
});

test("a heap that is not shared has one thread, and the same results", () => {
  const plain: Heap = createHeap({ shared: false });
  const [x, o] = [plain.alloc(4 * N), plain.alloc(4 * N)];
  plain.f32.set(heap.f32.subarray(a / 4, a / 4 + N), x / 4);
  chooseThreads(2);
  const alone = createContext(plain);
  expect(alone.team.threads).toBe(1);
  const kernel = pointwise(e.mul(e.load(0), 3), ["float32"], "float32");
  wasmCompiler(plain, alone).compile(kernel).dense("cc")(N, o, x);
  wasm.compile(kernel).dense("cc")(N, out, a);
  const ours = plain.u8.slice(o, o + 4 * N);
  expect(Buffer.compare(ours, bytesAt(out, 4 * N))).toBe(0);
  expect(whyNoThreads(false)).toBe("the memory is not shared");
});

test("where workers do not start there is one thread, with a reason", async () => {
  class Worker {
    constructor() {
      throw new Error("not allowed");
    }
  }
  const builtin = process.getBuiltinModule;
  vi.spyOn(process, "getBuiltinModule").mockImplementation(((name: string) =>
    name === "node:worker_threads" ? { Worker } : builtin(name)) as typeof builtin);
  vi.resetModules();
  const compiler = await import("../../src/backends/wasm/compiler.ts");
  const threads = await import("../../src/backends/wasm/threads.ts");
  const own = compiler.createContext(heap);
  threads.chooseThreads(2);
  const kernel = pointwise(e.mul(e.load(0), 3), ["float32"], "float32");
  compiler.wasmCompiler(heap, own).compile(kernel).dense("cc")(N, out, a);
  vi.restoreAllMocks();
  expect(heap.f32[out / 4 + N - 1]).toBe(Math.fround(heap.f32[a / 4 + N - 1]! * 3));
  expect(own.team.threads).toBe(1);
  expect(threads.whyNoThreads(true)).toBe("workers do not start (not allowed)");
});

test("the default is one thread per processor, up to eight", async () => {
  chooseThreads(null);
  const { availableParallelism } = await import("node:os");
  expect(threadCount()).toBe(Math.min(8, availableParallelism()));
});

test("workers keep no process alive", { timeout: 30_000 }, () => {
  const program = `
    import { createContext, wasmCompiler } from "./src/backends/wasm/compiler.ts";
    import { chooseThreads } from "./src/backends/wasm/threads.ts";
    import { createHeap } from "./src/core/heap.ts";
    const heap = createHeap();
    const context = createContext(heap);
    const [n, a] = [2 ** 20, heap.alloc(2 ** 22)];
    const expr = { op: "unary", code: "neg", a: { op: "load", index: 0, as: "lane" } };
    const kernel = { skeleton: "pointwise", expr, lane: "f32", inputs: ["float32"], output: "float32" };
    const run = wasmCompiler(heap, context).compile(kernel).dense("cc");
    chooseThreads(3);
    const end = Date.now() + 10_000;
    while (context.team.helped === 0 && Date.now() < end) run(n, a, a);
    process.stdout.write(context.team.helped > 0 ? "helped" : "alone");`;
  const args = ["--import", "tsx", "--input-type=module", "-e", program];
  expect(execFileSync(process.execPath, args, { encoding: "utf8", timeout: 25_000 })).toBe("helped");
});
