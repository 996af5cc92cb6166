/** Python's values while a pickle is read, and what becomes of them. */
import { Size } from "../core/layout.ts";
import { StateDict } from "../core/statedict.ts";
import { UnpicklingError } from "./errors.ts";

/** Nesting beyond this is taken for an attack: Python itself cannot write it. */
export const deepest = 2000;

/** A dict that is being filled; what it becomes depends on its keys. */
export class PyDict {
  readonly items: Map<unknown, unknown> = new Map();
  readonly ordered: boolean;
  /** The `_metadata` that a module's state dict carries. */
  metadata: unknown;

  constructor(ordered: boolean) {
    this.ordered = ordered;
  }
}

/** A class or function on the allow-list. */
export class PyCallable {
  readonly name: string;
  readonly call: (args: readonly unknown[]) => unknown;

  constructor(name: string, call: (args: readonly unknown[]) => unknown) {
    this.name = name;
    this.call = call;
  }
}

/** A value that only serves to build others. */
export class Part {
  readonly what: string;

  constructor(what: string) {
    this.what = what;
  }
}

type Container = unknown[] | Set<unknown> | Map<unknown, unknown> | Record<string, unknown>;

/** Integer-like keys would move to the front of a plain object. */
const integerLike = /^(0|[1-9]\d*)$/;

/** The value with every dict replaced by what API users get; lists and sets stay the same objects. */
export function settle(root: unknown, label: string): unknown {
  const made = new Map<object, Container>();
  let level: [object, Container][] = [];

  const place = (value: unknown): unknown => {
    if (value instanceof PyCallable || value instanceof Part) {
      const what = value instanceof Part ? value.what : `${value.name} itself`;
      throw new UnpicklingError(`${label}: holds ${what} as a value, which has no counterpart here`);
    }
    const isDict = value instanceof PyDict;
    if (!isDict && !(value instanceof Set) && (!Array.isArray(value) || value instanceof Size)) return value;
    const known = made.get(value);
    if (known !== undefined) return known;
    const target = isDict ? container(value) : value;
    made.set(value, target);
    level.push([value, target]);
    return target;
  };

  const result = place(root);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > deepest) throw new UnpicklingError(`${label}: nested deeper than ${deepest} levels`);
    const current = level;
    level = [];
    for (const [value, target] of current) fill(value, target, place);
  }
  return result;
}

function container(dict: PyDict): Container {
  if (dict.ordered) return new StateDict<unknown>();
  for (const key of dict.items.keys()) {
    if (typeof key !== "string" || integerLike.test(key)) return new Map();
  }
  return Object.create(null) as Record<string, unknown>;
}

function fill(value: object, target: Container, place: (value: unknown) => unknown): void {
  if (Array.isArray(target)) {
    for (let i = 0; i < target.length; i++) target[i] = place(target[i]);
  } else if (target instanceof Set) {
    const members = [...target];
    target.clear();
    for (const member of members) target.add(place(member));
  } else if (value instanceof PyDict) {
    fillDict(value, target, place);
  }
}

function fillDict(
  dict: PyDict,
  target: Map<unknown, unknown> | Record<string, unknown>,
  place: (value: unknown) => unknown,
): void {
  if (target instanceof Map) {
    for (const [key, value] of dict.items) target.set(place(key), place(value));
  } else {
    for (const [key, value] of dict.items) target[String(key)] = place(value);
  }
  if (target instanceof StateDict && dict.metadata !== undefined) target._metadata = place(dict.metadata) as never;
}
