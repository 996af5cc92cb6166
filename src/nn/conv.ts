/** Convolutions and transposed convolutions. */
import { check, ValueError } from "../core/errors.ts";
import type { Values } from "../core/params.ts";
import type { Tensor } from "../core/tensor.ts";
import { empty } from "../ops/create.ts";
import { type Arguments, type FactoryOptions, factory, factoryOf, read, showTuple, tuple } from "./arguments.ts";
import * as F from "./functional.ts";
import * as init from "./init.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

/** A size for every spatial dim, or one for all. */
export type Sizes = number | readonly number[];

/** What lies beyond the border. */
export type PaddingMode = "zeros" | "reflect" | "replicate" | "circular";

/** The arguments of a convolution. */
export type ConvArguments = Arguments<
  [
    inChannels: number,
    outChannels: number,
    kernelSize: Sizes,
    stride?: Sizes,
    padding?: Sizes | "same" | "valid",
    dilation?: Sizes,
    groups?: number,
    bias?: boolean,
    paddingMode?: PaddingMode,
  ],
  "inChannels outChannels kernelSize stride padding dilation groups bias paddingMode",
  FactoryOptions
>;

/** The arguments of a transposed convolution. */
export type ConvTransposeArguments = Arguments<
  [
    inChannels: number,
    outChannels: number,
    kernelSize: Sizes,
    stride?: Sizes,
    padding?: Sizes,
    outputPadding?: Sizes,
    groups?: number,
    bias?: boolean,
    dilation?: Sizes,
    paddingMode?: PaddingMode,
  ],
  "inChannels outChannels kernelSize stride padding outputPadding groups bias dilation paddingMode",
  FactoryOptions
>;

const convParams =
  "inChannels:int outChannels:int kernelSize:ints stride:ints=1 padding:any=0 dilation:ints=1 groups:int=1 " +
  `bias:bool=true paddingMode:str='zeros' ${factory}`;

const transposeParams =
  "inChannels:int outChannels:int kernelSize:ints stride:ints=1 padding:ints=0 outputPadding:ints=0 groups:int=1 " +
  `bias:bool=true dilation:ints=1 paddingMode:str='zeros' ${factory}`;

const modes: readonly string[] = ["zeros", "reflect", "replicate", "circular"];

/** What all convolutions share: their sizes, parameters and printed form. */
abstract class ConvNd<A extends unknown[]> extends Module<A, Tensor> {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: number[];
  readonly stride: number[];
  readonly padding: number[] | string;
  readonly dilation: number[];
  readonly transposed: boolean;
  readonly outputPadding: number[];
  readonly groups: number;
  readonly paddingMode: PaddingMode;
  declare weight: Parameter;
  declare bias: Parameter | null;

  constructor(v: Values, n: number, transposed: boolean) {
    super();
    this.inChannels = v.inChannels as number;
    this.outChannels = v.outChannels as number;
    this.kernelSize = spread(v.kernelSize, n);
    this.stride = spread(v.stride, n);
    this.padding = typeof v.padding === "string" ? v.padding : spread(v.padding, n);
    this.dilation = spread(v.dilation, n);
    this.transposed = transposed;
    this.outputPadding = spread(v.outputPadding ?? 0, n);
    this.groups = v.groups as number;
    this.paddingMode = v.paddingMode as PaddingMode;
    checkConv(this);
    const [outer, inner] = transposed ? [this.inChannels, this.outChannels] : [this.outChannels, this.inChannels];
    const size = [outer, inner / this.groups, ...this.kernelSize];
    this.registerParameter("weight", new Parameter(empty(size, factoryOf(v))));
    this.registerParameter("bias", v.bias === true ? new Parameter(empty([this.outChannels], factoryOf(v))) : null);
    this.resetParameters();
  }

  /** Draws the initial values anew. */
  resetParameters(): void {
    init.kaimingUniform_(this.weight, Math.sqrt(5));
    if (this.bias === null) return;
    const [fanIn] = init._calculateFanInAndFanOut(this.weight);
    if (fanIn === 0) return;
    const bound = 1 / Math.sqrt(fanIn);
    init.uniform_(this.bias, -bound, bound);
  }

