/** Elementwise comparisons; the result is bool. */
import * as ir from "../../ir/expr.ts";
import type { Binary, Unary } from "../call.ts";
import { comparison, unary } from "../define.ts";

/** Whether elements are equal. */
export const eq: Binary = comparison({ name: "eq", value: (a, b) => ir.eq(a, b) });
/** Whether elements differ. */
export const ne: Binary = comparison({ name: "ne", value: (a, b) => ir.ne(a, b) });
/** Whether elements are less. */
export const lt: Binary = comparison({ name: "lt", value: (a, b) => ir.lt(a, b) });
/** Whether elements are less or equal. */
export const le: Binary = comparison({ name: "le", value: (a, b) => ir.le(a, b) });
/** Whether elements are greater. */
export const gt: Binary = comparison({ name: "gt", value: (a, b) => ir.gt(a, b) });
/** Whether elements are greater or equal. */
export const ge: Binary = comparison({ name: "ge", value: (a, b) => ir.ge(a, b) });
/** Whether elements are NaN. */
export const isnan: Unary = unary({ name: "isnan", dtype: "bool", inplace: false, value: (x) => ir.ne(x, x) });
