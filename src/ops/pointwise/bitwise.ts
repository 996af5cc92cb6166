/** Elementwise logic: bitwise on integers and booleans, logical on all. Common divisors too. */
import { bool } from "../../core/dtype.ts";
import { type Operand, resultType } from "../../core/scalar.ts";
import type { Tensor } from "../../core/tensor.ts";
import * as ir from "../../ir/expr.ts";
import type { Binary, OpInplace, Unary } from "../call.ts";
import { elementwise } from "../define.ts";
import { kernel, narrowed, noFloat, one, onlyInt, type Refusal, two } from "./kernel.ts";

function bitwise(name: string, refuse: Refusal, value: (a: ir.Value, b: ir.Value) => ir.Expr): Binary {
  const bits = kernel(name, 2, (a, b) => value(a!, b!));
  return elementwise({
    name,
    params: "other:operand",
    kernel: (self, v) => {
      const operands = narrowed([self, v.other as Operand]);
      refuse(resultType(operands));
      return { kernel: bits, operands };
    },
  });
}

/**
 * Bitwise and; logical and of booleans. Integers and booleans. Python's `&`.
 * @throws RuntimeError for floats.
 * @example torch.tensor([6n]).bitwiseAnd(3) // tensor([2])
 */
export const bitwiseAnd: Binary = bitwise("bitwiseAnd", noFloat("bitwise_and_cpu"), ir.and);
/**
 * Bitwise or; logical or of booleans. Integers and booleans. Python's `|`.
 * @throws RuntimeError for floats.
 * @example torch.tensor([6n]).bitwiseOr(1) // tensor([7])
 */
export const bitwiseOr: Binary = bitwise("bitwiseOr", noFloat("bitwise_or_cpu"), ir.or);
/**
 * Bitwise exclusive or; logical exclusive or of booleans. Integers and booleans. Python's `^`.
 * @throws RuntimeError for floats.
 * @example torch.tensor([6n]).bitwiseXor(3) // tensor([5])
 */
export const bitwiseXor: Binary = bitwise("bitwiseXor", noFloat("bitwise_xor_cpu"), ir.xor);
/**
 * Bits shifted towards the high end; 0 where more than there are. Integers; Python's `<<`.
 * @example torch.tensor([3n]).bitwiseLeftShift(2) // tensor([12])
 */
export const bitwiseLeftShift: Binary = bitwise("bitwiseLeftShift", onlyInt("lshift_cpu"), ir.shl);
/**
 * Bits shifted towards the low end, keeping the sign. Integers; Python's `>>`.
 * @example torch.tensor([12n]).bitwiseRightShift(2) // tensor([3])
 */
export const bitwiseRightShift: Binary = bitwise("bitwiseRightShift", onlyInt("rshift_cpu"), ir.shr);

const complement = kernel("bitwiseNot", 1, (x) => ir.bitnot(x!));
const negation = kernel("bitwiseNot", 1, () => ir.bitnot(ir.loadBool(0)), { dtype: "bool" });

/**
 * Bitwise complement; logical not of booleans. Integers and booleans. Python's `~`.
 * @throws RuntimeError for floats.
 * @example torch.tensor([true, false]).bitwiseNot() // tensor([False,  True])
 */
export const bitwiseNot: Unary = one({
  name: "bitwiseNot",
  refuse: noFloat("bitwise_not_cpu"),
  kernel: (dtype) => (dtype === bool ? negation : complement),
});

type Logical = OpInplace<[other: Tensor], "other">;

const logical = (name: string, value: (a: ir.Value, b: ir.Value) => ir.Expr): Logical =>
  two({ name, kernel: kernel(name, 2, () => value(ir.loadBool(0), ir.loadBool(1)), { dtype: "bool" }) });

/**
 * Whether both elements are not 0. Any dtypes; the result is bool.
 * @example torch.tensor([0, 2]).logicalAnd(torch.tensor([1, 1])) // tensor([False,  True])
 */
export const logicalAnd: Logical = logical("logicalAnd", ir.and);
/**
 * Whether either element is not 0. Any dtypes; the result is bool.
 * @example torch.tensor([0, 2]).logicalOr(torch.tensor([0, 0])) // tensor([False,  True])
 */
export const logicalOr: Logical = logical("logicalOr", ir.or);
/**
 * Whether exactly one element is not 0. Any dtypes; the result is bool.
 * @example torch.tensor([0, 2]).logicalXor(torch.tensor([1, 1])) // tensor([ True, False])
 */
export const logicalXor: Logical = logical("logicalXor", ir.xor);

/**
 * Whether elements are 0. Any dtype; the result is bool.
 * @example torch.tensor([0, 2]).logicalNot() // tensor([ True, False])
 */
export const logicalNot: Unary = one({
  name: "logicalNot",
  kernel: kernel("logicalNot", 1, () => ir.bitnot(ir.loadBool(0)), { dtype: "bool" }),
});

const divisor = (name: "gcd" | "lcm"): Logical =>
  two({ name, refuse: onlyInt(`${name}_cpu`), kernel: kernel(name, 2, (a, b) => ir.call(name, a!, b!)) });

/**
 * The greatest common divisor. Integers.
 * @throws RuntimeError for floats and booleans.
 * @example torch.tensor([12n]).gcd(torch.tensor([18n])) // tensor([6])
 */
export const gcd: Logical = divisor("gcd");
/**
 * The least common multiple. Integers.
 * @throws RuntimeError for floats and booleans.
 * @example torch.tensor([4n]).lcm(torch.tensor([6n])) // tensor([12])
 */
export const lcm: Logical = divisor("lcm");
