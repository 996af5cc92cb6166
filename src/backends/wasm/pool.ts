/** Pooling: the maximum or mean of sliding windows over dense planes, and the mean's gradient. */
import type { Lane } from "../../core/dtype.ts";
import { NotImplementedError } from "../../core/errors.ts";
import type { PoolKernel, PoolRun } from "../../ir/kernel.ts";
import { emitClear, emitWriteRow, laneBytes } from "./accumulate.ts";
import type { WasmContext } from "./context.ts";
import { type Element, element } from "./element.ts";
import {
  columnsOf,
  type Dim,
  type Dims3,
  emitCeilDiv,
  emitMin,
  geometryWords,
  outputSize,
  planeSize,
  readGeometry,
  readWords,
  upTo,
} from "./geometry.ts";
import { exported, type FuncBuilder, type Local, ModuleBuilder } from "./module.ts";
import { eachPlanes, piecesOf } from "./planes.ts";
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
    const p = readPool(f, table);
    if (mode === "max") emitMax(f, item, p);
    else if (mode === "avg") emitAverage(f, item, p, divisor);
    else emitAverageBackward(f, item, p, divisor);
  });
  const run = exported<PoolFunction>(ctx.instantiate(module.finish()), "run");
  return (planes, geometry, out, input, indices, divisor, countPadding) => {
    const size = planeSize(geometry);
    const nothing = mode === "avgBackward" ? size === 0 : geometry.output.includes(0);
    if (planes === 0 || nothing) return;
    const buffer = mode === "avgBackward" ? (size * laneBytes(item.lane) + 63) & -64 : 0;
    const pieces = piecesOf(ctx, planes, columnsOf(geometry));
    const sums = buffer === 0 ? 0 : heap.alloc(buffer * pieces);
    const [toOut, toInput] = mode === "avgBackward" ? [size, outputSize(geometry)] : [outputSize(geometry), size];
    eachPlanes(ctx, planes, columnsOf(geometry), (from, to, piece) => {
      const chosen = indices === 0 ? 0 : indices + outputSize(geometry) * from * 8;
      const addresses = [out + toOut * from * item.bytes, input + toInput * from * item.bytes, chosen];
      const words = [to - from, ...geometryWords(geometry), ...addresses, Number(countPadding), sums + buffer * piece];
      return { func: run, words, rest: [divisor] };
    });
    if (sums !== 0) heap.free(sums);
  };
}

interface PoolLocals {
  readonly planes: Local;
  readonly dims: Dims3;
  readonly out: Local;
  readonly input: Local;
  readonly indices: Local;
  readonly countPadding: Local;
  readonly sums: Local;
  /** Elements of the input plane, of its slices and of its rows. */
  readonly size: Local;
  readonly slice: Local;
  readonly row: Local;
}

function readPool(f: FuncBuilder, table: Local): PoolLocals {
  const [planes] = readWords(f, table, 0, 1) as [Local];
  const { dims, end } = readGeometry(f, table, 4);
  type Rest = [Local, Local, Local, Local, Local];
  const [out, input, indices, countPadding, sums] = readWords(f, table, end, 5) as Rest;
  const [slice, size] = [f.local("i32"), f.local("i32")];
  const row = dims[2].input;
  f.get(dims[1].input).get(row).op("i32.mul").tee(slice).get(dims[0].input).op("i32.mul").set(size);
  return { planes, dims, out, input, indices, countPadding, sums, size, slice, row };
}

/** What a window covers in one dim: from which input position, how many, and how many with the padding. */
interface Cover {
  readonly first: Local;
  readonly count: Local;
  readonly padded: Local;
}

function coverLocals(f: FuncBuilder): Cover {
  return { first: f.local("i32"), count: f.local("i32"), padded: f.local("i32") };
}

/** Sets what the window at output position `o` covers. */
function emitCover(f: FuncBuilder, dim: Dim, o: Local, { first, count, padded }: Cover): void {
  const [start, room, skipped] = [f.local("i32"), f.local("i32"), f.local("i32")];
  f.get(o).get(dim.stride).op("i32.mul").get(dim.padding).op("i32.sub").set(start);
  f.get(dim.input).get(start).op("i32.sub").set(room);
  emitFitting(f, dim, room, count);
  f.add(room, dim.padding);
  emitFitting(f, dim, room, padded);
  f.i32(0).get(start).op("i32.sub").set(room);
  emitCeilDiv(f, room, dim.dilation);
  f.tee(skipped).get(dim.dilation).op("i32.mul").get(start).op("i32.add").set(first);
  f.get(count).get(skipped).op("i32.sub").set(count);
}

/** Sets how many of the window's elements lie before its start + room. */
function emitFitting(f: FuncBuilder, dim: Dim, room: Local, count: Local): void {
  f.get(dim.kernel).i32(1).op("i32.sub").get(dim.dilation).op("i32.mul").get(room).op("i32.lt_s");
  f.if(
    () => f.get(dim.kernel).set(count),
    () => {
      emitCeilDiv(f, room, dim.dilation);
      f.set(count);
      emitMin(f, count, dim.kernel);
      f.set(count);
    },
  );
}

