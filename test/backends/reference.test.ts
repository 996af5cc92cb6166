/** What each kernel means, on examples small enough to follow by hand. */
import { beforeEach, describe, expect, test } from "vitest";
import { referenceCompiler } from "../../src/backends/reference/index.ts";
import type { Lane, RealName } from "../../src/core/dtype.ts";
import type { Heap } from "../../src/core/heap.ts";
import {
  abs,
  add,
  and,
  type BinaryCode,
  bitnot,
  call,
  cast,
  constant,
  type Expr,
  erf,
  exp,
  gt,
  load,
  loadBool,
  mul,
  rint,
  select,
  sqrt,
} from "../../src/ir/expr.ts";
import type {
  Combine,
  Compiler,
  Geometry,
  PointwiseKernel,
  PoolKernel,
  ScanKernel,
  ScatterKernel,
} from "../../src/ir/kernel.ts";
import { place, take, testHeap } from "../support/heap.ts";

let heap: Heap;
let reference: Compiler;

beforeEach(() => {
  heap = testHeap();
  reference = referenceCompiler(heap);
});

const kernelOf = (expr: Expr, lane: Lane, output: RealName, ...inputs: RealName[]): PointwiseKernel => ({
  skeleton: "pointwise",
  expr,
  lane,
  inputs,
  output,
});

type Stored = readonly (number | bigint | boolean)[];

/** A dense pointwise kernel over whole inputs, an input of one element being repeated. */
function apply(expr: Expr, lane: Lane, output: RealName, ...inputs: (readonly [RealName, Stored])[]): number[] {
  const kernel = kernelOf(expr, lane, output, ...inputs.map(([dtype]) => dtype));
  const n = Math.max(...inputs.map(([, stored]) => stored.length));
  const classes = `c${inputs.map(([, stored]) => (stored.length === n ? "c" : "b")).join("")}`;
  const out = place(heap, output, new Array<number>(n).fill(0));
  const run = reference.compile(kernel).dense(classes);
  run(n, out, ...inputs.map(([dtype, stored]) => place(heap, dtype, stored)));
  return take(heap, output, out, n);
}

const x = load(0);
const y = load(1);
const binary = (code: BinaryCode): Expr => ({ op: "binary", code, a: x, b: y });

