/** Rows I52-I64: optimizers. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { capture, lines, mk, raises, raisesPrefix, sameAddress, startFresh, warned } from "./support.ts";

const { nn, optim } = torch;
const { SGD, Adam } = optim;
startFresh();

/** A Parameter of ones that has made one Adam step with gradient 1. */
function stepped(): { w: torch.nn.Parameter; o: torch.optim.Adam } {
  const w = new nn.Parameter(torch.ones(1));
  const o = new Adam([w], { lr: 0.1 });
  w.sum().backward();
  o.step();
  return { w, o };
}

/** Three steps down `(w * w).sum()`. */
function threeSteps(w: torch.nn.Parameter, o: torch.optim.Optimizer): void {
  for (let i = 0; i < 3; i++) {
    o.zeroGrad();
    w.mul(w).sum().backward();
    o.step();
  }
}

test("I52 an optimizer's state dict refers to the live state tensors; its groups are new", () => {
  const { w, o } = stepped();
  const s = o.stateDict();
  const entry = s.state.get(0)!;
  expect(entry.exp_avg === o.state.get(w)!.exp_avg).toBe(true);
  expect((s.param_groups[0] as unknown) === o.paramGroups[0]).toBe(false);
  const e = (entry.exp_avg as torch.Tensor).item();
  o.step();
  expect((entry.exp_avg as torch.Tensor).item() === e).toBe(false);
  expect(String(entry.step)).toBe("tensor(2.)");
  o.paramGroups[0]!.lr = 5;
  expect(s.param_groups[0]!.lr).toBe(0.1);
});

test("I53 loadStateDict casts state to the parameter's dtype, not step, and replaces hyperparameters", () => {
  const s = stepped().o.stateDict();
  const v = new nn.Parameter(torch.ones(1, { dtype: torch.float64 }));
  const q = new Adam([v], { lr: 9 });
  q.loadStateDict(s);
  const state = q.state.get(v)! as Record<string, torch.Tensor>;
  expect(String(state.exp_avg)).toBe("tensor([0.1000], dtype=torch.float64)");
  expect(state.step!.dtype).toBe(torch.float32);
  expect(q.paramGroups[0]!.lr).toBe(0.1);
  expect(q.paramGroups[0]!.params[0] === v).toBe(true);
});

test("I53 loadStateDict copies deeply", () => {
  const s = stepped().o.stateDict();
  const u = new nn.Parameter(torch.ones(1));
  const r = new Adam([u]);
  r.loadStateDict(s);
  const loaded = r.state.get(u)!.exp_avg as torch.Tensor;
  const source = s.state.get(0)!.exp_avg as torch.Tensor;
  expect(loaded === source).toBe(false);
  expect(sameAddress(loaded, source)).toBe(false);
  expect(loaded.item()).toBe(source.item());
});

test("I54 loadStateDict checks the number and the sizes of the groups", () => {
  const s = new SGD(mk().parameters(), { lr: 1 }).stateDict();
  const q = new SGD([mk().weight], { lr: 1 });
  raises(
    () => q.loadStateDict(s),
    "ValueError: loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
  );
  const r = new SGD([{ params: [mk().weight] }, { params: [mk().bias!] }], { lr: 1 });
  raises(() => r.loadStateDict(s), "ValueError: loaded state dict has a different number of parameter groups");
});

test("I55 state is matched by order: a wrong order fails at step", () => {
  const a = mk([[1, 2]], [3]);
  const o = new SGD(a.parameters(), { lr: 1, momentum: 0.9 });
  a(torch.ones(1, 2)).sum().backward();
  o.step();
  const q = new SGD([a.bias!, a.weight], { lr: 1, momentum: 0.9 });
  q.loadStateDict(o.stateDict());
  raises(() => q.step(), "RuntimeError: output with shape [1] doesn't match the broadcast shape [1, 2]");
});

test("I56 constructors refuse what is no list of leaf tensors", () => {
  const w = new nn.Parameter(torch.ones(1));
  raises(() => new SGD([w.mul(2)], { lr: 1 }), "ValueError: can't optimize a non-leaf Tensor");
  raises(() => new SGD([], { lr: 1 }), "ValueError: optimizer got an empty parameter list");
  raises(() => new SGD([][Symbol.iterator](), { lr: 1 }), "ValueError: optimizer got an empty parameter list");
  raises(
    () => new SGD(w as unknown as Iterable<torch.Tensor>, { lr: 1 }),
    "TypeError: params argument given to the optimizer should be an iterable of Tensors or dicts, but got torch.FloatTensor",
  );
  expect(capture(() => new SGD([1.5] as unknown as torch.Tensor[], { lr: 1 }))).toMatch(
    /^TypeError: optimizer can only optimize Tensors, but one of the params is (float|number)$/,
  );
});

