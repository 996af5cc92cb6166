/** Reductions: along rows (the reduced elements lie side by side, or anyhow), or down columns side by side. */
import { dtypes } from "../../core/dtype.ts";
import { collapse, type Dims, orderByStride, popDim } from "../../ir/collapse.ts";
import type { Operand, ReduceKernel, ReduceRun } from "../../ir/kernel.ts";
import { classOf } from "./access.ts";
import type { WasmContext } from "./context.ts";
import { laneInfo } from "./lanes.ts";
import { exported, ModuleBuilder } from "./module.ts";
import { tableWords } from "./odometer.ts";
import { Plans, placeTable } from "./plans.ts";
import { columnFunction } from "./reduce-columns.ts";
import { rowFunction } from "./reduce-rows.ts";
import { isArg } from "./reduce-state.ts";

type Run = (table: number, innerRank: number, outerRank: number) => void;

/** How the operands are walked, and the words that its function reads: addresses stand behind `head`. */
interface Way {
  readonly key: string;
  readonly head: readonly number[];
  readonly inner: Dims;
  readonly outer: Dims;
}

interface Plan {
  readonly run: Run;
  readonly words: readonly number[];
  /** The word of the first address. */
  readonly at: number;
  readonly innerRank: number;
  readonly outerRank: number;
}

/** Compiles a reduction; one module per way of walking the operands, at its first use. */
export function reduce(kernel: ReduceKernel, context: WasmContext): ReduceRun {
  const runs = new Map<string, Run>();
  const plans = new Plans<Plan>();
  const sizes = kernel.inputs.map((name) => dtypes[name].itemsize);
  const outSize = dtypes[kernel.output].itemsize;
  const planOf = (outer: readonly number[], inner: readonly number[], operands: readonly Operand[]): Plan => {
    const dims = arrange(kernel, outer, inner, operands);
    const way = columnWay(kernel, dims, sizes, outSize) ?? rowWay(dims, sizes);
    const run = runs.get(way.key) ?? compile(kernel, context, way.key);
    runs.set(way.key, run);
    const head = [...way.head, dims.count, ...operands.map(() => 0)];
    const words = tableWords(head, [
      { dims: way.inner, itemsizes: sizes },
      { dims: way.outer, itemsizes: [outSize, ...sizes] },
    ]);
    const [innerRank, outerRank] = [way.inner.shape.length, way.outer.shape.length];
    return { run, words, at: way.head.length + 1, innerRank, outerRank };
  };
  return (outer, inner, out, inputs) => {
    if (outer.includes(0)) return;
    const operands = [out, ...inputs];
    const plan =
      plans.find(operands, outer, inner) ?? plans.keep(planOf(outer, inner, operands), operands, outer, inner);
    const addresses = operands.map(({ address }) => address);
    plan.run(placeTable(context.heap, plan.words, plan.at, addresses), plan.innerRank, plan.outerRank);
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
  [out, ...inputs]: readonly Operand[],
): Arranged {
  const count = inner.reduce((product, size) => product * size, 1);
  const given: Dims =
    count === 0
      ? { shape: [0], strides: inputs.map(() => [1]) }
      : { shape: inner, strides: inputs.map(({ strides }) => strides.slice(outer.length)) };
  const sorted = isArg(combine) || count === 0 ? given : orderByStride(given);
  const outerInputs = inputs.map(({ strides }) => strides.slice(0, outer.length));
  const byInputs = orderByStride({ shape: outer, strides: [...outerInputs, out!.strides.slice(0, outer.length)] });
  const collapsed = collapse(byInputs.shape, byInputs.strides);
  const strides = [collapsed.strides[inputs.length]!, ...collapsed.strides.slice(0, inputs.length)];
  return { inner: collapse(sorted.shape, sorted.strides), outer: { shape: collapsed.shape, strides }, count };
}

/** Down columns: where the reduced elements lie apart, and those of neighbouring results side by side. */
function columnWay({ lane }: ReduceKernel, dims: Arranged, sizes: readonly number[], outSize: number): Way | null {
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

function rowWay(dims: Arranged, sizes: readonly number[]): Way {
  const row = popDim(dims.inner);
  const steps = row.last.map((stride, k) => stride * sizes[k]!);
  return {
    key: `rows ${row.last.map(classOf).join("")}`,
    head: [row.size, ...steps],
    inner: row.rest,
    outer: dims.outer,
  };
}

function compile(kernel: ReduceKernel, context: WasmContext, key: string): Run {
  const module = new ModuleBuilder(context.heap.shared);
  const [way, classes = ""] = key.split(" ");
  const define = way === "columns" ? columnFunction : rowFunction;
  define(module, kernel, classes);
  return exported<Run>(context.instantiate(module.finish()), "reduce");
}
