/** What PyTorch printed for the programs and rows of documentation pages; scripts/record_docs.py recorded it. */
import { readFileSync } from "node:fs";

interface Recording {
  readonly torch: string;
  /** By the program's text. */
  readonly programs: Readonly<Record<string, string>>;
  /** By the row's text. */
  readonly rows: Readonly<Record<string, RecordedRow>>;
}

/** The value of a row's last statement, or of `x` where the row assigns. */
export interface RecordedRow {
  readonly of: "x" | null;
  readonly value: string;
}

const recording: Recording = JSON.parse(readFileSync("test/data/docs.json", "utf8")) as Recording;

function found<T>(recorded: Readonly<Record<string, T>>, python: string): T {
  const value = recorded[python];
  if (value === undefined) throw new Error(`not recorded (scripts/record_docs.py): ${python}`);
  return value;
}

export const recordedOutput = (python: string): string => found(recording.programs, python);
export const recordedRow = (python: string): RecordedRow => found(recording.rows, python);

/** What both print, in one spelling: words outside of tensors, and lists. */
export function printed(text: string): string {
  const words: Readonly<Record<string, string>> = { True: "true", False: "false", None: "null" };
  return text.replace(/(?<![=\w])(True|False|None)\b/g, (word) => words[word]!).replace(/(?<=\[) | (?=\])/g, "");
}
