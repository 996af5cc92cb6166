/** The backends under contract, and which one is the truth: the only place that chooses. */
import { blas, withBlas } from "../../src/backends/native/compiler.ts";
import { referenceCompiler } from "../../src/backends/reference/index.ts";
import { createContext, wasmCompiler } from "../../src/backends/wasm/compiler.ts";
import { allowRelaxedSimd } from "../../src/backends/wasm/features.ts";
import { Team } from "../../src/backends/wasm/team.ts";
import { chooseThreads } from "../../src/backends/wasm/threads.ts";
import type { Heap } from "../../src/core/heap.ts";
import type { Compiler } from "../../src/ir/kernel.ts";
import { setCompiler } from "../../src/ir/runtime.ts";

/** A way to run kernels. */
export interface Backend {
  readonly name: string;
  readonly compiler: (heap: Heap) => Compiler;
  readonly threads: number;
  readonly relaxed: boolean;
}

/** A backend whose compiler, and so each of its kernels, is made once. */
function backend(name: string, factory: (heap: Heap) => Compiler, { threads = 1, relaxed = true } = {}): Backend {
  let made: Compiler | undefined;
  return { name, compiler: (heap) => (made ??= factory(heap)), threads, relaxed };
}

/** Cuts whatever can be cut, however small it is. */
class EagerTeam extends Team {
  override pieces(work: number): number {
    return work < 2 ? 1 : 4;
  }
}

/** What a kernel means: every result is measured against this one. */
export const truth: Backend = backend("reference", referenceCompiler);

/** The backend that the library ships; derivatives and in-place forms are checked on it. */
export const shipped: Backend = backend("wasm", wasmCompiler);

/** All that must agree. */
export const backends: readonly Backend[] = [truth, shipped];

let eager: Team | undefined;

/** Calls that the second thread has run. */
export const helped = (): number => eager?.helped ?? 0;

function withEagerTeam(heap: Heap): Compiler {
  eager = new EagerTeam(heap);
  return wasmCompiler(heap, createContext(heap, eager));
}

/** The shipped one on two threads, and as it is on an engine without relaxed SIMD. */
const variations = [
  backend("two threads", withEagerTeam, { threads: 2 }),
  backend("without relaxed SIMD", wasmCompiler, { relaxed: false }),
];
const library = blas();
if (typeof library === "string") console.info(`The contract is not tested with a BLAS: ${library}`);
else variations.push(backend("with BLAS", (heap) => withBlas(wasmCompiler(heap), heap, { all: 1, each: 1 })));

/** What must agree as well, whatever a machine has; in fewer layouts and dtypes, since the kernels are the same. */
export const varied: readonly Backend[] = variations;

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
  chooseThreads(target.threads);
  allowRelaxedSimd(target.relaxed);
  setCompiler(target.compiler);
}
