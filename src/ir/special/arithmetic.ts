/** Scalar functions of exact or nearly exact arithmetic: neighbours, signs, scales, common divisors. */
import { bfloat16ToNumber, halfToNumber, numberToBfloat16, numberToHalf } from "../half.ts";

/** √(x² + y²) without overflow; an infinite operand wins over NaN, as in C. */
export function hypot(x: number, y: number): number {
  return Math.hypot(x, y);
}

/** log(e^x + e^y). */
export function logaddexp(x: number, y: number): number {
  if (x === y && !Number.isFinite(x)) return x; // infinities of one sign
  return Math.max(x, y) + Math.log1p(Math.exp(-Math.abs(x - y)));
}

/** log2(2^x + 2^y). */
export function logaddexp2(x: number, y: number): number {
  if (x === y && !Number.isFinite(x)) return x;
  return Math.max(x, y) + Math.log1p(2 ** -Math.abs(x - y)) * Math.LOG2E;
}

/** |x| with the sign of y, that of -0 and of negative NaNs as numbers show it included. */
export function copysign(x: number, y: number): number {
  const negative = y < 0 || Object.is(y, -0);
  return negative ? -Math.abs(x) : Math.abs(x);
}

/** x · 2^y, in steps that do not overflow where the result does not. */
export function ldexp(x: number, y: number): number {
  if (Math.abs(y) <= 1000 || !Number.isFinite(y)) return x * 2 ** y;
  const half = Math.trunc(y / 2);
  const quarter = Math.trunc(half / 2);
  return x * 2 ** quarter * 2 ** (half - quarter) * 2 ** quarter * 2 ** (y - half - quarter);
}

/** The greatest common divisor of two integers, never negative. */
export function gcd(x: number, y: number): number {
  let a = Math.abs(x);
  let b = Math.abs(y);
  while (b > 0) [a, b] = [b, a % b];
  return a;
}

/** The least common multiple of two 32-bit integers, never negative; 0 if either is 0. The product wraps, as C++'s. */
export function lcm(x: number, y: number): number {
  const divisor = gcd(x, y);
  return divisor === 0 ? 0 : Math.abs(Math.imul(x / divisor, y)) | 0;
}

/** `gcd` of int64 values. */
export function gcdInteger(x: bigint, y: bigint): bigint {
  let a = x < 0n ? -x : x;
  let b = y < 0n ? -y : y;
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

/** `lcm` of int64 values. */
export function lcmInteger(x: bigint, y: bigint): bigint {
  const divisor = gcdInteger(x, y);
  if (divisor === 0n) return 0n;
  const multiple = BigInt.asIntN(64, (x / divisor) * y);
  return multiple < 0n ? -multiple : multiple;
}

/** A float format by its bits: a sign bit above a magnitude that counts upward through the positive values. */
interface Format {
  readonly sign: number;
  readonly toNumber: (bits: number) => number;
  readonly toBits: (x: number) => number;
}

const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);
const double = new Float64Array(1);
const doubleBits = new BigInt64Array(double.buffer);

const float16: Format = { sign: 0x8000, toNumber: halfToNumber, toBits: numberToHalf };
const bfloat16: Format = { sign: 0x8000, toNumber: bfloat16ToNumber, toBits: numberToBfloat16 };
const float32: Format = {
  sign: 0x80000000,
  toNumber: (bits) => {
    singleBits[0] = bits;
    return single[0]!;
  },
  toBits: (x) => {
    single[0] = x;
    return singleBits[0]!;
  },
};

const nextafterIn =
  ({ sign, toNumber, toBits }: Format): ((x: number, y: number) => number) =>
  (x, y) => {
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.NaN;
    if (x === y) return y;
    if (x === 0) return y < 0 ? toNumber(sign + 1) : toNumber(1);
    return toNumber(toBits(x) + (x < y === x > 0 ? 1 : -1));
  };

/** The next float16 after x in the direction of y. */
export const nextafter16: (x: number, y: number) => number = nextafterIn(float16);

/** The next bfloat16 after x in the direction of y. */
export const nextafterBfloat16: (x: number, y: number) => number = nextafterIn(bfloat16);

/** The next float32 after x in the direction of y. */
export const nextafter32: (x: number, y: number) => number = nextafterIn(float32);

/** The next float64 after x in the direction of y. */
export function nextafter64(x: number, y: number): number {
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.NaN;
  if (x === y) return y;
  if (x === 0) return y < 0 ? -Number.MIN_VALUE : Number.MIN_VALUE;
  double[0] = x;
  doubleBits[0]! += x < y === x > 0 ? 1n : -1n;
  return double[0]!;
}
