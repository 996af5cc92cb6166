/** Masked attention: the one kernel for its weights against the operators that define it. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const F = torch.nn.functional;
const options = { dtype: torch.float64 };

/** With a mask that needs a gradient the operators run. */
function attend(mask: torch.Tensor, composed: boolean): { out: torch.Tensor; grads: torch.Tensor[] } {
  torch.manualSeed(2);
  const [q, k, v] = [5, 6, 6].map((n) => torch.randn(2, 3, n, 4, options).requiresGrad_());
  const own = composed ? mask.clone().requiresGrad_() : mask;
  const out = F.scaledDotProductAttention(q!, k!, v!, own);
  const grads = torch.autograd.grad(out, [q!, k!, v!], torch.randn(2, 3, 5, 4, options));
  return { out, grads: grads.map((grad) => grad!) };
}

const bias = (seed: number): torch.Tensor => {
  torch.manualSeed(seed);
  const mask = torch.randn(5, 6, options);
  return mask.maskedFill(torch.rand(5, 6).lt(0.4), -Infinity);
};
const blind = bias(4);
blind.select(0, 2).fill_(-Infinity);

test.each([
  ["a matrix", bias(3)],
  ["a matrix behind dims of size 1", bias(3).view(1, 1, 5, 6)],
  ["a query that sees nothing", blind],
  ["a row that does not lie densely", bias(3).t().contiguous().t()],
])("%s gives what the operators give", (_, mask) => {
  const [fused, composed] = [attend(mask, false), attend(mask, true)];
  expect(torch.allclose(fused.out, composed.out, 1e-12, 1e-14)).toBe(true);
  fused.grads.forEach((grad, k) => {
    expect(torch.allclose(grad, composed.grads[k]!, 1e-11, 1e-13)).toBe(true);
  });
});

test("booleans and causality are masks of -Infinity", () => {
  const later = torch.ones(5, 6, { dtype: torch.bool }).tril();
  const mask = torch.zeros(5, 6, options).maskedFill(later.logicalNot(), -Infinity);
  const expected = attend(mask, true).out;
  expect(torch.allclose(attend(later, false).out, expected, 1e-12, 1e-14)).toBe(true);
  torch.manualSeed(2);
  const [q, k, v] = [5, 6, 6].map((n) => torch.randn(2, 3, n, 4, options));
  const out = F.scaledDotProductAttention(q!, k!, v!, { isCausal: true });
  expect(torch.allclose(out, expected, 1e-12, 1e-14)).toBe(true);
});

test("a mask per image is none of one matrix", () => {
  const mask = torch.zeros(2, 1, 5, 6, options);
  mask.select(0, 1).select(-1, 0).fill_(-Infinity);
  const [first, second] = attend(mask, false).out;
  expect(torch.allclose(first!, attend(torch.zeros(5, 6, options), true).out.select(0, 0))).toBe(true);
  expect(torch.allclose(second!, attend(mask, true).out.select(0, 1))).toBe(true);
});

test("a NaN among scores stays, also where it is hidden, as in PyTorch", () => {
  const x = torch.tensor([[1], [Number.NaN]]);
  const mask = torch.tensor([
    [false, true],
    [true, false],
  ]);
  expect(F.scaledDotProductAttention(torch.ones(2, 1), x, torch.ones(2, 1), mask).tolist()).toEqual([[NaN], [NaN]]);
});
