/** The files that `scripts/checkpoints.py` made, with what PyTorch says of them. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export interface RecordedArray {
  dtype: string;
  shape: number[];
  stride: number[];
  data: (number | string | boolean)[];
  fortran?: boolean;
}

export interface RecordedModule {
  repr: string;
  training: boolean;
  state: Record<string, RecordedArray>;
}

interface Expected {
  modules: Record<string, RecordedModule>;
  net: RecordedModule & { input: RecordedArray; output: RecordedArray };
  traced: Pick<RecordedModule, "state">;
  arrays: Record<string, RecordedArray>;
  numbers: Record<string, unknown>;
}

const folder = new URL("../data/checkpoints/more/", import.meta.url);

/** Where a file lies. */
export const morePath = (file: string): string => fileURLToPath(new URL(file, folder));

/** What a file holds. */
export const moreBytes = (file: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(new URL(file, folder)));

export const expected: Expected = JSON.parse(readFileSync(new URL("expected.json", folder), "utf8")) as Expected;
