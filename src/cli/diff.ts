/** `cresset diff`: what two files have in common and where they differ. */

import { type Command, InvalidArgumentError } from "commander";
import { serialization } from "cresset";
import { type CommonOptions, type Context, exit, subcommand } from "./command.ts";
import { compare, type Difference, fingerprint, type Tolerance } from "./compare.ts";
import { tiesOf } from "./sharing.ts";
import type { Progress, Terminal } from "./terminal.ts";
import { aligned, countText, cut, numberText, plural, printable, shapeText, widthOf } from "./text.ts";
import { valuesOf } from "./tree.ts";

type Checkpoint = serialization.Checkpoint;

interface DiffOptions extends CommonOptions, Tolerance {
  readonly all?: boolean;
}

/** One tensor or value of either file. */
interface Row {
  readonly key: string;
  readonly status: "equal" | "close" | "differs" | "shape" | "dtype" | "only in a" | "only in b" | "moved" | "value";
  readonly a?: unknown;
  readonly b?: unknown;
  readonly difference?: Difference;
}

/** What differs between two files. */
interface Report {
  readonly equal: boolean;
  readonly rows: readonly Row[];
  /** Names that mean one tensor in one file only. */
  readonly ties: { readonly a: readonly string[][]; readonly b: readonly string[][] };
}

function tolerance(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0)) throw new InvalidArgumentError("Expected a number that is not negative.");
  return value;
}

/** The subcommand. */
export function diff({ terminal, answer }: Context): Command {
  return subcommand("diff", "compare two files: keys, shapes, values, what is equal, moved or tied", [
    ["cresset diff before.pt after.pt", "exits with 1 if anything differs"],
    ["cresset diff model.pt model.safetensors", "formats may differ"],
    ["cresset diff --rtol 1e-3 --atol 1e-5 float32.pt bfloat16.pt", "differences within a tolerance count as close"],
  ])
    .argument("<a>", "a file")
    .argument("<b>", "another")
    .option("--rtol <number>", "relative tolerance", tolerance, 0)
    .option("--atol <number>", "absolute tolerance", tolerance, 0)
    .option("--all", "list what is equal, too")
    .action(async (a: string, b: string, options: DiffOptions) => {
      using first = await serialization.inspect(a);
      using second = await serialization.inspect(b);
      const report = await compareFiles(first, second, options, terminal);
      if (options.json === true) terminal.json({ a, b, ...report });
      else show(report, options, terminal);
      answer(report.equal ? exit.success : exit.no);
    });
}

async function compareFiles(a: Checkpoint, b: Checkpoint, options: Tolerance, terminal: Terminal): Promise<Report> {
  const shared = a.keys().filter((key) => b.has(key));
  const onlyA = a.keys().filter((key) => !b.has(key));
  const onlyB = b.keys().filter((key) => !a.has(key));
  const candidates = sameKinds(a, onlyA, b, onlyB);
  const read = [...shared, ...candidates.a].map((key) => a.lazy(key)).concat(candidates.b.map((key) => b.lazy(key)));
  const bytes = read.reduce((sum, tensor) => sum + tensor.numel * tensor.itemsize, 0);
  const progress = terminal.progress("comparing", bytes);
  try {
    const rows: Row[] = [];
    for (const key of shared) rows.push(await compareTensors(key, a, b, options, progress));
    const moved = await findMoved(a, b, candidates, progress);
    for (const key of onlyA) rows.push(rowOfOne(key, "only in a", a, moved.get(key)));
    const targets = new Set(moved.values());
    for (const key of onlyB) if (!targets.has(key)) rows.push(rowOfOne(key, "only in b", b, undefined));
    rows.push(...compareValues(a.value, b.value));
    const ties = tieChanges(a, b);
    const same = rows.every(({ status }) => status === "equal" || status === "close");
    return { equal: same && ties.a.length + ties.b.length === 0, rows, ties };
  } finally {
    progress.stop();
  }
}

async function compareTensors(
  key: string,
  a: Checkpoint,
  b: Checkpoint,
  tolerances: Tolerance,
  progress: Progress,
): Promise<Row> {
  const [x, y] = [a.lazy(key), b.lazy(key)];
  const sides = { a: kindOf(a, key), b: kindOf(b, key) };
  if (String(x.shape) !== String(y.shape)) return { key, status: "shape", ...sides };
  const difference = await compare(x, y, tolerances, (bytes) => progress.add(bytes));
  if (x.dtype !== y.dtype) return { key, status: "dtype", ...sides, difference };
  if (difference.differing > 0) return { key, status: "differs", ...sides, difference };
  const exact = difference.largest === 0 || difference.largest === null;
  return exact ? { key, status: "equal" } : { key, status: "close", ...sides, difference };
}

