/** The threads of one heap: calls of kernels that any of them may run, and a main thread that runs them too. */
import { RuntimeError } from "../../core/errors.ts";
import type { Heap } from "../../core/heap.ts";
import { giveUpThreads, threadCount } from "./threads.ts";
import {
  CALL_BYTES,
  CALLS,
  CONTROL_BYTES,
  MODULES,
  MOST_ARGUMENTS,
  MOST_CALLS,
  MOST_MODULES,
  SPIN,
  startWorker,
  TABLE,
  word,
} from "./workers.ts";

/** An exported function of a kernel's module. */
export type KernelFunction = (...args: number[]) => unknown;

/** A call that touches no memory that another call of its region writes. */
export interface Call {
  readonly func: KernelFunction;
  readonly args: readonly number[];
}

/** A module whose functions workers can run. */
interface Shareable {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Its place in the table of modules, once it has one. */
  id: number | null;
}

/** A function by its module and its position among the exports. */
interface Known {
  readonly module: Shareable;
  readonly position: number;
}

/** Whether this thread may sleep: a page's main thread may not. */
function maySleep(words: Int32Array): boolean {
  try {
    Atomics.wait(words, word.done, -1, 0);
    return true;
  } catch {
    return false;
  }
}

/** What the threads share. */
class Control {
  readonly buffer: SharedArrayBuffer = new SharedArrayBuffer(CONTROL_BYTES);
  readonly words: Int32Array = new Int32Array(this.buffer);
  readonly numbers: Float64Array = new Float64Array(this.buffer);
  readonly sleeps: boolean = maySleep(this.words);
  #free = MODULES;

  /** Whether workers can find the module, which is copied at its first call. */
  place(module: Shareable): boolean {
    if (module.id !== null) return true;
    const id = this.words[word.modules]!;
    const { bytes } = module;
    if (id === MOST_MODULES || this.#free + bytes.length > CONTROL_BYTES) return false;
    new Uint8Array(this.buffer).set(bytes, this.#free);
    this.words[TABLE / 4 + 2 * id] = this.#free;
    this.words[TABLE / 4 + 2 * id + 1] = bytes.length;
    this.#free += bytes.length;
    module.id = id;
    Atomics.store(this.words, word.modules, id + 1);
    return true;
  }

  write(i: number, { module, position }: Known, args: readonly number[]): void {
    const at = CALLS + i * CALL_BYTES;
    this.words[at / 4] = module.id!;
    this.words[at / 4 + 1] = position;
    this.words[at / 4 + 2] = args.length;
    for (let k = 0; k < args.length; k++) this.numbers[at / 8 + 2 + k] = args[k]!;
  }
}

/** Runs regions of calls on the threads of a heap. */
export class Team {
  readonly #heap: Heap;
  readonly #known = new WeakMap<KernelFunction, Known>();
  #control: Control | null = null;
  #workers = 0;
  #region = 0;

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  /** Threads, the main one included. */
  get threads(): number {
    return this.#heap.shared ? threadCount() : 1;
  }

  /** Calls that other threads than the main one have run. */
  get helped(): number {
    return this.#control === null ? 0 : Atomics.load(this.#control.words, word.helped);
  }

  /** Into how many calls to cut `work` of which `worth` is the least that pays; 1: not at all. */
  pieces(work: number, worth: number, perThread = 4): number {
    if (work < worth) return 1;
    const { threads } = this;
    return threads === 1 ? 1 : Math.min(MOST_CALLS, threads * perThread);
  }

  /** Lets workers run a module's functions: those that import no JS function but `Math`'s. */
  register(bytes: Uint8Array<ArrayBuffer>, exports: WebAssembly.Exports): void {
    if (!this.#heap.shared) return;
    const module: Shareable = { bytes, id: null };
    Object.values(exports).forEach((func, position) => {
      this.#known.set(func as KernelFunction, { module, position });
    });
  }

  /** Runs all calls, in any order and on any thread, and returns when they are done. */
  run(calls: readonly Call[]): void {
    const { threads } = this;
    const control = threads > 1 && calls.length > 1 ? this.#place(calls) : null;
    if (control === null) {
      for (const { func, args } of calls) func(...args);
      return;
    }
    this.#hire(control, threads - 1);
    const { words } = control;
    Atomics.store(words, word.done, 0);
    Atomics.store(words, word.limit, threads - 1);
    Atomics.store(words, word.pages, this.#heap.reserved / 65536);
    this.#region = (this.#region + 1) & 0xffff;
    Atomics.store(words, word.claim, (this.#region << 16) | (calls.length << 8));
    if (Atomics.load(words, word.sleepers) > 0) Atomics.notify(words, word.claim);
    const error = takePart(words, calls);
    finish(control, calls.length);
    if (error !== null) throw error.reason;
    if (Atomics.exchange(words, word.failed, 0) !== 0) throw new RuntimeError("a kernel failed in a worker thread");
  }

  /** Writes the calls down for workers; null where one of them cannot be theirs. */
  #place(calls: readonly Call[]): Control | null {
    if (calls.length > MOST_CALLS) return null;
    for (const { func, args } of calls) {
      if (!this.#known.has(func) || args.length > MOST_ARGUMENTS) return null;
    }
    this.#control ??= new Control();
    const control = this.#control;
    for (const [i, { func, args }] of calls.entries()) {
      const known = this.#known.get(func)!;
      if (!control.place(known.module)) return null;
      control.write(i, known, args);
    }
    return control;
  }

  /** Starts workers, which join as soon as they can, and calls back those that stood aside. */
  #hire({ buffer, words }: Control, workers: number): void {
    while (this.#workers < workers) {
      startWorker({ memory: this.#heap.memory, control: buffer, number: this.#workers++ }, giveUpThreads);
    }
    if (words[word.limit] === workers) return;
    Atomics.store(words, word.limit, workers);
    Atomics.notify(words, word.limit);
  }
}

/** Runs calls as long as there are unclaimed ones; the first error comes back when all others are done too. */
function takePart(words: Int32Array, calls: readonly Call[]): { readonly reason: unknown } | null {
  let error: { readonly reason: unknown } | null = null;
  for (;;) {
    const claim = Atomics.load(words, word.claim);
    const next = claim & 255;
    if (next >= calls.length) return error;
    if (Atomics.compareExchange(words, word.claim, claim, claim + 1) !== claim) continue;
    try {
      calls[next]!.func(...calls[next]!.args);
    } catch (reason) {
      error ??= { reason };
    }
    Atomics.add(words, word.done, 1);
  }
}

/** Waits for calls that others have claimed. */
function finish({ words, sleeps }: Control, count: number): void {
  for (let turns = 0; Atomics.load(words, word.done) < count; turns++) {
    if (turns < SPIN || !sleeps) continue;
    Atomics.store(words, word.waiting, 1);
    const done = Atomics.load(words, word.done);
    if (done < count) Atomics.wait(words, word.done, done);
    Atomics.store(words, word.waiting, 0);
  }
}
