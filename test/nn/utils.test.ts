/** `nn.utils` and `nn.init`. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const { nn } = torch;

test("weightNorm computes the weight from its length and direction before every call", () => {
  const layer = nn.utils.weightNorm(new nn.Linear(2, 1, { bias: false }));
  expect([...layer.stateDict().keys()]).toEqual(["weight_g", "weight_v"]);
  torch.noGrad(() => {
    layer.getParameter("weight_v").copy_(torch.tensor([[3, 4]]));
    layer.getParameter("weight_g").fill_(10);
  });
  expect(layer(torch.ones(1, 2)).tolist()).toEqual([[expect.closeTo(14, 4)]]);
  layer(torch.ones(1, 2)).backward();
  expect(layer.getParameter("weight_g").grad!.item()).toBeCloseTo(1.4, 5);
});

test("removeWeightNorm puts a plain parameter back", () => {
  const layer = nn.utils.weightNorm(new nn.Linear(2, 1));
  nn.utils.removeWeightNorm(layer);
  expect([...layer.stateDict().keys()].sort()).toEqual(["bias", "weight"]);
  expect(layer.weight instanceof nn.Parameter).toBe(true);
});

test.each([
  ["linear", undefined, 1],
  ["tanh", undefined, 5 / 3],
  ["relu", undefined, Math.SQRT2],
  ["leaky_relu", 3, Math.sqrt(0.2)],
  ["selu", undefined, 0.75],
] as const)("the gain of %s", (name, param, gain) => {
  expect(nn.init.calculateGain(name, param)).toBeCloseTo(gain, 12);
});

test("kaiming and xavier stay within their bounds", () => {
  const w = torch.empty(40, 10);
  const bound = (t: torch.Tensor): number => t.abs().max().item();
  expect(bound(nn.init.kaimingUniform_(w, { nonlinearity: "relu" }))).toBeLessThanOrEqual(Math.sqrt(6 / 10) + 1e-6);
  expect(bound(nn.init.xavierUniform_(w))).toBeLessThanOrEqual(Math.sqrt(6 / 50) + 1e-6);
  expect(bound(nn.init.truncNormal_(w, 0, 1, -0.5, 0.5))).toBeLessThanOrEqual(0.5);
});

test("dirac_ makes a convolution pass its input on", () => {
  const conv = new nn.Conv1d(2, 2, 3, { padding: 1, bias: false });
  nn.init.dirac_(conv.weight);
  const x = torch.randn(1, 2, 5);
  expect(torch.equal(conv(x), x)).toBe(true);
});

test("eye_ writes the identity", () => {
  expect(nn.init.eye_(torch.empty(2, 3)).tolist()).toEqual([
    [1, 0, 0],
    [0, 1, 0],
  ]);
});

test("fans need two dims", () => {
  expect(() => nn.init.kaimingNormal_(torch.empty(3))).toThrow(
    "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions",
  );
});

test.each([
  [3, 5],
  [5, 3],
])("orthogonal_ of %i x %i has orthonormal rows or columns", (rows, columns) => {
  const w = nn.init.orthogonal_(torch.empty(rows, columns, { dtype: torch.float64 }), 2);
  const gram = rows < columns ? w.matmul(w.t()) : w.t().matmul(w);
  expect(
    gram
      .sub(torch.eye(3, { dtype: torch.float64 }).mul(4))
      .abs()
      .max()
      .item(),
  ).toBeLessThan(1e-12);
});
