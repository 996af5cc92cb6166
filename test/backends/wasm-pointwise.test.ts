/** Pointwise kernels of the WASM backend against the reference: every dtype, layout and operand class, bit by bit. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { referenceCompiler } from "../../src/backends/reference/index.ts";
import { wasmCompiler } from "../../src/backends/wasm/compiler.ts";
import { dtypes, type Lane, type RealName } from "../../src/core/dtype.ts";
import { createHeap } from "../../src/core/heap.ts";
import * as e from "../../src/ir/expr.ts";
import type { Operand, PointwiseKernel } from "../../src/ir/kernel.ts";
import { testHeap } from "../support/heap.ts";
import {
  dtypeNames,
  element,
  exactExpr,
  fill,
  get,
  layoutOf,
  put,
  read,
  shapeOf,
  stridesOf,
} from "../support/kernels.ts";

const heap = testHeap();
const wasm = wasmCompiler(heap);
const reference = referenceCompiler(heap);

const lane: fc.Arbitrary<Lane> = fc.constantFrom("i32", "i64", "f32", "f64");
const dtype: fc.Arbitrary<RealName> = fc.constantFrom(...dtypeNames);

const kernels: fc.Arbitrary<PointwiseKernel> = fc
  .tuple(lane, fc.array(dtype, { minLength: 1, maxLength: 3 }))
  .chain(([lane, inputs]) =>
    fc.record({
      skeleton: fc.constant("pointwise" as const),
      lane: fc.constant(lane),
      inputs: fc.constant(inputs),
      output: dtype,
      expr: exactExpr(lane, inputs.length),
    }),
  );

const values = fc.array(element, { minLength: 1, maxLength: 40 });

test("strided kernels give the reference's bits in any layout", () => {
  const cases = fc.tuple(kernels, shapeOf(4), values).chain(([kernel, shape, values]) =>
    fc.record({
      kernel: fc.constant(kernel),
      shape: fc.constant(shape),
      values: fc.constant(values),
      outLayout: layoutOf(shape.length, false),
      layouts: fc.tuple(...kernel.inputs.map(() => layoutOf(shape.length, true))),
    }),
  );
  fc.assert(
    fc.property(cases, ({ kernel, shape, values, outLayout, layouts }) => {
      const out = stridesOf(shape, outLayout);
      const inputs = layouts.map((layout, k): Operand => {
        const { strides, span } = stridesOf(shape, layout);
        return { address: fill(heap, kernel.inputs[k]!, span, values), strides };
      });
      const [got, want] = [wasm, reference].map((compiler) => {
        const target = { address: fill(heap, kernel.output, out.span, [1]), strides: out.strides };
        compiler.compile(kernel).strided(shape, [target, ...inputs]);
        const elements = read(heap, kernel.output, shape, target);
        heap.free(target.address);
        return elements;
      });
      for (const { address } of inputs) heap.free(address);
      expect(got).toEqual(want);
    }),
    { numRuns: 400 },
  );
});

test("dense kernels give the reference's bits for every class and length", () => {
  const cases = kernels.chain((kernel) =>
    fc.record({
      kernel: fc.constant(kernel),
      n: fc.integer({ min: 0, max: 40 }),
      offset: fc.nat(3),
      values,
      walks: fc.tuple(...kernel.inputs.map(() => fc.constantFrom("c", "b"))),
    }),
  );
  fc.assert(
    fc.property(cases, ({ kernel, n, offset, values, walks }) => {
      const inputs = kernel.inputs.map((name) => fill(heap, name, n + offset, values));
      const addresses = inputs.map((address, k) => address + offset * dtypes[kernel.inputs[k]!].itemsize);
      const [got, want] = [wasm, reference].map((compiler) => {
        const out = fill(heap, kernel.output, n + 9, [1]);
        compiler.compile(kernel).dense(`c${walks.join("")}`)(n, out, ...addresses);
        const elements = read(heap, kernel.output, [n + 9], { address: out, strides: [1] });
        heap.free(out);
        return elements;
      });
      for (const address of inputs) heap.free(address);
      expect(got).toEqual(want); // the elements behind the n-th too
    }),
    { numRuns: 400 },
  );
});

test.each([
  {
    shape: [70, 100],
    strides: [
      [100, 1],
      [1, 70],
      [100, 1],
    ],
  },
  {
    shape: [3, 64, 40],
    strides: [
      [2560, 40, 1],
      [2560, 1, 64],
      [0, 0, 1],
    ],
  },
  {
    shape: [9, 3, 131],
    strides: [
      [1, 9, 27],
      [393, 131, 1],
      [1, 0, 9],
    ],
  },
  {
    shape: [200, 5],
    strides: [
      [5, 1],
      [1, 200],
      [0, 1],
    ],
  },
])("transposed operands of shape $shape, walked in tiles", ({ shape, strides }) => {
  const expr = e.sub(e.mul(e.load(0), 3), e.load(1));
  const kernel: PointwiseKernel = {
    skeleton: "pointwise",
    expr,
    lane: "i32",
    inputs: ["int32", "uint8"],
    output: "int16",
  };
  const n = shape.reduce((product, size) => product * size, 1);
  const values = Array.from({ length: 251 }, (_, i) => i * i);
  const inputs = kernel.inputs.map((name, k) => ({ address: fill(heap, name, n, values), strides: strides[k + 1]! }));
  const [got, want] = [wasm, reference].map((compiler) => {
    const out = { address: fill(heap, "int16", n, [-1]), strides: strides[0]! };
    compiler.compile(kernel).strided(shape, [out, ...inputs]);
    return read(heap, "int16", shape, out);
  });
  expect(got).toEqual(want);
});

test.each(
  dtypeNames.flatMap((from) => dtypeNames.map((to) => [from, to] as const)),
)("%s converts to %s", (from, to) => {
  for (const lane of [dtypes[from].lane, dtypes[to].lane]) {
    const kernel: PointwiseKernel = { skeleton: "pointwise", expr: e.load(0), lane, inputs: [from], output: to };
    const n = 512;
    const input = heap.alloc(n * 8);
    for (let i = 0; i < n; i++)
      put(heap, from, input / dtypes[from].itemsize + i, Math.sin(i * i) * 2 ** ((i % 140) - 70));
    const [got, want] = [wasm, reference].map((compiler) => {
      const out = heap.alloc(n * 8);
      compiler.compile(kernel).dense("cc")(n, out, input);
      const elements = Array.from({ length: n }, (_, i) => get(heap, to, out / dtypes[to].itemsize + i));
      heap.free(out);
      return elements;
    });
    heap.free(input);
    expect(got).toEqual(want);
  }
});

test("every float16 and bfloat16 survives a round trip through float32", () => {
  for (const half of ["float16", "bfloat16"] as const) {
    const bits = heap.alloc(65536 * 2);
    const floats = heap.alloc(65536 * 4);
    const back = heap.alloc(65536 * 2);
    for (let i = 0; i < 65536; i++) heap.u16[bits / 2 + i] = i;
    const widen = { skeleton: "pointwise", expr: e.load(0), lane: "f32", inputs: [half], output: "float32" } as const;
    const narrow = { ...widen, inputs: ["float32"], output: half } as const;
    wasm.compile(widen).dense("cc")(65536, floats, bits);
    wasm.compile(narrow).dense("cc")(65536, back, floats);
    const isNaN = (i: number): boolean => Number.isNaN(heap.f32[floats / 4 + i]);
    const changed = Array.from({ length: 65536 }, (_, i) => i).filter((i) => !isNaN(i) && heap.u16[back / 2 + i] !== i);
    expect(changed).toEqual([]);
    for (const address of [bits, floats, back]) heap.free(address);
  }
});

test("a result does not depend on its position", () => {
  const codes = ["exp", "expm1", "log", "log1p", "sin", "cos", "tan", "tanh", "erf", "asin", "sqrt"] as const;
  const inputs = [-1e5, -90, -1, -0.3, -0, 1e-40, 0.1, 0.56, 1, 3, 88.5, 9000, 1e30, Number.POSITIVE_INFINITY];
  const n = 11;
  const a = heap.alloc(n * 4);
  const out = heap.alloc(n * 4);
  for (const code of codes) {
    const expr: e.Expr = { op: "unary", code, a: e.load(0) };
    const run = wasm.compile({ skeleton: "pointwise", expr, lane: "f32", inputs: ["float32"], output: "float32" });
    for (const x of inputs) {
      const results = Array.from({ length: n }, (_, position) => {
        heap.f32.subarray(a / 4, a / 4 + n).fill(0.7);
        heap.f32[a / 4 + position] = x;
        run.dense("cc")(n, out, a);
        return heap.i32[out / 4 + position]!;
      });
      expect(new Set(results).size, `${code}(${x})`).toBe(1);
    }
  }
});

test("special functions are computed in float64, exactly for int64 where they have an integer form", () => {
  const a = heap.alloc(64);
  const out = heap.alloc(64);
  heap.i64.set([2n ** 60n, 3n * 2n ** 55n, 12n], a / 8);
  heap.i64.set([2n ** 58n], a / 8 + 4);
  const expr = e.call("gcd", e.load(0), e.load(1));
  const gcd = { skeleton: "pointwise", expr, lane: "i64", inputs: ["int64", "int64"], output: "int64" } as const;
  wasm.compile(gcd).dense("ccb")(3, out, a, a + 32);
  expect([...heap.i64.subarray(out / 8, out / 8 + 3)]).toEqual([2n ** 58n, 2n ** 55n, 4n]);
});

test("kernels work on a memory that is not shared", () => {
  const own = createHeap({ initial: 1 << 17, maximum: 1 << 20, shared: false });
  const kernel = { skeleton: "pointwise", expr: e.exp(e.load(0)), lane: "f32", inputs: ["float32"], output: "float32" };
  const [input, out] = [own.alloc(64), own.alloc(64)];
  own.f32.set([0, 1, 2, 3, 4], input / 4);
  const run = wasmCompiler(own).compile(kernel as PointwiseKernel);
  run.strided(
    [5],
    [out, input].map((address) => ({ address, strides: [1] })),
  );
  expect([...own.f32.subarray(out / 4, out / 4 + 2)]).toEqual([1, Math.fround(Math.E)]);
});

test("classes that do not fit the kernel are refused", () => {
  const kernel = {
    skeleton: "pointwise",
    expr: e.load(0),
    lane: "f32",
    inputs: ["float32"],
    output: "float32",
  } as const;
  expect(() => wasm.compile(kernel).dense("ccc")).toThrow('classes "ccc" do not fit an output and 1 inputs');
  expect(() => wasm.compile(kernel).dense("bc")).toThrow('classes "bc"');
});

test("operations that a lane does not have are refused by name", () => {
  const kernel = {
    skeleton: "pointwise",
    expr: e.exp(e.load(0)),
    lane: "i32",
    inputs: ["int32"],
    output: "int32",
  } as const;
  expect(() => wasm.compile(kernel).dense("cc")).toThrow("exp is not defined for lane i32");
});
