/** How many threads kernels run on, and why it is one where there cannot be more. */

const MOST_BY_DEFAULT = 8;

let chosen: number | null = null;
let failure: string | null = null;

interface Os {
  availableParallelism(): number;
}

function processors(): number {
  const os = globalThis.process?.getBuiltinModule?.("node:os") as Os | undefined;
  return os?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1;
}

let byDefault: number | null = null;

/** The threads that kernels of a shared heap run on, the main one included. */
export function threadCount(): number {
  if (failure !== null) return 1;
  byDefault ??= Math.max(1, Math.min(processors(), MOST_BY_DEFAULT));
  return chosen ?? byDefault;
}

/** Chooses the number of threads; null: as many as there are processors, up to eight. */
export function chooseThreads(count: number | null): void {
  chosen = count;
}

/** Why a heap's kernels have one thread only, or null. */
export function whyNoThreads(shared: boolean): string | null {
  if (failure !== null) return `workers do not start (${failure})`;
  if (shared) return null;
  if (typeof SharedArrayBuffer === "undefined")
    return "this page is not cross-origin isolated, so it has no shared memory";
  return "the memory is not shared";
}

/** Notes that workers cannot be had after all: from now on there is one thread. */
export function giveUpThreads(reason: string): void {
  failure ??= reason;
}
