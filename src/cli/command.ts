/** What every subcommand has in common. */
import { Command } from "commander";
import type { Terminal } from "./terminal.ts";

/** What the program answers with. */
export const exit = {
  /** Done; of `diff`: equal; of `verify`: sound. */
  success: 0,
  /** The answer is no: the files differ, or one is damaged or dangerous. */
  no: 1,
  /** The command line is wrong. */
  usage: 2,
  /** A file cannot be read, is no checkpoint, cannot be written, or does not fit what was asked. */
  failure: 3,
} as const;

export type ExitCode = (typeof exit)[keyof typeof exit];

/** A command line that asks for something that cannot be. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** Options that every subcommand has. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly debug?: boolean;
}

/** What a subcommand is given. */
export interface Context {
  readonly terminal: Terminal;
  /** Sets the program's answer; without it, success. */
  readonly answer: (code: ExitCode) => void;
}

/** A command line and what it does. */
export type Example = readonly [line: string, what: string];

/** A subcommand, to be given its arguments, options and action. */
export function subcommand(name: string, summary: string, examples: readonly Example[]): Command {
  const shown = examples.map(([line, what]) => `  $ ${line}\n      ${what}`).join("\n");
  return new Command(name)
    .summary(summary)
    .description(`${summary}.`)
    .option("--json", "print the result as JSON")
    .option("--debug", "print the stack of an error, too")
    .addHelpText("after", `\nExamples:\n${shown}`);
}