test("I56 constructors refuse hyperparameters out of range", () => {
  const w = new nn.Parameter(torch.ones(1));
  expect(capture(() => new SGD([w], { lr: -1 }))).toMatch(/^ValueError: Invalid learning rate: -1(\.0)?$/);
  expect(capture(() => new Adam([w], { betas: [1, 0.9] }))).toMatch(
    /^ValueError: Invalid beta parameter at index 0: 1(\.0)?$/,
  );
});

test("I56 (2.x) SGD without lr uses 1e-3", () => {
  const w = new nn.Parameter(torch.ones(1));
  expect(new SGD([w]).paramGroups[0]!.lr).toBe(1e-3);
});

test("I56 a parameter twice in a group warns, in two groups raises", () => {
  const w = new nn.Parameter(torch.ones(1));
  expect(warned(() => new SGD([w, w], { lr: 1 }))).toEqual([
    "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; see github.com/pytorch/pytorch/issues/40967 for more information",
  ]);
  raises(
    () => new SGD([{ params: [w] }, { params: [w] }], { lr: 1 }),
    "ValueError: some parameters appear in more than one parameter group",
  );
});

test("I57 parameters() is consumed once; the optimizer keeps the Parameters of an iterator", () => {
  const g = mk().parameters();
  expect([...g].length).toBe(2);
  expect([...g].length).toBe(0);
  const m = mk();
  const [group] = new SGD(m.parameters(), { lr: 1 }).paramGroups;
  expect(group!.params[0] === m.weight).toBe(true);
  expect(group!.params[1] === m.bias).toBe(true);
});

test("I58 step skips parameters without grad; with zero grads momentum still moves them", () => {
  const w = new nn.Parameter(torch.ones(1));
  const o = new SGD([w], { lr: 0.1, momentum: 0.9 });
  w.sum().backward();
  o.step();
  o.zeroGrad({ setToNone: false });
  o.step();
  expect(String(w)).toBe(lines("Parameter containing:", "tensor([0.8100], requires_grad=True)"));
  o.zeroGrad({ setToNone: true });
  o.step();
  expect(String(w)).toBe(lines("Parameter containing:", "tensor([0.8100], requires_grad=True)"));
});

test("I58 (2.x) zeroGrad sets grads to null by default, on the optimizer and on the module", () => {
  const m = mk();
  m(torch.ones(1, 2)).sum().backward();
  new SGD(m.parameters(), { lr: 0.1 }).zeroGrad();
  expect(m.weight.grad).toBe(null);
  m(torch.ones(1, 2)).sum().backward();
  m.zeroGrad();
  expect(m.weight.grad).toBe(null);
});

test("I59 SGD with momentum and weight decay", () => {
  const w = new nn.Parameter(torch.tensor([1, -2]));
  const o = new SGD([w], { lr: 0.1, momentum: 0.9, weightDecay: 0.01 });
  threeSteps(w, o);
  torch.setPrintoptions({ precision: 8 });
  expect(String(w.data)).toBe("tensor([ 0.05819422, -0.11638844])");
  expect(String(o.state.get(w)!.momentum_buffer)).toBe("tensor([ 3.99306798, -7.98613596])");
  expect(Object.keys(o.stateDict().state.get(0)!)).toEqual(["momentum_buffer"]);
});

const group = (index: number, lr: number) => [
  `Parameter Group ${index}`,
  "    dampening: 0",
  "    differentiable: False",
  "    foreach: None",
  `    lr: ${lr}`,
  "    maximize: False",
  "    momentum: 0",
  "    nesterov: False",
  "    weight_decay: 0",
];

test("I59 an optimizer prints its class and its groups", () => {
  const w = new nn.Parameter(torch.tensor([1, -2]));
  expect(String(new SGD([w], { lr: 0.1 }))).toBe(lines("SGD (", ...group(0, 0.1), ")"));
});

