/** Zip archives: ours read by another implementation, another's read by ours, and everything that can be wrong. */
import { unzipSync, zipSync } from "fflate";
import { expect, test } from "vitest";
import { bytesSource } from "../../src/serialize/source.ts";
import { ZipReader } from "../../src/serialize/zip-read.ts";
import { type ZipInput, zipBytes, zipChunks } from "../../src/serialize/zip-write.ts";

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const input = (name: string, data: Uint8Array): ZipInput => ({ name, data: () => data });
const reader = (bytes: Uint8Array): ZipReader => new ZipReader(bytesSource(bytes, "test.zip"));
const pattern = Uint8Array.from({ length: 1000 }, (_x, i) => (i * 7) & 255);
const sample = (): Uint8Array =>
  zipBytes([input("a/one", text("hello")), input("a/é", pattern), input("a/none", text(""))]);
/** Finds the n-th place where these bytes stand. */
const find = (bytes: Uint8Array, ...wanted: number[]): number =>
  bytes.findIndex((_b, i) => wanted.every((byte, j) => bytes[i + j] === byte));
const patched = (at: number, ...values: number[]): Uint8Array => {
  const bytes = sample();
  bytes.set(values, at);
  return bytes;
};

test("another implementation reads what we write", () => {
  const entries = unzipSync(sample());
  expect(Object.keys(entries)).toEqual(["a/one", "a/é", "a/none"]);
  expect(entries["a/one"]).toEqual(text("hello"));
  expect(entries["a/é"]).toEqual(pattern);
});

test.each([0, 6])("we read what another implementation writes at level %i", (level) => {
  const zip = reader(
    zipSync({ "a/one": text("hello"), b: new Uint8Array(100_000).fill(3) }, { level: level as 0 | 6 }),
  );
  expect(zip.entry("b").method).toBe(level === 0 ? 0 : 8);
  expect(zip.read("a/one")).toEqual(text("hello"));
  expect(zip.read("b")).toEqual(new Uint8Array(100_000).fill(3));
});

test("data begins at multiples of 64, and the same content gives the same bytes", () => {
  const starts = [...reader(sample()).entries.values()].map((entry) => entry.start % 64);
  expect(starts).toEqual([0, 0, 0]);
  expect(sample()).toEqual(sample());
});

test("an archive comes in pieces, data as it was given", () => {
  const chunks = [...zipChunks([input("a", pattern), input("b", pattern)])];
  expect(chunks.filter((chunk) => chunk === pattern).length).toBe(2);
});

test("numbers beyond 32 bits go to 64-bit fields", () => {
  const zip = reader(zipBytes([input("a", pattern), input("b", text("x")), input("c", pattern)], 900));
  expect(zip.entry("c").header).toBeGreaterThan(900);
  expect(zip.read("a")).toEqual(pattern);
  expect(zip.read("b")).toEqual(text("x"));
  expect(zip.read("c")).toEqual(pattern);
});

test("an archive with more entries than 16 bits can count", () => {
  const inputs = Array.from({ length: 66_000 }, (_x, i) => input(`e${i}`, text("")));
  expect(reader(zipBytes(inputs)).entries.size).toBe(66_000);
});

