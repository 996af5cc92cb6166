/** The operators that are functions of the package; methods alone (`view`, `float`, …) are not here. */
export { clone, fill } from "./copy.ts";
export {
  asarray,
  asTensor,
  empty,
  emptyLike,
  emptyStrided,
  frombuffer,
  full,
  fullLike,
  ones,
  onesLike,
  scalarTensor,
  tensor,
  zeros,
  zerosLike,
} from "./create.ts";
export * from "./families.ts";
export { gather, indexSelect } from "./gather.ts";
export { indexPut } from "./indexing.ts";
export { adaptiveAvgPool1d } from "./nn/adaptive.ts";
export {
  conv1d,
  conv2d,
  conv3d,
  convTbc,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
} from "./nn/conv.ts";
export { bilinear } from "./nn/linear.ts";
export { cosineSimilarity, pairwiseDistance, pdist } from "./nn/loss-margin.ts";
export { avgPool1d } from "./nn/pool.ts";
export { channelShuffle, nativeChannelShuffle, pixelShuffle, pixelUnshuffle } from "./nn/shuffle.ts";
export { all, amax, amin, any, mean, sum } from "./reductions.ts";
export { asStridedScatter, diagonalScatter, selectScatter, sliceScatter } from "./regions.ts";
export {
  asStrided,
  broadcastTo,
  chunk,
  diagonal,
  flatten,
  moveaxis,
  movedim,
  narrow,
  permute,
  ravel,
  reshape,
  select,
  split,
  splitWithSizes,
  squeeze,
  swapaxes,
  swapdims,
  t,
  transpose,
  unbind,
  unflatten,
  unsqueeze,
} from "./views.ts";
