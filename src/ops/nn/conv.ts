/** Convolutions and their transposes. */
import type { DType } from "../../core/dtype.ts";
import { bool } from "../../core/dtype.ts";
import { check } from "../../core/errors.ts";
import { list } from "../../core/layout.ts";
import type { Tensor } from "../../core/tensor.ts";
import { warn } from "../../core/warnings.ts";
import type { Dims, Op } from "../call.ts";
import { differentiable, fn, type Values } from "../define.ts";
import { commonDevice, emptyTensor } from "../operands.ts";
import { convolve, type Windows } from "./conv-raw.ts";
import { constantPad } from "./pad.ts";
import { computeDType, converted, dense, extent, positions, shapeOf, spatial, times } from "./raw.ts";

/** A convolution's settings, one entry per spatial dim. */
interface Convolution extends Windows {
  readonly transposed: boolean;
  readonly outputPadding: readonly number[];
}

/** Sizes of the result's spatial dims. */
function resultSizes(input: readonly number[], kernel: readonly number[], c: Convolution): number[] {
  if (!c.transposed) return positions({ ...c, input, kernel });
  return input.map(
    (n, d) => (n - 1) * c.stride[d]! - 2 * c.padding[d]! + extent(kernel[d]!, c.dilation[d]!) + c.outputPadding[d]!,
  );
}

/** The value of a convolution of batched input; the bias is null or has one element per output channel. */
function value(x: Tensor, w: Tensor, bias: Tensor | null, shape: readonly number[], c: Convolution): Tensor {
  const dtype = computeDType(x.dtype);
  const raw = (t: Tensor): Tensor => converted(dense(t), dtype);
  const out = emptyTensor(shape, dtype, commonDevice([x, w]));
  const [weight, offset] = [raw(w), bias === null ? null : raw(bias)];
  if (c.transposed) convolve("image", { image: out, map: raw(x), weight, bias: offset }, c);
  else convolve("map", { image: raw(x), map: out, weight, bias: offset }, c);
  return converted(out, x.dtype);
}

/** A convolution of batched input, as one node. */
function convolution(x: Tensor, w: Tensor, bias: Tensor | null, c: Convolution): Tensor {
  const sizes = resultSizes(spatial(x), spatial(w), c);
  const [filters, each] = shapeOf(w) as [number, number];
  const shape = [shapeOf(x)[0]!, c.transposed ? each * c.groups : filters, ...sizes];
  const out = value(x, w, bias, shape, c);
  const rank = shape.length;
  return differentiable("ConvolutionBackward0", out, [x, w, bias], [x, w], ([g], [x, w], needs) => [
    needs[0] ? inputGradient(g!, x!, w!, c) : null,
    needs[1] ? (c.transposed ? weightGradient(x!, g!, shapeOf(w!), c) : weightGradient(g!, x!, shapeOf(w!), c)) : null,
    needs[2] ? g!.sum(Array.from({ length: rank - 1 }, (_, d) => (d === 0 ? 0 : d + 1))) : null,
  ]);
}

/** A convolution's gradient by its input is the other one of a convolution and its transpose. */
function inputGradient(g: Tensor, x: Tensor, w: Tensor, c: Convolution): Tensor {
  const none = c.stride.map(() => 0);
  if (c.transposed) return convolution(g, w, null, { ...c, transposed: false, outputPadding: none });
  const back = { ...c, transposed: true, outputPadding: none };
  const reached = resultSizes(spatial(g), spatial(w), back);
  return convolution(g, w, null, { ...back, outputPadding: reached.map((n, d) => shapeOf(x)[d + 2]! - n) });
}

/** `Σ map · windows of image`: bilinear, so its own derivatives are convolutions again. */
function weightGradient(map: Tensor, image: Tensor, shape: readonly number[], c: Windows): Tensor {
  const dtype = computeDType(image.dtype);
  const out = emptyTensor(shape, dtype, image.device);
  const raw = (t: Tensor): Tensor => converted(dense(t), dtype);
  convolve("weight", { image: raw(image), map: raw(map), weight: out, bias: null }, c);
  const result = converted(out, image.dtype);
  const plain: Convolution = { ...c, transposed: false, outputPadding: c.stride.map(() => 0) };
  return differentiable("ConvolutionBackwardBackward0", result, [map, image], [map, image], ([h], [m, i], needs) => [
    needs[0] ? convolution(i!, h!, null, plain) : null,
    needs[1] ? inputGradient(m!, i!, h!, plain) : null,
  ]);
}

// ---------------------------------------------------------------- checks

