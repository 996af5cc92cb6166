/** Pooling layers. */
import type { Values } from "../core/params.ts";
import type { Tensor } from "../core/tensor.ts";
import { type Arguments, read, show, showTuple, tuple } from "./arguments.ts";
import type { Sizes } from "./conv.ts";
import * as F from "./functional.ts";
import { Module } from "./module.ts";

/** A size for every dim, or one for all; null among several keeps the input's. */
export type OutputSize = number | readonly (number | null)[];

const pyBool = (value: boolean): string => (value ? "True" : "False");

/** With `returnIndices` a pool gives two tensors, which the type of its class does not tell. */
const pair = (result: unknown): Tensor => result as Tensor;

function showPool(layer: { kernelSize: Sizes; stride: Sizes; padding: Sizes }): string {
  return `kernel_size=${show(layer.kernelSize)}, stride=${show(layer.stride)}, padding=${show(layer.padding)}`;
}

function showOutput(size: OutputSize): string {
  const one = (n: number | null): string => (n === null ? "None" : String(n));
  return typeof size === "number" ? one(size) : showTuple(size.map(one));
}

/** The arguments of `MaxPool1d` and its kin. */
export type MaxPoolArguments = Arguments<
  [
    kernelSize: Sizes,
    stride?: Sizes | null,
    padding?: Sizes,
    dilation?: Sizes,
    returnIndices?: boolean,
    ceilMode?: boolean,
  ],
  "kernelSize stride padding dilation returnIndices ceilMode"
>;

const maxPoolParams =
  "kernelSize:any stride:any?=null padding:any=0 dilation:any=1 returnIndices:bool=false ceilMode:bool=false";

/** What the maximum pools share. */
abstract class MaxPool extends Module {
  readonly kernelSize: Sizes;
  readonly stride: Sizes;
  readonly padding: Sizes;
  readonly dilation: Sizes;
  readonly returnIndices: boolean;
  readonly ceilMode: boolean;

  constructor(v: Values) {
    super();
    this.kernelSize = v.kernelSize as Sizes;
    this.stride = (v.stride as Sizes | null) ?? this.kernelSize;
    this.padding = v.padding as Sizes;
    this.dilation = v.dilation as Sizes;
    this.returnIndices = v.returnIndices as boolean;
    this.ceilMode = v.ceilMode as boolean;
  }

  override extraRepr(): string {
    return `${showPool(this)}, dilation=${show(this.dilation)}, ceil_mode=${pyBool(this.ceilMode)}`;
  }
}

/** The arguments of `AvgPool2d` and `AvgPool3d`. */
export type AvgPoolArguments = Arguments<
  [
    kernelSize: Sizes,
    stride?: Sizes | null,
    padding?: Sizes,
    ceilMode?: boolean,
    countIncludePad?: boolean,
    divisorOverride?: number | null,
  ],
  "kernelSize stride padding ceilMode countIncludePad divisorOverride"
>;

const avgPoolParams =
  "kernelSize:any stride:any?=null padding:any=0 ceilMode:bool=false countIncludePad:bool=true divisorOverride:int?=null";

/** What the mean pools over several dims share. */
abstract class AvgPool extends Module {
  readonly kernelSize: Sizes;
  readonly stride: Sizes;
  readonly padding: Sizes;
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;
  readonly divisorOverride: number | null;

  constructor(v: Values) {
    super();
    this.kernelSize = v.kernelSize as Sizes;
    this.stride = (v.stride as Sizes | null) ?? this.kernelSize;
    this.padding = v.padding as Sizes;
    this.ceilMode = v.ceilMode as boolean;
    this.countIncludePad = v.countIncludePad as boolean;
    this.divisorOverride = v.divisorOverride as number | null;
  }

  override extraRepr(): string {
    return showPool(this);
  }
}

/** The arguments of `LPPool1d` and its kin. */
export type LPPoolArguments = Arguments<
  [normType: number, kernelSize: Sizes, stride?: Sizes | null, ceilMode?: boolean],
  "normType kernelSize stride ceilMode"
>;

const lpPoolParams = "normType:float kernelSize:any stride:any?=null ceilMode:bool=false";

/** What the power mean pools share. */
abstract class LPPool extends Module {
  readonly normType: number;
  readonly kernelSize: Sizes;
  readonly stride: Sizes | null;
  readonly ceilMode: boolean;

  constructor(v: Values) {
    super();
    this.normType = v.normType as number;
    this.kernelSize = v.kernelSize as Sizes;
    this.stride = v.stride as Sizes | null;
    this.ceilMode = v.ceilMode as boolean;
  }

