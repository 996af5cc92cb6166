/** What operators may do beyond the common contract, each with its reason. */
import type { Entry } from "./catalogue.ts";
import type { Closeness } from "./compare.ts";

/** Reasons and the labels that they hold for, as one map from label to reason. */
function reasons(groups: Readonly<Record<string, readonly string[]>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(groups).flatMap(([reason, labels]) => labels.map((label) => [label, reason] as const)));
}

/** Float results that depend on no operand differentiably. */
export const constant: ReadonlyMap<string, string> = reasons({
  "PyTorch has no derivative": [
  ],
});

/** Operators whose derivative PyTorch cannot differentiate. */
export const onceOnly: ReadonlyMap<string, string> = reasons({
});

/** Operators whose result's shape depends on values. */
export const withoutMeta: ReadonlyMap<string, string> = reasons({
});

/** Operators that write to an operand by definition. */
export const writesOperands: ReadonlyMap<string, string> = reasons({
});

/** Composites that are views of their operand by definition. */
const views: ReadonlySet<string> = new Set([]);

/** Operators that give a view where they can, and a copy else. */
const maybeViews: ReadonlySet<string> = new Set([]);

/** Whether results share an operand's memory. */
export function memoryOf({ label, op }: Entry): "view" | "fresh" | "either" {
  if (maybeViews.has(label)) return "either";
  return op.kind === "view" || views.has(label) ? "view" : "fresh";
}

/** Factors on the usual bound for results that lose digits by cancellation. */
const loose: Readonly<Record<string, number>> = {};

/** How close the backends must be: elementwise each element by itself, else relative to the largest. */
export function closenessOf({ label, op }: Entry): Closeness {
  return { factor: loose[label] ?? 1, toLargest: op.kind !== "pointwise" };
}
