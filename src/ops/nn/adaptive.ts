/** Adaptive pooling: as many windows as the result has elements, spread evenly over the input. */
import { int64 } from "../../core/dtype.ts";
import { check } from "../../core/errors.ts";
import { list, product } from "../../core/layout.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Geometry } from "../../ir/kernel.ts";
import type { Op } from "../call.ts";
import { differentiable, fn, unrecorded, type Values } from "../define.ts";
import { emptyTensor, isMeta } from "../operands.ts";
import { int64Tensor } from "./pad.ts";
import { gatherRaw } from "./planes.ts";
import { averageByGeometry, maxPoolByGeometry, unpooled } from "./pool.ts";
import { alias, dense, needFloat, reshaped } from "./raw.ts";

/** Sizes of the result: one, or one per dim, where null keeps the input's. */
export type OutputSize = number | readonly (number | null)[];

const first = (i: number, input: number, output: number): number => Math.floor((i * input) / output);
const behind = (i: number, input: number, output: number): number => Math.ceil(((i + 1) * input) / output);

/** Windows of one size without gaps, where every input size is a multiple of its output size; else null. */
function evenWindows(input: readonly number[], output: readonly number[]): Geometry | null {
  if (!input.every((n, d) => output[d]! > 0 && n % output[d]! === 0)) return null;
  const kernel = input.map((n, d) => n / output[d]!);
  const [zeros, ones] = [kernel.map(() => 0), kernel.map(() => 1)];
  return { input, output, kernel, stride: kernel, padding: zeros, dilation: ones };
}

/** The sizes that are asked for. */
function outputSizes(value: unknown, dims: number, input: readonly number[], message: () => string): number[] {
  const given = Array.isArray(value) ? (value as (number | null)[]) : new Array<unknown>(dims).fill(value);
  check(given.length === dims, message);
  return given.map((n, d) => (n === null ? input[d]! : Number(n)));
}

function checkInput(op: string, x: Tensor, dims: number, comma: string): void {
  check(
    x.dim() === dims + 1 || x.dim() === dims + 2,
    () => `${op}(): Expected ${dims + 1}D or ${dims + 2}D tensor, but got${comma} ${list(x.shape)}`,
  );
  x.shape.slice(x.dim() - dims).forEach((n, d) => {
    check(
      n > 0,
      () =>
        `${op}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes ${list(x.shape)} ` +
        `with dimension ${x.dim() - dims + d} being empty`,
    );
  });
}

// ---------------------------------------------------------------- mean

/** The matrix [output, input] whose rows are the means of windows. */
function meanMatrix(like: Tensor, input: number, output: number): Tensor {
  const matrix = emptyTensor([output, input], like.dtype, like.device);
  return unrecorded(() => {
    matrix.zero_();
    for (let i = 0; i < output; i++) {
      const [from, to] = [first(i, input, output), behind(i, input, output)];
      matrix
        .select(0, i)
        .narrow(0, from, to - from)
        .fill_(1 / (to - from));
    }
    return matrix;
  });
}

/** Applies a matrix to every dim from `start` on: the means (or, transposed, their gradient) dim by dim. */
function applyAlong(x: Tensor, matrices: readonly Tensor[], start: number): Tensor {
  return matrices.reduce((y, m, i) => {
    const dim = start + i;
    return y.transpose(dim, -1).matmul(m.t()).transpose(dim, -1);
  }, x);
}

/** Means of uneven windows, as one node: linear, so that the gradient is the transposed matrices. */
function unevenMeans(x: Tensor, output: readonly number[], node: string): Tensor {
  const start = x.dim() - output.length;
  const value = unrecorded(() => {
    const matrices = output.map((n, d) => meanMatrix(x, x.shape[start + d]!, n));
    return { out: applyAlong(x.detach(), matrices, start).contiguous(), matrices };
  });
  const out = alias(value.out, value.out.impl.layout);
  return differentiable(node, out, [x], [], ([g]) => [
    applyAlong(
      g!,
      value.matrices.map((m) => m.t()),
      start,
    ),
  ]);
}

function adaptiveMean(x: Tensor, output: readonly number[], node: string): Tensor {
  const windows = evenWindows(x.shape.slice(-output.length), output);
  if (windows !== null) return averageByGeometry(x, windows, { divisor: 0, countPadding: true }, node);
  return unevenMeans(x, output, node);
}

/** An adaptive pooling's call. */
export type AdaptivePool = Op<[outputSize: OutputSize], "outputSize">;

function adaptiveAvg(dims: number): AdaptivePool {
  const op = `adaptive_avg_pool${dims}d`;
  return fn<AdaptivePool>(
    { name: `adaptiveAvgPool${dims}d`, params: "input:tensor outputSize:any", kind: "custom" },
    (v) => {
      const x = v.input as Tensor;
      const spatial = x.shape.slice(Math.max(x.dim() - dims, 0));
      const sizes = outputSizes(v.outputSize, dims, spatial, () => `${op}: output_size must be ${dims}`);
      check(
        sizes.every((n) => n >= 0),
        () => `${op}: elements of output_size must be greater than or equal to 0 but received {${sizes.join(", ")}}`,
      );
      checkInput(op, x, dims, ",");
      needFloat(op, x.dtype);
      if (sizes.every((n) => n === 1))
        return x.mean(
          sizes.map((_, d) => d - dims),
          true,
        );
      return adaptiveMean(x, sizes, `AdaptiveAvgPool${dims}DBackward0`);
    },
  );
}

