/** Tensors that stay in a file until they are read. */
import { check, RuntimeError } from "../core/errors.ts";
import { equalShapes } from "../core/layout.ts";
import { printsAs } from "../core/symbols.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import type { Attributes, Description, TensorAdapter } from "./adapter.ts";
import { contiguousStrides, gather, isContiguous, spanOf } from "./layouts.ts";
import type { Room } from "./room.ts";
import { itemsizeOf, storageTypeOf } from "./storage-types.ts";
import { tensors } from "./tensors.ts";

/** Puts bytes from `begin` on into what `target` gives when they are there. */
export type Fill = (begin: number, length: number, target: () => Uint8Array) => Promise<void>;

const fresh: Room = (length) => new Uint8Array(length);

/**
 * A storage whose bytes are elsewhere. Tensors that share memory in a file have the same one.
 * @example
 * using file = await torch.serialization.open("model.pt");
 * file.lazy("fc.weight").storage.nbytes // 24
 */
export class LazyStorage {
  /** What the file calls it. */
  readonly key: string;
  /** The dtype that its class gives; null for bytes. */
  readonly dtype: string | null;
  readonly nbytes: number;
  /** The device that the file tags it with. */
  readonly location: string;
  readonly #fill: Fill;

  constructor(key: string, dtype: string | null, nbytes: number, location: string, fill: Fill) {
    this.key = key;
    this.dtype = dtype;
    this.nbytes = nbytes;
    this.location = location;
    this.#fill = fill;
  }

  /** Reads bytes, little-endian, into memory that `room` gives. */
  async bytes(begin = 0, end: number = this.nbytes, room: Room = fresh): Promise<Uint8Array> {
    const bytes = room(end - begin);
    await this.fill(begin, bytes.length, () => bytes);
    return bytes;
  }

  /** Reads bytes into what `target` gives when they are there. */
  async fill(begin: number, length: number, target: () => Uint8Array): Promise<void> {
    check(begin >= 0 && begin + length <= this.nbytes, () => `${this}: bytes ${begin} to ${begin + length}`);
    if (length > 0) await this.#fill(begin, length, target);
  }

  toString(): string {
    return `LazyStorage(key='${this.key}', ${this.nbytes} bytes)`;
  }
}

printsAs(LazyStorage);

const lazyAttributes = new WeakMap<object, Attributes>();

/** What is known of a tensor before it is there. */
export interface LazyParts {
  /** `float32` */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly requiresGrad?: boolean;
  readonly isParameter?: boolean;
  /** What users have added to it. */
  readonly attributes?: Attributes;
}

/**
 * A tensor whose elements are elsewhere. `torch.save`, `torch.safetensors.saveFile`, `torch.npy.save` and `savez` take it
 * in a tensor's place and read it when its turn comes.
 * @example
 * using file = await torch.serialization.open("model.pt");
 * const weight = file.lazy("fc.weight");
 * weight.shape // [ 2, 3 ]
 * (await weight.read()).dtype // torch.float32
 */
export class LazyTensor implements Description {
  readonly storage: LazyStorage;
  /** `float32` */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** In elements. */
  readonly strides: readonly number[];
  /** In elements. */
  readonly offset: number;
  readonly requiresGrad: boolean;
  readonly isParameter: boolean;
  /** What waits to be carried out when it is read: its storage holds the conjugate, or the negative. */
  declare readonly pending?: "conj" | "neg";

  constructor(storage: LazyStorage, parts: Omit<Description, "storage">) {
    this.storage = storage;
    this.dtype = parts.dtype;
    this.shape = parts.shape;
    this.strides = parts.strides;
    this.offset = parts.offset;
    this.requiresGrad = parts.requiresGrad;
    this.isParameter = parts.isParameter;
    if (parts.pending !== undefined) this.pending = parts.pending;
  }

  /** What users have added to it. */
  get attributes(): Attributes {
    return lazyAttributes.get(this) ?? [];
  }

  /** Number of elements. */
  get numel(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }

  /** Bytes of one element. */
  get itemsize(): number {
    return itemsizeOf(this.dtype)!;
  }

  /** Bytes from its first to its last element: what reading it takes. */
  get nbytes(): number {
    return spanOf(this) * this.itemsize;
  }

  /** Whether its elements lie in row-major order without holes. */
  get contiguous(): boolean {
    return isContiguous(this);
  }

  /** Whether its elements are a part of its storage as they are. */
  get plain(): boolean {
    return this.contiguous && this.pending === undefined;
  }

  /** Reads the tensor, into a storage of its own. */
  async read(): Promise<Tensor> {
    const { dtype, shape, strides, nbytes } = this;
    if (!tensors.hasDType(dtype)) throw new RuntimeError(`a tensor of dtype ${dtype}, which Cresset has not`);
    const device = this.storage.location === "meta" ? "meta" : "cpu";
    const storage = tensors.makeStorage(nbytes, device);
    const bytes = (): Uint8Array => tensors.bytes(storage)!;
    if (device === "cpu") await this.storage.fill(this.offset * this.itemsize, nbytes, bytes);
    const at = { dtype, shape, strides, offset: 0, requiresGrad: false };
    return tensors.makeTensor(storage, this.pending === undefined ? at : { ...at, pending: this.pending }) as Tensor;
  }

