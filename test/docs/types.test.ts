/** The programs of the README and of docs/, and the examples of docstrings, compile under the strict settings of this project. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { moduleOf as exampleModule, examples } from "../support/examples.ts";
import { moduleOf, pages, programsOf } from "../support/pages.ts";

const folder = mkdtempSync(join(process.cwd(), "test", ".docs-"));
afterAll(() => rmSync(folder, { recursive: true }));

const fileOf = (path: string, line: number): string => `${path.replaceAll("/", "_")}_${line}.ts`;

/** What the compiler says of the files, which name their page and line. */
function complaints(files: ReadonlyMap<string, string>): string {
  for (const [name, code] of files) writeFileSync(join(folder, name), code);
  const options = { extends: "../../tsconfig.json", include: [], files: [...files.keys()] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(options));
  try {
    return execFileSync("npx", ["tsc", "-p", folder, "--noEmit", "--pretty", "false"], { encoding: "utf8" });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

test("programs of pages and examples of docstrings compile", () => {
  const programs = pages().flatMap((page) =>
    programsOf(page).map(({ code, line }) => [fileOf(page, line), moduleOf(code)] as const),
  );
  const shown = examples().map((example) => [fileOf(example.file, example.line), exampleModule(example)] as const);
  expect(complaints(new Map([...programs, ...shown]))).toBe("");
});
