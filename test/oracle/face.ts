/** Dynamic access to the public face: the samples name what they call, so nothing here is known to the compiler. */
import * as torch from "../../src/index.ts";
import { camelCase } from "./names.ts";

/** The library's tensor. */
export type Tensor = torch.Tensor;

const face: Readonly<Record<string, unknown>> = { ...torch };

/** Whether a value is a tensor of the library. */
export function isTensor(value: unknown): value is Tensor {
  return value instanceof torch.Tensor;
}

/** The property of anything that can have one. */
export function property(owner: unknown, name: string): unknown {
  if ((typeof owner !== "object" && typeof owner !== "function") || owner === null) return undefined;
  return Reflect.get(owner, name);
}

/** What the face has under PyTorch's path (`nn.functional.log_softmax`, with or without `torch.`); undefined if missing. */
export function lookup(path: string): unknown {
  let found: unknown = face;
  for (const part of path.replace(/^torch\./, "").split(".")) found = property(found, camelCase(part));
  return found;
}

/** Whether tensors have the method or property `name` (already in camelCase). */
export function tensorHas(name: string): boolean {
  return name in torch.Tensor.prototype;
}

/** Calls a function found by `lookup`. */
export function call(path: string, args: readonly unknown[]): unknown {
  const target = lookup(path);
  if (typeof target !== "function") throw new Error(`not implemented: ${path}`);
  return Reflect.apply(target, undefined, args);
}

/** Calls a method by its camelCase name. */
export function callMethod(receiver: unknown, name: string, args: readonly unknown[]): unknown {
  const method = property(receiver, name);
  if (typeof method !== "function") throw new Error(`not implemented: method ${name}`);
  return Reflect.apply(method, receiver, args);
}

/** Constructs a class found by `lookup`. */
export function construct(path: string, args: readonly unknown[]): unknown {
  const target = lookup(path);
  if (typeof target !== "function") throw new Error(`not implemented: ${path}`);
  return Reflect.construct(target, [...args]);
}

/** A call whose result must be a tensor. */
export function tensorFrom(path: string, args: readonly unknown[]): Tensor {
  return asTensor(call(path, args));
}

/** A method call whose result must be a tensor. */
export function tensorMethod(receiver: unknown, name: string, args: readonly unknown[] = []): Tensor {
  return asTensor(callMethod(receiver, name, args));
}

/** The value, if it is a tensor. */
export function asTensor(value: unknown): Tensor {
  if (!isTensor(value)) throw new Error(`expected a tensor, got ${describe(value)}`);
  return value;
}

/** The elements of an array, a named tuple or another iterable that is not a text or a tensor; undefined otherwise. */
export function elements(value: unknown): unknown[] | undefined {
  if (typeof value !== "object" || value === null || isTensor(value)) return undefined;
  if (!(Symbol.iterator in value)) return undefined;
  return [...(value as Iterable<unknown>)];
}

/** The tensors in a result, depth first. */
export function tensorLeaves(value: unknown): Tensor[] {
  if (isTensor(value)) return [value];
  return (elements(value) ?? []).flatMap(tensorLeaves);
}

/** A short text for any value. */
export function describe(value: unknown): string {
  if (isTensor(value)) return `Tensor ${shortDtype(value)}[${[...value.shape].join(", ")}]`;
  const items = elements(value);
  if (items !== undefined) return `(${items.map(describe).join(", ")})`;
  if (typeof value === "bigint") return `${value}n`;
  return typeof value === "object" && value !== null ? Object.prototype.toString.call(value) : String(value);
}

/** `float32` for a float32 tensor. */
export function shortDtype(tensor: Tensor): string {
  return String(tensor.dtype).replace(/^torch\./, "");
}
