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

/** Bitwise and; logical and of booleans. */
export const bitwiseAnd: Binary = bitwise("bitwiseAnd", noFloat("bitwise_and_cpu"), ir.and);
/** Bitwise or; logical or of booleans. */
export const bitwiseOr: Binary = bitwise("bitwiseOr", noFloat("bitwise_or_cpu"), ir.or);
/** Bitwise exclusive or; logical exclusive or of booleans. */
export const bitwiseXor: Binary = bitwise("bitwiseXor", noFloat("bitwise_xor_cpu"), ir.xor);
/** Bits shifted towards the high end; 0 where more than there are. */
export const bitwiseLeftShift: Binary = bitwise("bitwiseLeftShift", onlyInt("lshift_cpu"), ir.shl);
/** Bits shifted towards the low end, keeping the sign. */
export const bitwiseRightShift: Binary = bitwise("bitwiseRightShift", onlyInt("rshift_cpu"), ir.shr);

const complement = kernel("bitwiseNot", 1, (x) => ir.bitnot(x!));
const negation = kernel("bitwiseNot", 1, () => ir.bitnot(ir.loadBool(0)), { dtype: "bool" });

/** Bitwise complement; logical not of booleans. */
export const bitwiseNot: Unary = one({
  name: "bitwiseNot",
  refuse: noFloat("bitwise_not_cpu"),
  kernel: (dtype) => (dtype === bool ? negation : complement),
});

type Logical = OpInplace<[other: Tensor], "other">;

const logical = (name: string, value: (a: ir.Value, b: ir.Value) => ir.Expr): Logical =>
  two({ name, kernel: kernel(name, 2, () => value(ir.loadBool(0), ir.loadBool(1)), { dtype: "bool" }) });

/** Whether both elements are not 0. */
export const logicalAnd: Logical = logical("logicalAnd", ir.and);
/** Whether either element is not 0. */
export const logicalOr: Logical = logical("logicalOr", ir.or);
/** Whether exactly one element is not 0. */
export const logicalXor: Logical = logical("logicalXor", ir.xor);

/** Whether elements are 0. */
export const logicalNot: Unary = one({
  name: "logicalNot",
  kernel: kernel("logicalNot", 1, () => ir.bitnot(ir.loadBool(0)), { dtype: "bool" }),
});

const divisor = (name: "gcd" | "lcm"): Logical =>
  two({ name, refuse: onlyInt(`${name}_cpu`), kernel: kernel(name, 2, (a, b) => ir.call(name, a!, b!)) });

/** The greatest common divisor. */
export const gcd: Logical = divisor("gcd");
/** The least common multiple. */
export const lcm: Logical = divisor("lcm");