test.each([
  ["cut short", () => sample().subarray(0, -1), /failed finding central directory/],
  ["cut at the front", () => sample().subarray(1), /invalid header|out of range|disagree|expected a local header/],
  ["without an end", () => sample().subarray(0, 100), /failed finding central directory/],
  ["of nothing", () => new Uint8Array(0), /failed finding central directory/],
  ["with bytes after its end", () => Uint8Array.from([...sample(), 0]), /failed finding central directory/],
  ["with an encrypted entry", () => patched(find(sample(), 0x50, 0x4b, 1, 2) + 8, 1), /entry a\/one is encrypted/],
  ["compressed with Zstandard", () => patched(find(sample(), 0x50, 0x4b, 1, 2) + 10, 93), /compression method 93/],
  ["with two compressions", () => patched(8, 8), /its two headers disagree about the compression/],
  ["whose headers disagree about the name", () => patched(30, 0x62), /its local header calls it b\/one/],
  ["with a name that is not UTF-8", () => patched(30, 0xff), /is not UTF-8/],
  ["with a local header elsewhere", () => patched(0, 0), /expected a local header/],
  [
    "with a size beyond the file",
    () => patched(find(sample(), 0x50, 0x4b, 1, 2) + 20, 255, 255, 255, 0),
    /do not end before/,
  ],
  [
    "with an offset beyond the file",
    () => patched(find(sample(), 0x50, 0x4b, 1, 2) + 42, 255, 255, 255, 0),
    /out of range/,
  ],
  [
    "with more inflated bytes than stored",
    () => patched(find(sample(), 0x50, 0x4b, 1, 2) + 24, 6),
    /cannot make 6 bytes/,
  ],
  [
    "that says it has more entries",
    () => patched(sample().length - 14, 4, 0, 4, 0),
    /a directory of 4 entries .* does not fit/,
  ],
  [
    "that says it has fewer entries",
    () => patched(sample().length - 14, 2, 0, 2, 0),
    /after the directory's last entry/,
  ],
  ["on two disks", () => patched(sample().length - 18, 1), /contradicts itself/],
])("an archive %s is refused", (_what, make, message) => {
  expect(() => reader(make())).toThrow(message);
});

test("two entries of one name are refused", () => {
  expect(() => reader(zipBytes([input("a", pattern), input("a", text("x"))]))).toThrow(
    /a second entry of the same name/,
  );
});

test("two entries over the same bytes are refused", () => {
  const bytes = zipBytes([input("a", pattern), input("a", pattern)]);
  const second = bytes.lastIndexOf(0x61);
  const first = find(bytes, 0x50, 0x4b, 1, 2);
  bytes.copyWithin(first + 47 + 42, first + 42, first + 46);
  expect(bytes[second]).toBe(0x61);
  expect(() => reader(bytes)).toThrow(/a second entry|overlaps/);
});

test("overlapping entries of different names are refused", () => {
  const bytes = zipBytes([input("a", pattern), input("b", text("x"))]);
  const firstCentral = find(bytes, 0x50, 0x4b, 1, 2);
  new DataView(bytes.buffer).setUint32(firstCentral + 20, 1050, true);
  new DataView(bytes.buffer).setUint32(firstCentral + 24, 1050, true);
  expect(() => reader(bytes)).toThrow(/entry b at offset \d+: overlaps entry a/);
});

test("a flipped bit in the data is found when the entry is read", () => {
  const bytes = patched(64, 0x69);
  expect(() => reader(bytes).read("a/one")).toThrow(
    /^test\.zip, entry a\/one at offset 0: the checksum differs \(expected 0x3610a686, found 0x[0-9a-f]{8}\)$/,
  );
});

test("a deflated entry that is longer than declared is refused", () => {
  const bytes = zipSync({ b: pattern }, { level: 6 });
  const at = find(bytes, 0x50, 0x4b, 1, 2) + 24;
  const shorter = bytes.slice();
  new DataView(shorter.buffer).setUint32(at, 900, true);
  expect(() => reader(shorter).read("b")).toThrow(/expected 900 inflated bytes, found more/);
  const longer = bytes.slice();
  new DataView(longer.buffer).setUint32(at, 1100, true);
  expect(() => reader(longer).read("b")).toThrow(/expected 1100 inflated bytes, found 1000/);
});

test("a deflated entry cannot claim more than deflate can give", () => {
  const bytes = zipSync({ b: pattern }, { level: 6 });
  new DataView(bytes.buffer).setUint32(find(bytes, 0x50, 0x4b, 1, 2) + 24, 0x7fffffff, true);
  expect(() => reader(bytes)).toThrow(/stored bytes cannot make 2147483647 bytes/);
});
