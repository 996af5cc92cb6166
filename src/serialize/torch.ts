/** `torch.save`, `torch.load` and their synchronous pair. */
import { announce } from "../core/observe.ts";
import { type Files, filesOf } from "./files.ts";
import { lazyTensors } from "./lazy.ts";
import { modules } from "./modules.ts";

const files: Files = filesOf({ ...lazyTensors, modules });

/**
 * Writes a value, which may hold tensors, as PyTorch's zip file, for `torch.load(weights_only=True)` in Python. `dest`
 * is a path, a `file:` URL, a WritableStream, or an object with `write(bytes)`. A file changes whole or not at all; `{
 * durable: true }` waits for the disk. Tensors that share memory share it in the file, so a view takes its whole
 * storage along. A value that sits in a stream's buffer must not be written to before the promise settles: that is an
 * error.
 * @throws PicklingError for what Python has no value for, such as a function; RuntimeError where the folder does not
 *   exist.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.save.html
 * @example await torch.save({ model: model.stateDict(), optimizer: optimizer.stateDict() }, "checkpoint.pt")
 */
export const save: Files["save"] = async (obj, dest, options) => {
  announce(() => ({ kind: "save", value: obj, wholeStorages: true }));
  return files.save(obj, dest, options);
};

/**
 * Reads a checkpoint that `save` or PyTorch wrote: a path, URL, Blob, Response, stream or bytes. Nothing in the file is
 * executed. `mapLocation` moves tensors (a GPU's checkpoint needs `"cpu"`); `weightsOnly: false` also takes whole
 * modules.
 * @throws UnpicklingError that names a global which is not on the list; FileNotFoundError; RuntimeError for a file that
 *   is damaged, or from a GPU.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.load.html
 * @example model.loadStateDict((await torch.load("model.pt")) as torch.StateDict)
 */
export const load: Files["load"] = files.load;

/**
 * The bytes that `save` would write, at once.
 * @throws PicklingError for what Python has no value for.
 * @example torch.deserialize(torch.serialize(torch.ones(2))) // tensor([1., 1.])
 */
export const serialize: Files["serialize"] = (obj) => {
  announce(() => ({ kind: "save", value: obj, wholeStorages: true }));
  return files.serialize(obj);
};

/**
 * Reads a checkpoint's bytes, at once; the options and errors of `load`.
 * @example torch.deserialize(torch.serialize({ epoch: 3 })) // [Object: null prototype] { epoch: 3 }
 */
export const deserialize: Files["deserialize"] = files.deserialize;

export { EOFError, FileNotFoundError, PicklingError, UnpicklingError } from "./errors.ts";
export type { LoadSource } from "./input.ts";
export type { LoadOptions } from "./load.ts";
export type { MapLocation } from "./location.ts";
export type { SaveDestination, SaveOptions, Sink } from "./output.ts";
