/** Modules: what fields become, walks, hooks, conversions and loading. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const { nn } = torch;
type Tensor = torch.Tensor;

class Net extends nn.Module {
  first = new nn.Linear(2, 3);
  scale = new nn.Parameter(torch.ones(1));
  second = new nn.Linear(3, 1, { bias: false });
  #calls = 0;
  forward(x: Tensor): Tensor {
    this.#calls++;
    return this.second(this.first(x)).mul(this.scale);
  }
  get calls(): number {
    return this.#calls;
  }
}

const names = (pairs: Iterable<[string, unknown]>): string[] => [...pairs].map(([name]) => name);

test("a module is a function of its class, with fields and private state", () => {
  const net = new Net();
  expect(typeof net).toBe("function");
  expect(net instanceof Net && net instanceof nn.Module).toBe(true);
  expect(net(torch.ones(4, 2)).shape.join()).toBe("4,1");
  expect(net.calls).toBe(1);
  expect(Object.keys(net)).toEqual(["training", "first", "scale", "second"]);
});

test("parameters come before those of children, in the order of assignment", () => {
  expect(names(new Net().namedParameters())).toEqual(["scale", "first.weight", "first.bias", "second.weight"]);
  expect(names(new Net().namedParameters({ recurse: false, prefix: "net" }))).toEqual(["net.scale"]);
});

test("a field may hold another module later, or none", () => {
  const net = new Net();
  expect(names(net.namedChildren())).toEqual(["first", "second"]);
  net.second = new nn.Linear(3, 2, { bias: false });
  expect(net(torch.ones(1, 2)).shape.join()).toBe("1,2");
  Reflect.deleteProperty(net, "first");
  expect(names(net.namedChildren())).toEqual(["second"]);
  expect(() => Reflect.set(net, "second", 3)).toThrow(
    "cannot assign 'int' as child module 'second' (torch.nn.Module or None expected)",
  );
});

test("a Buffer field is a buffer", () => {
  class Mean extends nn.Module {
    mean = new nn.Buffer(torch.zeros(2));
    cache = new nn.Buffer(torch.zeros(2), { persistent: false });
  }
  const m = new Mean();
  expect(names(m.namedBuffers())).toEqual(["mean", "cache"]);
  expect([...m.stateDict().keys()]).toEqual(["mean"]);
});

test("a name that the class has already cannot be registered", () => {
  expect(() => new nn.Module().registerBuffer("train", torch.zeros(1))).toThrow("attribute 'train' already exists");
  expect(() => new nn.Module().addModule("", new nn.ReLU())).toThrow('module name can\'t be empty string ""');
});

test("numbered children keep their order beyond ten", () => {
  const list = new nn.ModuleList(Array.from({ length: 12 }, () => new nn.ReLU()));
  expect(names(list.namedChildren())).toEqual(Array.from({ length: 12 }, (_, i) => String(i)));
  expect(list[11]).toBe(list.at(-1));
});

test("containers insert, pop and slice as Python's lists", () => {
  const [a, b, c] = [new nn.ReLU(), new nn.Tanh(), new nn.Sigmoid()];
  const seq = new nn.Sequential(a, c);
  seq.insert(1, b);
  expect([...seq]).toEqual([a, b, c]);
  expect(seq.pop(0)).toBe(a);
  expect([seq[0], seq[1], seq[2]]).toEqual([b, c, undefined]);
  expect([...seq.at("::-1")]).toEqual([c, b]);
  expect([...new nn.Sequential({ x: a, y: b }).stateDict().keys()]).toEqual([]);
});

test("a ModuleDict maps keys to modules", () => {
  const dict = new nn.ModuleDict({ a: new nn.ReLU() });
  dict.set("b", new nn.Tanh()).update([["c", new nn.ReLU()]]);
  expect([...dict]).toEqual(["a", "b", "c"]);
  expect(dict.delete("b")).toBe(true);
  expect([dict.has("b"), dict.length]).toEqual([false, 2]);
  expect(() => dict.get("b")).toThrow("'b'");
});

test("ParameterList and ParameterDict make Parameters of tensors", () => {
  const list = new nn.ParameterList([torch.zeros(1)]);
  expect(list[0] instanceof nn.Parameter).toBe(true);
  const dict = new nn.ParameterDict({ w: torch.zeros(2) });
  expect(names(dict.namedParameters())).toEqual(["w"]);
});

test("apply visits children before their parents", () => {
  const seen: string[] = [];
  new nn.Sequential(new nn.ReLU(), new nn.Sequential(new nn.Tanh())).apply((m) => {
    seen.push(m.constructor.name);
  });
  expect(seen).toEqual(["ReLU", "Tanh", "Sequential", "Sequential"]);
});

test("forward hooks replace arguments and outputs, until they are removed", () => {
  const relu = new nn.ReLU();
  const before = relu.registerForwardPreHook((_m, [x]) => [x.neg()]);
  const after = relu.registerForwardHook((_m, _args, y) => y.add(1));
  expect(relu(torch.tensor([-2, 3])).tolist()).toEqual([3, 1]);
  before.remove();
  after.remove();
  expect(relu(torch.tensor([-2, 3])).tolist()).toEqual([0, 3]);
});

test("a full backward hook sees and replaces gradients", () => {
  const layer = new nn.Linear(2, 1, { bias: false });
  torch.noGrad(() => layer.weight.copy_(torch.tensor([[3, 5]])));
  const seen: unknown[] = [];
  layer.registerFullBackwardHook((_m, gradInput, gradOutput) => {
    seen.push(
      gradInput.map((g) => g?.tolist()),
      gradOutput.map((g) => g?.tolist()),
    );
    return [gradInput[0]!.mul(10)];
  });
  const x = torch.ones(1, 2).requiresGrad_();
  layer(x).mul(2).backward();
  expect(seen).toEqual([[[[6, 10]]], [[[2]]]]);
  expect(x.grad!.tolist()).toEqual([[60, 100]]);
  expect(layer.weight.grad!.tolist()).toEqual([[2, 2]]);
});

test("a full backward pre-hook replaces the gradient of the output", () => {
  const layer = new nn.Linear(1, 1, { bias: false });
  layer.registerFullBackwardPreHook((_m, gradOutput) => [gradOutput[0]!.mul(7)]);
  layer(torch.ones(1, 1)).backward();
  expect(layer.weight.grad!.tolist()).toEqual([[7]]);
});

test("built-in layers spell their state as files do, readable in camelCase", () => {
  const norm = new nn.BatchNorm1d(2);
  expect(norm.runningMean).toBe(norm.running_mean);
  norm.runningMean = torch.ones(2);
  expect(norm.stateDict().get("running_mean")!.tolist()).toEqual([1, 1]);
});

test("a refused load changes nothing, in no module", () => {
  const m = new nn.Sequential(new nn.Linear(1, 1), new nn.Linear(1, 1));
  const before = m.stateDict().get("0.weight")!.clone();
  const source = { ...Object.fromEntries(m.stateDict()), "0.weight": torch.full([1, 1], 9), "1.bias": torch.zeros(3) };
  expect(() => m.loadStateDict(source)).toThrow("size mismatch for 1.bias");
  expect(torch.equal(m.stateDict().get("0.weight")!, before)).toBe(true);
});

test("a post-hook sees what was loaded, and may forgive missing keys", () => {
  const layer = new nn.Linear(1, 1);
  const seen: number[] = [];
  layer.registerLoadStateDictPostHook((m, keys) => {
    seen.push(m.weight.item());
    keys.missingKeys.length = 0;
  });
  layer.loadStateDict({ weight: torch.full([1, 1], 4), bias: torch.zeros(1) });
  expect(seen).toEqual([4]);
  expect(String(layer.loadStateDict({ weight: torch.full([1, 1], 5) }))).toBe("<All keys matched successfully>");
  expect(layer.weight.item()).toBe(5);
});

test("a load that matches nothing warns", () => {
  const layer = new nn.Linear(1, 1);
  const warnings = torch.warnings.record(() => void layer.loadStateDict({ other: torch.zeros(1) }, { strict: false }));
  expect(warnings.map((w) => w.code)).toEqual(["load-nothing"]);
});

test("BatchNorm without a momentum averages over all batches", () => {
  const norm = new nn.BatchNorm1d(1, { momentum: null });
  norm(torch.tensor([[0], [2]]));
  norm(torch.tensor([[4], [6]]));
  expect(norm.runningMean!.tolist()).toEqual([3]);
});

test("unknown constructor options are refused by name", () => {
  expect(() => Reflect.construct(nn.Linear, [2, 3, { biass: false }])).toThrow(
    `Linear() got an unexpected keyword argument 'biass'; did you mean "bias"?`,
  );
});

test("initial values are drawn as PyTorch draws them", () => {
  // torch.manual_seed(0); torch.nn.Linear(2, 2)
  torch.manualSeed(0);
  const layer = new nn.Linear(2, 2);
  expect(layer.weight.tolist().flat()).toEqual([-0.0053, 0.3793, -0.582, -0.5204].map((x) => expect.closeTo(x, 3)));
  expect(layer.bias!.tolist()).toEqual([-0.2723, 0.1896].map((x) => expect.closeTo(x, 3)));
});
