/** What the subcommands make of files. */
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { morePath } from "../serialize/more.ts";
import { archiveOf, pickleOf } from "../serialize/pickles.ts";
import { folder as recorded } from "../serialize/recorded.ts";
import { cresset } from "./run.ts";

const { safetensors, npy } = torch;
const pathOf = (file: string): string => fileURLToPath(new URL(file, recorded));
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cresset-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const ok = async (...args: string[]): Promise<string> => {
  const { code, out, err } = await cresset(args);
  expect([code, err]).toEqual([0, ""]);
  return out;
};
const json = async (...args: string[]): Promise<never> => JSON.parse((await cresset([...args, "--json"])).out) as never;
const lines = (text: string): string[] => text.trimEnd().split("\n");

describe("inspect", () => {
  test("a tree of keys with shapes, dtypes and sizes, then sharing and globals", async () => {
    expect(lines(await ok("inspect", pathOf("shared_storage.pt"))).slice(1)).toEqual([
      "9 tensors in 4 storages, 108 elements",
      "",
      "embed",
      "└─ weight    float32 [3, 4]  48 B",
      "decoder",
      "└─ weight    float32 [3, 4]  48 B",
      "transposed   float32 [4, 3]  48 B   strides [1, 4]",
      "row          float32 [4]     16 B",
      "base         float32 [5, 8]  160 B",
      "slice        float32 [3, 3]  36 B   strides [8, 2]",
      "flat_tail    float32 [10]    40 B",
      "expanded     float32 [2, 3]  24 B   strides [1, 0]",
      "lonely_view  float32 [3]     12 B",
      "",
      "tied    embed.weight = decoder.weight",
      "shares  embed.weight, decoder.weight, transposed, row: views of one storage",
      "shares  base, slice, flat_tail: views of one storage",
      "",
      "globals  collections.OrderedDict, torch._utils._rebuild_tensor_v2, torch.FloatStorage",
    ]);
  });

  test("values beside tensors, levels, and one line for each tensor", async () => {
    const all = await ok("inspect", pathOf("training_checkpoint.pt"));
    expect(all).toMatch(/^epoch +2$/m);
    expect(all).toMatch(/^│ {2}│ {2}├─ exp_avg +float32 \[4, 1, 3, 3\] +144 B$/m);
    const shallow = await ok("inspect", "--depth", "1", pathOf("training_checkpoint.pt"));
    expect(shallow).toMatch(/^optimizer_state_dict +dict\n└─ … 2 more/m);
    const flat = await ok("inspect", "--flat", pathOf("training_checkpoint.pt"));
    expect(flat).toMatch(/^optimizer_state_dict\.state\.0\.exp_avg +float32 \[4, 1, 3, 3\] +144 B$/m);
  });

  test("a whole module shows its layers; a dangerous file shows what it would run", async () => {
    const module = await ok("inspect", pathOf("whole_module.pt"));
    expect(module).toMatch(/^│ {2}├─ weight +float32 \[4, 3\] +48 B {2}Parameter$/m);
    expect(module).toMatch(/^not allowed by weights_only {2}torch\.nn\.modules\.container\.Sequential/m);
    const evil = await ok("inspect", pathOf("malicious_system_zip.pt"));
    expect(evil).toMatch(/^runs code when Python loads it {2}posix\.system$/m);
    expect(evil).toMatch(/^└─ args {2}\["echo this pickle ran a command"\]$/m);
  });

  test("as JSON: every tensor's place, storages, ties, globals and values", async () => {
    const report = (await json("inspect", pathOf("shared_storage.pt"))) as Record<string, unknown[]>;
    expect(report).toMatchObject({ format: "zip", size: 1887, ties: [["embed.weight", "decoder.weight"]] });
    expect(report.tensors!.length).toBe(9);
    expect(report.tensors![4]).toEqual({
      key: "base",
      dtype: "float32",
      shape: [5, 8],
      strides: [8, 1],
      offset: 0,
      storage: 1,
      nbytes: 160,
      location: "cpu",
      requiresGrad: false,
      isParameter: false,
    });
    expect(report.storages![1]).toEqual({ nbytes: 160, tensors: ["base", "slice", "flat_tail"] });
    const training = (await json("inspect", pathOf("training_checkpoint.pt"))) as { values: Record<string, unknown> };
    expect(training.values).toMatchObject({
      epoch: 2,
      model_state_dict: { "fc.bias": { tensor: "[5]", dtype: "float32" } },
    });
  });

  test.each([
    "arrays.npz",
    "c.npy",
    "plain.safetensors",
    "model.safetensors.index.json",
    "scripted.pt",
    "net_legacy.pt",
  ])("%s", async (file) => {
    expect(await ok("inspect", morePath(file))).toMatch(/\d+ tensors? in \d+ storages?/);
  });

  test("only the header of a file of 10 GB is read", async () => {
    const entries = Array.from({ length: 100 }, (_, i) => [
      `layers.${i}`,
      { dtype: "F32", shape: [25_000_000], data_offsets: [i * 1e8, (i + 1) * 1e8] },
    ]);
    const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const file = openSync(at("huge.safetensors"), "w");
    writeSync(file, Buffer.concat([length, header]));
    ftruncateSync(file, 8 + header.length + 1e10);
    closeSync(file);
    const start = performance.now();
    const out = await ok("inspect", at("huge.safetensors"));
    expect(performance.now() - start).toBeLessThan(1000);
    expect(out).toContain("huge.safetensors  safetensors, 10.0 GB");
    expect(out).toContain("100 tensors in 100 storages, 2,500,000,000 elements");
    rmSync(at("huge.safetensors"));
  });
});

