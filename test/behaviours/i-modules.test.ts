/** Rows I110-I118: registration, printing and copying of modules. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { capture, lines, mk, raises, raisesPrefix, startFresh } from "./support.ts";

const { nn, copy } = torch;
startFresh();

/** Assigns a value of any kind to a field of a module. */
function assign(module: object, name: string, value: unknown): void {
  Reflect.set(module, name, value);
}

test("I110 a plain tensor cannot replace a Parameter, and is not registered elsewhere", () => {
  const m = mk();
  const weight = m.weight;
  expect(capture(() => assign(m, "weight", torch.zeros(2, 2)))).toMatch(
    /^TypeError: cannot assign 'torch\.FloatTensor' as parameter 'weight' \(torch\.nn\.Parameter or (None|null) expected\)$/,
  );
  expect(m.weight === weight).toBe(true);
  assign(m, "t", torch.zeros(1));
  expect(m.stateDict().has("t")).toBe(false);
});

test("I110 null removes a parameter from the state dict and from the printed form", () => {
  const m = mk();
  m.bias = null;
  expect([...m.stateDict().keys()]).toEqual(["weight"]);
  expect(String(m)).toBe("Linear(in_features=2, out_features=2, bias=False)");
});

test("I110 a buffer takes another tensor, and nothing else", () => {
  const m = mk();
  m.registerBuffer("b", torch.zeros(1));
  assign(m, "b", torch.ones(1));
  expect(String(m.stateDict().get("b"))).toBe("tensor([1.])");
  expect(capture(() => assign(m, "b", 3))).toMatch(
    /^TypeError: cannot assign '(int|number)' as buffer 'b' \(torch\.Tensor or (None|null) expected\)$/,
  );
});

test("I111 Parameters in a plain array are not registered; those in lists are", () => {
  const m = new nn.Module();
  assign(m, "l", [new nn.Parameter(torch.zeros(1))]);
  assign(m, "p", new nn.ParameterList([new nn.Parameter(torch.zeros(1))]));
  assign(m, "ml", new nn.ModuleList([mk()]));
  expect([...m.namedParameters()].map(([name]) => name)).toEqual(["p.0", "ml.0.weight", "ml.0.bias"]);
});

test("I112 a module without forward cannot be called; an unknown field is undefined", () => {
  const m = new nn.Module() as torch.nn.Module<[x: number]>;
  raises(() => m(1), 'NotImplementedError: Module [Module] is missing the required "forward" function');
  expect(Reflect.get(m, "foo")).toBe(undefined);
});

test("I112 what may not be registered", () => {
  const m = new nn.Module();
  expect(capture(() => m.registerParameter("a.b", null))).toMatch(
    /^KeyError: '?parameter name can\\?'t contain "\."'?$/,
  );
  raisesPrefix(
    () => m.registerParameter("a", torch.zeros(1) as torch.nn.Parameter),
    "TypeError: cannot assign 'torch.FloatTensor' object to parameter 'a' (torch.nn.Parameter or ",
  );
  expect(capture(() => m.addModule("x", 3 as unknown as torch.nn.Module))).toMatch(
    /^TypeError: (int|number) is not a Module subclass$/,
  );
  expect(capture(() => m.registerBuffer("y", 3 as unknown as torch.Tensor))).toMatch(
    /^TypeError: cannot assign '(int|number)' object to buffer 'y' \(torch Tensor or (None|null) required\)$/,
  );
  expect([...m.stateDict().keys()]).toEqual([]);
});

test("I113 a module prints its children, indented", () => {
  const inner = new nn.Sequential(new nn.ReLU(), new nn.Sigmoid());
  expect(String(new nn.Sequential(new nn.Linear(2, 3), inner, new nn.BatchNorm1d(3)))).toBe(
    lines(
      "Sequential(",
      "  (0): Linear(in_features=2, out_features=3, bias=True)",
      "  (1): Sequential(",
      "    (0): ReLU()",
      "    (1): Sigmoid()",
      "  )",
      "  (2): BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)",
      ")",
    ),
  );
});

