/** Random expressions, elements and layouts for tests that compare two backends' kernels. */
import fc from "fast-check";
import { dtypes, type Lane, type RealName } from "../../src/core/dtype.ts";
import type { Heap } from "../../src/core/heap.ts";
import * as e from "../../src/ir/expr.ts";
import type { Operand } from "../../src/ir/kernel.ts";

export const dtypeNames = Object.values(dtypes)
  .filter((d) => !d.isComplex)
  .map((d) => d.name) as RealName[];

const specials = [0, -0, 1, -1, 2, 3, 7, -8, 0.5, -0.5, 1.5, 2.5, 100, 127, 128, 255, 256, -129, 32768, 65504, 65520];
const wide = [2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53, -(2 ** 62), 1e10, -1e19, 1e38, 1e-38, 1e-45, 1e-7];
const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

/** Numbers, with those that conversions and operations treat differently coming often. */
export const element: fc.Arbitrary<number> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...specials) },
  { weight: 1, arbitrary: fc.constantFrom(...wide, ...odd) },
  { weight: 3, arbitrary: fc.double({ min: -20, max: 20, noNaN: true }) },
  { weight: 1, arbitrary: fc.integer({ min: -1000, max: 1000 }) },
);

/** A shape, and for an operand how its dims lie in memory. */
export interface Layout {
  /** Positions of the dims from the outermost in memory. */
  readonly order: readonly number[];
  /** Distance of neighbours in the innermost dim. */
  readonly step: number;
  /** Elements between rows. */
  readonly gap: number;
  /** Which dims have stride 0. */
  readonly broadcast: readonly boolean[];
}

export const shapeOf = (maxRank: number, maxSize = 11): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: 1, max: maxSize }), { minLength: 0, maxLength: maxRank });

/** A layout of that rank; `expands`: dims may have stride 0. */
export function layoutOf(rank: number, expands: boolean): fc.Arbitrary<Layout> {
  const dims = Array.from({ length: rank }, (_, dim) => dim);
  return fc.record({
    order: fc.oneof(fc.constant(dims), fc.shuffledSubarray(dims, { minLength: rank, maxLength: rank })),
    step: fc.constantFrom(1, 1, 1, 2, 3),
    gap: fc.constantFrom(0, 0, 5),
    broadcast: fc.array(expands ? fc.oneof(fc.constant(false), fc.boolean()) : fc.constant(false), {
      minLength: rank,
      maxLength: rank,
    }),
  });
}

/** The strides of a layout, and the elements that it spans. */
export function stridesOf(shape: readonly number[], layout: Layout): { strides: number[]; span: number } {
  const strides = shape.map(() => 0);
  let next = layout.step;
  for (const dim of [...layout.order].reverse()) {
    if (layout.broadcast[dim]) continue;
    strides[dim] = next;
    next = next * shape[dim]! + layout.gap;
  }
  const span = shape.reduce((sum, size, dim) => sum + (size - 1) * strides[dim]!, 1);
  return { strides, span };
}

/** Writes a number as an element of `dtype`, as JavaScript's typed arrays convert; float16 and bfloat16 roughly. */
export function put(heap: Heap, dtype: RealName, index: number, value: number): void {
  if (dtype === "int64") heap.i64[index] = Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n;
  else if (dtype === "bool") heap.u8[index] = Math.abs(value) >= 1 ? 1 : 0;
  else if (dtype === "uint8") heap.u8[index] = value;
  else if (dtype === "int8") heap.i8[index] = value;
  else if (dtype === "int16") heap.i16[index] = value;
  else if (dtype === "int32") heap.i32[index] = value;
  else if (dtype === "float32") heap.f32[index] = value;
  else if (dtype === "float64") heap.f64[index] = value;
  else heap.u16[index] = dtype === "bfloat16" ? floatBits(value) >>> 16 : halfOf(value);
}

const view = new DataView(new ArrayBuffer(4));

function floatBits(value: number): number {
  view.setFloat32(0, value);
  return view.getUint32(0);
}

