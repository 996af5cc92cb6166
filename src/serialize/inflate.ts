/** Inflation of zip entries by fflate, taken when it is first needed: its tables would cost every importer time. */
import { RuntimeError } from "../core/errors.ts";

type Inflate = (bytes: Uint8Array, options: { out: Uint8Array }) => Uint8Array;
type ModuleBuiltin = { createRequire(url: string): (name: string) => unknown };

let inflate: Inflate | undefined;

/** Gets the library ready; asynchronous readers call it first. */
export async function prepareInflate(): Promise<void> {
  inflate ??= (await import("fflate")).inflateSync;
}

/** Inflates into `out`; throws where only `prepareInflate` could have got the library. */
export function inflateInto(bytes: Uint8Array, out: Uint8Array): Uint8Array {
  inflate ??= required();
  return inflate(bytes, { out });
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
