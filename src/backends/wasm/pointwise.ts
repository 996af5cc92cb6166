/** Pointwise kernels: rows of whole vectors and single elements, and a loop over rows for any layout. */
import { dtypes, type RealName } from "../../core/dtype.ts";
import { collapse, type Dims, orderByStride, permuteDims, popDim } from "../../ir/collapse.ts";
import type { Operand, PointwiseKernel, PointwiseRun } from "../../ir/kernel.ts";
import { advance, classOf, storeBytes, type Walk } from "./access.ts";
import type { WasmContext } from "./context.ts";
import { emitExpr } from "./emit.ts";
import { InputReader, outputBytes } from "./inputs.ts";
import { Formula, laneInfo } from "./lanes.ts";
import { exported, type Func, type FuncBuilder, type Local, ModuleBuilder } from "./module.ts";
import { emitOdometer, readWords, tableWords } from "./odometer.ts";
import type { ValueType } from "./opcodes.ts";
import { cutDims, cuttingDim, numelOf, ranges, runTables, type TableCall, WORTH } from "./parallel.ts";
import { Plans, placeTable } from "./plans.ts";
import type { KernelFunction, Team } from "./team.ts";
import { compileTurn, isCopy, turnedDim, turnedWords } from "./transpose.ts";
import { unrolling } from "./weight.ts";

type Row = (n: number, out: number, ...rest: (number | undefined)[]) => void;
type Grid = (table: number, rank: number) => void;

/** A call by strides: a row, or a loop over rows that reads its arguments from a table. */
type Plan =
  | { readonly row: Row; readonly n: number; readonly steps: readonly number[] }
  | { readonly grid: Grid; readonly words: readonly number[]; readonly rank: number };

/** A plan for part of the elements, whose addresses begin `offsets` bytes after the operands'. */
type Part = Plan & { readonly offsets: readonly number[] };

/** Compiles a pointwise kernel; one module per combination of operand classes, at its first use. */
export function pointwise(kernel: PointwiseKernel, context: WasmContext): PointwiseRun {
  const rows = new Map<string, Row>();
  const grids = new Map<string, Grid>();
  const plans = new Plans<readonly Part[]>();
  const itemsizes = [kernel.output, ...kernel.inputs].map((name) => dtypes[name].itemsize);
  const row = (classes: string): Row => once(rows, classes, () => compileRow(kernel, context, classes));
  const grid = (classes: string): Grid => once(grids, classes, () => compileGrid(kernel, context, classes));
  const turns = isCopy(kernel) && itemsizes[0] === 4;
  let turn: Grid | null = null;
  const turnedPlan = (dims: Dims, down: number): Plan => {
    turn ??= compileTurn(context);
    return { grid: turn, ...turnedWords(dims, down) };
  };
  const planOf = (dims: Dims): Plan => {
    const { size: n, last, rest } = popDim(dims);
    const classes = last.map(classOf).join("");
    const steps = last.flatMap((stride, k) => (classes[k] === "s" ? [stride * itemsizes[k]!] : []));
    const rank = rest.shape.length;
    if (rank === 0) return { row: row(classes), n, steps };
    const head = [n, ...itemsizes.map(() => 0), ...steps];
    return { grid: grid(classes), words: tableWords(head, [{ dims: rest, itemsizes }]), rank };
  };
  const partsOf = (shape: readonly number[], operands: readonly Operand[], pieces: number): Part[] => {
    const strides = operands.map((operand) => operand.strides);
    const { shape: sizes, strides: ordered } = orderByStride({ shape, strides });
    const flat = rowLast(collapse(sizes, ordered));
    const down = turns ? turnedDim(flat) : -1;
    const whole = down >= 0 ? [wholeTile(flat)] : tiles(flat);
    const cut = pieces === 1 ? whole : whole.flatMap((tile) => cutTile(tile, pieces));
    return cut.map(({ dims, offsets }) => ({
      ...(down >= 0 ? turnedPlan(dims, down) : planOf(dims)),
      offsets: offsets.map((offset, k) => offset * itemsizes[k]!),
    }));
  };
  const strided = (shape: readonly number[], operands: readonly Operand[]): void => {
    if (shape.includes(0)) return;
    const pieces = context.team.pieces(numelOf(shape), WORTH);
    const key = pieces === 1 ? SERIAL : [pieces];
    const parts =
      plans.find(operands, shape, key) ?? plans.keep(partsOf(shape, operands, pieces), operands, shape, key);
    if (pieces > 1)
      runTables(
        context,
        parts.map((part) => callOf(part, operands)),
      );
    else for (const part of parts) runPart(context, part, operands);
  };
  return { dense: (classes) => withThreads(row(classes), classes, itemsizes, context.team), strided };
}

