/** Tensors as text, character for character as Python prints them (PyTorch's torch/_tensor_str.py). */
import { type Complex, isComplexNumber } from "./complex.ts";
import { complex64, complex128, type DType, float32, float64 } from "./dtype.ts";
import { ValueError } from "./errors.ts";

/** What printing needs to know of a tensor. */
export interface PrintSource {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly device: string;
  /** The element there; 16-bit and 32-bit floats widened. Not asked of a tensor on `meta`. */
  element(index: readonly number[]): number | bigint | boolean | Complex;
  readonly requiresGrad: boolean;
  /** The name of the node that made it, such as `"AddBackward0"`. */
  readonly gradFn: string | null;
  readonly parameter: boolean;
}

/** How tensors print. */
export interface Printoptions {
  /** Digits after the point. */
  readonly precision: number;
  /** A tensor with more elements than this shows only its edges. */
  readonly threshold: number;
  /** How many elements an edge has. */
  readonly edgeitems: number;
  /** Characters in a line. */
  readonly linewidth: number;
  /** Whether floats print as `1.0000e+00`; null lets the values decide. */
  readonly sciMode: boolean | null;
}

/** A set of options with a name. */
export type PrintProfile = "default" | "short" | "full";

const profiles: Readonly<Record<PrintProfile, Omit<Printoptions, "sciMode">>> = {
  default: { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80 },
  short: { precision: 2, threshold: 1000, edgeitems: 2, linewidth: 80 },
  full: { precision: 4, threshold: Number.POSITIVE_INFINITY, edgeitems: 3, linewidth: 80 },
};

let options: Printoptions = { ...profiles.default, sciMode: null };

/**
 * Sets how tensors print, from a profile (`"default"`, `"short"`, `"full"`) or option by option; what is left out stays,
 * except that `sciMode` goes back to null.
 * @example torch.setPrintoptions({ precision: 2 })
 */
export function setPrintoptions(wanted: Partial<Printoptions> & { readonly profile?: PrintProfile }): void {
  const { profile, ...single } = wanted;
  for (const name of Object.keys(single)) {
    if (!(name in options)) throw new TypeError(`setPrintoptions() got an unknown option "${name}"`);
  }
  for (const name of ["precision", "threshold", "edgeitems", "linewidth"] as const) {
    const value = single[name];
    if (value === undefined || (Number.isInteger(value) && value >= 0)) continue;
    if (name !== "threshold" || value !== Number.POSITIVE_INFINITY) {
      throw new ValueError(`setPrintoptions(): ${name} must be a whole number from 0, but got ${value}`);
    }
  }
  if (profile !== undefined && !Object.hasOwn(profiles, profile)) {
    throw new ValueError(`setPrintoptions(): profile must be "default", "short" or "full", but got "${profile}"`);
  }
  const given = Object.fromEntries(Object.entries(single).filter(([, value]) => value !== undefined));
  options = { ...options, ...(profile && profiles[profile]), sciMode: null, ...given };
}

/** The options in force. */
export function getPrintoptions(): Printoptions {
  return options;
}

/** The tensor as `repr` gives it; `defaultDtype` is the float dtype that goes without saying. */
export function formatTensor(t: PrintSource, defaultDtype: DType = float32): string {
  const prefix = "tensor(";
  const text = addSuffixes(prefix + contents(t, prefix.length), suffixes(t, defaultDtype), prefix.length);
  return t.parameter ? `Parameter containing:\n${text}` : text;
}

function suffixes(t: PrintSource, defaultDtype: DType): string[] {
  const list: string[] = [];
  const empty = t.shape.includes(0);
  const meta = t.device === "meta";
  if (t.device !== "cpu") list.push(`device='${t.device}'`);
  if (meta || (empty && t.shape.length !== 1)) list.push(`size=${tuple(t.shape)}`);
  // Only values show that a dtype is int64, bool or the usual complex one.
  const shows = !meta && !empty;
  const usual = defaultDtype === float64 ? complex128 : complex64;
  const plain = t.dtype.name === "int64" || t.dtype.name === "bool" || t.dtype === usual;
  if (t.dtype !== defaultDtype && !(shows && plain)) list.push(`dtype=${t.dtype}`);
  if (t.gradFn !== null) list.push(`grad_fn=<${t.gradFn}>`);
  else if (t.requiresGrad) list.push("requires_grad=True");
  return list;
}

