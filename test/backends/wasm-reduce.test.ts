/** Reductions of the WASM backend against the reference: every combination, dtype and layout. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { referenceCompiler } from "../../src/backends/reference/index.ts";
import { wasmCompiler } from "../../src/backends/wasm/compiler.ts";
import { dtypes, type RealName } from "../../src/core/dtype.ts";
import { createHeap } from "../../src/core/heap.ts";
import * as e from "../../src/ir/expr.ts";
import type { Combine, Operand, ReduceKernel } from "../../src/ir/kernel.ts";
import { dtypeNames, element, fill, layoutOf, read, shapeOf, stridesOf } from "../support/kernels.ts";

const heap = createHeap({ initial: 1 << 20, maximum: 1 << 27 });
const wasm = wasmCompiler(heap);
const reference = referenceCompiler(heap);

/** Numbers whose sums and short products stay finite in every float dtype. */
const mild = fc.oneof(fc.double({ min: -2, max: 2, noNaN: true }), fc.constantFrom(0, 1, -1, 2));

interface Case {
  readonly kernel: ReduceKernel;
  readonly outer: number[];
  readonly inner: number[];
  readonly values: number[];
}

function cases(combines: readonly Combine[], values: fc.Arbitrary<number>, least: number): fc.Arbitrary<Case> {
  return fc
    .tuple(fc.constantFrom(...combines), fc.constantFrom(...dtypeNames), fc.constantFrom(1, 2))
    .chain(([combine, dtype, inputs]) => {
      const { lane } = dtypes[dtype];
      const arg = combine === "argmin" || combine === "argmax";
      const post = combine === "sum" || combine === "max" ? [null, e.add(e.load(0), e.load(1))] : [null];
      const output: RealName[] = arg ? ["int64"] : combine === "and" || combine === "or" ? ["bool", "int64"] : [dtype];
      return fc.record({
        kernel: fc.record({
          skeleton: fc.constant("reduce" as const),
          combine: fc.constant(combine),
          pre: fc.constantFrom(
            ...(inputs === 1 ? [e.load(0)] : [e.sub(e.load(0), e.load(1)), e.gt(e.load(0), e.load(1))]),
          ),
          post: fc.constantFrom(...post),
          lane: fc.constant(lane),
          inputs: fc.constant(Array.from({ length: inputs }, () => dtype)),
          output: fc.constantFrom(...output),
        }),
        outer: shapeOf(3, 9),
        inner: fc.array(fc.oneof(fc.integer({ min: least, max: 9 }), fc.constantFrom(1, 40)), { maxLength: 2 }),
        values: fc.array(values, { minLength: 1, maxLength: 50 }),
      });
    });
}

/** Runs both compilers on operands in random layouts, and hands their results to `check`. */
function compare(
  arbitrary: fc.Arbitrary<Case>,
  check: (got: (number | bigint)[], want: (number | bigint)[], kernel: ReduceKernel) => void,
): void {
  const laidOut = arbitrary.chain((given) =>
    fc.record({
      given: fc.constant(given),
      out: layoutOf(given.outer.length, false),
      layouts: fc.tuple(...given.kernel.inputs.map(() => layoutOf(given.outer.length + given.inner.length, true))),
    }),
  );
  const property = fc.property(laidOut, ({ given: { kernel, outer, inner, values }, out, layouts }) => {
    const inputs = layouts.map((layout, k): Operand => {
      const { strides, span } = stridesOf([...outer, ...inner], layout);
      return { address: fill(heap, kernel.inputs[k]!, Math.max(1, span), values), strides };
    });
    const target = stridesOf(outer, out);
    const [got, want] = [wasm, reference].map((compiler) => {
      const operand = { address: fill(heap, kernel.output, target.span, [1]), strides: target.strides };
      compiler.compile(kernel)(outer, inner, operand, inputs);
      const results = read(heap, kernel.output, outer, operand);
      heap.free(operand.address);
      return results;
    });
    for (const { address } of inputs) heap.free(address);
    check(got!, want!, kernel);
  });
  fc.assert(property, { numRuns: 400 });
}

