/** Files that are read tensor by tensor, and TorchScript archives. */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { expected, moreBytes, morePath, type RecordedArray } from "./more.ts";
import { archiveOf, pickleOf } from "./pickles.ts";
import { bytesOf, folder } from "./recorded.ts";

const { serialization } = torch;
const trusted = { weightsOnly: false } as const;
const pathOf = (file: string): string => fileURLToPath(new URL(file, folder));

function record(t: torch.Tensor): RecordedArray {
  const flat = t.reshape(-1);
  const data = t.dtype === torch.int64 ? flat.tolist({ bigint: true }) : flat.tolist();
  return {
    dtype: t.dtype.name,
    shape: [...t.shape],
    stride: [...t.stride()],
    data: (data as number[]).map((x) => (typeof x === "bigint" ? String(x) : x)),
  };
}
const records = (state: ReadonlyMap<string, torch.Tensor>): Record<string, RecordedArray> =>
  Object.fromEntries([...state].map(([key, t]) => [key, record(t)]));

/** Serves bytes by ranges and counts what it gives. */
async function serve<R>(
  bytes: Uint8Array,
  use: (url: string, seen: { bytes: number; requests: number }) => Promise<R>,
  answer?: (request: IncomingMessage, response: ServerResponse) => boolean,
): Promise<R> {
  const seen = { bytes: 0, requests: 0 };
  const server = createServer((request, response) => {
    seen.requests++;
    if (answer?.(request, response)) return;
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    const part = bytes.subarray(Number(from), Number(to) + 1);
    seen.bytes += part.length;
    response.writeHead(206, { "content-range": `bytes ${from}-${Number(from) + part.length - 1}/${bytes.length}` });
    response.end(part);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/m.pt`, seen);
  } finally {
    server.close();
  }
}

const files = ["cnn_state_dict_zip.pt", "shared_storage.pt", "training_checkpoint.pt", "nested.pt"].concat([
  "cnn_state_dict_legacy.pt",
  "shared_storage_legacy.pt",
  "training_checkpoint_legacy.pt",
]);

test.each(files)("every tensor of %s is what load gives, from disk, from memory and from a blob", async (file) => {
  const whole = torch.deserialize(bytesOf(file));
  for (const source of [pathOf(file), bytesOf(file), new Blob([new Uint8Array(bytesOf(file))])]) {
    using opened = await serialization.open(source);
    expect(opened.keys().length).toBeGreaterThan(0);
    for (const key of opened.keys()) {
      const t = await opened.tensor(key);
      const same = at(whole, key) as torch.Tensor;
      expect({ ...record(t), stride: null }).toEqual({ ...record(same.detach()), stride: null });
      expect(opened.info(key)).toMatchObject({ dtype: t.dtype.name, shape: [...t.shape], strides: [...t.stride()] });
    }
  }
});

/** The value at a dotted path whose keys may hold points themselves. */
function at(value: unknown, path: string): unknown {
  if (path === "") return value;
  if (typeof value !== "object" || value === null) return undefined;
  const entries: [unknown, unknown][] = value instanceof Map ? [...value] : Object.entries(value);
  for (const [key, item] of entries) {
    if (String(key) === path) return item;
    const found = path.startsWith(`${key}.`) ? at(item, path.slice(String(key).length + 1)) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

test("a tensor comes by HTTP ranges: the file's directory, its pickle and the tensor, not the file", async () => {
  const state = new Map([..."abcdefgh"].map((name, i) => [name, torch.full([64 * 1024], i)]));
  const bytes = torch.serialize(state);
  await serve(bytes, async (url, seen) => {
    using file = await serialization.open(url);
    expect((await file.tensor("c")).at(5).item()).toBe(2);
    expect(bytes.length).toBeGreaterThan(2_000_000);
    expect(seen.bytes).toBeLessThan(800_000);
    expect(seen.requests).toBeLessThan(9);
  });
});

test("servers without ranges, with an error, and with another file are named", async () => {
  const bytes = bytesOf("big.pt");
  const open = (url: string): Promise<unknown> => serialization.open(url);
  await serve(
    bytes,
    (url) => expect(open(url)).rejects.toThrow(/m\.pt does not give parts of files/),
    (_, response) => {
      response.end(bytes);
      return true;
    },
  );
  await serve(
    bytes,
    (url) => expect(open(url)).rejects.toThrow(/m\.pt answered 404/),
    (_, response) => {
      response.statusCode = 404;
      response.end();
      return true;
    },
  );
  let tag = 0;
  await serve(
    bytes,
    (url) => expect(open(url)).rejects.toThrow(/changed while it was read/),
    (_, response) => {
      response.setHeader("etag", `"${++tag}"`);
      return false;
    },
  );
});

test("a part of a storage is read alone, the rest stays in the file", async () => {
  const base = torch.arange(1000, { dtype: "float32" });
  const bytes = torch.serialize({ part: base.at("100:110"), column: base.view(10, 100).at(":", 3) });
  using file = await serialization.open(bytes);
  expect(file.info("part").nbytes).toBe(40);
  expect((await file.tensor("part")).tolist()).toEqual([100, 101, 102, 103, 104, 105, 106, 107, 108, 109]);
  expect((await file.tensor("column")).tolist()).toEqual([3, 103, 203, 303, 403, 503, 603, 703, 803, 903]);
});

test("a damaged tensor shows when it is read, the others are not touched", async () => {
  using file = await serialization.open(pathOf("damaged_zip_bitflip_tensor.pt"));
  const results = await Promise.allSettled(file.keys().map((key) => file.tensor(key)));
  const failed = results.filter((result) => result.status === "rejected");
  expect(failed.length).toBe(1);
  expect(String(failed[0]!.reason)).toMatch(/entry archive\/data\/7 at offset 2136: the checksum differs/);
});

test("a whole module opens under the names of its state dict", async () => {
  await expect(serialization.open(morePath("net.pt"))).rejects.toThrow(/Weights only load failed/);
  using file = await serialization.open(morePath("net.pt"), trusted);
  expect(records(await file.stateDict())).toEqual(expected.net.state);
});

test("dtypes that are not here hide no others", async () => {
  using file = await serialization.open(pathOf("dtypes.pt"));
  const complex = file.keys().find((key) => file.info(key).dtype === "complex64")!;
  expect((await file.tensor(complex)).dtype).toBe(torch.complex64);
  const half = file.keys().find((key) => file.info(key).dtype === "bfloat16")!;
  expect((await file.tensor(half)).dtype).toBe(torch.bfloat16);
});

test("unknown keys, other files and streams are named", async () => {
  using file = await serialization.open(bytesOf("big.pt"));
  expect(file.has("nope")).toBe(false);
  await expect(file.tensor("nope")).rejects.toThrow(torch.KeyError);
  await expect(serialization.open(bytesOf("damaged_text_file.pt"))).rejects.toThrow(
    /it begins with ".*, where a checkpoint, a file of safetensors, an npy or an npz file was expected/,
  );
  await expect(serialization.open(new Blob([]).stream())).rejects.toThrow(/streams can only be loaded whole/);
  await expect(serialization.open("nope.pt")).rejects.toThrow(torch.FileNotFoundError);
  await expect(serialization.open(bytesOf("big.pt"), { device: "cpu" } as never)).rejects.toThrow(
    /unknown option "device"/,
  );
});

test("mapLocation, and a CUDA file without it", async () => {
  const pickle = pickleOf(
    "\x80\x02}X\x01\0\0\0xctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000",
    "X\x06\0\0\0cuda:0K\x01tQK\0K\x01\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtRs.",
  );
  const file = archiveOf(pickle, { "data/0": new Uint8Array([0, 0, 128, 63]) });
  await expect(serialization.open(file)).rejects.toThrow(/Attempting to deserialize object on a CUDA device/);
  using opened = await serialization.open(file, { mapLocation: { "cuda:0": "cpu" } });
  expect((await opened.tensor("x")).tolist()).toEqual([1]);
  using meta = await serialization.open(file, { mapLocation: "meta" });
  expect((await meta.tensor("x")).device.type).toBe("meta");
});

test("big-endian numbers", async () => {
  const pickle = pickleOf(
    "\x80\x02}X\x01\0\0\0xctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000",
    "X\x03\0\0\0cpuK\x01tQK\0K\x01\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtRs.",
  );
  const file = archiveOf(pickle, { byteorder: pickleOf("big"), "data/0": new Uint8Array([63, 128, 0, 0]) });
  using opened = await serialization.open(file);
  expect((await opened.tensor("x")).item()).toBe(1);
});

test.each(["scripted", "traced"])("a TorchScript archive is the state dict of its module: %s", async (name) => {
  const wanted = name === "traced" ? expected.traced.state : expected.net.state;
  const state = torch.deserialize(moreBytes(`${name}.pt`)) as torch.StateDict;
  expect(records(state)).toEqual(wanted);
  expect([...state.keys()]).toEqual(Object.keys(records(state)));
  expect([...state.values()].some((t) => t.requiresGrad)).toBe(false);
  using file = await serialization.open(morePath(`${name}.pt`));
  expect(file.format).toBe("torchscript");
  expect(records(await file.stateDict())).toEqual(wanted);
});

test("a legacy file of a big-endian machine is read: its numbers are little-endian all the same", () => {
  const bytes = new Uint8Array(readFileSync(pathOf("bare_tensor_legacy.pt")));
  const text = Buffer.from(bytes).toString("latin1");
  const flag = text.indexOf("little_endian") + "little_endian".length;
  const value = bytes.findIndex((byte, i) => i >= flag && byte === 0x88);
  const other = bytes.slice();
  other[value] = 0x89;
  expect((torch.deserialize(other) as torch.Tensor).tolist()).toEqual(
    (torch.deserialize(bytes) as torch.Tensor).tolist(),
  );
});
