/** The public face of Cresset: PyTorch's names in camelCase. */
import { install } from "./install.ts";
import { enable } from "./lens/index.ts";

install();
enable();

export * as autograd from "./autograd/index.ts";
export {
  enableGrad,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  noGrad,
  setGradEnabled,
} from "./autograd/mode.ts";
export * as backends from "./backends-face.ts";
export * as config from "./config.ts";
export * as copy from "./copy/index.ts";
export { Complex } from "./core/complex.ts";
export { Device, device } from "./core/device.ts";
export { DType } from "./core/dtype.ts";
export * from "./core/errors.ts";
export { Generator } from "./core/generator.ts";
export { Size } from "./core/layout.ts";
export { setPrintoptions } from "./core/print.ts";
export { getDefaultDtype, setDefaultDtype } from "./core/scalar.ts";
export { StateDict } from "./core/statedict.ts";
export { isTensor, Tensor } from "./core/tensor.ts";
export * as warnings from "./core/warnings.ts";
export * as cuda from "./cuda.ts";
export * from "./dtypes.ts";
export * as lens from "./lens/index.ts";
export * as memory from "./memory/index.ts";
export { scope } from "./memory/scope.ts";
export * as nn from "./nn/index.ts";
export { MemoryLayout, strided } from "./ops/attributes.ts";
export { channelsLast, channelsLast3d, contiguousFormat, MemoryFormat, preserveFormat } from "./ops/copy.ts";
export { fromNumpy } from "./ops/create.ts";
export * from "./ops/functions.ts";
export { Slice, slice } from "./ops/indexing.ts";
export * from "./ops/info.ts";
export * as linalg from "./ops/linalg/index.ts";
export { broadcastShapes } from "./ops/lists.ts";
export * as random from "./ops/rng.ts";
export { defaultGenerator, getRngState, initialSeed, manualSeed, seed, setRngState } from "./ops/rng.ts";
export * as special from "./ops/special.ts";
export * from "./ops/view-copies.ts";
export * as optim from "./optim/index.ts";
export * as npy from "./serialize/npy.ts";
export * as safetensors from "./serialize/safetensors.ts";
export * as serialization from "./serialize/serialization.ts";
export * from "./serialize/torch.ts";
export { getNumThreads, setNumThreads, synchronize } from "./threads.ts";
