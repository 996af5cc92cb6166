/** `map`: which storages there are, and every named tensor over them. */
import { isTensor } from "../core/tensor.ts";
import { distinctBytes } from "./overlap.ts";
import { placed, type Viewed } from "./sharing.ts";
import { type Found, type Role, visit } from "./visit.ts";

/** A named tensor or typed array. */
export interface MappedTensor {
  readonly name: string;
  readonly role: Role;
  readonly dtype: string;
  /** Bytes of one element. */
  readonly itemsize: number;
  readonly shape: number[];
  /** In elements. */
  readonly strides: number[];
  /** In elements, from the start of the storage. */
  readonly offset: number;
  /** First byte within the storage, and the byte after the last one reached. */
  readonly start: number;
  readonly end: number;
  /** Distinct bytes that it reaches. */
  readonly bytes: number;
  readonly isView: boolean;
  readonly requiresGrad: boolean;
  readonly version: number;
}

/** A block of memory with all names for its parts. */
export interface MappedStorage {
  readonly id: number;
  readonly device: string;
  readonly bytes: number;
  /** Whether user code sees the memory as a typed array. */
  readonly host: boolean;
  readonly writes: number;
  readonly tensors: MappedTensor[];
}

/** Plain data: it can be written as JSON. */
export interface MemoryMap {
  readonly storages: MappedStorage[];
}

/**
 * The storages under everything in `named`: models, state dicts, optimizers, BestStates, loose tensors, typed arrays,
 * and lists and dictionaries of these; what has several names has an entry for each. The result is plain data.
 * @example torch.lens.map({ model, best, optimizer, x }).storages.filter((s) => s.tensors.length > 1)
 */
export function map(named: object): MemoryMap {
  const storages = new Map<object, MappedStorage>();
  const note = (found: Viewed, { path, role }: Found): void => {
    const at = placed(found);
    let storage = storages.get(at.memory);
    if (storage === undefined) {
      storage = emptyStorage(found, storages.size);
      storages.set(at.memory, storage);
    }
    storage.tensors.push({ name: path, role, ...describe(found) });
  };
  visit(named, (found, at) => note(found as Viewed, at), { everyName: true });
  return { storages: [...storages.values()] };
}

/**
 * Every tensor and typed array in `values` under the name that `map` gives it.
 * @example torch.lens.named({ model }).get("model.0.weight")
 */
export function named(values: object): Map<string, Viewed> {
  const found = new Map<string, Viewed>();
  visit(values, (x, { path }) => void found.set(path, x as Viewed), { everyName: true });
  return found;
}

function emptyStorage(x: Viewed, id: number): MappedStorage {
  if (!isTensor(x)) return { id, device: "cpu", bytes: x.buffer.byteLength, host: true, writes: 0, tensors: [] };
  const { storage } = x.impl;
  const bytes = storage.host === null ? storage.nbytes : storage.host.byteLength;
  return {
    id,
    device: String(storage.device),
    bytes,
    host: storage.host !== null,
    writes: storage.writes,
    tensors: [],
  };
}

type Description = Omit<MappedTensor, "name" | "role">;

function describe(x: Viewed): Description {
  const { region } = placed(x);
  const bytes = distinctBytes(region);
  if (!isTensor(x)) {
    const itemsize = x instanceof DataView ? 1 : x.BYTES_PER_ELEMENT;
    const [start, length] = [x.byteOffset, x.byteLength];
    return {
      dtype: x.constructor.name,
      itemsize,
      shape: [length / itemsize],
      strides: [1],
      offset: start / itemsize,
      start,
      end: start + length,
      bytes,
      isView: true,
      requiresGrad: false,
      version: 0,
    };
  }
  const { storage, layout, dtype } = x.impl;
  const base = storage.host === null ? 0 : storage.hostOffset;
  return {
    dtype: dtype.name,
    itemsize: dtype.itemsize,
    shape: [...layout.shape],
    strides: [...layout.strides],
    offset: layout.offset,
    start: base + layout.offset * dtype.itemsize,
    end: base + layout.end * dtype.itemsize,
    bytes,
    isView: x._isView(),
    requiresGrad: x.requiresGrad,
    version: x._version,
  };
}
