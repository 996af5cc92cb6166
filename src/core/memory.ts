/** Who holds which bytes of the heap: slabs for small storages, blocks for large ones; `generations.ts` takes them back. */
import { collector } from "./collector.ts";
import { Generations, type Hold, Reservation } from "./generations.ts";
import { type Heap, OutOfMemoryError } from "./heap.ts";

/** What gets a place in the heap: a storage. */
export interface Owner {
  /** First byte, once it has a place. */
  address: number;
  /** Keeps the place as long as the owner can be reached. */
  hold: Hold | Slab | null;
}

/** Slots of one size, allocated one after another and given back together, when no storage holds the slab. */
class Slab {
  readonly hold: Hold;
  readonly slotBytes: number;
  #next: number;
  #left = slotsPerSlab;

  constructor(hold: Hold, slotBytes: number) {
    this.hold = hold;
    this.slotBytes = slotBytes;
    this.#next = hold.reservation.address;
  }

  /** The next slot's address, or 0. */
  take(): number {
    if (this.#left === 0) return 0;
    this.#left--;
    const address = this.#next;
    this.#next += this.slotBytes;
    return address;
  }
}

/** A freed slot. */
interface Slot {
  readonly slab: Slab;
  readonly address: number;
}

const slotsPerSlab = 64;
const smallest = 64;
const largestSmall = 4096;
const classes = 7;
/** A slot's cache lines are never used again before a collection, so slabs count more than their bytes. */
const slabCost = 8;

/** What the memory manager needs from the platform. */
export interface Platform {
  createHeap(): Heap;
}

let platform: Platform | undefined;
let heapInstance: Heap | undefined;
const open: (Slab | null)[] = new Array(classes).fill(null);
/** Freed slots by class; they keep their slabs, so a collection forgets them. */
const freeSlots: Slot[][] = Array.from({ length: classes }, () => []);

const generations: Generations = new Generations({
  free: ({ address }) => heap().free(address),
  alive: () => heap().allocated,
  collecting() {
    for (const slots of freeSlots) slots.length = 0;
  },
});

/** Sets how heaps are made; `install.ts` does it once. */
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

/** Reserves `bytes` (> 0) for `owner`; small ones share slabs. */
export function place(owner: Owner, bytes: number): void {
  if (bytes <= largestSmall) placeSmall(owner, sizeClass(bytes));
  else {
    const hold = reserve(bytes, bytes, true);
    owner.address = hold.reservation.address;
    owner.hold = hold;
  }
}

const sizeClass = (bytes: number): number => (bytes <= smallest ? 0 : 26 - Math.clz32(bytes - 1));

function placeSmall(owner: Owner, size: number): void {
  const slot = freeSlots[size]!.pop();
  if (slot !== undefined) {
    owner.address = slot.address;
    owner.hold = slot.slab;
    return;
  }
  let slab = open[size]!;
  let address = slab === null ? 0 : slab.take();
  if (address === 0) {
    slab = openSlab(size);
    address = slab.take();
  }
  owner.address = address;
  owner.hold = slab;
}

function openSlab(size: number): Slab {
  const slotBytes = smallest << size;
  const bytes = slotBytes * slotsPerSlab;
  open[size] = null;
  const slab = new Slab(reserve(bytes, slabCost * bytes, false), slotBytes);
  open[size] = slab;
  return slab;
}

/** Allocates; where the heap is full, collects garbage first and then says what holds the memory. */
function reserve(bytes: number, cost: number, single: boolean): Hold {
  generations.expect(cost);
  return generations.add(new Reservation(allocate(bytes), bytes, single));
}

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
    throw new OutOfMemoryError(`${error.message} ${adviceWhenFull()}`);
  }
}

/** What holds the memory; where only finalizers give it back, nobody knows, and what there is to do. */
function adviceWhenFull(): string {
  if (collector() === null) {
    return "Here memory comes back only while a loop awaits torch.synchronize() or x.read(), or within torch.scope().";
  }
  const sizes = liveBlocks();
  return `The largest of ${sizes.length} live storages have ${sizes.slice(0, 3).join(", ") || "0"} bytes.`;
}

/** Bytes of the live storages that have a block of their own, the largest first. */
export function liveBlocks(): number[] {
  const sizes: number[] = [];
  for (const { single, bytes } of generations.all()) if (single) sizes.push(bytes);
  return sizes.sort((a, b) => b - a);
}

/** Gives a place back at once: only for storages that nobody can reach any more. */
export function giveBack(address: number, hold: Hold | Slab): void {
  if (hold instanceof Slab) freeSlots[sizeClass(hold.slotBytes)]!.push({ slab: hold, address });
  else generations.release(hold.reservation);
}

/**
 * Runs a work, such as loading a file, that keeps all the storages that it makes. Garbage is collected before it rather
 * than meanwhile, so that its tensors take the places of those that went, whose memory the system has given already.
 */
export function together<R>(work: () => R): R {
  return generations.together(work);
}

/** Collects all garbage and takes back what no storage holds. */
export function collect(): void {
  generations.collect();
}

/**
 * Waits until memory that nobody holds is given back, where that needs waiting: in a page, finalizers run in a task of
 * their own only, and the engine, which does not see the heap, has to be urged to collect. The library's own awaits call
 * this; it costs nothing below the threshold, and where garbage can be collected on demand.
 */
export async function relieve(): Promise<void> {
  if (!generations.strained) return;
  const before = heap().allocated;
  for (let round = 0; round < urgings && before - heap().allocated < generations.reserved / 2; round++) {
    for (let i = 0; i < urgingBuffers; i++) new ArrayBuffer(urgingBytes);
    await nextTask();
  }
  generations.eased();
}

/** How often an engine that did not give back half of what was reserved is asked again. */
const urgings = 3;
/** Throw-away buffers that make an engine count enough garbage to collect. */
const urgingBuffers = 8;
const urgingBytes = 32 * 2 ** 20;

/** A message comes at once, where a timer would wait. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

export type { Hold, Slab };