describe("pointwise", () => {
  test("computes each element, repeating an operand of class b", () => {
    expect(apply(add(mul(x, 2), y), "f32", "float32", ["float32", [1, 2, 3]], ["float32", [10]])).toEqual([12, 14, 16]);
  });

  test("walks strided operands: a transposed matrix plus a row", () => {
    const kernel = kernelOf(add(x, y), "i32", "int32", "int32", "int32");
    const out = place(heap, "int32", [0, 0, 0, 0, 0, 0]);
    reference.compile(kernel).strided(
      [3, 2],
      [
        { address: out, strides: [2, 1] },
        { address: place(heap, "int32", [1, 2, 3, 4, 5, 6]), strides: [1, 3] },
        { address: place(heap, "int32", [10, 20]), strides: [0, 1] },
      ],
    );
    expect(take(heap, "int32", out, 6)).toEqual([11, 24, 12, 25, 13, 26]);
  });

  test("sees the memory after it has grown", () => {
    const kernel = kernelOf(mul(x, 2), "f32", "float32", "float32");
    const run = reference.compile(kernel).dense("cc");
    const address = place(heap, "float32", [21]);
    run(1, address, address);
    heap.alloc(1 << 21);
    run(1, address, address);
    expect(take(heap, "float32", address, 1)).toEqual([84]);
  });

  test("refuses operand classes that do not fit", () => {
    const kernel = kernelOf(x, "f32", "float32", "float32");
    expect(() => reference.compile(kernel).dense("ccc")).toThrow(
      'operand classes "ccc" do not fit a kernel of 1 inputs',
    );
  });

  test("float32 rounds at every node", () => {
    // 2^24 + 1 is no float32: the sum falls back to 2^24 before the next 1 is added.
    expect(apply(add(add(x, 1), 1), "f32", "float64", ["float32", [2 ** 24]])).toEqual([2 ** 24]);
    expect(apply(add(add(x, 1), 1), "f64", "float64", ["float32", [2 ** 24]])).toEqual([2 ** 24 + 2]);
  });

  test("float32 functions are the correctly rounded ones", () => {
    expect(apply(exp(x), "f32", "float32", ["float32", [1]])).toEqual([Math.fround(Math.E)]);
    expect(apply(erf(x), "f32", "float32", ["float32", [0.5]])).toEqual([Math.fround(0.5204998778130465)]);
    expect(apply(call("lgamma", x), "f64", "float64", ["float64", [5]])[0]).toBeCloseTo(Math.log(24), 14);
  });

  test("rint goes to the even neighbour and keeps the sign of zero", () => {
    const rounded = apply(rint(x), "f64", "float64", ["float64", [0.5, 1.5, 2.5, -0.5, -1.5, 2.6]]);
    expect(rounded).toEqual([0, 2, 2, -0, -2, 3]);
  });

  test("the sign of NaN and of either zero is 0", () => {
    const signs = apply({ op: "unary", code: "sign", a: x }, "f32", "float32", ["float32", [-3, 0.5, -0, Number.NaN]]);
    expect(signs).toEqual([-1, 1, 0, 0]);
  });

  test("int32 wraps, int64 keeps all bits", () => {
    expect(apply(mul(x, y), "i32", "int32", ["int32", [65537]], ["int32", [65537]])).toEqual([131073]);
    const product = place(heap, "int64", [0]);
    const factor = place(heap, "int64", [3037000500n]);
    reference.compile(kernelOf(mul(x, y), "i64", "int64", "int64", "int64")).dense("ccc")(1, product, factor, factor);
    expect(heap.i64[product / 8]).toBe(BigInt.asIntN(64, 3037000500n ** 2n));
  });

  test("a boolean counts as 0 or 1 where a number is wanted", () => {
    expect(apply(add(gt(x, 0), gt(x, 1)), "f32", "float32", ["float32", [-1, 1, 2]])).toEqual([0, 1, 2]);
  });

  test("a load as boolean looks at the input's own value", () => {
    expect(apply(loadBool(0), "i32", "bool", ["float32", [0.5, 0, -0, Number.NaN]])).toEqual([1, 0, 0, 1]);
  });

  test("bitnot complements integers and negates booleans", () => {
    expect(apply(bitnot(x), "i32", "int32", ["int32", [0, 5]])).toEqual([-1, -6]);
    expect(apply(bitnot(loadBool(0)), "i32", "bool", ["bool", [true, false]])).toEqual([0, 1]);
    expect(apply(and(x, 6), "i32", "int32", ["int32", [3, 12]])).toEqual([2, 4]);
  });

  test("select takes the chosen branch only", () => {
    expect(apply(select(gt(x, 0), sqrt(x), 0), "f64", "float64", ["float64", [4, -4]])).toEqual([2, 0]);
  });

  test("a cast to a narrower dtype is a round trip through it", () => {
    expect(apply(cast(x, "uint8"), "i32", "int32", ["int32", [300, -1]])).toEqual([44, 255]);
    expect(apply(cast(x, "int32"), "f32", "float32", ["float32", [2.7, -2.7]])).toEqual([2, -2]);
    expect(apply(cast(x, "float16"), "f32", "float32", ["float32", [2049]])).toEqual([2048]);
  });

  test("an operation that a lane lacks is named", () => {
    const kernel = kernelOf(exp(x), "i32", "int32", "int32");
    expect(() => reference.compile(kernel)).toThrow("'exp' is not defined in lane i32");
  });

  test("constants are values of the lane", () => {
    expect(apply(add(x, constant(0.1)), "f32", "float64", ["float32", [0]])).toEqual([Math.fround(0.1)]);
  });
});

