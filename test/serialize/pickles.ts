/** Pickles by hand, wrapped in an archive. */
import { zipBytes } from "../../src/serialize/zip-write.ts";
import { files } from "./plain-tensors.ts";

/** Bytes from texts (a byte per character) and numbers. */
export function pickleOf(...parts: (string | number)[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) => (typeof part === "number" ? [part] : [...part].map((c) => c.charCodeAt(0)))),
  );
}

/** A checkpoint around a pickle, with these further entries. */
export function archiveOf(pickle: Uint8Array, entries: Record<string, Uint8Array> = {}): Uint8Array {
  const more = Object.entries(entries).map(([name, bytes]) => ({ name: `archive/${name}`, data: () => bytes }));
  return zipBytes([
    { name: "archive/data.pkl", data: () => pickle },
    { name: "archive/version", data: () => pickleOf("3\n") },
    ...more,
  ]);
}

/** What a pickle holds. */
export const unpickle = (pickle: Uint8Array): unknown => files.deserialize(archiveOf(pickle));
