/** Misuses of state dicts: loading, saving and keeping what is the model's own memory. */
import { collectNow } from "../core/collector.ts";
import type { Storage } from "../core/storage.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import { Optimizer } from "../optim/optimizer.ts";
import { advise } from "./advice.ts";
import { overlapBytes } from "./overlap.ts";
import { changesIn, entryOf, takeContainer, takeEntries } from "./records.ts";
import { placed } from "./sharing.ts";
import { isTrained } from "./steps.ts";
import { visit } from "./visit.ts";

/** The first entry of a state dict that was taken, and how often the memory of all had been written then. */
interface Taken {
  readonly entry: WeakRef<Tensor>;
  readonly writes: number;
}

/** The state dicts of one module, as far as they may still be kept. */
interface History {
  taken: Taken[];
  /** How many must look alive before it is worth a collection to see whether they are. */
  patience: number;
}

const histories = new WeakMap<object, History>();
/** Modules that were copied or loaded: state dicts of these are summed into on purpose, unless they are trained. */
const accumulators = new WeakSet<object>();

/** A module's state dict was taken. */
export function onTaken(module: object, state: ReadonlyMap<string, unknown>): void {
  takeEntries(state, module);
  const tensors = [...state.values()].filter(isTensor);
  const entry = tensors[0];
  if (entry === undefined) return;
  let history = histories.get(module);
  if (history === undefined) {
    history = { taken: [], patience: 3 };
    histories.set(module, history);
  }
  const writes = tensors.reduce((sum, t) => sum + t.impl.storage.writes, 0);
  // Several of one moment are one: an EMA or a logger takes its own.
  if (history.taken.at(-1)?.writes !== writes) history.taken.push({ entry: new WeakRef(entry), writes });
  if (history.taken.length >= history.patience) checkKept(history);
}

const alive = (taken: readonly Taken[]): Taken[] => taken.filter(({ entry }) => entry.deref() !== undefined);

/** Three state dicts of different moments that survive a collection are kept by somebody. */
function checkKept(history: History): void {
  history.taken = alive(history.taken);
  if (history.taken.length < history.patience || !collectNow()) return;
  history.taken = alive(history.taken);
  if (history.taken.length >= 3) advise("state-dict-list", `${history.taken.length} of them`);
  history.patience = Math.max(3, 2 * Math.max(history.patience, history.taken.length));
}

/** An optimizer's state dict was taken. */
export function onOptimizerState(optimizer: object, state: object): void {
  takeContainer(state, optimizer);
}

const tensorsOf = (source: object): [string, Tensor][] => {
  const entries = source instanceof Map ? [...source] : Object.entries(source);
  return entries.filter((pair): pair is [string, Tensor] => isTensor(pair[1]));
};

/** A state dict is about to be copied into a module. */
export function onLoad(module: object, own: ReadonlyMap<string, Tensor>, source: object, assign: boolean): void {
  const given = tensorsOf(source).filter(([key]) => own.has(key));
  if (given.length === 0) return;
  const aliased = given.every(
    ([key, t]) => placed(t).memory === placed(own.get(key)!).memory && same(t, own.get(key)!),
  );
  if (aliased && !assign) advise("load-aliased", module.constructor.name);
  else adviseDrift(source);
  if (!assign) checkTied(given, own);
  accumulators.add(module);
}

const same = (a: Tensor, b: Tensor): boolean => placed(a).shape === placed(b).shape;

function adviseDrift(value: unknown): void {
  const changes = changesIn(value, true);
  const first = changes.entries().next().value;
  if (first === undefined) return;
  const [name, { writes, by }] = first;
  // Counts differ from call to call; the text stays, so that it is shown once.
  advise("state-dict-drifted", `"${name}" ${writes === 1 ? "was written" : "was written repeatedly"} by ${by}`);
}

/** Entries over one memory whose targets are apart. */
function checkTied(given: readonly [string, Tensor][], own: ReadonlyMap<string, Tensor>): void {
  const byStorage = new Map<Storage, [string, Tensor][]>();
  for (const pair of given) {
    const { storage } = pair[1].impl;
    byStorage.set(storage, [...(byStorage.get(storage) ?? []), pair]);
  }
  for (const group of byStorage.values()) {
    for (let i = 1; i < group.length; i++) {
      const [[keyA, a], [keyB, b]] = [group[0]!, group[i]!];
      const apart = own.get(keyA)!.impl.storage !== own.get(keyB)!.impl.storage;
      if (apart && overlapBytes(placed(a).region, placed(b).region) > 0) {
        advise("state-dict-untied", `"${keyA}" and "${keyB}"`);
        return;
      }
    }
  }
}

/** A value is about to be written to a file. */
export function onSave(value: unknown, wholeStorages: boolean): void {
  adviseDrift(value);
  if (wholeStorages) checkSmallViews(value);
}

/** Bytes from which it matters that more is saved than was meant. */
const worthMentioning = 16384;

/** Storages of which what is saved covers less than a quarter. */
function checkSmallViews(value: unknown): void {
  const used = new Map<Storage, { bytes: number; name: string }>();
  visit(value, (found, { path }) => {
    if (!isTensor(found)) return;
    const entry = used.get(found.impl.storage) ?? { bytes: 0, name: path };
    entry.bytes += found.nbytes;
    used.set(found.impl.storage, entry);
  });
  for (const [storage, { bytes, name }] of used) {
    if (storage.nbytes >= worthMentioning && bytes * 4 < storage.nbytes) {
      advise("save-small-view", `${name === "" ? "a tensor" : `"${name}"`} of ${bytes} bytes in ${storage.nbytes}`);
    }
  }
}

/** Something was deep-copied. */
export function onDeepcopy(source: unknown, copied: unknown): void {
  if (source instanceof Optimizer) advise("optimizer-copied", source.constructor.name);
  if (typeof copied === "function") {
    accumulators.add(copied);
    takeContainer(copied);
    return;
  }
  adviseDrift(source);
  if (isTensor(source)) checkSmallViews(source);
}

/** `target.add_(other)` without a factor: a live state dict summed into another one. */
export function onSum(target: Tensor, other: unknown): void {
  if (!isTensor(other)) return;
  const [to, from] = [entryOf(target), entryOf(other)];
  if (to === undefined || from === undefined || to.storage === from.storage) return;
  const owner = to.owner?.deref();
  if (to.storage !== target.impl.storage || owner === undefined) return;
  if (accumulators.has(owner) && !isTrained(target.impl.storage)) return;
  advise("state-dict-averaged", owner.constructor.name);
}