describe("integer operations", () => {
  test.each<[BinaryCode, number, number, number]>([
    ["div", -7, 2, -3],
    ["floordiv", -7, 2, -4],
    ["floordiv", 7, -2, -4],
    ["rem", -7, 3, 2],
    ["rem", 7, -3, -2],
    ["fmod", -7, 3, -1],
    ["div", 5, 0, 0],
    ["floordiv", 5, 0, 0],
    ["rem", 5, 0, 0],
    ["fmod", 5, 0, 0],
    ["pow", 3, 4, 81],
    ["pow", -2, 3, -8],
    ["pow", 2, -1, 0],
    ["pow", 1, -5, 1],
    ["pow", -1, -3, -1],
    ["pow", -1, -2, 1],
    ["pow", 0, 0, 1],
    ["min", 3, -2, -2],
    ["max", 3, -2, 3],
    ["shl", 3, 2, 12],
    ["shl", 3, 64, 0],
    ["shl", 3, -1, 0],
    ["shr", -8, 1, -4],
    ["shr", -8, 64, -1],
    ["shr", 8, -1, 0],
    ["and", 12, 10, 8],
    ["or", 12, 10, 14],
    ["xor", 12, 10, 6],
  ])("%s(%i, %i) is %i in both widths", (code, a, b, expected) => {
    expect(apply(binary(code), "i32", "int32", ["int32", [a]], ["int32", [b]])).toEqual([expected]);
    expect(apply(binary(code), "i64", "int64", ["int64", [a]], ["int64", [b]])).toEqual([expected]);
  });

  test("the least integer overflows onto itself", () => {
    const least = -(2 ** 31);
    expect(apply(abs(x), "i32", "int32", ["int32", [least]])).toEqual([least]);
    expect(apply(binary("div"), "i32", "int32", ["int32", [least]], ["int32", [-1]])).toEqual([least]);
  });
});

describe("float operations", () => {
  test.each<[BinaryCode, number, number, number]>([
    ["floordiv", 1, 0.1, 9],
    ["floordiv", -7, 2, -4],
    ["floordiv", 1, 0, Infinity],
    ["rem", -7, 3, 2],
    ["rem", 7, -3, -2],
    ["rem", -1, Infinity, Infinity],
    ["fmod", -7, 3, -1],
    ["min", Number.NaN, 1, Number.NaN],
    ["max", 1, Number.NaN, Number.NaN],
    ["pow", 1, Number.NaN, 1],
    ["pow", -1, Infinity, 1],
    ["pow", -8, 1 / 3, Number.NaN],
    ["atan2", 1, 1, Math.PI / 4],
  ])("%s(%d, %d) is %d", (code, a, b, expected) => {
    expect(apply(binary(code), "f64", "float64", ["float64", [a]], ["float64", [b]])).toEqual([expected]);
  });
});

