/** What a write that fails leaves, what mutated files do, and who hears of a save. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { observe } from "../../src/core/observe.ts";
import * as torch from "../../src/index.ts";
import { fuzzWatched } from "./watched.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cresset-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

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
  const { loaded, refused, faults } = await fuzzWatched(3000);
  expect(faults).toEqual([]);
  expect(loaded).toBeGreaterThan(50);
  expect(refused).toBeGreaterThan(1000);
}, 120_000);

test("a file that is read for ever is found", async () => {
  const { faults } = await fuzzWatched(10, 1, { seconds: 0.5, hangAt: 7 });
  expect(faults).toEqual([
    { name: "a file", seed: 7, what: expect.stringMatching(/^was not read after \d/) as string },
  ]);
}, 60_000);

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
