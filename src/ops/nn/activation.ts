/** The activations of `torch.nn.functional`. */
import { check, RuntimeError } from "../../core/errors.ts";
import { wrapDim } from "../../core/layout.ts";
import type { Scalar } from "../../core/scalar.ts";
import type { Tensor } from "../../core/tensor.ts";
import * as ir from "../../ir/expr.ts";
import type { Forms, OpInfo } from "../call.ts";
import { differentiable, fn, unrecorded } from "../define.ts";
import { cat } from "../join.ts";
import { relu as reluOp } from "../pointwise/activation.ts";
import { inplaceOf, type Kernel, kernel, onlyFloat } from "../pointwise/kernel.ts";
import * as units from "../pointwise/units.ts";

export { hardshrink, prelu, sigmoid } from "../pointwise/activation.ts";
export { tanh } from "../pointwise/trigonometric.ts";

/** A function of one tensor and arguments `A`, named `N`; no method. */
export interface Activation<A extends unknown[] = [], N extends unknown[] = []> {
  (input: Tensor, ...args: Forms<A, N, unknown>): Tensor;
  readonly op: OpInfo;
}
type Params = Readonly<Record<string, unknown>>;
type InplaceOnly = Activation<[inplace?: boolean], ["inplace"]>;

const flag = "inplace:bool=false";

/** Declares a function of `input`. */
function activation<T>(name: string, params: string, body: (input: Tensor, v: Params) => Tensor): T {
  return fn({ name, params: `input:tensor ${params}` }, (v) => body(v.input as Tensor, v));
}

function apply(of: Kernel, input: Tensor, numbers: readonly Scalar[], inplace: unknown): Tensor {
  return inplace === true ? of.applyInplace(input, [input, ...numbers]) : of.apply([input, ...numbers]);
}

// ---------------------------------------------------------------- piecewise linear

const reluOf = (input: Tensor, inplace: unknown): Tensor =>
  inplace === true ? inplaceOf(reluOp)(input) : reluOp(input);

/**
 * Rectified linear unit: `max(x, 0)`.
 * Shapes and errors: those of `nn.ReLU`.
 * @example F.relu(torch.tensor([-1, 2])) // tensor([0., 2.])
 */
export const relu: InplaceOnly = activation("relu", flag, (x, v) => reluOf(x, v.inplace));
/**
 * `relu` in place.
 * @example F.relu_(torch.tensor([-1, 2])) // tensor([0., 2.])
 */
export const relu_: Activation = activation("relu_", "", (x) => reluOf(x, true));
/**
 * `min(max(x, 0), 6)`.
 * Shapes and errors: those of `nn.ReLU6`.
 * @example F.relu6(torch.tensor([-1, 2, 9])) // tensor([0., 2., 6.])
 */
export const relu6: InplaceOnly = activation("relu6", flag, (x, v) => units.hardtanhOf(x, 0, 6, v.inplace === true));

const limits = "minVal:scalar=-1 maxVal:scalar=1";
type Limits = [minVal?: Scalar, maxVal?: Scalar];
/**
 * `min(max(x, minVal), maxVal)`.
 * Shapes and errors: those of `nn.Hardtanh`.
 * @example F.hardtanh(torch.tensor([-3, 0.5, 3])) // tensor([-1.0000, 0.5000, 1.0000])
 */
export const hardtanh: Activation<[...Limits, inplace?: boolean], ["minVal", "maxVal", "inplace"]> = activation(
  "hardtanh",
  `${limits} ${flag}`,
  (x, v) => units.hardtanhOf(x, v.minVal as Scalar, v.maxVal as Scalar, v.inplace === true),
);
/**
 * `hardtanh` in place.
 * @example F.hardtanh_(torch.tensor([-3, 0.5, 3])) // tensor([-1.0000, 0.5000, 1.0000])
 */
export const hardtanh_: Activation<Limits, ["minVal", "maxVal"]> = activation("hardtanh_", limits, (x, v) =>
  units.hardtanhOf(x, v.minVal as Scalar, v.maxVal as Scalar, true),
);

