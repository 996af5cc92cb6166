/** Which bytes a tensor touches, and maps as drawings and pages. */
import fc from "fast-check";
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { type MappedStorage, type MappedTensor, reached, split } from "../../src/lens/drawing.ts";

const { lens, nn, optim } = torch;

const mapped = (values: object): MappedStorage[] => lens.map(values).storages;
const first = (x: torch.Tensor): MappedTensor => mapped({ x })[0]!.tensors[0]!;
const labels = (svg: string): string[] => [...svg.matchAll(/graphics-symbol" aria-label="([^"]*)"/g)].map((m) => m[1]!);

test("a row is one run, a column one per row", () => {
  const x = torch.zeros(3, 4);
  expect(lens.cells(first(x.at(1)))).toEqual([{ start: 16, end: 32, full: true }]);
  expect(lens.cells(first(x.at(":", 1)))).toEqual([
    { start: 4, end: 8, full: true },
    { start: 20, end: 24, full: true },
    { start: 36, end: 40, full: true },
  ]);
});

test("a window and a number of runs limit what is told", () => {
  const x = torch.zeros(1024).at("::2");
  expect(lens.cells(first(x), { from: 8, to: 20 })).toEqual([
    { start: 8, end: 12, full: true },
    { start: 16, end: 20, full: true },
  ]);
  expect(lens.cells(first(x), { from: 0, to: 4096, most: 64 })).toEqual([{ start: 0, end: 4096, full: false }]);
  expect(lens.cells(first(torch.zeros(0)))).toEqual([]);
});

const layout = fc.record({
  shape: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 2, maxLength: 2 }),
  strides: fc.array(fc.integer({ min: 0, max: 13 }), { minLength: 2, maxLength: 2 }),
  offset: fc.integer({ min: 0, max: 9 }),
  most: fc.integer({ min: 1, max: 160 }),
});

test("runs cover exactly the parts that a tensor touches, and say which wholly", () => {
  const memory = torch.zeros(128);
  fc.assert(
    fc.property(layout, ({ shape, strides, offset, most }) => {
      const x = memory.asStrided(shape, strides, offset);
      const bytes = new Set<number>();
      for (let i = 0; i < shape[0]!; i++) {
        for (let j = 0; j < shape[1]!; j++) {
          const at = 4 * (offset + i * strides[0]! + j * strides[1]!);
          for (let b = 0; b < 4; b++) bytes.add(at + b);
        }
      }
      const runs = lens.cells(first(x), { from: 0, to: 512, most });
      const inside = (b: number): boolean => runs.some(({ start, end }) => start <= b && b < end);
      expect([...bytes].every(inside)).toBe(true);
      for (const { start, end, full } of runs) {
        const touched = Array.from({ length: end - start }, (_, i) => bytes.has(start + i));
        expect(touched.includes(true)).toBe(true);
        if (full) expect(touched.includes(false)).toBe(false);
      }
      expect(most < 128 || runs.every(({ full }) => full)).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

test("the bytes of a storage are told apart by how many names reach them", () => {
  const x = torch.zeros(4);
  const [storage] = mapped({ x, head: x.at(":2"), tail: x.at("1:") });
  expect(reached(storage!)).toEqual([
    { start: 0, end: 4, names: 2 },
    { start: 4, end: 8, names: 3 },
    { start: 8, end: 16, names: 2 },
  ]);
  const [lone] = mapped({ head: x.at(":2"), tail: x.at("1:") });
  expect(split(lens.cells(lone!.tensors[0]!), reached(lone!))).toEqual([
    { run: { start: 0, end: 4, full: true }, shared: false },
    { run: { start: 4, end: 8, full: true }, shared: true },
  ]);
});

test("the drawing says in words what it shows", () => {
  const x = torch.zeros(2, 3);
  const svg = lens.toSVG(lens.map({ x, turned: x.T }), { title: "A matrix and its transpose" });
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" id="(lens-\w+)" role="graphics-document"/);
  expect(svg).toContain(">A matrix and its transpose</title>");
  expect(svg).toContain(">2 names over 1 storage of 24 bytes, 1 shared</desc>");
  expect(labels(svg)).toEqual([
    "x: float32 [2, 3], strides [3, 1], offset 0, reaches all 24 bytes",
    "turned: float32 [3, 2], strides [1, 3], offset 0, reaches all 24 bytes",
  ]);
});

test("small tensors show the order of their elements in memory", () => {
  const x = torch.zeros(2, 3);
  const numbers = (y: torch.Tensor): string[] =>
    [...lens.toSVG(lens.map({ y })).matchAll(/class="num[^>]*>([^<]*)</g)].map((m) => m[1]!);
  expect(numbers(x)).toEqual(["0", "1", "2", "3", "4", "5"]);
  expect(numbers(x.T)).toEqual(["0", "2", "4", "1", "3", "5"]);
  expect(numbers(torch.zeros(1, 2).expand(3, 2))).toEqual(["×3", "×3"]);
});

test("drift is marked with who wrote", () => {
  const model = new nn.Linear(2, 2);
  const best = model.stateDict();
  const optimizer = new optim.SGD(model.parameters(), { lr: 1 });
  model(torch.ones(1, 2)).sum().backward();
  optimizer.step();
  const drift = lens.drift({ best });
  const svg = lens.toSVG(lens.map({ best }), { drift });
  expect(svg.match(/▲ written once since by SGD\.step\(\)/g)?.length).toBe(2);
  expect(svg).toContain("2 entries drifted");
  expect(lens.toSVG(lens.map({ best }), { drift: Object.fromEntries(drift) })).toBe(svg);
  expect(lens.toSVG(lens.map({ best }))).not.toContain("▲");
});

test("names from files cannot become markup, nor turn the text around", () => {
  const hostile = `"><script>alert(1)</script>&\u202e\u0000'`;
  const map = lens.map({ [hostile]: torch.zeros(2) });
  for (const text of [lens.toSVG(map), lens.toHTML(map, { title: hostile })]) {
    for (const bad of ["<script", "\u202e", "\u0000"]) expect(text).not.toContain(bad);
    expect(text).toContain("&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;\ufffd\ufffd&#39;");
  }
});

test("many storages are counted beyond the limit, and two drawings in one page keep their ids apart", () => {
  const tensors = Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`t${i}`, torch.zeros(1)]));
  const svg = lens.toSVG(lens.map(tensors), { most: 2 });
  expect(labels(svg).length).toBe(2);
  expect(svg).toContain("and 3 more storages");
  const id = (text: string): string => text.match(/id="(lens-\w+)"/)![1]!;
  expect(id(lens.toSVG(lens.map({ a: torch.zeros(1) })))).not.toBe(id(lens.toSVG(lens.map({ b: torch.zeros(1) }))));
});

test("the page is a document without scripts that forbids loading anything", () => {
  const x = torch.zeros(2, 3);
  const html = lens.toHTML(lens.map({ x, row: x.at(0) }));
  expect(html).toMatch(/^<!doctype html>\n<html lang="en"/);
  expect(html).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
  expect(html).toContain(`<th scope="row"><code>row</code></th><td>tensor</td><td>float32</td><td>[3]</td>`);
  expect(html).not.toContain("<script");
});

test("unknown options are refused by name", () => {
  const map = lens.map({});
  expect(() => lens.toSVG(map, { colour: 1 } as never)).toThrow("toSVG() got an unexpected keyword argument 'colour'");
  expect(() => lens.toHTML(map, { theme: "sepia" as never })).toThrow('theme must be "auto", "light" or "dark"');
});
