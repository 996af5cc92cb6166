/** Rows S131 to S147: modules, one training step, optimizers and their state. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { entry, ints, lines, mk, nodeName, raises, raisesPrefix, sameStorage, startFresh } from "./support.ts";

const { nn, optim, copy } = torch;
const adamDefaults = {
  lr: 0.001,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  amsgrad: false,
  maximize: false,
  foreach: null,
  capturable: false,
  differentiable: false,
  fused: false,
};

/** One backward of the sum of `mk()`-like outputs: every gradient is 1. */
function backwardOnes(m: torch.nn.Linear): void {
  m(torch.ones(1, 2)).sum().backward();
}

startFresh();

class MyModel extends nn.Module {
  layer1 = new nn.Linear(10, 4);
  act1 = new nn.Sigmoid();
  forward(x: torch.Tensor): torch.Tensor {
    return this.act1(this.layer1(x));
  }
}

test("S131 a module prints its children and lists its parameters in order", () => {
  const m = new MyModel();
  expect(String(m)).toBe(
    lines("MyModel(", "  (layer1): Linear(in_features=10, out_features=4, bias=True)", "  (act1): Sigmoid()", ")"),
  );
  expect([...m.namedParameters()].map(([name, p]) => [name, String(p.shape)])).toEqual([
    ["layer1.weight", "torch.Size([4, 10])"],
    ["layer1.bias", "torch.Size([4])"],
  ]);
  expect(String(m(torch.randn(8, 10)).shape)).toBe("torch.Size([8, 4])");
});

test("S132 a parameter group holds the very Parameters in order", () => {
  const m = mk();
  const o = new optim.Adam(m.parameters(), { lr: 0.001 });
  const params = o.paramGroups[0]!.params;
  expect(Array.isArray(params)).toBe(true);
  expect(params.length).toBe(2);
  expect(params[0]).toBe(m.weight);
  expect(params[1]).toBe(m.bias);
  expect(typeof m.parameters()[Symbol.iterator]).toBe("function");
});

test("S133 Adam prints its groups and has PyTorch's defaults", () => {
  const o = new optim.Adam(mk().parameters(), { lr: 0.001 });
  expect(String(o)).toBe(
    lines(
      "Adam (",
      "Parameter Group 0",
      "    amsgrad: False",
      "    betas: (0.9, 0.999)",
      "    capturable: False",
      "    differentiable: False",
      "    eps: 1e-08",
      "    foreach: None",
      "    fused: False",
      "    lr: 0.001",
      "    maximize: False",
      "    weight_decay: 0",
      ")",
    ),
  );
  expect({ ...o.defaults }).toEqual(adamDefaults);
});

test("S134 one Adam step of the article's model lowers the loss as in PyTorch", () => {
  const input = torch.randn(8, 10);
  const target = torch.randn(8, 4);
  const layer1 = new nn.Linear(10, 4);
  const a = new nn.Sequential({ layer1, act1: new nn.Sigmoid() });
  // PyTorch 1.13 accepts targets outside [0, 1]; BCELoss here refuses them, so the loss is written out.
  const crit = (p: torch.Tensor, t: torch.Tensor): torch.Tensor =>
    t
      .mul(p.log())
      .add(torch.sub(1, t).mul(torch.sub(1, p).log()))
      .mean()
      .neg();
  const opt = new optim.Adam(a.parameters(), { lr: 0.001 });
  const res = a(input);
  const loss = crit(res, target);
  expect(loss.item()).toBeCloseTo(0.8777, 4);
  expect(nodeName(res)).toBe("SigmoidBackward0");
  opt.zeroGrad();
  loss.backward();
  const before = layer1.bias!.detach().clone();
  opt.step();
  expect(String(layer1.bias!.detach().sub(before))).toBe("tensor([-0.0010, -0.0010, -0.0010, -0.0010])");
  expect(String(layer1.bias!.grad)).toBe("tensor([0.1353, 0.2086, 0.1586, 0.0580])");
  expect(crit(a(input), target).item()).toBeCloseTo(0.8738, 4);
});

test("S135 BCELoss refuses targets outside [0, 1], as PyTorch 2", () => {
  const outside = "RuntimeError: all elements of target should be between 0 and 1";
  const r = torch.sigmoid(torch.randn(8, 4));
  const t = torch.randn(8, 4);
  raises(() => new nn.BCELoss()(r, t), outside);
  raises(() => new nn.BCELoss()(torch.tensor([0.9]), torch.tensor([5])), outside);
});