const slope = "negativeSlope:float=0.01";
/**
 * `x` above 0, else `negativeSlope * x`.
 * Shapes and errors: those of `nn.LeakyReLU`.
 * @example F.leakyRelu(torch.tensor([-1, 2]), 0.1) // tensor([-0.1000, 2.0000])
 */
export const leakyRelu: Activation<[negativeSlope?: number, inplace?: boolean], ["negativeSlope", "inplace"]> =
  activation("leakyRelu", `${slope} ${flag}`, (x, v) =>
    units.leakyReluOf(x, v.negativeSlope as number, v.inplace === true),
  );
/**
 * `leakyRelu` in place.
 * @example F.leakyRelu_(torch.tensor([-1, 2]), 0.1) // tensor([-0.1000, 2.0000])
 */
export const leakyRelu_: Activation<[negativeSlope?: number], ["negativeSlope"]> = activation(
  "leakyRelu_",
  slope,
  (x, v) => units.leakyReluOf(x, v.negativeSlope as number, true),
);

type Slopes = [lower?: number, upper?: number, training?: boolean];
/**
 * The leaky unit with a slope drawn from `[lower, upper]` for each element in training, else their mean.
 * Shapes and errors: those of `nn.RReLU`.
 * @example F.rrelu(torch.tensor([-1, 2]), 0.1, 0.3) // tensor([-0.2000, 2.0000])
 */
export const rrelu: Activation<[...Slopes, inplace?: boolean], ["lower", "upper", "training", "inplace"]> = activation(
  "rrelu",
  `${units.randomSlopes} ${flag}`,
  (x, v) => units.rreluOf(x, v, v.inplace === true),
);
/**
 * `rrelu` in place.
 * @example F.rrelu_(torch.tensor([-1, 2]), 0.1, 0.3) // tensor([-0.2000, 2.0000])
 */
export const rrelu_: Activation<Slopes, ["lower", "upper", "training"]> = activation(
  "rrelu_",
  units.randomSlopes,
  (x, v) => units.rreluOf(x, v, true),
);

const above = "threshold:scalar value:scalar";
/**
 * Elements that are not above the threshold become `value`.
 * Shapes and errors: those of `nn.Threshold`.
 * @example F.threshold(torch.tensor([1, 5]), 2, 0) // tensor([0., 5.])
 */
export const threshold: Activation<
  [threshold: Scalar, value: Scalar, inplace?: boolean],
  ["threshold", "value", "inplace"]
> = activation("threshold", `${above} ${flag}`, (x, v) =>
  units.thresholdOf(x, v.threshold as Scalar, v.value as Scalar, v.inplace === true),
);
/**
 * `threshold` in place.
 * @example F.threshold_(torch.tensor([1, 5]), 2, 0) // tensor([0., 5.])
 */
export const threshold_: Activation<[threshold: Scalar, value: Scalar], ["threshold", "value"]> = activation(
  "threshold_",
  above,
  (x, v) => units.thresholdOf(x, v.threshold as Scalar, v.value as Scalar, true),
);

const lifted = (x: ir.Expr): ir.Expr => ir.min(ir.max(ir.add(x, 3), 0), 6);
const hardSigmoid = kernel("hardsigmoid", 1, (x) => ir.div(lifted(x!), 6), {
  grads: [(g, [x]) => ir.select(ir.and(ir.gt(x!, -3), ir.lt(x!, 3)), ir.div(g, 6), 0)],
});
const hardSwish = kernel("hardswish", 1, (x) => ir.div(ir.mul(x!, lifted(x!)), 6), {
  grads: [
    (g, [x]) => {
      const middle = ir.mul(g, ir.add(ir.div(x!, 3), 0.5));
      return ir.select(ir.lt(x!, -3), 0, ir.select(ir.lt(x!, 3), middle, g));
    },
  ],
});

/**
 * `sigmoid` by straight lines: `min(max(x + 3, 0), 6) / 6`.
 * Shapes and errors: those of `nn.Hardsigmoid`.
 * @example F.hardsigmoid(torch.tensor([-4, 0, 1])) // tensor([0.0000, 0.5000, 0.6667])
 */