  override extraRepr(): string {
    const stride = this.stride === null ? "None" : show(this.stride);
    return (
      `norm_type=${this.normType}, kernel_size=${show(this.kernelSize)}, stride=${stride}, ` +
      `ceil_mode=${pyBool(this.ceilMode)}`
    );
  }
}

/**
 * The maximum of every window of `[N, C, L]` or `[C, L]`; with `returnIndices`, also where it was in the input.
 * `stride` is `kernelSize` unless given; `padding` adds minus infinity; `ceilMode` keeps a last window that is not
 * full.
 * @throws RuntimeError for other dims, padding above half the kernel, or an input smaller than the window.
 * @example new nn.MaxPool1d(2)(torch.rand(1, 2, 6)).shape // torch.Size([1, 2, 3])
 */
export class MaxPool1d extends MaxPool {
  constructor(...args: MaxPoolArguments) {
    super(read("MaxPool1d", maxPoolParams, args));
  }

  forward(input: Tensor): Tensor {
    const { kernelSize, stride, padding, dilation, ceilMode, returnIndices } = this;
    if (returnIndices) {
      return pair(F.maxPool1dWithIndices(input, kernelSize, stride, padding, dilation, ceilMode));
    }
    return F.maxPool1d(input, kernelSize, stride, padding, dilation, ceilMode);
  }
}

/**
 * The maximum of every window of `[N, C, H, W]` or `[C, H, W]`; with `returnIndices`, also where it was in the input.
 * `stride` is `kernelSize` unless given; `padding` adds minus infinity; `ceilMode` keeps a last window that is not
 * full.
 * @throws RuntimeError for other dims, padding above half the kernel, or an input smaller than the window.
 * @example new nn.MaxPool2d(2)(images).shape // torch.Size([8, 1, 14, 14])
 */
export class MaxPool2d extends MaxPool {
  constructor(...args: MaxPoolArguments) {
    super(read("MaxPool2d", maxPoolParams, args));
  }

  forward(input: Tensor): Tensor {
    const { kernelSize, stride, padding, dilation, ceilMode, returnIndices } = this;
    if (returnIndices) {
      return pair(F.maxPool2dWithIndices(input, kernelSize, stride, padding, dilation, ceilMode));
    }
    return F.maxPool2d(input, kernelSize, stride, padding, dilation, ceilMode);
  }
}

/**
 * The maximum of every window of `[N, C, D, H, W]` or `[C, D, H, W]`; with `returnIndices`, also where it was in the
 * input. `stride` is `kernelSize` unless given; `padding` adds minus infinity; `ceilMode` keeps a last window that is
 * not full.
 * @throws RuntimeError for other dims, padding above half the kernel, or an input smaller than the window.
 * @example new nn.MaxPool3d(2)(torch.rand(1, 2, 4, 4, 4)).shape // torch.Size([1, 2, 2, 2, 2])
 */
export class MaxPool3d extends MaxPool {
  constructor(...args: MaxPoolArguments) {
    super(read("MaxPool3d", maxPoolParams, args));
  }

  forward(input: Tensor): Tensor {
    const { kernelSize, stride, padding, dilation, ceilMode, returnIndices } = this;
    if (returnIndices) {
      return pair(F.maxPool3dWithIndices(input, kernelSize, stride, padding, dilation, ceilMode));
    }
    return F.maxPool3d(input, kernelSize, stride, padding, dilation, ceilMode);
  }
}

/**
 * The inverse of `MaxPool1d`: values go back to where `indices` say that the maxima were, zeros elsewhere.
 * @throws RuntimeError for indices outside of the result; ValueError for an `outputSize` that cannot be.
 * @example
 * const [values, indices] = F.maxPool1dWithIndices(torch.rand(1, 2, 6), 2);
 * new nn.MaxUnpool1d(2)(values, indices).shape // torch.Size([1, 2, 6])
 */
export class MaxUnpool1d extends Module<[input: Tensor, indices: Tensor, outputSize?: readonly number[] | null]> {
  readonly kernelSize: number[];
  readonly stride: number[];
  readonly padding: number[];

  constructor(
    ...args: Arguments<[kernelSize: Sizes, stride?: Sizes | null, padding?: Sizes], "kernelSize stride padding">
  ) {
    super();
    const v = read("MaxUnpool1d", "kernelSize:ints stride:ints?=null padding:ints=0", args);
    this.kernelSize = tuple(v.kernelSize, 1);
    this.stride = tuple(v.stride ?? v.kernelSize, 1);
    this.padding = tuple(v.padding, 1);
  }

