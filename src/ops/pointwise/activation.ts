/** Activations that PyTorch has as functions or methods of tensors. */
import { bool } from "../../core/dtype.ts";
import { check } from "../../core/errors.ts";
import { defaultGenerator } from "../../core/generator.ts";
import type { Scalar } from "../../core/scalar.ts";
import type { Tensor } from "../../core/tensor.ts";
import * as ir from "../../ir/expr.ts";
import type { Forms, Op, OpInfo, Unary } from "../call.ts";
import { custom, differentiable, elementwise, needTensor, unary, unrecorded, writeResult } from "../define.ts";
import { kernel, one, onlyFloat, noBool, scalarTo, withWrite } from "./kernel.ts";

/** Rectified linear unit: `max(x, 0)`; its derivative at 0 is 0. */
export const relu: Unary = one({
  name: "relu",
  refuse: (dtype) => check(dtype !== bool, () => "Boolean inputs not supported for relu"),
  kernel: kernel("relu", 1, (x) => ir.select(ir.le(x!, 0), 0, x!), {
    grads: [(g, _, out) => ir.select(ir.le(out, 0), 0, g)],
  }),
});

/** Logistic sigmoid `1 / (1 + exp(-x))`. */
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

/** Elements between `-lambd` and `lambd` become 0. */
export const hardshrink: Op<[lambd?: number], "lambd"> = elementwise({
  name: "hardshrink",
  params: "lambd:float=0.5",
  inplace: false,
  kernel: (self, v) => {
    onlyFloat("hardshrink_cpu")(needTensor("hardshrink", self).dtype);
    return { kernel: shrunk, operands: [self, v.lambd as number] };
  },
});

/** A function of the package with an in-place form for those of `nn.functional`, but no method. */
export interface Activation<A extends unknown[], N extends unknown[]> {
  (self: Tensor, ...args: Forms<A, N, unknown>): Tensor;
  readonly op: OpInfo;
}

const belowThreshold = kernel(
  "threshold",
  3,
  (x, threshold, value) => ir.select(ir.le(x!, threshold!), value!, x!),
  { grads: [(g, [x, threshold]) => ir.select(ir.le(x!, threshold!), 0, g), null, null] },
);

/** Elements that are not above the threshold become `value`. */
export const threshold: Activation<[threshold: Scalar, value: Scalar], ["threshold", "value"]> = elementwise({
  name: "threshold",
  params: "threshold:scalar value:scalar",
  receiver: null,
  kernel: (self, v) => {
    const { dtype } = needTensor("threshold", self);
    noBool("threshold_cpu")(dtype);
    const [limit, value] = [scalarTo(v.threshold as Scalar, dtype), scalarTo(v.value as Scalar, dtype)];
    return { kernel: belowThreshold, operands: [self, limit, value] };
  },
});

/**
 * The exponential linear unit with all its factors, as ELU, CELU and SELU use it: `positive * x` above 0, below it
 * `negative * (exp(inner * x) - 1)`.
 */
export function exponentialUnit(name: string): (written: boolean) => ReturnType<typeof kernel> {
  const node = `${name.charAt(0).toUpperCase()}${name.slice(1)}Backward`;
  const value = (x: ir.Expr, negative: ir.Expr, positive: ir.Expr, inner: ir.Expr): ir.Expr =>
    ir.select(ir.le(x, 0), ir.mul(ir.expm1(ir.mul(x, inner)), negative), ir.mul(x, positive));
  const outOfPlace = kernel(name, 4, (x, n, p, i) => value(x!, n!, p!, i!), {
    node: `${node}0`,
    grads: [
      (g, [x, n, p, i]) =>
        ir.select(
          ir.le(x!, 0),
          ir.mul(ir.mul(ir.mul(g, i!), n!), ir.exp(ir.mul(x!, i!))),
          ir.mul(g, p!),
        ),
    ],
  });
  const inPlace = kernel(name, 4, (x, n, p, i) => value(x!, n!, p!, i!), {
    node: `${node}1`,
    grads: [
      (g, [, n, p, i], out) => ir.select(ir.le(out, 0), ir.mul(ir.mul(g, i!), ir.add(out, n!)), ir.mul(g, p!)),
    ],
  });
  return (written) => (written ? inPlace : outOfPlace);
}
