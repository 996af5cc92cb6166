/** Turns what a checkpoint's pickle says about tensors into tensors, each claim checked against the file. */
import { check } from "../core/errors.ts";
import type { TensorAdapter } from "./adapter.ts";
import { UnpicklingError } from "./errors.ts";
import { allowedGlobals, count, StorageClass, type TensorBuilder } from "./globals.ts";
import { type MapLocation, targetDevice } from "./location.ts";
import { type PickleHost, Unpickler } from "./pickle.ts";
import { Part, PyDict, PyName, settle } from "./python.ts";
import { type StorageType, storageTypeOf, untyped } from "./storage-types.ts";

/** How a file is read. */
export interface LoadOptions {
  /** The device for stored tensors: one for all, a table from tags, or a function. */
  readonly mapLocation?: MapLocation | null;
  /**
   * False reads whole modules, too: as modules where their classes are known, else as PickledObjects. Nothing in the
   * file is executed either way.
   */
  readonly weightsOnly?: boolean | null;
}

/** How a loader inside of the library reads. */
export interface Reading extends LoadOptions {
  /** Whether tensors come without `requiresGrad`, as in state dicts. */
  readonly detached?: boolean;
}

/** The bytes of storages in one format. */
export interface StorageBytes {
  /** Throws unless the file has `nbytes` bytes for this storage. */
  expect(key: string, nbytes: number): void;
  /** Fills the storage's bytes, now or when they come. */
  fill(key: string, type: StorageType, target: () => Uint8Array): void;
}

/** A storage that was read, with the dtype that its class gives. */
class LoadedStorage extends Part {
  readonly storage: object;
  readonly type: StorageType;
  readonly numel: number;

  constructor(storage: object, type: StorageType, numel: number) {
    super(`a bare torch.${type.name}`);
    this.storage = storage;
    this.type = type;
    this.numel = numel;
  }
}

/** As deep as layouts go in PyTorch. */
const mostDims = 64;

/** One load: the pickle's host, which owns the storages read so far. */
export class Loader implements PickleHost, TensorBuilder {
  readonly global: (module: string, name: string) => unknown;
  readonly #adapter: TensorAdapter;
  readonly #label: string;
  readonly #bytes: StorageBytes;
  readonly #mapLocation: MapLocation | null | undefined;
  readonly #loaded: Map<string, LoadedStorage> = new Map();
  readonly #anyClass: boolean;
  readonly #detached: boolean;

  constructor(adapter: TensorAdapter, label: string, bytes: StorageBytes, options: Reading) {
    this.#adapter = adapter;
    this.#label = label;
    this.#bytes = bytes;
    this.#mapLocation = options.mapLocation;
    this.#anyClass = options.weightsOnly === false;
    this.#detached = options.detached === true;
    this.global = allowedGlobals(this, options.weightsOnly === false, adapter.modules);
  }

