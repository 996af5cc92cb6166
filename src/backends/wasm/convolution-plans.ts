/** What follows from a convolution's sizes alone, kept for the next one like it; and memory for one convolution. */
import type { Heap } from "../../core/heap.ts";
import type { ConvolutionSizes } from "../../ir/kernel.ts";

const MOST_PLANS = 32;

/** A function of the sizes that remembers its latest results. */
export function remembered<Plan>(make: (sizes: ConvolutionSizes) => Plan): (sizes: ConvolutionSizes) => Plan {
  const plans = new Map<string, Plan>();
  return (s) => {
    const key = `${s.images},${s.groups},${s.channels},${s.filters};${s.input};${s.output};${s.kernel};${s.stride};${s.padding};${s.dilation}`;
    let plan = plans.get(key);
    if (plan === undefined) {
      plan = make(s);
      if (plans.size === MOST_PLANS) plans.delete(plans.keys().next().value!);
      plans.set(key, plan);
    }
    return plan;
  };
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
