import fc from "fast-check";
import { expect, test } from "vitest";
import { referenceCompiler } from "../../src/backends/reference/index.ts";
import { gather } from "../../src/backends/wasm/gather.ts";
import { scatter } from "../../src/backends/wasm/scatter.ts";
import type { RealName } from "../../src/core/dtype.ts";
import type { ScatterKernel } from "../../src/ir/kernel.ts";
import { dense, place, randomNumbers, take, wasmContext } from "./wasm-fixture.ts";

const ctx = wasmContext();
const { heap } = ctx;
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const dtypeNames = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"];

test.each(dtypeNames as RealName[])("rows of a %s table are chosen by one index per row", (dtype) => {
  const values = range(5 * 7).map((i) => (dtype === "bool" ? i % 2 : i));
  const source = place(heap, dtype, [5, 7], values);
  const index = place(heap, "int64", [3], [4, -5, 2]);
  const out = place(heap, dtype, [3, 7], new Array(21).fill(0));
  const run = gather({ skeleton: "gather", dtype, indices: 1 }, ctx);
  const result = run([3, 7], out, { ...source, strides: [0, 1] }, [{ ...index, strides: [1, 0] }], {
    sizes: [5],
    strides: [7],
  });
  expect(result).toBeNull();
  const expected = [4, 0, 2].flatMap((row) => values.slice(row * 7, row * 7 + 7));
  expect(take(heap, dtype, [3, 7], out)).toEqual(expected);
});

test("long rows, and rows of every length, arrive whole", () => {
  const run = gather({ skeleton: "gather", dtype: "int16", indices: 1 }, ctx);
  const lengths = [1, 2, 3, 7, 8, 9, 15, 17, 31, 255, 256, 257, 1000];
  const outputs = lengths.map((length) => {
    const source = place(heap, "int16", [2, length], range(2 * length));
    const index = place(heap, "int64", [2], [1, 0]);
    const out = place(heap, "int16", [2, length + 1], new Array(2 * length + 2).fill(-1));
    run([2, length], out, { ...source, strides: [0, 1] }, [{ ...index, strides: [1, 0] }], {
      sizes: [2],
      strides: [length],
    });
    return take(heap, "int16", [2, length + 1], out);
  });
  expect(outputs).toEqual(lengths.map((n) => [...range(n).map((i) => n + i), -1, ...range(n), -1]));
});

test("two indices, strided operands and a reversed output", () => {
  const source = place(heap, "float32", [4, 3, 5], range(60), [1, 20, 4]);
  const i = place(heap, "int64", [2, 1], [3, -4]);
  const j = place(heap, "int64", [1, 3], [0, -1, 2]);
  const out = place(heap, "float32", [2, 3, 3], new Array(18).fill(0), [-9, 1, 3]);
  const run = gather({ skeleton: "gather", dtype: "float32", indices: 2 }, ctx);
  // source[i, :, j] with the chosen dims first
  run(
    [2, 3, 3],
    out,
    { ...source, strides: [0, 0, 20] },
    [
      { ...i, strides: [1, 0, 0] },
      { ...j, strides: [0, 1, 0] },
    ],
    { sizes: [4, 5], strides: [1, 4] },
  );
  const expected = [3, 0].flatMap((a) => [0, 4, 2].flatMap((c) => [0, 1, 2].map((b) => a * 15 + b * 5 + c)));
  expect(take(heap, "float32", [2, 3, 3], out)).toEqual(expected);
});

test("a 0-dim gather reads one element", () => {
  const source = place(heap, "float64", [3], [5, 6, 7]);
  const index = place(heap, "int64", [], [-1]);
  const out = place(heap, "float64", [], [0]);
  const run = gather({ skeleton: "gather", dtype: "float64", indices: 1 }, ctx);
  run([], out, { ...source, strides: [] }, [index], { sizes: [3], strides: [1] });
  expect(take(heap, "float64", [], out)).toEqual([7]);
});

test("a tensor of more dims than the scratch table holds is walked all the same", () => {
  const shape = new Array(12).fill(2) as number[];
  const source = place(
    heap,
    "uint8",
    shape,
    range(4096).map((i) => i % 251),
    dense(shape).reverse(),
  );
  const index = place(heap, "int64", [1], [0]);
  const many = new Array(64).fill({ ...index, strides: new Array(12).fill(0) });
  const out = place(heap, "uint8", shape, new Array(4096).fill(0));
  const run = gather({ skeleton: "gather", dtype: "uint8", indices: 64 }, ctx);
  const before = heap.allocated;
  const result = run(shape, out, source, many, { sizes: new Array(64).fill(1), strides: new Array(64).fill(1) });
  expect([result, heap.allocated]).toEqual([null, before]);
  expect(take(heap, "uint8", shape, out)).toEqual(range(4096).map((i) => i % 251));
});

