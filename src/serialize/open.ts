/** Files that are opened, not loaded: each tensor is read when it is asked for. */
import { check, KeyError } from "../core/errors.ts";
import { StateDict } from "../core/statedict.ts";
import type { Tensor } from "../core/tensor.ts";
import type { Description, TensorAdapter } from "./adapter.ts";
import { type Archive, expectEntry, openArchive, readArchive, swap } from "./checkpoint.ts";
import { SafetensorError, UnpicklingError } from "./errors.ts";
import { prepareInflate } from "./inflate.ts";
import type { LoadSource } from "./input.ts";
import type { StorageBytes } from "./load.ts";
import { type MapLocation, targetDevice } from "./location.ts";
import { latin1 } from "./pickle-bytes.ts";
import { PickledObject } from "./python.ts";
import { openRanges, type Ranges } from "./ranges.ts";
import { looksLikeSafetensors, readSafetensorsHeader } from "./safetensors-format.ts";
import { type StorageType, storageTypeOf } from "./storage-types.ts";
import { tensors } from "./tensors.ts";

/** What is known of a tensor without reading it. */
export interface TensorInfo {
  /** `float32` */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** In elements. */
  readonly strides: readonly number[];
  /** Bytes that reading it takes. */
  readonly nbytes: number;
}

/** How a file is opened. */
export interface OpenOptions {
  /** The device for tensors: one for all, or a table from the file's tags. */
  readonly mapLocation?: Exclude<MapLocation, (...args: never[]) => unknown> | null;
  /** False opens files of whole modules, too, whose tensors stand under the names of their state dicts. */
  readonly weightsOnly?: boolean;
}

interface Entry {
  readonly info: TensorInfo;
  read(): Promise<Tensor>;
}

/**
 * A file whose tensors are read one by one. `keys` are the paths through dicts and lists, joined by points. Tensors that
 * share memory in the file do not share it when they are read alone.
 */
export class Checkpoint {
  /** Where it was opened from. */
  readonly name: string;
  /** `zip`, `torchscript` or `safetensors`. */
  readonly format: string;
  /** What a safetensors file says about itself. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #close: () => void;

  constructor(
    name: string,
    format: string,
    entries: ReadonlyMap<string, Entry>,
    metadata: ReadonlyMap<string, string>,
    close: () => void,
  ) {
    this.name = name;
    this.format = format;
    this.metadata = metadata;
    this.#entries = entries;
    this.#close = close;
  }

  /** The names of all tensors. */
  keys(): string[] {
    return [...this.#entries.keys()];
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  #entry(key: string): Entry {
    const entry = this.#entries.get(key);
    check(entry !== undefined, () => `'${key}' (${this.name} has ${this.#entries.size} tensors)`, KeyError);
    return entry;
  }

  /** What is known of a tensor without reading it. */
  info(key: string): TensorInfo {
    return this.#entry(key).info;
  }

  /** Reads one tensor. */
  async tensor(key: string): Promise<Tensor> {
    return this.#entry(key).read();
  }

  /** Reads these tensors, or all. */
  async stateDict(keys: readonly string[] = this.keys()): Promise<StateDict> {
    const state = new StateDict();
    for (const key of keys) state.set(key, await this.tensor(key));
    return state;
  }

  /** Closes the file. */
  close(): void {
    this.#close();
  }

  [Symbol.dispose](): void {
    this.#close();
  }
}

/**
 * Opens a zip checkpoint, a TorchScript archive or a safetensors file without reading its tensors. HTTP servers are
 * asked for ranges.
 * @example
 * const file = await torch.serialization.open("model.pt");
 * const weight = await file.tensor("fc.weight");
 * file.close();
 * weight.shape // torch.Size([2, 3])
 */
export async function open(src: LoadSource, options: OpenOptions = {}): Promise<Checkpoint> {
  for (const key of Object.keys(options)) {
    if (key !== "mapLocation" && key !== "weightsOnly") throw new TypeError(`open() got an unknown option "${key}"`);
  }
  await prepareInflate();
  const ranges = await openRanges(src);
  try {
    const start = await ranges.run((source) => source.read(0, Math.min(source.size, 9)).slice());
    if (start[0] === 0x50 && start[1] === 0x4b) return await openZip(ranges, options);
    if (looksLikeSafetensors(start)) return await openSafetensors(ranges, options);
    throw new UnpicklingError(
      `${ranges.name} begins with ${JSON.stringify(latin1(start))}: expected a zip checkpoint or a safetensors file ` +
        "(legacy checkpoints can only be loaded whole)",
    );
  } catch (error) {
    ranges.close();
    throw error;
  }
}

async function openSafetensors(ranges: Ranges, options: OpenOptions): Promise<Checkpoint> {
  const header = await ranges.run(readSafetensorsHeader);
  const entries = new Map<string, Entry>();
  const device = targetDevice("cpu", options.mapLocation);
  for (const [name, { dtype, shape, start, nbytes }] of header.tensors) {
    const info = { dtype, shape, strides: contiguousStrides(shape), nbytes };
    const read = async (): Promise<Tensor> => {
      const known = tensors.hasDType(dtype);
      check(known, () => `${ranges.name}: tensor ${name} has dtype ${dtype}, which Cresset has not`, SafetensorError);
      const storage = tensors.makeStorage(nbytes, device);
      if (tensors.bytes(storage) !== null) await ranges.fill(start, nbytes, () => tensors.bytes(storage)!);
      return tensors.makeTensor(storage, { ...info, offset: 0, requiresGrad: false }) as Tensor;
    };
    entries.set(name, { info, read });
  }
  return new Checkpoint(ranges.name, "safetensors", entries, header.metadata, () => ranges.close());
}

/** Row-major strides. */
export function contiguousStrides(shape: readonly number[]): number[] {
  const strides: number[] = [];
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= Math.max(shape[i]!, 1);
  }
  return strides;
}