/**
 * The means of [H, W] windows that cover the last two dims.
 * Shapes and errors: those of `nn.AdaptiveAvgPool2d`.
 * @example F.adaptiveAvgPool2d(torch.ones(1, 3, 8, 8), [2, 2]).shape // torch.Size([1, 3, 2, 2])
 */
export const adaptiveAvgPool2d: AdaptivePool = adaptiveAvg(2);
/**
 * The means of [D, H, W] windows that cover the last three dims.
 * Shapes and errors: those of `nn.AdaptiveAvgPool3d`.
 * @example F.adaptiveAvgPool3d(torch.ones(1, 3, 4, 8, 8), 2).shape // torch.Size([1, 3, 2, 2, 2])
 */
export const adaptiveAvgPool3d: AdaptivePool = adaptiveAvg(3);

function lineSize(op: string, x: Tensor, value: unknown): number {
  check(
    x.dim() === 2 || x.dim() === 3,
    () =>
      `Expected 2 to 3 dimensions, but got ${x.dim()}-dimensional tensor for argument #1 'self' (while checking ` +
      `arguments for ${op})`,
  );
  const count = Array.isArray(value) ? value.length : 1;
  const size = outputSizes(value, 1, [x.shape.at(-1)!], () => {
    return `${op}() argument 'output_size' should contain one int (got ${count})`;
  });
  return size[0]!;
}

/**
 * The means of windows that cover the last dim.
 * Shapes and errors: those of `nn.AdaptiveAvgPool1d`.
 * @example torch.adaptiveAvgPool1d(torch.tensor([[1, 3, 5, 7]]), 2) // tensor([[2., 6.]])
 */
export const adaptiveAvgPool1d: AdaptivePool = fn<AdaptivePool>(
  { name: "adaptiveAvgPool1d", params: "input:tensor outputSize:any", kind: "custom" },
  (v) => {
    const x = v.input as Tensor;
    const size = lineSize("adaptive_avg_pool1d", x, v.outputSize);
    return adaptiveAvgPool2d(x.unsqueeze(-2), [1, size]).squeeze(-2);
  },
);

// ---------------------------------------------------------------- maximum

/** For every window its positions in the flattened plane, filled up to the longest window by repeating the last. */
function windowTable(input: readonly number[], output: readonly number[]): { table: BigInt64Array; length: number } {
  const longest = input.map((n, d) =>
    Math.max(...Array.from({ length: output[d]! }, (_, i) => behind(i, n, output[d]!) - first(i, n, output[d]!)), 0),
  );
  const [windows, length] = [product(output), product(longest)];
  const table = new BigInt64Array(windows * length);
  let at = 0;
  for (let i = 0; i < windows; i++) {
    for (let j = 0; j < length; j++) {
      let [window, element, stride, position] = [i, j, 1, 0];
      for (let d = input.length - 1; d >= 0; d--) {
        const from = first(window % output[d]!, input[d]!, output[d]!);
        const to = behind(window % output[d]!, input[d]!, output[d]!);
        position += Math.min(from + (element % longest[d]!), to - 1) * stride;
        stride *= input[d]!;
        window = Math.floor(window / output[d]!);
        element = Math.floor(element / longest[d]!);
      }
      table[at++] = BigInt(position);
    }
  }
  return { table, length };
}

/** Maxima of uneven windows: all windows' elements side by side, and the largest of each. */
function unevenMaxima(x: Tensor, output: readonly number[], node: string): [Tensor, Tensor] {
  const dims = output.length;
  const input = x.shape.slice(-dims);
  const lead = x.shape.slice(0, -dims);
  const [planes, windows] = [product(lead), product(output)];
  const shape = [...lead, ...output];
  if (isMeta(x) || planes * windows === 0) {
    return [emptyTensor(shape, x.dtype, x.device), emptyTensor(shape, int64, x.device)];
  }
  const { table, length } = windowTable(input, output);
  const { values, indices } = unrecorded(() => {
    const positions = int64Tensor(x, table);
    const rows = reshaped(dense(x), [planes, product(input)])
      .indexSelect(1, positions)
      .view(planes * windows, length);
    const best = rows.argmax(1).view(planes, windows);
    const values = gatherRaw(rows, best.view(planes * windows, 1));
    const spread = positions
      .view(1, windows, length)
      .expand(planes, windows, length)
      .reshape(planes * windows, length);
    return { values, indices: gatherRaw(spread, best.view(planes * windows, 1)) };
  });
  const at = reshaped(indices, shape);
  const out = differentiable(node, reshaped(values, shape), [x], [at], ([g], [at]) => [
    unpooled(g!, at!, x.shape, dims, node),
  ]);
  return [out, at];
}

