/** Products by an installed BLAS against the reference, and what is said where there is none. */
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { blas, blasSwitch, withBlas } from "../../src/backends/native/compiler.ts";
import { findBlas } from "../../src/backends/native/library.ts";
import { referenceCompiler } from "../../src/backends/reference/index.ts";
import { wasmCompiler } from "../../src/backends/wasm/compiler.ts";
import { createHeap } from "../../src/core/heap.ts";
import * as torch from "../../src/index.ts";
import type { Compiler, MatmulKernel, Operand } from "../../src/ir/kernel.ts";
import { dense, place, randomNumbers, take } from "./wasm-fixture.ts";

const found = blas();

interface Case {
  readonly name: string;
  readonly batch?: readonly number[];
  readonly sizes: readonly [m: number, n: number, k: number];
  readonly out?: readonly number[];
  readonly a?: readonly number[];
  readonly b?: readonly number[];
}

const cases: readonly Case[] = [
  { name: "square", sizes: [40, 40, 40] },
  { name: "transposed left", sizes: [31, 50, 37], a: [1, 31] },
  { name: "transposed right", sizes: [31, 50, 37], b: [1, 37] },
  { name: "both transposed, result too", sizes: [31, 50, 37], out: [1, 31], a: [1, 31], b: [1, 37] },
  { name: "rows apart", sizes: [31, 50, 37], out: [60, 1], a: [41, 1], b: [53, 1] },
  { name: "strided both ways, which BLAS refuses", sizes: [31, 50, 37], a: [80, 2] },
  { name: "a strided result, which BLAS refuses", sizes: [31, 50, 37], out: [120, 2] },
  { name: "one row for all, which BLAS refuses", sizes: [31, 50, 37], a: [0, 1] },
  { name: "a batch", batch: [3, 2], sizes: [30, 31, 32] },
  { name: "a batch that shares the right side", batch: [5], sizes: [30, 31, 32], b: [0, 31, 1] },
  { name: "a batch of rows times one matrix", batch: [50], sizes: [1, 31, 32], b: [0, 31, 1] },
  { name: "heads side by side", batch: [4], sizes: [30, 30, 32], out: [30, 120, 1], a: [32, 128, 1], b: [32, 1, 128] },
  { name: "matrix times column", sizes: [300, 1, 200] },
  { name: "row times matrix", sizes: [1, 300, 200] },
  { name: "transposed matrix times strided column", sizes: [300, 1, 200], out: [2, 1], a: [1, 300], b: [3, 1] },
  { name: "matrix times one element for all", sizes: [300, 1, 200], b: [0, 1] },
  { name: "an outer product", sizes: [200, 200, 1] },
  { name: "a dot product", sizes: [1, 1, 50_000] },
];

/** The elements of the result, for operands laid out as the case says. */
function product(
  compile: (heap: ReturnType<typeof createHeap>) => Compiler,
  { batch = [], sizes: [m, n, k], ...strides }: Case,
  dtype: MatmulKernel["dtype"],
  [alpha, beta]: readonly [number, number],
  old: number | null = null,
): number[] {
  const heap = createHeap({ initial: 1 << 22, maximum: 1 << 26 });
  const next = randomNumbers(9);
  const operand = (shape: readonly number[], list: readonly number[] | undefined, value: number | null): Operand => {
    const count = shape.reduce((x, y) => x * y, 1);
    const values = Array.from({ length: count }, () => value ?? next() - 0.5);
    // Elements that share a place hold the same value: the last one written.
    return place(heap, dtype, shape, values, list ?? dense(shape));
  };
  const a = operand([...batch, m, k], strides.a, null);
  const b = operand([...batch, k, n], strides.b, null);
  const out = operand([...batch, m, n], strides.out, old);
  compile(heap).compile({ skeleton: "matmul", dtype })(batch, m, n, k, out, a, b, alpha, beta);
  return take(heap, dtype, [...batch, m, n], out);
}

/** A compiler that must not be reached. */
const none: Compiler = {
  name: "none",
  compile: () =>
    (() => {
      throw new Error("not by BLAS");
    }) as never,
};

function largestError(ours: readonly number[], theirs: readonly number[]): number {
  return ours.reduce((worst, x, i) => Math.max(worst, Object.is(x, theirs[i]) ? 0 : Math.abs(x - theirs[i]!)), 0);
}

afterEach(() => {
  blasSwitch.enabled = true;
  vi.restoreAllMocks();
});

