/** The Airy function Ai. */
import { scaledK } from "./bessel.ts";

const AT_ZERO = 0.3550280538878172;
const SLOPE_AT_ZERO = -0.2588194037928068;

/** Ai(x): NaN at infinity and 0 beyond the least float64, as in PyTorch. */
export function airyAi(x: number): number {
  if (!Number.isFinite(x)) return Number.NaN;
  if (x > 103.892) return 0;
  if (x > 1) {
    const zeta = (2 / 3) * x * Math.sqrt(x);
    return (Math.sqrt(x / 3) / Math.PI) * Math.exp(-zeta) * scaledK(zeta, 1 / 3);
  }
  return x < -9 ? oscillating(-x) : stepped(x);
}

/** Integrates y″ = x y from 0 in steps of at most 1, by the solution's Taylor series; stable towards negative x. */
function stepped(x: number): number {
  const steps = Math.max(1, Math.ceil(Math.abs(x)));
  const step = x / steps;
  let value = AT_ZERO;
  let slope = SLOPE_AT_ZERO;
  for (let i = 0; i < steps; i++) [value, slope] = taylorStep(i * step, step, value, slope);
  return value;
}

/** The coefficients follow from (n+1)(n+2) c[n+2] = at c[n] + c[n-1]. */
function taylorStep(at: number, step: number, value: number, slope: number): [value: number, slope: number] {
  const c = [value, slope, (at * value) / 2];
  for (let n = 1; n < 40; n++) c.push((at * c[n]! + c[n - 1]!) / ((n + 1) * (n + 2)));
  let nextValue = 0;
  let nextSlope = 0;
  for (let n = c.length - 1; n >= 0; n--) {
    nextValue = nextValue * step + c[n]!;
    if (n > 0) nextSlope = nextSlope * step + n * c[n]!;
  }
  return [nextValue, nextSlope];
}

/** Ai(-x) for large x (DLMF 9.7.9). */
function oscillating(x: number): number {
  const zeta = (2 / 3) * x * Math.sqrt(x);
  let term = 1;
  let even = 1;
  let odd = 0;
  for (let k = 1; k < 30; k++) {
    term *= ((6 * k - 5) * (6 * k - 3) * (6 * k - 1)) / (216 * k * (2 * k - 1)) / zeta;
    const signed = k % 4 === 2 || k % 4 === 3 ? -term : term;
    if (k % 2 === 0) even += signed;
    else odd += signed;
    if (term < 1e-17) break;
  }
  const phase = zeta - Math.PI / 4;
  return (Math.cos(phase) * even + Math.sin(phase) * odd) / (Math.sqrt(Math.PI) * Math.sqrt(Math.sqrt(x)));
}
