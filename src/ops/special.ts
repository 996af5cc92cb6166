/** `torch.special`: the special functions under SciPy's names, those included that are no methods. */
import type { Operand } from "../core/scalar.ts";
import type { Tensor } from "../core/tensor.ts";
import * as ir from "../ir/expr.ts";
import type { OpInfo, Unary } from "./call.ts";
import { composite, elementwise, unary } from "./define.ts";
import { sigmoid } from "./pointwise/activation.ts";
import { alias, type Kernel, kernel, one as oneOf, type UnaryOnly } from "./pointwise/kernel.ts";
import * as of from "./pointwise/special.ts";
import { byOperands, xlog } from "./pointwise/xlog.ts";

export { round } from "./pointwise/rounding.ts";
export { digamma, erf, erfc, erfinv, i0, logit, polygamma } from "./pointwise/special.ts";
export { exp2, expm1, log1p, xlogy } from "./pointwise/transcendental.ts";
export { sinc } from "./pointwise/trigonometric.ts";
export { logSoftmax, softmax } from "./softmax.ts";
export { logsumexp } from "./sums.ts";

/** A function of two, either of which may be a number. */
export interface Binary {
  (self: Operand, other: Operand): Tensor;
  readonly op: OpInfo;
}

/**
 * `sigmoid` by SciPy's name.
 * @example torch.special.expit(torch.tensor([0])) // tensor([0.5000])
 */
export const expit: Unary = alias("expit", sigmoid);
/**
 * `lgamma` by SciPy's name.
 * @example torch.special.gammaln(torch.tensor([5])) // tensor([3.1781])
 */
export const gammaln: Unary = alias("gammaln", of.lgamma);
/**
 * `digamma` by SciPy's name.
 * @example torch.special.psi(torch.tensor([1])) // tensor([-0.5772])
 */
export const psi: Unary = alias("psi", of.digamma);
/**
 * `mvlgamma` by SciPy's name.
 * @example torch.special.multigammaln(torch.tensor([3]), 2) // tensor([1.5502])
 */
export const multigammaln: typeof of.mvlgamma = alias("multigammaln", of.mvlgamma);
/**
 * `igamma` by SciPy's name.
 * @example torch.special.gammainc(torch.tensor([2]), torch.tensor([1])) // tensor([0.2642])
 */
export const gammainc: typeof of.igamma = alias("gammainc", of.igamma);
/**
 * `igammac` by SciPy's name.
 * @example torch.special.gammaincc(torch.tensor([2]), torch.tensor([1])) // tensor([0.7358])
 */
export const gammaincc: typeof of.igammac = alias("gammaincc", of.igammac);

/**
 * `self * log1p(other)`, and 0 where `self` is 0.
 * @example torch.special.xlog1py(torch.tensor([2]), torch.tensor([1])) // tensor([1.3863])
 */
export const xlog1py: Binary = xlog("xlog1py", "SpecialXlog1Py", -1, ir.log1p, false);

type Grad = NonNullable<Parameters<typeof unary>[0]["grad"]>;

/** A differentiable function of one tensor that is no method; `scalar` is its name in ir/special.ts. */
const one = (name: string, scalar: string, node: string, grad?: Grad): UnaryOnly =>
  unary({
    name,
    node: `Special${node}`,
    dtype: "float",
    inplace: false,
    receiver: null,
    value: (x) => ir.call(scalar, x),
    ...(grad === undefined ? {} : { grad }),
  });

// ---------------------------------------------------------------- the error function's kin

/**
 * `exp(x²) erfc(x)`.
 * @example torch.special.erfcx(torch.tensor([0, 1])) // tensor([1.0000, 0.4276])
 */
export const erfcx: UnaryOnly = one("erfcx", "erfcx", "Erfcx", (g, { x, out }) =>
  ir.mul(ir.sub(ir.mul(ir.mul(2, x), out), 2 / Math.sqrt(Math.PI)), g),
);
/**
 * The normal distribution's integral up to each element.
 * @example torch.special.ndtr(torch.tensor([0, 1])) // tensor([0.5000, 0.8413])
 */
