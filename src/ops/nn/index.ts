/** The operators of `torch.nn.functional`. */

export { logSoftmax, softmax } from "../softmax.ts";
export * from "./activation.ts";
export * from "./conv.ts";
export * from "./dropout.ts";
export * from "./embedding.ts";
export * from "./fold.ts";
export * from "./linear.ts";
export * from "./loss.ts";
export * from "./loss-binary.ts";
export * from "./loss-class.ts";
export * from "./normalize.ts";
export { pad } from "./pad.ts";
export * from "./pool.ts";
