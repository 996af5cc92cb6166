/** Which compiler turns kernels into runners, and the cache of what it made. */

import type { StoredName } from "../core/dtype.ts";
import type { Heap } from "../core/heap.ts";
import { heap } from "../core/memory.ts";
import { isReal, lower } from "./complex/lower.ts";
import { type Compiler, type Kernel, kernelKey, type Run } from "./kernel.ts";

let make: ((heap: Heap) => Compiler) | undefined;
let current: Compiler | undefined;
let cache = new Map<string, unknown>();

/** Grows each time the compiler changes, so that callers drop runners they kept. */
export let generation = 0;

/** Chooses the compiler; every kernel is compiled anew. */
export function setCompiler(factory: (heap: Heap) => Compiler): void {
  make = factory;
  current = undefined;
  cache = new Map();
  generation++;
}

/** The compiler in use, made at first need. */
export function compiler(): Compiler {
  if (current === undefined) {
    if (make === undefined) throw new Error("no compiler registered");
    current = make(heap());
  }
  return current;
}

/** The runner of a kernel, compiled at its first use; one that backends do not know is lowered to real ones. */
export function runner<K extends Kernel<StoredName>>(kernel: K): Run<K> {
  const key = kernelKey(kernel);
  let run = cache.get(key) as Run<K> | undefined;
  if (run === undefined) {
    run = isReal(kernel) ? (compiler().compile(kernel as Kernel) as Run<K>) : lower(kernel, runner);
    cache.set(key, run);
  }
  return run;
}

/**
 * What is kept of a family of kernels, found by a number such as packed dtypes: a call then need not build the kernel
 * and its text.
 */
export class Kept<T> {
  #byKey = new Map<number, T>();
  #generation: number = generation;
  #lastKey = -1;
  #last: T | undefined;

  /** What `key` stands for, made at the first use, and again for another compiler. */
  get(key: number, make: () => T): T {
    if (this.#generation !== generation) this.#forget();
    if (key === this.#lastKey) return this.#last!;
    let value = this.#byKey.get(key);
    if (value === undefined) {
      value = make();
      this.#byKey.set(key, value);
    }
    this.#lastKey = key;
    this.#last = value;
    return value;
  }

  #forget(): void {
    this.#byKey = new Map();
    this.#generation = generation;
    this.#lastKey = -1;
  }
}

/** The runners of a family of kernels, found by a number. */
export class Runners<K extends Kernel<StoredName>> {
  readonly #kept = new Kept<Run<K>>();

  /** The runner that `key` stands for; `kernel` describes it at the first use. */
  get(key: number, kernel: () => K): Run<K> {
    return this.#kept.get(key, () => runner(kernel()));
  }
}

const families = new WeakMap<object, Runners<Kernel<StoredName>>>();

/** The runners of kernels that share `owner`, such as an expression; one owner serves one skeleton only. */
export function runnersOf<K extends Kernel<StoredName>>(owner: object): Runners<K> {
  let family = families.get(owner);
  if (family === undefined) {
    family = new Runners();
    families.set(owner, family);
  }
  return family as unknown as Runners<K>;
}