function adaptiveMax(dims: number, v: Values): [Tensor, Tensor] {
  const x = v.input as Tensor;
  const op = `adaptive_max_pool${dims}d`;
  if (dims === 1) {
    const size = lineSize(op, x, v.outputSize);
    const [values, indices] = adaptiveMax(2, { input: x.unsqueeze(-2), outputSize: [1, size] });
    return [values.squeeze(-2), indices.squeeze(-2)];
  }
  const spatial = x.shape.slice(Math.max(x.dim() - dims, 0));
  const sizes = outputSizes(v.outputSize, dims, spatial, () => {
    return `${op}(): internal error: output_size.size() must be ${dims}`;
  });
  checkInput(op, x, dims, ":");
  const shape = [...x.shape.slice(0, -dims), ...sizes];
  check(
    sizes.every((n) => n >= 0),
    () => `Trying to create tensor with negative dimension ${sizes.find((n) => n < 0)}: ${list(shape)}`,
  );
  needFloat(op, x.dtype);
  const node = `AdaptiveMaxPool${dims}DBackward0`;
  const windows = evenWindows(spatial, sizes);
  return windows === null ? unevenMaxima(x, sizes, node) : maxPoolByGeometry(x, windows, node);
}

/** An adaptive maximum pooling's call: the maxima, or with `returnIndices` also their positions. */
export interface AdaptiveMaxPool
  extends Op<[outputSize: OutputSize, returnIndices?: false], "outputSize returnIndices"> {
  (input: Tensor, outputSize: OutputSize, returnIndices: true): [Tensor, Tensor];
  (input: Tensor, outputSize: OutputSize, options: { returnIndices: true }): [Tensor, Tensor];
}

/** The same, always with positions. */
export type AdaptiveMaxPoolWithIndices = Op<[outputSize: OutputSize], "outputSize", unknown, [Tensor, Tensor]>;

const params = "input:tensor outputSize:any returnIndices:bool=false";

const adaptiveMaxOp = (dims: number): AdaptiveMaxPool =>
  fn({ name: `adaptiveMaxPool${dims}d`, params, kind: "custom" }, (v) => {
    const both = adaptiveMax(dims, v);
    return v.returnIndices ? both : both[0];
  });

const adaptiveMaxWithIndices = (dims: number): AdaptiveMaxPoolWithIndices =>
  fn({ name: `adaptiveMaxPool${dims}dWithIndices`, params, kind: "custom" }, (v) => adaptiveMax(dims, v));

/**
 * The largest elements of windows that cover the last dim.
 * Shapes and errors: those of `nn.AdaptiveMaxPool1d`.
 * @example F.adaptiveMaxPool1d(torch.tensor([[1, 5, 2, 4]]), 2) // tensor([[5., 4.]])
 */
export const adaptiveMaxPool1d: AdaptiveMaxPool = adaptiveMaxOp(1);
/**
 * The largest elements of [H, W] windows that cover the last two dims.
 * Shapes and errors: those of `nn.AdaptiveMaxPool2d`.
 * @example F.adaptiveMaxPool2d(torch.ones(1, 3, 8, 8), [2, 2]).shape // torch.Size([1, 3, 2, 2])
 */
export const adaptiveMaxPool2d: AdaptiveMaxPool = adaptiveMaxOp(2);
/**
 * The largest elements of [D, H, W] windows that cover the last three dims.
 * Shapes and errors: those of `nn.AdaptiveMaxPool3d`.
 * @example F.adaptiveMaxPool3d(torch.ones(1, 3, 4, 8, 8), 2).shape // torch.Size([1, 3, 2, 2, 2])
 */
export const adaptiveMaxPool3d: AdaptiveMaxPool = adaptiveMaxOp(3);
/**
 * `adaptiveMaxPool1d` with positions.
 * Shapes and errors: those of `nn.AdaptiveMaxPool1d`.
 * @example F.adaptiveMaxPool1dWithIndices(torch.tensor([[1, 5, 2, 4]]), 2)[1] // tensor([[1, 3]])
 */
export const adaptiveMaxPool1dWithIndices: AdaptiveMaxPoolWithIndices = adaptiveMaxWithIndices(1);
/**
 * `adaptiveMaxPool2d` with positions.
 * Shapes and errors: those of `nn.AdaptiveMaxPool2d`.
 * @example F.adaptiveMaxPool2dWithIndices(x.view(1, 2, 3), 1)[1] // tensor([[[5]]])
 */
export const adaptiveMaxPool2dWithIndices: AdaptiveMaxPoolWithIndices = adaptiveMaxWithIndices(2);
/**
 * `adaptiveMaxPool3d` with positions.
 * Shapes and errors: those of `nn.AdaptiveMaxPool3d`.
 * @example F.adaptiveMaxPool3dWithIndices(x.view(1, 1, 2, 3), 1)[1] // tensor([[[[5]]]])
 */
export const adaptiveMaxPool3dWithIndices: AdaptiveMaxPoolWithIndices = adaptiveMaxWithIndices(3);
