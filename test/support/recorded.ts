/** What PyTorch printed for the programs and rows of documentation pages; scripts/record_docs.py recorded it. */
import { readFileSync } from "node:fs";

interface Recording {
  readonly torch: string;
  /** By the program's text. */
  readonly programs: Readonly<Record<string, string>>;
  /** By the row's text: the value that it ends in. */
  readonly rows: Readonly<Record<string, string>>;
}

const recording: Recording = JSON.parse(readFileSync("test/data/docs.json", "utf8")) as Recording;

function found(kind: "programs" | "rows", python: string): string {
  const text = recording[kind][python];
  if (text === undefined) throw new Error(`not recorded (scripts/record_docs.py): ${python}`);
  return text;
}

export const recordedOutput = (python: string): string => found("programs", python);
export const recordedValue = (python: string): string => found("rows", python);

/** What both print, in one spelling: words outside of tensors, and lists. */
export function printed(text: string): string {
  const words: Readonly<Record<string, string>> = { True: "true", False: "false", None: "null" };
  return text.replace(/(?<![=\w])(True|False|None)\b/g, (word) => words[word]!).replace(/(?<=\[) | (?=\])/g, "");
}
