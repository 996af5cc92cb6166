/** log and log1p in float32, by the reduction and the series of FreeBSD's msun (e_logf.c): log((1 + s) / (1 - s)). */
import type { Formula, Term } from "../lanes.ts";
import type { Local } from "../module.ts";

const LN2_HIGH = 0.693138123;
const LN2_LOW = 0.00000905800061;
/** log((1 + s) / (1 - s)) / s - 2 in s^2, divided by s^2. */
const SERIES = [0.6666666269302368, 0.40000972151756287, 0.2849878668785095, 0.24279078841209412];
const SQRT_HALF_BITS = 0x3f3504f3;
const LEAST_NORMAL_BITS = 0x00800000;
const INFINITY_BITS = 0x7f800000;

interface Parts {
  /** The exponent, as a float. */
  readonly k: Local;
  /** Mantissa - 1, between sqrt(1/2) - 1 and sqrt(2) - 1. */
  readonly f: Local;
}

/** x = 2^k (1 + f), for a normal positive x. */
function split(v: Formula, x: Term, extra: number): Parts {
  const moved = v.let(v.isub(x, SQRT_HALF_BITS));
  const k = v.let(v.op("f32x4.convert_i32x4_s", v.iadd(v.shr(moved, 23), v.int(extra))));
  const mantissa = v.iadd(v.and(moved, 0x007fffff), SQRT_HALF_BITS);
  return { k, f: v.let(v.sub(mantissa, 1)) };
}

/** k ln 2 + log(1 + f) + c, where c is small. */
function logOf(v: Formula, k: Local, f: Local, c: Term | null): Term {
  const s = v.let(v.div(f, v.add(f, 2)));
  const z = v.let(v.mul(s, s));
  const half = v.let(v.mul(v.mul(f, 0.5), f));
  const series = v.mul(z, v.poly(z, SERIES));
  const low = v.mul(k, LN2_LOW);
  const small = v.add(v.mul(s, v.add(half, series)), c === null ? low : v.add(low, c));
  return v.add(v.add(v.sub(small, half), f), v.mul(k, LN2_HIGH));
}

/** The logarithms of 0, negative numbers, infinity and NaN; `otherwise` for the rest. */
function specialLog(v: Formula, x: Local, otherwise: Term): Term {
  const large = v.select(v.lt(x, Infinity), otherwise, x); // infinity and NaN are their own logarithms
  const positive = v.select(v.eq(x, 0), -Infinity, large);
  return v.select(v.lt(x, 0), Number.NaN, positive);
}

/** The natural logarithm. */
export function log(v: Formula, x: Local): Term {
  const { k, f } = split(v, x, 0);
  const result = v.let(logOf(v, k, f, null));
  // As unsigned integers the normal positive numbers are one range.
  const irregular = v.let(v.op("i32x4.ge_u", v.isub(x, LEAST_NORMAL_BITS), v.int(INFINITY_BITS - LEAST_NORMAL_BITS)));
  v.patch(result, irregular, () => {
    const scaled = split(v, v.mul(x, 2 ** 25), -25);
    return specialLog(v, x, logOf(v, scaled.k, scaled.f, null));
  });
  return result;
}

/** log(1 + x), with the error of the sum 1 + x carried along. */
export function log1p(v: Formula, x: Local): Term {
  const u = v.let(v.add(x, 1));
  const { k, f } = split(v, u, 0);
  const lost = v.select(v.gt(k, 0), v.sub(1, v.sub(u, x)), v.sub(x, v.sub(u, 1)));
  const direct = v.let(v.eq(k, 0));
  const exact = v.let(v.select(direct, x, f));
  const result = v.let(logOf(v, k, exact, v.andnot(v.div(lost, u), direct)));
  const irregular = v.let(v.not(v.and(v.gt(u, 0), v.lt(u, Infinity))));
  v.patch(result, irregular, () => specialLog(v, u, u));
  return v.select(v.lt(v.abs(x), 2 ** -25), x, result); // keeps -0
}