function perSpatial(name: string, values: readonly number[], dims: number): number[] {
  if (values.length === 1) return new Array<number>(dims).fill(values[0]!);
  check(
    values.length === dims,
    () =>
      `expected ${name} to be a single integer value or a list of ${dims} values to match the convolution dimensions, ` +
      `but got ${name}=${list(values)}`,
  );
  return [...values];
}

function checkSettings(c: Convolution): void {
  check(
    c.padding.every((n) => n >= 0),
    () => "negative padding is not supported",
  );
  check(
    c.outputPadding.every((n) => n >= 0),
    () => "negative output_padding is not supported",
  );
  check(
    c.stride.every((n) => n > 0),
    () => "non-positive stride is not supported",
  );
  check(
    c.dilation.every((n) => n > 0),
    () => "non-positive dilation is not supported",
  );
  check(c.groups > 0, () => "non-positive groups is not supported");
}

function checkDTypes(x: Tensor, w: Tensor, bias: Tensor | null): void {
  const name = (dtype: DType): string => cNames[dtype.name] ?? dtype.name;
  check(x.dtype === w.dtype, () =>
    bias !== null && x.dtype !== bias.dtype
      ? `Input type (${name(x.dtype)}) and bias type (${name(bias.dtype)}) should be the same`
      : `expected scalar type ${x.dtype.scalarName} but found ${w.dtype.scalarName}`,
  );
  check(
    bias === null || x.dtype === bias.dtype,
    () => `Input type (${name(x.dtype)}) and bias type (${name(bias!.dtype)}) should be the same`,
  );
  check(x.dtype !== bool, () => `"slow_conv2d_cpu" not implemented for '${x.dtype.scalarName}'`);
}

const cNames: Readonly<Record<string, string>> = {
  float32: "float",
  float64: "double",
  float16: "c10::Half",
  bfloat16: "c10::BFloat16",
  int64: "long int",
  int32: "int",
  int16: "short int",
  int8: "signed char",
  uint8: "unsigned char",
  bool: "bool",
};

function checkShapes(x: Tensor, w: Tensor, bias: Tensor | null, c: Convolution): void {
  const { groups, transposed } = c;
  const [first = 0, each = 0] = shapeOf(w);
  check(
    first >= groups,
    () =>
      `Given groups=${groups}, expected weight to be at least ${groups} at dimension 0, but got weight of size ` +
      `${list(w.shape)} instead`,
  );
  check(
    first % groups === 0,
    () =>
      `Given groups=${groups}, expected weight to be divisible by ${groups} at dimension 0, but got weight of size ` +
      `[${list(w.shape)}] instead`,
  );
  const channels = transposed ? first : each * groups;
  const given = transposed ? `transposed=${transposed ? 1 : 0}` : `groups=${groups}`;
  check(
    shapeOf(x)[1] === channels,
    () =>
      `Given ${given}, weight of size ${list(w.shape)}, expected input${list(x.shape)} to have ${channels} channels, ` +
      `but got ${x.shape[1]} channels instead`,
  );
  const outputs = transposed ? each * groups : first;
  check(
    bias === null || (bias.dim() === 1 && shapeOf(bias)[0] === outputs),
    () =>
      `Given ${transposed ? "transposed=1, " : ""}weight of size ${list(w.shape)}, expected bias to be 1-dimensional ` +
      `with ${outputs} elements, but got bias of size ${list(bias!.shape)} instead`,
  );
  if (transposed) checkTransposed(x, w, c);
  else checkKernelFits(x, w, c);
}

function checkKernelFits(x: Tensor, w: Tensor, c: Convolution): void {
  const [input, kernel] = [spatial(x), spatial(w)];
  const padded = kernel.map((_, d) => input[d]! + 2 * c.padding[d]!);
  const reach = kernel.map((k, d) => extent(k, c.dilation[d]!));
  check(
    padded.every((n, d) => n >= reach[d]!),
    () =>
      `Calculated padded input size per channel: ${times(padded)}. Kernel size: ${times(reach)}. ` +
      "Kernel size can't be greater than actual input size",
  );
}

function checkTransposed(x: Tensor, w: Tensor, c: Convolution): void {
  check(
    c.outputPadding.every((n, d) => n < c.stride[d]! || n < c.dilation[d]!),
    () => {
      const dims = ["depth", "height", "width"].slice(3 - Math.max(c.stride.length, 2));
      const pad = (v: readonly number[], one: number): readonly number[] => (v.length === 1 ? [one, ...v] : v);
      const parts = (name: string, v: readonly number[]): string =>
        dims.map((d, i) => `${name}_${d}: ${v[i]}`).join(" ");
      return (
        "output padding must be smaller than either stride or dilation, but got " +
        `${parts("output_padding", pad(c.outputPadding, 0))} ${parts("stride", pad(c.stride, 1))} ` +
        parts("dilation", pad(c.dilation, 1))
      );
    },
  );
  const input = spatial(x);
  const sizes = resultSizes(input, spatial(w), c);
  check(
    sizes.every((n) => n > 0),
    () =>
      `Given input size per channel: ${times(input)}. Calculated output size per channel: ${times(sizes)}. ` +
      "Output size is too small",
  );
}

