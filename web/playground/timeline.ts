/** The maps after the statements that ran, to go back to; follows the newest until somebody does. */
import type { Shown } from "../view/rows.ts";

/** The map after one statement. */
export interface Moment {
  readonly line: number;
  readonly shown: Shown;
}

/** Moments kept; beyond, every second of the older ones goes. */
const most = 600;

export class Timeline {
  #moments: Moment[] = [];
  /** How many there were in all. */
  #seen = 0;
  #at: number | null = null;

  get length(): number {
    return this.#moments.length;
  }

  get seen(): number {
    return this.#seen;
  }

  /** The place of the moment that is looked at. */
  get position(): number {
    return this.#at ?? this.#moments.length - 1;
  }

  get following(): boolean {
    return this.#at === null;
  }

  get moment(): Moment | null {
    return this.#moments[this.position] ?? null;
  }

  clear(): void {
    this.#moments = [];
    this.#seen = 0;
    this.#at = null;
  }

  /** Adds the map after a statement; null stands for the one before. */
  add(line: number, shown: Shown | null): void {
    const now = shown ?? this.#moments.at(-1)?.shown;
    if (now === undefined) return;
    this.#seen++;
    this.#moments.push({ line, shown: now });
    if (this.#moments.length <= most) return;
    const looked = this.#at === null ? null : this.#moments[this.#at]!;
    this.#moments = this.#moments.filter((moment, i) => i % 2 === 0 || i > most / 2 || moment === looked);
    if (looked !== null) this.#at = this.#moments.indexOf(looked);
  }

  /** Looks at another moment; at the last one it follows again. */
  go(to: number): void {
    const last = this.#moments.length - 1;
    const at = Math.min(Math.max(0, to), last);
    this.#at = at === last ? null : at;
  }
}
