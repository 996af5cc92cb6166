/** What follows from a convolution's sizes alone, kept for the next one like it; and memory for one convolution. */
import type { Heap } from "../../core/heap.ts";
import { equalShapes } from "../../core/layout.ts";
import type { ConvolutionSizes } from "../../ir/kernel.ts";

const MOST_PLANS = 32;

/** A function of the sizes that remembers its latest results. */
export function remembered<Plan>(make: (sizes: ConvolutionSizes) => Plan): (sizes: ConvolutionSizes) => Plan {
  const known: { readonly sizes: ConvolutionSizes; readonly plan: Plan }[] = [];
  return (sizes) => {
    for (const entry of known) if (sameSizes(entry.sizes, sizes)) return entry.plan;
    const plan = make(sizes);
    known.unshift({ sizes, plan });
    if (known.length > MOST_PLANS) known.pop();
    return plan;
  };
}

function sameSizes(a: ConvolutionSizes, b: ConvolutionSizes): boolean {
  return (
    a.images === b.images &&
    a.groups === b.groups &&
    a.channels === b.channels &&
    a.filters === b.filters &&
    equalShapes(a.input, b.input) &&
    equalShapes(a.output, b.output) &&
    equalShapes(a.kernel, b.kernel) &&
    equalShapes(a.stride, b.stride) &&
    equalShapes(a.padding, b.padding) &&
    equalShapes(a.dilation, b.dilation)
  );
}

/** Reserves memory for each of `sizes` bytes while `body` runs; vectors may read a little beyond each. */
export function withMemory(heap: Heap, sizes: readonly number[], body: (...addresses: number[]) => void): void {
  const rounded = sizes.map((bytes) => (bytes + 127) & -64);
  const start = heap.alloc(rounded.reduce((a, b) => a + b, 0));
  let at = start;
  const addresses = rounded.map((bytes) => (at += bytes) - bytes);
  try {
    body(...addresses);
  } finally {
    heap.free(start);
  }
}
