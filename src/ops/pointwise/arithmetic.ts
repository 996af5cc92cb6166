/** Elementwise arithmetic. */
import { bool, type DType } from "../../core/dtype.ts";
import { check, RuntimeError } from "../../core/errors.ts";
import type { Operand, Scalar } from "../../core/scalar.ts";
import { isTensor, type Tensor } from "../../core/tensor.ts";
import * as ir from "../../ir/expr.ts";
import type { Binary, Forms, OpInfo, Unary } from "../call.ts";
import { binary, elementwise, pointwise, unary } from "../define.ts";

/** `add(a, b, { alpha })`. */
export interface WithAlpha {
  (self: Operand, ...args: Forms<[other: Operand], ["other"], { alpha?: Scalar }>): Tensor;
  readonly op: OpInfo;
  readonly inplace: true;
}

const dtypeOf = (x: Operand): DType | null => (isTensor(x) ? x.dtype : null);
const isBool = (x: Operand): boolean => (isTensor(x) ? x.dtype === bool : typeof x === "boolean");

function checkAlpha(self: Operand, other: Operand, alpha: Scalar): void {
  const float =
    dtypeOf(self)?.isFloatingPoint ||
    dtypeOf(other)?.isFloatingPoint ||
    [self, other].some((x) => typeof x === "number" && !Number.isSafeInteger(x));
  check(
    typeof alpha !== "boolean" || (isBool(self) && isBool(other)),
    () => "Boolean alpha only supported for Boolean results.",
  );
  check(
    float || typeof alpha !== "number" || Number.isSafeInteger(alpha),
    () => "For integral input tensors, argument alpha must not be a floating point number.",
  );
}

const addKernel = pointwise("add", 2, (a, b) => ir.add(a!, b!));
const addScaled = pointwise("add", 3, (a, b, alpha) => ir.add(a!, ir.mul(alpha!, b!)));
const subKernel = pointwise("sub", 2, (a, b) => ir.sub(a!, b!));
const subScaled = pointwise("sub", 3, (a, b, alpha) => ir.sub(a!, ir.mul(alpha!, b!)));

/** Elementwise sum, the second operand times `alpha`. */
export const add: WithAlpha = elementwise({
  name: "add",
  params: "other:operand * alpha:scalar=1",
  kernel: (self, v) => {
    const other = v.other as Operand;
    const alpha = v.alpha as Scalar;
    if (alpha === 1) return { kernel: addKernel, operands: [self, other] };
    checkAlpha(self, other, alpha);
    return { kernel: addScaled, operands: [self, other, alpha] };
  },
});

/** Elementwise difference, the second operand times `alpha`. */
export const sub: WithAlpha = elementwise({
  name: "sub",
  params: "other:operand * alpha:scalar=1",
  kernel: (self, v) => {
    const other = v.other as Operand;
    const alpha = v.alpha as Scalar;
    if (isBool(self) || isBool(other)) {
      const both = isBool(self) && isBool(other);
      throw new RuntimeError(
        both
          ? "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead."
          : "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.",
      );
    }
    if (alpha === 1) return { kernel: subKernel, operands: [self, other] };
    checkAlpha(self, other, alpha);
    return { kernel: subScaled, operands: [self, other, alpha] };
  },
});

/** Elementwise product. */
export const mul: Binary = binary({ name: "mul", value: (a, b) => ir.mul(a, b) });

/** `div(a, b, { roundingMode })`. */
export interface Div {
  (self: Operand, ...args: Forms<[other: Operand], ["other"], { roundingMode?: "trunc" | "floor" | null }>): Tensor;
  readonly op: OpInfo;
  readonly inplace: true;
}

const trueDiv = pointwise("div", 2, (a, b) => ir.div(a!, b!), { dtype: "float" });
const truncDiv = pointwise("div", 2, (a, b) => ir.trunc(ir.div(a!, b!)), {
  grads: [() => ir.constant(0), () => ir.constant(0)],
});
const floorDiv = pointwise("div", 2, (a, b) => ir.floordiv(a!, b!), {
  grads: [() => ir.constant(0), () => ir.constant(0)],
});

/** Throws as integer division by zero does, before anything is computed. */
export function refuseZeroDivision(self: Operand, other: Operand): void {
  const ints = [self, other].every(
    (x) => !(isTensor(x) ? x.dtype.isFloatingPoint : typeof x === "number" && !Number.isSafeInteger(x)),
  );
  if (!ints) return;
  const zero = isTensor(other)
    ? other.numel() > 0 && other.device.type === "cpu" && other.eq(0).any().item()
    : Number(other) === 0;
  check(!zero, () => "ZeroDivisionError");
}

/** Elementwise quotient: true division, or rounded toward zero or down. */
export const div: Div = elementwise({
  name: "div",
  params: "other:operand * roundingMode:str?=null",
  kernel: (self, v) => {
    const operands = [self, v.other as Operand];
    const mode = v.roundingMode as string | null;
    if (mode === null) return { kernel: trueDiv, operands };
    check(
      mode === "trunc" || mode === "floor",
      () => `div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '${mode}'`,
    );
    refuseZeroDivision(self, v.other as Operand);
    return { kernel: mode === "trunc" ? truncDiv : floorDiv, operands };
  },
});

/** Elementwise negation. */
export const neg: Unary = unary({ name: "neg", value: (x) => ir.neg(x) });
