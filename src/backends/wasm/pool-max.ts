/** Maxima of windows with their positions, and the way back. */
import type { Lane } from "../../core/dtype.ts";
import { emitClear, emitWriteRow, laneBytes } from "./accumulate.ts";
import type { Element } from "./element.ts";
import { upTo } from "./geometry.ts";
import { Formula, laneInfo, type Term } from "./lanes.ts";
import type { FuncBuilder, Local } from "./module.ts";
import {
  type Covers,
  emitAt,
  emitCovers,
  emitFirst,
  emitMembers,
  emitWindows,
  type KnownWindow,
  knownMembers,
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
  const bytes = laneBytes(lane);
  const v = new Formula(f, lane, width);
  const index = v.masks();
  const [best, at] = [v.variable(), v.variable()];
  const splat = (emit: () => void): Term =>
    index.splat(() => {
      emit();
      if (width === 2) f.op("i64.extend_i32_u");
    });
  const lanes = index.perLane((k) => {
    f.get(p.dims[2].stride).i32(k).op("i32.mul");
    if (width === 2) f.op("i64.extend_i32_u");
  });
  const emitBest = p.known === null ? loopedMax(v, p, best, at, splat) : writtenMax(v, p, p.known, best, at, splat);
  const visit = (covers: Covers, position: Local): void => {
    const first = f.local("i32");
    emitFirst(f, p, p.input, bytes, covers);
    f.set(first);
    emitBest(covers, first);
    emitAt(f, p.out, position, bytes);
    f.get(best).store("v128.store");
    f.get(p.indices).if(() => {
      const start = splat(() => f.get(first).get(p.input).op("i32.sub").i32(bytes).op("i32.div_u"));
      emitIndices(f, index, p.indices, position, index.let(index.iadd(index.iadd(at, lanes), start)));
    });
  };
  return { width, visit };
}

/** Sets the best elements of windows, and how many elements behind their first ones these are. */
type EmitBest = (covers: Covers, first: Local) => void;

/** Takes elements that are greater, or NaN. */
function emitTake(v: Formula, best: Local, at: Local, value: Local, here: Term): void {
  const wins = v.let(v.or(v.gt(value, best), v.ne(value, value)));
  v.put(v.select(wins, value, best));
  v.f.set(best);
  v.put(v.select(wins, here, at));
  v.f.set(at);
}

function loopedMax(v: Formula, p: PoolLocals, best: Local, at: Local, splat: (emit: () => void) => Term): EmitBest {
  const { f } = v;
  const load = strideLoader(f, v.lane, p.dims[2].stride);
  return (covers, first) => {
    v.put(Number.NEGATIVE_INFINITY);
    f.set(best);
    v.masks().put(0);
    f.set(at);
    emitMembers(f, p, p.input, laneBytes(v.lane), covers, (address) => {
      const distance = (): unknown => f.get(address).get(first).op("i32.sub").i32(laneBytes(v.lane)).op("i32.div_u");
      emitTake(
        v,
        best,
        at,
        v.let(() => load(address)),
        splat(distance),
      );
    });
  };
}

function writtenMax(
  v: Formula,
  p: PoolLocals,
  known: KnownWindow,
  best: Local,
  at: Local,
  splat: (emit: () => void) => Term,
): EmitBest {
  const { f } = v;
  const zero = f.local("i32");
  const distances = knownMembers(f, v.lane, p, known, zero).map(({ distance }) => v.let(splat(distance)));
  return (_covers, first) => {
    knownMembers(f, v.lane, p, known, first).forEach(({ load }, k) => {
      if (k > 0) {
        emitTake(v, best, at, v.let(load), distances[k]!);
        return;
      }
      load();
      f.set(best).get(distances[0]!).set(at);
    });
  };
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
