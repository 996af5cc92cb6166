/** The operators of `torch.nn.functional`. */
export * from "./activation.ts";
export {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool1dWithIndices,
  adaptiveMaxPool2d,
  adaptiveMaxPool2dWithIndices,
  adaptiveMaxPool3d,
  adaptiveMaxPool3dWithIndices,
} from "./adaptive.ts";
export * from "./attention.ts";
export * from "./conv.ts";
export * from "./dropout.ts";
export { embedding, oneHot } from "./embedding.ts";
export { embeddingBag } from "./embedding-bag.ts";
export * from "./fold.ts";
export * from "./fractional.ts";
export * from "./grid.ts";
export * from "./gumbel.ts";
export * from "./interpolate.ts";
export * from "./linear.ts";
export * from "./loss.ts";
export * from "./loss-binary.ts";
export { crossEntropy, nllLoss } from "./loss-class.ts";
export { ctcLoss } from "./loss-ctc.ts";
export * from "./loss-margin.ts";
export * from "./normalize.ts";
export * from "./normalize-batch.ts";
export { pad } from "./pad.ts";
export {
  avgPool1d,
  avgPool2d,
  avgPool3d,
  lpPool1d,
  lpPool2d,
  lpPool3d,
  maxPool1d,
  maxPool1dWithIndices,
  maxPool2d,
  maxPool2dWithIndices,
  maxPool3d,
  maxPool3dWithIndices,
} from "./pool.ts";
export * from "./shuffle.ts";
export * from "./softmax.ts";
export * from "./unpool.ts";
