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

const namespaces: Readonly<Record<string, object>> = { "": ops, "nn.": functional, "special.": special, "linalg.": linalg };

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

/** The operator of this label. */
export function entryOf(label: string): Entry {
  const entry = catalogue.find((e) => e.label === label);
  if (entry === undefined) throw new Error(`no operator "${label}"`);
  return entry;
}
