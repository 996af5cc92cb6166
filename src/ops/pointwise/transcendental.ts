/** Exponentials, logarithms, trigonometry, roots. */
import * as ir from "../../ir/expr.ts";
import type { Unary } from "../call.ts";
import { unary } from "../define.ts";

/** `e` to the power of each element. */
export const exp: Unary = unary({
  name: "exp",
  dtype: "float",
  value: (x) => ir.exp(x),
  grad: (g, { out }) => ir.mul(g, out),
});
