/** What the behaviour tests share: fixed modules, captured errors and warnings, questions about storage. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unzipSync, zipSync } from "fflate";
import { afterAll, beforeEach, expect } from "vitest";
import * as torch from "../../src/index.ts";

/** `nn.Linear` with exactly these float32 values, written with `copy_`, so that its `_version` starts above 0. */
export function mk(
  w: number[][] = [
    [1, 2],
    [3, 4],
  ],
  b: number[] = [5, 6],
): torch.nn.Linear {
  const linear = new torch.nn.Linear(w[0]!.length, w.length);
  torch.noGrad(() => {
    linear.weight.copy_(torch.tensor(w));
    linear.bias!.copy_(torch.tensor(b));
  });
  return linear;
}

/** The int64 tensor that Python's `torch.tensor([1, 2])` makes. */
export function ints(data: number | readonly unknown[]): torch.Tensor {
  return torch.tensor(data as number[], { dtype: torch.int64 });
}

/** Python's `torch.manual_seed(0)`. */
export function seed0(): void {
  torch.manualSeed(0);
}

/** Makes every test of a file start as the rows do: seed 0, default print options. */
export function startFresh(): void {
  beforeEach(() => {
    seed0();
    torch.setPrintoptions({ profile: "default" });
  });
}

/** The tensor that a state dict holds under `key`. */
export function entry(state: ReadonlyMap<string, torch.Tensor>, key: string): torch.Tensor {
  const tensor = state.get(key);
  if (tensor === undefined) throw new Error(`no entry "${key}"`);
  return tensor;
}

/** The child at `index`, which must be a Linear. */
export function linearAt(container: ArrayLike<unknown>, index: number): torch.nn.Linear {
  const child = container[index];
  if (!(child instanceof torch.nn.Linear)) throw new Error(`child ${index} is no Linear`);
  return child;
}

/** Python's `getattr(object, name, None)` for names that the types do not know. */
export function attribute(object: object, name: string): unknown {
  return Reflect.get(object, name) ?? null;
}

/** How many elements the storage under a tensor holds. */
export function storageSize(x: torch.Tensor): number {
  return x.untypedStorage().size() / x.dtype.itemsize;
}

/** Joins the lines of a printed text. */
export function lines(...text: string[]): string {
  return text.join("\n");
}

function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : `not an Error: ${String(error)}`;
}

/** Runs `fn` and returns its error as `"Type: message"`; `"no error"` when it returns. */
export function capture(fn: () => unknown): string {
  try {
    fn();
  } catch (error) {
    return describeError(error);
  }
  return "no error";
}

/** As `capture`, for a function that returns a promise. */
export async function captureAsync(fn: () => Promise<unknown>): Promise<string> {
  try {
    await fn();
  } catch (error) {
    return describeError(error);
  }
  return "no error";
}

function camel(name: string): string {
  return name.replace(/(?<=[A-Za-z0-9])_([A-Za-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The text as a pattern in which each snake_case name may also stand in camelCase; all else is exact. */
export function wording(text: string): string {
  const escaped = text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return escaped.replace(/\b[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)+\b/g, (name) => `(?:${name}|${camel(name)})`);
}

/** `fn` throws exactly `"Type: message"`, up to snake_case or camelCase names. */
export function raises(fn: () => unknown, text: string): void {
  expect(capture(fn)).toMatch(new RegExp(`^${wording(text)}$`));
}

/** `fn` throws an error whose `"Type: message"` begins with `text`. */
export function raisesPrefix(fn: () => unknown, text: string): void {
  expect(capture(fn)).toMatch(new RegExp(`^${wording(text)}`));
}

/** As `raises`, for a function that returns a promise. */
export async function raisesAsync(fn: () => Promise<unknown>, text: string): Promise<void> {
  expect(await captureAsync(fn)).toMatch(new RegExp(`^${wording(text)}$`));
}

/** As `raisesPrefix`, for a function that returns a promise. */
export async function raisesPrefixAsync(fn: () => Promise<unknown>, text: string): Promise<void> {
  expect(await captureAsync(fn)).toMatch(new RegExp(`^${wording(text)}`));
}

/** Runs `fn` and returns the messages of the warnings it gave, also those that were shown before. */
export function warned(fn: () => unknown): string[] {
  return torch.warnings.record(() => void fn()).map((warning) => warning.message);
}

/** The name of the node that made a tensor, `"SelectBackward0"`, or null for a leaf. */
export function nodeName(x: torch.Tensor): string | null {
  return x.gradFn === null ? null : x.gradFn.name();
}

/** Whether two tensors use one storage, wherever in it each begins. */
export function sameStorage(a: torch.Tensor, b: torch.Tensor): boolean {
  return a.untypedStorage().dataPtr() === b.untypedStorage().dataPtr();
}

/** Whether the first elements of two tensors are one place in memory. */
export function sameAddress(a: torch.Tensor, b: torch.Tensor): boolean {
  return a.dataPtr() === b.dataPtr();
}

/** A path in a directory that lives as long as the test file. */
export function temporaryFiles(): (name: string) => string {
  const directory = mkdtempSync(join(tmpdir(), "cresset-"));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return (name) => join(directory, name);
}

/** Replaces the pickled text "cpu" of a checkpoint by "cuda:0", as if it had been saved on a GPU. */
function patchDevice(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString("latin1");
  return Buffer.from(text.replaceAll("X\x03\x00\x00\x00cpu", "X\x06\x00\x00\x00cuda:0"), "latin1");
}

/** Saves ones(2) at `path` as a checkpoint whose storage says it lives on cuda:0. */
export async function saveAsCuda(path: string): Promise<void> {
  await torch.save(torch.ones(2), path);
  const members = Object.entries(unzipSync(readFileSync(path)));
  writeFileSync(path, zipSync(Object.fromEntries(members.map(([k, v]) => [k, patchDevice(v)])), { level: 0 }));
}
