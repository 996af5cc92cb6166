/** `cresset lens`: the lens in a page, over files of this computer. */
import { type Command, InvalidArgumentError } from "commander";
import { type CommonOptions, type Context, subcommand } from "./command.ts";
import { serveLens } from "./lens.ts";

interface LensCommandOptions extends CommonOptions {
  readonly demo?: boolean;
  readonly port: number;
}

function port(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > 65535) throw new InvalidArgumentError("Expected a number up to 65535.");
  return number;
}

/** The subcommand: it serves until it is interrupted. */
export function lens({ terminal }: Context): Command {
  return subcommand("lens", "serve the lens page, with these files, to this computer alone", [
    ["cresset lens model.pt", "prints the address of a page that draws what the file holds"],
    ["cresset lens before.pt after.pt", "compares two files"],
    ["cresset lens --demo", "opens with its demo"],
  ])
    .argument("[files...]", "checkpoints that the page opens")
    .option("--demo", "open the page with its demo")
    .option("--port <number>", "the port; 0 takes a free one", port, 0)
    .action(async (files: string[], options: LensCommandOptions) => {
      const server = await serveLens({ files, demo: options.demo === true, port: options.port });
      if (options.json === true) terminal.json({ url: server.url });
      else terminal.line(server.url);
    });
}
