/** A map as the rows of a list: storages with several names are groups, others are one row. */
import { type Change, kind, type MappedStorage, type MappedTensor, type MemoryMap } from "cresset/drawing";

/** Drift as plain data, by name. */
export type Changes = Readonly<Record<string, Change>>;

/** What a list shows. */
export interface Shown {
  readonly map: MemoryMap;
  readonly changes: Changes;
}

/** One line of the list. */
export interface Row {
  readonly key: string;
  readonly level: 1 | 2;
  readonly storage: MappedStorage;
  /** Null for the heading of a storage with several names. */
  readonly tensor: MappedTensor | null;
  /** Which colour the storage has, if it is shared. */
  readonly hue: number | null;
  readonly change: Change | null;
  /** Headings only. */
  readonly expanded: boolean | null;
  /** How many names below a heading are shown, and how many there are. */
  readonly names: readonly [number, number];
}

export type Filter = "all" | "shared" | "views" | "drifted";
export type Order = "given" | "shared" | "largest";

/** What is asked of a list. */
export interface Query {
  readonly filter: Filter;
  readonly order: Order;
  readonly search: string;
  readonly collapsed: ReadonlySet<number>;
}

/** As many colours as the style sheet has. */
const hues = 6;

/** Whether a storage has several names. */
export const isShared = ({ tensors }: MappedStorage): boolean => tensors.length > 1;

/** The change of a name, also one like `constructor`. */
const changeOf = (changes: Changes, name: string): Change | null =>
  Object.hasOwn(changes, name) ? changes[name]! : null;

function passes(tensor: MappedTensor, storage: MappedStorage, changes: Changes, filter: Filter): boolean {
  if (filter === "shared") return isShared(storage);
  if (filter === "views") return tensor.bytes < storage.bytes || tensor.strides.some((s, d) => s !== dense(tensor, d));
  return filter === "all" || changeOf(changes, tensor.name) !== null;
}

/** The stride that a dim has where elements lie one after another. */
function dense({ shape, strides }: MappedTensor, dim: number): number {
  if (shape[dim] === 1) return strides[dim]!;
  return shape.slice(dim + 1).reduce((product, size) => product * size, 1);
}

function matches(tensor: MappedTensor, words: readonly string[]): boolean {
  const text = `${tensor.name} ${kind(tensor)} ${tensor.role}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

function ordered(storages: readonly MappedStorage[], order: Order): readonly MappedStorage[] {
  if (order === "given") return storages;
  const weigh = (s: MappedStorage): number => (order === "largest" ? s.bytes : s.tensors.length);
  return [...storages].sort((a, b) => weigh(b) - weigh(a));
}

/** The rows that a query leaves, in its order. */
export function rowsOf({ map, changes }: Shown, { filter, order, search, collapsed }: Query): Row[] {
  const hueOf = new Map<number, number>();
  for (const storage of map.storages) if (isShared(storage)) hueOf.set(storage.id, hueOf.size % hues);
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const rows: Row[] = [];
  for (const storage of ordered(map.storages, order)) {
    const found = storage.tensors.filter((t) => passes(t, storage, changes, filter) && matches(t, words));
    if (found.length === 0) continue;
    const hue = hueOf.get(storage.id) ?? null;
    const names: [number, number] = [found.length, storage.tensors.length];
    const expanded = isShared(storage) ? !collapsed.has(storage.id) : null;
    if (expanded !== null) {
      const some = found.map((t) => changeOf(changes, t.name)).find((change) => change !== null) ?? null;
      const change = expanded ? null : some;
      rows.push({ key: `s${storage.id}`, level: 1, storage, tensor: null, hue, change, expanded, names });
    }
    if (expanded === false) continue;
    for (const tensor of found) {
      const key = `t${storage.id}:${storage.tensors.indexOf(tensor)}`;
      const change = changeOf(changes, tensor.name);
      rows.push({ key, level: expanded === null ? 1 : 2, storage, tensor, hue, change, expanded: null, names });
    }
  }
  return rows;
}

/** How many names each filter leaves. */
export function counts({ map, changes }: Shown): Record<Filter, number> {
  const result = { all: 0, shared: 0, views: 0, drifted: 0 };
  for (const storage of map.storages) {
    for (const tensor of storage.tensors) {
      for (const filter of ["all", "shared", "views", "drifted"] as const) {
        if (passes(tensor, storage, changes, filter)) result[filter]++;
      }
    }
  }
  return result;
}
