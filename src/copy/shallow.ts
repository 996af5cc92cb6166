/** `copy.copy`: a new object with the same contents. */
import { requiresGrad } from "../autograd/node.ts";
import { Generator } from "../core/generator.ts";
import { announce } from "../core/observe.ts";
import { escape } from "../core/scope.ts";
import { Storage } from "../core/storage.ts";
import { isTensor, Tensor, TensorImpl } from "../core/tensor.ts";
import { callable } from "../nn/call.ts";
import type { AnyModule } from "../nn/module.ts";
import { adopt, isModule, Registry } from "../nn/registry.ts";
import { copyGenerator, isAtom, isBuffer, ownMethod, ownProperties, sameClass } from "./kinds.ts";

/**
 * A shallow copy: a new array, Map, Set, object, tensor or module that refers to the same contents. A class with a
 * `copy()` method is copied by it.
 * @example const other = copy.copy(model) // a new module with the same Parameters
 */
export function shallowCopy<T>(x: T): T {
  if (isModule(x)) return copyModule(x) as T;
  if (isAtom(x)) return x;
  return copyObject(x as object) as T;
}

function copyObject(value: object): unknown {
  if (isTensor(value)) return copyTensor(value);
  if (value instanceof Storage) return value.clone();
  if (value instanceof Generator) return copyGenerator(value);
  const own = Array.isArray(value) || value instanceof Map ? null : ownMethod(value, "copy");
  if (own !== null) return own();
  if (value instanceof Date) return new Date(value);
  if (isBuffer(value)) return value.slice(0);
  if (ArrayBuffer.isView(value)) return copyView(value);
  const copied = empty(value);
  for (const [key, descriptor] of ownProperties(value)) {
    if (!(Array.isArray(value) && key === "length")) Object.defineProperty(copied, key, descriptor);
  }
  return copied;
}

/** A new object of the same class with the items of a collection, but no properties. */
function empty(value: object): object {
  if (Array.isArray(value)) {
    const copied = sameClass<unknown[]>(Array, value);
    copied.length = value.length;
    return copied;
  }
  if (value instanceof Map) {
    const copied = sameClass<Map<unknown, unknown>>(Map, value);
    for (const [key, item] of value) Map.prototype.set.call(copied, key, item);
    return copied;
  }
  if (value instanceof Set) {
    const copied = sameClass<Set<unknown>>(Set, value);
    for (const item of value) Set.prototype.add.call(copied, item);
    return copied;
  }
  return Object.create(Object.getPrototypeOf(value)) as object;
}

function copyView(value: ArrayBufferView): unknown {
  if (value instanceof DataView)
    return new DataView(value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength));
  return (value as Uint8Array).slice();
}

/** The same memory with a version of its own; history is lost, `requiresGrad` stays. */
function copyTensor(value: Tensor): Tensor {
  const { storage, layout, dtype, inference } = value.impl;
  const impl = new TensorImpl(storage, layout, dtype);
  impl.inference = inference;
  const copied = Object.setPrototypeOf(new Tensor(impl), Object.getPrototypeOf(value)) as Tensor;
  escape(copied);
  if (requiresGrad(value)) copied.requiresGrad = true;
  for (const [key, descriptor] of ownProperties(value)) {
    if (key !== "impl") Object.defineProperty(copied, key, descriptor);
  }
  return copied;
}

/** A module with its own table, in which the same Parameters, buffers, children and hooks are registered. */
function copyModule(value: AnyModule): unknown {
  const own = ownMethod(value, "copy");
  if (own !== null) return own();
  const from = adopt(value);
  const table = new Registry();
  const copied = callable(Object.getPrototypeOf(value) as AnyModule, table);
  for (const kind of ["parameters", "buffers", "modules"] as const) {
    for (const [name, member] of from[kind]) (table[kind] as Map<string, unknown>).set(name, member);
  }
  for (const name of from.transient) table.transient.add(name);
  table.hooks.copyFrom(from.hooks);
  for (const [key, descriptor] of ownProperties(value)) Object.defineProperty(copied, key, descriptor);
  announce(() => ({ kind: "copy", source: value, copy: copied }));
  return copied;
}