function tuple(shape: readonly number[]): string {
  return shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
}

function addSuffixes(text: string, list: readonly string[], indent: number): string {
  let out = text;
  // Two more than the last line has: PyTorch counts so.
  let last = text.length - text.lastIndexOf("\n") + 1;
  for (const suffix of list) {
    if (last + suffix.length + 2 > options.linewidth) {
      out += `,\n${" ".repeat(indent)}${suffix}`;
      last = indent + suffix.length;
    } else {
      out += `, ${suffix}`;
      last += suffix.length + 2;
    }
  }
  return `${out})`;
}

function contents(t: PrintSource, indent: number): string {
  if (t.device === "meta") return "...";
  if (t.shape.includes(0)) return "[]";
  const numel = t.shape.reduce((a, b) => a * b, 1);
  const axes = t.shape.map((size) => shownIndices(size, numel > options.threshold));
  return block(t, axes, formatOf(t.dtype, shownValues(t, axes)), [], indent);
}

/** A place of a summarised dimension where elements are left out. */
const gap = -1;

/** The indices of a dimension that print, `gap` among them where it is summarised. */
function shownIndices(size: number, summarize: boolean): number[] {
  const edge = options.edgeitems;
  const all = Array.from({ length: size }, (_, i) => i);
  if (!summarize || size <= 2 * edge) return all;
  // Python's x[-0:] is all of x.
  return [...all.slice(0, edge), gap, ...all.slice(edge === 0 ? 0 : -edge)];
}

type Value = number | bigint | boolean | Complex;

function shownValues(t: PrintSource, axes: readonly number[][]): Value[] {
  const values: Value[] = [];
  const index: number[] = [];
  const walk = (dim: number): void => {
    if (dim === axes.length) {
      values.push(t.element(index));
      return;
    }
    for (const i of axes[dim]!) {
      if (i === gap) continue;
      index[dim] = i;
      walk(dim + 1);
    }
  };
  walk(0);
  return values;
}

/** How the elements of one tensor print: all as wide as the widest. */
interface Format {
  readonly width: number;
  text(value: Value): string;
}

function formatOf(dtype: DType, values: readonly Value[]): Format {
  if (dtype.isComplex) return complexFormat(values);
  return dtype.isFloatingPoint ? floatFormat(values) : intFormat(values);
}

/** The parts, each as wide as the widest of its kind, but an imaginary part without blanks before it. */
function complexFormat(values: readonly Value[]): Format {
  const parts = values.filter(isComplexNumber);
  const re = floatFormat(parts.map((x) => x.re));
  const im = floatFormat(parts.map((x) => x.im));
  const text = (value: Value): string => {
    const x = value as Complex;
    const imaginary = im.text(x.im).trimStart();
    return `${re.text(x.re)}${/^[+-]/.test(imaginary) ? "" : "+"}${imaginary}j`;
  };
  return { width: re.width + im.width + 1, text };
}

function intFormat(values: readonly Value[]): Format {
  const width = Math.max(1, ...lengths(values, intText));
  return { width, text: (value) => intText(value).padStart(width) };
}

function intText(value: Value): string {
  return typeof value === "boolean" ? (value ? "True" : "False") : String(value);
}

function lengths<T>(values: readonly T[], text: (value: T) => string): number[] {
  return [...new Set(values.map((value) => text(value).length))];
}

