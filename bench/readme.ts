/** Puts a short table of the stored results into the main README, between two marks, if it has them. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "./builds.ts";
import type { Results } from "./report.ts";
import { workloads } from "./workloads.ts";

const marks = ["<!-- benchmarks -->", "<!-- /benchmarks -->"] as const;

function ratio(results: Results | undefined, workload: string, peer: string): string {
  const seconds = results?.rows[workload]?.seconds;
  const [ours, theirs] = [seconds?.cresset, seconds?.[peer]];
  return ours === undefined || theirs === undefined ? "–" : (ours / theirs).toFixed(2);
}

/** Cresset's time over the others', one thread each. */
export function shortTable(all: readonly Results[]): string {
  const single = all.filter((r) => r.threads === 1);
  const [blas, own] = [single.find((r) => r.blas !== null), single.find((r) => r.blas === null)];
  const lines = workloads.map(({ name, what }) => {
    const peer = (key: string): string => ratio(blas?.rows[name]?.seconds[key] ? blas : own, name, key);
    const cells = [ratio(blas, name, "pytorch"), ratio(own, name, "pytorch"), peer("jax"), peer("tensorflow")];
    return `| ${what} | ${cells.join(" | ")} |`;
  });
  const heading =
    "| Cresset's time over that of | PyTorch, both with BLAS | PyTorch, Cresset without | jax-js | TensorFlow.js |";
  return [heading, "|---|--:|--:|--:|--:|", ...lines].join("\n");
}

/** Rewrites what stands between the marks. */
export function writeReadme(all: readonly Results[]): void {
  const file = path.join(root, "README.md");
  const text = readFileSync(file, "utf8");
  const [from, to] = marks.map((mark) => text.indexOf(mark)) as [number, number];
  if (from < 0 || to < from) return;
  const body = `${marks[0]}\n${shortTable(all)}\n`;
  writeFileSync(file, text.slice(0, from) + body + text.slice(to));
}
