/** Special functions that PyTorch has as methods: error functions, the gamma family, Bessel's I0, the logit. */
import { check, typeName } from "../../core/errors.ts";
import type { Operand } from "../../core/scalar.ts";
import type { Tensor } from "../../core/tensor.ts";
import * as ir from "../../ir/expr.ts";
import type { OpInfo, OpInplace, Unary } from "../call.ts";
import { elementwise, needTensor, unary } from "../define.ts";
import { type Kernel, kernel, onlyFloat, two, withWrite } from "./kernel.ts";

/**
 * The error function.
 * @example torch.zeros(1).erf() // tensor([0.])
 */
export const erf: Unary = unary({ name: "erf", dtype: "float", value: (x) => ir.erf(x) });
/**
 * `1 - erf(x)`, exact where that is small.
 * @example torch.erfc(torch.tensor([0, 1])) // tensor([1.0000, 0.1573])
 */
export const erfc: Unary = unary({ name: "erfc", dtype: "float", value: (x) => ir.call("erfc", x) });
/**
 * The inverse of `erf`.
 * @example torch.erfinv(torch.tensor([0, 0.5])) // tensor([0.0000, 0.4769])
 */
export const erfinv: Unary = unary({
  name: "erfinv",
  dtype: "float",
  value: (x) => ir.call("erfinv", x),
});
/**
 * The logarithm of the absolute value of the gamma function.
 * @example torch.tensor([1, 3]).lgamma() // tensor([0.0000, 0.6931])
 */
export const lgamma: Unary = unary({ name: "lgamma", dtype: "float", value: (x) => ir.call("lgamma", x) });
/**
 * The modified Bessel function of the first kind, of order 0.
 * @example torch.i0(torch.tensor([0, 1])) // tensor([1.0000, 1.2661])
 */
export const i0: Unary = unary({ name: "i0", node: "I0", dtype: "float", value: (x) => ir.call("i0", x) });

/** `polygamma(n, x)`; as a method `x.polygamma(n)`. */
export interface Polygamma {
  (n: number, input: Tensor): Tensor;
  /** The method's arguments; no call fits this form. */
  (receiver: never, n: number): Tensor;
  readonly op: OpInfo;
  readonly inplace: true;
}

const pi2 = Math.PI * Math.PI;

/** The asymptotic series of trigamma, six steps up from `y` by its recurrence. */
function trigammaSeries(y: ir.Expr): ir.Expr {
  const squared = (x: ir.Expr): ir.Expr => ir.mul(x, x);
  let sum: ir.Expr = ir.div(1, squared(y));
  for (let k = 1; k < 6; k++) sum = ir.add(sum, ir.div(1, squared(ir.add(y, k))));
  const top = ir.add(y, 6);
  const r = ir.div(1, squared(top));
  const tail = ir.sub(1 / 6, ir.mul(r, ir.sub(1 / 30, ir.div(r, 42))));
  return ir.add(sum, ir.div(ir.add(ir.add(1, ir.div(0.5, top)), ir.mul(r, tail)), top));
}

/**
 * The derivative of digamma as PyTorch computes it (aten/src/ATen/native/Math.h), by reflection below 1/2: the sine of
 * a multiple of π is not quite 0, so that poles are large numbers rather than infinite.
 */
const trigamma = (x: ir.Expr): ir.Expr => {
  const below = ir.lt(x, 0.5);
  const series = trigammaSeries(ir.select(below, ir.sub(1, x), x));
  const sine = ir.sin(ir.mul(x, Math.PI));
  return ir.select(below, ir.sub(ir.div(pi2, ir.mul(sine, sine)), series), series);
};

/**
 * The derivative of `lgamma`.
 * @example torch.digamma(torch.tensor([1])) // tensor([-0.5772])
 */
export const digamma: Unary = unary({
  name: "digamma",
  dtype: "float",
  value: (x) => ir.call("digamma", x),
  grad: (g, { x }) => ir.mul(g, trigamma(x)),
});

const higher = (n: ir.Expr | number, x: ir.Expr): ir.Expr =>
  // PyTorch's sum meets 0 times infinity there.
  ir.select(ir.eq(x, Number.POSITIVE_INFINITY), Number.NaN, ir.call("polygamma", n, x));
const derivative = kernel("polygamma", 2, (n, x) => higher(n!, x!), {
  dtype: "float",
  grads: [null, (g, [n, x]) => ir.mul(g, higher(ir.add(n!, 1), x!))],
});
const first = kernel("polygamma", 1, (x) => trigamma(x!), {
  dtype: "float",
  grads: [(g, [x]) => ir.mul(g, higher(2, x!))],
});
const zeroth = kernel("polygamma", 1, (x) => ir.call("digamma", x!), {
  dtype: "float",
  grads: [(g, [x]) => ir.mul(g, trigamma(x!))],
});

function polygammaOf(n: unknown, x: Tensor): { kernel: Kernel; operands: Operand[] } {
  if (typeof n !== "number" || !Number.isInteger(n)) {
    throw new TypeError(`polygamma(): argument 'n' (position 1) must be int, not ${typeName(n)}`);
  }
  check(n >= 0, () => "polygamma(n, x) does not support negative n.");
  if (n > 1) return { kernel: derivative, operands: [n, x] };
  return { kernel: n === 0 ? zeroth : first, operands: [x] };
}

/**
 * The n-th derivative of `digamma`.
 * @example torch.polygamma(1, torch.tensor([1])) // tensor([1.6449])
 */
