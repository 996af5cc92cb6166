/** Sliding windows: images to columns and back, a row of output positions at a time. */

import { NotImplementedError } from "../../core/errors.ts";
import type { Geometry, Operand, WindowKernel, WindowRun } from "../../ir/kernel.ts";
import { emitAddRow, emitClear, emitWriteRow, laneBytes } from "./accumulate.ts";
import type { WasmContext } from "./context.ts";
import { bits, type Element, element } from "./element.ts";
import { copyBytes } from "./gather.ts";
import {
  columnsOf,
  type Dim,
  type Dims3,
  emitCeilDiv,
  emitMin,
  geometryWords,
  planeSize,
  readGeometry,
  readWords,
  threeStrides,
  upTo,
} from "./geometry.ts";
import { exported, type Func, type FuncBuilder, type Local, ModuleBuilder } from "./module.ts";
import { eachPlanes, piecesOf } from "./planes.ts";
import { copyOf } from "./walk.ts";

type TableFunction = (table: number) => void;

/** Compiles im2col or col2im. */
export function window(kernel: WindowKernel, ctx: WasmContext): WindowRun {
  return kernel.mode === "im2col" ? im2col(kernel, ctx) : col2im(kernel, ctx);
}

/** Planes, the geometry, the image's address, plane step and steps in bytes, the columns, and a buffer for sums. */
function windowWords(planes: number, geometry: Geometry, image: Operand, bytes: number, ...rest: number[]): number[] {
  const [planeStride = 0, ...strides] = image.strides;
  const steps = [planeStride, ...threeStrides(strides)].map((stride) => stride * bytes);
  return [planes, ...geometryWords(geometry), image.address, ...steps, ...rest];
}

interface WindowLocals {
  readonly planes: Local;
  readonly dims: Dims3;
  readonly image: Local;
  readonly planeStep: Local;
  readonly steps: readonly [Local, Local, Local];
  readonly columns: Local;
  readonly sums: Local;
}

function readWindow(f: FuncBuilder, table: Local): WindowLocals {
  const [planes] = readWords(f, table, 0, 1) as [Local];
  const { dims, end } = readGeometry(f, table, 4);
  type Rest = [Local, Local, Local, Local, Local, Local, Local];
  const [image, planeStep, a, b, c, columns, sums] = readWords(f, table, end, 7) as Rest;
  return { planes, dims, image, planeStep, steps: [a, b, c], columns, sums };
}

function im2col(kernel: WindowKernel, ctx: WasmContext): WindowRun {
  const module = new ModuleBuilder(ctx.heap.shared);
  const item = bits(module, kernel.dtype);
  const copy = copyBytes(module);
  module.func("run", ["i32"], [], (f, table) => {
    const w = readWindow(f, table);
    emitColumns(f, w, w.image, w.steps, {
      outside: () => emitZeros(f, item, w.columns, w.dims[2].output),
      row: (row) => emitRowToColumns(f, item, copy, w, row),
    });
  });
  const run = exported<TableFunction>(ctx.instantiate(module.finish()), "run");
  return (planes, geometry, image, columns) => {
    if (planes === 0 || geometry.output.includes(0)) return;
    eachPlanes(ctx, planes, columnsOf(geometry), (from, to) => {
      const at = { ...image, address: image.address + image.strides[0]! * from * item.bytes };
      const target = columns + columnsOf(geometry) * from * item.bytes;
      return { func: run, words: windowWords(to - from, geometry, at, item.bytes, target, 0), rest: [] };
    });
  };
}

/** Output positions [low, high) of a row see the image, from address `from` on in steps of `step` bytes. */
interface Row {
  readonly low: Local;
  readonly high: Local;
  readonly from: Local;
  readonly step: Local;
}

interface RowVisitor {
  /** The whole row lies in the padding. */
  outside(): void;
  row(row: Row): void;
  /** Before and after a plane's windows. */
  before?(): void;
  after?(): void;
}

