/** The one WebAssembly.Memory that all tensors live in, seen through typed arrays that nobody may keep. */
import { Blocks } from "./blocks.ts";
import { RuntimeError } from "./errors.ts";

/** Where every tensor's bytes are. */
export interface Heap {
  /** The memory itself: kernels import it. */
  readonly memory: WebAssembly.Memory;
  /** Whether the memory is shared: part of every module that imports it. */
  readonly shared: boolean;
  /**
   * Reserves at least `bytes` (> 0), aligned to 64 bytes, with arbitrary contents; returns the address, never 0.
   * Throws an OutOfMemoryError.
   */
  alloc(bytes: number): number;
  /** Gives back a reservation. */
  free(address: number): void;
  /** Windows over the whole memory, renewed after growth: read, use at once, do not keep. */
  readonly u8: Uint8Array;
  readonly i8: Int8Array;
  readonly i16: Int16Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly i64: BigInt64Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  /**
   * 4 KiB whose contents are valid until the next kernel: bytes 0 to 255 for the caller's scalars, the rest for a
   * kernel's own tables.
   */
  readonly scratch: number;
  /** Bytes in use, bytes of the memory, highest use so far, bytes that the memory may grow to. */
  readonly allocated: number;
  readonly reserved: number;
  readonly peak: number;
  readonly limit: number;
  /** Called before the memory grows past `threshold`, and before OutOfMemory: may call `free`. */
  onPressure: ((bytes: number) => void) | null;
  /** Bytes of memory that are taken from the system without asking `onPressure`. */
  threshold: number;
}

/** Sizes in bytes, rounded up to pages of 64 KiB. */
export interface HeapOptions {
  readonly initial?: number;
  /** At most 4 GiB, the default. */
  readonly maximum?: number;
  /** Whether other threads may see the memory: by default wherever the host allows it. */
  readonly shared?: boolean;
}

/** The heap cannot grow as far as a request needs. */
export class OutOfMemoryError extends RuntimeError {
  override name = "OutOfMemoryError";
}

/** Bytes of the scratch area of every heap. */
export const SCRATCH_BYTES = 4096;
/** Where a kernel's own tables begin in it. */
export const SCRATCH_TABLES = 256;

const UNIT = 64;
const PAGE = 65536;
const MAX_PAGES = 65536;
const MAX_STEP_PAGES = (256 << 20) / PAGE;
const SCRATCH = UNIT; // address 0 is never handed out, so that it can mean "none"

/** Whether a memory can be shared here: everywhere but in pages that are not isolated. */
function canShare(): boolean {
  if (typeof SharedArrayBuffer === "undefined") return false;
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  return crossOriginIsolated === true || typeof process !== "undefined";
}

/** A memory with the largest maximum that the host grants: some reserve address space for all of it at once. */
function createMemory(initial: number, maximum: number, shared: boolean): [WebAssembly.Memory, number] {
  for (let pages = maximum; ; pages = Math.max(initial, pages >> 1)) {
    try {
      return [new WebAssembly.Memory({ initial, maximum: pages, shared }), pages * PAGE];
    } catch (error) {
      if (!(error instanceof RangeError) || pages === initial) throw error;
    }
  }
}

class WasmHeap implements Heap {
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
  readonly limit: number;
  readonly scratch: number = SCRATCH;
  u8!: Uint8Array;
  i8!: Int8Array;
  i16!: Int16Array;
  u16!: Uint16Array;
  i32!: Int32Array;
  i64!: BigInt64Array;
  f32!: Float32Array;
  f64!: Float64Array;
  reserved!: number;
  onPressure: ((bytes: number) => void) | null = null;
  threshold: number = 64 << 20;
  readonly #blocks: Blocks = new Blocks((SCRATCH + SCRATCH_BYTES) / UNIT);
  #units = 0;
  #peakUnits = 0;
  #pressing = false;

  constructor(initialPages: number, maximumPages: number, shared: boolean) {
    this.shared = shared;
    [this.memory, this.limit] = createMemory(initialPages, maximumPages, shared);
    this.#renewWindows();
    this.#blocks.extend((this.reserved - SCRATCH - SCRATCH_BYTES) / UNIT);
  }

