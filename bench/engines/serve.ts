/** What every JavaScript engine does: answer requests on stdin, one JSON line each, and time calls. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";

/** One array from the driver's folder. */
export interface Array_ {
  readonly shape: number[];
  readonly data: Float32Array | Int32Array;
}

/** A workload made ready. */
export interface Case {
  /** Runs it so many times. */
  readonly repeat: (calls: number) => void | Promise<void>;
  /** Numbers that all engines must agree on. */
  readonly check: readonly number[];
  /** Which of several ways this is. */
  readonly how?: string;
  readonly drop?: () => void;
}

/** Name, version, and how to make each workload; null where the engine has no such thing. */
export interface Engine {
  readonly name: string;
  readonly notes?: readonly string[];
  /** The BLAS it calls, where it calls one. */
  readonly blas?: string | null;
  readonly make: (workload: string) => Promise<Case | null> | Case | null;
}

const folder = process.argv[2] ?? "";
let shapes: Record<string, { shape: number[]; dtype: string }> | undefined;

/** Reads an array that the driver wrote. */
export function read(name: string): Array_ {
  shapes ??= JSON.parse(readFileSync(path.join(folder, "index.json"), "utf8")) as NonNullable<typeof shapes>;
  const entry = shapes[name];
  if (entry === undefined) throw new Error(`no data called ${name}`);
  const bytes = readFileSync(path.join(folder, `${name}.bin`));
  const own = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  return { shape: entry.shape, data: entry.dtype === "float32" ? new Float32Array(own) : new Int32Array(own) };
}

/** A few elements and the mean size: enough to tell a wrong result. */
export function digest(values: ArrayLike<number>): number[] {
  const n = values.length;
  let size = 0;
  for (let i = 0; i < n; i++) size += Math.abs(values[i]!);
  const places = [0, 1, n >> 2, (n >> 1) + 3, n - 1].map((i) => Math.min(i, n - 1));
  return [...places.map((i) => values[i]!), size / n];
}

const now = (): number => performance.now() / 1e3;

/** Mean seconds of a call, over `calls` calls. */
export async function seconds(repeat: Case["repeat"], calls: number): Promise<number> {
  const start = now();
  const pending = repeat(calls);
  if (pending !== undefined) await pending;
  return (now() - start) / calls;
}

/** Runs until V8's and WebAssembly's tiers have settled; returns about how long a call takes. */
export async function warmUp(repeat: Case["repeat"], least = 1): Promise<number> {
  const start = now();
  let one = await seconds(repeat, 1);
  for (let calls = 1, done = 1; done < 3 || now() - start < least; done += calls) {
    if (done >= 2 && now() - start > Math.max(5, least)) break;
    if (one * calls < 0.01) calls *= 2;
    one = await seconds(repeat, calls);
  }
  return one;
}

/** Seconds: a training step calls hundreds of functions, which V8 optimizes one after the other over a hundred steps. */
const settling = (workload: string): number => (workload.endsWith("_step") ? 8 : 1);

/** Of several ways to write one workload, the fastest; one far behind is not tried for long. */
export async function fastest(ways: Record<string, () => Case | Promise<Case>>): Promise<Case> {
  let best: Case | null = null;
  let bestTime = Number.POSITIVE_INFINITY;
  const failures: string[] = [];
  for (const [how, make] of Object.entries(ways)) {
    try {
      const made: Case = { ...(await make()), how };
      let time = await seconds(made.repeat, 1);
      if (time < 0.2 || time < 6 * bestTime) time = await warmUp(made.repeat, 0.3);
      if (time < bestTime) {
        best?.drop?.();
        best = made;
        bestTime = time;
      } else made.drop?.();
    } catch (error) {
      failures.push(`${how}: ${String(error).split("\n")[0]}`);
    }
  }
  if (best === null) throw new Error(failures.join("; "));
  return failures.length === 0 ? best : { ...best, how: `${best.how} (failed: ${failures.join("; ")})` };
}

interface Request {
  readonly id: number;
  readonly do: "hello" | "prepare" | "time" | "drop";
  readonly workload: string;
  readonly slice: number;
}

/** Answers the driver until it closes the pipe. */
export async function serve(engine: Engine): Promise<void> {
  let ready: Case | null = null;
  let calls = 1;
  const answer = async (request: Request): Promise<object> => {
    switch (request.do) {
      case "hello":
        return { name: engine.name, notes: engine.notes ?? [], blas: engine.blas ?? null };
      case "prepare":
        ready = await engine.make(request.workload);
        if (ready === null) return { none: true };
        calls = Math.max(1, Math.floor(request.slice / (await warmUp(ready.repeat, settling(request.workload)))));
        return { check: ready.check, how: ready.how ?? null };
      case "time":
        if (ready === null) throw new Error("nothing is prepared");
        return { seconds: await seconds(ready.repeat, calls), calls };
      case "drop":
        ready?.drop?.();
        ready = null;
        return {};
    }
  };
  // Libraries print advertisements on stdout, which here belongs to the answers.
  const write = process.stdout.write.bind(process.stdout);
  console.log = console.info = console.warn = (...args: unknown[]): void => console.error(...args);
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as Request;
    let reply: object;
    try {
      reply = await answer(request);
    } catch (error) {
      const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      reply = { error: text.split("\n").slice(0, 4).join(" | ") };
    }
    write(`${JSON.stringify({ id: request.id, ...reply })}\n`);
  }
}
