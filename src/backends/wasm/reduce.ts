/** Reductions: along rows (the reduced elements lie side by side, or anyhow), or down columns side by side. */
import { dtypes } from "../../core/dtype.ts";
import { collapse, type Dims, orderByStride, popDim } from "../../ir/collapse.ts";
import type { Operand, ReduceKernel, ReduceRun } from "../../ir/kernel.ts";
import { classOf } from "./access.ts";
import type { WasmContext } from "./context.ts";
import { laneInfo } from "./lanes.ts";
import { exported, ModuleBuilder } from "./module.ts";
import { tableWords } from "./odometer.ts";
import { cutDims, cuttingDim, numelOf, ranges, runTables, type TableCall, WORTH } from "./parallel.ts";
import { Plans, placeTable } from "./plans.ts";
import { type CountingReduce, inBlocks, reduceInBlocks } from "./reduce-blocks.ts";
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
  /** Results that are made side by side, and the bytes between two of them, output first. */
  readonly columns: { readonly count: number; readonly steps: readonly number[] } | null;
}

/** A way for part of the results, whose addresses begin `offsets` bytes after the operands', output first. */
interface Part extends Way {
  readonly offsets: readonly number[];
}

interface Plan {
  readonly run: Run;
  readonly words: readonly number[];
  /** The word of the first address. */
  readonly at: number;
  readonly innerRank: number;
  readonly outerRank: number;
  readonly offsets: readonly number[];
}

/** Compiles a reduction; one module per way of walking the operands, at its first use. */
export function reduce(kernel: ReduceKernel, context: WasmContext): ReduceRun {
  const { small, run } = reduceDirectly(kernel, context);
  const stage = (part: ReduceKernel): CountingReduce => reduceDirectly(part, context).run;
  let blocks: ReduceRun | null = null;
  return (outer, inner, out, inputs) => {
    if (numelOf(outer) * numelOf(inner) < WORTH) small(outer, inner, out, inputs);
    else if (isArg(kernel.combine) || !inBlocks(outer)) run(outer, inner, out, inputs, numelOf(inner));
    else {
      blocks ??= reduceInBlocks(kernel, context, stage);
      blocks(outer, inner, out, inputs);
    }
  };
}

/** A reduction whose results are each made in one go, on several threads where there are many. */
function reduceDirectly(
  kernel: ReduceKernel,
  context: WasmContext,
): { readonly small: ReduceRun; readonly run: CountingReduce } {
  const runs = new Map<string, Run>();
  const whole = new Plans<Plan>();
  const cut = new Plans<readonly Plan[]>();
  const sizes = kernel.inputs.map((name) => dtypes[name].itemsize);
  const outSize = dtypes[kernel.output].itemsize;
  const planOf = (way: Part, count: number): Plan => {
    const run = runs.get(way.key) ?? compile(kernel, context, way.key);
    runs.set(way.key, run);
    const head = [...way.head, count, 0, ...sizes.map(() => 0)];
    const words = tableWords(head, [
      { dims: way.inner, itemsizes: sizes },
      { dims: way.outer, itemsizes: [outSize, ...sizes] },
    ]);
    const [innerRank, outerRank] = [way.inner.shape.length, way.outer.shape.length];
    return { run, words, at: way.head.length + 1, innerRank, outerRank, offsets: way.offsets };
  };
  const plansOf = (
    outer: readonly number[],
    inner: readonly number[],
    operands: readonly Operand[],
    { pieces, count }: { readonly pieces: number; readonly count: number },
  ): Plan[] => {
    const dims = arrange(kernel, outer, inner, operands);
    const way = columnWay(kernel, dims, sizes, outSize) ?? rowWay(dims, sizes);
    return cutWay(way, [outSize, ...sizes], pieces).map((part) => planOf(part, count));
  };
  const run: CountingReduce = (outer, inner, out, inputs, count) => {
    const operands = [out, ...inputs];
    const pieces = context.team.pieces(numelOf(outer) * numelOf(inner), WORTH);
    const key = [...inner, pieces, count];
    const parts =
      cut.find(operands, outer, key) ??
      cut.keep(plansOf(outer, inner, operands, { pieces, count }), operands, outer, key);
    if (parts.length === 1) runPlan(context, parts[0]!, operands);
    else
      runTables(
        context,
        parts.map((plan) => callOf(plan, operands)),
      );
  };
  const small: ReduceRun = (outer, inner, out, inputs) => {
    if (outer.includes(0)) return;
    const operands = [out, ...inputs];
    const options = { pieces: 1, count: numelOf(inner) };
    const plan =
      whole.find(operands, outer, inner) ??
      whole.keep(plansOf(outer, inner, operands, options)[0]!, operands, outer, inner);
    runPlan(context, plan, operands);
  };
  return { small, run };
}

