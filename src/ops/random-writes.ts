/** Random numbers in place: `uniform_`, `normal_`, `random_`, … Methods only, as in PyTorch. */
import { isComplexNumber } from "../core/complex.ts";
import { fillBernoulli, fillBernoulliEach, fillGeometric, fillRandom, fillRandomBetween } from "../core/discrete.ts";
import { typeName } from "../core/errors.ts";
import type { Generator } from "../core/generator.ts";
import { broadcastShapes } from "../core/layout.ts";
import {
  fillCauchy,
  fillExponential,
  fillLogNormal,
  fillNormal,
  fillNormalSerial,
  fillUniform,
  type Reals,
} from "../core/sampling.ts";
import type { Scalar } from "../core/scalar.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import type { Op, OpInfo } from "./call.ts";
import { drawWithin, generatorOf, generatorParam, realsOf, type Sampler } from "./draw.ts";
import { inPlaceOnly } from "./writes.ts";

/** What every sampling operator takes by name. */
export interface Drawn {
  generator?: Generator | null;
}

/**
 * Normal draws for a tensor: blocks of sixteen where memory has no gaps, else one by one. The parts of complex numbers
 * have half the variance each.
 */
export function normalSampler(g: Generator, mean: number, std: number): Sampler {
  return (out, dtype, inOrder) => {
    const spread = dtype.isComplex ? std / Math.SQRT2 : std;
    (inOrder ? fillNormal : fillNormalSerial)(out as Reals, dtype.toReal(), g, mean, spread);
  };
}

/** Uniform draws for a tensor. */
export function uniformSampler(g: Generator, from: number, to: number): Sampler {
  return (out, dtype) => fillUniform(out as Reals, dtype.toReal(), g, from, to);
}

/** An integer argument, exact also beyond 2^53. */
export function bigArgument(op: string, name: string, value: Scalar): bigint {
  if (isComplexNumber(value) || (typeof value === "number" && !Number.isInteger(value))) {
    throw new TypeError(`${op}(): argument '${name}' must be int, not ${typeName(value)}`);
  }
  return BigInt(value);
}

/** Integers from `low` up to, not including, `high`. */
export function integerSampler(g: Generator, low: bigint, high: bigint | null): Sampler {
  return (out, dtype) => fillRandomBetween(out, dtype, g, low, high);
}

/** Uniform from [from, to). */
export const uniform_: Op<[from?: number, to?: number], "from to", Drawn> = inPlaceOnly(
  { name: "uniform_", params: `from:float=0 to:float=1 * ${generatorParam}` },
  (self, v) =>
    drawWithin(self, "UniformBackward0", uniformSampler(generatorOf("uniform_", v), v.from as number, v.to as number)),
);

/** Normal with this mean and standard deviation. */
export const normal_: Op<[mean?: number, std?: number], "mean std", Drawn> = inPlaceOnly(
  { name: "normal_", params: `mean:float=0 std:float=1 * ${generatorParam}` },
  (self, v) =>
    drawWithin(self, "NormalBackward0", normalSampler(generatorOf("normal_", v), v.mean as number, v.std as number)),
);

/** `random_()`, `random_(to)`, `random_(from, to)`. */
export interface Random {
  (self: Tensor, to: number | bigint, options?: Drawn): Tensor;
  (self: Tensor, from: number | bigint, to: number | bigint | null, options?: Drawn): Tensor;
  (self: Tensor, options: Drawn & { from?: number | bigint; to?: number | bigint | null }): Tensor;
  (self: Tensor, from?: number | bigint | Drawn, to?: number | bigint | Drawn | null, options?: Drawn): Tensor;
  readonly op: OpInfo;
}

/** Integers from [from, to), or all non-negative ones that the dtype holds exactly. */
export const random_: Random = inPlaceOnly(
  {
    name: "random_",
    params: [`* ${generatorParam}`, `to:scalar * ${generatorParam}`, `from:scalar to:scalar?=null * ${generatorParam}`],
  },
  (self, v, which) => {
    const g = generatorOf("random_", v);
    if (which === 0) return drawWithin(self, "RandomBackward2", (out, dtype) => fillRandom(out, dtype, g));
    const low = which === 1 ? 0n : bigArgument("random_", "from", v.from as Scalar);
    const high = v.to === null ? null : bigArgument("random_", "to", v.to as Scalar);
    return drawWithin(self, which === 1 ? "RandomBackward1" : "RandomBackward0", integerSampler(g, low, high));
  },
);

/** `bernoulli_(p)` with a number or a tensor of probabilities. */
export const bernoulli_: Op<[p?: number | Tensor], "p", Drawn> = inPlaceOnly(
  { name: "bernoulli_", params: `p:operand=0.5 * ${generatorParam}` },
  (self, v) => {
    const g = generatorOf("bernoulli_", v);
    const p = v.p as Scalar | Tensor;
    if (!isTensor(p)) {
      return drawWithin(self, "BernoulliBackward2", (out, dtype) => fillBernoulli(out, dtype, g, Number(p)));
    }
    if (!p.dtype.isFloatingPoint) {
      throw new TypeError(`bernoulli_(): probabilities must be floats, not ${typeName(p)} of ${p.dtype}`);
    }
    broadcastShapes(self.shape, p.shape);
    const chances = realsOf(p, self);
    return drawWithin(self, "BernoulliBackward1", (out, dtype) => fillBernoulliEach(out, dtype, g, chances), [p]);
  },
);

/** Exponential with this rate. */
export const exponential_: Op<[lambd?: number], "lambd", Drawn> = inPlaceOnly(
  { name: "exponential_", params: `lambd:float=1 * ${generatorParam}` },
  (self, v) => {
    const g = generatorOf("exponential_", v);
    return drawWithin(self, "ExponentialBackward0", (out, dtype) =>
      fillExponential(out as Reals, dtype, g, v.lambd as number),
    );
  },
);

/** The number of trials, each with chance `p`, up to the first success. */
export const geometric_: Op<[p: number], "p", Drawn> = inPlaceOnly(
  { name: "geometric_", params: `p:float * ${generatorParam}` },
  (self, v) => {
    const g = generatorOf("geometric_", v);
    return drawWithin(self, "GeometricBackward0", (out, dtype) => fillGeometric(out, dtype, g, v.p as number));
  },
);

/** Cauchy around `median` with scale `sigma`. */
export const cauchy_: Op<[median?: number, sigma?: number], "median sigma", Drawn> = inPlaceOnly(
  { name: "cauchy_", params: `median:float=0 sigma:float=1 * ${generatorParam}` },
  (self, v) => {
    const g = generatorOf("cauchy_", v);
    return drawWithin(self, "CauchyBackward0", (out, dtype) =>
      fillCauchy(out as Reals, dtype, g, v.median as number, v.sigma as number),
    );
  },
);

/** `exp` of a normal draw with this mean and standard deviation. */
export const logNormal_: Op<[mean?: number, std?: number], "mean std", Drawn> = inPlaceOnly(
  { name: "logNormal_", params: `mean:float=1 std:float=2 * ${generatorParam}` },
  (self, v) => {
    const g = generatorOf("logNormal_", v);
    return drawWithin(self, "LogNormalBackward0", (out, dtype) =>
      fillLogNormal(out as Reals, dtype, g, v.mean as number, v.std as number),
    );
  },
);
