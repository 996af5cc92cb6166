/** The arithmetic of the four lanes, one JS function per operation, each rounding its result to the lane. */
import type { Lane } from "../../core/dtype.ts";
import type { BinaryCode, CompareCode, UnaryCode } from "../../ir/expr.ts";
import { logaddexp } from "../../ir/special/arithmetic.ts";
import { erf } from "../../ir/special/error.ts";

/** What a lane computes with: bigint for i64, number for the rest. */
export type Scalar = number | bigint;

/** A value on its way between dtypes and lanes. */
export type Raw = Scalar | boolean;

interface Wide<T> {
  readonly add: (a: T, b: T) => T;
  readonly mul: (a: T, b: T) => T;
  readonly logaddexp: ((a: T, b: T) => T) | null;
}

/** One lane's arithmetic. An operation that the lane does not have is null. */
export interface LaneMath<T extends Scalar> {
  readonly lane: Lane;
  /** A value converted to the lane, with one rounding. */
  of(value: Raw): T;
  readonly unary: Readonly<Record<UnaryCode, ((a: T) => T) | null>>;
  readonly binary: Readonly<Record<BinaryCode, ((a: T, b: T) => T) | null>>;
  /** Steps of a running total, which is kept wider than the lane where that is narrower than float64. */
  readonly wide: Wide<T>;
  /** The least and greatest value, infinities included. */
  readonly least: T;
  readonly greatest: T;
}

/** The comparisons, which all lanes share. */
export const comparisons: Readonly<Record<CompareCode, <T extends Scalar>(a: T, b: T) => boolean>> = {
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
};

/** `!= 0`, for which NaN counts as true. */
export const truth = (value: Raw): boolean => (typeof value === "number" ? value !== 0 : Boolean(value));

const LEAST_INT64 = -(2n ** 63n);

/** float64 -> int64 as x86 converts: towards zero, and -2^63 for NaN and all that does not fit. */
export function toInt64(x: number): bigint {
  return x >= -(2 ** 63) && x < 2 ** 63 ? BigInt(Math.trunc(x)) : LEAST_INT64;
}

/** float64 -> int32 as x86 converts: towards zero, and -2^31 for NaN and all that does not fit. */
export function toInt32(x: number): number {
  return x > -(2 ** 31) - 1 && x < 2 ** 31 ? Math.trunc(x) + 0 : -(2 ** 31);
}

/** int64 -> float32 with one rounding: a bit in the middle of the cut part keeps float64 from making a tie of it. */
function bigintToFloat32(x: bigint): number {
  const exact = x > -(2n ** 53n) && x < 2n ** 53n;
  if (exact || (x & 0xffffn) === 0n) return Math.fround(Number(x));
  return Math.fround(Number((x & ~0xffffn) | 0x8000n));
}

function roundToEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  const rounded = rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
  return rounded === 0 && (x < 0 || Object.is(x, -0)) ? -0 : rounded;
}

