/** Writes pickles of protocol 2 that PyTorch reads with `weights_only=True`: instruction by instruction what Python writes. */
import { type Complex, isComplexNumber } from "../core/complex.ts";
import { Device } from "../core/device.ts";
import { DType } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { Size } from "../core/layout.ts";
import { StateDict } from "../core/statedict.ts";
import { MemoryLayout } from "../ops/attributes.ts";
import type { Attributes, BareStorage, Description, ModuleParts, TensorAdapter } from "./adapter.ts";
import { PicklingError } from "./errors.ts";
import { op } from "./opcodes.ts";
import { PickleOutput } from "./pickle-output.ts";
import { deepest, PyFloat, PyName, PyTuple } from "./python.ts";
import { type Room, reused } from "./room.ts";
import { storageTypeOf, untyped } from "./storage-types.ts";

/** A storage that the archive must hold under its key. */
export interface SavedStorage {
  readonly key: string;
  /** Its bytes, as a view or read from where they are; throws if they changed since the pickle was written. */
  readonly data: () => Uint8Array | Promise<Uint8Array>;
}

interface Registered {
  readonly key: string;
  /** Null for bytes, which to PyTorch are uint8 here. */
  readonly dtype: string | null;
}

/** Python writes the items of lists and dicts in batches of this length. */
const batch = 1000;

/** Bits of the longest int that LONG1 holds. */
const longestInt = 8 * 255;

/** Writes one value. */
export class Pickler {
  readonly storages: SavedStorage[] = [];
  readonly #adapter: TensorAdapter;
  readonly #out: PickleOutput = new PickleOutput();
  readonly #keys: Map<object, Registered> = new Map();
  readonly #path: string[] = [];
  readonly #room: Room = reused();

  constructor(adapter: TensorAdapter) {
    this.#adapter = adapter;
  }

  /** The pickle; afterwards `storages` lists what it refers to. */
  dump(value: unknown): Uint8Array {
    this.#out.bytes(op.PROTO, 2);
    this.#save(value);
    this.#out.bytes(op.STOP);
    return this.#out.finish();
  }

