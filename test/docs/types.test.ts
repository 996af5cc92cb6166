/** The programs of the README and of docs/ compile under the strict settings of this project. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { moduleOf, pages, programsOf } from "../support/pages.ts";

const folder = mkdtempSync(join(process.cwd(), "test", ".docs-"));
afterAll(() => rmSync(folder, { recursive: true }));

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

test("programs of pages compile", () => {
  const files = pages().flatMap((page) =>
    programsOf(page).map(({ code, line }) => [`${page.replaceAll("/", "_")}_${line}.ts`, moduleOf(code)] as const),
  );
  expect(complaints(new Map(files))).toBe("");
});