/** Visits planes, window elements and rows of output positions in the order of the columns. */
function emitColumns(
  f: FuncBuilder,
  w: WindowLocals,
  image: Local,
  steps: readonly [Local, Local, Local],
  visitor: RowVisitor,
): void {
  const [d0, d1, d2] = w.dims;
  const step = f.local("i32");
  f.get(d2.stride).get(steps[2]).op("i32.mul").set(step);
  upTo(f, w.planes, () => {
    visitor.before?.();
    upTo(f, d0.kernel, (k0) => {
      upTo(f, d1.kernel, (k1) => {
        upTo(f, d2.kernel, (k2) => {
          const { low, high, first } = emitVisible(f, d2, k2);
          upTo(f, d0.output, (o0) => {
            const i0 = emitPosition(f, d0, o0, k0);
            upTo(f, d1.output, (o1) => {
              const i1 = emitPosition(f, d1, o1, k1);
              f.get(i0).get(d0.input).op("i32.lt_u").get(i1).get(d1.input).op("i32.lt_u").op("i32.and");
              f.if(
                () => {
                  const from = f.local("i32");
                  f.get(image).get(i0).get(steps[0]).op("i32.mul").op("i32.add");
                  f.get(i1).get(steps[1]).op("i32.mul").op("i32.add");
                  f.get(first).get(steps[2]).op("i32.mul").op("i32.add").set(from);
                  visitor.row({ low, high, from, step });
                },
                () => visitor.outside(),
              );
            });
          });
        });
      });
    });
    visitor.after?.();
    f.add(w.image, w.planeStep);
  });
}

/** The input position of output position `o` and window element `k`, which may lie outside. */
function emitPosition(f: FuncBuilder, dim: Dim, o: Local, k: Local): Local {
  const position = f.local("i32");
  f.get(o).get(dim.stride).op("i32.mul").get(dim.padding).op("i32.sub");
  f.get(k).get(dim.dilation).op("i32.mul").op("i32.add").set(position);
  return position;
}

/** The output positions that window element `k` sees the image from, and the input position at the first of them. */
function emitVisible(
  f: FuncBuilder,
  dim: Dim,
  k: Local,
): { readonly low: Local; readonly high: Local; readonly first: Local } {
  const [low, high, first, before] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
  f.get(dim.padding).get(k).get(dim.dilation).op("i32.mul").op("i32.sub").set(before);
  emitCeilDiv(f, before, dim.stride);
  f.set(low);
  emitMin(f, low, dim.output);
  f.set(low).get(low).get(dim.stride).op("i32.mul").get(before).op("i32.sub").set(first);
  f.add(before, dim.input);
  emitCeilDiv(f, before, dim.stride);
  f.set(high);
  emitMin(f, high, dim.output);
  f.set(high);
  f.get(high).get(low).get(high).get(low).op("i32.gt_s").select().set(high);
  return { low, high, first };
}

/** Fewer bytes of zeros than this are not worth the call that memory.fill is. */
const WORTH_FILL = 64;

/** Writes `count` zeros and moves the address on. */
function emitZeros(f: FuncBuilder, item: Element, to: Local, count: Local): void {
  const length = f.local("i32");
  f.get(count).i32(item.bytes).op("i32.mul").tee(length).i32(WORTH_FILL).op("i32.ge_u");
  f.if(
    () => {
      f.get(to).i32(0).get(length).memoryFill();
      f.add(to, length);
    },
    () =>
      f.while(
        () => f.get(length),
        () => {
          f.get(to)[item.lane](0);
          item.store(f);
          f.add(to, item.bytes).add(length, -item.bytes);
        },
      ),
  );
}

