/** `toHTML`: a map as a page of its own, which runs no script and loads nothing. */
import type { MappedStorage, MappedTensor, MemoryMap } from "./map.ts";
import { checkOptions, type DrawOptions, toSVG } from "./svg.ts";
import { changeOf, count, type Drift, escape, size, summary, written } from "./words.ts";

const style = `:root{color-scheme:light dark;
--ink:#1f1b16;--soft:#6d6459;--line:#d9d2c7;--paper:#fbf9f5;--drift:#b23a06}
:root[data-theme=light]{color-scheme:light}:root[data-theme=dark]{color-scheme:dark}
DARK
body{margin:0 auto;padding:2.5rem 1.5rem 4rem;max-width:68rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.6rem;line-height:1.2;margin:0 0 .3rem}p{margin:0 0 2rem;color:var(--soft)}
figure{margin:0;overflow-x:auto}details{margin-top:2rem}summary{cursor:pointer;font-weight:600}
table{border-collapse:collapse;margin-top:.8rem;font-size:.85rem}
caption{text-align:left;color:var(--soft);padding-bottom:.4rem}
th,td{text-align:left;padding:.25rem .9rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top}
td.n{text-align:right}code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}.drift{color:var(--drift)}`;

const night = "--ink:#efe9e0;--soft:#a89e91;--line:#453e36;--paper:#171411;--drift:#ff9a5c";

/** The page's colours are the drawing's. */
const styled: string = style.replace(
  "DARK",
  `:root[data-theme=dark]{${night}}@media(prefers-color-scheme:dark){:root[data-theme=auto]{${night}}}`,
);

function row(tensor: MappedTensor, storage: MappedStorage, drift: Drift | undefined): string {
  const change = changeOf(drift, tensor.name);
  const others = storage.tensors.filter((other) => other !== tensor).map(({ name }) => `<code>${escape(name)}</code>`);
  const shares = others.length === 0 ? "nothing" : others.slice(0, 8).join(", ");
  const more = others.length > 8 ? ` and ${count(others.length - 8, "other")}` : "";
  const cells = [
    `<th scope="row"><code>${escape(tensor.name)}</code></th>`,
    ...[tensor.role, tensor.dtype, `[${tensor.shape.join(", ")}]`, `[${tensor.strides.join(", ")}]`].map(
      (text) => `<td>${escape(text)}</td>`,
    ),
    ...[String(tensor.offset), size(tensor.bytes), String(storage.id)].map(
      (text) => `<td class="n">${escape(text)}</td>`,
    ),
    `<td>${shares}${more}</td>`,
    drift === undefined ? "" : `<td class="drift">${change === undefined ? "" : escape(written(change))}</td>`,
  ];
  return `<tr>${cells.join("")}</tr>`;
}

function tableOf(map: MemoryMap, drift: Drift | undefined): string {
  const heads = ["name", "role", "dtype", "shape", "strides", "offset", "reaches", "storage", "shares with"];
  if (drift !== undefined) heads.push("drift");
  const rows = map.storages.flatMap((storage) => storage.tensors.map((tensor) => row(tensor, storage, drift)));
  const head = heads.map((text) => `<th scope="col">${text}</th>`).join("");
  return (
    `<table><caption>Every name, with the storage under it</caption>` +
    `<thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody></table>`
  );
}

/**
 * A map as an HTML document, a string: the drawing of `toSVG` and a table of all names. It contains no script, and its
 * own policy forbids loading anything.
 * @example await writeFile("map.html", torch.lens.toHTML(torch.lens.map({ model, optimizer })))
 */
export function toHTML(map: MemoryMap, options: DrawOptions = {}): string {
  checkOptions(options, "toHTML");
  const { title = "Who shares memory with whom", theme = "auto", drift } = options;
  return (
    `<!doctype html>\n<html lang="en" data-theme="${theme}"><head><meta charset="utf-8">` +
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">` +
    `<meta name="viewport" content="width=device-width, initial-scale=1"><title>${escape(title)}</title>` +
    `<style>${styled}</style></head><body><main><h1>${escape(title)}</h1><p>${escape(summary(map, drift))}</p>` +
    `<figure>${toSVG(map, { width: 960, ...options })}</figure>` +
    `<details><summary>As a table</summary>${tableOf(map, drift)}</details></main></body></html>\n`
  );
}
