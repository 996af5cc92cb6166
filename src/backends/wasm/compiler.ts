/** The WebAssembly backend: turns kernels into runners over the heap, each kernel once. */
import type { Heap } from "../../core/heap.ts";
import { type Compiler, type Kernel, kernelKey, type Run } from "../../ir/kernel.ts";
import type { WasmContext } from "./context.ts";
import { relaxedSimd } from "./features.ts";
import { gather } from "./gather.ts";
import { hostFunctions } from "./host.ts";
import { matmul } from "./matmul.ts";
import { pointwise } from "./pointwise.ts";
import { pool } from "./pool.ts";
import { reduce } from "./reduce.ts";
import { scan } from "./scan.ts";
import { scatter } from "./scatter.ts";
import { sort } from "./sort.ts";
import { window } from "./window.ts";

type Generators = { readonly [K in Kernel as K["skeleton"]]: (kernel: K, context: WasmContext) => Run<K> };

const generators: Generators = { pointwise, reduce, scan, gather, scatter, matmul, window, pool, sort };

/** A compiler whose kernels work on `heap`. */
export function wasmCompiler(heap: Heap): Compiler {
  const runs = new Map<string, unknown>();
  const context = createContext(heap);
  return {
    name: "wasm",
    compile<K extends Kernel>(kernel: K): Run<K> {
      const key = kernelKey(kernel);
      let run = runs.get(key);
      if (run === undefined) {
        // The table's type ties each skeleton to its kernel, which TypeScript cannot follow through an index.
        const generate = generators[kernel.skeleton] as unknown as (kernel: K, context: WasmContext) => Run<K>;
        run = generate(kernel, context);
        runs.set(key, run);
      }
      return run as Run<K>;
    },
  };
}

/** What kernels of one heap share. */
export function createContext(heap: Heap): WasmContext {
  const imports = { env: { memory: heap.memory, ...hostFunctions } };
  return {
    heap,
    get relaxed() {
      return relaxedSimd();
    },
    instantiate(bytes) {
      relaxedSimd(); // sets the engine's flags, before the first module is compiled
      return new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports;
    },
  };
}
