/** Rounding and remainders. */
import { type Operand, resultType } from "../../core/scalar.ts";
import { isTensor } from "../../core/tensor.ts";
import * as ir from "../../ir/expr.ts";
import type { Binary, Op, OpInfo, Unary } from "../call.ts";
import { elementwise, needTensor } from "../define.ts";
import {
  alias,
  type Kernel,
  kernel,
  narrowed,
  noBool,
  one,
  onlyFloat,
  refuseZeroDivision,
  zeroGrad,
} from "./kernel.ts";

const step = (name: string, value: (x: ir.Expr) => ir.Expr): Unary =>
  one({
    name,
    refuse: noBool(`${name}_vml_cpu`),
    kernel: kernel(name, 1, (x) => value(x!), { grads: [zeroGrad] }),
  });

/**
 * The largest integer that is not greater.
 * @example torch.tensor([1.5, -1.5]).floor() // tensor([ 1., -2.])
 */
export const floor: Unary = step("floor", ir.floor);
/**
 * The smallest integer that is not less.
 * @example torch.tensor([1.5, -1.5]).ceil() // tensor([ 2., -1.])
 */
export const ceil: Unary = step("ceil", ir.ceil);
/**
 * The integer part.
 * @example torch.tensor([1.5, -1.5]).trunc() // tensor([ 1., -1.])
 */
export const trunc: Unary = step("trunc", ir.trunc);
/**
 * `trunc` by NumPy's name.
 * @example torch.fix(torch.tensor([-1.5, 1.5])) // tensor([-1., 1.])
 */
export const fix: Unary = alias("fix", trunc);

/**
 * The fractional part, with the sign of the element.
 * @example torch.tensor([1.5, -1.5]).frac() // tensor([ 0.5000, -0.5000])
 */
export const frac: Unary = one({
  name: "frac",
  refuse: onlyFloat("frac_cpu"),
  kernel: kernel("frac", 1, (x) => ir.sub(x!, ir.trunc(x!)), { grads: [(g) => g] }),
});

/** `round(x, { decimals })`. */
export interface Round extends Op<[], "", { decimals?: number }> {
  readonly inplace: true;
  readonly op: OpInfo;
}

const whole = kernel("round", 1, (x) => ir.rint(x!), { grads: [zeroGrad] });
const decimal = { node: "RoundBackward1", grads: [zeroGrad, zeroGrad] };
const fraction = kernel("round", 2, (x, ten) => ir.div(ir.rint(ir.mul(x!, ten!)), ten!), decimal);
const tens = kernel("round", 2, (x, ten) => ir.mul(ir.rint(ir.div(x!, ten!)), ten!), decimal);

/**
 * The nearest integer, or number of so many decimals; halves go to the even one.
 * @example torch.tensor([0.5, 1.5]).round() // tensor([0., 2.])
 * @example torch.tensor([1.25]).round({ decimals: 1 }) // tensor([1.2000])
 */
export const round: Round = elementwise({
  name: "round",
  params: "* decimals:int=0",
  kernel: (self, v) => {
    const { dtype } = needTensor("round", self);
    const decimals = v.decimals as number;
    if (decimals === 0) {
      noBool("round_vml_cpu")(dtype);
      return { kernel: whole, operands: [self] };
    }
    onlyFloat("round_cpu")(dtype);
    return { kernel: decimals > 0 ? fraction : tens, operands: [self, 10 ** Math.abs(decimals)] };
  },
});

type OfTwo = (a: ir.Expr, b: ir.Expr) => ir.Expr;

/** The kernels with a number and a tensor as divisor; the divisor's gradient is minus the quotient. */
const byNumber = (name: string, value: OfTwo, quotient: OfTwo): readonly [Kernel, Kernel] => {
  const node = name.charAt(0).toUpperCase() + name.slice(1);
  const numbered = (n: number): Kernel =>
    kernel(name, 2, (a, b) => value(a!, b!), {
      node: `${node}Backward${n}`,
      grads: [(g) => g, (g, [a, b]) => ir.neg(ir.mul(g, quotient(a!, b!)))],
    });
  return [numbered(0), numbered(1)];
};
const [remainderOfScalar, remainderOfTensor] = byNumber("remainder", ir.rem, ir.floordiv);
const [fmodOfScalar, fmodOfTensor] = byNumber("fmod", ir.fmod, (a, b) => ir.trunc(ir.div(a, b)));
const noDerivative = kernel("remainder", 2, (a, b) => ir.rem(a!, b!), {
  node: "NotImplemented",
  missing: [null, "derivative for aten::remainder is not implemented"],
});

function checkDivisor(name: string, self: Operand, other: Operand): void {
  noBool(name)(resultType([self, other]));
  refuseZeroDivision(self, other);
}

/**
 * The remainder with the sign of the divisor: Python's `%`. Broadcast.
 * @throws RuntimeError "ZeroDivisionError" for integers divided by 0.
 * @example torch.tensor([-3]).remainder(2) // tensor([1.])
 */
export const remainder: Binary = elementwise({
  name: "remainder",
  params: "other:operand",
  kernel: (self, v) => {
    const other = v.other as Operand;
    checkDivisor("remainder_cpu", self, other);
    const operands = narrowed([self, other]);
    if (!isTensor(self)) return { kernel: noDerivative, operands };
    return { kernel: isTensor(other) ? remainderOfTensor : remainderOfScalar, operands };
  },
});

/**
 * The remainder with the sign of the dividend: C's `fmod`. Broadcast.
 * @throws RuntimeError "ZeroDivisionError" for integers divided by 0.
 * @example torch.tensor([-3]).fmod(2) // tensor([-1.])
 */
export const fmod: Binary = elementwise({
  name: "fmod",
  params: "other:operand",
  kernel: (self, v) => {
    const other = v.other as Operand;
    checkDivisor("fmod_cpu", needTensor("fmod", self), other);
    return { kernel: isTensor(other) ? fmodOfTensor : fmodOfScalar, operands: narrowed([self, other]) };
  },
});
