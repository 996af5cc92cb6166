/** Declares the contract tests of some operators. */
import { describe, expect, test } from "vitest";
import { disagreements, idleSamples } from "./agreement.ts";
import type { Entry } from "./catalogue.ts";
import { alwaysRefuses, constant, onceOnly, throwingNode, withoutMeta } from "./exceptions.ts";
import { asMethod, byNames, formProblems, metaProblems } from "./forms.ts";
import { differentiability, gradientProblems, inplaceGradientProblems, secondGradientProblems } from "./gradients.ts";
import type { Table } from "./samples.ts";
import { inplaceProblems } from "./writing.ts";

/** So many problems of one operator are told; the rest repeat them. */
const shown = 5;

function expectNone(problems: readonly string[]): void {
  expect(problems.slice(0, shown)).toEqual([]);
}

/** The tests of each of these operators, with the samples of this table. */
export function contract(entries: readonly Entry[], table: Table): void {
  describe.each(entries.map((entry) => [entry.label, entry] as const))("%s", (label, entry) => {
    test("agrees on every dtype, layout and backend", () => expectNone(disagreements(entry, table)));

    test.skipIf(alwaysRefuses.has(label))("accepts each of its samples for some dtype", () => {
      expect(idleSamples(entry, table)).toEqual([]);
    });

    test("is the same by names", () => expectNone(formProblems(entry, table, byNames)));

    test.skipIf(!entry.method)("is the same as a method", () =>
      expectNone(formProblems(entry, table, asMethod)),
    );

    test.skipIf(withoutMeta.has(label))("needs no data for the shape", () => expectNone(metaProblems(entry, table)));

    test.skipIf(!entry.inplace)("writes in place what it computes", () => expectNone(inplaceProblems(entry, table)));

    describe("derivatives", () => derivatives(entry, table));
  });
}

function derivatives(entry: Entry, table: Table): void {
  const { label } = entry;
  const { differentiable, floating } = differentiability(entry, table);
  if (throwingNode.has(label)) {
    test("records a node that throws", () => {
      const problems = gradientProblems(entry, table);
      expect(problems.length).toBeGreaterThan(0);
      expectNone(problems.filter((text) => !/derivative for \S+ is not implemented/.test(text)));
    });
    return;
  }
  test("has a derivative, or a reason for none", () => {
    expect(floating && !differentiable).toBe(constant.has(label));
  });
  test.skipIf(!differentiable)("has the derivative that differences show", () =>
    expectNone(gradientProblems(entry, table)),
  );
  test.skipIf(!differentiable || onceOnly.has(label))("has a second derivative", () =>
    expectNone(secondGradientProblems(entry, table)),
  );
  test.skipIf(!differentiable || !entry.inplace)("has the same derivative in place", () =>
    expectNone(inplaceGradientProblems(entry, table)),
  );
}
