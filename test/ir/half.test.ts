/** float16 and bfloat16 against their definitions, over every bit pattern. */
import { expect, test } from "vitest";
import { bfloat16ToNumber, halfToNumber, numberToBfloat16, numberToHalf } from "../../src/ir/half.ts";

const patterns = Array.from({ length: 65536 }, (_, bits) => bits);
const view = new DataView(new ArrayBuffer(4));

const float32OfBits = (bits: number): number => {
  view.setUint32(0, bits);
  return view.getFloat32(0);
};

/** The float32 of a normal float16 has the same fraction, an exponent biased by 127 instead of 15. */
const normalHalf = (bits: number): number =>
  float32OfBits(((bits & 0x8000) << 16) | (((bits & 0x7fff) << 13) + (112 << 23)));

const exponentOf = (bits: number): number => (bits >> 10) & 31;

test("every normal float16 is the float32 with its fraction and exponent", () => {
  const normal = patterns.filter((bits) => exponentOf(bits) > 0 && exponentOf(bits) < 31);
  expect(normal.filter((bits) => halfToNumber(bits) !== normalHalf(bits))).toEqual([]);
});

test("every subnormal float16 is its fraction in units of 2^-24, with its sign", () => {
  const subnormal = patterns.filter((bits) => exponentOf(bits) === 0);
  const expected = (bits: number) => (bits >> 15 ? -(bits & 1023) : bits & 1023) / 16777216;
  expect(subnormal.filter((bits) => !Object.is(halfToNumber(bits), expected(bits)))).toEqual([]);
});

test("float16 has two infinities, and all other patterns of the greatest exponent are NaN", () => {
  expect(halfToNumber(0x7c00)).toBe(Infinity);
  expect(halfToNumber(0xfc00)).toBe(-Infinity);
  const rest = patterns.filter((bits) => exponentOf(bits) === 31 && (bits & 1023) !== 0);
  expect(rest.every((bits) => Number.isNaN(halfToNumber(bits)))).toBe(true);
});

test("every float16 that is not NaN survives the way to a number and back", () => {
  const numbers = patterns.filter((bits) => !Number.isNaN(halfToNumber(bits)));
  expect(numbers.filter((bits) => numberToHalf(halfToNumber(bits)) !== bits)).toEqual([]);
});

test("between neighbouring float16 values the middle goes to the even one and the rest to the nearer", () => {
  const finite = patterns.filter((bits) => bits < 0x7bff); // the last one's neighbour is infinity
  const wrong = finite.filter((bits) => {
    const [low, high] = [halfToNumber(bits), halfToNumber(bits + 1)];
    const middle = (low + high) / 2;
    const nudge = (high - low) / 1024;
    const even = bits % 2 === 0 ? bits : bits + 1;
    return (
      numberToHalf(middle) !== even ||
      numberToHalf(middle - nudge) !== bits ||
      numberToHalf(middle + nudge) !== bits + 1
    );
  });
  expect(wrong).toEqual([]);
});

test("float16 overflows to infinity from halfway beyond 65504", () => {
  expect(numberToHalf(65519.99)).toBe(0x7bff);
  expect(numberToHalf(65520)).toBe(0x7c00);
  expect(numberToHalf(-Infinity)).toBe(0xfc00);
});

test("NaN becomes the quiet NaN of either format", () => {
  expect(numberToHalf(Number.NaN)).toBe(0x7e00);
  expect(numberToBfloat16(Number.NaN)).toBe(0x7fc0);
});

test("every bfloat16 is the upper half of a float32 and survives the way back", () => {
  const wrong = patterns.filter((bits) => {
    const value = bfloat16ToNumber(bits);
    if (Number.isNaN(value)) return exponentBits(bits) !== 255 || (bits & 127) === 0;
    return !Object.is(value, float32OfBits(bits * 65536)) || numberToBfloat16(value) !== bits;
  });
  expect(wrong).toEqual([]);
});

const exponentBits = (bits: number): number => (bits >> 7) & 255;

test("between neighbouring bfloat16 values the middle goes to the even one and the rest to the nearer", () => {
  const finite = patterns.filter((bits) => bits < 0x7f80);
  const wrong = finite.filter((bits) => {
    const middle = bits * 65536 + 0x8000;
    const even = bits % 2 === 0 ? bits : bits + 1;
    return (
      numberToBfloat16(float32OfBits(middle)) !== even ||
      numberToBfloat16(float32OfBits(middle - 1)) !== bits ||
      numberToBfloat16(float32OfBits(middle + 1)) !== bits + 1
    );
  });
  expect(wrong).toEqual([]);
});
