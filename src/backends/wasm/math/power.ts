/** pow in float32, by logarithm and exponential to base 2 in float64. */
import type { Formula, Term } from "../lanes.ts";
import type { Local } from "../module.ts";
import { hostCall } from "./host.ts";

/** log2((1 + s) / (1 - s)) / s in s^2, for s up to (sqrt 2 - 1) / (sqrt 2 + 1) (Remez, 2^-45). */
const LOG2 = [
  2.885390081777905, 0.9617966941152177, 0.5770779417715313, 0.41220931677344724, 0.31990288795385485,
  0.28294252198438274,
];
/** 2^r, |r| <= 1/2 (Remez, 2^-34). */
const EXP2 = [
  0.9999999999613782, 0.6931471807297884, 0.24022651201148368, 0.05550410350405595, 0.009618026848741832,
  0.00133339239873135, 0.0001546942201589185, 0.0000152018281674651,
];
/** 1.5 * 2^52: adding it rounds to an integer, which then stands in the low bits of the sum. */
const ROUNDER = 6755399441055744;
const SQRT_HALF_BITS = 0x3f3504f3;

/** y log2 x for one half of the lanes, in float64: exponent k and mantissa m of x, and y. */
function powHalf(d: Formula, k: Term, m: Term, y: Term): Term {
  const mantissa = d.let(m);
  const s = d.let(d.div(d.sub(mantissa, 1), d.add(mantissa, 1)));
  const z = d.let(d.mul(s, s));
  const log2 = d.add(d.mul(s, d.poly(z, LOG2)), k);
  const exponent = d.let(d.mul(y, log2));
  // The range of float32 and more; within it 2^n is normal in float64.
  const bounded = d.let(d.pmax(d.pmin(exponent, 200), -200));
  const rounded = d.let(d.add(bounded, ROUNDER));
  const r = d.let(d.sub(bounded, d.sub(rounded, ROUNDER)));
  return d.iadd(d.poly(r, EXP2), d.shl(rounded, 52));
}

/** x to the power y, for normal positive x and finite y by formula, for the rest by JavaScript. */
export function pow(v: Formula, x: Local, y: Local): Term {
  const d = v.as("f64");
  const moved = v.let(v.isub(x, SQRT_HALF_BITS));
  const k = v.let(v.shr(moved, 23));
  const mantissa = v.let(v.iadd(v.and(moved, 0x007fffff), SQRT_HALF_BITS));
  const upper = (term: Term): Term => v.upper(term);
  const half = (part: (term: Term) => Term): Term =>
    powHalf(
      d,
      d.op("f64x2.convert_low_i32x4_s", part(k)),
      d.op("f64x2.promote_low_f32x4", part(mantissa)),
      d.op("f64x2.promote_low_f32x4", part(y)),
    );
  const low = v.op(
    "f32x4.demote_f64x2_zero",
    half((term) => term),
  );
  const result = v.let(v.active > 2 ? v.joinLow(low, v.op("f32x4.demote_f64x2_zero", half(upper))) : low);
  const regularBase = v.op("i32x4.lt_u", v.isub(x, 0x00800000), v.int(0x7f000000));
  const finite = v.lt(v.abs(y), Infinity);
  const irregular = v.let(v.not(v.and(regularBase, finite)));
  v.patch(result, irregular, () => hostCall(v, "pow", [x, y]));
  return result;
}
