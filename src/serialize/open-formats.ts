/** Each format's tensors, unread. */
import { StateDict } from "../core/statedict.ts";
import type { TensorAdapter } from "./adapter.ts";
import { type Archive, expectEntry, openArchive, pickleEntry, readArchive, swap } from "./checkpoint.ts";
import { crc32 } from "./crc32.ts";
import type { NamedGlobal } from "./globals.ts";
import { contiguousStrides } from "./layouts.ts";
import { type Fill, LazyStorage, LazyTensor, setLazyAttributes } from "./lazy.ts";
import { type LegacyStorage, readLegacyPickles } from "./legacy.ts";
import type { Reading, StorageBytes } from "./load.ts";
import { targetDevice } from "./location.ts";
import { type NpyHeader, readNpyHeader } from "./npy-format.ts";
import type { Ranges } from "./ranges.ts";
import { readSafetensorsHeader, tiesOf } from "./safetensors-format.ts";
import type { Source } from "./source.ts";
import { itemsizeOf, type StorageType } from "./storage-types.ts";
import { ZipReader } from "./zip-read.ts";

/** What a file holds. */
export interface OpenedFile {
  readonly format: string;
  readonly value: unknown;
  readonly metadata?: ReadonlyMap<string, string>;
  readonly globals?: readonly NamedGlobal[];
  /** Its entries with checksums. */
  readonly entries?: readonly CheckedEntry[];
}

/** A part of a file that has a checksum. */
export interface CheckedEntry {
  readonly name: string;
  readonly size: number;
  /** Reads it and throws for another checksum; `progress` hears of the bytes that were read. */
  check(progress: (bytes: number) => void): Promise<void>;
}

/** How a file is opened. */
export interface Opening {
  readonly reading: Reading;
}

/** Which storage of a file a reader is about to make. */
interface Expected {
  readonly key: string;
  readonly type: StorageType;
}

/** Reads pickles without their tensors. */
function farTensors(fillOf: (at: Expected) => Fill): {
  adapter: TensorAdapter;
  expect: (key: string, type: StorageType) => void;
} {
  let expected: Expected | null = null;
  const inside = new WeakMap<object, Uint8Array>();
  const lazy = (value: unknown): LazyTensor => value as LazyTensor;
  const adapter: TensorAdapter = {
    describe: (value) => (value instanceof LazyTensor ? value : null),
    isStorage: (value) => value instanceof LazyStorage,
    describeStorage: () => null,
    makeBareStorage: (storage) => storage,
    hasDType: (dtype) => itemsizeOf(dtype) !== undefined,
    nbytes: (storage) => (storage as LazyStorage).nbytes,
    bytes: (storage) => inside.get(storage) ?? null,
    far: () => null,
    writes: () => 0,
    makeStorage(nbytes, location) {
      const at = expected;
      expected = null;
      if (at !== null) return new LazyStorage(at.key, at.type.dtype, nbytes, location, fillOf(at));
      // The elements of an array stand in the pickle itself; a meta tensor has none.
      const bytes = new Uint8Array(location === "meta" ? 0 : nbytes);
      const fill: Fill = async (begin, length, target) => target().set(bytes.subarray(begin, begin + length));
      const storage = new LazyStorage("", null, nbytes, location, fill);
      inside.set(storage, bytes);
      return storage;
    },
    makeTensor: (storage, at) => new LazyTensor(storage as LazyStorage, { ...at, isParameter: false }),
    makeParameter: (tensor, requiresGrad) =>
      new LazyTensor(lazy(tensor).storage, { ...lazy(tensor), requiresGrad, isParameter: true }),
    makeBuffer: (tensor) => tensor,
    attributes: () => [],
    setAttributes: (tensor, given) => setLazyAttributes(lazy(tensor), given),
  };
  const expect = (key: string, type: StorageType): void => {
    expected = { key, type };
  };
  return { adapter, expect };
}

/** Collects what a pickle names. */
function listener(reading: Reading): { reading: Reading; globals: () => NamedGlobal[] } {
  const globals = new Map<string, NamedGlobal>();
  const named = (global: NamedGlobal): void => void globals.set(`${global.module}.${global.name}`, global);
  return { reading: { ...reading, named }, globals: () => [...globals.values()] };
}

// ---------------------------------------------------------------- archives

/** Opens a checkpoint, a TorchScript archive, or an archive of arrays. */
export async function openZip(ranges: Ranges, opening: Opening): Promise<OpenedFile> {
  return ranges.run((source) => {
    const zip = new ZipReader(source, true);
    const names = [...zip.entries.keys()];
    const isArrays = pickleEntry(zip) === undefined && names.length > 0 && names.every((name) => name.endsWith(".npy"));
    const opened = isArrays
      ? openArrays(ranges, source, zip)
      : openCheckpoint(ranges, openArchive(source, zip), opening);
    const entries = [...zip.entries.values()].map(({ name, size }) => ({
      name,
      size,
      check: (progress: (bytes: number) => void) => ranges.run(() => zip.check(name, progress)),
    }));
    return { ...opened, entries };
  });
}

