/** Curves of what a program plots, by uPlot; said in words for those who do not see them. */
import UPlot from "uplot";

const width = 2;
/** Points kept per curve; beyond, every second one is dropped. */
const mostPoints = 4000;

/** What a curve is drawn with, by its place; dashes tell them apart without colour. */
const dashes: readonly number[][] = [[], [6, 4], [2, 3], [8, 3, 2, 3]];

export class Curve {
  readonly #host: HTMLElement;
  readonly #series = new Map<string, { x: number[]; y: number[]; step: number; seen: number }>();
  #plot: UPlot | null = null;
  #asked = false;

  constructor(host: HTMLElement) {
    this.#host = host;
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(host);
  }

  get empty(): boolean {
    return this.#series.size === 0;
  }

  clear(): void {
    this.#series.clear();
    this.#plot?.destroy();
    this.#plot = null;
    this.#host.replaceChildren();
  }

  add(name: string, value: number): void {
    let series = this.#series.get(name);
    if (series === undefined) {
      series = { x: [], y: [], step: 1, seen: 0 };
      this.#series.set(name, series);
      this.#plot?.destroy();
      this.#plot = null;
    }
    if (series.seen++ % series.step === 0) {
      // All curves go over the steps of the first, so that one point per epoch stands where its epoch ends.
      const [first] = this.#series.values();
      series.x.push(first!.seen);
      series.y.push(value);
    }
    if (series.x.length > mostPoints) {
      series.x = series.x.filter((_, i) => i % 2 === 0);
      series.y = series.y.filter((_, i) => i % 2 === 0);
      series.step *= 2;
    }
    this.#ask();
  }

  /** Draws again in the colours of now. */
  refresh(): void {
    this.#plot?.destroy();
    this.#plot = null;
    if (!this.empty) this.#ask();
  }

  #size(): { width: number; height: number } {
    return { width: Math.max(200, this.#host.clientWidth), height: 150 };
  }

  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      if (!this.empty) this.#draw();
    });
  }

  #draw(): void {
    const all = [...this.#series.values()];
    const xs = [...new Set(all.flatMap(({ x }) => x))].sort((a, b) => a - b);
    const ys = all.map(({ x, y }) => {
      const at = new Map(x.map((value, i) => [value, y[i]!]));
      return xs.map((value) => at.get(value) ?? null);
    });
    this.#plot ??= this.#make();
    this.#plot.setData([xs, ...ys]);
    const last = [...this.#series].map(([name, { y }]) => `${name} ${y.at(-1)?.toPrecision(4)}`).join(", ");
    this.#host.setAttribute("aria-label", `Curves over steps, last values: ${last}`);
  }

  #make(): UPlot {
    const style = getComputedStyle(document.documentElement);
    const probe = document.createElement("i");
    document.body.append(probe);
    const colour = (name: string): string => {
      probe.style.color = `var(${name})`;
      return getComputedStyle(probe).color;
    };
    const [soft, line] = [colour("--soft"), colour("--line")];
    const strokes = ["--ember", "--code-keyword", "--code-string", "--code-type"].map(colour);
    probe.remove();
    const axis = {
      stroke: soft,
      grid: { stroke: line, width: 1 },
      ticks: { stroke: line },
      font: `12px ${style.fontFamily}`,
    };
    const spanning = { spanGaps: true, width, points: { show: false } };
    return new UPlot(
      {
        ...this.#size(),
        legend: { live: false },
        cursor: { y: false },
        scales: { x: { time: false } },
        axes: [axis, { ...axis, size: 56 }],
        series: [
          { label: "step" },
          ...[...this.#series.keys()].map((label, i) => ({
            ...spanning,
            label,
            stroke: strokes[i % strokes.length]!,
            dash: dashes[i % dashes.length]!,
          })),
        ],
      },
      [[]],
      this.#host,
    );
  }
}