const SERIAL: readonly number[] = [];

/** A dense row that calls on other threads when it is long. */
function withThreads(row: Row, classes: string, itemsizes: readonly number[], team: Team): Row {
  const steps = itemsizes.map((bytes, k) => (classes[k] === "c" ? bytes : 0));
  const long = (n: number, addresses: readonly number[]): void => {
    const pieces = team.pieces(n, WORTH);
    if (pieces === 1) row(n, addresses[0]!, ...addresses.slice(1));
    else {
      team.run(
        ranges(n, pieces, ROW_STEP).map(([from, to]) => ({
          func: row as KernelFunction,
          args: [to - from, ...steps.map((bytes, k) => addresses[k]! + from * bytes)],
        })),
      );
    }
  };
  // Spread arguments cost more than a short row.
  switch (classes.length) {
    case 2:
      return (n, out, a) => (n < WORTH ? row(n, out, a) : long(n, [out, a!]));
    case 3:
      return (n, out, a, b) => (n < WORTH ? row(n, out, a, b) : long(n, [out, a!, b!]));
    case 4:
      return (n, out, a, b, c) => (n < WORTH ? row(n, out, a, b, c) : long(n, [out, a!, b!, c!]));
    default:
      return (n, out, ...rest) => (n < WORTH ? row(n, out, ...rest) : long(n, [out, ...(rest as number[])]));
  }
}

/** Elements between cuts of a row: whole cache lines of every dtype. */
const ROW_STEP = 256;

function runPart({ heap }: WasmContext, part: Part, operands: readonly Operand[]): void {
  const [out = 0, ...inputs] = operands.map(({ address }, k) => address + part.offsets[k]!);
  if ("grid" in part) part.grid(placeTable(heap, part.words, 1, [out, ...inputs]), part.rank);
  else part.row(part.n, out, ...inputs, ...part.steps);
}

function callOf(part: Part, operands: readonly Operand[]): TableCall {
  const addresses = operands.map(({ address }, k) => address + part.offsets[k]!);
  if ("row" in part)
    return { func: part.row as KernelFunction, words: null, rest: [part.n, ...addresses, ...part.steps] };
  const words = [...part.words];
  for (let k = 0; k < addresses.length; k++) words[1 + k] = addresses[k]!;
  return { func: part.grid, words, rest: [part.rank] };
}

/** Cuts a tile along its outermost long dim. */
function cutTile(tile: Tile, pieces: number): Tile[] {
  const dim = cuttingDim(tile.dims.shape, pieces);
  if (dim < 0) return [tile];
  const inRow = dim === tile.dims.shape.length - 1;
  return cutDims(tile.dims, dim, pieces, inRow ? ROW_STEP : 1).map(({ dims, offsets }) => ({
    dims,
    offsets: offsets.map((offset, k) => tile.offsets[k]! + offset),
  }));
}

function once<T>(made: Map<string, T>, key: string, make: () => T): T {
  let value = made.get(key);
  if (value === undefined) {
    value = make();
    made.set(key, value);
  }
  return value;
}

/** Rows shorter than this are not worth a call if another dim is several times longer. */
const SHORT_ROW = 8;

/** Makes a long dim the last one where the last is short. */
function rowLast(dims: Dims): Dims {
  const last = dims.shape.length - 1;
  if (last < 1 || dims.shape[last]! >= SHORT_ROW) return dims;
  const longest = dims.shape.indexOf(Math.max(...dims.shape));
  if (dims.shape[longest]! < 4 * dims.shape[last]!) return dims;
  const order = dims.shape.map((_, dim) => dim).filter((dim) => dim !== longest);
  return permuteDims(dims, [...order, longest]);
}

/** Elements of a row in a tile: as many cache lines of a transposed operand stay in reach. */
const TILE = 32;

/** Dims of a part of the elements, and where it begins, in elements. */
interface Tile {
  readonly dims: Dims;
  readonly offsets: readonly number[];
}

const wholeTile = (dims: Dims): Tile => ({ dims, offsets: dims.strides.map(() => 0) });

/**
 * Rows that cross an operand's cache lines are cut into tiles, which go down those lines before the next ones. The
 * last, narrower tile is a part of its own.
 */
