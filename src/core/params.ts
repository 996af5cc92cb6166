/** Positional and named arguments, parsed once for every operator from a line such as `dim:int keepdim:bool=false`. */
import { Device, device } from "./device.ts";
import { DType, type DTypeName, dtypes } from "./dtype.ts";
import { typeName } from "./errors.ts";
import { isScalar } from "./scalar.ts";
import { isTensor } from "./tensor.ts";

/** One parameter of a signature. */
export interface Param {
  readonly name: string;
  readonly kind: Kind;
  /** The value as the kind has it, or undefined where it is none. */
  readonly read: (value: unknown) => unknown;
  readonly nullable: boolean;
  readonly fallback: { readonly value: unknown } | null;
  readonly keywordOnly: boolean;
  /** Takes all remaining positional arguments, as sizes do. */
  readonly variadic: boolean;
}

/** A parsed signature: parameters after `self`. */
export interface Signature {
  readonly text: string;
  readonly params: readonly Param[];
  readonly positional: number;
  /** What parameters that a call leaves out have: every call starts with a copy. */
  readonly defaults: Values;
}

/** Values by parameter name. */
export type Values = Record<string, unknown>;

export type Kind =
  | "tensor"
  | "scalar"
  | "operand"
  | "int"
  | "float"
  | "bool"
  | "str"
  | "dtype"
  | "device"
  | "ints"
  | "floats"
  | "tensors"
  | "function"
  | "object"
  | "any";

/** The kinds of values, each with a check: undefined for a value that is not of the kind. */
const kinds: Readonly<Record<Kind, (value: unknown) => unknown>> = {
  tensor: (v) => (isTensor(v) ? v : undefined),
  scalar: (v) => (isScalar(v) ? v : undefined),
  operand: (v) => (isTensor(v) ? v : kinds.scalar(v)),
  int: (v) => asInt(v),
  float: (v) => (typeof v === "number" ? v : typeof v === "bigint" || typeof v === "boolean" ? Number(v) : undefined),
  bool: (v) => (typeof v === "boolean" ? v : undefined),
  str: (v) => (typeof v === "string" ? v : undefined),
  dtype: (v) => (v instanceof DType ? v : typeof v === "string" && v in dtypes ? dtypes[v as DTypeName] : undefined),
  device: (v) => (v instanceof Device ? v : typeof v === "string" ? device(v) : undefined),
  ints: (v) => asInts(v),
  floats: (v) => (Array.isArray(v) && v.every((x) => typeof x === "number") ? v : undefined),
  tensors: (v) => (Array.isArray(v) && v.every(isTensor) ? v : undefined),
  function: (v) => (typeof v === "function" ? v : undefined),
  object: (v) => (typeof v === "object" || typeof v === "function" ? v : undefined),
  any: (v) => v,
};

/** How a kind is called in messages. */
const kindNames: Readonly<Record<Kind, string>> = {
  tensor: "Tensor",
  scalar: "Number",
  operand: "Tensor or Number",
  int: "int",
  float: "float",
  bool: "bool",
  str: "str",
  dtype: "torch.dtype",
  device: "torch.device",
  ints: "tuple of ints",
  floats: "tuple of floats",
  tensors: "tuple of Tensors",
  function: "function",
  object: "object",
  any: "object",
};

function asInt(v: unknown): number | undefined {
  if (typeof v === "number") return Number.isInteger(v) ? v + 0 : undefined;
  if (typeof v === "bigint") return Number(v);
  if (isTensor(v) && v.numel() === 1 && !v.dtype.isDifferentiable) return Number(v.item());
  return undefined;
}

function asInts(v: unknown): number[] | undefined {
  const one = asInt(v);
  if (one !== undefined) return [one];
  if (!Array.isArray(v)) return undefined;
  const values = v.map(asInt);
  return values.some((x) => x === undefined) ? undefined : (values as number[]);
}

/**
 * Parses a signature. A parameter is `name:kind`, `kind?` where null is allowed, `=value` where it may be left out, a
 * leading `...` where it takes all remaining positional arguments; those after `*` are named only.
 */
export function signature(text: string): Signature {
  let keywordOnly = false;
  const params: Param[] = [];
  for (const word of text.split(" ")) {
    if (word === "") continue;
    if (word === "*") {
      keywordOnly = true;
      continue;
    }
    const match = /^(\.\.\.)?(\w+):(\w+)(\?)?(?:=(.*))?$/.exec(word);
    if (match === null) throw new Error(`bad parameter "${word}" in "${text}"`);
    const [, variadic, name, kind, nullable, fallback] = match;
    params.push({
      name: name!,
      kind: kind as Kind,
      read: kinds[kind as Kind],
      nullable: nullable !== undefined,
      fallback: fallback === undefined ? null : { value: literal(fallback) },
      keywordOnly,
      variadic: variadic !== undefined,
    });
  }
  const defaults: Values = {};
  for (const p of params) defaults[p.name] = p.fallback?.value;
  return { text, params, positional: params.filter((p) => !p.keywordOnly).length, defaults };
}