const kindOf = (file: Checkpoint, key: string): string => `${file.lazy(key).dtype} ${shapeText(file.lazy(key).shape)}`;

function rowOfOne(key: string, status: "only in a" | "only in b", file: Checkpoint, movedTo: string | undefined): Row {
  if (movedTo !== undefined) return { key, status: "moved", a: key, b: movedTo };
  return { key, status, [status === "only in a" ? "a" : "b"]: kindOf(file, key) };
}

interface Candidates {
  readonly a: string[];
  readonly b: string[];
}

/** Tensors of one file whose dtype and shape one of the other file has, too: only these can have moved. */
function sameKinds(a: Checkpoint, onlyA: string[], b: Checkpoint, onlyB: string[]): Candidates {
  const [inA, inB] = [onlyA.map((key) => kindOf(a, key)), onlyB.map((key) => kindOf(b, key))];
  return { a: onlyA.filter((_, i) => inB.includes(inA[i]!)), b: onlyB.filter((_, i) => inA.includes(inB[i]!)) };
}

/** The new names of tensors that have their old elements. */
async function findMoved(
  a: Checkpoint,
  b: Checkpoint,
  candidates: Candidates,
  progress: Progress,
): Promise<Map<string, string>> {
  const byContent = new Map<string, string[]>();
  const contentOf = async (file: Checkpoint, key: string): Promise<string> =>
    `${kindOf(file, key)} ${await fingerprint(file.lazy(key), (bytes) => progress.add(bytes))}`;
  for (const key of candidates.b) {
    const content = await contentOf(b, key);
    byContent.set(content, [...(byContent.get(content) ?? []), key]);
  }
  const moved = new Map<string, string>();
  for (const key of candidates.a) {
    const target = byContent.get(await contentOf(a, key))?.shift();
    if (target !== undefined) moved.set(key, target);
  }
  return moved;
}

// ---------------------------------------------------------------- values and ties

function compareValues(a: unknown, b: unknown): Row[] {
  const [x, y] = [valuesOf(a), valuesOf(b)];
  const keys = [...x.keys(), ...[...y.keys()].filter((key) => !x.has(key))];
  return keys
    .filter((key) => x.get(key) !== y.get(key))
    .map((key) => ({ key, status: "value", a: x.get(key) ?? null, b: y.get(key) ?? null }));
}

function tieChanges(a: Checkpoint, b: Checkpoint): Report["ties"] {
  const known = (file: Checkpoint, other: Checkpoint): string[][] =>
    tiesOf(file.tensors)
      .map((names) => names.filter((name) => other.has(name)).sort())
      .filter((names) => names.length > 1);
  const [inA, inB] = [known(a, b), known(b, a)];
  const [textA, textB] = [inA.map(String), inB.map(String)];
  return { a: inA.filter((tie) => !textB.includes(String(tie))), b: inB.filter((tie) => !textA.includes(String(tie))) };
}

// ---------------------------------------------------------------- as text

function show({ rows, ties }: Report, options: DiffOptions, terminal: Terminal): void {
  const { colors } = terminal;
  const shown = rows.filter(({ status }) => options.all === true || status !== "equal");
  const lines = shown.map((row) => [colored(row.status, terminal), printable(row.key), ...details(row)]);
  for (const line of aligned(lines, widthOf)) terminal.line(line);
  for (const [side, list] of [
    ["a", ties.a],
    ["b", ties.b],
  ] as const) {
    for (const names of list)
      terminal.line(`${colors.yellow(`tied in ${side} only`)}  ${names.map(printable).join(" = ")}`);
  }
  const equal = rows.filter(({ status }) => status === "equal").length;
  terminal.line(`${colors.green("equal")}  ${plural(equal, "tensor")}`);
}

function colored(status: Row["status"], { colors }: Terminal): string {
  if (status === "equal" || status === "close") return colors.green(status);
  return status === "moved" ? colors.cyan(status) : colors.red(status);
}

function details({ status, a, b, difference }: Row): string[] {
  const kinds = status === "close" || status === "differs" ? [String(a)] : [a, b].filter((side) => side !== undefined);
  const change = kinds.map((side) => printable(shown(side))).join(" → ");
  if (status === "moved") return [`→ ${printable(String(b))}`];
  if (difference === undefined) return status === "equal" ? [] : [change];
  const { differing, numel, largest, mean } = difference;
  const count = `${countText(differing)} of ${plural(numel, "element")}`;
  if (largest === null || mean === null) return [change, "other bits", "", count];
  return [change, `largest ${numberText(largest)}`, `mean ${numberText(mean)}`, count];
}

const shown = (side: unknown): string => (side === null ? "(none)" : cut(String(side), 60));
