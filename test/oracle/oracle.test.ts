/** PyTorch's recorded samples of every operator that the public face has: values, dtypes, views, gradients, refusals. */
import { afterAll, expect, test } from "vitest";
import { exists } from "./call.ts";
import { type OpEntry, readIndex } from "./format.ts";
import { known } from "./known.ts";
import { explain, summary } from "./report.ts";
import { type OpResult, runOp } from "./run.ts";

const index = readIndex();
const results: OpResult[] = [];

/** What is wrong with an operator beyond what is known, and what is known but no longer wrong. */
function complaints(entry: OpEntry): string[] {
  const result = runOp(entry);
  results.push(result);
  const expected = known.filter(({ op }) => op === entry.op);
  const isKnown = (sample: string) => expected.some((item) => item.sample === "all" || String(item.sample) === sample);
  const unknown = result.failures.filter(({ sample }) => !isKnown(sample)).map((failure) => explain(entry.op, failure));
  const failing = new Set(result.failures.map(({ sample }) => sample));
  const stale = expected.filter(({ sample }) => (sample === "all" ? failing.size === 0 : !failing.has(String(sample))));
  return [...unknown, ...stale.map(({ op, sample }) => `stale exception: ${op} ${sample} agrees with PyTorch`)];
}

afterAll(() => {
  const missing = index.filter(({ kind }) => kind !== "lambda").filter((entry) => !exists(entry));
  console.log(`${summary(results)}\nmissing: ${missing.map(({ op }) => op).join(", ")}`);
});

test.each(index.filter(exists).map((entry) => [entry.op, entry] as const))(
  "%s agrees with PyTorch's samples",
  (_, entry) => {
    expect(complaints(entry).join("\n")).toBe("");
  },
  60_000,
);

test("every known exception names a sampled operator and a reason", () => {
  const ops = new Set(index.map(({ op }) => op));
  expect(known.filter(({ op, reason }) => !ops.has(op) || reason === "")).toEqual([]);
});