describe("conversions", () => {
  test.each<[string, RealName, Lane, RealName, number | bigint, number]>([
    ["wraps at uint8", "float32", "f32", "uint8", 300, 44],
    ["wraps below uint8", "float32", "f32", "uint8", -1, 255],
    ["wraps at int8", "float32", "f32", "int8", 200, -56],
    ["truncates towards zero", "float32", "f32", "int32", -2.9, -2],
    ["gives the least int32 for what does not fit", "float64", "f64", "int32", 2 ** 32 + 5, -(2 ** 31)],
    ["gives int64's least for NaN", "float64", "f64", "int64", Number.NaN, -(2 ** 63)],
    ["gives int64's least beyond it", "float64", "f64", "int64", 1e30, -(2 ** 63)],
    ["gives its low bits, which are 0, to uint8", "float64", "f64", "uint8", Infinity, 0],
    ["makes true of NaN", "float32", "f32", "bool", Number.NaN, 1],
    ["makes true of a fraction", "float32", "f32", "bool", 0.25, 1],
    ["makes false of -0", "float32", "f32", "bool", -0, 0],
    ["wraps integers", "int32", "i32", "int16", 65535, -1],
    ["wraps int64", "int64", "i64", "int32", 2n ** 32n + 7n, 7],
    // 2^60 + 2^36 + 1 is just above the middle of two float32; by way of float64 it would be the middle.
    ["rounds int64 to float32 once", "int64", "f32", "float32", 2n ** 60n + 2n ** 36n + 1n, 2 ** 60 + 2 ** 37],
    [
      "rounds negative int64 to float32 once",
      "int64",
      "f32",
      "float32",
      -(2n ** 60n + 2n ** 36n + 1n),
      -(2 ** 60 + 2 ** 37),
    ],
    ["rounds a middle to even", "int64", "f32", "float32", 2n ** 60n + 2n ** 36n, 2 ** 60],
    ["rounds to float16", "float32", "f32", "float16", 1, 0x3c00],
    ["overflows float16", "float32", "f32", "float16", 1e6, 0x7c00],
    ["rounds to bfloat16", "float32", "f32", "bfloat16", 1 + 2 ** -8, 0x3f80],
    ["reads float16", "float16", "f32", "float32", 0xc000, -2],
    ["reads bfloat16", "bfloat16", "f32", "float32", 0x4040, 3],
  ])("%s", (_, from, lane, to, value, expected) => {
    expect(apply(x, lane, to, [from, [value]])).toEqual([expected]);
  });
});

/** Reduces a [rows, columns] input along its columns. */
function reduceRows(
  combine: Combine,
  dtype: RealName,
  lane: Lane,
  output: RealName,
  rows: readonly Stored[],
  post: Expr | null = null,
): number[] {
  const columns = rows[0]!.length;
  const out = place(heap, output, new Array<number>(rows.length).fill(0));
  const kernel = { skeleton: "reduce", combine, pre: x, post, lane, inputs: [dtype], output } as const;
  const input = { address: place(heap, dtype, rows.flat()), strides: [columns, 1] };
  reference.compile(kernel)([rows.length], [columns], { address: out, strides: [1] }, [input]);
  return take(heap, output, out, rows.length);
}