export const hardsigmoid: InplaceOnly = activation("hardsigmoid", flag, (x, v) => {
  onlyFloat("hardsigmoid_cpu")(x.dtype);
  return apply(hardSigmoid, x, [], v.inplace);
});
/**
 * `x * hardsigmoid(x)`.
 * Shapes and errors: those of `nn.Hardswish`.
 * @example F.hardswish(torch.tensor([-4, 0, 1])) // tensor([-0.0000, 0.0000, 0.6667])
 */
export const hardswish: InplaceOnly = activation("hardswish", flag, (x, v) => {
  onlyFloat("hardswish_cpu")(x.dtype);
  return apply(hardSwish, x, [], v.inplace);
});

const softShrink = kernel(
  "softshrink",
  2,
  (x, l) => ir.select(ir.gt(x!, l!), ir.sub(x!, l!), ir.select(ir.lt(x!, ir.neg(l!)), ir.add(x!, l!), 0)),
  { grads: [(g, [x, l]) => ir.select(ir.and(ir.ge(x!, ir.neg(l!)), ir.le(x!, l!)), 0, g), null] },
);
/**
 * Elements moved towards 0 by `lambd`, and 0 where they would pass it.
 * Shapes and errors: those of `nn.Softshrink`.
 * @example F.softshrink(torch.tensor([-1, 0.2, 1])) // tensor([-0.5000, 0.0000, 0.5000])
 */
export const softshrink: Activation<[lambd?: number], ["lambd"]> = activation(
  "softshrink",
  "lambd:float=0.5",
  (x, v) => {
    const lambd = v.lambd as number;
    onlyFloat("softshrink_cpu")(x.dtype);
    check(lambd >= 0, () => `lambda must be greater or equal to 0, but found to be ${lambd}.`);
    return softShrink.apply([x, lambd]);
  },
);

// ---------------------------------------------------------------- exponential

const factor = "alpha:float=1";
/**
 * `x` above 0, else `alpha * (exp(x) - 1)`.
 * Shapes and errors: those of `nn.ELU`.
 * @example F.elu(torch.tensor([-1, 2])) // tensor([-0.6321, 2.0000])
 */
export const elu: Activation<[alpha?: number, inplace?: boolean], ["alpha", "inplace"]> = activation(
  "elu",
  `${factor} ${flag}`,
  (x, v) => units.eluOf(x, v.alpha as number, v.inplace === true),
);
/**
 * `elu` in place.
 * @example F.elu_(torch.tensor([-1, 2])) // tensor([-0.6321, 2.0000])
 */
export const elu_: Activation<[alpha?: number], ["alpha"]> = activation("elu_", factor, (x, v) =>
  units.eluOf(x, v.alpha as number, true),
);
/**
 * `x` above 0, else `alpha * (exp(x / alpha) - 1)`.
 * Shapes and errors: those of `nn.CELU`.
 * @example F.celu(torch.tensor([-1, 2]), 2) // tensor([-0.7869, 2.0000])
 */
export const celu: Activation<[alpha?: number, inplace?: boolean], ["alpha", "inplace"]> = activation(
  "celu",
  `${factor} ${flag}`,
  (x, v) => units.celuOf(x, v.alpha as number, v.inplace === true),
);
/**
 * `celu` in place.
 * @example F.celu_(torch.tensor([-1, 2]), 2) // tensor([-0.7869, 2.0000])
 */
export const celu_: Activation<[alpha?: number], ["alpha"]> = activation("celu_", factor, (x, v) =>
  units.celuOf(x, v.alpha as number, true),
);
/**
 * `elu` scaled so that it keeps mean 0 and variance 1.
 * Shapes and errors: those of `nn.SELU`.
 * @example F.selu(torch.tensor([-1, 2])) // tensor([-1.1113, 2.1014])
 */
export const selu: InplaceOnly = activation("selu", flag, (x, v) => units.seluOf(x, v.inplace === true));
/**
 * `selu` in place.
 * @example F.selu_(torch.tensor([-1, 2])) // tensor([-1.1113, 2.1014])
 */
export const selu_: Activation = activation("selu_", "", (x) => units.seluOf(x, true));

const logistic = (x: ir.Expr): ir.Expr => ir.div(1, ir.add(1, ir.exp(ir.neg(x))));

