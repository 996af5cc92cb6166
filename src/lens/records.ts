/** What the lens remembers: how often memory had been written when a state dict was taken, and who wrote since. */
import type { Storage } from "../core/storage.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import { place } from "../core/warnings.ts";
import { type Found, visit } from "./visit.ts";

/** The state of one entry's memory when it was taken. */
export interface Baseline {
  readonly storage: Storage;
  readonly writes: number;
  /** Writes through the entry itself: who edits a state dict means it. */
  meant: number;
  /** The module or optimizer that it was taken from. */
  readonly owner: WeakRef<object> | null;
}

/** Writes in a row by one writer: those that brought the count from `from` to `to`. */
interface Run {
  readonly by: string;
  readonly from: number;
  to: number;
}

/** Who wrote to one storage, as far as the lens saw. */
export interface Ledger {
  readonly runs: Run[];
  /** Where the last write came from, in debug. */
  where: string | null;
}

/** Whether to note where writes come from, which costs microseconds each. */
export const debug: { on: boolean } = { on: false };

/** Runs kept per storage. */
const mostRuns = 64;

/** Entries that are tensors of their own, such as a state dict's; copies of the dictionary hold the same. */
const byTensor = new WeakMap<Tensor, Baseline>();
/** Entries by their container and name, where the tensors are the owner's own. */
const byContainer = new WeakMap<object, Map<string, Baseline>>();
/** Tensors of no state dict, from when `drift` was first asked about them. */
const asked = new WeakMap<Tensor, Baseline>();
/** The storages that somebody may ask about. */
const ledgers = new WeakMap<Storage, Ledger>();

/** Begins to note who writes to a storage. */
export function follow(storage: Storage): Ledger {
  let ledger = ledgers.get(storage);
  if (ledger === undefined) {
    ledger = { runs: [], where: null };
    ledgers.set(storage, ledger);
  }
  return ledger;
}

export const ledgerOf = (storage: Storage): Ledger | undefined => ledgers.get(storage);

/** Notes that `by` brought a storage's count of writes from `from` to what it is now. */
export function noteWrites(storage: Storage, from: number, by: string, where: string | null = null): void {
  const ledger = ledgers.get(storage);
  if (ledger === undefined || storage.writes === from) return;
  const last = ledger.runs.at(-1);
  if (last !== undefined && last.by === by && last.to === from) last.to = storage.writes;
  else ledger.runs.push({ by, from, to: storage.writes });
  if (ledger.runs.length > mostRuns) ledger.runs.shift();
  ledger.where = where;
}

/** Takes note of the writes to storages while something runs: call it before, and what it returns after. */
export function bracket(storages: readonly Storage[], by: string): (() => void) | null {
  const followed = storages.filter((storage) => ledgers.has(storage));
  if (followed.length === 0) return null;
  const before = followed.map((storage) => storage.writes);
  return () => {
    followed.forEach((storage, i) => {
      // What was noted meanwhile, by the operators that the writer is made of, is the writer's.
      const { runs } = ledgers.get(storage)!;
      while (runs.length > 0 && runs.at(-1)!.from >= before[i]!) runs.pop();
      noteWrites(storage, before[i]!, by, debug.on ? place() : null);
    });
  };
}

/** The writers since a count of writes, in order, each once. */
export function writersSince(storage: Storage, writes: number): string {
  const runs = ledgers.get(storage)?.runs.filter((run) => run.to > writes) ?? [];
  const known = runs.reduce((sum, run) => sum + run.to - Math.max(run.from, writes), 0);
  const names = [...new Set(runs.map((run) => run.by))];
  if (known < storage.writes - writes) names.push("another write");
  return names.join(", ");
}

/** Remembers the entries of a state dict, whose tensors nobody else has. */
export function takeEntries(state: ReadonlyMap<string, unknown>, owner: object): void {
  const ref = new WeakRef(owner);
  const shared = new Map<string, Baseline>();
  for (const [key, value] of state) {
    if (!isTensor(value)) continue;
    const baseline = baselineOf(value, ref);
    // With `keepVars` the entries are the Parameters, which every such dictionary holds.
    if (value.impl.meta?.requiresGrad === true) shared.set(key, baseline);
    else byTensor.set(value, baseline);
  }
  if (shared.size > 0) byContainer.set(state, shared);
}

function baselineOf(t: Tensor, owner: WeakRef<object> | null): Baseline {
  const { storage } = t.impl;
  follow(storage);
  return { storage, writes: storage.writes, meant: 0, owner };
}

/** Remembers all tensors in a model or a dictionary that holds the owner's own tensors. */
export function takeContainer(container: object, owner: object = container): void {
  const ref = new WeakRef(owner);
  const entries = new Map<string, Baseline>();
  visit(
    container,
    (found, { key, role }) => {
      if (isTensor(found) && role !== "gradient") entries.set(key, baselineOf(found, ref));
    },
    { isRoot: (value) => value === container },
  );
  byContainer.set(container, entries);
}

/** Remembers the tensors in a value that are no entries of anything remembered: somebody asked about them. */
export function takeLoose(value: unknown): void {
  visit(
    value,
    (found, { root }) => {
      if (!isTensor(found) || root !== null || byTensor.has(found) || asked.has(found)) return;
      asked.set(found, baselineOf(found, null));
    },
    { isRoot: isTaken },
  );
}

/** Whether this very model or dictionary was remembered. */
export const isTaken = (container: object): boolean => byContainer.has(container);

/** A detached tensor is the entry that it was made from. */
export function inherit(from: Tensor, to: Tensor): void {
  const baseline = byTensor.get(from);
  if (baseline !== undefined && !byTensor.has(to)) byTensor.set(to, baseline);
}

/** The record of a live state dict's entry. */
export const entryOf = (t: Tensor): Baseline | undefined => byTensor.get(t);

/** What happened to an entry since it was taken. */
export interface Change {
  /** How many writes its memory saw. */
  readonly writes: number;
  /** Who wrote, as far as the lens saw: `"SGD.step()"`, `"loadStateDict()"`, `"add_()"`, … */
  readonly by: string;
}

/**
 * The entries in `value` whose memory was written to since they were taken; `unmeant`: without models, and without
 * writes through the entries themselves.
 */
export function changesIn(value: unknown, unmeant = false): Map<string, Change> {
  const changes = new Map<string, Change>();
  const note = (found: unknown, { path, root, key }: Found): void => {
    if (!isTensor(found) || (unmeant && typeof root === "function")) return;
    const entry = (root === null ? undefined : byContainer.get(root)?.get(key)) ?? byTensor.get(found);
    const baseline = entry ?? (unmeant ? undefined : asked.get(found));
    if (baseline === undefined || baseline.storage !== found.impl.storage) return;
    const writes = baseline.storage.writes - baseline.writes;
    if (writes > (unmeant ? baseline.meant : 0))
      changes.set(path, { writes, by: writersSince(baseline.storage, baseline.writes) });
  };
  visit(value, note, { isRoot: isTaken, everyName: !unmeant });
  return changes;
}
