/**
 * PyTorch's random integers, permutations, coins, counts and choices on the CPU, draw for draw.
 *
 * Sources: ATen/native/DistributionTemplates.h, TensorFactories.cpp, Distributions.cpp and cpu/MultinomialKernel.cpp.
 * Arrays are as in sampling.ts.
 */
import { type DType, float32, float64, int64, type TypedArray } from "./dtype.ts";
import { check } from "./errors.ts";
import type { Generator } from "./generator.ts";
import { cNames, digitsOf, fill, fillExponential, largest, missing, type Reals, roundingTo } from "./sampling.ts";
import { warn } from "./warnings.ts";

/** `random_()`: all non-negative integers of an integer dtype, or all integers that a float dtype holds exactly. */
export function fillRandom(out: TypedArray, dtype: DType, g: Generator): void {
  if (dtype.isComplex) throw missing("random_kernel_cpu", dtype);
  if (out instanceof BigInt64Array) {
    for (let i = 0; i < out.length; i++) out[i] = BigInt.asUintN(63, g.random64());
    return;
  }
  if (dtype === float64) {
    const range = 2n ** 53n + 1n;
    for (let i = 0; i < out.length; i++) out[i] = Number(g.random64() % range);
    return;
  }
  const range = dtype.isFloatingPoint ? 2 ** digitsOf(dtype, "random_cpu") + 1 : Number(integerLimits(dtype).max) + 1;
  fill(out, dtype, () => g.random32() % range);
}

/**
 * `random_(from, to)`: the integers from `from` up to, not including, `to`; with `to` null, up to the last one that
 * `random_()` gives, which makes 64 random bits of int64's lowest.
 */
export function fillRandomBetween(out: TypedArray, dtype: DType, g: Generator, from: bigint, to: bigint | null): void {
  check(!dtype.isComplex, () => "check_random_bounds handles only integral, floating-point and boolean types");
  if (to === null && from === -(1n << 63n)) {
    fillBits(out, dtype, g);
    return;
  }
  const { first, last } = to === null ? openRange(dtype, from) : closedRange(dtype, from, to);
  checkInRange("from", first, dtype);
  checkInRange("to - 1", last, dtype);
  const range = last - first + 1n;
  const wide = dtype === int64 || dtype === float64 || dtype === float32 || dtype.name === "bfloat16";
  if (range >= 1n << 32n && wide) {
    const draw = (): bigint => (g.random64() % range) + first;
    if (out instanceof BigInt64Array) for (let i = 0; i < out.length; i++) out[i] = draw();
    else fill(out, dtype, () => Number(draw()));
    return;
  }
  const [count, base] = [Number(range), Number(first)];
  if (Number.isSafeInteger(base)) {
    fill(out, dtype, () => (g.random32() % count) + base);
    return;
  }
  const draw = (): bigint => BigInt(g.random32() % count) + first;
  if (out instanceof BigInt64Array) for (let i = 0; i < out.length; i++) out[i] = draw();
  else fill(out, dtype, () => Number(draw()));
}

function fillBits(out: TypedArray, dtype: DType, g: Generator): void {
  if (out instanceof BigInt64Array) {
    for (let i = 0; i < out.length; i++) out[i] = BigInt.asIntN(64, g.random64());
    return;
  }
  if (dtype.name === "bool" || dtype.name === "float16") throw missing("random_full_64_bits_range_kernel_cpu", dtype);
  check(
    dtype === float64 || dtype === float32 || dtype.name === "bfloat16",
    () => "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16",
  );
  fill(out, dtype, () => Number(BigInt.asIntN(64, g.random64())));
}

interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

function closedRange(dtype: DType, from: bigint, to: bigint): Range {
  const order = (a: bigint, b: bigint, cast: string): void =>
    check(a < b, () => `random_ expects 'from'${cast} to be less than 'to'${cast}, but got from=${a} >= to=${b}`);
  order(from, to, "");
  if (!dtype.isFloatingPoint) return { first: from, last: to - 1n };
  const [first, end] = [raised(dtype, from), lowered(dtype, to)];
  order(first, end, " casted to dtype");
  return { first, last: end - 1n };
}

