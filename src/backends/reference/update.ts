/** Several pointwise results at once. */
import type { Heap } from "../../core/heap.ts";
import { laneDType, type UpdateKernel, type UpdateRun } from "../../ir/kernel.ts";
import { access } from "./access.ts";
import { laneValue } from "./evaluate.ts";
import { inLane } from "./lanes.ts";

/** Compiles an update. */
export function update(kernel: UpdateKernel, heap: Heap): UpdateRun {
  const elements = access(heap, laneDType[kernel.lane]);
  const doubles = 8 / elements.itemsize;
  let sources: readonly number[] = [];
  let scalars = 0;
  let i = 0;
  const load = (index: number) =>
    elements.get(index < kernel.inputs ? sources[index]! + i : scalars + (index - kernel.inputs) * doubles);
  const values = inLane(kernel.lane, (math) =>
    kernel.outputs.map((expr) => laneValue<number>(expr, math as never, load)),
  );
  return (n, outputs, inputs, scalarAddress) => {
    sources = inputs.map((address) => address / elements.itemsize);
    scalars = scalarAddress / elements.itemsize;
    const targets = outputs.map((address) => address / elements.itemsize);
    for (i = 0; i < n; i++) {
      const results = values.map((value) => value());
      for (let k = 0; k < targets.length; k++) elements.set(targets[k]! + i, results[k]!);
    }
  };
}
