/** Batched matrix products. */
import { dtypes } from "../../core/dtype.ts";
import type { Heap } from "../../core/heap.ts";
import type { MatmulKernel, MatmulRun } from "../../ir/kernel.ts";
import { access } from "./access.ts";
import { inLane, type LaneMath, type Scalar } from "./lanes.ts";
import { origin, walk } from "./walk.ts";

/** Compiles a matrix product: sums wider than the lane, one rounding at the store. */
export function matmul(kernel: MatmulKernel, heap: Heap): MatmulRun {
  return inLane(dtypes[kernel.dtype].lane, (math): MatmulRun => matmulIn(kernel, heap, math));
}

function matmulIn<T extends Scalar>(kernel: MatmulKernel, heap: Heap, math: LaneMath<T>): MatmulRun {
  const elements = access(heap, kernel.dtype);
  const { add, mul } = math.wide;
  const read = (at: number): T => math.of(elements.get(at));

  return (batch, m, n, k, out, a, b, alpha, beta, addend = out) => {
    const operands = [out, a, b, addend];
    const starts = operands.map((operand) => origin(operand, elements.itemsize));
    const rows = operands.map(({ strides }) => strides[batch.length]!);
    const columns = operands.map(({ strides }) => strides[batch.length + 1]!);
    const batches = operands.map(({ strides }) => strides.slice(0, batch.length));
    const dot = (aAt: number, bAt: number): T => {
      let sum = math.of(0);
      for (let p = 0; p < k; p++) sum = add(sum, mul(read(aAt + p * columns[1]!), read(bAt + p * rows[2]!)));
      return sum;
    };
    walk(batch, batches, (bases) => {
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          const at = starts[0]! + bases[0]! + i * rows[0]! + j * columns[0]!;
          const product = dot(starts[1]! + bases[1]! + i * rows[1]!, starts[2]! + bases[2]! + j * columns[2]!);
          const scaled = mul(math.of(alpha), product);
          const old = starts[3]! + bases[3]! + i * rows[3]! + j * columns[3]!;
          // With beta 0 the addend is not read: it may be NaN.
          elements.set(at, beta === 0 ? scaled : add(scaled, mul(math.of(beta), read(old))));
        }
      }
    });
  };
}
