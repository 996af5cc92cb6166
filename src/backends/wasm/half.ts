/** float16 and bfloat16 as formulas: 16 bits in the low half of each 32-bit lane, and float32. */
import type { Formula, Term } from "./lanes.ts";

const BELOW_SIGN = 0x7fffffff;
const INFINITY_BITS = 0x7f800000;

/** The float32 values of float16 bits; `bits` has zero upper halves. */
export function halfToFloat(v: Formula, bits: Term): Term {
  const half = v.let(bits);
  const shifted = v.let(v.shl(v.and(half, 0x7fff), 13));
  // Moves the exponent from bias 15 to 127 by a multiplication, which also normalizes subnormals, exactly.
  const scaled = v.mul(shifted, 2 ** 112);
  const special = v.and(v.igt(shifted, 0x0f7fffff), INFINITY_BITS);
  return v.or(v.or(scaled, special), v.shl(v.and(half, 0x8000), 16));
}

/** The bits of the nearest float16, ties to even; NaN becomes 0x7e00. */
export function floatToHalf(v: Formula, x: Term): Term {
  const value = v.let(x);
  const size = v.let(v.and(value, BELOW_SIGN));
  // Half an ulp less one, plus the last bit that stays, rounds to even; the carry runs into the exponent.
  const odd = v.and(v.shrU(size, 13), 1);
  const normal = v.shrU(v.iadd(v.iadd(size, ((15 - 127) << 23) + 0xfff), odd), 13);
  // Adding 0.5 aligns a subnormal's last bit with float32's last, so that the addition does the rounding.
  const subnormal = v.isub(v.add(size, 0.5), 0x3f000000);
  const small = v.let(v.select(v.igt(0x38800000, size), subnormal, normal));
  const large = v.let(v.select(v.igt(size, 0x477fefff), v.int(0x7c00), small));
  const sign = v.and(v.shrU(value, 16), 0x8000);
  return v.select(v.igt(size, INFINITY_BITS), v.int(0x7e00), v.or(large, sign));
}

/** The float32 values of bfloat16 bits. */
export function bfloat16ToFloat(v: Formula, bits: Term): Term {
  return v.shl(bits, 16);
}

/** The bits of the nearest bfloat16, ties to even; NaN becomes 0x7fc0. */
export function floatToBfloat16(v: Formula, x: Term): Term {
  const value = v.let(x);
  const rounded = v.shrU(v.iadd(v.iadd(value, 0x7fff), v.and(v.shrU(value, 16), 1)), 16);
  return v.select(v.igt(v.and(value, BELOW_SIGN), INFINITY_BITS), v.int(0x7fc0), rounded);
}
