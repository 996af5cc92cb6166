/** Scans of the WASM backend against the reference: every combination, dtype and layout. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { referenceCompiler } from "../../src/backends/reference/index.ts";
import { wasmCompiler } from "../../src/backends/wasm/compiler.ts";
import { dtypes, type RealName } from "../../src/core/dtype.ts";
import type { Operand, ScanKernel } from "../../src/ir/kernel.ts";
import { testHeap } from "../support/heap.ts";
import { dtypeNames, element, fill, type Layout, layoutOf, read, shapeOf, stridesOf } from "../support/kernels.ts";

const heap = testHeap();
const wasm = wasmCompiler(heap);
const reference = referenceCompiler(heap);

function check(combines: readonly ScanKernel["combine"][], inputs: readonly RealName[], indexed: boolean): void {
  const cases = fc.tuple(shapeOf(3, 6), fc.integer({ min: 0, max: 20 })).chain(([shape, length]) =>
    fc.record({
      shape: fc.constant(shape),
      length: fc.constant(length),
      combine: fc.constantFrom(...combines),
      input: fc.constantFrom(...inputs),
      values: fc.array(element, { minLength: 1, maxLength: 30 }),
      layouts: fc.tuple(...[true, false, false].map((expands) => layoutOf(shape.length + 1, expands))),
    }),
  );
  const property = fc.property(cases, ({ shape, length, combine, input, values, layouts }) => {
    const whole = [...shape, length];
    const kernel: ScanKernel = { skeleton: "scan", combine, input, lane: dtypes[input].lane, output: input };
    const place = (dtype: RealName, layout: Layout, elements: readonly number[]): Operand => {
      const { strides, span } = stridesOf(whole, layout);
      return { address: fill(heap, dtype, Math.max(1, span), elements), strides };
    };
    const source = place(input, layouts[0]!, values);
    const [got, want] = [wasm, reference].map((compiler) => {
      const out = place(input, layouts[1]!, [1]);
      const indices = indexed ? place("int64", layouts[2]!, [-1]) : null;
      compiler.compile(kernel)(shape, length, out, source, indices);
      const results = [read(heap, input, whole, out), indices && read(heap, "int64", whole, indices)];
      for (const operand of [out, indices]) if (operand !== null) heap.free(operand.address);
      return results;
    });
    heap.free(source.address);
    expect(got).toEqual(want);
  });
  fc.assert(property, { numRuns: 300 });
}

test("sums and products are the reference's bits", () => {
  check(["sum", "prod"], dtypeNames, false);
});

test("running extrema are the reference's, with the latest index on ties and after a NaN", () => {
  check(["min", "max"], dtypeNames, true);
});

test("running extrema work without indices", () => {
  check(["min", "max"], dtypeNames, false);
});

test("log-sum-exp in float64 is the reference's bits", () => {
  check(["logaddexp"], ["float64"], false);
});

test("log-sum-exp in float32 keeps its total in float64", () => {
  const n = 1000;
  const [input, out] = [heap.alloc(n * 4), heap.alloc(n * 4)];
  heap.f32.fill(0, input / 4, input / 4 + n);
  const kernel = { skeleton: "scan", combine: "logaddexp", input: "float32", lane: "f32", output: "float32" } as const;
  wasm.compile(kernel)([], n, { address: out, strides: [1] }, { address: input, strides: [1] }, null);
  expect(heap.f32[out / 4 + n - 1]).toBe(Math.fround(Math.log(1000)));
});