describe("diff", () => {
  test("formats may differ: the same tensors are equal", async () => {
    const out = await ok("diff", pathOf("cnn_state_dict_zip.pt"), pathOf("cnn_state_dict_legacy.pt"));
    expect(out).toBe("equal  10 tensors\n");
    const all = await ok("diff", "--all", pathOf("cnn_state_dict_zip.pt"), pathOf("cnn_state_dict_legacy.pt"));
    expect(all).toMatch(/^equal {2}conv1\.weight$/m);
  });

  test("what differs, how much, and by which name it went", async () => {
    const x = torch.tensor([1, 2, 3, 4]);
    const tied = torch.ones(2);
    const a = {
      same: x,
      off: x.clone(),
      shape: x.clone(),
      type: x.clone(),
      old: torch.arange(5),
      gone: x.mul(9),
      one: tied,
      two: tied,
      n: 1,
      s: "a",
    };
    const b = {
      same: x,
      off: torch.tensor([1, 2, 3.5, 3]),
      shape: x.view(2, 2),
      type: x.double(),
      renamed: torch.arange(5),
      added: torch.zeros(1),
      one: torch.ones(2),
      two: torch.ones(2),
      n: 2,
      s: "a",
    };
    await torch.save(a, at("a.pt"));
    await torch.save(b, at("b.pt"));
    const { code, out } = await cresset(["diff", at("a.pt"), at("b.pt")]);
    expect(code).toBe(1);
    expect(lines(out)).toEqual([
      "differs    off    float32 [4]                   largest 1  mean 0.375  2 of 4 elements",
      "shape      shape  float32 [4] → float32 [2, 2]",
      "dtype      type   float32 [4] → float64 [4]     largest 0  mean 0      0 of 4 elements",
      "moved      old    → renamed",
      "only in a  gone   float32 [4]",
      "only in b  added  float32 [1]",
      "value      n      1 → 2",
      "tied in a only  one = two",
      "equal  3 tensors",
    ]);
    const report = (await json("diff", at("a.pt"), at("b.pt"))) as { equal: boolean; rows: { key: string }[] };
    expect(report.equal).toBe(false);
    expect(report.rows.find(({ key }) => key === "off")).toEqual({
      key: "off",
      status: "differs",
      a: "float32 [4]",
      b: "float32 [4]",
      difference: { differing: 2, numel: 4, largest: 1, mean: 0.375 },
    });
  });

  test("within a tolerance they are close, and the answer is yes", async () => {
    await torch.save({ x: torch.tensor([100, 1]) }, at("a.pt"));
    await torch.save({ x: torch.tensor([101, 1]) }, at("b.pt"));
    expect((await cresset(["diff", "--rtol", "0.005", at("a.pt"), at("b.pt")])).code).toBe(1);
    const { code, out } = await cresset(["diff", "--rtol", "0.01", at("a.pt"), at("b.pt")]);
    expect([code, lines(out)[0]]).toEqual([0, "close  x  float32 [2]  largest 1  mean 0.5  0 of 2 elements"]);
    expect((await cresset(["diff", "--atol", "1", at("a.pt"), at("b.pt")])).code).toBe(0);
  });

  test.each([
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
  ] as const)("differences of %s are numbers", async (dtype) => {
    await torch.save({ x: torch.tensor([0, 1, 0], { dtype }) }, at("a.pt"));
    await torch.save({ x: torch.tensor([0, 0, 0], { dtype }) }, at("b.pt"));
    const { rows } = (await json("diff", at("a.pt"), at("b.pt"))) as { rows: { difference: unknown }[] };
    expect(rows[0]!.difference).toEqual({ differing: 1, numel: 3, largest: 1, mean: 1 / 3 });
  });

  test("integers that are one number in float64 differ", async () => {
    await torch.save({ x: torch.tensor([2n ** 60n, 5n]) }, at("a.pt"));
    await torch.save({ x: torch.tensor([2n ** 60n + 1n, 5n]) }, at("b.pt"));
    const { code, out } = await cresset(["diff", at("a.pt"), at("b.pt")]);
    expect([code, lines(out)[0]]).toEqual([1, "differs  x  int64 [2]  largest 1  mean 0.5  1 of 2 elements"]);
  });

  test("a NaN is equal to a NaN and infinitely far from a number", async () => {
    await torch.save({ x: torch.tensor([Number.NaN, 1, Number.POSITIVE_INFINITY]) }, at("a.pt"));
    await torch.save({ x: torch.tensor([Number.NaN, Number.NaN, Number.POSITIVE_INFINITY]) }, at("b.pt"));
    const { code, out } = await cresset(["diff", at("a.pt"), at("b.pt")]);
    expect([code, lines(out)[0]]).toEqual([
      1,
      "differs  x  float32 [3]  largest Infinity  mean Infinity  1 of 3 elements",
    ]);
    expect((await cresset(["diff", at("a.pt"), at("a.pt")])).code).toBe(0);
  });

  test("a damaged tensor is an error, not a difference", async () => {
    const { code, err } = await cresset([
      "diff",
      pathOf("cnn_state_dict_zip.pt"),
      pathOf("damaged_zip_bitflip_tensor.pt"),
    ]);
    expect(code).toBe(3);
    expect(err).toMatch(/^error: .*entry archive\/data\/7 at offset 2136: the checksum differs/);
  });
});

