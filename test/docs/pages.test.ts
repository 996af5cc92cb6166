/** Every program of the README and of docs/ runs and prints what its page says, and what PyTorch printed for its twin. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { pages, programsOf } from "../support/pages.ts";
import { printed, recordedOutput } from "../support/recorded.ts";
import { Runner } from "../support/running.ts";

const runner = new Runner();
afterAll(() => runner.close());

const programs = pages().flatMap((page) =>
  programsOf(page).map((program) => [`${page}:${program.line}`, program] as const),
);

test.each(programs)("%s", async (_, program) => {
  const { output, warnings, svg } = await runner.run(program);
  expect(output).toBe(program.output);
  expect(warnings).toEqual(program.warnings);
  if (program.python !== null) expect(printed(program.output)).toBe(printed(recordedOutput(program.python)));
  if (program.figure === null) return;
  const file = join(dirname(program.page), program.figure.file);
  expect(existsSync(file), `${file} is missing: npx tsx scripts/figures.ts`).toBe(true);
  expect(svg, `${file} is stale: npx tsx scripts/figures.ts`).toBe(readFileSync(file, "utf8"));
});