  forward(input: Tensor, indices: Tensor, outputSize: readonly number[] | null = null): Tensor {
    return F.maxUnpool1d(input, indices, this.kernelSize, this.stride, this.padding, outputSize);
  }

  override extraRepr(): string {
    return showPool(this);
  }
}

/**
 * The inverse of `MaxPool2d`: values go back to where `indices` say that the maxima were, zeros elsewhere.
 * @throws RuntimeError for indices outside of the result; ValueError for an `outputSize` that cannot be.
 * @example
 * const [values, indices] = F.maxPool2dWithIndices(images, 2);
 * new nn.MaxUnpool2d(2)(values, indices).shape // torch.Size([8, 1, 28, 28])
 */
export class MaxUnpool2d extends Module<[input: Tensor, indices: Tensor, outputSize?: readonly number[] | null]> {
  readonly kernelSize: number[];
  readonly stride: number[];
  readonly padding: number[];

  constructor(
    ...args: Arguments<[kernelSize: Sizes, stride?: Sizes | null, padding?: Sizes], "kernelSize stride padding">
  ) {
    super();
    const v = read("MaxUnpool2d", "kernelSize:ints stride:ints?=null padding:ints=0", args);
    this.kernelSize = tuple(v.kernelSize, 2);
    this.stride = tuple(v.stride ?? v.kernelSize, 2);
    this.padding = tuple(v.padding, 2);
  }

  forward(input: Tensor, indices: Tensor, outputSize: readonly number[] | null = null): Tensor {
    return F.maxUnpool2d(input, indices, this.kernelSize, this.stride, this.padding, outputSize);
  }

  override extraRepr(): string {
    return showPool(this);
  }
}

/**
 * The inverse of `MaxPool3d`: values go back to where `indices` say that the maxima were, zeros elsewhere.
 * @throws RuntimeError for indices outside of the result; ValueError for an `outputSize` that cannot be.
 * @example
 * const [values, indices] = F.maxPool3dWithIndices(torch.rand(1, 2, 4, 4, 4), 2);
 * new nn.MaxUnpool3d(2)(values, indices).shape // torch.Size([1, 2, 4, 4, 4])
 */
export class MaxUnpool3d extends Module<[input: Tensor, indices: Tensor, outputSize?: readonly number[] | null]> {
  readonly kernelSize: number[];
  readonly stride: number[];
  readonly padding: number[];

  constructor(
    ...args: Arguments<[kernelSize: Sizes, stride?: Sizes | null, padding?: Sizes], "kernelSize stride padding">
  ) {
    super();
    const v = read("MaxUnpool3d", "kernelSize:ints stride:ints?=null padding:ints=0", args);
    this.kernelSize = tuple(v.kernelSize, 3);
    this.stride = tuple(v.stride ?? v.kernelSize, 3);
    this.padding = tuple(v.padding, 3);
  }

  forward(input: Tensor, indices: Tensor, outputSize: readonly number[] | null = null): Tensor {
    return F.maxUnpool3d(input, indices, this.kernelSize, this.stride, this.padding, outputSize);
  }

  override extraRepr(): string {
    return showPool(this);
  }
}

/**
 * The mean of every window of `[N, C, L]` or `[C, L]`. `stride` is `kernelSize` unless given; zeros of the padding
 * count unless `countIncludePad: false`.
 * @throws RuntimeError for other dims, padding above half the kernel, or an input smaller than the window.
 * @example new nn.AvgPool1d(2)(torch.rand(1, 2, 6)).shape // torch.Size([1, 2, 3])
 */
export class AvgPool1d extends Module {
  readonly kernelSize: number[];
  readonly stride: number[];
  readonly padding: number[];
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;

  constructor(
    ...args: Arguments<
      [kernelSize: Sizes, stride?: Sizes | null, padding?: Sizes, ceilMode?: boolean, countIncludePad?: boolean],
      "kernelSize stride padding ceilMode countIncludePad"
    >
  ) {
    super();
    const params = "kernelSize:ints stride:ints?=null padding:ints=0 ceilMode:bool=false countIncludePad:bool=true";
    const v = read("AvgPool1d", params, args);
    this.kernelSize = tuple(v.kernelSize, 1);
    this.stride = tuple(v.stride ?? v.kernelSize, 1);
    this.padding = tuple(v.padding, 1);
    this.ceilMode = v.ceilMode as boolean;
    this.countIncludePad = v.countIncludePad as boolean;
  }