function tiles(dims: Dims): readonly Tile[] {
  const whole = wholeTile(dims);
  const last = dims.shape.length - 1;
  const n = dims.shape[last] ?? 1;
  const crossed = (dim: number): boolean => dims.strides.some((list) => list[dim] === 1 && list[last]! > 1);
  const down = dims.shape.findIndex((size, dim) => dim !== last && size >= TILE / 4 && crossed(dim));
  if (down < 0 || n < 2 * TILE) return [whole];
  const main = n - (n % TILE);
  // [..., n] as [..., n / TILE, TILE], with the crossed dim between the two.
  const cut: Dims = {
    shape: [...dims.shape.slice(0, last), main / TILE, TILE],
    strides: dims.strides.map((list) => [...list.slice(0, last), list[last]! * TILE, list[last]!]),
  };
  const order = cut.shape.map((_, dim) => dim).filter((dim) => dim !== down && dim !== last + 1);
  const tiled = { dims: permuteDims(cut, [...order, down, last + 1]), offsets: whole.offsets };
  if (main === n) return [tiled];
  const rest = { shape: [...dims.shape.slice(0, last), n - main], strides: dims.strides };
  return [tiled, { dims: rest, offsets: dims.strides.map((list) => list[last]! * main) }];
}

function compileRow(kernel: PointwiseKernel, context: WasmContext, classes: string): Row {
  const module = new ModuleBuilder(context.heap.shared);
  rowFunction(module, "row", kernel, classes);
  return exported<Row>(context.instantiate(module.finish()), "row");
}

function compileGrid(kernel: PointwiseKernel, context: WasmContext, classes: string): Grid {
  const module = new ModuleBuilder(context.heap.shared);
  const row = rowFunction(module, null, kernel, classes);
  module.func("grid", ["i32", "i32"], [], (f, table, rank) => {
    const args = readWords(f, table, 0, row.takes.length);
    f.add(table, 4 * args.length);
    emitOdometer(f, table, rank, args.slice(1, 1 + classes.length), () => {
      for (const arg of args) f.get(arg);
      f.call(row);
    });
  });
  return exported<Grid>(context.instantiate(module.finish()), "grid");
}

/** `row(n, out, inputs…, strides of class s…)`. */
function rowFunction(module: ModuleBuilder, name: string | null, kernel: PointwiseKernel, classes: string): Func {
  const names: readonly RealName[] = [kernel.output, ...kernel.inputs];
  if (!/^[cs][cbs]*$/.test(classes) || classes.length !== names.length) {
    throw new Error(`wasm: classes "${classes}" do not fit an output and ${kernel.inputs.length} inputs`);
  }
  const strided = [...classes].filter((walk) => walk === "s").length;
  const params: readonly ValueType[] = Array.from({ length: 1 + names.length + strided }, () => "i32");
  return module.func(name, params, [], (f, n, ...rest) => {
    let next = names.length;
    const walks = names.map((dtype, k): Walk => {
      const walk = classes[k] === "c" ? "c" : classes[k] === "b" ? "b" : "s";
      return { dtype, walk, address: rest[k]!, stride: walk === "s" ? rest[next++]! : null };
    });
    emitRow(f, kernel, n!, walks);
  });
}

function emitRow(f: FuncBuilder, kernel: PointwiseKernel, n: Local, walks: readonly Walk[]): void {
  const { width } = laneInfo[kernel.lane];
  const fixed = new InputReader(new Formula(f, kernel.lane, 1), walks.slice(1));
  fixed.readFixed(kernel.expr);
  const step = (count: number, ahead: number): void => {
    const v = new Formula(f, kernel.lane, count);
    const reader = new InputReader(v, walks.slice(1), ahead, fixed);
    const bytes = outputBytes(v, emitExpr(v, kernel.expr, reader.input), kernel.output);
    storeBytes(f, walks[0]!, bytes, count, ahead);
  };
  const loop = (count: number, times: number): void => {
    f.while(
      () =>
        f
          .get(n)
          .i32(count * times)
          .op("i32.ge_u"),
      () => {
        for (let k = 0; k < times; k++) step(count, count * k);
        for (const walk of walks) advance(f, walk, count * times);
        f.add(n, -count * times);
      },
    );
  };
  const dense = walks.every(({ walk }) => walk !== "s");
  if (isCopy(kernel) && walks[1]!.walk === "c" && dense) emitLongCopy(f, dtypes[kernel.output].itemsize, n, walks);
  if (dense) loop(width, unrolling(kernel.expr));
  loop(width, 1);
  loop(1, 1);
}

/** Bytes from which on the engine's own copy is faster, all the more where the result is in no cache. */
const LONG_COPY = 1 << 16;

function emitLongCopy(f: FuncBuilder, itemsize: number, n: Local, [out, input]: readonly Walk[]): void {
  f.get(n)
    .i32(LONG_COPY / itemsize)
    .op("i32.ge_u")
    .if(() => {
      f.get(out!.address).get(input!.address).get(n).i32(itemsize).op("i32.mul").memoryCopy();
      f.i32(0).set(n);
    });
}