// ---------------------------------------------------------------- zip

/** A storage that stays in the file. */
class FarStorage {
  readonly device: string;
  key = "";
  type: StorageType | null = null;

  constructor(device: string) {
    this.device = device;
  }
}

/** A tensor that stays in the file. */
class FarTensor {
  readonly storage: FarStorage;
  readonly parts: Description;

  constructor(storage: FarStorage, parts: Description) {
    this.storage = storage;
    this.parts = parts;
  }
}

/** Reads pickles without their tensors. */
function farTensors(archive: Archive): { adapter: TensorAdapter; storages: StorageBytes } {
  let last = new FarStorage("cpu");
  const adapter: TensorAdapter = {
    describe: (value) => (value instanceof FarTensor ? value.parts : null),
    isStorage: (value) => value instanceof FarStorage,
    hasDType: (dtype) => storageTypeOf(dtype) !== undefined,
    bytes: () => new Uint8Array(0),
    writes: () => 0,
    makeStorage(_nbytes, device) {
      last = new FarStorage(device);
      return last;
    },
    makeTensor: (storage, placement) =>
      new FarTensor(storage as FarStorage, { ...placement, storage, isParameter: false }),
    makeParameter: (tensor) => tensor,
  };
  const storages: StorageBytes = {
    expect: (key, nbytes) => expectEntry(archive, key, nbytes),
    fill(key, type) {
      last.key = key;
      last.type = type;
    },
  };
  return { adapter, storages };
}

async function openZip(ranges: Ranges, options: OpenOptions): Promise<Checkpoint> {
  const { archive, value } = await ranges.run((source) => {
    const opened = openArchive(source, true);
    const { adapter, storages } = farTensors(opened);
    return { archive: opened, value: readArchive(opened, adapter, storages, options) };
  });
  const entries = new Map<string, Entry>();
  for (const [key, far] of flatten(value, ranges.name)) {
    const info = infoOf(far);
    entries.set(key, { info, read: () => readFar(ranges, archive, far, info) });
  }
  const format = archive.script ? "torchscript" : "zip";
  return new Checkpoint(ranges.name, format, entries, new Map(), () => ranges.close());
}