describe("convert", () => {
  test("pt to safetensors and back: ties stay, views become tensors of their own", async () => {
    const there = await cresset(["convert", pathOf("shared_storage.pt"), at("s.safetensors")]);
    expect(there.code).toBe(0);
    expect(there.err).toMatch(/note: base, slice, flat_tail are views of one storage; here each gets its own elements/);
    const state = await safetensors.loadFile(at("s.safetensors"));
    expect(state.get("embed.weight")).toBe(state.get("decoder.weight"));
    await ok("convert", at("s.safetensors"), at("s.pt"));
    const back = (await torch.load(at("s.pt"))) as torch.StateDict;
    const original = (await torch.load(pathOf("shared_storage.pt"))) as torch.StateDict;
    expect([...back.keys()].sort()).toEqual([...original.keys()].sort());
    for (const [name, tensor] of original) expect(torch.equal(back.get(name)!, tensor), name).toBe(true);
    expect(back.get("embed.weight")).toBe(back.get("decoder.weight"));
  });

  test("legacy to zip keeps storages and views", async () => {
    await ok("convert", pathOf("shared_storage_legacy.pt"), at("z.pt"));
    const state = (await torch.load(at("z.pt"))) as torch.StateDict;
    state.get("base")!.fill_(7);
    expect(state.get("slice")!.sum().item()).toBe(63);
  });

  test("npz, npy and a part of a file", async () => {
    await ok("convert", morePath("arrays.npz"), at("arrays.pt"));
    const arrays = (await torch.load(at("arrays.pt"))) as torch.StateDict;
    expect(arrays.get("cube")!.stride()).toEqual([1, 2, 6]);
    await ok("convert", "--key", "cube", at("arrays.pt"), at("cube.npy"));
    expect(torch.equal(await npy.load(at("cube.npy")), arrays.get("cube")!)).toBe(true);
    await ok("convert", "--key", "model_state_dict", pathOf("training_checkpoint.pt"), at("weights.npz"));
    expect([...(await npy.loadz(at("weights.npz"))).keys()]).toContain("conv1.weight");
    const none = await cresset(["convert", "--key", "nope", at("arrays.pt"), at("x.npy")]);
    expect([none.code, none.err]).toEqual([3, "error: --key nope: there is no such tensor, and no tensor under it\n"]);
    const many = await cresset(["convert", at("arrays.pt"), at("x.npy")]);
    expect([many.code, many.err]).toMatchObject([3, expect.stringMatching(/an npy file holds one tensor, not 14/)]);
  });

  test("another precision, rounded once", async () => {
    await torch.save({ x: torch.tensor([1 / 3, 1e-9]), n: torch.tensor([7], { dtype: "int64" }) }, at("f.pt"));
    await ok("convert", "--dtype", "float16", at("f.pt"), at("h.safetensors"));
    const state = await safetensors.loadFile(at("h.safetensors"));
    expect(state.get("x")!.tolist()).toEqual([0.333251953125, 0]);
    expect(state.get("n")!.dtype).toBe(torch.int64);
  });

  test("what a format cannot hold is named, and left out only when that is asked for", async () => {
    const refused = await cresset(["convert", pathOf("training_checkpoint.pt"), at("t.safetensors")]);
    expect(refused.code).toBe(3);
    expect(refused.err).toMatch(
      /t\.safetensors cannot hold 20 values of .*; --lossy leaves them out, --key takes a part/,
    );
    const forced = await cresset([
      "convert",
      "--lossy",
      "--json",
      pathOf("training_checkpoint.pt"),
      at("t.safetensors"),
    ]);
    expect([forced.code, forced.err]).toEqual([0, "note: left out: 20 values\n"]);
    expect(JSON.parse(forced.out)).toMatchObject({ format: "safetensors", tensors: 31, losses: ["20 values"] });
    const module = await cresset(["convert", pathOf("whole_module.pt"), at("m.pt")]);
    expect([module.code, module.err]).toMatchObject([
      3,
      expect.stringMatching(/objects of torch\.nn\.modules\.container/),
    ]);
    await cresset(["convert", "--lossy", pathOf("whole_module.pt"), at("m.pt")]);
    expect([...((await torch.load(at("m.pt"))) as torch.StateDict).keys()]).toContain("2.running_mean");
    const half = await cresset(["convert", morePath("bf16.safetensors"), at("b.npz")]);
    expect([half.code, half.err]).toMatchObject([3, expect.stringMatching(/unsupported ScalarType BFloat16/)]);
  });

  test("an existing file is replaced only with --force, whole or not at all", async () => {
    writeFileSync(at("kept.pt"), "old");
    const { code, err } = await cresset(["convert", pathOf("big.pt"), at("kept.pt")]);
    expect([code, err]).toEqual([2, `error: ${at("kept.pt")} exists; --force replaces it\n`]);
    const damaged = await cresset(["convert", "-f", pathOf("damaged_zip_bitflip_tensor.pt"), at("kept.pt")]);
    expect([damaged.code, damaged.err]).toMatchObject([3, expect.stringMatching(/the checksum differs/)]);
    expect(readFileSync(at("kept.pt"), "utf8")).toBe("old");
    await ok("convert", "--force", pathOf("big.pt"), at("kept.pt"));
    expect(((await torch.load(at("kept.pt"))) as torch.Tensor).numel()).toBe(262_144);
  });

  test("a CUDA file needs nothing: its tensors go where the reader of the copy wants", async () => {
    const pickle = pickleOf(
      "\x80\x02ccollections\nOrderedDict\n)RX\x01\0\0\0xctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\n",
      "FloatStorage\nX\x01\0\0\x000X\x06\0\0\0cuda:0K\x01tQK\0K\x01\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtRs.",
    );
    writeFileSync(at("cuda.pt"), archiveOf(pickle, { "data/0": new Uint8Array([0, 0, 128, 63]) }));
    expect(await ok("inspect", at("cuda.pt"))).toMatch(/^x {2}float32 \[1\] {2}4 B {2}on cuda:0$/m);
    await ok("convert", at("cuda.pt"), at("cpu.pt"));
    expect(((await torch.load(at("cpu.pt"))) as torch.StateDict).get("x")!.tolist()).toEqual([1]);
  });
});

