/** What values are, as far as copying them goes. */
import { Complex } from "../core/complex.ts";
import { Device } from "../core/device.ts";
import { DType } from "../core/dtype.ts";
import { Generator } from "../core/generator.ts";
import { Size } from "../core/layout.ts";
import { registry } from "../nn/registry.ts";
import { MemoryFormat } from "../ops/copy.ts";
import { Slice } from "../ops/indexing.ts";

/** Values that never change, and those that stand for something outside: their copy is they themselves. */
export function isAtom(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return atoms.some((kind) => value instanceof kind);
}

const atoms: readonly (abstract new (...args: never[]) => object)[] = [
  DType,
  Device,
  Size,
  MemoryFormat,
  Slice,
  Complex,
  RegExp,
  Promise,
  WeakMap,
  WeakSet,
  WeakRef,
  Error,
];

/** A new value of a built-in kind with the class of another, whose constructor is not run. */
export function sameClass<T extends object>(kind: new () => T, like: T): T {
  const made = Reflect.construct(kind, [], Object) as T;
  return Object.setPrototypeOf(made, Object.getPrototypeOf(like));
}

/** A generator that continues as another would. */
export function copyGenerator(generator: Generator): Generator {
  return new Generator(generator.device).setState(generator.getState());
}

/** The own properties of an object, without the table of a module. */
export function ownProperties(value: object): [PropertyKey, PropertyDescriptor][] {
  return Reflect.ownKeys(value).flatMap((key) => {
    if (key === registry) return [];
    return [[key, Object.getOwnPropertyDescriptor(value, key)!]];
  });
}

/** A user's method of this name, where the value is no module, tensor or other kind that copies itself. */
export function ownMethod(value: object, name: string): ((memo?: unknown) => unknown) | null {
  const method: unknown = Reflect.get(value, name);
  return typeof method === "function" ? (memo) => Reflect.apply(method, value, [memo]) : null;
}

/** Whether a value is an ArrayBuffer; pages that are not isolated have no SharedArrayBuffer to ask by `instanceof`. */
export function isBuffer(value: unknown): value is ArrayBuffer | SharedArrayBuffer {
  const tag = Object.prototype.toString.call(value);
  return tag === "[object ArrayBuffer]" || tag === "[object SharedArrayBuffer]";
}