/** Some float16 for any number: exact for the small ones, infinite or subnormal for the extremes. */
function halfOf(value: number): number {
  const bits = floatBits(value);
  const exponent = ((bits >>> 23) & 255) - 112;
  const sign = (bits >>> 16) & 0x8000;
  if (Number.isNaN(value)) return 0x7e01;
  if (exponent >= 31) return sign | 0x7c00;
  return exponent <= 0 ? sign | ((bits >>> 13) & 0x3ff) : sign | (exponent << 10) | ((bits >>> 13) & 0x3ff);
}

/** An element as a number or bigint, halves as their bits. */
export function get(heap: Heap, dtype: RealName, index: number): number | bigint {
  if (dtype === "int64") return heap.i64[index]!;
  if (dtype === "bool" || dtype === "uint8") return heap.u8[index]!;
  if (dtype === "int8") return heap.i8[index]!;
  if (dtype === "int16") return heap.i16[index]!;
  if (dtype === "int32") return heap.i32[index]!;
  if (dtype === "float32") return heap.f32[index]!;
  if (dtype === "float64") return heap.f64[index]!;
  return heap.u16[index]!;
}

/** Places `values`, repeated, in a new reservation of `span` elements. */
export function fill(heap: Heap, dtype: RealName, span: number, values: readonly number[]): number {
  const { itemsize } = dtypes[dtype];
  const address = heap.alloc(Math.max(1, span * itemsize));
  for (let i = 0; i < span; i++) put(heap, dtype, address / itemsize + i, values[i % values.length]!);
  return address;
}

/** The elements of an operand in row-major order. */
export function read(heap: Heap, dtype: RealName, shape: readonly number[], operand: Operand): (number | bigint)[] {
  let offsets = [operand.address / dtypes[dtype].itemsize];
  shape.forEach((size, dim) => {
    const stride = operand.strides[dim]!;
    offsets = offsets.flatMap((base) => Array.from({ length: size }, (_, i) => base + i * stride));
  });
  return offsets.map((offset) => get(heap, dtype, offset));
}

const exactUnary = ["neg", "abs"] as const;
const floatUnary = ["floor", "ceil", "trunc", "rint", "sqrt"] as const;
const exactBinary = ["add", "sub", "mul", "min", "max", "div", "floordiv", "rem", "fmod"] as const;
const integerBinary = ["and", "or", "xor", "shl", "shr", "pow"] as const;
const comparisons = ["lt", "le", "gt", "ge", "eq", "ne"] as const;

/** Expressions of one lane that both backends compute exactly. */
export function exactExpr(lane: Lane, inputs: number): fc.Arbitrary<e.Expr> {
  const float = lane === "f32" || lane === "f64";
  const unaries = float ? [...exactUnary, ...floatUnary] : [...exactUnary, "sign" as const, "bitnot" as const];
  const binaries = float ? exactBinary : [...exactBinary, ...integerBinary];
  const casts: ("lane" | RealName)[] = ["lane", ...dtypeNames];
  return fc.letrec<{ expr: e.Expr; leaf: e.Expr }>((tie) => ({
    leaf: fc.oneof(
      { weight: 4, arbitrary: fc.nat(inputs - 1).map((i) => e.load(i)) },
      { weight: 1, arbitrary: fc.nat(inputs - 1).map((i) => e.loadBool(i)) },
      { weight: 1, arbitrary: fc.constantFrom(0, 1, -3, 2, ...(float ? [0.5, -0] : [7])).map(e.constant) },
      { weight: 1, arbitrary: fc.boolean().map(e.constant) },
    ),
    expr: fc.oneof(
      { maxDepth: 4, depthSize: "small" },
      tie("leaf"),
      fc.tuple(fc.constantFrom(...unaries), tie("expr")).map(([code, a]): e.Expr => ({ op: "unary", code, a })),
      fc
        .tuple(fc.constantFrom(...binaries), tie("expr"), tie("expr"))
        .map(([code, a, b]): e.Expr => ({ op: "binary", code, a, b })),
      fc
        .tuple(fc.constantFrom(...comparisons), tie("expr"), tie("expr"))
        .map(([code, a, b]): e.Expr => ({ op: "compare", code, a, b })),
      fc.tuple(tie("expr"), tie("expr"), tie("expr")).map(([test, a, b]) => e.select(test, a, b)),
      fc.tuple(fc.constantFrom(...casts), tie("expr")).map(([to, a]) => e.cast(a, to)),
    ),
  })).expr;
}
