/** Two files name by name: what is the same, what changed and by how much, what only one of them has. */
import * as torch from "cresset";
import type { MappedStorage, MappedTensor } from "cresset/drawing";
import type { Opened } from "./files.ts";

export type Verdict = "same" | "changed" | "reshaped" | "left" | "right";

/** One name in one or both files. */
export interface Pair {
  readonly name: string;
  readonly verdict: Verdict;
  readonly left: MappedTensor | null;
  readonly right: MappedTensor | null;
  /** The largest difference of two elements, where both can be compared; NaN where one side has NaN. */
  readonly most: number | null;
  /** The mean of the absolute differences over the mean of the absolute values of the left. */
  readonly relative: number | null;
  /** Names that share memory with it in one file but not in the other. */
  readonly untied: readonly string[];
}

interface Placed {
  readonly tensor: MappedTensor;
  readonly storage: MappedStorage;
}

function placesOf({ map }: Opened): Map<string, Placed> {
  const places = new Map<string, Placed>();
  for (const storage of map.storages)
    for (const tensor of storage.tensors) places.set(tensor.name, { tensor, storage });
  return places;
}

/** Compares all names, a slice at a time, so that the page stays alive; `progress` hears how many are done. */
export async function compare(
  left: Opened,
  right: Opened,
  progress: (done: number, all: number) => void,
): Promise<Pair[]> {
  const [a, b] = [placesOf(left), placesOf(right)];
  const names = [...new Set([...a.keys(), ...b.keys()])];
  const pairs: Pair[] = [];
  let began = performance.now();
  for (const name of names) {
    pairs.push(pairOf(name, a, b, left, right));
    if (performance.now() - began < 30) continue;
    progress(pairs.length, names.length);
    await new Promise((resolve) => setTimeout(resolve));
    began = performance.now();
  }
  return pairs;
}

function pairOf(
  name: string,
  a: ReadonlyMap<string, Placed>,
  b: ReadonlyMap<string, Placed>,
  left: Opened,
  right: Opened,
): Pair {
  const [one, other] = [a.get(name) ?? null, b.get(name) ?? null];
  const base = { name, left: one?.tensor ?? null, right: other?.tensor ?? null, most: null, relative: null };
  if (one === null || other === null) return { ...base, verdict: one === null ? "right" : "left", untied: [] };
  const untied = untiedNames(one, other, a, b);
  const alike = one.tensor.dtype === other.tensor.dtype && String(one.tensor.shape) === String(other.tensor.shape);
  if (!alike) return { ...base, verdict: "reshaped", untied };
  const numbers = difference(left.tensors.get(name)!, right.tensors.get(name)!);
  return { ...base, ...numbers, untied };
}

/** Names in both files that share memory with this one in just one of them. */
function untiedNames(
  one: Placed,
  other: Placed,
  a: ReadonlyMap<string, Placed>,
  b: ReadonlyMap<string, Placed>,
): string[] {
  const mates = (place: Placed, elsewhere: ReadonlyMap<string, Placed>): string[] =>
    place.storage.tensors.map(({ name }) => name).filter((name) => elsewhere.has(name));
  const [here, there] = [new Set(mates(one, b)), new Set(mates(other, a))];
  return [...[...here].filter((name) => !there.has(name)), ...[...there].filter((name) => !here.has(name))];
}

function difference(x: torch.lens.Viewed, y: torch.lens.Viewed): Pick<Pair, "verdict" | "most" | "relative"> {
  // Complex numbers are compared by their parts.
  const real = (v: torch.Tensor): torch.Tensor => (v.isComplex() ? torch.viewAsReal(v) : v);
  const tensor = (v: torch.lens.Viewed): torch.Tensor =>
    real(torch.isTensor(v) ? v : torch.fromNumpy(v as Float32Array));
  return torch.scope(() =>
    torch.noGrad(() => {
      const [p, q] = [tensor(x), tensor(y)];
      if (torch.equal(p, q) || p.numel() === 0) return { verdict: "same", most: 0, relative: 0 };
      const delta = q.double().sub(p.double()).abs();
      const scale = p.double().abs().mean().item() as number;
      const mean = delta.mean().item() as number;
      const most = delta.max().item() as number;
      const relative = scale === 0 ? (mean === 0 ? 0 : Number.POSITIVE_INFINITY) : mean / scale;
      return { verdict: sameNaNs(p, q, most) ? "same" : "changed", most, relative };
    }),
  );
}

/** Elements that are NaN in both files, and equal elsewhere. */
function sameNaNs(p: torch.Tensor, q: torch.Tensor, most: number): boolean {
  if (!Number.isNaN(most)) return false;
  return torch.allclose(p.double(), q.double(), 0, 0, true);
}
