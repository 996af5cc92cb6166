/** Nested loops over strided operands: all dims but the innermost stand in a table that the kernel counts through. */
import { type Heap, SCRATCH_BYTES, SCRATCH_TABLES } from "../../core/heap.ts";
import type { FuncBuilder, Label, Local } from "./module.ts";
import { cuttingDim, ranges } from "./parallel.ts";

/** Dims from the innermost out, without those of size 1 and with all merged that can be. */
export interface Dims {
  readonly sizes: readonly number[];
  /** `steps[dim][operand]` in bytes. */
  readonly steps: readonly (readonly number[])[];
}

/** Collapses a shape that several operands share. `strides` are in elements of `bytes`, per operand. */
export function collapse(
  shape: readonly number[],
  strides: readonly (readonly number[])[],
  bytes: readonly number[],
): Dims {
  const sizes: number[] = [];
  const steps: number[][] = [];
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    const size = shape[dim]!;
    if (size === 1) continue;
    const step = strides.map((operand, i) => operand[dim]! * bytes[i]!);
    const last = sizes.length - 1;
    if (last >= 0 && step.every((bytesPerStep, i) => bytesPerStep === steps[last]![i]! * sizes[last]!)) {
      sizes[last]! *= size;
    } else {
      sizes.push(size);
      steps.push(step);
    }
  }
  return { sizes, steps };
}

/** Part of a walk, and how many bytes behind the operands' addresses it begins. */
export interface WalkPart {
  readonly dims: Dims;
  readonly offsets: readonly number[];
}

/** Cuts a walk along its outermost long dim. */
export function cutWalk(dims: Dims, pieces: number): WalkPart[] {
  const { sizes, steps } = dims;
  const outermostFirst = [...sizes].reverse();
  const found = pieces === 1 ? -1 : cuttingDim(outermostFirst, pieces);
  if (found < 0) return [{ dims, offsets: (steps[0] ?? []).map(() => 0) }];
  const dim = sizes.length - 1 - found;
  return ranges(sizes[dim]!, pieces).map(([from, to]) => ({
    dims: { sizes: sizes.map((size, i) => (i === dim ? to - from : size)), steps },
    offsets: steps[dim]!.map((bytes) => bytes * from),
  }));
}

/**
 * What a walking function reads: innermost size, outer rank, an address and an innermost step per operand, the extra
 * words, and per outer dim its size, a counter, and a step per operand.
 */
export function walkTable(dims: Dims, addresses: readonly number[], extra: readonly number[] = []): number[] {
  const { sizes, steps } = dims;
  const outer = Math.max(0, sizes.length - 1);
  const words = [sizes[0] ?? 1, outer];
  for (let i = 0; i < addresses.length; i++) words.push(addresses[i]!);
  for (let i = 0; i < addresses.length; i++) words.push(steps[0]?.[i] ?? 0);
  for (let i = 0; i < extra.length; i++) words.push(extra[i]!);
  for (let dim = 1; dim <= outer; dim++) {
    words.push(sizes[dim]!, 0);
    for (let i = 0; i < addresses.length; i++) {
      // A dim is stepped when all dims inside it have run through, which takes them one step past their ends.
      const rewind = dim === 1 ? 0 : sizes[dim - 1]! * steps[dim - 1]![i]!;
      words.push(steps[dim]![i]! - rewind);
    }
  }
  return words;
}

/** Puts words where a kernel can read them while `run` lasts. */
export function withTable<T>(heap: Heap, words: readonly number[], run: (address: number) => T): T {
  const fits = words.length * 4 <= SCRATCH_BYTES - SCRATCH_TABLES;
  const address = fits ? heap.scratch + SCRATCH_TABLES : heap.alloc(words.length * 4);
  try {
    const { i32 } = heap;
    for (let i = 0, at = address / 4; i < words.length; i++) i32[at + i] = words[i]!; // `set` is slow for short arrays
    return run(address);
  } finally {
    if (!fits) heap.free(address);
  }
}

/** The walk inside of a function: variables that hold the table's head. */
export interface Walk {
  readonly inner: Local;
  /** Where the innermost dim begins: a body reads these and leaves them as they are. */
  readonly addresses: readonly Local[];
  readonly steps: readonly Local[];
  readonly extra: readonly Local[];
  /** Runs `body` for each position in the outer dims. */
  run(body: () => void): void;
}

/** Reads a table's head. */
export function openWalk(f: FuncBuilder, table: Local, operands: number, extras = 0): Walk {
  let offset = 0;
  const word = (): Local => {
    const local = f.local("i32");
    f.get(table).load("i32.load", offset).set(local);
    offset += 4;
    return local;
  };
  const words = (count: number): Local[] => Array.from({ length: count }, word);
  const inner = word();
  const rank = word();
  const addresses = words(operands);
  const steps = words(operands);
  const extra = words(extras);
  const row = f.local("i32");
  const left = f.local("i32");
  const head = offset;
  const run = (body: () => void): void => {
    f.loop((again) => {
      body();
      f.get(table).i32(head).op("i32.add").set(row).get(rank).set(left);
      f.while(
        () => f.get(left),
        () => {
          nextPosition(f, row, addresses, again);
          f.add(left, -1);
        },
      );
    });
  };
  return { inner, addresses, steps, extra, run };
}

/** Steps one dim and goes on with the walk, or falls through to the next dim when it is through. */
function nextPosition(f: FuncBuilder, row: Local, addresses: readonly Local[], again: Label): void {
  addresses.forEach((address, i) => {
    f.get(address)
      .get(row)
      .load("i32.load", 8 + 4 * i)
      .op("i32.add")
      .set(address);
  });
  f.get(row).get(row).load("i32.load", 4).i32(1).op("i32.add").store("i32.store", 4);
  f.get(row).load("i32.load", 4).get(row).load("i32.load").op("i32.lt_u").brIf(again);
  f.get(row).i32(0).store("i32.store", 4);
  f.add(row, 8 + 4 * addresses.length);
}

/** Runs `body` `count` times (at least once), counting a variable of its own down. */
export function times(f: FuncBuilder, count: Local, body: () => void): void {
  const left = f.local("i32");
  f.get(count).set(left);
  f.loop((again) => {
    body();
    f.get(left).i32(1).op("i32.sub").tee(left).brIf(again);
  });
}

/** A new variable with the value of another. */
export function copyOf(f: FuncBuilder, local: Local): Local {
  const copy = f.local(local.type);
  f.get(local).set(copy);
  return copy;
}
