/** Powers, roots and reciprocals. */
import { float64 } from "../../core/dtype.ts";
import { check } from "../../core/errors.ts";
import { isInt, type Operand, resultType, type Scalar } from "../../core/scalar.ts";
import { isTensor, type Tensor } from "../../core/tensor.ts";
import * as ir from "../../ir/expr.ts";
import type { Binary, OpInplace, Unary } from "../call.ts";
import { composite, elementwise, needTensor, unary } from "../define.ts";
import type { GradRule } from "../pointwise.ts";
import { type Kernel, kernel, noBool, withWrite } from "./kernel.ts";

/** b · a^(b-1), and 0 where b is 0 (pow_backward and pow_backward_self). */
const byBase: GradRule = (g, [a, b]) => ir.select(ir.eq(b!, 0), 0, ir.mul(g, ir.mul(b!, ir.pow(a!, ir.sub(b!, 1)))));
/** a^b · log a, and 0 where a is 0 and b is not negative (pow_backward_exponent). */
const byExponent: GradRule = (g, [a, b], out) =>
  ir.mul(g, ir.select(ir.and(ir.eq(a!, 0), ir.ge(b!, 0)), 0, ir.mul(out, ir.log(a!))));

const power = (node: number): Kernel =>
  kernel("pow", 2, (a, b) => ir.pow(a!, b!), { node: `PowBackward${node}`, grads: [byBase, byExponent] });
const scalarExponent = power(0);
const tensorExponent = power(1);
const scalarBase = power(2);

/** Powers that PyTorch computes as products, quotients and roots; the root of -Infinity is NaN there. */
const shortcut = (value: (x: ir.Expr) => ir.Expr, grad: GradRule = byBase): Kernel =>
  kernel("pow", 2, (x) => value(x!), { node: "PowBackward0", grads: [grad, null] });
const squared = (x: ir.Expr): ir.Expr => ir.mul(x, x);
const bySquareRoot: GradRule = (g, [x]) => ir.mul(g, ir.mul(0.5, ir.div(1, ir.sqrt(x!))));
const shortcuts = new Map<number, Kernel>([
  [0.5, shortcut(ir.sqrt, bySquareRoot)],
  [2, shortcut(squared)],
  [3, shortcut((x) => ir.mul(squared(x), x))],
  [-0.5, shortcut((x) => ir.div(1, ir.sqrt(x)))],
  [-1, shortcut((x) => ir.div(1, x))],
  [-2, shortcut((x) => ir.div(1, squared(x)))],
]);

function powerKernel(self: Operand, exponent: Operand): Kernel {
  const dtype = resultType([self, exponent]);
  noBool("pow")(dtype);
  if (isTensor(exponent)) return isTensor(self) ? tensorExponent : scalarBase;
  const e = Number(exponent);
  check(
    dtype.category === "float" || e >= 0 || !isInt(e),
    () => "Integers to negative integer powers are not allowed.",
  );
  if (dtype.category !== "float" && e < 0) return scalarExponent;
  return (dtype.category === "float" || e > 0 ? shortcuts.get(e) : undefined) ?? scalarExponent;
}

/**
 * Elementwise power of a tensor or number to a tensor or number. Broadcast.
 * @throws RuntimeError "Integers to negative integer powers are not allowed."
 * @example torch.tensor([2, 3]).pow(2) // tensor([4., 9.])
 * @example torch.pow(2, torch.tensor([3])) // tensor([8.])
 */
export const pow: Binary = elementwise({
  name: "pow",
  params: "exponent:operand",
  kernel: (self, v) => {
    const exponent = v.exponent as Operand;
    if (!isTensor(exponent)) needTensor("pow", self);
    return { kernel: powerKernel(self, exponent), operands: [self, exponent] };
  },
});

const widened = (x: Operand): Operand => (isTensor(x) ? x.to(float64) : Number(x));

/**
 * `pow` computed in float64, whatever the operands.
 * @example torch.tensor([2]).floatPower(3) // tensor([8.], dtype=torch.float64)
 */
export const floatPower: Binary = withWrite<Binary>(
  elementwise({
    name: "floatPower",
    params: "exponent:operand",
    kernel: (self, v) => {
      const exponent = v.exponent as Operand;
      if (!isTensor(exponent)) needTensor("floatPower", self);
      const operands = [widened(self), widened(exponent)];
      return { kernel: powerKernel(operands[0]!, operands[1]!), operands };
    },
  }),
  (self, ...args) => {
    check(
      self.dtype === float64,
      () =>
        `the base given to float_power_ has dtype ${self.dtype.scalarName} but the operation's result requires dtype ` +
        "Double",
    );
    return self.pow_(...(args as [Tensor | Scalar]));
  },
);

/**
 * The square of each element.
 * @example torch.tensor([-3]).square() // tensor([9.])
 */
export const square: Unary = elementwise({
  name: "square",
  kernel: (self) => ({ kernel: shortcuts.get(2)!, operands: [needTensor("square", self), 2] }),
});

/**
 * The square root; its derivative at 0 is infinite. NaN of negative numbers; integers give floats.
 * @example torch.tensor([4, 9]).sqrt() // tensor([2., 3.])
 */
export const sqrt: Unary = unary({
  name: "sqrt",
  dtype: "float",
  value: (x) => ir.sqrt(x),
  grad: (g, { out }) => ir.div(g, ir.mul(2, out)),
});

/**
 * One over the square root.
 * @example torch.tensor([4]).rsqrt() // tensor([0.5000])
 */
export const rsqrt: Unary = unary({
  name: "rsqrt",
  dtype: "float",
  value: (x) => ir.div(1, ir.sqrt(x)),
  grad: (g, { out }) => ir.mul(ir.mul(-0.5, g), ir.mul(ir.mul(out, out), out)),
});

/**
 * One over each element. Integers give floats.
 * @example torch.tensor([4]).reciprocal() // tensor([0.2500])
 */
export const reciprocal: Unary = unary({
  name: "reciprocal",
  dtype: "float",
  value: (x) => ir.div(1, x),
  grad: (g, { out }) => ir.mul(ir.neg(g), ir.mul(out, out)),
});

/**
 * `self * 2 ** other`.
 * @example torch.ldexp(torch.tensor([1, 3]), torch.tensor([2])) // tensor([ 4., 12.])
 */
export const ldexp: OpInplace<[other: Tensor], "other"> = composite(
  { name: "ldexp", params: "other:tensor", inplace: true },
  (self, v) => {
    const other = v.other as Tensor;
    const exponent = other.dtype.isFloatingPoint ? other : other.to(resultType([0.5, other]));
    return self.mul(pow(2, exponent));
  },
);