describe("average", () => {
  test("the mean, and a weighted one; ties and values stay, integers are rounded", async () => {
    const tied = torch.tensor([1, 2]);
    const file = (x: number, n: number): object => ({
      state: new torch.StateDict<unknown>([
        ["w", torch.tensor([x, x + 1])],
        ["n", torch.tensor([n], { dtype: "int64" })],
      ]),
      a: tied,
      b: tied,
      flag: torch.tensor([true]),
      epoch: n,
    });
    await torch.save(file(0, 3), at("a.pt"));
    await torch.save(file(4, 4), at("b.pt"));
    const { code, err } = await cresset(["average", at("a.pt"), at("b.pt"), "-o", at("mean.pt")]);
    expect([code, err]).toEqual([0, `note: not the same in all files: 1 value; ${at("a.pt")} gives them\n`]);
    const mean = (await torch.load(at("mean.pt"))) as Record<string, never> & { state: torch.StateDict };
    expect(mean.state.get("w")!.tolist()).toEqual([2, 3]);
    expect(mean.state.get("n")!.tolist()).toEqual([4]); // 3.5, to even
    expect([mean.a === mean.b, mean.epoch]).toEqual([true, 3]);
    await cresset(["average", at("a.pt"), at("b.pt"), "-o", at("soup.npz"), "--weights", "3,1", "--key", "state"]);
    expect((await npy.loadz(at("soup.npz"))).get("w")!.tolist()).toEqual([1, 2]);
  });

  test("what is the same in all files stays the same, whatever the weights", async () => {
    const x = { n: torch.tensor([2n ** 60n + 1n]), w: torch.tensor([0.1, 3.3], { dtype: "float64" }) };
    for (const name of ["a.pt", "b.pt"]) await torch.save(x, at(name));
    await ok("average", at("a.pt"), at("b.pt"), "-o", at("c.pt"), "--weights", "0.1,0.7");
    expect(await ok("diff", at("a.pt"), at("c.pt"))).toBe("equal  2 tensors\n");
    rmSync(at("c.pt"));
  });

  test("more elements than are in memory at a time", async () => {
    await safetensors.saveFile({ x: torch.arange(600_000).float() }, at("a.safetensors"));
    await safetensors.saveFile({ x: torch.arange(600_000).float().add(2) }, at("b.safetensors"));
    await ok("average", at("a.safetensors"), at("b.safetensors"), "-o", at("m.safetensors"));
    const x = (await safetensors.loadFile(at("m.safetensors"))).get("x")!;
    expect(torch.equal(x, torch.arange(600_000).float().add(1))).toBe(true);
  });

  test.each([
    ["names", { x: torch.ones(1) }, { y: torch.ones(1) }, /has no tensor x, which/],
    ["shapes", { x: torch.ones(1) }, { x: torch.ones(2) }, /tensor x is float32 \[1\] in .* and float32 \[2\] in/],
    [
      "dtypes",
      { x: torch.ones(1) },
      { x: torch.ones(1).double() },
      /tensor x is float32 \[1\] in .* and float64 \[1\]/,
    ],
    ["booleans", { x: torch.tensor([true]) }, { x: torch.tensor([false]) }, /tensor x of dtype bool differs/],
  ])("files of other %s have no mean, and leave no file", async (_what, a, b, message) => {
    await torch.save(a, at("one.pt"));
    await torch.save(b, at("two.pt"));
    const { code, err } = await cresset(["average", at("one.pt"), at("two.pt"), "-o", at("none.pt")]);
    expect([code, err]).toMatchObject([3, expect.stringMatching(message)]);
    expect(() => readFileSync(at("none.pt"))).toThrow(/ENOENT/);
  });
});

