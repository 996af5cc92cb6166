/** Layer, group, root-mean-square and local response normalization. */
import { check, ValueError } from "../core/errors.ts";
import { repr, reprFloat } from "../core/repr.ts";
import type { Tensor } from "../core/tensor.ts";
import { empty } from "../ops/create.ts";
import { type Arguments, type FactoryOptions, factory, factoryOf, read, showTuple } from "./arguments.ts";
import type { Sizes } from "./conv.ts";
import * as F from "./functional.ts";
import * as init from "./init.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

const pyBool = (value: boolean): string => (value ? "True" : "False");

/**
 * Normalizes over the last dims, whose sizes are `normalizedShape`, by their mean and biased variance plus `eps`; then
 * times `weight` plus `bias`, both of that shape (null with `elementwiseAffine: false`).
 * @throws RuntimeError where the input does not end in `normalizedShape`.
 * @see https://arxiv.org/abs/1607.06450
 * @example new nn.LayerNorm(2)(torch.tensor([[1, 3]])).round() // tensor([[-1.,  1.]], grad_fn=<RoundBackward0>)
 */
export class LayerNorm extends Module {
  readonly normalizedShape: number[];
  eps: number;
  readonly elementwiseAffine: boolean;
  declare weight: Parameter | null;
  declare bias: Parameter | null;

  constructor(
    ...args: Arguments<
      [normalizedShape: Sizes, eps?: number, elementwiseAffine?: boolean, bias?: boolean],
      "normalizedShape eps elementwiseAffine bias",
      FactoryOptions
    >
  ) {
    super();
    const params = `normalizedShape:ints eps:float=1e-5 elementwiseAffine:bool=true bias:bool=true ${factory}`;
    const v = read("LayerNorm", params, args);
    this.normalizedShape = v.normalizedShape as number[];
    this.eps = v.eps as number;
    this.elementwiseAffine = v.elementwiseAffine as boolean;
    const make = (): Parameter => new Parameter(empty(this.normalizedShape, factoryOf(v)));
    this.registerParameter("weight", this.elementwiseAffine ? make() : null);
    this.registerParameter("bias", this.elementwiseAffine && v.bias === true ? make() : null);
    this.resetParameters();
  }

  /** Sets the initial values anew. */
  resetParameters(): void {
    if (this.weight !== null) init.ones_(this.weight);
    if (this.bias !== null) init.zeros_(this.bias);
  }

  forward(input: Tensor): Tensor {
    return F.layerNorm(input, this.normalizedShape, this.weight, this.bias, this.eps);
  }

  override extraRepr(): string {
    return (
      `${showTuple(this.normalizedShape)}, eps=${repr(this.eps)}, ` +
      `elementwise_affine=${pyBool(this.elementwiseAffine)}`
    );
  }
}

/**
 * Divides by the root mean square over the last dims, whose sizes are `normalizedShape`; then times `weight` (null with
 * `elementwiseAffine: false`). `eps` null is the dtype's smallest step above 1.
 * @throws RuntimeError where the input does not end in `normalizedShape`.
 * @see https://arxiv.org/abs/1910.07467
 * @example new nn.RMSNorm(2)(torch.tensor([3, 3])) // tensor([1., 1.], grad_fn=<MulBackward0>)
 */
export class RMSNorm extends Module {
  readonly normalizedShape: number[];
  eps: number | null;
  readonly elementwiseAffine: boolean;
  declare weight: Parameter | null;

  constructor(
    ...args: Arguments<
      [normalizedShape: Sizes, eps?: number | null, elementwiseAffine?: boolean],
      "normalizedShape eps elementwiseAffine",
      FactoryOptions
    >
  ) {
    super();
    const v = read("RMSNorm", `normalizedShape:ints eps:float?=null elementwiseAffine:bool=true ${factory}`, args);
    this.normalizedShape = v.normalizedShape as number[];
    this.eps = v.eps as number | null;
    this.elementwiseAffine = v.elementwiseAffine as boolean;
    const weight = this.elementwiseAffine ? new Parameter(empty(this.normalizedShape, factoryOf(v))) : null;
    this.registerParameter("weight", weight);
    this.resetParameters();
  }

