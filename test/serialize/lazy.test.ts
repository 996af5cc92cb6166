/** Tensors that stay in their files, and files that are made of such. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { bytesSource } from "../../src/serialize/source.ts";
import { ZipReader } from "../../src/serialize/zip-read.ts";
import { morePath } from "./more.ts";
import { archiveOf, pickleOf } from "./pickles.ts";
import { bytesOf, folder as recorded } from "./recorded.ts";

const { serialization, safetensors, npy } = torch;
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cresset-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const pathOf = (file: string): string => fileURLToPath(new URL(file, recorded));

test.each([
  [
    "c.npy",
    [
      [0, 1, 2],
      [3, 4, 5],
    ],
    [3, 1],
  ],
  [
    "fortran.npy",
    [
      [0, 1, 2],
      [3, 4, 5],
    ],
    [1, 2],
  ],
  [
    "big.npy",
    [
      [0, 1, 2],
      [3, 4, 5],
    ],
    [3, 1],
  ],
])("%s opens as its one tensor", async (file, values, strides) => {
  using opened = await serialization.open(morePath(file));
  expect([opened.format, opened.keys(), opened.info("").strides]).toEqual(["npy", [""], strides]);
  expect((await opened.tensor("")).tolist()).toEqual(values);
});

test.each(["arrays.npz", "compressed.npz"])("every array of %s is what loadz gives", async (file) => {
  const whole = await npy.loadz(morePath(file));
  using opened = await serialization.open(morePath(file));
  expect(opened.format).toBe("npz");
  expect(opened.keys()).toEqual([...whole.keys()]);
  for (const [name, tensor] of whole) {
    const alone = await opened.tensor(name);
    expect([alone.dtype, alone.stride()], name).toEqual([tensor.dtype, tensor.stride()]);
    expect(torch.equal(alone, tensor), name).toBe(true);
  }
});

test("a legacy file gives single tensors; a damaged one is refused when it is opened", async () => {
  using opened = await serialization.open(pathOf("shared_storage_legacy.pt"));
  expect(opened.format).toBe("legacy");
  const whole = (await torch.load(pathOf("shared_storage_legacy.pt"))) as torch.StateDict;
  for (const [key, tensor] of whole) expect(torch.equal(await opened.tensor(key), tensor), key).toBe(true);
  await expect(serialization.open(pathOf("damaged_legacy_truncated_half.pt"))).rejects.toThrow(/claim 1576 of 1548/);
});

test("tied names of a safetensors file are one tensor, also opened", async () => {
  const model = new torch.nn.Sequential(new torch.nn.Linear(2, 2), new torch.nn.Linear(2, 2));
  const [first, second] = [...model] as [torch.nn.Linear, torch.nn.Linear];
  second.weight = first.weight;
  await safetensors.saveModel(model, at("tied.safetensors"));
  using opened = await serialization.open(at("tied.safetensors"));
  expect(opened.keys().sort()).toEqual(["0.bias", "0.weight", "1.bias", "1.weight"]);
  expect(opened.lazy("1.weight")).toBe(opened.lazy("0.weight"));
});

test("an index opens all its shards", async () => {
  using opened = await serialization.open(morePath("model.safetensors.index.json"));
  const whole = await safetensors.loadFile(morePath("model.safetensors.index.json"));
  expect(opened.keys()).toEqual([...whole.keys()]);
  for (const [name, tensor] of whole) expect(torch.equal(await opened.tensor(name), tensor), name).toBe(true);
});

test.each([
  ["shared_storage.pt", "zip"],
  ["training_checkpoint.pt", "zip"],
  ["training_checkpoint_legacy.pt", "legacy"],
])("what %s holds is saved again without being loaded: the same bytes as loaded and saved", async (file, format) => {
  using opened = await serialization.open(pathOf(file));
  expect(opened.format).toBe(format);
  await torch.save(opened.value, at("copy.pt"));
  await torch.save(await torch.load(pathOf(file)), at("direct.pt"));
  const entries = (name: string): [string, number][] =>
    [...new ZipReader(bytesSource(readFileSync(at(`${name}.pt`)), name)).entries.values()].map((entry) => [
      entry.name.slice(name.length),
      entry.crc,
    ]);
  expect(entries("copy")).toEqual(entries("direct"));
  expect(entries("copy").length).toBeGreaterThan(5);
});

test("lazy tensors go to safetensors, npy and npz; strided ones are packed first", async () => {
  using opened = await serialization.open(pathOf("shared_storage.pt"));
  const transposed = opened.lazy("transposed");
  expect(transposed.contiguous).toBe(false);
  await expect(safetensors.saveFile({ transposed }, at("t.safetensors"))).rejects.toThrow(/non contiguous tensor/);
  await safetensors.saveFile({ transposed: transposed.packed() }, at("t.safetensors"));
  await npy.save(at("t.npy"), transposed);
  await npy.savezCompressed(at("t.npz"), { transposed });
  const wanted = await opened.tensor("transposed");
  const found = [
    (await safetensors.loadFile(at("t.safetensors"))).get("transposed")!,
    await npy.load(at("t.npy")),
    (await npy.loadz(at("t.npz"))).get("transposed")!,
  ];
  for (const tensor of found) expect(torch.equal(tensor, wanted)).toBe(true);
});

test("a tensor that is made when its turn comes; a wrong one leaves no file", async () => {
  const order: string[] = [];
  const make = (name: string, value: number) => async (): Promise<torch.Tensor> => {
    order.push(name);
    return torch.full([2, 3], value, { dtype: "float32" });
  };
  const parts = { dtype: "float32", shape: [2, 3] };
  const a = serialization.lazyTensor(parts, make("a", 1));
  const b = serialization.lazyTensor({ ...parts, isParameter: true, requiresGrad: true }, make("b", 2));
  await torch.save({ a, b }, at("made.pt"));
  const { a: one, b: two } = (await torch.load(at("made.pt"))) as { a: torch.Tensor; b: torch.nn.Parameter };
  expect([order, one.sum().item(), two.sum().item(), two instanceof torch.nn.Parameter]).toEqual([
    ["a", "b"],
    6,
    12,
    true,
  ]);
  const wrong = serialization.lazyTensor({ dtype: "float32", shape: [3] }, make("wrong", 0));
  await expect(torch.save({ wrong }, at("none.pt"))).rejects.toThrow(/expected a float32 tensor of size \[3\], found/);
  expect(() => readFileSync(at("none.pt"))).toThrow(/ENOENT/);
  expect(() => torch.serialize({ a })).toThrow(/a LazyTensor has to be read first, which `await save\(\)` does/);
});

test("inspecting lists what a pickle names and runs nothing, also of a file that wants to", async () => {
  using file = await serialization.inspect(pathOf("malicious_system_zip.pt"));
  expect(file.globals).toContainEqual({ module: "posix", name: "system", allowed: false, dangerous: true });
  const unsafe = await serialization.getUnsafeGlobalsInCheckpoint(bytesOf("malicious_os_system_handmade.pt"));
  expect(unsafe).toEqual(["os.system"]);
  expect(await serialization.getUnsafeGlobalsInCheckpoint(bytesOf("cnn_state_dict_zip.pt"))).toEqual([]);
  const modules = await serialization.getUnsafeGlobalsInCheckpoint(bytesOf("whole_module.pt"));
  expect(modules).toContain("torch.nn.modules.container.Sequential");
});

test("inspecting reads tensors of devices that are not here", async () => {
  const pickle = pickleOf(
    "ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nFloatStorage\nU\x010U\x06cuda:1K\x02tQK\x00K\x02\x85",
    "K\x01\x85\x89ccollections\nOrderedDict\n)RtR.",
  );
  using file = await serialization.inspect(archiveOf(pickle, { "data/0": new Uint8Array(8) }));
  expect(file.lazy("").storage.location).toBe("cuda:1");
  expect((await file.tensor("")).tolist()).toEqual([0, 0]);
});

test("tensors of dtypes that are not here are seen, copied bit by bit, and not read", async () => {
  using opened = await serialization.open(morePath("u4.safetensors"));
  await torch.save(new Map([["x", opened.lazy("x")]]), at("u4.pt"));
  using copy = await serialization.open(at("u4.pt"));
  expect(copy.info("x")).toMatchObject({ dtype: "uint32", shape: [3] });
  await safetensors.saveFile({ x: copy.lazy("x") }, at("u4.safetensors"));
  using back = await serialization.open(at("u4.safetensors"));
  expect(await back.lazy("x").elements()).toEqual(await opened.lazy("x").elements());
  await expect(torch.load(at("u4.pt"))).rejects.toThrow(/a tensor of dtype uint32, which Cresset has not/);
});
