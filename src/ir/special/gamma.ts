/** The gamma function's family: lgamma, digamma, polygamma and the Hurwitz zeta function. */

/** B₂ₖ for k = 1, 2, …: the Bernoulli numbers of the Stirling and Euler-Maclaurin expansions. */
const bernoulli: readonly number[] = [
  1 / 6,
  -1 / 30,
  1 / 42,
  -1 / 30,
  5 / 66,
  -691 / 2730,
  7 / 6,
  -3617 / 510,
  43867 / 798,
  -174611 / 330,
  854513 / 138,
  -236364091 / 2730,
];

const HALF_LOG_TWO_PI = Math.log(2 * Math.PI) / 2;
const EULER = 0.5772156649015329;

/** sin(πx), exact at integers and accurate beside them. */
function sinPi(x: number): number {
  const whole = Math.round(x);
  const value = Math.sin(Math.PI * (x - whole));
  return whole % 2 === 0 ? value : -value;
}

/** π / tan(πx). */
function piCotPi(x: number): number {
  return Math.PI / Math.tan(Math.PI * (x - Math.round(x)));
}

/** Σ B₂ₖ / (2k(2k-1) x^(2k-1)): what Stirling's formula leaves off, for x >= 10. */
export function stirlingRest(x: number): number {
  const inverse = 1 / x;
  const square = inverse * inverse;
  let sum = 0;
  for (let k = 8; k >= 1; k--) sum = sum * square + bernoulli[k - 1]! / (2 * k * (2 * k - 1));
  return sum * inverse;
}

let taylor: readonly number[] | undefined;

/** (-1)^k (ζ(k) - 1) / k for k = 2, 3, …: the Taylor coefficients of log Γ at 2. */
function logGammaTaylor(): readonly number[] {
  taylor ??= Array.from({ length: 30 }, (_, i) => ((i % 2 === 0 ? 1 : -1) * zeta(i + 2, 2)) / (i + 2));
  return taylor;
}

/** log Γ(2 + z) for |z| <= 1/2; accurate also relative to its zero at z = 0. */
function logGammaNearTwo(z: number): number {
  const coefficients = logGammaTaylor();
  let sum = 0;
  for (let i = coefficients.length - 1; i >= 0; i--) sum = (sum + coefficients[i]!) * z;
  return z * (1 - EULER + sum);
}

/** log |Γ(x)|. */
export function lgamma(x: number): number {
  if (Number.isNaN(x)) return x;
  if (!Number.isFinite(x)) return Infinity;
  if (x <= 0) {
    if (Number.isInteger(x)) return Infinity;
    if (x > -1e-17) return -Math.log(-x);
    return Math.log(Math.PI / Math.abs(sinPi(x))) - lgamma(1 - x);
  }
  if (x >= 10) return (x - 0.5) * (Math.log(x) - 1) + (HALF_LOG_TWO_PI - 0.5) + stirlingRest(x);
  if (x < 0.5) return logGammaNearTwo(x) - Math.log(x) - Math.log1p(x);
  if (x < 1.5) return logGammaNearTwo(x - 1) - Math.log1p(x - 1);
  let product = 1;
  while (x > 2.5) {
    x -= 1;
    product *= x;
  }
  return Math.log(product) + logGammaNearTwo(x - 2);
}

/** The derivative of log Γ. */
export function digamma(x: number): number {
  if (x === 0) return Object.is(x, -0) ? Infinity : -Infinity;
  if (x < 0) return x === Math.floor(x) ? Number.NaN : digamma(1 - x) - piCotPi(x);
  let sum = 0;
  while (x < 10) {
    sum -= 1 / x;
    x += 1;
  }
  if (x === Infinity) return x;
  const square = 1 / (x * x);
  let series = 0;
  for (let k = 8; k >= 1; k--) series = (series + bernoulli[k - 1]! / (2 * k)) * square;
  return sum + (Math.log(x) - 0.5 / x - series);
}

/** The n-th derivative of digamma, for a nonnegative integer n. */
export function polygamma(n: number, x: number): number {
  if (n === 0) return digamma(x);
  let factorial = 1;
  for (let k = 2; k <= n && factorial !== Infinity; k++) factorial *= k;
  return (n % 2 === 0 ? -factorial : factorial) * zeta(n + 1, x);
}

/** The Hurwitz zeta function, Σ (q + k)^-s over k >= 0. At negative q it is real for integer s only. */
export function zeta(s: number, q: number): number {
  if (s === 1) return Infinity;
  if (!(s > 1) || Number.isNaN(q)) return Number.NaN;
  if (q > 0) return zetaPositive(s, q);
  if (q === Math.floor(q)) return Infinity;
  if (s !== Math.floor(s)) return Number.NaN;
  // The sum over all integers depends only on the fraction of q; what lies below q is taken off it.
  const parity = s % 2 === 0 ? 1 : -1;
  const fraction = q - Math.floor(q);
  const whole = zetaPositive(s, fraction) + parity * zetaPositive(s, 1 - fraction);
  return whole - parity * zetaPositive(s, 1 - q);
}

/** Euler and Maclaurin's formula after the terms with q + k < max(10, s), from where on its terms fall fast. */
function zetaPositive(s: number, q: number): number {
  if (q === Infinity) return 0;
  const start = Math.max(10, s);
  let sum = 0;
  while (q < start) {
    const before = sum;
    sum += q ** -s;
    if (sum === before || sum === Infinity) return sum;
    q += 1;
  }
  const power = q ** -s;
  sum += (q * power) / (s - 1) + power / 2;
  // Term k is B₂ₖ/(2k)! · s(s+1)…(s+2k-2) · q^(-s-2k+1).
  let factor = (s * power) / q / 2;
  for (let k = 1; k <= bernoulli.length; k++) {
    const term = bernoulli[k - 1]! * factor;
    sum += term;
    if (Math.abs(term) < Math.abs(sum) * 1e-17) break;
    factor *= ((s + 2 * k - 1) * (s + 2 * k)) / ((2 * k + 1) * (2 * k + 2)) / (q * q);
  }
  return sum;
}