function openRange(dtype: DType, from: bigint): Range {
  if (!dtype.isFloatingPoint) return { first: from, last: integerLimits(dtype).max };
  const [first, last] = [raised(dtype, from), 1n << BigInt(digitsOf(dtype, "random_cpu"))];
  check(
    first < last,
    () =>
      "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, but got " +
      `from=${first} > to_inc=${last}`,
  );
  return { first, last };
}

/** `from`, moved up to an integer of the dtype where `from + 1` rounds below it. */
function raised(dtype: DType, from: bigint): bigint {
  const next = asInt64(roundingTo(dtype)(Number(from + 1n)));
  return next >= from ? from : next + spacing(dtype, from + 1n);
}

/** `to`, moved down to an integer of the dtype where `to - 1` rounds up to it or beyond. */
function lowered(dtype: DType, to: bigint): bigint {
  const previous = asInt64(roundingTo(dtype)(Number(to - 1n)));
  return previous < to ? to : previous - spacing(dtype, to - 1n);
}

/** What C++ makes of a float that int64 cannot hold, on x86: the lowest int64. */
function asInt64(x: number): bigint {
  return Math.abs(x) < 2 ** 63 ? BigInt(x) : -(1n << 63n);
}

/** The distance between neighbouring integers of a float dtype at `n`, which is beyond its exact range. */
function spacing(dtype: DType, n: bigint): bigint {
  const magnitude = (n < 0n ? -n : n).toString(2).length - 1;
  return 1n << BigInt(Math.max(0, magnitude - digitsOf(dtype, "random_cpu") + 1));
}

function integerLimits(dtype: DType): { readonly min: bigint; readonly max: bigint } {
  if (dtype.name === "bool") return { min: 0n, max: 1n };
  const bits = BigInt(8 * dtype.itemsize);
  return dtype.isSigned
    ? { min: -(1n << (bits - 1n)), max: (1n << (bits - 1n)) - 1n }
    : { min: 0n, max: (1n << bits) - 1n };
}

function checkInRange(name: string, value: bigint, dtype: DType): void {
  const message = (): string => `${name} is out of bounds for ${cNames[dtype.name]}`;
  if (!dtype.isFloatingPoint) {
    const { min, max } = integerLimits(dtype);
    check(value >= min && value <= max, message);
    return;
  }
  check(Math.abs(Number(value)) <= (largest[dtype.name] ?? 0), message);
  const n = digitsOf(dtype, "random_cpu");
  if (value >= -(1n << BigInt(n)) && value <= 1n << BigInt(n)) return;
  warn(
    "random-range",
    `${name} is out of bounds [-(2^${n}), 2^${n}]. Due to precision limitations ${cNames[dtype.name]} can support ` +
      "discrete uniform distribution only within this range. This warning will become an error in version 1.7 release, " +
      "please fix the code in advance",
  );
}

/** From this length on, PyTorch 2 shuffles with 64 bits a draw. */
const longPermutation = Math.floor(0xffffffff / 20);

/** A random order of the integers below n. */
export function randperm(n: number, g: Generator): BigInt64Array {
  check(n >= 0, () => `n must be non-negative, got${n}`);
  const out = new BigInt64Array(n);
  if (n >= longPermutation) shuffleInsideOut(out, g);
  else shuffle(out, g);
  return out;
}

function shuffle(out: BigInt64Array, g: Generator): void {
  const n = out.length;
  for (let i = 0; i < n; i++) out[i] = BigInt(i);
  for (let i = 0; i < n - 1; i++) {
    const z = i + (g.random32() % (n - i));
    const kept = out[i]!;
    out[i] = out[z]!;
    out[z] = kept;
  }
}

