/** Positional and named arguments, parsed once for every operator from a line such as `dim:int keepdim:bool=false`. */
import { Device, device } from "./device.ts";
import { DType, type DTypeName, dtypes } from "./dtype.ts";
import { typeName } from "./errors.ts";
import { isTensor } from "./tensor.ts";

/** One parameter of a signature. */
export interface Param {
  readonly name: string;
  readonly kind: Kind;
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
  scalar: (v) => (typeof v === "number" || typeof v === "bigint" || typeof v === "boolean" ? v : undefined),
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
  if (isTensor(v) && v.numel() === 1 && !v.dtype.isFloatingPoint) return Number(v.item());
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
      nullable: nullable !== undefined,
      fallback: fallback === undefined ? null : { value: literal(fallback) },
      keywordOnly,
      variadic: variadic !== undefined,
    });
  }
  return { text, params, positional: params.filter((p) => !p.keywordOnly).length };
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

/** Parses the arguments after `self`; throws a TypeError that names the operator and the parameter. */
export function parse(op: string, sig: Signature, args: readonly unknown[]): Values {
  let count = args.length;
  while (count > 0 && args[count - 1] === undefined) count--;
  let options: Record<string, unknown> | null = null;
  const last = args[count - 1];
  if (count > 0 && isOptions(last) && !takesObject(sig, count - 1)) {
    options = last;
    count--;
  }
  const values: Values = {};
  if (options !== null) refuseUnknown(op, sig, options);
  for (let i = 0; i < sig.params.length; i++) {
    const p = sig.params[i]!;
    values[p.name] = argument(op, sig, p, i, args, count, options);
  }
  const variadic = sig.params[sig.positional - 1]?.variadic;
  if (count > sig.positional && !variadic) {
    throw new ArgumentError(
      `${op}() takes ${sig.positional} positional argument${sig.positional === 1 ? "" : "s"} but ${count} ${count === 1 ? "was" : "were"} given`,
      -1,
    );
  }
  return values;
}

const takesObject = (sig: Signature, i: number): boolean => i < sig.positional && sig.params[i]!.kind === "object";

function argument(
  op: string,
  sig: Signature,
  p: Param,
  i: number,
  args: readonly unknown[],
  count: number,
  options: Record<string, unknown> | null,
): unknown {
  let value: unknown;
  if (p.variadic && i < count) {
    const rest = args.slice(i, count);
    value = rest.length === 1 ? rest[0] : rest;
  } else if (i < sig.positional && i < count) value = args[i];
  const named = options?.[p.name];
  if (named !== undefined) {
    if (value !== undefined) throw new ArgumentError(`${op}() got multiple values for argument '${p.name}'`, i);
    value = named;
  }
  if (value === undefined) {
    if (p.fallback === null) throw new ArgumentError(`${op}() missing required argument '${p.name}' (pos ${i + 1})`, i);
    return p.fallback.value;
  }
  return coerce(op, p, value, i);
}

function coerce(op: string, p: Param, value: unknown, i: number): unknown {
  if (value === null) {
    if (p.nullable) return null;
  } else {
    const result = kinds[p.kind](value);
    if (result !== undefined) return result;
  }
  const given = p.kind === "dtype" && typeof value === "string" ? `'${value}'` : describe(value);
  throw new ArgumentError(`${op}(): argument '${p.name}' must be ${kindNames[p.kind]}, not ${given}`, i);
}

function describe(value: unknown): string {
  if (isTensor(value)) return "Tensor";
  return Array.isArray(value) && value.length > 0 ? `list of ${typeName(value[0])}` : typeName(value);
}

function refuseUnknown(op: string, sig: Signature, options: Record<string, unknown>): void {
  for (const key of Object.keys(options)) {
    if (sig.params.some((p) => p.name === key)) continue;
    const near = sig.params.find((p) => distance(p.name, key) <= 2);
    const hint = near === undefined ? "" : `; did you mean "${near.name}"?`;
    throw new ArgumentError(`${op}() got an unexpected keyword argument '${key}'${hint}`, near === undefined ? -1 : 0);
  }
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

/** A call that does not fit a signature, and how many parameters did fit. */
class ArgumentError extends TypeError {
  readonly fitted: number;

  constructor(message: string, fitted: number) {
    super(message);
    this.name = "TypeError";
    this.fitted = fitted;
  }
}

/** The first of several signatures that fits, with its values; the error of the one that fitted longest else. */
export function parseAny(
  op: string,
  sigs: readonly Signature[],
  args: readonly unknown[],
): { which: number; values: Values } {
  if (sigs.length === 1) return { which: 0, values: parse(op, sigs[0]!, args) };
  let best: ArgumentError | undefined;
  for (let which = 0; which < sigs.length; which++) {
    try {
      return { which, values: parse(op, sigs[which]!, args) };
    } catch (error) {
      if (!(error instanceof ArgumentError)) throw error;
      if (best === undefined || error.fitted >= best.fitted) best = error;
    }
  }
  throw best;
}
