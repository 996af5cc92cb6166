/** Rows S25 to S49: state dicts alias the module, loading copies values into it. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { entry, lines, mk, raises, sameAddress, startFresh, wording } from "./support.ts";

const { nn, copy } = torch;
const matched = "<All keys matched successfully>";
const leafView = "RuntimeError: a view of a leaf Variable that requires grad is being used in an in-place operation.";
const leaf = "RuntimeError: a leaf Variable that requires grad is being used in an in-place operation.";
const mkText = lines("OrderedDict([('weight', tensor([[1., 2.],", "        [3., 4.]])), ('bias', tensor([5., 6.]))])");

class LogisticRegression extends nn.Module {
  fc: torch.nn.Linear;
  constructor(inChannels: number, classNum: number) {
    super();
    this.fc = new nn.Linear(inChannels, classNum);
  }
  forward(x: torch.Tensor): torch.Tensor {
    return this.fc(x);
  }
}

function halve(tensors: Iterable<torch.Tensor>): void {
  for (const v of tensors) v.data.sub_(v.data.mul(0.5));
}

function fcText(row0: string, row1: string, bias: string): string {
  return lines(
    `OrderedDict([('fc.weight', tensor([[${row0}],`,
    `        [${row1}]])), ('fc.bias', tensor([${bias}]))])`,
  );
}

startFresh();

test("S25 a state dict aliases its module until it is deep-copied", () => {
  const m = new LogisticRegression(2, 2);
  m.fc = mk(
    [
      [-0.0472, -0.45],
      [-0.3051, -0.3033],
    ],
    [-0.1162, -0.4246],
  );
  let a = m.stateDict();
  const first = fcText("-0.0472, -0.4500", "-0.3051, -0.3033", "-0.1162, -0.4246");
  expect(String(m.stateDict())).toBe(first);
  expect(String(a)).toBe(first);
  halve(m.parameters());
  const halved = fcText("-0.0236, -0.2250", "-0.1525, -0.1516", "-0.0581, -0.2123");
  expect(String(m.stateDict())).toBe(halved);
  expect(String(a)).toBe(halved);
  a = copy.deepcopy(a);
  expect(String(m.loadStateDict(a))).toBe(matched);
  halve(a.values());
  const quartered = fcText("-0.0118, -0.1125", "-0.0763, -0.0758", "-0.0291, -0.1062");
  expect(String(m.stateDict())).toBe(halved);
  expect(String(a)).toBe(quartered);
  halve(m.parameters());
  expect(String(m.stateDict())).toBe(quartered);
  expect(String(a)).toBe(quartered);
});

test("S26 loading an aliasing state dict leaves model and dict aliased", () => {
  const fc = mk(
    [
      [0.1331, 0.0882],
      [0.2721, -0.1324],
    ],
    [-0.5216, 0.4661],
  );
  const m = new nn.Sequential({ fc });
  const a = m.stateDict();
  halve(m.parameters());
  expect(String(m.loadStateDict(a))).toBe(matched);
  halve(a.values());
  const quartered = fcText(" 0.0333,  0.0221", " 0.0680, -0.0331", "-0.1304,  0.1165");
  expect(String(m.stateDict())).toBe(quartered);
  expect(String(a)).toBe(quartered);
  halve(m.parameters());
  const eighth = fcText(" 0.0166,  0.0110", " 0.0340, -0.0166", "-0.0652,  0.0583");
  expect(String(m.stateDict())).toBe(eighth);
  expect(String(a)).toBe(eighth);
  expect(sameAddress(entry(a, "fc.weight"), fc.weight)).toBe(true);
});

test("S27 equal values after equal arithmetic do not mean shared storage", () => {
  const m = mk();
  const a = copy.deepcopy(m.stateDict());
  expect(String(m.loadStateDict(a))).toBe(matched);
  halve(a.values());
  halve(m.parameters());
  expect(torch.equal(m.weight, entry(a, "weight"))).toBe(true);
  expect(sameAddress(m.weight, entry(a, "weight"))).toBe(false);
});

test("S28 writing an element of a Parameter raises", () => {
  const m = mk();
  raises(() => {
    for (const v of m.parameters()) v.setAt([0], 123);
  }, leafView);
});

test("S29 assigning .data of a temporary view of a Parameter has no effect", () => {
  const m = mk();
  for (const v of m.parameters()) v.at(0).data = new torch.Tensor([123]);
  expect(String(m.stateDict())).toBe(mkText);
});

test("S30 writing an element of a state dict entry writes into the module", () => {
  const m = mk();
  for (const tensor of m.stateDict().values()) tensor.setAt([1], 456);
  expect(String(m.weight)).toBe(
    lines("Parameter containing:", "tensor([[  1.,   2.],", "        [456., 456.]], requires_grad=True)"),
  );
  expect(String(m.bias)).toBe(lines("Parameter containing:", "tensor([  5., 456.], requires_grad=True)"));
});

test("S31 assigning .data of a temporary view of a state dict entry has no effect", () => {
  const a = mk().stateDict();
  for (const tensor of a.values()) tensor.at(1).data = new torch.Tensor([456]);
  expect(String(a)).toBe(mkText);
});

test("S32 v.data -= … writes into the storage and leaves the version of v alone", () => {
  const v = mk().weight;
  const address = v.dataPtr();
  const version = v._version;
  v.data = v.data.sub_(v.data.mul(0.5));
  expect(v.dataPtr()).toBe(address);
  expect(v._version - version).toBe(0);
  expect(String(v)).toBe(
    lines("Parameter containing:", "tensor([[0.5000, 1.0000],", "        [1.5000, 2.0000]], requires_grad=True)"),
  );
});

test("S33 loading creates no aliasing", () => {
  const m = mk();
  const s = new Map([...m.stateDict()].map(([key, value]) => [key, value.clone()]));
  expect(String(m.loadStateDict(s))).toBe(matched);
  expect(sameAddress(entry(s, "weight"), m.weight)).toBe(false);
});

test("S34 loading keeps Parameter objects, addresses and requires_grad, and bumps the version once", () => {
  const m = mk();
  const w = m.weight;
  const address = w.dataPtr();
  const version = w._version;
  expect(String(m.loadStateDict({ weight: torch.zeros(2, 2), bias: torch.ones(2) }))).toBe(matched);
  expect(m.weight).toBe(w);
  expect(w.dataPtr()).toBe(address);
  expect(w.requiresGrad).toBe(true);
  expect(w._version - version).toBe(1);
  expect(String(w)).toBe(lines("Parameter containing:", "tensor([[0., 0.],", "        [0., 0.]], requires_grad=True)"));
});

test("S35 every call of state_dict makes new detached tensors over the parameters' storage", () => {
  const m = mk();
  const p = m.stateDict();
  const q = m.stateDict();
  const weight = entry(p, "weight");
  expect(m.stateDict() === p).toBe(false);
  expect(weight === m.weight).toBe(false);
  expect(weight === entry(q, "weight")).toBe(false);
  expect(sameAddress(weight, entry(q, "weight"))).toBe(true);
  expect(sameAddress(weight, m.weight)).toBe(true);
  expect(p).toBeInstanceOf(Map);
  expect(weight).toBeInstanceOf(torch.Tensor);
  expect(weight).not.toBeInstanceOf(nn.Parameter);
  expect(weight.requiresGrad).toBe(false);
  expect(weight.isLeaf).toBe(true);
  expect(weight.gradFn).toBe(null);
});

function seedModel(): torch.nn.Linear {
  return mk([[0.0171, 0.4382, -0.4297, 0.4098, -0.3954]], [0.3964]);
}

function seedText(first: string): string {
  return (
    `OrderedDict([('weight', tensor([[ ${first},  0.4382, -0.4297,  0.4098, -0.3954]])), ` +
    "('bias', tensor([0.3964]))])"
  );
}

test("S36 writing one element of a state dict entry changes the module", () => {
  const m1 = seedModel();
  expect(String(m1.weight)).toBe(
    lines("Parameter containing:", "tensor([[ 0.0171,  0.4382, -0.4297,  0.4098, -0.3954]], requires_grad=True)"),
  );
  const p = m1.stateDict();
  entry(p, "weight").at(0).setAt([0], 8.8888);
  expect(String(m1.stateDict())).toBe(seedText("8.8888"));
});

test("S37 in-place writes on a Parameter raise while grad mode is on", () => {
  const m2 = new nn.Linear(5, 1);
  raises(() => m2.weight.at(0).setAt([0], 2), leafView);
  raises(() => m2.weight.setAt([0], 2), leafView);
  raises(() => m2.weight.add_(1), leaf);
  raises(() => m2.weight.setAt([0, 0], 2), leafView);
});

test("S38 under no_grad the write succeeds, and the loaded model is independent", () => {
  const m1 = seedModel();
  const p = m1.stateDict();
  entry(p, "weight").at(0).setAt([0], 8.8888);
  const m2 = new nn.Linear(5, 1);
  expect(String(m2.loadStateDict(p))).toBe(matched);
  torch.noGrad(() => m2.weight.at(0).setAt([0], 2));
  expect(String(p)).toBe(seedText("8.8888"));
  expect(String(m2.stateDict())).toBe(seedText("2.0000"));
});

test("S39 loading creates no objects and no memory", () => {
  const m = mk();
  const before = [...m.parameters()];
  const addresses = before.map((p) => p.dataPtr());
  expect(String(m.loadStateDict(mk().stateDict()))).toBe(matched);
  const after = [...m.parameters()];
  expect(after.every((p, i) => p === before[i])).toBe(true);
  expect(after.map((p) => p.dataPtr())).toEqual(addresses);
});

test("S40 a kept state dict follows training, its deep copy does not", () => {
  const m = mk();
  const best = m.stateDict();
  const safe = copy.deepcopy(m.stateDict());
  const optimizer = new torch.optim.SGD(m.parameters(), { lr: 1 });
  m(torch.ones(1, 2)).sum().backward();
  optimizer.step();
  expect(String(best.get("bias"))).toBe("tensor([4., 5.])");
  expect(String(safe.get("bias"))).toBe("tensor([5., 6.])");
});

test("S41 federated averaging that only reads live state dicts is safe", () => {
  const first = mk();
  const second = mk(
    [
      [3, 4],
      [5, 6],
    ],
    [7, 8],
  );
  const locals = [first, second].map((m) => m.stateDict());
  const average = (key: string): torch.Tensor =>
    locals.reduce((sum, local) => sum.add(entry(local, key)), torch.zeros(1)).div(locals.length);
  const global = new Map([...locals[0]!.keys()].map((key) => [key, average(key)]));
  const g = mk();
  expect(String(g.loadStateDict(global))).toBe(matched);
  expect(String(g.weight)).toBe(
    lines("Parameter containing:", "tensor([[2., 3.],", "        [4., 5.]], requires_grad=True)"),
  );
  expect(String(first.weight)).toBe(
    lines("Parameter containing:", "tensor([[1., 2.],", "        [3., 4.]], requires_grad=True)"),
  );
});

test("S42 a model filled by a state dict is independent; the dict follows its source", () => {
  const a = mk();
  const sd = a.stateDict();
  const b = new nn.Linear(2, 2);
  expect(String(b.loadStateDict(sd))).toBe(matched);
  torch.noGrad(() => a.weight.zero_());
  expect(String(b.weight)).toBe(
    lines("Parameter containing:", "tensor([[1., 2.],", "        [3., 4.]], requires_grad=True)"),
  );
  expect(String(sd.get("weight"))).toBe(lines("tensor([[0., 0.],", "        [0., 0.]])"));
});

test("S43 keys are dotted paths, parameters before buffers, children in order, with metadata", () => {
  const m = new nn.Sequential({
    layer1: new nn.Linear(2, 1),
    bn: new nn.BatchNorm1d(1),
    act1: new nn.Sigmoid(),
  });
  const sd = m.stateDict();
  expect([...sd.keys()]).toEqual([
    "layer1.weight",
    "layer1.bias",
    "bn.weight",
    "bn.bias",
    "bn.running_mean",
    "bn.running_var",
    "bn.num_batches_tracked",
  ]);
  expect([...sd._metadata!]).toEqual([
    ["", { version: 1 }],
    ["layer1", { version: 1 }],
    ["bn", { version: 2 }],
    ["act1", { version: 1 }],
  ]);
});

test("S44 loading copies parameters and buffers, not mode, requires_grad or attributes", () => {
  const a = new nn.BatchNorm1d(1).eval();
  a.weight!.requiresGrad_(false);
  a.runningMean!.fill_(7);
  a.eps = 9;
  const b = new nn.BatchNorm1d(1);
  expect(String(b.loadStateDict(a.stateDict()))).toBe(matched);
  expect([b.training, b.weight!.requiresGrad, b.eps]).toEqual([true, true, 1e-5]);
  expect(String(b.runningMean)).toBe("tensor([7.])");
});

test("S45 rebinding a key leaves the module alone until the dict is loaded", () => {
  const m = mk();
  const sd = m.stateDict();
  sd.set("bias", torch.tensor([0, 0]));
  expect(String(m.bias)).toBe(lines("Parameter containing:", "tensor([5., 6.], requires_grad=True)"));
  expect(String(m.loadStateDict(sd))).toBe(matched);
  expect(String(m.bias)).toBe(lines("Parameter containing:", "tensor([0., 0.], requires_grad=True)"));
});

test("S46 one state dict loaded twice gives two independent models", () => {
  const sd = mk().stateDict();
  const a = new nn.Linear(2, 2);
  const b = new nn.Linear(2, 2);
  expect(String(a.loadStateDict(sd))).toBe(matched);
  expect(String(b.loadStateDict(sd))).toBe(matched);
  expect(sameAddress(a.weight, b.weight)).toBe(false);
  expect(torch.equal(a.weight, b.weight)).toBe(true);
});

test("S47 loading a path or null is a TypeError", () => {
  const load = (value: unknown) => () => mk().loadStateDict(value as never);
  raises(load("model.pth"), "TypeError: Expected state_dict to be dict-like, got <class 'str'>.");
  raises(load(null), "TypeError: Expected state_dict to be dict-like, got <class 'NoneType'>.");
});

test("S48 one error lists missing keys, then unexpected keys, then size mismatches", () => {
  const m = mk();
  const s = m.stateDict();
  const bias = entry(s, "bias");
  const header = "RuntimeError: Error(s) in loading state_dict for Linear:";
  const missing = '\tMissing key(s) in state_dict: "bias". ';
  const mismatch =
    "\tsize mismatch for weight: copying a param with shape torch.Size([3, 2]) from checkpoint, " +
    "the shape in current model is torch.Size([2, 2]).";
  raises(() => m.loadStateDict({ weight: entry(s, "weight") }), lines(header, missing));
  raises(
    () => m.loadStateDict({ ...Object.fromEntries(s), foo: bias, bar: bias }),
    lines(header, '\tUnexpected key(s) in state_dict: "foo", "bar". '),
  );
  raises(() => m.loadStateDict({ weight: torch.zeros(3, 2), bias }), lines(header, mismatch));
  raises(
    () => m.loadStateDict({ weight: torch.zeros(3, 2), z: bias }),
    lines(header, missing, '\tUnexpected key(s) in state_dict: "z". ', mismatch),
  );
});

test("S49 strict false reports missing and unexpected keys but still raises on a size mismatch", () => {
  const m = mk();
  const s = m.stateDict();
  const partial = m.loadStateDict({ weight: entry(s, "weight"), foo: entry(s, "bias") }, { strict: false });
  expect(String(partial)).toMatch(
    new RegExp(`^${wording("_IncompatibleKeys(missing_keys=['bias'], unexpected_keys=['foo'])")}$`),
  );
  const r = m.loadStateDict({}, { strict: false });
  expect([...r.missingKeys]).toEqual(["weight", "bias"]);
  expect([...r.unexpectedKeys]).toEqual([]);
  raises(
    () => m.loadStateDict({ weight: torch.zeros(3, 2) }, { strict: false }),
    lines(
      "RuntimeError: Error(s) in loading state_dict for Linear:",
      "\tsize mismatch for weight: copying a param with shape torch.Size([3, 2]) from checkpoint, " +
        "the shape in current model is torch.Size([2, 2]).",
    ),
  );
});