function literal(text: string): unknown {
  if (text === "inf") return Number.POSITIVE_INFINITY;
  if (text === "undefined") return undefined;
  return JSON.parse(text.replaceAll("'", '"'));
}

/** Whether a value is a plain object: the trailing options of a call. */
export function isOptions(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const proto = Object.getPrototypeOf(value);
  return proto === Object.prototype || proto === null;
}

/** Why a call does not fit a signature. An object, not an error, since calls are tried on several signatures. */
class Misfit {
  readonly message: () => string;
  /** How many parameters did fit. */
  readonly fitted: number;

  constructor(fitted: number, message: () => string) {
    this.fitted = fitted;
    this.message = message;
  }
}

/** Parses the arguments after `self`; throws a TypeError that names the operator and the parameter. */
export function parse(op: string, sig: Signature, args: readonly unknown[]): Values {
  const values = fit(op, sig, args);
  if (values instanceof Misfit) throw new TypeError(values.message());
  return values;
}

function fit(op: string, sig: Signature, args: readonly unknown[]): Values | Misfit {
  const { params, positional } = sig;
  let count = args.length;
  while (count > 0 && args[count - 1] === undefined) count--;
  let options: Record<string, unknown> | null = null;
  const last = args[count - 1];
  if (typeof last === "object" && isOptions(last) && !takesObject(sig, count - 1)) {
    options = last;
    count--;
    const unknown = unknownOption(op, sig, options);
    if (unknown !== null) return unknown;
  }
  const values: Values = { ...sig.defaults };
  for (let i = 0; i < params.length; i++) {
    if (i >= count && options === null && params[i]!.fallback !== null) continue;
    const p = params[i]!;
    let value = i < count && i < positional ? given(p, args, i, count) : undefined;
    const named = options?.[p.name];
    if (named !== undefined) {
      if (value !== undefined) return new Misfit(i, () => `${op}() got multiple values for argument '${p.name}'`);
      value = named;
    }
    if (value === undefined) {
      if (p.fallback !== null) continue;
      return new Misfit(i, () => `${op}() missing required argument '${p.name}' (pos ${i + 1})`);
    }
    const result = value === null ? (p.nullable ? null : undefined) : p.read(value);
    if (result === undefined) return new Misfit(i, () => wrongKind(op, p, value));
    values[p.name] = result;
  }
  if (count > positional && !params[positional - 1]?.variadic) {
    return new Misfit(-1, () => tooMany(op, positional, count));
  }
  return values;
}

const takesObject = (sig: Signature, i: number): boolean => i < sig.positional && sig.params[i]!.kind === "object";

function given(p: Param, args: readonly unknown[], i: number, count: number): unknown {
  return p.variadic && count - i > 1 ? args.slice(i, count) : args[i];
}

function tooMany(op: string, positional: number, count: number): string {
  const [s, were] = [positional === 1 ? "" : "s", count === 1 ? "was" : "were"];
  return `${op}() takes ${positional} positional argument${s} but ${count} ${were} given`;
}

function wrongKind(op: string, p: Param, value: unknown): string {
  const what = p.kind === "dtype" && typeof value === "string" ? `'${value}'` : describe(value);
  return `${op}(): argument '${p.name}' must be ${kindNames[p.kind]}, not ${what}`;
}

function describe(value: unknown): string {
  if (isTensor(value)) return "Tensor";
  return Array.isArray(value) && value.length > 0 ? `list of ${typeName(value[0])}` : typeName(value);
}

function unknownOption(op: string, sig: Signature, options: Record<string, unknown>): Misfit | null {
  for (const key of Object.keys(options)) {
    if (sig.params.some((p) => p.name === key)) continue;
    const near = sig.params.find((p) => distance(p.name, key) <= 2);
    const hint = near === undefined ? "" : `; did you mean "${near.name}"?`;
    const message = (): string => `${op}() got an unexpected keyword argument '${key}'${hint}`;
    return new Misfit(near === undefined ? -1 : 0, message);
  }
  return null;
}

/** Edit distance, for hints. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}

/** The first of several signatures that fits, with its values; the error of the one that fitted longest else. */
export function parseAny(
  op: string,
  sigs: readonly Signature[],
  args: readonly unknown[],
): { which: number; values: Values } {
  if (sigs.length === 1) return { which: 0, values: parse(op, sigs[0]!, args) };
  let best: Misfit | undefined;
  for (let which = 0; which < sigs.length; which++) {
    const values = fit(op, sigs[which]!, args);
    if (!(values instanceof Misfit)) return { which, values };
    if (best === undefined || values.fitted >= best.fitted) best = values;
  }
  throw new TypeError(best?.message());
}
