/** Cresset as an engine; its arguments are the data folder, the build, threads, and `on` or `off` for the BLAS. */
import { configure } from "./configure.ts";
import { make, type Torch } from "./programs.ts";
import { serve } from "./serve.ts";

const [, , , build, threads, blas] = process.argv;
const torch = (await import(build!)) as Torch;
const configured = configure(torch, Number(threads), blas === "on");
await serve({ name: "Cresset", ...configured, make: (workload) => make(torch, workload) });
