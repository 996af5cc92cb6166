/** The one walk over an expression: every backend and every pass is a table of handlers given to `fold`. */
import type { Expr } from "./expr.ts";

/** The node of kind `K`. */
export type Node<K extends Expr["op"]> = Extract<Expr, { readonly op: K }>;

/** What to make of each kind of node, given what its operands became; the type proves the table complete. */
export interface Target<T> {
  load(node: Node<"load">): T;
  const(node: Node<"const">): T;
  unary(node: Node<"unary">, a: T): T;
  binary(node: Node<"binary">, a: T, b: T): T;
  compare(node: Node<"compare">, a: T, b: T): T;
  select(node: Node<"select">, test: T, a: T, b: T): T;
  cast(node: Node<"cast">, a: T): T;
  call(node: Node<"call">, args: readonly T[]): T;
  /** Only in what runs before the lowering of complex numbers. */
  complex?(node: Node<"complex">, args: readonly T[]): T;
}

/**
 * Folds an expression bottom up, operands from left to right. A subtree that occurs twice is visited twice, so that a
 * target may also emit code for a stack machine.
 */
export function fold<T>(expr: Expr, target: Target<T>): T {
  switch (expr.op) {
    case "load":
      return target.load(expr);
    case "const":
      return target.const(expr);
    case "unary":
      return target.unary(expr, fold(expr.a, target));
    case "binary":
      return target.binary(expr, fold(expr.a, target), fold(expr.b, target));
    case "compare":
      return target.compare(expr, fold(expr.a, target), fold(expr.b, target));
    case "select":
      return target.select(expr, fold(expr.test, target), fold(expr.a, target), fold(expr.b, target));
    case "cast":
      return target.cast(expr, fold(expr.a, target));
    case "call":
      return target.call(
        expr,
        expr.args.map((arg) => fold(arg, target)),
      );
    case "complex": {
      const args = expr.args.map((arg) => fold(arg, target));
      if (target.complex === undefined) throw new Error(`the complex '${expr.code}' in an expression of real numbers`);
      return target.complex(expr, args);
    }
    default:
      return expr satisfies never;
  }
}

/**
 * Whether an expression is a boolean rather than a number of the kernel's lane. `and`, `or`, `xor` and `bitnot` of
 * booleans, and a choice between two of them, are booleans; all else widens its booleans to 0 and 1.
 */
export function isBoolean(expr: Expr): boolean {
  switch (expr.op) {
    case "load":
      return expr.as === "bool";
    case "const":
      return typeof expr.value === "boolean";
    case "compare":
      return true;
    case "cast":
      return expr.to === "bool";
    case "unary":
      return expr.code === "bitnot" && isBoolean(expr.a);
    case "binary":
      return isLogical(expr.code) && isBoolean(expr.a) && isBoolean(expr.b);
    case "select":
      return isBoolean(expr.a) && isBoolean(expr.b);
    case "call":
    case "complex":
      return false;
    default:
      return expr satisfies never;
  }
}

/** Whether a binary code is one of those that are also defined on booleans. */
export function isLogical(code: Node<"binary">["code"]): boolean {
  return code === "and" || code === "or" || code === "xor";
}

/** Whether an expression reads input `index`. */
export function dependsOn(expr: Expr, index: number): boolean {
  return fold<boolean>(expr, {
    load: (node) => node.index === index,
    const: () => false,
    unary: (_, a) => a,
    binary: (_, a, b) => a || b,
    compare: (_, a, b) => a || b,
    select: (_, test, a, b) => test || a || b,
    cast: (_, a) => a,
    call: (_, args) => args.includes(true),
    complex: (_, args) => args.includes(true),
  });
}

/** Whether two expressions are the same tree; constants are compared by `Object.is`, so that 0 and -0 differ. */
export function sameExpr(x: Expr, y: Expr): boolean {
  if (x === y) return true;
  switch (x.op) {
    case "load":
      return y.op === "load" && x.index === y.index && x.as === y.as;
    case "const":
      return y.op === "const" && Object.is(x.value, y.value);
    case "unary":
      return y.op === "unary" && x.code === y.code && sameExpr(x.a, y.a);
    case "binary":
      return y.op === "binary" && x.code === y.code && sameExpr(x.a, y.a) && sameExpr(x.b, y.b);
    case "compare":
      return y.op === "compare" && x.code === y.code && sameExpr(x.a, y.a) && sameExpr(x.b, y.b);
    case "select":
      return y.op === "select" && sameExpr(x.test, y.test) && sameExpr(x.a, y.a) && sameExpr(x.b, y.b);
    case "cast":
      return y.op === "cast" && x.to === y.to && sameExpr(x.a, y.a);
    case "call":
      return y.op === "call" && x.name === y.name && sameArgs(x.args, y.args);
    case "complex":
      return y.op === "complex" && x.code === y.code && sameArgs(x.args, y.args);
    default:
      return x satisfies never;
  }
}

const sameArgs = (x: readonly Expr[], y: readonly Expr[]): boolean =>
  x.length === y.length && x.every((arg, i) => sameExpr(arg, y[i]!));
