/** How much code an expression is: light ones are unrolled, since the loop around them costs as much as they do. */
import type { BinaryCode, Expr, UnaryCode } from "../../ir/expr.ts";
import { fold } from "../../ir/fold.ts";

const oneInstruction: ReadonlySet<UnaryCode | BinaryCode> = new Set<UnaryCode | BinaryCode>([
  ...(["neg", "abs", "floor", "ceil", "trunc", "rint", "sqrt", "bitnot"] as const),
  ...(["add", "sub", "mul", "min", "max", "and", "or", "xor"] as const),
]);
const LIGHT = 4;
const HEAVY = LIGHT + 1;

/** Whether unrolling an expression is worth its code. */
export function isLight(expr: Expr): boolean {
  const own = (code: UnaryCode | BinaryCode): number => (oneInstruction.has(code) ? 1 : HEAVY);
  const weight = fold<number>(expr, {
    load: () => 0,
    const: () => 0,
    unary: ({ code }, a) => a + own(code),
    binary: ({ code }, a, b) => a + b + own(code),
    compare: (_, a, b) => a + b + 1,
    select: (_, test, a, b) => test + a + b + 1,
    cast: (_, a) => a + 1,
    call: () => HEAVY,
  });
  return weight <= LIGHT;
}
