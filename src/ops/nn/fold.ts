/** Sliding blocks: unfold (im2col) and fold (col2im). */
import { check, IndexError } from "../../core/errors.ts";
import { list, product } from "../../core/layout.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Geometry, WindowRun } from "../../ir/kernel.ts";
import { runner } from "../../ir/runtime.ts";
import type { Dims, Op } from "../call.ts";
import { differentiable, fn } from "../define.ts";
import { emptyTensor, isMeta, operand, withOperands } from "../operands.ts";
import { dense, needFloat, perDim, positions, tuple } from "./raw.ts";

/** A setting for height and width. */
function pair(name: string, values: readonly number[]): number[] {
  return perDim(values, 2, () => `It is expected ${name} equals to 2, but got size ${values.length}`);
}

interface Blocks extends Geometry {
  readonly channels: number;
}

/** Runs one of the two window kernels between an image [planes, H, W] and its columns. */
function run(mode: "im2col" | "col2im", from: Tensor, shape: readonly number[], planes: number, g: Geometry): Tensor {
  const source = dense(from);
  const out = emptyTensor(shape, from.dtype, from.device);
  if (isMeta(out) || out.numel() === 0) return out;
  const [h, w] = g.input as [number, number];
  const kernel: WindowRun = runner({ skeleton: "window", mode, dtype: from.dtype.stored });
  withOperands(() => {
    const [image, columns] = mode === "im2col" ? [source, out] : [out, source];
    const plane = { address: operand(image, true).address, strides: [h * w, w, 1] };
    kernel(planes, g, plane, operand(columns, true).address);
  });
  return out;
}

/** The blocks of [N, C, H, W] as columns of [N, C·kH·kW, L]. */
function toColumns(x: Tensor, g: Blocks): Tensor {
  const n = x.shape[0]!;
  const shape = [n, g.channels * product(g.kernel), product(g.output)];
  const out = run("im2col", x, shape, n * g.channels, g);
  return differentiable("Im2ColBackward0", out, [x], [], ([h]) => [toImage(h!, g)]);
}

/** Columns [N, C·kH·kW, L] summed into [N, C, H, W]. */
function toImage(x: Tensor, g: Blocks): Tensor {
  const n = x.shape[0]!;
  const out = run("col2im", x, [n, g.channels, ...g.input], n * g.channels, g);
  return differentiable("Col2ImBackward0", out, [x], [], ([h]) => [toColumns(h!, g)]);
}

const sides = (prefix: string, v: readonly number[]): string => `${prefix}_height: ${v[0]} ${prefix}_width: ${v[1]}`;

function checkPositive(kernel: readonly number[], stride: readonly number[], dilation: readonly number[]): void {
  const positive = (v: readonly number[]): boolean => v.every((n) => n > 0);
  check(positive(kernel), () => `kernel size should be greater than zero, but got ${sides("kernel", kernel)}`);
  check(positive(dilation), () => `dilation should be greater than zero, but got ${sides("dilation", dilation)}`);
  check(positive(stride), () => `stride should be greater than zero, but got ${sides("stride", stride)}`);
}

function checkPadding(padding: readonly number[]): void {
  check(
    padding.every((n) => n >= 0),
    () => `padding should be non-negative, but got ${sides("pad", padding)}`,
  );
}

/** `unfold(input, kernelSize, dilation, padding, stride)`. */
export type Unfold = Op<
  [kernelSize: Dims, dilation?: Dims, padding?: Dims, stride?: Dims],
  "kernelSize dilation padding stride"
>;

const settings = "dilation:ints=[1] padding:ints=[0] stride:ints=[1]";

/**
 * The sliding blocks of an image as columns: [N, C, H, W] to [N, C·kH·kW, L].
 * Shapes and errors: those of `nn.Unfold`.
 * @example F.unfold(torch.ones(1, 3, 4, 4), 2).shape // torch.Size([1, 12, 9])
 */
