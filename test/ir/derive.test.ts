/** Derivatives against finite differences, and PyTorch's conventions where there is no difference to take. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { laneValue } from "../../src/backends/reference/evaluate.ts";
import { inLane } from "../../src/backends/reference/lanes.ts";
import { derive, mulGrad } from "../../src/ir/derive.ts";
import {
  abs,
  add,
  atan2,
  type BinaryCode,
  call,
  cast,
  constant,
  div,
  type Expr,
  erf,
  exp,
  floor,
  gt,
  load,
  lt,
  max,
  min,
  mul,
  neg,
  pow,
  select,
  sign,
  sin,
  sqrt,
  sub,
  tanh,
  type UnaryCode,
} from "../../src/ir/expr.ts";

const x = load(0);
const y = load(1);

const valueAt = (expr: Expr, ...inputs: readonly number[]): number =>
  inLane("f64", (math) => Number(laneValue(expr, math, (index) => inputs[index]!)()));

/** A central difference of fourth order, so that a step of 1e-3 leaves an error of about 1e-11. */
function difference(expr: Expr, inputs: readonly number[], wrt: number): number {
  const at = (steps: number) => valueAt(expr, ...inputs.map((v, i) => (i === wrt ? v + steps * 1e-3 : v)));
  return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / 12e-3;
}

function expectDerivative(expr: Expr, inputs: readonly number[], wrt: number): void {
  const expected = difference(expr, inputs, wrt);
  const error = Math.abs(valueAt(derive(expr, wrt), ...inputs) - expected);
  expect(error).toBeLessThan(1e-6 * (1 + Math.abs(expected)));
}

/** Evenly spread, where fc.double would favour the neighbourhood of 0. */
const between = (low: number, high: number) =>
  fc.integer({ min: 0, max: 1_000_003 }).map((i) => low + ((high - low) * i) / 1_000_003);

describe("unary", () => {
  test.each<[UnaryCode, number, number]>([
    ["neg", -3, 3],
    ["abs", 0.1, 3],
    ["abs", -3, -0.1],
    ["sign", 0.1, 3],
    ["floor", 1.1, 1.9],
    ["ceil", 1.1, 1.9],
    ["trunc", -1.9, -1.1],
    ["rint", 0.6, 1.4],
    ["sqrt", 0.1, 3],
    ["exp", -3, 3],
    ["expm1", -3, 3],
    ["log", 0.1, 3],
    ["log1p", -0.9, 3],
    ["log2", 0.1, 3],
    ["log10", 0.1, 3],
    ["sin", -3, 3],
    ["cos", -3, 3],
    ["tan", -1.4, 1.4],
    ["asin", -0.9, 0.9],
    ["acos", -0.9, 0.9],
    ["atan", -3, 3],
    ["sinh", -3, 3],
    ["cosh", -3, 3],
    ["tanh", -3, 3],
    ["asinh", -3, 3],
    ["acosh", 1.1, 3],
    ["atanh", -0.9, 0.9],
    ["erf", -3, 3],
  ])("%s between %f and %f", (code, low, high) => {
    fc.assert(
      fc.property(between(low, high), (at) => expectDerivative({ op: "unary", code, a: x }, [at], 0)),
      { numRuns: 30 },
    );
  });
});

describe("binary", () => {
  test.each<[BinaryCode, number, number, number, number]>([
    ["add", -3, 3, -3, 3],
    ["sub", -3, 3, -3, 3],
    ["mul", -3, 3, -3, 3],
    ["div", -3, 3, 0.2, 3],
    ["floordiv", 2.1, 2.9, 0.98, 1.02],
    ["rem", 2.1, 2.9, -1.02, -0.98],
    ["fmod", -2.9, -2.1, 0.98, 1.02],
    ["pow", 0.2, 3, -3, 3],
    ["atan2", -3, 3, 0.2, 3],
    ["min", -3, -0.1, 0.1, 3],
    ["max", -3, -0.1, 0.1, 3],
  ])("%s", (code, aLow, aHigh, bLow, bHigh) => {
    const expr: Expr = { op: "binary", code, a: x, b: y };
    fc.assert(
      fc.property(between(aLow, aHigh), between(bLow, bHigh), (a, b) => {
        expectDerivative(expr, [a, b], 0);
        expectDerivative(expr, [a, b], 1);
      }),
      { numRuns: 30 },
    );
  });
});

describe("special functions", () => {
  test.each<[string, number, number]>([
    ["erfc", -3, 3],
    ["erfcx", -1, 3],
    ["erfinv", -0.8, 0.8],
    ["ndtri", 0.1, 0.9],
    ["log_ndtr", -5, 2],
    ["lgamma", 0.2, 5],
    ["digamma", 0.2, 5],
    ["i0", -3, 3],
    ["i0e", 0.1, 5],
    ["i1", 0.1, 5],
    ["i1e", 0.1, 5],
  ])("%s", (name, low, high) => {
    fc.assert(
      fc.property(between(low, high), (at) => expectDerivative(call(name, x), [at], 0)),
      { numRuns: 30 },
    );
  });

  test.each<[string, number[], number]>([
    ["hypot", [3, 4], 0],
    ["hypot", [3, 4], 1],
    ["logaddexp", [0.3, 1.2], 0],
    ["logaddexp", [0.3, 1.2], 1],
    ["logaddexp2", [0.3, 1.2], 0],
    ["logaddexp2", [0.3, 1.2], 1],
    ["copysign", [2, -3], 0],
    ["copysign", [2, -3], 1],
    ["ldexp", [2, 3], 0],
    ["ldexp", [2, 3], 1],
    ["igamma", [2, 1.5], 1],
    ["igammac", [2, 1.5], 1],
    ["polygamma", [2, 1.5], 1],
    ["zeta", [3, 1.5], 1],
  ])("%s at %j by argument %i", (name, inputs, wrt) => {
    expectDerivative(call(name, x, y), inputs, wrt);
  });

  test("a function without a derivative is named", () => {
    expect(() => derive(call("bessel_j0", mul(x, 2)), 0)).toThrow("the derivative for 'bessel_j0' is not implemented");
    expect(() => derive(call("igamma", x, y), 0)).toThrow("the derivative for 'igamma' is not implemented");
  });

  test("a function without a derivative does no harm where the input does not reach it", () => {
    expect(derive(mul(x, call("bessel_j0", y)), 0)).toEqual(call("bessel_j0", y));
  });
});

