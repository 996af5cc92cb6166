/** Samples that do not agree with PyTorch, each with its reason. An entry whose sample agrees fails the test. */

/** A known difference: one sample, one refused call (`error n`), or everything of an operator. */
export interface Known {
  readonly op: string;
  readonly sample: number | `error ${number}` | "all";
  readonly reason: string;
}

const rpow =
  "Python's reflected power copies a tensor operand out of the graph first; there are no reflected operators here";
const addbmm = "1.13 resizes the receiver of addbmm_ to the broadcast size; other in-place operators refuse that";

/** The known differences. */
export const known: readonly Known[] = [
  ...[5, 8, 9, 11, 13, 14, 15, 17].map((sample) => ({ op: "__rpow__", sample, reason: rpow })),
  ...[1, 5, 14, 15].map((sample) => ({ op: "addbmm", sample, reason: addbmm })),
  {
    op: "bitwise_left_shift",
    sample: 13,
    reason: "shifts by more than the width wrap around in 1.13 and give 0 in 2.x, as here",
  },
];
