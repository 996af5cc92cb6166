/** Files that PyTorch wrote, files that were damaged, and files that would run code. */
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { portableCrc32 } from "../../src/serialize/crc32.ts";
import { UnpicklingError } from "../../src/serialize/errors.ts";
import { bytesSource } from "../../src/serialize/source.ts";
import { ZipReader } from "../../src/serialize/zip-read.ts";
import { pickleOf } from "./pickles.ts";
import { elementsOf, files, type PlainTensor, plainTensors } from "./plain-tensors.ts";
import { bytesOf, Comparison, folder, recordedFiles } from "./recorded.ts";

const pathOf = (file: string): string => fileURLToPath(new URL(file, folder));

test.each(recordedFiles("ok"))("$file loads with exactly PyTorch's content, from bytes", ({ file, content }) => {
  new Comparison(plainTensors).expectEqual(files.deserialize(bytesOf(file)), content);
});

test.each(recordedFiles("ok"))("$file loads with exactly PyTorch's content, from disk", async ({ file, content }) => {
  new Comparison(plainTensors).expectEqual(await files.load(pathOf(file)), content);
});

test.each(recordedFiles("ok"))("$file keeps its content when saved and loaded again", ({ file, content }) => {
  const again = files.deserialize(files.serialize(files.deserialize(bytesOf(file))));
  new Comparison(plainTensors).expectEqual(again, content);
});

test("big.pt ends as PyTorch wrote it", () => {
  const tensor = files.deserialize(bytesOf("big.pt")) as PlainTensor;
  const elements = elementsOf(tensor, tensor.storage.bytes) as number[];
  expect(elements.every((x, i) => x === i / 1024)).toBe(true);
});

test.each([
  "cnn_state_dict_zip.pt",
  "shared_storage.pt",
  "dtypes.pt",
  "bare_tensor.pt",
  "big.pt",
])("the pickle that is written for %s is PyTorch's, byte for byte", (file) => {
  const original = bytesOf(file);
  const ours = files.serialize(files.deserialize(original));
  const pickle = (bytes: Uint8Array): string =>
    Buffer.from(new ZipReader(bytesSource(bytes, file)).read("archive/data.pkl")).toString("latin1");
  expect(pickle(ours)).toBe(pickle(original));
});

test("a list that is referred to twice is one object", () => {
  const loaded = files.deserialize(bytesOf("nested.pt")) as { list: unknown[]; same_list_twice: unknown[] };
  expect(loaded.same_list_twice[0]).toBe(loaded.list);
  expect(loaded.same_list_twice[1]).toBe(loaded.list);
});

test("the same tensor under two keys is one object", () => {
  const loaded = files.deserialize(bytesOf("shared_storage.pt")) as Map<string, PlainTensor>;
  expect(loaded.get("embed.weight")).toBe(loaded.get("decoder.weight"));
});

test("a state dict keeps the versions of its modules", () => {
  const { _metadata } = files.deserialize(bytesOf("cnn_state_dict_zip.pt")) as { _metadata: Map<string, unknown> };
  expect(_metadata.get("bn1")).toEqual({ version: 2 });
  expect([..._metadata.keys()]).toEqual(["", "conv1", "bn1", "relu", "pool", "conv2", "flatten", "fc"]);
});

test.each([
  ["malicious_system_zip.pt", /GLOBAL posix\.system was not an allowed global/],
  ["malicious_exec_zip.pt", /GLOBAL (__builtin__|builtins)\.exec was not an allowed global/],
  ["malicious_subprocess_zip.pt", /GLOBAL (subprocess|commands)\.getoutput was not an allowed global/],
  ["malicious_os_system_handmade.pt", /GLOBAL os\.system was not an allowed global/],
])("%s is refused by the name of what it would call", (file, message) => {
  const load = (): unknown => files.deserialize(bytesOf(file));
  expect(load).toThrow(UnpicklingError);
  expect(load).toThrow(/^Weights only load failed\. Unsupported global: /);
  expect(load).toThrow(message);
  expect(() => files.deserialize(bytesOf(file), { weightsOnly: false })).toThrow(message);
});

