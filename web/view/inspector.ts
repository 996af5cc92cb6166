/** What is known of one name: its layout, its memory as a picture, and who else touches the same bytes. */
import {
  type Change,
  cells,
  describe,
  kind,
  type MappedStorage,
  type MappedTensor,
  overlap,
  placesOf,
  size,
  written,
} from "cresset/drawing";
import { html, nothing, svg, type TemplateResult } from "lit-html";
import type { Row } from "./rows.ts";

/** How a name's numbers are shown; null where there are none. */
export type Values = (name: string) => string | null;

/** Names listed before the rest is counted. */
const mostNames = 12;

function others(row: Row, go: (name: string) => void): TemplateResult {
  const { tensor, storage } = row;
  const rest = storage.tensors.filter((other) => other !== tensor);
  const bytes = (other: MappedTensor): number => (tensor === null ? other.bytes : overlap(tensor, other));
  const line = (other: MappedTensor): TemplateResult => {
    const common = bytes(other);
    const told = common === 0 ? "other bytes of it" : size(common);
    return html`<li><button class="link" @click=${() => go(other.name)}>${other.name}</button> <span>${told}</span></li>`;
  };
  return html`<h3>${tensor === null ? "Names" : "Shares memory with"}</h3>
    ${
      rest.length === 0
        ? html`<p class="quiet">Nothing. No other name here reaches this storage.</p>`
        : html`<ul class="names">${rest.slice(0, mostNames).map(line)}</ul>`
    }
    ${rest.length > mostNames ? html`<p class="quiet">and ${rest.length - mostNames} more</p>` : nothing}`;
}

/** Rows of memory that are drawn, and cells of a row. */
const mostRows = 32;
const mostColumns = 96;
const pictureWidth = 320;

/** How many elements lie in one row of the picture: a row of the matrix, or a handy number. */
function wrapOf({ shape, strides, itemsize }: MappedTensor, storage: MappedStorage): number {
  const total = Math.max(1, Math.floor(storage.bytes / itemsize));
  const steps = strides.filter((stride, d) => shape[d]! > 1 && stride > 1);
  const widest = steps.length === 0 ? 0 : Math.max(...steps);
  return widest > 1 && widest < total ? widest : Math.min(total, 16);
}

/** The storage's elements, row under row, and those that the tensor touches. */
function picture(tensor: MappedTensor, storage: MappedStorage): TemplateResult {
  const wrap = wrapOf(tensor, storage);
  const rowBytes = wrap * tensor.itemsize;
  const all = Math.ceil(storage.bytes / rowBytes);
  const from = Math.min(Math.max(0, Math.floor(tensor.start / rowBytes)), Math.max(0, all - mostRows));
  const shown = Math.min(mostRows, all - from);
  const apart = wrap <= mostColumns;
  const cell = apart ? Math.min(20, pictureWidth / wrap) : pictureWidth / wrap;
  const height = apart ? Math.max(3, Math.min(20, cell, 320 / shown)) : Math.max(3, Math.min(10, 320 / shown));
  const space = height > 6 && cell > 4 ? 1 : 0;
  const box = (start: number, end: number, r: number, kind: string): TemplateResult => {
    const scale = cell / tensor.itemsize;
    const x = (start - (from + r) * rowBytes) * scale;
    return svg`<rect class=${kind} x=${x} y=${r * height} width=${Math.max(0.5, (end - start) * scale - space)}
      height=${height - space}></rect>`;
  };
  const line = (r: number): TemplateResult[] => {
    const [start, end] = [(from + r) * rowBytes, Math.min((from + r + 1) * rowBytes, storage.bytes)];
    const runs = cells(tensor, { from: start, to: end, most: mostColumns });
    const single = apart && cell > 4;
    const touched = runs.flatMap((run) => {
      if (!single || !run.full) return [box(run.start, run.end, r, run.full ? "touched" : "touched part")];
      const n = Math.round((run.end - run.start) / tensor.itemsize);
      return Array.from({ length: n }, (_, i) =>
        box(run.start + i * tensor.itemsize, run.start + (i + 1) * tensor.itemsize, r, "touched"),
      );
    });
    return [box(start, end, r, "bed"), ...touched];
  };
  const told = shown === all ? "" : `, rows ${from} to ${from + shown - 1} of ${all}`;
  const numbered = space > 0 && cell >= 16 && height >= 14 && storage.bytes / tensor.itemsize <= 256;
  const first = tensor.start / tensor.itemsize - tensor.offset;
  const number = ([element, order]: [number, number[]]): TemplateResult | null => {
    const [r, column] = [Math.floor((first + element) / wrap) - from, (first + element) % wrap];
    const text = order.length > 1 ? `×${order.length}` : String(order[0]);
    if (r < 0 || r >= shown || text.length * 6 > cell) return null;
    return svg`<text x=${(column + 0.5) * cell - 0.5} y=${(r + 0.5) * height + 3}>${text}</text>`;
  };
  const label = `The storage's memory, ${wrap} elements to a row${told}; filled where ${tensor.name} reaches it`;
  return html`<h3>In memory</h3>
    <svg class="picture" role="img" aria-label=${label} viewBox="0 0 ${Math.max(1, cell * wrap)} ${Math.max(1, shown * height)}"
      width=${cell * wrap} height=${shown * height}>
      ${Array.from({ length: shown }, (_, r) => line(r))} ${numbered ? [...placesOf(tensor)].map(number) : nothing}
    </svg>
    <p class="quiet">${wrap.toLocaleString("en")} elements to a row${told}${
      numbered ? "; numbered in the tensor’s own order" : ""
    }</p>`;
}

