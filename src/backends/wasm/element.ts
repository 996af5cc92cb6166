/** Loads and stores of single elements: from any dtype to its lane and back. */
import { dtypes, type Lane, type RealName } from "../../core/dtype.ts";
import type { Func, FuncBuilder, ModuleBuilder } from "./module.ts";
import type { LoadOp, StoreOp } from "./opcodes.ts";

/** Elements of one dtype, seen by a module. */
export interface Element {
  readonly lane: Lane;
  readonly bytes: number;
  /** Address -> value in the lane. */
  load(f: FuncBuilder): void;
  /** Address, value in the lane -> nothing. Halves round to nearest even, integers keep their low bits. */
  store(f: FuncBuilder): void;
}

const MEMORY: Readonly<Record<Exclude<RealName, "float16" | "bfloat16">, readonly [LoadOp, StoreOp]>> = {
  bool: ["i32.load8_u", "i32.store8"],
  uint8: ["i32.load8_u", "i32.store8"],
  int8: ["i32.load8_s", "i32.store8"],
  int16: ["i32.load16_s", "i32.store16"],
  int32: ["i32.load", "i32.store"],
  int64: ["i64.load", "i64.store"],
  float32: ["f32.load", "f32.store"],
  float64: ["f64.load", "f64.store"],
};

/** The access to elements of `dtype`; conversions of halves become functions of the module. */
export function element(module: ModuleBuilder, dtype: RealName): Element {
  const { lane, itemsize: bytes } = dtypes[dtype];
  if (dtype === "float16" || dtype === "bfloat16") {
    const widen = dtype === "float16" ? widenFloat16(module) : widenBfloat16(module);
    const narrow = dtype === "float16" ? narrowFloat16(module) : narrowBfloat16(module);
    return {
      lane,
      bytes,
      load: (f) => f.load("i32.load16_u").call(widen),
      store: (f) => f.call(narrow).store("i32.store16"),
    };
  }
  const [load, store] = MEMORY[dtype];
  return { lane, bytes, load: (f) => f.load(load), store: (f) => f.store(store) };
}

const BITS: Readonly<Record<number, RealName>> = { 1: "uint8", 2: "int16", 4: "int32", 8: "int64" };

/** Elements of `dtype` as bits only, for moving them. */
export function bits(module: ModuleBuilder, dtype: RealName): Element {
  return element(module, BITS[dtypes[dtype].itemsize] ?? dtype);
}

function widenFloat16(module: ModuleBuilder): Func {
  return module.func(null, ["i32"], ["f32"], (f, half) => {
    const wide = f.local("i32");
    // The exponent in place but biased by 112 too little: a multiplication corrects it, for subnormals too.
    f.get(half).i32(0x7fff).op("i32.and").i32(13).op("i32.shl").op("f32.reinterpret_i32");
    f.f32(2 ** 112)
      .op("f32.mul")
      .op("i32.reinterpret_f32")
      .set(wide);
    f.get(wide).i32(0x7f800000).op("i32.or").get(wide); // infinity and NaN, or finite
    f.get(half).i32(0x7c00).op("i32.and").i32(0x7c00).op("i32.eq").select();
    f.get(half).i32(0x8000).op("i32.and").i32(16).op("i32.shl").op("i32.or").op("f32.reinterpret_i32");
  });
}

/** After Fabian Giesen's float_to_half_fast3_rtne. */
function narrowFloat16(module: ModuleBuilder): Func {
  return module.func(null, ["f32"], ["i32"], (f, value) => {
    const sign = f.local("i32");
    const x = f.local("i32");
    f.get(value).op("i32.reinterpret_f32").tee(x).i32(0x8000_0000).op("i32.and").set(sign);
    f.get(x).i32(0x7fff_ffff).op("i32.and").tee(x).i32(0x4780_0000).op("i32.ge_u");
    f.ifValue(
      "i32",
      () => f.i32(0x7e00).i32(0x7c00).get(x).i32(0x7f80_0000).op("i32.gt_u").select(),
      () => {
        f.get(x).i32(0x3880_0000).op("i32.lt_u");
        f.ifValue(
          "i32",
          // Below the smallest normal: adding 0.5 lets the hardware round at the right bit.
          () =>
            f
              .get(x)
              .op("f32.reinterpret_i32")
              .f32(0.5)
              .op("f32.add")
              .op("i32.reinterpret_f32")
              .i32(0x3f00_0000)
              .op("i32.sub"),
          () =>
            f
              .get(x)
              .i32(0x0fff - (112 << 23))
              .op("i32.add")
              .get(x)
              .i32(13)
              .op("i32.shr_u")
              .i32(1)
              .op("i32.and")
              .op("i32.add")
              .i32(13)
              .op("i32.shr_u"),
        );
      },
    );
    f.get(sign).i32(16).op("i32.shr_u").op("i32.or");
  });
}

function widenBfloat16(module: ModuleBuilder): Func {
  return module.func(null, ["i32"], ["f32"], (f, half) => {
    f.get(half).i32(16).op("i32.shl").op("f32.reinterpret_i32");
  });
}

function narrowBfloat16(module: ModuleBuilder): Func {
  return module.func(null, ["f32"], ["i32"], (f, value) => {
    const x = f.local("i32");
    f.get(value).op("i32.reinterpret_f32").tee(x).i32(16).op("i32.shr_u").i32(1).op("i32.and");
    f.get(x).op("i32.add").i32(0x7fff).op("i32.add").i32(16).op("i32.shr_u");
    f.i32(0x7fc0).get(value).get(value).op("f32.eq").select();
  });
}
