/** One call made: its results as values, or its error; what it did to its operands. */

import type { Tensor } from "../../src/core/tensor.ts";
import * as torch from "../../src/index.ts";
import { type Leaf, leaves, tensorsOf } from "./compare.ts";

/** What a call came to. */
export interface Outcome {
  readonly leaves: readonly Leaf[];
  /** `RuntimeError: message`, or null. */
  readonly error: string | null;
  /** Whether the error is none that a user should see. */
  readonly crashed: boolean;
  readonly result: unknown;
}

const proper: readonly (new (message: string) => Error)[] = [
  torch.RuntimeError,
  torch.ValueError,
  torch.IndexError,
  torch.KeyError,
  torch.NotImplementedError,
  torch.AttributeError,
  torch.AssertionError,
  TypeError,
];

/** What JavaScript itself says when a program is wrong. */
const crash =
  /is not (a function|iterable|defined|a constructor)|Cannot (read|set|convert|mix|perform|access|destructure)|internal error|Invalid (array|typed)|of undefined|of null/;

function isProper(error: unknown): boolean {
  return proper.some((kind) => error instanceof kind) && !crash.test((error as Error).message);
}

/** Calls, always with the same random numbers, and tells what came of it. */
export function outcome(call: () => unknown): Outcome {
  torch.manualSeed(0);
  try {
    const result = call();
    return { leaves: leaves(result), error: null, crashed: false, result };
  } catch (error) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : `not an Error: ${String(error)}`;
    const where = isProper(error) || !(error instanceof Error) ? "" : ` ${error.stack?.split("\n")[1]?.trim()}`;
    return { leaves: [], error: text + where, crashed: !isProper(error), result: null };
  }
}

/** The bytes under tensors, to see later who wrote. */
export function bytesOf(tensors: readonly Tensor[]): Uint8Array[] {
  return tensors.map((t) => (t.impl.storage.nbytes === 0 ? new Uint8Array(0) : t.impl.storage.bytes().slice()));
}

/** Which of these bytes have changed since. */
export function changed(tensors: readonly Tensor[], before: readonly Uint8Array[]): number[] {
  return tensors.flatMap((t, i) => {
    const now = t.impl.storage.nbytes === 0 ? new Uint8Array(0) : t.impl.storage.bytes();
    const old = before[i]!;
    return now.length === old.length && old.every((b, j) => b === now[j]) ? [] : [i];
  });
}

/** How a result lies in memory: its tensors that use an operand's storage without being the operand. */
export function sharing(result: unknown, operands: readonly Tensor[]): { shared: number; fresh: number } {
  let shared = 0;
  let fresh = 0;
  for (const t of tensorsOf(result)) {
    if (operands.includes(t)) continue;
    const nothing = t.impl.storage.nbytes === 0;
    if (operands.some((x) => x.impl.storage === t.impl.storage)) shared++;
    else if (!nothing) fresh++;
  }
  return { shared, fresh };
}
