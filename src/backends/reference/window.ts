/** Sliding windows: images to columns and back. */
import { dtypes } from "../../core/dtype.ts";
import type { Heap } from "../../core/heap.ts";
import type { Geometry, WindowKernel, WindowRun } from "../../ir/kernel.ts";
import { access, bits } from "./access.ts";
import { inLane, type LaneMath, type Scalar } from "./lanes.ts";
import { count, denseStrides, origin, walk } from "./walk.ts";

/** Compiles im2col or col2im. */
export function windows(kernel: WindowKernel, heap: Heap): WindowRun {
  if (kernel.mode === "im2col") return im2col(kernel, heap);
  return inLane(dtypes[kernel.dtype].lane, (math): WindowRun => col2im(kernel, heap, math));
}

/** The multi-index of a row-major position. */
export function unravel(position: number, shape: readonly number[]): number[] {
  const index = shape.map(() => 0);
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    index[dim] = position % shape[dim]!;
    position = Math.floor(position / shape[dim]!);
  }
  return index;
}

/** The input position that window element `element` of output position `position` covers; null in the padding. */
export function covered(geometry: Geometry, position: readonly number[], element: readonly number[]): number[] | null {
  const at = geometry.input.map(
    (_, dim) =>
      position[dim]! * geometry.stride[dim]! - geometry.padding[dim]! + element[dim]! * geometry.dilation[dim]!,
  );
  return at.every((x, dim) => x >= 0 && x < geometry.input[dim]!) ? at : null;
}

/** Visits every (window element, output position) whose input position lies in the image, columns in order. */
export function visitWindows(
  geometry: Geometry,
  visit: (column: number, input: readonly number[] | null) => void,
): void {
  const { kernel, output } = geometry;
  const positions = count(output);
  for (let element = 0; element < count(kernel); element++) {
    for (let position = 0; position < positions; position++) {
      visit(element * positions + position, covered(geometry, unravel(position, output), unravel(element, kernel)));
    }
  }
}

const dotProduct = (index: readonly number[], strides: readonly number[]): number =>
  index.reduce((sum, i, dim) => sum + i * strides[dim]!, 0);

function im2col(kernel: WindowKernel, heap: Heap): WindowRun {
  const elements = bits(heap, kernel.dtype);
  return (planes, geometry, image, columns) => {
    const perPlane = count(geometry.kernel) * count(geometry.output);
    const [planeStride = 0, ...strides] = image.strides;
    for (let plane = 0; plane < planes; plane++) {
      const from = origin(image, elements.itemsize) + plane * planeStride;
      const to = columns / elements.itemsize + plane * perPlane;
      visitWindows(geometry, (column, input) => {
        elements.set(to + column, input === null ? 0 : elements.get(from + dotProduct(input, strides)));
      });
    }
  };
}

/** Sums are kept in the lane's wide form and rounded once. */
function col2im<T extends Scalar>(kernel: WindowKernel, heap: Heap, math: LaneMath<T>): WindowRun {
  const elements = access(heap, kernel.dtype);
  return (planes, geometry, image, columns) => {
    const perPlane = count(geometry.kernel) * count(geometry.output);
    const [planeStride = 0, ...strides] = image.strides;
    const dense = denseStrides(geometry.input);
    for (let plane = 0; plane < planes; plane++) {
      const to = origin(image, elements.itemsize) + plane * planeStride;
      const from = columns / elements.itemsize + plane * perPlane;
      const sums = new Array<T>(count(geometry.input)).fill(math.of(0));
      visitWindows(geometry, (column, input) => {
        if (input === null) return;
        const at = dotProduct(input, dense);
        sums[at] = math.wide.add(sums[at]!, math.of(elements.get(from + column)));
      });
      walk(geometry.input, [strides], ([offset = 0], position) => elements.set(to + offset, sums[position]!));
    }
  };
}
