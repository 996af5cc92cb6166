/** Convolutions, and their gradients, from the definition: a sum over channels and window elements. */
import { dtypes } from "../../core/dtype.ts";
import type { Heap } from "../../core/heap.ts";
import type {
  ConvolutionKernel,
  ConvolutionOperands,
  ConvolutionRun,
  ConvolutionSizes,
  Geometry,
} from "../../ir/kernel.ts";
import { access } from "./access.ts";
import { inLane, type LaneMath, type Scalar } from "./lanes.ts";
import { count, denseStrides } from "./walk.ts";
import { covered, unravel } from "./window.ts";

/** Compiles a convolution: sums wider than the lane, one rounding at the store. */
export function convolution(kernel: ConvolutionKernel, heap: Heap): ConvolutionRun {
  return inLane(dtypes[kernel.dtype].lane, (math): ConvolutionRun => convolutionIn(kernel, heap, math));
}

/** One multiplication: the flat elements of image, map and weight that meet. */
type Meet = (image: number, map: number, weight: number) => void;

function convolutionIn<T extends Scalar>(
  { result, dtype }: ConvolutionKernel,
  heap: Heap,
  math: LaneMath<T>,
): ConvolutionRun {
  const elements = access(heap, dtype);
  const { add, mul } = math.wide;
  return (sizes, operands) => {
    const at = (name: keyof ConvolutionOperands): number => operands[name] / elements.itemsize;
    const read = (name: keyof ConvolutionOperands, i: number): T => math.of(elements.get(at(name) + i));
    const { channels, plane, length } = resultOf(result, sizes);
    const sums = Array.from({ length }, (_, i) =>
      operands.bias === 0 ? math.of(0) : read("bias", Math.floor(i / plane) % channels),
    );
    eachMeeting(sizes, (image, map, weight) => {
      const [target, a, b] = {
        map: [map, read("image", image), read("weight", weight)] as const,
        image: [image, read("map", map), read("weight", weight)] as const,
        weight: [weight, read("map", map), read("image", image)] as const,
      }[result];
      sums[target] = add(sums[target]!, mul(a, b));
    });
    sums.forEach((sum, i) => {
      elements.set(at(result) + i, sum);
    });
  };
}

function resultOf(
  result: ConvolutionKernel["result"],
  s: ConvolutionSizes,
): { channels: number; plane: number; length: number } {
  const plane = count({ map: s.output, image: s.input, weight: s.kernel }[result]);
  const channels = result === "map" ? s.groups * s.filters : s.groups * s.channels;
  const length = result === "weight" ? s.groups * s.filters * s.channels * plane : s.images * channels * plane;
  return { channels, plane, length };
}

function eachMeeting(s: ConvolutionSizes, meet: Meet): void {
  const [input, output, kernel] = [count(s.input), count(s.output), count(s.kernel)];
  const places = placesOf(s);
  for (let image = 0; image < s.images; image++) {
    for (let filter = 0; filter < s.groups * s.filters; filter++) {
      const group = Math.floor(filter / s.filters);
      for (let channel = 0; channel < s.channels; channel++) {
        const imagePlane = (image * s.groups + group) * s.channels + channel;
        const mapPlane = image * s.groups * s.filters + filter;
        for (const [pixel, element, at] of places) {
          meet(imagePlane * input + pixel, mapPlane * output + at, (filter * s.channels + channel) * kernel + element);
        }
      }
    }
  }
}

/** Which pixel of the image each element of the kernel meets, by the position in the map. */
function placesOf(g: Geometry): (readonly [pixel: number, element: number, position: number])[] {
  const strides = denseStrides(g.input);
  const found: (readonly [number, number, number])[] = [];
  for (let position = 0; position < count(g.output); position++) {
    for (let element = 0; element < count(g.kernel); element++) {
      const at = covered(g, unravel(position, g.output), unravel(element, g.kernel));
      if (at !== null) found.push([at.reduce((sum, x, dim) => sum + x * strides[dim]!, 0), element, position]);
    }
  }
  return found;
}
