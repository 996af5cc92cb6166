/** Linear layers. */
import { check, ValueError } from "../core/errors.ts";
import type { Tensor } from "../core/tensor.ts";
import { empty } from "../ops/create.ts";
import { type Arguments, type FactoryOptions, factory, factoryOf, read } from "./arguments.ts";
import * as F from "./functional.ts";
import * as init from "./init.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

const pyBool = (value: boolean): string => (value ? "True" : "False");

/**
 * Returns what it is given. Takes and ignores any arguments, so that it can stand in for another layer.
 * @example new nn.Identity(54, { unused: true })(torch.ones(2)) // tensor([1., 1.])
 */
export class Identity<T = Tensor> extends Module<[input: T], T> {
  constructor(..._args: unknown[]) {
    super();
  }

  forward(input: T): T {
    return input;
  }
}

/**
 * `input @ weight.T + bias`: `[..., inFeatures]` becomes `[..., outFeatures]`. `weight` is `[outFeatures, inFeatures]`,
 * `bias` `[outFeatures]`, or null with `bias: false`; both are drawn uniformly from ±1/√inFeatures.
 * @throws RuntimeError "mat1 and mat2 shapes cannot be multiplied" where the last dim is not `inFeatures`, and where
 *   the dtypes differ.
 * @example new nn.Linear(784, 10)(images.flatten(1)).shape // torch.Size([8, 10])
 */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  declare weight: Parameter;
  declare bias: Parameter | null;

  constructor(
    ...args: Arguments<
      [inFeatures: number, outFeatures: number, bias?: boolean],
      "inFeatures outFeatures bias",
      FactoryOptions
    >
  ) {
    super();
    const v = read("Linear", `inFeatures:int outFeatures:int bias:bool=true ${factory}`, args);
    this.inFeatures = v.inFeatures as number;
    this.outFeatures = v.outFeatures as number;
    this.registerParameter("weight", new Parameter(empty([this.outFeatures, this.inFeatures], factoryOf(v))));
    this.registerParameter("bias", v.bias === true ? new Parameter(empty([this.outFeatures], factoryOf(v))) : null);
    this.resetParameters();
  }

  /** Draws the initial values anew. */
  resetParameters(): void {
    init.kaimingUniform_(this.weight, Math.sqrt(5));
    if (this.bias === null) return;
    const [fanIn] = init._calculateFanInAndFanOut(this.weight);
    const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
    init.uniform_(this.bias, -bound, bound);
  }

  forward(input: Tensor): Tensor {
    return F.linear(input, this.weight, this.bias);
  }

  override extraRepr(): string {
    return `in_features=${this.inFeatures}, out_features=${this.outFeatures}, bias=${pyBool(this.bias !== null)}`;
  }
}

/**
 * `input1 @ weight[k] @ input2 + bias[k]` for every output feature k: `[..., in1Features]` and `[..., in2Features]`
 * become `[..., outFeatures]`. `weight` is `[outFeatures, in1Features, in2Features]`.
 * @example new nn.Bilinear(2, 3, 4)(torch.ones(5, 2), torch.ones(5, 3)).shape // torch.Size([5, 4])
 */
export class Bilinear extends Module<[input1: Tensor, input2: Tensor]> {
  readonly in1Features: number;
  readonly in2Features: number;
  readonly outFeatures: number;
  declare weight: Parameter;
  declare bias: Parameter | null;

  constructor(
    ...args: Arguments<
      [in1Features: number, in2Features: number, outFeatures: number, bias?: boolean],
      "in1Features in2Features outFeatures bias",
      FactoryOptions
    >
  ) {
    super();
    const params = `in1Features:int in2Features:int outFeatures:int bias:bool=true ${factory}`;
    const v = read("Bilinear", params, args);
    this.in1Features = v.in1Features as number;
    this.in2Features = v.in2Features as number;
    this.outFeatures = v.outFeatures as number;
    check(this.in1Features > 0, () => `in1_features must be > 0, but got ${this.in1Features}`, ValueError);
    const size = [this.outFeatures, this.in1Features, this.in2Features];
    this.registerParameter("weight", new Parameter(empty(size, factoryOf(v))));
    this.registerParameter("bias", v.bias === true ? new Parameter(empty([this.outFeatures], factoryOf(v))) : null);
    this.resetParameters();
  }

  /** Draws the initial values anew. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.weight.shape[1]!);
    init.uniform_(this.weight, -bound, bound);
    if (this.bias !== null) init.uniform_(this.bias, -bound, bound);
  }

  forward(input1: Tensor, input2: Tensor): Tensor {
    return F.bilinear(input1, input2, this.weight, this.bias);
  }

  override extraRepr(): string {
    return (
      `in1_features=${this.in1Features}, in2_features=${this.in2Features}, out_features=${this.outFeatures}, ` +
      `bias=${pyBool(this.bias !== null)}`
    );
  }
}
