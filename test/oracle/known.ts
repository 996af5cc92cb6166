/** Samples that do not agree with PyTorch, each with its reason. An entry whose sample agrees fails the test. */

/** A known difference: one sample, one refused call (`error n`), or everything of an operator. */
export interface Known {
  readonly op: string;
  readonly sample: number | `error ${number}` | "all";
  readonly reason: string;
}

/** The known differences. */
export const known: readonly Known[] = [];
