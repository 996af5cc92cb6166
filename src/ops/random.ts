/** Tensors of random numbers: `rand`, `randn`, `randint`, `randperm`, `bernoulli`, `multinomial`, `normal`, `poisson`. */
import type { Device } from "../core/device.ts";
import {
  multinomial as drawCategories,
  fillBernoulli,
  fillBernoulliEach,
  fillPoisson,
  randperm as shuffled,
} from "../core/discrete.ts";
import { type DType, float32, float64, int64 } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import type { Generator } from "../core/generator.ts";
import { broadcastShapes, Layout } from "../core/layout.ts";
import type { Values } from "../core/params.ts";
import { missing, type Reals } from "../core/sampling.ts";
import { getDefaultDtype, type Scalar } from "../core/scalar.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import type { Op, OpInfo } from "./call.ts";
import {
  type CreateOptions,
  checkSize,
  convertVia,
  factory as creation,
  deviceOf,
  finish,
  layoutLike,
} from "./create.ts";
import { composite, copyKernel, custom, differentiable, fn, unrecorded } from "./define.ts";
import { drawInto, generatorOf, generatorParam, realsOf, type Sampler } from "./draw.ts";
import { commonDevice, emptyLike, emptyTensor, isMeta } from "./operands.ts";
import { bigArgument, type Drawn, integerSampler, normalSampler, uniformSampler } from "./random-writes.ts";

const factory = `${creation} ${generatorParam}`;

/** What random creation takes by name. */
export interface RandomOptions extends CreateOptions, Drawn {}

/** A creation function by size. */
export interface RandomBySize {
  (...size: number[]): Tensor;
  (...args: [...number[], RandomOptions]): Tensor;
  (size: readonly number[], options?: RandomOptions): Tensor;
  readonly op: OpInfo;
}

/** Draws into a new tensor of this layout. */
function drawn(layout: Layout, dtype: DType, v: Values, sample: Sampler, device: Device = deviceOf(v)): Tensor {
  return finish(drawInto(emptyLike(layout, dtype, device), sample), v);
}

function bySize(name: string, sampler: (g: Generator) => Sampler): RandomBySize {
  return fn<RandomBySize>({ name, params: `...size:ints ${factory}`, kind: "create" }, (v) => {
    const size = v.size as number[];
    checkSize(name, size);
    const dtype = (v.dtype as DType | null) ?? getDefaultDtype();
    return drawn(Layout.contiguous(size), dtype, v, sampler(generatorOf(name, v)));
  });
}

/**
 * Uniform from [0, 1), of this size. The numbers are PyTorch's for the same seed. dtype: the default float dtype.
 * @example
 * torch.manualSeed(0);
 * torch.rand(2) // tensor([0.4963, 0.7682])
 */
export const rand: RandomBySize = bySize("rand", (g) => uniformSampler(g, 0, 1));
/**
 * Standard normal, of this size. The numbers are PyTorch's for the same seed. dtype: the default float dtype.
 * @example
 * torch.manualSeed(0);
 * torch.randn(2) // tensor([ 1.5410, -0.2934])
 */
export const randn: RandomBySize = bySize("randn", (g) => normalSampler(g, 0, 1));

/** `like(x, options)`. */
export interface RandomLike {
  (self: Tensor, options?: RandomOptions): Tensor;
  readonly op: OpInfo;
}

function like(name: string, sampler: (g: Generator) => Sampler): RandomLike {
  return composite<RandomLike>(
    { name, params: `${factory} memoryFormat:any?=null`, receiver: null, kind: "create" },
    (self, v) => {
      const dtype = (v.dtype as DType | null) ?? self.dtype;
      return drawn(layoutLike(self, v), dtype, v, sampler(generatorOf(name, v)), deviceOf(v, self.device));
    },
  );
}

/**
 * Uniform from [0, 1), with the size, dtype and device of `input`, which options may replace.
 * @example torch.randLike(torch.zeros(2, 3)).shape // torch.Size([2, 3])
 */
