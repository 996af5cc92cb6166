/** How maps are said in words, and written into markup. */
import type { MappedStorage, MappedTensor, MemoryMap } from "./map.ts";
import type { Change } from "./records.ts";

/** What `drift` returned, or the same as a plain object. */
export type Drift = ReadonlyMap<string, Change> | Readonly<Record<string, Change>>;

/** The change of a name, if it drifted. */
export function changeOf(drift: Drift | undefined, name: string): Change | undefined {
  if (drift === undefined) return undefined;
  if (drift instanceof Map) return (drift as ReadonlyMap<string, Change>).get(name);
  return Object.hasOwn(drift, name) ? (drift as Readonly<Record<string, Change>>)[name] : undefined;
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Characters that XML forbids, and those that turn the direction of the text around them. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Noncharacter_Code_Point}]/gu;

/** Text for the inside of an element or an attribute in double quotes. */
export const escape = (text: string): string =>
  text.replace(unprintable, "\ufffd").replace(/[&<>"']/g, (c) => entities[c]!);

/** A count with its noun. */
export const count = (n: number, noun: string): string => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

/** A size in the unit that reads best. */
export function size(bytes: number): string {
  if (bytes < 1024) return count(bytes, "byte");
  const power = Math.min(4, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${value.toFixed(value < 10 ? 1 : 0).replace(/\.0$/, "")} ${["B", "KiB", "MiB", "GiB", "TiB"][power]}`;
}

/** What a tensor is: `float32 [2, 3]`. */
export const kind = ({ dtype, shape }: MappedTensor): string => `${dtype} [${shape.join(", ")}]`;

/** What became of it: `written 12 times by SGD.step()`. */
export const written = ({ writes, by }: Change): string =>
  `written ${writes === 1 ? "once" : `${writes} times`} since by ${by}`;

/** A tensor in one sentence. */
export function describe(tensor: MappedTensor, storage: MappedStorage, change: Change | undefined): string {
  const { name, strides, offset, bytes } = tensor;
  const part = bytes === storage.bytes ? `all ${size(bytes)}` : `${size(bytes)} of ${size(storage.bytes)}`;
  const drifted = change === undefined ? "" : `; ${written(change)}`;
  return `${name}: ${kind(tensor)}, strides [${strides.join(", ")}], offset ${offset}, reaches ${part}${drifted}`;
}

/** A storage in one sentence. */
export function describeStorage(storage: MappedStorage): string {
  const names = storage.tensors.length === 1 ? "one name" : `${storage.tensors.length} names share it`;
  const host = storage.host ? ", also a typed array's" : "";
  return `storage ${storage.id}: ${size(storage.bytes)} on ${storage.device}${host}, ${names}`;
}

/** A map in one sentence. */
export function summary({ storages }: MemoryMap, drift?: Drift): string {
  const names = storages.reduce((sum, { tensors }) => sum + tensors.length, 0);
  const shared = storages.filter(({ tensors }) => tensors.length > 1).length;
  const bytes = storages.reduce((sum, storage) => sum + storage.bytes, 0);
  const all = storages.flatMap(({ tensors }) => tensors);
  const drifted = all.filter(({ name }) => changeOf(drift, name) !== undefined).length;
  const told = drifted === 0 ? "" : `; ${count(drifted, "entry").replace("entrys", "entries")} drifted`;
  return `${count(names, "name")} over ${count(storages.length, "storage")} of ${size(bytes)}, ${shared} shared${told}`;
}
