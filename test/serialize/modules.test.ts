/** Whole modules in files, as PyTorch writes them and as it reads them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { filesOf } from "../../src/serialize/files.ts";
import { bytesSource } from "../../src/serialize/source.ts";
import { tensors } from "../../src/serialize/tensors.ts";
import { ZipReader } from "../../src/serialize/zip-read.ts";
import { expected, moreBytes, type RecordedArray, type RecordedModule } from "./more.ts";
import { archiveOf, pickleOf } from "./pickles.ts";
import { bytesOf } from "./recorded.ts";

const { nn } = torch;
const trusted = { weightsOnly: false } as const;
afterEach(() => torch.serialization.clearSafeGlobals());

type Modules = Map<string, torch.nn.AnyModule>;
const loaded = torch.deserialize(moreBytes("modules.pt"), trusted) as Modules;
const names = Object.keys(expected.modules);

function record(t: torch.Tensor): RecordedArray {
  const data =
    t.dtype === torch.int64
      ? [...(t.reshape(-1).tolist({ bigint: true }) as bigint[])].map(String)
      : t.reshape(-1).tolist();
  return { dtype: t.dtype.name, shape: [...t.shape], stride: [...t.stride()], data: data as number[] };
}

function expectModule(module: torch.nn.AnyModule, wanted: RecordedModule): void {
  expect(module).toBeInstanceOf(nn.Module);
  expect(module.training).toBe(wanted.training);
  expect(Object.fromEntries([...module.stateDict()].map(([key, t]) => [key, record(t)]))).toEqual(wanted.state);
}

/** PyTorch 2 prints these otherwise than the 1.13 that made the file; as are we. */
const printedOtherwise = /^(EmbeddingBag|Softplus|Upsampl\w+|encoder|tied)$/;

test.each(names)("%s of PyTorch is a live module", (name) => {
  expectModule(loaded.get(name)!, expected.modules[name]!);
});

test.each(names.filter((name) => !printedOtherwise.test(name)))("%s prints as in PyTorch", (name) => {
  expect(String(loaded.get(name))).toBe(expected.modules[name]!.repr);
});

/** The file as plain trees, whoever wrote it. */
const trees = filesOf(tensors);
const treeOf = (bytes: Uint8Array): unknown => plain(trees.deserialize(bytes, trusted));

function plain(value: unknown): unknown {
  if (value instanceof torch.Tensor) return record(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [String(k), plain(v)]));
  if (value instanceof Set) return [...value];
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
  // 1.13's MultiheadAttention has the biases as plain attributes; PReLU has its `init` since 2.0.
  return fields;
}

test.each(names)("%s has the attributes that PyTorch gives it when it is saved again", (name) => {
  const original = (treeOf(moreBytes("modules.pt")) as Record<string, unknown>)[name];
  const ours = treeOf(torch.serialize(loaded.get(name)));
  const withInit = (tree: unknown): unknown => JSON.parse(JSON.stringify(tree).replace(',"init":0.25', ""));
  expect(withInit(ours)).toEqual(withInit(original));
});

test("the pickle of a whole module is PyTorch's, byte for byte", () => {
  const pickle = (bytes: Uint8Array): string =>
    Buffer.from(new ZipReader(bytesSource(bytes, "file")).read("archive/data.pkl")).toString("latin1");
  const original = bytesOf("whole_module.pt");
  expect(pickle(torch.serialize(torch.deserialize(original, trusted)))).toBe(pickle(original));
});

test("S114 a whole module keeps its class, its mode and its Parameters", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cresset-"));
  const model = new nn.Linear(2, 2).eval();
  await torch.save(model, join(folder, "m.pt"));
  const again = (await torch.load(join(folder, "m.pt"), trusted)) as torch.nn.Linear;
  rmSync(folder, { recursive: true });
  expect(again).toBeInstanceOf(nn.Linear);
  expect(again).not.toBe(model);
  expect(again.training).toBe(false);
  expect(again.weight).toBeInstanceOf(nn.Parameter);
  expect(again.weight.tolist()).toEqual(model.weight.tolist());
  const x = torch.randn(3, 2);
  expect(again(x).tolist()).toEqual(model(x).tolist());
});

