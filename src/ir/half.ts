/** float16 and bfloat16 as bits: to numbers exactly, from numbers by one rounding to nearest, ties to even. */

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** The value of a float16 bit pattern. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** The bit pattern of the float16 nearest to `x`. A float64 is rounded once; NaN becomes the quiet 0x7e00. */
export function numberToHalf(x: number): number {
  if (Number.isNaN(x)) return 0x7e00;
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
  const size = Math.abs(x);
  // 65520 lies halfway between the greatest float16, 65504, and what would be the next; the tie goes to infinity.
  if (size >= 65520) return sign | 0x7c00;
  if (size < 2 ** -14) return sign | roundToEven(size * 2 ** 24); // a carry into 1024 is the least normal number
  const exponent = binaryExponent(size);
  // A carry into 2048 moves to the next exponent by itself.
  return sign | (((exponent + 14) << 10) + roundToEven(size * 2 ** (10 - exponent)));
}

/** The value of a bfloat16 bit pattern: the upper half of a float32. */
export function bfloat16ToNumber(bits: number): number {
  word[0] = bits << 16;
  return float[0]!;
}

/** The bit pattern of the bfloat16 nearest to the float32 `x`; NaN becomes the quiet 0x7fc0. */
export function numberToBfloat16(x: number): number {
  if (Number.isNaN(x)) return 0x7fc0;
  float[0] = x;
  const bits = word[0]!;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** Floor of log2 of a positive float32-range number, exact also next to a power of two. */
function binaryExponent(x: number): number {
  const guess = Math.floor(Math.log2(x));
  if (2 ** guess > x) return guess - 1;
  return 2 ** (guess + 1) <= x ? guess + 1 : guess;
}

/** Nearest integer to a nonnegative number below 2^32, ties to even. */
function roundToEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  if (rest < 0.5) return low;
  return rest > 0.5 || low % 2 === 1 ? low + 1 : low;
}
