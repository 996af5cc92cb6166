/** `torch.scope` and `using`: memory back at a known moment, for those who want it. */
import { type Storage, watchStorages } from "../core/storage.ts";
import { isTensor, Tensor } from "../core/tensor.ts";

/** Every storage that a value holds, through lists, maps and plain objects. */
function storagesIn(value: unknown, into = new Set<Storage>(), visited = new Set<unknown>()): Set<Storage> {
  if (typeof value !== "object" || value === null || visited.has(value)) return into;
  visited.add(value);
  if (isTensor(value)) {
    into.add(value.impl.storage);
    return into;
  }
  const parts =
    value instanceof Map
      ? [...value.values()]
      : Symbol.iterator in value
        ? [...(value as Iterable<unknown>)]
        : Object.values(value);
  for (const part of parts) storagesIn(part, into, visited);
  return into;
}

/**
 * Runs `fn` and frees at once every storage made meanwhile, except those of what it returns, of parameters, buffers,
 * gradients and optimizers, and of graphs that still wait for backward. Using another tensor from inside later throws.
 * @example const loss = torch.scope(() => step(batch).item());
 */
export function scope<R>(fn: () => R): R {
  const made: Storage[] = [];
  const stop = watchStorages((storage) => made.push(storage));
  let result: R;
  try {
    result = fn();
  } finally {
    stop();
  }
  const kept = storagesIn(result);
  for (const storage of made) {
    if (!kept.has(storage) && !storage.pinned && storage.held === 0 && storage.host === null) storage.free();
  }
  return result;
}

/** Installs `Symbol.dispose` on tensors: `using x = …` frees its storage at the end of the block. */
export function installDispose(): void {
  const dispose: symbol = Symbol.dispose ?? Symbol.for("Symbol.dispose");
  Object.defineProperty(Tensor.prototype, dispose, {
    value(this: Tensor) {
      const { storage } = this.impl;
      if (!storage.pinned && storage.held === 0 && storage.host === null) storage.free();
    },
    writable: true,
    configurable: true,
  });
}
