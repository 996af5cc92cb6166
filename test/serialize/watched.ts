/** Mutated files read in a thread of their own, so that one that is read for ever is found and named. */
import { Worker } from "node:worker_threads";
import { cpuSeconds, type Findings } from "./mutations.ts";

/** What the thread is to do, and where it says how far it is. */
export interface Work {
  readonly count: number;
  readonly first: number;
  /** The seed of the file that it reads. */
  readonly seen: Int32Array;
  /** The seed of a file that it never leaves, to see that this is noticed. */
  readonly hangAt?: number;
}

/** How long the thread may be at one file. */
export interface Patience {
  /** Of the processor's time. */
  readonly seconds?: number;
  readonly hangAt?: number;
}

const script = JSON.stringify(new URL("./fuzz-worker.ts", import.meta.url).href);
/** Threads of Node 20 do not take loaders from their options. */
const loader = `import("tsx/esm/api").then(({ tsImport }) => tsImport(${script}, ${script}))`;

/** `fuzz`, and a fault where it does not come to an end. */
export async function fuzzWatched(
  count: number,
  first = 1,
  { seconds = 30, hangAt = Number.NaN }: Patience = {},
): Promise<Findings> {
  const seen = new Int32Array(new SharedArrayBuffer(4));
  const workerData: Work = { count, first, seen, hangAt };
  const worker = new Worker(loader, { eval: true, workerData });
  let last = { seed: 0, at: cpuSeconds() };
  const hangs = (what: string): Findings => {
    const faults = [{ name: "a file", seed: seen[0]!, what }];
    return { loaded: 0, refused: 0, faults };
  };
  return new Promise((done, fail) => {
    const watch = setInterval(() => {
      if (seen[0] !== last.seed) last = { seed: seen[0]!, at: cpuSeconds() };
      const spent = cpuSeconds() - last.at;
      if (last.seed === 0 || spent < seconds) return;
      done(hangs(`was not read after ${spent.toFixed(1)} s of the processor`));
      void worker.terminate();
    }, 100);
    worker.once("message", done);
    worker.once("error", fail);
    worker.once("exit", () => {
      clearInterval(watch);
      done(hangs("left a promise that never settled"));
    });
  });
}
