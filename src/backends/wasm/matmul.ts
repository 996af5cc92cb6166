/** Matmul: batched, with operands as they lie, by strips and panels, by vectors or by plain loops, whichever fits. */

import { dtypes } from "../../core/dtype.ts";
import { NotImplementedError } from "../../core/errors.ts";
import type { MatmulKernel, MatmulRun, Operand } from "../../ir/kernel.ts";
import type { WasmContext } from "./context.ts";
import { type Element, element } from "./element.ts";
import { arrange, cutProblem, type Problem, separateColumns, turn } from "./matmul-arrange.ts";
import { emitColumnsTimesVector, emitGatherColumn, emitPlainProduct, emitRowsTimesVector } from "./matmul-direct.ts";
import { isDirect, laneBytes } from "./matmul-pack.ts";
import { plan } from "./matmul-plan.ts";
import { type Blocking, emitProduct, type Product, type ProductFunctions, productFunctions } from "./matmul-product.ts";
import { emitElement, SPILL_BYTES } from "./matmul-strip.ts";
import { exported, type FuncBuilder, type Local, ModuleBuilder } from "./module.ts";
import { numelOf, runTables, WORTH_PRODUCTS } from "./parallel.ts";
import { Plans, placeTable } from "./plans.ts";
import { collapse, copyOf, type Dims, openWalk, times, walkTable } from "./walk.ts";

type MatmulFunction = (table: number, alpha: number, beta: number) => void;

/** Products of fewer multiplications than this are done one dot product after another. */
const SMALL = 1200;

/** Compiles a matmul; each of its ways is a module, made at its first use. */
export function matmul(kernel: MatmulKernel, ctx: WasmContext): MatmulRun {
  if (kernel.dtype === "bool") throw new NotImplementedError(`"matmul" not implemented for 'Bool'`);
  const { lane, itemsize: bytes } = dtypes[kernel.dtype];
  const ways = waysOf(kernel, ctx);
  const wayOf = (problem: Problem): Way => {
    if (problem.m < problem.n && problem.m <= FEW_COLUMNS) turn(problem);
    const { m, n, k } = problem;
    if (k === 0) return ways.plain();
    if ((lane === "f32" || lane === "f64") && bytes > 2 && suitsVector(problem)) return ways.vector();
    return m * n * k < SMALL ? ways.plain() : ways.tiled();
  };
  const plans = new Plans<readonly Plan[]>();
  return (batch, m, n, k, out, a, b, alpha, beta, addend = out) => {
    const work = numelOf(batch) * m * n * k;
    if (m === 0 || n === 0 || (work === 0 && batch.includes(0))) return;
    const operands = [out, a, b, beta === 0 ? out : addend];
    const pieces = ctx.team.pieces(work, WORTH_PRODUCTS, 2);
    const inner = [m, n, k, pieces];
    let parts = plans.find(operands, batch, inner);
    if (parts === null) {
      const problem = arrange(batch, m, n, k, out, a, b, operands[3]);
      const way = wayOf(problem); // before it is cut: the order of a sum depends on the way
      const cut = pieces === 1 ? [problem] : cutProblem(problem, pieces);
      const planned = cut.map((part) => planOf(way, part, bytes));
      parts = plans.keep(planned, operands, batch, inner);
    }
    const scale = k === 0 ? 0 : alpha; // an empty sum, whatever alpha is
    runParts(ctx, parts, operands, [scale, beta]);
  };
}

type Ways = Readonly<Record<"plain" | "vector" | "tiled", () => Way>>;

function waysOf({ dtype }: MatmulKernel, ctx: WasmContext): Ways {
  const made = (emit: (module: ModuleBuilder, item: Element) => (func: MatmulFunction) => Way): (() => Way) => {
    let way: Way | undefined;
    return () => {
      if (way === undefined) {
        const module = new ModuleBuilder(ctx.heap.shared);
        const make = emit(module, element(module, dtype));
        way = make(exported(ctx.instantiate(module.finish()), NAME));
      }
      return way;
    };
  };
  return {
    plain: made((module, item) => {
      eachProduct(module, item, 0, (f, product) => emitPlainProduct(f, item, product));
      return (func) => ({ func, prepare: () => nothing });
    }),
    vector: made((module, item) => {
      emitVector(module, item, ctx.relaxed);
      return (func) => vectorWay(func, item);
    }),
    tiled: made((module, item) => {
      const half = item.bytes === 2 && item.lane === "f32";
      emitTiled(module, item, half, ctx.relaxed);
      return (func) => tiledWay(func, item, half);
    }),
  };
}

