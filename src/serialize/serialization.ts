/** `torch.serialization`: whole modules of users' classes, and files that are read tensor by tensor. */
export {
  addSafeGlobals,
  clearSafeGlobals,
  getSafeGlobals,
  type ModuleConstructor,
  type SafeGlobal,
} from "./safe-globals.ts";
export { PickledObject } from "./python.ts";