  #error(what: string): PicklingError {
    return new PicklingError(`Can't pickle ${what} at obj${this.#path.join("")}`);
  }

  /** Saves a value that `step` leads to. */
  #saveAt(step: string, value: unknown): void {
    if (this.#path.length >= deepest) throw this.#error(`values nested deeper than ${deepest} levels`);
    this.#path.push(step);
    this.#save(value);
    this.#path.pop();
  }

  #save(value: unknown): void {
    switch (typeof value) {
      case "number":
      case "boolean":
      case "string":
        this.#out.scalar(value);
        break;
      case "bigint":
        // PyTorch's own reader of weights has no LONG4.
        if (value !== BigInt.asIntN(longestInt, value)) throw this.#error("an int of more than 255 bytes");
        this.#out.scalar(value);
        break;
      case "object":
        if (value === null) this.#out.bytes(op.NONE);
        else this.#saveObject(value);
        break;
      case "function":
        this.#saveFunction(value);
        break;
      default:
        throw this.#error(value === undefined ? "undefined (null is Python's None)" : `a ${typeof value}`);
    }
  }

  /** Modules are functions here; others have no place in a file. */
  #saveFunction(value: object): void {
    const parts = this.#describeModule(value);
    const known = this.#out.memo.get(value);
    if (known !== undefined) this.#out.get(known);
    else if (parts !== null) this.#saveModule(value, parts);
    else
      throw this.#error(unpicklable(value) ?? `the function ${(value as { name?: string }).name || "without a name"}`);
  }

  #describeModule(value: object): ModuleParts | null {
    try {
      return this.#adapter.modules?.describe(value) ?? null;
    } catch (error) {
      if (!(error instanceof PicklingError)) throw error;
      throw new PicklingError(`${error.message} (at obj${this.#path.join("")})`);
    }
  }

  /** `copyreg.__newobj__` and the state, as Python writes every object. */
  #saveModule(module: object, parts: ModuleParts): void {
    const out = this.#out;
    out.global(parts.module, parts.name);
    out.bytes(op.EMPTY_TUPLE, op.NEWOBJ);
    out.memoize(module);
    out.bytes(op.EMPTY_DICT);
    out.memoize(null);
    this.#saveItems(parts.state);
    out.bytes(op.BUILD);
  }

  #saveObject(value: object): void {
    const known = this.#out.memo.get(value);
    const parts = this.#adapter.describe(value);
    const bare = parts === null ? this.#adapter.describeStorage(value) : null;
    if (known !== undefined) this.#out.get(known);
    else if (parts !== null) this.#saveTensor(value, parts);
    else if (bare !== null) this.#saveStorage(bare);
    else if (value instanceof PyTuple) this.#saveTuple(value.items);
    else if (value instanceof PyFloat) this.#out.float(value.value);
    else if (value instanceof PyName) this.#out.global(value.module, value.name);
    else if (value instanceof Size) this.#saveSize(value);
    else if (Array.isArray(value)) this.#saveList(value);
    else if (value instanceof StateDict) this.#saveStateDict(value);
    else if (value instanceof Map) this.#saveDict(value, value);
    else if (value instanceof Set) this.#saveSet(value);
    else if (value instanceof Uint8Array) this.#saveBytes(value);
    else if (value instanceof DType) this.#out.global("torch", value.name);
    else if (value instanceof Device) this.#saveDevice(value);
    else if (isComplexNumber(value)) this.#saveComplex(value);
    else if (value instanceof MemoryLayout) this.#saveLayout(value);
    else this.#savePlain(value);
  }

  #savePlain(value: object): void {
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) {
      const name = value.constructor?.name || "an unknown class";
      throw this.#error(unpicklable(value) ?? `an object of class ${name}`);
    }
    if (Object.getOwnPropertySymbols(value).length > 0) throw this.#error("an object with symbols for keys");
    this.#saveDict(value, Object.entries(value));
  }

  #saveList(list: readonly unknown[]): void {
    this.#out.bytes(op.EMPTY_LIST);
    this.#out.memoize(list);
    for (let i = 0; i < list.length; i += batch) {
      const count = Math.min(batch, list.length - i);
      if (count > 1) this.#out.bytes(op.MARK);
      for (let j = i; j < i + count; j++) this.#saveAt(`[${j}]`, list[j]);
      this.#out.bytes(count > 1 ? op.APPENDS : op.APPEND);
    }
  }

  #saveTuple(items: readonly unknown[], save = (item: unknown): void => this.#save(item)): void {
    const short = [op.EMPTY_TUPLE, op.TUPLE1, op.TUPLE2, op.TUPLE3][items.length];
    if (short === undefined) this.#out.bytes(op.MARK);
    for (const item of items) save(item);
    this.#out.bytes(short ?? op.TUPLE);
    if (items.length > 0) this.#out.memoize(null);
  }

  #saveDict(owner: object, entries: Iterable<readonly [unknown, unknown]>): void {
    this.#out.bytes(op.EMPTY_DICT);
    this.#out.memoize(owner);
    this.#saveItems(entries);
  }

  #saveItems(entries: Iterable<readonly [unknown, unknown]>): void {
    const all = [...entries];
    for (let i = 0; i < all.length; i += batch) {
      const part = all.slice(i, i + batch);
      if (part.length > 1) this.#out.bytes(op.MARK);
      for (const [key, value] of part) {
        this.#saveKey(key);
        this.#saveAt(step(key), value);
      }
      this.#out.bytes(part.length > 1 ? op.SETITEMS : op.SETITEM);
    }
  }

  /** Python's keys must be hashable: an array becomes a tuple. */
  #saveKey(key: unknown): void {
    const hashable = typeof key !== "object" || key === null || Array.isArray(key) || isAtom(key);
    if (!hashable) throw this.#error(`an object as a key (of class ${key.constructor?.name})`);
    if (this.#path.length >= deepest) throw this.#error(`keys nested deeper than ${deepest} levels`);
    this.#path.push("(key)");
    if (Array.isArray(key) && !(key instanceof Size)) this.#saveTuple(key, (item) => this.#saveKey(item));
    else this.#save(key);
    this.#path.pop();
  }

  #saveStateDict(dict: StateDict<unknown>): void {
    this.#saveOrdered(dict, dict);
    const metadata: unknown = dict._metadata;
    if (metadata === undefined) return;
    this.#out.bytes(op.EMPTY_DICT);
    this.#out.memoize(null);
    this.#out.scalar("_metadata");
    if (metadata instanceof Map && !this.#out.memo.has(metadata)) this.#saveOrdered(metadata, metadata);
    else this.#saveAt("._metadata", metadata);
    this.#out.bytes(op.SETITEM, op.BUILD);
  }

  #saveOrdered(dict: object, entries: Iterable<readonly [unknown, unknown]>): void {
    this.#emptyOrdered(dict);
    this.#saveItems(entries);
  }

  #emptyOrdered(owner: object | null): void {
    this.#out.global("collections", "OrderedDict");
    this.#out.bytes(op.EMPTY_TUPLE, op.REDUCE);
    this.#out.memoize(owner);
  }

  #saveSet(set: ReadonlySet<unknown>): void {
    this.#out.global("__builtin__", "set");
    this.#out.bytes(op.EMPTY_LIST);
    this.#out.memoize(null);
    if (set.size > 1) this.#out.bytes(op.MARK);
    for (const member of set) this.#saveKey(member);
    if (set.size > 0) this.#out.bytes(set.size > 1 ? op.APPENDS : op.APPEND);
    this.#out.bytes(op.TUPLE1);
    this.#out.memoize(null);
    this.#reduce(set);
  }

  #saveBytes(bytes: Uint8Array): void {
    this.#out.global("_codecs", "encode");
    this.#out.latin1(bytes);
    this.#out.scalar("latin1");
    this.#out.bytes(op.TUPLE2);
    this.#out.memoize(null);
    this.#reduce(bytes);
  }

  #saveSize(size: Size): void {
    this.#out.global("torch", "Size");
    this.#saveTuple([...size]);
    this.#out.bytes(op.TUPLE1);
    this.#out.memoize(null);
    this.#reduce(size);
  }

  #saveDevice(device: Device): void {
    this.#out.global("torch", "device");
    this.#saveTuple(device.index === null ? [device.type] : [device.type, device.index]);
    this.#reduce(device);
  }

  #saveLayout(layout: MemoryLayout): void {
    this.#out.global("torch.serialization", "_get_layout");
    this.#saveTuple([String(layout)]);
    this.#reduce(layout);
  }

  #reduce(owner: object | null): void {
    this.#out.bytes(op.REDUCE);
    this.#out.memoize(owner);
  }

  #saveTensor(tensor: object, parts: Description): void {
    const attributes = this.#adapter.attributes(tensor);
    if (parts.isParameter) this.#saveParameter(tensor, parts, attributes);
    else if (attributes.length > 0) this.#saveTyped(tensor, parts, attributes);
    else this.#rebuild(tensor, parts, parts.requiresGrad);
  }

  /** `_rebuild_parameter(data, requires_grad, OrderedDict())` around the data, with its attributes as a fourth. */
  #saveParameter(parameter: object, parts: Description, attributes: Attributes): void {
    const out = this.#out;
    const plain = attributes.length === 0;
    out.global("torch._utils", plain ? "_rebuild_parameter" : "_rebuild_parameter_with_state");
    if (!plain) out.bytes(op.MARK);
    this.#rebuild(null, parts, false);
    out.scalar(parts.requiresGrad);
    this.#emptyOrdered(null);
    if (!plain) this.#saveState(attributes);
    out.bytes(plain ? op.TUPLE3 : op.TUPLE);
    out.memoize(null);
    this.#reduce(parameter);
  }

  /** `_rebuild_from_type_v2(function, torch.Tensor, arguments, attributes)` */
  #saveTyped(tensor: object, parts: Description, attributes: Attributes): void {
    const out = this.#out;
    out.global("torch._tensor", "_rebuild_from_type_v2");
    out.bytes(op.MARK);
    this.#saveRebuilder(parts);
    out.global("torch", "Tensor");
    this.#saveArguments(parts, parts.requiresGrad);
    this.#saveState(attributes);
    out.bytes(op.TUPLE);
    out.memoize(null);
    this.#reduce(tensor);
  }

  #saveState(attributes: Attributes): void {
    this.#out.bytes(op.EMPTY_DICT);
    this.#out.memoize(null);
    this.#saveItems(attributes);
  }

  #rebuild(owner: object | null, parts: Description, requiresGrad: boolean): void {
    this.#saveRebuilder(parts);
    this.#saveArguments(parts, requiresGrad);
    this.#reduce(owner);
  }

  /** `complex(re, im)` */
  #saveComplex({ re, im }: Complex): void {
    const out = this.#out;
    out.global("__builtin__", "complex");
    out.float(re);
    out.float(im);
    out.bytes(op.TUPLE2);
    out.memoize(null);
    this.#reduce(null);
  }

  #hasBytes({ storage }: BareStorage): boolean {
    return this.#adapter.far(storage) !== null || this.#adapter.bytes(storage) !== null;
  }

  #saveRebuilder(parts: Description): void {
    const older = storageTypeOf(parts.dtype) === undefined ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2";
    this.#out.global("torch._utils", this.#hasBytes(parts) ? older : "_rebuild_meta_tensor_no_storage");
  }

  /**
   * `(storage, offset, size, stride, requires_grad, OrderedDict())`, with the dtype as a seventh where no storage class
   * tells it; or `(dtype, size, stride, requires_grad)`.
   */
  #saveArguments(parts: Description, requiresGrad: boolean): void {
    const out = this.#out;
    const real = this.#hasBytes(parts);
    const newer = real && storageTypeOf(parts.dtype) === undefined;
    out.bytes(op.MARK);
    if (real) {
      this.#saveStorage(newer ? { storage: parts.storage, dtype: null } : parts);
      out.scalar(parts.offset);
    } else {
      out.global("torch", parts.dtype);
    }
    this.#saveTuple(parts.shape);
    this.#saveTuple(parts.strides);
    out.scalar(requiresGrad);
    if (real) this.#emptyOrdered(null);
    if (newer) out.global("torch", parts.dtype);
    if (parts.pending !== undefined) this.#savePending(parts.pending);
    out.bytes(op.TUPLE);
    out.memoize(null);
  }

  /** Metadata that says which view of its storage a tensor is: `{"conj": True}` */
  #savePending(pending: string): void {
    this.#out.bytes(op.EMPTY_DICT);
    this.#out.memoize(null);
    this.#out.scalar(pending);
    this.#out.scalar(true);
    this.#out.bytes(op.SETITEM);
  }

  #saveStorage(parts: BareStorage): void {
    const type = parts.dtype === null ? untyped : storageTypeOf(parts.dtype)!;
    if (!this.#hasBytes(parts)) throw this.#error("a storage of a device without memory");
    const numel = Math.floor(this.#adapter.nbytes(parts.storage) / type.itemsize);
    const key = this.#register(parts, numel * type.itemsize);
    const out = this.#out;
    out.bytes(op.MARK);
    out.scalar("storage");
    out.global(type === untyped ? "torch.storage" : "torch", type.name);
    out.key(key);
    out.scalar("cpu");
    out.scalar(numel);
    out.bytes(op.TUPLE);
    out.memoize(null);
    out.bytes(op.BINPERSID);
  }

  #register({ storage, dtype }: BareStorage, nbytes: number): string {
    const known = this.#keys.get(storage);
    if (known !== undefined) {
      check(
        (known.dtype ?? "uint8") === (dtype ?? "uint8"),
        () => "Cannot save multiple tensors or storages that view the same data as different types",
      );
      return known.key;
    }
    const key = String(this.#keys.size);
    this.#keys.set(storage, { key, dtype });
    const adapter = this.#adapter;
    const far = adapter.far(storage);
    if (far !== null) {
      this.storages.push({ key, data: () => far(this.#room) });
      return key;
    }
    const writes = adapter.writes(storage);
    const where = `obj${this.#path.join("")}`;
    const data = (): Uint8Array => {
      check(
        adapter.writes(storage) === writes,
        () => `save(): the tensor at ${where} was written to before the file was complete; await save() first`,
      );
      return adapter.bytes(storage)!.subarray(0, nbytes);
    };
    this.storages.push({ key, data });
    return key;
  }
}

/** Values that Python can hash. */
const isAtom = (value: object): boolean =>
  value instanceof DType || value instanceof Device || value instanceof Size || value instanceof Uint8Array;

/** How a key shows in a path. */
function step(key: unknown): string {
  if (typeof key !== "string") return `[${String(key)}]`;
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

/** What to save instead of an object that has a state dict. */
function unpicklable(value: object): string | null {
  if (!("stateDict" in value) || typeof value.stateDict !== "function") return null;
  const name = value.constructor?.name;
  return `a whole ${name}, whose class a file cannot hold; save its stateDict() instead`;
}
