/** Fractional maximum pooling: windows of one size at pseudo-random distances (Graham 2014). */
import { type DType, int64 } from "../../core/dtype.ts";
import { check, ValueError } from "../../core/errors.ts";
import { defaultGenerator } from "../../core/generator.ts";
import { list, product } from "../../core/layout.ts";
import { fillUniform } from "../../core/sampling.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Dims, Op } from "../call.ts";
import { differentiable, fn, unrecorded, type Values } from "../define.ts";
import { emptyTensor, isMeta } from "../operands.ts";
import { int64Tensor } from "./pad.ts";
import { gatherRaw } from "./planes.ts";
import { unpooled } from "./pool.ts";
import { dense, needFloat, perDim, reshaped } from "./raw.ts";

const axis = ["time", "height", "width"];

/** Where the windows of one dim start: PyTorch's formula, from one uniform sample. */
function starts(sample: number, input: number, output: number, kernel: number): number[] {
  if (output === 1) return [input - kernel];
  const alpha = (input - kernel) / (output - 1);
  return Array.from({ length: output }, (_, i) =>
    i === output - 1 ? input - kernel : Math.trunc((i + sample) * alpha) - Math.trunc(sample * alpha),
  );
}

/** For every plane, the positions of every window's elements: [planes, windows · elements]. */
function windowPositions(
  samples: readonly number[],
  planes: number,
  input: readonly number[],
  output: readonly number[],
  kernel: readonly number[],
): BigInt64Array {
  const dims = input.length;
  const [windows, elements] = [product(output), product(kernel)];
  const table = new BigInt64Array(planes * windows * elements);
  let at = 0;
  for (let plane = 0; plane < planes; plane++) {
    // PyTorch's samples come width first in planes, depth first in volumes.
    const order = input.map((_, d) => plane * dims + (dims === 2 ? 1 - d : d));
    const from = input.map((n, d) => starts(samples[order[d]!]!, n, output[d]!, kernel[d]!));
    for (let i = 0; i < windows; i++) {
      for (let j = 0; j < elements; j++) {
        let [window, element, stride, position] = [i, j, 1, 0];
        for (let d = dims - 1; d >= 0; d--) {
          position += (from[d]![window % output[d]!]! + (element % kernel[d]!)) * stride;
          stride *= input[d]!;
          window = Math.floor(window / output[d]!);
          element = Math.floor(element / kernel[d]!);
        }
        table[at++] = BigInt(position);
      }
    }
  }
  return table;
}

/** One uniform sample per plane and dim, as `torch.rand` draws them. */
function draw(planes: number, dims: number, dtype: DType): number[] {
  const out = dtype.itemsize === 8 ? new Float64Array(planes * dims) : new Float32Array(planes * dims);
  fillUniform(out, dtype, defaultGenerator, 0, 1);
  return Array.from(out);
}

function outputSizes(op: string, x: Tensor, dims: number, v: Values): number[] {
  const ratio = v.outputRatio as number | number[] | null;
  const size = v.outputSize as number[] | null;
  check(
    size !== null || ratio !== null,
    () => `${op} requires specifying either an output_size or an output_ratio`,
    ValueError,
  );
  if (size !== null) return perDim(size, dims, () => `${op}: output_size must be an int or ${dims} ints`);
  const ratios = Array.isArray(ratio) ? ratio.map(Number) : new Array<number>(dims).fill(Number(ratio));
  check(ratios.length === dims, () => `${op}: output_ratio must be a number or ${dims} numbers`);
  return ratios.map((r, d) => Math.trunc(x.shape[x.dim() - dims + d]! * r));
}

function fractional(dims: number, v: Values): [Tensor, Tensor] {
  const x = v.input as Tensor;
  const op = `fractional_max_pool${dims}d`;
  const name = dims === 2 ? `${op}()` : `${op}_out()`;
  const output = outputSizes(op, x, dims, v);
  const kernel = perDim(v.kernelSize as number[], dims, () => `${op}: kernel_size must be an int or ${dims} ints`);
  check(
    x.dim() === dims + 1 || x.dim() === dims + 2,
    () => `${name}: Expected ${dims + 1}D or ${dims + 2}D tensor, but got: ${list(x.shape)}`,
  );
  const input = x.shape.slice(-dims);
  const names = axis.slice(3 - dims);
  input.forEach((n, d) => {
    check(
      n > 0,
      () => `${name}: Expected input to have non-zero size for non-batch dimensions, but got ${list(x.shape)}`,
    );
    check(
      output[d]! > 0 && output[d]! + kernel[d]! - 1 <= n,
      () => `${name}: pool ${names[d]} ${kernel[d]} too large relative to input ${names[d]} ${n}`,
    );
  });
  needFloat(`${op}_out_frame`, x.dtype);
  return pooled(x, output, kernel, v._randomSamples as Tensor | null);
}

