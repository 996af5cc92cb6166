/** The parts of the pages that need no browser. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { compare } from "../../web/lens/compare.ts";
import { type Opened, open } from "../../web/lens/files.ts";
import { fromHash, toHash } from "../../web/playground/link.ts";
import { Timeline } from "../../web/playground/timeline.ts";
import { counts, type Query, rowsOf } from "../../web/view/rows.ts";
import { indexAt } from "../../web/view/tip.ts";
import type { Told } from "../../web/worker/messages.ts";
import { Printer } from "../../web/worker/printing.ts";

const { lens } = torch;
const all: Query = { filter: "all", order: "given", search: "", collapsed: new Set() };

// ---------------------------------------------------------------- the list

const x = torch.zeros(2, 3);
const map = lens.map({ x, "x.T": x.T, alone: torch.zeros(4), "layer.weight": torch.zeros(2, { dtype: "float64" }) });
const shown = { map, changes: { alone: { writes: 1, by: "SGD.step()" } } };
const names = (query: Partial<Query>): string[] =>
  rowsOf(shown, { ...all, ...query }).map(({ tensor, storage }) => tensor?.name ?? `storage ${storage.id}`);

test("storages with several names are groups, others are one row", () => {
  expect(names({})).toEqual(["storage 0", "x", "x.T", "alone", "layer.weight"]);
  expect(names({ collapsed: new Set([0]) })).toEqual(["storage 0", "alone", "layer.weight"]);
});

test("filters and searches leave what fits, words in any order", () => {
  expect(names({ filter: "shared" })).toEqual(["storage 0", "x", "x.T"]);
  expect(names({ filter: "views" })).toEqual(["storage 0", "x.T"]);
  expect(names({ filter: "drifted" })).toEqual(["alone"]);
  expect(names({ search: "float64 WEIGHT" })).toEqual(["layer.weight"]);
  expect(names({ order: "largest" })[0]).toBe("storage 0");
  expect(counts(shown)).toEqual({ all: 4, shared: 2, views: 1, drifted: 1 });
});

test("a tensor called like a member of every object has not drifted", () => {
  const map = lens.map({ constructor: torch.zeros(1) });
  expect(rowsOf({ map, changes: {} }, all)[0]!.change).toBe(null);
});

test("the element under a byte is told by its index", () => {
  const [storage] = lens.map({ x, turned: x.T, second: x.at(":", "::2") }).storages;
  const [plain, turned, second] = storage!.tensors;
  expect(indexAt(plain!, 17)).toEqual([1, 1]);
  expect(indexAt(turned!, 17)).toEqual([1, 1]);
  expect(indexAt(turned!, 8)).toEqual([2, 0]);
  expect(indexAt(second!, 8)).toEqual([0, 1]);
  expect(indexAt(second!, 4)).toBe(null);
});

// ---------------------------------------------------------------- files

const opened = (name: string, bytes: Uint8Array<ArrayBuffer>): Promise<Opened> =>
  open({ name, blob: () => Promise.resolve(new Blob([bytes])) });

test("a file is what its bytes say, whatever its name is", async () => {
  const tensors = { a: torch.zeros(2), b: torch.ones(3) };
  const kinds = [torch.serialize(tensors), torch.safetensors.save(tensors), await npz(tensors)];
  for (const bytes of kinds) expect([...(await opened("x", bytes)).tensors.keys()]).toEqual(["a", "b"]);
  expect([...(await opened("x", torch.npy.serialize(torch.zeros(2)))).tensors.keys()]).toEqual(["array"]);
  expect([...(await opened("x", torch.serialize(torch.zeros(2)))).tensors.keys()]).toEqual(["tensor"]);
  await expect(opened("x", torch.serialize({ epoch: 3 }))).rejects.toThrow("there are no tensors in it");
});

async function npz(tensors: Record<string, torch.Tensor>): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  await torch.npy.savez(new WritableStream<Uint8Array>({ write: (part) => void parts.push(part) }), tensors);
  return new Uint8Array(Buffer.concat(parts));
}

test("tensors inside an object of an unknown class are found under Python's names", async () => {
  const { map } = await opened("whole.pt", new Uint8Array(readFileSync("test/data/checkpoints/whole_module.pt")));
  expect(map.storages.length).toBe(9);
});

test("two files are compared by name, value, shape and sharing", async () => {
  const a = torch.ones(2);
  const nan = torch.tensor([Number.NaN, 1]);
  const left = { a, tied: a, n: nan, shape: torch.zeros(2), gone: torch.zeros(1), i: torch.arange(3) };
  const right = {
    a,
    tied: torch.tensor([1, 3]),
    n: nan,
    shape: torch.zeros(3),
    fresh: torch.zeros(1),
    i: torch.arange(3),
  };
  const [one, other] = [await opened("l", torch.serialize(left)), await opened("r", torch.serialize(right))];
  const pairs = await compare(one, other, () => {});
  expect(Object.fromEntries(pairs.map(({ name, verdict }) => [name, verdict]))).toEqual({
    a: "same",
    tied: "changed",
    n: "same",
    shape: "reshaped",
    gone: "left",
    fresh: "right",
    i: "same",
  });
  expect(pairs.find(({ name }) => name === "tied")).toMatchObject({ most: 2, relative: 1, untied: ["a"] });
});

test("complex numbers are compared by both parts", async () => {
  const z = (imaginary: number): Uint8Array<ArrayBuffer> =>
    torch.serialize({ z: torch.tensor([new torch.Complex(1, imaginary)]) });
  const [pair] = await compare(await opened("l", z(2)), await opened("r", z(5)), () => {});
  expect(pair).toMatchObject({ verdict: "changed", most: 3, relative: 1 });
});

// ---------------------------------------------------------------- the playground

test("a link brings any text back", async () => {
  const code = `const ü = "→ 😀";\n`.repeat(50);
  const hash = await toHash(code);
  expect(hash).toMatch(/^#code=[\w-]+$/);
  expect(hash.length).toBeLessThan(120);
  expect(await fromHash(hash)).toBe(code);
  expect(await fromHash("#elsewhere")).toBe(null);
});

test("a damaged link, and one that unpacks to too much, are refused", async () => {
  await expect(fromHash("#code=%%%")).rejects.toThrow("damaged");
  await expect(fromHash("#code=AAAA")).rejects.toThrow("damaged");
  await expect(fromHash(await toHash("x".repeat(600_000)))).rejects.toThrow("too long");
});

test("the timeline follows the newest map until somebody goes back, and keeps what is looked at", () => {
  const timeline = new Timeline();
  timeline.add(1, shown);
  timeline.add(2, null);
  expect(timeline.moment).toEqual({ line: 2, shown });
  timeline.go(0);
  for (let i = 3; i < 2000; i++) timeline.add(i, null);
  expect(timeline.moment?.line).toBe(1);
  expect(timeline.length).toBeLessThanOrEqual(601);
  timeline.go(timeline.length);
  expect(timeline.following).toBe(true);
  expect(timeline.moment?.line).toBe(1999);
});

test("a program that prints without end sends batches, and no line without bound", () => {
  const told: Told[] = [];
  const printer = new Printer((one) => void told.push(one));
  for (let i = 0; i < 10_000; i++) printer.print({ tone: "log", text: String(i), line: 1 });
  printer.print({ tone: "log", text: "x".repeat(30_000), line: 1 });
  printer.flush();
  expect(told.length).toBeLessThan(1000);
  const last = told.at(-1) as Extract<Told, { kind: "print" }>;
  expect(last.lines.at(-1)!.text).toMatch(/^x{20000}… and 10000 more characters$/);
});

test("the pages see the published face only", () => {
  const files = readdirSync("web", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  const wrong = files.flatMap((file) => {
    const source = readFileSync(join("web", file), "utf8");
    const targets = [...source.matchAll(/(?:from|import) "([^"]+)"/g)].map((m) => m[1]!);
    return targets
      .filter((to) => to.startsWith("."))
      .map((to) => join("web", file, "..", to))
      .filter((to) => !to.startsWith("web/") && !/^examples\/.*\?raw$/.test(to))
      .map((to) => `${file} imports ${to}`);
  });
  expect(wrong).toEqual([]);
});
