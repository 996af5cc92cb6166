/** Sums, differences, products and quotients. */
import { bool, type DType } from "../../core/dtype.ts";
import { check, RuntimeError } from "../../core/errors.ts";
import { type Operand, resultType, type Scalar } from "../../core/scalar.ts";
import { isTensor, type Tensor } from "../../core/tensor.ts";
import * as ir from "../../ir/expr.ts";
import type { Binary, Forms, OpInfo, Unary } from "../call.ts";
import { binary, elementwise, needTensor, pointwise } from "../define.ts";
import { alias, kernel, narrowed, noBool, one, refuseZeroDivision, scalarTo, zeroGrad } from "./kernel.ts";

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

/**
 * Elementwise sum, the second operand times `alpha`. Broadcast; the dtype is the promoted one.
 * @throws RuntimeError for sizes that cannot be broadcast.
 * @example torch.tensor([1, 2]).add(torch.tensor([10, 20]), { alpha: 2 }) // tensor([21., 42.])
 */
export const add: WithAlpha = elementwise({
  name: "add",
  params: "other:operand * alpha:scalar=1",
  plain: () => addKernel,
  kernel: (self, v) => {
    const other = v.other as Operand;
    const alpha = v.alpha as Scalar;
    if (alpha === 1) return { kernel: addKernel, operands: [self, other] };
    checkAlpha(self, other, alpha);
    return { kernel: addScaled, operands: [self, other, alpha] };
  },
});

function refuseBools(self: Operand, other: Operand): void {
  if (!isBool(self) && !isBool(other)) return;
  const both = isBool(self) && isBool(other);
  throw new RuntimeError(
    both
      ? "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` " +
          "operator instead."
      : "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use " +
          "the `~` or `logical_not()` operator instead.",
  );
}

/**
 * Elementwise difference, the second operand times `alpha`. Broadcast; the dtype is the promoted one.
 * @throws RuntimeError for booleans, and for sizes that cannot be broadcast.
 * @example torch.tensor([5, 7]).sub(2) // tensor([3., 5.])
 */
export const sub: WithAlpha = elementwise({
  name: "sub",
  params: "other:operand * alpha:scalar=1",
  plain: (self, other) => {
    refuseBools(self, other);
    return subKernel;
  },
  kernel: (self, v) => {
    const other = v.other as Operand;
    const alpha = v.alpha as Scalar;
    refuseBools(self, other);
    if (alpha === 1) return { kernel: subKernel, operands: [self, other] };
    checkAlpha(self, other, alpha);
    return { kernel: subScaled, operands: [self, other, alpha] };
  },
});
/**
 * `sub` by its longer name.
 * @example torch.subtract(x, 1) // tensor([[-1., 0., 1.], [ 2., 3., 4.]])
 */
export const subtract: WithAlpha = alias("subtract", sub);

/** `rsub(a, b, { alpha })`. */
export interface Rsub {
  (self: Tensor, ...args: Forms<[other: Operand], ["other"], { alpha?: Scalar }>): Tensor;
  readonly op: OpInfo;
}

const reversed = (node: string) =>
  kernel("rsub", 3, (a, b, alpha) => ir.sub(b!, ir.mul(alpha!, a!)), { node: `RsubBackward${node}` });
const rsubTensor = reversed("0");
const rsubScalar = reversed("1");

/**
 * `other - self * alpha`.
 * @example torch.rsub(torch.tensor([1, 2]), 10) // tensor([9., 8.])
 */
export const rsub: Rsub = elementwise({
  name: "rsub",
  params: "other:operand * alpha:scalar=1",
  inplace: false,
  receiver: null,
  kernel: (self, v) => {
    const other = v.other as Operand;
    const alpha = v.alpha as Scalar;
    refuseBools(needTensor("rsub", self), other);
    checkAlpha(self, other, alpha);
    return { kernel: isTensor(other) ? rsubTensor : rsubScalar, operands: [self, other, alpha] };
  },
});

/**
 * Elementwise product. Broadcast; the dtype is the promoted one.
 * @throws RuntimeError for sizes that cannot be broadcast.
 * @example torch.tensor([[1], [2]]).mul(torch.tensor([10, 20])) // tensor([[10., 20.], [20., 40.]])
 */
export const mul: Binary = binary({ name: "mul", value: (a, b) => ir.mul(a, b) });
/**
 * `mul` by its longer name.
 * @example torch.multiply(x, 2) // tensor([[ 0., 2., 4.], [ 6., 8., 10.]])
 */
export const multiply: Binary = alias("multiply", mul);

/** `div(a, b, { roundingMode })`. */
export interface Div {
  (self: Operand, ...args: Forms<[other: Operand], ["other"], { roundingMode?: "trunc" | "floor" | null }>): Tensor;
  readonly op: OpInfo;
  readonly inplace: true;
}

const divided = pointwise("div", 2, (a, b) => ir.div(a!, b!), {
  dtype: "float",
  // As PyTorch: not by way of the result, which is infinite where the quotient overflows.
  grads: [(g, [, b]) => ir.div(g, b!), (g, [a, b]) => ir.mul(ir.neg(g), ir.div(ir.div(a!, b!), b!))],
});
const rounded = { node: "DivBackward2", grads: [zeroGrad, zeroGrad] };
const truncated = kernel("div", 2, (a, b) => ir.trunc(ir.div(a!, b!)), rounded);
const floored = kernel("div", 2, (a, b) => ir.floordiv(a!, b!), rounded);

/**
 * Elementwise quotient: true division, or rounded toward zero or down. `roundingMode` null (default), `"trunc"` or
 * `"floor"`; true division of integers gives the default float dtype. Broadcast.
 * @throws RuntimeError "ZeroDivisionError" for integers divided by 0 with a rounding mode.
 * @example torch.tensor([7, -7]).div(2, { roundingMode: "floor" }) // tensor([ 3., -4.])
 */