  /** Sets the initial values anew. */
  resetParameters(): void {
    if (this.weight !== null) init.ones_(this.weight);
  }

  forward(input: Tensor): Tensor {
    return F.rmsNorm(input, this.normalizedShape, this.weight, this.eps);
  }

  override extraRepr(): string {
    return (
      `${showTuple(this.normalizedShape)}, eps=${repr(this.eps)}, ` +
      `elementwise_affine=${pyBool(this.elementwiseAffine)}`
    );
  }
}

/**
 * Normalizes `numGroups` groups of the channels of every sample of `[N, C, ...]`; then times `weight` plus `bias`, both
 * `[numChannels]` (null with `affine: false`).
 * @throws ValueError "num_channels must be divisible by num_groups".
 * @see https://arxiv.org/abs/1803.08494
 * @example new nn.GroupNorm(2, 4)(torch.rand(3, 4, 5)).shape // torch.Size([3, 4, 5])
 */
export class GroupNorm extends Module {
  readonly numGroups: number;
  readonly numChannels: number;
  eps: number;
  readonly affine: boolean;
  declare weight: Parameter | null;
  declare bias: Parameter | null;

  constructor(
    ...args: Arguments<
      [numGroups: number, numChannels: number, eps?: number, affine?: boolean],
      "numGroups numChannels eps affine",
      FactoryOptions
    >
  ) {
    super();
    const v = read("GroupNorm", `numGroups:int numChannels:int eps:float=1e-5 affine:bool=true ${factory}`, args);
    this.numGroups = v.numGroups as number;
    this.numChannels = v.numChannels as number;
    this.eps = v.eps as number;
    this.affine = v.affine as boolean;
    check(this.numChannels % this.numGroups === 0, () => "num_channels must be divisible by num_groups", ValueError);
    const make = (): Parameter => new Parameter(empty([this.numChannels], factoryOf(v)));
    this.registerParameter("weight", this.affine ? make() : null);
    this.registerParameter("bias", this.affine ? make() : null);
    this.resetParameters();
  }

  /** Sets the initial values anew. */
  resetParameters(): void {
    if (this.weight !== null) init.ones_(this.weight);
    if (this.bias !== null) init.zeros_(this.bias);
  }

  forward(input: Tensor): Tensor {
    return F.groupNorm(input, this.numGroups, this.weight, this.bias, this.eps);
  }

  override extraRepr(): string {
    return `${this.numGroups}, ${this.numChannels}, eps=${repr(this.eps)}, affine=${pyBool(this.affine)}`;
  }
}

/**
 * Divides by `(k + alpha / size * Σ x²) ** beta`, the sum over `size` neighbouring channels of `[N, C, ...]`.
 * @example new nn.LocalResponseNorm(2)(torch.rand(1, 4, 3)).shape // torch.Size([1, 4, 3])
 */
export class LocalResponseNorm extends Module {
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;

  constructor(...args: Arguments<[size: number, alpha?: number, beta?: number, k?: number], "size alpha beta k">) {
    super();
    const v = read("LocalResponseNorm", "size:int alpha:float=1e-4 beta:float=0.75 k:float=1", args);
    this.size = v.size as number;
    this.alpha = v.alpha as number;
    this.beta = v.beta as number;
    this.k = v.k as number;
  }

  forward(input: Tensor): Tensor {
    return F.localResponseNorm(input, this.size, this.alpha, this.beta, this.k);
  }

  override extraRepr(): string {
    return `${this.size}, alpha=${reprFloat(this.alpha)}, beta=${reprFloat(this.beta)}, k=${reprFloat(this.k)}`;
  }
}
