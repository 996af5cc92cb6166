/** An engine: a process that stays alive for the whole run and does what it is asked. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** What an engine says after making a workload ready. */
export interface Prepared {
  readonly none?: boolean;
  readonly error?: string;
  readonly check?: readonly number[];
  readonly how?: string | null;
}

/** How an engine is started. */
export interface Command {
  readonly key: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

type Reply = Record<string, unknown>;

/** A running engine. */
export class Child {
  readonly key: string;
  name = "";
  notes: readonly string[] = [];
  blas: string | null = null;
  readonly #process: ChildProcess;
  readonly #errors: string[] = [];
  #waiting: ((reply: Reply) => void) | null = null;
  #id = 0;
  #ended: string | null = null;

  constructor(command: Command) {
    this.key = command.key;
    const env = { ...process.env, ...command.env };
    this.#process = spawn(command.program, command.args, { env, stdio: ["pipe", "pipe", "pipe"] });
    createInterface({ input: this.#process.stdout! }).on("line", (line) => this.#line(line));
    createInterface({ input: this.#process.stderr! }).on("line", (line) => {
      this.#errors.push(line);
      if (this.#errors.length > 12) this.#errors.shift();
    });
    this.#process.on("error", (error) => this.#end(error.message));
    this.#process.on("exit", (code, signal) => this.#end(`ended (${signal ?? code}): ${this.#errors.join(" | ")}`));
    this.#process.stdin!.on("error", () => {});
  }

  #line(line: string): void {
    if (!line.startsWith("{")) return;
    const reply = JSON.parse(line) as Reply;
    if (reply.id === this.#id) this.#waiting?.(reply);
  }

  #end(reason: string): void {
    this.#ended ??= reason;
    this.#waiting?.({ error: this.#ended });
  }

  #ask(request: object): Promise<Reply> {
    if (this.#ended !== null) return Promise.resolve({ error: this.#ended });
    return new Promise((resolve) => {
      this.#waiting = resolve;
      this.#process.stdin!.write(`${JSON.stringify({ id: ++this.#id, ...request })}\n`);
    });
  }

  /** Waits until it has started; the reason if it has not. */
  async hello(): Promise<string | null> {
    const reply = await this.#ask({ do: "hello" });
    if (reply.error !== undefined) return String(reply.error);
    this.name = String(reply.name);
    this.notes = reply.notes as string[];
    this.blas = (reply.blas as string | null | undefined) ?? null;
    return null;
  }

  /** Makes a workload ready: data, check values, warm-up. */
  prepare(workload: string, slice: number): Promise<Prepared> {
    return this.#ask({ do: "prepare", workload, slice });
  }

  /** One timed repetition: mean seconds per call. */
  async time(): Promise<number> {
    const reply = await this.#ask({ do: "time" });
    if (typeof reply.seconds !== "number") throw new Error(String(reply.error));
    return reply.seconds;
  }

  async drop(): Promise<void> {
    await this.#ask({ do: "drop" });
  }

  close(): void {
    this.#process.stdin!.end();
    setTimeout(() => this.#process.kill(), 2000).unref();
  }
}
