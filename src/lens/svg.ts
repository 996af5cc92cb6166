/** `toSVG`: a map as a drawing. Storages are bars of bytes; below each, the cells that its tensors touch. */
import { cells, placesOf, type Run, reached, type Shared, split } from "./cells.ts";
import type { MappedStorage, MappedTensor, MemoryMap } from "./map.ts";
import type { Change } from "./records.ts";
import {
  changeOf,
  count,
  type Drift,
  describe,
  describeStorage,
  escape,
  kind,
  size,
  summary,
  written,
} from "./words.ts";

/** How a map is drawn. */
export interface DrawOptions {
  /** What the drawing shows, for its heading and for screen readers. */
  readonly title?: string;
  /** In CSS pixels, at least 360 (760 by default). */
  readonly width?: number;
  /** What `torch.lens.drift` returned for the same values: these entries are marked. */
  readonly drift?: Drift;
  /** `"auto"` follows the reader's system. */
  readonly theme?: "auto" | "light" | "dark";
  /** Storages beyond these are counted, not drawn (40 by default). */
  readonly most?: number;
}

const optionNames = ["title", "width", "drift", "theme", "most"];

/** Refuses options that are none. */
export function checkOptions(options: DrawOptions, name: string): void {
  const unknown = Object.keys(options).find((key) => !optionNames.includes(key));
  if (unknown !== undefined) throw new TypeError(`${name}() got an unexpected keyword argument '${unknown}'`);
  const { theme = "auto" } = options;
  if (!["auto", "light", "dark"].includes(theme)) {
    throw new TypeError(`${name}(): theme must be "auto", "light" or "dark", not "${theme}"`);
  }
}

/** Places and sizes, in CSS pixels. */
interface Frame {
  readonly width: number;
  /** Where the bars begin, and how wide they are. */
  readonly left: number;
  readonly bar: number;
  readonly id: string;
  readonly drift: Drift | undefined;
}

const rowHeight = 24;
const driftHeight = 14;
const barHeight = 14;
const headHeight = 26;
const gap = 20;
const charWidth = 7.25;
/** Elements up to which each is a cell of its own, and the width of such a cell. */
const mostCells = 48;
const widestCell = 28;

const light = "--ink:#1f1b16;--soft:#6d6459;--line:#d9d2c7;--bed:#f1ece3;--drift:#b23a06;";
const dark = "--ink:#efe9e0;--soft:#a89e91;--line:#453e36;--bed:#29241f;--drift:#ff9a5c;";
/** Colours of the storages that several names share, in turn: light and dark. */
const hues: readonly (readonly [string, string])[] = [
  ["#0f766e", "#3cc9bb"],
  ["#6d28d9", "#b79bff"],
  ["#1d5fc4", "#7db4ff"],
  ["#a3195b", "#ff8fc0"],
  ["#4d7c0f", "#a9d65c"],
  ["#92580a", "#e8b45a"],
];

function styleOf(id: string, theme: NonNullable<DrawOptions["theme"]>): string {
  const hue = (i: number): string => `#${id} .h${i}{--hue:`;
  const own = (night: boolean): string => hues.map((h, i) => `${hue(i)}${h[night ? 1 : 0]}}`).join("");
  const day = `#${id}{${light}}${own(false)}`;
  const night = `#${id}{${dark}}${own(true)}`;
  const colours =
    theme === "dark" ? night : theme === "light" ? day : `${day}@media(prefers-color-scheme:dark){${night}}`;
  return `${colours}#${id} text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:var(--ink)}
#${id} .head{font-weight:600}#${id} .soft{fill:var(--soft)}#${id} .small{font-size:10px}#${id} .drift{fill:var(--drift)}
#${id} .bed{fill:var(--bed);stroke:var(--line)}#${id} .cell{fill:var(--hue,var(--soft))}#${id} .own{fill-opacity:.38}
#${id} .part{fill-opacity:.55}#${id} .own.part{fill-opacity:.22}#${id} .num{font-size:10px;text-anchor:middle}
#${id} .on{fill:var(--bed);font-weight:600}#${id} .ring{fill:none;stroke:var(--hue,var(--soft));stroke-width:1.25}`;
}

/** Patterns that tell without colour: dots for bytes that several names reach, stripes for drift. */
function patternsOf(id: string): string {
  const box = 'width="6" height="6" patternUnits="userSpaceOnUse"';
  return (
    `<pattern id="${id}-dots" ${box}><circle cx="3" cy="3" r="1" fill="var(--bed)"/></pattern>` +
    `<pattern id="${id}-gaps" width="3" height="3" patternUnits="userSpaceOnUse">` +
    `<path d="M0 0v3" stroke="var(--bed)" stroke-width="2"/></pattern>` +
    `<pattern id="${id}-stripes" ${box} patternTransform="rotate(45)">` +
    `<path d="M0 0v6" stroke="var(--drift)" stroke-width="3"/></pattern>`
  );
}

