/**
 * PyTorch's continuous random distributions on the CPU, draw for draw: each function fills an array in memory order.
 *
 * Sources: ATen/core/DistributionsHelper.h and TransformationHelper.h, ATen/native/DistributionTemplates.h, and
 * ATen/native/cpu/DistributionTemplates.h. The array is that of the dtype, except that float16 and bfloat16 values come
 * widened, already rounded to their dtype, in a Float32Array.
 */
import { type DType, float32, float64, type TypedArray } from "./dtype.ts";
import { check, RuntimeError } from "./errors.ts";
import type { Generator } from "./generator.ts";

/** What the samplers of real numbers fill: float64 in a Float64Array, the narrower dtypes in a Float32Array. */
export type Reals = Float32Array | Float64Array;

/** Bits of the significand, the hidden one included (`std::numeric_limits<T>::digits`). */
const digits: Readonly<Record<string, number>> = { bfloat16: 8, float16: 11, float32: 24, float64: 53 };
/** The largest finite values. */
export const largest: Readonly<Record<string, number>> = {
  bfloat16: (2 - 2 ** -7) * 2 ** 127,
  float16: 65504,
  float32: (2 - 2 ** -23) * 2 ** 127,
  float64: Number.MAX_VALUE,
};
/** C++'s names, which PyTorch's messages on ranges use. */
export const cNames: Readonly<Record<string, string>> = {
  bool: "bool",
  uint8: "unsigned char",
  int8: "signed char",
  int16: "short int",
  int32: "int",
  int64: "long int",
  float16: "c10::Half",
  bfloat16: "c10::BFloat16",
  float32: "float",
  float64: "double",
  complex64: "c10::complex<float>",
  complex128: "c10::complex<double>",
};

/** Bits of the significand of a floating point dtype; for the others, `kernel` is what PyTorch's message names. */
export function digitsOf(dtype: DType, kernel: string): number {
  const n = digits[dtype.name];
  if (n === undefined) throw missing(kernel, dtype);
  return n;
}

