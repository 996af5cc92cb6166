/** Leaves dist/: the module by Vite, its types by tsc. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const run = (...command) => execFileSync("npx", command, { stdio: "inherit" });

run("vite", "build", "--logLevel", "warn");
run("tsc", "-p", "tsconfig.build.json");

// tsc leaves `.ts` in the specifiers of declarations, which consumers' compilers need not resolve.
for (const file of readdirSync("dist", { recursive: true, encoding: "utf8" })) {
  if (!file.endsWith(".d.ts")) continue;
  const path = join("dist", file);
  const text = readFileSync(path, "utf8");
  writeFileSync(path, text.replace(/((?:from |import\(|import )"\.{1,2}\/[^"]*?)\.ts"/g, '$1.js"'));
}