export const div: Div = elementwise({
  name: "div",
  params: "other:operand * roundingMode:str?=null",
  plain: () => divided,
  kernel: (self, v) => {
    const other = v.other as Operand;
    const operands = [self, other];
    const mode = v.roundingMode as string | null;
    if (mode === null) return { kernel: divided, operands };
    check(
      mode === "trunc" || mode === "floor",
      () => `div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '${mode}'`,
    );
    noBool(`div_${mode}_cpu`)(resultType(operands));
    refuseZeroDivision(self, other);
    return { kernel: mode === "trunc" ? truncated : floored, operands: narrowed(operands) };
  },
});
/**
 * `div` by its longer name.
 * @example torch.divide(x, 2) // tensor([[0.0000, 0.5000, 1.0000], [1.5000, 2.0000, 2.5000]])
 */
export const divide: Div = alias("divide", div);

/**
 * Elementwise quotient in floats. Broadcast.
 * @example torch.tensor([1n]).trueDivide(2) // tensor([0.5000])
 */
export const trueDivide: Binary = elementwise({
  name: "trueDivide",
  params: "other:operand",
  plain: () => divided,
  kernel: (self, v) => ({ kernel: divided, operands: [self, v.other as Operand] }),
});

const unknown = "derivative for aten::floor_divide is not implemented";
const floorQuotient = kernel("floorDivide", 2, (a, b) => ir.floordiv(a!, b!), {
  node: "NotImplemented",
  missing: [unknown, unknown],
});

/**
 * Elementwise quotient, rounded down: Python's `//`. Broadcast.
 * @throws RuntimeError "ZeroDivisionError" for integers divided by 0.
 * @example torch.tensor([7, -7]).floorDivide(2) // tensor([ 3., -4.])
 */
export const floorDivide: Binary = elementwise({
  name: "floorDivide",
  params: "other:operand",
  kernel: (self, v) => {
    const operands = narrowed([self, v.other as Operand]);
    noBool("div_floor_cpu")(resultType(operands));
    refuseZeroDivision(self, v.other as Operand);
    return { kernel: floorQuotient, operands };
  },
});

const negated = kernel("neg", 1, (x) => ir.neg(x!));

/**
 * Elementwise negation.
 * @throws RuntimeError for booleans.
 * @example torch.tensor([1, -2]).neg() // tensor([-1.,  2.])
 */
export const neg: Unary = one({
  name: "neg",
  refuse: (dtype) =>
    check(
      dtype !== bool,
      () =>
        "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the " +
        "`~` or `logical_not()` operator instead.",
    ),
  kernel: negated,
});
/**
 * `neg` by its longer name.
 * @example torch.negative(x) // tensor([[-0., -1., -2.], [-3., -4., -5.]])
 */
export const negative: Unary = alias("negative", neg);

/** `addcmul(self, tensor1, tensor2, { value })`. */
export interface Addc {
  (
    self: Tensor,
    ...args: Forms<[tensor1: Tensor, tensor2: Tensor], ["tensor1", "tensor2"], { value?: Scalar }>
  ): Tensor;
  readonly op: OpInfo;
  readonly inplace: true;
}

const plusProduct = kernel("addcmul", 4, (x, a, b, value) => ir.add(x!, ir.mul(ir.mul(value!, a!), b!)));
const plusQuotient = kernel("addcdiv", 4, (x, a, b, value) => ir.add(x!, ir.div(ir.mul(value!, a!), b!)), {
  grads: [
    (g) => g,
    (g, [, , b, value]) => ir.mul(g, ir.div(value!, b!)),
    (g, [, a, b, value]) => ir.neg(ir.mul(g, ir.div(ir.mul(value!, a!), ir.mul(b!, b!)))),
    null,
  ],
});

/**
 * `self + value * tensor1 * tensor2`. Broadcast; `value` 1.
 * @example torch.zeros(2).addcmul(torch.tensor([1, 2]), torch.tensor([3, 4]), { value: 2 }) // tensor([ 6., 16.])
 */
export const addcmul: Addc = elementwise({
  name: "addcmul",
  params: "tensor1:tensor tensor2:tensor * value:scalar=1",
  kernel: (self, v) => {
    const tensors = [needTensor("addcmul", self), v.tensor1 as Tensor, v.tensor2 as Tensor];
    const dtype = resultType(tensors);
    noBool("addcmul_cpu_out")(dtype);
    return { kernel: plusProduct, operands: [...tensors, scalarTo(v.value as Scalar, dtype)] };
  },
});

/**
 * `self + value * tensor1 / tensor2`. Broadcast; `value` 1.
 * @throws RuntimeError for integers.
 * @example torch.zeros(2).addcdiv(torch.tensor([6, 8]), torch.tensor([3, 4])) // tensor([2., 2.])
 */
export const addcdiv: Addc = elementwise({
  name: "addcdiv",
  params: "tensor1:tensor tensor2:tensor * value:scalar=1",
  kernel: (self, v) => {
    const [a, b] = [v.tensor1 as Tensor, v.tensor2 as Tensor];
    check(
      a.dtype.isFloatingPoint || b.dtype.isFloatingPoint,
      () =>
        "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true " +
        "division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * " +
        "torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / " +
        "tensor2) for float inputs. The future addcdiv behavior is just the latter implementation: (input + value * " +
        "tensor1 / tensor2), for all dtypes.",
    );
    const tensors = [needTensor("addcdiv", self), a, b];
    return { kernel: plusQuotient, operands: [...tensors, scalarTo(v.value as Scalar, resultType(tensors))] };
  },
});
