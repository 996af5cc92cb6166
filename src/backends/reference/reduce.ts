/** Reductions: one value from each slice. */
import type { Heap } from "../../core/heap.ts";
import type { Combine, ReduceKernel, ReduceRun } from "../../ir/kernel.ts";
import { access } from "./access.ts";
import { laneValue, ownValue } from "./evaluate.ts";
import { inLane, type LaneMath, type Raw, type Scalar, truth } from "./lanes.ts";
import { count, origin, walk } from "./walk.ts";

/** Takes in the elements of one slice, in order, and gives what they combine to. */
interface Accumulator<T> {
  reset(): void;
  take(value: T): void;
  result(): Raw;
}

/** Compiles a reduction. */
export function reduce(kernel: ReduceKernel, heap: Heap): ReduceRun {
  return inLane(kernel.lane, (math): ReduceRun => reduceIn(kernel, heap, math));
}

function reduceIn<T extends Scalar>(kernel: ReduceKernel, heap: Heap, math: LaneMath<T>): ReduceRun {
  const inputs = kernel.inputs.map((name) => access(heap, name));
  const target = access(heap, kernel.output);
  const cursors = inputs.map(() => 0);
  const element = laneValue(kernel.pre, math, (index) => inputs[index]!.get(cursors[index]!));
  const total = accumulator(kernel.combine, math);
  const combined: Raw[] = [0, 0];
  const finish = kernel.post === null ? total.result : ownValue(kernel.post, math, (index) => combined[index]!);

  return (outer, inner, out, operands) => {
    const starts = operands.map((operand, k) => origin(operand, inputs[k]!.itemsize));
    const outerStrides = [out, ...operands].map(({ strides }) => strides.slice(0, outer.length));
    const innerStrides = operands.map(({ strides }) => strides.slice(outer.length));
    const outStart = origin(out, target.itemsize);
    combined[1] = count(inner);
    walk(outer, outerStrides, (bases) => {
      total.reset();
      walk(inner, innerStrides, (offsets) => {
        for (let k = 0; k < cursors.length; k++) cursors[k] = starts[k]! + bases[k + 1]! + offsets[k]!;
        total.take(element());
      });
      combined[0] = total.result();
      target.set(outStart + bases[0]!, finish());
    });
  };
}

function accumulator<T extends Scalar>(combine: Combine, math: LaneMath<T>): Accumulator<T> {
  switch (combine) {
    case "sum":
      return math.lane === "f32" || math.lane === "f64" ? floatSum(math) : running(math.of(0), required(math, "add"));
    case "prod":
      return running(math.of(1), required(math, "mul"));
    case "min":
      return running(math.greatest, required(math, "min"));
    case "max":
      return running(math.least, required(math, "max"));
    case "and":
      return logical(true);
    case "or":
      return logical(false);
    case "argmin":
      return extremum((a, b) => a < b);
    case "argmax":
      return extremum((a, b) => a > b);
    default:
      return combine satisfies never;
  }
}

function required<T extends Scalar>(math: LaneMath<T>, code: "add" | "mul" | "min" | "max"): (a: T, b: T) => T {
  const rule = math.binary[code];
  if (rule === null) throw new Error(`'${code}' is not defined in lane ${math.lane}`);
  return rule;
}

function running<T extends Scalar>(start: T, step: (a: T, b: T) => T): Accumulator<T> {
  let value = start;
  return {
    reset: () => {
      value = start;
    },
    take: (x) => {
      value = step(value, x);
    },
    result: () => value,
  };
}

/** Neumaier's compensated sum in float64, rounded to the lane once. */
function floatSum<T extends Scalar>(math: LaneMath<T>): Accumulator<T> {
  let sum = 0;
  let lost = 0;
  return {
    reset: () => {
      sum = 0;
      lost = 0;
    },
    take: (value) => {
      const x = Number(value);
      const next = sum + x;
      lost += Math.abs(sum) >= Math.abs(x) ? sum - next + x : x - next + sum;
      sum = next;
    },
    // An infinite or NaN sum has made NaN of what was lost.
    result: () => math.of(Number.isFinite(sum) ? sum + lost : sum),
  };
}

/** All (`start` true) or any: settled by the first element that differs from `start`. */
function logical<T extends Scalar>(start: boolean): Accumulator<T> {
  let value = start;
  return {
    reset: () => {
      value = start;
    },
    take: (x) => {
      if (truth(x) !== start) value = !start;
    },
    result: () => value,
  };
}

/** The position of the first element that beats all others, a NaN beating every number. */
function extremum<T extends Scalar>(beats: (a: T, b: T) => boolean): Accumulator<T> {
  let best: T | undefined;
  let position = 0;
  let next = 0;
  return {
    reset: () => {
      best = undefined;
      position = 0;
      next = 0;
    },
    take: (x) => {
      const at = next++;
      if (best !== undefined && (Number.isNaN(best) || !(beats(x, best) || Number.isNaN(x)))) return;
      best = x;
      position = at;
    },
    result: () => {
      if (best === undefined) throw new Error("an empty slice has no greatest or least element");
      return position;
    },
  };
}
