/** `torch.setNumThreads` and `torch.getNumThreads`. */
import { chooseThreads, threadCount } from "./backends/wasm/threads.ts";
import { check, typeName } from "./core/errors.ts";
import { heap } from "./core/memory.ts";

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

/** How many threads a kernel may run on. */
export function getNumThreads(): number {
  return heap().shared ? threadCount() : 1;
}
