/** Every row of a table of PyTorch and Cresset gives here what it gave in PyTorch. */
import { type ExpressionStatement, parse } from "acorn";
import { transform } from "sucrase";
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { pages, rowsOf } from "../support/pages.ts";
import { recordedRow } from "../support/recorded.ts";

const { nn, optim } = torch;

/** What rows may use: the same as in scripts/record_docs.py, and as the page says. */
function scope(): Record<string, unknown> {
  torch.manualSeed(0);
  const layer = new nn.Linear(2, 2);
  nn.init.ones_(layer.weight);
  nn.init.zeros_(layer.bias!);
  return {
    torch,
    nn,
    optim,
    F: nn.functional,
    copy: torch.copy,
    x: torch.arange(6, { dtype: "float32" }).reshape(2, 3),
    a: torch.tensor([[1, 2], [3, 4]]), // biome-ignore format: as the page has it
    b: torch.tensor([[5, 6], [7, 8]]), // biome-ignore format: as the page has it
    n: torch.tensor([6n, 5n, 4n]),
    k: torch.tensor([3n, 1n, 2n]),
    i: torch.tensor([2n, 0n]),
    m: torch.tensor([true, false, true]),
    layer,
    optimizer: new optim.SGD(layer.parameters(), { lr: 0.5, momentum: 0.9 }),
  };
}

/** The value of a row's last statement, or of the variable that the row changes. */
function valueOf(code: string, of: string | null): unknown {
  const { code: plain } = transform(code, { transforms: ["typescript"], disableESTransforms: true });
  const last = parse(plain, { ecmaVersion: "latest" }).body.at(-1) as ExpressionStatement;
  const result = of ?? plain.slice(last.expression.start, last.expression.end);
  const before = of === null ? plain.slice(0, last.start) : plain;
  const names = scope();
  return new Function(...Object.keys(names), `"use strict";${before};return (${result});`)(...Object.values(names));
}

/** A value as rows are compared; `show` in scripts/record_docs.py. */
function show(value: unknown): string {
  if (value instanceof torch.Size || torch.isTensor(value)) return String(value);
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return `[${Array.from(value as unknown[], show).join(", ")}]`;
  return String(value);
}

const rows = pages().flatMap((page) => rowsOf(page).map((row) => [`${page}:${row.line} ${row.code}`, row] as const));

test.each(rows)("%s", (_, { python, code }) => {
  const { of, value } = recordedRow(python);
  expect(show(valueOf(code, of))).toBe(value);
});
