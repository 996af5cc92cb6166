/** Turns what a checkpoint's pickle says about tensors into tensors, each claim checked against the file. */
import type { Attributes, Placement, TensorAdapter } from "./adapter.ts";
import { ContentError } from "./errors.ts";
import { allowedGlobals, count, type NamedGlobal, StorageClass, type TensorBuilder } from "./globals.ts";
import { contiguousStrides, spanOf } from "./layouts.ts";
import { type MapLocation, targetDevice } from "./location.ts";
import { type PickleHost, Unpickler } from "./pickle.ts";
import type { Grow } from "./pickle-bytes.ts";
import { Part, PyDict, PyName, PyObject, settle } from "./python.ts";
import { itemsizeOf, type StorageType } from "./storage-types.ts";

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
  /** Reads what Python would run as plain data, too, and tensors of devices that are not here. */
  readonly inert?: boolean;
  /** Hears of every class and function that the pickle names. */
  readonly named?: (global: NamedGlobal) => void;
}

/** The bytes of storages in one format. */
export interface StorageBytes {
  /** Throws unless the file has `nbytes` bytes for this storage. */
  expect(key: string, type: StorageType, nbytes: number): void;
  /** Fills the storage's bytes, now or when they come; `target` may say then that there are none to fill. */
  fill(key: string, type: StorageType, target: () => Uint8Array | null): void;
}

/** A storage that was read, or a part of one, with the dtype that its class gives. */
class LoadedStorage extends Part {
  readonly storage: object;
  readonly type: StorageType;
  readonly numel: number;
  /** First element within the storage. */
  readonly start: number;
  readonly #adapter: TensorAdapter;

  constructor(storage: object, type: StorageType, numel: number, start: number, adapter: TensorAdapter) {
    super("torch", type.name);
    this.storage = storage;
    this.type = type;
    this.numel = numel;
    this.start = start;
    this.#adapter = adapter;
  }

  get nbytes(): number {
    return this.numel * this.type.itemsize;
  }

  override settle(): unknown {
    if (this.start > 0) throw new ContentError("a part of a storage as a value of its own");
    return this.#adapter.makeBareStorage(this.storage, this.type.dtype);
  }
}

/** As deep as layouts go in PyTorch. */
const mostDims = 64;

function must(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new ContentError(message());
}

/** One load: the pickle's host, which owns the storages read so far. */
export class Loader implements PickleHost, TensorBuilder {
  readonly global: (module: string, name: string) => unknown;
  readonly #adapter: TensorAdapter;
  readonly #label: string;
  readonly #bytes: StorageBytes;
  readonly #mapLocation: MapLocation | null | undefined;
  readonly #loaded: Map<string, LoadedStorage> = new Map();
  readonly #anyClass: boolean;
  readonly #inert: boolean;
  readonly #detached: boolean;
  /** Tensors whose attributes are known when all values are. */
  readonly #attributed: [tensor: object, attributes: PyDict][] = [];

  constructor(adapter: TensorAdapter, label: string, bytes: StorageBytes, options: Reading) {
    this.#adapter = adapter;
    this.#label = label;
    this.#bytes = bytes;
    this.#mapLocation = options.mapLocation;
    this.#anyClass = options.weightsOnly === false;
    this.#detached = options.detached === true;
    this.#inert = options.inert === true;
    this.global = allowedGlobals(this, options, adapter.modules);
  }