export const randLike: RandomLike = like("randLike", (g) => uniformSampler(g, 0, 1));
/**
 * Standard normal, with the size, dtype and device of `input`, which options may replace.
 * @example torch.randnLike(torch.zeros(2, 3)).shape // torch.Size([2, 3])
 */
export const randnLike: RandomLike = like("randnLike", (g) => normalSampler(g, 0, 1));

/** `randint(high, size)` and `randint(low, high, size)`. */
export interface Randint {
  (high: number | bigint, size: readonly number[], options?: RandomOptions): Tensor;
  (low: number | bigint, high: number | bigint, size: readonly number[], options?: RandomOptions): Tensor;
  (low: number | bigint, high: number | bigint, options: RandomOptions & { size: readonly number[] }): Tensor;
  (high: number | bigint, options: RandomOptions & { size: readonly number[] }): Tensor;
  readonly op: OpInfo;
}

function bounds(op: string, v: Values): [bigint, bigint] {
  const low = v.low === undefined ? 0n : bigArgument(op, "low", v.low as Scalar);
  return [low, bigArgument(op, "high", v.high as Scalar)];
}

/**
 * Whole numbers from [low, high), low being 0 where it is left out: `randint(high, size)`, `randint(low, high, size)`.
 * int64 unless told otherwise.
 * @throws RuntimeError "random_ expects 'from' to be less than 'to'", or where the dtype cannot hold them.
 * @example
 * torch.manualSeed(0);
 * torch.randint(10, [4]) // tensor([4, 9, 3, 0])
 */
export const randint: Randint = fn<Randint>(
  {
    name: "randint",
    params: [`high:scalar size:ints ${factory}`, `low:scalar high:scalar size:ints ${factory}`],
    kind: "create",
  },
  (v) => {
    const size = v.size as number[];
    checkSize("randint", size);
    const sample = integerSampler(generatorOf("randint", v), ...bounds("randint", v));
    return drawn(Layout.contiguous(size), (v.dtype as DType | null) ?? int64, v, sample);
  },
);

/** `randintLike(x, high)` and `randintLike(x, low, high)`. */
export interface RandintLike {
  (self: Tensor, high: number | bigint, options?: RandomOptions): Tensor;
  (self: Tensor, low: number | bigint, high: number | bigint, options?: RandomOptions): Tensor;
  (self: Tensor, options: RandomOptions & { low?: number | bigint; high: number | bigint }): Tensor;
  readonly op: OpInfo;
}

/**
 * Whole numbers from [low, high), with the size, dtype and device of `input`, which options may replace.
 * @example torch.randintLike(torch.zeros(2, 3), 10).shape // torch.Size([2, 3])
 */
export const randintLike: RandintLike = composite(
  {
    name: "randintLike",
    params: [
      `high:scalar ${factory} memoryFormat:any?=null`,
      `low:scalar high:scalar ${factory} memoryFormat:any?=null`,
    ],
    receiver: null,
    kind: "create",
  },
  (self, v) => {
    const sample = integerSampler(generatorOf("randintLike", v), ...bounds("randintLike", v));
    const dtype = (v.dtype as DType | null) ?? self.dtype;
    return drawn(layoutLike(self, v), dtype, v, sample, deviceOf(v, self.device));
  },
);

/** `randperm(n, options)`. */
export interface Randperm {
  (n: number, options?: RandomOptions): Tensor;
  readonly op: OpInfo;
}

/** The largest n whose positions a dtype holds exactly. */
const longest: Readonly<Record<string, number>> = {
  uint8: 2 ** 8,
  int8: 2 ** 7,
  int16: 2 ** 15,
  int32: 2 ** 31,
  float16: 2 ** 11 + 1,
  bfloat16: 2 ** 8 + 1,
  float32: 2 ** 24 + 1,
};

/**
 * A random order of the whole numbers from 0 to n - 1, int64 unless told otherwise.
 * @throws RuntimeError for a negative `n`, or one that the dtype cannot count exactly.
 * @example
 * torch.manualSeed(0);
 * torch.randperm(4) // tensor([0, 1, 3, 2])
 */
