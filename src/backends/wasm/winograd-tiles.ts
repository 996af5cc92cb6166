/** Images to transformed tiles: a row of tiles at a time, as many tiles as a vector has lanes at once. */
import type { WasmContext } from "./context.ts";
import { readWords, upTo } from "./geometry.ts";
import { laneInfo } from "./lanes.ts";
import { exported, type FuncBuilder, type Local, ModuleBuilder } from "./module.ts";
import { runTables } from "./parallel.ts";
import { copyOf } from "./walk.ts";
import { emitLinear, emitOverlapping, emitTransposed, type FloatLane, fullFormula } from "./winograd-linear.ts";
import type { Matrix } from "./winograd-matrices.ts";

type TableFunction = (table: number) => void;

/** Planes of images, `planes` for each of `images`. Steps are in bytes. */
export interface Planes {
  readonly address: number;
  readonly imageStep: number;
  readonly planeStep: number;
}

/** Transformed tiles: for each element of a tile, planes of tiles in a row. */
export interface Tiles extends Planes {
  readonly elementStep: number;
}

/** The tiles that lie over planes: `rows` of `columns`, `step` pixels apart, from pixel (`top`, `left`) on. */
export interface Tiling {
  readonly images: number;
  readonly planes: number;
  readonly height: number;
  readonly width: number;
  readonly rows: number;
  readonly columns: number;
  readonly top: number;
  readonly left: number;
}

/** `tiles = matrix · pixels · matrixᵀ` of every tile; pixels outside of the image are zeros. */
export type ToTiles = (tiling: Tiling, image: Planes, tiles: Tiles) => void;

export const bytesOf = (lane: FloatLane): 4 | 8 => (lane === "f32" ? 4 : 8);
export const roundUp = (n: number, step: number): number => Math.ceil(n / step) * step;

/** Pixels of a row of tiles, with those that the last vector reads beyond. */
function rowPixels({ columns }: Tiling, step: number, reach: number, lanes: number): number {
  return roundUp(columns, lanes) * step + roundUp(reach, lanes) + lanes;
}

/** Runs what `words` makes of each part of the planes, whose buffer has `bytes` bytes. */
export function eachPart(
  ctx: WasmContext,
  run: TableFunction,
  { images, planes }: Tiling,
  work: number,
  bytes: number,
  words: (first: readonly [image: number, plane: number], count: readonly [number, number], buffer: number) => number[],
): void {
  const pieces = Math.min(planes, ctx.team.pieces(images * planes * work, WORTH_TILES));
  const each = Math.ceil(planes / pieces);
  const buffer = ctx.heap.alloc(bytes * pieces);
  const calls = Array.from({ length: Math.ceil(planes / each) }, (_, i) => {
    const count = Math.min(each, planes - i * each);
    return { func: run, words: words([0, i * each], [images, count], buffer + i * bytes), rest: [] };
  });
  runTables(ctx, calls);
  ctx.heap.free(buffer);
}

/** Fewer elements of tiles than this are one thread's work. */
const WORTH_TILES = 2 ** 16;

/** Compiles a transform of the pixels under tiles that are `step` pixels apart. */
export function toTiles(ctx: WasmContext, lane: FloatLane, matrix: Matrix, step: number): ToTiles {
  const module = new ModuleBuilder(ctx.heap.shared);
  const reach = matrix[0]!.length;
  module.func("run", ["i32"], [], (f, table) => emitToTiles(f, lane, matrix, step, table));
  const run = exported<TableFunction>(ctx.instantiate(module.finish()), "run");
  const [bytes, { width: lanes }] = [bytesOf(lane), laneInfo[lane]];
  return (tiling, image, tiles) => {
    const { height, width, rows, columns, top, left } = tiling;
    const line = roundUp(Math.max(rowPixels(tiling, step, reach, lanes), left + width), lanes) * bytes;
    const size = roundUp((matrix.length + 1) * line, 64);
    const work = rows * columns * matrix.length ** 2;
    eachPart(ctx, run, tiling, work, size, ([n, plane], [images, planes], buffer) => [
      ...[images, planes, rows, columns, height, width, top, left, line, size],
      ...[image.address + n * image.imageStep + plane * image.planeStep, image.imageStep, image.planeStep],
      ...[tiles.address + n * tiles.imageStep + plane * tiles.planeStep, tiles.imageStep, tiles.planeStep],
      ...[tiles.elementStep, buffer],
    ]);
  };
}

/** Runs `body` for every plane of every image, with addresses that move along; `before` at the first plane of each. */
export function emitPlanes(
  f: FuncBuilder,
  images: Local,
  planes: Local,
  steps: readonly PlaneSteps[],
  body: () => void,
  before: () => void = () => {},
): void {
  upTo(f, images, () => {
    const starts = steps.map(({ address }) => copyOf(f, address));
    before();
    upTo(f, planes, () => {
      body();
      for (const { address, planeStep } of steps) f.add(address, planeStep);
    });
    steps.forEach(({ address, imageStep }, k) => {
      f.get(starts[k]!).get(imageStep).op("i32.add").set(address);
    });
  });
}

export interface PlaneSteps {
  readonly address: Local;
  readonly imageStep: Local;
  readonly planeStep: Local;
}

