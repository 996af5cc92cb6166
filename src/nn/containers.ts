/** Modules that hold modules: `Sequential`, `ModuleList`, `ModuleDict`. */
import { check, IndexError, KeyError, typeName } from "../core/errors.ts";
import { isOptions } from "../core/params.ts";
import type { Tensor } from "../core/tensor.ts";
import type { Slice } from "../ops/indexing.ts";
import { type AnyModule, Module } from "./module.ts";
import { frame, indent } from "./print.ts";
import { adopt, adoptNew, expose, isModule, registry } from "./registry.ts";

/** A part of a list: `slice(1, 3)` or its text `"1:3"`. */
export type Range = Slice | string;

/** The positions that a range covers in a list of this length, as Python's `range(n)[…]`. */
export function positions(range: Range, length: number): number[] {
  const { start, stop, step } = typeof range === "string" ? parseRange(range) : range;
  check(step !== 0, () => "slice step cannot be zero");
  const clamp = (i: number, low: number, high: number): number => Math.min(Math.max(i < 0 ? i + length : i, low), high);
  const [low, high] = step > 0 ? [0, length] : [-1, length - 1];
  const from = start === null ? (step > 0 ? 0 : length - 1) : clamp(start, low, high);
  const to = stop === null ? (step > 0 ? length : -1) : clamp(stop, low, high);
  const found: number[] = [];
  for (let i = from; step > 0 ? i < to : i > to; i += step) found.push(i);
  return found;
}

function parseRange(text: string): { start: number | null; stop: number | null; step: number } {
  const match = /^\s*(-?\d+)?\s*:\s*(-?\d+)?\s*(?::\s*(-?\d+)?\s*)?$/.exec(text);
  check(match !== null, () => `invalid index "${text}": expected ":" or "start:stop:step"`, IndexError);
  const part = (i: number): number | null => (match[i] === undefined ? null : Number(match[i]));
  return { start: part(1), stop: part(2), step: part(3) ?? 1 };
}

/** An index counted from the front; throws PyTorch's IndexError out of range. */
export function position(index: number, length: number): number {
  check(
    Number.isInteger(index) && index >= -length && index < length,
    () => `index ${index} is out of range`,
    IndexError,
  );
  return index < 0 ? index + length : index;
}

/** What `Sequential` and `ModuleList` share: children by position. */
abstract class Numbered<A extends unknown[], R> extends Module<A, R> {
  /** The children by position. */
  readonly [index: number]: AnyModule;

  override get length(): number {
    return adopt(this).modules.size;
  }

  *[Symbol.iterator](): Generator<AnyModule, void> {
    for (const child of adoptNew(this).modules.values()) if (child !== null) yield child;
  }

  /** The child at a position, negative from the end; or a container of the same kind with those of a range. */
  at(index: number): AnyModule;
  at(range: Range): this;
  at(index: number | Range): AnyModule {
    const entries = [...adopt(this).modules] as [string, AnyModule][];
    if (typeof index === "number") return entries[position(index, entries.length)]![1];
    return this.part(positions(index, entries.length).map((i) => entries[i]!));
  }

  /** A container of the same kind with these children. */
  protected abstract part(entries: [string, AnyModule][]): this;

  /** Puts a module in the place of another. */
  setAt(index: number, module: AnyModule): this {
    const names = [...adopt(this).modules.keys()];
    Reflect.set(this, names[position(index, names.length)]!, module);
    return this;
  }

  /** Adds a module at the end. */
  append(module: AnyModule): this {
    this.addModule(String(this.length), module);
    return this;
  }

  /** Adds modules at the end. */
  extend(modules: Iterable<AnyModule>): this {
    for (const module of [...modules]) this.append(module);
    return this;
  }

  /** Adds a module before a position. */
  insert(index: number, module: AnyModule): this {
    const list = [...this];
    check(isModule(module), () => `module should be of type: ${Module.name}`, TypeError);
    check(
      Number.isInteger(index) && index >= -list.length && index <= list.length,
      () => `Index out of range: ${index}`,
      IndexError,
    );
    list.splice(index, 0, module);
    renumber(this, list);
    return this;
  }

  /** Takes out the module at a position, default the last. */
  pop(index = -1): AnyModule {
    const list = [...this];
    const at = position(index, list.length);
    const [taken] = list.splice(at, 1);
    renumber(this, list);
    return taken!;
  }
}

/** Gives a container these children, named by their positions. */
function renumber(container: AnyModule, list: readonly AnyModule[]): void {
  const { modules } = container[registry];
  for (const name of [...modules.keys()]) Reflect.deleteProperty(container, name);
  modules.clear();
  list.forEach((module, i) => {
    modules.set(String(i), module);
    expose(container, String(i));
  });
}

/** Names and modules from a Map or a plain object. */
export type ModuleTable = ReadonlyMap<string, AnyModule> | { readonly [name: string]: AnyModule };

function pairs(table: ModuleTable): Iterable<readonly [string, AnyModule]> {
  return table instanceof Map ? table : Object.entries(table);
}

