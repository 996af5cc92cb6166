/** Times every workload in every engine, in turns, and prints and stores the ratios. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import path from "node:path";
import { findBlas } from "../src/backends/native/library.ts";
import { buildApart, buildCommit, buildNow, describe, root } from "./builds.ts";
import { Child, type Command } from "./child.ts";
import { writeData } from "./data.ts";
import { type Options, readOptions } from "./options.ts";
import { duration, type Results, type Row, store, table, verdict, writePage } from "./report.ts";
import { checkedSteps, type Workload, workloads } from "./workloads.ts";

const engines = path.join(root, "bench", "engines");
const say = (line: string): void => void process.stderr.write(`${line}\n`);

function script(name: string, ...args: string[]): string[] {
  return ["--import", "tsx", path.join(engines, name), ...args];
}

/** A Python that can import torch, or null. */
function python(asked: string | null): string | null {
  const candidates = asked === null ? ["python3", "/usr/bin/python3"] : [asked];
  return candidates.find((p) => spawnSync(p, ["-c", "import torch"]).status === 0) ?? null;
}

async function last(options: Options): Promise<{ file: string; commit: string } | null> {
  try {
    return await buildCommit(options.commit);
  } catch (error) {
    say(`the last commit is left out: ${String(error).split("\n")[0]}`);
    return null;
  }
}

/**
 * The kernels to name to every engine's OpenBLAS, or null: one that does not know this processor falls back to kernels
 * of 2004, for PyTorch too.
 */
function fairCore(): string | null {
  const own = process.env.OPENBLAS_CORETYPE;
  if (own !== undefined) return own;
  const blas = findBlas();
  return typeof blas === "string" ? null : blas.chosenCore;
}

const fair = fairCore();

async function commands(options: Options, folder: string): Promise<{ command: Command; name: string | null }[]> {
  const { threads, blas, without } = options;
  const core: Record<string, string> = fair === null ? {} : { OPENBLAS_CORETYPE: fair };
  // Debian's OpenBLAS takes its threads from the environment only.
  const count = String(threads);
  const env = { OPENBLAS_NUM_THREADS: count, OMP_NUM_THREADS: count, MKL_NUM_THREADS: count, ...core };
  const node = (key: string, args: string[]): Command => ({ key, program: process.execPath, args, env });
  const ours = (build: string): string[] => script("cresset.ts", folder, build, count, blas ? "on" : "off");
  const result = [{ command: node("cresset", ours(await buildNow())), name: null as string | null }];
  const program = without.includes("pytorch") ? null : python(options.python);
  if (program !== null) {
    const args = [path.join(engines, "pytorch.py"), folder, count, String(checkedSteps)];
    result.push({ command: { key: "pytorch", program, args, env }, name: null });
  } else say("no Python with torch: PyTorch is left out");
  for (const [key, file, dependency] of [
    ["jax", "jax.js", "@jax-js/jax"],
    ["tensorflow", "tensorflow.js", "@tensorflow/tfjs-backend-wasm"],
  ] as const) {
    if (without.includes(key)) continue;
    if (existsSync(path.join(root, "bench", "node_modules", dependency))) {
      result.push({ command: node(key, script(file, folder)), name: null });
    } else say(`${key} is left out: run npm ci --ignore-scripts in bench/`);
  }
  const previous = without.includes("last") ? null : await last(options);
  if (previous !== null) result.push({ command: node("last", ours(previous.file)), name: `at ${previous.commit}` });
  return result;
}

async function start(options: Options, folder: string): Promise<Child[]> {
  const children: Child[] = [];
  for (const { command, name } of await commands(options, folder)) {
    const child = new Child(command);
    const reason = await child.hello();
    if (reason !== null) {
      say(`${command.key} is left out: ${reason}`);
      continue;
    }
    child.name = name ?? child.name;
    if (child.blas?.startsWith("libblas.")) say(`${child.name} uses a reference BLAS (${child.blas}): not a fair peer`);
    for (const note of child.notes) say(`${child.name}: ${note}`);
    children.push(child);
  }
  return children;
}

/** Where check values differ by more than is allowed, or null. */
function disagreement(got: readonly number[], want: readonly number[], tolerance: number): string | null {
  for (let i = 0; i < want.length; i++) {
    const [g, w] = [got[i] ?? Number.NaN, want[i]!];
    if (!(Math.abs(g - w) <= tolerance * (1 + Math.abs(w)))) return `check value ${i} is ${g}, not ${w}`;
  }
  return null;
}

interface Turn {
  readonly ready: Child[];
  readonly how: Record<string, string>;
  readonly failed: Record<string, string>;
}