describe.skipIf(typeof found === "string")(`with a BLAS (${typeof found === "string" ? found : found.name})`, () => {
  const table = (["float32", "float64"] as const).flatMap((dtype) => cases.map((c) => [dtype, c.name, c] as const));

  test.each(table)("%s: %s", (dtype, name, c) => {
    const refused = /refuses|one element for all/.test(name);
    const ours = product((heap) => withBlas(refused ? referenceCompiler(heap) : none, heap), c, dtype, [0.5, 2]);
    const theirs = product(referenceCompiler, c, dtype, [0.5, 2]);
    expect(largestError(ours, theirs)).toBeLessThan(dtype === "float32" ? 2e-4 : 1e-12);
  });

  test.each(["matrix times column", "row times matrix", "square"])("beta 0 does not read the result: %s", (name) => {
    const c = cases.find((other) => other.name === name)!;
    const ours = product((heap) => withBlas(none, heap), c, "float32", [1, 0], Number.NaN);
    const theirs = product(referenceCompiler, c, "float32", [1, 0], 0);
    expect(largestError(ours, theirs)).toBeLessThan(2e-4);
  });

  test.each([
    ["one row for all", [0, 1]],
    ["one column for all", [1, 0]],
  ])("%s is added", (_, strides) => {
    const heap = createHeap({ initial: 1 << 22, maximum: 1 << 26 });
    const values = Array.from({ length: 40 }, (_, i) => i);
    const [ones, added] = [
      place(heap, "float32", [1600], new Array(1600).fill(1)),
      place(heap, "float32", [40], values),
    ];
    const out = place(heap, "float32", [40, 40], new Array(1600).fill(Number.NaN));
    const square = { address: ones.address, strides: [40, 1] };
    const run = withBlas(wasmCompiler(heap), heap).compile({ skeleton: "matmul", dtype: "float32" });
    run([], 40, 40, 40, out, square, square, 1, 2, { address: added.address, strides });
    const expected = Array.from(
      { length: 1600 },
      (_, at) => 40 + 2 * (strides[0] === 0 ? at % 40 : Math.floor(at / 40)),
    );
    expect(take(heap, "float32", [40, 40], out)).toEqual(expected);
  });

  test("small products and other dtypes go to the compiler below", () => {
    const small: Case = { name: "small", sizes: [8, 8, 8] };
    expect(() => product((heap) => withBlas(none, heap), small, "float32", [1, 0])).toThrow("not by BLAS");
    expect(() => product((heap) => withBlas(none, heap), cases[0]!, "int32", [1, 0])).toThrow("not by BLAS");
  });

  test("switched off, products go to the compiler below", () => {
    torch.backends.blas.enabled = false;
    expect(() => product((heap) => withBlas(none, heap), cases[0]!, "float32", [1, 0])).toThrow("not by BLAS");
    expect(torch.config.show()).toMatch(/BLAS: .*, switched off/);
  });

  test("torch.backends.blas says what was found", () => {
    expect(torch.backends.blas.isAvailable()).toBe(true);
    expect(torch.config.show()).toContain(`BLAS: ${torch.backends.blas.name}`);
  });

  test("a matmul of tensors is the same with and without", () => {
    const [x, y] = [
      torch
        .tensor([
          [1, 2],
          [3, 4],
        ])
        .repeat(30, 30),
      torch
        .tensor([
          [1, -1],
          [0, 2],
        ])
        .repeat(30, 30),
    ];
    const by = x.matmul(y);
    torch.backends.blas.enabled = false;
    expect(torch.equal(x.matmul(y), by)).toBe(true);
    expect(by.at(0, 0).item()).toBe(30);
    expect(by.at(1, 1).item()).toBe(150);
  });
});

describe("without a BLAS", () => {
  beforeAll(() => expect(typeof process.getBuiltinModule).toBe("function"));

  test("the optional package is missing", () => {
    const createRequire = () => () => {
      throw new Error("Cannot find module");
    };
    vi.spyOn(process, "getBuiltinModule").mockReturnValue({ createRequire } as never);
    expect(findBlas()).toBe("the optional package koffi is not installed");
  });

  test("no library loads", () => {
    const load = () => {
      throw new Error("cannot open shared object file");
    };
    vi.spyOn(process, "getBuiltinModule").mockReturnValue({ createRequire: () => () => ({ load }) } as never);
    expect(findBlas()).toMatch(/^no BLAS library found \(looked for libopenblas\.so\.0, /);
  });

  test("the runtime has no modules of Node", () => {
    vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined as never);
    expect(findBlas()).toBe("this runtime cannot load native libraries");
  });
});

test("enabled takes a boolean", () => {
  expect(() => {
    torch.backends.blas.enabled = 1 as unknown as boolean;
  }).toThrow(TypeError);
});
