/** Matmul: batched, with operands as they lie, by packed panels, by vectors or by plain loops, whichever fits. */
import { NotImplementedError } from "../../core/errors.ts";
import type { MatmulKernel, MatmulRun } from "../../ir/kernel.ts";
import type { WasmContext } from "./context.ts";
import { type Element, element } from "./element.ts";
import { arrange, cutProblem, type Problem } from "./matmul-arrange.ts";
import {
  emitColumnsTimesVector,
  emitGatherColumn,
  emitPlainProduct,
  emitResult,
  emitRowsTimesVector,
} from "./matmul-direct.ts";
import { DEPTH_STEP, type FloatLane } from "./matmul-pack.ts";
import {
  BLOCK_DEPTH,
  type Buffers,
  blockColumns,
  blockRows,
  emitProduct,
  type Product,
  TILE_ROWS,
  tileColumns,
  tileFunctions,
} from "./matmul-tile.ts";
import { exported, type FuncBuilder, type Local, ModuleBuilder } from "./module.ts";
import { runTables, WORTH_PRODUCTS } from "./parallel.ts";
import { collapse, copyOf, type Dims, openWalk, times, walkTable, withTable } from "./walk.ts";

type MatmulFunction = (table: number, alpha: number, beta: number) => void;

/** Products of fewer multiplications than this are done before panels are packed. */
const SMALL = 1200;
const SPILL_BYTES = 128;

/** Compiles a matmul. */
export function matmul(kernel: MatmulKernel, ctx: WasmContext): MatmulRun {
  if (kernel.dtype === "bool") throw new NotImplementedError(`"matmul" not implemented for 'Bool'`);
  const module = new ModuleBuilder(ctx.heap.shared);
  const item = element(module, kernel.dtype);
  const { lane } = item;
  emitPlain(module, item);
  if (lane === "f32" || lane === "f64") emitTiled(module, item, lane, ctx.relaxed);
  const half = item.bytes === 2;
  if (!half && (lane === "f32" || lane === "f64")) emitVector(module, item, lane, ctx.relaxed);
  const exports = ctx.instantiate(module.finish());
  const plain = exported<MatmulFunction>(exports, "plain");
  const tiled = lane === "f32" || lane === "f64" ? exported<MatmulFunction>(exports, "tiled") : null;
  const vector = tiled !== null && !half ? exported<MatmulFunction>(exports, "vector") : null;
  const ways = {
    plain: plainWay(plain),
    vector: vector === null ? null : vectorWay(vector),
    tiled: tiled === null ? null : tiledWay(tiled, item),
  };
  const wayOf = (problem: Problem): Way => {
    const { m, n, k } = problem;
    if (ways.tiled === null || k === 0) return ways.plain;
    if (ways.vector !== null && n === 1 && suitsVector(problem)) return ways.vector;
    return m * n * k < SMALL ? ways.plain : ways.tiled;
  };
  return (batch, m, n, k, out, a, b, alpha, beta) => {
    if (m === 0 || n === 0 || batch.includes(0)) return;
    const problem = arrange(batch, m, n, k, out, a, b);
    const scale = k === 0 ? 0 : alpha; // an empty sum, whatever alpha is
    runWay(ctx, item, wayOf(problem), problem, scale, beta);
  };
}

/** A function for a product, and what buffers it needs. */
interface Way {
  readonly func: MatmulFunction;
  /** Bytes of the buffers together. */
  bytes(problem: Problem, itemsize: number): number;
  /** Where the single buffers begin. */
  buffers(problem: Problem, at: number): number[];
}

/** A matrix times a column pays by vectors when the matrix is dense one way, and the result is not tiny. */
function suitsVector({ m, k, a }: Problem): boolean {
  return (a.column === 1 && k >= 16) || (a.row === 1 && m >= 16);
}