function pooled(
  x: Tensor,
  output: readonly number[],
  kernel: readonly number[],
  given: Tensor | null,
): [Tensor, Tensor] {
  const dims = output.length;
  const input = x.shape.slice(-dims);
  const lead = x.shape.slice(0, -dims);
  const shape = [...lead, ...output];
  const planes = product(lead);
  if (isMeta(x) || planes === 0) {
    return [emptyTensor(shape, x.dtype, x.device), emptyTensor(shape, int64, x.device)];
  }
  check(
    given === null || given.numel() === planes * dims,
    () => `Expected _random_samples to have one number for each of ${planes} planes and ${dims} dims`,
  );
  const samples =
    given === null ? draw(planes, dims, x.dtype) : (given.detach().reshape(-1).tolist() as number[]).map(Number);
  const [windows, elements] = [product(output), product(kernel)];
  const { values, indices } = unrecorded(() => {
    const table = int64Tensor(x, windowPositions(samples, planes, input, output, kernel));
    const at = reshaped(table, [planes, windows * elements]);
    const rows = gatherRaw(reshaped(dense(x), [planes, product(input)]), at).view(planes * windows, elements);
    const best = rows.argmax(1, true);
    return { values: gatherRaw(rows, best), indices: gatherRaw(reshaped(table, [planes * windows, elements]), best) };
  });
  const at = reshaped(indices, shape);
  const node = `FractionalMaxPool${dims}DBackward0`;
  const out = differentiable(node, reshaped(values, shape), [x], [at], ([g], [at]) => [
    unpooled(g!, at!, x.shape, dims, node),
  ]);
  return [out, at];
}

type FractionalArguments = [
  kernelSize: Dims,
  outputSize?: Dims | null,
  outputRatio?: number | readonly number[] | null,
  returnIndices?: false,
  _randomSamples?: Tensor | null,
];
type FractionalNames = "kernelSize outputSize outputRatio returnIndices _randomSamples";

/** What a fractional pooling takes by name. */
export interface FractionalOptions {
  outputSize?: Dims | null;
  outputRatio?: number | readonly number[] | null;
  _randomSamples?: Tensor | null;
}

/** A fractional pooling's call: the maxima, or with `returnIndices` also their positions. */
export interface FractionalMaxPool extends Op<FractionalArguments, FractionalNames> {
  (input: Tensor, kernelSize: Dims, options: FractionalOptions & { returnIndices: true }): [Tensor, Tensor];
}

/** The same, always with positions. */
export type FractionalMaxPoolWithIndices = Op<
  [kernelSize: Dims, outputSize?: Dims | null, outputRatio?: number | readonly number[] | null],
  "kernelSize outputSize outputRatio",
  { returnIndices?: boolean; _randomSamples?: Tensor | null },
  [Tensor, Tensor]
>;

const params =
  "input:tensor kernelSize:ints outputSize:ints?=null outputRatio:any?=null returnIndices:bool=false " +
  "_randomSamples:tensor?=null";

const plain = (dims: number): FractionalMaxPool =>
  fn({ name: `fractionalMaxPool${dims}d`, params, kind: "custom" }, (v) => {
    const both = fractional(dims, v);
    return v.returnIndices ? both : both[0];
  });

const withIndices = (dims: number): FractionalMaxPoolWithIndices =>
  fn({ name: `fractionalMaxPool${dims}dWithIndices`, params, kind: "custom" }, (v) => fractional(dims, v));

/**
 * The largest elements of [H, W] windows at pseudo-random distances.
 * @example F.fractionalMaxPool2d(torch.ones(1, 3, 8, 8), 2, { outputSize: 5 }).shape // torch.Size([1, 3, 5, 5])
 */
export const fractionalMaxPool2d: FractionalMaxPool = plain(2);
/**
 * The largest elements of [D, H, W] windows at pseudo-random distances.
 * @example
 * F.fractionalMaxPool3d(torch.ones(1, 3, 8, 8, 8), 2, { outputSize: 5 }).shape // torch.Size([1, 3, 5, 5, 5])
 */
export const fractionalMaxPool3d: FractionalMaxPool = plain(3);
/**
 * `fractionalMaxPool2d` with positions.
 * @example
 * F.fractionalMaxPool2dWithIndices(torch.ones(1, 3, 8, 8), 2, { outputSize: 5 })[1].shape // torch.Size([1, 3, 5, 5])
 */
export const fractionalMaxPool2dWithIndices: FractionalMaxPoolWithIndices = withIndices(2);
/**
 * `fractionalMaxPool3d` with positions.
 * @example
 * F.fractionalMaxPool3dWithIndices(torch.ones(1, 3, 8, 8, 8), 2, { outputSize: 5 })[1].shape
 * // torch.Size([1, 3, 5, 5, 5])
 */
export const fractionalMaxPool3dWithIndices: FractionalMaxPoolWithIndices = withIndices(3);
