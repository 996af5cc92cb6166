/** NumPy's files, against those that NumPy wrote. */
import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { expected, moreBytes, morePath, type RecordedArray } from "./more.ts";

const { npy } = torch;
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cresset-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const names = Object.keys(expected.arrays);
const valueOf = (x: number | string | boolean): unknown => (x === "inf" ? Infinity : x);

function expectArray(t: torch.Tensor, wanted: RecordedArray): void {
  expect(t.dtype.name).toBe(wanted.dtype);
  expect([...t.shape]).toEqual(wanted.shape);
  const flat = t.reshape(-1).tolist({ bigint: true }) as unknown[];
  expect(flat.map((x) => (typeof x === "bigint" ? String(x) : x))).toEqual(
    wanted.data.map((x) => (typeof flat[0] === "bigint" ? String(x) : valueOf(x))),
  );
}

test.each(names)("%s.npy has NumPy's array", async (name) => {
  const t = await npy.load(morePath(`${name}.npy`));
  expectArray(t, expected.arrays[name]!);
  expect(t.isContiguous()).toBe(!expected.arrays[name]!.fortran);
});

test.each(names.filter((name) => !name.startsWith("big")))("%s.npy is written as NumPy writes it", async (name) => {
  const bytes = moreBytes(`${name}.npy`);
  expect(Buffer.from(npy.serialize(npy.deserialize(bytes)))).toEqual(Buffer.from(bytes));
});

test.each(["arrays.npz"])("%s has all arrays by name", async (file) => {
  const arrays = await npy.loadz(morePath(file));
  expect([...arrays.keys()].sort()).toEqual(names.sort());
  for (const [name, t] of arrays) expectArray(t, expected.arrays[name]!);
});

test("a compressed archive, and arrays without names", async () => {
  const arrays = await npy.loadz(moreBytes("compressed.npz"));
  expect([...arrays.keys()].sort()).toEqual(["arr_0", "big", "zeros"]);
  expect(arrays.get("arr_0")!.tolist()).toEqual([
    [0, 1, 2],
    [3, 4, 5],
  ]);
  expect([...arrays.get("zeros")!.shape]).toEqual([64, 64]);
});

test("archives there and back, stored and deflated", async () => {
  const x = torch.arange(6).view(2, 3);
  await npy.savez(join(folder, "a.npz"), [x, x.t()]);
  await npy.savezCompressed(join(folder, "b.npz"), { zeros: torch.zeros(1000), x });
  const a = await npy.loadz(join(folder, "a.npz"));
  expect(a.get("arr_1")!.tolist()).toEqual([
    [0, 3],
    [1, 4],
    [2, 5],
  ]);
  expect((await readFile(join(folder, "b.npz"))).length).toBeLessThan(800);
  expect((await npy.loadz(join(folder, "b.npz"))).get("x")!.tolist()).toEqual([
    [0, 1, 2],
    [3, 4, 5],
  ]);
});

test("a view is written alone, a strided one row by row", async () => {
  const x = torch.arange(12, { dtype: "float32" }).view(3, 4);
  await npy.save(join(folder, "v.npy"), x.at(":", "1:3"));
  const back = await npy.load(join(folder, "v.npy"));
  expect(back.tolist()).toEqual([
    [1, 2],
    [5, 6],
    [9, 10],
  ]);
  expect(back.untypedStorage().size()).toBe(24);
});

test.each([
  ["u2.npy", /can't convert np\.ndarray of dtype <u2\. The only supported types are: float64/],
  ["text.npy", /can't convert np\.ndarray of dtype <U2/],
  ["object.npy", /Object arrays cannot be loaded when allow_pickle=False/],
  ["record.npy", /arrays of records .* have no counterpart here/],
])("%s is refused by its dtype", async (file, message) => {
  await expect(npy.load(morePath(file))).rejects.toThrow(message);
});

test("bfloat16 has no place in NumPy's files", () => {
  expect(() => npy.serialize(torch.ones(1, { dtype: "bfloat16" }))).toThrow("Got unsupported ScalarType BFloat16");
});

function npyOf(header: string, data: number, version = 1): Uint8Array {
  const bytes = new Uint8Array(10 + header.length + data);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0, header.length & 255, header.length >> 8]);
  bytes.set(new TextEncoder().encode(header), 10);
  return bytes;
}

test.each([
  ["no magic", new Uint8Array(20), /the magic string is not correct/],
  ["another version", npyOf("{}", 0, 9), /only support format version/],
  ["no dict", npyOf("[]", 0), /Cannot parse header/],
  ["code", npyOf("{'descr': '<f4', 'fortran_order': False, 'shape': (f(),), }", 4), /Cannot parse header/],
  [
    "a huge shape",
    npyOf("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", 4),
    /too large/,
  ],
  ["too few bytes", npyOf("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 4), /needs 8 bytes, found 4/],
  ["a cut header", npyOf("{'descr'", 0).subarray(0, 14), /EOF: reading array header, expected 8 bytes got 4/],
])("a file with %s is refused", (_what, bytes, message) => {
  expect(() => npy.deserialize(bytes)).toThrow(message);
});

test("the order of the header's entries is free, as in Python", () => {
  const bytes = npyOf('{"shape": (1,), "fortran_order": False, "descr": "|u1"}', 1);
  expect(npy.deserialize(bytes).tolist()).toEqual([0]);
});
