/** The overlap of two strided views: against a brute-force set of addresses, and large ones by arithmetic. */
import fc from "fast-check";
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { overlapBytes, regionOf } from "../../src/lens/overlap.ts";

interface View {
  readonly shape: number[];
  readonly strides: number[];
  readonly offset: number;
  readonly itemsize: number;
}

/** Every byte that a view reaches. */
function addresses({ shape, strides, offset, itemsize }: View): Set<number> {
  let elements = [offset];
  shape.forEach((size, d) => {
    elements = elements.flatMap((e) => Array.from({ length: size }, (_, i) => e + i * strides[d]!));
  });
  return new Set(elements.flatMap((e) => Array.from({ length: itemsize }, (_, b) => e * itemsize + b)));
}

const view: fc.Arbitrary<View> = fc.integer({ min: 0, max: 3 }).chain((rank) =>
  fc.record({
    shape: fc.array(fc.integer({ min: 0, max: 6 }), { minLength: rank, maxLength: rank }),
    strides: fc.array(fc.integer({ min: 0, max: 17 }), { minLength: rank, maxLength: rank }),
    offset: fc.integer({ min: 0, max: 40 }),
    itemsize: fc.constantFrom(1, 2, 4, 8, 16),
  }),
);

/** Views whose dims nest: each stride reaches at least over what lies inside. */
const nested: fc.Arbitrary<View> = fc
  .record({
    dims: fc.array(fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 5 })), { maxLength: 3 }),
    offset: fc.integer({ min: 0, max: 60 }),
    itemsize: fc.constantFrom(1, 2, 4, 8),
    outerFirst: fc.boolean(),
  })
  .map(({ dims, offset, itemsize, outerFirst }) => {
    let span = 1;
    const placed = dims.map(([size, gap]): [number, number] => {
      const stride = span + gap;
      span += (size - 1) * stride;
      return [size, stride];
    });
    if (outerFirst) placed.reverse();
    return { shape: placed.map(([n]) => n), strides: placed.map(([, s]) => s), offset, itemsize };
  });

function agrees(a: View, b: View): void {
  const other = addresses(b);
  const wanted = [...addresses(a)].filter((byte) => other.has(byte)).length;
  expect(overlapBytes(regionOf(a, a.itemsize), regionOf(b, b.itemsize))).toBe(wanted);
}

test("any two views share as many bytes as their sets of addresses do", () => {
  fc.assert(fc.property(view, view, agrees), { numRuns: 2000 });
});

test("two nested views share as many bytes as their sets of addresses do", () => {
  fc.assert(fc.property(nested, nested, agrees), { numRuns: 4000 });
});

test("a nested and any other view share as many bytes as their sets of addresses do", () => {
  fc.assert(fc.property(nested, view, agrees), { numRuns: 2000 });
});

test("every second and every third of 3 * 2^33 elements meet at every sixth", () => {
  const n = 3 * 2 ** 33;
  const second = regionOf({ shape: [n / 2], strides: [2], offset: 0 }, 4);
  const third = regionOf({ shape: [n / 3], strides: [3], offset: 0 }, 4);
  expect(overlapBytes(second, third)).toBe((n / 6) * 4);
});

test("a row and a column of a square of a million rows meet in one element", () => {
  const n = 1e6;
  const row = regionOf({ shape: [n], strides: [1], offset: 5 * n }, 8);
  const column = regionOf({ shape: [n], strides: [n], offset: 7 }, 8);
  expect(overlapBytes(row, column)).toBe(8);
});

test("sharing tells the same layout, one storage and none apart", () => {
  const x = torch.zeros(4, 6);
  expect(torch.lens.sharing(x, x.detach())).toEqual({ kind: "same", overlapBytes: 96 });
  expect(torch.lens.sharing(x.at(":2"), x.at("1:"))).toEqual({ kind: "storage", overlapBytes: 24 });
  expect(torch.lens.sharing(x.at(0), x.at(1))).toEqual({ kind: "storage", overlapBytes: 0 });
  expect(torch.lens.sharing(x, x.clone())).toEqual({ kind: "none", overlapBytes: 0 });
});

test("sharing counts bytes across dtypes", () => {
  const x = torch.zeros(4, { dtype: torch.float64 });
  const bytes = x.view(torch.uint8);
  expect(torch.lens.sharing(x, bytes.at("4:12"))).toEqual({ kind: "storage", overlapBytes: 8 });
});

test("the real and the imaginary parts of complex numbers share a storage and no byte", () => {
  const z = torch.tensor([new torch.Complex(1, 2), new torch.Complex(3, 4)]);
  expect(torch.lens.sharing(z.real, z.imag)).toEqual({ kind: "storage", overlapBytes: 0 });
  expect(torch.lens.sharing(z, z.imag)).toEqual({ kind: "storage", overlapBytes: 8 });
});

test("an expanded view shares each byte once", () => {
  const x = torch.zeros(1, 3);
  expect(torch.lens.sharing(x.expand(5, 3), x)).toEqual({ kind: "storage", overlapBytes: 12 });
});

test("typed arrays and the tensors over them share one memory", () => {
  const array = new Float32Array(6);
  const t = torch.fromNumpy(array);
  expect(torch.lens.sharing(t, array)).toEqual({ kind: "same", overlapBytes: 24 });
  expect(torch.lens.sharing(torch.fromNumpy(array.subarray(4)), t)).toEqual({ kind: "storage", overlapBytes: 8 });
});
