/** Writing files in the format that their names ask for. */
import { npy, StateDict, safetensors, save, type serialization } from "cresset";
import { UsageError } from "./command.ts";
import { overlapsOf, tiesOf } from "./sharing.ts";
import type { Terminal } from "./terminal.ts";
import { plural, printable } from "./text.ts";
import { classesOf, valuesOf } from "./tree.ts";

type LazyTensor = serialization.LazyTensor;
type Checkpoint = serialization.Checkpoint;

/** The formats that are written. */
export type Format = "pt" | "safetensors" | "npz" | "npy";

const endings: Readonly<Record<string, Format>> = {
  pt: "pt",
  pth: "pt",
  ckpt: "pt",
  bin: "pt",
  safetensors: "safetensors",
  npz: "npz",
  npy: "npy",
};

/** The format that a file's name asks for. */
export function formatFor(path: string): Format {
  const ending = /\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase() ?? "";
  const format = Object.hasOwn(endings, ending) ? endings[ending] : undefined;
  const known = Object.keys(endings).map((name) => `.${name}`);
  if (format === undefined) throw new UsageError(`${path}: expected a name that ends in ${known.join(", ")}`);
  return format;
}

/** Throws for a path that has a file, unless it may be replaced. */
export function checkFree(path: string, force: boolean | undefined): void {
  if (force === true || !process.getBuiltinModule("fs").existsSync(path)) return;
  throw new UsageError(`${path} exists; --force replaces it`);
}

/** What is to be written. */
export interface Content {
  readonly value: unknown;
  /** Its tensors under their names. */
  readonly tensors: ReadonlyMap<string, LazyTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** All that a file holds, or what stands under `key`. */
export function contentOf(file: Checkpoint, key: string | undefined): Content {
  const { tensors } = file;
  if (key === undefined) return { value: file.value, tensors, metadata: file.metadata };
  const exact = tensors.get(key);
  if (exact !== undefined) return { value: exact, tensors: new Map([[key, exact]]), metadata: new Map() };
  const inside = [...tensors].filter(([name]) => name.startsWith(`${key}.`));
  if (inside.length === 0) throw new Error(`--key ${key}: there is no such tensor, and no tensor under it`);
  const named = new Map(inside.map(([name, tensor]) => [name.slice(key.length + 1), tensor]));
  return { value: new StateDict<unknown>(named), tensors: named, metadata: new Map() };
}

/** What a format cannot hold of a content, in words; the content without it. */
export function fitted(content: Content, format: Format): { content: Content; losses: string[] } {
  const classes = [...classesOf(content.value)];
  const losses: string[] = [];
  if (classes.length > 0) losses.push(`objects of ${classes.slice(0, 3).map(printable).join(", ")}`);
  const values = format === "pt" && classes.length === 0 ? 0 : valuesOf(content.value).size;
  if (values > 0) losses.push(plural(values, "value"));
  if (format !== "pt" || classes.length === 0) return { content, losses };
  return { content: { ...content, value: new StateDict<unknown>(content.tensors) }, losses };
}

/** Writes a file, tensor by tensor; it changes whole or not at all. */
export async function write(path: string, format: Format, content: Content, terminal: Terminal): Promise<void> {
  const { value, tensors, metadata } = content;
  const total = [...new Set(tensors.values())].reduce((sum, { numel, itemsize }) => sum + numel * itemsize, 0);
  const bar = terminal.progress("writing", total);
  const options = { progress: (bytes: number): void => bar.add(bytes) };
  try {
    if (format === "pt") return await save(value, path, options);
    const apart = separate(tensors, terminal);
    if (format === "npz")
      return await npy.savez(path, new Map([...tensors].map(([k, t]) => [k, apart.get(t)!])), options);
    if (format === "safetensors") return await writeSafetensors(path, tensors, apart, metadata, options);
    if (tensors.size !== 1)
      throw new Error(`${path}: an npy file holds one tensor, not ${tensors.size}; --key takes one`);
    return await npy.save(path, [...apart.values()][0]!, options);
  } finally {
    bar.stop();
  }
}

/** Each tensor in row-major order in memory of its own; one that has several names stays one. */
function separate(tensors: ReadonlyMap<string, LazyTensor>, terminal: Terminal): Map<LazyTensor, LazyTensor> {
  const overlaps = overlapsOf(tensors);
  for (const names of overlaps) {
    terminal.note(`${names.map(printable).join(", ")} are views of one storage; here each gets its own elements`);
  }
  const overlapping = new Set(overlaps.flat().map((name) => tensors.get(name)!));
  const made = new Map<LazyTensor, LazyTensor>();
  for (const [first, ...others] of tiesOf(tensors)) {
    for (const name of others) made.set(tensors.get(name)!, tensors.get(first)!);
  }
  const apart = new Map<LazyTensor, LazyTensor>();
  for (const tensor of tensors.values()) {
    const kept = made.get(tensor) ?? tensor;
    const known = apart.get(kept) ?? (kept.plain && !overlapping.has(kept) ? kept : kept.packed());
    apart.set(kept, known).set(tensor, known);
  }
  return apart;
}

/** Tied names become metadata, as `saveModel` records them. */
async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, LazyTensor>,
  apart: ReadonlyMap<LazyTensor, LazyTensor>,
  metadata: ReadonlyMap<string, string>,
  options: { readonly progress: (bytes: number) => void },
): Promise<void> {
  const names = new Map<LazyTensor, string>();
  const kept = new Map<string, LazyTensor>();
  const ties = new Map<string, string>();
  for (const [name, tensor] of [...tensors].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const own = apart.get(tensor)!;
    const first = names.get(own);
    if (first !== undefined) ties.set(name, first);
    else {
      names.set(own, name);
      kept.set(name, own);
    }
  }
  const all = new Map([["format", "pt"], ...metadata, ...ties]);
  await safetensors.saveFile(kept, path, all, options);
}
