/** Elementwise activations. */
import * as ir from "../../ir/expr.ts";
import type { Unary } from "../call.ts";
import { unary } from "../define.ts";

/** Rectified linear unit: `max(x, 0)`; its derivative at 0 is 0. */
export const relu: Unary = unary({
  name: "relu",
  value: (x) => ir.select(ir.le(x, 0), ir.constant(0), x),
  grad: (g, { out }) => ir.select(ir.gt(out, 0), g, 0),
});

/** Logistic sigmoid `1 / (1 + exp(-x))`. */
export const sigmoid: Unary = unary({
  name: "sigmoid",
  dtype: "float",
  value: (x) => ir.div(1, ir.add(1, ir.exp(ir.neg(x)))),
  grad: (g, { out }) => ir.mul(g, ir.mul(out, ir.sub(1, out))),
});
