/** Rows I42-I51: files. Rows I46 (first half) and I51 (first half) are about whole-module files and stand elsewhere. */
import { readFile, stat } from "node:fs/promises";
import { strFromU8, strToU8, unzipSync, zipSync } from "fflate";
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { capture, lines, mk, sameAddress, sameStorage, startFresh, temporaryFiles } from "./support.ts";

const { nn } = torch;
startFresh();
const file = temporaryFiles();

/** Saves to bytes and loads them again. */
function roundTrip<T>(value: T): T {
  return torch.deserialize(torch.serialize(value)) as T;
}

test("I42 tensors of one save call share storage after loading, with each other only", async () => {
  const x = torch.arange(4).float();
  await torch.save([x, x.at("1:3"), x.view(2, 2)], file("f"));
  const [a, b, c] = (await torch.load(file("f"))) as [torch.Tensor, torch.Tensor, torch.Tensor];
  a.setAt([1], 9);
  expect(String(b)).toBe("tensor([9., 2.])");
  expect(String(c)).toBe(lines("tensor([[0., 9.],", "        [2., 3.]])"));
  expect(b.storageOffset()).toBe(1);
  expect(String(x)).toBe("tensor([0., 1., 2., 3.])");
  expect(sameStorage(a, b) && sameStorage(a, c)).toBe(true);
  expect(sameStorage(a, x)).toBe(false);
});

test("I43 separate save calls lose the sharing", async () => {
  const x = torch.arange(4).float();
  await torch.save(x, file("a"));
  await torch.save(x.at("1:3"), file("b"));
  const a = (await torch.load(file("a"))) as torch.Tensor;
  const b = (await torch.load(file("b"))) as torch.Tensor;
  a.setAt([1], 9);
  expect(String(b)).toBe("tensor([1., 2.])");
  expect(sameStorage(a, b)).toBe(false);
});

test("I44 a saved slice writes its whole storage, a clone only its elements", async () => {
  const x = torch.zeros(1000);
  await torch.save(x.at(":2"), file("s"));
  await torch.save(x.at(":2").clone(), file("c"));
  expect((await stat(file("s"))).size).toBeGreaterThan(4000);
  expect((await stat(file("c"))).size).toBeLessThan(1200);
  const s = (await torch.load(file("s"))) as torch.Tensor;
  expect(s.untypedStorage().nbytes / s.elementSize()).toBe(1000);
  expect([...s.shape]).toEqual([2]);
});

test("I45 an object saved twice in one call is loaded as one object", () => {
  const x = torch.ones(1);
  const [a, b] = roundTrip([x, x]);
  expect(a === b).toBe(true);
  const p = new nn.Parameter(x);
  const [c, d] = roundTrip([p, p]);
  expect(c === d).toBe(true);
  expect(c!.constructor.name).toBe("Parameter");
});

test("I46 tied weights survive in a saved state dict as two entries over one storage", () => {
  const a = mk();
  const b = mk();
  b.weight = a.weight;
  const s = roundTrip(new nn.ModuleList([a, b]).stateDict());
  expect(s.get("0.weight") === s.get("1.weight")).toBe(false);
  expect(sameAddress(s.get("0.weight")!, s.get("1.weight")!)).toBe(true);
});

test("I47 requiresGrad, strides and dtype are saved, .grad is not, a non-leaf becomes a leaf", () => {
  const t = torch.ones(2, 3, { requiresGrad: true });
  t.sum().backward();
  const [a, b, c, d] = roundTrip([t, t.t(), t.mul(2), torch.ones(1, { dtype: torch.float64 })]) as torch.Tensor[];
  expect(a!.requiresGrad).toBe(true);
  expect(a!.grad).toBe(null);
  expect(b!.stride()).toEqual([1, 3]);
  expect(b!.isLeaf).toBe(true);
  expect(c!.requiresGrad).toBe(true);
  expect(c!.isLeaf).toBe(true);
  expect(c!.gradFn).toBe(null);
  expect(d!.dtype).toBe(torch.float64);
});

test("I48 a file is a snapshot", async () => {
  const m = mk();
  await torch.save(m.stateDict(), file("snapshot"));
  torch.noGrad(() => m.bias!.zero_());
  const s = (await torch.load(file("snapshot"))) as torch.StateDict;
  expect(String(s.get("bias"))).toBe("tensor([5., 6.])");
});

test("I49 a file is a zip of data.pkl, raw little-endian storages and version 3, under the name of the file", async () => {
  await torch.save({ a: torch.tensor([1, 2]) }, file("arch.pt"));
  const entries = unzipSync(new Uint8Array(await readFile(file("arch.pt"))));
  expect(Object.keys(entries)).toEqual(expect.arrayContaining(["arch/data.pkl", "arch/data/0", "arch/version"]));
  expect(strFromU8(entries["arch/version"]!)).toBe("3\n");
  expect([...entries["arch/data/0"]!]).toEqual([0, 0, 0x80, 0x3f, 0, 0, 0, 0x40]);
});

test("I50 plain containers go to bytes and back", async () => {
  expect(roundTrip({ n: 3, s: "x", l: [1.5, null] })).toEqual({ n: 3, s: "x", l: [1.5, null] });
  const blob = new Blob([torch.serialize({ n: 3 }) as Uint8Array<ArrayBuffer>]);
  expect(await torch.load(blob)).toEqual({ n: 3 });
});

test("I50 a class other than the known ones is refused by name", () => {
  const pickle = strToU8("\x80\x02c__builtin__\nobject\nq\x00)\x81q\x01.", true);
  const bytes = zipSync({ "o/data.pkl": pickle, "o/version": strToU8("3\n") }, { level: 0 });
  const text = capture(() => torch.deserialize(bytes));
  expect(text).toMatch(/^UnpicklingError: Weights only load failed\./);
  expect(text).toMatch(/Unsupported (class|global)\b.*__builtin__\.object/);
});

test("I51 a module with a function for a field can save its state dict", () => {
  const m = Object.assign(mk(), { f: (x: torch.Tensor) => x });
  const s = roundTrip(m.stateDict());
  expect([...s.keys()]).toEqual(["weight", "bias"]);
  expect(String(s.get("bias"))).toBe("tensor([5., 6.])");
});
