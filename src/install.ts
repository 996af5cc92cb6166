/** Installs operators as methods, and registers the platform and the compiler: the package's only side effect. */
import { installAutograd } from "./autograd/members.ts";
import { withBlas } from "./backends/native/compiler.ts";
import { wasmCompiler } from "./backends/wasm/compiler.ts";
import { heapChecksum } from "./backends/wasm/crc32.ts";
import { setHeapChecksum } from "./core/checksum.ts";
import { createHeap } from "./core/heap.ts";
import { setPlatform } from "./core/memory.ts";
import { Tensor } from "./core/tensor.ts";
import { setCompiler } from "./ir/runtime.ts";
import { installDispose } from "./memory/scope.ts";
import type { Callable } from "./ops/define.ts";
import * as ops from "./ops/index.ts";
import { installMembers } from "./ops/members.ts";
import { installGenerator } from "./ops/rng.ts";

type Method = (this: Tensor, ...args: unknown[]) => unknown;

/** The method of an operator. Passing few arguments on one by one costs less than spreading them. */
function method(op: (...args: unknown[]) => unknown, receiver = 0): Method {
  if (receiver !== 0) {
    return function (...args) {
      return op(...args.slice(0, receiver), this, ...args.slice(receiver));
    };
  }
  return function (...args) {
    switch (args.length) {
      case 0:
        return op(this);
      case 1:
        return op(this, args[0]);
      case 2:
        return op(this, args[0], args[1]);
      default:
        return op(this, ...args);
    }
  };
}

function define(name: string, value: unknown): void {
  Object.defineProperty(Tensor.prototype, name, { value, writable: true, configurable: true });
}

/** Called once by the package's entry. */
export function install(): void {
  setPlatform({ createHeap: () => createHeap() });
  setHeapChecksum(heapChecksum);
  setCompiler((heap) => withBlas(wasmCompiler(heap), heap));
  installAutograd();
  installMembers();
  installDispose();
  installGenerator();
  for (const [name, op] of Object.entries(ops as unknown as Record<string, Callable>)) {
    if (typeof op !== "function" || op.op === undefined || op.op.receiver === null) continue;
    define(name, method(op, op.op.receiver));
    if (op.op.inplace && op.write !== undefined)
      define(`${name}_`, method(op.write as (...args: unknown[]) => unknown));
  }
}
