/** Reads zip archives from untrusted bytes: every length and offset is checked before it is used. */

import { check, RuntimeError } from "../core/errors.ts";
import { crc32 } from "./crc32.ts";
import { inflateInto, inflateStart } from "./inflate.ts";
import type { Source } from "./source.ts";

/** One member of an archive. */
export interface ZipEntry {
  readonly name: string;
  /** 0 stored, 8 deflated. */
  readonly method: number;
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
  /** Offset of the local header. */
  readonly header: number;
  /** Offset of the first data byte. */
  readonly start: number;
}

/** Signatures and fixed sizes of the format (APPNOTE 4.3). */
export const local = { signature: 0x04034b50, bytes: 30 } as const;
export const central = { signature: 0x02014b50, bytes: 46 } as const;
export const end = { signature: 0x06054b50, bytes: 22 } as const;
export const end64 = { signature: 0x06064b50, bytes: 56 } as const;
export const locator64 = { signature: 0x07064b50, bytes: 20 } as const;
export const zip64Extra = 0x0001;
const full32 = 0xffffffff;
const full16 = 0xffff;
const stored = 0;
const deflated = 8;
/** The flag of entries whose sizes and checksum stand behind the data, and what stands in front of them there. */
const describedAfter = 0x0008;
const descriptor = 0x08074b50;
/** Deflated bytes that surely give more than a small header. */
const firstDeflated = 2 ** 16;
/** Entries are read in pieces of this size, which fit the cache of one core. */
const pieceBytes = 2 ** 18;
/** Deflate cannot expand more than this: a code of one bit for 258 bytes, twice. */
const largestRatio = 1032;

interface Directory {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
  /** Where the directory must end at the latest. */
  readonly limit: number;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** An archive whose directory has been read and checked. */
export class ZipReader {
  /** By name, in the order of the directory. */
  readonly entries: ReadonlyMap<string, ZipEntry>;
  readonly #source: Source;
  readonly #lazy: boolean;
  readonly #directory: Directory;

  /** With `lazy`, an entry's own header is read and checked when the entry is: far sources answer slowly. */
  constructor(source: Source, lazy = false) {
    this.#source = source;
    this.#lazy = lazy;
    this.#directory = findDirectory(source);
    this.entries = readEntries(source, this.#directory, lazy);
  }

  /** The entry of this name; throws for a missing one. Of a lazy reader, `start` is where data begins at the earliest. */
  entry(name: string): ZipEntry {
    const entry = this.entries.get(name);
    check(entry !== undefined, () => `${fail(this.#source, "file not found")}: it has no entry ${name}`);
    return entry;
  }

  /** The entry with the place of its data, from its own header. */
  located(name: string): ZipEntry {
    const entry = this.entry(name);
    return this.#lazy ? { ...entry, start: dataStart(this.#source, this.#directory, entry) } : entry;
  }

  /** The bytes of an entry, whose checksum is right. Of a stored entry in memory a view. */
  read(name: string): Uint8Array {
    const entry = this.located(name);
    const raw = this.#source.read(entry.start, entry.compressedSize);
    const bytes = entry.method === stored ? raw : this.#inflate(entry, raw);
    this.verify(entry, bytes);
    return bytes;
  }

  /** Reads an entry of exactly `target.length` bytes into `target`. */
  readInto(name: string, target: Uint8Array): void {
    const entry = this.located(name);
    if (entry.method !== stored) {
      target.set(this.read(name));
      return;
    }
    this.compare(entry, this.#readAndSum(entry.start, target));
  }

  /** The checksum of what it reads, taken while a piece is still in the processor's cache. */
  #readAndSum(start: number, target: Uint8Array): number {
    let sum = 0;
    for (let done = 0; done < target.length; done += pieceBytes) {
      const piece = target.subarray(done, done + pieceBytes);
      this.#source.readInto(start + done, piece);
      sum = crc32(piece, sum);
    }
    return sum;
  }

  #inflate(entry: ZipEntry, raw: Uint8Array): Uint8Array {
    let bytes: Uint8Array;
    try {
      // One byte more than declared, so that a longer stream shows; the library stops writing at the end of `out`.
      bytes = inflateInto(raw, new Uint8Array(entry.size + 1));
    } catch (error) {
      throw new RuntimeError(`${at(this.#source, entry)}: cannot be inflated`, { cause: error });
    }
    check(
      bytes.length === entry.size,
      () => `${at(this.#source, entry)}: expected ${entry.size} inflated bytes, found ${sizeFound(bytes, entry)}`,
    );
    return bytes;
  }

