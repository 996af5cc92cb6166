/** Numbers as mantissa and exponent. */
import { int32 } from "../../core/dtype.ts";
import { check } from "../../core/errors.ts";
import { type NamedTuple, namedTuple } from "../../core/namedtuple.ts";
import type { Tensor } from "../../core/tensor.ts";
import * as ir from "../../ir/expr.ts";
import type { Op } from "../call.ts";
import { custom, differentiable, unrecorded } from "../define.ts";
import { isFiniteExpr, kernel } from "./kernel.ts";

/** The logarithm rounds near powers of two, so that its floor may be one off either way. */
function exponentOf(x: ir.Expr): ir.Expr {
  const guess = ir.add(ir.floor(ir.log2(ir.abs(x))), 1);
  const size = ir.abs(ir.call("ldexp", x, ir.neg(guess)));
  return ir.add(guess, ir.select(ir.ge(size, 1), 1, ir.select(ir.lt(size, 0.5), -1, 0)));
}

const regular = (x: ir.Expr): ir.Expr => ir.and(ir.ne(x, 0), isFiniteExpr(x));
const mantissas = kernel("frexp", 1, (x) => ir.select(regular(x!), ir.call("ldexp", x!, ir.neg(exponentOf(x!))), x!));
const exponents = kernel("frexp", 1, (x) => ir.select(regular(x!), exponentOf(x!), 0));

/** What `frexp` returns. */
export type Frexp = NamedTuple<Tensor, readonly ["mantissa", "exponent"]>;
const result = namedTuple("frexp", ["mantissa", "exponent"]);

/**
 * Each element as `mantissa * 2 ** exponent`, the mantissa's size from 1/2 to 1.
 * @example torch.frexp(torch.tensor([6])).mantissa // tensor([0.7500])
 */
export const frexp: Op<[], "", unknown, Frexp> = custom({ name: "frexp" }, (self) => {
  check(self.dtype.isFloatingPoint, () => "torch.frexp() only supports floating-point dtypes");
  const [mantissa, exponent] = unrecorded(() => [mantissas.apply([self]), exponents.apply([self]).to(int32)] as const);
  differentiable("FrexpBackward0", mantissa, [self], [exponent], ([g], [power]) => [
    g!.div(power!.to(g!.dtype).exp2()),
  ]);
  return result(mantissa, exponent);
});
