/** Packing for matmul: a matrix's rows or columns, four or eight at a time, side by side in panels. */
import type { Element } from "./element.ts";
import type { Func, FuncBuilder, Local, ModuleBuilder } from "./module.ts";

/** The type that products are summed in. */
export type FloatLane = "f32" | "f64";

/** Elements of a vector. */
export const vectorWidth = (lane: FloatLane): 2 | 4 => (lane === "f32" ? 4 : 2);

/** The depth of panels is a multiple of this, so that the tile's loop can be unrolled; the rest is zeros. */
export const DEPTH_STEP = 4;

/**
 * A function (destination, source, lines, depth, line step, depth step): `width` lines -> one panel with the elements
 * of one depth side by side. Lines beyond `lines` are zeros. Steps are in bytes.
 */
export function packPanel(module: ModuleBuilder, lane: FloatLane, item: Element, width: number): Func {
  const types = ["i32", "i32", "i32", "i32", "i32", "i32"] as const;
  const bytes = lane === "f32" ? 4 : 8;
  const direct = item.lane === lane && item.bytes === bytes;
  return module.func(null, types, [], (f, destination, source, lines, depth, lineStep, depthStep) => {
    const left = f.local("i32");
    f.get(depth).set(left);
    if (direct) {
      f.get(lines).i32(width).op("i32.eq");
      f.if(() => {
        f.get(lineStep).i32(bytes).op("i32.eq");
        f.if(() => emitCopies(f, lane, width, { destination, source, left, depthStep }));
        f.get(depthStep).i32(bytes).op("i32.eq").get(lineStep).i32(bytes).op("i32.ne").op("i32.and");
        f.if(() => emitTransposes(f, lane, width, { destination, source, left, lineStep }));
      });
    }
    emitSingles(f, item, lane, width, { destination, source, lines, left, lineStep, depthStep });
    emitZeros(f, width * bytes, destination, depth);
  });
}

interface Cursor {
  readonly destination: Local;
  readonly source: Local;
  /** Depth still to do. */
  readonly left: Local;
}

/** Lines that lie side by side: vectors as they are. */
function emitCopies(
  f: FuncBuilder,
  lane: FloatLane,
  width: number,
  { destination, source, left, depthStep }: Cursor & { readonly depthStep: Local },
): void {
  const bytes = width * (lane === "f32" ? 4 : 8);
  f.while(
    () => f.get(left),
    () => {
      for (let offset = 0; offset < bytes; offset += 16) {
        f.get(destination).get(source).load("v128.load", offset).store("v128.store", offset);
      }
      f.add(destination, bytes).add(source, depthStep).add(left, -1);
    },
  );
}

/** Lines each of which is dense: squares of vectors, transposed. */
function emitTransposes(
  f: FuncBuilder,
  lane: FloatLane,
  width: number,
  { destination, source, left, lineStep }: Cursor & { readonly lineStep: Local },
): void {
  const square = vectorWidth(lane);
  const panelRow = width * (16 / square);
  const line = f.local("i32");
  const rows = Array.from({ length: square }, () => f.local("v128"));
  f.while(
    () => f.get(left).i32(square).op("i32.ge_u"),
    () => {
      f.get(source).set(line);
      for (let first = 0; first < width; first += square) {
        for (const row of rows) {
          f.get(line).load("v128.load").set(row);
          f.add(line, lineStep);
        }
        for (let k = 0; k < square; k++) {
          f.get(destination);
          emitTransposedRow(f, lane, rows, k);
          f.store("v128.store", k * panelRow + first * (16 / square));
        }
      }
      f.add(destination, square * panelRow)
        .add(source, 16)
        .add(left, -square);
    },
  );
}

/** Row `k` of the transposed square. */
function emitTransposedRow(f: FuncBuilder, lane: FloatLane, rows: readonly Local[], k: number): void {
  const bytes = lane === "f32" ? 4 : 8;
  const first = Array.from({ length: bytes }, (_, i) => k * bytes + i);
  const second = first.map((position) => 16 + position);
  const pair = [...first, ...second];
  if (lane === "f64") {
    f.get(rows[0]!).get(rows[1]!).shuffle(pair);
    return;
  }
  f.get(rows[0]!)
    .get(rows[1]!)
    .shuffle([...pair, ...pair]);
  f.get(rows[2]!)
    .get(rows[3]!)
    .shuffle([...pair, ...pair]);
  f.shuffle([0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]);
}

interface Single extends Cursor {
  readonly lines: Local;
  readonly lineStep: Local;
  readonly depthStep: Local;
}

/** Any strides, one element after another; also what the faster ways leave over. */
function emitSingles(f: FuncBuilder, item: Element, lane: FloatLane, width: number, at: Single): void {
  const { destination, source, lines, left, lineStep, depthStep } = at;
  const bytes = lane === "f32" ? 4 : 8;
  const line = f.local("i32");
  f.while(
    () => f.get(left),
    () => {
      f.get(source).set(line);
      for (let i = 0; i < width; i++) {
        f.get(destination);
        f.get(lines).i32(i).op("i32.gt_u");
        f.ifValue(
          lane,
          () => {
            f.get(line);
            item.load(f);
          },
          () => (lane === "f32" ? f.f32(0) : f.f64(0)),
        );
        f.store(`${lane}.store`, i * bytes);
        if (i < width - 1) f.add(line, lineStep);
      }
      f.add(destination, width * bytes)
        .add(source, depthStep)
        .add(left, -1);
    },
  );
}

/** Fills up to a multiple of DEPTH_STEP. */
function emitZeros(f: FuncBuilder, panelRow: number, destination: Local, depth: Local): void {
  f.while(
    () =>
      f
        .get(depth)
        .i32(DEPTH_STEP - 1)
        .op("i32.and"),
    () => {
      for (let offset = 0; offset < panelRow; offset += 16) f.get(destination).i32x4(0).store("v128.store", offset);
      f.add(destination, panelRow).add(depth, 1);
    },
  );
}
