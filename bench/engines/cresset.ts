/**
 * Cresset as an engine; its arguments are the data folder, the build, threads, `on` or `off` for the BLAS, and
 * `unwatched` to turn the lens off.
 */
import { configure } from "./configure.ts";
import { make, type Torch } from "./programs.ts";
import { serve } from "./serve.ts";

const [, , , build, threads, blas, watching] = process.argv;
const torch = (await import(build!)) as Torch;
if (watching === "unwatched") torch.lens.enable(false);
const configured = configure(torch, Number(threads), blas === "on");
await serve({
  name: watching === "unwatched" ? "Cresset, lens off" : "Cresset",
  ...configured,
  make: (workload) => make(torch, workload),
});
