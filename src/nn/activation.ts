/** Activation functions as modules. */
import { check, ValueError } from "../core/errors.ts";
import { repr, reprFloat } from "../core/repr.ts";
import { getDefaultDtype } from "../core/scalar.ts";
import type { Tensor } from "../core/tensor.ts";
import { full } from "../ops/create.ts";
import { type Arguments, type FactoryOptions, factory, factoryOf, read } from "./arguments.ts";
import * as F from "./functional.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

const inplace = (layer: { readonly inplace: boolean }): string => (layer.inplace ? ", inplace=True" : "");

/**
 * `x` where it is above `threshold`, else `value`; any shape.
 * @example new nn.Threshold(1, -1)(torch.tensor([0, 2])) // tensor([-1., 2.])
 */
export class Threshold extends Module {
  readonly threshold: number;
  readonly value: number;
  readonly inplace: boolean;

  constructor(...args: Arguments<[threshold: number, value: number, inplace?: boolean], "threshold value inplace">) {
    super();
    const v = read("Threshold", "threshold:float value:float inplace:bool=false", args);
    this.threshold = v.threshold as number;
    this.value = v.value as number;
    this.inplace = v.inplace as boolean;
  }

  forward(input: Tensor): Tensor {
    return F.threshold(input, this.threshold, this.value, this.inplace);
  }

  override extraRepr(): string {
    return `threshold=${repr(this.threshold)}, value=${repr(this.value)}${inplace(this)}`;
  }
}

/**
 * `max(x, 0)`, elementwise; `inplace` writes into the input. The derivative at 0 is 0.
 * @example new nn.ReLU()(torch.tensor([-1, 2])) // tensor([0., 2.])
 */
export class ReLU extends Module {
  readonly inplace: boolean;

  constructor(...args: Arguments<[inplace?: boolean], "inplace">) {
    super();
    const v = read("ReLU", "inplace:bool=false", args);
    this.inplace = v.inplace as boolean;
  }

  forward(input: Tensor): Tensor {
    return F.relu(input, this.inplace);
  }

  override extraRepr(): string {
    return this.inplace ? "inplace=True" : "";
  }
}

/**
 * `x` where positive, else `a * x`: in training `a` is drawn uniformly from [`lower`, `upper`] (1/8, 1/3) for each
 * element, in `eval()` it is their mean.
 * @example new nn.RReLU(0.5, 0.5).eval()(torch.tensor([-2, 2])) // tensor([-1., 2.])
 */
export class RReLU extends Module {
  readonly lower: number;
  readonly upper: number;
  readonly inplace: boolean;

  constructor(...args: Arguments<[lower?: number, upper?: number, inplace?: boolean], "lower upper inplace">) {
    super();
    const v = read("RReLU", "lower:float=0.125 upper:float=0.3333333333333333 inplace:bool=false", args);
    this.lower = v.lower as number;
    this.upper = v.upper as number;
    this.inplace = v.inplace as boolean;
  }

  forward(input: Tensor): Tensor {
    return F.rrelu(input, this.lower, this.upper, this.training, this.inplace);
  }

  override extraRepr(): string {
    return `lower=${reprFloat(this.lower)}, upper=${reprFloat(this.upper)}${inplace(this)}`;
  }
}

/**
 * `min(max(x, minVal), maxVal)`, -1 and 1 by default.
 * @throws ValueError "max_val must be larger than min_val".
 * @example new nn.Hardtanh()(torch.tensor([-2, 0, 2])) // tensor([-1., 0., 1.])
 */
export class Hardtanh extends Module {
  readonly minVal: number;
  readonly maxVal: number;
  readonly inplace: boolean;

  constructor(...args: Arguments<[minVal?: number, maxVal?: number, inplace?: boolean], "minVal maxVal inplace">) {
    super();
    const v = read("Hardtanh", "minVal:float=-1 maxVal:float=1 inplace:bool=false", args);
    this.minVal = v.minVal as number;
    this.maxVal = v.maxVal as number;
    this.inplace = v.inplace as boolean;
    check(this.maxVal > this.minVal, () => "max_val must be larger than min_val", ValueError);
  }