test("an empty shape reads no index", () => {
  const run = gather({ skeleton: "gather", dtype: "float32", indices: 1 }, ctx);
  const index = place(heap, "int64", [1], [99]);
  const nowhere = { address: 64, strides: [0, 0] };
  expect(run([0, 1], nowhere, nowhere, [{ ...index, strides: [0, 0] }], { sizes: [3], strides: [1] })).toBeNull();
});

test.each([
  [[0, 3, -1], 0, 3],
  [[0, 1, -4], 0, -4],
  [[2 ** 40, 1, 0], 0, 2 ** 40],
])("the first index of %j out of bounds is reported", (indices, operand, value) => {
  const source = place(heap, "float32", [3], [1, 2, 3]);
  const good = place(heap, "int64", [3], [0, 0, 0]);
  const bad = place(heap, "int64", [3], indices);
  const out = place(heap, "float32", [3], [7, 7, 7]);
  const target = { ...source, strides: [0] };
  const space = { sizes: [3], strides: [1] };
  const gathered = gather({ skeleton: "gather", dtype: "float32", indices: 1 }, ctx)([3], out, target, [bad], space);
  expect(gathered).toEqual({ operand, value });
  expect(take(heap, "float32", [3], out)).toEqual([7, 7, 7]);
  const two = { sizes: [3, 3], strides: [1, 1] };
  const run = scatter({ skeleton: "scatter", mode: "add", dtype: "float32", indices: 2 }, ctx);
  expect(run([3], target, out, [good, bad], two)).toEqual({ operand: operand + 1, value });
  expect(take(heap, "float32", [3], source)).toEqual([1, 2, 3]);
});

test("set writes in row-major order, so that the last of several wins", () => {
  const target = place(heap, "int32", [3], [0, 0, 0]);
  const source = place(heap, "int32", [2, 2], [1, 2, 3, 4], [1, 2]);
  const index = place(heap, "int64", [2, 2], [0, 1, 1, 0]);
  const run = scatter({ skeleton: "scatter", mode: "set", dtype: "int32", indices: 1 }, ctx);
  run([2, 2], { ...target, strides: [0, 0] }, source, [index], { sizes: [3], strides: [1] });
  expect(take(heap, "int32", [3], target)).toEqual([4, 3, 0]);
});

type Mode = ScatterKernel["mode"];
const results: [Mode, RealName, number[]][] = [
  ["add", "float32", [11, 9.5, 3]],
  ["mul", "float32", [16, 25, 3]],
  ["min", "float64", [1, 2, 3]],
  ["max", "float32", [8, 5, 3]],
  ["add", "float16", [11, 9.5, 3]],
  ["mul", "bfloat16", [16, 25, 3]],
  ["add", "int64", [11, 9, 3]],
  ["mul", "int32", [16, 20, 3]],
  ["min", "int64", [1, 2, 3]],
  ["max", "int8", [8, 5, 3]],
];

test.each(results)("%s accumulates %s", (mode, dtype, expected) => {
  const target = place(heap, dtype, [3], [1, 2, 3]);
  const source = place(heap, dtype, [4], [2, 2.5, 8, 5]);
  const index = place(heap, "int64", [4], [0, 1, 0, -2]);
  const run = scatter({ skeleton: "scatter", mode, dtype, indices: 1 }, ctx);
  run([4], { ...target, strides: [0] }, source, [index], { sizes: [3], strides: [1] });
  expect(take(heap, dtype, [3], target)).toEqual(expected);
});

test("booleans add as or and multiply as and", () => {
  const index = place(heap, "int64", [3], [0, 1, 1]);
  const source = place(heap, "bool", [3], [1, 1, 0]);
  const outputs = (["add", "mul"] as const).map((mode) => {
    const target = place(heap, "bool", [2], [1, 1]);
    const run = scatter({ skeleton: "scatter", mode, dtype: "bool", indices: 1 }, ctx);
    run([3], { ...target, strides: [0] }, source, [index], { sizes: [2], strides: [1] });
    return take(heap, "bool", [2], target);
  });
  expect(outputs).toEqual([
    [1, 1],
    [1, 0],
  ]);
});

test("int8 wraps around and NaN wins a minimum", () => {
  const index = place(heap, "int64", [1], [0]);
  const narrow = place(heap, "int8", [1], [127]);
  const add = scatter({ skeleton: "scatter", mode: "add", dtype: "int8", indices: 1 }, ctx);
  const space = { sizes: [1], strides: [1] };
  add([1], narrow, place(heap, "int8", [1], [1]), [index], space);
  const floats = place(heap, "float32", [1], [1]);
  const min = scatter({ skeleton: "scatter", mode: "min", dtype: "float32", indices: 1 }, ctx);
  min([1], floats, place(heap, "float32", [1], [Number.NaN]), [index], space);
  expect([take(heap, "int8", [1], narrow), take(heap, "float32", [1], floats)]).toEqual([[-128], [Number.NaN]]);
});

