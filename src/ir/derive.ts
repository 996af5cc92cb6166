/** The chain rule: derivatives of expressions, as expressions over the same loads. */
import type { BinaryCode, Expr, UnaryCode } from "./expr.ts";
import {
  add,
  and,
  constant,
  cos,
  cosh,
  div,
  eq,
  exp,
  floor,
  ge,
  gt,
  log,
  lt,
  mul,
  neg,
  pow,
  select,
  sign,
  sin,
  sinh,
  sqrt,
  sub,
  tan,
  tanh,
  trunc,
} from "./expr.ts";
import type { Node } from "./fold.ts";
import { dependsOn, isBoolean } from "./fold.ts";

export { dependsOn } from "./fold.ts";

import { constantNumber, simplify } from "./simplify.ts";
import { specialFunction } from "./special.ts";

/**
 * The derivative of `expr` with respect to the number that `load(wrt)` reads, simplified. Conventions at kinks are
 * PyTorch's: the sign of 0 is 0, ties of `min` and `max` share the gradient, steps and integer operations give 0.
 */
export function derive(expr: Expr, wrt: number): Expr {
  return simplify(chain(simplify(expr), wrt));
}

/**
 * The gradient `g` times the local derivative `d`. A constant 0 stays one, and the factor moves into choices that have
 * a 0 among their branches, so that an infinite gradient is masked there rather than turned into NaN.
 */
export function mulGrad(g: Expr, d: Expr): Expr {
  const value = constantNumber(d);
  if (value === 0 || constantNumber(g) === 0) return constant(0);
  if (value === 1) return g;
  if (constantNumber(g) === 1) return d;
  if (isMask(d)) return select(d.test, mulGrad(g, d.a), mulGrad(g, d.b));
  if (isMask(g)) return select(g.test, mulGrad(g.a, d), mulGrad(g.b, d));
  if (d.op === "binary" && d.code === "div" && constantNumber(d.a) === 1) return div(g, d.b); // one rounding less
  return simplify(mul(g, d));
}

/** Whether an expression is a choice with a constant 0 among its branches. */
function isMask(d: Expr): d is Node<"select"> {
  if (d.op !== "select") return false;
  return [d.a, d.b].some((branch) => constantNumber(branch) === 0 || isMask(branch));
}

const zero: Expr = constant(0);
const isZero = (e: Expr): boolean => constantNumber(e) === 0;

/** Sum of two derivatives, in which a constant 0 means "does not depend". */
function plus(x: Expr, y: Expr): Expr {
  if (isZero(x)) return y;
  return isZero(y) ? x : add(x, y);
}

function chain(expr: Expr, wrt: number): Expr {
  if (isBoolean(expr) || !dependsOn(expr, wrt)) return zero;
  switch (expr.op) {
    case "load":
      return constant(1);
    case "const":
      return zero;
    case "unary":
      return mulGrad(chain(expr.a, wrt), unaryRules[expr.code](expr.a, expr));
    case "binary": {
      const { a, b } = expr;
      const [byA, byB] = binaryRules[expr.code];
      const da = chain(a, wrt);
      const db = chain(b, wrt);
      return plus(isZero(da) ? zero : mulGrad(da, byA(a, b, expr)), isZero(db) ? zero : mulGrad(db, byB(a, b, expr)));
    }
    case "compare":
      return zero;
    case "select": {
      const da = chain(expr.a, wrt);
      const db = chain(expr.b, wrt);
      return isZero(da) && isZero(db) ? zero : select(expr.test, da, db);
    }
    case "cast":
      return passesGradient(expr) ? chain(expr.a, wrt) : zero;
    case "call":
      return chainCall(expr, wrt);
    case "complex":
      throw new Error(`'${expr.code}' has no complex derivative`);
    default:
      return expr satisfies never;
  }
}

/** Rounding to a narrower float keeps the gradient, as PyTorch's `to`; a trip through an integer is a step. */
export function passesGradient({ to }: Node<"cast">): boolean {
  return to === "lane" || to === "float16" || to === "bfloat16" || to === "float32" || to === "float64";
}

function chainCall(expr: Node<"call">, wrt: number): Expr {
  return expr.args.reduce((sum, arg, i) => {
    const inner = chain(arg, wrt);
    return isZero(inner) ? sum : plus(sum, mulGrad(inner, callRules(expr, i)));
  }, zero);
}

