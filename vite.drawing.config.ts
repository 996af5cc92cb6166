/** Builds `cresset/drawing`: the part of the lens that draws maps and needs no tensors. */
import { defineConfig } from "vite";

export default defineConfig({
  build: {
    target: "es2022",
    minify: false,
    emptyOutDir: false,
    lib: { entry: { drawing: "src/lens/drawing.ts" }, formats: ["es"] },
    rollupOptions: { output: { entryFileNames: "[name].js", codeSplitting: false } },
  },
});
