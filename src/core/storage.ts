/** Storage: the only owner of a tensor's bytes. */
import type { Device } from "./device.ts";
import { type DType, dtypes, type TypedArray } from "./dtype.ts";
import { check, RuntimeError } from "./errors.ts";
import { giveBack, type Hold, heap, place, type Slab } from "./memory.ts";
import { track } from "./scope.ts";
import { printsAs } from "./symbols.ts";

let nextPointer = 2 ** 12;

/** The addresses of storages without bytes in the heap, and of freed ones. */
const nowhere = 0;
const freed = -1;

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
  /** How many gradients that wait for their node in a running backward lie in it. */
  pending = 0;
  /** False for memory that belongs to a typed array of the user's. */
  resizable = true;
  /** The ArrayBuffer of a host storage, else null. */
  host: ArrayBufferLike | null = null;
  /** First byte within `host`. */
  hostOffset = 0;
  /** First byte in the heap: 0 for none there, -1 once freed. Kernels take it from `base`. */
  address: number = nowhere;
  /** Keeps the bytes. */
  hold: Hold | Slab | null = null;
  #pointer = 0;

  constructor(device: Device, nbytes: number) {
    this.device = device;
    this.nbytes = nbytes;
    if (nbytes === 0 || device.type === "meta") return;
    place(this, nbytes);
    track(this);
    watch(this);
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

  /** Address of the first byte in the heap; meaningless for a host storage. Throws for a freed one. */
  get base(): number {
    if (this.address === freed) {
      throw new RuntimeError("this tensor's storage was freed (by `using`, torch.scope, or a bug of the library's)");
    }
    return this.address;
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

  /**
   * A window of elements over the whole storage: use at once, do not keep (the heap may grow). A complex element is two
   * numbers.
   */
  window(dtype: DType): TypedArray {
    check(this.device.type === "cpu", () => "a tensor on the meta device has no data");
    const length = Math.floor(this.nbytes / dtype.itemsize) * (dtype.itemsize / dtype.array.BYTES_PER_ELEMENT);
    if (this.host !== null) return new dtype.array(this.host, this.hostOffset, length);
    return new dtype.array(heap().memory.buffer, this.base, length);
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
    const kept = this.device.type === "cpu" ? this.bytes().slice(0, nbytes) : null;
    this.#leave(nowhere);
    this.host = null;
    this.nbytes = nbytes;
    if (nbytes !== 0 && this.device.type !== "meta") place(this, nbytes);
    if (kept !== null) this.bytes().set(kept);
  }

  /** Moves the bytes to an ArrayBuffer that user code may keep; from then on both see each other's writes. */
  moveToHost(): void {
    if (this.host !== null) return;
    const buffer = new ArrayBuffer(this.nbytes);
    new Uint8Array(buffer).set(this.bytes());
    this.#leave(nowhere);
    this.host = buffer;
    this.hostOffset = 0;
    this.escaped = true;
  }

  /** The bytes as numbers, and what it is. */
  toString(): string {
    const head = this.device.type === "cpu" ? [...this.bytes()].map((b) => ` ${b}\n`).join("") : "";
    return `${head}[torch.storage.UntypedStorage(device=${this.device}) of size ${this.nbytes}]`;
  }

  /** Whether its bytes were given back. */
  get freed(): boolean {
    return this.address === freed;
  }

  /** Frees the bytes at once; only for storages that were never escaped and that no tensor will read again. */
  free(): void {
    if (this.hold !== null) this.#leave(freed);
  }

  #leave(address: number): void {
    const { hold } = this;
    if (hold === null) return;
    giveBack(this.address, hold);
    this.hold = null;
    this.address = address;
  }
}

printsAs(Storage);
