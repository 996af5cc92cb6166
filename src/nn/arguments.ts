/** Constructor arguments: positional or in a trailing object, as everywhere. */
import type { Device } from "../core/device.ts";
import type { DType } from "../core/dtype.ts";
import { parse, type Signature, signature, type Values } from "../core/params.ts";
import type { DeviceLike, DTypeLike, Op } from "../ops/call.ts";

/** Where and in which dtype a layer makes its parameters. */
export interface FactoryOptions {
  device?: DeviceLike | null;
  dtype?: DTypeLike | null;
}

/** Every way to pass arguments `A` named `N`, with `K` by name only. */
export type Arguments<A extends unknown[], N extends string = "", K = unknown> =
  Op<A, N, K> extends (self: never, ...args: infer P) => unknown ? P : never;

/** The tail of every signature of a layer that makes parameters. */
export const factory = "device:device?=null dtype:dtype?=null";

const signatures = new Map<string, Signature>();

/** Reads the arguments of a constructor or method by a signature of core/params.ts. */
export function read(name: string, text: string, args: readonly unknown[]): Values {
  let sig = signatures.get(text);
  if (sig === undefined) {
    sig = signature(text);
    signatures.set(text, sig);
  }
  return parse(name, sig, args);
}

/** The options by which a layer makes its tensors. */
export function factoryOf(values: Values): { device: Device | null; dtype: DType | null } {
  return { device: (values.device as Device | null) ?? null, dtype: (values.dtype as DType | null) ?? null };
}

/** `n` numbers from one or several, as PyTorch's `_ntuple`. */
export function tuple(value: unknown, n: number): number[] {
  if (Array.isArray(value)) return value.length === 1 && n > 1 ? new Array(n).fill(value[0]) : [...value];
  return new Array(n).fill(value);
}

/** Numbers as Python prints a tuple of them. */
export function showTuple(values: readonly unknown[]): string {
  return values.length === 1 ? `(${values[0]},)` : `(${values.join(", ")})`;
}

/** A number, or a tuple of numbers, as Python prints it. */
export function show(value: unknown): string {
  return Array.isArray(value) ? showTuple(value) : String(value);
}