export const randperm: Randperm = fn<Randperm>(
  { name: "randperm", params: `n:int ${factory}`, kind: "create" },
  (v) => {
    const n = v.n as number;
    const dtype = (v.dtype as DType | null) ?? int64;
    check(n >= 0, () => `Trying to create tensor with negative dimension ${n}: [${n}]`);
    if (dtype.name === "bool" || dtype.isComplex) throw missing("randperm", dtype);
    check(n <= (longest[dtype.name] ?? Infinity), () => `n is too large for result tensor type: '${dtype}'`);
    const generator = generatorOf("randperm", v);
    const out = emptyTensor([n], dtype, deviceOf(v));
    if (isMeta(out)) return finish(out, v);
    const order = emptyTensor([n], int64);
    order.impl.storage.window(int64).set(shuffled(n, generator) as never);
    return finish(n === 0 ? out : copyKernel.into([order], out, convertVia(int64, dtype)), v);
  },
);

// ---------------------------------------------------------------- with parameters from tensors

const zerosFor = (t: Tensor | null, g: Tensor): Tensor | null => (t === null ? null : g.newZeros(t.shape).to(t.dtype));

/**
 * Ones with the chance that each element of `input` gives, or `p`, else zeros; of the shape and dtype of `input`.
 * @throws RuntimeError for chances outside [0, 1].
 * @example torch.bernoulli(torch.tensor([0, 1])) // tensor([0., 1.])
 */
export const bernoulli: Op<[p?: number], "p", Drawn> = custom(
  { name: "bernoulli", params: [`* ${generatorParam}`, `p:float * ${generatorParam}`] },
  (self, v, which) => {
    const g = generatorOf("bernoulli", v);
    const out = emptyLike(self.impl.layout.fresh(), self.dtype, self.device);
    if (which === 1) return drawInto(out, (values, dtype) => fillBernoulli(values, dtype, g, v.p as number));
    if (!self.dtype.isFloatingPoint) throw missing("bernoulli_tensor_cpu_p_", self.dtype);
    const chances = isMeta(self) ? new Float32Array() : realsOf(self, out);
    drawInto(out, (values, dtype) => fillBernoulliEach(values, dtype, g, chances));
    return differentiable("BernoulliBackward0", out, [self], [], ([grad]) => [zerosFor(self, grad!)]);
  },
);

/**
 * Poisson counts with the rate that each element of `input` gives, of its shape and dtype.
 * @throws RuntimeError for negative rates.
 * @example torch.poisson(torch.zeros(2)) // tensor([0., 0.])
 */
export const poisson: Op<[], "", Drawn> = custom(
  { name: "poisson", params: `* ${generatorParam}`, receiver: null },
  (self, v) => {
    const g = generatorOf("poisson", v);
    if (!self.dtype.isFloatingPoint) throw missing("poisson_cpu", self.dtype);
    const out = emptyTensor(self.shape, self.dtype, self.device);
    const rates = isMeta(self) ? new Float32Array() : realsOf(self, out);
    drawInto(out, (values, dtype) => fillPoisson(values as Reals, dtype, g, rates));
    return differentiable("PoissonBackward0", out, [self], [], ([grad]) => [zerosFor(self, grad!)]);
  },
);

/**
 * `numSamples` category numbers for each row of weights, which need not sum to 1: `[n]` gives `[numSamples]`, `[m, n]`
 * gives `[m, numSamples]`; int64. Without `replacement` (the default) none comes twice.
 * @throws RuntimeError for negative, infinite or all-zero weights, or more samples than categories without replacement.
 * @example torch.multinomial(torch.tensor([0, 1, 0]), 1) // tensor([1])
 */
