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

/** The maximum of every window over 1 dim; with `returnIndices`, also where it was. */
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

/** The maximum of every window over 2 dims; with `returnIndices`, also where it was. */
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

/** The maximum of every window over 3 dims; with `returnIndices`, also where it was. */
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

/** The inverse of `MaxPool1d`, with zeros where no maximum was. */
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

/** The inverse of `MaxPool2d`, with zeros where no maximum was. */
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

/** The inverse of `MaxPool3d`, with zeros where no maximum was. */
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

/** The mean of every window over 1 dim. */
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

/** The mean of every window over 2 dims. */
export class AvgPool2d extends AvgPool {
  constructor(...args: AvgPoolArguments) {
    super(read("AvgPool2d", avgPoolParams, args));
  }

  forward(input: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride } = this;
    return F.avgPool2d(input, kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride);
  }
}

/** The mean of every window over 3 dims. */
export class AvgPool3d extends AvgPool {
  constructor(...args: AvgPoolArguments) {
    super(read("AvgPool3d", avgPoolParams, args));
  }

  forward(input: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride } = this;
    return F.avgPool3d(input, kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride);
  }
}

/** The power mean of every window over 1 dim. */
export class LPPool1d extends LPPool {
  constructor(...args: LPPoolArguments) {
    super(read("LPPool1d", lpPoolParams, args));
  }

  forward(input: Tensor): Tensor {
    return F.lpPool1d(input, this.normType, this.kernelSize, this.stride, this.ceilMode);
  }
}

/** The power mean of every window over 2 dims. */
export class LPPool2d extends LPPool {
  constructor(...args: LPPoolArguments) {
    super(read("LPPool2d", lpPoolParams, args));
  }

  forward(input: Tensor): Tensor {
    return F.lpPool2d(input, this.normType, this.kernelSize, this.stride, this.ceilMode);
  }
}

/** Windows over 1 dim chosen so that the result has a given size; their maxima. */
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

/** Windows over 2 dims chosen so that the result has a given size; their maxima. */
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

/** Windows over 3 dims chosen so that the result has a given size; their maxima. */
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

/** Windows over 1 dim chosen so that the result has a given size; their means. */
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

/** Windows over 2 dims chosen so that the result has a given size; their means. */
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

/** Windows over 3 dims chosen so that the result has a given size; their means. */
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