export const polygamma: Polygamma = withWrite<Polygamma>(
  elementwise({
    name: "polygamma",
    params: "input:tensor",
    receiver: 1,
    kernel: (n, v) => polygammaOf(n, v.input as Tensor),
  }),
  (self, ...args) => {
    const { kernel: of, operands } = polygammaOf(args[0], self);
    return of.applyInplace(self, operands);
  },
);

const multivariate = new Map<number, Kernel>();

/** The kernel for p dims: the sum of lgamma(x - j/2) over j < p, and a constant. */
function multivariateKernel(p: number): Kernel {
  let found = multivariate.get(p);
  if (found === undefined) {
    const value = (x: ir.Expr): ir.Expr => {
      let sum: ir.Expr = ir.constant((p * (p - 1) * Math.log(Math.PI)) / 4);
      for (let j = 0; j < p; j++) sum = ir.add(sum, ir.call("lgamma", ir.sub(x, j / 2)));
      return sum;
    };
    found = kernel("mvlgamma", 1, (x) => value(x!), { dtype: "float" });
    multivariate.set(p, found);
  }
  return found;
}

/**
 * The logarithm of the multivariate gamma function of dimension p.
 * @example torch.mvlgamma(torch.tensor([3]), 2) // tensor([1.5502])
 */
export const mvlgamma: OpInplace<[p: number], "p"> = elementwise({
  name: "mvlgamma",
  params: "p:int",
  kernel: (self, v) => {
    const p = v.p as number;
    check(p >= 1, () => "p has to be greater than or equal to 1");
    return { kernel: multivariateKernel(p), operands: [needTensor("mvlgamma", self)] };
  },
});

type OfTwo = OpInplace<[other: Tensor], "other">;

const incomplete = (name: "igamma" | "igammac"): OfTwo =>
  two({
    name,
    refuse: onlyFloat(`${name}_cpu`),
    kernel: kernel(name, 2, (a, x) => ir.call(name, a!, x!), {
      missing: [`the derivative for '${name}: input' is not implemented.`, null],
    }),
  });

/**
 * The regularised lower incomplete gamma function.
 * @example torch.igamma(torch.tensor([2]), torch.tensor([1])) // tensor([0.2642])
 */
export const igamma: OfTwo = incomplete("igamma");
/**
 * The regularised upper incomplete gamma function.
 * @example torch.igammac(torch.tensor([2]), torch.tensor([1])) // tensor([0.7358])
 */
export const igammac: OfTwo = incomplete("igammac");

const logOdds = (x: ir.Expr): ir.Expr => ir.log(ir.div(x, ir.sub(1, x)));
/** g / (x (1 - x)), and the gradient times infinity at both ends (logit_backward). */
const logitSlope = (g: ir.Expr, x: ir.Expr): ir.Expr =>
  ir.select(ir.or(ir.eq(x, 0), ir.eq(x, 1)), ir.mul(g, Number.POSITIVE_INFINITY), ir.div(g, ir.mul(x, ir.sub(1, x))));
const outside = (x: ir.Expr, low: ir.Value, high: ir.Value): ir.Expr => ir.or(ir.lt(x, low), ir.gt(x, high));

const plainLogit = kernel("logit", 1, (x) => logOdds(x!), {
  dtype: "float",
  grads: [(g, [x]) => ir.select(outside(x!, 0, 1), Number.NaN, logitSlope(g, x!))],
});
const clampedLogit = kernel("logit", 2, (x, eps) => logOdds(ir.min(ir.max(x!, eps!), ir.sub(1, eps!))), {
  dtype: "float",
  grads: [(g, [x, eps]) => ir.select(outside(x!, eps!, ir.sub(1, eps!)), 0, logitSlope(g, x!)), null],
});

/**
 * `log(x / (1 - x))`, of elements first clamped to `[eps, 1 - eps]` where `eps` is given.
 * @example torch.tensor([0.5]).logit() // tensor([0.])
 */
export const logit: OpInplace<[eps?: number | null], "eps"> = elementwise({
  name: "logit",
  params: "eps:float?=null",
  kernel: (self, v) => {
    const eps = v.eps as number | null;
    needTensor("logit", self);
    return eps === null || eps < 0
      ? { kernel: plainLogit, operands: [self] }
      : { kernel: clampedLogit, operands: [self, eps] };
  },
});

/**
 * √(self² + other²), without overflow.
 * @example torch.tensor([3]).hypot(torch.tensor([4])) // tensor([5.])
 */
export const hypot: OfTwo = two({
  name: "hypot",
  refuse: onlyFloat("hypot_cpu"),
  kernel: kernel("hypot", 2, (a, b) => ir.call("hypot", a!, b!), {
    grads: [(g, [a], out) => ir.mul(g, ir.div(a!, out)), (g, [, b], out) => ir.mul(g, ir.div(b!, out))],
  }),
});

const noNext = "the derivative for 'nextafter' is not implemented.";
const nextIn = (name: string): Kernel =>
  kernel("nextafter", 2, (a, b) => ir.call(name, a!, b!), { missing: [noNext, noNext] });
const nextafterKernels: Readonly<Record<string, Kernel>> = {
  float16: nextIn("nextafter16"),
  bfloat16: nextIn("nextafter_bfloat16"),
  float32: nextIn("nextafter32"),
  float64: nextIn("nextafter64"),
};

/**
 * The next number of the dtype from `self` towards `other`.
 * @example torch.nextafter(torch.tensor([1]), torch.tensor([2])).gt(1) // tensor([True])
 */
export const nextafter: OfTwo = two({
  name: "nextafter",
  refuse: onlyFloat("nextafter_cpu"),
  kernel: (dtype) => nextafterKernels[dtype.name]!,
});
