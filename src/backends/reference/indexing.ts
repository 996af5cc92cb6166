/** Gather and scatter: elements chosen by index tensors. */
import { dtypes } from "../../core/dtype.ts";
import type { Heap } from "../../core/heap.ts";
import type { GatherKernel, GatherRun, IndexSpace, Operand, ScatterKernel, ScatterRun } from "../../ir/kernel.ts";
import { type Access, access, bits } from "./access.ts";
import { inLane, type LaneMath, type Scalar } from "./lanes.ts";
import { origin, walk } from "./walk.ts";

type OutOfBounds = NonNullable<ReturnType<GatherRun>>;

/** Compiles a gather. */
export function gather(kernel: GatherKernel, heap: Heap): GatherRun {
  const elements = bits(heap, kernel.dtype);
  return (shape, out, source, indices, space) =>
    visitChosen(heap, elements, shape, [out, source], indices, space, (outAt, sourceAt, chosen) => {
      elements.set(outAt, elements.get(sourceAt + chosen));
    });
}

/** Compiles a scatter. */
export function scatter(kernel: ScatterKernel, heap: Heap): ScatterRun {
  const elements = kernel.mode === "set" ? bits(heap, kernel.dtype) : access(heap, kernel.dtype);
  return inLane(dtypes[kernel.dtype].lane, (math): ScatterRun => {
    const put = store(kernel.mode, elements, math);
    return (shape, target, source, indices, space) =>
      visitChosen(heap, elements, shape, [target, source], indices, space, (targetAt, sourceAt, chosen) => {
        put(targetAt + chosen, sourceAt);
      });
  });
}

function store<T extends Scalar>(
  mode: ScatterKernel["mode"],
  elements: Access,
  math: LaneMath<T>,
): (to: number, from: number) => void {
  if (mode === "set") return (to, from) => elements.set(to, elements.get(from));
  const rule = math.binary[mode];
  if (rule === null) throw new Error(`'${mode}' is not defined in lane ${math.lane}`);
  return (to, from) => elements.set(to, rule(math.of(elements.get(to)), math.of(elements.get(from))));
}

/**
 * Checks every index, then visits every position with the elements where the two operands stand and the offset that
 * the indices add. Returns what the check found.
 */
function visitChosen(
  heap: Heap,
  elements: Access,
  shape: readonly number[],
  [first, second]: readonly [Operand, Operand],
  indices: readonly Operand[],
  space: IndexSpace,
  visit: (first: number, second: number, chosen: number) => void,
): OutOfBounds | null {
  const longs = access(heap, "int64");
  const starts = indices.map((operand) => origin(operand, longs.itemsize));
  const strides = [...indices, first, second].map((operand) => operand.strides);
  const k1 = indices.length;
  let bad: OutOfBounds | null = null;
  const read = (offsets: readonly number[], k: number) => Number(longs.get(starts[k]! + offsets[k]!));
  walk(shape, strides, (offsets) => {
    for (let k = 0; k < k1 && bad === null; k++) {
      const value = read(offsets, k);
      const size = space.sizes[k]!;
      if (value < -size || value >= size) bad = { operand: k, value };
    }
  });
  if (bad !== null) return bad;
  const bases = [first, second].map((operand) => origin(operand, elements.itemsize));
  walk(shape, strides, (offsets) => {
    let chosen = 0;
    for (let k = 0; k < k1; k++) {
      const value = read(offsets, k);
      chosen += (value < 0 ? value + space.sizes[k]! : value) * space.strides[k]!;
    }
    visit(bases[0]! + offsets[k1]!, bases[1]! + offsets[k1 + 1]!, chosen);
  });
  return null;
}
