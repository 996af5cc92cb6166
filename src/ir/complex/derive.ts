/**
 * The chain rule for complex numbers, whose functions need not have a complex derivative: by a number and by its conjugate
 * (Wirtinger's). PyTorch's gradient of a real loss L is dL/d(re) + i dL/d(im), twice the derivative by the conjugate.
 */
import { binaryRules, callRules, mulGrad, passesGradient, unaryRules } from "../derive.ts";
import { abs, add, conj, constant, div, type Expr, eq, make, mul, neg, select, sign } from "../expr.ts";
import { dependsOn, isBoolean, type Node } from "../fold.ts";
import { constantNumber, simplify } from "../simplify.ts";

/** The derivative of `expr` by an input, and that by its conjugate. */
interface Slopes {
  readonly by: Expr;
  readonly byConjugate: Expr;
}

/** The gradient of input `wrt` from `g`, that of `expr`; both are over the same loads. */
export function complexGradient(g: Expr, expr: Expr, wrt: number): Expr {
  const { by, byConjugate } = slopes(simplify(expr), wrt);
  const direct = mulGrad(g, simplify(conj(by)));
  return simplify(plus(direct, mulGrad(conj(g), simplify(byConjugate))));
}

const zero = constant(0);
const isZero = (e: Expr): boolean => constantNumber(e) === 0;
const none: Slopes = { by: zero, byConjugate: zero };

function plus(x: Expr, y: Expr): Expr {
  if (isZero(x)) return y;
  return isZero(y) ? x : add(x, y);
}

const times = (x: Expr, y: Expr): Expr => (isZero(x) || isZero(y) ? zero : mulGrad(x, y));
const conjugated = (x: Expr): Expr => (isZero(x) ? zero : simplify(conj(x)));
const sum = (a: Slopes, b: Slopes): Slopes => ({
  by: plus(a.by, b.by),
  byConjugate: plus(a.byConjugate, b.byConjugate),
});

/** Of f(a) from the slopes of a and those of f: by a, and by the conjugate of a where it has one. */
function chained(a: Slopes, slope: Expr, conjugateSlope: Expr = zero): Slopes {
  return {
    by: plus(times(a.by, slope), times(conjugated(a.byConjugate), conjugateSlope)),
    byConjugate: plus(times(a.byConjugate, slope), times(conjugated(a.by), conjugateSlope)),
  };
}

function slopes(expr: Expr, wrt: number): Slopes {
  if (isBoolean(expr) || !dependsOn(expr, wrt)) return none;
  switch (expr.op) {
    case "load":
      return { by: constant(1), byConjugate: zero };
    case "const":
    case "compare":
      return none;
    case "unary":
      return chained(slopes(expr.a, wrt), ...unarySlopes(expr));
    case "binary": {
      const { a, b } = expr;
      const [byA, byB] = binaryRules[expr.code];
      const part = (x: Expr, slope: typeof byA): Slopes =>
        dependsOn(x, wrt) ? chained(slopes(x, wrt), slope(a, b, expr)) : none;
      return sum(part(a, byA), part(b, byB));
    }
    case "select": {
      const [a, b] = [slopes(expr.a, wrt), slopes(expr.b, wrt)];
      const choice = (x: Expr, y: Expr): Expr => (isZero(x) && isZero(y) ? zero : select(expr.test, x, y));
      return { by: choice(a.by, b.by), byConjugate: choice(a.byConjugate, b.byConjugate) };
    }
    case "cast":
      return passesGradient(expr) ? slopes(expr.a, wrt) : none;
    case "call":
      return expr.args
        .map((arg, k) => (dependsOn(arg, wrt) ? chained(slopes(arg, wrt), callRules(expr, k)) : none))
        .reduce(sum, none);
    case "complex":
      return complexSlopes(expr, wrt);
    default:
      return expr satisfies never;
  }
}

/** The slopes of a code: by its operand, and by the conjugate of that. */
function unarySlopes({ code, a, ...rest }: Node<"unary">): [Expr, Expr] {
  if (code === "abs") return [div(conj(sign(a)), 2), div(sign(a), 2)];
  if (code === "sign") {
    const half = div(0.5, abs(a));
    const atZero = (x: Expr): Expr => select(eq(a, 0), 0, x);
    return [atZero(half), atZero(neg(mul(mul(sign(a), sign(a)), half)))];
  }
  return [unaryRules[code](a, { ...rest, code, a }), zero];
}

const half = constant(0.5);
const i = make(0, 1);

function complexSlopes({ code, args }: Node<"complex">, wrt: number): Slopes {
  const [a, b] = args as readonly [Expr, Expr];
  const inner = slopes(a, wrt);
  switch (code) {
    case "conj":
      return chained(inner, zero, constant(1));
    case "real":
      return chained(inner, half, half);
    case "imag":
      return chained(inner, make(0, -0.5), make(0, 0.5));
    case "angle":
      return chained(inner, div(make(0, -0.5), a), div(make(0, 0.5), conj(a)));
    case "make":
      return sum(inner, chained(slopes(b, wrt), i));
    default:
      return code satisfies never;
  }
}
