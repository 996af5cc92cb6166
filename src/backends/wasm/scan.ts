/** Scans: one element after the other along a dimension, in a loop over all others. */
import { dtypes, type Lane } from "../../core/dtype.ts";
import { collapse } from "../../ir/collapse.ts";
import type { Operand, ScanKernel, ScanRun } from "../../ir/kernel.ts";
import { advance, loadBytes, storeBytes, type Walk } from "./access.ts";
import type { WasmContext } from "./context.ts";
import { convert, decode } from "./convert.ts";
import { outputBytes } from "./inputs.ts";
import { Formula, laneInfo, type Term } from "./lanes.ts";
import { hostCall } from "./math/host.ts";
import { exported, type FuncBuilder, type Local, ModuleBuilder } from "./module.ts";
import { emitOdometer, readWords, skipDims, tableWords } from "./odometer.ts";
import { cutDims, cuttingDim, numelOf, runTables, type TableCall, WORTH } from "./parallel.ts";
import { Plans, placeTable } from "./plans.ts";

type Run = (table: number, rank: number) => void;

interface Plan {
  readonly run: Run;
  readonly words: readonly number[];
  readonly rank: number;
  /** Bytes from the operands' addresses to where this part begins. */
  readonly offsets: readonly number[];
}

/** Compiles a scan, with and without indices at their first use. */
export function scan(kernel: ScanKernel, context: WasmContext): ScanRun {
  const runs = new Map<number, Run>();
  const plans = new Plans<readonly Plan[]>();
  const sizes = [dtypes[kernel.output].itemsize, dtypes[kernel.input].itemsize, 8];
  const plansOf = (shape: readonly number[], length: number, operands: readonly Operand[], pieces: number): Plan[] => {
    const rank = shape.length;
    const itemsizes = sizes.slice(0, operands.length);
    const outer = operands.map(({ strides }) => strides.slice(0, rank));
    const dims = collapse(shape, outer);
    const steps = operands.map(({ strides }, k) => strides[rank]! * itemsizes[k]!);
    const run = runs.get(operands.length) ?? compile(kernel, context, operands.length);
    runs.set(operands.length, run);
    const dim = pieces === 1 ? -1 : cuttingDim(dims.shape, pieces);
    const parts = dim < 0 ? [{ dims, offsets: operands.map(() => 0) }] : cutDims(dims, dim, pieces);
    return parts.map((part) => ({
      run,
      words: tableWords([length, ...operands.map(() => 0), ...steps], [{ dims: part.dims, itemsizes }]),
      rank: part.dims.shape.length,
      offsets: part.offsets.map((offset, k) => offset * itemsizes[k]!),
    }));
  };
  return (shape, length, out, input, indices) => {
    if (length === 0 || shape.includes(0)) return;
    const operands = indices === null ? [out, input] : [out, input, indices];
    const pieces = context.team.pieces(numelOf(shape) * length, WORTH);
    const key = [length, pieces];
    const parts =
      plans.find(operands, shape, key) ?? plans.keep(plansOf(shape, length, operands, pieces), operands, shape, key);
    if (parts.length > 1)
      runTables(
        context,
        parts.map((plan) => callOf(plan, operands)),
      );
    else {
      const addresses = operands.map(({ address }) => address);
      parts[0]!.run(placeTable(context.heap, parts[0]!.words, 1, addresses), parts[0]!.rank);
    }
  };
}

function callOf({ run, words, rank, offsets }: Plan, operands: readonly Operand[]): TableCall {
  const own = [...words];
  for (let k = 0; k < operands.length; k++) own[1 + k] = operands[k]!.address + offsets[k]!;
  return { func: run, words: own, rest: [rank] };
}

function compile(kernel: ScanKernel, context: WasmContext, operands: number): Run {
  const module = new ModuleBuilder(context.heap.shared);
  module.func("scan", ["i32", "i32"], [], (f, table, rank) => {
    const [length, ...words] = readWords(f, table, 0, 1 + 2 * operands);
    const addresses = words.slice(0, operands);
    const steps = words.slice(operands);
    const loops = skipDims(f, table, 1 + 2 * operands, null, 0);
    const names = [kernel.output, kernel.input, "int64"] as const;
    const walks = addresses.map(
      (_, k): Walk => ({
        dtype: names[k]!,
        walk: "s",
        address: f.local("i32"),
        stride: steps[k]!,
      }),
    );
    emitOdometer(f, loops, rank, addresses, () => {
      walks.forEach(({ address }, k) => {
        f.get(addresses[k]!).set(address);
      });
      emitRow(f, kernel, length!, walks);
    });
  });
  return exported<Run>(context.instantiate(module.finish()), "scan");
}

