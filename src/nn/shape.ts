/** Layers that only move elements: flatten, fold, shuffle, resize; and distances. */
import { typeName } from "../core/errors.ts";
import { reprFloat } from "../core/repr.ts";
import type { Tensor } from "../core/tensor.ts";
import { type Arguments, read, show, showTuple } from "./arguments.ts";
import type { Sizes } from "./conv.ts";
import * as F from "./functional.ts";
import { Module } from "./module.ts";

/**
 * Joins the dims from `startDim` (1) to `endDim` (-1): `[N, C, H, W]` becomes `[N, C * H * W]`.
 * @example new nn.Flatten()(images).shape // torch.Size([8, 784])
 */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(...args: Arguments<[startDim?: number, endDim?: number], "startDim endDim">) {
    super();
    const v = read("Flatten", "startDim:int=1 endDim:int=-1", args);
    this.startDim = v.startDim as number;
    this.endDim = v.endDim as number;
  }

  forward(input: Tensor): Tensor {
    return input.flatten(this.startDim, this.endDim);
  }

  override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`;
  }
}

/**
 * Splits dim `dim` into `unflattenedSize`, of which one may be -1.
 * @throws RuntimeError where the product is not the dim's size.
 * @example new nn.Unflatten(1, [2, 3])(torch.zeros(4, 6)).shape // torch.Size([4, 2, 3])
 */
export class Unflatten extends Module {
  readonly dim: number;
  readonly unflattenedSize: readonly number[];

  constructor(...args: Arguments<[dim: number, unflattenedSize: readonly number[]], "dim unflattenedSize">) {
    super();
    const v = read("Unflatten", "dim:int unflattenedSize:any", args);
    this.dim = v.dim as number;
    this.unflattenedSize = listOfInts(v.unflattenedSize);
  }

  forward(input: Tensor): Tensor {
    return input.unflatten(this.dim, this.unflattenedSize);
  }

  override extraRepr(): string {
    return `dim=${this.dim}, unflattened_size=${showTuple(this.unflattenedSize)}`;
  }
}

function listOfInts(value: unknown): readonly number[] {
  if (!Array.isArray(value)) {
    throw new TypeError(`unflattened_size must be a tuple of ints, but found type ${typeName(value)}`);
  }
  value.forEach((item, i) => {
    if (Number.isInteger(item)) return;
    throw new TypeError(
      `unflattened_size must be tuple of ints, but found element of type ${typeName(item)} at pos ${i}`,
    );
  });
  return value;
}

/**
 * Sums windows into images: `[N, C * kernel, L]` becomes `[N, C, ...outputSize]`. The gradient of `Unfold`, as an
 * operation.
 * @throws RuntimeError where L is not the number of windows.
 * @example new nn.Fold([3, 3], 2)(torch.ones(1, 4, 4)).shape // torch.Size([1, 1, 3, 3])
 */
export class Fold extends Module {
  readonly outputSize: Sizes;
  readonly kernelSize: Sizes;
  readonly dilation: Sizes;
  readonly padding: Sizes;
  readonly stride: Sizes;

  constructor(
    ...args: Arguments<
      [outputSize: Sizes, kernelSize: Sizes, dilation?: Sizes, padding?: Sizes, stride?: Sizes],
      "outputSize kernelSize dilation padding stride"
    >
  ) {
    super();
    const v = read("Fold", "outputSize:any kernelSize:any dilation:any=1 padding:any=0 stride:any=1", args);
    this.outputSize = v.outputSize as Sizes;
    this.kernelSize = v.kernelSize as Sizes;
    this.dilation = v.dilation as Sizes;
    this.padding = v.padding as Sizes;
    this.stride = v.stride as Sizes;
  }

  forward(input: Tensor): Tensor {
    return F.fold(input, this.outputSize, this.kernelSize, this.dilation, this.padding, this.stride);
  }

  override extraRepr(): string {
    return `output_size=${show(this.outputSize)}, ${showWindow(this)}`;
  }
}

/**
 * The windows of an image as columns: `[N, C, H, W]` becomes `[N, C * kernel, L]`, L being the number of windows.
 * @throws RuntimeError where no window fits.
 * @example new nn.Unfold(2)(torch.zeros(1, 1, 3, 3)).shape // torch.Size([1, 4, 4])
 */
export class Unfold extends Module {
  readonly kernelSize: Sizes;
  readonly dilation: Sizes;
  readonly padding: Sizes;
  readonly stride: Sizes;

  constructor(
    ...args: Arguments<
      [kernelSize: Sizes, dilation?: Sizes, padding?: Sizes, stride?: Sizes],
      "kernelSize dilation padding stride"
    >
  ) {
    super();
    const v = read("Unfold", "kernelSize:any dilation:any=1 padding:any=0 stride:any=1", args);
    this.kernelSize = v.kernelSize as Sizes;
    this.dilation = v.dilation as Sizes;
    this.padding = v.padding as Sizes;
    this.stride = v.stride as Sizes;
  }

  forward(input: Tensor): Tensor {
    return F.unfold(input, this.kernelSize, this.dilation, this.padding, this.stride);
  }

  override extraRepr(): string {
    return showWindow(this);
  }
}

function showWindow(layer: { kernelSize: Sizes; dilation: Sizes; padding: Sizes; stride: Sizes }): string {
  return (
    `kernel_size=${show(layer.kernelSize)}, dilation=${show(layer.dilation)}, padding=${show(layer.padding)}, ` +
    `stride=${show(layer.stride)}`
  );
}

/**
 * Moves channels into space: `[*, C r², H, W]` becomes `[*, C, H r, W r]`, r being `upscaleFactor`.
 * @throws RuntimeError where the channels cannot be divided by r².
 * @see https://arxiv.org/abs/1609.05158
 * @example new nn.PixelShuffle(2)(torch.zeros(1, 8, 3, 3)).shape // torch.Size([1, 2, 6, 6])
 */
export class PixelShuffle extends Module {
  readonly upscaleFactor: number;

  constructor(...args: Arguments<[upscaleFactor: number], "upscaleFactor">) {
    super();
    this.upscaleFactor = read("PixelShuffle", "upscaleFactor:int", args).upscaleFactor as number;
  }

  forward(input: Tensor): Tensor {
    return F.pixelShuffle(input, this.upscaleFactor);
  }

  override extraRepr(): string {
    return `upscale_factor=${this.upscaleFactor}`;
  }
}

/**
 * Moves space into channels: `[*, C, H r, W r]` becomes `[*, C r², H, W]`, r being `downscaleFactor`.
 * @throws RuntimeError where height or width cannot be divided by r.
 * @example new nn.PixelUnshuffle(2)(torch.zeros(1, 2, 6, 6)).shape // torch.Size([1, 8, 3, 3])
 */
export class PixelUnshuffle extends Module {
  readonly downscaleFactor: number;

  constructor(...args: Arguments<[downscaleFactor: number], "downscaleFactor">) {
    super();
    this.downscaleFactor = read("PixelUnshuffle", "downscaleFactor:int", args).downscaleFactor as number;
  }

  forward(input: Tensor): Tensor {
    return F.pixelUnshuffle(input, this.downscaleFactor);
  }

  override extraRepr(): string {
    return `downscale_factor=${this.downscaleFactor}`;
  }
}

/**
 * Interleaves `groups` groups of the channels of `[N, C, ...]`.
 * @throws RuntimeError where the channels cannot be divided by `groups`.
 * @see https://arxiv.org/abs/1707.01083
 * @example new nn.ChannelShuffle(2)(torch.arange(4).view(1, 4, 1)).flatten() // tensor([0, 2, 1, 3])
 */
export class ChannelShuffle extends Module {
  readonly groups: number;

  constructor(...args: Arguments<[groups: number], "groups">) {
    super();
    this.groups = read("ChannelShuffle", "groups:int", args).groups as number;
  }

  forward(input: Tensor): Tensor {
    return F.channelShuffle(input, this.groups);
  }

  override extraRepr(): string {
    return `groups=${this.groups}`;
  }
}

/** How values between pixels are found. */
export type UpsampleMode = "nearest" | "linear" | "bilinear" | "bicubic" | "trilinear" | "nearest-exact" | "area";

/**
 * Resizes `[N, C, ...]` to `size`, or by `scaleFactor`. `mode` is `"nearest"` (default), `"linear"`, `"bilinear"`,
 * `"bicubic"` or `"trilinear"`; `alignCorners` puts corners on corners.
 * @throws ValueError unless one of `size` and `scaleFactor` is given.
 * @example new nn.Upsample({ scaleFactor: 2 })(torch.tensor([[[1, 2]]])) // tensor([[[1., 1., 2., 2.]]])
 */
export class Upsample extends Module {
  readonly size: Sizes | null;
  readonly scaleFactor: Sizes | null;
  readonly mode: UpsampleMode;
  readonly alignCorners: boolean | null;
  readonly recomputeScaleFactor: boolean | null;

  constructor(
    ...args: Arguments<
      [
        size?: Sizes | null,
        scaleFactor?: Sizes | null,
        mode?: UpsampleMode,
        alignCorners?: boolean | null,
        recomputeScaleFactor?: boolean | null,
      ],
      "size scaleFactor mode alignCorners recomputeScaleFactor"
    >
  ) {
    super();
    const params =
      "size:any?=null scaleFactor:any?=null mode:str='nearest' alignCorners:bool?=null recomputeScaleFactor:bool?=null";
    const v = read("Upsample", params, args);
    this.size = v.size as Sizes | null;
    this.scaleFactor = v.scaleFactor as Sizes | null;
    this.mode = v.mode as UpsampleMode;
    this.alignCorners = v.alignCorners as boolean | null;
    this.recomputeScaleFactor = v.recomputeScaleFactor as boolean | null;
  }

  forward(input: Tensor): Tensor {
    const { size, scaleFactor, mode, alignCorners, recomputeScaleFactor } = this;
    return F.interpolate(input, size, scaleFactor, mode, alignCorners, recomputeScaleFactor);
  }

  override extraRepr(): string {
    const { size, scaleFactor, mode } = this;
    const factor =
      typeof scaleFactor === "number" ? reprFloat(scaleFactor) : showTuple((scaleFactor ?? []).map(reprFloat));
    const target = scaleFactor === null ? `size=${size === null ? "None" : show(size)}` : `scale_factor=${factor}`;
    return `${target}, mode='${mode}'`;
  }
}

/**
 * Resizes `[N, C, H, W]` to `size`, or by `scaleFactor`, to the nearest pixels.
 * @example new nn.UpsamplingNearest2d({ scaleFactor: 2 })(torch.ones(1, 1, 2, 2)).shape // torch.Size([1, 1, 4, 4])
 */
export class UpsamplingNearest2d extends Upsample {
  constructor(...args: Arguments<[size?: Sizes | null, scaleFactor?: Sizes | null], "size scaleFactor">) {
    const v = read("UpsamplingNearest2d", "size:any?=null scaleFactor:any?=null", args);
    super(v.size as Sizes | null, v.scaleFactor as Sizes | null, "nearest");
  }
}

/**
 * Resizes `[N, C, H, W]` to `size`, or by `scaleFactor`, with bilinear interpolation, corners on corners.
 * @example new nn.UpsamplingBilinear2d([3, 3])(torch.ones(1, 1, 2, 2)).shape // torch.Size([1, 1, 3, 3])
 */
export class UpsamplingBilinear2d extends Upsample {
  constructor(...args: Arguments<[size?: Sizes | null, scaleFactor?: Sizes | null], "size scaleFactor">) {
    const v = read("UpsamplingBilinear2d", "size:any?=null scaleFactor:any?=null", args);
    super(v.size as Sizes | null, v.scaleFactor as Sizes | null, "bilinear", true);
  }
}

/**
 * The cosine of the angle between vectors along `dim` (1), whose product of lengths is at least `eps`.
 * @example new nn.CosineSimilarity(0)(torch.tensor([1, 0]), torch.tensor([2, 0])) // tensor(1.)
 */
export class CosineSimilarity extends Module<[x1: Tensor, x2: Tensor]> {
  readonly dim: number;
  readonly eps: number;

  constructor(...args: Arguments<[dim?: number, eps?: number], "dim eps">) {
    super();
    const v = read("CosineSimilarity", "dim:int=1 eps:float=1e-8", args);
    this.dim = v.dim as number;
    this.eps = v.eps as number;
  }

  forward(x1: Tensor, x2: Tensor): Tensor {
    return F.cosineSimilarity(x1, x2, this.dim, this.eps);
  }
}

/**
 * The p-norm (2) of `x1 - x2 + eps` along the last dim.
 * @example new nn.PairwiseDistance()(torch.tensor([[3, 4]]), torch.zeros(1, 2)) // tensor([5.0000])
 */
export class PairwiseDistance extends Module<[x1: Tensor, x2: Tensor]> {
  readonly norm: number;
  readonly eps: number;
  readonly keepdim: boolean;

  constructor(...args: Arguments<[p?: number, eps?: number, keepdim?: boolean], "p eps keepdim">) {
    super();
    const v = read("PairwiseDistance", "p:float=2 eps:float=1e-6 keepdim:bool=false", args);
    this.norm = v.p as number;
    this.eps = v.eps as number;
    this.keepdim = v.keepdim as boolean;
  }

  forward(x1: Tensor, x2: Tensor): Tensor {
    return F.pairwiseDistance(x1, x2, this.norm, this.eps, this.keepdim);
  }
}
