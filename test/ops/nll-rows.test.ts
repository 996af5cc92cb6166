/** Negative log-likelihood of rows: the loop over memory against the composition that images of one pixel take. */
import fc from "fast-check";
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const F = torch.nn.functional;

interface Case {
  readonly rows: number;
  readonly classes: number;
  readonly dtype: "float32" | "float64";
  readonly reduction: "mean" | "sum" | "none";
  readonly weighted: boolean;
  readonly ignoreIndex: number;
  readonly picks: readonly number[];
}

const cases = fc.record<Case>({
  rows: fc.integer({ min: 0, max: 9 }),
  classes: fc.integer({ min: 1, max: 5 }),
  dtype: fc.constantFrom("float32", "float64"),
  reduction: fc.constantFrom("mean", "sum", "none"),
  weighted: fc.boolean(),
  ignoreIndex: fc.constantFrom(-100, 0, 2),
  picks: fc.array(fc.integer({ min: -1, max: 99 }), { minLength: 9, maxLength: 9 }),
});

/** Loss, gradient and the gradient's own gradient; `pixels`: the same numbers as images of one pixel. */
function run(c: Case, pixels: boolean): number[][] {
  torch.manualSeed(1);
  const logits = torch.randn([c.rows, c.classes], { dtype: c.dtype }).requiresGrad_();
  const labels = c.picks.slice(0, c.rows).map((pick) => (pick < 0 ? c.ignoreIndex : pick % c.classes));
  const target = torch.tensor(labels, { dtype: "int64" }).view(c.rows);
  const weight = c.weighted ? torch.rand([c.classes], { dtype: c.dtype }) : null;
  const { ignoreIndex, reduction } = c;
  const x = pixels ? logits.view(c.rows, c.classes, 1, 1) : logits;
  const t = pixels ? target.view(c.rows, 1, 1) : target;
  const loss = F.crossEntropy(x, t, { weight, ignoreIndex, reduction });
  const upstream = torch.rand(loss.shape, { dtype: c.dtype });
  const [once] = torch.autograd.grad(loss, [logits], upstream, { retainGraph: true });
  const [recorded] = torch.autograd.grad(loss, [logits], upstream, { createGraph: true });
  const [twice] = torch.autograd.grad(recorded!.mul(recorded!).sum(), [logits]);
  return [loss, once!, recorded!, twice!].map((result) => result.detach().view(-1).tolist() as number[]);
}

test("rows have the composition's losses, gradients and second derivatives", () => {
  fc.assert(
    fc.property(cases, (c) => {
      const [rows, composed] = [run(c, false), run(c, true)];
      const digits = c.dtype === "float64" ? 12 : 5;
      rows.forEach((values, k) => {
        expect(values.length).toBe(composed[k]!.length);
        values.forEach((value, i) => {
          if (Number.isNaN(composed[k]![i]!)) expect(value).toBeNaN();
          else expect(value).toBeCloseTo(composed[k]![i]!, digits);
        });
      });
    }),
    { numRuns: 150 },
  );
});

test("by hand", () => {
  const logs = torch.tensor([
    [-1, -2],
    [-3, -4],
    [-Infinity, -5],
  ]);
  const target = torch.tensor([1, 0, -100], { dtype: "int64" });
  const weight = torch.tensor([3, 1]);
  expect(F.nllLoss(logs, target).item()).toBe(2.5);
  expect(F.nllLoss(logs, target, { weight }).item()).toBe((2 + 9) / 4);
  expect(F.nllLoss(logs, target, { weight, reduction: "none" }).tolist()).toEqual([2, 9, 0]);
  const x = logs.clone().requiresGrad_();
  F.nllLoss(x, target, { weight }).backward();
  expect(x.grad!.tolist()).toEqual([
    [0, -0.25],
    [-0.75, 0],
    [0, 0],
  ]);
});

test("where all rows are ignored the mean is NaN, and nothing is their gradient", () => {
  for (const shape of [[2], [2, 1, 1]]) {
    const x = torch.zeros([2, 3, ...shape.slice(1)]).requiresGrad_();
    const loss = F.nllLoss(x, torch.full(shape, -100, { dtype: "int64" }));
    expect(loss.item()).toBeNaN();
    loss.backward();
    expect(x.grad!.view(-1).tolist()).toEqual([0, 0, 0, 0, 0, 0]);
  }
});

test("a target that is written after the loss is an error", () => {
  const x = torch.zeros([1, 2]).requiresGrad_();
  const target = torch.tensor([1], { dtype: "int64" });
  const loss = F.nllLoss(x, target);
  target.fill_(0);
  expect(() => loss.backward()).toThrow("[torch.LongTensor [1]] is at version 1; expected version 0 instead");
});

test("what is still to be negated is not read as it lies", () => {
  const logs = torch.complex(torch.zeros(1, 1), torch.tensor([[2]])).conj().imag;
  expect([logs.isNeg(), logs.isContiguous()]).toEqual([true, true]);
  expect(F.nllLoss(logs, torch.tensor([0], { dtype: "int64" })).item()).toBe(2);
});
