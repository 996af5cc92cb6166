/** `deepcopy`: a copy that shares nothing with the original, and shares inside itself what the original does. */
import { requiresGrad } from "../autograd/node.ts";
import { RuntimeError } from "../core/errors.ts";
import { Generator } from "../core/generator.ts";
import { together } from "../core/memory.ts";
import { announce } from "../core/observe.ts";
import { escape } from "../core/scope.ts";
import { Storage } from "../core/storage.ts";
import { isTensor, type Tensor, wrap } from "../core/tensor.ts";
import { callable } from "../nn/call.ts";
import { cloning } from "../nn/cloning.ts";
import type { AnyModule } from "../nn/module.ts";
import { isParameter, Parameter } from "../nn/parameter.ts";
import { adopt, expose, isExposed, isModule, Registry } from "../nn/registry.ts";
import { copyGenerator, isAtom, isBuffer, ownMethod, ownProperties, sameClass } from "./kinds.ts";

cloning.clone = (module) => deepcopy(module);

/** Copies by their originals; share one between calls to keep links between what they copy. */
export type Memo = Map<unknown, unknown>;

const notALeaf =
  "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  If you were " +
  "attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see " +
  "https://github.com/pytorch/pytorch/pull/103001";

/** The way to what is being copied, for messages; `deepcopy` methods of users go through it, too. */
let path: string[] = [];
let running = 0;

/**
 * A deep copy of any value: nested arrays, Maps, Sets, objects and class instances, tensors, modules, optimizers. A class
 * with a `deepcopy(memo)` method is copied by it. Functions are shared.
 * @throws RuntimeError for tensors with history.
 * @example const best = copy.deepcopy(model.stateDict())
 */
export function deepcopy<T>(x: T, memo: Memo = new Map()): T {
  if (running > 0) return visit(x, memo) as T;
  path = [isModule(x) ? "model" : ""];
  running++;
  let copied: unknown;
  try {
    copied = together(() => visit(x, memo));
  } finally {
    running--;
  }
  announce(() => ({ kind: "deepcopy", source: x, copy: copied }));
  return copied as T;
}

/** Copies a part of the value, which messages call `step`. */
function part<T>(step: string, value: T, memo: Memo): T {
  path.push(step);
  const copied = visit(value, memo) as T;
  path.pop();
  return copied;
}

function visit(value: unknown, memo: Memo): unknown {
  if (isModule(value)) return memo.get(value) ?? copyModule(value, memo);
  if (isAtom(value)) return value;
  const object = value as object;
  return memo.get(object) ?? copyObject(object, memo);
}

function copyObject(value: object, memo: Memo): unknown {
  if (isTensor(value)) return copyTensor(value, memo);
  if (value instanceof Storage) return copyStorage(value, memo);
  if (value instanceof Generator) return remember(memo, value, copyGenerator(value));
  const own = Array.isArray(value) || value instanceof Map ? null : ownMethod(value, "deepcopy");
  if (own !== null) return remember(memo, value, own(memo));
  if (Array.isArray(value)) return copyArray(value, memo);
  if (value instanceof Map) return copyMap(value, memo);
  if (value instanceof Set) return copySet(value, memo);
  if (value instanceof Date) return remember(memo, value, new Date(value));
  if (isBuffer(value)) {
    return remember(memo, value, value.slice(0));
  }
  if (ArrayBuffer.isView(value)) return copyView(value, memo);
  const copied = remember(memo, value, Object.create(Object.getPrototypeOf(value)) as object);
  copyProperties(value, copied, memo);
  return copied;
}

function remember<T>(memo: Memo, original: unknown, copied: T): T {
  memo.set(original, copied);
  return copied;
}

