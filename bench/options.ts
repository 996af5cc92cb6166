/** The command line of the benchmarks. */
import { parseArgs } from "node:util";
import { workloads } from "./workloads.ts";

/** What was asked for. */
export interface Options {
  readonly only: readonly string[];
  readonly without: readonly string[];
  readonly rounds: number;
  readonly slice: number;
  readonly threads: number;
  readonly blas: boolean;
  readonly python: string | null;
  readonly commit: string | null;
  readonly profile: string | null;
  readonly json: boolean;
  readonly write: boolean;
  readonly table: boolean;
}

const help = `npm run bench -- [options]
  --only gpt_step,add_1m   these workloads; a trailing * stands for any ending
  --without jax,last       leave out engines: pytorch jax tensorflow last
  --threads N              threads of Cresset and of PyTorch (1)
  --blas on|off            whether Cresset may call an installed BLAS (on)
  --rounds N               timed repetitions of each workload and engine (7)
  --slice MS               least length of a repetition (100)
  --python PATH            a Python that has torch (python3)
  --commit REV             what "last commit" is (HEAD, or the one before when nothing is changed)
  --profile WORKLOAD       where the time of a workload goes, instead of timing it
  --json                   print the numbers as JSON
  --no-write               leave bench/results and bench/RESULTS.md alone
  --table                  only write bench/RESULTS.md again from bench/results
workloads: ${workloads.map((w) => w.name).join(" ")}`;

function chosen(patterns: string | undefined): string[] {
  const names = workloads.map((w) => w.name);
  if (patterns === undefined) return names;
  const found = patterns.split(",").flatMap((pattern) => {
    const hits = names.filter((n) => (pattern.endsWith("*") ? n.startsWith(pattern.slice(0, -1)) : n === pattern));
    if (hits.length === 0) throw new Error(`no workload called ${pattern}; there are ${names.join(" ")}`);
    return hits;
  });
  return names.filter((n) => found.includes(n));
}

function positive(text: string | undefined, otherwise: number, name: string): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!(value > 0)) throw new Error(`--${name} must be a positive number, got ${text}`);
  return value;
}

function onOff(text: string | undefined): boolean {
  if (text !== undefined && text !== "on" && text !== "off") throw new Error(`--blas is on or off, got ${text}`);
  return text !== "off";
}

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;

/** Reads the arguments; null when help was asked for and printed. */
export function readOptions(args: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      only: text,
      without: text,
      threads: text,
      blas: text,
      rounds: text,
      slice: text,
      python: text,
      commit: text,
      profile: text,
      json: flag,
      write: flag,
      table: flag,
      help: flag,
    },
  });
  if (values.help) {
    console.log(help);
    return null;
  }
  return {
    only: chosen(values.only),
    without: values.without?.split(",") ?? [],
    rounds: positive(values.rounds, 7, "rounds"),
    slice: positive(values.slice, 100, "slice") / 1e3,
    threads: positive(values.threads, 1, "threads"),
    blas: onOff(values.blas),
    python: values.python ?? null,
    commit: values.commit ?? null,
    profile: values.profile === undefined ? null : chosen(values.profile)[0]!,
    json: values.json ?? false,
    write: values.write ?? true,
    table: values.table ?? false,
  };
}