export const unfold: Unfold = fn<Unfold>(
  { name: "unfold", params: `input:tensor kernelSize:ints ${settings}`, kind: "custom" },
  (v) => {
    const input = v.input as Tensor;
    const [kernel, dilation] = [
      pair("kernel_size", v.kernelSize as number[]),
      pair("dilation", v.dilation as number[]),
    ];
    const [padding, stride] = [pair("padding", v.padding as number[]), pair("stride", v.stride as number[])];
    checkPositive(kernel, stride, dilation);
    checkPadding(padding);
    const rank = input.dim();
    check(rank !== 2, () => "Dimension out of range (expected to be in range of [-2, 1], but got 2)", IndexError);
    check(
      (rank === 3 || rank === 4) && input.shape.slice(rank - 3).every((n) => n > 0),
      () =>
        "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but " +
        `got: ${list(input.shape)}`,
    );
    const size = input.shape.slice(-2);
    const output = positions({ input: size, kernel, stride, padding, dilation });
    check(
      output.every((n) => n >= 1),
      () =>
        `Given input with spatial size ${tuple(size)}, kernel_size=${tuple(kernel)}, dilation=${tuple(dilation)}, ` +
        `padding=${tuple(padding)}, calculated shape of the array of sliding blocks as ${tuple(output)}, but its ` +
        "components must be at least one.",
    );
    needFloat("im2col_out_cpu", input.dtype);
    const x = rank === 4 ? input : input.unsqueeze(0);
    const out = toColumns(x, { input: size, output, kernel, stride, padding, dilation, channels: x.shape[1]! });
    return rank === 4 ? out : out.squeeze(0);
  },
);

/** `fold(input, outputSize, kernelSize, dilation, padding, stride)`. */
export type Fold = Op<
  [outputSize: Dims, kernelSize: Dims, dilation?: Dims, padding?: Dims, stride?: Dims],
  "outputSize kernelSize dilation padding stride"
>;

function checkColumns(input: Tensor, g: Geometry): void {
  const rank = input.dim();
  check(
    (rank === 2 || rank === 3) && input.shape.slice(rank - 2).every((n) => n > 0),
    () =>
      "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but " +
      `got: ${list(input.shape)}`,
  );
  const [rows, columns] = input.shape.slice(-2) as [number, number];
  check(
    rows % product(g.kernel) === 0,
    () =>
      `Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)=${rows} ` +
      `and kernel_size=${tuple(g.kernel)}.`,
  );
  const given =
    `Given output_size=${tuple(g.input)}, kernel_size=${tuple(g.kernel)}, dilation=${tuple(g.dilation)}, ` +
    `padding=${tuple(g.padding)}, stride=${tuple(g.stride)}`;
  const blocks = product(g.output);
  check(
    columns === blocks,
    () =>
      `${given}, expected size of input's dimension 2 to match the calculated number of sliding blocks ` +
      `${g.output.join(" * ")} = ${blocks}, but got input.size(2)=${columns}.`,
  );
  check(
    g.output.every((n) => n >= 1),
    () =>
      `${given}, expected size of input's dimension 2 to match the calculated number of sliding blocks ` +
      `${g.output.join(" * ")} = ${blocks}, but got input.size(2)=${columns}.`,
  );
}

/**
 * Sums columns of blocks into an image: [N, C·kH·kW, L] to [N, C, H, W], the transpose of `unfold`.
 * Shapes and errors: those of `nn.Fold`.
 * @example F.fold(torch.ones(1, 12, 9), [4, 4], 2).shape // torch.Size([1, 3, 4, 4])
 */
export const fold: Fold = fn<Fold>(
  { name: "fold", params: `input:tensor outputSize:ints kernelSize:ints ${settings}`, kind: "custom" },
  (v) => {
    const input = v.input as Tensor;
    const size = pair("output_size", v.outputSize as number[]);
    const [kernel, dilation] = [
      pair("kernel_size", v.kernelSize as number[]),
      pair("dilation", v.dilation as number[]),
    ];
    const [padding, stride] = [pair("padding", v.padding as number[]), pair("stride", v.stride as number[])];
    checkPositive(kernel, stride, dilation);
    checkPadding(padding);
    const output = positions({ input: size, kernel, stride, padding, dilation });
    const g = { input: size, output, kernel, stride, padding, dilation };
    checkColumns(input, g);
    needFloat("col2im_out_cpu", input.dtype);
    const x = input.dim() === 3 ? input : input.unsqueeze(0);
    const out = toImage(x, { ...g, channels: x.shape[1]! / product(kernel) });
    return input.dim() === 3 ? out : out.squeeze(0);
  },
);
