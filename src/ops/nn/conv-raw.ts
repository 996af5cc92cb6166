/** Convolutions on raw memory. */
import type { Tensor } from "../../core/tensor.ts";
import type { ConvolutionKernel, ConvolutionSizes } from "../../ir/kernel.ts";
import { runner } from "../../ir/runtime.ts";
import { fillRaw } from "../create.ts";
import { copyKernel, unrecorded } from "../define.ts";
import { addressOf, isMeta, withOperands } from "../operands.ts";
import { shapeOf, spatial } from "./raw.ts";

/** How windows lie over an image, one entry per spatial dim. */
export interface Windows {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
}

/** An image, its map and the weight between them, dense and of one dtype; the bias is one per channel of the result. */
export interface Parts {
  readonly image: Tensor;
  readonly map: Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor | null;
}

/** Computes one of the three from the two others. */
export function convolve(result: ConvolutionKernel["result"], parts: Parts, w: Windows): void {
  const { image, map, weight, bias } = parts;
  const out = parts[result];
  if (isMeta(out) || out.numel() === 0) return;
  const sizes = sizesOf(image, map, weight, w);
  if (image.numel() === 0 || map.numel() === 0 || weight.numel() === 0) {
    if (bias === null) fillRaw(out, 0);
    else copyKernel.into([channelwise(bias, out.dim())], out);
    return;
  }
  const run = runner({ skeleton: "convolution", result, dtype: out.dtype.stored });
  withOperands(() => {
    const at = (t: Tensor): number => addressOf(t, t === out);
    run(sizes, { image: at(image), map: at(map), weight: at(weight), bias: bias === null ? 0 : at(bias) });
  });
}

const channelwise = (bias: Tensor, rank: number): Tensor =>
  unrecorded(() => bias.view([1, bias.numel(), ...new Array<number>(rank - 2).fill(1)]));

function sizesOf(image: Tensor, map: Tensor, weight: Tensor, w: Windows): ConvolutionSizes {
  const { groups, stride, padding, dilation } = w;
  const [filters, channels] = shapeOf(weight) as [number, number];
  return {
    images: shapeOf(image)[0]!,
    groups,
    channels,
    filters: filters / groups,
    input: spatial(image),
    output: spatial(map),
    kernel: spatial(weight),
    stride,
    padding,
    dilation,
  };
}
