/** Transformed tiles to the pixels beneath, as many tiles as a vector has lanes at once. */
import type { WasmContext } from "./context.ts";
import { emitMin, readWords, upTo } from "./geometry.ts";
import { laneInfo } from "./lanes.ts";
import { exported, type FuncBuilder, type Local, ModuleBuilder } from "./module.ts";
import { copyOf } from "./walk.ts";
import { emitLinear, emitOverlapping, emitTransposed, type FloatLane, fullFormula } from "./winograd-linear.ts";
import type { Matrix } from "./winograd-matrices.ts";
import { bytesOf, eachPart, emitPlanes, type Planes, type Tiles, type Tiling } from "./winograd-tiles.ts";

/** `pixels = matrix · tile · matrixᵀ (+ bias of the plane)`; pixels outside of the image are dropped. */
export type FromTiles = (tiling: Tiling, tiles: Tiles, image: Planes, bias: number) => void;

/** Compiles a transform of tiles into pixels, as many as the matrix has rows: whole vectors. */
export function fromTiles(ctx: WasmContext, lane: FloatLane, matrix: Matrix): FromTiles {
  const module = new ModuleBuilder(ctx.heap.shared);
  module.func("run", ["i32"], [], (f, table) => emitFromTiles(f, lane, matrix, table));
  const run = exported<(table: number) => void>(ctx.instantiate(module.finish()), "run");
  const bytes = bytesOf(lane);
  return (tiling, tiles, image, bias) => {
    const { height, width, rows, columns } = tiling;
    const work = rows * columns * matrix[0]!.length ** 2;
    const block = matrix.length * blockRow(lane, matrix);
    eachPart(ctx, run, tiling, work, block, ([n, plane], [images, planes], buffer) => [
      ...[images, planes, rows, columns, height, width, buffer],
      ...[tiles.address + n * tiles.imageStep + plane * tiles.planeStep, tiles.imageStep, tiles.planeStep],
      ...[image.address + n * image.imageStep + plane * image.planeStep, image.imageStep, image.planeStep],
      ...[tiles.elementStep, bias === 0 ? 0 : bias + plane * bytes],
    ]);
  };
}

/** Pixels, and bytes, of a row of the pixels of as many tiles as there are lanes. */
const blockPixels = (lane: FloatLane, matrix: Matrix): number => laneInfo[lane].width * matrix.length;
const blockRow = (lane: FloatLane, matrix: Matrix): number => blockPixels(lane, matrix) * bytesOf(lane);

type Seven = [Local, Local, Local, Local, Local, Local, Local];

function emitFromTiles(f: FuncBuilder, lane: FloatLane, matrix: Matrix, table: Local): void {
  const [images, planes, rows, columns, height, width, buffer] = readWords(f, table, 0, 7) as Seven;
  const [tiles, tileImage, tilePlane, image, imageStep, planeStep, element] = readWords(f, table, 28, 7) as Seven;
  const [biases] = readWords(f, table, 56, 1) as [Local];
  const bytes = bytesOf(lane);
  const [bias, below, from, to, rowBytes] = Array.from({ length: 5 }, () => f.local("i32")) as Seven;
  const offset = f.local("v128");
  f.get(width).i32(bytes).op("i32.mul").set(rowBytes);
  const steps = [
    { address: image, imageStep, planeStep },
    { address: tiles, imageStep: tileImage, planeStep: tilePlane },
  ];
  const plane = (): void => {
    f.get(bias).if(() => {
      f.get(bias)
        .load(bytes === 4 ? "v128.load32_splat" : "v128.load64_splat")
        .set(offset);
      f.add(bias, bytes);
    });
    f.get(tiles).set(from).get(image).set(to).get(height).set(below);
    upTo(f, rows, () => {
      emitTileRow(f, lane, matrix, { columns, width, below, buffer, from, to, rowBytes, element, offset });
      f.get(columns).i32(bytes).op("i32.mul").get(from).op("i32.add").set(from);
      f.get(rowBytes).i32(matrix.length).op("i32.mul").get(to).op("i32.add").set(to);
      f.add(below, -matrix.length);
    });
  };
  emitPlanes(f, images, planes, steps, plane, () => f.get(biases).set(bias));
}

/** A row of tiles at `from`, and the image from its first pixel on, which has `below` more rows. */
interface TileRow {
  readonly columns: Local;
  readonly width: Local;
  readonly below: Local;
  readonly buffer: Local;
  readonly from: Local;
  readonly to: Local;
  readonly rowBytes: Local;
  readonly element: Local;
  /** What is added to all pixels. */
  readonly offset: Local;
}

