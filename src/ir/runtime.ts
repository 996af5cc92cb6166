/** Which compiler turns kernels into runners, and the cache of what it made. */

import type { Heap } from "../core/heap.ts";
import { heap } from "../core/memory.ts";
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

/** The runner of a kernel, compiled at its first use. */
export function runner<K extends Kernel>(kernel: K): Run<K> {
  const key = kernelKey(kernel);
  let run = cache.get(key) as Run<K> | undefined;
  if (run === undefined) {
    run = compiler().compile(kernel);
    cache.set(key, run);
  }
  return run;
}