describe("reduce", () => {
  test.each<[Combine, number[]]>([
    ["sum", [6, 15]],
    ["prod", [6, 120]],
    ["min", [1, 4]],
    ["max", [3, 6]],
    ["argmin", [0, 0]],
    ["argmax", [2, 2]],
  ])("%s of rows", (combine, expected) => {
    const output = combine.startsWith("arg") ? "int64" : "float32";
    const rows = [
      [1, 2, 3],
      [4, 5, 6],
    ];
    expect(reduceRows(combine, "float32", "f32", output, rows)).toEqual(expected);
  });

  test("all and any look at every element", () => {
    const rows = [
      [1, 1],
      [1, 0],
      [0, 0],
    ];
    expect(reduceRows("and", "bool", "i32", "bool", rows)).toEqual([1, 0, 0]);
    expect(reduceRows("or", "bool", "i32", "bool", rows)).toEqual([1, 1, 0]);
  });

  test.each<[Combine, number]>([
    ["sum", 0],
    ["prod", 1],
    ["and", 1],
    ["or", 0],
  ])("the empty %s is %i", (combine, expected) => {
    expect(reduceRows(combine, "float32", "f32", "float32", [[]])).toEqual([expected]);
  });

  test("the empty argmax is an error", () => {
    expect(() => reduceRows("argmax", "float32", "f32", "int64", [[]])).toThrow("an empty slice has no greatest");
  });

  test("a sum of many small numbers after a large one keeps them", () => {
    const row = [2 ** 24, ...new Array<number>(64).fill(1)];
    expect(reduceRows("sum", "float32", "f32", "float32", [row])).toEqual([2 ** 24 + 64]);
    expect(reduceRows("sum", "float64", "f64", "float64", [[1e16, 1, 1, -1e16]])).toEqual([2]);
  });

  test("infinities and NaN go through a sum", () => {
    const rows = [
      [Infinity, 1],
      [Infinity, -Infinity],
      [1, Number.NaN],
    ];
    expect(reduceRows("sum", "float32", "f32", "float32", rows)).toEqual([Infinity, Number.NaN, Number.NaN]);
  });

  test("a NaN wins min, max and argmax; among equals the first does", () => {
    const rows = [
      [3, Number.NaN, 5, Number.NaN],
      [2, 7, 7, 1],
    ];
    expect(reduceRows("max", "float32", "f32", "float32", rows)).toEqual([Number.NaN, 7]);
    expect(reduceRows("min", "float32", "f32", "float32", rows)).toEqual([Number.NaN, 1]);
    expect(reduceRows("argmax", "float32", "f32", "int64", rows)).toEqual([1, 1]);
    expect(reduceRows("argmin", "float32", "f32", "int64", rows)).toEqual([1, 3]);
  });

  test("post reads the combined value and the count", () => {
    const mean: Expr = { op: "binary", code: "div", a: load(0), b: load(1) };
    expect(reduceRows("sum", "float32", "f32", "float32", [[1, 2, 6]], mean)).toEqual([3]);
  });

  test("float16 sums round once", () => {
    const row = [0x6800, ...new Array<number>(4).fill(0x3c00)]; // 2048 and four ones, each lost if added by itself
    expect(reduceRows("sum", "float16", "f32", "float16", [row])).toEqual([0x6802]); // 2052
  });

  test("int32 sums go to int64", () => {
    expect(reduceRows("sum", "int32", "i64", "int64", [[2 ** 31 - 1, 2 ** 31 - 1]])).toEqual([2 ** 32 - 2]);
  });

  test("reduces over two dims in row-major order of the inner shape, with pre over two inputs", () => {
    const out = place(heap, "float32", [0, 0]);
    const kernel = {
      skeleton: "reduce",
      combine: "sum",
      pre: mul(x, y),
      post: null,
      lane: "f32",
      inputs: ["float32", "float32"],
      output: "float32",
    } as const;
    const a = { address: place(heap, "float32", [1, 2, 3, 4, 5, 6, 7, 8]), strides: [2, 4, 1] };
    const b = { address: place(heap, "float32", [1, 10]), strides: [0, 0, 1] };
    // Slice i holds the elements i·2, i·2 + 1, i·2 + 4 and i·2 + 5.
    reference.compile(kernel)([2], [2, 2], { address: out, strides: [1] }, [a, b]);
    expect(take(heap, "float32", out, 2)).toEqual([1 + 20 + 5 + 60, 3 + 40 + 7 + 80]);
  });
});

function scanRow(combine: ScanKernel["combine"], row: readonly number[]): [values: number[], indices: number[]] {
  const kernel = { skeleton: "scan", combine, input: "float32", lane: "f32", output: "float32" } as const;
  const n = row.length;
  const [out, indices] = [
    place(heap, "float32", row),
    place(
      heap,
      "int64",
      row.map(() => 0),
    ),
  ];
  const along = (address: number) => ({ address, strides: [n, 1] });
  reference.compile(kernel)([1], n, along(out), along(place(heap, "float32", row)), along(indices));
  return [take(heap, "float32", out, n), take(heap, "int64", indices, n)];
}

