/** `torch.setNumThreads` and `torch.getNumThreads`. */
import { chooseThreads, threadCount } from "./backends/wasm/threads.ts";
import { type Device, device as parseDevice } from "./core/device.ts";
import { check, typeName } from "./core/errors.ts";
import { heap, relieve } from "./core/memory.ts";

/**
 * Sets how many threads a kernel may run on, the calling one included. Results do not depend on it. Where threads
 * cannot be had, `getNumThreads()` stays 1 and `torch.config.show()` says why.
 * @example torch.setNumThreads(1)
 */
export function setNumThreads(int: number): void {
  if (!Number.isInteger(int)) throw new TypeError(`set_num_threads expects an int, but got ${typeName(int)}`);
  check(int > 0, () => "set_num_threads expects a positive integer");
  chooseThreads(int);
}

/**
 * How many threads a kernel may run on.
 * @example torch.getNumThreads() >= 1 // true
 */
export function getNumThreads(): number {
  return heap().shared ? threadCount() : 1;
}

/**
 * Resolves when everything that was asked of a device is done. The CPU works at once, so this only lets memory that
 * nobody holds come back, which in a page needs a task of its own: await it (or `read()`) once per step there.
 * @example await torch.synchronize()
 */
export async function synchronize(device?: Device | string): Promise<void> {
  if (typeof device === "string") parseDevice(device);
  await relieve();
}