const siluKernel = kernel("silu", 1, (x) => ir.div(x!, ir.add(1, ir.exp(ir.neg(x!)))), {
  grads: [
    (g, [x]) => {
      const s = logistic(x!);
      return ir.mul(g, ir.mul(s, ir.add(1, ir.mul(x!, ir.sub(1, s)))));
    },
  ],
});
/**
 * `x * sigmoid(x)`.
 * Shapes and errors: those of `nn.SiLU`.
 * @example F.silu(torch.tensor([-1, 2])) // tensor([-0.2689, 1.7616])
 */
export const silu: InplaceOnly = activation("silu", flag, (x, v) => {
  onlyFloat("silu_cpu")(x.dtype);
  return apply(siluKernel, x, [], v.inplace);
});

const softTanh = (x: ir.Expr): ir.Expr => ir.tanh(ir.log1p(ir.exp(x)));
const mishKernel = kernel("mish", 1, (x) => ir.mul(x!, softTanh(x!)), {
  grads: [
    (g, [x]) => {
      const t = softTanh(x!);
      const bend = ir.mul(ir.mul(x!, logistic(x!)), ir.sub(1, ir.mul(t, t)));
      return ir.mul(g, ir.add(t, bend));
    },
  ],
});
/**
 * `x * tanh(softplus(x))`.
 * Shapes and errors: those of `nn.Mish`.
 * @example F.mish(torch.tensor([-1, 2])) // tensor([-0.3034, 1.9440])
 */
export const mish: InplaceOnly = activation("mish", flag, (x, v) => {
  onlyFloat("mish_cpu")(x.dtype);
  return apply(mishKernel, x, [], v.inplace);
});

const softPlus = kernel(
  "softplus",
  3,
  (x, beta, limit) => {
    const scaled = ir.mul(x!, beta!);
    return ir.select(ir.gt(scaled, limit!), x!, ir.div(ir.log1p(ir.exp(scaled)), beta!));
  },
  {
    grads: [
      (g, [x, beta, limit]) => {
        const z = ir.exp(ir.mul(x!, beta!));
        return ir.select(ir.gt(ir.mul(x!, beta!), limit!), g, ir.div(ir.mul(g, z), ir.add(z, 1)));
      },
      null,
      null,
    ],
  },
);
/**
 * `log(1 + exp(beta * x)) / beta`; the element itself where `beta * x` is above `threshold`.
 * Shapes and errors: those of `nn.Softplus`.
 * @example F.softplus(torch.tensor([-1, 2])) // tensor([0.3133, 2.1269])
 */
export const softplus: Activation<[beta?: number, threshold?: number], ["beta", "threshold"]> = activation(
  "softplus",
  "beta:float=1 threshold:float=20",
  (x, v) => {
    onlyFloat("softplus_cpu")(x.dtype);
    return softPlus.apply([x, v.beta as number, v.threshold as number]);
  },
);

const logSigmoid = kernel("logsigmoid", 1, (x) => ir.sub(ir.min(x!, 0), ir.log1p(ir.exp(ir.neg(ir.abs(x!))))), {
  node: "LogSigmoidBackward0",
  grads: [
    (g, [x]) => {
      const z = ir.exp(ir.neg(ir.abs(x!)));
      const share = ir.div(z, ir.add(1, z));
      return ir.mul(g, ir.select(ir.lt(x!, 0), ir.sub(1, share), share));
    },
  ],
});
/**
 * The logarithm of `sigmoid`, without its underflow.
 * Shapes and errors: those of `nn.LogSigmoid`.
 * @example F.logsigmoid(torch.tensor([-1, 2])) // tensor([-1.3133, -0.1269])
 */
export const logsigmoid: Activation = activation("logsigmoid", "", (x) => {
  onlyFloat("log_sigmoid_cpu")(x.dtype);
  return logSigmoid.apply([x]);
});

/**
 * `x / (1 + |x|)`.
 * Shapes and errors: those of `nn.Softsign`.
 * @example F.softsign(torch.tensor([-1, 3])) // tensor([-0.5000, 0.7500])
 */
