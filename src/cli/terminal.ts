/** Where a command writes: results to one stream, everything else to the other; colours and progress for people only. */
import { Presets, SingleBar } from "cli-progress";
import { createColors } from "picocolors";

/** A stream that may be a terminal. */
export interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** What a command sees of the world. */
export interface Surroundings {
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Colours that are empty where nobody sees them. */
export type Colors = ReturnType<typeof createColors>;

/** Tells how far a long work is. */
export interface Progress {
  /** So many more bytes are done. */
  add(bytes: number): void;
  /** Ends it; nothing stays on the screen. */
  stop(): void;
}

const silent: Progress = { add: () => {}, stop: () => {} };

/** Work that is done sooner shows no bar. */
const patience = 400;

/** One program's terminal. */
export class Terminal {
  readonly colors: Colors;
  /** Columns of the output; a wide page where it is no terminal. */
  readonly width: number;
  readonly #out: Stream;
  readonly #err: Stream;
  readonly #errColors: Colors;
  readonly #bars: boolean;

  constructor({ stdout, stderr, env }: Surroundings) {
    this.#out = stdout;
    this.#err = stderr;
    this.colors = createColors(wantsColors(stdout, env));
    this.#errColors = createColors(wantsColors(stderr, env));
    this.width = stdout.isTTY === true ? (stdout.columns ?? 80) : 160;
    this.#bars = stderr.isTTY === true && env.TERM !== "dumb";
  }

  /** A line of the result. */
  line(text = ""): void {
    this.#out.write(`${text}\n`);
  }

  /** The result as one JSON document. */
  json(value: unknown): void {
    this.#out.write(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** Text that is no result: help that was asked for. */
  raw(text: string): void {
    this.#out.write(text);
  }

  /** A remark beside the result. */
  note(text: string): void {
    this.#err.write(`${this.#errColors.yellow("note:")} ${text}\n`);
  }

  /** An error, in one line. */
  error(text: string): void {
    this.#err.write(`${this.#errColors.red("error:")} ${text}\n`);
  }

  /** Where an error came from. */
  stack(text: string): void {
    this.#err.write(`${text}\n`);
  }

  /** A bar for `total` bytes; on a terminal, and only when it takes long. */
  progress(what: string, total: number): Progress {
    if (!this.#bars || total === 0) return silent;
    const start = Date.now();
    const stream = this.#err as NodeJS.WriteStream;
    const format = `${what} {bar} {percentage}%  {eta_formatted} left`;
    let bar: SingleBar | null = null;
    let done = 0;
    return {
      add(bytes) {
        done += bytes;
        if (bar === null && Date.now() - start > patience) {
          bar = new SingleBar({ stream, format, clearOnComplete: true, hideCursor: true }, Presets.shades_classic);
          bar.start(total, done);
        }
        bar?.update(Math.min(done, total));
      },
      stop: () => bar?.stop(),
    };
  }
}

/** The conventions of https://no-color.org and FORCE_COLOR. */
function wantsColors(stream: Stream, env: Surroundings["env"]): boolean {
  if ((env.NO_COLOR ?? "") !== "") return false;
  if ((env.FORCE_COLOR ?? "") !== "") return env.FORCE_COLOR !== "0";
  return stream.isTTY === true && env.TERM !== "dumb";
}
