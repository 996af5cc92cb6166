/** The backends under contract, and which one is the truth: the only place that chooses. */
import { referenceCompiler } from "../../src/backends/reference/index.ts";
import { wasmCompiler } from "../../src/backends/wasm/compiler.ts";
import type { Heap } from "../../src/core/heap.ts";
import type { Compiler } from "../../src/ir/kernel.ts";
import { setCompiler } from "../../src/ir/runtime.ts";

/** A way to run kernels. */
export interface Backend {
  readonly name: string;
  readonly compiler: (heap: Heap) => Compiler;
}

/** A backend whose compiler, and so each of its kernels, is made once. */
function backend(name: string, factory: (heap: Heap) => Compiler): Backend {
  let made: Compiler | undefined;
  return { name, compiler: (heap) => (made ??= factory(heap)) };
}

/** What a kernel means: every result is measured against this one. */
export const truth: Backend = backend("reference", referenceCompiler);

/** The backend that the library ships; derivatives and in-place forms are checked on it. */
export const shipped: Backend = backend("wasm", wasmCompiler);

/** All that must agree. */
export const backends: readonly Backend[] = [truth, shipped];

let current: Backend | undefined;

/** Runs a body on a backend, and leaves the shipped one behind. */
export function on<R>(target: Backend, body: () => R): R {
  use(target);
  try {
    return body();
  } finally {
    use(shipped);
  }
}

function use(target: Backend): void {
  if (current === target) return;
  current = target;
  setCompiler(target.compiler);
}
