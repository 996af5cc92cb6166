/** Complex tensors print as PyTorch prints them. */
import { readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import * as torch from "../../src/index.ts";

interface Case {
  readonly parts: readonly (readonly [number | string, number | string])[];
  readonly shape: readonly number[];
  readonly dtype: "complex64" | "complex128";
  readonly options: Parameters<typeof torch.setPrintoptions>[0];
  readonly text: string;
  readonly conjugate: string;
}

const path = new URL("../data/complex/print.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(path, "utf8")) as { readonly cases: readonly Case[] };

afterEach(() => torch.setPrintoptions({ profile: "default" }));

const number = (cell: number | string): number => Number(String(cell).replace("inf", "Infinity"));

function tensorOf({ parts, shape, dtype }: Case): torch.Tensor {
  const elements = parts.map(([re, im]) => new torch.Complex(number(re), number(im)));
  return torch.tensor(elements, { dtype }).reshape(shape);
}

test.each(cases.map((c) => [c.text.slice(0, 60), c] as const))("%s", (_, sample) => {
  torch.setPrintoptions({ profile: "default", ...sample.options });
  const z = tensorOf(sample);
  expect(String(z)).toBe(sample.text);
  expect(String(z.conj())).toBe(sample.conjugate);
});

test.each([
  [1, 2, "(1+2j)"],
  [0, 1, "1j"],
  [-0, 1, "(-0+1j)"],
  [1e20, Number.NaN, "(1e+20+nanj)"],
  [Infinity, -0, "(inf-0j)"],
  [0.1, -2.5e-10, "(0.1-2.5e-10j)"],
])("the number with parts %s and %s prints as Python's", (re, im, text) => {
  expect(String(new torch.Complex(re, im))).toBe(text);
});
