/** A storage's memory as a picture: elements row under row, filled where a tensor reaches them. */
import { cells, type MappedStorage, type MappedTensor, placesOf } from "cresset/drawing";
import { html, nothing, svg, type TemplateResult } from "lit-html";

/** Rows of memory that are drawn, and cells of a row that are drawn apart. */
const mostRows = 32;
const mostColumns = 96;
/** CSS pixels of the whole, and of one cell at most. */
const space = 320;
const widest = 20;
/** Elements up to which they are numbered. */
const mostNumbers = 256;

/** How many elements lie in one row of the picture: a row of the matrix, or a handy number. */
function wrapOf({ shape, strides, itemsize }: MappedTensor, storage: MappedStorage): number {
  const total = Math.max(1, Math.floor(storage.bytes / itemsize));
  const steps = strides.filter((stride, d) => shape[d]! > 1 && stride > 1);
  const largest = steps.length === 0 ? 0 : Math.max(...steps);
  return largest > 1 && largest < total ? largest : Math.min(total, 16);
}

class Picture {
  readonly #tensor: MappedTensor;
  readonly #storage: MappedStorage;
  readonly wrap: number;
  /** All rows of the memory, the first that is drawn, and how many are. */
  readonly all: number;
  readonly from: number;
  readonly shown: number;
  readonly cell: number;
  readonly height: number;
  /** Between cells, where there is room for it. */
  readonly #gap: number;

  constructor(tensor: MappedTensor, storage: MappedStorage) {
    this.#tensor = tensor;
    this.#storage = storage;
    this.wrap = wrapOf(tensor, storage);
    const rowBytes = this.wrap * tensor.itemsize;
    this.all = Math.ceil(storage.bytes / rowBytes);
    this.from = Math.min(Math.max(0, Math.floor(tensor.start / rowBytes)), Math.max(0, this.all - mostRows));
    this.shown = Math.min(mostRows, this.all - this.from);
    const apart = this.wrap <= mostColumns;
    this.cell = apart ? Math.min(widest, space / this.wrap) : space / this.wrap;
    this.height = Math.max(3, Math.min(apart ? this.cell : widest / 2, space / this.shown));
    this.#gap = this.height > 6 && this.cell > 4 ? 1 : 0;
  }

  get numbered(): boolean {
    const elements = this.#storage.bytes / this.#tensor.itemsize;
    return this.#gap > 0 && this.cell >= 16 && this.height >= 14 && elements <= mostNumbers;
  }

  #box(start: number, end: number, row: number, kind: string): TemplateResult {
    const { itemsize } = this.#tensor;
    const scale = this.cell / itemsize;
    const x = (start - (this.from + row) * this.wrap * itemsize) * scale;
    const width = Math.max(0.5, (end - start) * scale - this.#gap);
    return svg`<rect class=${kind} x=${x} y=${row * this.height} width=${width} height=${this.height - this.#gap}></rect>`;
  }

  row(row: number): TemplateResult[] {
    const { itemsize } = this.#tensor;
    const start = (this.from + row) * this.wrap * itemsize;
    const end = Math.min(start + this.wrap * itemsize, this.#storage.bytes);
    const runs = cells(this.#tensor, { from: start, to: end, most: mostColumns });
    const touched = runs.flatMap((run) => {
      if (this.#gap === 0 || !run.full)
        return [this.#box(run.start, run.end, row, run.full ? "touched" : "touched part")];
      const elements = Math.round((run.end - run.start) / itemsize);
      const at = (i: number): number => run.start + i * itemsize;
      return Array.from({ length: elements }, (_, i) => this.#box(at(i), at(i + 1), row, "touched"));
    });
    return [this.#box(start, end, row, "bed"), ...touched];
  }

  /** The place of each element in the tensor's own order, which shows the strides. */
  numbers(): (TemplateResult | null)[] {
    const first = this.#tensor.start / this.#tensor.itemsize - this.#tensor.offset;
    return [...placesOf(this.#tensor)].map(([element, order]) => {
      const [row, column] = [Math.floor((first + element) / this.wrap) - this.from, (first + element) % this.wrap];
      const text = order.length > 1 ? `×${order.length}` : String(order[0]);
      if (row < 0 || row >= this.shown || text.length * 6 > this.cell) return null;
      return svg`<text x=${(column + 0.5) * this.cell - 0.5} y=${(row + 0.5) * this.height + 3}>${text}</text>`;
    });
  }
}

/** The storage's elements, and those that the tensor touches. */
export function picture(tensor: MappedTensor, storage: MappedStorage): TemplateResult {
  const drawn = new Picture(tensor, storage);
  const { wrap, all, from, shown, cell, height, numbered } = drawn;
  const part = shown === all ? "" : `, rows ${from} to ${from + shown - 1} of ${all}`;
  const told = `${wrap.toLocaleString("en")} elements to a row${part}`;
  const [w, h] = [Math.max(1, cell * wrap), Math.max(1, shown * height)];
  return html`<h3>In memory</h3>
    <svg class="picture" role="img" aria-label="The storage’s memory, ${told}; filled where ${tensor.name} reaches it"
      viewBox="0 0 ${w} ${h}" width=${w} height=${h}>
      ${Array.from({ length: shown }, (_, row) => drawn.row(row))} ${numbered ? drawn.numbers() : nothing}
    </svg>
    <p class="quiet">${told}${numbered ? "; numbered in the tensor’s own order" : ""}</p>`;
}
