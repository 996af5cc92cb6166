/** Reductions down columns: neighbouring results side by side, several vectors of them at a time. */
import type { OperandClass, ReduceKernel } from "../../ir/kernel.ts";
import { advance, type Walk } from "./access.ts";
import { emitExpr } from "./emit.ts";
import { InputReader } from "./inputs.ts";
import { Formula, laneInfo, type Term } from "./lanes.ts";
import type { FuncBuilder, Local, ModuleBuilder } from "./module.ts";
import { emitOdometer, readWords, skipDims } from "./odometer.ts";
import { storeState } from "./reduce-result.ts";
import { type Accumulator, accumulator, isArg } from "./reduce-state.ts";

/** Vectors side by side: what a cache line of float32 holds. */
const GROUP = 4;
/** Rows of one block, after which float sums move on to float64 or carry their errors. */
const BLOCK = 128;

interface Columns {
  readonly kernel: ReduceKernel;
  /** Rows in a run, a stride in bytes per input from row to row. */
  readonly rows: Local;
  readonly steps: readonly Local[];
  /** Elements combined. */
  readonly count: Local;
  readonly out: Walk;
  readonly inputs: readonly Walk[];
  readonly innerTable: Local;
  readonly innerRank: Local;
}

/**
 * `reduce(table, innerRank, outerRank)`; the table: columns, the output's stride in bytes, rows in a run, a stride in
 * bytes per input, elements combined, addresses of the output and the inputs, inner dims, outer dims.
 */
export function columnFunction(module: ModuleBuilder, kernel: ReduceKernel, classes: string): void {
  const operands = kernel.inputs.length;
  const head = 5 + 2 * operands;
  module.func("reduce", ["i32", "i32", "i32"], [], (f, table, innerRank, outerRank) => {
    const [columns, outStride, rows, ...words] = readWords(f, table, 0, head);
    const steps = words.slice(0, operands);
    const [count, ...addresses] = words.slice(operands);
    const cursors = addresses.map(() => f.local("i32"));
    const walkOf = (k: number, dtype: Walk["dtype"], stride: Local | null): Walk => {
      const walk = classes[k] as OperandClass;
      return { dtype, walk, address: cursors[k]!, stride: walk === "s" ? stride : null };
    };
    const outer = skipDims(f, table, head, innerRank, operands);
    const all: Columns = {
      kernel,
      rows: rows!,
      steps,
      count: count!,
      out: walkOf(0, kernel.output, outStride!),
      inputs: kernel.inputs.map((dtype, k) => walkOf(k + 1, dtype, null)),
      innerTable: skipDims(f, table, head, null, 0),
      innerRank,
    };
    const left = f.local("i32");
    emitOdometer(f, outer, outerRank, addresses, () => {
      f.get(columns!).set(left);
      cursors.forEach((cursor, k) => {
        f.get(addresses[k]!).set(cursor);
      });
      const { width } = laneInfo[kernel.lane];
      emitColumns(f, all, left, width, isArg(kernel.combine) ? 1 : GROUP);
      emitColumns(f, all, left, width, 1);
      emitColumns(f, all, left, 1, 1);
    });
  });
}

/** While enough columns are left, reduces `vectors` vectors of `width` columns. */
function emitColumns(f: FuncBuilder, all: Columns, left: Local, width: number, vectors: number): void {
  const { kernel, out, inputs, count } = all;
  const v = new Formula(f, kernel.lane, width);
  const states = Array.from({ length: vectors }, () => accumulator(f, kernel, 1));
  f.while(
    () =>
      f
        .get(left)
        .i32(width * vectors)
        .op("i32.ge_u"),
    () => {
      for (const state of states) state.start();
      emitRows(v, all, states);
      for (const state of states) {
        storeState(v, kernel, state, { which: "columns", count, out });
        advance(f, out, width);
      }
      for (const input of inputs) advance(f, input, width * vectors);
      f.add(left, -width * vectors);
    },
  );
}

/** Takes in all rows of some columns. */
function emitRows(v: Formula, all: Columns, states: readonly Accumulator[]): void {
  const { f } = v;
  const { kernel, inputs, innerTable, innerRank } = all;
  const arg = isArg(kernel.combine);
  const position = f.local("i32");
  if (arg) f.i32(0).set(position);
  const starts = inputs.map(({ address }) => {
    const start = f.local("i32");
    f.get(address).set(start);
    return start;
  });
  const at: Term = v.masks().splat(() => {
    f.get(position);
    if (laneInfo[v.lane].width === 2) f.op("i64.extend_i32_u");
  });
  emitOdometer(f, innerTable, innerRank, starts, () => {
    const walks = inputs.map((input, k): Walk => {
      const address = f.local("i32");
      f.get(starts[k]!).set(address);
      return { ...input, address };
    });
    emitBlocks(
      f,
      all.rows,
      () => {
        states.forEach((state, k) => {
          const reader = new InputReader(v, walks, k * v.active);
          state.take(0, emitExpr(v, kernel.pre, reader.input), at);
        });
        walks.forEach(({ address }, k) => {
          f.add(address, all.steps[k]!);
        });
        if (arg) f.add(position, 1);
      },
      () => {
        for (const state of states) state.flush();
      },
    );
  });
}

/** Runs `row` for each row, and `flush` after each block of rows. */
function emitBlocks(f: FuncBuilder, rows: Local, row: () => void, flush: () => void): void {
  const [n, left] = [f.local("i32"), f.local("i32")];
  f.get(rows).set(n);
  f.while(
    () => f.get(n),
    () => {
      f.get(n).i32(BLOCK).get(n).i32(BLOCK).op("i32.lt_u").select().set(left);
      f.get(n).get(left).op("i32.sub").set(n);
      f.loop((again) => {
        row();
        f.get(left).i32(1).op("i32.sub").tee(left).brIf(again);
      });
      flush();
    },
  );
}
