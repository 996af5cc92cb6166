/** Bessel functions of orders 0 and 1, ordinary and modified. */

const EULER = 0.5772156649015329;

/** Σ (x²/4)^k / (k! (k + order)!) · weight(k): the power series that I and K share. */
function powerSeries(x: number, order: 0 | 1, weight: (k: number) => number): number {
  const quarter = (x * x) / 4;
  let term = 1;
  let sum = weight(0);
  for (let k = 1; k < 200; k++) {
    term *= quarter / (k * (k + order));
    const next = sum + term * weight(k);
    if (next === sum) break;
    sum = next;
  }
  return sum;
}

const unweighted = (): number => 1;

/** Σ ∏ (sign (4 order² - (2j-1)²)) / (j 8x): Hankel's series, whose terms at x >= 20 fall below rounding first. */
function hankelSeries(x: number, order: 0 | 1, signOf: -1 | 1): number {
  const mu = 4 * order * order;
  let term = 1;
  let sum = 1;
  for (let j = 1; j < 40; j++) {
    term *= (signOf * (mu - (2 * j - 1) ** 2)) / (j * 8 * x);
    const next = sum + term;
    if (next === sum) break;
    sum = next;
  }
  return sum;
}

const ASYMPTOTIC = 20;

/** I₀(x). */
export function i0(x: number): number {
  const size = Math.abs(x);
  if (size < ASYMPTOTIC) return powerSeries(x, 0, unweighted);
  // exp(x) alone overflows before I₀ does.
  return Math.exp(size / 2) * i0e(size) * Math.exp(size / 2);
}

/** exp(-|x|) I₀(x). */
export function i0e(x: number): number {
  const size = Math.abs(x);
  if (size === Infinity) return 0;
  if (size < ASYMPTOTIC) return Math.exp(-size) * powerSeries(x, 0, unweighted);
  return hankelSeries(size, 0, -1) / Math.sqrt(2 * Math.PI * size);
}

/** I₁(x). */
export function i1(x: number): number {
  const size = Math.abs(x);
  if (size < ASYMPTOTIC) return (x / 2) * powerSeries(x, 1, unweighted);
  return Math.exp(size / 2) * i1e(x) * Math.exp(size / 2);
}

/** exp(-|x|) I₁(x). */
export function i1e(x: number): number {
  const size = Math.abs(x);
  if (size === Infinity) return 0;
  if (size < ASYMPTOTIC) return Math.exp(-size) * (x / 2) * powerSeries(x, 1, unweighted);
  return (Math.sign(x) * hankelSeries(size, 1, -1)) / Math.sqrt(2 * Math.PI * size);
}

/**
 * e^x K(x) = ∫₀^∞ exp(-x (cosh t - 1)) cosh(order t) dt. The trapezoidal rule converges geometrically in 1/step, since
 * the integrand is analytic in a strip around the real axis.
 */
export function scaledK(x: number, order: number): number {
  const step = Math.min(0.22, 0.6 / Math.sqrt(x));
  let sum = 0.5;
  for (let k = 1; k < 10000; k++) {
    const t = k * step;
    // cosh t - 1 = 2 sinh²(t/2), without its cancellation.
    const next = sum + Math.exp(-2 * x * Math.sinh(t / 2) ** 2) * Math.cosh(order * t);
    if (next === sum) break;
    sum = next;
  }
  return sum * step;
}

/** 1 + 1/2 + … + 1/k. */
function harmonic(k: number): number {
  let sum = 0;
  for (let i = k; i > 0; i--) sum += 1 / i;
  return sum;
}

/** K₀(x) for x <= 1, by its power series with a logarithm. */
function smallK0(x: number): number {
  return powerSeries(x, 0, harmonic) - (Math.log(x / 2) + EULER) * powerSeries(x, 0, unweighted);
}

/** K₁(x) for x <= 1. */
function smallK1(x: number): number {
  const psi = powerSeries(x, 1, (k) => harmonic(k) + harmonic(k + 1) - 2 * EULER);
  return 1 / x + Math.log(x / 2) * (x / 2) * powerSeries(x, 1, unweighted) - (x / 4) * psi;
}

/** K₀(x): infinite at 0, NaN below. */
export function k0(x: number): number {
  if (x === 0) return Infinity;
  if (!(x > 0)) return Number.NaN;
  return x <= 1 ? smallK0(x) : Math.exp(-x) * k0Scaled(x);
}

/** exp(x) K₀(x). */
export function k0Scaled(x: number): number {
  if (x === 0) return Infinity;
  if (!(x > 0)) return Number.NaN;
  if (x === Infinity) return 0;
  return x <= 1 ? Math.exp(x) * smallK0(x) : scaledK(x, 0);
}

