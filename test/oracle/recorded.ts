/** Recorded states (tensors, numbers, dictionaries, lists) against ours, of any depth. */
import { asTensor, call, callMethod, describe, elements, isTensor, lookup, property, type Tensor } from "./face.ts";
import { type Cell, cellValues } from "./format.ts";
import { camelCase } from "./names.ts";
import { close, type Num, type Tolerance } from "./numbers.ts";
import { snapshot } from "./snapshot.ts";

/** A tensor of the training record: its elements, their bytes, or a digest of many. */
export interface StoredTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data?: readonly Cell[];
  readonly f32le_base64?: string;
  readonly first8?: readonly number[];
  readonly last8?: readonly number[];
  readonly sum_float64?: number;
  readonly abs_sum_float64?: number;
}

/** Any recorded state. */
export type Stored =
  | null
  | boolean
  | number
  | string
  | StoredTensor
  | readonly Stored[]
  | { readonly [key: string]: Stored };

function isStoredTensor(value: Stored): value is StoredTensor {
  return typeof value === "object" && value !== null && "dtype" in value && "shape" in value;
}

/** A stored tensor as one of the library. */
export function restore({ dtype, shape, data, f32le_base64 }: StoredTensor): Tensor {
  const values = f32le_base64 === undefined ? cellValues(data ?? [], dtype) : floatsOf(f32le_base64);
  const options = { dtype: lookup(dtype) };
  const flat = asTensor(call("tensor", [values.map(Number), options]));
  return asTensor(callMethod(flat, "reshape", [shape]));
}

function floatsOf(base64: string): number[] {
  const bytes = Buffer.from(base64, "base64");
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
}

/** The differences between a recorded state and ours, as sentences. */
export function differences(want: Stored, got: unknown, tolerance: Tolerance, where = "it"): string[] {
  if (isStoredTensor(want))
    return isTensor(got) ? tensorDifferences(want, got, tolerance, where) : unequal(want, got, where);
  if (Array.isArray(want)) return listDifferences(want, got, tolerance, where);
  if (typeof want === "number" || want === "Infinity") {
    const number = typeof got === "bigint" ? Number(got) : got;
    return typeof number === "number" && close(number, Number(want), tolerance) ? [] : unequal(want, got, where);
  }
  if (typeof want !== "object" || want === null) return want === got ? [] : unequal(want, got, where);
  return Object.entries(want).flatMap(([key, value]) =>
    differences(value, entry(got, key), tolerance, `${where}.${key}`),
  );
}

function unequal(want: Stored, got: unknown, where: string): string[] {
  return [`${where}: expected ${JSON.stringify(want)?.slice(0, 200)}, got ${describe(got)}`];
}

function listDifferences(want: readonly Stored[], got: unknown, tolerance: Tolerance, where: string): string[] {
  const items = elements(got);
  if (items?.length !== want.length) return unequal(want, got, where);
  return want.flatMap((item, i) => differences(item, items[i], tolerance, `${where}[${i}]`));
}

/** An entry of a Map or object under PyTorch's key: a number for integers, the camelCase name in user-facing objects. */
function entry(owner: unknown, key: string): unknown {
  if (!(owner instanceof Map)) {
    const has = typeof owner === "object" && owner !== null && key in owner;
    return property(owner, has ? key : camelCase(key));
  }
  return owner.has(key) ? owner.get(key) : owner.get(Number(key));
}

function tensorDifferences(want: StoredTensor, got: Tensor, tolerance: Tolerance, where: string): string[] {
  const { dtype, shape, values } = snapshot(got);
  if (dtype !== want.dtype || shape.join() !== want.shape.join()) {
    return [`${where}: expected ${want.dtype}[${want.shape}], got ${describe(got)}`];
  }
  return Object.entries(digests(want, values)).flatMap(([part, [expected, found]]) =>
    elementDifferences(expected, found, tolerance, part === "data" ? where : `${where} (${part})`),
  );
}

/** What the record tells of a tensor, beside the same of ours. */
function digests(want: StoredTensor, values: readonly Num[]): Record<string, [readonly Num[], readonly Num[]]> {
  if (want.data !== undefined) return { data: [cellValues(want.data, want.dtype), values] };
  if (want.f32le_base64 !== undefined) return { data: [floatsOf(want.f32le_base64), values] };
  const sum = (f: (x: number) => number) => values.reduce<number>((total, x) => total + f(Number(x)), 0);
  return {
    "first 8": [want.first8 ?? [], values.slice(0, 8)],
    "last 8": [want.last8 ?? [], values.slice(-8)],
    "sum of absolute values": [[want.abs_sum_float64 ?? Number.NaN], [sum(Math.abs)]],
  };
}

function elementDifferences(want: readonly Num[], got: readonly Num[], tolerance: Tolerance, where: string): string[] {
  const first = want.findIndex((value, i) => !close(got[i] ?? Number.NaN, value, tolerance));
  return first < 0 ? [] : [`${where}[${first}]: expected ${want[first]}, got ${got[first]}`];
}
