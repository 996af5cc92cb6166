/** `torch.save`, `torch.load` and their synchronous pair. */
import { announce } from "../core/observe.ts";
import { type Files, filesOf } from "./files.ts";
import { lazyTensors } from "./lazy.ts";
import { modules } from "./modules.ts";

const files: Files = filesOf({ ...lazyTensors, modules });

/**
 * Writes a value, which may hold tensors, as PyTorch's zip file. A file changes whole or not at all. A value that sits
 * in a stream's buffer must not be written to before the promise settles: that is an error.
 * @example await torch.save(model.stateDict(), "model.pt")
 */
export const save: Files["save"] = async (obj, dest, options) => {
  announce(() => ({ kind: "save", value: obj, wholeStorages: true }));
  return files.save(obj, dest, options);
};

/**
 * Reads a checkpoint that `save` or PyTorch wrote. Nothing in the file is executed.
 * @example model.loadStateDict((await torch.load("model.pt")) as torch.StateDict)
 */
export const load: Files["load"] = files.load;

/** The bytes that `save` would write. */
export const serialize: Files["serialize"] = (obj) => {
  announce(() => ({ kind: "save", value: obj, wholeStorages: true }));
  return files.serialize(obj);
};

/** Reads a checkpoint's bytes. */
export const deserialize: Files["deserialize"] = files.deserialize;

export { EOFError, FileNotFoundError, PicklingError, UnpicklingError } from "./errors.ts";
export type { LoadSource } from "./input.ts";
export type { LoadOptions } from "./load.ts";
export type { MapLocation } from "./location.ts";
export type { SaveDestination, SaveOptions, Sink } from "./output.ts";
