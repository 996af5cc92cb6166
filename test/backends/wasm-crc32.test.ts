/** The checksum without tables against the one with tables. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { heapChecksum, worthwhile } from "../../src/backends/wasm/crc32.ts";
import { createHeap } from "../../src/core/heap.ts";
import * as torch from "../../src/index.ts";
import { crc32, portableCrc32 } from "../../src/serialize/crc32.ts";

test("x^300 + x^155 + x^117 + x^89 + 1 is a multiple of the CRC's polynomial", () => {
  const polynomial = 0x104c11db7n;
  let rest = (1n << 300n) | (1n << 155n) | (1n << 117n) | (1n << 89n) | 1n;
  for (let degree = 300n; degree >= 32n; degree--) {
    if ((rest >> degree) & 1n) rest ^= polynomial << (degree - 32n);
  }
  expect(rest).toBe(0n);
});

const largest = 200_000;

test.each([true, false])("any length, any place, any bytes before (shared memory: %s)", (shared) => {
  const heap = createHeap({ shared });
  const checksum = heapChecksum(heap, portableCrc32);
  const address = heap.alloc(largest + 64);
  const bytes = heap.u8.subarray(address, address + largest + 64);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.imul(i, 2654435761) >>> 24;
  const original = bytes.slice();
  const lengths = fc.oneof(
    fc.nat(largest),
    fc.constantFrom(0, 1, worthwhile - 1, worthwhile, worthwhile + 1, worthwhile + 255, worthwhile + 256, largest),
  );
  fc.assert(
    fc.property(lengths, fc.nat(63), fc.integer({ min: 0, max: 2 ** 32 - 1 }), (length, start, before) => {
      const expected = portableCrc32(bytes.subarray(start, start + length), before);
      expect(checksum(address + start, length, before)).toBe(expected);
    }),
    { numRuns: 60 },
  );
  expect(bytes).toEqual(original);
});

test("a part after another has the checksum of both", () => {
  const bytes = torch.rand(100_000).untypedStorage().bytes();
  const whole = portableCrc32(bytes);
  for (const cut of [0, 40_000, 200_000, 399_999]) {
    expect(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut)))).toBe(whole);
  }
});
