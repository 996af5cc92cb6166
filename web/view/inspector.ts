/** What is known of one name: its layout, its memory as a picture, and who else touches the same bytes. */
import {
  type Change,
  describe,
  kind,
  type MappedStorage,
  type MappedTensor,
  overlap,
  size,
  written,
} from "cresset/drawing";
import { html, nothing, type TemplateResult } from "lit-html";
import { picture } from "./picture.ts";
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
    return html`<li><button class="link" @click=${() => go(other.name)}>${other.name}</button>
      <span>${told}</span></li>`;
  };
  return html`<h3>${tensor === null ? "Names" : "Shares memory with"}</h3>
    ${
      rest.length === 0
        ? html`<p class="quiet">Nothing. No other name here reaches this storage.</p>`
        : html`<ul class="names">${rest.slice(0, mostNames).map(line)}</ul>`
    }
    ${rest.length > mostNames ? html`<p class="quiet">and ${rest.length - mostNames} more</p>` : nothing}`;
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

const valuesOf = (name: string, text: string): TemplateResult =>
  html`<h3>Values</h3><pre class="values" tabindex="0" aria-label="Values of ${name}">${text}</pre>`;

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
    ${text === null ? nothing : valuesOf(tensor.name, text)}
  </section>`;
}