describe("scan", () => {
  test("sum and prod", () => {
    expect(scanRow("sum", [1, 2, 3, 4])[0]).toEqual([1, 3, 6, 10]);
    expect(scanRow("prod", [1, 2, 3, 4])[0]).toEqual([1, 2, 6, 24]);
  });

  test("max gives the latest index on ties, and NaN stays", () => {
    expect(scanRow("max", [1, 3, 3, 2])).toEqual([
      [1, 3, 3, 3],
      [0, 1, 2, 2],
    ]);
    const [values, indices] = scanRow("min", [2, Number.NaN, 1, Number.NaN]);
    expect(values).toEqual([2, Number.NaN, Number.NaN, Number.NaN]);
    expect(indices).toEqual([0, 1, 1, 3]);
  });

  test("logaddexp of logarithms is the logarithm of the sums", () => {
    const [values] = scanRow("logaddexp", [0, Math.log(2), Math.log(3)]);
    expect(values.map((value) => Math.round(Math.exp(value) * 1e4) / 1e4)).toEqual([1, 3, 6]);
  });
});

const space = { sizes: [3], strides: [2] };

describe("gather and scatter", () => {
  const source = [10, 11, 20, 21, 30, 31];

  function rowsAt(index: readonly number[]) {
    const out = place(heap, "float32", new Array<number>(index.length * 2).fill(0));
    const found = reference.compile({ skeleton: "gather", dtype: "float32", indices: 1 })(
      [index.length, 2],
      { address: out, strides: [2, 1] },
      { address: place(heap, "float32", source), strides: [0, 1] },
      [{ address: place(heap, "int64", index), strides: [1, 0] }],
      space,
    );
    return { found, rows: take(heap, "float32", out, index.length * 2) };
  }

  test("gather picks rows, negative indices counting from the end", () => {
    expect(rowsAt([2, 0, -2])).toEqual({ found: null, rows: [30, 31, 10, 11, 20, 21] });
  });

  test("gather writes nothing when an index is out of bounds, and reports the first", () => {
    expect(rowsAt([0, 3, -4])).toEqual({ found: { operand: 0, value: 3 }, rows: [0, 0, 0, 0, 0, 0] });
  });

  function scatterInto(mode: ScatterKernel["mode"], index: readonly number[], values: readonly number[]) {
    const target = place(heap, "float32", [1, 1, 1]);
    const found = reference.compile({ skeleton: "scatter", mode, dtype: "float32", indices: 1 })(
      [index.length],
      { address: target, strides: [0] },
      { address: place(heap, "float32", values), strides: [1] },
      [{ address: place(heap, "int64", index), strides: [1] }],
      { sizes: [3], strides: [1] },
    );
    return { found, target: take(heap, "float32", target, 3) };
  }

  test.each<[ScatterKernel["mode"], number[]]>([
    ["set", [5, 1, 4]],
    ["add", [8, 1, 5]],
    ["mul", [10, 1, 4]],
    ["min", [1, 1, 1]],
    ["max", [5, 1, 4]],
  ])("scatter %s", (mode, expected) => {
    expect(scatterInto(mode, [0, -1, 0], [2, 4, 5])).toEqual({ found: null, target: expected });
  });

  test("scatter checks every index before the first write", () => {
    expect(scatterInto("set", [0, 7], [2, 4])).toEqual({ found: { operand: 0, value: 7 }, target: [1, 1, 1] });
  });

  test("gather copies bits, the payload of a NaN included", () => {
    const payload = place(heap, "float16", [0x7e55]);
    const out = place(heap, "float16", [0]);
    reference.compile({ skeleton: "gather", dtype: "float16", indices: 1 })(
      [1],
      { address: out, strides: [1] },
      { address: payload, strides: [0] },
      [{ address: place(heap, "int64", [0]), strides: [1] }],
      { sizes: [1], strides: [1] },
    );
    expect(take(heap, "float16", out, 1)).toEqual([0x7e55]);
  });
});

