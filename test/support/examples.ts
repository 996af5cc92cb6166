/** The `@example`s of the sources as programs. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "acorn";
import { transform } from "sucrase";

/** An example of a docstring. */
export interface Example {
  readonly file: string;
  readonly line: number;
  readonly code: string;
}

/** What examples use without saying where it comes from: declared for those that name it and do not make it. */
const standIns: Readonly<Record<string, string>> = {
  // The package, as a user has it.
  torch: 'import * as torch from "cresset";',
  nn: 'import { nn } from "cresset";',
  optim: 'import { optim } from "cresset";',
  copy: 'import { copy } from "cresset";',
  autograd: 'import { autograd } from "cresset";',
  F: "const F = torch.nn.functional;",
  // Inner parts whose docstrings have examples.
  repr: 'import { repr } from "../../src/core/repr.ts";',
  ModuleBuilder: 'import { ModuleBuilder } from "../../src/backends/wasm/module.ts";',
  serveLens: 'import { serveLens } from "../../src/cli/lens.ts";',
  heap: 'import { heap as heapOf } from "../../src/core/memory.ts";\nconst heap = heapOf();',
  writeFile: 'import { writeFile } from "node:fs/promises";',
  // Data.
  x: "const x = torch.arange(6, { dtype: torch.float32 }).view(2, 3);",
  w: "const w = torch.ones(3, { requiresGrad: true });",
  batch: "const batch = torch.rand(8, 3);",
  images: "const images = torch.rand(8, 1, 28, 28);",
  tokens: "const tokens = torch.randint(1000, [2, 5]);",
  targets: "const targets = torch.randint(10, [8]);",
  // A model with what belongs to training it.
  Net: "class Net extends torch.nn.Module { fc = new torch.nn.Linear(3, 2); forward(x: torch.Tensor) { return this.fc(x); } }",
  model: "const model = new Net();",
  best: "const best = model.stateDict();",
  optimizer: "const optimizer = new torch.optim.SGD(model.parameters(), { lr: 0.1 });",
  step: "const step = (batch: torch.Tensor) => model(batch).sum();",
  train: "const train = () => void model(x).sum().backward();",
  trainOneEpoch: "const trainOneEpoch = (_: torch.nn.AnyModule) => 0.5;",
  loss: "const loss = model(x).square().mean();",
};

/** Which stand-ins use others. */
const uses = (name: string): string[] =>
  Object.keys(standIns).filter((other) => other !== name && mentions(standIns[name]!, other));

function mentions(code: string, name: string): boolean {
  return new RegExp(`(?<![\\w"']|(?<!\\.\\.)\\.)${name}\\b(?!:)`).test(code);
}

function makes(code: string, name: string): boolean {
  return new RegExp(`\\b(?:const|let|class|function)\\s+(?:[[{][^=]*\\b)?${name}\\b`).test(code);
}

/** The stand-ins of a program, in the order in which they can stand. */
function needed(code: string): string[] {
  const wanted = new Set<string>();
  const want = (name: string): void => {
    if (wanted.has(name)) return;
    for (const other of uses(name)) want(other);
    wanted.add(name);
  };
  for (const name of Object.keys(standIns)) if (mentions(code, name) && !makes(code, name)) want(name);
  return Object.keys(standIns)
    .filter((name) => wanted.has(name))
    .map((name) => standIns[name]!);
}

/** What begins like a printed value; other comments are prose. */
const printed = /^(?:tensor\(|torch\.|Parameter|[-\d"'[{(]|true|false|null|undefined|NaN|Infinity)/;

/** `expression // value` as a call of `check`; other lines as they are. */
function checked(line: string): string {
  const match = /^(\s*)(.*?);? \/\/ (.+)$/.exec(line);
  if (match === null || !printed.test(match[3]!)) return line;
  const expression = /^console\.log\((.*)\)$/.exec(match[2]!)?.[1] ?? match[2]!;
  return isExpression(expression) ? `${match[1]}check(${JSON.stringify(match[3])}, ${expression});` : line;
}

function isExpression(code: string): boolean {
  try {
    const { code: plain } = transform(`(f(${code}))`, { transforms: ["typescript"], disableESTransforms: true });
    return parse(plain, { ecmaVersion: "latest", sourceType: "module" }).body.length === 1;
  } catch {
    return false;
  }
}

/** The example as a module, which calls the exported `check` of support/check.ts where it says what a value prints. */
export function moduleOf({ code }: Example): string {
  const lines = code.split("\n").map(checked).join("\n");
  const check = lines.includes("check(") ? ['import { check } from "../support/check.ts";'] : [];
  return [...needed(code), ...check, lines, "export {};", ""].join("\n");
}

const comment = /\/\*\*(.*?)\*\//gs;

/** The examples of one file. */
function examplesIn(file: string): Example[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(comment)].flatMap(({ 1: body, index }) => {
    const lines = body!.split("\n").map((line) => line.replace(/^\s*\* ?/, ""));
    const from = text.slice(0, index).split("\n").length;
    return lines.flatMap((line, i) => {
      const first = /^\s*@example ?(.*)$/.exec(line);
      if (first === null) return [];
      const rest = lines.slice(i + 1);
      const until = rest.findIndex((other) => /^\s*@\w/.test(other));
      const code = [first[1]!, ...(until < 0 ? rest : rest.slice(0, until))].join("\n").trim();
      return [{ file, line: from + i, code }];
    });
  });
}

/** All examples of src/. */
export function examples(): Example[] {
  const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  return files.sort().flatMap((file) => examplesIn(join("src", file)));
}
