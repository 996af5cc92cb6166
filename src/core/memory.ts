/** Who holds which bytes of the heap: slabs for small storages, collection by pressure, finalizers as the net. */
import { type Heap, OutOfMemoryError } from "./heap.ts";

/** A block of heap memory that is given back when its owner is gone. */
interface Reservation {
  readonly address: number;
  readonly bytes: number;
  readonly owner: WeakRef<object>;
  live: boolean;
}

/** Slots of one size, allocated one after another and given back together, when no storage holds the slab. */
export class Slab {
  readonly address: number;
  readonly slotBytes: number;
  used = 0;

  constructor(address: number, slotBytes: number) {
    this.address = address;
    this.slotBytes = slotBytes;
  }
}

/** Where a storage's bytes lie, and the slab that keeps them, for small ones. */
export interface Place {
  readonly address: number;
  readonly slab: Slab | null;
}

const slotsPerSlab = 64;
const smallest = 64;
const largestSmall = 4096;
const classes = 7;

/** What the memory manager needs from the platform. */
export interface Platform {
  createHeap(): Heap;
  /** Collects garbage now, so that WeakRefs of dead objects are empty; false where that cannot be done. */
  collectNow(): boolean;
}

let platform: Platform | undefined;
let heapInstance: Heap | undefined;
const open: (Slab | undefined)[] = new Array(classes);
/** Freed slots by class, as pairs of slab and slot address. */
const freeSlots: Place[][] = Array.from({ length: classes }, () => []);
const reservations = new Set<Reservation>();
const registry = new FinalizationRegistry<Reservation>(release);
const largeByAddress = new Map<number, Reservation>();

const firstThreshold = 64 * 2 ** 20;
let threshold = firstThreshold;
let sinceCollection = 0;

/** Sets how heaps are made and garbage is collected; `index.ts` does it once. */
export function setPlatform(p: Platform): void {
  platform = p;
}

/** The heap, made at first use. */
export function heap(): Heap {
  if (heapInstance === undefined) {
    if (platform === undefined) throw new Error("no platform registered");
    heapInstance = platform.createHeap();
  }
  return heapInstance;
}

/** Reserves `bytes` for `owner`; small ones share slabs. */
export function place(owner: object, bytes: number): Place {
  if (bytes <= largestSmall) return placeSmall(bytes);
  const address = reserve(owner, bytes);
  return { address, slab: null };
}

const sizeClass = (bytes: number): number => (bytes <= smallest ? 0 : 26 - Math.clz32(bytes - 1));

function placeSmall(bytes: number): Place {
  const size = sizeClass(bytes);
  const reused = freeSlots[size]!.pop();
  if (reused !== undefined) return reused;
  let slab = open[size];
  if (slab === undefined || slab.used === slotsPerSlab) {
    slab = openSlab(size);
    open[size] = slab;
  }
  return { address: slab.address + slab.slotBytes * slab.used++, slab };
}

function openSlab(size: number): Slab {
  const slotBytes = smallest << size;
  const bytes = slotBytes * slotsPerSlab;
  pressure(bytes);
  const address = allocate(bytes);
  const slab = new Slab(address, slotBytes);
  track(slab, address, bytes);
  return slab;
}

function reserve(owner: object, bytes: number): number {
  pressure(bytes);
  const address = allocate(bytes);
  largeByAddress.set(address, track(owner, address, bytes));
  return address;
}

/** Allocates; where the heap is full, collects garbage first and then says what holds the memory. */
function allocate(bytes: number): number {
  try {
    return heap().alloc(bytes);
  } catch (error) {
    if (!(error instanceof OutOfMemoryError)) throw error;
  }
  collect();
  try {
    return heap().alloc(bytes);
  } catch (error) {
    if (!(error instanceof OutOfMemoryError)) throw error;
    const largest = [...largeByAddress.values()].map((r) => r.bytes).sort((a, b) => b - a);
    throw new OutOfMemoryError(
      `${error.message} The largest of ${largest.length} live storages have ${largest.slice(0, 3).join(", ") || "0"} bytes.`,
    );
  }
}

/** Bytes of the live storages that have a block of their own, the largest first. */
export function liveBlocks(): number[] {
  return [...largeByAddress.values()].map((r) => r.bytes).sort((a, b) => b - a);
}

function track(owner: object, address: number, bytes: number): Reservation {
  const reservation: Reservation = { address, bytes, owner: new WeakRef(owner), live: true };
  reservations.add(reservation);
  registry.register(owner, reservation);
  return reservation;
}

/** Gives a storage's bytes back at once: only for storages that nobody can reach any more. */
export function giveBack(at: Place, bytes: number): void {
  if (at.slab !== null) {
    freeSlots[sizeClass(bytes)]!.push(at);
    return;
  }
  const reservation = largeByAddress.get(at.address);
  if (reservation !== undefined) release(reservation);
}

function release(reservation: Reservation): void {
  if (!reservation.live) return;
  reservation.live = false;
  reservations.delete(reservation);
  largeByAddress.delete(reservation.address);
  heap().free(reservation.address);
}

/** Collects when more was allocated since the last time than is likely to be alive. */
function pressure(bytes: number): void {
  sinceCollection += bytes;
  if (sinceCollection < threshold) return;
  collect();
}

let lastCollection = 0;

/**
 * Collects garbage and takes back what no storage holds; the next threshold grows with what stayed alive and with how
 * long the collection took, so that collecting stays a small part of the time.
 */
export function collect(): void {
  const start = performance.now();
  if (platform?.collectNow()) sweep();
  const end = performance.now();
  const share = (end - start) / Math.max(end - lastCollection, 1e-3);
  lastCollection = end;
  const alive = heap().allocated;
  const grown = share > 0.03 ? sinceCollection * 2 : threshold * 0.8;
  threshold = Math.min(Math.max(firstThreshold, alive / 2, grown), 2 ** 29);
  sinceCollection = 0;
}

function sweep(): void {
  for (const pool of freeSlots) pool.length = 0;
  for (const reservation of reservations) {
    if (reservation.owner.deref() === undefined) release(reservation);
  }
}
