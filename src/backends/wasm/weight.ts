/** How much code an expression is: unrolling pays where the loop around it costs a good part of what it does. */
import type { BinaryCode, Expr, UnaryCode } from "../../ir/expr.ts";
import { fold } from "../../ir/fold.ts";

const oneInstruction: ReadonlySet<UnaryCode | BinaryCode> = new Set<UnaryCode | BinaryCode>([
  ...(["neg", "abs", "floor", "ceil", "trunc", "rint", "sqrt", "bitnot"] as const),
  ...(["add", "sub", "mul", "min", "max", "and", "or", "xor"] as const),
]);
const LIGHT = 4;
const HEAVY = LIGHT + 1;

function weightOf(expr: Expr): number {
  const own = (code: UnaryCode | BinaryCode): number => (oneInstruction.has(code) ? 1 : HEAVY);
  return fold<number>(expr, {
    load: () => 0,
    const: () => 0,
    unary: ({ code }, a) => a + own(code),
    binary: ({ code }, a, b) => a + b + own(code),
    compare: (_, a, b) => a + b + 1,
    select: (_, test, a, b) => test + a + b + 1,
    cast: (_, a) => a + 1,
    call: () => HEAVY,
  });
}

/** Whether an expression is little more than reading and writing. */
export const isLight = (expr: Expr): boolean => weightOf(expr) <= LIGHT;

/** How many vectors an iteration should compute. */
export function unrolling(expr: Expr): 1 | 2 | 4 {
  const weight = weightOf(expr);
  return weight <= LIGHT ? 4 : weight <= 3 * HEAVY ? 2 : 1;
}