/** What a way's function is exported as. */
const NAME = "product";

/** A function for a product, and what it needs for one. */
interface Way {
  readonly func: MatmulFunction;
  prepare(problem: Problem): Prepared;
}

/** Bytes of the buffers together, and the function's own words: those of `places` are relative to the buffers. */
interface Prepared {
  readonly bytes: number;
  readonly words: readonly number[];
  readonly places: readonly number[];
}

/** A call as far as the operands' layouts say it. */
interface Plan {
  readonly func: MatmulFunction;
  readonly words: readonly number[];
  /** Per side, which operand it is, and bytes behind its address. */
  readonly sides: readonly { readonly operand: number; readonly bytes: number }[];
  readonly bufferBytes: number;
  /** The words that are relative to the buffers. */
  readonly places: readonly number[];
}

/** The columns that are still done one after another. */
const FEW_COLUMNS = 3;

/** A matrix times a few columns pays by vectors when the matrix is dense one way, and the result is not tiny. */
function suitsVector({ m, n, k, a }: Problem): boolean {
  return n <= FEW_COLUMNS && ((a.column === 1 && k >= 16) || (a.row === 1 && m >= 16));
}

const HEAD_WORDS = 11;
/** Where the addresses stand in a table. */
const ADDRESSES = 2;

function planOf({ func, prepare }: Way, problem: Problem, bytes: number): Plan {
  const { bytes: bufferBytes, words: own, places } = prepare(problem); // may turn the problem
  const { batch, m, n, k, out, a, b, old } = problem;
  const sides = [out, a, b, old];
  const dims: Dims = collapse(
    batch,
    sides.map((side) => side.batch),
    [bytes, bytes, bytes, bytes],
  );
  const steps = [out.row, out.column, a.row, a.column, b.row, b.column, old.row, old.column];
  const words = walkTable(dims, [0, 0, 0, 0], [m, n, k, ...steps.map((step) => step * bytes), ...own]);
  const first = ADDRESSES + 2 * sides.length + HEAD_WORDS;
  return {
    func,
    words,
    sides: sides.map(({ operand, offset }) => ({ operand, bytes: offset * bytes })),
    bufferBytes,
    places: places.map((place) => first + place),
  };
}

const nothing: Prepared = { bytes: 0, words: [], places: [] };

const vectorWay = (func: MatmulFunction, { bytes }: Element): Way => ({
  func,
  prepare: (problem) => {
    if (problem.n > 1) separateColumns(problem);
    const { b, k } = problem;
    return b.row === 1 ? { ...nothing, words: [0] } : { bytes: k * bytes, words: [0], places: [0] };
  },
});

function tiledWay(func: MatmulFunction, item: Element, half: boolean): Way {
  const direct = isDirect(item, item.lane);
  return {
    func,
    prepare: (problem) => {
      const { depth, packsRows, inPlace, stripBytes, panelBytes } = plan(problem, item.lane, direct);
      const panels = SPILL_BYTES + stripBytes;
      const wide = half ? problem.m * problem.n * laneBytes(item.lane) : 0; // summed in float32, rounded once
      return {
        bytes: panels + panelBytes + wide,
        words: [depth, packsRows ? SPILL_BYTES : 0, inPlace ? 1 : 0, panels, 0, panels + panelBytes],
        places: packsRows ? [1, 3, 4, 5] : [3, 4, 5],
      };
    },
  };
}

function runParts(
  ctx: WasmContext,
  parts: readonly Plan[],
  operands: readonly Operand[],
  [alpha, beta]: readonly [number, number],
): void {
  const { heap } = ctx;
  let total = 0;
  for (const { bufferBytes } of parts) total += (bufferBytes + 63) & -64;
  const buffers = total === 0 ? 0 : heap.alloc(total);
  if (parts.length === 1) {
    const [part] = parts as readonly [Plan];
    const table = placeTable(heap, part.words, 0, []);
    fillTable(heap.i32, table / 4, part, operands, buffers);
    part.func(table, alpha, beta);
  } else {
    let at = buffers;
    const calls = parts.map((part) => {
      const words = [...part.words];
      fillTable(words, 0, part, operands, at);
      at += (part.bufferBytes + 63) & -64;
      return { func: part.func, words, rest: [alpha, beta] };
    });
    runTables(ctx, calls);
  }
  if (buffers !== 0) heap.free(buffers);
}