/** Fisher and Yates, inside out: the order of very long permutations. */
export function shuffleInsideOut(out: BigInt64Array, g: Generator): void {
  for (let i = 0; i < out.length; i++) {
    const z = Number(g.random64() % BigInt(i + 1));
    out[i] = out[z]!;
    out[z] = BigInt(i);
  }
}

/** One where a float64 from [0, 1) is below `p`, else zero: PyTorch's own stream, not that of a build with MKL. */
export function fillBernoulli(out: TypedArray, dtype: DType, g: Generator, p: number, hit = 1): void {
  check(0 <= p && p <= 1, () => `bernoulli_ expects p to be in [0, 1], but got p=${p}`);
  if (dtype.isComplex) throw missing("bernoulli_scalar_cpu_", dtype);
  fill(out, dtype, () => (g.uniform() < p ? hit : 0));
}

/** The same with a probability for each element; all but float64 ones meet a uniform of 24 bits. */
export function fillBernoulliEach(out: TypedArray, dtype: DType, g: Generator, p: Reals): void {
  if (dtype.isComplex) throw missing("bernoulli_tensor_cpu_self_", dtype);
  let i = 0;
  const uniform = p instanceof Float64Array ? () => g.uniform() : () => (g.random32() & 0xffffff) * 2 ** -24;
  fill(out, dtype, () => {
    const probability = p[i++]!;
    check(probability >= 0 && probability <= 1, () => "Expected p_in >= 0 && p_in <= 1 to be true, but got false.");
    return uniform() < probability ? 1 : 0;
  });
}

/** The number of trials up to the first success. */
export function fillGeometric(out: TypedArray, dtype: DType, g: Generator, p: number): void {
  check(0 < p && p < 1, () => `geometric_ expects p to be in (0, 1), but got p=${p}`);
  if (dtype.name === "bool" || dtype.isComplex) throw missing("geometric_cpu", dtype);
  const failure = Math.log1p(-p);
  fill(out, dtype, () => Math.ceil(Math.log(g.uniform()) / failure));
}

/** Poisson with the rate of each element. */
export function fillPoisson(out: Reals, dtype: DType, g: Generator, rates: Reals): void {
  let i = 0;
  fill(out, dtype, () => poisson(rates[i++]!, g));
}

function poisson(rate: number, g: Generator): number {
  check(rate >= 0, () => "invalid Poisson rate, expected rate to be non-negative");
  if (rate >= 10) return poissonByRejection(rate, g);
  if (rate === 0) return 0;
  const floor = Math.exp(-rate);
  let product = g.uniform();
  let count = 0;
  while (product > floor) {
    product *= g.uniform();
    count++;
  }
  return count;
}

/** Hörmann's transformed rejection PTRS, with the constants of his paper (1993). */
function poissonByRejection(rate: number, g: Generator): number {
  const b = 0.931 + 2.53 * Math.sqrt(rate);
  const a = -0.059 + 0.02483 * b;
  const inverseAlpha = 1.1239 + 1.1328 / (b - 3.4);
  const squeeze = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const u = g.uniform() - 0.5;
    const v = g.uniform();
    const us = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= squeeze) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    const bound = Math.log(v) + Math.log(inverseAlpha) - Math.log(a / (us * us) + b);
    if (bound <= -rate + k * Math.log(rate) - logFactorial(k)) return k;
  }
}

/** log(k!), by Stirling's series once its next term is below a float64's precision here. */
function logFactorial(k: number): number {
  if (k < 16) {
    let product = 1;
    for (let i = 2; i <= k; i++) product *= i;
    return Math.log(product);
  }
  const n = k + 1;
  const square = n * n;
  const series = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * square)) / square) / square) / n;
  return (n - 0.5) * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI) + series;
}

/** What `multinomial` draws from: rows of unnormalised probabilities, and how often. */
export interface MultinomialOptions {
  readonly categories: number;
  readonly samples: number;
  readonly replacement: boolean;
}

