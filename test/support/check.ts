/** `check`: what an example says that a value prints. */
import { format } from "node:util";

const spaces = (text: string): string => text.replace(/\s+/g, " ").trim();

/** Strings may stand in quotes, and objects with JSON's. */
const spelled = (text: string): string => spaces(text).replaceAll('"', "'");

/** Throws unless the values print as `expected`, but for spaces and the kind of quotes. */
export function check(expected: string, ...values: unknown[]): void {
  const got = format(...values);
  const quoted = values.length === 1 && typeof values[0] === "string" ? `'${got}'` : got;
  if (![spelled(got), spelled(quoted)].includes(spelled(expected))) throw new Error(`prints ${got}, not ${expected}`);
}
