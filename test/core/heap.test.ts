import fc from "fast-check";
import { expect, test } from "vitest";
import { collectNow } from "../../src/core/collector.ts";
import { createHeap, type Heap, OutOfMemoryError } from "../../src/core/heap.ts";

const MiB = 1 << 20;

test("a new heap has 16 MiB, nothing in use and scratch space behind address 0", () => {
  const heap = createHeap();
  expect([heap.reserved, heap.allocated, heap.peak]).toEqual([16 * MiB, 0, 0]);
  expect(heap.scratch).toBeGreaterThan(0);
  expect(heap.alloc(1)).toBeGreaterThanOrEqual(heap.scratch + 4096);
});

test("counts are of whole 64-byte units", () => {
  const heap = createHeap();
  const a = heap.alloc(1);
  const b = heap.alloc(65);
  expect(heap.allocated).toBe(192);
  heap.free(a);
  heap.free(b);
  expect([heap.allocated, heap.peak]).toEqual([0, 192]);
});

test("growth renews the windows and keeps the contents", () => {
  const heap = createHeap({ initial: MiB });
  const small = heap.alloc(8);
  heap.f64[small / 8] = 2.5;
  const before = heap.f64;
  const large = heap.alloc(8 * MiB);
  heap.f64[large / 8 + MiB - 1] = 4;
  expect(heap.f64).not.toBe(before);
  expect(heap.f64[small / 8]).toBe(2.5);
  expect(heap.f64[large / 8 + MiB - 1]).toBe(4);
});

test("an unshared heap grows too", () => {
  const heap = createHeap({ initial: MiB, shared: false });
  expect([heap.shared, heap.memory.buffer instanceof ArrayBuffer]).toEqual([false, true]);
  const address = heap.alloc(3 * MiB);
  heap.u8[address + 3 * MiB - 1] = 7;
  expect(heap.u8[address + 3 * MiB - 1]).toBe(7);
});

test("addresses above 2 GiB are positive", () => {
  const heap = createHeap();
  const blocks = [heap.alloc(1.5 * 1024 * MiB), heap.alloc(1.5 * 1024 * MiB)];
  expect(Math.max(...blocks)).toBeGreaterThan(1.5 * 1024 * MiB);
  const above = heap.alloc(64);
  heap.u8[above] = 9;
  expect(heap.u8[above]).toBe(9);
  for (const address of [...blocks, above]) heap.free(address);
  expect(heap.allocated).toBe(0);
});

test("a free that matches no reservation throws", () => {
  const heap = createHeap();
  const address = heap.alloc(100);
  expect(() => heap.free(address + 64)).toThrow(`nothing is reserved at address ${address + 64}`);
  heap.free(address);
  expect(() => heap.free(address)).toThrow("freed twice?");
});

test("out of memory names the request, the bytes in use and the limit", () => {
  const heap = createHeap({ initial: MiB, maximum: 2 * MiB });
  heap.alloc(MiB);
  expect(() => heap.alloc(2 * MiB)).toThrow(OutOfMemoryError);
  expect(() => heap.alloc(2 * MiB)).toThrow(
    "tried to allocate 2097152 bytes with 1048576 bytes in use and a limit of 2097152 bytes",
  );
  expect(() => heap.alloc(2 ** 40)).toThrow(OutOfMemoryError);
});

test("pressure is announced before OutOfMemory and what it frees is used", () => {
  const heap = createHeap({ initial: MiB, maximum: 2 * MiB });
  const hoard = heap.alloc(MiB);
  const asked: number[] = [];
  heap.onPressure = (bytes) => {
    asked.push(bytes);
    heap.free(hoard);
  };
  expect(heap.alloc(1.5 * MiB)).toBeGreaterThan(0);
  expect(asked).toEqual([1.5 * MiB]);
});

test("pressure is announced before the memory grows past the threshold", () => {
  const heap = createHeap({ initial: MiB });
  heap.threshold = 4 * MiB;
  let calls = 0;
  const live: number[] = [];
  heap.onPressure = () => {
    calls++;
    for (const address of live.splice(0)) heap.free(address);
  };
  live.push(heap.alloc(2 * MiB));
  expect(calls).toBe(0);
  live.push(heap.alloc(MiB));
  for (let i = 0; i < 40; i++) live.push(heap.alloc(MiB));
  expect(calls).toBeGreaterThan(5);
  expect(heap.reserved).toBeLessThanOrEqual(6 * MiB);
});

type Command = { readonly alloc: number } | { readonly free: number };

const commands = fc.array(
  fc.oneof(
    fc.record({
      alloc: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300_000 })),
    }),
    fc.record({ free: fc.nat() }),
  ),
  { maxLength: 200 },
);

/** Runs commands against a plain list of blocks; returns what is live. */
function replay(heap: Heap, list: readonly Command[]): { address: number; bytes: number }[] {
  const live: { address: number; bytes: number }[] = [];
  for (const command of list) {
    if ("alloc" in command) {
      const address = heap.alloc(command.alloc);
      const overlap = live.find((b) => address < b.address + b.bytes && b.address < address + command.alloc);
      expect(overlap).toBeUndefined();
      expect(address % 64).toBe(0);
      expect(address + command.alloc).toBeLessThanOrEqual(heap.reserved);
      live.push({ address, bytes: command.alloc });
    } else if (live.length > 0) {
      const [block] = live.splice(command.free % live.length, 1);
      heap.free(block!.address);
    }
  }
  return live;
}

test("blocks never overlap, and free memory becomes one block again", () => {
  fc.assert(
    fc.property(commands, fc.boolean(), (list, backwards) => {
      const heap = createHeap({ initial: 1, shared: false, maximum: 64 * MiB });
      const live = replay(heap, list);
      expect(heap.allocated).toBe(live.reduce((sum, block) => sum + Math.ceil(block.bytes / 64) * 64, 0));
      for (const block of backwards ? live.reverse() : live) heap.free(block.address);
      expect(heap.allocated).toBe(0);
      const whole = heap.reserved - heap.scratch - 4096;
      const before = heap.reserved;
      expect(heap.alloc(whole)).toBe(heap.scratch + 4096);
      expect(heap.reserved).toBe(before);
    }),
    { numRuns: 60 },
  );
});

test("changing shapes reserve less than 1.7 times the highest use", () => {
  const heap = createHeap({ initial: MiB });
  let seed = 12345;
  const random = (): number => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) / 2 ** 32;
  const live: number[] = [];
  for (let step = 0; step < 20_000; step++) {
    live.push(heap.alloc(Math.ceil(2 ** (random() * 23))));
    while (live.length > 100 + (step % 1000) / 10) heap.free(live.splice(Math.floor(random() * live.length), 1)[0]!);
  }
  expect(heap.reserved / heap.peak).toBeLessThan(1.7);
});

test("objects of the same synchronous job die at collectNow", () => {
  const make = (): WeakRef<object>[] => Array.from({ length: 100 }, (_, i) => new WeakRef({ i }));
  const dead = make();
  const kept = { alive: true };
  const alive = new WeakRef(kept);
  expect(collectNow()).toBe(true);
  expect(dead.filter((ref) => ref.deref() !== undefined).length).toBeLessThanOrEqual(1);
  expect(alive.deref()).toBe(kept);
});