function facts(tensor: MappedTensor, storage: MappedStorage): TemplateResult {
  const lines: [string, string][] = [
    ["dtype", `${tensor.dtype}, ${size(tensor.itemsize)} each`],
    ["shape", `[${tensor.shape.join(", ")}]`],
    ["strides", `[${tensor.strides.join(", ")}]`],
    ["offset", String(tensor.offset)],
    ["reaches", `${size(tensor.bytes)} of ${size(storage.bytes)}`],
    ["storage", `${storage.id}, on ${storage.device}${storage.host ? ", also a typed array’s" : ""}`],
  ];
  if (storage.writes > 0) lines.push(["writes", `${storage.writes}, version ${tensor.version}`]);
  if (tensor.requiresGrad) lines.push(["gradient", "required"]);
  return html`<dl>${lines.map(([term, text]) => html`<div><dt>${term}</dt><dd>${text}</dd></div>`)}</dl>`;
}

const callout = (change: Change): TemplateResult =>
  html`<p class="callout"><strong>Drifted.</strong> This memory was ${written(change)}. It is live memory, not a copy of
    what it was: keep <code>torch.lens.snapshot(model)</code> instead.</p>`;

/** The panel of a row. */
export function inspector(row: Row, values: Values | null, go: (name: string) => void): TemplateResult {
  const { tensor, storage, change, hue } = row;
  if (tensor === null) {
    return html`<section class="hue${hue ?? ""}"><p class="role">storage</p><h2>storage ${storage.id}</h2>
      <p>${size(storage.bytes)} on ${storage.device}, under ${storage.tensors.length} names.</p>
      ${others(row, go)}</section>`;
  }
  const text = values?.(tensor.name) ?? null;
  return html`<section class="hue${hue ?? ""}" aria-label=${describe(tensor, storage, change ?? undefined)}>
    <p class="role">${tensor.role}</p><h2>${tensor.name}</h2><p class="kind">${kind(tensor)}</p>
    ${change === null ? nothing : callout(change)}
    ${others(row, go)} ${storage.bytes === 0 ? nothing : picture(tensor, storage)}
    <h3>Layout</h3>${facts(tensor, storage)}
    ${text === null ? nothing : html`<h3>Values</h3><pre class="values" tabindex="0" aria-label="Values of ${tensor.name}">${text}</pre>`}
  </section>`;
}