test.each([
  "float32",
  "float64",
  "int32",
  "float16",
  "uint8",
] as RealName[])("rows of %s accumulate as elements do", (dtype) => {
  const random = randomNumbers(7);
  const [rows, length] = [20, 13];
  const values = range(rows * length).map(() => Math.floor(random() * 4));
  const chosen = range(rows).map(() => Math.floor(random() * 4));
  const target = place(heap, dtype, [4, length], new Array(4 * length).fill(1));
  const run = scatter({ skeleton: "scatter", mode: "add", dtype, indices: 1 }, ctx);
  const index = place(heap, "int64", [rows], chosen);
  run(
    [rows, length],
    { ...target, strides: [0, 1] },
    place(heap, dtype, [rows, length], values),
    [{ ...index, strides: [1, 0] }],
    { sizes: [4], strides: [length] },
  );
  const expected = new Array<number>(4 * length).fill(1);
  values.forEach((value, i) => {
    expected[chosen[Math.floor(i / length)]! * length + (i % length)]! += value;
  });
  expect(take(heap, dtype, [4, length], target)).toEqual(expected);
});

const shapes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 0, maxLength: 4 });
const modes = fc.constantFrom<Mode | "gather">("gather", "set", "add", "mul", "min", "max");
const dtypeArbitrary = fc.constantFrom<RealName>("uint8", "int16", "int64", "float16", "float32", "float64");

/** Strides of a tensor whose dims lie in any order in memory, or broadcast where `broadcast` says. */
function shuffled(shape: readonly number[], order: readonly number[], broadcast = 0): number[] {
  const dims = shape.map((_, dim) => dim).sort((a, b) => order[a]! - order[b]!);
  const strides = new Array<number>(shape.length).fill(0);
  let step = 1;
  for (const dim of dims) {
    if ((broadcast >> dim) & 1) continue;
    strides[dim] = step;
    step *= shape[dim]!;
  }
  return strides;
}

test("any shape, layout and mode: as the reference", () => {
  const reference = referenceCompiler(heap);
  const order = fc.array(fc.nat(), { minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(
      fc.record({ shape: shapes, mode: modes, dtype: dtypeArbitrary, a: order, b: order, broadcast: fc.nat(15) }),
      fc.infiniteStream(fc.nat(1000)),
      ({ shape, mode, dtype, a, b, broadcast }, stream) => {
        const next = (below: number): number => stream.next().value % below;
        const fill = (count: number): number[] => range(count).map(() => next(7));
        const indices = [7, 3].map((size, k) =>
          place(
            heap,
            "int64",
            shape,
            range(625).map(() => next(2 * size) - size),
            shuffled(shape, a, broadcast >> k),
          ),
        );
        if (next(6) === 0) heap.i64[indices[next(2)]!.address / 8] = BigInt(next(2) === 0 ? 7 : -8);
        // The chosen side: [7, 3] blocks of its own position in the walk, laid out apart.
        const walked = place(heap, dtype, shape, fill(625), shuffled(shape, b));
        const table = fill(21 * 625);
        const chosenStrides = shuffled(shape, a, broadcast >> 1).map((stride) => stride * 21);
        const space = { sizes: [7, 3], strides: [3, 1] };
        const outcomes = [true, false].map((wasm) => {
          const chosen = { ...place(heap, dtype, [21 * 625], table), strides: chosenStrides };
          const copy = place(heap, dtype, shape, take(heap, dtype, shape, walked), walked.strides);
          const result =
            mode === "gather"
              ? (wasm
                  ? gather({ skeleton: "gather", dtype, indices: 2 }, ctx)
                  : reference.compile({ skeleton: "gather", dtype, indices: 2 }))(shape, copy, chosen, indices, space)
              : (wasm
                  ? scatter({ skeleton: "scatter", mode, dtype, indices: 2 }, ctx)
                  : reference.compile({ skeleton: "scatter", mode, dtype, indices: 2 }))(
                  shape,
                  chosen,
                  copy,
                  indices,
                  space,
                );
          const seen = [take(heap, dtype, shape, copy), take(heap, dtype, [21 * 625], { ...chosen, strides: [1] })];
          heap.free(chosen.address);
          heap.free(copy.address);
          return { result, seen };
        });
        expect(outcomes[0]).toEqual(outcomes[1]);
      },
    ),
    { numRuns: 80 },
  );
});
