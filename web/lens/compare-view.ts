/** Two files side by side: a list of names with what became of each. */
import { kind, size } from "cresset/drawing";
import { html, nothing, render, type TemplateResult } from "lit-html";
import { Grid } from "../view/grid.ts";
import type { Pair, Verdict } from "./compare.ts";

type Filter = "all" | Verdict | "untied";

const words: Readonly<Record<Verdict, string>> = {
  same: "same",
  changed: "changed",
  reshaped: "other shape or dtype",
  left: "only in A",
  right: "only in B",
};
const marks: Readonly<Record<Verdict, string>> = { same: "=", changed: "≠", reshaped: "⤫", left: "A", right: "B" };

/** A number that fits a column. */
function short(x: number | null): string {
  if (x === null) return "";
  if (x === Number.POSITIVE_INFINITY) return "A is zero";
  if (x === 0 || Number.isNaN(x)) return String(x);
  return Math.abs(x) >= 1e4 || Math.abs(x) < 1e-3 ? x.toExponential(1) : x.toPrecision(3);
}

/** How far along a logarithmic scale from 1e-6 to 1 a relative difference is. */
const along = (x: number): number => Math.min(1, Math.max(0.04, (Math.log10(Math.max(x, 1e-12)) + 6) / 6));

export class CompareView {
  readonly #host: HTMLElement;
  readonly #grid: Grid<Pair>;
  #pairs: readonly Pair[] = [];
  #filter: Filter = "all";
  #search = "";
  #names: readonly [string, string] = ["A", "B"];

  constructor(host: HTMLElement) {
    this.#host = host;
    host.classList.add("mapview", "compare");
    render(html`<div class="toolbar"></div><div class="split"><div class="scroller"></div></div>`, host);
    this.#grid = new Grid(host.querySelector<HTMLElement>(".scroller")!, {
      label: "Names of both files",
      heads: ["name", "difference", "A", "B"],
      keyOf: ({ name }) => name,
      heightOf: () => 36,
      cells,
      levelOf: ({ verdict }) => ({ level: 1, expanded: null, tone: `verdict-${verdict}` }),
      onSelect: () => {},
      onToggle: () => {},
    });
  }

  show(pairs: readonly Pair[], names: readonly [string, string]): void {
    this.#pairs = pairs;
    this.#names = names;
    this.#update();
  }

  /** Says how far the comparison is. */
  progress(done: number, all: number): void {
    render(
      html`<label class="progress">Comparing <progress value=${done} max=${all}></progress> ${done} of ${all}</label>`,
      this.#host.querySelector<HTMLElement>(".toolbar")!,
    );
  }

  focusSearch(): void {
    this.#host.querySelector<HTMLInputElement>("input[type=search]")?.focus();
  }

  #update(): void {
    const search = this.#search.toLowerCase();
    const rows = this.#pairs.filter((pair) => fits(pair, this.#filter) && pair.name.toLowerCase().includes(search));
    this.#grid.show(rows);
    render(this.#toolbar(rows.length), this.#host.querySelector<HTMLElement>(".toolbar")!);
  }

  #toolbar(found: number): TemplateResult {
    const filters: readonly Filter[] = ["all", "changed", "reshaped", "left", "right", "untied", "same"];
    const label = (f: Filter): string => (f === "all" ? "All" : f === "untied" ? "shared in one only" : words[f]);
    const count = (f: Filter): number => this.#pairs.filter((pair) => fits(pair, f)).length;
    return html`<p class="versus"><b>A</b> ${this.#names[0]} <b>B</b> ${this.#names[1]}</p>
      <div class="tools">
        <label class="search"><span class="hidden">Search names</span>
          <input type="search" placeholder="Search names" .value=${this.#search} spellcheck="false"
            @input=${(e: Event) => {
              this.#search = (e.target as HTMLInputElement).value;
              this.#update();
            }}><kbd aria-hidden="true">/</kbd></label>
        <div class="filters" role="group" aria-label="Show">
          ${filters
            .filter((f) => f === "all" || f === this.#filter || count(f) > 0)
            .map(
              (f) =>
                html`<button aria-pressed=${f === this.#filter} @click=${() => {
                  this.#filter = f;
                  this.#update();
                }}>${label(f)} <span class="count">${count(f)}</span></button>`,
            )}
        </div>
      </div>
      <p class="hidden" role="status">${found} names shown</p>`;
  }
}

const fits = (pair: Pair, filter: Filter): boolean =>
  filter === "all" || (filter === "untied" ? pair.untied.length > 0 : pair.verdict === filter);

function cells({ name, verdict, left, right, most, relative, untied }: Pair): TemplateResult {
  const told =
    verdict === "changed"
      ? html`<meter aria-label="relative difference, logarithmic" min="0" max="1" value=${along(relative ?? 0)}></meter>
          <span title="mean of the differences over the mean of A">${short(relative)}</span>
          <span class="quiet" title="largest difference">max ${short(most)}</span>`
      : html`<span>${words[verdict]}</span>`;
  const tie =
    untied.length === 0 ? nothing : html`<em class="badge" title=${untied.join(", ")}>shares in one file only</em>`;
  return html`<span class="name" role="gridcell" title=${name}><i class="mark" aria-hidden="true">${marks[verdict]}</i>
      <span class="fit">${name}</span>${tie}</span>
    <span class="delta" role="gridcell">${told}</span>
    <span class="kind" role="gridcell">${left === null ? "–" : `${kind(left)}, ${size(left.bytes)}`}</span>
    <span class="kind" role="gridcell">${right === null ? "–" : kind(right)}</span>`;
}
