/** The exact identities, and the inexact ones that must not be applied. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { laneValue } from "../../src/backends/reference/evaluate.ts";
import { inLane } from "../../src/backends/reference/lanes.ts";
import {
  abs,
  add,
  and,
  bitnot,
  cast,
  constant,
  div,
  type Expr,
  load,
  loadBool,
  lt,
  max,
  mul,
  neg,
  or,
  pow,
  select,
  sub,
  xor,
} from "../../src/ir/expr.ts";
import { dependsOn, isBoolean, sameExpr } from "../../src/ir/fold.ts";
import { simplify } from "../../src/ir/simplify.ts";

const x = load(0);
const p = loadBool(1);

test.each<[string, Expr, Expr]>([
  ["x * 1 is x", mul(x, 1), x],
  ["1 * x is x", mul(1, x), x],
  ["x * -1 is -x", mul(x, -1), neg(x)],
  ["x / 1 is x", div(x, 1), x],
  ["x ^ 1 is x", pow(x, 1), x],
  ["x ^ 0 is 1", pow(x, 0), constant(1)],
  ["x - 0 is x", sub(x, 0), x],
  ["x + -0 is x", add(x, -0), x],
  ["two negations cancel", neg(neg(x)), x],
  ["the sign is lost before abs", abs(neg(x)), abs(x)],
  ["integers that are constant are added", add(2, 3), constant(5)],
  ["a select of a constant is a branch", select(lt(1, 2), x, 0), x],
  ["a select of equal branches is that branch", select(p, mul(x, 1), x), x],
  ["a negated test swaps the branches", select(bitnot(p), 1, x), select(p, x, 1)],
  ["true and p is p", and(constant(true), p), p],
  ["p or true is true", or(p, true), constant(true)],
  ["p xor true is not p", xor(p, true), bitnot(p)],
  ["two complements cancel", bitnot(bitnot(p)), p],
  ["a number is of the lane already", cast(x, "lane"), x],
  ["inner nodes come first", mul(sub(3, 2), x), x],
])("%s", (_, expr, expected) => {
  expect(simplify(expr)).toEqual(expected);
});

test.each<[string, Expr]>([
  ["x + 0, which makes 0 of -0", add(x, 0)],
  ["x * 0, which keeps NaN", mul(x, 0)],
  ["x - x, which keeps NaN", sub(x, x)],
  ["1 / 2, which is 0 for integers", div(1, 2)],
  ["0.1 + 0.2, which rounds differently in float32", add(0.1, 0.2)],
  ["2^30 + 2^30, which overflows int32", add(2 ** 30, 2 ** 30)],
  ["-(0), whose text is that of 0", neg(0)],
  ["p * 1, which makes a number of a boolean", mul(p, 1)],
])("%s is left alone", (_, expr) => {
  expect(simplify(expr)).toEqual(expr);
});

const leaf = fc.oneof(
  fc.constant<Expr>(x),
  fc.constantFrom(0, -0, 1, -1, 0.5, 2, Number.NaN, Infinity).map((value) => constant(value)),
);
const { tree } = fc.letrec<{ tree: Expr }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.tuple(fc.constantFrom(neg, abs), tie("tree")).map(([f, a]) => f(a)),
    fc.tuple(fc.constantFrom(add, sub, mul, div, max, pow), tie("tree"), tie("tree")).map(([f, a, b]) => f(a, b)),
    fc.tuple(tie("tree"), tie("tree"), tie("tree")).map(([a, b, c]) => select(lt(a, b), b, c)),
  ),
}));

const valueAt = (expr: Expr, lane: "f32" | "f64", input: number): number =>
  inLane(lane, (math) => Number(laneValue(expr, math, () => input)()));

test("a simplified expression has the same value bit for bit, in both float lanes", () => {
  const inputs = fc.oneof(fc.double(), fc.constantFrom(0, -0, Number.NaN, Infinity, -Infinity));
  fc.assert(
    fc.property(tree, inputs, fc.constantFrom("f32" as const, "f64" as const), (expr, input, lane) => {
      expect(valueAt(simplify(expr), lane, input)).toBe(valueAt(expr, lane, input));
    }),
  );
});

test("an expression depends on what it loads, through any node", () => {
  expect(dependsOn(select(p, mul(x, 2), 0), 0)).toBe(true);
  expect(dependsOn(select(p, mul(x, 2), 0), 1)).toBe(true);
  expect(dependsOn(select(p, mul(x, 2), 0), 2)).toBe(false);
});

test("logical operations of booleans are booleans, arithmetic on them is not", () => {
  expect(isBoolean(and(p, lt(x, 0)))).toBe(true);
  expect(isBoolean(add(p, p))).toBe(false);
  expect(isBoolean(and(p, x))).toBe(false);
});

test("expressions are equal by structure, with 0 and -0 apart", () => {
  expect(sameExpr(mul(x, 2), mul(load(0), 2))).toBe(true);
  expect(sameExpr(constant(0), constant(-0))).toBe(false);
});
