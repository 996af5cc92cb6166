/** CRC-32 of bytes on the heap: what a backend can do faster than the host. */
import type { Heap } from "./heap.ts";
import { heap } from "./memory.ts";

/** A usual implementation: the checksum of bytes behind others whose checksum is `before`. */
export type Checksum = (bytes: Uint8Array, before: number) => number;

/** The checksum of `length` bytes from `address` on. */
export type HeapChecksum = (address: number, length: number, before: number) => number;

type Make = (heap: Heap, usual: Checksum) => HeapChecksum;

let make: Make | undefined;
let made: HeapChecksum | undefined;

/** Registers the backend's checksum; the package's entry does it once. */
export function setHeapChecksum(factory: Make): void {
  make = factory;
}

/** The checksum of bytes of the heap; null for bytes elsewhere, and where there is no such backend. */
export function onHeap(bytes: Uint8Array, before: number, usual: Checksum): number | null {
  if (make === undefined || bytes.buffer !== heap().memory.buffer) return null;
  made ??= make(heap(), usual);
  return made(bytes.byteOffset, bytes.length, before);
}