/** Checks everything and convolves; input without a batch dim gets one for the time. */
function checkedConvolution(
  op: string,
  dims: number,
  v: Values,
  settings: (weightDims: number) => Convolution,
): Tensor {
  const [input, weight, bias] = [v.input as Tensor, v.weight as Tensor, v.bias as Tensor | null];
  check(
    input.dim() === dims + 1 || input.dim() === dims + 2,
    () =>
      `Expected ${dims + 1}D (unbatched) or ${dims + 2}D (batched) input to ${op}, but got input of size: ` +
      list(input.shape),
  );
  const c = settings(weight.dim() - 2);
  checkSettings(c);
  const batched = input.dim() === dims + 2;
  const x = batched ? input : input.unsqueeze(0);
  check(
    weight.dim() === x.dim(),
    () =>
      `Expected ${weight.dim()}-dimensional input for ${weight.dim()}-dimensional weight ${list(weight.shape)}, but got ` +
      `${x.dim()}-dimensional input of size ${list(x.shape)} instead`,
  );
  checkDTypes(x, weight, bias);
  checkShapes(x, weight, bias, c);
  const out = convolution(x, weight, bias, c);
  return batched ? out : out.squeeze(0);
}

// ---------------------------------------------------------------- the functions

/** A convolution's call. */
export type Conv = Op<
  [
    weight: Tensor,
    bias?: Tensor | null,
    stride?: Dims,
    padding?: Dims | "same" | "valid",
    dilation?: Dims,
    groups?: number,
  ],
  "weight bias stride padding dilation groups"
>;

const head = "input:tensor weight:tensor bias:tensor?=null stride:ints=[1]";

function conv(dims: number): Conv {
  const op = `conv${dims}d`;
  const params = [
    `${head} padding:ints=[0] dilation:ints=[1] groups:int=1`,
    `${head} padding:str dilation:ints=[1] groups:int=1`,
  ];
  return fn<Conv>({ name: op, params, kind: "custom" }, (v, which) => {
    if (which === 1) return convolveNamed(op, dims, v);
    return checkedConvolution(op, dims, v, (n) => ({
      stride: perSpatial("stride", v.stride as number[], n),
      padding: perSpatial("padding", v.padding as number[], n),
      dilation: perSpatial("dilation", v.dilation as number[], n),
      groups: v.groups as number,
      transposed: false,
      outputPadding: new Array<number>(n).fill(0),
    }));
  });
}

/** Padding by name: none, or as much as keeps the size. */
function convolveNamed(op: string, dims: number, v: Values): Tensor {
  const padding = v.padding as string;
  check(padding === "same" || padding === "valid", () => `Invalid padding string: '${padding}'`);
  const settings = (n: number, width: readonly number[]): Convolution => ({
    stride: perSpatial("stride", v.stride as number[], n),
    padding: width,
    dilation: perSpatial("dilation", v.dilation as number[], n),
    groups: v.groups as number,
    transposed: false,
    outputPadding: new Array<number>(n).fill(0),
  });
  if (padding === "valid") return checkedConvolution(op, dims, v, (n) => settings(n, new Array<number>(n).fill(0)));
  const weight = v.weight as Tensor;
  const n = weight.dim() - 2;
  const plain = settings(n, []);
  check(
    plain.stride.every((s) => s === 1),
    () => "padding='same' is not supported for strided convolutions",
  );
  const total = weight.shape.slice(2).map((k, d) => plain.dilation[d]! * (k - 1));
  const half = total.map((t) => Math.floor(t / 2));
  if (total.every((t) => t % 2 === 0)) return checkedConvolution(op, dims, v, () => settings(n, half));
  warn(
    "padding-same",
    "Using padding='same' with even kernel lengths and odd dilation may require a zero-padded copy of the input be created",
  );
  const extra = total.flatMap((t) => [0, t % 2]);
  const widths = Array.from({ length: 2 * n }, (_, i) => extra[2 * (n - 1 - (i >> 1)) + (i & 1)]!);
  const input = constantPad(v.input as Tensor, widths, 0);
  return checkedConvolution(op, dims, { ...v, input }, () => settings(n, half));
}

/**
 * Convolution over one spatial dim: input [N, C, L], weight [O, C / groups, K].
 * Shapes and errors: those of `nn.Conv1d`.
 * @example torch.conv1d(torch.tensor([[[1, 2, 3]]]), torch.ones(1, 1, 2)) // tensor([[[3., 5.]]])
 */