  /** Reads its elements in row-major order, as bytes, into memory that `room` gives. */
  async elements(room: Room = fresh): Promise<Uint8Array> {
    const begin = this.offset * this.itemsize;
    const bytes = await this.storage.bytes(begin, begin + this.nbytes, room);
    const packed = this.contiguous ? bytes : gather(bytes, this, this.itemsize);
    if (this.pending !== undefined) flipSigns(packed, this.dtype, this.pending);
    return packed;
  }

  /** The same elements in row-major order, in a storage of their own. */
  packed(): LazyTensor {
    return lazyTensor(this, () => this.elements());
  }

  toString(): string {
    return `LazyTensor(size=(${this.shape.join(", ")}), dtype=torch.${this.dtype})`;
  }
}

printsAs(LazyTensor);

/** Carries out what is pending: of conjugates every second number is negated, in place. */
function flipSigns(bytes: Uint8Array, dtype: string, pending: "conj" | "neg"): void {
  const { numberSize } = storageTypeOf(dtype)!;
  const step = pending === "conj" ? 2 * numberSize : numberSize;
  for (let i = step - 1; i < bytes.length; i += step) bytes[i]! ^= 0x80;
}

/** What makes a tensor: the tensor, its elements as bytes, or these piece by piece. */
export type Make = () => Promise<Tensor | Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * A row-major tensor that is made when a file that holds it is written: `make` gives a tensor of this dtype and shape, its
 * elements as bytes, or their pieces one after another, of which each may be in the same memory.
 * @example await torch.save({ w: torch.serialization.lazyTensor({ dtype: "float32", shape: [2] }, async () => torch.ones(2)) }, "w.pt")
 */
export function lazyTensor(parts: LazyParts, make: Make): LazyTensor {
  const { dtype, shape, requiresGrad = false, isParameter = false, attributes = [] } = parts;
  const itemsize = itemsizeOf(dtype);
  if (itemsize === undefined) throw new TypeError(`lazyTensor(): there is no dtype ${dtype}`);
  const nbytes = shape.reduce((product, size) => product * size, itemsize);
  const storage = new LazyStorage("", dtype, nbytes, "cpu", async (begin, length, target) => {
    let made = 0;
    for await (const piece of piecesMade(make, parts)) {
      const bytes = piece.subarray(Math.max(0, begin - made), Math.max(0, begin + length - made));
      if (bytes.length > 0) target().set(bytes, Math.max(0, made - begin));
      made += piece.length;
    }
    check(made === nbytes, () => `lazyTensor(): expected ${nbytes} bytes, found ${made}`);
  });
  const strides = contiguousStrides(shape);
  const tensor = new LazyTensor(storage, { dtype, shape, strides, offset: 0, requiresGrad, isParameter });
  setLazyAttributes(tensor, attributes);
  return tensor;
}

async function* piecesMade(make: Make, parts: LazyParts): AsyncGenerator<Uint8Array> {
  const made = make();
  if (!(made instanceof Promise)) {
    yield* made;
    return;
  }
  const whole = await made;
  yield isTensor(whole) ? packedBytes(whole, parts) : whole;
}

function packedBytes(tensor: Tensor, { dtype, shape }: LazyParts): Uint8Array {
  check(
    tensor.dtype.name === dtype && equalShapes(tensor.shape, shape),
    () =>
      `lazyTensor(): expected a ${dtype} tensor of size [${shape}], found ${tensor.dtype.name} [${[...tensor.shape]}]`,
  );
  const packed = tensor.detach().contiguous();
  const begin = packed.storageOffset() * packed.itemsize;
  return tensors.bytes(packed.untypedStorage())!.subarray(begin, begin + packed.nbytes);
}

/** Notes what a file has added to a tensor, so that it is not lost where the tensor is saved again. */
export function setLazyAttributes(tensor: LazyTensor, attributes: Attributes): void {
  lazyAttributes.set(tensor, attributes);
}

/** The library's tensors and lazy ones. */
export const lazyTensors: TensorAdapter = {
  ...tensors,
  describe: (value) => (value instanceof LazyTensor ? value : tensors.describe(value)),
  describeStorage: (value) =>
    value instanceof LazyStorage ? { storage: value, dtype: value.dtype } : tensors.describeStorage(value),
  nbytes: (storage) => (storage instanceof LazyStorage ? storage.nbytes : tensors.nbytes(storage)),
  bytes: (storage) => (storage instanceof LazyStorage ? null : tensors.bytes(storage)),
  far: (storage) => (storage instanceof LazyStorage ? (room: Room) => storage.bytes(0, storage.nbytes, room) : null),
  attributes: (tensor) =>
    tensor instanceof LazyTensor ? (lazyAttributes.get(tensor) ?? []) : tensors.attributes(tensor),
};
