/** Fused kernels give what the compositions give that define their operators. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const { nn, optim } = torch;
const F = nn.functional;
type Tensor = torch.Tensor;

/** The value and the input's gradient, as one list. */
function both(x: Tensor, weights: Tensor, f: (x: Tensor) => Tensor): Tensor {
  const leaf = x.detach().clone().requiresGrad_();
  const y = f(leaf);
  y.mul(weights).sum().backward();
  return torch.stack([y.detach(), leaf.grad!]);
}

const tolerances = [
  ["float32", 1e-6],
  ["float64", 1e-14],
] as const;

// Along any dim but the last, and for other layouts, the composition runs.
test.each(tolerances)("softmax and logSoftmax of %s along rows and along columns agree", (dtype, tolerance) => {
  torch.manualSeed(1);
  const x = torch.randn(5, 133, { dtype }).mul(4);
  const weights = torch.randn(5, 133, { dtype });
  for (const f of [torch.softmax, torch.logSoftmax]) {
    const rows = both(x, weights, (t) => f(t, 1));
    const columns = both(x, weights, (t) => f(t.t(), 0).t());
    expect(torch.allclose(rows, columns, { rtol: tolerance, atol: tolerance })).toBe(true);
  }
});

test("softmax of a row that holds NaN or only minus infinity is NaN", () => {
  const x = torch.tensor([
    [1, Number.NaN, 3],
    [-Infinity, -Infinity, -Infinity],
    [-Infinity, 0, -Infinity],
  ]);
  expect(torch.softmax(x, 1).isnan().all(1).tolist()).toEqual([true, true, false]);
  expect(torch.softmax(x, 1).at(2).tolist()).toEqual([0, 1, 0]);
});

test.each(
  tolerances,
)("layerNorm of %s agrees with its formula, with and without weight and bias", (dtype, tolerance) => {
  torch.manualSeed(2);
  const x = torch.randn(6, 4, 37, { dtype }).add(3);
  const weights = torch.randn(6, 4, 37, { dtype });
  const [w, b] = [torch.randn(37, { dtype }), torch.randn(37, { dtype })];
  const formula = (t: Tensor): Tensor => {
    const centred = t.sub(t.mean(-1, true));
    return centred.div(centred.mul(centred).mean(-1, true).add(1e-5).sqrt());
  };
  const close = (f: Tensor, g: Tensor): boolean => torch.allclose(f, g, { rtol: 8 * tolerance, atol: 8 * tolerance });
  const affine = both(x, weights, (t) => F.layerNorm(t, [37], w, b));
  expect(
    close(
      affine,
      both(x, weights, (t) => formula(t).mul(w).add(b)),
    ),
  ).toBe(true);
  const plain = both(x, weights, (t) => F.layerNorm(t, [37]));
  expect(close(plain, both(x, weights, formula))).toBe(true);
});

test("groupNorm whose channels are as many as a group's elements is not taken for rows", () => {
  torch.manualSeed(3);
  const x = torch.randn(2, 4, 2, 2);
  const [w, b] = [torch.randn(4), torch.randn(4)];
  const groups = x.view(2, 4, 4);
  const normal = groups
    .sub(groups.mean(-1, true))
    .div(groups.var(-1, { unbiased: false, keepdim: true }).add(1e-5).sqrt());
  const want = normal
    .view(2, 4, 2, 2)
    .mul(w.view(4, 1, 1))
    .add(b.view(4, 1, 1));
  expect(torch.allclose(F.groupNorm(x, 4, w, b), want, { atol: 1e-5 })).toBe(true);
});

const sizes = [
  [8, 8],
  [9, 23],
  [70, 33],
  [35, 129],
];

test.each(sizes)("a %i x %i matrix that lies the other way round is copied element by element", (rows, columns) => {
  for (const dtype of ["float32", "int32", "float64"] as const) {
    const x = torch.arange(2 * rows! * columns!, { dtype }).view(2, rows!, columns!);
    const turned = x.transpose(1, 2).contiguous();
    const want = Array.from({ length: columns! }, (_, c) => Array.from({ length: rows! }, (_, r) => r * columns! + c));
    expect(turned.at(0).tolist()).toEqual(want);
    expect(
      turned
        .at(1)
        .sub(rows! * columns!)
        .tolist(),
    ).toEqual(want);
    expect(turned.isContiguous()).toBe(true);
  }
});

type Make = (params: Tensor[]) => torch.optim.Optimizer;
const optimizers: readonly (readonly [string, Make])[] = [
  ["Adam", (p) => new optim.Adam(p, { lr: 0.01 })],
  ["Adam with weight decay", (p) => new optim.Adam(p, { lr: 0.01, weightDecay: 0.1 })],
  ["AdamW", (p) => new optim.AdamW(p, { lr: 0.01, betas: [0.8, 0.95], eps: 1e-6 })],
  ["SGD", (p) => new optim.SGD(p, { lr: 0.1 })],
  ["SGD with weight decay", (p) => new optim.SGD(p, { lr: 0.1, weightDecay: 0.01 })],
  ["SGD with momentum", (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, dampening: 0.1 })],
  ["SGD with Nesterov's step", (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01 })],
];

/** Steps with gradients that lie as the parameter does (fused) or transposed (composed): values, states, versions. */
function train(make: Make, dtype: "float32" | "float64", transposed: boolean): unknown {
  torch.manualSeed(4);
  const param = torch.randn(7, 5, { dtype }).requiresGrad_();
  const optimizer = make([param]);
  for (let i = 0; i < 4; i++) {
    const grad = torch.randn(7, 5, { dtype });
    param.grad = transposed ? grad.t().contiguous().t() : grad;
    optimizer.step();
  }
  const state = Object.values(optimizer.state.get(param) ?? {}).filter(torch.isTensor);
  return [param.detach(), ...state].map((t) => [t.tolist(), t._version]);
}

test.each(optimizers)("the fused step of %s is the composed one, to the bit", (_, make) => {
  for (const dtype of ["float32", "float64"] as const) {
    expect(train(make, dtype, false)).toEqual(train(make, dtype, true));
  }
});