  /** The first bytes of an entry, unchecked: at least `length`, or all. */
  start(name: string, length: number): Uint8Array {
    const entry = this.located(name);
    if (entry.method === stored) return this.#source.read(entry.start, Math.min(length, entry.size));
    try {
      return inflateStart(
        this.#source.read(entry.start, Math.min(entry.compressedSize, length + firstDeflated)),
        length,
      );
    } catch (error) {
      throw new RuntimeError(`${at(this.#source, entry)}: cannot be inflated`, { cause: error });
    }
  }

  /** Reads an entry piece by piece and looks at its checksum; `progress` hears of every piece. */
  check(name: string, progress: (bytes: number) => void): void {
    const entry = this.located(name);
    if (entry.method !== stored) {
      progress(this.read(name).length);
      return;
    }
    let found = 0;
    const room = new Uint8Array(Math.min(pieceBytes, entry.size));
    for (let done = 0; done < entry.size; done += room.length) {
      const piece = room.subarray(0, Math.min(room.length, entry.size - done));
      this.#source.readInto(entry.start + done, piece);
      found = crc32(piece, found);
      progress(piece.length);
    }
    this.compare(entry, found);
  }

  /** Throws unless these bytes have the entry's checksum. */
  verify(entry: ZipEntry, bytes: Uint8Array): void {
    this.compare(entry, crc32(bytes));
  }

  /** Throws unless this is the entry's checksum. */
  compare(entry: ZipEntry, found: number): void {
    check(
      found === entry.crc || this.#unchecked(entry),
      () => `${at(this.#source, entry)}: the checksum differs (expected ${hex(entry.crc)}, found ${hex(found)})`,
    );
  }

