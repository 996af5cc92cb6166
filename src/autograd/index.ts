/** `torch.autograd`. */
export { backward, grad } from "./backward.ts";
export { Function, FunctionCtx } from "./function.ts";
export { GradcheckError, type GradcheckOptions, gradcheck, gradgradcheck } from "./gradcheck.ts";
export { detectAnomaly, setDetectAnomaly } from "./mode.ts";
export { Node } from "./node.ts";
