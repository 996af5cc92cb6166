/** Trigonometric and hyperbolic functions and their inverses. */
import type { Tensor } from "../../core/tensor.ts";
import * as ir from "../../ir/expr.ts";
import type { OpInplace, Unary } from "../call.ts";
import { unary } from "../define.ts";
import { alias, kernel, two, type UnaryOnly } from "./kernel.ts";

const squared = (x: ir.Expr): ir.Expr => ir.mul(x, x);

/**
 * The sine of radians.
 * @example torch.zeros(1).sin() // tensor([0.])
 */
export const sin: Unary = unary({ name: "sin", dtype: "float", value: (x) => ir.sin(x) });
/**
 * The cosine of radians.
 * @example torch.zeros(1).cos() // tensor([1.])
 */
export const cos: Unary = unary({ name: "cos", dtype: "float", value: (x) => ir.cos(x) });
/**
 * The tangent of radians.
 * @example torch.tan(torch.tensor([0, 1])) // tensor([0.0000, 1.5574])
 */
export const tan: Unary = unary({
  name: "tan",
  dtype: "float",
  value: (x) => ir.tan(x),
  grad: (g, { out }) => ir.mul(g, ir.add(1, squared(out))),
});
/**
 * The angle with this sine.
 * @example torch.asin(torch.tensor([0, 1])) // tensor([0.0000, 1.5708])
 */
export const asin: Unary = unary({ name: "asin", dtype: "float", value: (x) => ir.asin(x) });
/**
 * `asin` by NumPy's name.
 * @example torch.arcsin(torch.tensor([0, 1])) // tensor([0.0000, 1.5708])
 */
export const arcsin: Unary = alias("arcsin", asin);
/**
 * The angle with this cosine.
 * @example torch.acos(torch.tensor([1, 0])) // tensor([0.0000, 1.5708])
 */
export const acos: Unary = unary({ name: "acos", dtype: "float", value: (x) => ir.acos(x) });
/**
 * `acos` by NumPy's name.
 * @example torch.arccos(torch.tensor([1, 0])) // tensor([0.0000, 1.5708])
 */
export const arccos: Unary = alias("arccos", acos);
/**
 * The angle with this tangent.
 * @example torch.atan(torch.tensor([0, 1])) // tensor([0.0000, 0.7854])
 */
export const atan: Unary = unary({ name: "atan", dtype: "float", value: (x) => ir.atan(x) });
/**
 * `atan` by NumPy's name.
 * @example torch.arctan(torch.tensor([0, 1])) // tensor([0.0000, 0.7854])
 */
export const arctan: Unary = alias("arctan", atan);

const reciprocalNorm = (a: ir.Expr, b: ir.Expr): ir.Expr => ir.div(1, ir.add(squared(a), squared(b)));

/**
 * The angle of the point (other, self), from -π to π.
 * @example torch.tensor([1]).atan2(torch.tensor([0])) // tensor([1.5708])
 */
export const atan2: OpInplace<[other: Tensor], "other"> = two({
  name: "atan2",
  kernel: kernel("atan2", 2, (a, b) => ir.atan2(a!, b!), {
    dtype: "float",
    // NaN at the origin, as PyTorch's.
    grads: [
      (g, [a, b]) => ir.mul(ir.mul(g, b!), reciprocalNorm(a!, b!)),
      (g, [a, b]) => ir.mul(ir.mul(g, ir.neg(a!)), reciprocalNorm(a!, b!)),
    ],
  }),
});
/**
 * `atan2` by NumPy's name.
 * @example torch.arctan2(torch.tensor([1]), torch.tensor([1])) // tensor([0.7854])
 */
export const arctan2: OpInplace<[other: Tensor], "other"> = alias("arctan2", atan2);

/**
 * The hyperbolic sine.
 * @example torch.sinh(torch.tensor([0, 1])) // tensor([0.0000, 1.1752])
 */
