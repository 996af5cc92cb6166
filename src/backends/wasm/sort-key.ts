/** Sort keys: unsigned integers in the order of a dtype's values, NaN greatest and -0 equal to 0. */
import type { RealName } from "../../core/dtype.ts";
import type { FuncBuilder, Local } from "./module.ts";

/** How a dtype's keys are held: a pair is a key and, in its second half, an index. */
export interface KeyForm {
  readonly type: "i32" | "i64";
  /** Bits of a key that can be set. */
  readonly width: 8 | 16 | 32 | 64;
  readonly pairBytes: 8 | 16;
}

const WIDTHS: Readonly<Record<RealName, KeyForm["width"]>> = {
  bool: 8,
  uint8: 8,
  int8: 8,
  int16: 16,
  float16: 16,
  bfloat16: 16,
  int32: 32,
  float32: 32,
  int64: 64,
  float64: 64,
};

export function keyForm(dtype: RealName): KeyForm {
  const width = WIDTHS[dtype];
  return width === 64 ? { type: "i64", width, pairBytes: 16 } : { type: "i32", width, pairBytes: 8 };
}

/** Leaves the key of the element at `address`. The reverse order is the complement's, which keeps equal keys equal. */
export function emitKey(f: FuncBuilder, dtype: RealName, address: Local, descending: boolean): void {
  f.get(address);
  emitAscendingKey(f, dtype);
  if (!descending) return;
  const { type, width } = keyForm(dtype);
  if (type === "i64") f.i64(-1).op("i64.xor");
  else f.i32(width === 32 ? -1 : 2 ** width - 1).op("i32.xor");
}

/** Address -> key. */
function emitAscendingKey(f: FuncBuilder, dtype: RealName): void {
  switch (dtype) {
    case "bool":
    case "uint8":
      f.load("i32.load8_u");
      return;
    case "int8":
      f.load("i32.load8_u").i32(0x80).op("i32.xor");
      return;
    case "int16":
      f.load("i32.load16_u").i32(0x8000).op("i32.xor");
      return;
    case "int32":
      f.load("i32.load").i32(0x8000_0000).op("i32.xor");
      return;
    case "int64":
      f.load("i64.load")
        .i64(-(2n ** 63n))
        .op("i64.xor");
      return;
    case "float16":
      emitHalfKey(f, 0x7c00);
      return;
    case "bfloat16":
      emitHalfKey(f, 0x7f80);
      return;
    case "float32":
      emitFloat32Key(f);
      return;
    case "float64":
      emitFloat64Key(f);
      return;
    default:
      dtype satisfies never;
  }
}

// A float's bits ascend with its size: flip the sign bit of positives and all bits of negatives. Adding 0 makes -0 0.

function emitFloat32Key(f: FuncBuilder): void {
  const value = f.local("f32");
  const b = f.local("i32");
  f.load("f32.load").f32(0).op("f32.add").tee(value).op("i32.reinterpret_f32").set(b);
  f.get(b).i32(31).op("i32.shr_s").i32(0x8000_0000).op("i32.or").get(b).op("i32.xor");
  f.i32(-1).get(value).get(value).op("f32.eq").select();
}

function emitFloat64Key(f: FuncBuilder): void {
  const value = f.local("f64");
  const b = f.local("i64");
  f.load("f64.load").f64(0).op("f64.add").tee(value).op("i64.reinterpret_f64").set(b);
  f.get(b)
    .i64(63)
    .op("i64.shr_s")
    .i64(-(2n ** 63n))
    .op("i64.or")
    .get(b)
    .op("i64.xor");
  f.i64(-1).get(value).get(value).op("f64.eq").select();
}

/** `infinity`: the bits of infinity, above which NaNs are. */
function emitHalfKey(f: FuncBuilder, infinity: number): void {
  const b = f.local("i32");
  const size = f.local("i32");
  f.load("i32.load16_u").tee(b).i32(0x7fff).op("i32.and").set(size);
  f.get(b).i32(0xffff).op("i32.xor").get(b).i32(0x8000).op("i32.or");
  f.get(b).i32(0x8000).op("i32.gt_u").select(); // -0 counts among the positives
  f.i32(0xffff).get(size).i32(infinity).op("i32.le_u").select();
}
