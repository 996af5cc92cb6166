import { describe, expect, test } from "vitest";
import { blas, withBlas } from "../../src/backends/native/compiler.ts";
import { referenceCompiler } from "../../src/backends/reference/index.ts";
import { wasmCompiler } from "../../src/backends/wasm/compiler.ts";
import type { RealName } from "../../src/core/dtype.ts";
import type { Compiler, ConvolutionKernel, ConvolutionSizes } from "../../src/ir/kernel.ts";
import { place, randomNumbers, take, wasmContext } from "./wasm-fixture.ts";

const ctx = wasmContext();
const { heap } = ctx;
const reference = referenceCompiler(heap);
const wasm = wasmCompiler(heap, ctx);
const plain = wasmCompiler(heap, { ...ctx, relaxed: false });
const compilers: readonly (readonly [string, Compiler])[] = [
  ["wasm", wasm],
  ["wasm without fused multiplication", plain],
  ...(typeof blas() === "string" ? [] : [["blas", withBlas(wasm, heap)] as const]),
];

const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

interface Settings {
  readonly stride?: readonly number[];
  readonly padding?: readonly number[];
  readonly dilation?: readonly number[];
  readonly groups?: number;
  /** Pixels of the image that no window reaches. */
  readonly rest?: number;
}

/** Sizes of a convolution of [images, channels, …input] by [filters, channels / groups, …kernel]. */
function sizes(image: readonly number[], weight: readonly number[], o: Settings = {}): ConvolutionSizes {
  const [images = 0, channels = 0, ...input] = image;
  const [filters = 0, , ...kernel] = weight;
  const each = (list: readonly number[] | undefined, value: number): readonly number[] =>
    list ?? input.map(() => value);
  const [stride, padding, dilation] = [each(o.stride, 1), each(o.padding, 0), each(o.dilation, 1)];
  const { groups = 1 } = o;
  const output = input.map(
    (n, d) => Math.floor((n + 2 * padding[d]! - dilation[d]! * (kernel[d]! - 1) - 1) / stride[d]!) + 1,
  );
  return {
    images,
    groups,
    channels: channels / groups,
    filters: filters / groups,
    input,
    output,
    kernel,
    stride,
    padding,
    dilation,
  };
}

const cases: [string, ConvolutionSizes][] = [
  ["1d", sizes([2, 3, 20], [5, 3, 3])],
  ["1d, strided and dilated", sizes([2, 4, 50], [6, 4, 4], { stride: [3], padding: [2], dilation: [2] })],
  ["1d, longer than a workspace", sizes([1, 8, 9000], [2, 8, 5], { padding: [2] })],
  ["2d", sizes([2, 3, 9, 11], [4, 3, 3, 3], { padding: [1, 1] })],
  ["2d, without padding", sizes([2, 5, 9, 14], [7, 5, 3, 2])],
  ["2d, stride 2", sizes([2, 3, 13, 15], [8, 3, 3, 3], { stride: [2, 2], padding: [1, 1] })],
  [
    "2d, uneven all over",
    sizes([1, 4, 12, 21], [6, 2, 4, 3], { stride: [3, 2], padding: [2, 4], dilation: [2, 3], groups: 2 }),
  ],
  ["2d, narrow maps", sizes([3, 6, 5, 5], [9, 6, 3, 3])],
  ["2d, one pixel", sizes([2, 6, 3, 3], [9, 6, 3, 3])],
  ["2d, a kernel beyond the image", sizes([2, 3, 2, 5], [4, 3, 5, 5], { padding: [3, 2] })],
  ["2d, depthwise", sizes([2, 6, 10, 12], [6, 1, 3, 3], { padding: [1, 1], groups: 6 })],
  ["2d, 1x1", sizes([3, 6, 5, 7], [10, 6, 1, 1])],
  ["2d, 1x1 with stride", sizes([3, 6, 9, 11], [10, 6, 1, 1], { stride: [2, 2] })],
  ["2d, 1x1 with padding", sizes([3, 6, 5, 7], [10, 6, 1, 1], { padding: [1, 1] })],
  ["2d, 3x3 of many channels", sizes([2, 16, 14, 13], [18, 16, 3, 3], { padding: [1, 1] })],
  ["2d, 3x3 of many channels, no padding", sizes([1, 16, 9, 30], [16, 16, 3, 3])],
  ["2d, 3x3 of many channels, wide padding", sizes([1, 16, 8, 9], [20, 16, 3, 3], { padding: [3, 2] })],
  ["2d, 3x3 of many channels, groups", sizes([2, 32, 8, 8], [48, 16, 3, 3], { padding: [1, 1], groups: 2 })],
  ["2d, 3x3 of a large image", sizes([1, 8, 40, 60], [9, 8, 3, 3], { padding: [1, 1] })],
  ["2d, a large image", sizes([1, 12, 70, 60], [3, 12, 5, 5], { padding: [2, 2], stride: [1, 2] })],
  [
    "2d, 3x3 of more channels than are transformed at once",
    sizes([1, 256, 4, 5], [80, 256, 3, 3], { padding: [1, 1] }),
  ],
  ["3d", sizes([2, 3, 4, 5, 9], [4, 3, 2, 3, 3], { padding: [1, 1, 1] })],
  ["3d, strided", sizes([1, 4, 6, 9, 12], [5, 4, 3, 3, 2], { padding: [1, 0, 1], stride: [2, 1, 2], groups: 1 })],
];