  forward(input: Tensor): Tensor {
    return F.hardtanh(input, this.minVal, this.maxVal, this.inplace);
  }

  override extraRepr(): string {
    return `min_val=${reprFloat(this.minVal)}, max_val=${reprFloat(this.maxVal)}${inplace(this)}`;
  }
}

/**
 * `min(max(x, 0), 6)`, elementwise.
 * @example new nn.ReLU6()(torch.tensor([-1, 7])) // tensor([0., 6.])
 */
export class ReLU6 extends Module {
  readonly inplace: boolean;

  constructor(...args: Arguments<[inplace?: boolean], "inplace">) {
    super();
    const v = read("ReLU6", "inplace:bool=false", args);
    this.inplace = v.inplace as boolean;
  }

  forward(input: Tensor): Tensor {
    return F.relu6(input, this.inplace);
  }

  override extraRepr(): string {
    return this.inplace ? "inplace=True" : "";
  }
}

/**
 * `1 / (1 + exp(-x))`, elementwise.
 * @example new nn.Sigmoid()(torch.zeros(1)) // tensor([0.5000])
 */
export class Sigmoid extends Module {
  forward(input: Tensor): Tensor {
    return F.sigmoid(input);
  }
}

/**
 * `min(max(x + 3, 0), 6) / 6`: a sigmoid made of straight lines.
 * @example new nn.Hardsigmoid()(torch.tensor([-3, 0, 3])) // tensor([0.0000, 0.5000, 1.0000])
 */
export class Hardsigmoid extends Module {
  readonly inplace: boolean;

  constructor(...args: Arguments<[inplace?: boolean], "inplace">) {
    super();
    const v = read("Hardsigmoid", "inplace:bool=false", args);
    this.inplace = v.inplace as boolean;
  }

  forward(input: Tensor): Tensor {
    return F.hardsigmoid(input, this.inplace);
  }
}

/**
 * The hyperbolic tangent, elementwise.
 * @example new nn.Tanh()(torch.zeros(1)) // tensor([0.])
 */
export class Tanh extends Module {
  forward(input: Tensor): Tensor {
    return F.tanh(input);
  }
}

/**
 * `x * sigmoid(x)`, also called swish.
 * @see https://arxiv.org/abs/1702.03118
 * @example new nn.SiLU()(torch.zeros(1)) // tensor([0.])
 */
export class SiLU extends Module {
  readonly inplace: boolean;

  constructor(...args: Arguments<[inplace?: boolean], "inplace">) {
    super();
    const v = read("SiLU", "inplace:bool=false", args);
    this.inplace = v.inplace as boolean;
  }

  forward(input: Tensor): Tensor {
    return F.silu(input, this.inplace);
  }

  override extraRepr(): string {
    return this.inplace ? "inplace=True" : "";
  }
}

/**
 * `x * tanh(softplus(x))`.
 * @see https://arxiv.org/abs/1908.08681
 * @example new nn.Mish()(torch.zeros(1)) // tensor([0.])
 */
export class Mish extends Module {
  readonly inplace: boolean;

  constructor(...args: Arguments<[inplace?: boolean], "inplace">) {
    super();
    const v = read("Mish", "inplace:bool=false", args);
    this.inplace = v.inplace as boolean;
  }

  forward(input: Tensor): Tensor {
    return F.mish(input, this.inplace);
  }

  override extraRepr(): string {
    return this.inplace ? "inplace=True" : "";
  }
}

/**
 * `x * min(max(x + 3, 0), 6) / 6`: a SiLU made of straight lines.
 * @see https://arxiv.org/abs/1905.02244
 * @example new nn.Hardswish()(torch.tensor([0, 3])) // tensor([0., 3.])
 */
export class Hardswish extends Module {
  readonly inplace: boolean;

