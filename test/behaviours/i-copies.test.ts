/** Rows I1-I16: deepcopy, copy and clone. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { lines, mk, raises, raisesPrefix, sameAddress, sameStorage, startFresh } from "./support.ts";

const { nn, optim, copy } = torch;
startFresh();

const notALeaf =
  "RuntimeError: Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment";

test("I1 deepcopy of a Module keeps tied submodules and tied weights tied", () => {
  const a = mk();
  const c = copy.deepcopy(new nn.Sequential(a, new nn.ReLU(), a));
  expect(c[0] === c[2]).toBe(true);
  expect(c[0] === a).toBe(false);

  const e = new nn.Embedding(3, 2);
  const l = new nn.Linear(2, 3, { bias: false });
  l.weight = e.weight;
  const d = copy.deepcopy(new nn.ModuleDict({ e, l }));
  expect((d.get("e") as typeof e).weight === (d.get("l") as typeof l).weight).toBe(true);
  expect((d.get("e") as typeof e).weight === e.weight).toBe(false);
});

test("I2 ties made by .data are not kept by deepcopy", () => {
  const a = mk();
  const b = mk();
  b.weight.data = a.weight.data;
  const c = copy.deepcopy(new nn.ModuleList([a, b]));
  expect(sameAddress(a.weight, b.weight)).toBe(true);
  expect(sameAddress((c[0] as typeof a).weight, (c[1] as typeof b).weight)).toBe(false);
});

test("I3 deepcopy copies an object reached twice once; separate calls are unrelated unless they share a memo", () => {
  const t = torch.ones(2);
  const l = copy.deepcopy([t, t]);
  expect(l[0] === l[1]).toBe(true);
  expect(l[0] === t).toBe(false);
  const [first, second] = [copy.deepcopy(t), copy.deepcopy(t)];
  expect(first === second).toBe(false);
  const memo = new Map();
  const [third, fourth] = [copy.deepcopy(t, memo), copy.deepcopy(t, memo)];
  expect(third === fourth).toBe(true);
});

test("I4 one deepcopy call preserves storage sharing between plain views", () => {
  const x = torch.arange(4).float();
  const y = x.at("1:3");
  const [X, Y] = copy.deepcopy([x, y]) as [torch.Tensor, torch.Tensor];
  X.setAt([1], 9);
  expect(String(Y)).toBe("tensor([9., 2.])");
  expect(Y.storageOffset()).toBe(1);
  expect(Y._base).toBe(null);
  expect(sameStorage(X, Y)).toBe(true);
  expect(sameStorage(X, x)).toBe(false);
  expect(x.tolist()).toEqual([0, 1, 2, 3]);
});

test("I5 a Parameter and a plain view of it lose the sharing under deepcopy", () => {
  const p = new nn.Parameter(torch.zeros(2));
  const v = p.data.at(":1");
  const [P, V] = copy.deepcopy([p, v]) as [torch.nn.Parameter, torch.Tensor];
  V.setAt([0], 9);
  expect(String(P)).toBe(lines("Parameter containing:", "tensor([0., 0.], requires_grad=True)"));
  expect(String(V)).toBe("tensor([9.])");
  expect(sameStorage(P, V)).toBe(false);
});

test("I6 deepcopy copies .grad of a plain leaf, not of a Parameter", () => {
  const t = torch.ones(1, { requiresGrad: true });
  t.sum().backward();
  const c = copy.deepcopy(t);
  expect(String(c.grad)).toBe("tensor([1.])");
  expect(c.grad === t.grad).toBe(false);
  expect(sameStorage(c.grad!, t.grad!)).toBe(false);

  const p = new nn.Parameter(torch.ones(1));
  p.sum().backward();
  expect(copy.deepcopy(p).grad).toBe(null);
});

test("I6 deepcopy copies own fields of a plain leaf, not of a Parameter", () => {
  const t = Object.assign(torch.ones(1), { tag: ["x"] });
  const c = copy.deepcopy(t);
  expect(c.tag).toEqual(["x"]);
  expect(c.tag === t.tag).toBe(false);
  const p = Object.assign(new nn.Parameter(torch.ones(1)), { tag: ["x"] });
  expect("tag" in copy.deepcopy(p)).toBe(false);
});

test("I7 deepcopy of a view keeps strides and offset and copies the whole storage", () => {
  const b = torch.arange(12).float().view(3, 4);
  const d = copy.deepcopy(b.at(":", "1:3"));
  expect(d.stride()).toEqual([4, 1]);
  expect(d.storageOffset()).toBe(1);
  expect(d.untypedStorage().nbytes / d.elementSize()).toBe(12);
  expect(sameStorage(d, b)).toBe(false);
});

test("I7 clone keeps the strides of a dense permuted view and makes sliced and expanded views contiguous", () => {
  const b = torch.arange(12).float().view(3, 4);
  const v = b.at(":", "1:3");
  expect(b.t().clone().stride()).toEqual([1, 4]);
  expect(v.clone().stride()).toEqual([2, 1]);
  expect(v.t().clone().stride()).toEqual([1, 2]);
  expect(torch.ones(1).expand(2, 3).clone().stride()).toEqual([3, 1]);
  expect(b.t().clone({ memoryFormat: torch.contiguousFormat }).stride()).toEqual([3, 1]);
});

test("I8 copy.copy of a tensor is a new object over the same storage with its own version counter", () => {
  const t = torch.ones(2);
  const c = copy.copy(t);
  expect(c === t).toBe(false);
  expect(sameAddress(c, t)).toBe(true);
  const before = c._version;
  c.add_(1);
  expect(String(t)).toBe("tensor([2., 2.])");
  expect(t._version).toBe(0);
  expect(c._version - before).toBe(1);
});

test("I8 copy.copy of a Parameter is a Parameter over the same storage", () => {
  const p = new nn.Parameter(torch.ones(2));
  const q = copy.copy(p);
  expect(q.constructor.name).toBe("Parameter");
  expect(q instanceof nn.Parameter).toBe(true);
  expect(q === p).toBe(false);
  expect(sameAddress(q, p)).toBe(true);
});

test("I8 copy.copy of a non-leaf keeps requiresGrad but loses the graph", () => {
  const x = torch.ones(2, { requiresGrad: true }).mul(2);
  const y = copy.copy(x);
  expect(y.isLeaf).toBe(true);
  expect(y.requiresGrad).toBe(true);
  expect(y.gradFn).toBe(null);
});

test("I9 (our rule) copy.copy of a model shares its children, but not the table they are listed in", () => {
  const child = mk();
  const m = new nn.Sequential(child);
  const c = copy.copy(m);
  expect(c === m).toBe(false);
  expect(c[0] === child).toBe(true);
  expect(c.constructor === m.constructor).toBe(true);
  c.append(new nn.ReLU());
  expect(c.length).toBe(2);
  expect(m.length).toBe(1);
  c.training = false;
  expect(m.training).toBe(true);
});

test("I10 a joint deepcopy keeps the link between the copied optimizer and the copied parameters", () => {
  const A = mk();
  const o = new optim.SGD(A.parameters(), { lr: 1 });
  const [B, q] = copy.deepcopy([A, o]) as [typeof A, typeof o];
  expect(q.paramGroups[0]!.params[0] === B.weight).toBe(true);
  expect(B.weight === A.weight).toBe(false);
  expect(sameStorage(B.weight, A.weight)).toBe(false);
});

test("I11 deepcopy of a state dict keeps its kind, metadata and aliasing, and cuts the link to the model", () => {
  const a = mk();
  const b = mk();
  b.weight = a.weight;
  const s = new nn.ModuleList([a, b]).stateDict();
  const d = copy.deepcopy(s);
  expect(d.constructor === s.constructor).toBe(true);
  expect(String(d)).toMatch(/^OrderedDict\(\[/);
  expect([...d._metadata!.keys()]).toEqual(["", "0", "1"]);
  expect(sameAddress(d.get("0.weight")!, d.get("1.weight")!)).toBe(true);
  expect(sameAddress(d.get("0.weight")!, a.weight)).toBe(false);
});

test("I12 a tensor computed under noGrad is a leaf and can be deep-copied", () => {
  const w = torch.ones(1, { requiresGrad: true });
  const y = torch.noGrad(() => w.mul(2));
  expect(y.isLeaf).toBe(true);
  expect(String(copy.deepcopy(y))).toBe("tensor([2.])");
  expect(String(copy.deepcopy(w.data))).toBe("tensor([1.])");
  expect(String(copy.deepcopy(w.mul(3).detach()))).toBe("tensor([3.])");
  expect(String(copy.deepcopy(new nn.Parameter(torch.ones(1), { requiresGrad: false })))).toBe(
    lines("Parameter containing:", "tensor([1.])"),
  );
});

test("I13 a module under weightNorm holds a computed weight and cannot be deep-copied", () => {
  const m = nn.utils.weightNorm(new nn.Linear(2, 2));
  raisesPrefix(() => copy.deepcopy(m), notALeaf);
});

test("I14 an in-place update of an EMA copy raises outside noGrad and is independent of the model inside it", () => {
  const m = mk();
  const e = copy.deepcopy(m);
  raises(
    () => e.bias!.mul_(0.5).add_(m.bias!, { alpha: 0.5 }),
    "RuntimeError: a leaf Variable that requires grad is being used in an in-place operation.",
  );
  expect(e.bias!.tolist()).toEqual([5, 6]);
  torch.noGrad(() => {
    m.bias!.zero_();
    e.bias!.mul_(0.5).add_(m.bias!, { alpha: 0.5 });
  });
  expect(String(e.bias)).toBe(lines("Parameter containing:", "tensor([2.5000, 3.0000], requires_grad=True)"));
  expect(String(m.bias)).toBe(lines("Parameter containing:", "tensor([0., 0.], requires_grad=True)"));
});

test("I15 clone of a Parameter under noGrad is a plain leaf, in grad mode a non-leaf", () => {
  const p = new nn.Parameter(torch.ones(1));
  const c = torch.noGrad(() => p.clone());
  expect(c.constructor.name).toBe("Tensor");
  expect(c instanceof nn.Parameter).toBe(false);
  expect(c.requiresGrad).toBe(false);
  expect(c.isLeaf).toBe(true);
  expect(p.clone().isLeaf).toBe(false);
});

test("I16 gradient hooks are not copied by deepcopy of a Parameter", () => {
  const p = new nn.Parameter(torch.ones(1));
  p.registerHook((g) => g.mul(10));
  const c = copy.deepcopy(p);
  p.sum().backward();
  c.sum().backward();
  expect(String(p.grad)).toBe("tensor([10.])");
  expect(String(c.grad)).toBe("tensor([1.])");
});