const results = ["map", "image", "weight"] as const;

/** The result of a kernel on random operands, and how large its sums could have become. */
function convolved(
  compiler: Compiler,
  kernel: ConvolutionKernel,
  s: ConvolutionSizes,
  biased: boolean,
  whole = false,
): number[] {
  const random = randomNumbers(7);
  const shapes = {
    image: [s.images, s.groups * s.channels, ...s.input],
    map: [s.images, s.groups * s.filters, ...s.output],
    weight: [s.groups * s.filters, s.channels, ...s.kernel],
  };
  const numbers = (n: number): number[] =>
    Array.from({ length: n }, () => (whole ? Math.floor(random() * 9) - 4 : random() - 0.5));
  const put = (name: keyof typeof shapes): number => {
    const shape = shapes[name];
    return place(
      heap,
      kernel.dtype,
      [count(shape)],
      name === kernel.result ? new Array(count(shape)).fill(99) : numbers(count(shape)),
    ).address;
  };
  const channels = shapes[kernel.result][1]!;
  const bias = biased ? place(heap, kernel.dtype, [channels], numbers(channels)).address : 0;
  const operands = { image: put("image"), map: put("map"), weight: put("weight"), bias };
  const before = heap.allocated;
  compiler.compile(kernel)(s, operands);
  expect(heap.allocated).toBe(before);
  const out = take(heap, kernel.dtype, [count(shapes[kernel.result])], {
    address: operands[kernel.result],
    strides: [1],
  });
  for (const address of Object.values(operands)) if (address !== 0) heap.free(address);
  return out;
}

const known = new Map<string, number[]>();

/** What a kernel means, computed once for all compilers. */
function expected(kernel: ConvolutionKernel, s: ConvolutionSizes, biased: boolean): number[] {
  const key = JSON.stringify([kernel, s]);
  const found = known.get(key) ?? convolved(reference, kernel, s, biased);
  known.set(key, found);
  return found;
}

function expectClose(got: readonly number[], expected: readonly number[], tolerance: number): void {
  const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
  const worst = got.reduce((most, x, i) => Math.max(most, Math.abs(x - expected[i]!)), 0);
  expect(got.length).toBe(expected.length);
  expect(worst / largest).toBeLessThan(tolerance);
}

describe.each(compilers)("%s", (_name, compiler) => {
  const all = cases.flatMap(([name, s]) => results.map((result) => [name, result, s] as const));

  test.each(all)("%s: %s", (_case, result, s) => {
    const kernel = { skeleton: "convolution", result, dtype: "float32" } as const;
    const biased = result !== "weight";
    expectClose(convolved(compiler, kernel, s, biased), expected(kernel, s, biased), 5e-6);
  });

  test.each(all)("%s: %s in float64", (_case, result, s) => {
    const kernel = { skeleton: "convolution", result, dtype: "float64" } as const;
    expectClose(convolved(compiler, kernel, s, false), expected(kernel, s, false), 1e-14);
  });
});

test.each(
  results.flatMap((result) => (["int64", "int32", "uint8"] as RealName[]).map((dtype) => [result, dtype] as const)),
)("%s of %s", (result, dtype) => {
  const s = sizes([2, 3, 9, 8], [4, 3, 3, 3], { padding: [1, 1], stride: [2, 1] });
  const kernel = { skeleton: "convolution", result, dtype } as const;
  expect(convolved(wasm, kernel, s, result !== "weight", true)).toEqual(
    convolved(reference, kernel, s, result !== "weight", true),
  );
});

test("a map by hand", () => {
  const s = sizes([1, 1, 4], [1, 1, 3], { padding: [1] });
  const [image, weight, bias] = [
    place(heap, "float32", [4], [1, 2, 3, 4]),
    place(heap, "float32", [3], [1, 10, 100]),
    place(heap, "float32", [1], [1000]),
  ];
  const map = place(heap, "float32", [4], [0, 0, 0, 0]);
  for (const compiler of [reference, wasm]) {
    compiler.compile({ skeleton: "convolution", result: "map", dtype: "float32" })(s, {
      image: image.address,
      weight: weight.address,
      map: map.address,
      bias: bias.address,
    });
    expect(take(heap, "float32", [4], map)).toEqual([1210, 1321, 1432, 1043]);
  }
});
