/** Damaged files: whatever is changed in them, they load as they were or not at all. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Unpickler } from "../../src/serialize/pickle.ts";
import { settle } from "../../src/serialize/python.ts";
import { bytesSource } from "../../src/serialize/source.ts";
import { ZipReader } from "../../src/serialize/zip-read.ts";
import { archiveOf } from "./pickles.ts";
import { files, PlainTensor } from "./plain-tensors.ts";
import { bytesOf } from "./recorded.ts";

const known = /Error$/;

/** The value, or null where the file is refused with one of our errors. */
function loadOrNull(bytes: Uint8Array): unknown {
  try {
    return files.deserialize(bytes);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    expect(error.name).toMatch(known);
    expect(error.message).not.toMatch(/undefined|is not a function|Cannot read|out of memory|Invalid typed array/);
    expect(error).not.toBeInstanceOf(TypeError);
    expect(error).not.toBeInstanceOf(RangeError);
    return null;
  }
}

const mutation = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  byte: fc.nat(255),
  kind: fc.constantFrom("set", "flip", "insert", "delete", "cut"),
});

function mutate(bytes: Uint8Array, changes: readonly { at: number; byte: number; kind: string }[]): Uint8Array {
  let list = [...bytes];
  for (const { at, byte, kind } of changes) {
    const i = Math.floor(at * list.length);
    if (kind === "set") list[i] = byte;
    else if (kind === "flip") list[i]! ^= 1 << (byte & 7);
    else if (kind === "insert") list.splice(i, 0, byte);
    else if (kind === "delete") list.splice(i, 1);
    else list = list.slice(0, i);
  }
  return Uint8Array.from(list);
}

test.each([
  "bare_tensor.pt",
  "shared_storage.pt",
  "cnn_state_dict_zip.pt",
])("%s with any changes loads as it was or is refused", (file) => {
  const original = bytesOf(file);
  const value = files.deserialize(original);
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (changes) => {
      const loaded = loadOrNull(mutate(original, changes));
      if (loaded !== null) expect(loaded).toEqual(value);
    }),
    { numRuns: 400 },
  );
}, 30_000);

/** The pickle inside of an archive with a right checksum, so that changes reach the pickle machine. */
test.each([
  "shared_storage.pt",
  "nested.pt",
  "dtypes.pt",
])("the pickle of %s with any changes gives data or one of our errors, in bounded memory", (file) => {
  const zip = new ZipReader(bytesSource(bytesOf(file), file));
  const pickle = zip.read("archive/data.pkl");
  const names = [...zip.entries.keys()].filter((name) => name.startsWith("archive/data/"));
  const entries = Object.fromEntries(names.map((name) => [name.slice("archive/".length), zip.read(name)]));
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (changes) => {
      const value = loadOrNull(archiveOf(mutate(pickle, changes), entries));
      if (value instanceof PlainTensor) expect(value.storage.bytes.length).toBeLessThan(4096);
    }),
    { numRuns: 300 },
  );
}, 30_000);

test("any bytes as a pickle give data or one of our errors", () => {
  const host = {
    global: (): never => {
      throw Object.assign(new Error("refused"), { name: "UnpicklingError" });
    },
    persistent: (): null => null,
  };
  const opcode = fc.constantFrom(
    ..."()]}.01234NKJMGXUaelstudbcRQqrhjpg2".split("").map((c) => c.charCodeAt(0)),
    0x80,
    0x85,
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(opcode, fc.nat(255)), { maxLength: 60 }), (codes) => {
      try {
        settle(new Unpickler(Uint8Array.from(codes), host, "bytes").load(), "bytes");
      } catch (error) {
        expect((error as Error).name).toBe("UnpicklingError");
      }
    }),
    { numRuns: 1000 },
  );
});

test("a legacy file with any changes gives data or one of our errors, in bounded memory", () => {
  const original = bytesOf("shared_storage_legacy.pt");
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (changes) => {
      const value = loadOrNull(mutate(original, changes));
      if (value instanceof Map) {
        for (const t of value.values()) {
          if (t instanceof PlainTensor) expect(t.storage.bytes.length).toBeLessThanOrEqual(original.length + 3);
        }
      }
    }),
    { numRuns: 400 },
  );
}, 30_000);
