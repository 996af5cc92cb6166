/** `torch.serialization`: whole modules of users' classes, and files that are read tensor by tensor. */
export { type Checkpoint, type OpenOptions, open, type TensorInfo } from "./open.ts";
export { PickledObject } from "./python.ts";
export {
  addSafeGlobals,
  clearSafeGlobals,
  getSafeGlobals,
  type ModuleConstructor,
  type SafeGlobal,
} from "./safe-globals.ts";
