/** Builds the package as one module, since every further file costs an importer time. */
import { defineConfig } from "vite";

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
        codeSplitting: false,
      },
    },
  },
});