  constructor(...args: Arguments<[inplace?: boolean], "inplace">) {
    super();
    const v = read("Hardswish", "inplace:bool=false", args);
    this.inplace = v.inplace as boolean;
  }

  forward(input: Tensor): Tensor {
    return F.hardswish(input, this.inplace);
  }
}

/**
 * `x` where positive, else `alpha * (exp(x) - 1)`, alpha 1.
 * @see https://arxiv.org/abs/1511.07289
 * @example new nn.ELU()(torch.tensor([0, 2])) // tensor([0., 2.])
 */
export class ELU extends Module {
  readonly alpha: number;
  readonly inplace: boolean;

  constructor(...args: Arguments<[alpha?: number, inplace?: boolean], "alpha inplace">) {
    super();
    const v = read("ELU", "alpha:float=1 inplace:bool=false", args);
    this.alpha = v.alpha as number;
    this.inplace = v.inplace as boolean;
  }

  forward(input: Tensor): Tensor {
    return F.elu(input, this.alpha, this.inplace);
  }

  override extraRepr(): string {
    return `alpha=${reprFloat(this.alpha)}${inplace(this)}`;
  }
}

/**
 * `x` where positive, else `alpha * (exp(x / alpha) - 1)`, alpha 1.
 * @see https://arxiv.org/abs/1704.07483
 * @example new nn.CELU()(torch.tensor([0, 2])) // tensor([0., 2.])
 */
export class CELU extends Module {
  readonly alpha: number;
  readonly inplace: boolean;

  constructor(...args: Arguments<[alpha?: number, inplace?: boolean], "alpha inplace">) {
    super();
    const v = read("CELU", "alpha:float=1 inplace:bool=false", args);
    this.alpha = v.alpha as number;
    this.inplace = v.inplace as boolean;
  }

  forward(input: Tensor): Tensor {
    return F.celu(input, this.alpha, this.inplace);
  }

  override extraRepr(): string {
    return `alpha=${reprFloat(this.alpha)}${inplace(this)}`;
  }
}

/**
 * The self-normalising ELU: `scale * ELU(x)` with alpha 1.6733 and scale 1.0507.
 * @see https://arxiv.org/abs/1706.02515
 * @example new nn.SELU()(torch.tensor([0, 1])) // tensor([0.0000, 1.0507])
 */
export class SELU extends Module {
  readonly inplace: boolean;

  constructor(...args: Arguments<[inplace?: boolean], "inplace">) {
    super();
    const v = read("SELU", "inplace:bool=false", args);
    this.inplace = v.inplace as boolean;
  }

  forward(input: Tensor): Tensor {
    return F.selu(input, this.inplace);
  }

  override extraRepr(): string {
    return this.inplace ? "inplace=True" : "";
  }
}

/**
 * The first half of the input along `dim` (-1) times the sigmoid of the second.
 * @throws RuntimeError "Halving dimension must be even".
 * @see https://arxiv.org/abs/1612.08083
 * @example new nn.GLU()(torch.tensor([4, 0])) // tensor([2.])
 */
export class GLU extends Module {
  readonly dim: number;

  constructor(...args: Arguments<[dim?: number], "dim">) {
    super();
    const v = read("GLU", "dim:int=-1", args);
    this.dim = v.dim as number;
  }