export const ndtr: UnaryOnly = composite({ name: "ndtr", receiver: null }, (self) =>
  self.mul(-Math.SQRT1_2).erfc().mul(0.5),
);
/**
 * The inverse of `ndtr`.
 * @example torch.special.ndtri(torch.tensor([0.5])) // tensor([0.])
 */
export const ndtri: UnaryOnly = one("ndtri", "ndtri", "Ndtri", (g, { out }) =>
  ir.mul(g, ir.mul(Math.sqrt(2 * Math.PI), ir.exp(ir.div(ir.mul(out, out), 2)))),
);
/**
 * The logarithm of `ndtr`, without its underflow.
 * @example torch.special.logNdtr(torch.tensor([0])) // tensor([-0.6931])
 */
export const logNdtr: UnaryOnly = one("logNdtr", "log_ndtr", "LogNdtr");
/**
 * The entropy `-x log(x)`: 0 at 0, `-inf` below.
 * @example torch.special.entr(torch.tensor([0, 0.5])) // tensor([0.0000, 0.3466])
 */
export const entr: UnaryOnly = unary({
  name: "entr",
  node: "SpecialEntr",
  dtype: "float",
  inplace: false,
  receiver: null,
  value: (x) => {
    const positive = ir.mul(ir.neg(x), ir.log(x));
    const rest = ir.select(ir.eq(x, 0), 0, ir.select(ir.ne(x, x), x, Number.NEGATIVE_INFINITY));
    return ir.select(ir.gt(x, 0), positive, rest);
  },
  grad: (g, { x }) => ir.mul(g, ir.sub(-1, ir.log(x))),
});

// ---------------------------------------------------------------- Bessel functions

/** The derivative of a function of order 1, whose formula divides by x: 1/2 near 0. */
const apartFromZero = (x: ir.Expr, slope: ir.Expr): ir.Expr => ir.select(ir.gt(ir.abs(x), Number.EPSILON), slope, 0.5);

/**
 * `i0` times `exp(-|x|)`.
 * @example torch.special.i0e(torch.tensor([0, 1])) // tensor([1.0000, 0.4658])
 */
export const i0e: UnaryOnly = one("i0e", "i0e", "I0E", (g, { x, out }) =>
  ir.mul(g, ir.sub(ir.call("i1e", x), ir.mul(ir.sign(x), out))),
);
/**
 * The modified Bessel function of the first kind, of order 1.
 * @example torch.special.i1(torch.tensor([0, 1])) // tensor([0.0000, 0.5652])
 */
export const i1: UnaryOnly = one("i1", "i1", "I1", (g, { x, out }) =>
  ir.mul(g, apartFromZero(x, ir.sub(ir.call("i0", x), ir.div(out, x)))),
);
/**
 * `i1` times `exp(-|x|)`.
 * @example torch.special.i1e(torch.tensor([0, 1])) // tensor([0.0000, 0.2079])
 */
export const i1e: UnaryOnly = one("i1e", "i1e", "I1E", (g, { x, out }) =>
  ir.mul(g, apartFromZero(x, ir.sub(ir.call("i0e", x), ir.mul(out, ir.add(ir.sign(x), ir.div(1, x)))))),
);

/** A function of one tensor that PyTorch does not differentiate. */
function flat(name: string, scalar: string): UnaryOnly {
  const of = kernel(name, 1, (x) => ir.call(scalar, x!), { dtype: "float", differentiable: false });
  return oneOf({ name, inplace: false, receiver: null, kernel: of });
}

/**
 * The Bessel function of the first kind, of order 0.
 * @example torch.special.besselJ0(torch.tensor([0, 1])) // tensor([1.0000, 0.7652])
 */
export const besselJ0: UnaryOnly = flat("besselJ0", "bessel_j0");
/**
 * The Bessel function of the first kind, of order 1.
 * @example torch.special.besselJ1(torch.tensor([0, 1])) // tensor([0.0000, 0.4401])
 */
export const besselJ1: UnaryOnly = flat("besselJ1", "bessel_j1");
/**
 * The Bessel function of the second kind, of order 0.
 * @example torch.special.besselY0(torch.tensor([1])) // tensor([0.0883])
 */