/** A plan for the whole: its addresses are the operands'. */
function runPlan({ heap }: WasmContext, plan: Plan, operands: readonly Operand[]): void {
  const addresses = operands.map(({ address }) => address);
  plan.run(placeTable(heap, plan.words, plan.at, addresses), plan.innerRank, plan.outerRank);
}

function callOf(plan: Plan, operands: readonly Operand[]): TableCall {
  const words = [...plan.words];
  for (let k = 0; k < operands.length; k++) words[plan.at + k] = operands[k]!.address + plan.offsets[k]!;
  return { func: plan.run, words, rest: [plan.innerRank, plan.outerRank] };
}

/** Columns between cuts: whole groups of vectors. */
const COLUMN_STEP = 32;

/** Cuts the results along an outer dim, or columns that lie side by side if there are more of them. */
function cutWay(way: Way, itemsizes: readonly number[], pieces: number): Part[] {
  const whole = { ...way, offsets: itemsizes.map(() => 0) };
  if (pieces === 1) return [whole];
  const dim = cuttingDim(way.outer.shape, pieces);
  const size = dim < 0 ? 1 : way.outer.shape[dim]!;
  const { columns } = way;
  if (columns !== null && size < pieces && columns.count >= COLUMN_STEP * size) {
    return ranges(columns.count, pieces, COLUMN_STEP).map(([from, to]) => ({
      ...way,
      head: [to - from, ...way.head.slice(1)],
      offsets: columns.steps.map((bytes) => from * bytes),
    }));
  }
  if (dim < 0) return [whole];
  return cutDims(way.outer, dim, pieces).map(({ dims, offsets }) => ({
    ...way,
    outer: dims,
    offsets: offsets.map((offset, k) => offset * itemsizes[k]!),
  }));
}

interface Arranged {
  /** Operands: the inputs. */
  readonly inner: Dims;
  /** Operands: the output, then the inputs. */
  readonly outer: Dims;
}

/** The fewest dims, in the order that walks memory best. Positions follow the given order of the inner dims. */
function arrange(
  { combine }: ReduceKernel,
  outer: readonly number[],
  inner: readonly number[],
  [out, ...inputs]: readonly Operand[],
): Arranged {
  const count = numelOf(inner);
  const given: Dims =
    count === 0
      ? { shape: [0], strides: inputs.map(() => [1]) }
      : { shape: inner, strides: inputs.map(({ strides }) => strides.slice(outer.length)) };
  const sorted = isArg(combine) || count === 0 ? given : orderByStride(given);
  const outerInputs = inputs.map(({ strides }) => strides.slice(0, outer.length));
  const byInputs = orderByStride({ shape: outer, strides: [...outerInputs, out!.strides.slice(0, outer.length)] });
  const collapsed = collapse(byInputs.shape, byInputs.strides);
  const strides = [collapsed.strides[inputs.length]!, ...collapsed.strides.slice(0, inputs.length)];
  return { inner: collapse(sorted.shape, sorted.strides), outer: { shape: collapsed.shape, strides } };
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
  const columns = {
    count: column.size,
    steps: column.last.map((stride, k) => stride * (k === 0 ? outSize : sizes[k - 1]!)),
  };
  return { key: `columns ${classes}`, head, inner: row.rest, outer: column.rest, columns };
}

function rowWay(dims: Arranged, sizes: readonly number[]): Way {
  const row = popDim(dims.inner);
  const steps = row.last.map((stride, k) => stride * sizes[k]!);
  return {
    key: `rows ${row.last.map(classOf).join("")}`,
    head: [row.size, ...steps],
    inner: row.rest,
    outer: dims.outer,
    columns: null,
  };
}

function compile(kernel: ReduceKernel, context: WasmContext, key: string): Run {
  const module = new ModuleBuilder(context.heap.shared);
  const [way, classes = ""] = key.split(" ");
  const define = way === "columns" ? columnFunction : rowFunction;
  define(module, kernel, classes);
  return exported<Run>(context.instantiate(module.finish()), "reduce");
}
