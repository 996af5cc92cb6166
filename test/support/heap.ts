/** Heaps for tests, and arrays placed into them. */
import type { RealName } from "../../src/core/dtype.ts";
import { dtypes } from "../../src/core/dtype.ts";
import { createHeap, type Heap } from "../../src/core/heap.ts";

/** A small heap of its own. */
export function testHeap(): Heap {
  return createHeap({ initial: 1 << 20, maximum: 1 << 24 });
}

/** Writes stored elements (float16 and bfloat16: their bits) into a new reservation; returns its address. */
export function place(heap: Heap, dtype: RealName, stored: readonly (number | bigint | boolean)[]): number {
  const { array, itemsize } = dtypes[dtype];
  const address = heap.alloc(Math.max(1, stored.length * itemsize));
  const window: { [index: number]: number | bigint } = new array(heap.memory.buffer, address, stored.length);
  stored.forEach((value, i) => {
    window[i] = dtype === "int64" ? BigInt(value) : Number(value);
  });
  return address;
}

/** The stored elements at an address; those of int64 as numbers. */
export function take(heap: Heap, dtype: RealName, address: number, length: number): number[] {
  const { array } = dtypes[dtype];
  return Array.from(new array(heap.memory.buffer, address, length), Number);
}
