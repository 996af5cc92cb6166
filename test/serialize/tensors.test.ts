/** The library's own tensors through files. */
import { expect, test } from "vitest";
import { StateDict } from "../../src/core/statedict.ts";
import * as torch from "../../src/index.ts";
import { bytesSource } from "../../src/serialize/source.ts";
import { tensors } from "../../src/serialize/tensors.ts";
import { deserialize, serialize } from "../../src/serialize/torch.ts";
import { ZipReader } from "../../src/serialize/zip-read.ts";
import { archiveOf, pickleOf } from "./pickles.ts";
import { bytesOf, Comparison, recordedFiles } from "./recorded.ts";

const roundTrip = <T>(value: T): T => deserialize(serialize(value)) as T;

test.each(recordedFiles("ok"))("$file becomes tensors with exactly PyTorch's content", ({ file, content }) => {
  new Comparison(tensors).expectEqual(deserialize(bytesOf(file)), content);
});

test("complex tensors, conjugate and negated views and complex numbers come back as they were", () => {
  const x = torch.tensor([new torch.Complex(1, 2), new torch.Complex(3, -4)]);
  const saved = { x, conjugate: x.conj(), number: new torch.Complex(0, -0) };
  const back = roundTrip(saved) as unknown as typeof saved;
  expect([back.x, back.conjugate].map(String)).toEqual(["tensor([1.+2.j, 3.-4.j])", "tensor([1.-2.j, 3.+4.j])"]);
  expect([back.conjugate.isConj(), back.number]).toEqual([true, saved.number]);
  back.x.fill_(new torch.Complex(0, 5));
  expect(String(back.conjugate)).toBe("tensor([0.-5.j, 0.-5.j])");
  const part = roundTrip({ part: x.conj().imag });
  expect([part.part.isNeg(), String(part.part)]).toEqual([true, "tensor([-2.,  4.])"]);
});

test("loaded tensors share storage with each other only", () => {
  const x = torch.arange(4).float();
  const [a, b, c] = roundTrip([x, x.at("1:3"), x.view(2, 2)]) as [torch.Tensor, torch.Tensor, torch.Tensor];
  a.setAt([1], 9);
  expect(String(b)).toBe("tensor([9., 2.])");
  expect(String(c)).toBe("tensor([[0., 9.],\n        [2., 3.]])");
  expect(b.storageOffset()).toBe(1);
  expect(String(x)).toBe("tensor([0., 1., 2., 3.])");
});

test("a slice takes its whole storage along, a clone only itself", () => {
  const x = torch.zeros(1000);
  expect(serialize(x.at(":2")).length).toBeGreaterThan(4000);
  expect(serialize(x.at(":2").clone()).length).toBeLessThan(1200);
  expect(roundTrip(x.at(":2")).untypedStorage().nbytes).toBe(4000);
});

test("requiresGrad, strides and dtype are kept; .grad is not; a non-leaf comes back as a leaf", () => {
  const t = torch.ones(2, 3, { requiresGrad: true });
  t.sum().backward();
  const [a, b, c] = roundTrip([t, t.t(), t.mul(2)]) as torch.Tensor[];
  expect([a!.requiresGrad, a!.grad]).toEqual([true, null]);
  expect(b!.stride()).toEqual([1, 3]);
  expect([b!.isLeaf, c!.requiresGrad, c!.isLeaf, c!.gradFn]).toEqual([true, true, true, null]);
});

test("a state dict prints as Python's OrderedDict before and after", () => {
  const state = new StateDict([["w", torch.tensor([1, 2])]]);
  expect(String(state)).toBe("OrderedDict([('w', tensor([1., 2.]))])");
  expect(String(roundTrip(state))).toBe("OrderedDict([('w', tensor([1., 2.]))])");
  expect(String(new StateDict())).toBe("OrderedDict()");
});

test("mapLocation meta gives tensors without data", () => {
  const t = deserialize(serialize(torch.ones(2)), { mapLocation: "meta" }) as torch.Tensor;
  expect(String(t.device)).toBe("meta");
});

test("meta tensors keep their size, strides and dtype; other formats refuse them", async () => {
  const t = torch.empty(2, 3, { dtype: "int16", device: "meta" }).t();
  const p = new torch.nn.Parameter(torch.empty(4, { device: "meta" }));
  const [a, b] = roundTrip([t, p]) as [torch.Tensor, torch.nn.Parameter];
  expect([a.device.type, a.dtype, [...a.shape], a.stride()]).toEqual(["meta", torch.int16, [3, 2], [1, 3]]);
  expect([b instanceof torch.nn.Parameter, b.device.type, b.requiresGrad]).toEqual([true, "meta", true]);
  expect(() => torch.safetensors.save({ t: p.detach() })).toThrow(/the tensor t is on the meta device: it has no data/);
  expect(() => torch.npy.serialize(p)).toThrow(/a tensor on the meta device has no data/);
});

test("what was put on a tensor or a Parameter is kept; names of the class are refused", () => {
  const list = [1];
  const t = Object.assign(torch.ones(1), { tag: "x", list });
  const p = Object.assign(new torch.nn.Parameter(torch.ones(1)), { list });
  const value = roundTrip({ t, p, list }) as { t: typeof t; p: typeof p; list: number[] };
  expect([value.t.tag, value.t.list, value.p instanceof torch.nn.Parameter]).toEqual(["x", [1], true]);
  expect(value.t.list).toBe(value.list);
  expect(value.p.list).toBe(value.list);
  const bytes = serialize(Object.assign(torch.ones(1), { stripe: 1 }));
  const pickle = Buffer.from(new ZipReader(bytesSource(bytes, "file")).read("archive/data.pkl")).toString("latin1");
  const file = archiveOf(pickleOf(pickle.replace("stripe", "stride")), { "data/0": new Uint8Array(4) });
  expect(() => deserialize(file)).toThrow(/the attribute stride of a tensor has the name of a member of Tensor/);
});

test("storages are values: of bytes and of elements, shared with tensors of their dtype", () => {
  const x = torch.arange(3).float();
  const [typed, y] = roundTrip([x.storage(), x]) as [ReturnType<typeof x.storage>, torch.Tensor];
  expect([typed.dtype, typed.tolist()]).toEqual([torch.float32, [0, 1, 2]]);
  y.fill_(7);
  expect(typed.tolist()).toEqual([7, 7, 7]);
  const raw = roundTrip(x.untypedStorage());
  expect([...raw.bytes()]).toEqual([0, 0, 0, 0, 0, 0, 128, 63, 0, 0, 0, 64]);
  expect(() => serialize([x.untypedStorage(), x])).toThrow(/view the same data as different types/);
  const bytes = torch.tensor([1, 2], { dtype: "uint8" });
  const [s, u] = roundTrip([bytes.untypedStorage(), bytes]) as [ReturnType<typeof x.untypedStorage>, torch.Tensor];
  expect(u.untypedStorage()).toBe(s);
});
