/** Runs programs of documentation pages in this process, and tells what they printed. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { format } from "node:util";
import * as torch from "../../src/index.ts";
import { moduleOf, type Program } from "./pages.ts";

/** What a program did. */
export interface Outcome {
  readonly output: string;
  /** The texts of its warnings, without the place. */
  readonly warnings: readonly string[];
  /** The drawing that its page asks for. */
  readonly svg: string | null;
}

/** The program, and the drawing of its figure as an export. */
function source({ figure, code }: Program): string {
  const module = moduleOf(code);
  if (figure === null) return module;
  const drift = figure.drift === null ? "" : `, drift: torch.lens.drift(${figure.drift})`;
  const options = `{ title: ${JSON.stringify(figure.title)}, width: 680${drift} }`;
  return `${module}\nexport const svg = torch.lens.toSVG(torch.lens.map(${figure.named}), ${options});\n`;
}

/** Runs `fn` while what it prints and warns is kept. */
async function listening(fn: () => Promise<unknown>): Promise<{ value: unknown; output: string; warnings: string[] }> {
  const { log, warn } = console;
  const printed: string[] = [];
  const warnings: string[] = [];
  const keep = (message: string): void => void warnings.push(message.replace(/ \(at .*\)$/s, ""));
  console.log = (...args: unknown[]) => void printed.push(`${format(...args)}\n`);
  console.warn = (message: unknown) => keep(String(message));
  try {
    const value = await fn();
    for (const { message } of torch.warnings.record(() => {})) keep(`UserWarning: ${message}`);
    return { value, output: printed.join(""), warnings };
  } finally {
    console.log = log;
    console.warn = warn;
  }
}

/** Runs modules one after another in a folder that is removed by `close`. */
export class Runner {
  readonly #folder: string = mkdtempSync(join(process.cwd(), "test", ".docs-"));
  readonly #home: string = process.cwd();
  #count = 0;

  async run(program: Program): Promise<Outcome> {
    const { value, output, warnings } = await this.runModule(source(program));
    return { output, warnings, svg: (value as { svg?: string }).svg ?? null };
  }

  /** Runs the text of a module, which finds what it writes in the working folder. */
  async runModule(text: string): Promise<{ value: unknown; output: string; warnings: string[] }> {
    const file = join(this.#folder, `program-${this.#count++}.ts`);
    writeFileSync(file, text);
    process.chdir(this.#folder);
    try {
      return await listening(() => import(pathToFileURL(file).href));
    } finally {
      process.chdir(this.#home);
    }
  }

  close(): void {
    rmSync(this.#folder, { recursive: true });
  }
}
