/** `cresset verify`: whether files are whole and safe to load. */
import type { Command } from "commander";
import { serialization } from "cresset";
import { type CommonOptions, type Context, exit, subcommand } from "./command.ts";
import type { Terminal } from "./terminal.ts";
import { bytesText, plural, printable } from "./text.ts";

interface VerifyOptions extends CommonOptions {
  readonly strict?: boolean;
}

/** What is known of one file. */
interface Report {
  readonly file: string;
  readonly ok: boolean;
  readonly format?: string;
  readonly size?: number;
  readonly tensors?: number;
  /** Entries whose checksums were looked at. */
  readonly checked?: number;
  /** What `torch.load(weights_only=True)` refuses. */
  readonly notAllowed?: readonly string[];
  /** What runs code when Python loads it. */
  readonly dangerous?: readonly string[];
  readonly problems: readonly string[];
}

/** The subcommand. */
export function verify({ terminal, answer }: Context): Command {
  return subcommand("verify", "check that files are whole and safe: structure, sizes, checksums, globals", [
    ["cresset verify model.pt", "exits with 1 if the file is damaged or would run code in Python"],
    ["cresset verify --strict *.pt", "also if torch.load(weights_only=True) would refuse it"],
    ["cresset verify --json *.safetensors", "a report for a script"],
  ])
    .argument("<files...>", "files of any kind")
    .option("--strict", "also refuse what weights_only refuses")
    .action(async (paths: string[], options: VerifyOptions) => {
      const reports: Report[] = [];
      for (const path of paths) {
        const report = await verifyFile(path, options, terminal);
        reports.push(report);
        if (options.json !== true) show(report, terminal);
      }
      if (options.json === true) terminal.json(reports);
      answer(reports.every(({ ok }) => ok) ? exit.success : exit.no);
    });
}

async function verifyFile(path: string, options: VerifyOptions, terminal: Terminal): Promise<Report> {
  try {
    using file = await serialization.inspect(path);
    const problems = await damaged(file, terminal);
    const names = (wanted: (global: serialization.NamedGlobal) => boolean): string[] =>
      file.globals.filter(wanted).map(({ module, name }) => `${module}.${name}`);
    const dangerous = names((global) => global.dangerous);
    const notAllowed = names(({ allowed, dangerous: runs }) => !allowed && !runs);
    const ok = problems.length === 0 && dangerous.length === 0 && (options.strict !== true || notAllowed.length === 0);
    const { format, size, entries } = file;
    const tensors = file.tensors.size;
    return { file: path, ok, format, size, tensors, checked: entries.length, notAllowed, dangerous, problems };
  } catch (error) {
    // A file that is not there is no answer about a file.
    if (!(error instanceof Error) || ("code" in error && typeof error.code === "string")) throw error;
    return { file: path, ok: false, problems: [error.message] };
  }
}

/** Reads every entry that has a checksum. */
async function damaged({ entries }: serialization.Checkpoint, terminal: Terminal): Promise<string[]> {
  const problems: string[] = [];
  const bar = terminal.progress(
    "verifying",
    entries.reduce((sum, { size }) => sum + size, 0),
  );
  for (const entry of entries) {
    try {
      await entry.check((bytes) => bar.add(bytes));
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  bar.stop();
  return problems;
}

function show(report: Report, terminal: Terminal): void {
  const { file, ok, format, size, tensors, checked = 0, notAllowed = [], dangerous = [], problems } = report;
  const { colors } = terminal;
  const facts = [
    format ?? "",
    size === undefined ? "" : bytesText(size),
    tensors === undefined ? "" : plural(tensors, "tensor"),
    checked > 0 ? `${plural(checked, "checksum")} right` : "no checksums in this format",
  ].filter((fact) => fact !== "");
  const summary = problems.length > 0 ? "" : `  ${colors.dim(facts.join(", "))}`;
  terminal.line(`${ok ? colors.green("ok") : colors.red("no")}  ${printable(file)}${summary}`);
  for (const problem of problems) terminal.line(`    ${colors.red("damaged")}  ${printable(problem)}`);
  if (dangerous.length > 0) {
    terminal.line(`    ${colors.red("runs code when Python loads it")}  ${dangerous.map(printable).join(", ")}`);
  }
  if (notAllowed.length > 0) {
    terminal.line(`    ${colors.yellow("needs weights_only=False")}  ${notAllowed.map(printable).join(", ")}`);
  }
}
