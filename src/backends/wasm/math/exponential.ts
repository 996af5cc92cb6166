/** exp, expm1 and tanh in float32: the argument is reduced to r = x - n ln 2, |r| <= ln 2 / 2. */
import type { Formula, Term } from "../lanes.ts";
import type { Local } from "../module.ts";

/** ln 2 in two parts; the first has few bits, so that its product with n is exact. */
const LN2_HIGH = 0.693359375;
const LN2_LOW = -2.1219444e-4;
/** 1.5 * 2^23: adding it rounds to an integer, which then stands in the low bits of the sum. */
const ROUNDER = 12582912;
const ROUNDER_BITS = 0x4b400000;

/** (e^r - 1 - r) / r^2 with least error relative to e^r (Remez). */
const EXP = [0.4999999333339268, 0.16666518939845715, 0.04166840803718312, 0.00836892170729733, 0.0013814169683905766];
/** The same with least error relative to e^r - 1, and one more term. */
const EXPM1 = [
  0.5, 0.1666666681968204, 0.04166635103115411, 0.008333272355702193, 0.001394131117219004, 0.00019914589368433846,
];

/** (tanh x / x - 1) / x^2 in x^2, |x| <= 0.55. */
const TANH = [
  -0.33333318045976956, 0.13332601694681165, -0.053853858882246294, 0.021077762205599163, -0.006282478679893438,
];
/** The bits of 87, below which 2^n and the result are normal numbers. */
const BOUND_BITS = 0x42ae0000;
/** Below it e^x is less than half of the least subnormal number. */
const LEAST = -104;
const SIGN_BIT = 0x80000000 | 0;

interface Bounded {
  /** n + ROUNDER. */
  readonly rounded: Local;
  /** e^r. */
  readonly mantissa: Local;
  readonly value: Term;
}

interface Reduced {
  /** n + ROUNDER. */
  readonly rounded: Local;
  readonly r: Local;
}

function reduce(v: Formula, x: Local): Reduced {
  const rounded = v.let(v.multiplyAdd(x, Math.LOG2E, ROUNDER));
  const n = v.let(v.sub(rounded, ROUNDER));
  const r = v.let(v.multiplyAdd(n, -LN2_LOW, v.multiplyAdd(n, -LN2_HIGH, x)));
  return { rounded, r };
}

/** 2^n for an integer n of normal range. */
const power = (v: Formula, n: Term): Term => v.shl(v.iadd(n, 127), 23);

/** e^x for |x| <= 87, without a check. */
export function expBounded(v: Formula, x: Local): Bounded {
  const { rounded, r } = reduce(v, x);
  const mantissa = v.let(v.poly(r, [1, 1, ...EXP]));
  return { rounded, mantissa, value: v.iadd(mantissa, v.shl(rounded, 23)) };
}

/** e^x. */
export function exp(v: Formula, argument: Local): Term {
  const result = v.let(expBounded(v, argument).value);
  const outside = v.let(v.igt(v.abs(argument), BOUND_BITS));
  v.put(outside);
  v.f.op("v128.any_true").if(() => {
    // Zeros first: masked scores are -Infinity.
    const vanishing = v.let(v.lt(argument, LEAST));
    v.put(v.andnot(result, vanishing));
    v.f.set(result);
    const rest = v.let(v.andnot(outside, vanishing));
    v.patch(result, rest, () => scaledTwice(v, argument));
  });
  return result;
}

/** e^x that overflows, is subnormal, zero or NaN: 2^n in two factors, of which only the last one rounds. */
function scaledTwice(v: Formula, argument: Local): Term {
  // Beyond these bounds the result is infinity or zero; the first operand's NaN passes both.
  const { rounded, mantissa } = expBounded(v, v.let(v.pmax(v.pmin(argument, 89), LEAST)));
  const n = v.let(v.isub(rounded, ROUNDER_BITS));
  const half = v.let(v.shr(n, 1));
  return v.mul(v.mul(mantissa, power(v, half)), power(v, v.isub(n, half)));
}

/** e^x - 1, also near 0. */
export function expm1(v: Formula, argument: Local): Term {
  const x = v.let(v.pmax(v.pmin(argument, 89), -20));
  const { rounded, r } = reduce(v, x);
  const q = v.multiplyAdd(v.mul(r, r), v.poly(r, EXPM1), r);
  // Half of 2^n, which does not overflow, and then twice the result.
  const scale = v.let(power(v, v.isub(rounded, ROUNDER_BITS + 1)));
  const half = v.add(v.mul(q, scale), v.sub(scale, 0.5));
  const regular = v.gt(v.abs(argument), 2 ** -25); // neither tiny nor NaN
  return v.select(regular, v.mul(half, 2), argument);
}

/** 1 - 2 / (e^2x + 1), and an odd polynomial near 0. */
export function tanh(v: Formula, x: Local): Term {
  const size = v.let(v.abs(x));
  const square = v.let(v.mul(size, size));
  const near = v.multiplyAdd(v.mul(size, square), v.poly(square, TANH), size);
  const twice = v.let(v.mul(v.pmin(size, 9.1), 2));
  const far = v.sub(1, v.div(2, v.add(expBounded(v, twice).value, 1)));
  return v.or(v.select(v.gt(size, 0.55), far, near), v.and(x, SIGN_BIT));
}