export const multinomial: Op<[numSamples: number, replacement?: boolean], "numSamples replacement", Drawn> = custom(
  { name: "multinomial", params: `numSamples:int replacement:bool=false * ${generatorParam}` },
  (self, v) => {
    const samples = v.numSamples as number;
    check(self.dim() === 1 || self.dim() === 2, () => "prob_dist must be 1 or 2 dim");
    check(
      self.dtype.isFloatingPoint,
      () => `multinomial only supports floating-point dtypes for input, got: ${self.dtype.scalarName}`,
    );
    const categories = self.shape.at(-1)!;
    const shape = self.dim() === 1 ? [samples] : [self.shape[0]!, samples];
    const replacement = v.replacement as boolean;
    check(samples > 0, () => "cannot sample n_sample <= 0 samples");
    check(
      replacement || samples <= categories,
      () => "cannot sample n_sample > prob_dist.size(-1) samples without replacement",
    );
    if (isMeta(self)) return emptyTensor(shape, int64, self.device);
    const weights = realsOf(self, emptyTensor(self.shape, self.dtype));
    const options = { categories, samples, replacement };
    const chosen = drawCategories(weights, self.dtype, generatorOf("multinomial", v), options);
    const out = emptyTensor(shape, int64);
    if (chosen.length > 0) out.impl.storage.window(int64).set(chosen as never);
    return out;
  },
);

/** `normal(mean, std)` with a tensor for either, or `normal(mean, std, size)` with numbers. */
export interface Normal {
  (mean: Tensor, std?: Tensor | number, options?: Drawn): Tensor;
  (mean: number, std: Tensor, options?: Drawn): Tensor;
  (mean: number, std: number, size: readonly number[], options?: RandomOptions): Tensor;
  (mean: number, std: number, options: RandomOptions & { size: readonly number[] }): Tensor;
  readonly op: OpInfo;
}

/**
 * Normal draws: `normal(mean, std)` with tensors for one or both, `normal(mean, std, size)` with numbers.
 * @throws RuntimeError for a negative `std`.
 * @example torch.normal(torch.tensor([1, 2]), torch.zeros(2)) // tensor([1., 2.])
 */
export const normal: Normal = fn<Normal>(
  {
    name: "normal",
    params: [
      `mean:tensor std:tensor * ${generatorParam}`,
      `mean:tensor std:float=1 * ${generatorParam}`,
      `mean:float std:tensor * ${generatorParam}`,
      `mean:float std:float size:ints ${factory}`,
    ],
    kind: "create",
  },
  (v, which) => {
    const g = generatorOf("normal", v);
    if (which === 3) {
      const size = v.size as number[];
      checkSize("normal", size);
      const dtype = (v.dtype as DType | null) ?? getDefaultDtype();
      return drawn(Layout.contiguous(size), dtype, v, normalSampler(g, v.mean as number, v.std as number));
    }
    return normalFrom(v.mean as Tensor | number, v.std as Tensor | number, g, which);
  },
);

function normalFrom(mean: Tensor | number, std: Tensor | number, g: Generator, which: number): Tensor {
  const tensors = [mean, std].filter(isTensor);
  const model = tensors[0]!;
  const device = commonDevice(tensors);
  const shape = tensors.reduce<readonly number[]>((s, t) => broadcastShapes(s, t.shape), []);
  if (isTensor(std) && !isMeta(std)) checkDeviations(std);
  const scale = isTensor(std) ? 1 : std;
  const out = unrecorded(() => {
    const draws = drawInto(emptyTensor(shape, model.dtype, device), normalSampler(g, 0, scale));
    const spread = isTensor(std) ? draws.mul(std) : draws;
    return spread.add(mean).to(model.dtype);
  });
  const inputs = [isTensor(mean) ? mean : null, isTensor(std) ? std : null];
  const node = which === 0 ? "NormalBackward3" : which === 1 ? "NormalBackward1" : "NormalBackward2";
  return differentiable(node, out, inputs, [], ([grad]) => inputs.map((t) => zerosFor(t, grad!)));
}

function checkDeviations(std: Tensor): void {
  const wide = realsOf(std.dtype === float64 ? std : std.to(float32), std);
  check(
    wide.every((x) => x >= 0),
    () => "normal expects all elements of std >= 0.0",
  );
}