test("S136 BCELoss checks its input and sizes and clamps its logarithms at -100", () => {
  raises(
    () => new nn.BCELoss()(torch.tensor([1.5]), torch.tensor([1])),
    "RuntimeError: all elements of input should be between 0 and 1",
  );
  raises(
    () => new nn.BCELoss()(torch.rand(8, 4), torch.rand(8, 1)),
    "ValueError: Using a target size (torch.Size([8, 1])) that is different to the input size (torch.Size([8, 4])) is " +
      "deprecated. Please ensure they have the same size.",
  );
  expect(String(new nn.BCELoss()(torch.tensor([0]), torch.tensor([1])))).toBe("tensor(100.)");
  expect(String(new nn.BCELoss({ reduction: "none" })(torch.tensor([0.5, 0.25]), torch.tensor([1, 0])))).toBe(
    "tensor([0.6931, 0.2877])",
  );
  expect(String(new nn.BCELoss({ reduction: "sum" })(torch.tensor([0.5]), torch.tensor([0.5])))).toBe("tensor(0.6931)");
  raisesPrefix(
    () => new nn.BCELoss()(torch.tensor([0.5]), ints([1])),
    "RuntimeError: Found dtype Long but expected Float",
  );
});

test("S137 a training step fills gradients and updates the same Parameters in place", () => {
  const linear = mk(
    [
      [0.1, 0.2],
      [0.3, 0.4],
    ],
    [0.5, 0.6],
  );
  const m = new nn.Sequential(linear, new nn.Sigmoid());
  const x = torch.tensor([
    [1, -1],
    [2, 0.5],
  ]);
  const t = torch.tensor([
    [0, 1],
    [1, 0],
  ]);
  const o = new optim.Adam(m.parameters(), { lr: 0.001 });
  const w = linear.weight;
  const address = w.dataPtr();
  const r = m(x);
  const loss = new nn.BCELoss()(r, t);
  expect(String(r)).toBe(lines("tensor([[0.5987, 0.6225],", "        [0.6900, 0.8022]], grad_fn=<SigmoidBackward0>)"));
  expect(String(loss)).toBe("tensor(0.8447, grad_fn=<BinaryCrossEntropyBackward0>)");
  o.zeroGrad();
  loss.backward();
  expect(String(w.grad)).toBe(lines("tensor([[-0.0053, -0.1884],", "        [ 0.3067,  0.1947]])"));
  expect(String(linear.bias!.grad)).toBe("tensor([0.0722, 0.1062])");
  o.step();
  expect(String(w)).toBe(
    lines("Parameter containing:", "tensor([[0.1010, 0.2010],", "        [0.2990, 0.3990]], requires_grad=True)"),
  );
  expect(linear.weight).toBe(w);
  expect(w.dataPtr()).toBe(address);
  torch.setPrintoptions({ precision: 8 });
  expect(String(w.data)).toBe(lines("tensor([[0.10100000, 0.20100001],", "        [0.29900002, 0.39900002]])"));
  expect(String(linear.bias!.data)).toBe("tensor([0.49900001, 0.59900004])");
  const step = (): void => {
    o.zeroGrad();
    new nn.BCELoss()(m(x), t).backward();
    o.step();
  };
  step();
  step();
  expect(String(w.data)).toBe(lines("tensor([[0.10299800, 0.20299995],", "        [0.29700014, 0.39700004]])"));
  expect(String(linear.bias!.data)).toBe("tensor([0.49699998, 0.59700024])");
});

test("S138 the first Adam step moves each parameter by lr against the sign of its gradient", () => {
  const w = new nn.Parameter(torch.tensor([1, 2]));
  expect(w.grad).toBe(null);
  const o = new optim.Adam([w], { lr: 0.001 });
  w.mul(torch.tensor([3, -5]))
    .sum()
    .backward();
  expect(String(w.grad)).toBe("tensor([ 3., -5.])");
  o.step();
  expect(String(w)).toBe(lines("Parameter containing:", "tensor([0.9990, 2.0010], requires_grad=True)"));
});

test("S139 zeroGrad drops gradients, as PyTorch 2; setToNone false fills them with zeros", () => {
  const w = new nn.Parameter(torch.ones(1));
  const o = new optim.SGD([w], { lr: 0.1 });
  w.sum().backward();
  const g = w.grad;
  o.zeroGrad({ setToNone: false });
  expect(String(w.grad)).toBe("tensor([0.])");
  expect(w.grad).toBe(g);
  o.zeroGrad();
  expect(w.grad).toBe(null);
});

test("S140 without zeroGrad gradients accumulate", () => {
  const w = new nn.Parameter(torch.ones(1));
  w.mul(2).sum().backward();
  w.mul(2).sum().backward();
  expect(String(w.grad)).toBe("tensor([4.])");
});

