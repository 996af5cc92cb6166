/** A map with its toolbar, list and inspector, as both pages show it. */
import { count, describeStorage, kind, size } from "cresset/drawing";
import { html, nothing, render, type TemplateResult } from "lit-html";
import { bar, patterns } from "./bar.ts";
import { Grid } from "./grid.ts";
import { inspector, type Values } from "./inspector.ts";
import { counts, type Filter, isShared, type Order, type Query, type Row, rowsOf, type Shown } from "./rows.ts";
import { tips } from "./tip.ts";

const rowHeight = 36;
const headHeight = 40;
const barHeight = 16;

const filters: readonly [Filter, string][] = [
  ["all", "All"],
  ["shared", "Shared"],
  ["views", "Views"],
  ["drifted", "Drifted"],
];
const orders: readonly [Order, string][] = [
  ["given", "in order"],
  ["shared", "shared first"],
  ["largest", "largest first"],
];

/** A number with its unit, large. */
const figure = (value: string, unit: string, tone = ""): TemplateResult =>
  html`<div class="figure ${tone}"><b>${value}</b> <span>${unit}</span></div>`;

export class MapView {
  readonly #host: HTMLElement;
  readonly #grid: Grid<Row>;
  #shown: Shown = { map: { storages: [] }, changes: {} };
  #query: Query = { filter: "all", order: "given", search: "", collapsed: new Set() };
  #selected: Row | null = null;
  #values: Values | null = null;

  constructor(host: HTMLElement) {
    this.#host = host;
    host.classList.add("mapview");
    render(
      html`${patterns()}<div class="toolbar"></div>
        <div class="split"><div class="scroller"></div><aside class="inspector" aria-label="Details"></aside></div>`,
      host,
    );
    this.#grid = new Grid(this.#part(".scroller"), {
      label: "Storages and the names over them",
      heads: ["name", "memory", "dtype and shape", "bytes"],
      keyOf: (row) => row.key,
      heightOf: (row) => (row.tensor === null ? headHeight : rowHeight),
      cells: (row, width) => cellsOf(row, width),
      levelOf: (row) => ({
        level: row.level,
        expanded: row.expanded,
        tone: toneOf(row),
      }),
      onSelect: (row) => {
        this.#selected = row;
        this.#drawInspector();
      },
      onToggle: (row, open) => this.#toggle(row, open),
    });
    tips(this.#part(".scroller"), (key) => this.#grid.rows.find((row) => row.key === key));
    this.#drawInspector();
  }

  #part(selector: string): HTMLElement {
    return this.#host.querySelector<HTMLElement>(selector)!;
  }

  /** Shows another map; what was searched, filtered and selected stays where it still fits. */
  show(shown: Shown, values: Values | null = null): void {
    this.#shown = shown;
    this.#values = values;
    this.#update();
  }

  /** Brings a name into sight and selects it. */
  go(name: string): void {
    this.#query = { ...this.#query, filter: "all", search: "", collapsed: new Set() };
    this.#update();
    const row = this.#grid.rows.find(({ tensor }) => tensor?.name === name);
    if (row !== undefined) this.#grid.select(row);
  }

  focusSearch(): void {
    this.#host.querySelector<HTMLInputElement>("input[type=search]")?.focus();
  }

  #ask(query: Partial<Query>): void {
    this.#query = { ...this.#query, ...query };
    this.#update();
  }

  #toggle({ storage }: Row, open: boolean): void {
    const collapsed = new Set(this.#query.collapsed);
    if (open) collapsed.delete(storage.id);
    else collapsed.add(storage.id);
    this.#ask({ collapsed });
  }

  #update(): void {
    const rows = rowsOf(this.#shown, this.#query);
    const same = rows.find(
      (row) => row.key === this.#selected?.key && row.tensor?.name === this.#selected.tensor?.name,
    );
    this.#grid.show(rows);
    if (this.#selected !== null && same !== undefined) this.#selected = same;
    render(this.#toolbar(rows), this.#part(".toolbar"));
    this.#drawInspector();
  }

  #toolbar(rows: readonly Row[]): TemplateResult {
    const { filter, order, search } = this.#query;
    const by = counts(this.#shown);
    const { storages } = this.#shown.map;
    const bytes = storages.reduce((sum, storage) => sum + storage.bytes, 0);
    const found = rows.filter(({ tensor }) => tensor !== null).length;
    const [number, unit] = size(bytes).split(" ") as [string, string];
    return html`<div class="figures">
        ${figure(by.all.toLocaleString("en"), by.all === 1 ? "name" : "names")}
        ${figure(storages.length.toLocaleString("en"), storages.length === 1 ? "storage" : "storages")}
        ${figure(number, unit)}
        ${figure(String(storages.filter(isShared).length), "shared", "accent")}
        ${by.drifted > 0 ? figure(String(by.drifted), "drifted", "drifted") : nothing}
      </div>
      <div class="tools">
        <label class="search"><span class="hidden">Search names, dtypes and shapes</span>
          <input type="search" placeholder="Search names, dtypes, shapes" .value=${search}
            spellcheck="false" autocomplete="off"
            @input=${(e: Event) => this.#ask({ search: (e.target as HTMLInputElement).value })}
            @keydown=${(e: KeyboardEvent) => this.#onSearchKey(e)}><kbd aria-hidden="true">/</kbd></label>
        <div class="filters" role="group" aria-label="Show">
          ${filters.map(
            ([key, name]) =>
              html`<button aria-pressed=${key === filter} @click=${() => this.#ask({ filter: key })}>${name}
                <span class="count">${by[key].toLocaleString("en")}</span></button>`,
          )}
        </div>
        <label class="order"><span class="hidden">Order</span>
          <select @change=${(e: Event) => this.#ask({ order: (e.target as HTMLSelectElement).value as Order })}>
            ${orders.map(([key, name]) => html`<option value=${key} ?selected=${key === order}>${name}</option>`)}
          </select></label>
      </div>
      <p class="hidden" role="status">${search === "" && filter === "all" ? "" : `${count(found, "name")} found`}</p>`;
  }

  #onSearchKey(event: KeyboardEvent): void {
    if (event.key === "Escape") this.#ask({ search: "" });
    else if (event.key === "ArrowDown" || event.key === "Enter") this.#grid.focus();
    else return;
    event.preventDefault();
  }

  #drawInspector(): void {
    const empty = this.#shown.map.storages.length > 0 && this.#grid.rows.length === 0;
    const hint = empty
      ? html`<div class="hint"><p>No name fits.</p>
          <button class="link" @click=${() => this.#ask({ filter: "all", search: "" })}>Show all</button></div>`
      : html`<div class="hint"><p>Choose a name to see its layout, its memory, and who shares it.</p>${legend()}</div>`;
    this.#part(".split").classList.toggle("idle", this.#selected === null && !empty);
    render(
      this.#selected === null || empty ? hint : inspector(this.#selected, this.#values, (name) => this.go(name)),
      this.#part(".inspector"),
    );
  }
}