test("extrema, all and any are the reference's, NaN and infinities included, also of nothing", () => {
  compare(cases(["min", "max", "and", "or"], element, 0), (got, want) => {
    expect(got).toEqual(want);
  });
});

test("positions of extrema are the reference's: the first of equals, the first NaN", () => {
  compare(cases(["argmin", "argmax"], element, 1), (got, want) => {
    expect(got).toEqual(want);
  });
});

test("sums and products of integers are exact", () => {
  const integers = cases(["sum", "prod"], element, 0).filter(
    ({ kernel }) => dtypes[kernel.output].category !== "float",
  );
  compare(integers, (got, want) => {
    expect(got).toEqual(want);
  });
});

test("sums and products of floats are the reference's up to rounding", () => {
  const floats = cases(["sum", "prod"], mild, 0).filter(
    ({ kernel: { output }, inner }) => output.startsWith("float") && output !== "float16" && inner.length < 2,
  );
  compare(floats, (got, want, { output }) => {
    const unit = output === "float64" ? 2 ** -52 : 2 ** -23;
    got.forEach((x, i) => {
      // 41 summands of size 4 at most; a product's error is relative, one unit per factor.
      const scale = Math.max(200, 41 * Math.abs(Number(want[i])));
      expect(Math.abs(Number(x) - Number(want[i]))).toBeLessThanOrEqual(scale * unit);
    });
  });
});

const sumOf = (dtype: "float32" | "float64") => {
  const { lane } = dtypes[dtype];
  return {
    skeleton: "reduce",
    combine: "sum",
    pre: e.load(0),
    post: null,
    lane,
    inputs: [dtype],
    output: dtype,
  } as const;
};

test("a float32 sum of a million equal numbers has no error that grows with the length", () => {
  const n = 1_000_000;
  const address = heap.alloc(n * 4);
  const out = heap.alloc(64);
  heap.f32.fill(0.1, address / 4, address / 4 + n);
  const exact = n * Math.fround(0.1);
  const run = wasm.compile(sumOf("float32"));
  run([], [n], { address: out, strides: [] }, [{ address, strides: [1] }]);
  expect(Math.abs(heap.f32[out / 4]! / exact - 1)).toBeLessThan(2e-6);
  run([10], [n / 10], { address: out, strides: [1] }, [{ address, strides: [1, 10] }]);
  expect(Math.abs(heap.f32[out / 4 + 9]! / (exact / 10) - 1)).toBeLessThan(1e-5);
  heap.free(address);
  heap.free(out);
});

test("a float64 sum carries what its additions lose", () => {
  const values = [1e16, ...Array.from({ length: 1000 }, () => 0), 1, ...Array.from({ length: 1000 }, () => 0), -1e16];
  const address = heap.alloc(values.length * 8);
  heap.f64.set(values, address / 8);
  const out = heap.alloc(64);
  wasm.compile(sumOf("float64"))([], [values.length], { address: out, strides: [] }, [{ address, strides: [1] }]);
  expect(heap.f64[out / 8]).toBe(1);
});

test("a sum does not depend on the alignment of its input", () => {
  const n = 1003;
  const address = heap.alloc((n + 8) * 4);
  const out = heap.alloc(64);
  const sums = [0, 1, 2, 3, 5].map((offset) => {
    for (let i = 0; i < n; i++) heap.f32[address / 4 + offset + i] = Math.sin(i) * 1000;
    const input = { address: address + offset * 4, strides: [1] };
    wasm.compile(sumOf("float32"))([], [n], { address: out, strides: [] }, [input]);
    return heap.f32[out / 4];
  });
  expect(new Set(sums).size).toBe(1);
});

test("a mean divides by the number of elements", () => {
  const address = heap.alloc(64);
  const out = heap.alloc(64);
  heap.f32.set([1, 2, 3, 6], address / 4);
  const mean = wasm.compile({ ...sumOf("float32"), post: e.div(e.load(0), e.load(1)) });
  mean([], [2, 2], { address: out, strides: [] }, [{ address, strides: [2, 1] }]);
  expect(heap.f32[out / 4]).toBe(3);
});
