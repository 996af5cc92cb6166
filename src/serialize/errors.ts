/** What reading and writing files throws, under Python's names. */

/**
 * A file that is no checkpoint, is damaged, or asks for something that is never run.
 * @example
 * try {
 *   torch.deserialize(new TextEncoder().encode("hello"));
 * } catch (error) {
 *   (error as Error).name // 'UnpicklingError'
 * }
 */
export class UnpicklingError extends Error {
  override name = "UnpicklingError";
}

/** A pickle that asks for something that is refused, before it is known where it stands. */
export class ContentError extends UnpicklingError {
  /** The error that says where. */
  at(place: string): UnpicklingError {
    const known = /^Weights only load failed/.test(this.message);
    return new UnpicklingError(known ? `${this.message} (${place})` : `${place}: ${this.message}`);
  }
}

/**
 * A value that has no place in a file.
 * @example
 * try {
 *   torch.serialize(() => 1);
 * } catch (error) {
 *   (error as Error).name // 'PicklingError'
 * }
 */
export class PicklingError extends Error {
  override name = "PicklingError";
}

/**
 * Bytes that end where more must come.
 * @example
 * try {
 *   torch.deserialize(new Uint8Array(0));
 * } catch (error) {
 *   (error as Error).name // 'EOFError'
 * }
 */
export class EOFError extends Error {
  override name = "EOFError";
}

/**
 * A path that leads nowhere.
 * @example
 * try {
 *   await torch.load("nothing.pt");
 * } catch (error) {
 *   (error as Error).name // 'FileNotFoundError'
 * }
 */
export class FileNotFoundError extends Error {
  override name = "FileNotFoundError";
  readonly code = "ENOENT";
  readonly path: string;

  constructor(path: string) {
    super(`[Errno 2] No such file or directory: '${path}'`);
    this.path = path;
  }
}

/**
 * A file that is no safetensors file, or a value that has no place in one.
 * @example
 * try {
 *   torch.safetensors.load(new Uint8Array(4));
 * } catch (error) {
 *   (error as Error).name // 'SafetensorError'
 * }
 */
export class SafetensorError extends Error {
  override name = "SafetensorError";
}
