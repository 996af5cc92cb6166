/** `torch.autograd`. */
export { backward, grad } from "./backward.ts";
export { detectAnomaly, setDetectAnomaly } from "./mode.ts";
export { Node } from "./node.ts";
