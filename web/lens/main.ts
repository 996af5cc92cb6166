/** The lens page: opens checkpoints, shows who shares memory in them, and compares two. */
import * as torch from "cresset";
import { size } from "cresset/drawing";
import { html, nothing, render, type TemplateResult } from "lit-html";
import { themeButton } from "../shared/theme.ts";
import { MapView } from "../view/mapview.ts";
import type { Shown } from "../view/rows.ts";
import { compare } from "./compare.ts";
import { CompareView } from "./compare-view.ts";
import { demo } from "./demo.ts";
import { type Given, type Opened, open } from "./files.ts";

/** One tab of the page. */
interface Tab {
  readonly name: string;
  readonly note: string;
  readonly file: Opened | null;
  readonly shown: Shown;
  readonly tensors: ReadonlyMap<string, torch.lens.Viewed>;
}

const byId = <E extends HTMLElement>(id: string): E => document.getElementById(id) as E;
const [tabBar, empty, panel, message] = [byId("tabs"), byId("empty"), byId("panel"), byId("message")];
const picker = byId<HTMLInputElement>("picker");
const view = new MapView(byId("map"));
const versus = new CompareView(byId("compare"));

let tabs: readonly Tab[] = [];
let at: number | "compare" = 0;

function say(text: string, problem = false): void {
  message.textContent = text;
  message.className = problem ? "problem" : "";
}

/** Numbers as PyTorch prints them; long ones are shortened by it. */
function valuesOf({ tensors }: Tab): (name: string) => string | null {
  return (name) => {
    const x = tensors.get(name);
    return x === undefined ? null : torch.isTensor(x) ? String(x) : String(torch.fromNumpy(x as Float32Array));
  };
}

function show(): void {
  const tab = at === "compare" ? null : (tabs[at] ?? null);
  empty.hidden = tabs.length > 0;
  panel.hidden = tabs.length === 0;
  byId("map").hidden = tab === null;
  byId("compare").hidden = at !== "compare";
  render(tabsTemplate(), tabBar);
  document.title = tab === null ? "Cresset lens" : `${tab.name} – Cresset lens`;
  if (tab !== null) view.show(tab.shown, valuesOf(tab));
}

function tabsTemplate(): TemplateResult {
  const files = tabs.filter(({ file }) => file !== null);
  const tab = (name: string, note: string, key: number | "compare"): TemplateResult =>
    html`<span class="tab"><button aria-current=${at === key ? "page" : "false"} @click=${() => choose(key)}>${name}
        <small>${note}</small></button>${
          key === "compare"
            ? nothing
            : html`<button class="close" aria-label="Close ${name}" @click=${() => close(key)}>×</button>`
        }</span>`;
  return html`${tabs.map(({ name, note }, i) => tab(name, note, i))}
    ${files.length === 2 ? tab("Compare", "A and B", "compare") : nothing}
    ${tabs.length > 0 ? html`<button class="more" @click=${() => picker.click()}>Open…</button>` : nothing}`;
}

function choose(key: number | "compare"): void {
  at = key;
  show();
  if (key === "compare") void runCompare();
}

function close(key: number): void {
  tabs = tabs.filter((_, i) => i !== key);
  at = Math.max(0, Math.min(typeof at === "number" ? at : 0, tabs.length - 1));
  show();
}

let compared: readonly Opened[] = [];

async function runCompare(): Promise<void> {
  const [a, b] = tabs.map(({ file }) => file).filter((file) => file !== null);
  if (a === undefined || b === undefined || (compared[0] === a && compared[1] === b)) return;
  compared = [a, b];
  const pairs = await compare(a, b, (done, all) => versus.progress(done, all));
  if (compared[0] === a && compared[1] === b) versus.show(pairs, [a.name, b.name]);
}

/** Beyond two files the oldest goes: two can be compared. */
function add(tab: Tab): void {
  tabs = [...tabs.filter(({ file, name }) => (tab.file === null ? name !== tab.name : file !== null)).slice(-1), tab];
  at = tabs.length - 1;
  show();
}

async function openAll(files: readonly Given[]): Promise<void> {
  for (const file of files.slice(-2)) {
    say(`Reading ${file.name} …`);
    // Lets the page say so before the bytes are read.
    await new Promise((resolve) => setTimeout(resolve, 20));
    try {
      const opened = await open(file);
      const { name, map, tensors } = opened;
      add({ name, note: size(opened.bytes), file: opened, shown: { map, changes: {} }, tensors });
      say("");
    } catch (error) {
      say(`${file.name} cannot be shown: ${error instanceof Error ? error.message : String(error)}`, true);
      return;
    }
  }
  if (files.length === 2 && tabs.filter(({ file }) => file !== null).length === 2) choose("compare");
}

const given = (file: File): Given => ({ name: file.name, blob: () => Promise.resolve(file) });

function showDemo(): void {
  const { map, changes, tensors } = demo();
  add({ name: "demo", note: "a small model", file: null, shown: { map, changes }, tensors });
}

/** Files that `cresset lens` serves beside this page. */
async function openServed(): Promise<void> {
  const answer = await fetch("files.json");
  const names = (await answer.json()) as readonly string[];
  const blob = async (i: number): Promise<Blob> => {
    const file = await fetch(`files/${i}`);
    if (!file.ok) throw new Error(await file.text());
    return file.blob();
  };
  await openAll(names.map((name, i) => ({ name, blob: () => blob(i) })));
}

function listen(): void {
  picker.addEventListener("change", () => {
    void openAll([...(picker.files ?? [])].map(given));
    picker.value = "";
  });
  byId("open").addEventListener("click", () => picker.click());
  byId("demo").addEventListener("click", showDemo);
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dragging");
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) document.body.classList.remove("dragging");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    void openAll([...(event.dataTransfer?.files ?? [])].map(given));
  });
  addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if (at === "compare") versus.focusSearch();
    else view.focusSearch();
  });
}

themeButton(byId<HTMLButtonElement>("theme"), () => {});
listen();
show();
const asked = new URLSearchParams(location.search);
if (asked.has("demo")) showDemo();
if (asked.has("files")) openServed().catch((error: unknown) => say(String(error), true));
