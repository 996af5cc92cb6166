/** Kernels' element expressions: small immutable trees, with no knowledge of any backend. */
import type { RealName } from "../core/dtype.ts";

/** Operations of one operand whose result has the operand's type. */
export type UnaryCode =
  | "neg"
  | "abs"
  | "sign"
  | "floor"
  | "ceil"
  | "trunc"
  | "rint" // round half to even
  | "sqrt"
  | "exp"
  | "expm1"
  | "log"
  | "log1p"
  | "log2"
  | "log10"
  | "sin"
  | "cos"
  | "tan"
  | "asin"
  | "acos"
  | "atan"
  | "sinh"
  | "cosh"
  | "tanh"
  | "asinh"
  | "acosh"
  | "atanh"
  | "erf"
  | "bitnot"; // integers: ~x; booleans: !x

/** Operations of two operands of one type, with a result of that type. */
export type BinaryCode =
  | "add"
  | "sub"
  | "mul"
  | "div" // floats: IEEE division; integers: truncating, x / 0 = 0
  | "floordiv" // Python's //
  | "rem" // Python's %, the sign of the divisor
  | "fmod" // C's fmod, the sign of the dividend
  | "pow" // integers: by squaring, a negative exponent gives 1, -1 or 0
  | "atan2"
  | "min" // NaN if either operand is NaN
  | "max"
  | "and"
  | "or"
  | "xor"
  | "shl"
  | "shr"; // arithmetic

/**
 * What only complex numbers have: parts, the angle, the conjugate, and a number from its parts. `ir/complex` lowers these,
 * as it does every other code where operands are complex; backends never see them.
 */
export type ComplexCode = "conj" | "real" | "imag" | "angle" | "make";

/** Comparisons of two operands of one type; the result is a boolean. */
export type CompareCode = "lt" | "le" | "gt" | "ge" | "eq" | "ne";

/**
 * An expression. Its type is the kernel's lane, except that comparisons, `load`s with `as: "bool"` and casts to
 * `"bool"` are booleans.
 */
export type Expr =
  /** Input `index`, converted from its dtype to the kernel's lane (or to a boolean). */
  | { readonly op: "load"; readonly index: number; readonly as: "lane" | "bool" }
  | { readonly op: "const"; readonly value: number | boolean }
  | { readonly op: "unary"; readonly code: UnaryCode; readonly a: Expr }
  | { readonly op: "binary"; readonly code: BinaryCode; readonly a: Expr; readonly b: Expr }
  | { readonly op: "compare"; readonly code: CompareCode; readonly a: Expr; readonly b: Expr }
  | { readonly op: "select"; readonly test: Expr; readonly a: Expr; readonly b: Expr }
  /** To the kernel's lane from a boolean, to a boolean (`!= 0`), or a round trip through a narrower dtype. */
  | { readonly op: "cast"; readonly a: Expr; readonly to: "lane" | RealName }
  /** A scalar function of `ir/special.ts`, by name: computed in float64, for what has no short expansion. */
  | { readonly op: "call"; readonly name: string; readonly args: readonly Expr[] }
  | { readonly op: "complex"; readonly code: ComplexCode; readonly args: readonly Expr[] };

/** What the builders accept: an expression or a constant. */
export type Value = Expr | number | boolean;

const lift = (value: Value): Expr => (typeof value === "object" ? value : { op: "const", value });

export const load = (index: number): Expr => ({ op: "load", index, as: "lane" });
export const loadBool = (index: number): Expr => ({ op: "load", index, as: "bool" });
export const constant = (value: number | boolean): Expr => ({ op: "const", value });

const unary =
  (code: UnaryCode) =>
  (a: Value): Expr => ({ op: "unary", code, a: lift(a) });
const binary =
  (code: BinaryCode) =>
  (a: Value, b: Value): Expr => ({ op: "binary", code, a: lift(a), b: lift(b) });
const compare =
  (code: CompareCode) =>
  (a: Value, b: Value): Expr => ({ op: "compare", code, a: lift(a), b: lift(b) });

type UnaryBuilder = (a: Value) => Expr;
type BinaryBuilder = (a: Value, b: Value) => Expr;

export const neg: UnaryBuilder = unary("neg");
export const abs: UnaryBuilder = unary("abs");
export const sign: UnaryBuilder = unary("sign");
export const floor: UnaryBuilder = unary("floor");
export const ceil: UnaryBuilder = unary("ceil");
export const trunc: UnaryBuilder = unary("trunc");
export const rint: UnaryBuilder = unary("rint");
export const sqrt: UnaryBuilder = unary("sqrt");
export const exp: UnaryBuilder = unary("exp");
export const expm1: UnaryBuilder = unary("expm1");
export const log: UnaryBuilder = unary("log");
export const log1p: UnaryBuilder = unary("log1p");
export const log2: UnaryBuilder = unary("log2");
export const log10: UnaryBuilder = unary("log10");
export const sin: UnaryBuilder = unary("sin");
export const cos: UnaryBuilder = unary("cos");
export const tan: UnaryBuilder = unary("tan");
export const asin: UnaryBuilder = unary("asin");
export const acos: UnaryBuilder = unary("acos");
export const atan: UnaryBuilder = unary("atan");
export const sinh: UnaryBuilder = unary("sinh");
export const cosh: UnaryBuilder = unary("cosh");
export const tanh: UnaryBuilder = unary("tanh");
export const asinh: UnaryBuilder = unary("asinh");
export const acosh: UnaryBuilder = unary("acosh");
export const atanh: UnaryBuilder = unary("atanh");
export const erf: UnaryBuilder = unary("erf");
export const bitnot: UnaryBuilder = unary("bitnot");

export const add: BinaryBuilder = binary("add");
export const sub: BinaryBuilder = binary("sub");
export const mul: BinaryBuilder = binary("mul");
export const div: BinaryBuilder = binary("div");
export const floordiv: BinaryBuilder = binary("floordiv");
export const rem: BinaryBuilder = binary("rem");
export const fmod: BinaryBuilder = binary("fmod");
export const pow: BinaryBuilder = binary("pow");
export const atan2: BinaryBuilder = binary("atan2");
export const min: BinaryBuilder = binary("min");
export const max: BinaryBuilder = binary("max");
export const and: BinaryBuilder = binary("and");
export const or: BinaryBuilder = binary("or");
export const xor: BinaryBuilder = binary("xor");
export const shl: BinaryBuilder = binary("shl");
export const shr: BinaryBuilder = binary("shr");

export const lt: BinaryBuilder = compare("lt");
export const le: BinaryBuilder = compare("le");
export const gt: BinaryBuilder = compare("gt");
export const ge: BinaryBuilder = compare("ge");
export const eq: BinaryBuilder = compare("eq");
export const ne: BinaryBuilder = compare("ne");

export const select = (test: Value, a: Value, b: Value): Expr => ({
  op: "select",
  test: lift(test),
  a: lift(a),
  b: lift(b),
});
export const cast = (a: Value, to: "lane" | RealName): Expr => ({ op: "cast", a: lift(a), to });
export const call = (name: string, ...args: Value[]): Expr => ({ op: "call", name, args: args.map(lift) });

const complex =
  (code: ComplexCode) =>
  (...args: Value[]): Expr => ({ op: "complex", code, args: args.map(lift) });

export const conj: UnaryBuilder = complex("conj");
export const real: UnaryBuilder = complex("real");
export const imag: UnaryBuilder = complex("imag");
export const angle: UnaryBuilder = complex("angle");
/** The complex number with these parts. */
export const make: BinaryBuilder = complex("make");
