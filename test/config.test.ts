/** `torch.config`, and the number of threads. */
import { readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { chooseThreads } from "../src/backends/wasm/threads.ts";
import * as torch from "../src/index.ts";

afterEach(() => chooseThreads(null));

test("show names version, engine, SIMD, memory, threads, BLAS and devices", () => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
  torch.setNumThreads(3);
  const lines = torch.config.show().split("\n");
  expect(lines[0]).toBe(`Cresset ${version}`);
  expect(lines[1]).toContain(`node ${process.versions.node}`);
  expect(lines.slice(2, 4).map((line) => line.split(":")[0])).toEqual(["  - SIMD", "  - memory"]);
  expect(lines[4]).toBe("  - threads: 3");
  expect(lines[5]).toMatch(/^ {2}- BLAS: ./);
  expect(lines[6]).toBe("  - devices: cpu, meta");
});

test("setNumThreads is what getNumThreads gives", () => {
  torch.setNumThreads(1);
  expect(torch.getNumThreads()).toBe(1);
  torch.setNumThreads(5);
  expect(torch.getNumThreads()).toBe(5);
});

test.each([0, -2])("setNumThreads(%i) is refused", (count) => {
  expect(() => torch.setNumThreads(count)).toThrow("set_num_threads expects a positive integer");
});

test.each([
  [1.5, "float"],
  ["2", "str"],
])("setNumThreads(%j) is refused", (count, kind) => {
  expect(() => torch.setNumThreads(count as number)).toThrow(`set_num_threads expects an int, but got ${kind}`);
});

test("operators give the same bits on one thread and on two", () => {
  const x = torch
    .arange(0, 700 * 600, 1)
    .reshape(700, 600)
    .sin();
  const results = [1, 2].map((threads) => {
    torch.setNumThreads(threads);
    return [x.exp(), x.sum(), x.sum(0), x.softmax(1), x.t().add(1), x.cumsum(1), x.mean()];
  });
  results[0]!.forEach((one, i) => {
    expect(torch.equal(one, results[1]![i]!)).toBe(true);
  });
});
