/** Maxima of windows with their positions, and the way back. */
import type { Lane } from "../../core/dtype.ts";
import { emitClear, emitWriteRow, laneBytes } from "./accumulate.ts";
import type { Element } from "./element.ts";
import { upTo } from "./geometry.ts";
import { Formula, laneInfo } from "./lanes.ts";
import type { FuncBuilder, Local } from "./module.ts";
import {
  type Covers,
  emitAt,
  emitCovers,
  emitFirst,
  emitMembers,
  emitWindows,
  type PoolLocals,
  strideLoader,
  type WindowVisitor,
} from "./pool-windows.ts";
import { copyOf } from "./walk.ts";

/** A NaN wins, the last of several, as in PyTorch's kernel; else the first maximum. */
export function emitMax(f: FuncBuilder, item: Element, p: PoolLocals): void {
  const { lane, bytes } = item;
  const [best, value, at, planeBytes] = [f.local(lane), f.local(lane), f.local("i32"), f.local("i32")];
  f.get(p.size).i32(bytes).op("i32.mul").set(planeBytes);
  const vector = (lane === "f32" || lane === "f64") && bytes === laneBytes(lane) ? maxOfVectors(f, lane, p) : undefined;
  emitWindows(f, p, {
    window: (covers, position) => {
      emitLeast(f, lane);
      f.set(best).get(p.input).set(at);
      emitCovers(f, covers);
      f.if(() => {
        emitFirst(f, p, p.input, bytes, covers);
        f.set(at);
        emitMembers(f, p, p.input, bytes, covers, (address) => {
          f.get(address);
          item.load(f);
          f.set(value);
          emitWins(f, lane, value, best);
          f.if(() => f.get(value).set(best).get(address).set(at));
        });
      });
      emitAt(f, p.out, position, bytes);
      f.get(best);
      item.store(f);
      f.get(p.indices).if(() => {
        emitAt(f, p.indices, position, 8);
        f.get(at).get(p.input).op("i32.sub").i32(bytes).op("i32.div_u");
        f.op("i64.extend_i32_u").store("i64.store");
      });
    },
    ...(vector === undefined ? {} : { vector }),
    after: () => f.add(p.input, planeBytes),
  });
}

function emitLeast(f: FuncBuilder, lane: Lane): void {
  if (lane === "i32") f.i32(-(2 ** 31));
  else if (lane === "i64") f.i64(-(2n ** 63n));
  else f[lane](Number.NEGATIVE_INFINITY);
}

function emitWins(f: FuncBuilder, lane: Lane, value: Local, best: Local): void {
  f.get(value).get(best);
  if (lane === "i32" || lane === "i64") f.op(`${lane}.gt_s`);
  else f.op(`${lane}.gt`).get(value).get(value).op(`${lane}.ne`).op("i32.or");
}

/** The same for neighbouring windows, one in each lane. */
function maxOfVectors(f: FuncBuilder, lane: "f32" | "f64", p: PoolLocals): NonNullable<WindowVisitor["vector"]> {
  const { width } = laneInfo[lane];
  const v = new Formula(f, lane, width);
  const index = v.masks();
  const { stride } = p.dims[2];
  const load = strideLoader(f, lane, stride);
  const [best, at, value, wins, here] = v.variables(5) as [Local, Local, Local, Local, Local];
  const lanes = index.perLane((k) => {
    f.get(stride).i32(k).op("i32.mul");
    if (width === 2) f.op("i64.extend_i32_u");
  });
  const emitIndex = (emitAddress: () => void): void =>
    index.put(
      index.splat(() => {
        emitAddress();
        f.get(p.input)
          .op("i32.sub")
          .i32(Math.log2(laneBytes(lane)))
          .op("i32.shr_u");
        if (width === 2) f.op("i64.extend_i32_u");
      }),
    );
  const visit = (covers: Covers, position: Local): void => {
    v.put(Number.NEGATIVE_INFINITY);
    f.set(best);
    emitIndex(() => emitFirst(f, p, p.input, laneBytes(lane), covers));
    f.set(at);
    emitMembers(f, p, p.input, laneBytes(lane), covers, (address) => {
      load(address);
      f.set(value);
      emitIndex(() => f.get(address));
      f.set(here);
      v.put(v.or(v.gt(value, best), v.ne(value, value)));
      f.set(wins);
      v.put(v.select(wins, value, best));
      f.set(best);
      v.put(v.select(wins, here, at));
      f.set(at);
    });
    emitAt(f, p.out, position, laneBytes(lane));
    f.get(best).store("v128.store");
    f.get(p.indices).if(() => emitIndices(f, index, p.indices, position, index.let(index.iadd(at, lanes))));
  };
  return { width, visit };
}

/** Stores a vector of positions as int64. */
function emitIndices(f: FuncBuilder, v: Formula, indices: Local, position: Local, at: Local): void {
  emitAt(f, indices, position, 8);
  if (v.lane === "i64") {
    f.get(at).store("v128.store");
    return;
  }
  f.get(at).op("i64x2.extend_low_i32x4_u").store("v128.store");
  emitAt(f, indices, position, 8);
  f.get(at).op("i64x2.extend_high_i32x4_u").store("v128.store", 16);
}

/** Adds every gradient to the element that its maximum came from; here `input` runs over output positions. */
export function emitMaxBackward(f: FuncBuilder, item: Element, p: PoolLocals): void {
  const { lane, bytes } = item;
  const wide = laneBytes(lane);
  const sums = bytes === wide ? p.out : p.sums;
  const [index, cell, windows, step] = [f.local("i64"), f.local("i32"), f.local("i32"), f.local("i32")];
  const [d0, d1, d2] = p.dims;
  f.get(d0.output).get(d1.output).op("i32.mul").get(d2.output).op("i32.mul").set(windows);
  f.i32(bytes).set(step);
  upTo(f, p.planes, () => {
    emitClear(f, lane, sums, p.size);
    upTo(f, windows, () => {
      f.get(p.indices).load("i64.load").tee(index).get(p.size).op("i64.extend_i32_u").op("i64.ge_u");
      f.if(() => f.unreachable());
      f.get(sums).get(index).op("i32.wrap_i64").i32(wide).op("i32.mul").op("i32.add").tee(cell);
      f.get(cell).load(`${lane}.load`).get(p.input);
      item.load(f);
      f.op(`${lane}.add`).store(`${lane}.store`);
      f.add(p.indices, 8).add(p.input, bytes);
    });
    if (sums === p.sums) emitWriteRow(f, item, copyOf(f, sums), p.out, step, p.size);
    else f.get(p.size).i32(bytes).op("i32.mul").get(p.out).op("i32.add").set(p.out);
  });
}
