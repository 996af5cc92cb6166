/** JS functions that kernels import: float64 mathematics that has no short expansion, and `ir/special.ts`. */
import type { UnaryCode } from "../../ir/expr.ts";
import { special, specialFunction } from "../../ir/special.ts";

/** A function as WebAssembly calls it: float64 values, or int64 values as bigints. */
export type HostFunction = ((...x: number[]) => number) | ((...x: bigint[]) => bigint);

/** pow of C99 and PyTorch: 1 to any power and -1 to an infinite one are 1, where JavaScript says NaN. */
function pow(x: number, y: number): number {
  if (x === 1 || (x === -1 && (y === Infinity || y === -Infinity))) return 1;
  return x ** y;
}

const erf = specialFunction("erf").fn;

/** What `mathematics` holds: the transcendental unary codes, and functions of two arguments. */
export type MathName =
  | Exclude<UnaryCode, "neg" | "abs" | "sign" | "floor" | "ceil" | "trunc" | "rint" | "sqrt" | "bitnot">
  | ("pow" | "atan2" | "fmod");

const mathematics: Readonly<Record<MathName, (x: number, y: number) => number>> = {
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  log2: Math.log2,
  log10: Math.log10,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  erf,
  pow,
  atan2: Math.atan2,
  fmod: (x, y) => x % y,
};

/** Every function by the name it is imported under; special functions as `special.name`, on int64 `special.name.int`. */
export const hostFunctions: Readonly<Record<string, HostFunction>> = {
  ...mathematics,
  ...Object.fromEntries(
    Object.entries(special).flatMap(([name, { fn, integer }]): [string, HostFunction][] => [
      [`special.${name}`, fn as HostFunction],
      ...(integer === undefined ? [] : [[`special.${name}.int`, integer as HostFunction] as [string, HostFunction]]),
    ]),
  ),
};
