/** The windows of a pooling: what each covers of its plane, one after another or a vector of neighbours at a time. */
import type { Lane } from "../../core/dtype.ts";
import type { PoolWindow } from "../../ir/kernel.ts";
import { type Dim, type Dims3, emitCeilDiv, emitMin, indices, readGeometry, readWords, upTo } from "./geometry.ts";
import { laneInfo } from "./lanes.ts";
import type { FuncBuilder, Local } from "./module.ts";

/** The variables of a pooling. */
export interface PoolLocals {
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
  /** Elements of the plane before the row in which the current windows begin. */
  readonly line: Local;
  readonly known: KnownWindow | null;
}

/** A window that is known when code is written, in three dims. */
export interface KnownWindow {
  readonly kernel: readonly [number, number, number];
  readonly dilation: readonly [number, number, number];
  /** The last dim's. */
  readonly stride: number;
}

function knownWindow(window: PoolWindow | null | undefined): KnownWindow | null {
  if (window === null || window === undefined) return null;
  const three = (list: readonly number[]): [number, number, number] => {
    const [a = 1, b = 1, c = 1] = [1, 1, ...list].slice(-3);
    return [a, b, c];
  };
  return { kernel: three(window.kernel), dilation: three(window.dilation), stride: window.stride.at(-1)! };
}

/** Reads a table: planes, the geometry, three addresses, whether padding counts, and a buffer for sums. */
export function readPool(f: FuncBuilder, table: Local, window: PoolWindow | null | undefined): PoolLocals {
  const [planes] = readWords(f, table, 0, 1) as [Local];
  const { dims, end } = readGeometry(f, table, 4);
  type Rest = [Local, Local, Local, Local, Local];
  const [out, input, indices, countPadding, sums] = readWords(f, table, end, 5) as Rest;
  const [slice, size] = [f.local("i32"), f.local("i32")];
  const row = dims[2].input;
  f.get(dims[1].input).get(row).op("i32.mul").tee(slice).get(dims[0].input).op("i32.mul").set(size);
  return {
    planes,
    dims,
    out,
    input,
    indices,
    countPadding,
    sums,
    size,
    slice,
    row,
    line: f.local("i32"),
    known: knownWindow(window),
  };
}

/** What a window covers in one dim: from which input position, how many, and how many with the padding. */
interface Cover {
  readonly first: Local;
  readonly count: Local;
  readonly padded: Local;
}

export type Covers = readonly [Cover, Cover, Cover];

function coverLocals(f: FuncBuilder): Cover {
  return { first: f.local("i32"), count: f.local("i32"), padded: f.local("i32") };
}

/** Leaves the input position at which the window of output position `o` begins. */
function emitStart(f: FuncBuilder, dim: Dim, o: Local): void {
  f.get(o).get(dim.stride).op("i32.mul").get(dim.padding).op("i32.sub");
}

/** Sets what the window at output position `o` covers. */
function emitCover(f: FuncBuilder, dim: Dim, o: Local, { first, count, padded }: Cover): void {
  const [start, room, skipped] = [f.local("i32"), f.local("i32"), f.local("i32")];
  emitStart(f, dim, o);
  f.set(start);
  f.get(dim.input).get(start).op("i32.sub").set(room);
  emitFitting(f, dim, room, count);
  f.add(room, dim.padding);
  emitFitting(f, dim, room, padded);
  f.i32(0).get(start).op("i32.sub").set(room);
  emitCeilDiv(f, room, dim.dilation);
  f.tee(skipped).get(dim.dilation).op("i32.mul").get(start).op("i32.add").set(first);
  f.get(count).get(skipped).op("i32.sub").set(count);
}

/** Leaves how far behind the window's first element its last one lies. */
function emitReach(f: FuncBuilder, dim: Dim): void {
  f.get(dim.kernel).i32(1).op("i32.sub").get(dim.dilation).op("i32.mul");
}

