/** Inclusive scans along one dimension. */
import type { Heap } from "../../core/heap.ts";
import type { ScanKernel, ScanRun } from "../../ir/kernel.ts";
import { access } from "./access.ts";
import { inLane, type LaneMath, type Scalar } from "./lanes.ts";
import { origin, walk } from "./walk.ts";

/** Compiles a scan. */
export function scan(kernel: ScanKernel, heap: Heap): ScanRun {
  return inLane(kernel.lane, (math): ScanRun => scanIn(kernel, heap, math));
}

function scanIn<T extends Scalar>(kernel: ScanKernel, heap: Heap, math: LaneMath<T>): ScanRun {
  const source = access(heap, kernel.input);
  const target = access(heap, kernel.output);
  const positions = access(heap, "int64");
  const step = stepOf(kernel.combine, math);

  return (shape, length, out, input, indices) => {
    const operands = indices === null ? [out, input] : [out, input, indices];
    const [outStep = 0, inStep = 0, indexStep = 0] = operands.map(({ strides }) => strides[shape.length]!);
    const [outStart, inStart] = [origin(out, target.itemsize), origin(input, source.itemsize)];
    const indexStart = indices === null ? 0 : origin(indices, positions.itemsize);
    const outer = operands.map(({ strides }) => strides.slice(0, shape.length));
    walk(shape, outer, ([outBase = 0, inBase = 0, indexBase = 0]) => {
      let total: T | undefined;
      let latest = 0;
      for (let i = 0; i < length; i++) {
        const x = math.of(source.get(inStart + inBase + i * inStep));
        const next = step(total, x);
        if (next.fresh) latest = i;
        total = next.total;
        // The total is kept wider than the lane; what is written is rounded to it.
        target.set(outStart + outBase + i * outStep, math.of(total));
        if (indices !== null) positions.set(indexStart + indexBase + i * indexStep, latest);
      }
    });
  };
}

/** What the total becomes with one more element, and whether that element is the extremum now. */
type Step<T> = (total: T | undefined, x: T) => { readonly total: T; readonly fresh: boolean };

function stepOf<T extends Scalar>(combine: ScanKernel["combine"], math: LaneMath<T>): Step<T> {
  const accumulate =
    (rule: (a: T, b: T) => T): Step<T> =>
    (total, x) => ({ total: total === undefined ? x : rule(total, x), fresh: false });
  switch (combine) {
    case "sum":
      return accumulate(math.wide.add);
    case "prod":
      return accumulate(math.wide.mul);
    case "min":
      return extremum((x, total) => x <= total);
    case "max":
      return extremum((x, total) => x >= total);
    case "logaddexp":
      if (math.wide.logaddexp === null) throw new Error(`'logaddexp' is not defined in lane ${math.lane}`);
      return accumulate(math.wide.logaddexp);
    default:
      return combine satisfies never;
  }
}

/** A NaN always takes over, and only a NaN follows it. */
function extremum<T extends Scalar>(beats: (x: T, total: T) => boolean): Step<T> {
  return (total, x) => {
    const fresh = total === undefined || Number.isNaN(x) || (!Number.isNaN(total) && beats(x, total));
    return { total: fresh || total === undefined ? x : total, fresh };
  };
}