/** The classes of a row. */
function toneOf({ hue, tensor, level, change }: Row): string {
  return `hue${hue ?? ""} ${tensor === null ? "storage" : `level${level}`} ${change === null ? "" : "drifted"}`;
}

/** What the colours and patterns say. */
function legend(): TemplateResult {
  const swatch = (kind: string, text: string, pattern = ""): TemplateResult =>
    html`<li><svg width="36" height="14" aria-hidden="true"><path class=${kind} d="M0 0h36v14h-36z"></path>
      ${pattern === "" ? nothing : html`<svg><path class=${pattern} d="M0 0h36v14h-36z"></path></svg>`}</svg>${text}</li>`;
  return html`<ul class="legend hue0">
    ${swatch("shared", "bytes that several names reach", "dots")} ${swatch("own", "bytes that one name reaches")}
    ${swatch("own part", "every few bytes: a stride larger than one", "gaps")}
    ${swatch("own", "written since it was kept: drifted", "stripes")}
  </ul>`;
}

function cellsOf(row: Row, width: number): TemplateResult {
  const { storage, tensor, change, names } = row;
  const drawn = html`<span class="bar" role="gridcell"><svg aria-hidden="true" height=${barHeight} width="100%">
      ${bar(storage, tensor, width, barHeight, change !== null)}</svg>
      <span class="hidden">${reach(row)}</span></span>`;
  if (tensor === null) {
    const told = names[0] === names[1] ? `${names[1]} names` : `${names[0]} of ${names[1]} names`;
    return html`<span class="name" role="gridcell" title=${describeStorage(storage)}>
        <i class="chevron" aria-hidden="true"></i>storage ${storage.id} <span class="quiet">${told}</span>${change === null ? nothing : drifted()}</span>
      ${drawn}<span class="kind" role="gridcell">${storage.device}${storage.host ? ", typed array" : ""}</span>
      <span class="bytes" role="gridcell">${size(storage.bytes)}</span>`;
  }
  return html`<span class="name" role="gridcell" title=${tensor.name}><span class="fit">${tensor.name}</span>${
    change === null ? nothing : drifted()
  }</span>${drawn}<span class="kind" role="gridcell" title="strides [${tensor.strides.join(", ")}]">${kind(tensor)}</span>
    <span class="bytes" role="gridcell">${size(tensor.bytes)}</span>`;
}

const drifted = (): TemplateResult => html`<em class="badge" title="drifted">▲<span> drifted</span></em>`;

function reach({ storage, tensor }: Row): string {
  if (tensor === null) return `${storage.tensors.length} names reach it`;
  const all = tensor.bytes === storage.bytes ? "all of" : `${size(tensor.bytes)} of`;
  return `${all} storage ${storage.id}${isShared(storage) ? ", which is shared" : ""}`;
}