export const conv1d: Conv = conv(1);
/**
 * Convolution over two spatial dims: input [N, C, H, W], weight [O, C / groups, kH, kW].
 * Shapes and errors: those of `nn.Conv2d`.
 * @example
 * torch.conv2d(torch.ones(1, 3, 8, 8), torch.ones(4, 3, 3, 3), { padding: 1 }).shape // torch.Size([1, 4, 8, 8])
 */
export const conv2d: Conv = conv(2);
/**
 * Convolution over three spatial dims: input [N, C, D, H, W], weight [O, C / groups, kD, kH, kW].
 * Shapes and errors: those of `nn.Conv3d`.
 * @example torch.conv3d(torch.ones(1, 3, 4, 8, 8), torch.ones(4, 3, 3, 3, 3)).shape // torch.Size([1, 4, 2, 6, 6])
 */
export const conv3d: Conv = conv(3);

/** A transposed convolution's call. */
export type ConvTranspose = Op<
  [
    weight: Tensor,
    bias?: Tensor | null,
    stride?: Dims,
    padding?: Dims,
    outputPadding?: Dims,
    groups?: number,
    dilation?: Dims,
  ],
  "weight bias stride padding outputPadding groups dilation"
>;

function convTranspose(dims: number): ConvTranspose {
  const params = `${head} padding:ints=[0] outputPadding:ints=[0] groups:int=1 dilation:ints=[1]`;
  return fn<ConvTranspose>({ name: `convTranspose${dims}d`, params, kind: "custom" }, (v) =>
    checkedConvolution(`conv_transpose${dims}d`, dims, v, (n) => ({
      stride: perSpatial("stride", v.stride as number[], n),
      padding: perSpatial("padding", v.padding as number[], n),
      dilation: perSpatial("dilation", v.dilation as number[], n),
      groups: v.groups as number,
      transposed: true,
      outputPadding: perSpatial("output_padding", v.outputPadding as number[], n),
    })),
  );
}

/**
 * The transpose of `conv1d`: weight [C, O / groups, K].
 * Shapes and errors: those of `nn.ConvTranspose1d`.
 * @example torch.convTranspose1d(torch.tensor([[[1, 2]]]), torch.ones(1, 1, 2)) // tensor([[[1., 3., 2.]]])
 */
export const convTranspose1d: ConvTranspose = convTranspose(1);
/**
 * The transpose of `conv2d`: weight [C, O / groups, kH, kW].
 * Shapes and errors: those of `nn.ConvTranspose2d`.
 * @example
 * torch.convTranspose2d(torch.ones(1, 4, 4, 4), torch.ones(4, 3, 2, 2), { stride: 2 }).shape
 * // torch.Size([1, 3, 8, 8])
 */
export const convTranspose2d: ConvTranspose = convTranspose(2);
/**
 * The transpose of `conv3d`: weight [C, O / groups, kD, kH, kW].
 * Shapes and errors: those of `nn.ConvTranspose3d`.
 * @example
 * torch.convTranspose3d(torch.ones(1, 4, 2, 4, 4), torch.ones(4, 3, 2, 2, 2), { stride: 2 }).shape
 * // torch.Size([1, 3, 4, 8, 8])
 */
export const convTranspose3d: ConvTranspose = convTranspose(3);

/**
 * Convolution of [T, N, C] by a weight [K, C, O]: `conv1d` with time first.
 * @example torch.convTbc(torch.ones(5, 2, 3), torch.ones(3, 3, 4), torch.zeros(4)).shape // torch.Size([3, 2, 4])
 */
export const convTbc: Op<[weight: Tensor, bias: Tensor, pad?: number], "weight bias pad"> = fn(
  { name: "convTbc", params: "input:tensor weight:tensor bias:tensor pad:int=0", kind: "custom" },
  (v) => {
    const [x, w, bias] = [v.input as Tensor, v.weight as Tensor, v.bias as Tensor];
    check(x.dim() === 3, () => "Input must have 3 dims: time, batch, in_channel");
    check(w.dim() === 3, () => "Weight tensor must have 3 dims: kernel_width, in_channels, out_channels.");
    check(bias.dim() === 1, () => "Bias must be 1-D");
    check(x.shape[2] === w.shape[1], () => "Input dim 2 (input channels) is not equal to dim 1 in the weight tensor");
    check(w.shape[2] === bias.shape[0], () => "Bias size must equal dim 2 in the weight tensor (output channels).");
    return conv1d(x.permute(1, 2, 0), w.permute(2, 1, 0), bias, 1, v.pad as number).permute(2, 0, 1);
  },
);
