/** Pooling: the maximum or mean of sliding windows over dense planes, and the mean's gradient. */
import type { Lane } from "../../core/dtype.ts";
import { NotImplementedError } from "../../core/errors.ts";
import type { PoolKernel, PoolRun } from "../../ir/kernel.ts";
import { emitClear, emitWriteRow, laneBytes } from "./accumulate.ts";
import type { WasmContext } from "./context.ts";
import { type Element, element } from "./element.ts";
import { columnsOf, geometryWords, outputSize, planeSize } from "./geometry.ts";
import { Formula, laneInfo } from "./lanes.ts";
import { exported, type FuncBuilder, type Local, ModuleBuilder } from "./module.ts";
import { eachPlanes, piecesOf } from "./planes.ts";
import { emitMax, emitMaxBackward } from "./pool-max.ts";
import {
  type Covers,
  emitAt,
  emitCovers,
  emitFirst,
  emitMembers,
  emitWindows,
  knownMembers,
  type PoolLocals,
  readPool,
  strideLoader,
  type WindowVisitor,
} from "./pool-windows.ts";
import { copyOf } from "./walk.ts";

type PoolFunction = (table: number, divisor: number) => void;

/** Compiles a pooling. */
export function pool(kernel: PoolKernel, ctx: WasmContext): PoolRun {
  const { heap } = ctx;
  const { mode } = kernel;
  if (kernel.dtype === "bool") throw new NotImplementedError(`"${mode} pooling" not implemented for 'Bool'`);
  const module = new ModuleBuilder(heap.shared);
  const item = element(module, kernel.dtype);
  module.func("run", ["i32", "f64"], [], (f, table, divisor) => {
    const p = readPool(f, table, kernel.window);
    if (mode === "max") emitMax(f, item, p);
    else if (mode === "maxBackward") emitMaxBackward(f, item, p);
    else if (mode === "avg") emitAverage(f, item, p, divisor);
    else emitAverageBackward(f, item, p, divisor);
  });
  const run = exported<PoolFunction>(ctx.instantiate(module.finish()), "run");
  const backward = mode === "avgBackward" || mode === "maxBackward";
  return (planes, geometry, out, input, indices, divisor, countPadding) => {
    const size = planeSize(geometry);
    if (planes === 0 || (backward ? size === 0 : geometry.output.includes(0))) return;
    const buffer = backward ? (size * laneBytes(item.lane) + 63) & -64 : 0;
    const pieces = piecesOf(ctx, planes, columnsOf(geometry));
    const sums = buffer === 0 ? 0 : heap.alloc(buffer * pieces);
    const [toOut, toInput] = backward ? [size, outputSize(geometry)] : [outputSize(geometry), size];
    eachPlanes(ctx, planes, columnsOf(geometry), (from, to, piece) => {
      const chosen = indices === 0 ? 0 : indices + outputSize(geometry) * from * 8;
      const addresses = [out + toOut * from * item.bytes, input + toInput * from * item.bytes, chosen];
      const words = [to - from, ...geometryWords(geometry), ...addresses, Number(countPadding), sums + buffer * piece];
      return { func: run, words, rest: [divisor] };
    });
    if (sums !== 0) heap.free(sums);
  };
}

/** Sets the divisor of the current window, in the lane. */
function emitDivisor(f: FuncBuilder, lane: Lane, p: PoolLocals, given: Local, covers: Covers, divisor: Local): void {
  const total = (field: "count" | "padded"): void => {
    f.get(covers[0][field]).get(covers[1][field]).op("i32.mul").get(covers[2][field]).op("i32.mul");
  };
  f.get(given).f64(0).op("f64.ne");
  f.ifValue(
    "f64",
    () => f.get(given),
    () => {
      f.get(p.countPadding).ifValue(
        "i32",
        () => total("padded"),
        () => total("count"),
      );
      f.op("f64.convert_i32_s");
    },
  );
  if (lane === "f32") f.op("f32.demote_f64");
  else if (lane !== "f64") f.op(`${lane}.trunc_sat_f64_s`);
  f.set(divisor);
}

