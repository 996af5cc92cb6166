/** Declares the contract tests of some operators. */
import { describe, expect, test } from "vitest";
import { disagreements, idleSamples, variations } from "./agreement.ts";
import { varied } from "./backends.ts";
import { type Entry, mutates } from "./catalogue.ts";
import { alwaysRefuses, constant, onceOnly, throwingNode, unmeasured, withoutMeta } from "./exceptions.ts";
import { asMethod, byNames, formProblems, metaProblems } from "./forms.ts";
import {
  differentiability,
  gradientProblems,
  inplaceGradientProblems,
  measured,
  secondGradientProblems,
} from "./gradients.ts";
import type { Table } from "./samples.ts";
import { inplaceOptionProblems, inplaceProblems, mutatorProblems } from "./writing.ts";

/** So many problems of one operator are told; the rest repeat them. */
const shown = 5;

function expectNone(problems: readonly string[]): void {
  expect(problems.slice(0, shown)).toEqual([]);
}

/** The tests of each of these operators, with the samples of this table; only those that its declaration promises. */
export function contract(entries: readonly Entry[], table: Table): void {
  describe.each(entries.map((entry) => [entry.label, entry] as const))("%s", (label, entry) => {
    const has = (parameter: string): boolean => entry.op.params.some((text) => text.includes(parameter));

    test("agrees on every dtype, layout and backend", () => expectNone(disagreements(entry, table)));
    test.each(varied)("agrees: $name", (backend) => expectNone(variations(entry, table, backend)));
    test("is the same by names", () => expectNone(formProblems(entry, table, byNames)));
    if (!alwaysRefuses.has(label)) {
      test("accepts each of its samples for some dtype", () => expect(idleSamples(entry, table)).toEqual([]));
    }
    if (entry.method) {
      test("is the same as a method", () => expectNone(formProblems(entry, table, asMethod)));
    }
    if (!withoutMeta.has(label)) {
      test("needs no data for the shape", () => expectNone(metaProblems(entry, table)));
    }
    if (entry.inplace) {
      test("writes in place what it computes", () => expectNone(inplaceProblems(entry, table)));
    }
    if (mutates(entry)) {
      test("writes its receiver and nothing else", () => expectNone(mutatorProblems(entry, table)));
    }
    if (has("inplace:bool")) {
      test("writes in place if asked", () => expectNone(inplaceOptionProblems(entry, table)));
    }
    derivatives(entry, table);
  });
}

function derivatives(entry: Entry, table: Table): void {
  const { label } = entry;
  const { differentiable, floating } = differentiability(entry, table);
  test("has a derivative, or a reason for none", () => {
    expect(floating && !differentiable && entry.op.kind !== "create").toBe(constant.has(label));
  });
  if (!differentiable) return;
  if (throwingNode.has(label)) {
    test("records a node that throws", () => {
      const problems = gradientProblems(entry, table);
      expect(problems.length).toBeGreaterThan(0);
      expectNone(problems.filter((text) => !/derivative for \S+ is not implemented/.test(text)));
    });
    return;
  }
  test("has the derivative that differences show", () => {
    expect(measured(entry, table)).toBe(!unmeasured.has(label));
    expectNone(gradientProblems(entry, table));
  });
  if (!onceOnly.has(label)) {
    test("has a second derivative", () => expectNone(secondGradientProblems(entry, table)));
  }
  if (entry.inplace) {
    test("has the same derivative in place", () => expectNone(inplaceGradientProblems(entry, table)));
  }
}