/** Python's %, except that a zero keeps the sign of the dividend, as in PyTorch. */
function floatRemainder(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

/** Python's //, by way of the exact remainder, so that 1 // 0.1 is 9 (c10's div_floor_floating). */
function floatFloorDivide(a: number, b: number): number {
  if (b === 0) return a / b;
  const rest = a % b;
  let quotient = (a - rest) / b;
  if (rest !== 0 && b < 0 !== rest < 0) quotient -= 1;
  if (quotient === 0) return Object.is(a / b, -0) || a / b < 0 ? -0 : 0;
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

/** JS makes NaN of 1 ** NaN and (±1) ** ±Infinity, C's pow 1. */
function floatPower(a: number, b: number): number {
  if (a === 1 || (a === -1 && Math.abs(b) === Infinity)) return 1;
  return a ** b;
}

function floatMath(lane: "f32" | "f64"): LaneMath<number> {
  const round: (x: number) => number = lane === "f32" ? Math.fround : (x) => x;
  const one = (fn: (a: number) => number) => (a: number) => round(fn(a));
  const two = (fn: (a: number, b: number) => number) => (a: number, b: number) => round(fn(a, b));
  return {
    lane,
    of: (value) => (typeof value === "bigint" && lane === "f32" ? bigintToFloat32(value) : round(Number(value))),
    unary: {
      neg: (a) => -a,
      abs: Math.abs,
      sign: (a) => Number(a > 0) - Number(a < 0), // 0 for NaN, as in PyTorch
      floor: Math.floor,
      ceil: Math.ceil,
      trunc: Math.trunc,
      rint: roundToEven,
      sqrt: one(Math.sqrt),
      exp: one(Math.exp),
      expm1: one(Math.expm1),
      log: one(Math.log),
      log1p: one(Math.log1p),
      log2: one(Math.log2),
      log10: one(Math.log10),
      sin: one(Math.sin),
      cos: one(Math.cos),
      tan: one(Math.tan),
      asin: one(Math.asin),
      acos: one(Math.acos),
      atan: one(Math.atan),
      sinh: one(Math.sinh),
      cosh: one(Math.cosh),
      tanh: one(Math.tanh),
      asinh: one(Math.asinh),
      acosh: one(Math.acosh),
      atanh: one(Math.atanh),
      erf: one(erf),
      bitnot: null,
    },
    binary: {
      add: two((a, b) => a + b),
      sub: two((a, b) => a - b),
      mul: two((a, b) => a * b),
      div: two((a, b) => a / b),
      floordiv: two(floatFloorDivide),
      rem: two(floatRemainder),
      fmod: two((a, b) => a % b),
      pow: two(floatPower),
      atan2: two(Math.atan2),
      min: Math.min,
      max: Math.max,
      and: null,
      or: null,
      xor: null,
      shl: null,
      shr: null,
    },
    wide: { add: (a, b) => a + b, mul: (a, b) => a * b, logaddexp },
    least: -Infinity,
    greatest: Infinity,
  };
}

/** Exponentiation by squaring; a negative exponent gives the truncated reciprocal: 1, -1 or 0. */
function integerPower<T extends Scalar>(wrap: (value: Raw) => T, mul: (a: T, b: T) => T): (a: T, b: T) => T {
  return (a, b) => {
    if (b < 0) return wrap(a === wrap(1) ? 1 : a === wrap(-1) ? (BigInt(b) % 2n === 0n ? 1 : -1) : 0);
    let result = wrap(1);
    let base = a;
    for (let exponent = BigInt(b); exponent > 0n; exponent >>= 1n) {
      if (exponent & 1n) result = mul(result, base);
      base = mul(base, base);
    }
    return result;
  };
}

/** The unary codes that integers do not have. */
const noTranscendentals = {
  sqrt: null,
  exp: null,
  expm1: null,
  log: null,
  log1p: null,
  log2: null,
  log10: null,
  sin: null,
  cos: null,
  tan: null,
  asin: null,
  acos: null,
  atan: null,
  sinh: null,
  cosh: null,
  tanh: null,
  asinh: null,
  acosh: null,
  atanh: null,
  erf: null,
} as const;

function toWrapped32(value: Raw): number {
  return typeof value === "bigint" ? Number(BigInt.asIntN(32, value)) : toInt32(Number(value));
}

const same = <T>(a: T): T => a;

const i32: LaneMath<number> = {
  lane: "i32",
  of: toWrapped32,
  unary: {
    ...noTranscendentals,
    neg: (a) => -a | 0,
    abs: (a) => Math.abs(a) | 0,
    sign: Math.sign,
    floor: same,
    ceil: same,
    trunc: same,
    rint: same,
    bitnot: (a) => ~a,
  },
  binary: {
    add: (a, b) => (a + b) | 0,
    sub: (a, b) => (a - b) | 0,
    mul: Math.imul,
    div: (a, b) => (b === 0 ? 0 : (a / b) | 0),
    floordiv: (a, b) => (b === 0 ? 0 : Math.floor(a / b) | 0),
    rem: (a, b) => (b === 0 ? 0 : (a - b * Math.floor(a / b)) | 0),
    fmod: (a, b) => (b === 0 ? 0 : (a % b) | 0),
    pow: integerPower(toWrapped32, Math.imul),
    atan2: null,
    min: Math.min,
    max: Math.max,
    and: (a, b) => a & b,
    or: (a, b) => a | b,
    xor: (a, b) => a ^ b,
    shl: (a, b) => (b < 0 || b > 31 ? 0 : a << b),
    shr: (a, b) => (b < 0 || b > 31 ? a >> 31 : a >> b),
  },
  wide: { add: (a, b) => (a + b) | 0, mul: Math.imul, logaddexp: null },
  least: -(2 ** 31),
  greatest: 2 ** 31 - 1,
};

const wrap64 = (x: bigint): bigint => BigInt.asIntN(64, x);
const multiply64 = (a: bigint, b: bigint): bigint => wrap64(a * b);

function toWrapped64(value: Raw): bigint {
  if (typeof value === "bigint") return wrap64(value);
  return typeof value === "boolean" ? BigInt(value) : toInt64(value);
}

function remainder64(a: bigint, b: bigint): bigint {
  if (b === 0n) return 0n;
  const rest = a % b;
  return rest !== 0n && rest < 0n !== b < 0n ? rest + b : rest;
}

function lesser(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}

function greater(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}

const i64: LaneMath<bigint> = {
  lane: "i64",
  of: toWrapped64,
  unary: {
    ...noTranscendentals,
    neg: (a) => wrap64(-a),
    abs: (a) => (a < 0n ? wrap64(-a) : a),
    sign: (a) => (a > 0n ? 1n : a < 0n ? -1n : 0n),
    floor: same,
    ceil: same,
    trunc: same,
    rint: same,
    bitnot: (a) => ~a,
  },
  binary: {
    add: (a, b) => wrap64(a + b),
    sub: (a, b) => wrap64(a - b),
    mul: multiply64,
    div: (a, b) => (b === 0n ? 0n : wrap64(a / b)),
    floordiv: (a, b) => (b === 0n ? 0n : wrap64((a - remainder64(a, b)) / b)),
    rem: remainder64,
    fmod: (a, b) => (b === 0n ? 0n : a % b),
    pow: integerPower(toWrapped64, multiply64),
    atan2: null,
    min: lesser,
    max: greater,
    and: (a, b) => a & b,
    or: (a, b) => a | b,
    xor: (a, b) => a ^ b,
    shl: (a, b) => (b < 0n || b > 63n ? 0n : wrap64(a << b)),
    shr: (a, b) => (b < 0n || b > 63n ? a >> 63n : a >> b),
  },
  wide: { add: (a, b) => wrap64(a + b), mul: multiply64, logaddexp: null },
  least: LEAST_INT64,
  greatest: 2n ** 63n - 1n,
};

const f32: LaneMath<number> = floatMath("f32");
const f64: LaneMath<number> = floatMath("f64");

/** Calls `then` with the arithmetic of a lane. */
export function inLane<R>(lane: Lane, then: <T extends Scalar>(math: LaneMath<T>) => R): R {
  switch (lane) {
    case "i32":
      return then(i32);
    case "i64":
      return then(i64);
    case "f32":
      return then(f32);
    case "f64":
      return then(f64);
    default:
      return lane satisfies never;
  }
}
