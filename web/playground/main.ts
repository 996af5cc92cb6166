/** The playground: programs that run in a worker, what they print, and the map of their memory after each statement. */
import { html, nothing, render, type TemplateResult } from "lit-html";
import { themeButton } from "../shared/theme.ts";
import { MapView } from "../view/mapview.ts";
import type { Line, Told } from "../worker/messages.ts";
import { compile } from "./compile.ts";
import { Curve } from "./curve.ts";
import { digits } from "./digits.ts";
import { Editor } from "./editor.ts";
import { fromHash, toHash } from "./link.ts";
import { programs } from "./programs.ts";
import { type Run, run } from "./runner.ts";
import { Timeline } from "./timeline.ts";

const byId = <E extends HTMLElement>(id: string): E => document.getElementById(id) as E;

/** Lines of output kept in the page; the worker sends no more at once. */
const mostLines = 1000;

class Playground {
  readonly #view = new MapView(byId("map"));
  readonly #curve = new Curve(byId("curve"));
  readonly #timeline = new Timeline();
  readonly #editor: Editor;
  readonly #output = byId("output");
  #running: Run | null = null;
  #began = 0;
  #asked = false;
  /** Whether the timeline moved since it was drawn. */
  #moved = false;
  /** Printed, not drawn yet. */
  #lines: Line[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.#editor = new Editor(byId("editor"), { onChange: () => this.#onChange(), onRun: () => this.start() });
    this.#listen();
    this.#drawTimeline();
    this.#state("ready");
  }

  #listen(): void {
    this.#output.tabIndex = 0; // it scrolls, so keys must reach it
    byId("run").addEventListener("click", () => this.start());
    byId("stop").addEventListener("click", () => this.stop());
    byId("share").addEventListener("click", () => void this.#share());
    const select = byId<HTMLSelectElement>("programs");
    render(
      html`${Object.entries(programs).map(([name, [title]]) => html`<option value=${name}>${title}</option>`)}`,
      select,
    );
    select.addEventListener("change", () => this.open(select.value));
    themeButton(byId<HTMLButtonElement>("theme"), () => this.#curve.refresh());
    addEventListener("hashchange", () => void this.openLink());
  }

  /** Puts a program into the editor. Nothing runs before somebody clicks. */
  open(name: string): void {
    const program = Object.hasOwn(programs, name) ? programs[name]! : Object.values(programs)[0]!;
    byId<HTMLSelectElement>("programs").value = Object.hasOwn(programs, name) ? name : Object.keys(programs)[0]!;
    this.#load(program[1]);
  }

  /** The program that the address carries, if it does. */
  async openLink(): Promise<boolean> {
    try {
      const code = await fromHash(location.hash);
      if (code === null) return false;
      this.#load(code);
      byId("linked").hidden = false;
      return true;
    } catch (error) {
      this.#print({ tone: "error", text: String(error), line: null });
      return false;
    }
  }

  #load(code: string): void {
    this.stop();
    byId("linked").hidden = true;
    this.#editor.code = code;
    this.#reset();
    this.#state("ready");
  }

  #reset(): void {
    this.#output.replaceChildren();
    this.#output.classList.remove("shortened");
    this.#lines = [];
    this.#curve.clear();
    this.#timeline.clear();
    this.#editor.show(null);
    this.#editor.mistakes([]);
    byId("training").hidden = true;
    this.#progress(null);
    this.#show();
  }

  #onChange(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const compiled = compile(this.#editor.code);
      this.#editor.mistakes("mistake" in compiled ? [compiled.mistake] : []);
    }, 400);
  }

  start(): void {
    clearTimeout(this.#timer); // else what runs into an error now would lose its mark
    this.stop();
    this.#reset();
    byId("linked").hidden = true;
    const compiled = compile(this.#editor.code);
    if ("mistake" in compiled) {
      const { message, line, column } = compiled.mistake;
      this.#editor.mistakes([compiled.mistake]);
      this.#print({ tone: "error", text: `SyntaxError: ${message}`, line });
      this.#editor.show(null);
      this.#state("failed", `line ${line}, column ${column + 1}`);
      return;
    }
    this.#began = performance.now();
    this.#state("running");
    this.#running = run(compiled.code, (told) => this.#hear(told));
  }

  stop(): void {
    if (this.#running === null) return;
    this.#running.stop();
    this.#running = null;
    this.#state("stopped", this.#elapsed());
  }

  #elapsed(): string {
    const seconds = (performance.now() - this.#began) / 1000;
    return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
  }

  #end(state: "done" | "failed", note: string): void {
    this.#running?.stop();
    this.#running = null;
    this.#state(state, note);
  }

  #hear(told: Told): void {
    switch (told.kind) {
      case "print":
        for (const line of told.lines) this.#print(line);
        break;
      case "map":
        this.#timeline.add(told.line, told.shown);
        this.#moved = true;
        this.#ask();
        break;
      case "plot":
        byId("training").hidden = false;
        this.#curve.add(told.series, told.value);
        break;
      case "progress":
        byId("training").hidden = false;
        this.#progress(told);
        break;
      case "file":
        this.#offer(told.name, told.bytes);
        break;
      case "digits":
        void this.#giveDigits();
        break;
      case "failed":
        this.#onFailure(told.message, told.line);
        break;
      case "done":
        this.#end("done", this.#elapsed());
        break;
    }
  }

  #onFailure(message: string, line: number | null): void {
    this.#print({ tone: "error", text: message, line });
    if (line !== null) this.#editor.mistakes([{ message, line, column: 0 }]);
    this.#end("failed", line === null ? "" : `line ${line}`);
  }

  async #giveDigits(): Promise<void> {
    const asking = this.#running;
    try {
      asking?.answer({ digits: await digits() });
    } catch (error) {
      asking?.answer({ problem: String(error) });
    }
  }

  #state(state: "ready" | "running" | "done" | "failed" | "stopped", note = ""): void {
    const running = state === "running";
    byId<HTMLButtonElement>("stop").disabled = !running;
    document.body.dataset.state = state;
    byId("state").textContent = note === "" ? state : `${state}, ${note}`;
    if (!running) this.#progress(null);
  }

  #print(line: Line): void {
    this.#lines.push(line);
    this.#ask();
  }

  /** Puts what was printed since the last frame into the page. */
  #drawOutput(): void {
    if (this.#lines.length === 0) return;
    const { scrollTop, clientHeight, scrollHeight } = this.#output;
    const bottom = scrollTop + clientHeight > scrollHeight - 40;
    const lines = this.#lines.slice(-mostLines);
    this.#lines = [];
    this.#output.append(...lines.map((line) => this.#entry(line)));
    const over = this.#output.childElementCount - mostLines;
    for (let i = 0; i < over; i++) this.#output.firstElementChild!.remove();
    this.#output.classList.toggle("shortened", this.#output.classList.contains("shortened") || over > 0);
    if (bottom) this.#output.scrollTop = this.#output.scrollHeight;
  }

  #entry({ tone, text, line }: Line): HTMLElement {
    const entry = document.createElement("div");
    entry.className = tone;
    const pre = document.createElement("pre");
    pre.textContent = text;
    entry.append(pre);
    if (line === null || tone === "log") return entry;
    const place = document.createElement("button");
    place.className = "line";
    place.textContent = `line ${line}`;
    place.addEventListener("click", () => this.#editor.show(line, true));
    entry.append(place);
    return entry;
  }

  #offer(name: string, bytes: Uint8Array<ArrayBuffer>): void {
    this.#drawOutput();
    const entry = document.createElement("div");
    entry.className = "file";
    const href = URL.createObjectURL(new Blob([bytes]));
    render(
      html`saved <a href=${href} download=${name}>${name}</a> ${bytes.length.toLocaleString("en")} bytes, in memory`,
      entry,
    );
    this.#output.append(entry);
    this.#output.scrollTop = this.#output.scrollHeight;
  }

  #progress(told: { done: number; all: number; text: string } | null): void {
    const template =
      told === null
        ? nothing
        : html`<label>${told.text === "" ? "progress" : told.text}
        <progress value=${told.done} max=${told.all}></progress></label><span>${told.done} of ${told.all}</span>`;
    render(template, byId("progress"));
  }

  /** Draws at most once per frame, however fast the program runs. */
  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.#drawOutput();
      if (this.#moved) this.#show();
    });
  }

  #show(): void {
    this.#moved = false;
    const moment = this.#timeline.moment;
    this.#view.show(moment?.shown ?? { map: { storages: [] }, changes: {} });
    byId("nomap").hidden = moment !== null;
    byId("map").hidden = moment === null;
    if (moment !== null) this.#editor.show(moment.line);
    this.#drawTimeline();
  }

  #go(to: number): void {
    this.#timeline.go(to);
    this.#show();
    this.#editor.show(this.#timeline.moment?.line ?? null, true);
  }

  #drawTimeline(): void {
    const { length, position, moment } = this.#timeline;
    const step = (label: string, text: string, to: number): TemplateResult =>
      html`<button aria-label=${label} title=${label} ?disabled=${to < 0 || to >= length}
        @click=${() => this.#go(to)}>${text}</button>`;
    const template =
      moment === null
        ? nothing
        : html`${step("Statement before", "◀", position - 1)}
        <input type="range" min="0" max=${length - 1} .value=${String(position)} aria-label="Statement"
          aria-valuetext="statement ${position + 1} of ${length}, line ${moment.line}"
          @input=${(e: Event) => this.#go(Number((e.target as HTMLInputElement).value))}>
        ${step("Statement after", "▶", position + 1)}
        <output>after line ${moment.line} <span class="quiet">${position + 1} of ${length}</span></output>`;
    render(template, byId("timeline"));
  }

  async #share(): Promise<void> {
    const hash = await toHash(this.#editor.code);
    history.replaceState(null, "", hash);
    try {
      await navigator.clipboard.writeText(location.href);
      byId("state").textContent = "link copied";
    } catch {
      byId("state").textContent = "the link is in the address bar";
    }
  }
}

const playground = new Playground();
void playground.openLink().then((opened) => {
  if (!opened) playground.open(new URLSearchParams(location.search).get("program") ?? "");
});
