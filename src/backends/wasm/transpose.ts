/** Copies of matrices that lie the other way round: four rows and four columns at a time, turned in registers. */
import type { Dims } from "../../ir/collapse.ts";
import type { PointwiseKernel } from "../../ir/kernel.ts";
import type { WasmContext } from "./context.ts";
import { exported, type FuncBuilder, type Local, ModuleBuilder } from "./module.ts";
import { emitOdometer, readWords, skipDims, tableWords } from "./odometer.ts";
import { emitTurned } from "./square.ts";

const ITEM = 4;
/** Columns that are walked together: their cache lines stay in reach where rows lie a power of two apart. */
const BLOCK = 16;
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
  f.get(m.columns).set(left).get(m.out).set(out).get(m.input).set(input);
  for (const width of [BLOCK, 1]) {
    f.while(
      () => f.get(left).i32(width).op("i32.ge_u"),
      () => {
        emitColumns(f, m, out, input, width);
        f.add(out, width * ITEM).add(left, -width);
        f.get(input).get(m.columnStep).i32(width).op("i32.mul").op("i32.add").set(input);
      },
    );
  }
}

/** All rows of `width` columns. */
function emitColumns(f: FuncBuilder, m: Matrix, out: Local, input: Local, width: number): void {
  const left = f.local("i32");
  const to = f.local("i32");
  const from = Array.from({ length: width }, () => f.local("i32"));
  f.get(m.rows).set(left).get(out).set(to);
  from.forEach((column, k) => {
    f.get(k === 0 ? input : from[k - 1]!);
    if (k > 0) f.get(m.columnStep).op("i32.add");
    f.set(column);
  });
  const move = (rows: number): void => {
    for (const column of from) f.add(column, rows * ITEM);
    f.add(left, -rows);
  };
  if (width > 1) {
    f.while(
      () => f.get(left).i32(4).op("i32.ge_u"),
      () => {
        const starts = Array.from({ length: 4 }, (_, row) => {
          const start = f.local("i32");
          if (row === 0) f.get(to).set(start);
          return start;
        });
        for (let row = 1; row < 4; row++)
          f.get(starts[row - 1]!)
            .get(m.rowStep)
            .op("i32.add")
            .set(starts[row]!);
        for (let k = 0; k < width; k += 4) emitSquare(f, from.slice(k, k + 4), starts, k * ITEM);
        f.get(starts[3]!).get(m.rowStep).op("i32.add").set(to);
        move(4);
      },
    );
  }
  f.while(
    () => f.get(left),
    () => {
      from.forEach((column, k) => {
        f.get(to)
          .get(column)
          .load("i32.load")
          .store("i32.store", k * ITEM);
      });
      f.add(to, m.rowStep);
      move(1);
    },
  );
}

/** Four elements of four columns, to four rows. */
function emitSquare(f: FuncBuilder, columns: readonly Local[], rows: readonly Local[], offset: number): void {
  const vectors = columns.map((column) => {
    const vector = f.local("v128");
    f.get(column).load("v128.load").set(vector);
    return vector;
  });
  emitTurned(f, vectors).forEach((vector, k) => {
    f.get(rows[k]!).get(vector).store("v128.store", offset);
  });
}
