/** Derivatives of elementwise operators: kinks, node names, what PyTorch does not differentiate. */
import { describe, expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const { functional: F } = torch.nn;
type Fn = (x: torch.Tensor) => torch.Tensor;

const leaf = (data: number[]): torch.Tensor => torch.tensor(data, { dtype: "float64", requiresGrad: true });
const gradAt = (fn: Fn, at: number): unknown => {
  const x = leaf([at]);
  return torch.autograd.grad(fn(x).sum(), x)[0]!.item();
};

// Recorded from PyTorch 1.13.1.
const kinks: [string, Fn, number, number][] = [
  ["abs at 0", (x) => x.abs(), 0, 0],
  ["sqrt at 0", (x) => x.sqrt(), 0, Infinity],
  ["relu at 0", (x) => x.relu(), 0, 0],
  ["pow 0 at 0", (x) => x.pow(0), 0, 0],
  ["sinc at 0", (x) => x.sinc(), 0, 0],
  ["logit at 0", (x) => x.logit(), 0, Infinity],
  ["logit below 0", (x) => x.logit(), -1, NaN],
  ["logit with eps outside", (x) => x.logit(0.1), 0.05, 0],
  ["clamp at its limit", (x) => x.clamp(0, 1), 1, 1],
  ["clamp beyond it", (x) => x.clamp(0, 1), 2, 0],
  ["maximum of equal ones", (x) => x.maximum(torch.zeros(1, { dtype: "float64" })), 0, 0.5],
  ["xlogy at 0, 0", (x) => torch.xlogy(x, torch.zeros(1, { dtype: "float64" })), 0, 0],
  ["atan2 at the origin", (x) => x.atan2(torch.zeros(1, { dtype: "float64" })), 0, NaN],
  ["copysign at 0", (x) => x.copysign(1), 0, 0],
  ["special.i1 at 0", (x) => torch.special.i1(x), 0, 0.5],
  ["special.entr at 0", (x) => torch.special.entr(x), 0, Infinity],
  ["leakyRelu at 0", (x) => F.leakyRelu(x), 0, 0.01],
  ["elu at 0", (x) => F.elu(x), 0, 1],
  ["hardtanh at 1", (x) => F.hardtanh(x), 1, 0],
  ["hardshrink at 1/2", (x) => F.hardshrink(x), 0.5, 0],
  ["softshrink at NaN", (x) => F.softshrink(x), NaN, 1],
  ["hardsigmoid at 3", (x) => F.hardsigmoid(x), 3, 0],
  ["hardswish at -3", (x) => F.hardswish(x), -3, -0.5],
  ["relu6 at 6", (x) => F.relu6(x), 6, 0],
  ["softplus far out", (x) => F.softplus(x), 30, 1],
  ["threshold at it", (x) => F.threshold(x, 1, 2), 1, 0],
];

test.each(kinks)("%s", (_, fn, at, expected) => {
  expect(gradAt(fn, at)).toBe(expected);
});

const nodes: [string, Fn][] = [
  ["PowBackward0", (x) => x.pow(2)],
  ["PowBackward1", (x) => x.pow(x)],
  ["PowBackward2", (x) => torch.pow(2, x)],
  ["PowBackward0", (x) => x.square()],
  ["DivBackward2", (x) => x.div(2, { roundingMode: "floor" })],
  ["RemainderBackward0", (x) => x.remainder(2)],
  ["FmodBackward1", (x) => x.fmod(x)],
  ["RsubBackward1", (x) => torch.rsub(x, 1)],
  ["RsubBackward0", (x) => torch.rsub(x, x)],
  ["CopysignBackward1", (x) => x.copysign(1)],
  ["XlogyBackward1", (x) => torch.xlogy(2, x)],
  ["ClampBackward0", (x) => x.clamp(x, x)],
  ["ClampBackward1", (x) => x.clamp(0)],
  ["ClampMinBackward1", (x) => x.clampMin(x)],
  ["LerpBackward1", (x) => x.lerp(x, x)],
  ["RoundBackward1", (x) => x.round({ decimals: 1 })],
  ["Log1PBackward0", (x) => x.log1p()],
  ["TruncBackward0", (x) => x.fix()],
  ["MaskedFillBackward1", (x) => x.maskedFill(x.gt(0), torch.tensor(1))],
  ["WhereBackward0", (x) => torch.where(x.gt(0), x, 1)],
  ["SpecialXlog1PyBackward2", (x) => torch.special.xlog1py(x, 2)],
  ["HardtanhBackward0", (x) => F.relu6(x)],
  ["EluBackward0", (x) => F.selu(x)],
  ["CeluBackward0", (x) => torch.celu(x)],
  ["GeluBackward0", (x) => F.gelu(x)],
  ["GluBackward0", (x) => F.glu(torch.cat([x, x]))],
  ["LogSigmoidBackward0", (x) => F.logsigmoid(x)],
  ["RreluWithNoiseBackward0", (x) => F.rrelu(x)],
];

test.each(nodes)("the node is a %s", (name, fn) => {
  expect(fn(leaf([0.5])).gradFn?.name()).toBe(name);
});

describe("no derivative", () => {
  test("a comparison does not require grad", () => {
    expect(leaf([1]).gt(0).requiresGrad).toBe(false);
    expect(torch.special.airyAi(leaf([1])).requiresGrad).toBe(false);
  });

  test("asking for the missing one throws, for the other one does not", () => {
    const [a, x] = [leaf([1]), leaf([2])];
    expect(() => torch.autograd.grad(a.igamma(x), a)).toThrow("the derivative for 'igamma: input' is not implemented");
    expect(torch.autograd.grad(a.igamma(x), x)[0]!.item()).toBeCloseTo(Math.exp(-2), 12);
  });

  test("floorDivide is a node that throws", () => {
    const x = leaf([5]);
    const y = x.floorDivide(2);
    expect(y.gradFn?.name()).toBe("NotImplemented");
    expect(() => y.backward()).toThrow("derivative for aten::floor_divide is not implemented");
  });
});

describe("in place", () => {
  test("an activation's derivative reads the result", () => {
    const x = leaf([1, -2]);
    const y = F.leakyRelu(x.clone(), 0.1, true);
    expect(y.gradFn?.name()).toBe("LeakyReluBackward1");
    expect(torch.autograd.grad(y.sum(), x)[0]!.tolist()).toEqual([1, 0.1]);
  });

  test("from the result of a negative slope there is no derivative", () => {
    const y = F.leakyRelu(leaf([1]).clone(), -0.1, true);
    expect(() => y.backward()).toThrow("In-place leakyReLu backward calculation is triggered with a negative slope");
  });

  test("mul_ keeps what its derivative reads", () => {
    const [x, w] = [leaf([2]), leaf([3])];
    const y = x.clone().mul_(w);
    expect(torch.autograd.grad(y, w)[0]!.item()).toBe(2);
  });
});

test("rrelu in training draws a slope for each element that is not above 0", () => {
  const x = leaf([1, -1, -1, 0.5]);
  const y = F.rrelu(x, 0.1, 0.3, true);
  const slopes = torch.autograd.grad(y.sum(), x)[0]!.tolist() as number[];
  expect([slopes[0], slopes[3]]).toEqual([1, 1]);
  expect(slopes[1]).toBeGreaterThanOrEqual(0.1);
  expect(slopes[1]).toBeLessThan(0.3);
  expect(slopes[1]).not.toBe(slopes[2]);
});

/** Smooth at 0.3 and of that argument alone. */
const smooth: [string, Fn][] = [
  ["tan", (x) => x.tan()],
  ["sigmoid", (x) => x.sigmoid()],
  ["rsqrt", (x) => x.rsqrt()],
  ["erfinv", (x) => x.erfinv()],
  ["lgamma", (x) => x.lgamma()],
  ["logit", (x) => x.logit()],
  ["special.i1e", (x) => torch.special.i1e(x)],
  ["gelu", (x) => F.gelu(x)],
  ["gelu by tanh", (x) => F.gelu(x, { approximate: "tanh" })],
  ["mish", (x) => F.mish(x)],
  ["silu", (x) => F.silu(x)],
  ["glu", (x) => F.glu(torch.cat([x, x]))],
  ["hypot", (x) => x.hypot(x.add(1))],
  ["addcdiv", (x) => x.addcdiv(x, x.add(1), { value: 2 })],
];

test.each(smooth)("the second derivative of %s agrees with differences of the first", (_, fn) => {
  const x = leaf([0.3]);
  const [first] = torch.autograd.grad(fn(x).sum(), x, null, { createGraph: true });
  const second = torch.autograd.grad(first!.sum(), x)[0]!.item();
  const h = 1e-5;
  const difference = ((gradAt(fn, 0.3 + h) as number) - (gradAt(fn, 0.3 - h) as number)) / (2 * h);
  expect(second).toBeCloseTo(difference, 6);
});