function emitRowToColumns(f: FuncBuilder, item: Element, copy: Func, w: WindowLocals, row: Row): void {
  const { low, high, from, step } = row;
  const [count, rest] = [f.local("i32"), f.local("i32")];
  emitZeros(f, item, w.columns, low);
  f.get(high).get(low).op("i32.sub").set(count);
  f.get(step).i32(item.bytes).op("i32.eq");
  f.if(
    () => {
      f.get(count).i32(item.bytes).op("i32.mul").set(rest);
      f.get(w.columns).get(from).get(rest).call(copy);
      f.add(w.columns, rest);
    },
    () =>
      upTo(f, count, () => {
        f.get(w.columns).get(from);
        item.load(f);
        item.store(f);
        f.add(w.columns, item.bytes).add(from, step);
      }),
  );
  f.get(w.dims[2].output).get(high).op("i32.sub").set(rest);
  emitZeros(f, item, w.columns, rest);
}

function col2im(kernel: WindowKernel, ctx: WasmContext): WindowRun {
  const { heap } = ctx;
  if (kernel.dtype === "bool") throw new NotImplementedError(`"col2im" not implemented for 'Bool'`);
  const module = new ModuleBuilder(heap.shared);
  const item = element(module, kernel.dtype);
  const { lane } = item;
  module.func("run", ["i32"], [], (f, table) => {
    const w = readWindow(f, table);
    const { size, steps } = emitDenseSteps(f, w.dims, laneBytes(lane));
    const rowBytes = f.local("i32");
    f.get(w.dims[2].output).i32(item.bytes).op("i32.mul").set(rowBytes);
    emitColumns(f, w, w.sums, steps, {
      before: () => emitClear(f, lane, w.sums, size),
      outside: () => f.add(w.columns, rowBytes),
      row: (row) => emitRowFromColumns(f, item, w.columns, rowBytes, row),
      after: () => emitImage(f, item, w),
    });
  });
  const run = exported<TableFunction>(ctx.instantiate(module.finish()), "run");
  return (planes, geometry, image, columns) => {
    const size = planeSize(geometry);
    if (planes === 0 || size === 0) return;
    const buffer = (size * laneBytes(lane) + 63) & -64;
    const pieces = piecesOf(ctx, planes, columnsOf(geometry));
    const sums = heap.alloc(buffer * pieces);
    eachPlanes(ctx, planes, columnsOf(geometry), (from, to, piece) => {
      const at = { ...image, address: image.address + image.strides[0]! * from * item.bytes };
      const source = columns + columnsOf(geometry) * from * item.bytes;
      const words = windowWords(to - from, geometry, at, item.bytes, source, sums + buffer * piece);
      return { func: run, words, rest: [] };
    });
    heap.free(sums);
  };
}

/** Elements of a dense input plane and its steps in bytes. */
function emitDenseSteps(
  f: FuncBuilder,
  [d0, d1, d2]: Dims3,
  bytes: number,
): { readonly size: Local; readonly steps: readonly [Local, Local, Local] } {
  const [size, a, b, c] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
  f.i32(bytes).tee(c).get(d2.input).op("i32.mul").tee(b).get(d1.input).op("i32.mul").set(a);
  f.get(d0.input).get(d1.input).op("i32.mul").get(d2.input).op("i32.mul").set(size);
  return { size, steps: [a, b, c] };
}

function emitRowFromColumns(f: FuncBuilder, item: Element, columns: Local, rowBytes: Local, row: Row): void {
  const [source, count] = [f.local("i32"), f.local("i32")];
  f.get(columns).get(row.low).i32(item.bytes).op("i32.mul").op("i32.add").set(source);
  f.get(row.high).get(row.low).op("i32.sub").set(count);
  emitAddRow(f, item, row.from, row.step, source, count);
  f.add(columns, rowBytes);
}

/** A plane of sums -> the image by its strides. */
function emitImage(f: FuncBuilder, item: Element, w: WindowLocals): void {
  const [d0, d1, d2] = w.dims;
  const sums = copyOf(f, w.sums);
  const slice = copyOf(f, w.image);
  const [row, to] = [f.local("i32"), f.local("i32")];
  upTo(f, d0.input, () => {
    f.get(slice).set(row);
    upTo(f, d1.input, () => {
      f.get(row).set(to);
      emitWriteRow(f, item, sums, to, w.steps[2], d2.input);
      f.add(row, w.steps[1]);
    });
    f.add(slice, w.steps[0]);
  });
}
