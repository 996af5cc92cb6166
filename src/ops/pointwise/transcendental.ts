/** Exponentials and logarithms. */
import type { Tensor } from "../../core/tensor.ts";
import * as ir from "../../ir/expr.ts";
import type { Binary, Op, Unary } from "../call.ts";
import { unary } from "../define.ts";
import { kernel, onlyFloat, two } from "./kernel.ts";
import { xlog } from "./xlog.ts";

/**
 * `e` to the power of each element.
 * @example torch.zeros(1).exp() // tensor([1.])
 */
export const exp: Unary = unary({
  name: "exp",
  dtype: "float",
  value: (x) => ir.exp(x),
  grad: (g, { out }) => ir.mul(g, out),
});
/**
 * 2 to the power of each element.
 * @example torch.exp2(torch.tensor([3])) // tensor([8.])
 */
export const exp2: Unary = unary({
  name: "exp2",
  dtype: "float",
  value: (x) => ir.pow(2, x),
  grad: (g, { out }) => ir.mul(ir.mul(g, out), Math.LN2),
});
/**
 * `exp(x) - 1`, exact near 0.
 * @example torch.zeros(1).expm1() // tensor([0.])
 */
export const expm1: Unary = unary({
  name: "expm1",
  dtype: "float",
  value: (x) => ir.expm1(x),
  grad: (g, { out }) => ir.mul(g, ir.add(out, 1)),
});
/**
 * The natural logarithm. Minus infinity at 0, NaN of negative numbers; integers give floats.
 * @example torch.ones(1).log() // tensor([0.])
 */
export const log: Unary = unary({ name: "log", dtype: "float", value: (x) => ir.log(x) });
/**
 * The logarithm to base 2.
 * @example torch.tensor([8]).log2() // tensor([3.])
 */
export const log2: Unary = unary({ name: "log2", dtype: "float", value: (x) => ir.log2(x) });
/**
 * The logarithm to base 10.
 * @example torch.tensor([1000]).log10() // tensor([3.])
 */
export const log10: Unary = unary({ name: "log10", dtype: "float", value: (x) => ir.log10(x) });
/**
 * `log(1 + x)`, exact near 0.
 * @example torch.zeros(1).log1p() // tensor([0.])
 */
export const log1p: Unary = unary({ name: "log1p", node: "Log1P", dtype: "float", value: (x) => ir.log1p(x) });

const logSum = (name: "logaddexp" | "logaddexp2"): Op<[other: Tensor], "other"> =>
  two({
    name,
    inplace: false,
    refuse: onlyFloat(`${name}_cpu`),
    kernel: kernel(name, 2, (a, b) => ir.call(name, a!, b!)),
  });

/**
 * `log(exp(self) + exp(other))` without overflow.
 * @example torch.zeros(1).logaddexp(torch.zeros(1)) // tensor([0.6931])
 */
export const logaddexp: Op<[other: Tensor], "other"> = logSum("logaddexp");
/**
 * `log2(2 ** self + 2 ** other)` without overflow.
 * @example torch.logaddexp2(torch.tensor([1]), torch.tensor([1])) // tensor([2.])
 */
export const logaddexp2: Op<[other: Tensor], "other"> = logSum("logaddexp2");

/**
 * `self * log(other)`, and 0 where `self` is 0.
 * @example torch.zeros(1).xlogy(torch.zeros(1)) // tensor([0.])
 */
export const xlogy: Binary = xlog("xlogy", "Xlogy", 0, ir.log);