type Covers = readonly [Cover, Cover, Cover];

/** Visits planes and output positions in order; `plane` runs before a plane's windows, `after` behind them. */
function emitWindows(
  f: FuncBuilder,
  { planes, dims }: PoolLocals,
  visit: { before?(): void; window(covers: Covers): void; after(): void },
): void {
  const covers: Covers = [coverLocals(f), coverLocals(f), coverLocals(f)];
  upTo(f, planes, () => {
    visit.before?.();
    upTo(f, dims[0].output, (o0) => {
      emitCover(f, dims[0], o0, covers[0]);
      upTo(f, dims[1].output, (o1) => {
        emitCover(f, dims[1], o1, covers[1]);
        upTo(f, dims[2].output, (o2) => {
          emitCover(f, dims[2], o2, covers[2]);
          visit.window(covers);
        });
      });
    });
    visit.after();
  });
}

/** Leaves whether a window covers anything of the image. */
function emitCovers(f: FuncBuilder, covers: Covers): void {
  covers.forEach(({ count }, i) => {
    f.get(count).i32(0).op("i32.gt_s");
    if (i > 0) f.op("i32.and");
  });
}

/** Visits the addresses that a window covers in the plane of elements of `bytes` at `base`. */
function emitMembers(
  f: FuncBuilder,
  p: PoolLocals,
  base: Local,
  bytes: number,
  covers: Covers,
  visit: (address: Local) => void,
): void {
  const steps = [p.slice, p.row, null].map((elements, i) => {
    const step = f.local("i32");
    f.get(p.dims[i]!.dilation).i32(bytes).op("i32.mul");
    if (elements !== null) f.get(elements).op("i32.mul");
    f.set(step);
    return step;
  });
  const [outer, middle, inner] = [f.local("i32"), f.local("i32"), f.local("i32")];
  emitFirst(f, p, base, bytes, covers);
  f.set(outer);
  upTo(f, covers[0].count, () => {
    f.get(outer).set(middle);
    upTo(f, covers[1].count, () => {
      f.get(middle).set(inner);
      upTo(f, covers[2].count, () => {
        visit(inner);
        f.add(inner, steps[2]!);
      });
      f.add(middle, steps[1]!);
    });
    f.add(outer, steps[0]!);
  });
}

/** Leaves the address of the first element that a window covers. */
function emitFirst(f: FuncBuilder, p: PoolLocals, base: Local, bytes: number, covers: Covers): void {
  f.get(covers[0].first).get(p.slice).op("i32.mul").get(covers[1].first).get(p.row).op("i32.mul").op("i32.add");
  f.get(covers[2].first).op("i32.add").i32(bytes).op("i32.mul").get(base).op("i32.add");
}

/** A NaN wins, the last of several, as in PyTorch's kernel; else the first maximum. */
function emitMax(f: FuncBuilder, item: Element, p: PoolLocals): void {
  const { lane, bytes } = item;
  const [best, value, at, planeBytes] = [f.local(lane), f.local(lane), f.local("i32"), f.local("i32")];
  f.get(p.size).i32(bytes).op("i32.mul").set(planeBytes);
  emitWindows(f, p, {
    window: (covers) => {
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
      f.get(p.out).get(best);
      item.store(f);
      f.add(p.out, bytes);
      f.get(p.indices).if(() => {
        f.get(p.indices).get(at).get(p.input).op("i32.sub").i32(bytes).op("i32.div_u");
        f.op("i64.extend_i32_u").store("i64.store");
        f.add(p.indices, 8);
      });
    },
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
  emitWindows(f, p, {
    window: (covers) => {
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
      f.get(p.out).get(sum);
      item.store(f);
      f.add(p.out, bytes);
    },
    after: () => f.add(p.input, planeBytes),
  });
}

/** Each gradient goes in equal parts to all that its window covers; here `input` runs over output positions. */
function emitAverageBackward(f: FuncBuilder, item: Element, p: PoolLocals, given: Local): void {
  const { lane, bytes } = item;
  const [part, divisor, step] = [f.local(lane), f.local(lane), f.local("i32")];
  f.i32(bytes).set(step);
  emitWindows(f, p, {
    before: () => emitClear(f, lane, p.sums, p.size),
    window: (covers) => {
      emitCovers(f, covers);
      f.if(() => {
        emitDivisor(f, lane, p, given, covers, divisor);
        f.get(p.input);
        item.load(f);
        f.get(divisor).op(divide(lane)).set(part);
        emitMembers(f, p, p.sums, laneBytes(lane), covers, (address) => {
          f.get(address).get(address).load(`${lane}.load`).get(part).op(`${lane}.add`).store(`${lane}.store`);
        });
      });
      f.add(p.input, bytes);
    },
    after: () => emitWriteRow(f, item, copyOf(f, p.sums), p.out, step, p.size),
  });
}
