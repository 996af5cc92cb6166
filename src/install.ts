/** Installs operators as methods, and registers the platform and the compiler: the package's only side effect. */
import { installAutograd } from "./autograd/members.ts";
import { withBlas } from "./backends/native/compiler.ts";
import { wasmCompiler } from "./backends/wasm/compiler.ts";
import { createHeap } from "./core/heap.ts";
import { setPlatform } from "./core/memory.ts";
import { Tensor } from "./core/tensor.ts";
import { setCompiler } from "./ir/runtime.ts";
import { installDispose } from "./memory/scope.ts";
import { isParameter, Parameter } from "./nn/parameter.ts";
import type { Callable } from "./ops/define.ts";
import * as ops from "./ops/index.ts";
import { installMembers } from "./ops/members.ts";
import { installGenerator } from "./ops/rng.ts";
import { setParameters } from "./serialize/tensors.ts";

function method(op: Callable): (this: Tensor, ...args: unknown[]) => unknown {
  if (op.op.receiver === 0) {
    return function (...args) {
      return op(this, ...args);
    };
  }
  return function (...args) {
    return op(...args.slice(0, op.op.receiver!), this, ...args.slice(op.op.receiver!));
  };
}

function define(name: string, value: unknown): void {
  Object.defineProperty(Tensor.prototype, name, { value, writable: true, configurable: true });
}

/** Called once by the package's entry. */
export function install(): void {
  setPlatform({ createHeap: () => createHeap() });
  setCompiler((heap) => withBlas(wasmCompiler(heap), heap));
  installAutograd();
  installMembers();
  installDispose();
  installGenerator();
  setParameters({ is: isParameter, make: (data, requiresGrad) => new Parameter(data, requiresGrad) });
  for (const [name, op] of Object.entries(ops as unknown as Record<string, Callable>)) {
    if (typeof op !== "function" || op.op === undefined || op.op.receiver === null) continue;
    define(name, method(op));
    const write = op.write;
    if (op.op.inplace && write !== undefined) {
      define(`${name}_`, function (this: Tensor, ...args: unknown[]) {
        return write(this, ...args);
      });
    }
  }
}