  /** The value that a pickle holds, and where the pickle ends. */
  load(pickle: Uint8Array, position = 0): { value: unknown; position: number } {
    const machine = new Unpickler(pickle, this, this.#label, position);
    const value = machine.load();
    return { value: settle(value, this.#label, this.#adapter.modules), position: machine.position };
  }

  #check(condition: boolean, message: () => string): asserts condition {
    check(condition, () => `${this.#label}: ${message()}`, UnpicklingError);
  }

  persistent(id: unknown): LoadedStorage | PyName {
    // Legacy files have the source text of a module's class beside its name.
    if (this.#anyClass && Array.isArray(id) && id[0] === "module" && id[1] instanceof PyName) return id[1];
    return this.#storage(id);
  }

  #storage(id: unknown): LoadedStorage {
    this.#check(Array.isArray(id) && id.length >= 5, () => "a persistent id that is no storage");
    const [kind, storageClass, key, location, numel, view] = id as unknown[];
    this.#check(
      kind === "storage" &&
        storageClass instanceof StorageClass &&
        typeof key === "string" &&
        typeof location === "string" &&
        (view === undefined || view === null),
      () => "a persistent id that is no storage",
    );
    const { type } = storageClass;
    const elements = count(numel, "a storage's size");
    const known = this.#loaded.get(key);
    if (known !== undefined) {
      this.#check(known.type === type && known.numel === elements, () => `storage ${key} is described in two ways`);
      return known;
    }
    const storage = new LoadedStorage(this.#read(type, key, location, elements), type, elements);
    this.#loaded.set(key, storage);
    return storage;
  }

  #read(type: StorageType, key: string, location: string, numel: number): object {
    const adapter = this.#adapter;
    this.#check(adapter.hasDType(type.dtype), () => `storage ${key} has dtype ${type.dtype}, which Cresset has not`);
    const nbytes = numel * type.itemsize;
    this.#bytes.expect(key, nbytes);
    const map = this.#mapLocation;
    const storage = adapter.makeStorage(nbytes, typeof map === "function" ? "cpu" : targetDevice(location, map));
    if (adapter.bytes(storage) !== null) this.#bytes.fill(key, type, () => adapter.bytes(storage)!);
    if (typeof map !== "function") return storage;
    const mapped = map(storage as never, location);
    if (mapped !== null && mapped !== undefined) {
      if (!adapter.isStorage(mapped)) throw new TypeError("load(): mapLocation must return a storage or null");
      return mapped;
    }
    targetDevice(location, null);
    return storage;
  }

  tensor(args: readonly unknown[], dtype: string | null): object {
    const [storage, offset, shape, strides, requiresGrad, hooks, metadata] = args;
    const name = "_rebuild_tensor";
    this.#check(storage instanceof LoadedStorage, () => `${name} of something that is no storage`);
    const pending = pendingOf(metadata);
    this.#check(isEmpty(hooks) && pending !== null, () => `${name} with hooks or unknown metadata`);
    this.#check(
      Array.isArray(shape) && Array.isArray(strides) && shape.length === strides.length && shape.length <= mostDims,
      () => `${name}: sizes and strides of different length`,
    );
    this.#check(typeof requiresGrad === "boolean", () => `${name}: requires_grad is no bool`);
    const placement = {
      dtype: dtype ?? storage.type.dtype,
      shape: shape.map((value) => count(value, name)),
      strides: strides.map((value) => count(value, name)),
      offset: count(offset, name),
      requiresGrad: requiresGrad && !this.#detached,
      ...(pending === "" ? {} : { pending }),
    };
    this.#checkBounds(storage, placement);
    return this.#adapter.makeTensor(storage.storage, placement);
  }

  #checkBounds(
    storage: LoadedStorage,
    at: { dtype: string; shape: number[]; strides: number[]; offset: number },
  ): void {
    const itemsize = storage.type === untyped ? storageTypeOf(at.dtype)!.itemsize : storage.type.itemsize;
    const elements = Math.floor((storage.numel * storage.type.itemsize) / itemsize);
    const numel = at.shape.reduce((product, size) => product * size, 1);
    const last = at.shape.reduce((sum, size, i) => sum + (size - 1) * at.strides[i]!, at.offset);
    const end = numel === 0 ? at.offset : last + 1;
    this.#check(Number.isSafeInteger(numel), () => `a tensor of size [${at.shape}] has too many elements`);
    this.#check(
      end <= elements,
      () =>
        `a tensor of size [${at.shape}], stride [${at.strides}] and offset ${at.offset} needs ${end} elements, but ` +
        `its storage has ${elements}`,
    );
  }

  parameter(args: readonly unknown[]): object {
    const [data, requiresGrad, hooks] = args;
    const isTensor = typeof data === "object" && data !== null && this.#adapter.describe(data) !== null;
    this.#check(
      isTensor && typeof requiresGrad === "boolean" && isEmpty(hooks),
      () => "_rebuild_parameter: expected a tensor, a bool and no hooks",
    );
    return this.#adapter.makeParameter(data, requiresGrad);
  }
}

/** Which view of its storage a tensor's metadata says that it is: `""` for none, null where it says anything else. */
function pendingOf(metadata: unknown): "conj" | "neg" | "" | null {
  if (isEmpty(metadata)) return "";
  if (!(metadata instanceof PyDict)) return null;
  const set = [...metadata.items].filter(([, value]) => value !== false);
  if (set.length === 0) return "";
  const [name, value] = set[0]!;
  return set.length === 1 && value === true && (name === "conj" || name === "neg") ? name : null;
}

const isEmpty = (value: unknown): boolean =>
  value === null || value === undefined || (value instanceof PyDict && value.items.size === 0);
