/** Stable sorting of dense rows. */
import type { Heap } from "../../core/heap.ts";
import type { SortKernel, SortRun } from "../../ir/kernel.ts";
import { access } from "./access.ts";
import type { Scalar } from "./lanes.ts";

/** Compiles a sort. */
export function sort(kernel: SortKernel, heap: Heap): SortRun {
  const elements = access(heap, kernel.dtype);
  const longs = access(heap, "int64");
  return (rows, length, values, indices, input) => {
    for (let row = 0; row < rows; row++) {
      const start = row * length;
      const keys = Array.from({ length }, (_, i) => elements.get(input / elements.itemsize + start + i));
      const order = keys.map((_, i) => i);
      // The language guarantees that Array's sort is stable.
      order.sort((i, j) => (kernel.descending ? ascending(keys[j]!, keys[i]!) : ascending(keys[i]!, keys[j]!)));
      order.forEach((from, to) => {
        if (values !== 0) elements.set(values / elements.itemsize + start + to, keys[from]!);
        if (indices !== 0) longs.set(indices / longs.itemsize + start + to, from);
      });
    }
  };
}

/** NaN counts as greater than every number and equal to itself. */
function ascending(a: Scalar, b: Scalar): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a < b ? -1 : a > b ? 1 : 0;
}
