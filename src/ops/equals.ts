/** Equality in which NaN equals NaN, as a mask for derivatives. */
import type { Tensor } from "../core/tensor.ts";
import * as ir from "../ir/expr.ts";
import { pointwise } from "./define.ts";

const same = pointwise("eq", 2, (a, b) => ir.select(ir.ne(a!, a!), ir.ne(b!, b!), ir.eq(a!, b!)), { dtype: "bool" });

/** Where elements are the value, or NaN where the value is. */
export function equalOrNan(x: Tensor, value: Tensor): Tensor {
  return same.apply([x.detach(), value.detach()]);
}
