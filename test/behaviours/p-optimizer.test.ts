/** Pitfalls P17 to P22: optimizers that hold other parameters than one thinks, and losses out of range. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { mk, raises, startFresh } from "./support.ts";

const { nn, optim, copy } = torch;

startFresh();

test("P17 after deepcopy the optimizer steps nobody, without an error", () => {
  const a = mk();
  const o = new optim.Adam(a.parameters(), { lr: 0.1 });
  const b = copy.deepcopy(a);
  b(torch.ones(1, 2)).sum().backward();
  o.zeroGrad();
  o.step();
  expect(torch.equal(a.bias!, b.bias!)).toBe(true);
  expect(a.bias!.grad).toBe(null);
  expect(String(b.bias!.grad)).toBe("tensor([1., 1.])");
  expect(o.state.size).toBe(0);
});

test("P18 an optimizer keeps a Parameter that the model replaced", () => {
  const m = mk();
  const o = new optim.SGD(m.parameters(), { lr: 1 });
  m.weight = new nn.Parameter(torch.ones(2, 2));
  m(torch.ones(1, 2)).sum().backward();
  o.step();
  expect(m.weight.tolist()).toEqual([
    [1, 1],
    [1, 1],
  ]);
  expect(m.bias!.tolist()).toEqual([4, 5]);
});

test("P19 a new optimizer on a copied model has no state", () => {
  const a = mk();
  const o = new optim.Adam(a.parameters(), { lr: 0.1 });
  a(torch.ones(1, 2)).sum().backward();
  o.step();
  const n = new optim.Adam(copy.deepcopy(a).parameters(), { lr: 0.1 });
  expect([o.state.size, n.state.size]).toEqual([2, 0]);
});

test("P20 deepcopy of an optimizer holds copied parameters of no model", () => {
  const a = mk();
  const q = copy.deepcopy(new optim.SGD(a.parameters(), { lr: 1 }));
  const first = q.paramGroups[0]!.params[0]!;
  expect(first === a.weight).toBe(false);
  expect(torch.equal(first, a.weight)).toBe(true);
});

test("P21 without zeroGrad the gradients of successive steps add up", () => {
  const w = new nn.Parameter(torch.zeros(1));
  const o = new optim.SGD([w], { lr: 1 });
  const step = (): void => {
    w.sum().backward();
    o.step();
  };
  step();
  step();
  step();
  expect(w.tolist()).toEqual([-6]);
  expect(w.grad!.tolist()).toEqual([3]);
});

test("P22 BCELoss refuses a target outside [0, 1], as PyTorch 2", () => {
  raises(
    () => new nn.BCELoss()(torch.tensor([0.99]), torch.tensor([2])),
    "RuntimeError: all elements of target should be between 0 and 1",
  );
});
