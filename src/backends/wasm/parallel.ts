/** How a kernel's work is cut into calls for several threads. Where it is cut never changes a result. */
import { type Heap, SCRATCH_BYTES, SCRATCH_TABLES } from "../../core/heap.ts";
import type { Dims } from "../../ir/collapse.ts";
import type { WasmContext } from "./context.ts";
import type { KernelFunction } from "./team.ts";

/** Fewer elements than this are one thread's work. */
export const WORTH: number = 2 ** 18;

/** Fewer multiplications than this are one thread's work, too. */
export const WORTH_PRODUCTS: number = 10 ** 7;
/** And so many elements of work that takes tens of steps for each. */
export const WORTH_HEAVY: number = 2 ** 16;

/** The elements of a shape; a plain loop, since small kernels count theirs too. */
export function numelOf(shape: readonly number[]): number {
  let product = 1;
  for (let i = 0; i < shape.length; i++) product *= shape[i]!;
  return product;
}

/** From and to. */
export type Range = readonly [from: number, to: number];

/** Cuts [0, size) into at most `pieces` ranges of about equal length, at multiples of `step`. */
export function ranges(size: number, pieces: number, step = 1): Range[] {
  const length = Math.ceil(size / pieces / step) * step;
  const list: Range[] = [];
  for (let from = 0; from < size; from += length) list.push([from, Math.min(size, from + length)]);
  return list;
}

/** The dim to cut: the outermost of at least `pieces`, else the largest; -1 if there is none of more than 1. */
export function cuttingDim(shape: readonly number[], pieces: number): number {
  const enough = shape.findIndex((size) => size >= pieces);
  if (enough >= 0) return enough;
  const largest = Math.max(1, ...shape);
  return largest === 1 ? -1 : shape.indexOf(largest);
}

/** Part of the positions, and how far its first one lies from the whole's, per operand in elements. */
export interface Cut {
  readonly dims: Dims;
  readonly offsets: readonly number[];
}

/** Cuts a dim of `dims`. */
export function cutDims({ shape, strides }: Dims, dim: number, pieces: number, step = 1): Cut[] {
  return ranges(shape[dim]!, pieces, step).map(([from, to]) => ({
    dims: { shape: shape.map((size, i) => (i === dim ? to - from : size)), strides },
    offsets: strides.map((list) => list[dim]! * from),
  }));
}

/** A call whose first argument is the address of a table of its own, or that has no table. */
export interface TableCall {
  readonly func: KernelFunction;
  readonly words: readonly number[] | null;
  readonly rest: readonly number[];
}

/** Runs calls on all threads; each one's table lies in a reservation that lasts as long, or in the scratch area. */
export function runTables({ heap, team }: WasmContext, calls: readonly TableCall[]): void {
  if (calls.length === 1 && isSmall(calls[0]!)) {
    runAlone(heap, calls[0]!);
    return;
  }
  const total = calls.reduce((sum, { words }) => sum + (words?.length ?? 0), 0);
  const tables = total === 0 ? 0 : heap.alloc(4 * total + 64 * calls.length);
  try {
    let next = tables;
    const placed = calls.map(({ func, words, rest }) => {
      if (words === null) return { func, args: rest };
      const address = next;
      const { i32 } = heap;
      for (let k = 0; k < words.length; k++) i32[address / 4 + k] = words[k]!;
      next += (words.length * 4 + 63) & -64; // threads count in their tables: no line is of two
      return { func, args: [address, ...rest] };
    });
    team.run(placed);
  } finally {
    if (tables !== 0) heap.free(tables);
  }
}

const isSmall = ({ words }: TableCall): boolean => words === null || words.length * 4 <= SCRATCH_BYTES - SCRATCH_TABLES;

function runAlone({ scratch, i32 }: Heap, { func, words, rest }: TableCall): void {
  if (words === null) {
    func(...rest);
    return;
  }
  const table = scratch + SCRATCH_TABLES;
  for (let k = 0; k < words.length; k++) i32[table / 4 + k] = words[k]!;
  func(table, ...rest);
}
