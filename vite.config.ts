/** Builds the package: a few modules, one per part, since every file costs an importer time. */
import { defineConfig } from "vite";

const part = (id: string): string | null => {
  const match = /\/src\/([a-z]+)\//.exec(id);
  if (match === null) return null;
  return ["nn", "optim", "serialize", "copy", "lens", "data", "cli"].includes(match[1]!) ? match[1]! : "core";
};

export default defineConfig({
  build: {
    target: "es2022",
    minify: false,
    sourcemap: true,
    emptyOutDir: true,
    lib: { entry: { index: "src/index.ts" }, formats: ["es"] },
    rollupOptions: {
      external: ["fflate", "koffi"],
      output: {
        entryFileNames: "[name].js",
        // Shorter text loads faster; the names that users see stay, and source maps lead traces to the lines.
        minify: {
          mangle: { keepNames: true },
          compress: { keepNames: { function: true, class: true } },
          codegen: { removeWhitespace: true },
        },
        chunkFileNames: "[name].js",
        codeSplitting: { groups: [{ name: part }] },
      },
    },
  },
});
