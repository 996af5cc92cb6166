/** Passes along the rows of a matrix. */
import type { Heap } from "../../core/heap.ts";
import { laneDType, type Pieces, type RowKernel, type RowRun, type Rows } from "../../ir/kernel.ts";
import { access } from "./access.ts";
import { laneValue } from "./evaluate.ts";
import { inLane, type LaneMath } from "./lanes.ts";

/** Compiles a row kernel. */
export function row(kernel: RowKernel, heap: Heap): RowRun {
  return inLane(kernel.lane, (math): RowRun => rowIn(kernel, heap, math as unknown as LaneMath<number>));
}

const onePiece: Pieces = { count: 1, step: 0 };

function rowIn(kernel: RowKernel, heap: Heap, math: LaneMath<number>): RowRun {
  const elements = access(heap, laneDType[kernel.lane]);
  const count = kernel.inputs.length;
  /** Where the row's inputs and its result begin, how far the element is from there, and the reductions so far. */
  const starts: number[] = [];
  const results: number[] = [];
  let i = 0;
  const load = (index: number) => {
    if (index > count) return results[index - count - 1]!;
    return elements.get(starts[index]! + (kernel.inputs[index] === "b" ? 0 : i));
  };
  const passes = kernel.passes.map(({ store, reduce }) => ({
    store: store === null ? null : laneValue(store, math, load),
    reduce: reduce.map(({ combine, of, post }) => ({
      combine,
      of: of === null ? () => 0 : laneValue(of, math, load),
      post: post === null ? null : laneValue(post, math, load),
    })),
  }));
  const along = (length: number, pieces: Pieces, { store, reduce }: (typeof passes)[number]): void => {
    const totals = reduce.map(({ combine }) => (combine === "fmax" ? math.least : 0));
    for (let element = 0; element < length * pieces.count; element++) {
      i = Math.floor(element / length) * pieces.step + (element % length);
      const values = reduce.map(({ of }) => of());
      if (store !== null) elements.set(starts[count]! + i, store());
      // Sums are kept in float64 and rounded once.
      reduce.forEach(({ combine }, k) => {
        if (combine !== "fmax") totals[k]! += values[k]!;
        else if (values[k]! > totals[k]!) totals[k] = values[k]!;
      });
    }
    reduce.forEach(({ post }, k) => {
      results.push(math.of(totals[k]!));
      if (post !== null) results[results.length - 1] = post();
    });
  };
  return (rows, length, out, inputs, kept, pieces = onePiece) => {
    const start = ({ address, step }: Rows, at: number): number => address / elements.itemsize + at * step;
    for (let at = 0; at < rows; at++) {
      results.length = 0;
      [...inputs, out].forEach((operand, k) => {
        starts[k] = start(operand, at);
      });
      for (const pass of passes) along(length, pieces, pass);
      for (let k = 0; k < kept.length; k++) elements.set(kept[k]! / elements.itemsize + at, results[k]!);
    }
  };
}
