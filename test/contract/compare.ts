/** Results as plain values, and when two of them agree. */
import { isComplexNumber } from "../../src/core/complex.ts";
import { type DTypeName, dtypes } from "../../src/core/dtype.ts";
import type { RealScalar, Scalar } from "../../src/core/scalar.ts";
import { isTensor, type Tensor } from "../../src/core/tensor.ts";
import { reader } from "../../src/ops/members.ts";
import { positions } from "./layouts.ts";

/** A tensor's values in row-major order, or one plain value. */
export interface Leaf {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: readonly (number | bigint | boolean | string)[];
}

/** The tensors of a result, through lists and named tuples. */
export function tensorsOf(value: unknown): Tensor[] {
  if (isTensor(value)) return [value];
  if (typeof value !== "object" || value === null) return [];
  if (Symbol.iterator in value) return [...(value as Iterable<unknown>)].flatMap(tensorsOf);
  return isPlain(value) ? Object.values(value).flatMap(tensorsOf) : [];
}

/** Whether a value is an options object. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** A result as leaves, in order. */
export function leaves(value: unknown): Leaf[] {
  if (isTensor(value)) return [leaf(value)];
  if (typeof value === "object" && value !== null && Symbol.iterator in value) {
    return [...(value as Iterable<unknown>)].flatMap(leaves);
  }
  const plain = typeof value === "number" || typeof value === "bigint" || typeof value === "boolean";
  return [{ dtype: typeof value, shape: [], values: [plain ? value : String(value)] }];
}

/** A tensor's dtype, shape and values; without values on the meta device. */
export function leaf(t: Tensor): Leaf {
  const { storage, layout, dtype } = t.impl;
  const head = { dtype: dtype.name, shape: [...layout.shape] };
  if (t.device.type !== "cpu" || layout.numel === 0) return { ...head, values: [] };
  const read = reader(storage.window(dtype), dtype);
  return { ...head, values: positions(layout).flatMap((at) => partsOf(read(at))) };
}

/** A complex number as its parts. */
const partsOf = (value: Scalar): RealScalar[] => (isComplexNumber(value) ? [value.re, value.im] : [value]);

/** Relative errors allowed between backends: a few units in the last place, one where a result is rounded once. */
const relative: Readonly<Partial<Record<string, number>>> = {
  float16: 2 ** -10,
  bfloat16: 2 ** -7,
  float32: 2 ** -21,
  float64: 2 ** -48,
  complex64: 2 ** -21,
  complex128: 2 ** -48,
};

/** How close floats must be: a factor on the usual bound, and whether it is relative to the largest element. */
export interface Closeness {
  readonly factor: number;
  readonly toLargest: boolean;
}

/** What differs between two results, or null. */
export function difference(want: readonly Leaf[], got: readonly Leaf[], closeness: Closeness): string | null {
  if (want.length !== got.length) return `${want.length} results, got ${got.length}`;
  for (let i = 0; i < want.length; i++) {
    const text = leafDifference(want[i]!, got[i]!, closeness);
    if (text !== null) return want.length === 1 ? text : `result ${i}: ${text}`;
  }
  return null;
}

function leafDifference(want: Leaf, got: Leaf, closeness: Closeness): string | null {
  if (want.dtype !== got.dtype) return `dtype ${want.dtype}, got ${got.dtype}`;
  if (want.shape.join() !== got.shape.join()) return `shape [${want.shape}], got [${got.shape}]`;
  const near = nearness(want, closeness);
  for (let i = 0; i < want.values.length; i++) {
    if (!near(want.values[i]!, got.values[i]!)) return `element ${i} is ${want.values[i]}, got ${got.values[i]}`;
  }
  return null;
}

type Value = Leaf["values"][number];

function nearness(want: Leaf, { factor, toLargest }: Closeness): (a: Value, b: Value) => boolean {
  const floating = want.dtype in dtypes && dtypes[want.dtype as DTypeName].isDifferentiable;
  const rtol = (floating ? relative[want.dtype]! : want.dtype === "number" ? 2 ** -21 : 0) * factor;
  const finite = want.values.map((x) => Math.abs(Number(x))).filter(Number.isFinite);
  const atol = rtol * (toLargest ? Math.max(1, ...finite) : 2 ** -3);
  return (a, b) => {
    if (a === b || Object.is(a, b)) return true;
    if (typeof a !== "number" || typeof b !== "number" || rtol === 0) return false;
    return Math.abs(a - b) <= atol + rtol * Math.abs(a);
  };
}
