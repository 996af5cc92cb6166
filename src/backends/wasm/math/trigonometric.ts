/** sin, cos and tan in float32: the argument is reduced modulo pi/2, large ones are left to JavaScript. */
import type { Formula, Term } from "../lanes.ts";
import type { Local } from "../module.ts";
import { hostUnary } from "./host.ts";

const TWO_OVER_PI = 0.6366197723675814;
/** pi/2 in parts of 11 bits, whose products with a quadrant number below 2^13 are exact, and the rest. */
const HALF_PI = [1.5703125, 0.0004837512969970703, 7.549533620476723e-8, 2.5633440682570896e-12] as const;
/** 1.5 * 2^23: adding it rounds to an integer, which then stands in the low bits of the sum. */
const ROUNDER = 12582912;
/** The bits of 8192, up to which quadrants have 13 bits. */
const LIMIT_BITS = 0x46000000;
/** (sin r / r - 1) / r^2 and (cos r - 1 + r^2 / 2) / r^4 in r^2, |r| <= pi / 4 (Remez). */
const SIN = [-0.166666548734784, 0.008332173543199983, -0.00019516655810868327];
const COS = [0.041666646747811224, -0.0013887361451875193, 0.000024437730269877186];
const SIGN_BIT = 0x80000000 | 0;

interface Reduced {
  readonly sin: Local;
  readonly cos: Local;
  /** What rounding took from r. */
  readonly lost: Term;
  /** |x| = quadrant * pi/2 + r; its two low bits count. */
  readonly quadrant: Local;
  /** The lanes whose argument is too large, infinite or NaN. */
  readonly large: Local;
}

/** Sine and cosine of the argument's distance to the nearest multiple of pi/2. */
function reduce(v: Formula, x: Local): Reduced {
  const size = v.let(v.abs(x));
  const quadrant = v.let(v.add(v.mul(size, TWO_OVER_PI), ROUNDER));
  const n = v.let(v.sub(quadrant, ROUNDER));
  const far = v.let(v.sub(v.sub(size, v.mul(n, HALF_PI[0])), v.mul(n, HALF_PI[1])));
  const third = v.let(v.mul(n, HALF_PI[2]));
  const near = v.let(v.sub(far, third));
  // What the last subtraction rounded off, and the last part.
  const rest = v.let(v.sub(v.sub(v.sub(far, near), third), v.mul(n, HALF_PI[3])));
  const r = v.let(v.add(near, rest));
  const z = v.let(v.mul(r, r));
  const sin = v.let(v.add(v.mul(v.mul(r, z), v.poly(z, SIN)), r));
  const half = v.let(v.mul(z, 0.5));
  const top = v.let(v.sub(1, half));
  const bottom = v.sub(v.sub(1, top), half); // what rounding took from `top`
  const cos = v.let(v.add(top, v.add(bottom, v.mul(v.mul(z, z), v.poly(z, COS)))));
  const lost = v.add(v.sub(near, r), rest);
  return { sin, cos, lost, quadrant, large: v.let(v.igt(size, LIMIT_BITS)) };
}

/** All bits of the lanes in an odd quadrant. */
const odd = (v: Formula, quadrant: Local): Term => v.shr(v.shl(quadrant, 31), 31);

/** The sine. */
export function sin(v: Formula, x: Local): Term {
  const { sin, cos, quadrant, large } = reduce(v, x);
  const size = v.select(odd(v, quadrant), cos, sin);
  const sign = v.xor(v.and(x, SIGN_BIT), v.shl(v.and(quadrant, 2), 30));
  const result = v.let(v.xor(size, sign));
  v.patch(result, large, () => hostUnary(v, "sin", x));
  return result;
}

/** The cosine. */
export function cos(v: Formula, x: Local): Term {
  const { sin, cos, quadrant, large } = reduce(v, x);
  const size = v.select(odd(v, quadrant), sin, cos);
  const result = v.let(v.xor(size, v.shl(v.and(v.iadd(quadrant, 1), 2), 30)));
  v.patch(result, large, () => hostUnary(v, "cos", x));
  return result;
}

/** The tangent. */
export function tan(v: Formula, x: Local): Term {
  const { sin, cos, lost, quadrant, large } = reduce(v, x);
  const swap = v.let(odd(v, quadrant));
  const rest = v.let(lost);
  const rise = v.let(v.add(sin, v.mul(rest, cos)));
  const run = v.let(v.sub(cos, v.mul(rest, sin)));
  const ratio = v.div(v.select(swap, run, rise), v.select(swap, rise, run));
  const sign = v.xor(v.and(x, SIGN_BIT), v.and(swap, SIGN_BIT));
  const result = v.let(v.xor(ratio, sign));
  v.patch(result, large, () => hostUnary(v, "tan", x));
  return result;
}
