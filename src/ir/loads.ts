/** Which inputs an expression reads, and the same expression over renumbered inputs. */
import type { Expr } from "./expr.ts";

/** Inputs read as lane values, and as booleans. */
export interface Loads {
  readonly lane: ReadonlySet<number>;
  readonly bool: ReadonlySet<number>;
}

/** The expression with its parts replaced. */
export function rebuild(expr: Expr, part: (child: Expr) => Expr): Expr {
  switch (expr.op) {
    case "load":
    case "const":
      return expr;
    case "unary":
    case "cast":
      return { ...expr, a: part(expr.a) };
    case "binary":
    case "compare":
      return { ...expr, a: part(expr.a), b: part(expr.b) };
    case "select":
      return { ...expr, test: part(expr.test), a: part(expr.a), b: part(expr.b) };
    case "call":
      return { ...expr, args: expr.args.map(part) };
  }
}

/** The inputs that `expr` reads. */
export function loadsOf(expr: Expr): Loads {
  const lane = new Set<number>();
  const bool = new Set<number>();
  const visit = (e: Expr): Expr => {
    if (e.op === "load") (e.as === "bool" ? bool : lane).add(e.index);
    return rebuild(e, visit);
  };
  visit(expr);
  return { lane, bool };
}

/** `expr` with input i read as input `renumber(i)`. */
export function mapLoads(expr: Expr, renumber: (index: number) => number): Expr {
  const visit = (e: Expr): Expr => (e.op === "load" ? { ...e, index: renumber(e.index) } : rebuild(e, visit));
  return visit(expr);
}