export const besselY0: UnaryOnly = flat("besselY0", "bessel_y0");
/**
 * The Bessel function of the second kind, of order 1.
 * @example torch.special.besselY1(torch.tensor([1])) // tensor([-0.7812])
 */
export const besselY1: UnaryOnly = flat("besselY1", "bessel_y1");
/**
 * The modified Bessel function of the first kind, of order 0, without derivative; see `i0`.
 * @example torch.special.modifiedBesselI0(torch.tensor([0, 1])) // tensor([1.0000, 1.2661])
 */
export const modifiedBesselI0: UnaryOnly = flat("modifiedBesselI0", "modified_bessel_i0");
/**
 * The modified Bessel function of the first kind, of order 1, without derivative; see `i1`.
 * @example torch.special.modifiedBesselI1(torch.tensor([0, 1])) // tensor([0.0000, 0.5652])
 */
export const modifiedBesselI1: UnaryOnly = flat("modifiedBesselI1", "modified_bessel_i1");
/**
 * The modified Bessel function of the second kind, of order 0.
 * @example torch.special.modifiedBesselK0(torch.tensor([1])) // tensor([0.4210])
 */
export const modifiedBesselK0: UnaryOnly = flat("modifiedBesselK0", "modified_bessel_k0");
/**
 * The modified Bessel function of the second kind, of order 1.
 * @example torch.special.modifiedBesselK1(torch.tensor([1])) // tensor([0.6019])
 */
export const modifiedBesselK1: UnaryOnly = flat("modifiedBesselK1", "modified_bessel_k1");
/**
 * `modifiedBesselK0` times `exp(x)`.
 * @example torch.special.scaledModifiedBesselK0(torch.tensor([1])) // tensor([1.1445])
 */
export const scaledModifiedBesselK0: UnaryOnly = flat("scaledModifiedBesselK0", "scaled_modified_bessel_k0");
/**
 * `modifiedBesselK1` times `exp(x)`.
 * @example torch.special.scaledModifiedBesselK1(torch.tensor([1])) // tensor([1.6362])
 */
export const scaledModifiedBesselK1: UnaryOnly = flat("scaledModifiedBesselK1", "scaled_modified_bessel_k1");
/**
 * The spherical Bessel function of the first kind, of order 0: `sin(x) / x`.
 * @example torch.special.sphericalBesselJ0(torch.tensor([0, 1])) // tensor([1.0000, 0.8415])
 */
export const sphericalBesselJ0: UnaryOnly = flat("sphericalBesselJ0", "spherical_bessel_j0");
/**
 * The Airy function Ai.
 * @example torch.special.airyAi(torch.tensor([0])) // tensor([0.3550])
 */
export const airyAi: UnaryOnly = flat("airyAi", "airy_ai");

// ---------------------------------------------------------------- functions of two

/** A function of two that has no method, with a kernel for each of: two tensors, a number first, a number second. */
function binaryOf(name: string, kernels: readonly [Kernel, Kernel, Kernel]): Binary {
  return elementwise({
    name,
    inplace: false,
    receiver: null,
    params: "other:operand",
    kernel: (self, v) => {
      const other = v.other as Operand;
      return { kernel: byOperands(kernels, self, other), operands: [self, other] };
    },
  });
}

const zetaOf = (n: number): Kernel =>
  kernel("zeta", 2, (s, q) => ir.select(ir.eq(q!, Number.POSITIVE_INFINITY), Number.NaN, ir.call("zeta", s!, q!)), {
    node: `SpecialZetaBackward${n}`,
    dtype: "float",
    missing: ["the derivative for 'zeta' is not implemented.", null],
  });
/**
 * The Hurwitz zeta function, the sum of `(k + other) ** -self` over k from 0.
 * @example torch.special.zeta(torch.tensor([2]), torch.tensor([1])) // tensor([1.6449])
 */
export const zeta: Binary = binaryOf("zeta", [zetaOf(0), zetaOf(1), zetaOf(2)]);

