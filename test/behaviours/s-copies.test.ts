/** Rows S1 to S24: assignment, shallow copy and deep copy of values, tensors and modules. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { attribute, ints, linearAt, lines, mk, raisesPrefix, sameAddress, sameStorage, startFresh } from "./support.ts";

const { nn, copy } = torch;
const notALeaf =
  "RuntimeError: Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment";

startFresh();

test("S1 assignment aliases, copy copies one level, deepcopy copies all levels", () => {
  const inner = ["a", "b"];
  const a: unknown[] = [1, 2, 3, 4, inner];
  const b = a;
  const c = copy.copy(a);
  const d = copy.deepcopy(a);
  a.push(5);
  inner.push("c");
  expect(a).toEqual([1, 2, 3, 4, ["a", "b", "c"], 5]);
  expect(b).toEqual([1, 2, 3, 4, ["a", "b", "c"], 5]);
  expect(c).toEqual([1, 2, 3, 4, ["a", "b", "c"]]);
  expect(d).toEqual([1, 2, 3, 4, ["a", "b"]]);
  expect([b === a, c === a, c[4] === a[4], d[4] === a[4]]).toEqual([true, false, true, false]);
});

test("S2 appending to a shallow copy of a flat list leaves the original unchanged", () => {
  const a = [1, 2, 3];
  const b = copy.copy(a);
  b.push(5);
  expect(a).toEqual([1, 2, 3]);
  expect(b).toEqual([1, 2, 3, 5]);
});

test("S3 a write into the nested list of a deep copy leaves the original unchanged", () => {
  const nested = [3, 5];
  const original = { values: [1, 2, nested, 4] as const };
  const duplicate = copy.deepcopy(original);
  (duplicate.values[2] as number[])[0] = 7;
  expect(original.values).toEqual([1, 2, [3, 5], 4]);
  expect(duplicate.values).toEqual([1, 2, [7, 5], 4]);
});

test("S4 a write through the shared inner list of a shallow copy changes the original", () => {
  const nested = [3, 5];
  const original: unknown[] = [1, 2, nested, 4];
  const duplicate = copy.copy(original);
  (duplicate[2] as number[])[0] = 7;
  expect(original).toEqual([1, 2, [7, 5], 4]);
  expect(duplicate).toEqual([1, 2, [7, 5], 4]);
});

test("S5 rebinding a slot of a shallow copy does not change the original", () => {
  const original: unknown[] = [1, 2, [3, 5], 4];
  const duplicate = copy.copy(original);
  duplicate[1] = 7;
  expect(original).toEqual([1, 2, [3, 5], 4]);
  expect(duplicate).toEqual([1, 7, [3, 5], 4]);
});

test("S7 a write through one name of a tensor is seen by the other", () => {
  const a = ints([1, 2, 3]);
  const b = a;
  b.setAt([0], 9);
  expect(String(a)).toBe("tensor([9, 2, 3])");
  expect(b).toBe(a);
});

test("S8 an assigned module is the same module with the same parameters", () => {
  const a = mk();
  const b = a;
  expect(b).toBe(a);
  expect(b.weight).toBe(a.weight);
  torch.noGrad(() => b.weight.zero_());
  expect(String(a.weight)).toBe(
    lines("Parameter containing:", "tensor([[0., 0.],", "        [0., 0.]], requires_grad=True)"),
  );
});

test("S10 copy.copy of a module is a new module with the same Parameter objects", () => {
  const m1 = mk();
  const ck = copy.copy(m1);
  expect(ck === m1).toBe(false);
  expect(ck).toBeInstanceOf(nn.Linear);
  expect(ck.weight).toBe(m1.weight);
  expect(sameAddress(ck.weight, m1.weight)).toBe(true);
});

test("S11 a shallow copy of a module registers its own parameters and modules, unlike PyTorch's", () => {
  const m1 = mk();
  const ck = copy.copy(m1);
  ck.weight = new nn.Parameter(torch.zeros(2, 2));
  expect(m1.weight.tolist()).toEqual([
    [1, 2],
    [3, 4],
  ]);
  expect(ck.weight.tolist()).toEqual([
    [0, 0],
    [0, 0],
  ]);
  ck.training = false;
  expect([m1.training, ck.training]).toEqual([true, false]);
  Object.assign(ck, { extra: new nn.Linear(1, 1) });
  expect([...m1.namedModules()].map(([name]) => name)).toEqual([""]);
  expect([...ck.namedModules()].map(([name]) => name)).toEqual(["", "extra"]);
});

test("S12 deepcopy of a module gives new Parameters in new storage with equal values", () => {
  const a = mk();
  const b = copy.deepcopy(a);
  const theirs = [...b.parameters()];
  const observed = [...a.parameters()].map((p1, i) => {
    const p2 = theirs[i]!;
    return [torch.equal(p1, p2), p1 === p2, sameAddress(p1, p2), p2 instanceof nn.Parameter, p2.requiresGrad];
  });
  expect(observed).toEqual([
    [true, false, false, true, true],
    [true, false, false, true, true],
  ]);
});

test("S13 after deepcopy a change in either model does not affect the other", () => {
  const a = mk();
  const b = copy.deepcopy(a);
  torch.noGrad(() => {
    b.weight.zero_();
    a.bias!.fill_(-1);
  });
  expect(String(a.stateDict())).toBe(
    lines("OrderedDict([('weight', tensor([[1., 2.],", "        [3., 4.]])), ('bias', tensor([-1., -1.]))])"),
  );
  expect(String(b.stateDict())).toBe(
    lines("OrderedDict([('weight', tensor([[0., 0.],", "        [0., 0.]])), ('bias', tensor([5., 6.]))])"),
  );
});

test("S14 deepcopy of a module keeps flags, buffers, attributes and hooks but drops .grad of its Parameters", () => {
  const linear = new nn.Linear(2, 2);
  const norm = new nn.BatchNorm1d(2);
  const m = Object.assign(new nn.Sequential(linear, norm).eval(), { tag: [1] });
  linear.bias!.requiresGrad_(false);
  linear(torch.ones(1, 2)).sum().backward();
  let calls = 0;
  m.registerForwardHook(() => {
    calls += 1;
  });
  Object.assign(linear.weight, { tag: "x" });
  const c = copy.deepcopy(m);
  const weight = linearAt(c, 0).weight;
  expect(String(linear.weight.grad)).toBe(lines("tensor([[1., 1.],", "        [1., 1.]])"));
  expect(weight.grad).toBe(null);
  expect("tag" in weight).toBe(false);
  expect(c.training).toBe(false);
  expect(linearAt(c, 0).bias!.requiresGrad).toBe(false);
  expect(c.tag).toEqual([1]);
  expect(c.tag === m.tag).toBe(false);
  c(torch.ones(1, 2));
  expect(calls).toBe(1);
  const copied = c[1] as torch.nn.BatchNorm1d;
  expect(torch.equal(copied.runningVar!, norm.runningVar!)).toBe(true);
  expect(copied.runningVar === norm.runningVar).toBe(false);
});

test("S15 deepcopy of a non-leaf tensor raises, also inside a module", () => {
  const x = torch.ones(2, { requiresGrad: true });
  const y = x.mul(2);
  raisesPrefix(() => copy.deepcopy(y), notALeaf);
  const m = mk();
  Object.assign(m, { cache: m(torch.ones(1, 2)) });
  raisesPrefix(() => copy.deepcopy(m), notALeaf);
  expect(String(copy.deepcopy(y.detach()))).toBe("tensor([2., 2.])");
  expect(String(copy.deepcopy(x))).toBe("tensor([1., 1.], requires_grad=True)");
});

test("S16 a write to the original leaves a deep-copied tensor unchanged", () => {
  const tensor = ints([1, 2, 3]);
  const duplicate = copy.deepcopy(tensor);
  tensor.setAt([0], 10);
  expect(String(tensor)).toBe("tensor([10,  2,  3])");
  expect(String(duplicate)).toBe("tensor([1, 2, 3])");
});

test("S17 an in-place write keeps identity and address and bumps _version", () => {
  const t = ints([1, 2, 3]);
  const address = t.dataPtr();
  const version = t._version;
  t.setAt([0], 10);
  expect(t.add_(1)).toBe(t);
  expect(String(t)).toBe("tensor([11,  3,  4])");
  expect(t.dataPtr()).toBe(address);
  expect(version).toBe(0);
  expect(t._version).toBe(2);
});

test("S18 deepcopy returns immutable values themselves and copies a list in a list", () => {
  expect(copy.deepcopy("a")).toBe("a");
  expect(copy.deepcopy(torch.float32)).toBe(torch.float32);
  const l = [[1]];
  const duplicate = copy.deepcopy(l);
  expect(duplicate === l).toBe(false);
  expect(duplicate).toEqual([[1]]);
});

test("S19 deepcopy gives the tensors of nested structures new memory", () => {
  const d = { w: torch.ones(2), l: [torch.zeros(1)] };
  const e = copy.deepcopy(d);
  d.w.fill_(5);
  d.l[0]!.fill_(5);
  expect(String(e.w)).toBe("tensor([1., 1.])");
  expect(String(e.l[0])).toBe("tensor([0.])");
});

test("S20 deepcopy keeps tied weights tied to each other and cuts them from the original", () => {
  const a = new nn.Linear(2, 2);
  const b = new nn.Linear(2, 2);
  b.weight = a.weight;
  const m = new nn.ModuleList([a, b]);
  const c = copy.deepcopy(m);
  expect(linearAt(c, 0).weight).toBe(linearAt(c, 1).weight);
  expect(linearAt(c, 0).weight === a.weight).toBe(false);
});

test("S21 a module has no clone", () => {
  const m = mk();
  expect(attribute(m, "clone")).toBe(null);
  expect(() => Reflect.apply(attribute(m, "clone") as () => void, m, [])).toThrow(TypeError);
});

test("S22 only tensors and storages have clone", () => {
  const optimizer = new torch.optim.SGD(mk().parameters(), { lr: 1 });
  const owners = [mk(), optimizer, {}, torch.ones(1), torch.ones(1).untypedStorage()];
  expect(owners.map((owner) => "clone" in owner)).toEqual([false, false, false, true, true]);
});

test("S23 assignment, deepcopy and copy_ are three different copies", () => {
  const t = torch.tensor([1, 2]);
  const p = torch.zeros(2);
  const address = p.dataPtr();
  const r = copy.deepcopy(t);
  expect(r === t).toBe(false);
  expect(sameAddress(r, t)).toBe(false);
  expect(p.copy_(t)).toBe(p);
  expect(p.dataPtr()).toBe(address);
  expect(sameAddress(p, t)).toBe(false);
  expect(String(p)).toBe("tensor([1., 2.])");
});

test("S24 copy_ converts the dtype, broadcasts and writes through any strides", () => {
  const p = torch.zeros(2, 3);
  const turned = p.t();
  expect(turned.copy_(ints([1, 2]))).toBe(turned);
  expect(sameStorage(turned, p)).toBe(true);
  expect(String(p)).toBe(lines("tensor([[1., 1., 1.],", "        [2., 2., 2.]])"));
  expect(p.dtype).toBe(torch.float32);
});
