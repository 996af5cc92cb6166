/** The regularised incomplete gamma functions. */
import { erfc } from "./error.ts";
import { lgamma, stirlingRest } from "./gamma.ts";

/** Above this `a` the uniform expansion is exact to rounding, and the series would take thousands of terms. */
const UNIFORM = 1e5;

/** P(a, x) = ∫₀ˣ t^(a-1) e^-t dt / Γ(a). */
export function igamma(a: number, x: number): number {
  const edge = edgeCase(a, x);
  if (edge !== undefined) return edge;
  if (a >= UNIFORM) return uniform(a, x, -1);
  return x < a + 1 ? series(a, x) : 1 - fraction(a, x);
}

/** Q(a, x) = 1 - P(a, x). */
export function igammac(a: number, x: number): number {
  const edge = edgeCase(a, x);
  if (edge !== undefined) return 1 - edge;
  if (a >= UNIFORM) return uniform(a, x, 1);
  return x < a + 1 ? 1 - series(a, x) : fraction(a, x);
}

/** PyTorch's order of the tests: an infinite operand decides before a NaN does. */
function edgeCase(a: number, x: number): number | undefined {
  if (x < 0 || a < 0) return Number.NaN;
  if (a === 0) return x > 0 ? 1 : Number.NaN;
  if (x === 0) return 0;
  if (a === Infinity) return x === Infinity ? Number.NaN : 0;
  return x === Infinity ? 1 : undefined;
}

/** log(1 + u) - u without cancellation near 0. */
function log1pMinus(u: number): number {
  if (Math.abs(u) > 0.3) return Math.log1p(u) - u;
  let power = u;
  let sum = 0;
  for (let k = 2; k < 60; k++) {
    power *= -u;
    const next = sum + power / k;
    if (next === sum) break;
    sum = next;
  }
  return sum;
}

/** x^a e^-x / Γ(a + 1). */
function density(a: number, x: number): number {
  if (a < 10) return Math.exp(a * Math.log(x) - x - lgamma(a + 1));
  return Math.exp(a * log1pMinus((x - a) / a) - stirlingRest(a)) / Math.sqrt(2 * Math.PI * a);
}

/** P by its power series, for x below about a. */
function series(a: number, x: number): number {
  let term = 1;
  let sum = 1;
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= x / (a + n);
    sum += term;
  }
  return Math.min(1, density(a, x) * sum);
}

/** Q by its continued fraction, evaluated forwards (Lentz), for x above about a. */
function fraction(a: number, x: number): number {
  let b = x + 1 - a;
  let c = Infinity;
  let d = 1 / b;
  let value = d;
  for (let n = 1; n < 20000; n++) {
    const numerator = n * (a - n);
    b += 2;
    d = 1 / (b + numerator * d);
    c = b + numerator / c;
    const change = c * d;
    value *= change;
    if (Math.abs(change - 1) < 1e-16) break;
  }
  return density(a, x) * a * value;
}

/** Temme's expansion, uniform in x (DLMF 8.12): `tail` 1 gives Q, -1 gives P. */
function uniform(a: number, x: number, tail: 1 | -1): number {
  const u = (x - a) / a;
  const halfSquare = -log1pMinus(u);
  const eta = Math.sign(u) * Math.sqrt(2 * halfSquare);
  const near = Math.abs(u) < 1e-2;
  const c0 = near ? polynomial(u, -1 / 3, 1 / 12, -23 / 540, 353 / 12960, -589 / 30240) : 1 / u - 1 / eta;
  const c1 = near ? -1 / 540 - u / 288 : 1 / eta ** 3 - 1 / u ** 3 - 1 / u ** 2 - 1 / (12 * u);
  const rest = (Math.exp(-a * halfSquare) / Math.sqrt(2 * Math.PI * a)) * (c0 + c1 / a);
  return erfc(tail * eta * Math.sqrt(a / 2)) / 2 + tail * rest;
}

function polynomial(x: number, ...coefficients: readonly number[]): number {
  return coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0);
}
