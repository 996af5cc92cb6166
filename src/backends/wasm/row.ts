/** Row kernels: passes along one row after the other, while it is in the nearest cache. */
import { dtypes } from "../../core/dtype.ts";
import { laneDType, type RowKernel, type RowPass, type RowRun, type Rows } from "../../ir/kernel.ts";
import { advance, storeBytes, type Walk } from "./access.ts";
import type { WasmContext } from "./context.ts";
import { asLane, emitExpr, emitExprs, type Input } from "./emit.ts";
import { InputReader, outputBytes } from "./inputs.ts";
import { Formula, laneInfo } from "./lanes.ts";
import { exported, type FuncBuilder, type Local, ModuleBuilder } from "./module.ts";
import { readWords } from "./odometer.ts";
import { ranges, runTables, WORTH } from "./parallel.ts";
import { placeTable } from "./plans.ts";
import { emitBlocks, SLOTS } from "./reduce-rows.ts";
import { type Accumulator, accumulator } from "./reduce-state.ts";
import { copyOf } from "./walk.ts";

type Run = (table: number) => void;

/** Compiles a row kernel. */
export function row(kernel: RowKernel, context: WasmContext): RowRun {
  const run = compile(kernel, context);
  const { itemsize } = dtypes[laneDType[kernel.lane]];
  return (rows, length, out, inputs, kept, pieces = { count: 1, step: 0 }) => {
    if (rows === 0) return;
    const wordsOf = (from: number, to: number): number[] => {
      const start = ({ address, step }: Rows): number => address + from * step * itemsize;
      const operands = [out, ...inputs];
      return [
        ...[to - from, length, pieces.count, pieces.step * itemsize],
        ...operands.map(start),
        ...operands.map(({ step }) => step * itemsize),
        ...kept.map((address) => address + from * itemsize),
      ];
    };
    const parts = context.team.pieces(rows * length * pieces.count, WORTH);
    if (parts === 1) run(placeTable(context.heap, wordsOf(0, rows), 0, []));
    else {
      runTables(
        context,
        ranges(rows, parts).map(([from, to]) => ({ func: run, words: wordsOf(from, to), rest: [] })),
      );
    }
  };
}

/**
 * `row(table)`; the table: rows, elements of a piece, pieces of a row and their step in bytes, addresses and steps in
 * bytes of result and inputs, kept results.
 */
function compile(kernel: RowKernel, context: WasmContext): Run {
  const module = new ModuleBuilder(context.heap.shared);
  const operands = 1 + kernel.inputs.length;
  module.func("row", ["i32"], [], (f, table) => {
    const [rows, length, pieces, step, ...words] = readWords(f, table, 0, 4 + 2 * operands + kernel.kept);
    const addresses = words.slice(0, operands);
    const steps = words.slice(operands, 2 * operands);
    const kept = words.slice(2 * operands);
    f.while(
      () => f.get(rows!),
      () => {
        emitRow(f, kernel, { length: length!, pieces: pieces!, step: step! }, addresses, kept);
        addresses.forEach((address, k) => {
          f.add(address, steps[k]!);
        });
        for (const address of kept) f.add(address, dtypes[laneDType[kernel.lane]].itemsize);
        f.add(rows!, -1);
      },
    );
  });
  return exported<Run>(context.instantiate(module.finish()), "row");
}

/** Elements of a piece, pieces of a row, and bytes from one to the next. */
interface Extent {
  readonly length: Local;
  readonly pieces: Local;
  readonly step: Local;
}

function emitRow(
  f: FuncBuilder,
  kernel: RowKernel,
  extent: Extent,
  addresses: readonly Local[],
  kept: readonly Local[],
): void {
  const dtype = laneDType[kernel.lane];
  const results: Local[] = [];
  for (const pass of kernel.passes) {
    const walks = addresses.map((start, k): Walk => {
      const address = f.local("i32");
      f.get(start).set(address);
      return { dtype, walk: k > 0 && kernel.inputs[k - 1] === "b" ? "b" : "c", address, stride: null };
    });
    emitPass(f, kernel, pass, extent, walks, results);
  }
  kept.forEach((address, k) => {
    storeBytes(f, { dtype, walk: "c", address, stride: null }, [results[k]!], 1);
  });
}

