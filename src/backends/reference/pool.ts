/** Pooling: the maximum or mean of sliding windows, and the mean's gradient. */
import { dtypes } from "../../core/dtype.ts";
import { RuntimeError } from "../../core/errors.ts";
import type { Heap } from "../../core/heap.ts";
import type { Geometry, PoolKernel, PoolRun } from "../../ir/kernel.ts";
import { access } from "./access.ts";
import { inLane, type LaneMath, type Scalar } from "./lanes.ts";
import { count, denseStrides } from "./walk.ts";
import { covered, unravel } from "./window.ts";

/** Compiles a pooling. */
export function pool(kernel: PoolKernel, heap: Heap): PoolRun {
  return inLane(dtypes[kernel.dtype].lane, (math): PoolRun => {
    switch (kernel.mode) {
      case "max":
        return maxPool(kernel, heap, math);
      case "maxBackward":
        return maxPoolBackward(kernel, heap, math);
      case "avg":
        return averagePool(kernel, heap, math);
      case "avgBackward":
        return averagePoolBackward(kernel, heap, math);
      default:
        return kernel.mode satisfies never;
    }
  });
}

/** The flat input positions in the window at each output position. */
function windowsOf(geometry: Geometry): number[][] {
  const strides = denseStrides(geometry.input);
  const elements = Array.from({ length: count(geometry.kernel) }, (_, i) => unravel(i, geometry.kernel));
  return Array.from({ length: count(geometry.output) }, (_, i) => {
    const position = unravel(i, geometry.output);
    return elements.flatMap((element) => {
      const at = covered(geometry, position, element);
      return at === null ? [] : [at.reduce((sum, x, dim) => sum + x * strides[dim]!, 0)];
    });
  });
}

/** The number of window elements that lie in the image or its padding: a last window may reach beyond both. */
function paddedCount(geometry: Geometry, position: readonly number[]): number {
  return geometry.input.reduce((product, size, dim) => {
    const start = position[dim]! * geometry.stride[dim]! - geometry.padding[dim]!;
    const room = Math.ceil((size + geometry.padding[dim]! - start) / geometry.dilation[dim]!);
    return product * Math.min(geometry.kernel[dim]!, room);
  }, 1);
}

/** What each output position's sum is divided by. */
function divisors(geometry: Geometry, members: readonly number[][], divisor: number, countPadding: boolean): number[] {
  return members.map((member, i) => {
    if (divisor !== 0) return divisor;
    return countPadding ? paddedCount(geometry, unravel(i, geometry.output)) : member.length;
  });
}

/** A NaN wins; among equals the first; a window wholly in the padding gives the least value at index 0. */
function maxPool<T extends Scalar>(kernel: PoolKernel, heap: Heap, math: LaneMath<T>): PoolRun {
  const elements = access(heap, kernel.dtype);
  const longs = access(heap, "int64");
  return (planes, geometry, out, input, indices) => {
    const members = windowsOf(geometry);
    const size = count(geometry.input);
    for (let plane = 0; plane < planes; plane++) {
      const from = input / elements.itemsize + plane * size;
      members.forEach((member, i) => {
        let best = math.least;
        let at = member[0] ?? 0;
        for (const position of member) {
          const x = math.of(elements.get(from + position));
          if (!(x > best || Number.isNaN(x))) continue;
          best = x;
          at = position;
        }
        const to = plane * members.length + i;
        elements.set(out / elements.itemsize + to, best);
        if (indices !== 0) longs.set(indices / longs.itemsize + to, at);
      });
    }
  };
}

function maxPoolBackward<T extends Scalar>(kernel: PoolKernel, heap: Heap, math: LaneMath<T>): PoolRun {
  const elements = access(heap, kernel.dtype);
  const longs = access(heap, "int64");
  return (planes, geometry, out, input, indices) => {
    const [size, windows] = [count(geometry.input), count(geometry.output)];
    for (let plane = 0; plane < planes; plane++) {
      const sums = new Array<T>(size).fill(math.of(0));
      for (let i = plane * windows; i < (plane + 1) * windows; i++) {
        const at = Number(longs.get(indices / longs.itemsize + i));
        if (!(at in sums)) throw new RuntimeError(`index ${at} is outside of the plane`);
        sums[at] = math.wide.add(sums[at]!, math.of(elements.get(input / elements.itemsize + i)));
      }
      sums.forEach((sum, at) => {
        elements.set(out / elements.itemsize + plane * size + at, sum);
      });
    }
  };
}

function averagePool<T extends Scalar>(kernel: PoolKernel, heap: Heap, math: LaneMath<T>): PoolRun {
  const elements = access(heap, kernel.dtype);
  const divide = division(math);
  return (planes, geometry, out, input, _indices, divisor, countPadding) => {
    const members = windowsOf(geometry);
    const by = divisors(geometry, members, divisor, countPadding);
    const size = count(geometry.input);
    for (let plane = 0; plane < planes; plane++) {
      const from = input / elements.itemsize + plane * size;
      members.forEach((member, i) => {
        const sum = member.reduce((total, at) => math.wide.add(total, math.of(elements.get(from + at))), math.of(0));
        const mean = member.length === 0 ? math.of(0) : divide(sum, math.of(by[i]!));
        elements.set(out / elements.itemsize + plane * members.length + i, mean);
      });
    }
  };
}

function averagePoolBackward<T extends Scalar>(kernel: PoolKernel, heap: Heap, math: LaneMath<T>): PoolRun {
  const elements = access(heap, kernel.dtype);
  const divide = division(math);
  return (planes, geometry, out, input, _indices, divisor, countPadding) => {
    const members = windowsOf(geometry);
    const by = divisors(geometry, members, divisor, countPadding);
    const size = count(geometry.input);
    for (let plane = 0; plane < planes; plane++) {
      const from = input / elements.itemsize + plane * members.length;
      const sums = new Array<T>(size).fill(math.of(0));
      members.forEach((member, i) => {
        if (member.length === 0) return;
        const part = divide(math.of(elements.get(from + i)), math.of(by[i]!));
        for (const at of member) sums[at] = math.wide.add(sums[at]!, part);
      });
      sums.forEach((sum, at) => {
        elements.set(out / elements.itemsize + plane * size + at, sum);
      });
    }
  };
}

function division<T extends Scalar>(math: LaneMath<T>): (a: T, b: T) => T {
  const rule = math.binary.div;
  if (rule === null) throw new Error(`'div' is not defined in lane ${math.lane}`);
  return rule;
}
