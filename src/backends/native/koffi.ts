/** The part of the optional package `koffi` that is used here. */

/** A loaded library; a function is named by its C prototype. */
export interface Library {
  func(prototype: string): (...args: never[]) => unknown;
}

export interface Koffi {
  load(path: string): Library;
  /** The address of a window's first byte. */
  address(window: ArrayBufferView): bigint;
}

/** What only some libraries have. */
export function optional<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}
