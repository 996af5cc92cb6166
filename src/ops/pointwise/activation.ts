/** Activations that PyTorch has as functions or methods of tensors. */
import { bool } from "../../core/dtype.ts";
import { check } from "../../core/errors.ts";
import type { Scalar } from "../../core/scalar.ts";
import type { Tensor } from "../../core/tensor.ts";
import * as ir from "../../ir/expr.ts";
import type { Forms, Op, OpInfo, Unary } from "../call.ts";
import { composite, elementwise, fn, needTensor, unary } from "../define.ts";
import { kernel, one, onlyFloat } from "./kernel.ts";
import { celuOf, randomSlopes, rreluOf, seluOf, thresholdOf } from "./units.ts";

/**
 * Rectified linear unit: `max(x, 0)`; its derivative at 0 is 0.
 * @example torch.tensor([-1, 2]).relu() // tensor([0., 2.])
 */
export const relu: Unary = one({
  name: "relu",
  refuse: (dtype) => check(dtype !== bool, () => "Boolean inputs not supported for relu"),
  kernel: kernel("relu", 1, (x) => ir.select(ir.le(x!, 0), 0, x!), {
    grads: [(g, _, out) => ir.select(ir.le(out, 0), 0, g)],
  }),
});

/**
 * Logistic sigmoid `1 / (1 + exp(-x))`.
 * @example torch.zeros(1).sigmoid() // tensor([0.5000])
 */
export const sigmoid: Unary = unary({
  name: "sigmoid",
  dtype: "float",
  value: (x) => ir.div(1, ir.add(1, ir.exp(ir.neg(x)))),
  grad: (g, { out }) => ir.mul(g, ir.mul(ir.sub(1, out), out)),
});

const shrunk = kernel("hardshrink", 2, (x, lambd) => ir.select(inside(x!, lambd!), 0, x!), {
  grads: [(g, [x, lambd]) => ir.select(inside(x!, lambd!), 0, g), null],
});

function inside(x: ir.Expr, lambd: ir.Expr): ir.Expr {
  return ir.and(ir.ge(x, ir.neg(lambd)), ir.le(x, lambd));
}

/**
 * Elements between `-lambd` and `lambd` become 0.
 * @example torch.hardshrink(torch.tensor([-1, 0.2, 1])) // tensor([-1., 0., 1.])
 */
export const hardshrink: Op<[lambd?: number], "lambd"> = elementwise({
  name: "hardshrink",
  params: "lambd:float=0.5",
  inplace: false,
  kernel: (self, v) => {
    onlyFloat("hardshrink_cpu")(needTensor("hardshrink", self).dtype);
    return { kernel: shrunk, operands: [self, v.lambd as number] };
  },
});

/** `threshold(x, threshold, value)`. */
export type Threshold = Function1<[threshold: Scalar, value: Scalar], ["threshold", "value"]>;

/**
 * Elements that are not above the threshold become `value`.
 * @example torch.threshold(torch.tensor([0, 2]), 1, -1) // tensor([-1.,  2.])
 */
export const threshold: Threshold = fn(
  { name: "threshold", params: "input:tensor threshold:scalar value:scalar" },
  (v) => thresholdOf(v.input as Tensor, v.threshold as Scalar, v.value as Scalar, false),
);

/** A function of one tensor and arguments `A`, named `N`; it has no method. */
interface Function1<A extends unknown[], N extends unknown[]> {
  (input: Tensor, ...args: Forms<A, N, unknown>): Tensor;
  readonly op: OpInfo;
}

/**
 * The continuously differentiable exponential linear unit: `x` above 0, else `alpha * (exp(x / alpha) - 1)`.
 * @example torch.celu(torch.tensor([-1, 2]), 2) // tensor([-0.7869, 2.0000])
 */
export const celu: Function1<[alpha?: number], ["alpha"]> = fn(
  { name: "celu", params: "input:tensor alpha:float=1" },
  (v) => celuOf(v.input as Tensor, v.alpha as number, false),
);

/**
 * The self-normalising exponential linear unit.
 * @example torch.selu(torch.tensor([-1, 2])) // tensor([-1.1113, 2.1014])
 */
export const selu: Function1<[], []> = fn({ name: "selu", params: "input:tensor" }, (v) =>
  seluOf(v.input as Tensor, false),
);

/**
 * The leaky unit with a slope drawn from `[lower, upper]` for each element in training, else their mean.
 * @example torch.rrelu(torch.tensor([-1, 2]), 0.1, 0.3) // tensor([-0.2000, 2.0000])
 */
export const rrelu: Function1<[lower?: number, upper?: number, training?: boolean], ["lower", "upper", "training"]> =
  fn({ name: "rrelu", params: `input:tensor ${randomSlopes}` }, (v) => rreluOf(v.input as Tensor, v, false));

const learned = kernel("prelu", 2, (x, weight) => ir.select(ir.gt(x!, 0), x!, ir.mul(weight!, x!)), {
  node: "PreluKernelBackward0",
  grads: [
    (g, [x, weight]) => ir.select(ir.gt(x!, 0), g, ir.mul(weight!, g)),
    (g, [x]) => ir.select(ir.gt(x!, 0), 0, ir.mul(x!, g)),
  ],
});

/**
 * `x` above 0, else `weight * x`, with one weight for all or one for each channel (dim 1).
 * @example torch.prelu(torch.tensor([-1, 2]), torch.tensor([0.1])) // tensor([-0.1000, 2.0000])
 */
export const prelu: Op<[weight: Tensor], "weight"> = composite(
  { name: "prelu", params: "weight:tensor" },
  (self, v) => {
    const weight = v.weight as Tensor;
    check(
      self.dtype === weight.dtype,
      () => `prelu: Type promoting not supported. Got ${self.dtype.scalarName} and ${weight.dtype.scalarName}`,
    );
    check(
      weight.dim() <= 1,
      () => `prelu: Expected \`weight\` to be a scalar or 1D tensor, but got: ndim = ${weight.dim()}`,
    );
    onlyFloat("prelu_cpu")(self.dtype);
    const n = weight.numel();
    if (n !== 1) {
      check(self.dim() > 0, () => "Not allow zero-dim input tensor.");
      const channels = self.dim() > 1 ? self.shape[1]! : 1;
      check(
        n === channels,
        () =>
          `Mismatch of parameter numbers and input channel size. Found parameter numbers = ${n} and channel size = ` +
          `${channels}.`,
      );
    }
    const sizes = self.shape.map((_, d) => (d === 1 || self.dim() === 1 ? n : 1));
    return learned.apply([self, weight.reshape(n === 1 ? self.shape.map(() => 1) : sizes)]);
  },
);
