/** Pointwise kernels: rows of whole vectors and single elements, and a loop over rows for any layout. */
import { type DTypeName, dtypes } from "../../core/dtype.ts";
import { SCRATCH_BYTES, SCRATCH_TABLES } from "../../core/heap.ts";
import { collapse, type Dims, orderByStride, permuteDims } from "../../ir/collapse.ts";
import type { Expr } from "../../ir/expr.ts";
import { fold } from "../../ir/fold.ts";
import type { Operand, OperandClass, PointwiseKernel, PointwiseRun } from "../../ir/kernel.ts";
import { advance, loadBytes, storeBytes, type Walk } from "./access.ts";
import type { WasmContext } from "./context.ts";
import { decode, decodeMask, encode, encodeMask, type Vectors } from "./convert.ts";
import { asLane, asMask, emitExpr, type Input } from "./emit.ts";
import { Formula, laneInfo } from "./lanes.ts";
import { exported, type Func, type FuncBuilder, type Local, ModuleBuilder } from "./module.ts";
import { emitOdometer, tableBytes, writeTable } from "./odometer.ts";
import type { ValueType } from "./opcodes.ts";

type Row = (n: number, out: number, ...rest: (number | undefined)[]) => void;
type Grid = (table: number, rank: number) => void;

/** Compiles a pointwise kernel; one module per combination of operand classes, at its first use. */
export function pointwise(kernel: PointwiseKernel, context: WasmContext): PointwiseRun {
  const rows = new Map<string, Row>();
  const grids = new Map<string, Grid>();
  const itemsizes = [kernel.output, ...kernel.inputs].map((name) => dtypes[name].itemsize);
  const dense = (classes: string): Row => {
    let row = rows.get(classes);
    if (row === undefined) {
      row = compileRow(kernel, context, classes);
      rows.set(classes, row);
    }
    return row;
  };
  const grid = (classes: string): Grid => {
    let run = grids.get(classes);
    if (run === undefined) {
      run = compileGrid(kernel, context, classes);
      grids.set(classes, run);
    }
    return run;
  };
  const strided = (shape: readonly number[], operands: readonly Operand[]): void => {
    if (shape.includes(0)) return;
    const strides = operands.map((operand) => operand.strides);
    const dims = rowLast(orderedCollapse(shape, strides));
    const rank = dims.shape.length;
    const n = rank === 0 ? 1 : dims.shape[rank - 1]!;
    const inner = dims.strides.map((list) => (rank === 0 ? 1 : list[rank - 1]!));
    const classes = inner.map(classOf).join("");
    const steps = inner.flatMap((stride, k) => (classes[k] === "s" ? [stride * itemsizes[k]!] : []));
    const addresses = operands.map((operand) => operand.address);
    if (rank <= 1) {
      dense(classes)(n, addresses[0]!, ...addresses.slice(1), ...steps);
      return;
    }
    const table = writeGrid(context, [n, ...addresses, ...steps], outerDims(dims), itemsizes);
    grid(classes)(table, rank - 1);
  };
  return { dense, strided };
}

const classOf = (stride: number): OperandClass => (stride === 1 ? "c" : stride === 0 ? "b" : "s");

function orderedCollapse(shape: readonly number[], strides: readonly (readonly number[])[]): Dims {
  const { shape: sizes, strides: kept } = orderByStride({ shape, strides });
  return collapse(sizes, kept);
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

function outerDims({ shape, strides }: Dims): Dims {
  return { shape: shape.slice(0, -1), strides: strides.map((list) => list.slice(0, -1)) };
}

/** Writes what a grid reads, its row's arguments and then the dims, and returns where. */
function writeGrid({ heap }: WasmContext, row: readonly number[], dims: Dims, itemsizes: readonly number[]): number {
  const table = heap.scratch + SCRATCH_TABLES;
  const bytes = row.length * 4 + tableBytes(dims.shape.length, itemsizes.length);
  if (bytes > SCRATCH_BYTES - SCRATCH_TABLES) {
    throw new Error(`wasm: a kernel of ${itemsizes.length} operands cannot loop over ${dims.shape.length} dimensions`);
  }
  const memory = heap.i32;
  memory.set(row, table / 4);
  writeTable(memory, table / 4 + row.length, dims, itemsizes);
  return table;
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
    const args = row.takes.map((type, k) => {
      const arg = f.local(type);
      f.get(table)
        .load("i32.load", 4 * k)
        .set(arg);
      return arg;
    });
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
  const names: readonly DTypeName[] = [kernel.output, ...kernel.inputs];
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
    const bytes = emitOutput(v, kernel.expr, kernel.output, reader.input);
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
  if (dense && isLight(kernel.expr)) loop(width, UNROLL);
  loop(width, 1);
  loop(1, 1);
}

const UNROLL = 4;

/** Whether the loop around an expression costs as much as the expression. */
function isLight(expr: Expr): boolean {
  const heavy = new Set(["unary", "call"]);
  const size = fold<number>(expr, {
    load: () => 0,
    const: () => 0,
    unary: (_, a) => a + 2,
    binary: (_, a, b) => a + b + 1,
    compare: (_, a, b) => a + b + 1,
    select: (_, test, a, b) => test + a + b + 1,
    cast: (_, a) => a + 1,
    call: () => 9,
  });
  return size <= 4 && !heavy.has(expr.op);
}

/** Emits an expression as the bytes that its output stores. */
export function emitOutput(v: Formula, expr: Expr, output: DTypeName, input: Input): Vectors {
  const value = emitExpr(v, expr, input);
  return output === "bool" ? encodeMask(v, asMask(v, value)) : encode(v, output, asLane(v, value));
}

/** Reads the inputs of one step: each element's bytes once, each interpretation once. */
export class InputReader {
  readonly #v: Formula;
  readonly #walks: readonly Walk[];
  readonly #ahead: number;
  readonly #fixed: InputReader | null;
  readonly #bytes = new Map<number, Vectors>();
  readonly #values = new Map<string, Local>();

  constructor(v: Formula, walks: readonly Walk[], ahead = 0, fixed: InputReader | null = null) {
    this.#v = v;
    this.#walks = walks;
    this.#ahead = ahead;
    this.#fixed = fixed;
  }

  /** Reads the inputs that do not move, before the loop. */
  readFixed(expr: Expr): void {
    const read = (node: { readonly index: number; readonly as: "lane" | "bool" }): void => {
      if (this.#walks[node.index]?.walk === "b") this.input(node.index, node.as);
    };
    const nothing = (): void => {};
    const target = { const: nothing, unary: nothing, binary: nothing, compare: nothing, select: nothing };
    fold<void>(expr, { ...target, cast: nothing, call: nothing, load: read });
  }

  readonly input: Input = (index, as) => {
    const walk = this.#walks[index];
    if (walk === undefined) throw new Error(`wasm: the expression reads input ${index} of ${this.#walks.length}`);
    if (walk.walk === "b" && this.#fixed !== null) return this.#fixed.input(index, as);
    const key = `${index} ${as}`;
    let value = this.#values.get(key);
    if (value === undefined) {
      const bytes = this.#read(index, walk);
      value = as === "bool" ? decodeMask(this.#v, walk.dtype, bytes) : decode(this.#v, walk.dtype, bytes);
      this.#values.set(key, value);
    }
    return value;
  };

  #read(index: number, walk: Walk): Vectors {
    let bytes = this.#bytes.get(index);
    if (bytes === undefined) {
      bytes = loadBytes(this.#v.f, walk, this.#v.active, this.#ahead);
      this.#bytes.set(index, bytes);
    }
    return bytes;
  }
}
