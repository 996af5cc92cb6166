/** The variations are what they say: a second thread takes part, and instructions are forgone. */
import { expect, test } from "vitest";
import { relaxedSimd } from "../../src/backends/wasm/features.ts";
import * as torch from "../../src/index.ts";
import { helped, on, shipped, varied } from "./backends.ts";

const named = (name: string) => varied.find((backend) => backend.name === name)!;

test("a second thread computes rows of the smallest tensors", () => {
  const x = torch.zeros(8, 4);
  const deadline = performance.now() + 20_000;
  on(named("two threads"), () => {
    while (helped() === 0 && performance.now() < deadline) expect(torch.softmax(x, 1).sum().item()).toBe(8);
  });
  expect(helped()).toBeGreaterThan(0);
});

test("relaxed SIMD is forgone, and then used again", () => {
  const usual = on(shipped, relaxedSimd);
  expect(on(named("without relaxed SIMD"), relaxedSimd)).toBe(false);
  expect(relaxedSimd()).toBe(usual);
});
