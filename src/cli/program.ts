/** The command line program: its subcommands, and what becomes of errors. */
import { Command, CommanderError } from "commander";
import { type CommonOptions, type Context, type ExitCode, exit, UsageError } from "./command.ts";
import { subcommands } from "./commands.ts";
import { type Surroundings, Terminal } from "./terminal.ts";

/** The program over a terminal; `version` is what `--version` prints. */
export function programOf(context: Context, version: string): Command {
  const { terminal } = context;
  const program = new Command("cresset")
    .description("Looks into PyTorch checkpoints, safetensors and NumPy files, and makes others of them.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .addHelpText("after", helpAfter);
  for (const make of subcommands) program.addCommand(make(context));
  for (const command of [program, ...program.commands]) {
    command.showSuggestionAfterError(true).exitOverride();
    command.configureOutput({
      writeOut: (text) => terminal.raw(text),
      writeErr: (text) => terminal.raw(text),
      outputError: () => {}, // printed once, by `run`
      getOutHelpWidth: () => terminal.width,
    });
  }
  return program;
}

const helpAfter = `
Exit codes: 0 done (equal, sound), 1 the answer is no (different, damaged, dangerous),
2 wrong usage, 3 a file cannot be read, written or brought into the wanted form.

Nothing in a file is ever executed. Colours and progress show on a terminal only; NO_COLOR is respected.`;

/** Runs a command line (without the program's name) and returns its exit code. */
export async function run(args: readonly string[], around: Surroundings, version: string): Promise<ExitCode> {
  const terminal = new Terminal(around);
  let answer: ExitCode = exit.success;
  const context = { terminal, answer: (code: ExitCode) => void (answer = code) };
  const program = programOf(context, version);
  try {
    if (args.length === 0) program.help();
    await program.parseAsync([...args], { from: "user" });
    return answer;
  } catch (error) {
    return report(error, terminal, args.includes("--debug"));
  }
}

/** Prints an error in one line, and says what the program answers. */
function report(error: unknown, terminal: Terminal, debug: boolean): ExitCode {
  if (error instanceof CommanderError && error.exitCode === 0) return exit.success;
  const known = error instanceof Error;
  const message = (known ? error.message : String(error)).trim().replace(/^error: /, "");
  terminal.error(message.replace(/\s*\n\s*/g, " "));
  if (debug && known) terminal.stack(error.stack ?? "");
  return error instanceof CommanderError || error instanceof UsageError ? exit.usage : exit.failure;
}

export type { CommonOptions };
