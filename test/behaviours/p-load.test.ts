/** Pitfalls P35 to P37 and P40 to P46: loading, deep-copying and saving models. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import {
  attribute,
  lines,
  mk,
  raises,
  raisesAsync,
  raisesPrefix,
  saveAsCuda,
  startFresh,
  storageSize,
  temporaryFiles,
  wording,
} from "./support.ts";

const { nn, copy } = torch;
const file = temporaryFiles();

startFresh();

test("P35 loading a path is a TypeError", () => {
  raises(
    () => mk().loadStateDict("best.pth" as never),
    "TypeError: Expected state_dict to be dict-like, got <class 'str'>.",
  );
});

test("P36 a whole module of a class of one's own is refused by name, saved and loaded", () => {
  class Net extends nn.Module {
    layer = mk();
  }
  raisesPrefix(() => torch.serialize(new Net()), "PicklingError: Can't pickle a whole Net: ");
  torch.serialization.addSafeGlobals([[Net, "my_models.Net"]]);
  const bytes = torch.serialize(new Net());
  torch.serialization.clearSafeGlobals();
  raisesPrefix(
    () => torch.deserialize(bytes),
    "UnpicklingError: Weights only load failed. Unsupported global: GLOBAL my_models.Net was not an allowed global",
  );
});

test("P37 a checkpoint from a GPU does not load on a machine without one", async () => {
  const path = file("g.pt");
  await saveAsCuda(path);
  await raisesAsync(
    () => torch.load(path),
    "RuntimeError: Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you " +
      "are running on a CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your " +
      "storages to the CPU.",
  );
});

test("P40 a Sequential has no clone", () => {
  const m = new nn.Sequential(mk());
  expect(attribute(m, "clone")).toBe(null);
  expect(() => Reflect.apply(attribute(m, "clone") as () => void, m, [])).toThrow(TypeError);
});

test("P41 deepcopy of a model that keeps an activation fails", () => {
  const linear = mk();
  const m = new nn.Sequential(linear);
  Object.assign(linear, { last: m(torch.ones(1, 2)) });
  raisesPrefix(
    () => copy.deepcopy(m),
    "RuntimeError: Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the " +
      "moment",
  );
});

test("P42 deepcopy between backward and step loses the gradients", () => {
  const m = mk();
  m(torch.ones(1, 2)).sum().backward();
  const c = copy.deepcopy(m);
  expect(String(m.bias!.grad)).toBe("tensor([1., 1.])");
  expect(c.bias!.grad).toBe(null);
});

test("P43 deepcopy and save of a small slice take the whole storage", () => {
  const s = torch.zeros(10000).at(":1");
  expect(storageSize(copy.deepcopy(s))).toBe(10000);
  expect(torch.serialize(s).length).toBeGreaterThan(40000);
  expect(torch.serialize(s.clone()).length).toBeLessThan(2000);
});

test("P44 strict false with wrong prefixes loads nothing", () => {
  const m = mk();
  const result = m.loadStateDict({ "module.weight": torch.zeros(2, 2) }, { strict: false });
  expect(String(result)).toMatch(
    new RegExp(`^${wording("_IncompatibleKeys(missing_keys=['weight', 'bias'], unexpected_keys=['module.weight'])")}$`),
  );
  expect(m.weight.at(0).tolist()).toEqual([1, 2]);
});

test("P45 a failing load changes nothing, unlike PyTorch's", () => {
  const m = mk();
  raises(
    () => m.loadStateDict({ weight: torch.zeros(2, 2), bias: torch.zeros(3) }),
    lines(
      "RuntimeError: Error(s) in loading state_dict for Linear:",
      "\tsize mismatch for bias: copying a param with shape torch.Size([3]) from checkpoint, the shape in current " +
        "model is torch.Size([2]).",
    ),
  );
  expect(m.weight.tolist()).toEqual([
    [1, 2],
    [3, 4],
  ]);
  expect(m.bias!.tolist()).toEqual([5, 6]);
});

test("P46 loading does not restore the training mode", () => {
  const a = mk().eval();
  const b = mk();
  expect(String(b.loadStateDict(a.stateDict()))).toBe("<All keys matched successfully>");
  expect(b.training).toBe(true);
});