test("S141 after deepcopy the optimizer still holds the old model's parameters", () => {
  const a = mk();
  const o = new optim.SGD(a.parameters(), { lr: 1 });
  const b = copy.deepcopy(a);
  backwardOnes(b);
  o.step();
  const unchanged = lines("Parameter containing:", "tensor([5., 6.], requires_grad=True)");
  expect(String(a.bias)).toBe(unchanged);
  expect(String(b.bias)).toBe(unchanged);
  expect(o.paramGroups[0]!.params[0]).toBe(a.weight);
});

test("S142 after deepcopy the optimizer's state is keyed by the old parameters", () => {
  const a = mk();
  const o = new optim.Adam(a.parameters(), { lr: 0.1 });
  backwardOnes(a);
  o.step();
  const b = copy.deepcopy(a);
  expect([...o.state.keys()].map((k) => k === a.weight || k === a.bias)).toEqual([true, true]);
  expect(o.state.has(b.weight)).toBe(false);
  expect(o.paramGroups[0]!.params[0]).toBe(a.weight);
  expect(b.weight.grad).toBe(null);
});

test("S143 loading into the model of an optimizer needs no new optimizer", () => {
  const a = mk();
  const o = new optim.SGD(a.parameters(), { lr: 1 });
  expect(String(a.loadStateDict(mk().stateDict()))).toBe("<All keys matched successfully>");
  backwardOnes(a);
  o.step();
  expect(String(a.bias)).toBe(lines("Parameter containing:", "tensor([4., 5.], requires_grad=True)"));
});

test("S144 an optimizer's moments are copied by its state dict and stay independent", () => {
  const a = mk();
  const first = new optim.Adam(a.parameters(), { lr: 0.01 });
  backwardOnes(a);
  first.step();
  const b = copy.deepcopy(a);
  const second = new optim.Adam(b.parameters(), { lr: 0.5 });
  second.loadStateDict(first.stateDict());
  const moment = (o: torch.optim.Adam, p: torch.Tensor): torch.Tensor =>
    entry(new Map(Object.entries(o.state.get(p as torch.nn.Parameter) as Record<string, torch.Tensor>)), "exp_avg");
  expect(torch.equal(moment(first, a.weight), moment(second, b.weight))).toBe(true);
  expect(sameStorage(moment(first, a.weight), moment(second, b.weight))).toBe(false);
  expect(String(second.state.get(b.weight)!.step)).toBe("tensor(1.)");
  expect(second.paramGroups[0]!.lr).toBe(0.01);
});

test("S145 an optimizer's state dict names parameters by number and is empty before the first step", () => {
  const m = mk([[1, 2]], [3]);
  const o = new optim.Adam(m.parameters(), { lr: 0.01 });
  const before = o.stateDict();
  expect(Object.keys(before)).toEqual(["state", "param_groups"]);
  expect(before.state.size).toBe(0);
  const { weightDecay, ...others } = adamDefaults;
  expect(before.param_groups.map((group) => ({ ...group }))).toEqual([
    { ...others, lr: 0.01, weight_decay: weightDecay, params: [0, 1] },
  ]);
  backwardOnes(m);
  o.step();
  const printed = [...o.stateDict().state].map(([index, state]) => [
    index,
    ...Object.entries(state).map(([key, value]) => `${key}: ${value}`),
  ]);
  expect(printed).toEqual([
    [0, "step: tensor(1.)", "exp_avg: tensor([[0.1000, 0.1000]])", "exp_avg_sq: tensor([[0.0010, 0.0010]])"],
    [1, "step: tensor(1.)", "exp_avg: tensor([0.1000])", "exp_avg_sq: tensor([0.0010])"],
  ]);
});

test("S146 backward starts at a scalar and fills the leaves", () => {
  const x = torch.tensor([1, 2], { requiresGrad: true });
  const y = x.mul(x);
  y.sum().backward();
  expect(String(x.grad)).toBe("tensor([2., 4.])");
  raises(() => y.backward(), "RuntimeError: grad can be implicitly created only for scalar outputs");
});

test("S147 Sigmoid's values and gradients", () => {
  const x = torch.tensor([-2, 0, 2], { requiresGrad: true });
  const y = new nn.Sigmoid()(x);
  expect(String(y)).toBe("tensor([0.1192, 0.5000, 0.8808], grad_fn=<SigmoidBackward0>)");
  y.sum().backward();
  expect(String(x.grad)).toBe("tensor([0.1050, 0.2500, 0.1050])");
});
