/** What a module has registered: one table per module, and the checked accessors through which fields reach it. */

import { AttributeError, check, KeyError, typeName, ValueError } from "../core/errors.ts";
import { announce } from "../core/observe.ts";
import { keep } from "../core/scope.ts";
import { isTensor, legacyTypeName, type Tensor } from "../core/tensor.ts";
import { calls } from "./depth.ts";
import { Hooks } from "./hooks.ts";
import type { AnyModule } from "./module.ts";
import { isBuffer, isParameter, type Parameter } from "./parameter.ts";

/** Marks modules of any copy of this package. */
export const moduleBrand: unique symbol = Symbol.for("cresset.Module") as never;

/** The key of a module's table. */
export const registry: unique symbol = Symbol("cresset.registry") as never;

/** Whether a value is a Module. */
export function isModule(value: unknown): value is AnyModule {
  return typeof value === "function" && moduleBrand in value;
}

/** A module's parameters, buffers, children and hooks, in order of registration. */
export class Registry {
  readonly parameters: Map<string, Parameter | null> = new Map();
  readonly buffers: Map<string, Tensor | null> = new Map();
  /** Buffers that state dicts leave out. */
  readonly transient: Set<string> = new Set();
  readonly modules: Map<string, AnyModule | null> = new Map();
  readonly hooks: Hooks = new Hooks();
  /** How many own properties the module had when `adoptNew` last looked. */
  fields = -1;

  has(name: string): boolean {
    return this.parameters.has(name) || this.buffers.has(name) || this.modules.has(name);
  }

  drop(name: string): void {
    this.parameters.delete(name);
    this.buffers.delete(name);
    this.transient.delete(name);
    this.modules.delete(name);
  }
}

/** An object with a table. */
export interface Registered {
  readonly [registry]: Registry;
}

const getters = new Map<string, () => unknown>();
const ours = new WeakSet<object>();

function getterOf(name: string): () => unknown {
  let getter = getters.get(name);
  if (getter === undefined) {
    getter = function (this: Registered): unknown {
      const { parameters, buffers, modules } = this[registry];
      return parameters.get(name) ?? buffers.get(name) ?? modules.get(name) ?? null;
    };
    getters.set(name, getter);
    ours.add(getter);
  }
  return getter;
}

/** Whether a property is one of the accessors that `expose` makes. */
export function isExposed(descriptor: PropertyDescriptor | undefined): boolean {
  return descriptor?.get !== undefined && ours.has(descriptor.get);
}

/** Makes a registered name a field with checks. Numbers stay out of the enumeration: they would come first. */
export function expose(module: object, name: string): void {
  Object.defineProperty(module, name, {
    get: getterOf(name),
    set(this: Registered, value: unknown) {
      assign(this, name, value);
    },
    enumerable: !/^\d+$/.test(name),
    configurable: true,
  });
}

/** PyTorch's `torch.typename`. */
export function nameOf(value: unknown): string {
  return isTensor(value) ? legacyTypeName(value) : typeName(value);
}

/** Assigns to a registered field; throws PyTorch's errors for values of the wrong kind. */
export function assign(module: Registered, name: string, given: unknown): void {
  const value = given ?? null;
  const table = module[registry];
  const before = table.parameters.get(name) ?? table.modules.get(name) ?? null;
  if (isParameter(value)) {
    if (!table.parameters.has(name)) table.drop(name);
    table.parameters.set(name, value);
  } else if (table.parameters.has(name)) {
    refuse(value === null, value, `parameter '${name}' (torch.nn.Parameter or None expected)`);
    table.parameters.set(name, null);
  } else if (isModule(value)) {
    if (!table.modules.has(name)) table.drop(name);
    table.modules.set(name, value);
  } else if (table.modules.has(name)) {
    refuse(value === null, value, `child module '${name}' (torch.nn.Module or None expected)`);
    table.modules.set(name, null);
  } else {
    if (value !== null && !isTensor(value)) {
      throw new TypeError(`cannot assign '${nameOf(value)}' as buffer '${name}' (torch.Tensor or None expected)`);
    }
    if (value !== null) keep(value);
    table.buffers.set(name, value);
  }
  if (before !== null && before !== value) {
    announce(() => ({
      kind: "replace",
      module,
      name,
      before,
      after: isParameter(value) || isModule(value) ? value : null,
    }));
  }
}