  forward(input: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad } = this;
    return F.avgPool1d(input, kernelSize, stride, padding, ceilMode, countIncludePad);
  }

  override extraRepr(): string {
    return showPool(this);
  }
}

/**
 * The mean of every window of `[N, C, H, W]` or `[C, H, W]`. `stride` is `kernelSize` unless given; zeros of the
 * padding count unless `countIncludePad: false`.
 * @throws RuntimeError for other dims, padding above half the kernel, or an input smaller than the window.
 * @example new nn.AvgPool2d(2)(images).shape // torch.Size([8, 1, 14, 14])
 */
export class AvgPool2d extends AvgPool {
  constructor(...args: AvgPoolArguments) {
    super(read("AvgPool2d", avgPoolParams, args));
  }

  forward(input: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride } = this;
    return F.avgPool2d(input, kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride);
  }
}

/**
 * The mean of every window of `[N, C, D, H, W]` or `[C, D, H, W]`. `stride` is `kernelSize` unless given; zeros of the
 * padding count unless `countIncludePad: false`.
 * @throws RuntimeError for other dims, padding above half the kernel, or an input smaller than the window.
 * @example new nn.AvgPool3d(2)(torch.rand(1, 2, 4, 4, 4)).shape // torch.Size([1, 2, 2, 2, 2])
 */
export class AvgPool3d extends AvgPool {
  constructor(...args: AvgPoolArguments) {
    super(read("AvgPool3d", avgPoolParams, args));
  }

  forward(input: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride } = this;
    return F.avgPool3d(input, kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride);
  }
}

/**
 * The power mean `(Σ x ** normType) ** (1 / normType)` of every window of `[N, C, L]` or `[C, L]`.
 * @example new nn.LPPool1d(2, 2)(torch.rand(1, 2, 6)).shape // torch.Size([1, 2, 3])
 */
export class LPPool1d extends LPPool {
  constructor(...args: LPPoolArguments) {
    super(read("LPPool1d", lpPoolParams, args));
  }

  forward(input: Tensor): Tensor {
    return F.lpPool1d(input, this.normType, this.kernelSize, this.stride, this.ceilMode);
  }
}

/**
 * The power mean `(Σ x ** normType) ** (1 / normType)` of every window of `[N, C, H, W]` or `[C, H, W]`.
 * @example new nn.LPPool2d(2, 2)(images).shape // torch.Size([8, 1, 14, 14])
 */
export class LPPool2d extends LPPool {
  constructor(...args: LPPoolArguments) {
    super(read("LPPool2d", lpPoolParams, args));
  }

  forward(input: Tensor): Tensor {
    return F.lpPool2d(input, this.normType, this.kernelSize, this.stride, this.ceilMode);
  }
}

/**
 * The maxima of windows of `[N, C, L]` or `[C, L]`, chosen so that the result has the size `outputSize`. With
 * `returnIndices`, also where they were.
 * @throws RuntimeError for other dims.
 * @example new nn.AdaptiveMaxPool1d(3)(torch.rand(1, 2, 6)).shape // torch.Size([1, 2, 3])
 */
export class AdaptiveMaxPool1d extends Module {
  readonly outputSize: OutputSize;
  readonly returnIndices: boolean;

  constructor(...args: Arguments<[outputSize: OutputSize, returnIndices?: boolean], "outputSize returnIndices">) {
    super();
    const v = read("AdaptiveMaxPool1d", "outputSize:any returnIndices:bool=false", args);
    this.outputSize = v.outputSize as OutputSize;
    this.returnIndices = v.returnIndices as boolean;
  }

  forward(input: Tensor): Tensor {
    if (this.returnIndices) return pair(F.adaptiveMaxPool1dWithIndices(input, this.outputSize as Sizes));
    return F.adaptiveMaxPool1d(input, this.outputSize as Sizes);
  }

  override extraRepr(): string {
    return `output_size=${showOutput(this.outputSize)}`;
  }
}

/**
 * The maxima of windows of `[N, C, H, W]` or `[C, H, W]`, chosen so that the result has the size `outputSize`, a number
 * or one per dim (null keeps a dim). With `returnIndices`, also where they were.
 * @throws RuntimeError for other dims.
 * @example new nn.AdaptiveMaxPool2d([2, 3])(images).shape // torch.Size([8, 1, 2, 3])
 */
export class AdaptiveMaxPool2d extends Module {
  readonly outputSize: OutputSize;
  readonly returnIndices: boolean;

