/** The scalar functions that `call` nodes name: their values in float64 and, where there is one, their derivatives. */
import type { Expr } from "./expr.ts";
import { abs, add, call, constant, div, eq, exp, gt, log, mul, neg, pow, select, sign, sub } from "./expr.ts";
import { airyAi } from "./special/airy.ts";
import * as arithmetic from "./special/arithmetic.ts";
import * as bessel from "./special/bessel.ts";
import * as error from "./special/error.ts";
import * as gamma from "./special/gamma.ts";
import { igamma, igammac } from "./special/igamma.ts";
import * as polynomials from "./special/polynomials.ts";

/** The derivative by one argument, from the arguments' expressions. */
export type DerivativeRule = (...args: readonly Expr[]) => Expr;

/** A scalar function of one or two float64 arguments. */
export interface SpecialFunction {
  readonly arity: 1 | 2;
  readonly fn: (x: number, y: number) => number;
  /** The same function on int64 values, where that is more than its float64 form can do. */
  readonly integer?: (x: bigint, y: bigint) => bigint;
  /** One rule per argument; null where the derivative is not implemented. */
  readonly derivatives?: readonly (DerivativeRule | null)[];
}

type Unary = (x: Expr) => Expr;
type Binary = (x: Expr, y: Expr) => Expr;

function unary(fn: (x: number) => number, derivative?: Unary): SpecialFunction {
  if (derivative === undefined) return { arity: 1, fn };
  return { arity: 1, fn, derivatives: [(x) => derivative(x!)] };
}

function binary(fn: (x: number, y: number) => number, byX?: Binary | null, byY?: Binary | null): SpecialFunction {
  const rule = (derivative: Binary | null | undefined): DerivativeRule | null =>
    derivative ? (x, y) => derivative(x!, y!) : null;
  return { arity: 2, fn, derivatives: [rule(byX), rule(byY)] };
}

const square: Unary = (x) => mul(x, x);
const SQRT_PI = Math.sqrt(Math.PI);

/** I₁(x)/x, and its limit 1/2 at 0. */
const besselRatio = (name: "i1" | "i1e", x: Expr): Expr =>
  select(gt(abs(x), Number.EPSILON), div(call(name, x), x), 0.5);

/** The density of the gamma distribution, the derivative of `igamma` by its second argument. */
const gammaDensity: Binary = (a, x) => exp(sub(sub(mul(sub(a, 1), log(x)), x), call("lgamma", a)));

/** 1 / (1 + base^(y - x)): the share of x in log(base^x + base^y). */
const logistic = (power: Unary): Binary => {
  return (x, y) => div(1, add(power(sub(y, x)), 1));
};
const share = logistic(exp);
const share2 = logistic((x) => pow(2, x));

const errorFamily = {
  erf: unary(error.erf, (x) => mul(2 / SQRT_PI, exp(neg(square(x))))),
  erfc: unary(error.erfc, (x) => mul(-2 / SQRT_PI, exp(neg(square(x))))),
  erfcx: unary(error.erfcx, (x) => sub(mul(mul(2, x), call("erfcx", x)), 2 / SQRT_PI)),
  erfinv: unary(error.erfinv, (x) => mul(SQRT_PI / 2, exp(square(call("erfinv", x))))),
  ndtri: unary(error.ndtri, (x) => mul(Math.sqrt(2 * Math.PI), exp(div(square(call("ndtri", x)), 2)))),
  log_ndtr: unary(error.logNdtr, (x) => div(Math.sqrt(2 / Math.PI), call("erfcx", mul(x, -Math.SQRT1_2)))),
} as const;

const gammaFamily = {
  lgamma: unary(gamma.lgamma, (x) => call("digamma", x)),
  digamma: unary(gamma.digamma, (x) => call("polygamma", 1, x)),
  polygamma: binary(gamma.polygamma, null, (n, x) => call("polygamma", add(n, 1), x)),
  zeta: binary(gamma.zeta, null, (s, q) => mul(neg(s), call("zeta", add(s, 1), q))),
  igamma: binary(igamma, null, gammaDensity),
  igammac: binary(igammac, null, (a, x) => neg(gammaDensity(a, x))),
} as const;

