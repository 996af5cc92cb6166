/** CRC-32 as zip archives have it: of the heap's bytes the backend's, else the host's own or eight tables for eight bytes. */
import { type Checksum, onHeap } from "../core/checksum.ts";

const polynomial = 0xedb88320;
const slices = 8;

function makeTables(): Uint32Array {
  const tables = new Uint32Array(256 * slices);
  for (let i = 0; i < 256; i++) {
    let c = i;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ polynomial : c >>> 1;
    tables[i] = c;
  }
  for (let i = 256; i < tables.length; i++) {
    const previous = tables[i - 256]!;
    tables[i] = (previous >>> 8) ^ tables[previous & 255]!;
  }
  return tables;
}

let tables: Uint32Array | undefined;

/** The checksum by tables alone; `before` is that of the bytes in front of these. */
export function portableCrc32(bytes: Uint8Array, before = 0): number {
  tables ??= makeTables();
  const t = tables;
  let c = ~before;
  let i = 0;
  for (const whole = bytes.length - 7; i < whole; i += slices) {
    c ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    c =
      t[1792 + (c & 255)]! ^
      t[1536 + ((c >>> 8) & 255)]! ^
      t[1280 + ((c >>> 16) & 255)]! ^
      t[1024 + (c >>> 24)]! ^
      t[768 + bytes[i + 4]!]! ^
      t[512 + bytes[i + 5]!]! ^
      t[256 + bytes[i + 6]!]! ^
      t[bytes[i + 7]!]!;
  }
  for (; i < bytes.length; i++) c = (c >>> 8) ^ t[(c ^ bytes[i]!) & 255]!;
  return ~c >>> 0;
}

let chosen: Checksum | undefined;

/** The host's own, which is looked for at the first call: it loads much beside itself. */
function usual(bytes: Uint8Array, before: number): number {
  chosen ??= globalThis.process?.getBuiltinModule?.("zlib")?.crc32 ?? portableCrc32;
  return chosen(bytes, before);
}

/** Bytes from which on it is worth to ask where they lie. */
const large = 2 ** 15;

/** The checksum of these bytes, unsigned; `before` is that of the bytes in front of them. */
export function crc32(bytes: Uint8Array, before = 0): number {
  const found = bytes.length < large ? null : onHeap(bytes, before, usual);
  return found ?? usual(bytes, before);
}
