/** Storage: the only owner of a tensor's bytes. */
import type { Device } from "./device.ts";
import { type DType, dtypes, type TypedArray } from "./dtype.ts";
import { check, RuntimeError } from "./errors.ts";
import { giveBack, heap, type Place, place } from "./memory.ts";
import { track } from "./scope.ts";
import { printsAs } from "./symbols.ts";

let nextPointer = 2 ** 12;

const nowhere: Place = { address: 0, slab: null };
/** Where a freed storage lies: reading its address is a bug of the library's, and says so. */
const freed: Place = {
  get address(): number {
    throw new RuntimeError("this tensor's storage was freed (by `using`, torch.scope, or a bug of the library's)");
  },
  slab: null,
};

/** Who wants to know of new storages: user scopes, and reports by stack. */
const watchers = new Set<(storage: Storage) => void>();

function watch(storage: Storage): void {
  if (watchers.size > 0) for (const watcher of watchers) watcher(storage);
}

/** Calls `watcher` with every storage made from now on; the result ends that. */
export function watchStorages(watcher: (storage: Storage) => void): () => void {
  watchers.add(watcher);
  return () => void watchers.delete(watcher);
}

/**
 * A block of bytes on a device. Tensors that share memory hold the same Storage. A *host storage* owns an ArrayBuffer
 * that user code sees too; kernels copy it in and out.
 */
export class Storage {
  readonly device: Device;
  /** Size in bytes. */
  nbytes: number;
  /** Writes so far through any tensor, also through `.data`. */
  writes = 0;
  /** Whether user code may hold it: then only collection frees it. */
  escaped = false;
  /** Whether a module, an optimizer or a leaf's gradient owns it: then `torch.scope` leaves it alone. */
  pinned = false;
  /** How many recorded nodes saved it. */
  held = 0;
  /** False for memory that belongs to a typed array of the user's. */
  resizable = true;
  /** The ArrayBuffer of a host storage, else null. */
  host: ArrayBufferLike | null = null;
  /** First byte within `host`. */
  hostOffset = 0;
  #place: Place;
  #pointer = 0;

  constructor(device: Device, nbytes: number) {
    this.device = device;
    this.nbytes = nbytes;
    this.#place = nbytes === 0 || device.type === "meta" ? nowhere : place(this, nbytes);
    if (this.#place !== nowhere) {
      track(this);
      watch(this);
    }
  }

  /** A host storage over a user's memory. */
  static over(device: Device, buffer: ArrayBufferLike, byteOffset: number, nbytes: number): Storage {
    const storage = new Storage(device, 0);
    storage.nbytes = nbytes;
    storage.host = buffer;
    storage.hostOffset = byteOffset;
    storage.resizable = false;
    storage.escaped = true;
    return storage;
  }

  /** Address of the first byte in the heap; meaningless for a host storage. */
  get address(): number {
    return this.#place.address;
  }

  /** A number unique per live storage, in bytes; stays when the memory moves. */
  dataPtr(): number {
    if (this.#pointer === 0) {
      this.#pointer = nextPointer;
      nextPointer += Math.max(64, Math.ceil(this.nbytes / 64) * 64);
    }
    return this.#pointer;
  }

  /** Size in bytes. */
  size(): number {
    return this.nbytes;
  }

  /** A window of elements over the whole storage: use at once, do not keep (the heap may grow). */
  window(dtype: DType): TypedArray {
    check(this.device.type === "cpu", () => "a tensor on the meta device has no data");
    const length = Math.floor(this.nbytes / dtype.itemsize);
    if (this.host !== null) return new dtype.array(this.host, this.hostOffset, length);
    return new dtype.array(heap().memory.buffer, this.address, length);
  }

  /** The bytes: use at once, do not keep. */
  bytes(): Uint8Array {
    return this.window(dtypes.uint8) as Uint8Array;
  }

  /** An independent copy of the bytes, on the same device. */
  clone(): Storage {
    const copy = new Storage(this.device, this.nbytes);
    if (this.device.type === "cpu") copy.bytes().set(this.bytes());
    return copy;
  }

  /** Grows or shrinks to `nbytes`, keeping the bytes that both sizes have. */
  resize(nbytes: number): void {
    check(this.resizable, () => "Trying to resize storage that is not resizable");
    const old = this.#place;
    const kept = this.device.type === "cpu" ? this.bytes().slice(0, nbytes) : null;
    const oldBytes = this.nbytes;
    this.host = null;
    this.nbytes = nbytes;
    this.#place = nbytes === 0 || this.device.type === "meta" ? nowhere : place(this, nbytes);
    if (kept !== null) this.bytes().set(kept);
    if (old !== nowhere) giveBack(old, oldBytes);
  }

  /** Moves the bytes to an ArrayBuffer that user code may keep; from then on both see each other's writes. */
  moveToHost(): void {
    if (this.host !== null) return;
    const buffer = new ArrayBuffer(this.nbytes);
    new Uint8Array(buffer).set(this.bytes());
    const old = this.#place;
    this.#place = nowhere;
    this.host = buffer;
    this.hostOffset = 0;
    this.escaped = true;
    if (old !== nowhere) giveBack(old, this.nbytes);
  }

  /** The bytes as numbers, and what it is. */
  toString(): string {
    const head = this.device.type === "cpu" ? [...this.bytes()].map((b) => ` ${b}\n`).join("") : "";
    return `${head}[torch.storage.UntypedStorage(device=${this.device}) of size ${this.nbytes}]`;
  }

  /** Whether its bytes were given back. */
  get freed(): boolean {
    return this.#place === freed;
  }

  /** Frees the bytes at once; only for storages that were never escaped and that no tensor will read again. */
  free(): void {
    if (this.#place === nowhere || this.#place === freed) return;
    const old = this.#place;
    this.#place = freed;
    giveBack(old, this.nbytes);
  }
}

printsAs(Storage);
