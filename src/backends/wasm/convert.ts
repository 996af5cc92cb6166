/** Conversions of vectors: between lanes, to and from the dtypes' stored bytes, and to masks. */
import { type DType, dtypes, type Lane, type RealName } from "../../core/dtype.ts";
import { bfloat16ToFloat, floatToBfloat16, floatToHalf, halfToFloat } from "./half.ts";
import { Formula, laneInfo, type Term } from "./lanes.ts";
import type { FuncBuilder, Local } from "./module.ts";

/** The elements of one step: as many vectors as their width takes (four 8-byte elements take two). */
export type Vectors = readonly Local[];

const even32 = [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27];
const bytesOf16 = [0, 1, 4, 5, 8, 9, 12, 13, 0, 1, 4, 5, 8, 9, 12, 13];
const bytesOf8 = [0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12];
const bytesOf8From64 = [0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8];

/**
 * f32 or f64 on the stack -> i64, as x86's conversion does it: towards zero, and -2^63 for NaN and whatever does not
 * fit.
 */
export function truncateToI64(f: FuncBuilder, lane: "f32" | "f64"): void {
  const x = f.local(lane);
  f.tee(x)
    .op(`i64.trunc_sat_${lane}_s`)
    .i64(-(2n ** 63n));
  f.get(x)[lane](2 ** 63);
  f.op(`${lane}.lt`).select();
}

/** The same for int32: -2^31 for NaN and whatever does not fit. */
function truncateToI32(f: FuncBuilder, lane: "f32" | "f64"): void {
  const x = f.local(lane);
  f.tee(x)
    .op(`i32.trunc_sat_${lane}_s`)
    .i32(-(2 ** 31));
  f.get(x)[lane](2 ** 31);
  f.op(`${lane}.lt`).select();
}

/** Scalar conversions, for which there is no vector instruction. */
function convertScalar(f: FuncBuilder, from: Lane, to: Lane): void {
  if (from === "i64" && (to === "f32" || to === "f64")) f.op(`${to}.convert_i64_s`);
  else if ((from === "f32" || from === "f64") && to === "i64") truncateToI64(f, from);
  else if ((from === "f32" || from === "f64") && to === "i32") truncateToI32(f, from);
  else throw new Error(`wasm: no scalar conversion from ${from} to ${to}`);
}

function convertEach(f: FuncBuilder, from: Lane, to: Lane, vectors: Vectors, active: number): Vectors {
  const source = laneInfo[from].width;
  const target = laneInfo[to].width;
  const reader = new Formula(f, from, active);
  const result: Local[] = [];
  for (let start = 0; start < active; start += target) {
    const writer = new Formula(f, to, Math.min(target, active - start));
    result.push(
      writer.perLane((k) => {
        const element = start + k;
        reader.extract(vectors[Math.floor(element / source)]!, element % source);
        convertScalar(f, from, to);
      }),
    );
  }
  return result;
}

/** float32 -> int32: the saturated result is right but for elements that are too large or NaN. */
function floatToInt(f: FuncBuilder, vectors: Vectors, active: number): Vectors {
  const v = new Formula(f, "f32", active);
  const x = vectors[0]!;
  const result = v.let(v.op("i32x4.trunc_sat_f32x4_s", x));
  const outside = v.let(v.not(v.lt(v.abs(x), 2 ** 31)));
  v.patch(result, outside, () => convertEach(f, "f32", "i32", vectors, active)[0]!);
  return [result];
}

/** Converts `active` elements from one lane to another. Splat vectors (one active element) stay splat. */
export function convert(f: FuncBuilder, from: Lane, to: Lane, vectors: Vectors, active: number): Vectors {
  if (from === to) return vectors;
  const v = new Formula(f, to, active);
  const low = vectors[0]!;
  const high = vectors[1] ?? low;
  const both = active > 2;
  const widen = (half: (x: Term) => Term, upper: Term): Vectors =>
    both ? [v.let(half(low)), v.let(half(upper))] : [v.let(half(low))];
  switch (`${from}>${to}` as const) {
    case "i32>f32":
      return [v.let(v.op("f32x4.convert_i32x4_s", low))];
    case "f32>i32":
      return floatToInt(f, vectors, active);
    case "i64>i32":
      return [v.let(v.shuffle(even32, low, high))];
    case "f64>f32":
      return [v.let(v.joinLow(v.op("f32x4.demote_f64x2_zero", low), v.op("f32x4.demote_f64x2_zero", high)))];
    case "i32>i64": {
      const first = v.let(v.op("i64x2.extend_low_i32x4_s", low));
      return both ? [first, v.let(v.op("i64x2.extend_high_i32x4_s", low))] : [first];
    }
    case "i32>f64":
      return widen((x) => v.op("f64x2.convert_low_i32x4_s", x), v.upper(low));
    case "f32>f64":
      return widen((x) => v.op("f64x2.promote_low_f32x4", x), v.upper(low));
    default:
      return convertEach(f, from, to, vectors, active);
  }
}

