/** Runs the command line program within the test's process. */
import { run as runProgram } from "../../src/cli/program.ts";

/** What a run left. */
export interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** How a run sees the world. */
export interface World {
  /** Whether both outputs are a terminal. */
  readonly terminal?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs `cresset` with these arguments. */
export async function cresset(args: readonly string[], { terminal = false, env = {} }: World = {}): Promise<Result> {
  const texts = { out: "", err: "" };
  const stream = (name: "out" | "err") => ({
    isTTY: terminal,
    columns: 100,
    write(text: string) {
      texts[name] += text;
      return true;
    },
  });
  const code = await runProgram(args, { stdout: stream("out"), stderr: stream("err"), env }, "1.2.3");
  return { code, ...texts };
}
