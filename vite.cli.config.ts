/** Builds the command line program beside the package's module, which it imports; its own libraries go into it. */
import { readFileSync } from "node:fs";
import { defineConfig } from "vite";

const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8")) as { version: string };

export default defineConfig({
  define: { __VERSION__: JSON.stringify(version) },
  ssr: { noExternal: true, external: ["cresset"], target: "node" },
  build: {
    target: "node20",
    ssr: "src/cli/main.ts",
    emptyOutDir: false,
    minify: true,
    license: { fileName: "cli-licenses.md" },
    rollupOptions: {
      external: ["cresset"],
      output: { entryFileNames: "cli.js", paths: { cresset: "./index.js" } },
    },
  },
});