const itemBytes: Readonly<Record<number, readonly number[]>> = {
  1: [1, 1, 1],
  2: [2, 2, 2],
  4: [4, 4, 4],
  8: [8, 8, 8],
};

/** The table of a product: the batch dims, then sizes and matrix steps in bytes, then buffers. */
function productTable({ batch, m, n, k, out, a, b }: Problem, bytes: number, buffers: readonly number[]): number[] {
  const dims: Dims = collapse(batch, [out.batch, a.batch, b.batch], itemBytes[bytes]!);
  const extra = [m, n, k, out.row, out.column, a.row, a.column, b.row, b.column];
  for (let i = 3; i < 9; i++) extra[i]! *= bytes;
  for (let i = 0; i < buffers.length; i++) extra.push(buffers[i]!);
  return walkTable(dims, [out.address, a.address, b.address], extra);
}

const plainWay = (func: MatmulFunction): Way => ({ func, bytes: () => 0, buffers: () => [] });

const vectorWay = (func: MatmulFunction): Way => ({
  func,
  bytes: ({ b, k }, itemsize) => (b.row === 1 ? 0 : k * itemsize),
  buffers: ({ b }, at) => [b.row === 1 ? 0 : at],
});

const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step;

function tiledWay(func: MatmulFunction, { bytes, lane }: Element): Way {
  const float = lane === "f64" ? "f64" : "f32";
  const packedBytes = float === "f64" ? 8 : 4;
  const panels = ({ m, n, k }: Problem): { readonly rows: number; readonly columns: number } => {
    const depth = roundUp(Math.min(k, BLOCK_DEPTH), DEPTH_STEP) * packedBytes;
    return {
      rows: depth * roundUp(Math.min(m, blockRows(float)), TILE_ROWS),
      columns: depth * roundUp(Math.min(n, blockColumns(float)), tileColumns(float)),
    };
  };
  return {
    func,
    bytes: (problem) => {
      const { rows, columns } = panels(problem);
      const wide = bytes === 2 ? problem.m * problem.n * packedBytes : 0; // halves are summed in float32, rounded once
      return SPILL_BYTES + rows + columns + wide;
    },
    buffers: (problem, at) => {
      const { rows, columns } = panels(problem);
      return [at, at + SPILL_BYTES, at + SPILL_BYTES + rows, at + SPILL_BYTES + rows + columns];
    },
  };
}

function runWay(ctx: WasmContext, item: Element, way: Way, problem: Problem, alpha: number, beta: number): void {
  const { heap, team } = ctx;
  let work = problem.m * problem.n * problem.k;
  for (const size of problem.batch) work *= size;
  const pieces = team.pieces(work, WORTH_PRODUCTS, 2);
  const parts = pieces === 1 ? [problem] : cutProblem(problem, pieces, item.bytes);
  const sizes = parts.map((part) => roundUp(way.bytes(part, item.bytes), 64));
  const total = sizes.reduce((a, b) => a + b);
  const buffer = total === 0 ? 0 : heap.alloc(total);
  let at = buffer;
  const tables = parts.map((part, i) => {
    const words = productTable(part, item.bytes, way.buffers(part, at));
    at += sizes[i]!;
    return words;
  });
  if (tables.length === 1) withTable(heap, tables[0]!, (table) => way.func(table, alpha, beta));
  else
    runTables(
      ctx,
      tables.map((words) => ({ func: way.func, words, rest: [alpha, beta] })),
    );
  if (buffer !== 0) heap.free(buffer);
}

