/** Saving and loading through paths, streams, blobs and URLs. */
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { chmod, readdir, readFile, stat, symlink, unlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { device } from "../../src/core/device.ts";
import { stem } from "../../src/serialize/output.ts";
import { bytesSource } from "../../src/serialize/source.ts";
import { ZipReader } from "../../src/serialize/zip-read.ts";
import { zipBytes } from "../../src/serialize/zip-write.ts";
import { archiveOf, pickleOf } from "./pickles.ts";
import { files, floats, PlainStorage, type PlainTensor, plainTensors } from "./plain-tensors.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cresset-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const value = { t: floats([1, 2, 3]), n: 4 };
const numberIn = (loaded: unknown): unknown => (loaded as { n: unknown }).n;

test("a path and a file: URL, there and back", async () => {
  await files.save(value, at("a.pt"));
  await files.save(value, pathToFileURL(at("b.pt")), { durable: true });
  const back = (await files.load(pathToFileURL(at("a.pt")))) as typeof value;
  expect(back.t).toEqual(value.t);
  expect(numberIn(await files.load(at("b.pt")))).toBe(4);
});

test("the archive's folder is the file's stem, as PyTorch names it", async () => {
  await files.save(value, at("my.model.pt"));
  const zip = new ZipReader(bytesSource(new Uint8Array(await readFile(at("my.model.pt"))), "my.model.pt"));
  expect([...zip.entries.keys()]).toEqual([
    "my.model/data.pkl",
    "my.model/byteorder",
    "my.model/data/0",
    "my.model/version",
  ]);
  expect(Buffer.from(zip.read("my.model/byteorder")).toString()).toBe("little");
  expect(Buffer.from(zip.read("my.model/version")).toString()).toBe("3\n");
});

test.each([
  ["model", "model"],
  ["/x.y/model.pt", "model"],
  ["C:\\x\\m.tar.gz", "m.tar"],
  [".pt", "archive"],
  ["modèle.pt", "archive"],
])("the stem of %s is %s", (path, name) => {
  expect(stem(path)).toBe(name);
});

test("the same value gives the same bytes", () => {
  expect(files.serialize(value)).toEqual(files.serialize(value));
});

test("bytes, buffers, shared buffers, blobs, responses and streams", async () => {
  const bytes = files.serialize(value);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  const padded = new Uint8Array(bytes.length + 3);
  padded.set(bytes, 3);
  await writeFile(at("stream.pt"), bytes);
  const sources = [
    bytes,
    bytes.buffer,
    shared,
    new DataView(padded.buffer, 3),
    new Blob([bytes]),
    new Response(bytes),
    new Blob([bytes]).stream(),
    createReadStream(at("stream.pt"), { highWaterMark: 100 }),
  ];
  for (const source of sources) expect(numberIn(await files.load(source))).toBe(4);
  expect(numberIn(files.deserialize(shared))).toBe(4);
});

test("http, and an answer that is none", async () => {
  const bytes = files.serialize(value);
  const server = createServer((request, response) => {
    response.statusCode = request.url === "/a.pt" ? 200 : 404;
    response.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    expect(numberIn(await files.load(`${url}/a.pt`))).toBe(4);
    expect(numberIn(await files.load(new URL("/a.pt", url)))).toBe(4);
    await expect(files.load(`${url}/b.pt`)).rejects.toThrow(/b\.pt answered 404/);
  } finally {
    server.close();
  }
});

test("a WritableStream, a Node stream and a sink get the same archive; none is closed", async () => {
  const parts: Uint8Array[] = [];
  const stream = new WritableStream<Uint8Array>({ write: (chunk) => void parts.push(chunk) });
  await files.save(value, stream);
  expect(stream.locked).toBe(false);
  const node = createWriteStream(at("node.pt"), { highWaterMark: 64 });
  await files.save(value, node);
  expect(node.writable).toBe(true);
  await new Promise<void>((resolve) => node.end(resolve));
  const sink: Uint8Array[] = [];
  await files.save(value, { write: async (chunk) => sink.push(chunk) });
  const expected = Buffer.from(files.serialize(value));
  expect(Buffer.concat(parts)).toEqual(expected);
  expect(Buffer.concat(sink)).toEqual(expected);
  expect(await readFile(at("node.pt"))).toEqual(expected);
});

test("a stream that fails is an error", async () => {
  const failing = { write: () => Promise.reject(new Error("disk full")) };
  await expect(files.save(value, failing)).rejects.toThrow("disk full");
});

test("a file is a snapshot of the moment of the call", async () => {
  const tensor = floats([1, 2]);
  const saved = files.save(tensor, at("snapshot.pt"));
  tensor.storage.bytes.fill(0);
  tensor.storage.writes++;
  await saved;
  expect(await files.load(at("snapshot.pt"))).toEqual(floats([1, 2]));
});

test("a tensor that changes while it goes into a stream is an error, never a mixture", async () => {
  const tensor = floats([1, 2]);
  const sink = {
    write: async (): Promise<void> => {
      tensor.storage.writes++;
    },
  };
  await expect(files.save({ a: tensor }, sink)).rejects.toThrow(
    "save(): the tensor at obj.a was written to before the file was complete; await save() first",
  );
});

const leftovers = async (): Promise<string[]> => (await readdir(folder)).filter((name) => name.endsWith(".tmp"));

test("an error leaves the old file as it was, and nothing else", async () => {
  await files.save(value, at("old.pt"));
  const before = await readFile(at("old.pt"));
  await expect(files.save({ f: () => 0 }, at("old.pt"))).rejects.toThrow(/Can't pickle the function f/);
  const failing = Object.assign(floats([1]), {});
  const broken = { ...plainTensors, writes: () => Math.random() };
  const { filesOf } = await import("../../src/serialize/files.ts");
  await expect(filesOf(broken).save(failing, at("old.pt"))).rejects.toThrow(/was written to/);
  expect(await readFile(at("old.pt"))).toEqual(before);
  expect(await leftovers()).toEqual([]);
});

test("an error in the midst of writing a new file leaves no file", async () => {
  const { filesOf } = await import("../../src/serialize/files.ts");
  const broken = filesOf({ ...plainTensors, writes: () => Math.random() });
  await expect(broken.save(floats([1]), at("new.pt"))).rejects.toThrow(/was written to/);
  await expect(stat(at("new.pt"))).rejects.toThrow(/ENOENT/);
  expect(await leftovers()).toEqual([]);
});

test("saving over a file keeps its permissions, and a link stays a link", async () => {
  await files.save({ n: 1 }, at("real.pt"));
  await chmod(at("real.pt"), 0o640);
  await symlink(at("real.pt"), at("link.pt"));
  await files.save({ n: 2 }, at("link.pt"));
  expect(numberIn(await files.load(at("real.pt")))).toBe(2);
  expect((await stat(at("real.pt"))).mode & 0o777).toBe(0o640);
  await unlink(at("link.pt"));
  expect(numberIn(await files.load(at("real.pt")))).toBe(2);
});

test("a missing file, a folder and a missing folder", async () => {
  await expect(files.load("nope.pt")).rejects.toThrow(
    expect.objectContaining({
      name: "FileNotFoundError",
      message: "[Errno 2] No such file or directory: 'nope.pt'",
      code: "ENOENT",
    }),
  );
  await expect(files.load(folder)).rejects.toThrow(/Is a directory/);
  await expect(files.save(1, folder)).rejects.toThrow(/Is a directory/);
  await expect(files.save(1, at("no/a.pt"))).rejects.toThrow(`Parent directory ${at("no")} does not exist.`);
});

test("options and sources that do not exist are named", async () => {
  await expect(files.load(at("a.pt"), { maplocation: "cpu" } as never)).rejects.toThrow(
    'load() got an unknown option "maplocation"',
  );
  await expect(files.save(1, at("a.pt"), { protocol: 2 } as never)).rejects.toThrow('unknown option "protocol"');
  await expect(files.load(5 as never)).rejects.toThrow(/load\(\): expected a path, URL, Blob/);
  await expect(files.save(1, 5 as never)).rejects.toThrow(/save\(\): expected a path/);
  expect(() => files.deserialize("a.pt" as never)).toThrow(/deserialize\(\): expected an ArrayBuffer/);
});

/** A one-tensor checkpoint whose storage carries another device tag. */
function tagged(location: string): Uint8Array {
  const length = String.fromCharCode(location.length);
  const pickle = pickleOf(
    "ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nFloatStorage\nU\x010U",
    `${length}${location}`,
    "K\x02tQK\x00K\x02\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR.",
  );
  return archiveOf(pickle, { "data/0": new Uint8Array(Float32Array.of(1, 2).buffer) });
}

test("a CUDA storage without mapLocation is refused with PyTorch's sentence", () => {
  expect(() => files.deserialize(tagged("cuda:0"))).toThrow(
    "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are running on " +
      "a CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your storages to the CPU.",
  );
  expect(() => files.deserialize(tagged("cpu"), { mapLocation: "cuda:0" })).toThrow(/on a CUDA device/);
  expect(() => files.deserialize(tagged("cuda:1"), { mapLocation: { "cuda:0": "cpu" } })).toThrow(/on a CUDA device/);
  expect(() => files.deserialize(tagged("mps"))).toThrow(/don't know how to restore data location .* with mps/);
});

test.each([
  ["a string", "cpu"],
  ["a device", device("cpu")],
  ["a table", { "cuda:0": "cpu" }],
  ["a table of devices", { "cuda:0": device("cpu") }],
  ["a Map", new Map([["cuda:0", "cpu"]])],
  ["a function", (storage: object) => storage],
])("mapLocation as %s", (_what, mapLocation) => {
  const tensor = files.deserialize(tagged("cuda:0"), { mapLocation }) as PlainTensor;
  expect(tensor).toEqual(floats([1, 2]));
});

test("a mapLocation function sees the storage and its tag; without a result the default follows", () => {
  const seen: unknown[] = [];
  const mapLocation = (storage: object, location: string): null => {
    seen.push(storage instanceof PlainStorage, location);
    return null;
  };
  expect(() => files.deserialize(tagged("cuda:0"), { mapLocation })).toThrow(/on a CUDA device/);
  expect(seen).toEqual([true, "cuda:0"]);
  expect(() => files.deserialize(tagged("cpu"), { mapLocation: () => 5 as never })).toThrow(/must return a storage/);
});

test("mapLocation meta reads shapes and no data", () => {
  const tensor = files.deserialize(tagged("cuda:0"), { mapLocation: "meta" }) as PlainTensor;
  expect(tensor.storage.device).toBe("meta");
  expect(tensor.shape).toEqual([2]);
});

test.each([
  ["FloatStorage", "float32", [1, 2, 3, 4], [4, 3, 2, 1]],
  ["ComplexFloatStorage", "complex64", [1, 2, 3, 4, 5, 6, 7, 8], [4, 3, 2, 1, 8, 7, 6, 5]],
  ["ShortStorage", "int16", [1, 2], [2, 1]],
  ["BoolStorage", "bool", [1], [1]],
])("a big-endian file's %s is turned around", (storageClass, dtype, stored, expected) => {
  const pickle = pickleOf(
    `ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\n${storageClass}\nU\x010U\x03cpu`,
    "K\x01tQK\x00))\x89ccollections\nOrderedDict\n)RtR.",
  );
  const bytes = archiveOf(pickle, { "data/0": Uint8Array.from(stored), byteorder: pickleOf("big") });
  const tensor = files.deserialize(bytes) as PlainTensor;
  expect([tensor.dtype, ...tensor.storage.bytes]).toEqual([dtype, ...expected]);
});

test("a byte order, a version and a TorchScript archive that are not read", () => {
  const none = pickleOf("N.");
  expect(files.deserialize(archiveOf(none))).toBe(null);
  expect(() => files.deserialize(archiveOf(none, { byteorder: pickleOf("mixed") }))).toThrow(/found "mixed"/);
  expect(() => files.deserialize(archiveOf(none, { "constants.pkl": none }))).toThrow(/expected a TorchScript module/);
  const version = (text: string): Uint8Array =>
    zipBytes([
      { name: "x/data.pkl", data: () => none },
      { name: "x/version", data: () => pickleOf(text) },
    ]);
  expect(files.deserialize(version("10\n"))).toBe(null);
  expect(() => files.deserialize(version("11\n"))).toThrow(/expected a file format version up to 10, found "11"/);
});