describe("matmul", () => {
  function product(dtype: RealName, aStrides: number[], alpha: number, beta: number, old: number): number[] {
    const out = place(heap, dtype, [old, old, old, old]);
    const a = { address: place(heap, dtype, [1, 2, 3, 4]), strides: aStrides };
    const b = { address: place(heap, dtype, [5, 6, 7, 8]), strides: [2, 1] };
    reference.compile({ skeleton: "matmul", dtype })([], 2, 2, 2, { address: out, strides: [2, 1] }, a, b, alpha, beta);
    return take(heap, dtype, out, 4);
  }

  test("rows times columns", () => {
    expect(product("float32", [2, 1], 1, 0, 0)).toEqual([19, 22, 43, 50]);
  });

  test("a transposed operand is read by its strides", () => {
    expect(product("float32", [1, 2], 1, 0, 0)).toEqual([26, 30, 38, 44]);
  });

  test("alpha scales the product, beta the old value", () => {
    expect(product("float32", [2, 1], 2, 3, 1)).toEqual([41, 47, 89, 103]);
  });

  test("with beta 0 the old value is not read", () => {
    expect(product("float32", [2, 1], 1, 0, Number.NaN)).toEqual([19, 22, 43, 50]);
  });

  test("integers", () => {
    expect(product("int64", [2, 1], 1, 1, 1)).toEqual([20, 23, 44, 51]);
  });

  test("batches broadcast by stride 0, and an empty sum is 0", () => {
    const out = place(heap, "float32", [9, 9, 9]);
    const a = { address: place(heap, "float32", [2, 3]), strides: [0, 2, 1] };
    const b = { address: place(heap, "float32", [1, 10, 2, 20, 3, 30]), strides: [2, 1, 1] };
    const run = reference.compile({ skeleton: "matmul", dtype: "float32" });
    run([3], 1, 1, 2, { address: out, strides: [1, 1, 1] }, a, b, 1, 0);
    expect(take(heap, "float32", out, 3)).toEqual([32, 64, 96]);
    run([3], 1, 1, 0, { address: out, strides: [1, 1, 1] }, a, b, 1, 0);
    expect(take(heap, "float32", out, 3)).toEqual([0, 0, 0]);
  });
});

const line = (input: number, output: number, kernel: number, stride = 1, padding = 0, dilation = 1): Geometry => ({
  input: [input],
  output: [output],
  kernel: [kernel],
  stride: [stride],
  padding: [padding],
  dilation: [dilation],
});

describe("window", () => {
  test("im2col lays out, for each kernel element, what it meets at each position", () => {
    const columns = place(heap, "float32", new Array<number>(6).fill(9));
    const image = { address: place(heap, "float32", [1, 2, 3]), strides: [3, 1] };
    const run = reference.compile({ skeleton: "window", mode: "im2col", dtype: "float32" });
    run(1, line(3, 3, 2, 1, 1), image, columns); // the window before the first element meets padding
    expect(take(heap, "float32", columns, 6)).toEqual([0, 1, 2, 1, 2, 3]);
  });

  test("im2col over two dims with stride and dilation", () => {
    const columns = place(heap, "float32", [0, 0, 0, 0]);
    const pixels = Array.from({ length: 9 }, (_, i) => i);
    const geometry = {
      input: [3, 3],
      output: [1, 1],
      kernel: [2, 2],
      stride: [2, 2],
      padding: [0, 0],
      dilation: [2, 2],
    };
    const image = { address: place(heap, "float32", pixels), strides: [9, 3, 1] };
    reference.compile({ skeleton: "window", mode: "im2col", dtype: "float32" })(1, geometry, image, columns);
    expect(take(heap, "float32", columns, 4)).toEqual([0, 2, 6, 8]);
  });

  test("col2im overwrites the image with the sum of what covers each element", () => {
    const image = place(heap, "float32", [9, 9, 9]);
    const columns = place(heap, "float32", [1, 2, 10, 20]);
    const run = reference.compile({ skeleton: "window", mode: "col2im", dtype: "float32" });
    run(1, line(3, 2, 2), { address: image, strides: [3, 1] }, columns);
    expect(take(heap, "float32", image, 3)).toEqual([1, 12, 20]);
  });
});

