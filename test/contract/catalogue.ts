/** Every operator that the library declares, under the name by which samples and exceptions know it. */
import type { OpInfo } from "../../src/ops/call.ts";
import type { Callable } from "../../src/ops/define.ts";
import * as ops from "../../src/ops/index.ts";
import * as linalg from "../../src/ops/linalg/index.ts";
import * as functional from "../../src/ops/nn/index.ts";
import * as special from "../../src/ops/special.ts";

/** A declared operator. */
export interface Entry {
  /** `add`, `nn.relu`, `special.entr`, `linalg.norm`. */
  readonly label: string;
  readonly name: string;
  readonly call: Callable;
  readonly op: OpInfo;
  /** Whether tensors have it; those of the other namespaces are functions only. */
  readonly method: boolean;
  readonly inplace: boolean;
}

const namespaces: Readonly<Record<string, object>> = {
  "": ops,
  "nn.": functional,
  "special.": special,
  "linalg.": linalg,
};

function isOperator(value: unknown): value is Callable {
  return typeof value === "function" && "op" in value;
}

/** All operators, each once, under the first namespace that has it. */
export const catalogue: readonly Entry[] = (() => {
  const seen = new Set<unknown>();
  const entries: Entry[] = [];
  for (const [prefix, namespace] of Object.entries(namespaces)) {
    for (const [name, call] of Object.entries(namespace)) {
      if (!isOperator(call) || seen.has(call)) continue;
      seen.add(call);
      const { op } = call;
      const method = prefix === "" && op.receiver !== null;
      entries.push({ label: prefix + name, name, call, op, method, inplace: method && op.inplace });
    }
  }
  return entries;
})();

/** Whether the operator itself writes its first argument. */
export const mutates = ({ name }: Pick<Entry, "name">): boolean => name.endsWith("_");

/** The operators that a table has rows for. */
export const entriesIn = (table: object): Entry[] => catalogue.filter((entry) => entry.label in table);

/** The same, and the elementwise operators whose declaration is enough. */
export const pointwiseEntries = (table: object): Entry[] =>
  catalogue.filter((entry) => arity(entry) > 0 || entry.label in table);

/** How many operands the declaration of a pointwise operator asks for; 0 where it asks for more than tensors. */
export function arity({ op }: Entry): number {
  if (op.kind !== "pointwise" || op.params.length !== 1) return 0;
  const required = op.params[0]!.split(" * ")[0]!
    .split(" ")
    .filter((word) => /^\w+:\w+$/.test(word));
  if (required.length === 0) return 1;
  const operands = required.filter((word) => /:(operand|tensor)$/.test(word));
  return required.length === 1 && operands.length === 1 && op.receiver !== 1 ? 2 : 0;
}

/** The operator of this label. */
export function entryOf(label: string): Entry {
  const entry = catalogue.find((e) => e.label === label);
  if (entry === undefined) throw new Error(`no operator "${label}"`);
  return entry;
}
