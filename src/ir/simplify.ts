/** Identities that hold exactly, for every lane and every value: NaN, infinities and the sign of zero included. */
import type { BinaryCode, CompareCode, ComplexCode, Expr, UnaryCode } from "./expr.ts";
import { constant } from "./expr.ts";
import type { Node } from "./fold.ts";
import { fold, isBoolean, sameExpr } from "./fold.ts";

/** An equal expression, no larger. */
export function simplify(expr: Expr): Expr {
  return fold<Expr>(expr, {
    load: (node) => node,
    const: (node) => node,
    unary: (node, a) => simplifyUnary(node.code, a),
    binary: (node, a, b) => simplifyBinary(node.code, a, b),
    compare: (node, a, b) => simplifyCompare(node.code, a, b),
    select: (_, test, a, b) => simplifySelect(test, a, b),
    cast: (node, a) => simplifyCast(node.to, a),
    call: (node, args) => ({ op: "call", name: node.name, args }),
    complex: (node, args) => simplifyComplex(node.code, args),
  });
}

/** The number of a numeric constant, else undefined. */
export function constantNumber(expr: Expr): number | undefined {
  return expr.op === "const" && typeof expr.value === "number" ? expr.value : undefined;
}

function simplifyUnary(code: UnaryCode, a: Expr): Expr {
  if (a.op === "const") {
    const value = foldUnary(code, a.value);
    if (value !== undefined) return constant(value);
  }
  if (a.op === "unary" && !isBoolean(a.a)) {
    if (code === "neg" && a.code === "neg") return a.a;
    if (code === "abs" && (a.code === "neg" || a.code === "abs")) return { op: "unary", code, a: a.a };
  }
  if (code === "bitnot" && a.op === "unary" && a.code === "bitnot") return a.a;
  return { op: "unary", code, a };
}

/** Parts of what is real, and conjugates of conjugates. */
function simplifyComplex(code: ComplexCode, args: readonly Expr[]): Expr {
  const a = args[0]!;
  if (code === "conj" || code === "real") {
    if (constantNumber(a) !== undefined) return a;
    if (a.op === "complex" && (a.code === "real" || a.code === "imag")) return a;
    if (code === "conj" && a.op === "complex" && a.code === "conj") return a.args[0]!;
  }
  return { op: "complex", code, args };
}

function foldUnary(code: UnaryCode, value: number | boolean): number | boolean | undefined {
  if (typeof value === "boolean") return code === "bitnot" ? !value : undefined;
  const rule = exactUnary[code];
  if (rule === undefined || !everywhereExact(value)) return undefined;
  const result = rule(value);
  return everywhereExact(result) ? result : undefined;
}

const exactUnary: Partial<Record<UnaryCode, (x: number) => number>> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
};

function simplifyBinary(code: BinaryCode, a: Expr, b: Expr): Expr {
  const kept: Node<"binary"> = { op: "binary", code, a, b };
  if (a.op === "const" && b.op === "const") return foldBinary(kept, a.value, b.value);
  const x = constantNumber(a);
  const y = constantNumber(b);
  // The operand alone would stay a boolean where the arithmetic makes a number of it.
  if (y !== undefined && !isBoolean(a)) return rightIdentity(code, y, a) ?? kept;
  if (x !== undefined && !isBoolean(b)) return leftIdentity(code, x, b) ?? kept;
  if (b.op === "const" && typeof b.value === "boolean" && isBoolean(a))
    return logicalIdentity(code, a, b.value) ?? kept;
  if (a.op === "const" && typeof a.value === "boolean" && isBoolean(b))
    return logicalIdentity(code, b, a.value) ?? kept;
  return kept;
}

/** `a code y` where that is `a` or a constant. `a + 0` is not among them: -0 + 0 is 0. */
function rightIdentity(code: BinaryCode, y: number, a: Expr): Expr | undefined {
  if (y === 1 && (code === "mul" || code === "div" || code === "pow")) return a;
  if (y === -1 && code === "mul") return simplifyUnary("neg", a);
  if (code === "pow" && y === 0) return constant(1); // also of NaN
  if (code === "sub" && Object.is(y, 0)) return a;
  if (code === "add" && Object.is(y, -0)) return a;
  return undefined;
}

function leftIdentity(code: BinaryCode, x: number, b: Expr): Expr | undefined {
  if (code === "mul" && x === 1) return b;
  if (code === "mul" && x === -1) return simplifyUnary("neg", b);
  if (code === "add" && Object.is(x, -0)) return b;
  return undefined;
}

function logicalIdentity(code: BinaryCode, a: Expr, value: boolean): Expr | undefined {
  if (code === "and") return value ? a : constant(false);
  if (code === "or") return value ? constant(true) : a;
  if (code === "xor") return value ? simplifyUnary("bitnot", a) : a;
  return undefined;
}

function foldBinary(kept: Node<"binary">, x: number | boolean, y: number | boolean): Expr {
  if (typeof x === "boolean" && typeof y === "boolean") {
    if (kept.code === "and") return constant(x && y);
    if (kept.code === "or") return constant(x || y);
    if (kept.code === "xor") return constant(x !== y);
  }
  const rule = exactBinary[kept.code];
  if (rule === undefined || !everywhereExact(Number(x)) || !everywhereExact(Number(y))) return kept;
  const result = rule(Number(x), Number(y));
  return everywhereExact(result) ? constant(result) : kept;
}

/** Division is left out: 1 / 2 is 0.5 in a float lane and 0 in an integer lane. */
const exactBinary: Partial<Record<BinaryCode, (x: number, y: number) => number>> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  min: Math.min,
  max: Math.max,
};

/**
 * Whether a constant has one value in every lane. A sum or product of such float32 values that, computed in float64,
 * is a float32 again is what each lane would have computed. Non-integers stand in float lanes only. -0 is left alone,
 * since its text in a kernel's key is that of 0.
 */
function everywhereExact(x: number): boolean {
  return Math.fround(x) === x && Math.abs(x) < 2 ** 31 && !Object.is(x, -0);
}

const comparisons: Record<CompareCode, (x: number, y: number) => boolean> = {
  lt: (x, y) => x < y,
  le: (x, y) => x <= y,
  gt: (x, y) => x > y,
  ge: (x, y) => x >= y,
  eq: (x, y) => x === y,
  ne: (x, y) => x !== y,
};

function simplifyCompare(code: CompareCode, a: Expr, b: Expr): Expr {
  if (a.op === "const" && b.op === "const") {
    const x = Number(a.value);
    const y = Number(b.value);
    if (everywhereExact(x) && everywhereExact(y)) return constant(comparisons[code](x, y));
  }
  return { op: "compare", code, a, b };
}

function simplifySelect(test: Expr, a: Expr, b: Expr): Expr {
  if (isBoolean(a) === isBoolean(b)) {
    if (test.op === "const") return test.value !== false && test.value !== 0 ? a : b; // a NaN is true
    if (sameExpr(a, b)) return a;
  }
  if (test.op === "unary" && test.code === "bitnot" && isBoolean(test.a)) return simplifySelect(test.a, b, a);
  return { op: "select", test, a, b };
}

function simplifyCast(to: Node<"cast">["to"], a: Expr): Expr {
  if (to === "lane") {
    if (!isBoolean(a)) return a;
    if (a.op === "const") return constant(Number(a.value));
  }
  if (to === "bool") {
    if (isBoolean(a)) return a;
    if (a.op === "const" && everywhereExact(Number(a.value))) return constant(a.value !== 0);
  }
  return { op: "cast", a, to };
}