/** Loaded bytes -> elements in the dtype's own lane. */
function unpack(v: Formula, dtype: RealName, raw: Vectors): Vectors {
  const x = raw[0]!;
  const extend = (sign: "s" | "u"): Term =>
    v.op(`i32x4.extend_low_i16x8_${sign}`, v.op(`i16x8.extend_low_i8x16_${sign}`, x));
  switch (dtype) {
    case "bool":
      return [v.let(v.and(v.not(v.ieq(extend("u"), 0)), 1))];
    case "uint8":
      return [v.let(extend("u"))];
    case "int8":
      return [v.let(extend("s"))];
    case "int16":
      return [v.let(v.op("i32x4.extend_low_i16x8_s", x))];
    case "float16":
      return [v.let(halfToFloat(v, v.op("i32x4.extend_low_i16x8_u", x)))];
    case "bfloat16":
      return [v.let(bfloat16ToFloat(v, v.op("i32x4.extend_low_i16x8_u", x)))];
    default:
      return raw;
  }
}

/** Elements in the dtype's own lane -> bytes to store. */
function pack(v: Formula, dtype: RealName, vectors: Vectors): Vectors {
  const x = vectors[0]!;
  switch (dtype) {
    case "uint8":
    case "int8":
      return [v.let(v.shuffle(bytesOf8, x))];
    case "int16":
      return [v.let(v.shuffle(bytesOf16, x))];
    case "float16":
      return [v.let(v.shuffle(bytesOf16, floatToHalf(v, x)))];
    case "bfloat16":
      return [v.let(v.shuffle(bytesOf16, floatToBfloat16(v, x)))];
    default:
      return vectors;
  }
}

/** Loaded bytes of `dtype` -> one vector of the formula's lane. */
export function decode(v: Formula, dtype: RealName, raw: Vectors): Local {
  const { lane } = dtypes[dtype];
  return convert(v.f, lane, v.lane, unpack(v.as(lane), dtype, raw), v.active)[0]!;
}

/** Loaded bytes of `dtype` -> a mask of the lanes that are not zero (NaN is not). */
export function decodeMask(v: Formula, dtype: RealName, raw: Vectors): Local {
  const { lane } = dtypes[dtype];
  const own = v.as(lane);
  const masks = unpack(own, dtype, raw).map((x) => own.let(own.ne(x, 0)));
  // A mask is an integer, 0 or -1, and converts as one.
  return convert(v.f, bitsLane(lane), bitsLane(v.lane), masks, v.active)[0]!;
}

const bitsLane = (lane: Lane): Lane => (laneInfo[lane].width === 4 ? "i32" : "i64");

/** A vector of the formula's lane -> bytes of `dtype`, which is not bool. */
export function encode(v: Formula, dtype: RealName, value: Term): Vectors {
  const { lane } = dtypes[dtype];
  return pack(v.as(lane), dtype, convert(v.f, v.lane, lane, [v.let(value)], v.active));
}

/** A mask -> bytes of bool. */
export function encodeMask(v: Formula, mask: Term): Vectors {
  const order = laneInfo[v.lane].width === 4 ? bytesOf8 : bytesOf8From64;
  return [v.let(v.shuffle(order, v.and(mask, 1)))];
}

/** A value of the formula's lane after a round trip through `dtype`, which is not bool. */
export function roundTrip(v: Formula, dtype: DType, value: Term): Term {
  const { lane } = dtype;
  const own = v.as(lane);
  const there = convert(v.f, v.lane, lane, [v.let(value)], v.active);
  return convert(
    v.f,
    lane,
    v.lane,
    there.map((x) => own.let(narrow(own, dtype.name as RealName, x))), // a cast names real dtypes only
    v.active,
  )[0]!;
}

function narrow(v: Formula, dtype: RealName, x: Local): Term {
  switch (dtype) {
    case "uint8":
      return v.and(x, 255);
    case "int8":
      return v.shr(v.shl(x, 24), 24);
    case "int16":
      return v.shr(v.shl(x, 16), 16);
    case "float16":
      return halfToFloat(v, floatToHalf(v, x));
    case "bfloat16":
      return bfloat16ToFloat(v, floatToBfloat16(v, x));
    default:
      return x;
  }
}