function openCheckpoint(ranges: Ranges, archive: Archive, { reading }: Opening): OpenedFile {
  const heard = listener(reading);
  const { adapter, expect } = farTensors(({ key, type }) => storageFill(ranges, archive, key, type));
  const storages: StorageBytes = {
    expect(key, type, nbytes) {
      expectEntry(archive, key, nbytes);
      expect(key, type);
    },
    fill: () => {},
  };
  const value = readArchive(archive, adapter, storages, heard.reading);
  const format = archive.script ? "torchscript" : "zip";
  return { format, value, globals: archive.script ? [] : heard.globals() };
}

/** Reads a part of a storage. */
function storageFill(ranges: Ranges, archive: Archive, key: string, type: StorageType): Fill {
  const fill = entryFill(ranges, archive.zip, `${archive.folder}data/${key}`);
  if (!archive.bigEndian) return fill;
  return async (begin, length, target) => {
    await fill(begin, length, target);
    swap(target(), type);
  };
}

/** Reads a part of an entry; the checksum is looked at when all of it was read in order. */
function entryFill(ranges: Ranges, zip: ZipReader, name: string): Fill {
  const read = { bytes: 0, crc: 0 };
  return async (begin, length, target) => {
    // The reader of the archive is bound to the source of its first run, which for far sources throws for what is missing.
    const entry = await ranges.run(() => zip.located(name));
    if (entry.method !== 0) {
      const whole = await ranges.run(() => zip.read(name));
      target().set(whole.subarray(begin, begin + length));
      return;
    }
    await ranges.fill(entry.start + begin, length, target);
    if (begin === 0) Object.assign(read, { bytes: 0, crc: 0 });
    if (begin !== read.bytes) return;
    read.crc = crc32(target(), read.crc);
    read.bytes += length;
    if (read.bytes === entry.size) await ranges.run(() => zip.compare(entry, read.crc));
  };
}

function openArrays(ranges: Ranges, source: Source, zip: ZipReader): OpenedFile {
  const value = new StateDict<unknown>();
  for (const name of zip.entries.keys()) {
    const label = `${source.name}, entry ${name}`;
    const header = readNpyHeader(memberSource(zip, name, label));
    const fill = entryFill(ranges, zip, name);
    const part: Fill = (begin, length, target) => fill(header.start + begin, length, target);
    const key = name.slice(0, -".npy".length);
    value.set(key, arrayTensor(key, header, part));
  }
  return { format: "npz", value };
}

/** The beginning of an entry, as far as a header goes. */
function memberSource(zip: ZipReader, name: string, label: string): Source {
  const { size } = zip.entry(name);
  const read = (offset: number, length: number): Uint8Array =>
    zip.start(name, offset + length).subarray(offset, offset + length);
  return { name: label, size, read, readInto: (offset, target) => target.set(read(offset, target.length)) };
}

// ---------------------------------------------------------------- other formats

export async function openLegacy(ranges: Ranges, { reading }: Opening): Promise<OpenedFile> {
  return ranges.run((source) => {
    const heard = listener(reading);
    let found: ReadonlyMap<string, LegacyStorage> = new Map();
    const { adapter, expect } = farTensors(({ key }) => (begin, length, target) => {
      return ranges.fill(found.get(key)!.start + begin, length, target);
    });
    const { value, storages } = readLegacyPickles(source, adapter, heard.reading, expect);
    found = storages;
    return { format: "legacy", value, globals: heard.globals() };
  });
}

export async function openSafetensors(ranges: Ranges, { reading }: Opening): Promise<OpenedFile> {
  const header = await ranges.run(readSafetensorsHeader);
  const device = targetDevice("cpu", reading.mapLocation);
  const value = new StateDict<unknown>();
  for (const [name, { dtype, shape, start, nbytes }] of header.tensors) {
    const fill: Fill = (begin, length, target) => ranges.fill(start + begin, length, target);
    const storage = new LazyStorage(name, dtype, nbytes, device, fill);
    value.set(name, rowMajor(storage, dtype, shape));
  }
  for (const [name, kept] of tiesOf(header)) value.set(name, value.get(kept));
  return { format: "safetensors", value, metadata: header.metadata };
}

export async function openNpy(ranges: Ranges): Promise<OpenedFile> {
  const header = await ranges.run(readNpyHeader);
  const fill: Fill = (begin, length, target) => ranges.fill(header.start + begin, length, target);
  return { format: "npy", value: arrayTensor("", header, fill) };
}

function rowMajor(storage: LazyStorage, dtype: string, shape: readonly number[]): LazyTensor {
  const strides = contiguousStrides(shape);
  return new LazyTensor(storage, { dtype, shape, strides, offset: 0, requiresGrad: false, isParameter: false });
}

function arrayTensor(key: string, header: NpyHeader, fill: Fill): LazyTensor {
  const { dtype, shape, fortran, nbytes, bigEndian } = header;
  const swapped: Fill = async (begin, length, target) => {
    await fill(begin, length, target);
    swap(target(), header);
  };
  const storage = new LazyStorage(key, dtype, nbytes, "cpu", bigEndian ? swapped : fill);
  const plain = rowMajor(storage, dtype, shape);
  if (!fortran) return plain;
  return new LazyTensor(storage, { ...plain, strides: contiguousStrides([...shape].reverse()).reverse() });
}