  override extraRepr(): string {
    const { padding, dilation, outputPadding, groups, paddingMode } = this;
    const parts = [
      `${this.inChannels}, ${this.outChannels}, kernel_size=${showTuple(this.kernelSize)}, stride=${showTuple(this.stride)}`,
    ];
    if (typeof padding === "string") parts.push(`padding=${padding}`);
    else if (padding.some((p) => p !== 0)) parts.push(`padding=${showTuple(padding)}`);
    if (dilation.some((d) => d !== 1)) parts.push(`dilation=${showTuple(dilation)}`);
    if (outputPadding.some((p) => p !== 0)) parts.push(`output_padding=${showTuple(outputPadding)}`);
    if (groups !== 1) parts.push(`groups=${groups}`);
    if (this.bias === null) parts.push("bias=False");
    if (paddingMode !== "zeros") parts.push(`padding_mode=${paddingMode}`);
    return parts.join(", ");
  }
}

/** What the checks read. */
type ConvLayer = Pick<
  ConvNd<unknown[]>,
  "groups" | "padding" | "inChannels" | "outChannels" | "stride" | "paddingMode" | "transposed"
>;

function checkConv(layer: ConvLayer): void {
  const { groups, padding } = layer;
  check(groups > 0, () => "groups must be a positive integer", ValueError);
  check(layer.inChannels % groups === 0, () => "in_channels must be divisible by groups", ValueError);
  check(layer.outChannels % groups === 0, () => "out_channels must be divisible by groups", ValueError);
  if (typeof padding === "string") {
    check(
      padding === "same" || padding === "valid",
      () => `Invalid padding string '${padding}', should be one of {'valid', 'same'}`,
      ValueError,
    );
    check(
      padding !== "same" || layer.stride.every((s) => s === 1),
      () => "padding='same' is not supported for strided convolutions",
      ValueError,
    );
  }
  check(
    modes.includes(layer.paddingMode),
    () =>
      `padding_mode must be one of {'zeros', 'reflect', 'replicate', 'circular'}, but got padding_mode='${layer.paddingMode}'`,
    ValueError,
  );
  check(
    !layer.transposed || layer.paddingMode === "zeros",
    () => `Only "zeros" padding mode is supported for ConvTranspose${layer.stride.length}d`,
    ValueError,
  );
}

function spread(value: unknown, n: number): number[] {
  const sizes = tuple(value, n);
  check(
    sizes.length === n && sizes.every(Number.isInteger),
    () => `expected ${n} integers, got ${JSON.stringify(value)}`,
    TypeError,
  );
  return sizes;
}

type Convolve = (
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  stride: number[],
  padding: number[] | "same" | "valid",
  dilation: number[],
  groups: number,
) => Tensor;

abstract class Conv extends ConvNd<[input: Tensor]> {
  /** The function for this number of dims. */
  protected abstract convolve(...args: Parameters<Convolve>): Tensor;

  forward(input: Tensor): Tensor {
    const { weight, bias, stride, dilation, groups, paddingMode } = this;
    if (paddingMode === "zeros") {
      return this.convolve(input, weight, bias, stride, this.padding as number[] | "same" | "valid", dilation, groups);
    }
    const padded = F.pad(input, borders(this), paddingMode);
    return this.convolve(
      padded,
      weight,
      bias,
      stride,
      stride.map(() => 0),
      dilation,
      groups,
    );
  }
}

/** The padding on both sides of each dim, the last dim first, as `F.pad` takes it. */
function borders({ padding, dilation, kernelSize }: Conv): number[] {
  const both = kernelSize.map((k, i): [number, number] => {
    if (Array.isArray(padding)) return [padding[i]!, padding[i]!];
    if (padding === "valid") return [0, 0];
    const total = dilation[i]! * (k - 1);
    const left = Math.floor(total / 2);
    return [left, total - left];
  });
  return both.reverse().flat();
}