  constructor(...args: Arguments<[outputSize: OutputSize, returnIndices?: boolean], "outputSize returnIndices">) {
    super();
    const v = read("AdaptiveMaxPool2d", "outputSize:any returnIndices:bool=false", args);
    this.outputSize = v.outputSize as OutputSize;
    this.returnIndices = v.returnIndices as boolean;
  }

  forward(input: Tensor): Tensor {
    if (this.returnIndices) return pair(F.adaptiveMaxPool2dWithIndices(input, this.outputSize));
    return F.adaptiveMaxPool2d(input, this.outputSize);
  }

  override extraRepr(): string {
    return `output_size=${showOutput(this.outputSize)}`;
  }
}

/**
 * The maxima of windows of `[N, C, D, H, W]` or `[C, D, H, W]`, chosen so that the result has the size `outputSize`, a
 * number or one per dim (null keeps a dim). With `returnIndices`, also where they were.
 * @throws RuntimeError for other dims.
 * @example new nn.AdaptiveMaxPool3d(1)(torch.rand(1, 2, 4, 4, 4)).shape // torch.Size([1, 2, 1, 1, 1])
 */
export class AdaptiveMaxPool3d extends Module {
  readonly outputSize: OutputSize;
  readonly returnIndices: boolean;

  constructor(...args: Arguments<[outputSize: OutputSize, returnIndices?: boolean], "outputSize returnIndices">) {
    super();
    const v = read("AdaptiveMaxPool3d", "outputSize:any returnIndices:bool=false", args);
    this.outputSize = v.outputSize as OutputSize;
    this.returnIndices = v.returnIndices as boolean;
  }

  forward(input: Tensor): Tensor {
    if (this.returnIndices) return pair(F.adaptiveMaxPool3dWithIndices(input, this.outputSize));
    return F.adaptiveMaxPool3d(input, this.outputSize);
  }

  override extraRepr(): string {
    return `output_size=${showOutput(this.outputSize)}`;
  }
}

/**
 * The means of windows of `[N, C, L]` or `[C, L]`, chosen so that the result has the size `outputSize`.
 * @throws RuntimeError for other dims.
 * @example new nn.AdaptiveAvgPool1d(3)(torch.rand(1, 2, 6)).shape // torch.Size([1, 2, 3])
 */
export class AdaptiveAvgPool1d extends Module {
  readonly outputSize: OutputSize;

  constructor(...args: Arguments<[outputSize: OutputSize], "outputSize">) {
    super();
    const v = read("AdaptiveAvgPool1d", "outputSize:any", args);
    this.outputSize = v.outputSize as OutputSize;
  }

  forward(input: Tensor): Tensor {
    return F.adaptiveAvgPool1d(input, this.outputSize as Sizes);
  }

  override extraRepr(): string {
    return `output_size=${showOutput(this.outputSize)}`;
  }
}

/**
 * The means of windows of `[N, C, H, W]` or `[C, H, W]`, chosen so that the result has the size `outputSize`, a number
 * or one per dim (null keeps a dim).
 * @throws RuntimeError for other dims.
 * @example new nn.AdaptiveAvgPool2d([2, 3])(images).shape // torch.Size([8, 1, 2, 3])
 */
export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: OutputSize;

  constructor(...args: Arguments<[outputSize: OutputSize], "outputSize">) {
    super();
    const v = read("AdaptiveAvgPool2d", "outputSize:any", args);
    this.outputSize = v.outputSize as OutputSize;
  }

  forward(input: Tensor): Tensor {
    return F.adaptiveAvgPool2d(input, this.outputSize);
  }

  override extraRepr(): string {
    return `output_size=${showOutput(this.outputSize)}`;
  }
}

/**
 * The means of windows of `[N, C, D, H, W]` or `[C, D, H, W]`, chosen so that the result has the size `outputSize`, a
 * number or one per dim (null keeps a dim).
 * @throws RuntimeError for other dims.
 * @example new nn.AdaptiveAvgPool3d(1)(torch.rand(1, 2, 4, 4, 4)).shape // torch.Size([1, 2, 1, 1, 1])
 */
export class AdaptiveAvgPool3d extends Module {
  readonly outputSize: OutputSize;

  constructor(...args: Arguments<[outputSize: OutputSize], "outputSize">) {
    super();
    const v = read("AdaptiveAvgPool3d", "outputSize:any", args);
    this.outputSize = v.outputSize as OutputSize;
  }

  forward(input: Tensor): Tensor {
    return F.adaptiveAvgPool3d(input, this.outputSize);
  }

  override extraRepr(): string {
    return `output_size=${showOutput(this.outputSize)}`;
  }
}
