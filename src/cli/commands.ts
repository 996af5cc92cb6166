/** All subcommands, in the order of the help. */
import type { Command } from "commander";
import { average } from "./average.ts";
import type { Context } from "./command.ts";
import { completion } from "./completion.ts";
import { convert } from "./convert.ts";
import { diff } from "./diff.ts";
import { inspect } from "./inspect.ts";
import { lens } from "./lens-command.ts";
import { verify } from "./verify.ts";

/** Each makes its command for a program. */
export const subcommands: readonly ((context: Context) => Command)[] = [
  inspect,
  diff,
  convert,
  average,
  verify,
  lens,
  completion,
];