describe("pool", () => {
  function pooled(
    mode: PoolKernel["mode"],
    geometry: Geometry,
    input: readonly number[],
    n: number,
    divisor = 0,
    padded = true,
  ) {
    const [out, indices] = [
      place(heap, "float32", new Array<number>(n).fill(0)),
      place(heap, "int64", new Array<number>(n).fill(0)),
    ];
    const run = reference.compile({ skeleton: "pool", mode, dtype: "float32" });
    run(1, geometry, out, place(heap, "float32", input), indices, divisor, padded);
    return { values: take(heap, "float32", out, n), indices: take(heap, "int64", indices, n) };
  }

  test("max with indices: the first of equals, any NaN", () => {
    expect(pooled("max", line(4, 2, 2, 2), [3, 3, Number.NaN, 5], 2)).toEqual({
      values: [3, Number.NaN],
      indices: [0, 2],
    });
  });

  test("max ignores padding, also where all is negative", () => {
    expect(pooled("max", line(2, 2, 2, 2, 1), [-4, -5], 2)).toEqual({ values: [-4, -5], indices: [0, 1] });
  });

  test("max backward adds at the indices", () => {
    const out = place(heap, "float32", [9, 9, 9]);
    const run = reference.compile({ skeleton: "pool", mode: "maxBackward", dtype: "float32" });
    run(1, line(3, 2, 2, 1), out, place(heap, "float32", [5, 7]), place(heap, "int64", [1, 1]), 0, false);
    expect(take(heap, "float32", out, 3)).toEqual([0, 12, 0]);
  });

  test("avg counts padding or not", () => {
    expect(pooled("avg", line(2, 2, 2, 2, 1), [4, 6], 2).values).toEqual([2, 3]);
    expect(pooled("avg", line(2, 2, 2, 2, 1), [4, 6], 2, 0, false).values).toEqual([4, 6]);
  });

  test("avg does not count what a last window has beyond the padding", () => {
    expect(pooled("avg", line(3, 2, 2, 2), [1, 3, 7], 2).values).toEqual([2, 7]);
  });

  test("avg by a given divisor", () => {
    expect(pooled("avg", line(2, 1, 2), [4, 6], 1, 4).values).toEqual([2.5]);
  });

  test("avgBackward shares each gradient among its window", () => {
    expect(pooled("avgBackward", line(3, 2, 2), [2, 4], 3).values).toEqual([1, 3, 2]);
  });
});

describe("sort", () => {
  function sorted(descending: boolean, dtype: RealName, rows: readonly (readonly number[])[]) {
    const n = rows.flat().length;
    const empty = new Array<number>(n).fill(0);
    const [values, indices] = [place(heap, dtype, empty), place(heap, "int64", empty)];
    const run = reference.compile({ skeleton: "sort", dtype, descending });
    run(rows.length, rows[0]!.length, values, indices, place(heap, dtype, rows.flat()));
    return [take(heap, dtype, values, n), take(heap, "int64", indices, n)];
  }

  test("each row by itself", () => {
    const rows = [
      [3, 1, 2],
      [-1, -3, -2],
    ];
    expect(sorted(false, "int32", rows)).toEqual([
      [1, 2, 3, -3, -2, -1],
      [1, 2, 0, 1, 2, 0],
    ]);
  });

  test("equal elements keep their order in both directions", () => {
    expect(sorted(false, "float32", [[2, 1, 2, 1]])[1]).toEqual([1, 3, 0, 2]);
    expect(sorted(true, "float32", [[2, 1, 2, 1]])[1]).toEqual([0, 2, 1, 3]);
  });

  test("NaN counts as the greatest", () => {
    const row = [[Number.NaN, Infinity, 0]];
    expect(sorted(false, "float32", row)[0]).toEqual([0, Infinity, Number.NaN]);
    expect(sorted(true, "float32", row)[0]).toEqual([Number.NaN, Infinity, 0]);
  });
});
