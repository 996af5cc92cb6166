/** The thread in which mutated files are read: it can be ended when it does not end by itself. */
import { parentPort, workerData } from "node:worker_threads";
import { fuzz } from "./mutations.ts";
import type { Work } from "./watched.ts";

const { count, first, seen, hangAt } = workerData as Work;

async function run(): Promise<void> {
  const findings = await fuzz(count, first, (seed) => {
    Atomics.store(seen, 0, seed);
    while (seed === hangAt);
  });
  parentPort!.postMessage(findings);
}

void run();