/** Whole numbers, four decimals or exponents, whichever the finite, nonzero values call for. */
function floatFormat(values: readonly Value[]): Format {
  const telling = values.map(Number).filter((x) => Number.isFinite(x) && x !== 0);
  const whole = telling.every(Number.isInteger);
  const { precision, sciMode } = options;
  // With nothing to go by, PyTorch does not look at sciMode either.
  if (telling.length === 0) return { width: 1, text: (value) => wholeText(Number(value)) };
  const natural = wantsExponent(telling, whole);
  const style = (exponent: boolean): ((x: number) => string) => {
    if (exponent) return (x) => formatExponent(x, precision);
    return whole ? wholeText : (x) => formatFixed(x, precision);
  };
  // The width is that of the natural style, also when sciMode then picks the other one.
  const width = Math.max(1, ...lengths(telling, style(natural)));
  const text = style(sciMode ?? natural);
  return { width, text: (value) => text(Number(value)).padStart(width) };
}

function wantsExponent(values: readonly number[], whole: boolean): boolean {
  let [min, max] = [Number.POSITIVE_INFINITY, 0];
  for (const value of values) {
    min = Math.min(min, Math.abs(value));
    max = Math.max(max, Math.abs(value));
  }
  return max / min > 1000 || max > 1e8 || (!whole && min < 1e-4);
}

function wholeText(x: number): string {
  return Number.isFinite(x) ? `${formatFixed(x, 0)}.` : formatFixed(x, 0);
}

function block(t: PrintSource, axes: readonly number[][], format: Format, at: number[], indent: number): string {
  const depth = at.length;
  if (depth === axes.length) return format.text(t.element(at));
  if (depth === axes.length - 1) return row(t, axes[depth]!, format, at, indent);
  const parts = axes[depth]!.map((i) => (i === gap ? "..." : block(t, axes, format, [...at, i], indent + 1)));
  return `[${parts.join(`,${"\n".repeat(axes.length - depth - 1)}${" ".repeat(indent + 1)}`)}]`;
}

function row(t: PrintSource, indices: readonly number[], format: Format, at: number[], indent: number): string {
  const texts = indices.map((i) => (i === gap ? " ..." : format.text(t.element([...at, i]))));
  const perLine = Math.max(1, Math.floor((options.linewidth - indent) / (format.width + 2)));
  const lines: string[] = [];
  for (let i = 0; i < texts.length; i += perLine) lines.push(texts.slice(i, i + perLine).join(", "));
  return `[${lines.join(`,\n${" ".repeat(indent + 1)}`)}]`;
}

/** Python's `'{:.4f}'.format(x)`. */
export function formatFixed(x: number, decimals: number): string {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x < 0 ? "-inf" : "inf";
  if (Object.is(x, -0)) return `-${formatFixed(0, decimals)}`;
  // toFixed gives up here, where every float64 is a whole number.
  if (Math.abs(x) >= 1e21) return BigInt(x) + (decimals === 0 ? "" : `.${"0".repeat(decimals)}`);
  const text = x.toFixed(decimals);
  // Halfway between two decimals (then x has exactly one decimal more, a 5) Python picks the even one, toFixed the larger.
  if (!isOdd(x * 2 ** (decimals + 1)) || !isOddDigit(text)) return text;
  return x.toFixed(decimals + 1).slice(0, decimals === 0 ? -2 : -1);
}

/** Python's `'{:.4e}'.format(x)`. */
export function formatExponent(x: number, decimals: number): string {
  if (!Number.isFinite(x)) return formatFixed(x, 0);
  if (Object.is(x, -0)) return `-${formatExponent(0, decimals)}`;
  const [mantissa = "", exponent = ""] = x.toExponential(decimals).split("e");
  const digits = isOddDigit(mantissa) ? (halfway(x, decimals) ?? mantissa) : mantissa;
  return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}

/** The mantissa cut to `decimals`, if what is cut off is exactly a half and the cut leaves an even digit. */
function halfway(x: number, decimals: number): string | null {
  if (decimals > 98) return null;
  const [exact = ""] = x.toExponential(100).split("e");
  const point = exact.length - 101;
  const end = point + 1 + decimals;
  const cut = exact.slice(0, decimals === 0 ? point : end);
  return /^50*$/.test(exact.slice(end)) && !isOddDigit(cut) ? cut : null;
}

function isOdd(x: number): boolean {
  return Math.abs(x % 2) === 1;
}

function isOddDigit(text: string): boolean {
  return "13579".includes(text.at(-1) ?? "");
}
