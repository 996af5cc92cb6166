/** The error function and its kin: erf, erfc, erfcx, their inverses and the normal distribution's. */

const TWO_OVER_SQRT_PI = 2 / Math.sqrt(Math.PI);

/** exp(-x²) with the rounding error of x² made good: x is split so that the square of its upper part is exact. */
function gaussian(x: number): number {
  const high = Math.fround(x);
  return Math.exp(-high * high) * Math.exp((high - x) * (high + x));
}

/** Maclaurin series of erf, for |x| <= 1/2. */
function erfSeries(x: number): number {
  const square = x * x;
  let term = x;
  let sum = x;
  for (let n = 1; n < 30; n++) {
    term *= -square / n;
    const next = sum + term / (2 * n + 1);
    if (next === sum) break;
    sum = next;
  }
  return TWO_OVER_SQRT_PI * sum;
}

const STEP = 0.5;
const nodes: readonly (readonly [square: number, weight: number])[] = Array.from({ length: 13 }, (_, k) => {
  const square = (STEP * (k + 1)) ** 2;
  return [square, Math.exp(-square)] as const;
});

/**
 * exp(x²) erfc(x) for x >= 1/2. It is x/π times the integral of exp(-t²) / (t² + x²), to which the trapezoidal rule of
 * step 1/2 converges with an error of exp(-4π²); below π / step the residue of the pole at ix is taken off
 * (Chiarella and Reichel, Math. Comp. 22, 1968).
 */
function scaledTail(x: number): number {
  const square = x * x;
  let sum = 0.5 / square;
  for (let k = nodes.length - 1; k >= 0; k--) {
    const [position, weight] = nodes[k]!;
    sum += weight / (position + square);
  }
  const rule = ((2 * STEP * x) / Math.PI) * sum;
  if (x > 6.5) return rule;
  return rule - (2 * Math.exp(square)) / Math.expm1((2 * Math.PI * x) / STEP);
}

/** The error function, 2/√π ∫₀ˣ exp(-t²) dt. */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (!(size > 0.5)) return erfSeries(x);
  if (size > 6) return Math.sign(x);
  return Math.sign(x) * (1 - gaussian(size) * scaledTail(size));
}

/** 1 - erf(x), accurate also where that is tiny. */
export function erfc(x: number): number {
  if (x > 27.3) return 0; // below the least float64
  if (x > 0.5) return gaussian(x) * scaledTail(x);
  return x < -6 ? 2 : 1 - erf(x);
}

/** exp(x²) erfc(x). */
export function erfcx(x: number): number {
  if (x > 1e8) return 1 / (x * Math.sqrt(Math.PI));
  if (x > 0.5) return scaledTail(x);
  if (x < -27) return Infinity;
  const high = Math.fround(x);
  return Math.exp(high * high) * Math.exp((x - high) * (x + high)) * erfc(x);
}

/** The x with erf(x) = y. */
export function erfinv(y: number): number {
  const size = Math.abs(y);
  if (size > 1) return Number.NaN;
  if (size > 0.5) return Math.sign(y) * erfcinv(1 - size);
  // erfinv(y) = √π/2 (y + π/12 y³ + …); Halley's rule triples the digits in each of three rounds.
  let x = (y + (Math.PI / 12) * y ** 3) / TWO_OVER_SQRT_PI;
  for (let round = 0; round < 3; round++) {
    const newton = (erf(x) - y) / (TWO_OVER_SQRT_PI * Math.exp(-x * x));
    x -= newton / (1 + x * newton);
  }
  return x;
}

/** The x >= 0 with erfc(x) = q, for 0 <= q <= 1. */
function erfcinv(q: number): number {
  if (q === 0) return Infinity;
  if (q >= 0.5) return erfinv(1 - q);
  const target = Math.log(q);
  // From the leading term erfc(x) ≈ exp(-x²) / (x √π); Newton's rule on the logarithm, which is nearly a parabola.
  let x = Math.sqrt(-target - Math.log(Math.sqrt(-target * Math.PI)));
  if (!(x > 0.5)) x = 0.5;
  for (let round = 0; round < 6; round++) {
    const scaled = erfcx(x);
    const change = ((Math.log(scaled) - x * x - target) * scaled) / TWO_OVER_SQRT_PI;
    x += change;
    if (Math.abs(change) < 1e-16 * x) break;
  }
  return x;
}

/** The x below which a standard normal variable falls with probability p. */
export function ndtri(p: number): number {
  if (!(p >= 0 && p <= 1)) return Number.NaN;
  if (p < 0.25) return -Math.SQRT2 * erfcinv(2 * p);
  if (p > 0.75) return Math.SQRT2 * erfcinv(2 * (1 - p));
  return Math.SQRT2 * erfinv(2 * p - 1);
}

/** The logarithm of the probability that a standard normal variable falls below x. */
export function logNdtr(x: number): number {
  if (x < -1) return Math.log(erfcx(-x * Math.SQRT1_2) / 2) - (x * x) / 2;
  return Math.log1p(-erfc(x * Math.SQRT1_2) / 2);
}