/**
 * Convolution (cross-correlation) over one spatial dim: `[N, C, L]` or `[C, L]`. `weight` is `[outChannels, inChannels
 * / groups, ...kernelSize]`, `bias` `[outChannels]`, or null with `bias: false`. Sizes are one number or one per
 * spatial dim; `padding` may also be `"same"` or `"valid"`, `paddingMode` `"zeros"`, `"reflect"`, `"replicate"` or
 * `"circular"`.
 * @throws RuntimeError where the input has other channels or dims, or is smaller than the kernel; ValueError where
 *   channels cannot be divided by `groups`.
 * @example new nn.Conv1d(3, 16, 5)(torch.zeros(2, 3, 20)).shape // torch.Size([2, 16, 16])
 */
export class Conv1d extends Conv {
  constructor(...args: ConvArguments) {
    super(read("Conv1d", convParams, args), 1, false);
  }

  protected override convolve(...args: Parameters<Convolve>): Tensor {
    return F.conv1d(...args);
  }
}

/**
 * Convolution (cross-correlation) over two spatial dims: `[N, C, H, W]` or `[C, H, W]`. `weight` is `[outChannels,
 * inChannels / groups, ...kernelSize]`, `bias` `[outChannels]`, or null with `bias: false`. Sizes are one number or one
 * per spatial dim; `padding` may also be `"same"` or `"valid"`, `paddingMode` `"zeros"`, `"reflect"`, `"replicate"` or
 * `"circular"`.
 * @throws RuntimeError where the input has other channels or dims, or is smaller than the kernel; ValueError where
 *   channels cannot be divided by `groups`.
 * @example new nn.Conv2d(1, 16, 3, { padding: 1 })(images).shape // torch.Size([8, 16, 28, 28])
 * @example new nn.Conv2d(1, 16, 3, { stride: 2 })(images).shape // torch.Size([8, 16, 13, 13])
 */
export class Conv2d extends Conv {
  constructor(...args: ConvArguments) {
    super(read("Conv2d", convParams, args), 2, false);
  }

  protected override convolve(...args: Parameters<Convolve>): Tensor {
    return F.conv2d(...args);
  }
}

/**
 * Convolution (cross-correlation) over three spatial dims: `[N, C, D, H, W]` or `[C, D, H, W]`. `weight` is
 * `[outChannels, inChannels / groups, ...kernelSize]`, `bias` `[outChannels]`, or null with `bias: false`. Sizes are
 * one number or one per spatial dim; `padding` may also be `"same"` or `"valid"`, `paddingMode` `"zeros"`, `"reflect"`,
 * `"replicate"` or `"circular"`.
 * @throws RuntimeError where the input has other channels or dims, or is smaller than the kernel; ValueError where
 *   channels cannot be divided by `groups`.
 * @example new nn.Conv3d(1, 2, 3)(torch.zeros(1, 1, 5, 5, 5)).shape // torch.Size([1, 2, 3, 3, 3])
 */
export class Conv3d extends Conv {
  constructor(...args: ConvArguments) {
    super(read("Conv3d", convParams, args), 3, false);
  }

  protected override convolve(...args: Parameters<Convolve>): Tensor {
    return F.conv3d(...args);
  }
}

type Deconvolve = (
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  stride: number[],
  padding: number[],
  outputPadding: number[],
  groups: number,
  dilation: number[],
) => Tensor;

abstract class ConvTranspose extends ConvNd<[input: Tensor, outputSize?: readonly number[] | null]> {
  protected abstract convolve(...args: Parameters<Deconvolve>): Tensor;

  forward(input: Tensor, outputSize: readonly number[] | null = null): Tensor {
    const { weight, bias, stride, padding, groups, dilation } = this;
    const extra = outputSize === null ? this.outputPadding : outputPaddingFor(this, input, outputSize);
    return this.convolve(input, weight, bias, stride, padding as number[], extra, groups, dilation);
  }
}