test("I60 Adam", () => {
  const w = new nn.Parameter(torch.tensor([1, -2]));
  const o = new Adam([w], { lr: 0.1 });
  threeSteps(w, o);
  torch.setPrintoptions({ precision: 8 });
  expect(String(w.data)).toBe("tensor([ 0.70158631, -1.70062339])");
  const state = o.state.get(w)!;
  expect(Object.keys(state)).toEqual(["step", "exp_avg", "exp_avg_sq"]);
  expect(String(state.step)).toBe("tensor(3.)");
  expect(String(state.exp_avg)).toBe("tensor([ 0.48408246, -1.02603328])");
  expect(String(state.exp_avg_sq)).toBe("tensor([0.00979140, 0.04335598])");
});

test("I61 step bumps versions and keeps leaves; an older graph that saved the value refuses to run", () => {
  const first = mk();
  const second = mk();
  const m = new nn.Sequential(first, second);
  const o = new SGD(m.parameters(), { lr: 0.1 });
  const l = m(torch.ones(1, 2)).sum();
  l.backward({ retainGraph: true });
  const v = second.weight._version;
  o.step();
  expect(second.weight._version - v).toBe(1);
  expect(second.weight.isLeaf).toBe(true);
  expect(capture(() => l.backward())).toMatch(
    /^RuntimeError: one of the variables needed for gradient computation has been modified by an inplace operation: \[torch\.FloatTensor \[2, 2\]\](, which is output 0 of \w+)?,? is at version \d+; expected version \d+ instead\. Hint: enable anomaly detection to find the operation that failed to compute its gradient, with torch\.autograd\.(set_detect_anomaly|setDetectAnomaly)\([Tt]rue\)\.$/,
  );
});

test("I62 options of a group win over the defaults", () => {
  const m = mk();
  const o = new SGD([{ params: [m.weight], lr: 0.5 }, { params: [m.bias!] }], { lr: 0.1 });
  expect(o.paramGroups.map((g) => g.lr)).toEqual([0.5, 0.1]);
  expect(String(o)).toBe(lines("SGD (", ...group(0, 0.5), "", ...group(1, 0.1), ")"));
  o.addParamGroup({ params: [new nn.Parameter(torch.zeros(1))] });
  expect(o.paramGroups.length).toBe(3);
  expect(o.paramGroups[2]!.lr).toBe(0.1);
});

test("I63 step(closure) runs it with grad enabled and returns the loss", () => {
  const w = new nn.Parameter(torch.ones(1));
  const o = new SGD([w], { lr: 0.1 });
  const loss = o.step(() => {
    o.zeroGrad();
    const l = w.mul(3).sum();
    l.backward();
    return l;
  });
  expect(String(loss)).toBe("tensor(3., grad_fn=<SumBackward0>)");
  expect(String(w)).toBe(lines("Parameter containing:", "tensor([0.7000], requires_grad=True)"));
});

test("I64 double() after creating the optimizer keeps it working, with old state dtypes", () => {
  const m = mk();
  const o = new SGD(m.parameters(), { lr: 0.1, momentum: 0.9 });
  m(torch.ones(1, 2)).sum().backward();
  o.step();
  const kept = m.weight;
  m.double();
  expect(m.weight === kept).toBe(true);
  expect((o.state.get(m.weight)!.momentum_buffer as torch.Tensor).dtype).toBe(torch.float32);
  expect(m.weight.grad!.dtype).toBe(torch.float64);
  m.zeroGrad();
  m(torch.ones(1, 2).double()).sum().backward();
  const before = m.bias!.tolist();
  o.step();
  expect(m.bias!.tolist()).not.toEqual(before);
});

test("I64 a step after double() uses the old momentum", () => {
  const w = new nn.Parameter(torch.ones(1));
  const holder = Object.assign(new nn.Module(), { w });
  const o = new SGD([w], { lr: 0.5, momentum: 0.5 });
  w.sum().backward();
  o.step();
  holder.double();
  holder.zeroGrad();
  w.sum().backward();
  o.step();
  expect(w.item()).toBe(-0.25);
});

test("I52 a state dict of an optimizer names its options as files do", () => {
  const { o } = stepped();
  const [saved] = o.stateDict().param_groups;
  expect(saved!.params).toEqual([0]);
  expect("weight_decay" in saved!).toBe(true);
  expect("weightDecay" in o.paramGroups[0]!).toBe(true);
  raisesPrefix(() => new Adam([new nn.Parameter(torch.ones(1))], { lr: -0.5 }), "ValueError: Invalid learning rate");
});
