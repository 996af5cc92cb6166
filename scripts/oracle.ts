/**
 * Replays PyTorch's recorded operator samples: `npx tsx scripts/oracle.ts [op ...] [--failures N] [--json FILE]
 * [--markdown FILE]`. Without operators, all of them; an operator is named as in PyTorch (`nn.functional.gelu`).
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { readIndex } from "../test/oracle/format.ts";
import { explain, markdown, summary, table } from "../test/oracle/report.ts";
import { type OpResult, runOp } from "../test/oracle/run.ts";

const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: { failures: { type: "string" }, json: { type: "string" }, markdown: { type: "string" } },
});

const index = readIndex();
const unknown = wanted.filter((op) => !index.some((entry) => entry.op === op));
if (unknown.length > 0) {
  console.error(`no such operator in the samples: ${unknown.join(", ")}`);
  process.exit(2);
}

const entries = wanted.length === 0 ? index : index.filter(({ op }) => wanted.includes(op));
const results: OpResult[] = entries.map(runOp);
const perOperator = Number(options.failures ?? (wanted.length === 0 ? 0 : 5));

console.log(table(results));
for (const { op, failures, soft } of results) {
  for (const failure of [...failures, ...soft].slice(0, perOperator)) console.log(explain(op, failure));
}
console.log(`\n${summary(results)}`);
if (options.json !== undefined) {
  const plain = results.map((result) => ({ ...result, skipped: Object.fromEntries(result.skipped) }));
  writeFileSync(options.json, `${JSON.stringify(plain, null, 1)}\n`);
}
if (options.markdown !== undefined) writeFileSync(options.markdown, markdown(results));
