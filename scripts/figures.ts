/** Draws the figures of the documentation pages: each is what the lens says at the end of the program above it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pages, programsOf } from "../test/support/pages.ts";
import { Runner } from "../test/support/running.ts";

const runner = new Runner();
try {
  for (const page of pages()) {
    for (const program of programsOf(page)) {
      if (program.figure === null) continue;
      const file = join(dirname(page), program.figure.file);
      const { svg } = await runner.run(program);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, svg!);
      console.log(file);
    }
  }
} finally {
  runner.close();
}
