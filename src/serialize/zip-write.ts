/** Writes zip archives as PyTorch does: stored, data aligned to 64 bytes, the same bytes for the same content. */
import { crc32 } from "./crc32.ts";
import { deflateBytes } from "./inflate.ts";
import { join } from "./input.ts";
import { arrived, joined, type Pieces } from "./pieces.ts";
import { central, end, end64, local, locator64, zip64Extra } from "./zip-read.ts";

/** A member to write; `data` is asked for when its turn comes. */
export interface ZipInput {
  readonly name: string;
  /** What stands in front of the data. */
  readonly head?: Uint8Array;
  readonly data: () => Uint8Array | Promise<Uint8Array>;
  /** Whether the data are deflated. */
  readonly compress?: boolean;
}

/** Where `storage_alignment` puts tensors in PyTorch's files, so that they can be mapped. */
const alignment = 64;
const versionPlain = 10;
const version64 = 45;
const utf8Names = 0x0800;
/** 1 January 1980, the first day that the format knows. */
const date = 0x0021;
const padding = 0x5a;

const none = new Uint8Array(0);

interface Written {
  readonly name: Uint8Array;
  readonly crc: number;
  readonly size: number;
  readonly stored: number;
  /** 0 stored, 8 deflated. */
  readonly method: number;
  readonly header: number;
}

/**
 * The archive in pieces: headers, and each entry's data as `data` gave it. `limit` is the first number that needs the
 * 64-bit fields.
 */
export function* zipChunks(inputs: Iterable<ZipInput>, limit = 0xffffffff): Pieces {
  const written: Written[] = [];
  let offset = 0;
  for (const input of inputs) {
    const { head = none, compress = false } = input;
    const data = yield* arrived(input.data());
    const parts = compress ? [deflateBytes(join([head, data]))] : [head, data];
    const stored = parts.reduce((sum, part) => sum + part.length, 0);
    const name = new TextEncoder().encode(input.name);
    const size = head.length + data.length;
    const crc = crc32(data, crc32(head));
    const entry = { name, crc, size, stored, method: compress ? 8 : 0, header: offset };
    const header = localHeader(entry, limit);
    written.push(entry);
    offset += header.length + stored;
    yield header;
    for (const part of parts) if (part.length > 0) yield part;
  }
  const directory = written.map((entry) => centralHeader(entry, limit));
  const size = directory.reduce((sum, bytes) => sum + bytes.length, 0);
  for (const bytes of directory) yield bytes;
  yield endRecord(written.length, size, offset, limit);
}

/** The archive as one piece. */
export function zipBytes(inputs: Iterable<ZipInput>, limit?: number): Uint8Array {
  return joined(zipChunks(inputs, limit));
}

const full = 0xffffffff;
const clamp = (value: number, limit: number): number => (value >= limit ? full : value);

/** The sizes of an entry that is too large for 32 bits, as the zip64 field has them; none for others. */
const wideSizes = (entry: Written, limit: number): number[] =>
  Math.max(entry.size, entry.stored) >= limit ? [entry.size, entry.stored] : [];

/** What both headers of an entry have in common, from the version needed on. */
function common(view: DataView, i: number, entry: Written, isWide: boolean, limit: number): void {
  view.setUint16(i, isWide ? version64 : versionPlain, true);
  view.setUint16(i + 2, utf8Names, true);
  view.setUint16(i + 4, entry.method, true);
  view.setUint16(i + 8, date, true);
  view.setUint32(i + 10, entry.crc, true);
  const large = wideSizes(entry, limit).length > 0;
  view.setUint32(i + 14, large ? full : entry.stored, true);
  view.setUint32(i + 18, large ? full : entry.size, true);
  view.setUint16(i + 22, entry.name.length, true);
}

/** The zip64 extra field with these numbers; no bytes for none. */
function wideField(values: readonly number[]): Uint8Array {
  if (values.length === 0) return new Uint8Array(0);
  const bytes = new Uint8Array(4 + 8 * values.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, zip64Extra, true);
  view.setUint16(2, 8 * values.length, true);
  for (const [i, value] of values.entries()) view.setBigUint64(4 + 8 * i, BigInt(value), true);
  return bytes;
}

function localHeader(entry: Written, limit: number): Uint8Array {
  const wide = wideField(wideSizes(entry, limit));
  const extra = local.bytes + entry.name.length;
  const fill = extra + wide.length;
  const unpadded = fill + 4;
  const pad = (alignment - ((entry.header + unpadded) % alignment)) % alignment;
  const bytes = new Uint8Array(unpadded + pad).fill(padding, unpadded);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, local.signature, true);
  common(view, 4, entry, wide.length > 0, limit);
  view.setUint16(28, wide.length + 4 + pad, true);
  bytes.set(entry.name, local.bytes);
  bytes.set(wide, extra);
  bytes.set([0x46, 0x42], fill);
  view.setUint16(fill + 2, pad, true);
  return bytes;
}

function centralHeader(entry: Written, limit: number): Uint8Array {
  const sizes = wideSizes(entry, limit);
  const wide = wideField(entry.header >= limit ? [...sizes, entry.header] : sizes);
  const bytes = new Uint8Array(central.bytes + entry.name.length + wide.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, central.signature, true);
  view.setUint16(4, version64, true);
  common(view, 6, entry, wide.length > 0, limit);
  view.setUint16(30, wide.length, true);
  view.setUint32(42, clamp(entry.header, limit), true);
  bytes.set(entry.name, central.bytes);
  bytes.set(wide, central.bytes + entry.name.length);
  return bytes;
}

function endRecord(count: number, size: number, offset: number, limit: number): Uint8Array {
  const needs64 = count >= Math.min(limit, 0xffff) || size >= limit || offset >= limit;
  const wideBytes = needs64 ? end64.bytes + locator64.bytes : 0;
  const bytes = new Uint8Array(wideBytes + end.bytes);
  const view = new DataView(bytes.buffer);
  if (needs64) writeEnd64(view, count, size, offset);
  view.setUint32(wideBytes, end.signature, true);
  const narrowCount = Math.min(count, 0xffff);
  view.setUint16(wideBytes + 8, narrowCount, true);
  view.setUint16(wideBytes + 10, narrowCount, true);
  view.setUint32(wideBytes + 12, clamp(size, limit), true);
  view.setUint32(wideBytes + 16, clamp(offset, limit), true);
  return bytes;
}

function writeEnd64(view: DataView, count: number, size: number, offset: number): void {
  view.setUint32(0, end64.signature, true);
  view.setBigUint64(4, BigInt(end64.bytes - 12), true);
  view.setUint16(12, version64, true);
  view.setUint16(14, version64, true);
  view.setBigUint64(24, BigInt(count), true);
  view.setBigUint64(32, BigInt(count), true);
  view.setBigUint64(40, BigInt(size), true);
  view.setBigUint64(48, BigInt(offset), true);
  view.setUint32(end64.bytes, locator64.signature, true);
  view.setBigUint64(end64.bytes + 8, BigInt(offset + size), true);
  view.setUint32(end64.bytes + 16, 1, true);
}