/** The derivative of a special function by argument `i`. */
export function callRules(expr: Node<"call">, i: number): Expr {
  const rule = specialFunction(expr.name).derivatives?.[i];
  if (!rule) throw new Error(`the derivative for '${expr.name}' is not implemented`);
  return simplify(rule(...expr.args));
}

/** The derivative of `out = code(a)`. */
export type UnaryRule = (a: Expr, out: Expr) => Expr;

const flat: UnaryRule = () => zero;
const square = (a: Expr): Expr => mul(a, a);

export const unaryRules: Readonly<Record<UnaryCode, UnaryRule>> = {
  neg: () => constant(-1),
  abs: (a) => sign(a),
  sign: flat,
  floor: flat,
  ceil: flat,
  trunc: flat,
  rint: flat,
  sqrt: (_, out) => div(1, mul(2, out)),
  exp: (_, out) => out,
  expm1: (_, out) => add(out, 1),
  log: (a) => div(1, a),
  log1p: (a) => div(1, add(a, 1)),
  log2: (a) => div(1, mul(a, Math.LN2)),
  log10: (a) => div(1, mul(a, Math.LN10)),
  sin: (a) => cos(a),
  cos: (a) => neg(sin(a)),
  tan: (a) => add(square(tan(a)), 1),
  asin: (a) => div(1, sqrt(sub(1, square(a)))),
  acos: (a) => div(-1, sqrt(sub(1, square(a)))),
  atan: (a) => div(1, add(square(a), 1)),
  sinh: (a) => cosh(a),
  cosh: (a) => sinh(a),
  tanh: (a) => sub(1, square(tanh(a))),
  asinh: (a) => div(1, sqrt(add(square(a), 1))),
  acosh: (a) => div(1, sqrt(sub(square(a), 1))),
  atanh: (a) => div(1, sub(1, square(a))),
  erf: (a) => mul(2 / Math.sqrt(Math.PI), exp(neg(square(a)))),
  bitnot: flat,
};

/** The derivative of `out = code(a, b)` by one of its operands. */
export type BinaryRule = (a: Expr, b: Expr, out: Expr) => Expr;

const one: BinaryRule = () => constant(1);
const none: BinaryRule = () => zero;
const steps: readonly [BinaryRule, BinaryRule] = [none, none];

/** 1 where the operand wins, 1/2 at ties, 0 where `loses`; a NaN operand passes the gradient to both, as in PyTorch. */
const share =
  (loses: (a: Expr, b: Expr) => Expr): BinaryRule =>
  (a, b) =>
    select(loses(a, b), 0, select(eq(a, b), 0.5, 1));

export const binaryRules: Readonly<Record<BinaryCode, readonly [BinaryRule, BinaryRule]>> = {
  add: [one, one],
  sub: [one, () => constant(-1)],
  mul: [(_, b) => b, (a) => a],
  div: [(_, b) => div(1, b), (_, b, out) => neg(div(out, b))],
  floordiv: steps,
  rem: [one, (a, b) => neg(floor(div(a, b)))],
  fmod: [one, (a, b) => neg(trunc(div(a, b)))],
  pow: [powByBase, powByExponent],
  atan2: [(a, b) => angle(b, a, b), (a, b) => angle(neg(a), a, b)],
  min: [share(gt), share(lt)],
  max: [share(lt), share(gt)],
  and: steps,
  or: steps,
  xor: steps,
  shl: steps,
  shr: steps,
};

/** b · a^(b-1), and 0 where b is 0, whatever a is (pow_backward_self). */
function powByBase(a: Expr, b: Expr): Expr {
  const slope = mul(b, pow(a, sub(b, 1)));
  return b.op === "const" ? (isZero(b) ? zero : slope) : select(eq(b, 0), 0, slope);
}

/** a^b · log a, and 0 where a is 0 and b is not negative (pow_backward_exponent). */
function powByExponent(a: Expr, b: Expr, out: Expr): Expr {
  return select(and(eq(a, 0), ge(b, 0)), 0, mul(out, log(a)));
}

/** x / (a² + b²), and 0 at the origin. */
function angle(x: Expr, a: Expr, b: Expr): Expr {
  return select(and(eq(a, 0), eq(b, 0)), 0, div(x, add(square(a), square(b))));
}