/** Category numbers, `samples` to a row; the rows are those of `weights`, contiguous. */
export function multinomial(weights: Reals, dtype: DType, g: Generator, options: MultinomialOptions): BigInt64Array {
  const { categories, samples, replacement } = options;
  check(samples > 0, () => "cannot sample n_sample <= 0 samples");
  check(
    replacement || samples <= categories,
    () => "cannot sample n_sample > prob_dist.size(-1) samples without replacement",
  );
  return replacement && samples > 1
    ? drawWithReplacement(weights, dtype, g, options)
    : drawDistinct(weights, dtype, g, options);
}

/** Divides each weight by an exponential draw; the largest quotients win (the exponential races of Efraimidis and Spirakis). */
function drawDistinct(weights: Reals, dtype: DType, g: Generator, options: MultinomialOptions): BigInt64Array {
  const { categories, samples } = options;
  check(
    weights.every((w) => w >= 0 && w < Infinity),
    () => "probability tensor contains either `inf`, `nan` or element < 0",
  );
  const rows = categories === 0 ? 0 : weights.length / categories;
  const row = (r: number): Reals => weights.subarray(r * categories, (r + 1) * categories);
  for (let r = 0; r < rows; r++) checkSum(row(r).some((w) => w > 0));
  const score = weights.slice();
  fillExponential(score, dtype, g);
  const round = roundingTo(dtype);
  for (let i = 0; i < score.length; i++) score[i] = round(weights[i]! / score[i]!);
  const out = new BigInt64Array(rows * samples);
  for (let r = 0; r < rows; r++) {
    const start = r * categories;
    const order = Array.from({ length: categories }, (_, c) => c);
    order.sort((a, b) => score[start + b]! - score[start + a]!);
    for (let k = 0; k < samples; k++) out[r * samples + k] = BigInt(order[k]!);
  }
  return out;
}

function checkSum(positive: boolean): void {
  check(positive, () => "invalid multinomial distribution (sum of probabilities <= 0)");
}

/** Looks a float64 from [0, 1) up in the row's cumulative distribution, which float16 and bfloat16 keep in float32. */
function drawWithReplacement(weights: Reals, dtype: DType, g: Generator, options: MultinomialOptions): BigInt64Array {
  const { categories, samples } = options;
  const rows = categories === 0 ? 0 : weights.length / categories;
  const out = new BigInt64Array(rows * samples);
  const cumulative = dtype === float64 ? new Float64Array(categories) : new Float32Array(categories);
  for (let r = 0; r < rows; r++) {
    accumulate(weights.subarray(r * categories, (r + 1) * categories), cumulative);
    for (let k = 0; k < samples; k++) out[r * samples + k] = BigInt(slot(cumulative, g.uniform()));
  }
  return out;
}

function accumulate(weights: Reals, cumulative: Reals): void {
  const n = weights.length;
  for (let c = 0; c < n; c++) {
    const w = weights[c]!;
    const entry = (what: string): string => `invalid multinomial distribution (encountering probability entry ${what})`;
    check(w >= 0 || Number.isNaN(w), () => entry("< 0"));
    check(Number.isFinite(w), () => entry("= infinity or NaN"));
    cumulative[c] = (c === 0 ? 0 : cumulative[c - 1]!) + w;
  }
  const sum = cumulative[n - 1] ?? 0;
  checkSum(sum > 0);
  for (let c = 0; c < n; c++) cumulative[c] = cumulative[c]! / sum;
  cumulative[n - 1] = 1;
}

/** The first place whose cumulative probability is not below `u`. */
function slot(cumulative: Reals, u: number): number {
  let left = 0;
  let right = cumulative.length;
  while (right > left) {
    const middle = left + ((right - left) >> 1);
    if (cumulative[middle]! < u) left = middle + 1;
    else right = middle;
  }
  return left;
}
