/** Copies of matrices that lie the other way round: four rows and four columns at a time, turned in registers. */
import type { Dims } from "../../ir/collapse.ts";
import type { PointwiseKernel } from "../../ir/kernel.ts";
import type { WasmContext } from "./context.ts";
import { exported, type FuncBuilder, type Local, ModuleBuilder } from "./module.ts";
import { emitOdometer, readWords, skipDims, tableWords } from "./odometer.ts";
import { emitTurned } from "./square.ts";
import { copyOf } from "./walk.ts";

const ITEM = 4;
/** Rows and columns that are turned together: a cache line's elements. */
const BLOCK = 16;
const SQUARE = 4;
/** Below this many rows or columns a copy row by row is as good. */
const LEAST = 8;

/** Whether a kernel moves elements as they are. */
export const isCopy = ({ expr, inputs, output }: PointwiseKernel): boolean =>
  expr.op === "load" && expr.as === "lane" && inputs.length === 1 && inputs[0] === output && output !== "bool";

/** The dim along which the input is dense, where the result is dense along the last one; else -1. */
export function turnedDim({ shape, strides: [out, input] }: Dims): number {
  const last = shape.length - 1;
  if (last < 1 || out![last] !== 1 || input![last]! <= 1 || shape[last]! < LEAST) return -1;
  return shape.findIndex((size, dim) => dim !== last && size >= LEAST && input![dim] === 1);
}

/** The words that a turning copy reads; its first address is the second word. */
export function turnedWords({ shape, strides }: Dims, down: number): { words: number[]; rank: number } {
  const last = shape.length - 1;
  const kept = shape.map((_, dim) => dim).filter((dim) => dim !== down && dim !== last);
  const pick = (list: readonly number[]): number[] => kept.map((dim) => list[dim]!);
  const [out, input] = strides;
  const head = [shape[down]!, 0, 0, shape[last]!, out![down]! * ITEM, input![last]! * ITEM];
  const dims = { shape: pick(shape), strides: strides.map(pick) };
  return { words: tableWords(head, [{ dims, itemsizes: [ITEM, ITEM] }]), rank: kept.length };
}

/** `turn(table, rank)`; the table: rows, addresses of result and input, columns, steps of rows and columns in bytes. */
export function compileTurn(context: WasmContext): (table: number, rank: number) => void {
  const module = new ModuleBuilder(context.heap.shared);
  module.func("turn", ["i32", "i32"], [], (f, table, rank) => {
    const [rows, out, input, columns, rowStep, columnStep] = readWords(f, table, 0, 6);
    const m: Matrix = {
      rows: rows!,
      columns: columns!,
      out: out!,
      input: input!,
      rowStep: rowStep!,
      columnStep: columnStep!,
    };
    emitOdometer(f, skipDims(f, table, 6, null, 0), rank, [out!, input!], () => emitMatrix(f, m));
  });
  return exported(context.instantiate(module.finish()), "turn");
}

/** `out[r · rowStep + 4c] = input[4r + c · columnStep]`. */
interface Matrix {
  readonly rows: Local;
  readonly columns: Local;
  readonly out: Local;
  readonly input: Local;
  readonly rowStep: Local;
  readonly columnStep: Local;
}

function emitMatrix(f: FuncBuilder, m: Matrix): void {
  const left = f.local("i32");
  const [out, input] = [f.local("i32"), f.local("i32")];
  f.get(m.rows).set(left).get(m.out).set(out).get(m.input).set(input);
  for (const count of [BLOCK, SQUARE, 1]) {
    f.while(
      () => f.get(left).i32(count).op("i32.ge_u"),
      () => {
        emitRows(f, m, out, input, count);
        f.get(out).get(m.rowStep).i32(count).op("i32.mul").op("i32.add").set(out);
        f.add(input, count * ITEM).add(left, -count);
      },
    );
  }
}

/** All columns of `count` rows. The result is written along its rows, whole cache lines at a time. */
function emitRows(f: FuncBuilder, m: Matrix, out: Local, input: Local, count: number): void {
  const [left, to, from] = [f.local("i32"), f.local("i32"), f.local("i32")];
  f.get(m.columns).set(left).get(out).set(to).get(input).set(from);
  const move = (columns: number): void => {
    f.get(from).get(m.columnStep).i32(columns).op("i32.mul").op("i32.add").set(from);
    f.add(to, columns * ITEM).add(left, -columns);
  };
  if (count > 1) {
    f.while(
      () => f.get(left).i32(BLOCK).op("i32.ge_u"),
      () => {
        const row = copyOf(f, to);
        for (let first = 0; first < count; first += SQUARE) emitBand(f, m, row, from, first * ITEM);
        move(BLOCK);
      },
    );
  }
  f.while(
    () => f.get(left),
    () => {
      const row = copyOf(f, to);
      for (let k = 0; k < count; k++) {
        f.get(row)
          .get(from)
          .load("i32.load", k * ITEM)
          .store("i32.store")
          .add(row, m.rowStep);
      }
      move(1);
    },
  );
}

/** `BLOCK` columns of the four rows from `row` on, which moves to the next ones. */
function emitBand(f: FuncBuilder, m: Matrix, row: Local, from: Local, offset: number): void {
  const rows = Array.from({ length: SQUARE }, () => {
    const start = copyOf(f, row);
    f.add(row, m.rowStep);
    return start;
  });
  const column = copyOf(f, from);
  for (let first = 0; first < BLOCK; first += SQUARE) {
    const vectors = rows.map(() => {
      const vector = f.local("v128");
      f.get(column).load("v128.load", offset).set(vector);
      f.add(column, m.columnStep);
      return vector;
    });
    emitTurned(f, vectors).forEach((vector, k) => {
      f.get(rows[k]!)
        .get(vector)
        .store("v128.store", first * ITEM);
    });
  }
}