/** Walks along the row once; adds the pass's reductions to `results`, each in all lanes of a vector. */
function emitPass(
  f: FuncBuilder,
  kernel: RowKernel,
  pass: RowPass,
  extent: Extent,
  [out, ...inputs]: readonly Walk[],
  results: Local[],
): void {
  const { width } = laneInfo[kernel.lane];
  const sources = [...inputs, out!];
  const reduced = pass.reduce.flatMap(({ combine, of }) => (of === null ? [] : [{ combine, of }]));
  const exprs = [...reduced.map(({ of }) => of), ...(pass.store === null ? [] : [pass.store])];
  const fixed = new InputReader(new Formula(f, kernel.lane, 1), sources);
  for (const expr of exprs) fixed.readFixed(expr);
  const reading = (reader: InputReader): Input => {
    return (index, as) => (index < sources.length ? reader.input(index, as) : results[index - sources.length]!);
  };
  const states = reduced.map(({ combine }) => accumulator(f, { combine, lane: kernel.lane }, SLOTS));
  for (const state of states) state.start();
  const step = (count: number, slot: number, once: boolean): void => {
    const v = new Formula(f, kernel.lane, count);
    const values = emitExprs(v, exprs, reading(new InputReader(v, sources, slot * width, fixed)));
    states.forEach((state, k) => {
      if (once) state.takeOnce(v, values[k]!, 0);
      else state.take(slot, values[k]!, 0);
    });
    if (pass.store !== null) storeBytes(f, out!, outputBytes(v, values.at(-1)!, out!.dtype), count, slot * width);
  };
  if (exprs.length > 0) {
    emitPieces(f, sources, extent, () =>
      emitPiece(f, sources, extent.length, width, step, () => {
        for (const state of states) state.flush();
      }),
    );
  }
  emitResults(f, kernel, pass, states, reading, sources, results);
}

/** Runs `body` for each piece of the row; the walks that move have gone along a piece when it ends. */
function emitPieces(f: FuncBuilder, walks: readonly Walk[], { pieces, step }: Extent, body: () => void): void {
  const left = f.local("i32");
  const moving = walks.filter(({ walk }) => walk === "c");
  f.get(pieces).set(left);
  f.loop((again) => {
    const starts = moving.map(({ address }) => copyOf(f, address));
    body();
    moving.forEach(({ address }, k) => {
      f.get(starts[k]!).get(step).op("i32.add").set(address);
    });
    f.get(left).i32(1).op("i32.sub").tee(left).brIf(again);
  });
}

function emitPiece(
  f: FuncBuilder,
  walks: readonly Walk[],
  length: Local,
  width: number,
  step: (count: number, slot: number, once: boolean) => void,
  flush: () => void,
): void {
  const move = (count: number): void => {
    for (const walk of walks) advance(f, walk, count);
  };
  const n = copyOf(f, length);
  emitBlocks(
    f,
    n,
    width,
    (slot) => step(width, slot, false),
    () => move(SLOTS * width),
    flush,
  );
  for (const count of [width, 1]) {
    f.while(
      () => f.get(n).i32(count).op("i32.ge_u"),
      () => {
        step(count, 0, true);
        move(count);
        f.add(n, -count);
      },
    );
  }
}

function emitResults(
  f: FuncBuilder,
  kernel: RowKernel,
  pass: RowPass,
  states: readonly Accumulator[],
  reading: (reader: InputReader) => Input,
  sources: readonly Walk[],
  results: Local[],
): void {
  const v = new Formula(f, kernel.lane, 1);
  const spread = (vector: Local): Local => v.let(v.splat(() => v.extract(vector, 0)));
  const ready = [...states];
  pass.reduce.forEach(({ of, post }) => {
    results.push(of === null ? v.variable() : spread(v.let(asLane(v, ready.shift()!.row()))));
    if (post === null) return;
    const value = emitExpr(v, post, reading(new InputReader(v, sources)));
    results[results.length - 1] = spread(v.let(asLane(v, value)));
  });
}
