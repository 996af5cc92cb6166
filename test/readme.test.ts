/** Every TypeScript block of the README and of two pages runs, and prints what its comments say. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const pages = ["README.md", "docs/lens.md", "docs/files.md"].map((page) => readFileSync(page, "utf8")).join("\n");
const blocks = [...pages.matchAll(/```ts\n(.*?)```/gs)].map((m) => m[1]!);
const folder = mkdtempSync(join(process.cwd(), "test", ".readme-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** What a block says that it prints: the comments behind its console.log lines. */
const promised = (block: string): string =>
  [...block.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map((m) => `${m[1]}\n`).join("");

test.each(blocks.map((block, i) => [i + 1, block] as const))("block %i", (i, block) => {
  const file = join(folder, `block-${i}.ts`);
  writeFileSync(file, block);
  const out = execFileSync("npx", ["tsx", "--tsconfig", "../../tsconfig.json", file], {
    cwd: folder,
    encoding: "utf8",
  });
  expect(out).toBe(promised(block));
});
