/** Worker threads: the program that they run, the words that they share with the main thread, and their start. */

/** Places of the words at the beginning of the control block. */
export const word = {
  /** Number of the region, how many calls it has, and the next one that nobody has claimed: 16, 8 and 8 bits. */
  claim: 0,
  /** Calls of the region that are done. */
  done: 1,
  /** Workers with this number or a higher one stand aside. */
  limit: 2,
  /** Workers that wait for the claim to change. */
  sleepers: 3,
  /** Whether the main thread waits for `done` to change. */
  waiting: 4,
  /** Whether a call failed in a worker. */
  failed: 5,
  /** Pages of the heap that the region's calls may touch. */
  pages: 6,
  /** Modules in the table. */
  modules: 7,
  /** Calls that workers have run, in all regions. */
  helped: 8,
} as const;

/** Most calls of a region: their number is a byte of the claim. */
export const MOST_CALLS = 128;
/** Most arguments of a call. */
export const MOST_ARGUMENTS = 14;
/** Bytes of a call: module, position of the export, number of arguments, and from byte 16 on the arguments. */
export const CALL_BYTES = 128;
/** Where the calls begin. */
export const CALLS = 128;
/** Where the table of modules begins: the place and length of each one's bytes. */
export const TABLE: number = CALLS + MOST_CALLS * CALL_BYTES;
export const MOST_MODULES = 4096;
/** Where the modules' bytes begin. */
export const MODULES: number = TABLE + MOST_MODULES * 8;
export const CONTROL_BYTES: number = 8 * 2 ** 20;

/** Turns of looking for work before a worker sleeps: about 0.1 ms. */
export const SPIN = 20_000;

/** What a worker needs to know. */
export interface WorkerData {
  readonly memory: WebAssembly.Memory;
  readonly control: SharedArrayBuffer;
  readonly number: number;
}

/**
 * A worker never returns to its event loop: modules and calls come through the control block. It looks at a call and
 * compiles its module before it claims it, so that nobody ever waits for a compilation or for a worker still starting.
 * A memory that another thread has grown is renewed by growing it by nothing: some engines bound `memory.fill` by a
 * size they remember.
 */
const program = `
"use strict";
function work({ memory, control, number }) {
  const words = new Int32Array(control);
  const numbers = new Float64Array(control);
  const env = { memory };
  for (const name of Object.getOwnPropertyNames(Math)) env[name] = Math[name];
  const modules = [];
  function exportsOf(id) {
    if (modules[id] === undefined) {
      const at = ${TABLE / 4} + 2 * id;
      const bytes = new Uint8Array(control, words[at], words[at + 1]).slice();
      modules[id] = Object.values(new WebAssembly.Instance(new WebAssembly.Module(bytes), { env }).exports);
    }
    return modules[id];
  }
  function prepare(next) {
    const id = words[(${CALLS} + next * ${CALL_BYTES}) >> 2];
    if (id < Atomics.load(words, ${word.modules})) exportsOf(id);
  }
  function run(next) {
    const at = ${CALLS} + next * ${CALL_BYTES};
    const first = (at + 16) >> 3;
    const count = words[(at >> 2) + 2];
    try {
      exportsOf(words[at >> 2])[words[(at >> 2) + 1]](...numbers.subarray(first, first + count));
    } catch {
      Atomics.store(words, ${word.failed}, 1);
    }
    Atomics.add(words, ${word.helped}, 1);
    Atomics.add(words, ${word.done}, 1);
    if (Atomics.load(words, ${word.waiting}) === 1) Atomics.notify(words, ${word.done});
  }
  function ready() {
    const pages = Atomics.load(words, ${word.pages});
    if (memory.buffer.byteLength / 65536 < pages) memory.grow(0);
    return memory.buffer.byteLength / 65536 >= pages;
  }
  for (let turns = 0; ; turns++) {
    const claim = Atomics.load(words, ${word.claim});
    const next = claim & 255;
    const limit = Atomics.load(words, ${word.limit});
    if (number >= limit) {
      Atomics.wait(words, ${word.limit}, limit);
    } else if (next < ((claim >>> 8) & 255)) {
      if (!ready()) continue;
      prepare(next);
      if (Atomics.compareExchange(words, ${word.claim}, claim, claim + 1) === claim) run(next);
      turns = 0;
    } else if (turns > ${SPIN}) {
      Atomics.add(words, ${word.sleepers}, 1);
      Atomics.wait(words, ${word.claim}, claim);
      Atomics.sub(words, ${word.sleepers}, 1);
      turns = 0;
    }
  }
}
`;

interface NodeWorker {
  unref(): void;
  on(event: "error", listener: (error: Error) => void): void;
}

interface WorkerThreads {
  Worker: new (
    source: string,
    options: { eval: true; workerData: WorkerData; execArgv: string[]; name: string },
  ) => NodeWorker;
}

/** Starts a worker that keeps no process alive; `failed` is told why if it does not start, now or later. */
export function startWorker(data: WorkerData, failed: (reason: string) => void): void {
  const threads = globalThis.process?.getBuiltinModule?.("node:worker_threads") as WorkerThreads | undefined;
  try {
    if (threads === undefined) startInPage(data, failed);
    else startInNode(threads, data, failed);
  } catch (error) {
    failed(error instanceof Error ? error.message : String(error));
  }
}

function startInNode({ Worker }: WorkerThreads, data: WorkerData, failed: (reason: string) => void): void {
  const source = `${program}\nwork(require("node:worker_threads").workerData);`;
  // The program's own flags may name loaders that a worker should not run.
  const worker = new Worker(source, { eval: true, workerData: data, execArgv: [], name: "cresset" });
  worker.on("error", ({ message }) => failed(message));
  worker.unref();
}

function startInPage(data: WorkerData, failed: (reason: string) => void): void {
  const source = `${program}\nonmessage = ({ data }) => work(data);`;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url, { name: "cresset" });
  worker.onerror = ({ message }) => failed(message || "a worker from a blob URL was refused");
  worker.postMessage(data);
}
