/** Leaves dist/: the module, the pages and the command line program by Vite, types by tsc. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { build as bundle } from "vite";

const run = (...command) => execFileSync("npx", command, { stdio: "inherit" });

run("vite", "build", "--logLevel", "warn");
run("vite", "build", "--logLevel", "warn", "--config", "vite.drawing.config.ts");
run("vite", "build", "--config", "vite.cli.config.ts", "--logLevel", "warn");
run("tsc", "-p", "tsconfig.build.json");
chmodSync("dist/cli.js", 0o755);

// tsc leaves `.ts` in the specifiers of declarations, which consumers' compilers need not resolve.
for (const file of readdirSync("dist", { recursive: true, encoding: "utf8" })) {
  if (!file.endsWith(".d.ts")) continue;
  const path = join("dist", file);
  const text = readFileSync(path, "utf8");
  writeFileSync(path, text.replace(/((?:from |import\(|import )"\.{1,2}\/[^"]*?)\.ts"/g, '$1.js"'));
}

// Sizes that a page would load, gzip: the package as it is, and a small training program bundled with it.
const size = (bytes) => `${(gzipSync(bytes, { level: 9 }).length / 1000).toFixed(1)} kB`;
const folder = mkdtempSync(join(tmpdir(), "cresset-"));
const program = join(folder, "program.js");
writeFileSync(
  program,
  `import { nn, optim, tensor } from "cresset";
class Model extends nn.Module { layer = new nn.Linear(2, 1); forward(x) { return this.layer(x); } }
const model = new Model();
const optimizer = new optim.Adam(model.parameters());
nn.functional.mseLoss(model(tensor([[1, 2]])), tensor([[3]])).backward();
optimizer.step();`,
);
const results = await bundle({
  configFile: false,
  logLevel: "silent",
  resolve: { alias: { cresset: resolve("dist/index.js") } },
  build: { write: false, lib: { entry: program, formats: ["es"] }, rollupOptions: { external: ["koffi"] } },
});
const [{ output }] = [results].flat();
rmSync(folder, { recursive: true });
process.stdout.write(
  `gzip: dist/index.js ${size(readFileSync("dist/index.js"))}, a training program ${size(output[0].code)}\n`,
);

await import("./web.mjs");