/** K₁(x): infinite at 0, NaN below. */
export function k1(x: number): number {
  if (x === 0) return Infinity;
  if (!(x > 0)) return Number.NaN;
  return x <= 1 ? smallK1(x) : Math.exp(-x) * k1Scaled(x);
}

/** exp(x) K₁(x). */
export function k1Scaled(x: number): number {
  if (x === 0) return Infinity;
  if (!(x > 0)) return Number.NaN;
  if (x === Infinity) return 0;
  return x <= 1 ? Math.exp(x) * smallK1(x) : scaledK(x, 1);
}

const HANKEL = 25;

/** J₀(x), J₁(x), …, by Miller's backward recurrence, scaled by J₀ + 2 (J₂ + J₄ + …) = 1; for 0 < x < 25. */
function miller(x: number): number[] {
  const top = 2 * Math.ceil((x + 6 * Math.cbrt(x) + 24) / 2);
  const values = new Array<number>(top + 2).fill(0);
  values[top] = 1e-280;
  for (let n = top; n > 0; n--) {
    const below = ((2 * n) / x) * values[n]! - values[n + 1]!;
    values[n - 1] = below;
    if (Math.abs(below) > 1e250) for (let k = n - 1; k <= top; k++) values[k]! *= 1e-280;
  }
  let norm = values[0]!;
  for (let n = 2; n <= top; n += 2) norm += 2 * values[n]!;
  return values.map((value) => value / norm);
}

/** √(2/πx) (P cos χ - Q sin χ) and its companion, χ = x - (order/2 + 1/4) π; for x >= 25. */
function hankel(x: number, order: 0 | 1): readonly [j: number, y: number] {
  const mu = 4 * order * order;
  let term = 1;
  let p = 1;
  let q = 0;
  for (let k = 1; k < 40; k++) {
    term *= (mu - (2 * k - 1) ** 2) / (k * 8 * x);
    const signed = k % 4 < 2 ? term : -term; // + Q, - P, - Q, + P, …
    if (k % 2 === 0) p += signed;
    else q += signed;
    if (Math.abs(term) < 1e-17) break;
  }
  // cos and sin of x - π/4, then a quarter turn for order 1: no rounding of x enters.
  const c = (Math.cos(x) + Math.sin(x)) * Math.SQRT1_2;
  const s = (Math.sin(x) - Math.cos(x)) * Math.SQRT1_2;
  const [cosine, sine] = order === 0 ? [c, s] : [s, -c];
  const scale = Math.sqrt(2 / (Math.PI * x));
  return [scale * (p * cosine - q * sine), scale * (p * sine + q * cosine)];
}

/** J₀(x). */
export function j0(x: number): number {
  const size = Math.abs(x);
  if (size < 1e-8) return 1;
  return size < HANKEL ? miller(size)[0]! : hankel(size, 0)[0];
}

/** J₁(x). */
export function j1(x: number): number {
  const size = Math.abs(x);
  if (size < 1e-8) return x / 2;
  return Math.sign(x) * (size < HANKEL ? miller(size)[1]! : hankel(size, 1)[0]);
}

/** Y₀(x): minus infinity at 0, NaN below. */
export function y0(x: number): number {
  if (x === 0) return -Infinity;
  if (!(x > 0)) return Number.NaN;
  if (x >= HANKEL) return hankel(x, 0)[1];
  const logarithm = Math.log(x / 2) + EULER;
  if (x < 1e-8) return (2 / Math.PI) * logarithm;
  const j = miller(x);
  let sum = 0;
  for (let k = 1; 2 * k < j.length; k++) sum += ((k % 2 === 0 ? 1 : -1) * j[2 * k]!) / k;
  return (2 / Math.PI) * (logarithm * j[0]! - 2 * sum);
}

/** Y₁(x): minus infinity at 0, NaN below. */
export function y1(x: number): number {
  if (x === 0) return -Infinity;
  if (!(x > 0)) return Number.NaN;
  if (x >= HANKEL) return hankel(x, 1)[1];
  if (x < 1e-8) return -2 / (Math.PI * x);
  const j = miller(x);
  // Minus the derivative of the series for Y₀, with J′ as half the difference of its neighbours.
  let sum = 0;
  for (let k = 1; 2 * k + 1 < j.length; k++) {
    sum += ((k % 2 === 0 ? 1 : -1) * (j[2 * k - 1]! - j[2 * k + 1]!)) / k;
  }
  return (2 / Math.PI) * ((Math.log(x / 2) + EULER) * j[1]! - j[0]! / x + sum);
}

/** sin(x) / x, which is 1 at 0 and 0 at infinity. */
export function sphericalJ0(x: number): number {
  if (Math.abs(x) === Infinity) return 0;
  return Math.abs(x) < 1e-9 ? 1 : Math.sin(x) / x;
}