/** The span of a tensor in its storage, in elements. */
function spanOf({ shape, strides }: Description): number {
  if (shape.includes(0)) return 0;
  return shape.reduce((sum, size, i) => sum + (size - 1) * strides[i]!, 1);
}

function infoOf({ parts }: FarTensor): TensorInfo {
  const { dtype, shape, strides } = parts;
  return { dtype, shape, strides, nbytes: spanOf(parts) * storageTypeOf(dtype)!.itemsize };
}

/** Reads the part of the storage that the tensor lies in; the checksum is looked at where that is all of it. */
async function readFar(ranges: Ranges, archive: Archive, far: FarTensor, info: TensorInfo): Promise<Tensor> {
  const { dtype, offset } = far.parts;
  check(tensors.hasDType(dtype), () => `${ranges.name}: dtype ${dtype}, which Cresset has not`, UnpicklingError);
  const type = storageTypeOf(dtype)!;
  const name = `${archive.folder}data/${far.storage.key}`;
  // The reader of the archive is bound to the source of its first run, which for far sources throws for what is missing.
  const entry = await ranges.run(() => archive.zip.located(name));
  const storage = tensors.makeStorage(info.nbytes, far.storage.device);
  const bytes = (): Uint8Array => tensors.bytes(storage)!;
  if (tensors.bytes(storage) !== null) {
    const begin = offset * type.itemsize;
    if (entry.method === 0) {
      await ranges.fill(entry.start + begin, info.nbytes, bytes);
      if (info.nbytes === entry.size) archive.zip.verify(entry, bytes());
    } else {
      const whole = await ranges.run(() => archive.zip.read(name));
      bytes().set(whole.subarray(begin, begin + info.nbytes));
    }
    if (archive.bigEndian) swap(bytes(), type);
  }
  const { shape, strides } = far.parts;
  return tensors.makeTensor(storage, { dtype, shape, strides, offset: 0, requiresGrad: false }) as Tensor;
}

// ---------------------------------------------------------------- paths

/** More names than this are taken for an attack: shared containers can be written as a tree of any size. */
const mostNames = 2 ** 20;

/** All tensors of a value under their paths; modules' under the names of their state dicts. */
function flatten(root: unknown, label: string): Map<string, FarTensor> {
  const found = new Map<string, FarTensor>();
  const inside = new Set<unknown>();
  let visits = 0;
  const visit = (value: unknown, path: readonly string[]): void => {
    if (value instanceof FarTensor) {
      const key = path.join(".");
      // Two paths may read the same: the later one shows where its names begin and end.
      found.set(found.has(key) ? JSON.stringify(path) : key, value);
      return;
    }
    if (typeof value !== "object" || value === null || inside.has(value)) return;
    check(++visits <= mostNames, () => `${label}: more than ${mostNames} containers`, UnpicklingError);
    inside.add(value);
    for (const [name, item] of childrenOf(value)) visit(item, name === null ? path : [...path, name]);
    inside.delete(value);
  };
  visit(root, []);
  return found;
}

const moduleParts = ["_parameters", "_buffers", "_modules"];

function childrenOf(value: object): Iterable<readonly [string | null, unknown]> {
  if (value instanceof Map) return [...value].map(([key, item]) => [String(key), item]);
  if (Array.isArray(value)) return value.map((item, i) => [String(i), item]);
  if (value instanceof Set) return [];
  if (!(value instanceof PickledObject)) return Object.entries(value);
  const { state, args, items, entries } = value;
  const isModule = typeof state === "object" && state !== null && "_parameters" in state && "_modules" in state;
  if (isModule) return moduleParts.map((part) => [null, Reflect.get(state, part)]);
  return [
    [null, state],
    [null, args],
    [null, items],
    [null, entries],
  ];
}
