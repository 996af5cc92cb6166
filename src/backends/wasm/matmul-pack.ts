/** Packing for matmul: some of a matrix's rows or columns side by side in a panel, which is read from end to end. */
import type { Element } from "./element.ts";
import type { Func, FuncBuilder, Local, ModuleBuilder } from "./module.ts";
import { emitTurned } from "./square.ts";
import { times } from "./walk.ts";

/** The type that products are summed in. */
export type SumLane = "i32" | "i64" | "f32" | "f64";
export type FloatLane = "f32" | "f64";

/** Bytes of an element as it is summed. */
export const laneBytes = (lane: SumLane): 4 | 8 => (lane === "f32" || lane === "i32" ? 4 : 8);

/** Elements of a vector. */
export const vectorWidth = (lane: SumLane): 2 | 4 => (lane === "f32" || lane === "i32" ? 4 : 2);

/** Whether elements are stored as they are summed. */
export const isDirect = (item: Element, lane: SumLane): boolean => item.lane === lane && item.bytes === laneBytes(lane);

/**
 * A function (destination, source, lines, depth, line step, depth step): `width` lines -> one panel with the elements
 * of one depth side by side. Lines beyond `lines` are zeros. Steps are in bytes.
 */
export function packPanel(module: ModuleBuilder, lane: SumLane, item: Element, width: number): Func {
  const types = ["i32", "i32", "i32", "i32", "i32", "i32"] as const;
  const bytes = laneBytes(lane);
  return module.func(null, types, [], (f, destination, source, lines, depth, lineStep, depthStep) => {
    if (isDirect(item, lane)) {
      f.get(lines).i32(width).op("i32.eq");
      f.if(() => {
        f.get(lineStep).i32(bytes).op("i32.eq");
        f.if(() => emitCopies(f, width * bytes, { destination, source, depth, depthStep }));
        if (width % vectorWidth(lane) === 0) {
          f.get(depthStep).i32(bytes).op("i32.eq").get(lineStep).i32(bytes).op("i32.ne").op("i32.and");
          f.if(() => emitSquares(f, lane, width, { destination, source, depth, lineStep }));
        }
      });
    }
    emitSingles(f, item, lane, width, { destination, source, lines, depth, lineStep, depthStep });
  });
}

interface Cursor {
  readonly destination: Local;
  readonly source: Local;
  /** Depth still to do. */
  readonly depth: Local;
}

/** Lines that lie side by side: vectors as they are, the last one over the end of the one before where it must. */
function emitCopies(
  f: FuncBuilder,
  bytes: number,
  { destination, source, depth, depthStep }: Cursor & { readonly depthStep: Local },
): void {
  f.while(
    () => f.get(depth),
    () => {
      for (let at = 0; at < bytes; at += 16) {
        const offset = Math.min(at, bytes - 16);
        f.get(destination).get(source).load("v128.load", offset).store("v128.store", offset);
      }
      f.add(destination, bytes).add(source, depthStep).add(depth, -1);
    },
  );
}

/** Lines each of which is dense: squares of vectors, turned. */
function emitSquares(
  f: FuncBuilder,
  lane: SumLane,
  width: number,
  { destination, source, depth, lineStep }: Cursor & { readonly lineStep: Local },
): void {
  const square = vectorWidth(lane);
  const panelRow = width * laneBytes(lane);
  const line = f.local("i32");
  const rows = Array.from({ length: square }, () => f.local("v128"));
  f.while(
    () => f.get(depth).i32(square).op("i32.ge_u"),
    () => {
      f.get(source).set(line);
      for (let first = 0; first < width; first += square) {
        for (const row of rows) {
          f.get(line).load("v128.load").set(row);
          f.add(line, lineStep);
        }
        emitTurned(f, rows).forEach((column, k) => {
          f.get(destination)
            .get(column)
            .store("v128.store", k * panelRow + first * laneBytes(lane));
        });
      }
      f.add(destination, square * panelRow)
        .add(source, 16)
        .add(depth, -square);
    },
  );
}

interface Single extends Cursor {
  readonly lines: Local;
  readonly lineStep: Local;
  readonly depthStep: Local;
}

/** Any strides, one element after another; also what the faster ways leave over. */
function emitSingles(f: FuncBuilder, item: Element, lane: SumLane, width: number, at: Single): void {
  const { destination, source, lines, depth, lineStep, depthStep } = at;
  const bytes = laneBytes(lane);
  const [line, to] = [f.local("i32"), f.local("i32")];
  f.while(
    () => f.get(depth),
    () => {
      for (let offset = 0; offset < width * bytes; offset += 8) {
        f.get(destination).i64(0).store("i64.store", offset);
      }
      f.get(source).set(line).get(destination).set(to);
      times(f, lines, () => {
        f.get(to).get(line);
        item.load(f);
        f.store(`${lane}.store`);
        f.add(line, lineStep).add(to, bytes);
      });
      f.add(destination, width * bytes)
        .add(source, depthStep)
        .add(depth, -1);
    },
  );
}