test.each([
  ["Module()", () => new nn.Module()],
  ["Sequential()", () => new nn.Sequential()],
  [
    lines("ModuleList(", "  (0): Linear(in_features=1, out_features=1, bias=False)", ")"),
    () => new nn.ModuleList([new nn.Linear(1, 1, { bias: false })]),
  ],
  ["Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))", () => new nn.Conv2d(1, 2, 3)],
  ["Dropout(p=0.5, inplace=False)", () => new nn.Dropout(0.5)],
  ["BCELoss()", () => new nn.BCELoss()],
  ["Flatten(start_dim=1, end_dim=-1)", () => new nn.Flatten()],
  [
    "ParameterList(  (0): Parameter containing: [torch.float32 of size 2x3])",
    () => new nn.ParameterList([new nn.Parameter(torch.zeros(2, 3))]),
  ],
] as const)("I113 prints %s", (text, make) => {
  expect(String(make())).toBe(text);
});

test("I113 (2.x) ModuleList folds repeated children, Sequential does not", () => {
  expect(String(new nn.ModuleList([new nn.ReLU(), new nn.ReLU(), new nn.Linear(1, 1)]))).toBe(
    lines("ModuleList(", "  (0-1): 2 x ReLU()", "  (2): Linear(in_features=1, out_features=1, bias=True)", ")"),
  );
  expect(String(new nn.Sequential(new nn.ReLU(), new nn.ReLU()))).toBe(
    lines("Sequential(", "  (0): ReLU()", "  (1): ReLU()", ")"),
  );
});

test("I114 eval() recurses and returns self; zeroGrad can fill with zeros", () => {
  const child = mk();
  const m = new nn.Sequential(child);
  expect(m.eval() === m).toBe(true);
  expect(child.training).toBe(false);
  m(torch.ones(1, 2)).sum().backward();
  m.zeroGrad({ setToNone: false });
  expect(String(child.bias!.grad)).toBe("tensor([0., 0.])");
  m.zeroGrad();
  expect(child.bias!.grad).toBe(null);
  expect(m.train() === m).toBe(true);
  expect(child.training).toBe(true);
});

test("I115 modules and parameters are listed once, state-dict keys all", () => {
  const a = mk();
  const m = new nn.Sequential(a, a);
  expect([...m.namedModules()].map(([name]) => name)).toEqual(["", "0"]);
  expect([...m.modules()].length).toBe(2);
  expect([...m.namedParameters()].map(([name]) => name)).toEqual(["0.weight", "0.bias"]);
  expect([...m.stateDict().keys()]).toEqual(["0.weight", "0.bias", "1.weight", "1.bias"]);
});

test("I116 a slice of a Sequential shares its modules; getParameter finds by path", () => {
  const child = mk();
  const m = new nn.Sequential(child, new nn.ReLU());
  const first = m.at(":1") as torch.nn.Sequential;
  expect(first[0] === m[0]).toBe(true);
  expect(m[0] === child).toBe(true);
  expect(m.length).toBe(2);
  expect(m.getParameter("0.weight") === child.weight).toBe(true);
  raises(() => m.at(5), "IndexError: index 5 is out of range");
  expect(capture(() => m.getParameter("0.nope"))).toMatch(/^\w*Error: Linear has no attribute `nope`$/);
});

test("I117 to(dtype) converts floating parameters, buffers and gradients only", () => {
  const m = new nn.BatchNorm1d(1).double();
  expect(m.weight!.dtype).toBe(torch.float64);
  expect(m.runningMean!.dtype).toBe(torch.float64);
  expect(m.numBatchesTracked!.dtype).toBe(torch.int64);
  raises(
    () => m.to(torch.int64),
    "TypeError: nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=torch.int64",
  );
  expect(m.weight!.dtype).toBe(torch.float64);
  const l = mk();
  l(torch.ones(1, 2)).sum().backward();
  l.double();
  expect(l.weight.grad!.dtype).toBe(torch.float64);
});

test("I118 deepcopy of a Module subclass keeps class, children and fields, and runs no constructor", () => {
  let made = 0;
  class M extends nn.Module {
    l = mk();
    tag = ["x"];
    constructor() {
      super();
      made += 1;
    }
  }
  const m = new M();
  const c = copy.deepcopy(m);
  expect(made).toBe(1);
  expect(c.constructor.name).toBe("M");
  expect(c instanceof M).toBe(true);
  expect(c.tag).toEqual(["x"]);
  expect(c.tag === m.tag).toBe(false);
  expect(c.l === m.l).toBe(false);
  expect(String(c)).toBe(lines("M(", "  (l): Linear(in_features=2, out_features=2, bias=True)", ")"));
});