/** PyTorch's error for a dtype that a kernel was not written for. */
export function missing(kernel: string, dtype: DType): RuntimeError {
  return new RuntimeError(`"${kernel}" not implemented for '${dtype.scalarName}'`);
}

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** The nearest bfloat16 to a float32, ties to even. */
function roundBFloat16(x: number): number {
  if (Number.isNaN(x)) return x;
  scratch[0] = x;
  const bits = scratchBits[0]!;
  scratchBits[0] = (bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff0000;
  return scratch[0]!;
}

/** The nearest float16 to a float32, ties to even. */
function roundFloat16(x: number): number {
  const size = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (size >= 65520) return x < 0 ? -Infinity : Infinity;
  scratch[0] = size;
  const exponent = (scratchBits[0]! >>> 23) - 127;
  // Adding and taking away 1.5 * 2^52 units in the last place rounds a float64 to a multiple of that unit.
  const unit = 2 ** (Math.max(exponent, -14) - 10);
  const magic = 1.5 * 2 ** 52 * unit;
  return x + magic - magic;
}

/** Rounds a float64 to the dtype, through float32 as PyTorch's conversions of the 16-bit dtypes go. */
export function roundingTo(dtype: DType): (x: number) => number {
  switch (dtype.name) {
    case "float16":
      return (x) => roundFloat16(Math.fround(x));
    case "bfloat16":
      return (x) => roundBFloat16(Math.fround(x));
    case "float32":
      return Math.fround;
    default:
      return (x) => x;
  }
}

/** Writes `draw()` into every element, converted to the dtype. */
export function fill(out: TypedArray, dtype: DType, draw: () => number): void {
  if (out instanceof BigInt64Array) {
    for (let i = 0; i < out.length; i++) out[i] = BigInt(draw());
    return;
  }
  const round = roundingTo(dtype);
  for (let i = 0; i < out.length; i++) out[i] = round(draw());
}

/** Uniform from [from, to). */
export function fillUniform(out: Reals, dtype: DType, g: Generator, from: number = 0, to: number = 1): void {
  const n = digitsOf(dtype, "check_uniform_bounds");
  const limit = largest[dtype.name]!;
  for (const [name, bound] of [
    ["from", from],
    ["to", to],
  ] as const) {
    check(Math.abs(bound) <= limit, () => `${name} is out of bounds for ${cNames[dtype.name]}`);
  }
  check(from <= to, () => `uniform_ expects to return a [from, to) range, but found from=${from} > to=${to}`);
  check(
    to - from <= limit,
    () =>
      `uniform_ expects to-from <= std::numeric_limits<${dtype.scalarName}>::max(), but found to=${to} and ` +
      `from=${from} which result in to-from to exceed the limit`,
  );
  const round = roundingTo(dtype);
  const base = round(from);
  const range = round(round(to) - base);
  if (dtype === float64) {
    for (let i = 0; i < out.length; i++) out[i] = fused(g.random53() * 2 ** -53, range, base);
    return;
  }
  const mask = 2 ** n - 1;
  const unit = 2 ** -n;
  // Exact up to the one rounding at the store, as PyTorch's compiled code.
  if (dtype === float32) {
    for (let i = 0; i < out.length; i++) out[i] = (g.random32() & mask) * unit * range + base;
    return;
  }
  for (let i = 0; i < out.length; i++) out[i] = round((g.random32() & mask) * unit * range + base);
}

/** `a * b + c` with one rounding (Dekker's product, Knuth's sum), as the processor's fused multiply-add. */
function fused(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  const part = sum - product;
  const sumError = product - (sum - part) + (c - part);
  const [aHigh, bHigh] = [highHalf(a), highHalf(b)];
  const [aLow, bLow] = [a - aHigh, b - bHigh];
  const productError = aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
  return sum + (sumError + productError);
}

/** The upper 26 bits of a float64 (Veltkamp); scaled where the product with 2^27 + 1 would overflow. */
function highHalf(x: number): number {
  if (Math.abs(x) > 2 ** 990) return highHalf(x * 2 ** -50) * 2 ** 50;
  const spread = 134217729 * x;
  return spread - (spread - x);
}

/**
 * Normal draws for contiguous memory: from 16 elements on, pairs of uniforms eight places apart become pairs of normals,
 * and a last block that is not full is drawn again, whole, over the last 16 elements.
 */
export function fillNormal(out: Reals, dtype: DType, g: Generator, mean: number = 0, std: number = 1): void {
  checkStd(std);
  if (out.length < 16) {
    fillNormalSerial(out, dtype, g, mean, std);
    return;
  }
  fillUniform(out, dtype, g);
  const transform = dtype === float64 ? normalBlock64 : dtype === float32 ? normalBlock32 : normalBlock16(dtype);
  const round = roundingTo(dtype);
  for (let i = 0; i <= out.length - 16; i += 16) transform(out, i, round(mean), round(std));
  if (out.length % 16 === 0) return;
  const last = out.length - 16;
  fillUniform(out.subarray(last), dtype, g);
  transform(out, last, round(mean), round(std));
}

/** Normal draws for memory with gaps, one by one in float64; also the way of fewer than 16 elements. */
export function fillNormalSerial(out: Reals, dtype: DType, g: Generator, mean: number = 0, std: number = 1): void {
  checkStd(std);
  digitsOf(dtype, "normal_kernel_cpu");
  fill(out, dtype, () => g.normal() * std + mean);
}

function checkStd(std: number): void {
  check(std >= 0, () => `normal expects std >= 0.0, but found std ${std}`);
}

function normalBlock64(out: Reals, start: number, mean: number, std: number): void {
  for (let j = start; j < start + 8; j++) {
    const radius = Math.sqrt(-2 * Math.log(1 - out[j]!));
    const angle = 2 * Math.PI * out[j + 8]!;
    out[j] = radius * Math.cos(angle) * std + mean;
    out[j + 8] = radius * Math.sin(angle) * std + mean;
  }
}

// The minimax polynomials and the three-part pi / 4 of Cephes' logf, sinf and cosf (S. Moshier), which PyTorch's AVX2 code
// evaluates with fused multiply-adds: a product of two float32 is exact in float64, so fround(a * b + c) is one of those.
const f32 = Math.fround;
const tau = f32(2 * Math.PI);
const [log0, log1, log2] = [f32(7.0376836292e-2), f32(-1.151461031e-1), f32(1.167699874e-1)];
const [log3, log4, log5] = [f32(-1.2420140846e-1), f32(1.4249322787e-1), f32(-1.6668057665e-1)];
const [log6, log7, log8] = [f32(2.0000714765e-1), f32(-2.4999993993e-1), f32(3.3333331174e-1)];
const [sqrtHalf, ln2Low, ln2High] = [f32(Math.SQRT1_2), f32(-2.1219444e-4), 0.693359375];
const [fourOverPi, pi0, pi1, pi2] = [f32(4 / Math.PI), 0.78515625, 2.4187564849853516e-4, f32(3.774894977445941e-8)];
const [sin0, sin1, sin2] = [f32(-1.9515295891e-4), f32(8.3321608736e-3), f32(-1.6666654611e-1)];
const [cos0, cos1, cos2] = [f32(2.443315711809948e-5), f32(-1.388731625493765e-3), f32(4.166664568298827e-2)];

/** log of a normal float32 from (0, 1]. */
function log32(x: number): number {
  scratch[0] = x;
  const bits = scratchBits[0]!;
  let e = (bits >>> 23) - 126;
  scratchBits[0] = (bits & 0x7fffff) | 0x3f000000;
  let m = scratch[0]!;
  if (m < sqrtHalf) {
    e -= 1;
    m += m;
  }
  m = f32(m - 1);
  const z = f32(m * m);
  let y = f32(f32(f32(f32(log0 * m + log1) * m + log2) * m + log3) * m + log4);
  y = f32(f32(f32(f32(y * m + log5) * m + log6) * m + log7) * m + log8);
  y = f32(f32(y * m) * z + f32(e * ln2Low));
  y = f32(y - 0.5 * z);
  return f32(e * ln2High + f32(m + y));
}

/** To the bit what PyTorch's AVX2 code makes of the same uniforms. */
function normalBlock32(out: Reals, start: number, mean: number, std: number): void {
  for (let j = start; j < start + 8; j++) {
    const radius = f32(Math.sqrt(f32(-2 * log32(1 - out[j]!))));
    const angle = f32(tau * out[j + 8]!);
    const octant = (f32(angle * fourOverPi) + 1) & ~1;
    let x = f32(angle - octant * pi0);
    x = f32(x - octant * pi1);
    x = f32(x - octant * pi2);
    const z = f32(x * x);
    let c = f32(cos0 * z + cos1);
    c = f32(f32(c * z + cos2) * z);
    c = f32(f32(c * z - 0.5 * z) + 1);
    let s = f32(sin0 * z + sin1);
    s = f32(f32(s * z + sin2) * z);
    s = f32(s * x + x);
    const swap = (octant & 2) !== 0;
    const sin = (octant & 4) === 0 ? (swap ? c : s) : swap ? -c : -s;
    const cos = ((octant - 2) & 4) !== 0 ? (swap ? s : c) : swap ? -s : -c;
    out[j] = f32(radius * cos) * std + mean;
    out[j + 8] = f32(radius * sin) * std + mean;
  }
}

/** float16 rounds what it stores, the radius and the angle too; C++'s functions of a bfloat16 round at every step. */
function normalBlock16(dtype: DType): (out: Reals, start: number, mean: number, std: number) => void {
  const round = roundingTo(dtype);
  const step = dtype.name === "bfloat16" ? round : Math.fround;
  return (out, start, mean, std) => {
    for (let j = start; j < start + 8; j++) {
      const radius = round(Math.sqrt(step(-2 * step(Math.log(round(1 - out[j]!))))));
      const angle = round(2 * Math.PI * out[j + 8]!);
      out[j] = round(step(step(radius * step(Math.cos(angle))) * std) + mean);
      out[j + 8] = round(step(step(radius * step(Math.sin(angle))) * std) + mean);
    }
  };
}

/** Exponential with rate `lambda`. */
export function fillExponential(out: Reals, dtype: DType, g: Generator, lambda: number = 1): void {
  check(lambda > 0, () => `exponential_ expects lambda > 0.0, but found lambda=${lambda}`);
  digitsOf(dtype, "exponential_cpu");
  fill(out, dtype, () => (-1 / lambda) * Math.log1p(-g.uniform()));
}

/** Cauchy around `median` with scale `sigma`. */
export function fillCauchy(out: Reals, dtype: DType, g: Generator, median: number = 0, sigma: number = 1): void {
  check(sigma > 0, () => `cauchy_ expects sigma > 0.0, but found sigma=${sigma}`);
  check(
    dtype.isFloatingPoint,
    () =>
      "Cauchy distribution is a continuous probability distribution. dtype must be a floating point but you specified " +
      cNames[dtype.name],
  );
  fill(out, dtype, () => median + sigma * Math.tan(Math.PI * (g.uniform() - 0.5)));
}

/** `exp` of a normal draw. */
export function fillLogNormal(out: Reals, dtype: DType, g: Generator, mean: number = 1, std: number = 2): void {
  check(std > 0, () => `log_normal_ expects std > 0.0, but found std=${std}`);
  digitsOf(dtype, "log_normal_cpu");
  fill(out, dtype, () => Math.exp(g.normal() * std + mean));
}