/** A number of two decimals at most, as SVG wants them. */
const px = (x: number): string => String(Math.round(x * 100) / 100);

/** A name that fits, without its middle. */
function fitted(name: string, width: number): string {
  const most = Math.max(6, Math.floor(width / charWidth));
  if (name.length <= most) return name;
  const tail = Math.ceil((most - 1) * 0.6);
  return `${name.slice(0, most - 1 - tail)}…${name.slice(-tail)}`;
}

/** Distinguishes the ids of several drawings in one page (FNV-1a). */
function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(36);
}

/** One storage with its tensors, placed on the page. */
class Block {
  readonly #storage: MappedStorage;
  readonly #frame: Frame;
  readonly #hue: number;
  readonly #scale: number;
  /** Bytes of one cell where each element is drawn apart, else 0. */
  readonly #cell: number;
  readonly #shared: readonly Shared[];

  constructor(storage: MappedStorage, frame: Frame, hue: number) {
    this.#storage = storage;
    this.#frame = frame;
    this.#hue = hue;
    const cell = Math.min(...storage.tensors.map(({ itemsize }) => itemsize));
    const small = storage.bytes / cell <= mostCells && storage.tensors.every(({ start }) => start % cell === 0);
    this.#cell = small ? cell : 0;
    const bytes = Math.max(1, storage.bytes);
    this.#scale = small ? Math.min(widestCell, (frame.bar * cell) / bytes) / cell : frame.bar / bytes;
    this.#shared = reached(storage, { most: frame.bar });
  }

  get height(): number {
    const drifted = this.#storage.tensors.filter(({ name }) => changeOf(this.#frame.drift, name) !== undefined).length;
    return headHeight + barHeight + 6 + this.#storage.tensors.length * rowHeight + drifted * driftHeight + gap;
  }

