/** `cresset inspect`: what a file holds, from its header alone. */

import { type Command, InvalidArgumentError } from "commander";
import { serialization } from "cresset";
import { type CommonOptions, type Context, subcommand } from "./command.ts";
import { byStorage, overlapsOf, tiesOf } from "./sharing.ts";
import type { Terminal } from "./terminal.ts";
import { aligned, bytesText, countText, plural, printable, shapeText, widthOf } from "./text.ts";
import { entriesOf, type Node, shortText, treeOf } from "./tree.ts";

const { LazyTensor, PickledObject } = serialization;
type Checkpoint = serialization.Checkpoint;

interface InspectOptions extends CommonOptions {
  readonly flat?: boolean;
  readonly depth?: number;
}

/** Levels, as an option has them. */
function levels(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError("Expected a count of levels.");
  return count;
}

/** The subcommand. */
export function inspect({ terminal }: Context): Command {
  return subcommand("inspect", "print what a file holds: keys, shapes, dtypes, sizes, sharing, globals", [
    ["cresset inspect model.pt", "a tree of all tensors and values, read from the header alone"],
    ["cresset inspect --flat model.safetensors | grep bias", "one tensor in a line, under its whole name"],
    ["cresset inspect --json model.pt | jq '.globals[] | select(.allowed | not)'", "what a pickle would import"],
    ["cresset inspect https://example.com/model.pt", "a file on a server, by ranges"],
  ])
    .argument("<file>", "a checkpoint, a safetensors file or index, an npy or npz file; also a URL")
    .option("--flat", "one line for each tensor instead of a tree")
    .option("--depth <levels>", "show so many levels of the tree", levels)
    .action(async (path: string, options: InspectOptions) => {
      using file = await serialization.inspect(path);
      if (options.json === true) terminal.json(report(file));
      else show(file, options, terminal);
    });
}

// ---------------------------------------------------------------- as JSON

/** Everything that is known of a file, as plain data. */
function report(file: Checkpoint): object {
  const storages = [...byStorage(file.tensors)];
  const numberOf = new Map(storages.map(([storage], i) => [storage, i]));
  return {
    file: file.name,
    format: file.format,
    size: file.size,
    metadata: Object.fromEntries(file.metadata),
    tensors: file.keys().map((key) => {
      const { dtype, shape, strides, offset, storage, requiresGrad, isParameter, nbytes, pending } = file.lazy(key);
      const place = { strides, offset, storage: numberOf.get(storage) };
      return { key, dtype, shape, ...place, nbytes, location: storage.location, requiresGrad, isParameter, pending };
    }),
    storages: storages.map(([storage, keys]) => ({ nbytes: storage.nbytes, tensors: keys })),
    ties: tiesOf(file.tensors),
    overlaps: overlapsOf(file.tensors),
    globals: file.globals,
    values: plainOf(file.value),
  };
}

/** Values as JSON can hold them; tensors by their sizes. */
function plainOf(value: unknown, above: readonly unknown[] = []): unknown {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (value instanceof LazyTensor) return { tensor: shapeText(value.shape), dtype: value.dtype };
  if (above.includes(value)) return "(the same as above)";
  if (Array.isArray(value)) return value.map((item) => plainOf(item, [...above, value]));
  if (value instanceof Set) return [...value].map((item) => plainOf(item, [...above, value]));
  const entries = entriesOf(value);
  if (entries === null) return value instanceof Uint8Array ? { bytes: value.length } : String(value);
  const plain = Object.fromEntries(entries.map(([key, item]) => [key, plainOf(item, [...above, value])]));
  return value instanceof PickledObject ? { class: `${value.module}.${value.name}`, ...plain } : plain;
}

// ---------------------------------------------------------------- as text

const formats: Readonly<Record<string, string>> = {
  zip: "PyTorch checkpoint",
  legacy: "PyTorch checkpoint, legacy format",
  torchscript: "TorchScript archive",
  safetensors: "safetensors",
  npy: "NumPy array",
  npz: "NumPy archive",
};