  /** The value that a pickle holds, and where the pickle ends. */
  load(pickle: Uint8Array, position = 0, grow: Grow | null = null): { value: unknown; position: number } {
    const machine = new Unpickler(pickle, this, this.#label, position, grow);
    const read = machine.load();
    try {
      return { value: this.#settle(read), position: machine.position };
    } catch (error) {
      throw error instanceof ContentError ? error.at(this.#label) : error;
    }
  }

  #settle(read: unknown): unknown {
    const { modules } = this.#adapter;
    if (this.#attributed.length === 0) return settle(read, this.#label, modules);
    // Together, so that what attributes and other values share is one object.
    const states = this.#attributed.map(([, state]) => [...state.items]);
    const [value, ...settled] = settle([read, ...states], this.#label, modules) as [unknown, ...Attributes[]];
    for (const [i, [tensor]] of this.#attributed.entries()) this.#adapter.setAttributes(tensor, settled[i]!);
    this.#attributed.length = 0;
    return value;
  }

  persistent(id: unknown): LoadedStorage | PyName {
    // Legacy files have the source text of a module's class beside its name.
    if (this.#anyClass && Array.isArray(id) && id[0] === "module" && id[1] instanceof PyName) return id[1];
    return this.#storage(id);
  }

  #storage(id: unknown): LoadedStorage {
    must(Array.isArray(id) && id.length >= 5, () => "a persistent id that is no storage");
    const [kind, storageClass, key, location, numel, view] = id as unknown[];
    must(
      kind === "storage" &&
        storageClass instanceof StorageClass &&
        typeof key === "string" &&
        typeof location === "string",
      () => "a persistent id that is no storage",
    );
    const { type } = storageClass;
    const elements = count(numel, "a storage's size");
    const nbytes = elements * type.itemsize;
    const known = this.#loaded.get(key);
    must(known === undefined || known.nbytes === nbytes, () => `storage ${key} is described in two ways`);
    const storage = known?.storage ?? this.#read(type, key, location, nbytes);
    const root = known?.type === type ? known : new LoadedStorage(storage, type, elements, 0, this.#adapter);
    this.#loaded.set(key, root);
    return view === undefined || view === null ? root : this.#part(root, view);
  }

  /** Files of 2017 and before have parts of storages: `(key, offset, size)`, in elements. */
  #part(root: LoadedStorage, view: unknown): LoadedStorage {
    must(Array.isArray(view) && view.length === 3 && typeof view[0] === "string", () => "a storage that is no part");
    const [key, offset, size] = view as [string, unknown, unknown];
    const [start, numel] = [count(offset, "a storage's offset"), count(size, "a storage's size")];
    must(start + numel <= root.numel, () => `part ${key} of a storage: ${start} + ${numel} of ${root.numel} elements`);
    return new LoadedStorage(root.storage, root.type, numel, start, this.#adapter);
  }

  #read(type: StorageType, key: string, location: string, nbytes: number): object {
    const adapter = this.#adapter;
    this.#bytes.expect(key, type, nbytes);
    const map = this.#mapLocation;
    const device = typeof map === "function" ? "cpu" : this.#inert ? location : targetDevice(location, map);
    let storage = adapter.makeStorage(nbytes, device);
    this.#bytes.fill(key, type, () => adapter.bytes(storage));
    if (typeof map !== "function") return storage;
    const mapped = map(storage as never, location);
    if (mapped === null || mapped === undefined) {
      targetDevice(location, null);
      return storage;
    }
    if (!adapter.isStorage(mapped)) throw new TypeError("load(): mapLocation must return a storage or null");
    must(adapter.nbytes(mapped) === nbytes, () => `mapLocation gave ${adapter.nbytes(mapped)} bytes for ${nbytes}`);
    storage = mapped; // what comes later goes there
    return storage;
  }

  tensor(args: readonly unknown[], newer: string | null, name: string, given: readonly unknown[]): unknown {
    const [storage, offset, shape, strides, requiresGrad, hooks, metadata] = args;
    must(storage instanceof LoadedStorage, () => `${name} of something that is no storage`);
    const dtype = newer ?? storage.type.dtype;
    must(dtype !== null, () => `${name} of a storage without a dtype`);
    if (!this.#adapter.hasDType(dtype)) {
      must(this.#anyClass, () => `a tensor of dtype ${dtype}, which Cresset has not`);
      return new PyObject(new PyName("torch._utils", name), given);
    }
    const pending = pendingOf(metadata);
    must(isEmpty(hooks) && pending !== null, () => `${name} with hooks or unknown metadata`);
    must(typeof requiresGrad === "boolean", () => `${name}: requires_grad is no bool`);
    const placement = {
      dtype,
      ...layoutOf(shape, strides, name),
      offset: count(offset, name) + storage.start,
      requiresGrad: requiresGrad && !this.#detached,
      ...(pending === "" ? {} : { pending }),
    };
    checkBounds(storage, placement);
    return this.#adapter.makeTensor(storage.storage, placement);
  }

  metaTensor(dtype: string, args: readonly unknown[]): unknown {
    const [shape, strides, requiresGrad] = args;
    const name = "_rebuild_meta_tensor_no_storage";
    must(this.#adapter.hasDType(dtype), () => `a tensor of dtype ${dtype}, which Cresset has not`);
    must(typeof requiresGrad === "boolean", () => `${name}: requires_grad is no bool`);
    const layout = layoutOf(shape, strides, name);
    const nbytes = spanOf(layout) * itemsizeOf(dtype)!;
    must(Number.isSafeInteger(nbytes), () => `a tensor of size [${layout.shape}] has too many elements`);
    const storage = this.#adapter.makeStorage(nbytes, "meta");
    return this.#adapter.makeTensor(storage, { dtype, ...layout, offset: 0, requiresGrad });
  }

  parameter(args: readonly unknown[], state: unknown): object {
    const [data, requiresGrad, hooks] = args;
    must(
      this.#isTensor(data) && typeof requiresGrad === "boolean" && isEmpty(hooks),
      () => "_rebuild_parameter: expected a tensor, a bool and no hooks",
    );
    return this.#attribute(this.#adapter.makeParameter(data, requiresGrad), state);
  }

  typed(tensor: unknown, type: Part, state: unknown): unknown {
    must(this.#isTensor(tensor), () => "_rebuild_from_type of something that is no tensor");
    if (type.module.startsWith("torch.") && /^(Parameter|Buffer)$/.test(type.name)) {
      const { requiresGrad } = this.#adapter.describe(tensor)!;
      const isParameter = type.name === "Parameter";
      const made = isParameter
        ? this.#adapter.makeParameter(tensor, requiresGrad)
        : this.#adapter.makeBuffer(tensor, true);
      return this.#attribute(made, state);
    }
    if (!(type instanceof PyName)) return this.#attribute(tensor, state);
    // A class of a user's: its data and what stands beside it.
    const object = new PyObject(type, [tensor]);
    object.state = state;
    return object;
  }

  onDevice(tensor: unknown, dtype: string, location: string, requiresGrad: unknown): unknown {
    must(this.#isTensor(tensor), () => "_rebuild_device_tensor of something that is no tensor");
    const parts = this.#adapter.describe(tensor)!;
    must(parts.dtype === dtype, () => `_rebuild_device_tensor: ${parts.dtype} elements for a ${dtype} tensor`);
    const map = this.#mapLocation;
    targetDevice(location, typeof map === "function" ? null : map);
    return this.#adapter.makeTensor(parts.storage, { ...parts, requiresGrad: requiresGrad === true });
  }

  array(dtype: string, shape: readonly number[], fortran: boolean, elements: Uint8Array): object | null {
    const adapter = this.#adapter;
    if (!adapter.hasDType(dtype)) return null;
    const storage = adapter.makeStorage(elements.length, "cpu");
    if (elements.length > 0) adapter.bytes(storage)!.set(elements);
    const strides = fortran ? contiguousStrides([...shape].reverse()).reverse() : contiguousStrides(shape);
    return adapter.makeTensor(storage, { dtype, shape, strides, offset: 0, requiresGrad: false });
  }

  #isTensor(value: unknown): value is object {
    return typeof value === "object" && value !== null && this.#adapter.describe(value) !== null;
  }

  /** Notes what a user has added to a tensor; a buffer is known by it. */
  #attribute(tensor: object, state: unknown): object {
    // Objects with slots have a second dict.
    const dict = Array.isArray(state) ? (state[0] as unknown) : state;
    if (isEmpty(dict)) return tensor;
    must(dict instanceof PyDict, () => "the attributes of a tensor are no dict");
    const rest = new PyDict(false);
    for (const [name, value] of dict.items) {
      must(typeof name === "string", () => "an attribute of a tensor whose name is no string");
      if (name !== "_is_buffer" && name !== "persistent") rest.items.set(name, value);
    }
    const isBuffer = dict.items.get("_is_buffer") === true;
    const target = isBuffer ? this.#adapter.makeBuffer(tensor, dict.items.get("persistent") !== false) : tensor;
    const all = isBuffer ? rest : dict;
    if (all.items.size > 0) this.#attributed.push([target, all]);
    return target;
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

function layoutOf(shape: unknown, strides: unknown, name: string): Pick<Placement, "shape" | "strides"> {
  must(
    Array.isArray(shape) && Array.isArray(strides) && shape.length === strides.length && shape.length <= mostDims,
    () => `${name}: sizes and strides of different length`,
  );
  return { shape: shape.map((value) => count(value, name)), strides: strides.map((value) => count(value, name)) };
}

function checkBounds(storage: LoadedStorage, at: Placement): void {
  const { dtype, shape, strides, offset } = at;
  const elements = Math.floor(((storage.start + storage.numel) * storage.type.itemsize) / itemsizeOf(dtype)!);
  const numel = shape.reduce((product, size) => product * size, 1);
  const end = offset + spanOf(at);
  must(Number.isSafeInteger(numel), () => `a tensor of size [${shape}] has too many elements`);
  must(
    end <= elements,
    () =>
      `a tensor of size [${shape}], stride [${strides}] and offset ${offset} needs ${end} elements, but its storage has ` +
      `${elements}`,
  );
}