const step = (key: PropertyKey): string =>
  typeof key === "string" && /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${String(key)}]`;

/** Copies own properties, except those that `skip` names. */
function copyProperties(from: object, to: object, memo: Memo, skip: (key: PropertyKey) => boolean = () => false): void {
  for (const [key, descriptor] of ownProperties(from)) {
    if (skip(key)) continue;
    if ("value" in descriptor) descriptor.value = part(step(key), descriptor.value, memo);
    Object.defineProperty(to, key, descriptor);
  }
}

function copyArray(value: readonly unknown[], memo: Memo): unknown[] {
  const copied = remember(memo, value, sameClass(Array, value as unknown[]));
  copied.length = value.length;
  copyProperties(value, copied, memo, (key) => key === "length");
  return copied;
}

function copyMap(value: ReadonlyMap<unknown, unknown>, memo: Memo): Map<unknown, unknown> {
  const copied = remember(memo, value, sameClass(Map, value as Map<unknown, unknown>));
  for (const [key, item] of value) {
    const name = typeof key === "string" ? `["${key}"]` : isAtom(key) ? `[${String(key)}]` : "[…]";
    Map.prototype.set.call(copied, part(name, key, memo), part(name, item, memo));
  }
  copyProperties(value, copied, memo);
  return copied;
}

function copySet(value: ReadonlySet<unknown>, memo: Memo): Set<unknown> {
  const copied = remember(memo, value, sameClass(Set, value as Set<unknown>));
  for (const item of value) Set.prototype.add.call(copied, part("{…}", item, memo));
  copyProperties(value, copied, memo);
  return copied;
}

/** A typed array or DataView over a copy of its whole buffer, so that views of one buffer stay that. */
function copyView(value: ArrayBufferView, memo: Memo): unknown {
  const buffer = part(".buffer", value.buffer, memo);
  const kind = value.constructor as new (buffer: ArrayBufferLike, offset: number, length: number) => object;
  const length = "length" in value ? (value.length as number) : value.byteLength;
  return remember(memo, value, new kind(buffer, value.byteOffset, length));
}

// ---------------------------------------------------------------- tensors

function copyStorage(value: Storage, memo: Memo): Storage {
  const known = memo.get(value);
  if (known !== undefined) return known as Storage;
  const copied = remember(memo, value, value.clone());
  copied.escaped = true;
  return copied;
}

function copyTensor(value: Tensor, memo: Memo): Tensor {
  if (!value.isLeaf) {
    const where = path.join("");
    throw new RuntimeError(where === "" || path.length === 1 ? notALeaf : `${notALeaf} (at ${where})`);
  }
  return isParameter(value) ? copyParameter(value, memo) : copyPlain(value, memo);
}

/** As PyTorch's: a copy has no conjugation or negation waiting, at the cost of memory of its own. */
const resolved = (t: Tensor): Tensor => t.resolveConj().resolveNeg();

function copyPlain(value: Tensor, memo: Memo): Tensor {
  const storage = copyStorage(value.impl.storage, memo);
  const copied = remember(memo, value, resolved(wrap(storage, value.impl.layout, value.impl.dtype)));
  Object.setPrototypeOf(copied, Object.getPrototypeOf(value));
  escape(copied);
  if (requiresGrad(value)) copied.requiresGrad = true;
  const { grad } = value;
  if (grad !== null) copied.grad = part(".grad", grad, memo);
  copyProperties(value, copied, memo, (key) => key === "impl");
  return copied;
}

/** As PyTorch's: new memory for the elements alone, without gradient and attributes. */
function copyParameter(value: Parameter, memo: Memo): Parameter {
  const data = value.detach().clone();
  const copied = remember(memo, value, new Parameter(data, value.requiresGrad));
  return Object.setPrototypeOf(copied, Object.getPrototypeOf(value));
}

// ---------------------------------------------------------------- modules

function copyModule(value: AnyModule, memo: Memo): unknown {
  const own = ownMethod(value, "deepcopy");
  if (own !== null) return remember(memo, value, own(memo));
  const from = adopt(value);
  const table = new Registry();
  const copied = remember(memo, value, callable(Object.getPrototypeOf(value) as AnyModule, table));
  table.hooks.copyFrom(from.hooks);
  for (const name of from.transient) table.transient.add(name);
  // Fields come in the order of assignment, registered or not, so that the copy's walks are the original's.
  for (const [key, descriptor] of ownProperties(value)) {
    if (isExposed(descriptor)) expose(copied, key as string);
    else Object.defineProperty(copied, key, descriptor);
  }
  for (const [name, param] of from.parameters) table.parameters.set(name, part(step(name), param, memo));
  for (const [name, buffer] of from.buffers) table.buffers.set(name, part(step(name), buffer, memo));
  for (const [name, child] of from.modules) table.modules.set(name, part(step(name), child, memo));
  copyProperties(value, copied, memo, (key) => isExposed(Object.getOwnPropertyDescriptor(value, key)));
  return copied;
}
