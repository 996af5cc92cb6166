/** Values as Python's `repr` prints them, for the Python values that API.md maps ours to. */

/** The method by which an object says its own `repr`: tensors, sizes, dtypes, devices, state dicts and modules have it. */
export const reprMethod: unique symbol = Symbol.for("cresset.repr");

interface SelfDescribing {
  [reprMethod](): string;
}

/**
 * The value as Python would print it.
 * @example repr({ lr: 0.00001, betas: [0.9, null] }) // "{'lr': 1e-05, 'betas': [0.9, None]}"
 */
export function repr(value: unknown): string {
  return describe(value, []);
}

function describe(value: unknown, parents: readonly object[]): string {
  if (value === null || value === undefined) return "None";
  switch (typeof value) {
    case "boolean":
      return value ? "True" : "False";
    case "number":
      return isPythonInt(value) ? String(value) : reprFloat(value);
    case "bigint":
      return String(value);
    case "string":
      return reprString(value);
    case "symbol":
      return String(value);
  }
  return describeObject(value, parents);
}

/** A number stands for a Python int when nothing of it can have been lost. */
function isPythonInt(x: number): boolean {
  return Number.isSafeInteger(x) && !Object.is(x, -0);
}

function describeObject(value: object, parents: readonly object[]): string {
  if (describesItself(value)) return value[reprMethod]();
  const again = parents.includes(value);
  const within = [...parents, value];
  const each = (item: unknown): string => describe(item, within);
  if (Array.isArray(value)) return again ? "[...]" : `[${Array.from(value, each).join(", ")}]`;
  if (value instanceof Map) return again ? "{...}" : dict(value, each);
  if (value instanceof Set) return again ? "{...}" : set(value, each);
  if (value instanceof Uint8Array) return reprBytes(value);
  if (isPlain(value)) return again ? "{...}" : dict(Object.entries(value), each);
  return typeof value === "function" ? `<function ${value.name || "<lambda>"}>` : other(value);
}

function describesItself(value: object): value is SelfDescribing {
  return reprMethod in value && typeof value[reprMethod] === "function";
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function dict(entries: Iterable<readonly [unknown, unknown]>, each: (item: unknown) => string): string {
  return `{${Array.from(entries, ([key, item]) => `${each(key)}: ${each(item)}`).join(", ")}}`;
}

function set(items: ReadonlySet<unknown>, each: (item: unknown) => string): string {
  return items.size === 0 ? "set()" : `{${Array.from(items, each).join(", ")}}`;
}

/** An object of a class: its own text if it has one. */
function other(value: object): string {
  if (typeof value.toString === "function" && value.toString !== Object.prototype.toString) return value.toString();
  return `<${value.constructor?.name ?? "object"} object>`;
}

/** A Python float: the shortest digits that give it back, with a point or an exponent. */
export function reprFloat(x: number): string {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x < 0 ? "-inf" : "inf";
  if (x === 0) return Object.is(x, -0) ? "-0.0" : "0.0";
  const [digits = "", exponent = ""] = x.toExponential().split("e");
  const power = Number(exponent);
  if (power < -4 || power >= 16) return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
  const text = String(x);
  return text.includes(".") ? text : `${text}.0`;
}

const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };
/** What Python's `str.isprintable` refuses: controls, formats, surrogates, unassigned, and separators but the space. */
const unprintable = /[\p{C}\p{Z}]/u;

/** A Python string literal: in single quotes, unless only double ones need no escape. */
export function reprString(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let out = quote;
  for (const c of text) {
    if (c === quote) out += `\\${c}`;
    else if (c === " " || !unprintable.test(c)) out += escapes[c] ?? c;
    else out += escapes[c] ?? escapeCode(c.codePointAt(0)!);
  }
  return out + quote;
}

function escapeCode(code: number): string {
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

/** A Python bytes literal. */
export function reprBytes(bytes: Uint8Array): string {
  const quote = bytes.includes(0x27) && !bytes.includes(0x22) ? '"' : "'";
  let out = `b${quote}`;
  for (const byte of bytes) {
    const c = String.fromCharCode(byte);
    if (c === quote) out += `\\${c}`;
    else out += escapes[c] ?? (byte >= 0x20 && byte < 0x7f ? c : escapeCode(byte));
  }
  return out + quote;
}