function show(file: Checkpoint, options: InspectOptions, terminal: Terminal): void {
  const { colors } = terminal;
  const keys = file.keys();
  const elements = keys.reduce((sum, key) => sum + file.lazy(key).numel, 0);
  const storages = byStorage(file.tensors).size;
  const size = bytesText(file.size);
  terminal.line(`${colors.bold(printable(file.name))}  ${formats[file.format] ?? file.format}, ${size}`);
  terminal.line(`${plural(keys.length, "tensor")} in ${plural(storages, "storage")}, ${plural(elements, "element")}`);
  const ties = tiesOf(file.tensors).flat();
  for (const [name, text] of file.metadata)
    if (!ties.includes(name)) terminal.line(colors.dim(`${printable(name)}: ${shortText(text, 100)}`));
  terminal.line();
  for (const row of aligned(
    options.flat === true ? flatRows(file, terminal) : treeRows(file, options, terminal),
    widthOf,
  )) {
    terminal.line(row);
  }
  showSharing(file, terminal);
  showGlobals(file, terminal);
}

function tensorCells(tensor: InstanceType<typeof LazyTensor>, { colors }: Terminal): string[] {
  const notes = [
    tensor.isParameter ? "Parameter" : "",
    tensor.requiresGrad && !tensor.isParameter ? "requires grad" : "",
    tensor.pending === undefined ? "" : { conj: "conjugate view", neg: "negative view" }[tensor.pending],
    tensor.contiguous ? "" : `strides ${shapeText(tensor.strides)}`,
    tensor.storage.location === "cpu" ? "" : `on ${printable(tensor.storage.location)}`,
  ];
  const bytes = bytesText(tensor.numel * tensor.itemsize);
  const kind = `${colors.cyan(tensor.dtype)} ${shapeText(tensor.shape)}`;
  return [kind, bytes, colors.dim(notes.filter((note) => note !== "").join(", "))];
}

function flatRows(file: Checkpoint, terminal: Terminal): string[][] {
  return file.keys().map((key) => [printable(key), ...tensorCells(file.lazy(key), terminal)]);
}

function treeRows(file: Checkpoint, options: InspectOptions, terminal: Terminal): string[][] {
  const { colors } = terminal;
  const deepest = options.depth ?? Number.POSITIVE_INFINITY;
  const rows: string[][] = [];
  const put = (node: Node, stem: string, prefix: string, depth: number): void => {
    const name = `${colors.dim(stem)}${printable(node.name)}`;
    if (node.value instanceof LazyTensor) rows.push([name, ...tensorCells(node.value, terminal)]);
    else if (node.children.length === 0) rows.push([name, shortText(node.value, 60)]);
    else rows.push([name, colors.dim(node.kind)]);
    if (depth === deepest) {
      if (node.children.length > 0) rows.push([colors.dim(`${prefix}└─ … ${node.children.length} more`)]);
      return;
    }
    for (const [i, child] of node.children.entries()) {
      const last = i === node.children.length - 1;
      put(child, `${prefix}${last ? "└─ " : "├─ "}`, `${prefix}${last ? "   " : "│  "}`, depth + 1);
    }
  };
  const root = treeOf(file.value);
  if (root.children.length === 0) put({ ...root, name: "(the value)" }, "", "", 1);
  else if (root.kind === "list" || root.kind === "dict" || root.kind === "OrderedDict") {
    for (const child of root.children) put(child, "", "", 1);
  } else put({ ...root, name: "(the value)" }, "", "", 0);
  return rows;
}

function showSharing(file: Checkpoint, terminal: Terminal): void {
  const ties = tiesOf(file.tensors);
  const overlaps = overlapsOf(file.tensors);
  if (ties.length + overlaps.length > 0) terminal.line();
  for (const names of ties) terminal.line(`${terminal.colors.green("tied")}    ${names.map(printable).join(" = ")}`);
  for (const names of overlaps) {
    terminal.line(`${terminal.colors.yellow("shares")}  ${names.map(printable).join(", ")}: views of one storage`);
  }
}

function showGlobals({ globals }: Checkpoint, terminal: Terminal): void {
  const { colors } = terminal;
  const names = (list: typeof globals): string =>
    list.map(({ module, name }) => printable(`${module}.${name}`)).join(", ");
  const dangerous = globals.filter((found) => found.dangerous);
  const others = globals.filter((found) => !found.allowed && !found.dangerous);
  const allowed = globals.filter((found) => found.allowed);
  if (globals.length > 0) terminal.line();
  if (allowed.length > 0) terminal.line(colors.dim(`globals  ${names(allowed)}`));
  if (others.length > 0) {
    terminal.line(`${colors.yellow("not allowed by weights_only")}  ${names(others)}`);
  }
  if (dangerous.length > 0) {
    terminal.line(`${colors.red("runs code when Python loads it")}  ${names(dangerous)}`);
  }
  if (others.length + dangerous.length > 0) {
    terminal.line(colors.dim(`${countText(others.length + dangerous.length)} in all; nothing of it was run`));
  }
}
