/**
 * Leaves dist/web/: the lens page and the playground as static files, which work from a server and from disk. A browser
 * loads no module from disk, so each page has one classic script.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";

const target = resolve("dist/web");
const alias = { "cresset/drawing": resolve("dist/drawing.js"), cresset: resolve("dist/index.js") };
/** Names that users see, such as those of layers, stay. */
const minify = { mangle: { keepNames: true }, compress: true, codegen: { removeWhitespace: true } };

/** One classic script as text. */
async function script(entry, plugins = []) {
  const result = await build({
    configFile: false,
    logLevel: "warn",
    resolve: { alias },
    define: { "import.meta.url": "globalThis.location.href" },
    plugins,
    build: {
      target: "es2022",
      write: false,
      minify: false,
      lib: { entry: resolve("web", entry), formats: ["iife"], name: "cressetPage" },
      rollupOptions: { output: { minify, codeSplitting: false } },
    },
  });
  return [result].flat()[0].output[0].code;
}

mkdirSync(target, { recursive: true });
writeFileSync(join(target, "lens.js"), await script("lens/main.ts"));
for (const file of ["lens.html", "style.css", "icon.svg"]) copyFileSync(join("web", file), join(target, file));

for (const file of ["lens.js", "style.css"]) {
  const bytes = readFileSync(join(target, file));
  const kilobytes = (n) => `${(n / 1000).toFixed(0)} KB`;
  console.log(`web/${file}: ${kilobytes(bytes.length)}, ${kilobytes(gzipSync(bytes).length)} compressed`);
}