/** A polynomial of degree `other` at `self`; PyTorch does not differentiate these. */
function polynomial(name: string, scalar: string): Binary {
  const of = kernel(name, 2, (x, n) => ir.call(scalar, x!, n!), { dtype: "float", differentiable: false });
  return binaryOf(name, [of, of, of]);
}

/**
 * The Chebyshev polynomial of the first kind, of degree `other`.
 * @example torch.special.chebyshevPolynomialT(torch.tensor([2]), 3) // tensor([26.])
 */
export const chebyshevPolynomialT: Binary = polynomial("chebyshevPolynomialT", "chebyshev_polynomial_t");
/**
 * The Chebyshev polynomial of the second kind, of degree `other`.
 * @example torch.special.chebyshevPolynomialU(torch.tensor([2]), 3) // tensor([56.])
 */
export const chebyshevPolynomialU: Binary = polynomial("chebyshevPolynomialU", "chebyshev_polynomial_u");
/**
 * The Chebyshev polynomial of the third kind, of degree `other`.
 * @example torch.special.chebyshevPolynomialV(torch.tensor([2]), 3) // tensor([41.])
 */
export const chebyshevPolynomialV: Binary = polynomial("chebyshevPolynomialV", "chebyshev_polynomial_v");
/**
 * The Chebyshev polynomial of the fourth kind, of degree `other`.
 * @example torch.special.chebyshevPolynomialW(torch.tensor([2]), 3) // tensor([71.])
 */
export const chebyshevPolynomialW: Binary = polynomial("chebyshevPolynomialW", "chebyshev_polynomial_w");
/**
 * `chebyshevPolynomialT` at `2 x - 1`.
 * @example torch.special.shiftedChebyshevPolynomialT(torch.tensor([2]), 3) // tensor([99.])
 */
export const shiftedChebyshevPolynomialT: Binary = polynomial(
  "shiftedChebyshevPolynomialT",
  "shifted_chebyshev_polynomial_t",
);
/**
 * `chebyshevPolynomialU` at `2 x - 1`.
 * @example torch.special.shiftedChebyshevPolynomialU(torch.tensor([2]), 3) // tensor([204.])
 */
export const shiftedChebyshevPolynomialU: Binary = polynomial(
  "shiftedChebyshevPolynomialU",
  "shifted_chebyshev_polynomial_u",
);
/**
 * `chebyshevPolynomialV` at `2 x - 1`.
 * @example torch.special.shiftedChebyshevPolynomialV(torch.tensor([2]), 3) // tensor([169.])
 */
export const shiftedChebyshevPolynomialV: Binary = polynomial(
  "shiftedChebyshevPolynomialV",
  "shifted_chebyshev_polynomial_v",
);
/**
 * `chebyshevPolynomialW` at `2 x - 1`.
 * @example torch.special.shiftedChebyshevPolynomialW(torch.tensor([2]), 3) // tensor([239.])
 */
export const shiftedChebyshevPolynomialW: Binary = polynomial(
  "shiftedChebyshevPolynomialW",
  "shifted_chebyshev_polynomial_w",
);
/**
 * The physicist's Hermite polynomial, of degree `other`.
 * @example torch.special.hermitePolynomialH(torch.tensor([2]), 3) // tensor([40.])
 */
export const hermitePolynomialH: Binary = polynomial("hermitePolynomialH", "hermite_polynomial_h");
/**
 * The probabilist's Hermite polynomial, of degree `other`.
 * @example torch.special.hermitePolynomialHe(torch.tensor([2]), 3) // tensor([2.])
 */
export const hermitePolynomialHe: Binary = polynomial("hermitePolynomialHe", "hermite_polynomial_he");
/**
 * The Laguerre polynomial, of degree `other`.
 * @example torch.special.laguerrePolynomialL(torch.tensor([2]), 3) // tensor([-0.3333])
 */
export const laguerrePolynomialL: Binary = polynomial("laguerrePolynomialL", "laguerre_polynomial_l");
/**
 * The Legendre polynomial, of degree `other`.
 * @example torch.special.legendrePolynomialP(torch.tensor([0.5]), 2) // tensor([-0.1250])
 */
export const legendrePolynomialP: Binary = polynomial("legendrePolynomialP", "legendre_polynomial_p");
