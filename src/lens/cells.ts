/** Which bytes of its storage a tensor touches, as runs that can be drawn. */
import type { MappedStorage, MappedTensor } from "./map.ts";
import { overlapBytes, type Region, regionOf, runsOf } from "./overlap.ts";

/** Neighbouring bytes; `full` unless the tensor touches only some of them. */
export interface Run {
  readonly start: number;
  readonly end: number;
  readonly full: boolean;
}

/** What to draw: the bytes from `from` up to `to`, in at most `most` runs. */
export interface CellsOptions {
  readonly from?: number;
  readonly to?: number;
  readonly most?: number;
}

/** Elements of crossing dims beyond which only the span is told. */
const mostCrossing = 65536;

/**
 * The bytes that a tensor of a map touches between `from` and `to` (all of them by default), in order. Exact where at
 * most `most` runs (256 by default) say it; else the bytes are taken in `most` parts, of which each is touched wholly,
 * partly (`full: false`) or not.
 * @example
 * const [storage] = torch.lens.map({ row: torch.zeros(2, 3).T.at(0) }).storages;
 * torch.lens.cells(storage!.tensors[0]!) // bytes 0 to 4 and 12 to 16
 */
export function cells(tensor: MappedTensor, options: CellsOptions = {}): Run[] {
  const { from = tensor.start, to = tensor.end, most = 256 } = options;
  const region = regionOfTensor(tensor);
  if (region === null || to <= from) return [];
  const runs = runsOf(region);
  if (runs !== null && runs.count <= most) {
    return [...runs.starts()]
      .map((start) => ({ start: Math.max(start, from), end: Math.min(start + runs.run, to), full: true }))
      .filter(({ start, end }) => start < end);
  }
  const unit = Math.max(tensor.itemsize, Math.ceil((to - from) / most / tensor.itemsize) * tensor.itemsize);
  if (runs !== null) return parts(from, to, unit, (start, end) => runs.below(end) - runs.below(start));
  if (tensor.shape.reduce((product, size) => product * size, 1) > mostCrossing) {
    const [start, end] = [Math.max(from, tensor.start), Math.min(to, tensor.end)];
    return start < end ? [{ start, end, full: tensor.bytes === tensor.end - tensor.start }] : [];
  }
  const within = (start: number, end: number): number => overlapBytes(region, { start, width: end - start, dims: [] });
  return parts(from, to, unit, within);
}

function regionOfTensor({ shape, strides, offset, itemsize, start }: MappedTensor): Region | null {
  return regionOf({ shape, strides, offset }, itemsize, start - offset * itemsize);
}

/** How many distinct bytes of one storage both tensors touch. */
export const overlap = (a: MappedTensor, b: MappedTensor): number => overlapBytes(regionOfTensor(a), regionOfTensor(b));

/** Parts of `unit` bytes, by how many of them are touched; equal neighbours become one. */
function parts(from: number, to: number, unit: number, touched: (start: number, end: number) => number): Run[] {
  const runs: Run[] = [];
  for (let start = from; start < to; start += unit) {
    const end = Math.min(start + unit, to);
    const bytes = touched(start, end);
    if (bytes === 0) continue;
    const full = bytes === end - start;
    const last = runs.at(-1);
    if (last?.end === start && last.full === full) runs[runs.length - 1] = { ...last, end };
    else runs.push({ start, end, full });
  }
  return runs;
}

/** Neighbouring bytes that the same number of a storage's tensors touch. */
export interface Shared {
  readonly start: number;
  readonly end: number;
  readonly names: number;
}

/** How many names of a storage reach its bytes, in order, without the bytes that none reaches. */
export function reached(storage: MappedStorage, options: CellsOptions = {}): Shared[] {
  const { from = 0, to = storage.bytes } = options;
  const edges = new Map<number, number>();
  const step = (at: number, by: number): void => void edges.set(at, (edges.get(at) ?? 0) + by);
  for (const tensor of storage.tensors) {
    for (const { start, end } of cells(tensor, { ...options, from, to })) {
      step(start, 1);
      step(end, -1);
    }
  }
  const result: Shared[] = [];
  let names = 0;
  let start = 0;
  for (const [at, by] of [...edges].sort((a, b) => a[0] - b[0])) {
    if (by === 0) continue;
    if (names > 0) result.push({ start, end: at, names });
    names += by;
    start = at;
  }
  return result;
}

/** The parts of `runs` that at least two names reach, and the others. */
export function split(runs: readonly Run[], shared: readonly Shared[]): { run: Run; shared: boolean }[] {
  const both = shared.filter(({ names }) => names > 1);
  const result: { run: Run; shared: boolean }[] = [];
  let b = 0;
  for (const run of runs) {
    let at = run.start;
    while (b < both.length && both[b]!.end <= at) b++;
    for (let k = b; k < both.length && both[k]!.start < run.end; k++) {
      const [start, end] = [Math.max(both[k]!.start, at), Math.min(both[k]!.end, run.end)];
      if (start > at) result.push({ run: { start: at, end: start, full: run.full }, shared: false });
      result.push({ run: { start, end, full: run.full }, shared: true });
      at = end;
    }
    if (at < run.end) result.push({ run: { ...run, start: at }, shared: false });
  }
  return result;
}

/** Elements of a tensor whose places are told. */
const mostPlaces = 4096;

/**
 * For every element of the storage that a small tensor reaches, as memory goes: which ones of the tensor's elements, in
 * its own order, lie there.
 */
export function placesOf({ shape, strides, offset }: MappedTensor): Map<number, number[]> {
  const found = new Map<number, number[]>();
  const numel = shape.reduce((product, n) => product * n, 1);
  for (let i = 0; i < Math.min(numel, mostPlaces); i++) {
    let [element, rest] = [offset, i];
    for (let d = shape.length - 1; d >= 0; d--) {
      element += (rest % shape[d]!) * strides[d]!;
      rest = Math.floor(rest / shape[d]!);
    }
    found.set(element, [...(found.get(element) ?? []), i]);
  }
  return new Map([...found].sort((a, b) => a[0] - b[0]));
}