describe("verify", () => {
  test("sound files", async () => {
    const out = await ok(
      "verify",
      pathOf("cnn_state_dict_zip.pt"),
      morePath("plain.safetensors"),
      pathOf("whole_module.pt"),
    );
    expect(lines(out)).toEqual([
      `ok  ${pathOf("cnn_state_dict_zip.pt")}  zip, 4.7 kB, 10 tensors, 12 checksums right`,
      expect.stringMatching(/^ok {2}.*plain\.safetensors {2}safetensors, .*, no checksums in this format$/),
      `ok  ${pathOf("whole_module.pt")}  zip, 4.0 kB, 9 tensors, 11 checksums right`,
      expect.stringMatching(/^ {4}needs weights_only=False {2}torch\.nn\.modules\.container\.Sequential, /),
    ]);
    expect((await cresset(["verify", "--strict", pathOf("whole_module.pt")])).code).toBe(1);
    expect((await cresset(["verify", "--strict", pathOf("big.pt")])).code).toBe(0);
  });

  test.each([
    ["damaged_zip_bitflip_tensor.pt", /entry archive\/data\/7 at offset 2136: the checksum differs \(expected 0x/],
    ["damaged_zip_truncated_half.pt", /the file may be cut short/],
    ["damaged_legacy_truncated_half.pt", /claim 1576 of 1548 bytes/],
    ["damaged_empty_file.pt", /is empty/],
    ["malicious_exec_zip.pt", /runs code when Python loads it {2}__builtin__\.exec/],
  ])("%s is neither whole nor safe", async (file, message) => {
    const { code, out, err } = await cresset(["verify", pathOf(file)]);
    expect([code, err, out.startsWith("no  ")]).toEqual([1, "", true]);
    expect(out).toMatch(message);
  });

  test("as JSON, one report for each file", async () => {
    const reports = (await json("verify", pathOf("big.pt"), pathOf("damaged_zip_bitflip_tensor.pt"))) as object[];
    expect(reports).toEqual([
      expect.objectContaining({ ok: true, format: "zip", tensors: 1, checked: 3, problems: [], dangerous: [] }),
      expect.objectContaining({ ok: false, problems: [expect.stringMatching(/the checksum differs/)] }),
    ]);
  });
});
