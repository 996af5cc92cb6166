/** A writer that is killed, and a disk that is full: the old file or the new one, never a part. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { observe } from "../../src/core/observe.ts";
import * as torch from "../../src/index.ts";
import { fuzz } from "./mutations.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cresset-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

/** Saves checkpoint after checkpoint, each of one number alone, until it is killed. */
const writer = `
import { save, full } from ${JSON.stringify(new URL("../../src/index.ts", import.meta.url).href)};
const run = async () => {
  for (let i = 1; ; i++) {
    await save({ i, a: full([200000], i), b: full([200000], i) }, process.argv[2], { durable: i % 4 === 0 });
    if (i === 1) console.log("ready");
  }
};
run();
`;

test("a writer killed at any moment leaves one whole checkpoint", async () => {
  const path = join(folder, "model.pt");
  const script = join(folder, "writer.mts");
  writeFileSync(script, writer);
  const numbers: number[] = [];
  for (const wait of [3, 11, 19, 31, 47]) {
    const child = spawn(process.execPath, ["--import", "tsx", script, path], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    await new Promise((resolve) => setTimeout(resolve, wait));
    child.kill("SIGKILL");
    await once(child, "exit");
    const { i, a, b } = torch.deserialize(readFileSync(path)) as { i: number; a: torch.Tensor; b: torch.Tensor };
    expect([a.min().item(), a.max().item(), b.min().item(), b.max().item()]).toEqual([i, i, i, i]);
    numbers.push(i);
  }
  expect(numbers.every((i) => i >= 1)).toBe(true);
}, 60_000);

test.each(["save", "saveFile"])("a full disk leaves the old file and nothing else: %s", async (kind) => {
  const path = join(folder, `full-${kind}`);
  const write = (x: torch.Tensor): Promise<void> =>
    kind === "save" ? torch.save({ x }, path) : torch.safetensors.saveFile({ x }, path);
  await write(torch.ones(1000));
  const before = readFileSync(path);
  const files = readdirSync(folder);
  const fs = process.getBuiltinModule("fs");
  const real = fs.writeSync;
  let room = 1500;
  vi.spyOn(fs, "writeSync").mockImplementation(((fd: number, bytes: Uint8Array, offset: number, length: number) => {
    if (room === 0) throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    const part = Math.min(room, length);
    room -= part;
    return real(fd, bytes, offset, part);
  }) as typeof fs.writeSync);
  await expect(write(torch.zeros(1000))).rejects.toThrow(/ENOSPC/);
  expect(readFileSync(path)).toEqual(before);
  expect(readdirSync(folder)).toEqual(files);
});

test("3000 mutated files load or are refused clearly", async () => {
  const { loaded, refused, faults } = await fuzz(3000);
  expect(faults).toEqual([]);
  expect(loaded).toBeGreaterThan(50);
  expect(refused).toBeGreaterThan(1000);
}, 120_000);

test("every way of saving is announced once, with what is saved", async () => {
  const heard: unknown[] = [];
  const stop = observe((event) => {
    if (event.kind === "save") heard.push(event.value);
  });
  const x = torch.ones(1);
  const state = { x };
  const model = new torch.nn.Linear(1, 1);
  await torch.save(state, join(folder, "s.pt"));
  torch.serialize(state);
  await torch.safetensors.saveFile(state, join(folder, "s.safetensors"));
  torch.safetensors.save(state);
  await torch.safetensors.saveModel(model, join(folder, "m.safetensors"));
  await torch.npy.save(join(folder, "x.npy"), x);
  await torch.npy.savez(join(folder, "x.npz"), state);
  stop();
  const wanted = [state, state, state, state, model, x, state];
  expect(heard.map((value, i) => value === wanted[i])).toEqual(wanted.map(() => true));
  expect(heard.length).toBe(wanted.length);
});
