/** `torch.nn.utils`. */
export { clipGradNorm_, clipGradValue_, getTotalNorm } from "./clip.ts";
export { parametersToVector, vectorToParameters } from "./vector.ts";
export { removeWeightNorm, weightNorm } from "./weight-norm.ts";
