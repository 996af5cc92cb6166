/** Elementwise comparisons and questions about elements; the result is bool. */
import { check } from "../../core/errors.ts";
import type { Operand } from "../../core/scalar.ts";
import type { Tensor } from "../../core/tensor.ts";
import * as ir from "../../ir/expr.ts";
import type { Binary, Op } from "../call.ts";
import { imag } from "../complex.ts";
import { composite, elementwise } from "../define.ts";
import { alias, isFiniteExpr, kernel, narrowed, one, type UnaryOnly } from "./kernel.ts";

function comparison(name: string, value: (a: ir.Value, b: ir.Value) => ir.Expr): Binary {
  const compare = kernel(name, 2, (a, b) => value(a!, b!), { dtype: "bool" });
  return elementwise({
    name,
    params: "other:operand",
    kernel: (self, v) => {
      return { kernel: compare, operands: narrowed([self, v.other as Operand]) };
    },
  });
}

/**
 * Whether elements are equal. Broadcast; the result is bool. `torch.equal` asks about whole tensors.
 * @example torch.tensor([1, 2]).eq(2) // tensor([False,  True])
 */
export const eq: Binary = comparison("eq", ir.eq);
/**
 * Whether elements differ. Broadcast; the result is bool.
 * @example torch.tensor([1, 2]).ne(2) // tensor([ True, False])
 */
export const ne: Binary = comparison("ne", ir.ne);
/**
 * `ne` by its longer name.
 * @example x.notEqual(2) // tensor([[ True, True, False], [ True, True, True]])
 */
export const notEqual: Binary = alias("notEqual", ne);
/**
 * Whether elements are less. Broadcast; the result is bool.
 * @example torch.tensor([1, 2]).lt(2) // tensor([ True, False])
 */
export const lt: Binary = comparison("lt", ir.lt);
/**
 * `lt` by its longer name.
 * @example x.less(2) // tensor([[ True, True, False], [False, False, False]])
 */
export const less: Binary = alias("less", lt);
/**
 * Whether elements are less or equal. Broadcast; the result is bool.
 * @example torch.tensor([1, 2]).le(1) // tensor([ True, False])
 */
export const le: Binary = comparison("le", ir.le);
/**
 * `le` by its longer name.
 * @example x.lessEqual(2) // tensor([[ True, True, True], [False, False, False]])
 */
export const lessEqual: Binary = alias("lessEqual", le);
/**
 * Whether elements are greater. Broadcast; the result is bool.
 * @example torch.tensor([1, 2]).gt(1) // tensor([False,  True])
 */
export const gt: Binary = comparison("gt", ir.gt);
/**
 * `gt` by its longer name.
 * @example x.greater(2) // tensor([[False, False, False], [ True, True, True]])
 */
export const greater: Binary = alias("greater", gt);
/**
 * Whether elements are greater or equal. Broadcast; the result is bool.
 * @example torch.tensor([1, 2]).ge(2) // tensor([False,  True])
 */
export const ge: Binary = comparison("ge", ir.ge);
/**
 * `ge` by its longer name.
 * @example x.greaterEqual(2) // tensor([[False, False, True], [ True, True, True]])
 */
export const greaterEqual: Binary = alias("greaterEqual", ge);

const isInfinite = (x: ir.Expr): ir.Expr => ir.and(ir.eq(x, x), ir.ne(ir.sub(x, x), 0));

const question = (name: string, value: (x: ir.Expr) => ir.Expr): UnaryOnly =>
  one({ name, inplace: false, kernel: kernel(name, 1, (x) => value(x!), { dtype: "bool" }) });

/**
 * Whether elements are NaN.
 * @example torch.tensor([NaN, 1]).isnan() // tensor([ True, False])
 */
export const isnan: UnaryOnly = question("isnan", (x) => ir.ne(x, x));
/**
 * Whether elements are infinite.
 * @example torch.tensor([Infinity, 1]).isinf() // tensor([ True, False])
 */
export const isinf: UnaryOnly = question("isinf", isInfinite);
/**
 * Whether elements are neither infinite nor NaN.
 * @example torch.tensor([NaN, 1]).isfinite() // tensor([False,  True])
 */
export const isfinite: UnaryOnly = question("isfinite", isFiniteExpr);
/**
 * Whether elements are positive infinity.
 * @example torch.isposinf(torch.tensor([Infinity, 1])) // tensor([ True, False])
 */
export const isposinf: UnaryOnly = question("isposinf", (x) => ir.and(isInfinite(x), ir.gt(x, 0)));
/**
 * Whether elements are negative infinity.
 * @example torch.isneginf(torch.tensor([-Infinity, 1])) // tensor([ True, False])
 */
export const isneginf: UnaryOnly = question("isneginf", (x) => ir.and(isInfinite(x), ir.lt(x, 0)));

/**
 * Whether elements are real: all of a tensor that is not complex, else those without an imaginary part.
 * @example torch.isreal(torch.tensor([1, 2])) // tensor([True, True])
 */
export const isreal: UnaryOnly = composite({ name: "isreal" }, (self) =>
  self.dtype.isComplex ? imag(self.detach()).eq(0) : self.newOnes(self.shape, { dtype: "bool" }),
);

const differs = kernel("isclose", 2, (a, b) => ir.abs(ir.sub(a!, b!)), { dtype: "float", differentiable: false });
const within = kernel(
  "isclose",
  4,
  (difference, b, rtol, atol) =>
    ir.and(isFiniteExpr(difference!), ir.le(difference!, ir.add(atol!, ir.abs(ir.mul(rtol!, b!))))),
  { dtype: "bool" },
);

/**
 * Whether `|self - other| <= atol + rtol * |other|`, elementwise. `rtol` 1e-5, `atol` 1e-8; NaN equals NaN with
 * `equalNan`.
 * @example torch.tensor([1]).isclose(torch.tensor([1.000001])) // tensor([True])
 */
export const isclose: Op<
  [other: Tensor, rtol?: number, atol?: number, equalNan?: boolean],
  "other rtol atol equalNan"
> = composite(
  { name: "isclose", params: "other:tensor rtol:float=1e-5 atol:float=1e-8 equalNan:bool=false" },
  (self, v) => {
    const other = v.other as Tensor;
    const [rtol, atol] = [v.rtol as number, v.atol as number];
    check(self.dtype === other.dtype, () => `${self.dtype.scalarName} did not match ${other.dtype.scalarName}`);
    check(rtol >= 0, () => `rtol must be greater than or equal to zero, but got ${rtol}`);
    check(atol >= 0, () => `atol must be greater than or equal to zero, but got ${atol}`);
    let close = self.eq(other);
    if (v.equalNan === true && self.dtype.isFloatingPoint)
      close = close.bitwiseOr(self.isnan().bitwiseAnd(other.isnan()));
    if (rtol === 0 && atol === 0) return close;
    const difference = differs.apply([self, other]);
    const real = other.dtype.isFloatingPoint ? other : other.to(difference.dtype);
    return close.bitwiseOr(within.apply([difference, real, rtol, atol]));
  },
);
