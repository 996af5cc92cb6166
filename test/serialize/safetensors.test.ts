/** safetensors files, against those of the format's own library. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { moreBytes, morePath } from "./more.ts";

const { nn, safetensors } = torch;
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cresset-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const lists = (state: ReadonlyMap<string, torch.Tensor>): unknown =>
  Object.fromEntries([...state].map(([key, t]) => [key, t.tolist({ bigint: true })]));

test("a file of the library has these tensors", async () => {
  const state = await safetensors.loadFile(morePath("plain.safetensors"));
  expect(lists(state)).toEqual({
    weight: [
      [0, 1, 2],
      [3, 4, 5],
    ],
    half: [0.5, 1.5],
    double: [[1.25]],
    byte: [0, 1, 2, 3, 4],
    signed: [-1],
    short: [-300],
    int: [2 ** 31 - 1],
    long: [2n ** 53n + 1n, -1n],
    flag: [true, false, true],
    empty: [],
    scalar: 3.5,
    "näme.0": [1],
  });
  const dtypes = Object.fromEntries([...state].map(([key, t]) => [key, t.dtype.name]));
  expect(dtypes).toMatchObject({ half: "float16", double: "float64", byte: "uint8", long: "int64", flag: "bool" });
  expect([...state.get("empty")!.shape]).toEqual([0, 4]);
});

test("what is written is what the library writes, byte for byte", () => {
  const bytes = moreBytes("plain.safetensors");
  expect(Buffer.from(safetensors.save(safetensors.load(bytes), { format: "pt" }))).toEqual(Buffer.from(bytes));
  const bf16 = moreBytes("bf16.safetensors");
  const x = safetensors.load(bf16);
  expect(x.get("x")!.tolist()).toEqual([1, -2, 2]);
  expect(Buffer.from(safetensors.save(x))).toEqual(Buffer.from(bf16));
});

test("a dtype that is not here is named, and hides no header", async () => {
  expect(() => safetensors.load(moreBytes("u4.safetensors"))).toThrow(
    /tensor x has dtype uint32, which Cresset has not/,
  );
  using file = await torch.serialization.open(morePath("u4.safetensors"));
  expect(file.info("x")).toMatchObject({ dtype: "uint32", shape: [3] });
  await expect(file.tensor("x")).rejects.toThrow("a tensor of dtype uint32, which Cresset has not");
});

test("single tensors and metadata without the rest", async () => {
  using file = await torch.serialization.open(morePath("plain.safetensors"));
  expect(file.format).toBe("safetensors");
  expect([...file.metadata]).toEqual([["format", "pt"]]);
  expect((await file.tensor("weight")).tolist()).toEqual([
    [0, 1, 2],
    [3, 4, 5],
  ]);
});

test("shards by their index, in its order", async () => {
  const state = await safetensors.loadFile(morePath("model.safetensors.index.json"));
  expect(lists(state)).toEqual({ b: [0n, 1n, 2n, 3n], a: [0, 1, 2] });
  expect([...state.keys()]).toEqual(["b", "a"]);
});

test("shards are written with their index, and tied names stay tied", async () => {
  const w = torch.arange(8, { dtype: "float32" });
  const state = new Map([
    ["a", w],
    ["b", torch.ones(3)],
    ["c", w],
    ["d", torch.zeros(2)],
  ]);
  const index = await safetensors.saveSharded(state, folder, { maxShardSize: 40, name: "big" });
  expect(readdirSync(folder).filter((name) => name.startsWith("big"))).toEqual([
    "big-00001-of-00002.safetensors",
    "big-00002-of-00002.safetensors",
    "big.safetensors.index.json",
  ]);
  expect(JSON.parse(await readFile(index, "utf8")).metadata).toEqual({ total_size: 32 + 12 + 8 });
  const again = await safetensors.loadFile(index);
  expect(lists(again)).toEqual(lists(state));
  expect(again.get("c")).toBe(again.get("a"));
});

test.each([
  ["a folder", { weight_map: { a: "../secret.safetensors" } }, /"\.\.\/secret\.safetensors", which is no file beside/],
  ["no map", { weights: 1 }, /expected an object with weight_map/],
  ["a wrong tensor", { weight_map: { z: "s.safetensors" } }, /s\.safetensors has no tensor z/],
])("an index with %s is refused", async (_what, index, message) => {
  await safetensors.saveFile({ a: torch.ones(1) }, at("s.safetensors"));
  await writeFile(at("x.index.json"), JSON.stringify(index));
  await expect(safetensors.loadFile(at("x.index.json"))).rejects.toThrow(message);
});

class Tied extends nn.Module {
  embed = new nn.Embedding(4, 3);
  decoder = new nn.Linear(3, 4, { bias: false });
  constructor() {
    super();
    this.decoder.weight = this.embed.weight;
  }
}

test("tied tensors are refused by saveFile, written once by saveModel, and tied again", async () => {
  const model = new Tied();
  await expect(safetensors.saveFile(model.stateDict(), at("t.safetensors"))).rejects.toThrow(
    "Some tensors share memory, this will lead to duplicate memory on disk and potential differences when loading " +
      "them again: [{'embed.weight', 'decoder.weight'}]. A potential way to correctly save your model is to use `saveModel`.",
  );
  await safetensors.saveModel(model, at("t.safetensors"), { metadata: { by: "hand" } });
  const state = await safetensors.loadFile(at("t.safetensors"));
  expect([...state.keys()].sort()).toEqual(["decoder.weight", "embed.weight"]);
  expect(state.get("decoder.weight")).toBe(state.get("embed.weight"));
  using file = await torch.serialization.open(at("t.safetensors"));
  expect(Object.fromEntries(file.metadata)).toEqual({ by: "hand", "embed.weight": "decoder.weight" });
  const other = new Tied();
  const { missingKeys } = await safetensors.loadModel(other, at("t.safetensors"));
  expect(missingKeys).toEqual([]);
  expect(other.embed.weight.tolist()).toEqual(model.embed.weight.tolist());
});

test("parts of one memory that do not overlap are saved, overlapping ones are not", () => {
  const base = torch.arange(6, { dtype: "float32" });
  const bytes = safetensors.save({ low: base.at("0:3"), high: base.at("3:6") });
  expect(lists(safetensors.load(bytes))).toEqual({ low: [0, 1, 2], high: [3, 4, 5] });
  expect(() => safetensors.save({ low: base.at("0:4"), high: base.at("3:6") })).toThrow(/'low', 'high'/);
});

test("a tensor that is not contiguous, and a value that is none", () => {
  expect(() => safetensors.save({ x: torch.ones(2, 3).t() })).toThrow(
    /You are trying to save a non contiguous tensor: `x`/,
  );
  expect(() => safetensors.save({ x: 1 } as never)).toThrow(
    "Key `x` is invalid, expected torch.Tensor but received number",
  );
});

function fileOf(header: string, data = 0): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + data);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}
const entry = (dtype: string, shape: number[], offsets: number[]): string =>
  JSON.stringify({ dtype, shape, data_offsets: offsets });

test.each([
  ["nothing", new Uint8Array(3), /HeaderTooSmall: expected at least 8 bytes, found 3/],
  ["a huge header", new Uint8Array(8).fill(255), /HeaderTooLarge/],
  ["a header beyond the end", Uint8Array.from([99, 0, 0, 0, 0, 0, 0, 0]), /InvalidHeaderLength: a header of 99 bytes/],
  ["no object", fileOf("[]"), /InvalidHeaderStart: it begins with "\["/],
  ["no JSON", fileOf("{,}"), /InvalidHeaderDeserialization/],
  ["an unknown dtype", fileOf(`{"x":${entry("F128", [1], [0, 16])}}`, 16), /tensor "x" has dtype F128/],
  ["a negative size", fileOf(`{"x":${entry("F32", [-1], [0, 4])}}`, 4), /tensor "x" has no shape/],
  [
    "sizes that disagree",
    fileOf(`{"x":${entry("F32", [2], [0, 4])}}`, 4),
    /TensorInvalidInfo: .* needs 8 bytes, but has 4/,
  ],
  ["too large a size", fileOf(`{"x":${entry("F32", [2 ** 40, 2 ** 40], [0, 4])}}`, 4), /TensorInvalidInfo/],
  ["a hole", fileOf(`{"x":${entry("U8", [2], [2, 4])}}`, 4), /InvalidOffset: tensor "x" begins at \d+; expected \d+/],
  ["shared bytes", fileOf(`{"x":${entry("U8", [2], [0, 2])},"y":${entry("U8", [2], [0, 2])}}`, 2), /InvalidOffset/],
  ["hidden bytes", fileOf(`{"x":${entry("U8", [2], [0, 2])}}`, 4), /MetadataIncompleteBuffer/],
  ["a cut", fileOf(`{"x":${entry("U8", [2], [0, 2])}}`, 1), /MetadataIncompleteBuffer/],
  ["numbers for metadata", fileOf('{"__metadata__":{"a":1}}'), /__metadata__ must map strings to strings/],
])("a file with %s is refused", (_what, bytes, message) => {
  expect(() => safetensors.load(bytes)).toThrow(message);
  expect(() => safetensors.load(bytes)).toThrow(safetensors.SafetensorError);
});

test("a tensor called __proto__ is a tensor", () => {
  const bytes = fileOf(`{"__proto__":${entry("U8", [1], [0, 1])}}`, 1);
  expect([...safetensors.load(bytes).keys()]).toEqual(["__proto__"]);
  expect(Reflect.get({}, "dtype")).toBe(undefined);
});