const besselFamily = {
  i0: unary(bessel.i0, (x) => call("i1", x)),
  i0e: unary(bessel.i0e, (x) => sub(call("i1e", x), mul(sign(x), call("i0e", x)))),
  i1: unary(bessel.i1, (x) => sub(call("i0", x), besselRatio("i1", x))),
  i1e: unary(bessel.i1e, (x) => sub(sub(call("i0e", x), mul(sign(x), call("i1e", x))), besselRatio("i1e", x))),
  bessel_j0: unary(bessel.j0),
  bessel_j1: unary(bessel.j1),
  bessel_y0: unary(bessel.y0),
  bessel_y1: unary(bessel.y1),
  modified_bessel_i0: unary(bessel.i0),
  modified_bessel_i1: unary(bessel.i1),
  modified_bessel_k0: unary(bessel.k0),
  modified_bessel_k1: unary(bessel.k1),
  scaled_modified_bessel_k0: unary(bessel.k0Scaled),
  scaled_modified_bessel_k1: unary(bessel.k1Scaled),
  spherical_bessel_j0: unary(bessel.sphericalJ0),
  airy_ai: unary(airyAi),
} as const;

const arithmeticFamily = {
  hypot: binary(
    arithmetic.hypot,
    (x, y) => div(x, call("hypot", x, y)),
    (x, y) => div(y, call("hypot", x, y)),
  ),
  logaddexp: binary(arithmetic.logaddexp, share, (x, y) => share(y, x)),
  logaddexp2: binary(arithmetic.logaddexp2, share2, (x, y) => share2(y, x)),
  copysign: binary(
    arithmetic.copysign,
    (x, y) => select(eq(x, 0), 0, div(call("copysign", x, y), x)),
    () => constant(0),
  ),
  ldexp: binary(
    arithmetic.ldexp,
    (_, y) => pow(2, y),
    (x, y) => mul(call("ldexp", x, y), Math.LN2),
  ),
  nextafter16: binary(arithmetic.nextafter16),
  nextafter_bfloat16: binary(arithmetic.nextafterBfloat16),
  nextafter32: binary(arithmetic.nextafter32),
  nextafter64: binary(arithmetic.nextafter64),
  gcd: { ...binary(arithmetic.gcd), integer: arithmetic.gcdInteger },
  lcm: { ...binary(arithmetic.lcm), integer: arithmetic.lcmInteger },
} as const;

const polynomialFamily = {
  chebyshev_polynomial_t: binary(polynomials.chebyshevT),
  chebyshev_polynomial_u: binary(polynomials.chebyshevU),
  chebyshev_polynomial_v: binary(polynomials.chebyshevV),
  chebyshev_polynomial_w: binary(polynomials.chebyshevW),
  shifted_chebyshev_polynomial_t: binary(polynomials.shiftedChebyshevT),
  shifted_chebyshev_polynomial_u: binary(polynomials.shiftedChebyshevU),
  shifted_chebyshev_polynomial_v: binary(polynomials.shiftedChebyshevV),
  shifted_chebyshev_polynomial_w: binary(polynomials.shiftedChebyshevW),
  hermite_polynomial_h: binary(polynomials.hermiteH),
  hermite_polynomial_he: binary(polynomials.hermiteHe),
  laguerre_polynomial_l: binary(polynomials.laguerreL),
  legendre_polynomial_p: binary(polynomials.legendreP),
} as const;

/** Every function that a `call` may name. */
export const special: Readonly<Record<string, SpecialFunction>> = {
  ...errorFamily,
  ...gammaFamily,
  ...besselFamily,
  ...arithmeticFamily,
  ...polynomialFamily,
};

/** The function of that name; throws for an unknown one. */
export function specialFunction(name: string): SpecialFunction {
  const entry = Object.hasOwn(special, name) ? special[name] : undefined;
  if (entry === undefined) throw new Error(`there is no special function named '${name}'`);
  return entry;
}