/** Makes the workload ready everywhere and compares the numbers; PyTorch's count, where there are any. */
async function prepare(workload: Workload, children: readonly Child[], slice: number): Promise<Turn> {
  const turn: Turn = { ready: [], how: {}, failed: {} };
  const checks: { child: Child; check: readonly number[] }[] = [];
  for (const child of children) {
    const reply = await child.prepare(workload.name, slice);
    if (reply.error !== undefined) turn.failed[child.key] = reply.error;
    if (reply.check === undefined) continue;
    if (typeof reply.how === "string") turn.how[child.key] = reply.how;
    checks.push({ child, check: reply.check });
  }
  const wanted = checks.find(({ child }) => child.key === "pytorch") ?? checks[0];
  for (const { child, check } of checks) {
    const wrong = disagreement(check, wanted!.check, workload.tolerance);
    if (wrong === null) turn.ready.push(child);
    else turn.failed[child.key] = `wrong result: ${wrong}`;
  }
  return turn;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((x, y) => x - y);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** Rounds of one repetition each, starting with another engine every time; the first round is not counted. */
async function rounds(ready: readonly Child[], count: number): Promise<Map<string, number[]>> {
  const all = new Map(ready.map((child) => [child.key, [] as number[]]));
  for (let round = 0; round <= count; round++) {
    for (let i = 0; i < ready.length; i++) {
      const child = ready[(i + round) % ready.length]!;
      const seconds = await child.time();
      if (round > 0) all.get(child.key)!.push(seconds);
    }
  }
  return all;
}

async function measure(workload: Workload, children: readonly Child[], options: Options): Promise<Row> {
  const { ready, how, failed } = await prepare(workload, children, options.slice);
  const all = await rounds(ready, options.rounds);
  for (const child of children) await child.drop();
  const each = (f: (values: readonly number[]) => number): Record<string, number> =>
    Object.fromEntries([...all].map(([key, values]) => [key, f(values)]));
  const row: Row = {
    date: new Date().toISOString().slice(0, 10),
    commit: describe(),
    seconds: each(median),
    least: each((values) => Math.min(...values)),
    how,
    failed,
  };
  const parts = Object.entries(row.seconds).map(([key, s]) => `${key} ${duration(s)}`);
  const ratio = row.seconds.cresset! / row.seconds.pytorch!;
  say(`${workload.name.padEnd(20)} ${Number.isNaN(ratio) ? "" : `x${ratio.toFixed(2)}  `}${parts.join("  ")}`);
  for (const [key, why] of Object.entries(failed)) say(`  ${key}: ${why}`);
  for (const [key, way] of Object.entries(how)) if (way.includes("failed: ")) say(`  ${key}: ${way}`);
  return row;
}

async function benchmark(options: Options, folder: string): Promise<void> {
  const children = await start(options, folder);
  const ours = children.find((child) => child.key === "cresset");
  if (ours === undefined) throw new Error("the working tree's build does not start");
  const load = loadavg()[0]!;
  if (fair !== null) say(`OPENBLAS_CORETYPE=${fair} for every engine`);
  say(`load ${load.toFixed(1)}, ${options.rounds} rounds, ${options.threads} thread(s)`);
  const rows: Record<string, Row> = {};
  for (const workload of workloads.filter((w) => options.only.includes(w.name))) {
    rows[workload.name] = await measure(workload, children, options);
  }
  for (const child of children) child.close();
  const results: Results = {
    machine: `${cpus().length} x ${cpus()[0]?.model.trim()}`,
    node: process.versions.node,
    threads: options.threads,
    blas: ours.blas,
    load,
    core: fair,
    pytorchBlas: children.find((child) => child.key === "pytorch")?.blas ?? null,
    engines: Object.fromEntries(children.map((child) => [child.key, child.name])),
    rows,
  };
  if (options.write) {
    store(results);
    writePage();
  }
  console.log(options.json ? JSON.stringify(results, null, 1) : `\n${table(results)}\n\n${verdict(results)}`);
  const wrong = Object.values(rows).some((row) => row.failed.cresset !== undefined);
  if (wrong) process.exitCode = 1;
}

async function profile(options: Options, workload: string, folder: string): Promise<void> {
  const blas = options.blas ? "on" : "off";
  const args = script("profile.ts", folder, await buildApart(), String(options.threads), blas, workload);
  process.exitCode = spawnSync(process.execPath, args, { stdio: "inherit" }).status ?? 1;
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options === null) return;
  if (options.table) {
    writePage();
    return;
  }
  const folder = mkdtempSync(path.join(tmpdir(), "cresset-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  writeData(folder);
  await (options.profile === null ? benchmark(options, folder) : profile(options, options.profile, folder));
}

await main();