/** The output padding that gives a wanted size. */
function outputPaddingFor(layer: ConvTranspose, input: Tensor, outputSize: readonly number[]): number[] {
  const n = layer.kernelSize.length;
  const lead = input.dim() === n + 2 ? 2 : 1;
  const wanted = outputSize.length === lead + n ? outputSize.slice(lead) : outputSize;
  check(
    wanted.length === n,
    () =>
      `ConvTranspose${n}D: for ${input.dim()}D input, output_size must have ${n} or ${lead + n} elements (got ` +
      `${wanted.length})`,
    ValueError,
  );
  const padding = layer.padding as number[];
  const low = wanted.map(
    (_, d) =>
      (input.size(d + lead) - 1) * layer.stride[d]! -
      2 * padding[d]! +
      layer.dilation[d]! * (layer.kernelSize[d]! - 1) +
      1,
  );
  const high = low.map((size, d) => size + layer.stride[d]! - 1);
  check(
    wanted.every((size, d) => size >= low[d]! && size <= high[d]!),
    () =>
      `requested an output size of [${wanted.join(", ")}], but valid sizes range from [${low.join(", ")}] to ` +
      `[${high.join(", ")}] (for an input of torch.Size([${input.shape.slice(lead).join(", ")}]))`,
    ValueError,
  );
  return wanted.map((size, d) => size - low[d]!);
}

/**
 * The gradient of a convolution, as an operation: it makes sequences longer. `[N, C, L]` or `[C, L]`. `weight` is
 * `[inChannels, outChannels / groups, ...kernelSize]`. A size L becomes `(L - 1) * stride - 2 * padding + dilation *
 * (kernelSize - 1) + outputPadding + 1`; the call takes an `outputSize` where several fit.
 * @throws RuntimeError where the input has other channels or dims; ValueError for an `outputSize` that cannot be.
 * @example new nn.ConvTranspose1d(2, 3, 4, { stride: 2 })(torch.zeros(1, 2, 5)).shape // torch.Size([1, 3, 12])
 */
export class ConvTranspose1d extends ConvTranspose {
  constructor(...args: ConvTransposeArguments) {
    super(read("ConvTranspose1d", transposeParams, args), 1, true);
  }

  protected override convolve(...args: Parameters<Deconvolve>): Tensor {
    return F.convTranspose1d(...args);
  }
}

/**
 * The gradient of a convolution, as an operation: it makes images larger. `[N, C, H, W]` or `[C, H, W]`. `weight` is
 * `[inChannels, outChannels / groups, ...kernelSize]`. A size L becomes `(L - 1) * stride - 2 * padding + dilation *
 * (kernelSize - 1) + outputPadding + 1`; the call takes an `outputSize` where several fit.
 * @throws RuntimeError where the input has other channels or dims; ValueError for an `outputSize` that cannot be.
 * @example new nn.ConvTranspose2d(8, 3, 2, { stride: 2 })(torch.zeros(1, 8, 7, 7)).shape // torch.Size([1, 3, 14, 14])
 */
export class ConvTranspose2d extends ConvTranspose {
  constructor(...args: ConvTransposeArguments) {
    super(read("ConvTranspose2d", transposeParams, args), 2, true);
  }

  protected override convolve(...args: Parameters<Deconvolve>): Tensor {
    return F.convTranspose2d(...args);
  }
}

/**
 * The gradient of a convolution, as an operation: it makes volumes larger. `[N, C, D, H, W]` or `[C, D, H, W]`.
 * `weight` is `[inChannels, outChannels / groups, ...kernelSize]`. A size L becomes `(L - 1) * stride - 2 * padding +
 * dilation * (kernelSize - 1) + outputPadding + 1`; the call takes an `outputSize` where several fit.
 * @throws RuntimeError where the input has other channels or dims; ValueError for an `outputSize` that cannot be.
 * @example new nn.ConvTranspose3d(1, 1, 2, { stride: 2 })(torch.zeros(1, 1, 2, 2, 2)).shape // torch.Size([1, 1, 4, 4, 4])
 */
export class ConvTranspose3d extends ConvTranspose {
  constructor(...args: ConvTransposeArguments) {
    super(read("ConvTranspose3d", transposeParams, args), 3, true);
  }

  protected override convolve(...args: Parameters<Deconvolve>): Tensor {
    return F.convTranspose3d(...args);
  }
}