  forward(input: Tensor): Tensor {
    return F.glu(input, this.dim);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/**
 * `x` times the normal distribution function of `x`; with `approximate: "tanh"` by that formula.
 * @see https://arxiv.org/abs/1606.08415
 * @example new nn.GELU()(torch.zeros(1)) // tensor([0.])
 */
export class GELU extends Module {
  readonly approximate: "none" | "tanh";

  constructor(...args: Arguments<[approximate?: "none" | "tanh"], "approximate">) {
    super();
    const v = read("GELU", "approximate:str='none'", args);
    this.approximate = v.approximate as "none" | "tanh";
  }

  forward(input: Tensor): Tensor {
    return F.gelu(input, { approximate: this.approximate });
  }

  override extraRepr(): string {
    return `approximate=${repr(this.approximate)}`;
  }
}

/**
 * `x` where its size is above `lambd` (0.5), else 0.
 * @example new nn.Hardshrink()(torch.tensor([0.2, 2])) // tensor([0., 2.])
 */
export class Hardshrink extends Module {
  readonly lambd: number;

  constructor(...args: Arguments<[lambd?: number], "lambd">) {
    super();
    const v = read("Hardshrink", "lambd:float=0.5", args);
    this.lambd = v.lambd as number;
  }

  forward(input: Tensor): Tensor {
    return F.hardshrink(input, this.lambd);
  }

  override extraRepr(): string {
    return `${repr(this.lambd)}`;
  }
}

/**
 * `x` where positive, else `negativeSlope * x` (0.01).
 * @example new nn.LeakyReLU(0.5)(torch.tensor([-2, 2])) // tensor([-1., 2.])
 */
export class LeakyReLU extends Module {
  readonly negativeSlope: number;
  readonly inplace: boolean;

  constructor(...args: Arguments<[negativeSlope?: number, inplace?: boolean], "negativeSlope inplace">) {
    super();
    const v = read("LeakyReLU", "negativeSlope:float=0.01 inplace:bool=false", args);
    this.negativeSlope = v.negativeSlope as number;
    this.inplace = v.inplace as boolean;
  }

  forward(input: Tensor): Tensor {
    return F.leakyRelu(input, this.negativeSlope, this.inplace);
  }

  override extraRepr(): string {
    return `negative_slope=${repr(this.negativeSlope)}${inplace(this)}`;
  }
}

/**
 * `log(1 / (1 + exp(-x)))`, exact for large sizes.
 * @example new nn.LogSigmoid()(torch.zeros(1)) // tensor([-0.6931])
 */
export class LogSigmoid extends Module {
  forward(input: Tensor): Tensor {
    return F.logsigmoid(input);
  }
}

/**
 * `log(1 + exp(beta * x)) / beta`: a smooth `max(x, 0)`; the identity where `beta * x` is above `threshold` (20).
 * @example new nn.Softplus()(torch.zeros(1)) // tensor([0.6931])
 */
export class Softplus extends Module {
  readonly beta: number;
  readonly threshold: number;

  constructor(...args: Arguments<[beta?: number, threshold?: number], "beta threshold">) {
    super();
    const v = read("Softplus", "beta:float=1 threshold:float=20", args);
    this.beta = v.beta as number;
    this.threshold = v.threshold as number;
  }

  forward(input: Tensor): Tensor {
    return F.softplus(input, this.beta, this.threshold);
  }

  override extraRepr(): string {
    return `beta=${reprFloat(this.beta)}, threshold=${reprFloat(this.threshold)}`;
  }
}

/**
 * `x` moved towards 0 by `lambd` (0.5), at most to 0.
 * @throws RuntimeError for a negative `lambd`.
 * @example new nn.Softshrink()(torch.tensor([-2, 0.2])) // tensor([-1.5000, 0.0000])
 */
export class Softshrink extends Module {
  readonly lambd: number;

  constructor(...args: Arguments<[lambd?: number], "lambd">) {
    super();
    const v = read("Softshrink", "lambd:float=0.5", args);
    this.lambd = v.lambd as number;
  }

  forward(input: Tensor): Tensor {
    return F.softshrink(input, this.lambd);
  }

  override extraRepr(): string {
    return `${repr(this.lambd)}`;
  }
}

/**
 * `x / (1 + |x|)`.
 * @example new nn.Softsign()(torch.tensor([1])) // tensor([0.5000])
 */
export class Softsign extends Module {
  forward(input: Tensor): Tensor {
    return F.softsign(input);
  }
}

/**
 * `x - tanh(x)`.
 * @example new nn.Tanhshrink()(torch.zeros(1)) // tensor([0.])
 */
export class Tanhshrink extends Module {
  forward(input: Tensor): Tensor {
    return F.tanhshrink(input);
  }
}

/**
 * The softmax of `-x` along `dim`.
 * @example new nn.Softmin(0)(torch.zeros(2)) // tensor([0.5000, 0.5000])
 */
export class Softmin extends Module {
  readonly dim: number | null;

  constructor(...args: Arguments<[dim?: number | null], "dim">) {
    super();
    const v = read("Softmin", "dim:int?=null", args);
    this.dim = v.dim as number | null;
  }

  forward(input: Tensor): Tensor {
    return F.softmin(input, this.dim);
  }

  override extraRepr(): string {
    return `dim=${repr(this.dim)}`;
  }
}

/**
 * `exp(x)` over its sum along `dim`: elements from 0 to 1 that sum to 1. Without `dim` PyTorch's old guess is used,
 * with a warning.
 * @throws IndexError for a `dim` out of range.
 * @example new nn.Softmax(-1)(torch.zeros(1, 2)) // tensor([[0.5000, 0.5000]])
 */
export class Softmax extends Module {
  readonly dim: number | null;

  constructor(...args: Arguments<[dim?: number | null], "dim">) {
    super();
    const v = read("Softmax", "dim:int?=null", args);
    this.dim = v.dim as number | null;
  }

  forward(input: Tensor): Tensor {
    return F.softmax(input, this.dim);
  }

  override extraRepr(): string {
    return `dim=${repr(this.dim)}`;
  }
}

/**
 * The logarithm of the softmax along `dim`, exact for small chances.
 * @example new nn.LogSoftmax(-1)(torch.zeros(1, 2)) // tensor([[-0.6931, -0.6931]])
 */
export class LogSoftmax extends Module {
  readonly dim: number | null;

  constructor(...args: Arguments<[dim?: number | null], "dim">) {
    super();
    const v = read("LogSoftmax", "dim:int?=null", args);
    this.dim = v.dim as number | null;
  }

  forward(input: Tensor): Tensor {
    return F.logSoftmax(input, this.dim);
  }

  override extraRepr(): string {
    return `dim=${repr(this.dim)}`;
  }
}

/**
 * The softmax over the channels of `[N, C, H, W]` or `[C, H, W]`.
 * @throws ValueError for other dims.
 * @example new nn.Softmax2d()(torch.zeros(2, 1, 1)).flatten() // tensor([0.5000, 0.5000])
 */
export class Softmax2d extends Module {
  forward(input: Tensor): Tensor {
    check(
      input.dim() === 3 || input.dim() === 4,
      () => `Softmax2d: expected input to be 3D or 4D, got ${input.dim()}D instead`,
      ValueError,
    );
    return F.softmax(input, -3);
  }
}

/**
 * `x` where positive, else `weight * x`; `weight` is learned, one (`numParameters` 1) or one for each channel (dim 1),
 * `init` 0.25 at first.
 * @see https://arxiv.org/abs/1502.01852
 * @example new nn.PReLU()(torch.tensor([-4, 4])).detach() // tensor([-1., 4.])
 */
export class PReLU extends Module {
  readonly numParameters: number;
  readonly init: number;
  declare weight: Parameter;

  constructor(...args: Arguments<[numParameters?: number, init?: number], "numParameters init", FactoryOptions>) {
    super();
    const v = read("PReLU", `numParameters:int=1 init:float=0.25 ${factory}`, args);
    this.numParameters = v.numParameters as number;
    this.init = v.init as number;
    const { dtype, device } = factoryOf(v);
    const options = { dtype: dtype ?? getDefaultDtype(), device };
    this.registerParameter("weight", new Parameter(full([this.numParameters], this.init, options)));
  }

  forward(input: Tensor): Tensor {
    return F.prelu(input, this.weight);
  }

  override extraRepr(): string {
    return `num_parameters=${this.numParameters}`;
  }
}