const divide = (lane: Lane): "i32.div_s" | "i64.div_s" | "f32.div" | "f64.div" =>
  lane === "i32" || lane === "i64" ? `${lane}.div_s` : `${lane}.div`;

/** A window wholly in the padding gives 0. */
function emitAverage(f: FuncBuilder, item: Element, p: PoolLocals, given: Local): void {
  const { lane, bytes } = item;
  const [sum, divisor, planeBytes] = [f.local(lane), f.local(lane), f.local("i32")];
  f.get(p.size).i32(bytes).op("i32.mul").set(planeBytes);
  const wide = (lane === "f32" || lane === "f64") && bytes === laneBytes(lane);
  emitWindows(f, p, {
    window: (covers, position) => {
      f[lane](0).set(sum);
      emitCovers(f, covers);
      f.if(() => {
        emitMembers(f, p, p.input, bytes, covers, (address) => {
          f.get(sum).get(address);
          item.load(f);
          f.op(`${lane}.add`).set(sum);
        });
        emitDivisor(f, lane, p, given, covers, divisor);
        f.get(sum).get(divisor).op(divide(lane)).set(sum);
      });
      emitAt(f, p.out, position, bytes);
      f.get(sum);
      item.store(f);
    },
    ...(wide ? { vector: averageOfVectors(f, lane, p, given) } : {}),
    after: () => f.add(p.input, planeBytes),
  });
}

/** The same for neighbouring windows, one in each lane: their sums have one divisor. */
function averageOfVectors(
  f: FuncBuilder,
  lane: "f32" | "f64",
  p: PoolLocals,
  given: Local,
): NonNullable<WindowVisitor["vector"]> {
  const { width } = laneInfo[lane];
  const v = new Formula(f, lane, width);
  const load = strideLoader(f, lane, p.dims[2].stride);
  const [sum, divisor, first] = [v.variable(), f.local(lane), f.local("i32")];
  const visit = (covers: Covers, position: Local): void => {
    v.put(0);
    f.set(sum);
    const add = (emitValue: () => void): void => {
      v.put(v.add(sum, emitValue));
      f.set(sum);
    };
    if (p.known === null) emitMembers(f, p, p.input, laneBytes(lane), covers, (address) => add(() => load(address)));
    else {
      emitFirst(f, p, p.input, laneBytes(lane), covers);
      f.set(first);
      for (const member of knownMembers(f, lane, p, p.known, first)) add(member.load);
    }
    emitDivisor(f, lane, p, given, covers, divisor);
    emitAt(f, p.out, position, laneBytes(lane));
    v.put(
      v.div(
        sum,
        v.splat(() => f.get(divisor)),
      ),
    );
    f.store("v128.store");
  };
  return { width, visit };
}

/** Each gradient goes in equal parts to all that its window covers; here `input` runs over output positions. */
function emitAverageBackward(f: FuncBuilder, item: Element, p: PoolLocals, given: Local): void {
  const { lane, bytes } = item;
  const [part, divisor, step] = [f.local(lane), f.local(lane), f.local("i32")];
  f.i32(bytes).set(step);
  emitWindows(f, p, {
    before: () => emitClear(f, lane, p.sums, p.size),
    window: (covers, position) => {
      emitCovers(f, covers);
      f.if(() => {
        emitDivisor(f, lane, p, given, covers, divisor);
        emitAt(f, p.input, position, bytes);
        item.load(f);
        f.get(divisor).op(divide(lane)).set(part);
        emitMembers(f, p, p.sums, laneBytes(lane), covers, (address) => {
          f.get(address).get(address).load(`${lane}.load`).get(part).op(`${lane}.add`).store(`${lane}.store`);
        });
      });
    },
    after: () => emitWriteRow(f, item, copyOf(f, p.sums), p.out, step, p.size),
  });
}
