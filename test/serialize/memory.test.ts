/** How much memory files take while they are written and read. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as torch from "../../src/index.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cresset-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);

const count = 16;
const tensorBytes = 2 ** 22;
/** Headers, pickles, and what a test runner allocates meanwhile. */
const slack = 2 ** 20;

const used = (): number => process.memoryUsage().arrayBuffers + torch.memory.stats().allocated;

/** The largest growth of memory while `work` runs, which reports every piece. */
async function growth(work: (heard: () => void) => Promise<unknown>): Promise<number> {
  const before = used();
  let most = before;
  await work(() => void (most = Math.max(most, used())));
  return Math.max(most, used()) - before;
}

const state = (): Record<string, torch.Tensor> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`t${i}`, torch.full([tensorBytes / 4], i, { dtype: "float32" })]),
  );

test("tensors in memory are written from where they are", async () => {
  const tensors = state();
  const grown = await growth((progress) => torch.save(tensors, at("model.pt"), { progress }));
  expect(statSync(at("model.pt")).size).toBeGreaterThan(count * tensorBytes);
  expect(grown).toBeLessThan(slack);
});

test.each([
  "pt",
  "safetensors",
])("an opened file is copied to %s with one tensor in memory at a time", async (format) => {
  await torch.save(state(), at("source.pt"));
  using file = await torch.serialization.open(at("source.pt"));
  const grown = await growth((progress) =>
    format === "pt"
      ? torch.save(file.value, at("copy.pt"), { progress })
      : torch.safetensors.saveFile(file.tensors, at("copy.safetensors"), null, { progress }),
  );
  expect(grown).toBeGreaterThanOrEqual(tensorBytes);
  expect(grown).toBeLessThan(tensorBytes + slack);
  const again =
    format === "pt" ? await torch.load(at("copy.pt")) : await torch.safetensors.loadFile(at("copy.safetensors"));
  const last = (again instanceof Map ? again.get("t15") : (again as Record<string, torch.Tensor>).t15) as torch.Tensor;
  expect([last.min().item(), last.max().item()]).toEqual([15, 15]);
});

test("one tensor of a file takes its own bytes, a view of a storage its part", async () => {
  const x = torch.arange(2 ** 20);
  await torch.save({ ...state(), part: x.at("10:20") }, at("many.pt"));
  const grown = await growth(async () => {
    using file = await torch.serialization.open(at("many.pt"));
    expect((await file.tensor("part")).tolist()).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  });
  expect(grown).toBeLessThan(slack);
});
