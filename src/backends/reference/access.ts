/** Elements of the heap by dtype, read and written through windows that are fetched anew each time. */
import type { RealName } from "../../core/dtype.ts";
import { dtypes } from "../../core/dtype.ts";
import type { Heap } from "../../core/heap.ts";
import { bfloat16ToNumber, halfToNumber, numberToBfloat16, numberToHalf } from "../../ir/half.ts";
import { inLane, type Raw, type Scalar, toInt32, toInt64, truth } from "./lanes.ts";

/** How a dtype stands in memory: its window, and what a stored element means. */
interface Format {
  /** The stored form of a value. */
  narrow(value: Raw): Scalar;
  /** The value of a stored form. */
  widen(stored: Scalar): Scalar;
}

const stored = (value: Scalar): Scalar => value;

/** An integer of up to 32 bits, wrapped to its width. */
const integer = (wrap: (x: number) => number): Format => ({
  narrow: (value) => wrap(typeof value === "bigint" ? Number(BigInt.asIntN(32, value)) : toInt32(Number(value))),
  widen: stored,
});

const toFloat32 = (value: Raw): number => inLane("f32", (math) => Number(math.of(value)));

const formats: Readonly<Record<RealName, Format>> = {
  bool: { narrow: (value) => Number(truth(value)), widen: (bits) => Number(truth(bits)) },
  uint8: integer((x) => x & 0xff),
  int8: integer((x) => (x << 24) >> 24),
  int16: integer((x) => (x << 16) >> 16),
  int32: integer(stored as (x: number) => number),
  int64: {
    narrow: (value) => (typeof value === "bigint" ? BigInt.asIntN(64, value) : toInt64(Number(value))),
    widen: stored,
  },
  // A float64 becomes a float32 first, as in PyTorch.
  float16: { narrow: (value) => numberToHalf(toFloat32(value)), widen: (bits) => halfToNumber(Number(bits)) },
  bfloat16: { narrow: (value) => numberToBfloat16(toFloat32(value)), widen: (bits) => bfloat16ToNumber(Number(bits)) },
  float32: { narrow: toFloat32, widen: stored },
  float64: { narrow: (value) => Number(value), widen: stored },
};

/** A value's round trip through a dtype. */
export function through(dtype: RealName, value: Raw): Scalar {
  const format = formats[dtype];
  return format.widen(format.narrow(value));
}

/** The elements of one dtype in a heap, by element index (address / itemsize). */
export interface Access {
  readonly itemsize: number;
  get(index: number): Scalar;
  set(index: number, value: Raw): void;
}

type Window = { [index: number]: Scalar };

function windowOf(heap: Heap, dtype: RealName): Window {
  switch (dtype) {
    case "bool":
    case "uint8":
      return heap.u8;
    case "int8":
      return heap.i8;
    case "int16":
      return heap.i16;
    case "int32":
      return heap.i32;
    case "int64":
      return heap.i64;
    case "float16":
    case "bfloat16":
      return heap.u16;
    case "float32":
      return heap.f32;
    case "float64":
      return heap.f64;
    default:
      return dtype satisfies never;
  }
}

/** The elements of `dtype` in `heap`. */
export function access(heap: Heap, dtype: RealName): Access {
  const { narrow, widen } = formats[dtype];
  return {
    itemsize: dtypes[dtype].itemsize,
    get: (index) => widen(windowOf(heap, dtype)[index]!),
    set: (index, value) => {
      windowOf(heap, dtype)[index] = narrow(value);
    },
  };
}

/** The elements of `dtype` as bit patterns, which a copy leaves alone, the payload of a NaN included. */
export function bits(heap: Heap, dtype: RealName): Access {
  switch (dtypes[dtype].itemsize) {
    case 1:
      return access(heap, "uint8");
    case 2:
      return access(heap, "int16");
    case 4:
      return access(heap, "int32");
    default:
      return access(heap, "int64");
  }
}