function emitToTiles(f: FuncBuilder, lane: FloatLane, matrix: Matrix, step: number, table: Local): void {
  type Words = [Local, Local, Local, Local, Local, Local, Local, Local, Local, Local];
  const [images, planes, rows, columns, height, width, top, left, line, size] = readWords(f, table, 0, 10) as Words;
  const [image, imageStep, planeStep, tiles, tileImage, tilePlane, element, buffer] = readWords(f, table, 40, 8) as [
    Local,
    Local,
    Local,
    Local,
    Local,
    Local,
    Local,
    Local,
  ];
  const bytes = bytesOf(lane);
  const [rowBytes, zeros, y, out] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
  f.get(width).i32(bytes).op("i32.mul").set(rowBytes);
  f.get(line).i32(matrix.length).op("i32.mul").get(buffer).op("i32.add").set(zeros);
  f.get(buffer).i32(0).get(size).memoryFill();
  const steps = [
    { address: image, imageStep, planeStep },
    { address: tiles, imageStep: tileImage, planeStep: tilePlane },
  ];
  emitPlanes(f, images, planes, steps, () => {
    f.get(top).set(y).get(tiles).set(out);
    upTo(f, rows, () => {
      const from = emitRows(f, matrix[0]!.length, { image, y, height, rowBytes, zeros });
      emitVertical(f, lane, matrix, from, { width, left, line, buffer });
      emitHorizontal(f, lane, matrix, step, { columns, line, buffer, out, element });
      f.add(y, step);
      f.get(out).get(columns).i32(bytes).op("i32.mul").op("i32.add").set(out);
    });
  });
}

/** The addresses of rows of pixels from row `y` on, those of zeros outside of the image. */
function emitRows(
  f: FuncBuilder,
  count: number,
  at: { image: Local; y: Local; height: Local; rowBytes: Local; zeros: Local },
): Local[] {
  return Array.from({ length: count }, (_, a) => {
    const [row, address] = [f.local("i32"), f.local("i32")];
    f.get(at.y).i32(a).op("i32.add").set(row);
    f.get(row).get(at.rowBytes).op("i32.mul").get(at.image).op("i32.add").get(at.zeros);
    f.get(row).get(at.height).op("i32.lt_u").select().set(address);
    return address;
  });
}

/** The product along columns, for all pixels of a row of tiles. */
function emitVertical(
  f: FuncBuilder,
  lane: FloatLane,
  matrix: Matrix,
  from: readonly Local[],
  at: { width: Local; left: Local; line: Local; buffer: Local },
): void {
  const v = fullFormula(f, lane);
  const [offset, to] = [f.local("i32"), f.local("i32")];
  emitOverlapping(f, at.width, laneInfo[lane].width, (x) => {
    f.get(x).i32(bytesOf(lane)).op("i32.mul").set(offset);
    const pixels = from.map((row) => v.let(() => f.get(row).get(offset).op("i32.add").load("v128.load")));
    f.get(at.left).i32(bytesOf(lane)).op("i32.mul").get(offset).op("i32.add").get(at.buffer).op("i32.add").set(to);
    for (const result of emitLinear(v, matrix, pixels)) {
      f.get(to).get(result).store("v128.store");
      f.add(to, at.line);
    }
  });
}

/** The product along rows: a tile in each lane. */
function emitHorizontal(
  f: FuncBuilder,
  lane: FloatLane,
  matrix: Matrix,
  step: number,
  at: { columns: Local; line: Local; buffer: Local; out: Local; element: Local },
): void {
  const v = fullFormula(f, lane);
  const { width: lanes } = laneInfo[lane];
  const reach = matrix[0]!.length;
  const [row, from, to, cell] = [copyOf(f, at.buffer), f.local("i32"), copyOf(f, at.out), f.local("i32")];
  const left = f.local("i32");
  for (let i = 0; i < matrix.length; i++) {
    f.get(row).set(from).get(to).set(cell).get(at.columns).set(left);
    f.while(
      () => f.get(left).i32(0).op("i32.gt_s"),
      () => {
        const target = copyOf(f, cell);
        for (const result of emitLinear(v, matrix, emitGathered(f, lane, from, step, reach))) {
          f.get(target).get(result).store("v128.store");
          f.add(target, at.element);
        }
        f.add(from, lanes * step * bytesOf(lane))
          .add(cell, 16)
          .add(left, -lanes);
      },
    );
    f.add(row, at.line);
    f.get(at.element).i32(matrix.length).op("i32.mul").get(to).op("i32.add").set(to);
  }
}

/** Vectors of the first, second, … pixel of tiles that are `step` pixels apart. */
function emitGathered(f: FuncBuilder, lane: FloatLane, from: Local, step: number, reach: number): Local[] {
  const v = fullFormula(f, lane);
  const { width: lanes } = laneInfo[lane];
  const loaded = new Map<number, Local>();
  const pixels = (offset: number): Local => {
    const known = loaded.get(offset) ?? v.let(() => f.get(from).load("v128.load", offset * bytesOf(lane)));
    loaded.set(offset, known);
    return known;
  };
  const result: Local[] = [];
  for (let first = 0; first < reach; first += lanes) {
    const rows = Array.from({ length: lanes }, (_, k) => pixels(first + k * step));
    result.push(...emitTransposed(v, rows, Math.min(lanes, reach - first)));
  }
  return result;
}