  get allocated(): number {
    return this.#units * UNIT;
  }

  get peak(): number {
    return this.#peakUnits * UNIT;
  }

  alloc(bytes: number): number {
    if (!(bytes > 0)) throw new RangeError(`a reservation has more than 0 bytes, not ${bytes}`);
    const units = Math.ceil(bytes / UNIT);
    let start = bytes <= this.reserved ? this.#blocks.take(units) : -1;
    if (start < 0) start = this.#takeAfterGrowth(units, bytes);
    this.#units += units;
    if (this.#units > this.#peakUnits) this.#peakUnits = this.#units;
    return start * UNIT;
  }

  free(address: number): void {
    const units = address % UNIT === 0 ? this.#blocks.give(address / UNIT) : -1;
    if (units < 0) throw new Error(`nothing is reserved at address ${address} (freed twice?)`);
    this.#units -= units;
  }

  #takeAfterGrowth(units: number, bytes: number): number {
    const possible = bytes <= this.limit;
    const wanted = this.#pagesFor(units);
    const asked = this.reserved + wanted * PAGE > Math.min(this.threshold, this.limit) && this.#press(bytes);
    if (asked && possible && !this.#crowded) {
      const start = this.#blocks.take(units);
      if (start >= 0) return start;
    }
    if (possible && this.#grow(units)) return this.#blocks.take(units);
    const start = possible && (asked || this.#press(bytes)) ? this.#blocks.take(units) : -1;
    if (start >= 0) return start;
    throw new OutOfMemoryError(
      `out of memory: tried to allocate ${bytes} bytes with ${this.allocated} bytes in use and a limit of ` +
        `${this.limit} bytes (${this.reserved} reserved)`,
    );
  }

  /**
   * Less than a fifth came free: growing now is cheaper than to collect again for each of the next requests.
   */
  get #crowded(): boolean {
    return this.reserved - this.allocated < this.reserved / 5;
  }

  #press(bytes: number): boolean {
    if (this.onPressure === null || this.#pressing) return false;
    this.#pressing = true;
    try {
      this.onPressure(bytes);
    } finally {
      this.#pressing = false;
    }
    return true;
  }

  /** Pages without which `units` do not fit behind what is free at the end. */
  #pagesFor(units: number): number {
    return Math.max(0, Math.ceil(((units - this.#blocks.tail) * UNIT) / PAGE));
  }

  /** Grows by a quarter, at most 256 MiB, but by what `units` need; in a tight place by no more than that. */
  #grow(units: number): boolean {
    const needed = this.#pagesFor(units);
    const room = (this.limit - this.reserved) / PAGE;
    if (needed > room) return false;
    const generous = Math.max(needed, Math.min(MAX_STEP_PAGES, Math.ceil(this.reserved / PAGE / 4)));
    return this.#growBy(Math.min(generous, room)) || this.#growBy(needed);
  }

  #growBy(pages: number): boolean {
    try {
      this.memory.grow(pages);
    } catch (error) {
      if (error instanceof RangeError) return false; // the system has no more
      throw error;
    }
    this.#renewWindows();
    this.#blocks.extend((pages * PAGE) / UNIT);
    return true;
  }

  #renewWindows(): void {
    const { buffer } = this.memory;
    this.reserved = buffer.byteLength;
    this.u8 = new Uint8Array(buffer);
    this.i8 = new Int8Array(buffer);
    this.i16 = new Int16Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.i64 = new BigInt64Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
  }
}

/** A heap of its own: 16 MiB that grow up to 4 GiB. */
export function createHeap(options: HeapOptions = {}): Heap {
  const maximum = Math.min(MAX_PAGES, Math.ceil((options.maximum ?? MAX_PAGES * PAGE) / PAGE));
  const initial = Math.min(maximum, Math.max(1, Math.ceil((options.initial ?? 16 << 20) / PAGE)));
  return new WasmHeap(initial, maximum, options.shared ?? canShare());
}
