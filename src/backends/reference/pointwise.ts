/** The pointwise skeleton. */
import type { Heap } from "../../core/heap.ts";
import type { Operand, PointwiseKernel, PointwiseRun } from "../../ir/kernel.ts";
import { access } from "./access.ts";
import { ownValue } from "./evaluate.ts";
import { inLane } from "./lanes.ts";
import { origin, walk } from "./walk.ts";

/** Compiles a pointwise kernel. */
export function pointwise(kernel: PointwiseKernel, heap: Heap): PointwiseRun {
  const inputs = kernel.inputs.map((name) => access(heap, name));
  const out = access(heap, kernel.output);
  const cursors = inputs.map(() => 0);
  const load = (index: number) => inputs[index]!.get(cursors[index]!);
  const value = inLane(kernel.lane, (math): (() => number | bigint | boolean) => ownValue(kernel.expr, math, load));

  const strided = (shape: readonly number[], operands: readonly Operand[]): void => {
    if (operands.length !== inputs.length + 1) {
      throw new Error(`a kernel of ${inputs.length} inputs was given ${operands.length - 1}`);
    }
    const starts = operands.map((operand, k) => origin(operand, k === 0 ? out.itemsize : inputs[k - 1]!.itemsize));
    const strides = operands.map((operand) => operand.strides);
    walk(shape, strides, (offsets) => {
      for (let k = 0; k < cursors.length; k++) cursors[k] = starts[k + 1]! + offsets[k + 1]!;
      out.set(starts[0]! + offsets[0]!, value());
    });
  };

  return {
    strided,
    dense(classes) {
      if (!/^c[cb]*$/.test(classes) || classes.length !== inputs.length + 1) {
        throw new Error(`operand classes "${classes}" do not fit a kernel of ${inputs.length} inputs`);
      }
      return (n, ...addresses) => {
        const operands = addresses.slice(0, classes.length).map((address, k) => ({
          address: address ?? 0,
          strides: [classes[k] === "c" ? 1 : 0],
        }));
        strided([n], operands);
      };
    },
  };
}
