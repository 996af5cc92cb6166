/** Inflation of zip entries by fflate, taken when it is first needed: its tables would cost every importer time. */
import { RuntimeError } from "../core/errors.ts";
import { join } from "./input.ts";

type Inflate = (bytes: Uint8Array, options: { out: Uint8Array }) => Uint8Array;
type InflateStream = new (take: (chunk: Uint8Array) => void) => { push(bytes: Uint8Array): void };
type ModuleBuiltin = { createRequire(url: string): (name: string) => unknown };

let inflate: Inflate | undefined;
let Stream: InflateStream | undefined;
let deflate: ((bytes: Uint8Array) => Uint8Array) | undefined;

/** Gets the library ready; asynchronous readers call it first. */
export async function prepareInflate(): Promise<void> {
  if (inflate !== undefined && deflate !== undefined) return;
  const library = await import("fflate");
  inflate = library.inflateSync;
  Stream = library.Inflate;
  deflate = library.deflateSync;
}

/** The bytes deflated; `prepareInflate` must have got the library. */
export function deflateBytes(bytes: Uint8Array): Uint8Array {
  if (deflate === undefined) throw new RuntimeError("the library for compression is not there yet");
  return deflate(bytes);
}

/** Inflates into `out`; throws where only `prepareInflate` could have got the library. */
export function inflateInto(bytes: Uint8Array, out: Uint8Array): Uint8Array {
  inflate ??= required();
  return inflate(bytes, { out });
}

/** About the first `length` inflated bytes, or all; `prepareInflate` must have got the library. */
export function inflateStart(bytes: Uint8Array, length: number): Uint8Array {
  if (Stream === undefined) throw new RuntimeError("the library for compression is not there yet");
  const parts: Uint8Array[] = [];
  let found = 0;
  const stream = new Stream((chunk) => {
    parts.push(chunk);
    found += chunk.length;
  });
  const step = 2 ** 12;
  for (let i = 0; i < bytes.length && found < length; i += step) stream.push(bytes.subarray(i, i + step));
  return join(parts);
}

function required(): Inflate {
  const builtin = globalThis.process?.getBuiltinModule?.("module") as ModuleBuiltin | undefined;
  if (builtin === undefined) {
    throw new RuntimeError(
      "this file has compressed entries, which torch.deserialize cannot read here: await torch.load",
    );
  }
  return (builtin.createRequire(import.meta.url)("fflate") as { inflateSync: Inflate }).inflateSync;
}
