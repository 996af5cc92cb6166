/** Row kernels and updates of the WASM backend against the reference. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { referenceCompiler } from "../../src/backends/reference/index.ts";
import { wasmCompiler } from "../../src/backends/wasm/compiler.ts";
import { createHeap } from "../../src/core/heap.ts";
import * as e from "../../src/ir/expr.ts";
import { type Compiler, laneDType, type RowKernel, type UpdateKernel } from "../../src/ir/kernel.ts";
import { fill, read } from "../support/kernels.ts";

const heap = createHeap({ initial: 1 << 20, maximum: 1 << 27 });
const compilers: readonly Compiler[] = [wasmCompiler(heap), referenceCompiler(heap)];

const lanes = fc.constantFrom("f32" as const, "f64" as const);
const values = fc.array(fc.double({ min: -4, max: 4, noNaN: true }), { minLength: 1, maxLength: 60 });
/** Lengths below, at and beyond what is taken in blocks, with tails of every size. */
const lengths = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(64, 513, 1027));

type Numbers = readonly (number | bigint)[];

/** `terms`: how large what is added may be in all, since additions err by their terms and sums may cancel. */
function expectClose(got: Numbers, want: Numbers, lane: "f32" | "f64", terms: number): void {
  const tolerance = lane === "f32" ? 4e-7 : 1e-13;
  expect(got.length).toBe(want.length);
  got.forEach((x, i) => {
    const [a, b] = [Number(x), Number(want[i])];
    expect(Math.abs(a - b)).toBeLessThanOrEqual(tolerance * Math.max(terms, Math.abs(b)));
  });
}

const [a, b] = [e.load(0), e.load(1)];

interface Case extends Omit<RowKernel, "lane" | "skeleton"> {
  /** The size of all that is added to one result, for elements of at most `size`. */
  readonly terms: (length: number, size: number) => number;
}

/** Of one input (then result and reductions), and of an input, a shared row, an element per row and a number. */
const rowKernels: readonly Case[] = [
  {
    inputs: "c",
    kept: 2,
    terms: (length) => length + 1,
    passes: [
      { store: null, reduce: [{ combine: "fmax", of: a, post: null }] },
      {
        store: e.exp(e.sub(a, e.load(2))),
        reduce: [{ combine: "sum", of: e.exp(e.sub(a, e.load(2))), post: e.add(e.load(3), 1) }],
      },
      { store: e.div(e.load(1), e.load(3)), reduce: [] },
    ],
  },
  {
    inputs: "ccbb",
    kept: 0,
    terms: (length, size) => size ** 2 + (length * size ** 2 + size) * size,
    passes: [
      {
        store: e.mul(a, b),
        reduce: [
          { combine: "sum", of: e.mul(a, e.load(2)), post: e.sub(e.load(5), e.load(3)) },
          { combine: "fmax", of: b, post: null },
        ],
      },
      { store: e.sub(e.load(4), e.mul(e.load(5), e.load(6))), reduce: [] },
    ],
  },
];

/** Without a shared row, which pieces do not have: of an input, another, and an element per row; and numbers of a row. */
const { terms: pieceTerms, ...pieceKernel }: Case = {
  inputs: "ccb",
  kept: 3,
  terms: (length, size) => length * size ** 3 * (size + 1) + size,
  passes: [
    {
      store: null,
      reduce: [
        { combine: "sum", of: e.mul(a, b), post: null },
        { combine: "none", of: null, post: e.mul(e.load(4), e.load(2)) },
        { combine: "fmax", of: a, post: null },
      ],
    },
    { store: null, reduce: [{ combine: "none", of: null, post: e.add(e.load(5), e.load(6)) }] },
    { store: e.sub(e.mul(a, e.load(5)), e.load(7)), reduce: [] },
  ],
};

test("a row may lie in pieces between those of other rows", () => {
  const cases = fc.record({
    lane: lanes,
    rows: fc.integer({ min: 1, max: 4 }),
    length: lengths,
    count: fc.integer({ min: 1, max: 3 }),
    values,
  });
  fc.assert(
    fc.property(cases, ({ lane, rows, length, count, values }) => {
      const dtype = laneDType[lane];
      const n = rows * length * count;
      const [x, y, perRow] = [n, n, rows].map((size, k) => fill(heap, dtype, size, values.slice(k % values.length)));
      const [got, want] = compilers.map((compiler) => {
        const out = fill(heap, dtype, n, [0]);
        const kept = Array.from({ length: 3 }, () => fill(heap, dtype, rows, [0]));
        const along = (address: number) => ({ address, step: length });
        const run = compiler.compile<RowKernel>({ skeleton: "row", lane, ...pieceKernel });
        const inputs = [along(x!), along(y!), { address: perRow!, step: 1 }];
        run(rows, length, along(out), inputs, kept, { count, step: rows * length });
        const dense = (address: number, size: number) => read(heap, dtype, [size], { address, strides: [1] });
        const result = [...dense(out, n), ...kept.flatMap((address) => dense(address, rows))];
        for (const address of [out, ...kept]) heap.free(address);
        return result;
      });
      for (const address of [x!, y!, perRow!]) heap.free(address);
      expectClose(got!, want!, lane, pieceTerms(length * count, Math.max(...values.map(Math.abs))));
    }),
    { numRuns: 100 },
  );
});