export const sinh: Unary = unary({ name: "sinh", dtype: "float", value: (x) => ir.sinh(x) });
/**
 * The hyperbolic cosine.
 * @example torch.cosh(torch.tensor([0, 1])) // tensor([1.0000, 1.5431])
 */
export const cosh: Unary = unary({ name: "cosh", dtype: "float", value: (x) => ir.cosh(x) });
/**
 * The hyperbolic tangent.
 * @example torch.zeros(1).tanh() // tensor([0.])
 */
export const tanh: Unary = unary({
  name: "tanh",
  dtype: "float",
  value: (x) => ir.tanh(x),
  grad: (g, { out }) => ir.mul(g, ir.sub(1, squared(out))),
});
/**
 * The inverse of `sinh`.
 * @example torch.asinh(torch.tensor([0, 1])) // tensor([0.0000, 0.8814])
 */
export const asinh: Unary = unary({ name: "asinh", dtype: "float", value: (x) => ir.asinh(x) });
/**
 * `asinh` by NumPy's name.
 * @example torch.arcsinh(torch.tensor([0, 1])) // tensor([0.0000, 0.8814])
 */
export const arcsinh: Unary = alias("arcsinh", asinh);
/**
 * The inverse of `cosh`.
 * @example torch.acosh(torch.tensor([1, 2])) // tensor([0.0000, 1.3170])
 */
export const acosh: Unary = unary({ name: "acosh", dtype: "float", value: (x) => ir.acosh(x) });
/**
 * `acosh` by NumPy's name.
 * @example torch.arccosh(torch.tensor([1, 2])) // tensor([0.0000, 1.3170])
 */
export const arccosh: Unary = alias("arccosh", acosh);
/**
 * The inverse of `tanh`.
 * @example torch.atanh(torch.tensor([0, 0.5])) // tensor([0.0000, 0.5493])
 */
export const atanh: Unary = unary({ name: "atanh", dtype: "float", value: (x) => ir.atanh(x) });
/**
 * `atanh` by NumPy's name.
 * @example torch.arctanh(torch.tensor([0, 0.5])) // tensor([0.0000, 0.5493])
 */
export const arctanh: Unary = alias("arctanh", atanh);

/**
 * `sin(πx) / πx`, and 1 at 0.
 * @example torch.sinc(torch.tensor([0, 0.5])) // tensor([1.0000, 0.6366])
 */
export const sinc: Unary = unary({
  name: "sinc",
  dtype: "float",
  value: (x) => {
    const turn = ir.mul(x, Math.PI);
    return ir.select(ir.eq(x, 0), 1, ir.div(ir.sin(turn), turn));
  },
  grad: (g, { x }) => {
    const turn = ir.mul(x, Math.PI);
    const slope = ir.div(ir.sub(ir.mul(ir.cos(turn), turn), ir.sin(turn)), ir.mul(turn, x));
    return ir.select(ir.eq(x, 0), 0, ir.mul(g, slope));
  },
});

/**
 * Degrees as radians.
 * @example torch.tensor([180]).deg2rad() // tensor([3.1416])
 */
export const deg2rad: Unary = unary({
  name: "deg2rad",
  node: "Deg2Rad",
  dtype: "float",
  value: (x) => ir.mul(x, Math.PI / 180),
});
/**
 * Radians as degrees.
 * @example torch.zeros(1).rad2deg() // tensor([0.])
 */
export const rad2deg: Unary = unary({
  name: "rad2deg",
  node: "Rad2Deg",
  dtype: "float",
  value: (x) => ir.mul(x, 180 / Math.PI),
});

/**
 * The angle of a real number in the complex plane: 0, or π where it is negative.
 * @example torch.angle(torch.tensor([-1, 1])) // tensor([3.1416, 0.0000])
 */
export const angle: UnaryOnly = unary({
  name: "angle",
  dtype: "float",
  inplace: false,
  value: (x) => ir.select(ir.ne(x, x), x, ir.select(ir.lt(x, 0), Math.PI, 0)),
  grad: () => 0,
});