test.each([
  ["damaged_zip_truncated_half.pt", /failed finding central directory/],
  ["damaged_zip_truncated_last_byte.pt", /failed finding central directory/],
  ["damaged_zip_4_bytes.pt", /failed finding central directory \(.*, 4 bytes\)/],
  ["damaged_zip_bitflip_tensor.pt", /entry archive\/data\/7 at offset 2136: the checksum differs \(expected 0x/],
  ["damaged_zip_bitflip_central_directory.pt", /invalid header .*expected a directory entry at offset/],
  ["damaged_legacy_truncated_half.pt", /storages up to 882509600 claim 1576 of 1548 bytes/],
  ["damaged_legacy_truncated_10.pt", /truncated/],
  ["damaged_empty_file.pt", /^Ran out of input/],
  ["damaged_text_file.pt", /is not a PyTorch checkpoint: it begins with "/],
  ["damaged_no_pickle.pt", /failed locating file data\.pkl/],
])("%s is refused with a clear error", async (file, message) => {
  expect(() => files.deserialize(bytesOf(file))).toThrow(message);
  await expect(files.load(pathOf(file))).rejects.toThrow(message);
});

test("every damaged and malicious file of the collection stands in a test above", () => {
  expect(recordedFiles("error").length).toBe(10);
  expect(recordedFiles("refuse").length).toBe(4);
});

test("the legacy format has no checksum: a flipped bit in a tensor loads as one altered element", () => {
  const right = files.deserialize(bytesOf("cnn_state_dict_legacy.pt")) as Map<string, PlainTensor>;
  const wrong = files.deserialize(bytesOf("damaged_legacy_bitflip_tensor.pt")) as Map<string, PlainTensor>;
  const values = (state: Map<string, PlainTensor>): unknown[] =>
    [...state.values()].flatMap((t) => elementsOf(t, t.storage.bytes));
  const other = values(wrong);
  expect(values(right).filter((x, i) => x !== other[i]).length).toBe(1);
});

test.each([
  ["a protocol that is none", "\x80\x02}.", /Invalid protocol version: \{\}/],
  ["another protocol", "\x80\x02K\x07.", /Invalid protocol version: 7/],
  ["no system", "\x80\x02M\xe9\x03.N.", /expected the description of a system, found None/],
  ["keys that are no strings", "\x80\x02M\xe9\x03.}U\x0dlittle_endian\x88s.N.]}a.", /the list of storages is wrong/],
  ["a storage that nothing uses", "\x80\x02M\xe9\x03.}U\x0dlittle_endian\x88s.N.]U\x01aa.", /no tensor uses it/],
])("a legacy file with %s is refused", (_what, rest, message) => {
  const magic = bytesOf("bare_tensor_legacy.pt").subarray(0, 15);
  const file = Uint8Array.from([...magic, ...pickleOf(rest)]);
  expect(() => files.deserialize(file)).toThrow(message);
});

test("the portable checksum agrees with the one that PyTorch stored", () => {
  const zip = new ZipReader(bytesSource(bytesOf("big.pt"), "big.pt"));
  expect(portableCrc32(zip.read("archive/data/0"))).toBe(zip.entry("archive/data/0").crc);
  expect(portableCrc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
});

test("pickles of a legacy file that are longer than what is read of it at first", async () => {
  const magic = bytesOf("bare_tensor_legacy.pt").subarray(0, 15);
  const number = (i: number): string => `J${String.fromCharCode(i & 255, i >> 8, 1, 0)}`;
  const numbers = Array.from({ length: 40_000 }, (_, i) => number(i)).join("");
  const rest = pickleOf("\x80\x02M\xe9\x03.}U\x0dlittle_endian\x88s.", `\x80\x02](${numbers}e.].`);
  const path = fileURLToPath(new URL(`file://${tmpdir()}/cresset-long-${process.pid}.pt`));
  writeFileSync(path, Uint8Array.from([...magic, ...rest]));
  try {
    expect(await files.load(path)).toEqual(Array.from({ length: 40_000 }, (_, i) => 65536 + i));
  } finally {
    rmSync(path);
  }
});

test.each([
  ["protocol 4", "\x80\x04\x95\x0d\0\0\0\0\0\0\0\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."],
  ["protocol 0", "L119547037146038801333356L\n."],
])("the magic number of a legacy file in %s", (_what, magic) => {
  const file = pickleOf(`${magic}\x80\x02M\xe9\x03.}U\x0dlittle_endian\x88s.K\x07.].`);
  expect(files.deserialize(file)).toBe(7);
});

test("a storage of a legacy file that is a part of another, as before PyTorch 0.4", () => {
  const magic = bytesOf("bare_tensor_legacy.pt").subarray(0, 15);
  const tensor = (view: string, size: number): string =>
    `ctorch._utils\n_rebuild_tensor\n((U\x07storagectorch\nFloatStorage\nU\x01aU\x03cpuK\x03${view}tQK\0K${String.fromCharCode(size)}\x85K\x01\x85tR`;
  const value = `\x80\x02]${tensor("N", 3)}a${tensor("(U\x01vK\x01K\x02t", 2)}a.`;
  const head = pickleOf("\x80\x02M\xe9\x03.}U\x0dlittle_endian\x88s.", value, "]U\x01aa.", 3, 0, 0, 0, 0, 0, 0, 0);
  const bytes = new Uint8Array(Float32Array.of(5, 6, 7).buffer);
  const [whole, part] = files.deserialize(Uint8Array.from([...magic, ...head, ...bytes])) as PlainTensor[];
  expect(elementsOf(part!, part!.storage.bytes)).toEqual([6, 7]);
  expect(part!.storage).toBe(whole!.storage);
});

test("mapLocation meta reads a legacy file without its data", () => {
  const state = files.deserialize(bytesOf("shared_storage_legacy.pt"), { mapLocation: "meta" }) as Map<
    string,
    PlainTensor
  >;
  expect([...state.values()].every((t) => t.storage.device === "meta")).toBe(true);
});

test("a tar of the oldest versions is named", () => {
  const tar = new Uint8Array(512);
  tar.set(pickleOf("storages"));
  tar.set(pickleOf("ustar"), 257);
  expect(() => files.deserialize(tar)).toThrow(/a tar archive, as PyTorch wrote before version 0\.1\.10/);
});

test("an archive without checksums, which are zero in both places, is read", () => {
  const original = bytesOf("shared_storage.pt");
  const zip = new ZipReader(bytesSource(original, "file"));
  const bytes = original.slice();
  const view = new DataView(bytes.buffer);
  const text = Buffer.from(original).toString("latin1");
  for (let i = text.indexOf("PK\x01\x02"); i >= 0; i = text.indexOf("PK\x01\x02", i + 1))
    view.setUint32(i + 16, 0, true);
  expect(() => files.deserialize(bytes)).toThrow(/the checksum differs \(expected 0x00000000/);
  for (const { start, size } of zip.entries.values()) view.setUint32(start + size + 4, 0, true);
  expect(files.deserialize(bytes)).toEqual(files.deserialize(original));
});
