/** Reductions: along rows (the reduced elements lie side by side, or anyhow), or down columns side by side. */
import { dtypes } from "../../core/dtype.ts";
import { collapse, type Dims, orderByStride } from "../../ir/collapse.ts";
import type { Operand, OperandClass, ReduceKernel, ReduceRun } from "../../ir/kernel.ts";
import { isArg } from "./accumulate.ts";
import type { WasmContext } from "./context.ts";
import { laneInfo } from "./lanes.ts";
import { exported, ModuleBuilder } from "./module.ts";
import { writeScratch } from "./odometer.ts";
import { columnFunction } from "./reduce-columns.ts";
import { rowFunction } from "./reduce-rows.ts";

type Run = (table: number, innerRank: number, outerRank: number) => void;

/** A call of a reduction, in words: what its function reads first, and the dims it loops over. */
interface Plan {
  readonly key: string;
  readonly head: readonly number[];
  readonly inner: Dims;
  readonly outer: Dims;
}

/** Compiles a reduction; one module per way of walking the operands, at its first use. */
export function reduce(kernel: ReduceKernel, context: WasmContext): ReduceRun {
  const runs = new Map<string, Run>();
  const sizes = kernel.inputs.map((name) => dtypes[name].itemsize);
  const outSize = dtypes[kernel.output].itemsize;
  return (outer, inner, out, inputs) => {
    if (outer.includes(0)) return;
    const dims = arrange(kernel, outer, inner, out, inputs);
    const plan = columnPlan(kernel, dims, sizes, outSize) ?? rowPlan(dims, sizes);
    let run = runs.get(plan.key);
    if (run === undefined) {
      run = compile(kernel, context, plan.key);
      runs.set(plan.key, run);
    }
    const head = [...plan.head, dims.count, out.address, ...inputs.map(({ address }) => address)];
    const table = writeScratch(context.heap, head, [
      { dims: plan.inner, itemsizes: sizes },
      { dims: plan.outer, itemsizes: [outSize, ...sizes] },
    ]);
    run(table, plan.inner.shape.length, plan.outer.shape.length);
  };
}

interface Arranged {
  /** Operands: the inputs. */
  readonly inner: Dims;
  /** Operands: the output, then the inputs. */
  readonly outer: Dims;
  /** How many elements are combined. */
  readonly count: number;
}

/** The fewest dims, in the order that walks memory best. Positions follow the given order of the inner dims. */
function arrange(
  { combine }: ReduceKernel,
  outer: readonly number[],
  inner: readonly number[],
  out: Operand,
  inputs: readonly Operand[],
): Arranged {
  const count = inner.reduce((product, size) => product * size, 1);
  const given: Dims =
    count === 0
      ? { shape: [0], strides: inputs.map(() => [1]) }
      : { shape: inner, strides: inputs.map(({ strides }) => strides.slice(outer.length)) };
  const sorted = isArg(combine) || count === 0 ? given : orderByStride(given);
  const outerInputs = inputs.map(({ strides }) => strides.slice(0, outer.length));
  const byInputs = orderByStride({ shape: outer, strides: [...outerInputs, out.strides.slice(0, outer.length)] });
  const collapsed = collapse(byInputs.shape, byInputs.strides);
  const strides = [collapsed.strides[inputs.length]!, ...collapsed.strides.slice(0, inputs.length)];
  return { inner: collapse(sorted.shape, sorted.strides), outer: { shape: collapsed.shape, strides }, count };
}

const classOf = (stride: number): OperandClass => (stride === 1 ? "c" : stride === 0 ? "b" : "s");

/** A dim taken off the end: its size and strides, and the rest. */
function popDim({ shape, strides }: Dims): { readonly size: number; readonly last: number[]; readonly rest: Dims } {
  const rest = { shape: shape.slice(0, -1), strides: strides.map((list) => list.slice(0, -1)) };
  if (shape.length === 0) return { size: 1, last: strides.map(() => 1), rest };
  return { size: shape[shape.length - 1]!, last: strides.map((list) => list[list.length - 1]!), rest };
}

/** Down columns: where the reduced elements lie apart, and those of neighbouring results side by side. */
function columnPlan({ lane }: ReduceKernel, dims: Arranged, sizes: readonly number[], outSize: number): Plan | null {
  const row = popDim(dims.inner);
  const column = popDim(dims.outer);
  const [outStride, ...strides] = column.last;
  const apart = row.last.some((stride) => stride > 1);
  const together = strides.every((stride) => stride <= 1) && strides.includes(1) && dims.outer.shape.length > 0;
  if (!apart || !together || column.size < laneInfo[lane].width || outStride === undefined) return null;
  const classes = [outStride === 1 ? "c" : "s", ...strides.map(classOf)].join("");
  const steps = row.last.map((stride, k) => stride * sizes[k]!);
  const head = [column.size, outStride * outSize, row.size, ...steps];
  return { key: `columns ${classes}`, head, inner: row.rest, outer: column.rest };
}

function rowPlan(dims: Arranged, sizes: readonly number[]): Plan {
  const row = popDim(dims.inner);
  const steps = row.last.map((stride, k) => stride * sizes[k]!);
  return { key: `rows ${row.last.map(classOf).join("")}`, head: [row.size, ...steps], inner: row.rest, outer: dims.outer };
}

function compile(kernel: ReduceKernel, context: WasmContext, key: string): Run {
  const module = new ModuleBuilder(context.heap.shared);
  const [way, classes = ""] = key.split(" ");
  const define = way === "columns" ? columnFunction : rowFunction;
  define(module, kernel, classes);
  return exported<Run>(context.instantiate(module.finish()), "reduce");
}

