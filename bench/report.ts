/** Keeps results per configuration as JSON, and writes the table that people read from all of them. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "./builds.ts";
import { writeReadme } from "./readme.ts";
import { type Workload, workloads } from "./workloads.ts";

/** What one workload took. */
export interface Row {
  readonly date: string;
  readonly commit: string;
  /** Median seconds by engine. */
  readonly seconds: Record<string, number>;
  /** Least seconds by engine. */
  readonly least: Record<string, number>;
  /** Which way an engine did it, where it has several. */
  readonly how: Record<string, string>;
  /** Why an engine has no number. */
  readonly failed: Record<string, string>;
}

/** All that is known of one configuration on one machine. */
export interface Results {
  readonly machine: string;
  readonly node: string;
  readonly threads: number;
  readonly blas: string | null;
  /** The kernels that every engine's OpenBLAS was told to use, where its own choice would be wrong. */
  readonly core?: string | null;
  readonly pytorchBlas: string | null;
  /** The machine's load when the run began, which should be near 0. */
  readonly load: number;
  /** Display names by engine. */
  readonly engines: Record<string, string>;
  readonly rows: Record<string, Row>;
}

const folder = path.join(root, "bench", "results");
const page = path.join(root, "bench", "RESULTS.md");
const peers = ["jax", "tensorflow", "last"];

