/** Matmul: batched, with operands as they lie, by packed panels, by vectors or by plain loops, whichever fits. */
import { NotImplementedError } from "../../core/errors.ts";
import type { MatmulKernel, MatmulRun } from "../../ir/kernel.ts";
import type { WasmContext } from "./context.ts";
import { type Element, element } from "./element.ts";
import { arrange, type Problem } from "./matmul-arrange.ts";
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
  return (batch, m, n, k, out, a, b, alpha, beta) => {
    if (m === 0 || n === 0 || batch.includes(0)) return;
    const problem = arrange(batch, m, n, k, out, a, b);
    const scale = k === 0 ? 0 : alpha; // an empty sum, whatever alpha is
    if (tiled === null || k === 0) runPlain(ctx, item, plain, problem, scale, beta);
    else if (vector !== null && problem.n === 1 && suitsVector(problem)) {
      runVector(ctx, item, vector, problem, scale, beta);
    } else if (problem.m * problem.n * k < SMALL) runPlain(ctx, item, plain, problem, scale, beta);
    else runTiled(ctx, item, tiled, problem, scale, beta);
  };
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

function runPlain(
  { heap }: WasmContext,
  { bytes }: Element,
  plain: MatmulFunction,
  problem: Problem,
  alpha: number,
  beta: number,
): void {
  withTable(heap, productTable(problem, bytes, []), (table) => plain(table, alpha, beta));
}

function runVector(
  { heap }: WasmContext,
  { bytes }: Element,
  vector: MatmulFunction,
  problem: Problem,
  alpha: number,
  beta: number,
): void {
  const buffer = problem.b.row === 1 ? 0 : heap.alloc(problem.k * bytes);
  withTable(heap, productTable(problem, bytes, [buffer]), (table) => vector(table, alpha, beta));
  if (buffer !== 0) heap.free(buffer);
}

const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step;

function runTiled(
  { heap }: WasmContext,
  { bytes, lane }: Element,
  tiled: MatmulFunction,
  problem: Problem,
  alpha: number,
  beta: number,
): void {
  const { m, n, k } = problem;
  const float = lane === "f64" ? "f64" : "f32";
  const packedBytes = float === "f64" ? 8 : 4;
  const depth = roundUp(Math.min(k, BLOCK_DEPTH), DEPTH_STEP);
  const rows = depth * roundUp(Math.min(m, blockRows(float)), TILE_ROWS) * packedBytes;
  const columns = depth * roundUp(Math.min(n, blockColumns(float)), tileColumns(float)) * packedBytes;
  const wide = bytes === 2 ? m * n * packedBytes : 0; // halves are summed in float32 before they are rounded
  const buffer = heap.alloc(SPILL_BYTES + rows + columns + wide);
  const buffers = [buffer, buffer + SPILL_BYTES, buffer + SPILL_BYTES + rows];
  buffers.push(buffers[2]! + columns);
  withTable(heap, productTable(problem, bytes, buffers), (table) => tiled(table, alpha, beta));
  heap.free(buffer);
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
