/** Which inputs an expression reads, and the same expression over renumbered inputs. */
import type { Expr } from "./expr.ts";
import { fold } from "./fold.ts";

/** Inputs read as lane values, and as booleans. */
export interface Loads {
  readonly lane: ReadonlySet<number>;
  readonly bool: ReadonlySet<number>;
}

/** The inputs that `expr` reads. */
export function loadsOf(expr: Expr): Loads {
  const lane = new Set<number>();
  const bool = new Set<number>();
  const nothing = (): void => undefined;
  fold<void>(expr, {
    load: (node) => void (node.as === "bool" ? bool : lane).add(node.index),
    const: nothing,
    unary: nothing,
    binary: nothing,
    compare: nothing,
    select: nothing,
    cast: nothing,
    call: nothing,
    complex: nothing,
  });
  return { lane, bool };
}

/** `expr` with input i read as input `renumber(i)`. */
export function mapLoads(expr: Expr, renumber: (index: number) => number): Expr {
  return fold<Expr>(expr, {
    load: (node) => ({ ...node, index: renumber(node.index) }),
    const: (node) => node,
    unary: (node, a) => ({ ...node, a }),
    binary: (node, a, b) => ({ ...node, a, b }),
    compare: (node, a, b) => ({ ...node, a, b }),
    select: (node, test, a, b) => ({ ...node, test, a, b }),
    cast: (node, a) => ({ ...node, a }),
    call: (node, args) => ({ ...node, args }),
    complex: (node, args) => ({ ...node, args }),
  });
}