const smooth = fc.letrec<{ tree: Expr }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(x, y, constant(0.5)),
    fc.tuple(fc.constantFrom(sin, tanh, erf, neg), tie("tree")).map(([f, a]) => f(a)),
    fc.tuple(fc.constantFrom(add, sub, mul), tie("tree"), tie("tree")).map(([f, a, b]) => f(a, b)),
    tie("tree").map((a) => exp(tanh(a))),
    tie("tree").map((a) => sqrt(add(mul(a, a), 1))),
  ),
})).tree;

test("the chain rule holds for any composition", () => {
  fc.assert(
    fc.property(smooth, between(-1, 1), between(-1, 1), (expr, a, b) => {
      expectDerivative(expr, [a, b], 0);
      expectDerivative(expr, [a, b], 1);
    }),
  );
});

test("a derivative can be derived again", () => {
  fc.assert(fc.property(smooth, between(-1, 1), (expr, a) => expectDerivative(derive(expr, 0), [a, 0.5], 0)));
});

test.each<[string, Expr, Expr]>([
  ["x", x, constant(1)],
  ["another input", y, constant(0)],
  ["2 x", mul(2, x), constant(2)],
  ["-x", neg(x), constant(-1)],
  ["x y", mul(x, y), y],
  ["x²", pow(x, 2), mul(2, x)],
  ["x^0", pow(x, 0), constant(0)],
  ["exp x", exp(x), exp(x)],
  ["floor x", floor(x), constant(0)],
  ["a comparison", gt(x, 0), constant(0)],
  ["x rounded to bfloat16", cast(x, "bfloat16"), constant(1)],
  ["x truncated to an integer", cast(x, "int32"), constant(0)],
  ["a choice", select(gt(y, 0), x, 3), select(gt(y, 0), 1, 0)],
])("the derivative of %s is as one would write it", (_, expr, expected) => {
  expect(derive(expr, 0)).toEqual(expected);
});

describe("where the derivative is a convention", () => {
  test.each<[string, Expr, number[], number, number]>([
    ["abs at 0", abs(x), [0], 0, 0],
    ["sign at 0", sign(x), [0], 0, 0],
    ["max at a tie, left", max(x, y), [2, 2], 0, 0.5],
    ["max at a tie, right", max(x, y), [2, 2], 1, 0.5],
    ["min at a tie", min(x, y), [2, 2], 0, 0.5],
    ["the loser of max", max(x, y), [1, 2], 0, 0],
    ["the winner of min", min(x, y), [1, 2], 0, 1],
    ["max of NaN, by the other", max(x, y), [Number.NaN, 1], 1, 1],
    ["pow by a base of 0 with exponent 0", pow(x, y), [0, 0], 0, 0],
    ["pow by the exponent at base 0", pow(x, y), [0, 2], 1, 0],
    ["0 to a negative power, by the exponent", pow(x, y), [0, -1], 1, -Infinity],
    ["atan2 at the origin, by y", atan2(x, y), [0, 0], 0, 0],
    ["atan2 at the origin, by x", atan2(x, y), [0, 0], 1, 0],
    ["sqrt at 0", sqrt(x), [0], 0, Infinity],
    ["copysign of 0", call("copysign", x, y), [0, -1], 0, 0],
  ])("%s", (_, expr, inputs, wrt, expected) => {
    expect(valueAt(derive(expr, wrt), ...inputs)).toBe(expected);
  });
});

describe("mulGrad", () => {
  const g = load(2);

  test("a known zero costs nothing", () => {
    expect(mulGrad(g, constant(0))).toEqual(constant(0));
  });

  test("a derivative of 1 passes the gradient on", () => {
    expect(mulGrad(g, constant(1))).toBe(g);
  });

  test("dividing by y does not multiply by its rounded reciprocal", () => {
    expect(mulGrad(g, derive(div(x, y), 0))).toEqual(div(g, y));
  });

  test("an infinite gradient is masked by a choice, not turned into NaN", () => {
    const backward = mulGrad(g, derive(select(lt(x, 0), 0, mul(x, y)), 0));
    expect(valueAt(backward, -1, 5, Infinity)).toBe(0);
    expect(valueAt(backward, 1, 5, 2)).toBe(10);
  });

  test("the losing operand of max gets 0 even from an infinite gradient", () => {
    expect(valueAt(mulGrad(g, derive(max(x, y), 0)), 1, 2, Infinity)).toBe(0);
  });
});
