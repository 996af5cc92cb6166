/** A long list that keeps only the rows in sight in the page; one tab stop, moved through by keys. */
import { html, nothing, render, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";

/** What a list shows of each row. */
export interface GridSource<R> {
  readonly label: string;
  readonly heads: readonly string[];
  keyOf(row: R): string;
  heightOf(row: R): number;
  /** The cells of a row, each a `role="gridcell"`. */
  cells(row: R, barWidth: number): TemplateResult;
  /** Attributes that say where a row stands in the tree. */
  levelOf(row: R): { level: number; expanded: boolean | null; tone: string };
  onSelect(row: R | null): void;
  onToggle(row: R, open: boolean): void;
}

/** Rows drawn beyond both edges, so that scrolling by a step shows no gap. */
const spare = 8;

export class Grid<R> {
  readonly #host: HTMLElement;
  readonly #source: GridSource<R>;
  #rows: readonly R[] = [];
  /** Where each row begins, and the end of the last. */
  #tops: number[] = [0];
  #active: string | null = null;
  #barWidth = 320;
  #asked = false;

  constructor(host: HTMLElement, source: GridSource<R>) {
    this.#host = host;
    this.#source = source;
    host.addEventListener("scroll", () => this.#ask(), { passive: true });
    host.addEventListener("keydown", (event) => this.#onKey(event));
    new ResizeObserver(() => this.#ask()).observe(host);
  }

  get rows(): readonly R[] {
    return this.#rows;
  }

  /** Shows other rows; the active one stays if it is still there. */
  show(rows: readonly R[]): void {
    this.#rows = rows;
    this.#tops = [0];
    for (const row of rows) this.#tops.push(this.#tops.at(-1)! + this.#source.heightOf(row));
    if (this.#active !== null && this.#index() < 0) this.select(null);
    this.#draw();
  }

  /** Makes a row the active one and brings it into sight. */
  select(row: R | null): void {
    this.#active = row === null ? null : this.#source.keyOf(row);
    this.#source.onSelect(row);
    if (row !== null) this.#reveal(this.#index());
    this.#draw();
  }

  focus(): void {
    this.#host.querySelector<HTMLElement>("[role=treegrid]")?.focus();
  }

  /** Draws again, for instance after a change of colours. */
  refresh(): void {
    this.#ask();
  }

  #index(): number {
    return this.#rows.findIndex((row) => this.#source.keyOf(row) === this.#active);
  }

  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.#draw();
    });
  }

  /** The row at a height, by halving. */
  #rowAt(y: number): number {
    let [low, high] = [0, this.#rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#tops[middle + 1]! <= y) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #reveal(index: number): void {
    const head = this.#host.querySelector<HTMLElement>(".heads")?.offsetHeight ?? 0;
    const [top, bottom] = [this.#tops[index]!, this.#tops[index + 1]!];
    const { scrollTop, clientHeight } = this.#host;
    if (top < scrollTop) this.#host.scrollTop = top;
    else if (bottom > scrollTop + clientHeight - head) this.#host.scrollTop = bottom - clientHeight + head;
  }

  #draw(): void {
    const { scrollTop, clientHeight } = this.#host;
    const first = Math.max(0, this.#rowAt(scrollTop) - spare);
    const last = Math.min(this.#rows.length, this.#rowAt(scrollTop + clientHeight) + spare);
    const seen = this.#rows.slice(first, last).map((row, i) => ({ row, index: first + i }));
    const active = this.#index();
    if (active >= 0 && (active < first || active >= last)) seen.push({ row: this.#rows[active]!, index: active });
    const id = active >= 0 ? `row-${this.#source.keyOf(this.#rows[active]!)}` : "";
    render(this.#template(seen, id), this.#host);
    const cell = this.#host.querySelector<HTMLElement>(".bar");
    const width = cell === null ? this.#barWidth : Math.floor(cell.clientWidth);
    if (width > 0 && width !== this.#barWidth) {
      this.#barWidth = width;
      this.#ask();
    }
  }

  #template(seen: readonly { row: R; index: number }[], active: string): TemplateResult {
    const { label, heads } = this.#source;
    return html`<div class="grid" role="treegrid" tabindex="0" aria-label=${label}
        aria-rowcount=${this.#rows.length + 1} aria-activedescendant=${active}>
      <div class="heads" role="row" aria-rowindex="1">
        ${heads.map((head) => html`<span role="columnheader">${head}</span>`)}
      </div>
      <div class="rows" role="rowgroup" .style=${`height:${this.#tops.at(-1)}px`}>
        ${repeat(
          seen,
          ({ row }) => this.#source.keyOf(row),
          ({ row, index }) => this.#row(row, index),
        )}
      </div>
    </div>`;
  }

  #row(row: R, index: number): TemplateResult {
    const key = this.#source.keyOf(row);
    const { level, expanded, tone } = this.#source.levelOf(row);
    const open = expanded === null ? nothing : String(expanded);
    return html`<div class="row ${tone}" role="row" id="row-${key}" aria-rowindex=${index + 2} aria-level=${level}
      aria-expanded=${open} aria-selected=${key === this.#active}
      .style=${`transform:translateY(${this.#tops[index]}px);height:${this.#source.heightOf(row)}px`}
      @click=${() => this.#onClick(row, expanded)}>${this.#source.cells(row, this.#barWidth)}</div>`;
  }

  #onClick(row: R, expanded: boolean | null): void {
    const again = this.#source.keyOf(row) === this.#active;
    this.select(row);
    if (expanded !== null && again) this.#source.onToggle(row, !expanded);
  }

  #onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || this.#rows.length === 0) return;
    const at = this.#index();
    const page = Math.max(1, Math.floor(this.#host.clientHeight / this.#source.heightOf(this.#rows[0]!)) - 1);
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: at + 1,
      ArrowUp: at < 0 ? 0 : at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: this.#rows.length - 1,
    };
    const to = moves[event.key];
    if (to !== undefined) this.select(this.#rows[Math.min(Math.max(to, 0), this.#rows.length - 1)]!);
    else if (!this.#onFold(event.key, at)) return;
    event.preventDefault();
  }

  /** Left and right close and open; left on what is below a heading goes to it. */
  #onFold(key: string, at: number): boolean {
    const row = this.#rows[at];
    if (row === undefined || !["ArrowLeft", "ArrowRight", "Enter", " "].includes(key)) return false;
    const { level, expanded } = this.#source.levelOf(row);
    const opens = key === "ArrowRight" || (key !== "ArrowLeft" && expanded === false);
    if (expanded !== null) this.#source.onToggle(row, opens);
    else if (key === "ArrowLeft" && level === 2) {
      let up = at;
      while (up > 0 && this.#source.levelOf(this.#rows[up]!).level === 2) up--;
      this.select(this.#rows[up]!);
    }
    return true;
  }
}