/** A function (table, alpha, beta) whose body runs for each batch, with variables for the product and buffers. */
function eachProduct(
  module: ModuleBuilder,
  name: string,
  item: Element,
  buffers: number,
  body: (f: FuncBuilder, product: Product, buffers: readonly Local[]) => void,
): void {
  const scalar = item.lane === "f32" ? "f32" : "f64";
  module.func(name, ["i32", scalar, scalar], [], (f, table, alphaNumber, betaNumber) => {
    const alpha = asLane(f, item, alphaNumber);
    const beta = asLane(f, item, betaNumber);
    const walk = openWalk(f, table, 3, 9 + buffers);
    const extra = (i: number): Local => walk.extra[i]!;
    const sizes = { m: extra(0), n: extra(1), k: extra(2), outRow: extra(3), outColumn: extra(4) };
    const steps = { aRow: extra(5), aDepth: extra(6), bDepth: extra(7), bColumn: extra(8) };
    walk.run(() => {
      const [out, a, b] = walk.addresses.map((address) => copyOf(f, address)) as [Local, Local, Local];
      times(f, walk.inner, () => {
        body(f, { ...sizes, ...steps, out, a, b, alpha, beta }, walk.extra.slice(9));
        for (const [i, address] of [out, a, b].entries()) f.add(address, walk.steps[i]!);
      });
    });
  });
}

/** Integers take alpha and beta as float64 and drop their fractions. */
function asLane(f: FuncBuilder, { lane }: Element, value: Local): Local {
  if (lane === "f32" || lane === "f64") return value;
  const local = f.local(lane);
  f.get(value).op(`${lane}.trunc_sat_f64_s`).set(local);
  return local;
}

function emitPlain(module: ModuleBuilder, item: Element): void {
  eachProduct(module, "plain", item, 0, (f, product) => emitPlainProduct(f, item, product));
}

function emitVector(module: ModuleBuilder, item: Element, lane: FloatLane, relaxed: boolean): void {
  eachProduct(module, "vector", item, 1, (f, product, [buffer]) => {
    const step = f.local("i32");
    const b = copyOf(f, product.b);
    f.get(product.bDepth).set(step);
    f.get(buffer!).if(() => {
      emitGatherColumn(f, item, product.b, product.bDepth, product.k, buffer!);
      f.get(buffer!).set(b).i32(item.bytes).set(step);
    });
    const dense = { ...product, b, bDepth: step };
    f.get(product.aDepth).i32(item.bytes).op("i32.eq");
    f.if(
      () => emitRowsTimesVector(f, item, lane, relaxed, dense),
      () => emitColumnsTimesVector(f, item, lane, relaxed, dense),
    );
  });
}

function emitTiled(module: ModuleBuilder, item: Element, lane: FloatLane, relaxed: boolean): void {
  const functions = tileFunctions(module, { lane, item, relaxed });
  eachProduct(module, "tiled", item, 4, (f, product, locals) => {
    const [spill, rows, columns, wide] = locals as readonly [Local, Local, Local, Local];
    const buffers: Buffers = { spill, rows, columns };
    if (item.bytes === 2) emitWideProduct(f, functions, item, product, buffers, wide);
    else emitProduct(f, functions, product, buffers);
  });
}

/** Sums in float32, then scales and rounds once. */
function emitWideProduct(
  f: FuncBuilder,
  functions: ReturnType<typeof tileFunctions>,
  item: Element,
  p: Product,
  buffers: Buffers,
  wide: Local,
): void {
  const [one, zero, four, row] = [f.local("f32"), f.local("f32"), f.local("i32"), f.local("i32")];
  f.f32(1).set(one).i32(4).set(four).get(p.n).i32(4).op("i32.mul").set(row);
  const dense = { ...p, out: wide, outRow: row, outColumn: four, alpha: one, beta: zero };
  emitProduct(f, functions, dense, buffers);
  const [from, line, cell, sum] = [copyOf(f, wide), copyOf(f, p.out), f.local("i32"), f.local("f32")];
  times(f, p.m, () => {
    f.get(line).set(cell);
    times(f, p.n, () => {
      f.get(from).load("f32.load").set(sum);
      emitResult(f, item, cell, sum, p.alpha, p.beta);
      f.add(from, 4).add(cell, p.outColumn);
    });
    f.add(line, p.outRow);
  });
}