test("pieces by hand", () => {
  const x = fill(heap, "float32", 8, [1, 2, 10, 20, 3, 4, 30, 40]);
  for (const compiler of compilers) {
    const [out, kept] = [fill(heap, "float32", 8, [0]), fill(heap, "float32", 2, [0])];
    const run = compiler.compile<RowKernel>({
      skeleton: "row",
      lane: "f32",
      inputs: "c",
      kept: 1,
      passes: [
        { store: null, reduce: [{ combine: "sum", of: a, post: null }] },
        { store: e.sub(e.load(2), a), reduce: [] },
      ],
    });
    run(2, 2, { address: out, step: 2 }, [{ address: x, step: 2 }], [kept], { count: 2, step: 4 });
    expect(read(heap, "float32", [2], { address: kept, strides: [1] })).toEqual([10, 100]);
    expect(read(heap, "float32", [8], { address: out, strides: [1] })).toEqual([9, 8, 90, 80, 7, 6, 70, 60]);
  }
});

test("row kernels give what the reference gives", () => {
  const cases = fc.record({
    kernel: fc.constantFrom(...rowKernels),
    lane: lanes,
    rows: fc.integer({ min: 0, max: 5 }),
    length: lengths,
    values,
  });
  fc.assert(
    fc.property(cases, ({ kernel: { terms, ...kernel }, lane, rows, length, values }) => {
      const dtype = laneDType[lane];
      const put = (count: number, from: readonly number[]): number => fill(heap, dtype, Math.max(1, count), from);
      const spans = [rows * length, length, rows, 1].slice(0, kernel.inputs.length);
      const steps = [length, 0, 1, 0];
      const sources = spans.map((span, k) => ({
        address: put(span, values.slice(k % values.length)),
        step: steps[k]!,
      }));
      const [got, want] = compilers.map((compiler) => {
        const out = put(rows * length, [0]);
        const kept = Array.from({ length: kernel.kept }, () => put(rows, [0]));
        const run = compiler.compile<RowKernel>({ skeleton: "row", lane, ...kernel });
        run(rows, length, { address: out, step: length }, sources, kept);
        const dense = (address: number, n: number) => read(heap, dtype, [n], { address, strides: [1] });
        const result = [...dense(out, rows * length), ...kept.flatMap((address) => dense(address, rows))];
        for (const address of [out, ...kept]) heap.free(address);
        return result;
      });
      for (const { address } of sources) heap.free(address);
      expectClose(got!, want!, lane, terms(length, Math.max(...values.map(Math.abs))));
    }),
    { numRuns: 150 },
  );
});

test("an update writes all its results from the values before it, to the bit", () => {
  const cases = fc.record({ lane: lanes, n: lengths, values });
  const kernel: Omit<UpdateKernel, "lane"> = {
    skeleton: "update",
    inputs: 2,
    scalars: 2,
    outputs: [e.add(a, e.mul(b, e.load(2))), e.sub(e.mul(a, e.load(3)), e.div(b, e.add(e.mul(a, a), e.load(2))))],
  };
  fc.assert(
    fc.property(cases, ({ lane, n, values }) => {
      const dtype = laneDType[lane];
      const [got, want] = compilers.map((compiler) => {
        const both = [0, 1].map((k) => fill(heap, dtype, n, values.slice(k % values.length)));
        const numbers = fill(heap, "float64", 2, [0]);
        [0.75, -1.5].forEach((x, k) => {
          if (lane === "f32") heap.f32[numbers / 4 + 2 * k] = x;
          else heap.f64[numbers / 8 + k] = x;
        });
        compiler.compile<UpdateKernel>({ ...kernel, lane })(n, both, both, numbers);
        const result = both.flatMap((address) => read(heap, dtype, [n], { address, strides: [1] }));
        for (const address of [...both, numbers]) heap.free(address);
        return result;
      });
      expect(got).toEqual(want);
    }),
    { numRuns: 60 },
  );
});