  /**
   * Whether there is no checksum: `torch.serialization.set_crc32_options(False)` leaves zeros in both places, the
   * directory and beside the data.
   */
  #unchecked(entry: ZipEntry): boolean {
    if (entry.crc !== 0) return false;
    const header = viewOf(this.#source.read(entry.header, local.bytes));
    if ((header.getUint16(6, true) & describedAfter) === 0) return header.getUint32(14, true) === 0;
    const end = this.located(entry.name).start + entry.compressedSize;
    if (end + 8 > this.#source.size) return false;
    const after = viewOf(this.#source.read(end, 8));
    return after.getUint32(0, true) === descriptor && after.getUint32(4, true) === 0;
  }
}

const hex = (value: number): string => `0x${value.toString(16).padStart(8, "0")}`;
const sizeFound = (bytes: Uint8Array, entry: ZipEntry): string =>
  bytes.length > entry.size ? "more" : `${bytes.length}`;
/** PyTorch's sentence for a bad archive. */
const fail = (source: Source, what: string): string =>
  `PytorchStreamReader failed reading zip archive: ${what} (${source.name}, ${source.size} bytes)`;
const at = (source: Source, entry: ZipEntry): string => `${source.name}, entry ${entry.name} at offset ${entry.header}`;

function readEntries(source: Source, directory: Directory, lazy: boolean): Map<string, ZipEntry> {
  const entries = new Map<string, ZipEntry>();
  const bytes = source.read(directory.offset, directory.size);
  let position = 0;
  for (let i = 0; i < directory.count; i++) {
    const { entry, next } = readCentral(source, directory, bytes, position, lazy);
    check(!entries.has(entry.name), () => `${at(source, entry)}: a second entry of the same name`);
    entries.set(entry.name, entry);
    position = next;
  }
  check(
    position === bytes.length,
    () => `${fail(source, "invalid header")}: ${bytes.length - position} bytes after the directory's last entry`,
  );
  checkOverlap(source, [...entries.values()]);
  return entries;
}

function findDirectory(source: Source): Directory {
  const tailBytes = Math.min(source.size, end.bytes + full16);
  const tailStart = source.size - tailBytes;
  const view = viewOf(source.read(tailStart, tailBytes));
  for (let i = tailBytes - end.bytes; i >= 0; i--) {
    if (view.getUint32(i, true) !== end.signature) continue;
    if (i + end.bytes + view.getUint16(i + 20, true) === tailBytes) return readEnd(source, view, i, tailStart + i);
  }
  throw new RuntimeError(
    `${fail(source, "failed finding central directory")}: expected an end record in the last ${tailBytes} bytes, ` +
      "found none; the file may be cut short",
  );
}

function readEnd(source: Source, view: DataView, i: number, position: number): Directory {
  const count = view.getUint16(i + 10, true);
  const size = view.getUint32(i + 12, true);
  const offset = view.getUint32(i + 16, true);
  const disks = view.getUint32(i + 4, true) !== 0 || view.getUint16(i + 8, true) !== count;
  const directory = readEnd64(source, position) ?? { offset, size, count, limit: position };
  const agrees = (narrow: number, wide: number, full: number): boolean => narrow === full || narrow === wide;
  check(
    !disks &&
      agrees(count, directory.count, full16) &&
      agrees(size, directory.size, full32) &&
      agrees(offset, directory.offset, full32),
    () => `${fail(source, "invalid header")}: the end record at offset ${position} contradicts itself`,
  );
  check(
    directory.offset + directory.size <= directory.limit && directory.count * central.bytes <= directory.size,
    () =>
      `${fail(source, "invalid header")}: a directory of ${directory.count} entries and ${directory.size} bytes ` +
      `at offset ${directory.offset} does not fit in front of ${directory.limit}`,
  );
  return directory;
}

/** The wide end record, if its locator stands in front of the end record. */
function readEnd64(source: Source, position: number): Directory | null {
  if (position < locator64.bytes) return null;
  const locator = viewOf(source.read(position - locator64.bytes, locator64.bytes));
  if (locator.getUint32(0, true) !== locator64.signature) return null;
  const offset = wide(source, locator, 8);
  check(
    offset + end64.bytes <= position - locator64.bytes,
    () => `${fail(source, "invalid header")}: the zip64 end record at offset ${offset} is out of range`,
  );
  const view = viewOf(source.read(offset, end64.bytes));
  const count = wide(source, view, 32);
  check(
    view.getUint32(0, true) === end64.signature && wide(source, view, 24) === count && view.getUint32(16, true) === 0,
    () => `${fail(source, "invalid header")}: no valid zip64 end record at offset ${offset}`,
  );
  return { count, size: wide(source, view, 40), offset: wide(source, view, 48), limit: offset };
}

/** A 64-bit number that must be a place or a size in this file. */
function wide(source: Source, view: DataView, i: number): number {
  const value = view.getBigUint64(i, true);
  check(
    value <= BigInt(source.size),
    () => `${fail(source, "invalid header")}: a size of ${value} bytes is impossible`,
  );
  return Number(value);
}

function readCentral(
  source: Source,
  directory: Directory,
  bytes: Uint8Array,
  i: number,
  lazy: boolean,
): { entry: ZipEntry; next: number } {
  const place = directory.offset + i;
  const view = viewOf(bytes);
  check(
    i + central.bytes <= bytes.length && view.getUint32(i, true) === central.signature,
    () => `${fail(source, "invalid header")}: expected a directory entry at offset ${place}`,
  );
  const nameEnd = i + central.bytes + view.getUint16(i + 28, true);
  const extraEnd = nameEnd + view.getUint16(i + 30, true);
  const next = extraEnd + view.getUint16(i + 32, true);
  check(next <= bytes.length, () => `${fail(source, "invalid header")}: the directory entry at ${place} is cut short`);
  const name = decodeName(source, bytes.subarray(i + central.bytes, nameEnd), place);
  const method = view.getUint16(i + 10, true);
  check((view.getUint16(i + 8, true) & 1) === 0, () => `${source.name}: entry ${name} is encrypted`);
  check(
    method === stored || method === deflated,
    () => `${source.name}: entry ${name} has compression method ${method}; expected 0 (stored) or 8 (deflated)`,
  );
  const extra = viewOf(bytes.subarray(nameEnd, extraEnd));
  const [size, compressedSize, header] = wideFields(source, name, extra, [
    view.getUint32(i + 24, true),
    view.getUint32(i + 20, true),
    view.getUint32(i + 42, true),
  ]);
  const parts = { name, method, header: header!, compressedSize: compressedSize! };
  const start = lazy ? header! + local.bytes + (nameEnd - i - central.bytes) : dataStart(source, directory, parts);
  const crc = view.getUint32(i + 16, true);
  const entry: ZipEntry = { name, method, crc, compressedSize: compressedSize!, size: size!, header: header!, start };
  checkSizes(source, entry);
  return { entry, next };
}

function decodeName(source: Source, bytes: Uint8Array, place: number): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new RuntimeError(`${fail(source, "invalid header")}: the name in the entry at ${place} is not UTF-8`);
  }
}

/** The fields whose 32 bits are all ones stand in the zip64 extra field, in this order. */
function wideFields(source: Source, name: string, extra: DataView, fields: number[]): number[] {
  if (!fields.includes(full32)) return fields;
  for (let i = 0; i + 4 <= extra.byteLength; ) {
    const length = extra.getUint16(i + 2, true);
    if (extra.getUint16(i, true) !== zip64Extra) {
      i += 4 + length;
      continue;
    }
    let next = i + 4;
    const stop = Math.min(next + length, extra.byteLength);
    return fields.map((field) => {
      if (field !== full32) return field;
      check(next + 8 <= stop, () => `${fail(source, "invalid header")}: the zip64 field of entry ${name} is cut short`);
      next += 8;
      return wide(source, extra, next - 8);
    });
  }
  return fields;
}

/** Checks the local header against the directory; the directory's sizes count, as the local ones may be unset. */
function dataStart(
  source: Source,
  directory: Directory,
  entry: Pick<ZipEntry, "name" | "method" | "header" | "compressedSize">,
): number {
  const { name, header } = entry;
  const wrong = (what: string): string => `${source.name}, entry ${name} at offset ${header}: ${what}`;
  check(header + local.bytes <= directory.offset, () =>
    wrong(`out of range (the directory is at ${directory.offset})`),
  );
  const nameBytes = new TextEncoder().encode(name).length;
  const bytes = source.read(header, Math.min(local.bytes + nameBytes, directory.offset - header));
  const view = viewOf(bytes);
  check(view.getUint32(0, true) === local.signature, () => wrong("expected a local header"));
  check(view.getUint16(8, true) === entry.method, () => wrong("its two headers disagree about the compression"));
  const nameLength = view.getUint16(26, true);
  const start = header + local.bytes + nameLength + view.getUint16(28, true);
  check(start + entry.compressedSize <= directory.offset, () =>
    wrong(`${entry.compressedSize} bytes from ${start} do not end before the directory at ${directory.offset}`),
  );
  const localName =
    nameLength === nameBytes ? bytes.subarray(local.bytes) : source.read(header + local.bytes, nameLength);
  const found = decodeName(source, localName, header);
  check(found === name, () => wrong(`its local header calls it ${found}`));
  return start;
}

function checkSizes(source: Source, entry: ZipEntry): void {
  const possible =
    entry.method === stored ? entry.size === entry.compressedSize : entry.size <= entry.compressedSize * largestRatio;
  check(
    possible,
    () => `${at(source, entry)}: ${entry.compressedSize} stored bytes cannot make ${entry.size} bytes of data`,
  );
}

/** Entries over the same bytes make an archive that inflates to far more than any ratio allows. */
function checkOverlap(source: Source, entries: ZipEntry[]): void {
  entries.sort((a, b) => a.header - b.header);
  let previous: ZipEntry | undefined;
  for (const entry of entries) {
    const last = previous;
    check(
      last === undefined || last.start + last.compressedSize <= entry.header,
      () => `${at(source, entry)}: overlaps entry ${last?.name}`,
    );
    previous = entry;
  }
}