test("I46 tied weights are one Parameter after loading", () => {
  const tied = torch.deserialize(torch.serialize(loaded.get("tied")), trusted) as torch.nn.ModuleList;
  expect(tied.at(0).getParameter("weight")).toBe(tied.at(1).getParameter("weight"));
});

test("I51 a function among the fields is refused by its place", () => {
  const model = Object.assign(new nn.Linear(2, 2), { f: (x: number) => x });
  expect(() => torch.serialize(model)).toThrow("Can't pickle the function f at obj.f");
  expect(() => torch.serialize(model.stateDict())).not.toThrow();
});

test("hooks are refused", () => {
  const model = new nn.Linear(2, 2);
  model.registerForwardHook(() => {});
  expect(() => torch.serialize({ model })).toThrow(/Can't pickle the forward hooks of a Linear.*at obj\.model/);
});

test("buffers outside of state dicts and fields of users stay", () => {
  const extra = loaded.get("extra")! as torch.nn.AnyModule & { note: string; table: unknown; dropped: torch.Tensor };
  expect([...extra.stateDict().keys()]).toEqual(["weight", "bias", "kept"]);
  expect(extra.dropped.tolist()).toEqual([0, 1, 2]);
  expect(extra.note).toBe("by hand");
  expect(extra.table).toEqual({ a: [1, 2] });
});

test("loading draws no random numbers", () => {
  torch.manualSeed(1);
  const first = torch.rand(1).item();
  torch.manualSeed(1);
  torch.deserialize(moreBytes("modules.pt"), trusted);
  expect(torch.rand(1).item()).toBe(first);
});

test("weightsOnly, the default, refuses whole modules as PyTorch 2.6 does", () => {
  const load = (): unknown => torch.deserialize(bytesOf("whole_module.pt"));
  expect(load).toThrow(torch.UnpicklingError);
  expect(load).toThrow(
    "Weights only load failed. Unsupported global: GLOBAL torch.nn.modules.container.Sequential was not an allowed " +
      "global by default.",
  );
  expect(load).toThrow(/weightsOnly: false/);
});

class Net extends nn.Module {
  fc = new nn.Linear(3, 2);
  scale = new nn.Parameter(torch.ones(3));
  sizes = [3, 2];
  forward(x: torch.Tensor): torch.Tensor {
    return this.fc(x.mul(this.scale));
  }
}

test.each(["net.pt", "net_legacy.pt"])("S115 a class that is not here is a tree with live parts: %s", (file) => {
  const tree = torch.deserialize(moreBytes(file), trusted) as torch.serialization.PickledObject;
  expect(tree).toBeInstanceOf(torch.serialization.PickledObject);
  expect([tree.module, tree.name, tree.args]).toEqual(["__main__", "Net", []]);
  const state = tree.state as Record<string, unknown>;
  expect(state.sizes).toEqual([3, 2]);
  expect((state._modules as Map<string, unknown>).get("fc")).toBeInstanceOf(nn.Linear);
  expect(record((state._parameters as Map<string, torch.Tensor>).get("scale")!)).toEqual(expected.net.state.scale);
});

test.each(["net.pt", "net_legacy.pt"])("a class that was added is live, its methods run: %s", (file) => {
  torch.serialization.addSafeGlobals([Net]);
  const net = torch.deserialize(moreBytes(file), trusted) as Net;
  expect(net).toBeInstanceOf(Net);
  expectModule(net, expected.net);
  const x = torch.tensor(expected.net.input.data as number[]).view(expected.net.input.shape);
  const [a, b] = [record(net(x).detach()).data, expected.net.output.data] as [number[], number[]];
  expect(a.every((value, i) => Math.abs(value - b[i]!) < 1e-5)).toBe(true);
});

test("with weightsOnly every class that a file names must have been added", () => {
  torch.serialization.addSafeGlobals([Net]);
  expect(() => torch.deserialize(moreBytes("net.pt"))).toThrow(/GLOBAL torch\.nn\.modules\.linear\.Linear was not/);
  torch.serialization.addSafeGlobals([nn.Linear]);
  expect(torch.deserialize(moreBytes("net.pt"))).toBeInstanceOf(Net);
  expect(torch.serialization.getSafeGlobals()).toEqual([Net, nn.Linear]);
});

test("a class that was added is saved under its name; another is refused before anything is written", () => {
  const net = new Net();
  expect(() => torch.serialize({ net })).toThrow(
    /^Can't pickle a whole Net: .*stateDict\(\).*addSafeGlobals\(\[\[Net, "__main__\.Net"\]\]\) \(at obj\.net\)$/,
  );
  torch.serialization.addSafeGlobals([[Net, "models.small.Net"]]);
  const bytes = torch.serialize(net);
  const again = torch.deserialize(bytes, trusted) as Net;
  expect(again.sizes).toEqual([3, 2]);
  expect(again.fc.weight.tolist()).toEqual(net.fc.weight.tolist());
  torch.serialization.clearSafeGlobals();
  expect(String(torch.deserialize(bytes, trusted))).toBe("<models.small.Net object from a file>");
});

test("a module with hooks that the file names stays a tree, so that no hook is lost", () => {
  const tree = torch.deserialize(moreBytes("hooked.pt"), trusted) as torch.serialization.PickledObject;
  expect(tree.name).toBe("Sequential");
});

const opaque = (pickle: Uint8Array): unknown => torch.deserialize(archiveOf(pickle), trusted);

test("any object is a tree: what it was made with, its attributes, its items", () => {
  const value = opaque(
    pickleOf("\x80\x02cshop\nCart\nK\x01\x85\x81}X\x01\0\0\0nK\x07sb(K\x02K\x03eX\x01\0\0\0kK\x05s."),
  );
  const { module, name, args, state, items, entries } = value as torch.serialization.PickledObject;
  expect([module, name, args, state, items, entries]).toEqual(["shop", "Cart", [1], { n: 7 }, [2, 3], { k: 5 }]);
});

test.each([
  "os\nsystem",
  "posix\nsystem",
  "subprocess\nPopen",
  "builtins\neval",
  "__builtin__\nexec",
  "importlib\nimport_module",
])("a file that names %j is refused, also without weightsOnly", (name) => {
  expect(() => opaque(pickleOf(`\x80\x02c${name}\nX\x01\0\0\0x\x85R.`))).toThrow(/Files that name it want to run/);
});

test.each([
  ["a parameter that is none", "_parameters", "K\x01", /_parameters holds w, which is no Parameter/],
  ["a module that is none", "_buffers", "K\x01", /_buffers holds w, which is no tensor/],
])("%s is an error", (_what, kind, value, message) => {
  const key = `X${String.fromCharCode(kind.length)}\0\0\0${kind}`;
  const state = `}${key}}X\x01\0\0\0w${value}ss`;
  expect(() => opaque(pickleOf(`\x80\x02ctorch.nn.modules.activation\nTanh\n)\x81${state}b.`))).toThrow(message);
});

test("an attribute must not take the place of a method", () => {
  torch.serialization.addSafeGlobals([Net]);
  const pickle = pickleOf("\x80\x02c__main__\nNet\n)\x81}X\x07\0\0\0forwardK\x01sb.");
  expect(() => opaque(pickle)).toThrow(/the attribute forward has the name of a field or method/);
});

test("a module inside of itself is a tree", () => {
  const self = pickleOf(
    "\x80\x02ctorch.nn.modules.container\nSequential\n)\x81q\x01}X\x08\0\0\0_modules}X\x01\0\0\x000h\x01ssb.",
  );
  const tree = opaque(self) as torch.serialization.PickledObject;
  const { _modules } = tree.state as { _modules: Map<string, unknown> };
  expect(_modules.get("0")).toBe(tree);
});
