/** Elementwise choice by a mask, for operators whose derivatives must not multiply infinities by zero. */
import type { Operand } from "../core/scalar.ts";
import type { Tensor } from "../core/tensor.ts";
import { load, loadBool, select } from "../ir/expr.ts";
import { pointwise } from "./define.ts";
import type { Pointwise } from "./pointwise.ts";

/** `test ? a : b`, elementwise. */
export const chooseKernel: Pointwise = /* @__PURE__ */ pointwise("where", 3, () =>
  select(loadBool(0), load(1), load(2)),
);

/** `a` where the mask is not 0, else `b`; differentiable in both. */
export function choose(mask: Tensor, a: Operand, b: Operand): Tensor {
  return chooseKernel.apply([mask, a, b]);
}
