/** PyTorch's two file formats as they lie in a file: the zip archive, and the older stream of pickles. */
import { check } from "../core/errors.ts";
import { repr } from "../core/repr.ts";
import type { TensorAdapter } from "./adapter.ts";
import { EOFError, UnpicklingError } from "./errors.ts";
import { Loader, type LoadOptions, type StorageBytes } from "./load.ts";
import { latin1 } from "./pickle-bytes.ts";
import { Pickler } from "./pickler.ts";
import { readScript } from "./script.ts";
import type { Source } from "./source.ts";
import { type StorageType, untyped } from "./storage-types.ts";
import { ZipReader } from "./zip-read.ts";
import { type ZipInput, zipChunks } from "./zip-write.ts";

/** The magic number of a legacy file as its first pickle: PROTO 2, LONG1 of ten bytes, STOP. */
const legacyMagic = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];
const legacyProtocol = 1001;
const version = "3\n";
/** The largest version of the archive format that is known. */
const highestVersion = 10;

/** Reads a checkpoint of either format. */
export function readCheckpoint(source: Source, adapter: TensorAdapter, options: LoadOptions): unknown {
  if (source.size === 0) throw new EOFError(`Ran out of input: ${source.name} is empty`);
  const start = source.read(0, Math.min(source.size, legacyMagic.length));
  if (start[0] === 0x50 && start[1] === 0x4b) return readZip(source, adapter, options);
  if (start.every((byte, i) => byte === legacyMagic[i])) return readLegacy(source, adapter, options);
  const shown = JSON.stringify(latin1(start));
  throw new UnpicklingError(
    `${source.name} is not a PyTorch checkpoint: it begins with ${shown}, where a zip archive ("PK") or a legacy ` +
      "checkpoint's magic number was expected",
  );
}

function readZip(source: Source, adapter: TensorAdapter, options: LoadOptions): unknown {
  const archive = openArchive(source);
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

/** Finds and checks the parts of an archive; `lazy` leaves entries that are not asked for unseen. */
export function openArchive(source: Source, lazy = false): Archive {
  const zip = new ZipReader(source, lazy);
  const names = [...zip.entries.keys()];
  const pickle = names.find((name) => /^[^/]*\/data\.pkl$/.test(name));
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
  options: LoadOptions,
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
    expect: (key, nbytes) => expectEntry(archive, key, nbytes),
    fill(key, type, target) {
      const bytes = target();
      zip.readInto(nameOf(key), bytes);
      if (bigEndian) swap(bytes, type);
    },
  };
}

/** Turns the bytes of each number around, in place. */
export function swap(bytes: Uint8Array, type: StorageType): void {
  check(type !== untyped, () => "a storage without a dtype in a big-endian file");
  const n = type.numberSize;
  for (let i = 0; i + n <= bytes.length; i += n) bytes.subarray(i, i + n).reverse();
}

/** Magic number, protocol, system, the object, the storages' keys, and for each its size and bytes. */
function readLegacy(source: Source, adapter: TensorAdapter, options: LoadOptions): unknown {
  const bytes = source.read(0, source.size);
  const waiting = new Map<string, { type: StorageType; nbytes: number; target: () => Uint8Array }>();
  let claimed = 0;
  let expected = 0;
  const storages: StorageBytes = {
    expect(key, nbytes) {
      claimed += nbytes;
      expected = nbytes;
      check(
        claimed <= source.size,
        () => `${source.name}: storages up to ${key} claim ${claimed} of ${source.size} bytes`,
      );
    },
    fill: (key, type, target) => waiting.set(key, { type, nbytes: expected, target }),
  };
  const loader = new Loader(adapter, source.name, storages, options);
  let position = legacyMagic.length;
  const next = (): unknown => {
    const read = loader.load(bytes, position);
    position = read.position;
    return read.value;
  };
  const protocol = next();
  check(
    protocol === legacyProtocol,
    () => `${source.name}: Invalid protocol version: ${repr(protocol)}`,
    UnpicklingError,
  );
  // The machine that wrote it; whatever its byte order, the numbers of legacy files are little-endian.
  const system = next();
  const isSystem = typeof system === "object" && system !== null && "little_endian" in system;
  check(isSystem, () => `${source.name}: expected the description of a system, found ${repr(system)}`, UnpicklingError);
  const value = next();
  const keys = next();
  check(
    Array.isArray(keys) &&
      keys.every((key): key is string => typeof key === "string") &&
      keys.length === new Set(keys).size &&
      waiting.size <= keys.length,
    () => `${source.name}: the list of storages is wrong`,
    UnpicklingError,
  );
  for (const key of keys) position = fillLegacy(source, bytes, position, waiting.get(key), key);
  return value;
}

function fillLegacy(
  source: Source,
  bytes: Uint8Array,
  position: number,
  slot: { type: StorageType; nbytes: number; target: () => Uint8Array } | undefined,
  key: string,
): number {
  const what = `${source.name}, storage ${key} at offset ${position}`;
  check(slot !== undefined, () => `${what}: no tensor uses it`, UnpicklingError);
  check(position + 8 <= bytes.length, () => `${what}: the file ends here`);
  const elements = new DataView(bytes.buffer, bytes.byteOffset + position, 8).getBigUint64(0, true);
  const expected = slot.nbytes / slot.type.itemsize;
  check(elements === BigInt(expected), () => `${what}: expected ${expected} elements, found ${elements}`);
  const start = position + 8;
  const stop = start + slot.nbytes;
  check(
    stop <= bytes.length,
    () => `${what}: unexpected EOF, expected ${stop - bytes.length} more bytes. The file might be corrupted.`,
  );
  slot.target().set(bytes.subarray(start, stop));
  return stop;
}

/** The archive for a value, in pieces; `folder` is the name that its entries stand under. */
export function checkpointChunks(value: unknown, adapter: TensorAdapter, folder: string): Generator<Uint8Array, void> {
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
