/** Which tensors of a file are one tensor, and which lie in one storage. */
import type { serialization } from "cresset";

/** Tensors under their names. */
type Named = ReadonlyMap<string, LazyTensor>;
type LazyTensor = serialization.LazyTensor;

/** Names of the same elements in the same order. */
export type Tie = readonly [kept: string, ...others: string[]];

const layoutOf = ({ dtype, offset, shape, strides, pending }: LazyTensor): string =>
  JSON.stringify([dtype, offset, shape, strides, pending]);

/** Tensors by their storages, in the order of the file. */
export function byStorage(tensors: Named): Map<serialization.LazyStorage, string[]> {
  const groups = new Map<serialization.LazyStorage, string[]>();
  for (const [key, { storage }] of tensors) {
    const group = groups.get(storage);
    if (group === undefined) groups.set(storage, [key]);
    else group.push(key);
  }
  return groups;
}

/** Groups of names that mean one tensor. */
export function tiesOf(tensors: Named): Tie[] {
  return [...byStorage(tensors).values()].flatMap((keys) => {
    const same = new Map<string, string[]>();
    for (const key of keys) {
      const layout = layoutOf(tensors.get(key)!);
      same.set(layout, [...(same.get(layout) ?? []), key]);
    }
    return [...same.values()].filter((group): group is [string, ...string[]] => group.length > 1);
  });
}

/** Groups of different tensors that lie in one storage and share bytes of it. */
export function overlapsOf(tensors: Named): string[][] {
  return [...byStorage(tensors).values()].flatMap((keys) => {
    const spans = keys
      .map((key) => ({ key, layout: layoutOf(tensors.get(key)!), ...rangeOf(tensors.get(key)!) }))
      .filter(({ start, end }) => end > start)
      .sort((a, b) => a.start - b.start);
    const groups: (typeof spans)[] = [];
    let end = -1;
    for (const span of spans) {
      if (span.start >= end) groups.push([]);
      groups.at(-1)!.push(span);
      end = Math.max(end, span.end);
    }
    return groups
      .filter((group) => new Set(group.map(({ layout }) => layout)).size > 1)
      .map((group) => group.map(({ key }) => key));
  });
}

function rangeOf(tensor: LazyTensor): { start: number; end: number } {
  const start = tensor.offset * tensor.itemsize;
  return { start, end: start + tensor.nbytes };
}