function refuse(allowed: boolean, value: unknown, as: string): void {
  check(allowed, () => `cannot assign '${nameOf(value)}' as ${as}`, TypeError);
}

/** Takes plain fields that hold Parameters, Buffers or Modules into the table, and drops names that are fields no more. */
export function adopt(module: object & Registered): Registry {
  const table = module[registry];
  for (const maps of [table.parameters, table.buffers, table.modules]) {
    for (const name of maps.keys()) {
      if (!isExposed(Object.getOwnPropertyDescriptor(module, name))) table.drop(name);
    }
  }
  for (const name of Object.keys(module)) {
    const value: unknown = Object.getOwnPropertyDescriptor(module, name)?.value;
    if (isParameter(value)) table.parameters.set(name, value);
    else if (isModule(value)) table.modules.set(name, value);
    else if (isBuffer(value)) addBuffer(table, name, value, value.persistent);
    else continue;
    expose(module, name);
  }
  return table;
}

/** `adopt`, but only where there are more or fewer fields than at the last look: for what runs at every step. */
export function adoptNew(module: object & Registered): Registry {
  const table = module[registry];
  const fields = Object.getOwnPropertyNames(module).length;
  let same = fields === table.fields;
  for (const name of table.modules.keys()) same &&= Object.hasOwn(module, name);
  if (same) return table;
  table.fields = fields;
  return adopt(module);
}

function addBuffer(table: Registry, name: string, value: Tensor | null, persistent: boolean): void {
  if (value !== null) keep(value);
  table.buffers.set(name, value);
  if (persistent) table.transient.delete(name);
  else table.transient.add(name);
}

function checkName(kind: string, name: unknown, module: object & Registered, own: ReadonlyMap<string, unknown>): void {
  if (typeof name !== "string") throw new TypeError(`${kind} name should be a string. Got ${typeName(name)}`);
  check(!name.includes("."), () => `${kind} name can't contain "."`, KeyError);
  check(name !== "", () => `${kind} name can't be empty string ""`, KeyError);
  // A class field without a value is an own property already: that is a declaration, not an attribute.
  const taken = name in module && Reflect.get(module, name) !== undefined && !own.has(name);
  check(!taken, () => `attribute '${name}' already exists`, KeyError);
}

/** PyTorch's `register_parameter`. */
export function registerParameter(module: object & Registered, name: string, param: Parameter | null): void {
  const table = adopt(module);
  checkName("parameter", name, module, table.parameters);
  if (param !== null && !isParameter(param)) {
    throw new TypeError(
      `cannot assign '${nameOf(param)}' object to parameter '${name}' (torch.nn.Parameter or None required)`,
    );
  }
  check(
    param === null || param.isLeaf,
    () =>
      `Cannot assign non-leaf Tensor to parameter '${name}'. Model parameters must be created explicitly. To express ` +
      `'${name}' as a function of another Tensor, compute the value in the forward() method.`,
    ValueError,
  );
  table.parameters.set(name, param);
  expose(module, name);
}

/** PyTorch's `register_buffer`. */
export function registerBuffer(
  module: object & Registered,
  name: string,
  tensor: Tensor | null,
  persistent: boolean,
): void {
  const table = adopt(module);
  checkName("buffer", name, module, table.buffers);
  if (tensor !== null && !isTensor(tensor)) {
    throw new TypeError(`cannot assign '${nameOf(tensor)}' object to buffer '${name}' (torch Tensor or None required)`);
  }
  addBuffer(table, name, tensor, persistent);
  expose(module, name);
  if (calls.depth > 0 && tensor !== null) announce(() => ({ kind: "create", what: "buffer", name }));
}

/** PyTorch's `add_module`. */
export function registerModule(module: object & Registered, name: string, child: AnyModule | null): void {
  const table = adopt(module);
  if (child !== null && !isModule(child)) throw new TypeError(`${nameOf(child)} is not a Module subclass`);
  checkName("module", name, module, table.modules);
  table.modules.set(name, child);
  expose(module, name);
}

/** The error for a name that a module does not have. */
export function noAttribute(module: object, name: string): AttributeError {
  return new AttributeError(`${module.constructor.name} has no attribute \`${name}\``);
}