export const softsign: Activation = activation("softsign", "", (x) => x.div(x.abs().add(1)));
/**
 * `x - tanh(x)`.
 * Shapes and errors: those of `nn.Tanhshrink`.
 * @example F.tanhshrink(torch.tensor([-1, 2])) // tensor([-0.2384, 1.0360])
 */
export const tanhshrink: Activation = activation("tanhshrink", "", (x) => x.sub(x.tanh()));

// ---------------------------------------------------------------- Gaussian, gated

const normal = (x: ir.Expr): ir.Expr => ir.mul(0.5, ir.add(1, ir.erf(ir.mul(x, Math.SQRT1_2))));
const exactGelu = kernel("gelu", 1, (x) => ir.mul(x!, normal(x!)), {
  grads: [
    (g, [x]) => {
      const density = ir.mul(ir.exp(ir.mul(-0.5, ir.mul(x!, x!))), Math.SQRT1_2 / Math.sqrt(Math.PI));
      return ir.mul(g, ir.add(normal(x!), ir.mul(x!, density)));
    },
  ],
});
/** The approximation of Hendrycks and Gimpel (2016): √(2/π) (x + 0.044715 x³) in place of the normal integral. */
const bent = (x: ir.Expr): ir.Expr =>
  ir.mul(Math.sqrt(2 / Math.PI), ir.add(x, ir.mul(0.044715, ir.mul(ir.mul(x, x), x))));
const tanhGelu = kernel("gelu", 1, (x) => ir.mul(ir.mul(0.5, x!), ir.add(1, ir.tanh(bent(x!)))), {
  grads: [
    (g, [x]) => {
      const t = ir.tanh(bent(x!));
      const slopeOfBent = ir.mul(Math.sqrt(2 / Math.PI), ir.add(1, ir.mul(3 * 0.044715, ir.mul(x!, x!))));
      const right = ir.mul(ir.mul(ir.mul(0.5, x!), ir.sub(1, ir.mul(t, t))), slopeOfBent);
      return ir.mul(g, ir.add(ir.mul(0.5, ir.add(1, t)), right));
    },
  ],
});

/** `gelu(x, { approximate })`. */
export interface Gelu {
  (input: Tensor, options?: { approximate?: "none" | "tanh" }): Tensor;
  readonly op: OpInfo;
}
/**
 * `x` times the normal distribution's integral up to `x`, or its approximation by `tanh`.
 * Shapes and errors: those of `nn.GELU`.
 * @example F.gelu(torch.tensor([-1, 2])) // tensor([-0.1587, 1.9545])
 */
export const gelu: Gelu = activation("gelu", "* approximate:str='none'", (x, { approximate }) => {
  check(approximate === "none" || approximate === "tanh", () => "approximate argument must be either none or tanh.");
  onlyFloat("GeluKernelImpl")(x.dtype);
  return (approximate === "none" ? exactGelu : tanhGelu).apply([x]);
});

const gate = kernel("glu", 2, (a, b) => ir.mul(a!, logistic(b!)));

/**
 * The first half along `dim`, times the sigmoid of the second.
 * Shapes and errors: those of `nn.GLU`.
 * @example F.glu(torch.tensor([1, 2, 0, 0])) // tensor([0.5000, 1.0000])
 */
export const glu: Activation<[dim?: number], ["dim"]> = activation("glu", "dim:int=-1", (x, v) => {
  if (x.dim() === 0) throw new RuntimeError("glu does not support scalars because halving size must be even");
  const dim = wrapDim(v.dim as number, x.dim());
  const size = x.shape[dim]!;
  check(size % 2 === 0, () => `Halving dimension must be even, but dimension ${dim} is size ${size}`);
  onlyFloat("glu_cpu")(x.dtype);
  const half = size / 2;
  const halves = (t: Tensor): [Tensor, Tensor] => [t.narrow(dim, 0, half), t.narrow(dim, half, half)];
  const out = unrecorded(() => gate.apply(halves(x)));
  return differentiable("GluBackward0", out, [x], [x], ([g], [saved]) => {
    const [a, b] = halves(saved!);
    const open = b.sigmoid();
    const byGate = g!.mul(a).mul(open).mul(open.neg().add(1));
    return [cat([g!.mul(open), byGate], dim)];
  });
});
