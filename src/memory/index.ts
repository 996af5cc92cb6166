/** `torch.memory`: what the heap holds, and who made it. */
import { collect as collectGarbage, heap, liveBlocks } from "../core/memory.ts";
import { callerStack } from "../core/stack.ts";
import { type Storage, watchStorages } from "../core/storage.ts";

/** What the heap holds, in bytes. */
export interface MemoryStats {
  /** Bytes that storages and kernels' workspaces use now. */
  readonly allocated: number;
  /** Size of the WebAssembly memory; it never shrinks. */
  readonly reserved: number;
  /** Highest `allocated` so far. */
  readonly peak: number;
  /** Storages of more than 4 KiB that were not given back yet; smaller ones share blocks. */
  readonly liveStorages: number;
}

/**
 * What the heap holds. Garbage counts until it is collected: call `collect()` first for exact numbers. In bytes.
 * @example torch.memory.stats()
 */
export function stats(): MemoryStats {
  const { allocated, reserved, peak } = heap();
  return { allocated, reserved, peak, liveStorages: liveBlocks().length };
}

/**
 * Collects garbage now and takes back its memory; in browsers it can only take back what was collected already.
 * @example torch.memory.collect()
 */
export function collect(): void {
  collectGarbage();
}

/** Live storages made at one place. */
export interface ReportEntry {
  readonly stack: string;
  readonly storages: number;
  readonly bytes: number;
}

interface Seen {
  readonly ref: WeakRef<Storage>;
  readonly stack: string;
}

let seen: Seen[] | null = null;
let stopWatching: (() => void) | null = null;

/**
 * Starts or stops remembering where storages are made; it costs a stack trace for each. Off by default.
 * @example torch.memory.recordStacks(true);
 */
export function recordStacks(enabled: boolean): void {
  stopWatching?.();
  stopWatching = null;
  seen = enabled ? [] : null;
  if (!enabled) return;
  stopWatching = watchStorages((storage) => {
    seen?.push({ ref: new WeakRef(storage), stack: callerStack() });
  });
}

/**
 * Live storages by the place that made them, the most bytes first.
 * @throws Error unless `recordStacks(true)` was called before they were made.
 * @example torch.memory.recordStacks(true); train(); const [most] = torch.memory.report();
 */
export function report(): ReportEntry[] {
  if (seen === null) throw new Error("memory.report(): call memory.recordStacks(true) first");
  collectGarbage();
  const places = new Map<string, { storages: number; bytes: number }>();
  seen = seen.filter(({ ref }) => ref.deref()?.freed === false);
  for (const { ref, stack } of seen) {
    const storage = ref.deref();
    if (storage === undefined) continue;
    const place = places.get(stack) ?? { storages: 0, bytes: 0 };
    place.storages++;
    place.bytes += storage.nbytes;
    places.set(stack, place);
  }
  return [...places].map(([stack, place]) => ({ stack, ...place })).sort((a, b) => b.bytes - a.bytes);
}
