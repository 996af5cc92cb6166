/** The WebAssembly backend: turns kernels into runners over the heap, each kernel once. */
import type { Heap } from "../../core/heap.ts";
import { type Compiler, type Kernel, kernelKey, type Run } from "../../ir/kernel.ts";
import type { WasmContext } from "./context.ts";
import { convolution } from "./convolution.ts";
import { relaxedSimd } from "./features.ts";
import { gather } from "./gather.ts";
import { hostFunctions } from "./host.ts";
import { matmul } from "./matmul.ts";
import { pointwise } from "./pointwise.ts";
import { pool } from "./pool.ts";
import { reduce } from "./reduce.ts";
import { row } from "./row.ts";
import { scan } from "./scan.ts";
import { scatter } from "./scatter.ts";
import { sort } from "./sort.ts";
import { Team } from "./team.ts";
import { update } from "./update.ts";
import { window } from "./window.ts";

type Generate<K extends Kernel> = (kernel: K, context: WasmContext, parts: Compiler) => Run<K>;
type Generators = { readonly [K in Kernel as K["skeleton"]]: Generate<K> };

const generators: Generators = {
  pointwise,
  reduce,
  scan,
  gather,
  scatter,
  matmul,
  window,
  convolution,
  pool,
  sort,
  update,
  row,
};

/** A compiler whose kernels work on `heap`. */
export function wasmCompiler(heap: Heap, context: WasmContext = createContext(heap)): Compiler {
  const runs = new Map<string, unknown>();
  const self: Compiler = {
    name: "wasm",
    compile<K extends Kernel>(kernel: K, parts: Compiler = self): Run<K> {
      const key = kernelKey(kernel);
      let run = runs.get(key);
      if (run === undefined) {
        // The table's type ties each skeleton to its kernel, which TypeScript cannot follow through an index.
        const generate = generators[kernel.skeleton] as unknown as Generate<K>;
        run = generate(kernel, context, parts);
        runs.set(key, run);
      }
      return run as Run<K>;
    },
  };
  return self;
}

/** What kernels of one heap share. */
export function createContext(heap: Heap, team: Team = new Team(heap)): WasmContext {
  const imports = { env: { memory: heap.memory, ...hostFunctions } };
  return {
    heap,
    team,
    get relaxed() {
      return relaxedSimd();
    },
    instantiate(bytes) {
      relaxedSimd(); // sets the engine's flags, before the first module is compiled
      const module = new WebAssembly.Module(bytes);
      const { exports } = new WebAssembly.Instance(module, imports);
      if (WebAssembly.Module.imports(module).every(isEverywhere)) team.register(bytes, exports);
      return exports;
    },
  };
}

/** Whether a worker has the same import: the memory, and the functions of `Math`. */
function isEverywhere({ name, kind }: WebAssembly.ModuleImportDescriptor): boolean {
  return kind !== "function" || hostFunctions[name] === Object.getOwnPropertyDescriptor(Math, name)?.value;
}