/** Writes addresses into a table that begins at `at`. */
function fillTable(
  words: { [i: number]: number },
  at: number,
  { sides, places }: Plan,
  operands: readonly Operand[],
  buffers: number,
): void {
  for (let i = 0; i < sides.length; i++) {
    const { operand, bytes } = sides[i]!;
    words[at + ADDRESSES + i] = operands[operand]!.address + bytes;
  }
  for (let i = 0; i < places.length; i++) words[at + places[i]!]! += buffers;
}

/** The function (table, alpha, beta) whose body runs for each batch, with variables for the product and its way. */
function eachProduct(
  module: ModuleBuilder,
  item: Element,
  extras: number,
  body: (f: FuncBuilder, product: Product, extras: readonly Local[]) => void,
): void {
  const scalar = item.lane === "f32" ? "f32" : "f64";
  module.func(NAME, ["i32", scalar, scalar], [], (f, table, alphaNumber, betaNumber) => {
    const alpha = asLane(f, item, alphaNumber);
    const beta = asLane(f, item, betaNumber);
    const walk = openWalk(f, table, 4, HEAD_WORDS + extras);
    const extra = (i: number): Local => walk.extra[i]!;
    const sizes = { m: extra(0), n: extra(1), k: extra(2), outRow: extra(3), outColumn: extra(4) };
    const steps = { aRow: extra(5), aDepth: extra(6), bDepth: extra(7), bColumn: extra(8) };
    const oldSteps = { oldRow: extra(9), oldColumn: extra(10) };
    walk.run(() => {
      const cursors = walk.addresses.map((address) => copyOf(f, address));
      const [out, a, b, old] = cursors as [Local, Local, Local, Local];
      times(f, walk.inner, () => {
        body(f, { ...sizes, ...steps, ...oldSteps, out, a, b, old, alpha, beta }, walk.extra.slice(HEAD_WORDS));
        for (const [i, cursor] of cursors.entries()) f.add(cursor, walk.steps[i]!);
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

function emitVector(module: ModuleBuilder, item: Element, relaxed: boolean): void {
  const lane = item.lane === "f64" ? "f64" : "f32";
  eachProduct(module, item, 1, (f, product, [buffer]) => {
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

function emitTiled(module: ModuleBuilder, item: Element, half: boolean, relaxed: boolean): void {
  const target = half ? element(module, "float32") : item;
  const functions = productFunctions(module, item.lane, relaxed, item, target);
  eachProduct(module, item, 6, (f, product, locals) => {
    const [depth, strip, inPlace, panels, spill, wide] = locals as [Local, Local, Local, Local, Local, Local];
    const blocking: Blocking = { depth, strip, inPlace, panels, spill };
    if (half) emitWideProduct(f, functions, item, product, blocking, wide);
    else emitProduct(f, functions, product, blocking);
  });
}

/** Sums in float32, then scales and rounds once. */
function emitWideProduct(
  f: FuncBuilder,
  functions: ProductFunctions,
  item: Element,
  p: Product,
  blocking: Blocking,
  wide: Local,
): void {
  const [one, zero, four, row] = [f.local("f32"), f.local("f32"), f.local("i32"), f.local("i32")];
  f.f32(1).set(one).i32(4).set(four).get(p.n).i32(4).op("i32.mul").set(row);
  const result = { out: wide, outRow: row, outColumn: four };
  const dense = { ...p, ...result, old: wide, oldRow: row, oldColumn: four, alpha: one, beta: zero };
  emitProduct(f, functions, dense, blocking);
  const [from, line, oldLine] = [copyOf(f, wide), copyOf(f, p.out), copyOf(f, p.old)];
  const [cell, old, sum] = [f.local("i32"), f.local("i32"), f.local("f32")];
  times(f, p.m, () => {
    f.get(line).set(cell).get(oldLine).set(old);
    times(f, p.n, () => {
      f.get(from).load("f32.load").set(sum);
      emitElement(f, item, { ...p, out: cell, old }, sum);
      f.add(from, 4).add(cell, p.outColumn).add(old, p.oldColumn);
    });
    f.add(line, p.outRow).add(oldLine, p.oldRow);
  });
}
