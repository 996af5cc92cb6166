/** Modules that hold Parameters: `ParameterList`, `ParameterDict`. */
import { check, KeyError, typeName } from "../core/errors.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import { position, positions, type Range } from "./containers.ts";
import { Module } from "./module.ts";
import { isParameter, Parameter } from "./parameter.ts";
import { adopt, nameOf } from "./registry.ts";

function asParameter(value: unknown): Parameter {
  if (isParameter(value)) return value;
  if (isTensor(value)) return new Parameter(value);
  throw new TypeError(`expected a Parameter or a Tensor, but got ${typeName(value)}`);
}

function line(key: string | number, param: Parameter, type: string): string {
  return `  (${key}): Parameter containing: [${type} of size ${param.shape.join("x")}]`;
}

/**
 * A list of Parameters, registered under their positions; float tensors become Parameters.
 * @throws IndexError for a position out of range.
 * @example [...new nn.ParameterList([torch.zeros(2), torch.ones(3)]).parameters()].length // 2
 */
export class ParameterList extends Module<never[], never> {
  /** The Parameters by position. */
  readonly [index: number]: Parameter;

  constructor(values: Iterable<Tensor> = []) {
    super();
    this.extend(values);
  }

  override get length(): number {
    return adopt(this).parameters.size;
  }

  *[Symbol.iterator](): Generator<Parameter, void> {
    for (const param of adopt(this).parameters.values()) if (param !== null) yield param;
  }

  /** The Parameter at a position, negative from the end; or a list of those of a range. */
  at(index: number): Parameter;
  at(range: Range): ParameterList;
  at(index: number | Range): Parameter | ParameterList {
    const all = [...this];
    if (typeof index === "number") return all[position(index, all.length)]!;
    return new ParameterList(positions(index, all.length).map((i) => all[i]!));
  }

  /** Puts another Parameter at a position. */
  setAt(index: number, value: Tensor): this {
    Reflect.set(this, String(position(index, this.length)), asParameter(value));
    return this;
  }

  append(value: Tensor): this {
    this.registerParameter(String(this.length), asParameter(value));
    return this;
  }

  extend(values: Iterable<Tensor>): this {
    for (const value of [...values]) this.append(value);
    return this;
  }

  override extraRepr(): string {
    return [...this].map((param, i) => line(i, param, String(param.dtype))).join("\n");
  }
}

/** Names and tensors from a Map, a plain object, pairs or another ParameterDict. */
export type ParameterTable =
  | ParameterDict
  | ReadonlyMap<string, Tensor>
  | Iterable<readonly [string, Tensor]>
  | { readonly [name: string]: Tensor };

/**
 * A dictionary of Parameters, registered under their keys; float tensors become Parameters.
 * @throws KeyError for a key that is not there.
 * @example new nn.ParameterDict({ scale: torch.ones(1) }).stateDict().has("scale") // true
 */
export class ParameterDict extends Module<never[], never> {
  constructor(parameters?: ParameterTable | null) {
    super();
    if (parameters != null) this.update(parameters);
  }

  override get length(): number {
    return adopt(this).parameters.size;
  }

  /** The keys, as iterating Python's dict. */
  [Symbol.iterator](): Iterator<string> {
    return this.keys();
  }

  /** The Parameter under a key. */
  get(key: string): Parameter {
    const param = adopt(this).parameters.get(key);
    check(param != null, () => `'${key}'`, KeyError);
    return param;
  }

  /** Puts a Parameter under a key. */
  set(key: string, value: Tensor): this {
    this.registerParameter(key, asParameter(value));
    return this;
  }

  has(key: string): boolean {
    return adopt(this).parameters.has(key);
  }

  /** Takes a Parameter out, and whether there was one. */
  delete(key: string): boolean {
    const had = this.has(key);
    if (had) Reflect.deleteProperty(this, key);
    adopt(this);
    return had;
  }

  clear(): void {
    for (const key of [...this.keys()]) this.delete(key);
  }

  /** Takes the Parameter under a key out and returns it. */
  pop(key: string): Parameter {
    const param = this.get(key);
    this.delete(key);
    return param;
  }

  *keys(): Generator<string, void> {
    yield* adopt(this).parameters.keys();
  }

  *values(): Generator<Parameter, void> {
    for (const [, param] of this.items()) yield param;
  }

  /** The pairs of keys and Parameters. */
  *items(): Generator<[string, Parameter], void> {
    for (const [key, param] of adopt(this).parameters) if (param !== null) yield [key, param];
  }

  /** Puts in tensors under their keys. */
  update(parameters: ParameterTable): this {
    if (parameters instanceof ParameterDict) return this.update(new Map(parameters.items()));
    const entries = Symbol.iterator in parameters ? parameters : Object.entries(parameters);
    for (const [key, value] of entries as Iterable<readonly [string, Tensor]>) this.set(key, value);
    return this;
  }

  override extraRepr(): string {
    return [...this.items()].map(([key, param]) => line(key, param, nameOf(param))).join("\n");
  }
}
