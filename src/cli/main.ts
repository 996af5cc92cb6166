#!/usr/bin/env node
/** `cresset`: the file that the package's bin points to. */
import { run } from "./program.ts";

/** Set by the build. */
declare const __VERSION__: string;

async function main(): Promise<void> {
  // A reader that has seen enough, such as `head`, closes the pipe.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
  process.exitCode = await run(process.argv.slice(2), process, __VERSION__);
}

void main();
