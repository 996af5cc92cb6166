/** The default generator and its state: `torch.manualSeed` and the namespace `torch.random`. */
import { uint8 } from "../core/dtype.ts";
import { defaultGenerator, Generator } from "../core/generator.ts";
import { escape } from "../core/scope.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import { emptyTensor } from "./operands.ts";

export { defaultGenerator } from "../core/generator.ts";

/**
 * Starts the default generator anew from a seed, and returns it. Draws are then PyTorch's for the same seed.
 * @example
 * torch.manualSeed(0);
 * torch.rand(1) // tensor([0.4963])
 */
export function manualSeed(seed: number | bigint): Generator {
  return defaultGenerator.manualSeed(seed);
}

/**
 * Starts the default generator anew from a seed that nobody can foresee, and returns that seed.
 * @example typeof torch.random.seed() // 'bigint'
 */
export function seed(): bigint {
  return defaultGenerator.seed();
}

/**
 * The seed that the default generator's draws started from.
 * @example torch.random.initialSeed() // 0n
 */
export function initialSeed(): bigint {
  return defaultGenerator.initialSeed();
}

/**
 * The default generator's state, as a uint8 tensor.
 * @example
 * const state = torch.getRngState();
 * const first = torch.rand(1);
 * torch.setRngState(state);
 * torch.equal(torch.rand(1), first) // true
 */
export function getRngState(): Tensor {
  return defaultGenerator.getState();
}

/**
 * Continues from a state that `getRngState` gave.
 * @throws RuntimeError for bytes that are no state.
 * @example torch.random.setRngState(torch.random.getRngState());
 */
export function setRngState(newState: Tensor): void {
  defaultGenerator.setState(newState);
}

/** What `forkRng` gives without a function: the old state comes back when it is disposed. */
export interface RngFork {
  [Symbol.dispose](): void;
}

/**
 * Runs a function, and then gives the default generator the state that it had before.
 * @example const sample = torch.random.forkRng(() => torch.rand(3))
 */
export function forkRng(): RngFork;
export function forkRng<R>(fn: () => R): R;
export function forkRng(fn?: () => unknown): unknown {
  const before = defaultGenerator.stateBytes();
  const restore = (): void => {
    defaultGenerator.setStateBytes(before);
  };
  if (fn === undefined) return { [Symbol.dispose]: restore };
  let result: unknown;
  try {
    result = fn();
  } catch (error) {
    restore();
    throw error;
  }
  if (result instanceof Promise) return result.finally(restore);
  restore();
  return result;
}

function toTensor(bytes: Uint8Array): Tensor {
  const out = emptyTensor([bytes.length], uint8);
  out.impl.storage.bytes().set(bytes);
  escape(out);
  return out;
}

/**
 * Gives generators their state as tensors; `index.ts` calls it once.
 * @internal
 */
export function installGenerator(): void {
  Generator.prototype.getState = function () {
    return toTensor(this.stateBytes());
  };
  Generator.prototype.setState = function (state) {
    if (!isTensor(state) || state.dtype !== uint8 || state.device.type !== "cpu") {
      throw new TypeError("RNG state must be a torch.ByteTensor");
    }
    const { storage, layout } = state.contiguous().impl;
    return this.setStateBytes(storage.bytes().slice(layout.offset, layout.offset + layout.numel));
  };
}
