/** `drift`: what became of a kept state dict. */
import { isModule } from "../nn/registry.ts";
import { type Change, changesIn, isTaken, takeContainer, takeLoose } from "./records.ts";

/**
 * The entries of a state dict whose memory was written to since it was taken, also through `.data`: how often, and by
 * whom. Takes copies of state dicts, lists of them, checkpoints and optimizers' state dicts, too. A model is compared
 * with when it was first run or made by `copy.copy`; one that the lens has not seen is remembered from now on, and so
 * are loose tensors such as a list of parameters.
 * @example
 * torch.noGrad(() => model.fc.weight.zero_());
 * torch.lens.drift(best).get("fc.weight") // { writes: 1, by: "zero_()" }
 */
export function drift(kept: unknown): Map<string, Change> {
  if (isModule(kept) && !isTaken(kept)) takeContainer(kept);
  takeLoose(kept);
  return changesIn(kept);
}
