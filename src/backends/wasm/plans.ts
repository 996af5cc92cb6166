/** Plans of calls by layout: what a kernel works out from shape and strides is kept for the next call like it. */
import { type Heap, SCRATCH_TABLES } from "../../core/heap.ts";
import type { Operand } from "../../ir/kernel.ts";

interface Entry<Plan> {
  readonly shape: readonly number[];
  readonly inner: readonly number[];
  readonly strides: readonly (readonly number[])[];
  readonly plan: Plan;
}

const KEPT = 8;
const NONE: readonly number[] = [];

function same(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The plans of a kernel's latest layouts. A layout is one or two shapes and the operands' strides. */
export class Plans<Plan> {
  readonly #entries: Entry<Plan>[] = [];

  find(operands: readonly Operand[], shape: readonly number[], inner: readonly number[] = NONE): Plan | null {
    for (const entry of this.#entries) {
      if (!same(entry.shape, shape) || !same(entry.inner, inner)) continue;
      if (entry.strides.length !== operands.length) continue;
      let k = 0;
      while (k < operands.length && same(entry.strides[k]!, operands[k]!.strides)) k++;
      if (k === operands.length) return entry.plan;
    }
    return null;
  }

  /** Keeps a plan, and forgets the oldest of too many. */
  keep(plan: Plan, operands: readonly Operand[], shape: readonly number[], inner: readonly number[] = NONE): Plan {
    const strides = operands.map((operand) => [...operand.strides]);
    this.#entries.unshift({ shape: [...shape], inner: [...inner], strides, plan });
    if (this.#entries.length > KEPT) this.#entries.pop();
    return plan;
  }
}

/** Writes a table into the heap's scratch area, with the addresses from word `at` on; returns where it is. */
export function placeTable(heap: Heap, words: readonly number[], at: number, addresses: readonly number[]): number {
  const table = heap.scratch + SCRATCH_TABLES;
  const first = table / 4;
  const memory = heap.i32;
  for (let k = 0; k < words.length; k++) memory[first + k] = words[k]!; // `set` is slow for short arrays
  for (let k = 0; k < addresses.length; k++) memory[first + at + k] = addresses[k]!;
  return table;
}
