/** Memory comes back soon, and only from those whom nobody can reach. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { collector } from "../../src/core/collector.ts";
import { Generations, type Hold, Reservation } from "../../src/core/generations.ts";
import * as torch from "../../src/index.ts";

const MIB = 2 ** 20;

/** Generations over a make-believe heap that notes what is free. */
function generations(): { made: Generations; freed: Set<number>; reserve: (bytes: number) => Hold } {
  const freed = new Set<number>();
  let next = 1;
  let alive = 0;
  const made: Generations = new Generations({
    free({ address, bytes }) {
      freed.add(address);
      alive -= bytes;
    },
    alive: () => alive,
    collecting() {},
  });
  const reserve = (bytes: number): Hold => {
    made.expect(bytes);
    alive += bytes;
    return made.add(new Reservation(next++, bytes, true));
  };
  return { made, freed, reserve };
}

describe.skipIf(collector() === null)("where garbage can be collected on demand", () => {
  test("young reservations that nobody holds come back in the same job", () => {
    const { freed, reserve } = generations();
    for (let i = 0; i < 100; i++) reserve(MIB);
    expect(freed.size).toBeGreaterThan(60);
  });

  test("a work that keeps what it reserves is collected before it, not meanwhile", () => {
    const { made, freed, reserve } = generations();
    made.together(() => {
      for (let i = 0; i < 100; i++) reserve(MIB);
      expect(freed.size).toBe(0);
    });
    made.together(() => expect(freed.size).toBe(100));
    expect(() =>
      made.together(() => {
        throw new Error("a bad file");
      }),
    ).toThrow("a bad file");
    for (let i = 0; i < 100; i++) reserve(MIB);
    expect(freed.size).toBeGreaterThan(160);
  });

  test("a held reservation survives minor and full collections", () => {
    const { made, freed, reserve } = generations();
    const held = reserve(MIB);
    for (let i = 0; i < 500; i++) reserve(MIB);
    made.collect();
    expect(freed.has(held.reservation.address)).toBe(false);
    expect(freed.size).toBe(500);
  });

  test("old reservations come back by a full collection", () => {
    const { made, freed, reserve } = generations();
    let held: Hold[] = Array.from({ length: 200 }, () => reserve(MIB));
    made.collect();
    expect(freed.size).toBe(0);
    expect(held.length).toBe(200);
    held = [];
    made.collect();
    expect(freed.size).toBe(200);
  });

  test("a reservation is freed once, also when it was released before it was found dead", () => {
    const { made, freed, reserve } = generations();
    for (let i = 0; i < 200; i++) made.release(reserve(MIB).reservation);
    expect(freed.size).toBe(200);
    made.collect();
    expect([...made.all()]).toHaveLength(0);
  });

  test("exactly what is not held comes back, whatever is kept, dropped and released", () => {
    const program = fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant("keep" as const), mib: fc.integer({ min: 1, max: 24 }) }),
        fc.record({ kind: fc.constant("drop" as const), at: fc.nat() }),
        fc.record({ kind: fc.constant("lose" as const), mib: fc.integer({ min: 1, max: 24 }) }),
        fc.record({ kind: fc.constant("collect" as const) }),
      ),
      { minLength: 20, maxLength: 60 },
    );
    fc.assert(
      fc.property(program, (steps) => {
        const { made, freed, reserve } = generations();
        const held: Hold[] = [];
        for (const step of steps) {
          if (step.kind === "keep") held.push(reserve(step.mib * MIB));
          else if (step.kind === "lose") reserve(step.mib * MIB);
          else if (step.kind === "drop") held.splice(step.at % Math.max(held.length, 1), 1);
          else made.collect();
          expect(held.some((hold) => freed.has(hold.reservation.address))).toBe(false);
        }
        made.collect();
        expect(new Set([...made.all()].map((r) => r.address))).toEqual(
          new Set(held.map((hold) => hold.reservation.address)),
        );
      }),
      { numRuns: 25 },
    );
  });

  test("a loop over large results needs little more memory than it uses at a time", () => {
    torch.memory.collect();
    const before = torch.memory.stats().allocated;
    const x = torch.ones(MIB);
    let most = 0;
    for (let i = 0; i < 1000; i++) {
      x.add(1);
      most = Math.max(most, torch.memory.stats().allocated - before);
    }
    // 4 GB of results.
    expect(most).toBeLessThan(600 * MIB);
  });

  test("tensors keep their values while others come and go", () => {
    const kept: { value: number; tensor: torch.Tensor }[] = [];
    for (let i = 0; i < 1200; i++) {
      const tensor = torch.full([2 ** 17], i);
      if (i % 7 === 0) kept.push({ value: i, tensor });
      if (i % 50 === 49) kept.splice((i * 31) % kept.length, 1);
    }
    for (const { value, tensor } of kept) {
      expect([tensor.min().item(), tensor.max().item()]).toEqual([value, value]);
    }
  });
});
