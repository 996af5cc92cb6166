/** Scatter: writes or accumulates elements, or whole rows, into places chosen by index tensors. */
import type { Lane, RealName } from "../../core/dtype.ts";
import type { ScatterKernel, ScatterRun } from "../../ir/kernel.ts";
import type { WasmContext } from "./context.ts";
import { bits, type Element, element } from "./element.ts";
import { copyBytes } from "./gather.ts";
import { indexedRun, type Move } from "./indexed.ts";
import type { FuncBuilder, ModuleBuilder } from "./module.ts";
import type { PlainOp } from "./opcodes.ts";
import { times } from "./walk.ts";

type Arithmetic = Exclude<ScatterKernel["mode"], "set">;

/** Compiles a scatter. */
export function scatter(kernel: ScatterKernel, ctx: WasmContext): ScatterRun {
  const { mode } = kernel;
  const run = indexedRun(kernel, ctx, (module) =>
    mode === "set" ? setMove(module, kernel.dtype) : combineMove(module, kernel.dtype, mode),
  );
  return (shape, target, source, indices, space) => run(shape, source, target, indices, space);
}

function setMove(module: ModuleBuilder, dtype: RealName): Move {
  const item = bits(module, dtype);
  const copy = copyBytes(module);
  return {
    element(f, walked, chosen) {
      f.get(chosen).get(walked);
      item.load(f);
      item.store(f);
    },
    row: module.func(null, ["i32", "i32", "i32"], [], (f, walked, chosen, n) => {
      f.get(chosen).get(walked).get(n).i32(item.bytes).op("i32.mul").call(copy);
    }),
  };
}

function combineMove(module: ModuleBuilder, dtype: RealName, mode: Arithmetic): Move {
  const item = element(module, dtype);
  const one = (f: FuncBuilder, walked: Parameters<Move["element"]>[1], chosen: typeof walked): void => {
    f.get(chosen).get(chosen);
    item.load(f);
    f.get(walked);
    item.load(f);
    emitCombine(f, dtype, item, mode);
    item.store(f);
  };
  const vector = vectorOp(dtype, mode);
  const row = module.func(null, ["i32", "i32", "i32"], [], (f, walked, chosen, n) => {
    if (vector !== null) {
      const lanes = 16 / item.bytes;
      f.while(
        () => f.get(n).i32(lanes).op("i32.ge_u"),
        () => {
          f.get(chosen).get(chosen).load("v128.load").get(walked).load("v128.load").op(vector).store("v128.store");
          f.add(walked, 16).add(chosen, 16).add(n, -lanes);
        },
      );
    }
    f.get(n);
    f.if(() =>
      times(f, n, () => {
        one(f, walked, chosen);
        f.add(walked, item.bytes).add(chosen, item.bytes);
      }),
    );
  });
  return { element: one, row };
}

const BOOLEAN = { add: "i32.or", mul: "i32.and", min: "i32.and", max: "i32.or" } as const;
const FLOAT: Readonly<Record<"f32" | "f64", Readonly<Record<Arithmetic, PlainOp>>>> = {
  f32: { add: "f32.add", mul: "f32.mul", min: "f32.min", max: "f32.max" },
  f64: { add: "f64.add", mul: "f64.mul", min: "f64.min", max: "f64.max" },
};
const VECTOR: Partial<Record<RealName, Readonly<Record<Arithmetic, PlainOp>>>> = {
  float32: { add: "f32x4.add", mul: "f32x4.mul", min: "f32x4.min", max: "f32x4.max" },
  float64: { add: "f64x2.add", mul: "f64x2.mul", min: "f64x2.min", max: "f64x2.max" },
  int32: { add: "i32x4.add", mul: "i32x4.mul", min: "i32x4.min_s", max: "i32x4.max_s" },
};

const vectorOp = (dtype: RealName, mode: Arithmetic): PlainOp | null => VECTOR[dtype]?.[mode] ?? null;

/** Two values of the lane -> one. Minimum and maximum of floats are NaN if either operand is. */
function emitCombine(f: FuncBuilder, dtype: RealName, { lane }: Element, mode: Arithmetic): void {
  if (dtype === "bool") f.op(BOOLEAN[mode]);
  else if (lane === "f32" || lane === "f64") f.op(FLOAT[lane][mode]);
  else if (mode === "add" || mode === "mul") f.op(`${lane}.${mode}`);
  else emitIntegerExtremum(f, lane, mode);
}

function emitIntegerExtremum(f: FuncBuilder, lane: Exclude<Lane, "f32" | "f64">, mode: "min" | "max"): void {
  const [a, b] = [f.local(lane), f.local(lane)];
  f.set(b)
    .tee(a)
    .get(b)
    .get(a)
    .get(b)
    .op(mode === "min" ? `${lane}.lt_s` : `${lane}.gt_s`)
    .select();
}