/** Sets how many of the window's elements lie before its start + room. */
function emitFitting(f: FuncBuilder, dim: Dim, room: Local, count: Local): void {
  emitReach(f, dim);
  f.get(room).op("i32.lt_s");
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

/** The output positions [low, high) whose windows lie within the image, and the last of them that starts a vector. */
interface Inside {
  readonly width: number;
  readonly low: Local;
  readonly high: Local;
  readonly last: Local;
}

function emitInside(f: FuncBuilder, dim: Dim, width: number): Inside {
  const [low, high, last, room] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
  emitCeilDiv(f, dim.padding, dim.stride);
  f.set(low).get(dim.input).get(dim.padding).op("i32.add");
  emitReach(f, dim);
  f.op("i32.sub").set(room);
  emitCeilDiv(f, room, dim.stride);
  f.set(high);
  emitMin(f, high, dim.output);
  f.tee(high).i32(width).op("i32.sub").set(last);
  return { width, low, high, last };
}

/** What is done with the windows; `position` counts the output positions of all planes. */
export interface WindowVisitor {
  readonly before?: () => void;
  /** One output position. */
  window(covers: Covers, position: Local): void;
  /** As many neighbours as a vector has lanes, all within the image; `covers` is that of the first. */
  readonly vector?: { readonly width: number; visit(covers: Covers, position: Local): void };
  readonly after: () => void;
}

/** Visits planes and output positions in order; some positions may come twice. */
export function emitWindows(f: FuncBuilder, p: PoolLocals, visitor: WindowVisitor): void {
  const { planes, dims } = p;
  const covers: Covers = [coverLocals(f), coverLocals(f), coverLocals(f)];
  const [row, position, o2] = [f.local("i32"), f.local("i32"), f.local("i32")];
  const { vector } = visitor;
  const inside = vector === undefined ? null : emitInside(f, dims[2], vector.width);
  const singles = (end: Local): void => {
    f.while(
      () => f.get(o2).get(end).op("i32.lt_s"),
      () => {
        emitCover(f, dims[2], o2, covers[2]);
        f.get(row).get(o2).op("i32.add").set(position);
        visitor.window(covers, position);
        f.add(o2, 1);
      },
    );
  };
  const vectors = (visit: (covers: Covers, position: Local) => void): void => {
    f.get(dims[2].kernel).tee(covers[2].count).set(covers[2].padded);
    eachVector(f, o2, inside!, () => {
      emitStart(f, dims[2], o2);
      f.set(covers[2].first).get(row).get(o2).op("i32.add").set(position);
      visit(covers, position);
    });
  };
  upTo(f, planes, () => {
    visitor.before?.();
    upTo(f, dims[0].output, (o0) => {
      emitCover(f, dims[0], o0, covers[0]);
      upTo(f, dims[1].output, (o1) => {
        emitCover(f, dims[1], o1, covers[1]);
        f.get(covers[0].first).get(p.slice).op("i32.mul").get(covers[1].first).get(p.row).op("i32.mul");
        f.op("i32.add").set(p.line).i32(0).set(o2);
        if (vector === undefined || inside === null) singles(dims[2].output);
        else
          emitRow(
            f,
            inside,
            dims[2].output,
            () => emitWhole(f, inside, covers, p.known),
            singles,
            () => vectors(vector.visit),
          );
        f.add(row, dims[2].output);
      });
    });
    visitor.after();
  });
}

/** Windows at the edges one by one, those within by vectors. */
function emitRow(
  f: FuncBuilder,
  { low }: Inside,
  output: Local,
  whole: () => void,
  singles: (end: Local) => void,
  vectors: () => void,
): void {
  const end = f.local("i32");
  f.get(low).get(output);
  whole();
  f.select().set(end);
  f.loop((again) => {
    singles(end);
    f.get(end).get(output).op("i32.lt_s");
    f.if(() => {
      vectors();
      f.get(output).set(end).br(again);
    });
  });
}

/** Vectors from `low` to `high`. The last one may go over positions again: what it writes is the same. */
function eachVector(f: FuncBuilder, o2: Local, { low, high, last, width }: Inside, body: () => void): void {
  f.get(low).set(o2);
  f.loop((again) => {
    emitMin(f, o2, last);
    f.set(o2);
    body();
    f.add(o2, width);
    f.get(o2).get(high).op("i32.lt_s").brIf(again);
  });
}

/** Leaves whether a row has room for a vector of windows within the image; known windows must be whole in all dims. */
function emitWhole(f: FuncBuilder, { low, last }: Inside, covers: Covers, known: KnownWindow | null): void {
  f.get(low).get(last).op("i32.le_s");
  covers.slice(0, 2).forEach(({ count }, d) => {
    f.get(count)
      .i32(known === null ? 1 : known.kernel[d]!)
      .op("i32.ge_s")
      .op("i32.and");
  });
}

/** Leaves whether a window covers anything of the image. */
export function emitCovers(f: FuncBuilder, covers: Covers): void {
  covers.forEach(({ count }, i) => {
    f.get(count).i32(0).op("i32.gt_s");
    if (i > 0) f.op("i32.and");
  });
}

/** Visits the addresses that a window covers in the plane of elements of `bytes` at `base`. */
export function emitMembers(
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
export function emitFirst(f: FuncBuilder, p: PoolLocals, base: Local, bytes: number, covers: Covers): void {
  f.get(p.line).get(covers[2].first).op("i32.add").i32(bytes).op("i32.mul").get(base).op("i32.add");
}

/** Leaves the address of element `position` at `base`. */
export function emitAt(f: FuncBuilder, base: Local, position: Local, bytes: number): void {
  f.get(base).get(position).i32(bytes).op("i32.mul").op("i32.add");
}

/** How a vector of elements is gathered whose neighbours lie `stride` elements apart; set up once. */
export function strideLoader(f: FuncBuilder, lane: Lane, stride: Local): (address: Local) => void {
  const { width } = laneInfo[lane];
  const [vector, at, step] = [f.local("v128"), f.local("i32"), f.local("i32")];
  f.get(stride)
    .i32(16 / width)
    .op("i32.mul")
    .set(step);
  return (address) => {
    f.get(stride).i32(1).op("i32.eq");
    f.ifValue(
      "v128",
      () => f.get(address).load("v128.load"),
      () => {
        f.get(address).tee(at);
        f.load(width === 4 ? "v128.load32_zero" : "v128.load64_zero").set(vector);
        for (let k = 1; k < width; k++) {
          f.add(at, step).get(at).get(vector);
          f.memoryLane(width === 4 ? "v128.load32_lane" : "v128.load64_lane", k).set(vector);
        }
        f.get(vector);
      },
    );
  };
}

/** Leaves the same from `offset` elements behind the address on, for a stride that is known. */
function emitStrided(f: FuncBuilder, lane: Lane, address: Local, stride: number, offset: number): void {
  const { width } = laneInfo[lane];
  const at = (element: number): number => (offset + element) * (16 / width);
  if (stride === 1) f.get(address).load("v128.load", at(0));
  else if (width === 4 && stride <= 3) {
    // Two vectors, the first of which begins with the first element and the second of which ends with the last.
    f.get(address)
      .load("v128.load", at(0))
      .get(address)
      .load("v128.load", at(3 * stride - 3));
    f.shuffle([0, stride, 7 - stride, 7].flatMap((word) => [0, 1, 2, 3].map((byte) => 4 * word + byte)));
  } else {
    const vector = f.local("v128");
    f.get(address)
      .load(width === 4 ? "v128.load32_zero" : "v128.load64_zero", at(0))
      .set(vector);
    for (let k = 1; k < width; k++) {
      f.get(address).get(vector);
      f.memoryLane(width === 4 ? "v128.load32_lane" : "v128.load64_lane", k, at(k * stride)).set(vector);
    }
    f.get(vector);
  }
}

/** One element of each of a vector of windows. */
interface Member {
  /** Leaves the elements. */
  readonly load: () => void;
  /** Leaves how many elements they are behind the windows' first ones; it is the same for all vectors. */
  readonly distance: () => void;
}

/** The members of known windows that lie within the image, from the first element's address on. */
export function knownMembers(f: FuncBuilder, lane: Lane, p: PoolLocals, known: KnownWindow, first: Local): Member[] {
  const { kernel, dilation, stride } = known;
  const bytes = 16 / laneInfo[lane].width;
  return indices([kernel[0], kernel[1]]).flatMap(([i, j]) => {
    const before = f.local("i32");
    f.get(p.slice)
      .i32(i! * dilation[0])
      .op("i32.mul")
      .get(p.row)
      .i32(j! * dilation[1])
      .op("i32.mul")
      .op("i32.add");
    f.set(before);
    const row = f.local("i32");
    f.get(before).i32(bytes).op("i32.mul").get(first).op("i32.add").set(row);
    return indices([kernel[2]]).map(([k]): Member => {
      const offset = k! * dilation[2];
      return {
        load: () => emitStrided(f, lane, row, stride, offset),
        distance: () => f.get(before).i32(offset).op("i32.add"),
      };
    });
  });
}