/** The lane of the running total: float64 for floats, as PyTorch's accumulator is; results round from it. */
function totalLane({ combine, lane }: ScanKernel): Lane {
  return laneInfo[lane].float && combine !== "min" && combine !== "max" ? "f64" : lane;
}

/** Scans one row: the first element is the first total. */
function emitRow(f: FuncBuilder, kernel: ScanKernel, length: Local, walks: readonly Walk[]): void {
  const [out, input, indices] = walks;
  const v = new Formula(f, kernel.lane, 1);
  const wide = v.as(totalLane(kernel));
  const i = f.local("i32");
  const total = f.local("v128");
  const latest = f.local("i32");
  f.i32(0).set(i).i32(0).set(latest);
  if (isDenseSum(kernel) && indices === undefined) emitDenseSum(f, length, walks, i, total);
  const element = (): void => {
    const x = decode(v, kernel.input, loadBytes(f, input!, 1));
    const next = convert(f, kernel.lane, wide.lane, [x], 1)[0]!;
    f.get(i).op("i32.eqz");
    f.if(
      () => f.get(next).set(total),
      () => step(wide, kernel, total, next, i, latest),
    );
    const result = convert(f, wide.lane, kernel.lane, [total], 1)[0]!;
    storeBytes(f, out!, outputBytes(v, { term: result, mask: false }, kernel.output), 1);
    if (indices !== undefined) f.get(indices.address).get(latest).op("i64.extend_i32_u").store("i64.store");
    for (const walk of walks) advance(f, walk, 1);
    f.add(i, 1);
  };
  f.while(() => f.get(i).get(length).op("i32.lt_u"), element);
}

const isDenseSum = ({ combine, input, output }: ScanKernel): boolean =>
  combine === "sum" && input === "float32" && output === "float32";

/** Elements that are summed among themselves, so that only one addition waits for the total before them. */
const TOGETHER = 4;

/** Whole groups of a row without gaps; leaves `i` and the total where the rest goes on. */
function emitDenseSum(f: FuncBuilder, length: Local, walks: readonly Walk[], i: Local, total: Local): void {
  const [v, d] = [new Formula(f, "f32", TOGETHER), new Formula(f, "f64", 2)];
  const [out, input] = walks.map(({ address }) => address) as [Local, Local];
  const promote = (x: Term): Local => d.let(d.op("f64x2.promote_low_f32x4", x));
  const demote = (x: Term): Term => d.op("f32x4.demote_f64x2_zero", x);
  const assignTotal = (term: Term): void => {
    d.put(term);
    f.set(total);
  };
  for (const { stride } of walks) f.get(stride!).i32(4).op("i32.eq");
  f.op("i32.and").if(() => {
    assignTotal(-0); // the only number that adds nothing to a -0
    f.while(
      () => f.get(length).get(i).op("i32.sub").i32(TOGETHER).op("i32.ge_u"),
      () => {
        const x = v.let(() => f.get(input).load("v128.load"));
        const [low, high] = [promote(x), promote(v.upper(x))];
        const first = d.let(d.add(low, d.joinLow(-0, low)));
        const second = d.let(d.add(d.add(high, d.joinLow(-0, high)), d.upper(first)));
        f.get(out);
        v.put(v.joinLow(demote(d.add(total, first)), demote(d.add(total, second))));
        f.store("v128.store");
        assignTotal(d.add(total, d.upper(second)));
        f.add(out, 4 * TOGETHER)
          .add(input, 4 * TOGETHER)
          .add(i, TOGETHER);
      },
    );
  });
}

/** Brings the next element into the total. */
function step(v: Formula, kernel: ScanKernel, total: Local, x: Local, i: Local, latest: Local): void {
  const { combine } = kernel;
  if (combine === "min" || combine === "max") {
    extremum(v, combine, total, x, i, latest);
    return;
  }
  v.put(combined(v, combine, total, x));
  v.f.set(total);
}

function combined(v: Formula, combine: "sum" | "prod" | "logaddexp", total: Local, x: Local): Term {
  if (combine === "sum") return v.add(total, x);
  if (combine === "prod") return v.mul(total, x);
  if (!laneInfo[v.lane].float) throw new Error(`wasm: logaddexp is not defined for lane ${v.lane}`);
  return hostCall(v, "special.logaddexp", [x, total]);
}

/** A NaN always takes over, and only a NaN follows it; of equals the latest counts. */
function extremum(v: Formula, combine: "min" | "max", total: Local, x: Local, i: Local, latest: Local): void {
  const { f } = v;
  const reaches = combine === "max" ? v.ge(x, total) : v.le(x, total);
  const taken = v.let(v.or(reaches, v.ne(x, x)));
  f.get(taken).lane("i32x4.extract_lane", 0);
  f.if(() => {
    f.get(x).set(total).get(i).set(latest);
  });
}
