/** What a program prints, sent line by line until there are too many, then in batches, so that the page can keep up. */
import type { Line, Told } from "./messages.ts";

/** Lines sent at once in each span of so many milliseconds; more of them wait for its end. */
const mostAtOnce = 100;
const span = 250;
/** Lines that the page keeps, so that older ones of a batch need not be sent. */
const mostWaiting = 1000;
const longest = 20_000;

const cut = (text: string): string =>
  text.length <= longest ? text : `${text.slice(0, longest)}… and ${text.length - longest} more characters`;

export class Printer {
  readonly #tell: (told: Told) => void;
  #waiting: Line[] = [];
  #began = Number.NEGATIVE_INFINITY;
  #sent = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(tell: (told: Told) => void) {
    this.#tell = tell;
  }

  print(line: Line): void {
    this.#waiting.push({ ...line, text: cut(line.text) });
    const now = performance.now();
    if (now - this.#began > span) {
      this.#began = now;
      this.#sent = 0;
    }
    if (this.#sent++ < mostAtOnce) {
      this.flush();
      return;
    }
    if (this.#waiting.length >= 2 * mostWaiting) this.#waiting = this.#waiting.slice(-mostWaiting);
    // A loop that never awaits fires no timer; its next line after the span takes the others along.
    this.#timer ??= setTimeout(() => this.flush(), span);
  }

  /** Sends what waits. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#waiting.length > 0) this.#tell({ kind: "print", lines: this.#waiting.slice(-mostWaiting) });
    this.#waiting = [];
  }
}