/** How long, in the unit that reads best. */
export function duration(seconds: number): string {
  const [value, unit] = seconds < 1e-3 ? [seconds * 1e6, "µs"] : [seconds * 1e3, "ms"];
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${unit}`;
}

function fileOf({ threads, blas }: Results): string {
  return path.join(folder, `${threads}-thread${threads > 1 ? "s" : ""}${blas === null ? "" : "-blas"}.json`);
}

/** Puts new rows in the place of old ones of the same machine. */
export function store(results: Results): void {
  mkdirSync(folder, { recursive: true });
  const file = fileOf(results);
  const old = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Results) : null;
  const kept = old?.machine === results.machine ? old : null;
  // What failed is printed; it does not take the place of what was once measured.
  const measured = Object.entries(results.rows).filter(([name, row]) => "cresset" in row.seconds || !kept?.rows[name]);
  const rows = { ...kept?.rows, ...Object.fromEntries(measured) };
  const engines = { ...kept?.engines, ...results.engines };
  writeFileSync(file, `${JSON.stringify({ ...results, engines, rows }, null, 1)}\n`);
}

const times = (ours: number | undefined, theirs: number | undefined): number | null =>
  ours === undefined || theirs === undefined ? null : ours / theirs;

const ratio = (value: number | null): string => (value === null ? "" : value.toFixed(2));

/** Targets are about one thread on each side. */
function bound({ target }: Workload, { blas, threads }: Results): number | null {
  return target === null || threads > 1 ? null : target[blas === null ? "own" : "blas"];
}

function cells(workload: Workload, results: Results): string[] {
  const row = results.rows[workload.name]!;
  const { cresset, pytorch } = row.seconds;
  const limit = bound(workload, results);
  const against = times(cresset, pytorch);
  const mark = limit === null || against === null ? "" : against <= limit ? "pass" : "miss";
  const other = (key: string): string => {
    const theirs = row.seconds[key];
    return theirs === undefined ? "–" : `${duration(theirs)} (${ratio(times(cresset, theirs))})`;
  };
  return [
    workload.name,
    cresset === undefined ? "–" : duration(cresset),
    pytorch === undefined ? "–" : duration(pytorch),
    ratio(against),
    ratio(times(row.least.cresset, row.least.pytorch)),
    limit === null ? "" : String(limit),
    mark,
    ...peers.filter((key) => key in results.engines).map(other),
  ];
}

function aligned(rows: string[][]): string {
  const widths = rows[0]!.map((_, c) => Math.max(...rows.map((r) => r[c]!.length)));
  const line = (r: string[]): string =>
    `| ${r.map((x, c) => (c === 0 ? x.padEnd(widths[c]!) : x.padStart(widths[c]!))).join(" | ")} |`;
  const rule = `|${widths.map((w, c) => (c === 0 ? "-".repeat(w + 2) : `${"-".repeat(w + 1)}:`)).join("|")}|`;
  return [line(rows[0]!), rule, ...rows.slice(1).map(line)].join("\n");
}

/** The table of one configuration. */
export function table(results: Results): string {
  const names = peers.filter((key) => key in results.engines).map((key) => results.engines[key]!);
  const heading = [
    "workload",
    "Cresset",
    results.engines.pytorch ?? "PyTorch",
    "ratio",
    "of least",
    "target",
    "",
    ...names,
  ];
  const present = workloads.filter((w) => w.name in results.rows);
  return aligned([heading, ...present.map((w) => cells(w, results))]);
}

/** One line per configuration and what it missed. */
export function verdict(results: Results): string {
  if (results.threads > 1) return "Targets are for one thread.";
  const judged = workloads.filter((w) => w.name in results.rows).map((w) => cells(w, results));
  const [passed, missed] = ["pass", "miss"].map((mark) => judged.filter((c) => c[6] === mark).map((c) => c[0]!));
  const which = missed!.length > 0 ? `: ${missed!.join(", ")}` : "";
  const busy = results.load > 1 ? " The machine was busy: these numbers decide nothing." : "";
  return `${passed!.length} targets met, ${missed!.length} missed${which}.${busy}`;
}

function failures(results: Results): string {
  const lines = Object.entries(results.rows).flatMap(([name, row]) =>
    Object.entries(row.failed).map(([key, why]) => `- ${name}, ${results.engines[key] ?? key}: ${why}`),
  );
  return lines.length === 0 ? "" : `\n\nNot measured:\n\n${lines.join("\n")}`;
}

const told = (core: string): string =>
  "OpenBLAS does not know this processor and would fall back to kernels of 2004, in PyTorch too, so every engine ran " +
  `with OPENBLAS_CORETYPE=${core}. `;

function section(results: Results): string {
  const all = Object.values(results.rows);
  const date = all
    .map((row) => row.date)
    .sort()
    .at(-1);
  const commits = [...new Set(all.map((row) => row.commit))].join(", ");
  const { machine, node, load, blas, pytorchBlas } = results;
  const products = `Products run in ${blas ?? "WebAssembly"}${pytorchBlas === null ? "" : `, PyTorch's in ${pytorchBlas}`}.`;
  return `## ${results.threads === 1 ? "One thread" : `${results.threads} threads`}, ${blas === null ? "without" : "with"} BLAS

${machine}, Node ${node}, load ${load.toFixed(1)} at the start, ${date}, commit ${commits}. ${products}
${results.core == null ? "" : told(results.core)}${verdict(results)}

${table(results)}${failures(results)}`;
}

const preface = `# Benchmark results

Written by \`npm run bench\`; \`bench/README.md\` says how. Times are medians of interleaved repetitions. *ratio* is
Cresset's time over PyTorch's, with the same number of threads on both sides: below 1, Cresset is faster. *of least* is
the same of the least times, which a busy machine disturbs less; targets are about *ratio*. The peers' columns give
their time, and in brackets Cresset's over theirs. A dash: the engine has no such thing, or failed.`;

/** Reads every stored configuration, the ones with BLAS and with fewest threads first. */
export function stored(): Results[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  const all = files.map((name) => JSON.parse(readFileSync(path.join(folder, name), "utf8")) as Results);
  return all.sort((x, y) => x.threads - y.threads || Number(x.blas === null) - Number(y.blas === null));
}

/** Writes bench/RESULTS.md, and the main README's table, from what is stored. */
export function writePage(): void {
  const all = stored();
  writeFileSync(page, `${[preface, ...all.map(section)].join("\n\n")}\n`);
  writeReadme(all);
}
