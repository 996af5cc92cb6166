/** Programs to begin with. */
import stateDict from "../../examples/00-state-dict.ts?raw";
import copies from "../../examples/01-copies.ts?raw";
import memo from "../../examples/02-memo.ts?raw";
import weights from "../../examples/03-copy-weights.ts?raw";
import cloning from "../../examples/04-clone-and-deepcopy.ts?raw";
import bestState from "./programs/best-state.ts?raw";
import digits from "./programs/mnist.ts?raw";
import strides from "./programs/strides.ts?raw";

/** A program with its title, by the name that links use. */
export const programs: Readonly<Record<string, readonly [title: string, code: string]>> = {
  "best-state": ["The best state: naive and right", bestState],
  strides: ["Views and strides", strides],
  mnist: ["MNIST digits", digits],
  "state-dict": ["A state dict is the model’s memory", stateDict],
  copies: ["Assignment, copy, deepcopy", copies],
  memo: ["A tour of tensors", memo],
  "copy-weights": ["Copying weights, and the optimizer", weights],
  clone: ["clone and deepcopy", cloning],
};