  draw(top: number): string {
    const { bytes, tensors, writes, device, host } = this.#storage;
    const { left, bar } = this.#frame;
    const several = tensors.length > 1;
    const told = [size(bytes), several ? `${tensors.length} names` : "one name", ...(host ? ["typed array"] : [])];
    if (device !== "cpu") told.push(device);
    if (writes > 0) told.push(writes === 1 ? "written once" : `written ${writes} times`);
    const head = `<text class="head" x="0" y="${top + 12}">storage ${this.#storage.id}</text>`;
    const note = `<text class="soft" x="${left}" y="${top + 12}">${escape(told.join(" · "))}</text>`;
    const y = top + headHeight;
    const wide = Math.max(2, Math.min(bar, bytes * this.#scale));
    const bed = `<rect class="bed" x="${left}" y="${y}" width="${px(wide)}" height="${barHeight}" rx="2"/>`;
    let at = y + barHeight + 6;
    const rows = tensors.map((tensor) => {
      const change = changeOf(this.#frame.drift, tensor.name);
      const row = this.#row(tensor, at, change);
      at += rowHeight + (change === undefined ? 0 : driftHeight);
      return row;
    });
    const hue = several ? ` class="h${this.#hue}"` : "";
    const label = escape(describeStorage(this.#storage));
    const inside = `${head}${note}${bed}${this.#reach(y)}${rows.join("")}`;
    return `<g role="graphics-object" aria-label="${label}"${hue}>${inside}</g>`;
  }

  #x(byte: number): number {
    return this.#frame.left + byte * this.#scale;
  }

  /** The attributes of a rectangle over some bytes. */
  #box(start: number, end: number, y: number, height: number, least = 1): string {
    const width = Math.max(least, (end - start) * this.#scale);
    return `x="${px(this.#x(start))}" y="${y}" width="${px(width)}" height="${height}"`;
  }

  /** The bar: which of its bytes have one name, and which have several. */
  #reach(y: number): string {
    return this.#shared
      .map(({ start, end, names }) => {
        const box = this.#box(start, end, y + 2, barHeight - 4);
        const dots = names > 1 ? `<rect ${box} fill="url(#${this.#frame.id}-dots)"/>` : "";
        return `<rect class="cell${names > 1 ? "" : " own"}" ${box}/>${dots}`;
      })
      .join("");
  }

  #row(tensor: MappedTensor, y: number, change: Change | undefined): string {
    const { left, bar, id, width } = this.#frame;
    const runs = cells(tensor, { from: 0, to: this.#storage.bytes, most: bar });
    const inside = this.#cell > 0 ? this.#single(tensor, y) : this.#runs(runs, y);
    const [first, last] = [runs[0]?.start ?? 0, runs.at(-1)?.end ?? 0];
    const under = this.#box(first, last, y + 15, 3, 2);
    const stripes = change === undefined ? "" : `<rect ${under} fill="url(#${id}-stripes)"/>`;
    const drifted =
      change === undefined
        ? ""
        : `<text class="drift small" x="${left}" y="${y + rowHeight + 4}">▲ ${escape(written(change))}</text>`;
    const tone = change === undefined ? "" : ' class="drift"';
    const name = `<text${tone} x="0" y="${y + 12}">${escape(fitted(tensor.name, left - 14))}</text>`;
    const info = escape(`${kind(tensor)} · strides ${tensor.strides.join(", ") || "–"}`);
    const label = escape(describe(tensor, this.#storage, change));
    const at = left + bar + 14;
    return (
      `<g role="graphics-symbol" aria-label="${label}"><title>${label}</title>` +
      `${name}${inside}${stripes}${drifted}` +
      `<text class="soft small" x="${at}" y="${y + 12}">${escape(fitted(info, (width - at) * 1.2))}</text></g>`
    );
  }

  #runs(runs: readonly Run[], y: number): string {
    return split(runs, this.#shared)
      .map(({ run, shared }) => {
        const box = this.#box(run.start, run.end, y + 2, 12);
        const gaps = run.full ? "" : `<rect ${box} fill="url(#${this.#frame.id}-gaps)"/>`;
        return `<rect class="cell${shared ? "" : " own"}${run.full ? "" : " part"}" ${box}/>${gaps}`;
      })
      .join("");
  }

  /** Each element as a cell with its place in the tensor's own order, which shows the strides. */
  #single(tensor: MappedTensor, y: number): string {
    const drawn = [...placesOf(tensor)].map(([element, order]) => {
      const start = tensor.start - tensor.offset * tensor.itemsize + element * tensor.itemsize;
      const [x, w] = [this.#x(start) + 1, tensor.itemsize * this.#scale - 2];
      const shared = this.#shared.some((s) => s.names > 1 && s.start < start + tensor.itemsize && start < s.end);
      const box = `x="${px(x)}" y="${y}" width="${px(Math.max(1, w))}" height="14" rx="2"`;
      const cell = shared
        ? `<rect class="cell" ${box}/>`
        : `<rect class="cell own" ${box}/><rect class="ring" ${box}/>`;
      const text = order.length > 2 ? `×${order.length}` : order.join(",");
      if (text.length * 6.2 > w) return cell;
      return `${cell}<text class="num${shared ? " on" : ""}" x="${px(x + w / 2)}" y="${y + 10.5}">${text}</text>`;
    });
    return drawn.join("");
  }
}

/**
 * A map as an SVG drawing, a string. Storages are bars of bytes; below each stand its names with the cells that they
 * touch: the numbers in small ones are the elements in the tensor's own order, so that strides show. What several names
 * share has a colour and dots, what drifted has stripes and says so.
 * @example await writeFile("map.svg", torch.lens.toSVG(torch.lens.map({ best }), { drift: torch.lens.drift({ best }) }))
 */
export function toSVG(map: MemoryMap, options: DrawOptions = {}): string {
  checkOptions(options, "toSVG");
  const { title = "Who shares memory with whom", theme = "auto", most = 40, drift } = options;
  const width = Math.max(360, options.width ?? 760);
  const changes = drift instanceof Map ? Object.fromEntries(drift) : drift;
  const id = `lens-${hashOf(JSON.stringify([map, options.title, changes]))}`;
  const longest = Math.max(0, ...map.storages.flatMap(({ tensors }) => tensors.map(({ name }) => name.length)));
  const left = Math.round(Math.min(width * 0.3, Math.max(90, longest * charWidth + 16)));
  const frame: Frame = { width, left, bar: Math.round((width - left) * 0.62), id, drift };
  const drawn: string[] = [];
  let y = 4;
  let shared = 0;
  for (const storage of map.storages.slice(0, most)) {
    const block = new Block(storage, frame, shared % hues.length);
    if (storage.tensors.length > 1) shared++;
    drawn.push(block.draw(y));
    y += block.height;
  }
  const rest = map.storages.length - most;
  if (rest > 0) drawn.push(`<text class="soft" x="0" y="${y + 8}">and ${escape(count(rest, "more storage"))}</text>`);
  const height = Math.max(24, y + (rest > 0 ? 16 : -gap + 4));
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" id="${id}" role="graphics-document" viewBox="0 0 ${width} ${height}" ` +
    `width="${width}" height="${height}" aria-labelledby="${id}-title ${id}-desc">` +
    `<title id="${id}-title">${escape(title)}</title><desc id="${id}-desc">${escape(summary(map, drift))}</desc>` +
    `<style>${styleOf(id, theme)}</style><defs>${patternsOf(id)}</defs>${drawn.join("")}</svg>`
  );
}
