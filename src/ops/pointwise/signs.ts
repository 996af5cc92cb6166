/** Absolute values and signs. */
import { bool } from "../../core/dtype.ts";
import { check } from "../../core/errors.ts";
import type { Operand } from "../../core/scalar.ts";
import { isTensor, type Tensor } from "../../core/tensor.ts";
import * as ir from "../../ir/expr.ts";
import type { Binary, OpInplace, Unary } from "../call.ts";
import { composite, elementwise, needTensor, unary } from "../define.ts";
import { alias, type Kernel, kernel, noBool, one, type UnaryOnly, zeroGrad } from "./kernel.ts";

/**
 * The absolute value; its derivative at 0 is 0.
 * @example torch.tensor([-1, 2]).abs() // tensor([1., 2.])
 */
export const abs: Unary = one({
  name: "abs",
  refuse: noBool("abs_cpu"),
  kernel: kernel("abs", 1, (x) => ir.abs(x!), { grads: [(g, [x]) => ir.mul(g, ir.sign(x!))] }),
});
/**
 * `abs` by its longer name.
 * @example torch.absolute(torch.tensor([-1, 2])) // tensor([1., 2.])
 */
export const absolute: Unary = alias("absolute", abs);

/**
 * The tensor itself.
 * @example torch.positive(torch.tensor([-1, 2])) // tensor([-1., 2.])
 */
export const positive: UnaryOnly = composite({ name: "positive" }, (self) => {
  check(self.dtype !== bool, () => "The `+` operator, on a bool tensor is not supported.");
  return self;
});

/**
 * -1, 0 or 1.
 * @example torch.tensor([-3, 0, 2]).sign() // tensor([-1.,  0.,  1.])
 */
export const sign: Unary = unary({ name: "sign", value: (x) => ir.sign(x), grad: () => 0 });
/**
 * `sign`, and for complex numbers the one of absolute value 1 in the same direction.
 * @example torch.sgn(torch.tensor([-3, 0, 2])) // tensor([-1., 0., 1.])
 */
export const sgn: Unary = unary({ name: "sgn", value: (x) => ir.sign(x), grad: () => 0 });

const negativeZero = (x: ir.Expr): ir.Expr => ir.and(ir.eq(x, 0), ir.lt(ir.div(1, x), 0));
const floatSignbit = kernel("signbit", 1, (x) => ir.or(ir.lt(x!, 0), negativeZero(x!)), { dtype: "bool" });
const plainSignbit = kernel("signbit", 1, (x) => ir.lt(x!, 0), { dtype: "bool" });

/**
 * Whether the sign bit is set: that of -0 too.
 * @example torch.signbit(torch.tensor([-3, 2])) // tensor([ True, False])
 */
export const signbit: UnaryOnly = elementwise({
  name: "signbit",
  inplace: false,
  kernel: (self) => {
    const { dtype } = needTensor("signbit", self);
    return { kernel: dtype.isFloatingPoint ? floatSignbit : plainSignbit, operands: [self] };
  },
});

const withSign = (node: number): Kernel =>
  kernel("copysign", 2, (a, b) => ir.call("copysign", a!, b!), {
    node: `CopysignBackward${node}`,
    dtype: "float",
    grads: [(g, [a], out) => ir.mul(g, ir.select(ir.eq(a!, 0), 0, ir.div(out, a!))), zeroGrad],
  });
const signOfTensor = withSign(0);
const signOfScalar = withSign(1);

/**
 * The magnitudes of one operand with the signs of the other.
 * @example torch.tensor([1, 2]).copysign(torch.tensor([-1, 1])) // tensor([-1.,  2.])
 */
export const copysign: Binary = elementwise({
  name: "copysign",
  params: "other:operand",
  kernel: (self, v) => {
    const other = v.other as Operand;
    return { kernel: isTensor(other) ? signOfTensor : signOfScalar, operands: [needTensor("copysign", self), other] };
  },
});

const unknown = "derivative for aten::heaviside is not implemented";
const heavisideStep = kernel("heaviside", 2, (x, values) => ir.select(ir.eq(x!, 0), values!, ir.gt(x!, 0)), {
  node: "NotImplemented",
  missing: [unknown, unknown],
});

/**
 * The step function: 0 below 0, 1 above, `values` at 0.
 * @example torch.tensor([-1, 0, 2]).heaviside(torch.tensor([0.5])) // tensor([0.0000, 0.5000, 1.0000])
 */
export const heaviside: OpInplace<[values: Tensor], "values"> = elementwise({
  name: "heaviside",
  params: "values:tensor",
  kernel: (self, v) => {
    const values = v.values as Tensor;
    check(
      needTensor("heaviside", self).dtype === values.dtype,
      () => "heaviside is not yet implemented for tensors with different dtypes.",
    );
    return { kernel: heavisideStep, operands: [self, values] };
  },
});
