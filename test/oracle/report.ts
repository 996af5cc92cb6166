/** The results of a replay as text: a table for a terminal, one for the documentation, failures in full. */

import { camelCase } from "./names.ts";
import type { Failure, OpResult } from "./run.ts";

/** Counts over operators. */
export interface Totals {
  readonly operators: number;
  readonly missing: number;
  readonly complete: number;
  readonly samples: number;
  readonly passed: number;
  readonly failed: number;
  readonly soft: number;
  readonly skipped: ReadonlyMap<string, number>;
}

/** The sums over all results. */
export function totalsOf(results: readonly OpResult[]): Totals {
  const skipped = new Map<string, number>();
  for (const result of results) {
    if (result.missing) skipped.set("missing operator", (skipped.get("missing operator") ?? 0) + result.total);
    for (const [reason, count] of result.skipped) skipped.set(reason, (skipped.get(reason) ?? 0) + count);
  }
  const sum = (count: (result: OpResult) => number) => results.reduce((total, result) => total + count(result), 0);
  return {
    operators: results.length,
    missing: sum(({ missing }) => (missing ? 1 : 0)),
    complete: sum((result) => (!result.missing && result.failures.length === 0 ? 1 : 0)),
    samples: sum(({ total }) => total),
    passed: sum(({ passed }) => passed.length),
    failed: sum(({ failures }) => failures.length),
    soft: sum(({ soft }) => soft.length),
    skipped,
  };
}

/** The totals as a few lines. */
export function summary(results: readonly OpResult[]): string {
  const totals = totalsOf(results);
  const skipped = [...totals.skipped].map(([reason, count]) => `  skipped, ${reason}: ${count}`);
  return [
    `${totals.operators} operators: ${totals.complete} without failure, ${totals.missing} missing`,
    `${totals.samples} samples: ${totals.passed} passed, ${totals.failed} failed, ${totals.soft} differ at a discontinuity`,
    ...skipped,
  ].join("\n");
}

/** One line per operator; the missing ones at the end, in one paragraph. */
export function table(results: readonly OpResult[]): string {
  const present = results.filter(({ missing }) => !missing);
  const width = Math.max(8, ...present.map(({ op }) => op.length));
  const lines = present.map((result) => {
    const counts = [result.passed, result.failures, result.soft].map(({ length }) => String(length).padStart(6));
    const time = `${result.milliseconds.toFixed(0)} ms`.padStart(9);
    return `${result.op.padEnd(width)}${counts.join("")}${time}  ${reasons(result)}`.trimEnd();
  });
  const missing = results.filter((result) => result.missing).map(({ op }) => op);
  const header = `${"operator".padEnd(width)}  pass  fail  soft     time  skipped`;
  return [header, ...lines, ...(missing.length > 0 ? ["", `missing: ${missing.join(", ")}`] : [])].join("\n");
}

function reasons({ skipped }: OpResult): string {
  return [...skipped].map(([reason, count]) => `${reason}: ${count}`).join("; ");
}

/** A failure in full. */
export function explain(op: string, { sample, form, mismatches }: Failure): string {
  const shown = mismatches.slice(0, 3).map(({ where, kind, what }) => `    ${where} (${kind}): ${what}`);
  const more = mismatches.length > 3 ? [`    and ${mismatches.length - 3} more`] : [];
  return [`  ${op} sample ${sample}, ${form} form`, ...shown, ...more].join("\n");
}

/** The committed table of operators. */
export function markdown(results: readonly OpResult[]): string {
  const totals = totalsOf(results);
  const rows = results.map((result) => {
    const state = result.missing ? "missing" : `${result.passed.length} / ${result.total - skippedCount(result)}`;
    const notes = [reasons(result), result.soft.length > 0 ? `at a discontinuity: ${result.soft.length}` : ""];
    return `| \`${result.path}\` | \`${ourSpelling(result.called)}\` | ${state} | ${notes.filter(Boolean).join("; ")} |`;
  });
  return [
    "# Operators",
    "",
    "Every operator of PyTorch's own samples (recorded from PyTorch 1.13.1), called by the rule of names, with values, dtypes,",
    "views and gradients compared. Written by `npx tsx scripts/oracle.ts --markdown docs/operators.md`.",
    "",
    `${totals.operators} operators, ${totals.missing} missing; ${totals.passed} of ${totals.samples} samples agree.`,
    "",
    "| PyTorch | here | samples that agree | not counted |",
    "|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

function skippedCount({ skipped }: OpResult): number {
  return [...skipped.values()].reduce((sum, count) => sum + count, 0);
}

function ourSpelling(called: string): string {
  return called.replace(/\w+/g, camelCase);
}
