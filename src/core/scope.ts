/**
 * The boundary between user code and the library. What crosses it has escaped and is freed only by collection; what
 * was made inside and did not cross is freed when the outermost operator ends.
 */
import type { Storage } from "./storage.ts";
import type { Tensor } from "./tensor.ts";

let depth = 0;
/** Storages made inside, since the outermost operator began. */
const fresh: Storage[] = [];
/** How many nodes were recorded: their formulas may hold what was made inside. */
let recordedNodes = 0;
/** The same when the outermost operator began. */
let nodesBefore = 0;

/** Whether an operator was called by user code, not by another operator. */
export const outermost = (): boolean => depth === 0;

/** Notes a storage made by library code. */
export function track(storage: Storage): void {
  if (depth > 0) fresh.push(storage);
}

/** Notes that a node was recorded, whose formula may keep tensors alive. */
export function noteRecorded(): void {
  recordedNodes++;
}

/** Offers a storage that a node gave up to be freed with the rest. */
export function offer(storage: Storage): void {
  if (depth > 0) fresh.push(storage);
}

/** What `enter` answers within library code. */
const nested = -1;

/** Enters library code; pair with `exit`. */
export function enter(): number {
  if (depth++ > 0) return nested;
  nodesBefore = recordedNodes;
  return fresh.length;
}

/** Leaves library code; leaving the outermost one frees what stayed inside. */
export function exit(mark: number): void {
  depth--;
  if (mark === nested) return;
  const keep = recordedNodes !== nodesBefore;
  while (fresh.length > mark) {
    const storage = fresh.pop()!;
    if (!keep && !storage.escaped && storage.held === 0) storage.free();
  }
}

/** Runs library code whose tensors stay inside; what it lets out must be marked by `escape` before it returns. */
export function inside<R>(fn: () => R): R {
  const mark = enter();
  try {
    return fn();
  } finally {
    exit(mark);
  }
}

/** Runs user code from within the library: its operators are outermost again. */
export function leaving<R>(fn: () => R): R {
  const [before, nodes] = [depth, nodesBefore];
  depth = 0;
  try {
    return fn();
  } finally {
    depth = before;
    nodesBefore = nodes;
  }
}

/** Position in the list of storages made inside. */
export const position = (): number => fresh.length;

/**
 * Frees the storages made inside since a position, except those still in use; they stay in the list. For long library
 * code such as backward.
 */
export function freeSince(from: number, inUse: (storage: Storage) => boolean): void {
  let kept = from;
  for (let i = from; i < fresh.length; i++) {
    const storage = fresh[i]!;
    if (storage.escaped || storage.held > 0 || inUse(storage)) fresh[kept++] = storage;
    else storage.free();
  }
  fresh.length = kept;
}

/** Marks what a module, an optimizer or a leaf keeps: escaped, and no user scope frees it. */
export function keep(t: Tensor): void {
  t.impl.storage.escaped = true;
  t.impl.storage.pinned = true;
}

/** Marks a result that user code gets. */
export function escape(t: Tensor): void {
  t.impl.storage.escaped = true;
}
