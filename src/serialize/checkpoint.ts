/** PyTorch's two file formats as they lie in a file: the zip archive, and the older stream of pickles. */
import { check } from "../core/errors.ts";
import { together } from "../core/memory.ts";
import type { TensorAdapter } from "./adapter.ts";
import { EOFError, UnpicklingError } from "./errors.ts";
import { isLegacy, readLegacy } from "./legacy.ts";
import { Loader, type LoadOptions, type Reading, type StorageBytes } from "./load.ts";
import { latin1 } from "./pickle-bytes.ts";
import { Pickler } from "./pickler.ts";
import type { Pieces } from "./pieces.ts";
import { readScript } from "./script.ts";
import type { Source } from "./source.ts";
import type { StorageType } from "./storage-types.ts";
import { ZipReader } from "./zip-read.ts";
import { type ZipInput, zipChunks } from "./zip-write.ts";

const version = "3\n";
/** The largest version of the archive format that is known. */
const highestVersion = 10;

/** Reads a checkpoint of either format. */
export function readCheckpoint(source: Source, adapter: TensorAdapter, options: LoadOptions): unknown {
  switch (formatOf(source)) {
    case "zip":
      return together(() => readZip(source, adapter, options));
    case "legacy":
      return together(() => readLegacy(source, adapter, options));
    default:
      throw notCheckpoint(source, 'a zip archive ("PK") or a legacy checkpoint\'s magic number');
  }
}

/** Which of PyTorch's formats a file begins like; null for none. */
export function formatOf(source: Source): "zip" | "legacy" | null {
  if (source.size === 0) throw new EOFError(`Ran out of input: ${source.name} is empty`);
  const start = source.read(0, Math.min(source.size, 2));
  if (start[0] === 0x50 && start[1] === 0x4b) return "zip";
  return isLegacy(source) ? "legacy" : null;
}

/** The error for a file that is something else. */
export function notCheckpoint(source: Source, expected: string): UnpicklingError {
  const shown = JSON.stringify(latin1(source.read(0, Math.min(source.size, 15))));
  const isTar = source.size >= 262 && latin1(source.read(257, 5)) === "ustar";
  const what = isTar ? " (a tar archive, as PyTorch wrote before version 0.1.10, which is not read)" : "";
  return new UnpicklingError(
    `${source.name} is not a PyTorch checkpoint: it begins with ${shown}${what}, where ${expected} was expected`,
  );
}

function readZip(source: Source, adapter: TensorAdapter, options: LoadOptions): unknown {
  const archive = openArchive(source, new ZipReader(source));
  const storages = zipStorages(archive);
  return readArchive(archive, adapter, storages, options);
}

/** A zip archive with a pickle of tensors. */
export interface Archive {
  readonly zip: ZipReader;
  /** What all entries' names begin with. */
  readonly folder: string;
  readonly bigEndian: boolean;
  /** Whether `torch.jit.save` wrote it. */
  readonly script: boolean;
  readonly name: string;
}

/** The entry that a checkpoint has in its folder and other archives have not. */
export const pickleEntry = (zip: ZipReader): string | undefined =>
  [...zip.entries.keys()].find((name) => /^[^/]*\/data\.pkl$/.test(name));

/** Finds and checks the parts of an archive. */
export function openArchive(source: Source, zip: ZipReader): Archive {
  const names = [...zip.entries.keys()];
  const pickle = pickleEntry(zip);
  check(
    pickle !== undefined,
    () =>
      `PytorchStreamReader failed locating file data.pkl: file not found (${source.name} is a zip archive with ` +
      `${names.slice(0, 5).join(", ") || "nothing"} in it)`,
  );
  const folder = pickle.slice(0, -"data.pkl".length);
  checkVersion(zip, folder, source);
  const script = zip.entries.has(`${folder}constants.pkl`);
  return { zip, folder, bigEndian: isBigEndian(zip, folder, source), script, name: source.name };
}

/** What an archive holds: the saved value, or the state dict of a TorchScript module. */
export function readArchive(
  archive: Archive,
  adapter: TensorAdapter,
  storages: StorageBytes,
  options: Reading,
): unknown {
  const { zip, folder, name } = archive;
  const label = `${name}, entry ${folder}data.pkl`;
  const pickle = zip.read(`${folder}data.pkl`);
  if (archive.script) return readScript(zip, folder, pickle, adapter, label, storages, options);
  return new Loader(adapter, label, storages, options).load(pickle).value;
}

function checkVersion(zip: ZipReader, folder: string, source: Source): void {
  const name = zip.entries.has(`${folder}.data/version`) ? `${folder}.data/version` : `${folder}version`;
  const text = latin1(zip.read(name).subarray(0, 20)).trim();
  check(
    /^\d+$/.test(text) && Number(text) <= highestVersion,
    () => `${source.name}: expected a file format version up to ${highestVersion}, found ${JSON.stringify(text)}`,
  );
}

function isBigEndian(zip: ZipReader, folder: string, source: Source): boolean {
  const name = `${folder}byteorder`;
  if (!zip.entries.has(name)) return false;
  const order = latin1(zip.read(name).subarray(0, 20));
  check(
    order === "little" || order === "big",
    () => `${source.name}, entry ${name}: expected little or big, found ${JSON.stringify(order)}`,
  );
  return order === "big";
}

/** Throws unless the entry of a storage has as many bytes as the pickle says. */
export function expectEntry({ zip, folder, name }: Archive, key: string, nbytes: number): void {
  const entry = zip.entry(`${folder}data/${key}`);
  check(
    entry.size === nbytes,
    () => `${name}, entry ${entry.name} at offset ${entry.header}: expected ${nbytes} bytes, found ${entry.size}`,
  );
}

function zipStorages(archive: Archive): StorageBytes {
  const { zip, folder, bigEndian } = archive;
  const nameOf = (key: string): string => `${folder}data/${key}`;
  return {
    expect: (key, _type, nbytes) => expectEntry(archive, key, nbytes),
    fill(key, type, target) {
      const bytes = target();
      if (bytes === null) return;
      zip.readInto(nameOf(key), bytes);
      if (bigEndian) swap(bytes, type);
    },
  };
}

/** Turns the bytes of each number around, in place; bytes without a dtype stay, as in PyTorch. */
export function swap(bytes: Uint8Array, { numberSize }: Pick<StorageType, "numberSize">): void {
  if (numberSize === 1) return;
  for (let i = 0; i + numberSize <= bytes.length; i += numberSize) bytes.subarray(i, i + numberSize).reverse();
}

/** The archive for a value, in pieces; `folder` is the name that its entries stand under. */
export function checkpointChunks(value: unknown, adapter: TensorAdapter, folder: string): Pieces {
  const pickler = new Pickler(adapter);
  const pickle = pickler.dump(value);
  const text = (content: string) => () => new TextEncoder().encode(content);
  const entries: ZipInput[] = [
    { name: `${folder}/data.pkl`, data: () => pickle },
    { name: `${folder}/byteorder`, data: text("little") },
    ...pickler.storages.map(({ key, data }) => ({ name: `${folder}/data/${key}`, data })),
    { name: `${folder}/version`, data: text(version) },
  ];
  return zipChunks(entries);
}
