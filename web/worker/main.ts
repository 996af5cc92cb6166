/**
 * The worker's own part: what a program in the playground finds around itself. The page appends the program to this
 * script, so its lines count from `__cresset.start`.
 */
import * as torch from "cresset";
import { format } from "node-inspect-extracted";
import { nodeModules, withFiles } from "./files.ts";
import type { Answer, Digits, Told } from "./messages.ts";
import { Printer } from "./printing.ts";
import { due, snapshot } from "./snapshots.ts";

const tell = (told: Told): void => postMessage(told);
const output = new Printer(tell);

/** The line of the program that a stack trace begins with; `first` is the script's line before the program's first. */
function lineIn(stack: string | undefined, first: number): number | null {
  for (const [, number] of (stack ?? "").matchAll(/blob:[^\s)]*:(\d+):\d+/g)) {
    const line = Number(number) - first;
    if (line > 0) return line;
  }
  return null;
}

/** What programs print goes to the page, as Node would print it. */
function takeConsole(first: number): void {
  // The library's own frames stand above those of the program.
  Error.stackTraceLimit = 100;
  const printer =
    (tone: "log" | "warn" | "error") =>
    (...args: unknown[]) => {
      output.print({ tone, text: format(...args), line: tone === "log" ? null : lineIn(new Error().stack, first) });
    };
  const log = printer("log");
  Object.assign(console, { log, info: log, debug: log, warn: printer("warn"), error: printer("error") });
}

let digits: Promise<Digits> | null = null;

function askForDigits(): Promise<Digits> {
  return new Promise((resolve, reject) => {
    addEventListener("message", ({ data }: MessageEvent<Answer>) => {
      if ("digits" in data) resolve(data.digits);
      else reject(new Error(data.problem));
    });
    tell({ kind: "digits" });
  });
}

/** Some of MNIST's digits: images uint8 [n, 28, 28], labels int64 [n], for training and for tests. */
async function mnist(): Promise<{ train: Part; test: Part }> {
  digits ??= askForDigits();
  const { images, labels, training } = await digits;
  const part = (from: number, to: number): Part => ({
    images: torch.fromNumpy(images.slice(from * 784, to * 784)).view(-1, 28, 28),
    labels: torch.fromNumpy(labels.slice(from, to)).long(),
  });
  return { train: part(0, training), test: part(training, labels.length) };
}

interface Part {
  readonly images: torch.Tensor;
  readonly labels: torch.Tensor;
}

/** Adds a point to a curve. */
function plot(series: string, value: number | torch.Tensor): void {
  tell({ kind: "plot", series, value: torch.isTensor(value) ? Number(value.item()) : value });
}

/** Shows how far a loop is; to be awaited, so that memory can be taken back meanwhile. */
function progress(done: number, all: number, text = ""): Promise<void> {
  tell({ kind: "progress", done, all, text });
  return new Promise((resolve) => setTimeout(resolve));
}

const modules: Readonly<Record<string, object>> = {
  ...nodeModules,
  cresset: withFiles((name, bytes) => tell({ kind: "file", name, bytes })),
  playground: { mnist, plot, progress },
};

function importModule(name: string): object {
  if (Object.hasOwn(modules, name)) return modules[name]!;
  throw new Error(`the playground has no module '${name}'; it has ${Object.keys(modules).join(", ")}`);
}

let full = false;

function show(line: number, scope: object): void {
  const shown = snapshot(scope);
  if (shown !== undefined) tell({ kind: "map", line, shown });
  else if (!full) {
    full = true;
    output.print({ tone: "warn", text: "The map has too many names to be drawn after every statement.", line });
  }
}

type Program = (__import: typeof importModule, __due: typeof due, __show: typeof show) => Promise<void>;

/** Runs a program whose first line is the script's line after `first`. */
async function start(program: Program, first: number): Promise<void> {
  takeConsole(first);
  addEventListener("unhandledrejection", ({ reason }) => console.error("Unhandled rejection:", reason));
  try {
    await program(importModule, due, show);
    output.flush();
    tell({ kind: "done" });
  } catch (error) {
    const known = error instanceof Error;
    const message = known ? `${error.name}: ${error.message}` : `Uncaught ${format(error)}`;
    output.flush();
    tell({ kind: "failed", message, line: known ? lineIn(error.stack, first) : null });
  }
}

Object.assign(globalThis, { __start: start });
