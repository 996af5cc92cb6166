/** A complex expression as two real ones, its real and its imaginary part. */
import { RuntimeError } from "../../core/errors.ts";
import { abs, add, and, bitnot, constant, div, type Expr, eq, ge, mul, ne, neg, or, select, sub } from "../expr.ts";
import { fold, isBoolean, type Node } from "../fold.ts";
import { simplify } from "../simplify.ts";

/** The parts of a number; without an imaginary part it is real (or a boolean), which some operations make use of. */
export interface Pair {
  readonly re: Expr;
  readonly im: Expr | null;
}

/** What input `index` reads as. */
export type LoadPair = (index: number) => Pair;

const zero = constant(0);
const real = (re: Expr): Pair => ({ re, im: null });
const imOf = ({ im }: Pair): Expr => im ?? zero;

/** Whether a number is not 0, as a boolean. */
export const truthOf = ({ re, im }: Pair): Expr => {
  if (im === null) return isBoolean(re) ? re : ne(re, 0);
  return or(ne(re, 0), ne(im, 0));
};

/** `expr` over inputs of which some are complex, as two trees over the inputs' parts. */
export function pairOf(expr: Expr, load: LoadPair): Pair {
  const pair = fold<Pair>(expr, {
    load: (node) => (node.as === "bool" ? real(truthOf(load(node.index))) : load(node.index)),
    const: real,
    unary: (node, a) => (a.im === null ? real({ ...node, a: a.re }) : unary(node, a)),
    binary: (node, a, b) => (a.im === null && b.im === null ? real({ ...node, a: a.re, b: b.re }) : binary(node, a, b)),
    compare: (node, a, b) => real(compare(node, a, b)),
    select: (_, test, a, b) => choose(truthOf(test), a, b),
    cast: (node, a) => cast(node, a),
    call: (node, args) => {
      if (args.some(({ im }) => im !== null)) throw refused(node.name);
      return real({ ...node, args: args.map(({ re }) => re) });
    },
    complex: (node, args) => parts[node.code](args),
  });
  return { re: simplify(pair.re), im: pair.im === null ? null : simplify(pair.im) };
}

/** PyTorch's error where an operation has no meaning for complex numbers; what runs kernels puts in their names. */
const refused = (code: string): RuntimeError => new RuntimeError(`"${code}" not implemented for complex numbers`);

function choose(test: Expr, a: Pair, b: Pair): Pair {
  if (a.im === null && b.im === null) return real(select(test, a.re, b.re));
  return { re: select(test, a.re, b.re), im: select(test, imOf(a), imOf(b)) };
}

function compare(node: Node<"compare">, a: Pair, b: Pair): Expr {
  if (a.im === null && b.im === null) return { ...node, a: a.re, b: b.re };
  if (node.code === "eq") return and(eq(a.re, b.re), eq(imOf(a), imOf(b)));
  if (node.code === "ne") return or(ne(a.re, b.re), ne(imOf(a), imOf(b)));
  throw refused(node.code);
}

function cast(node: Node<"cast">, a: Pair): Pair {
  if (node.to === "bool") return real(truthOf(a));
  if (a.im === null) return real({ ...node, a: a.re });
  return { re: { ...node, a: a.re }, im: { ...node, a: a.im } };
}

/** A number with an imaginary part. */
interface Full extends Pair {
  readonly im: Expr;
}

const parts: Readonly<Record<Node<"complex">["code"], (args: readonly Pair[]) => Pair>> = {
  conj: ([a]) => (a!.im === null ? a! : { re: a!.re, im: neg(a!.im) }),
  real: ([a]) => real(a!.re),
  imag: ([a]) => real(imOf(a!)),
  make: ([a, b]) => ({ re: a!.re, im: b!.re }),
  angle: () => {
    throw refused("angle");
  },
};

const unaries: Partial<Record<Node<"unary">["code"], (a: Full) => Pair>> = {
  neg: ({ re, im }) => ({ re: neg(re), im: neg(im) }),
  bitnot: (a) => real(bitnot(truthOf(a))),
};

function unary({ code }: Node<"unary">, a: Pair): Pair {
  const rule = unaries[code];
  if (rule === undefined) throw refused(code);
  return rule({ re: a.re, im: imOf(a) });
}

const binaries: Partial<Record<Node<"binary">["code"], (a: Full, b: Full) => Pair>> = {
  add: (a, b) => ({ re: add(a.re, b.re), im: add(a.im, b.im) }),
  sub: (a, b) => ({ re: sub(a.re, b.re), im: sub(a.im, b.im) }),
  mul: (a, b) => ({
    re: sub(mul(a.re, b.re), mul(a.im, b.im)),
    im: add(mul(a.re, b.im), mul(a.im, b.re)),
  }),
  div: quotient,
};

/**
 * Smith's method, as c10::complex has it: by the larger part of the divisor, so that its square does not overflow; zero
 * divides into infinities and NaN part by part.
 */
function quotient(a: Full, b: Full): Full {
  const [c, d] = [abs(b.re), abs(b.im)];
  const byReal = ge(c, d);
  const pick = (x: Expr, y: Expr): Expr => select(byReal, x, y);
  const ratio = div(pick(b.im, b.re), pick(b.re, b.im));
  const scale = div(1, add(pick(b.re, mul(b.re, ratio)), pick(mul(b.im, ratio), b.im)));
  const re = mul(add(pick(a.re, mul(a.re, ratio)), pick(mul(a.im, ratio), a.im)), scale);
  const im = mul(sub(pick(a.im, mul(a.im, ratio)), pick(mul(a.re, ratio), a.re)), scale);
  const byZero = and(eq(c, 0), eq(d, 0));
  return { re: select(byZero, div(a.re, c), re), im: select(byZero, div(a.im, d), im) };
}

function binary({ code }: Node<"binary">, a: Pair, b: Pair): Pair {
  const rule = binaries[code];
  if (rule === undefined) throw refused(code);
  return rule({ re: a.re, im: imOf(a) }, { re: b.re, im: imOf(b) });
}