/** Pixels go straight to the image, but by way of the buffer where some of a block are not in it. */
function emitTileRow(f: FuncBuilder, lane: FloatLane, matrix: Matrix, at: TileRow): void {
  const [pixels, row] = [blockPixels(lane, matrix), blockRow(lane, matrix)];
  const [tile, target, beside] = [at.from, at.to, at.width].map((local) => copyOf(f, local)) as Seven;
  const [left, whole, place, step, elementRow] = Array.from({ length: 5 }, () => f.local("i32")) as Seven;
  f.get(at.element).i32(matrix[0]!.length).op("i32.mul").set(elementRow).get(at.columns).set(left);
  f.while(
    () => f.get(left).i32(0).op("i32.gt_s"),
    () => {
      f.get(beside).i32(pixels).op("i32.ge_s").get(at.below).i32(matrix.length).op("i32.ge_s").op("i32.and").set(whole);
      f.get(target).get(at.buffer).get(whole).select().set(place);
      f.get(at.rowBytes).i32(row).get(whole).select().set(step);
      emitBlock(f, lane, matrix, { tile, element: at.element, elementRow, place, step, offset: at.offset });
      f.get(whole)
        .op("i32.eqz")
        .if(() => emitEdge(f, lane, matrix, at, target, beside));
      f.add(tile, 16).add(target, row).add(beside, -pixels).add(left, -laneInfo[lane].width);
    },
  );
}

/** The pixels of as many tiles as there are lanes: rows of them from `place` on. */
function emitBlock(
  f: FuncBuilder,
  lane: FloatLane,
  matrix: Matrix,
  at: { tile: Local; element: Local; elementRow: Local; place: Local; step: Local; offset: Local },
): void {
  const v = fullFormula(f, lane);
  const inputs = matrix[0]!;
  const first = copyOf(f, at.tile);
  const vertical = inputs.map(() => {
    const cell = copyOf(f, first);
    const column = inputs.map(() => {
      const value = v.let(() => f.get(cell).load("v128.load"));
      f.add(cell, at.elementRow);
      return value;
    });
    f.add(first, at.element);
    return emitLinear(v, matrix, column);
  });
  for (let k = 0; k < matrix.length; k++) {
    const pixels = emitLinear(
      v,
      matrix,
      vertical.map((column) => column[k]!),
    );
    emitBlockRow(f, lane, pixels, at.place, at.offset);
    f.add(at.place, at.step);
  }
}

/** Stores a row of pixels, of which `pixels` has one vector per pixel of a tile. */
function emitBlockRow(f: FuncBuilder, lane: FloatLane, pixels: readonly Local[], to: Local, offset: Local): void {
  const v = fullFormula(f, lane);
  const { width: lanes } = laneInfo[lane];
  for (let first = 0; first < pixels.length; first += lanes) {
    emitTransposed(v, pixels.slice(first, first + lanes), lanes).forEach((tile, k) => {
      f.get(to);
      v.put(v.add(tile, offset));
      f.store("v128.store", (k * pixels.length + first) * bytesOf(lane));
    });
  }
}

/** The buffer's pixels -> the image, as far as it reaches. */
function emitEdge(f: FuncBuilder, lane: FloatLane, matrix: Matrix, at: TileRow, target: Local, beside: Local): void {
  const bytes = bytesOf(lane);
  const { width: lanes } = laneInfo[lane];
  const [from, to] = [copyOf(f, at.buffer), copyOf(f, target)];
  const [rows, count] = [f.local("i32"), f.local("i32")];
  f.i32(matrix.length).set(rows).i32(blockPixels(lane, matrix)).set(count);
  emitMin(f, rows, at.below);
  f.set(rows);
  emitMin(f, count, beside);
  f.set(count);
  const copy = (x: Local, type: "v128" | FloatLane): void => {
    const offset = f.local("i32");
    f.get(x).i32(bytes).op("i32.mul").set(offset);
    f.get(to).get(offset).op("i32.add").get(from).get(offset).op("i32.add");
    f.load(`${type}.load`).store(`${type}.store`);
  };
  upTo(f, rows, () => {
    f.get(count).i32(lanes).op("i32.ge_s");
    f.if(
      () => emitOverlapping(f, count, lanes, (x) => copy(x, "v128")),
      () => upTo(f, count, (x) => copy(x, lane)),
    );
    f.add(from, blockRow(lane, matrix)).get(to).get(at.rowBytes).op("i32.add").set(to);
  });
}
