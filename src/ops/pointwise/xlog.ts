/** x · log(y), with 0 where x is 0: for `xlogy` and `xlog1py`. */

import type { Operand } from "../../core/scalar.ts";
import { isTensor } from "../../core/tensor.ts";
import * as ir from "../../ir/expr.ts";
import type { Binary } from "../call.ts";
import { elementwise } from "../define.ts";
import type { GradRule } from "../pointwise.ts";
import { type Kernel, kernel } from "./kernel.ts";

/** x · log(y) and its kin: 0 where x is 0, whatever y is, but NaN where y is. */
const timesLog = (log: (y: ir.Expr) => ir.Expr) => (x: ir.Expr, y: ir.Expr) =>
  ir.select(ir.ne(y, y), y, ir.select(ir.eq(x, 0), 0, ir.mul(x, log(y))));

/** Which of three nodes: both tensors, a number first, a number second. */
export function byOperands<K>(kernels: readonly [K, K, K], self: Operand, other: Operand): K {
  if (!isTensor(self)) return kernels[1];
  return kernels[isTensor(other) ? 0 : 2];
}

/** An operator `x * log(y)`; `least` is the y whose logarithm is infinite. */
export function xlog(name: string, node: string, least: number, log: (y: ir.Expr) => ir.Expr, method = true): Binary {
  const value = timesLog(log);
  const bySelf: GradRule = (g, [x, y]) => ir.select(ir.and(ir.eq(x!, 0), ir.le(y!, least)), 0, value(g, y!));
  const byOther: GradRule = (g, [x, y]) => ir.div(ir.mul(g, x!), ir.sub(y!, least));
  const numbered = (n: number): Kernel =>
    kernel(name, 2, (x, y) => value(x!, y!), {
      node: `${node}Backward${n}`,
      dtype: "float",
      grads: [bySelf, byOther],
    });
  const kernels = [numbered(0), numbered(1), numbered(2)] as const;
  return elementwise({
    name,
    inplace: method,
    receiver: method ? 0 : null,
    params: "other:operand",
    kernel: (self, v) => {
      const other = v.other as Operand;
      return { kernel: byOperands(kernels, self, other), operands: [self, other] };
    },
  });
}
