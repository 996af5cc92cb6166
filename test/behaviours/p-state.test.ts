/** Pitfalls P1 to P16: state dicts, writes to weights and module copies that are not what they seem. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { entry, lines, mk, raises, sameAddress, startFresh } from "./support.ts";

const { nn, optim, copy } = torch;

function twoModels(): [torch.nn.Linear, torch.nn.Linear] {
  const second = mk(
    [
      [3, 4],
      [5, 6],
    ],
    [7, 8],
  );
  return [mk(), second];
}

startFresh();

test("P1 a best state kept by reference becomes the last state", () => {
  const m = mk();
  const optimizer = new optim.SGD(m.parameters(), { lr: 1 });
  let best = new torch.StateDict();
  let bestAccuracy = 0;
  const epoch = (accuracy: number): void => {
    m(torch.ones(1, 2)).sum().backward();
    optimizer.step();
    if (accuracy <= bestAccuracy) return;
    best = m.stateDict();
    bestAccuracy = accuracy;
  };
  epoch(0.9);
  const atBest = m.bias!.tolist();
  epoch(0.1);
  expect(atBest).toEqual([4, 5]);
  expect(entry(best, "bias").tolist()).toEqual([2, 3]);
  expect(m.bias!.tolist()).toEqual([2, 3]);
});

test("P3 copies of the dict alone, and detach, still share; clone and deepcopy do not", () => {
  const m = mk();
  const sd = m.stateDict();
  const mapped = (f: (t: torch.Tensor) => torch.Tensor): Map<string, torch.Tensor> =>
    new Map([...sd].map(([key, value]) => [key, f(value)]));
  const copies = [
    copy.copy(sd),
    new Map(Object.entries(Object.fromEntries(sd))),
    new torch.StateDict(sd),
    new Map(sd),
    mapped((t) => t.detach()),
    mapped((t) => t.clone()),
    copy.deepcopy(sd),
  ];
  torch.noGrad(() => m.bias!.zero_());
  expect(copies.map((c) => entry(c, "bias").tolist())).toEqual([
    [0, 0],
    [0, 0],
    [0, 0],
    [0, 0],
    [0, 0],
    [5, 6],
    [5, 6],
  ]);
});

test("P4 a history of state dicts shows the final weights everywhere", () => {
  const m = mk();
  const epoch = (): torch.StateDict => {
    torch.noGrad(() => m.bias!.add_(1));
    return m.stateDict();
  };
  const history = [epoch(), epoch(), epoch()];
  expect(history.map((h) => entry(h, "bias").tolist())).toEqual([
    [8, 9],
    [8, 9],
    [8, 9],
  ]);
  expect(new Set(history.map((h) => entry(h, "bias").dataPtr())).size).toBe(1);
});

test("P5 deepcopy after training snapshots the new values", () => {
  const m = mk();
  const a = m.stateDict();
  torch.noGrad(() => m.bias!.zero_());
  expect(String(copy.deepcopy(a).get("bias"))).toBe("tensor([0., 0.])");
});

test("P6 loading an aliasing backup restores nothing", () => {
  const m = mk();
  const backup = m.stateDict();
  torch.noGrad(() => m.weight.zero_());
  expect(String(m.loadStateDict(backup))).toBe("<All keys matched successfully>");
  expect(String(m.weight)).toBe(
    lines("Parameter containing:", "tensor([[0., 0.],", "        [0., 0.]], requires_grad=True)"),
  );
});

test("P7 a write through the state dict edits the model; a rebound key or .data does not", () => {
  const m = mk();
  const a = m.stateDict();
  entry(a, "bias").setAt([0], 0);
  a.set("weight", torch.zeros(2, 2));
  expect(m.bias!.tolist()).toEqual([0, 6]);
  expect(m.weight.tolist()).toEqual([
    [1, 2],
    [3, 4],
  ]);
  const b = m.stateDict();
  entry(b, "bias").data = torch.tensor([9, 9]);
  expect(m.bias!.tolist()).toEqual([0, 6]);
});

test("P8 assigning .data of a temporary view has no effect", () => {
  const m = mk();
  m.weight.at(0).data = new torch.Tensor([123, 123]);
  expect(m.weight.tolist()).toEqual([
    [1, 2],
    [3, 4],
  ]);
});

test("P9 rebinding .data breaks the aliasing with earlier state dicts", () => {
  const m = mk();
  const a = m.stateDict();
  m.bias!.data = m.bias!.data.mul(0.5);
  expect(entry(a, "bias").tolist()).toEqual([5, 6]);
  expect(m.bias!.tolist()).toEqual([2.5, 3]);
  expect(sameAddress(entry(a, "bias"), m.bias!)).toBe(false);
});

test("P10 equal values say nothing about sharing", () => {
  const x = torch.ones(2);
  const y = x.clone();
  x.mul_(0.5);
  y.mul_(0.5);
  expect(torch.equal(x, y)).toBe(true);
  expect(sameAddress(x, y)).toBe(false);
});

test("P11 editing a weight raises, and works under no_grad", () => {
  const m = mk();
  raises(
    () => m.weight.at(0).setAt([0], 2),
    "RuntimeError: a view of a leaf Variable that requires grad is being used in an in-place operation.",
  );
  torch.noGrad(() => m.weight.at(0).setAt([0], 2));
  expect(m.weight.at(0).tolist()).toEqual([2, 2]);
});

test("P12 averaging in place on a live state dict corrupts the first client", () => {
  const models = twoModels();
  const [w, other] = models.map((m) => m.stateDict()) as [torch.StateDict, torch.StateDict];
  for (const [key, tensor] of w) tensor.add_(entry(other, key)).div_(2);
  expect(models[0].bias!.tolist()).toEqual([6, 7]);
  expect(models[1].bias!.tolist()).toEqual([7, 8]);
});

test("P13 clients that reuse one module all report the last client's weights", () => {
  const m = mk();
  const global = new Map([...m.stateDict()].map(([key, value]) => [key, value.clone()]));
  const client = (value: number): torch.Tensor => {
    m.loadStateDict(global);
    torch.noGrad(() => m.bias!.fill_(value));
    return entry(m.stateDict(), "bias");
  };
  const [a, b, c] = [client(1), client(2), client(3)];
  expect(a.add(b).add(c).div(3).tolist()).toEqual([3, 3]);
});

test("P14 averaging an integer buffer in place raises", () => {
  const a = new nn.BatchNorm1d(1).stateDict();
  raises(
    () => entry(a, "num_batches_tracked").div_(2),
    "RuntimeError: result type Float can't be cast to the desired output type Long",
  );
});

test("P15 training a shallow copy of a module trains the module", () => {
  const m = mk();
  const c = copy.copy(m);
  m(torch.ones(1, 2)).sum().backward();
  new optim.SGD(c.parameters(), { lr: 1 }).step();
  expect(m.bias!.tolist()).toEqual([4, 5]);
});

test("P16 an assigned module is no copy", () => {
  const a = mk();
  const b = a;
  b.train(false);
  expect(a.training).toBe(false);
});