/**
 * Modules that are called one after another, each with what the one before returned. They are named by their positions,
 * or by the keys of a plain object. `seq[0]`, `seq.at(-1)`, `seq.length`, iteration.
 * @throws IndexError for a position out of range; TypeError for what is no module.
 * @example
 * const seq = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU());
 * seq(torch.ones(2, 4)).shape // torch.Size([2, 8])
 * [...seq.stateDict().keys()] // [ '0.weight', '0.bias' ]
 * @example new nn.Sequential({ fc: new nn.Linear(4, 8), act: new nn.ReLU() }).stateDict().has("fc.weight") // true
 */
export class Sequential extends Numbered<[input: Tensor], Tensor> {
  constructor(...modules: AnyModule[] | [ModuleTable]) {
    super();
    const [first] = modules;
    if (modules.length === 1 && (first instanceof Map || isOptions(first))) {
      for (const [name, module] of pairs(first as ModuleTable)) this.addModule(name, module);
      return;
    }
    modules.forEach((module, i) => {
      this.addModule(String(i), module as AnyModule);
    });
  }

  forward(input: Tensor): Tensor {
    let x = input;
    for (const module of this) x = module(x);
    return x;
  }

  protected part(entries: [string, AnyModule][]): this {
    return new Sequential(new Map(entries)) as this;
  }
}

/**
 * A list of modules, registered under their positions; it cannot be called. `list[0]`, `list.at(-1)`, `list.length`,
 * iteration, `append`, `extend`, `insert`.
 * @throws IndexError for a position out of range; TypeError for what is no module.
 * @example
 * const layers = new nn.ModuleList([new nn.Linear(2, 2)]);
 * layers.append(new nn.Linear(2, 1));
 * let y = torch.ones(1, 2);
 * for (const layer of layers) y = layer(y);
 * y.shape // torch.Size([1, 1])
 */
export class ModuleList extends Numbered<never[], never> {
  constructor(modules: Iterable<AnyModule> = []) {
    super();
    this.extend(modules);
  }

  protected part(entries: [string, AnyModule][]): this {
    return new ModuleList(entries.map(([, module]) => module)) as this;
  }

  override toString(): string {
    const texts = [...this].map(String);
    const lines: string[] = [];
    for (let i = 0; i < texts.length; ) {
      let end = i;
      while (texts[end + 1] === texts[i]) end++;
      const head = end === i ? `(${i}): ` : `(${i}-${end}): ${end - i + 1} x `;
      lines.push(head + indent(texts[i]!));
      i = end + 1;
    }
    return frame(this.constructor.name, this.extraRepr(), lines);
  }
}

/**
 * A dictionary of modules, registered under their keys; it cannot be called. `get`, `set`, `has`, `delete`, `keys`,
 * `values`, iteration.
 * @throws KeyError for a key that is not there; TypeError for what is no module.
 * @example new nn.ModuleDict({ relu: new nn.ReLU() }).get("relu")(torch.tensor([-1])) // tensor([0.])
 */
export class ModuleDict extends Module<never[], never> {
  constructor(modules?: ModuleTable | Iterable<readonly [string, AnyModule]> | null) {
    super();
    if (modules != null) this.update(modules);
  }

  override get length(): number {
    return adopt(this).modules.size;
  }

  /** The keys, as iterating Python's dict. */
  [Symbol.iterator](): Iterator<string> {
    return this.keys();
  }

  /** The module under a key. */
  get(key: string): AnyModule {
    const module = adopt(this).modules.get(key);
    check(module != null, () => `'${key}'`, KeyError);
    return module;
  }

  /** Puts a module under a key. */
  set(key: string, module: AnyModule): this {
    this.addModule(key, module);
    return this;
  }

  has(key: string): boolean {
    return adopt(this).modules.has(key);
  }

  /** Takes a module out, and whether there was one. */
  delete(key: string): boolean {
    const had = this.has(key);
    if (had) Reflect.deleteProperty(this, key);
    adopt(this);
    return had;
  }

  clear(): void {
    for (const key of [...this.keys()]) this.delete(key);
  }

  /** Takes the module under a key out and returns it. */
  pop(key: string): AnyModule {
    const module = this.get(key);
    this.delete(key);
    return module;
  }

  *keys(): Generator<string, void> {
    yield* adopt(this).modules.keys();
  }

  *values(): Generator<AnyModule, void> {
    for (const [, module] of this.items()) yield module;
  }

  /** The pairs of keys and modules. */
  *items(): Generator<[string, AnyModule], void> {
    for (const [key, module] of adopt(this).modules) if (module !== null) yield [key, module];
  }

  /** The pairs of keys and modules. */
  entries(): Generator<[string, AnyModule], void> {
    return this.items();
  }

  /** Puts in modules under their keys. */
  update(modules: ModuleTable | Iterable<readonly [string, AnyModule]>): this {
    if (typeof modules !== "object" || modules === null) {
      throw new TypeError(
        `ModuleDict.update should be called with an iterable of key/value pairs, but got ${typeName(modules)}`,
      );
    }
    const entries = Symbol.iterator in modules ? modules : Object.entries(modules);
    for (const [key, module] of entries as Iterable<readonly [string, AnyModule]>) this.set(key, module);
    return this;
  }
}
