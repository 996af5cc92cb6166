/** `torch.serialization`: whole modules of users' classes, and files that are read tensor by tensor. */
export type { NamedGlobal } from "./globals.ts";
export { type LazyParts, LazyStorage, LazyTensor, lazyTensor, type Make } from "./lazy.ts";
export {
  type Checkpoint,
  getUnsafeGlobalsInCheckpoint,
  inspect,
  type OpenOptions,
  open,
  type TensorInfo,
} from "./open.ts";
export type { CheckedEntry } from "./open-formats.ts";
export { PickledObject } from "./python.ts";
export {
  addSafeGlobals,
  clearSafeGlobals,
  getSafeGlobals,
  type ModuleConstructor,
  type SafeGlobal,
} from "./safe-globals.ts";
