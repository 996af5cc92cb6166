/** Pooling by windows: the maximum, the mean, and the power mean. */
import { int64 } from "../../core/dtype.ts";
import { check } from "../../core/errors.ts";
import { list, product } from "../../core/layout.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Geometry, PoolKernel, PoolRun, PoolWindow } from "../../ir/kernel.ts";
import { runner } from "../../ir/runtime.ts";
import type { Dims, Op } from "../call.ts";
import { differentiable, fn, type Values } from "../define.ts";
import { emptyTensor, isMeta, operand, withOperands } from "../operands.ts";
import { gatherPlanes } from "./planes.ts";
import { dense, extent, needFloat, perDim, reshaped } from "./raw.ts";

const counts = ["", "one", "two", "three"];
const dimNames = ["T", "H", "W"];

/** A pooling's setting per spatial dim. */
function setting(op: string, name: string, values: readonly number[], dims: number, optional = false): number[] {
  const either = optional
    ? "either be omitted, a single int, "
    : `${name === "padding" ? "" : "either "}be ${name === "padding" ? "either " : ""}a single int, `;
  return perDim(values, dims, () => `${op}: ${name} must ${either}or a tuple of ${counts[dims]} ints`);
}

/** The number of windows in a dim; with `ceilMode` a last one may reach beyond, if it starts inside. */
function windowCount(
  n: number,
  kernel: number,
  stride: number,
  padding: number,
  dilation: number,
  ceil: boolean,
): number {
  const reach = n + 2 * padding - extent(kernel, dilation);
  const count = Math.floor((reach + (ceil ? stride - 1 : 0)) / stride) + 1;
  return ceil && (count - 1) * stride >= n + padding ? count - 1 : count;
}

/** The last dims as [height, width] in messages. */
const named = (prefix: string, values: readonly number[], suffix = ""): string =>
  values.map((n, d) => `${prefix}${dimNames[3 - values.length + d]}${suffix}: ${n}`).join(" ");

function geometryOf(op: string, dims: number, x: Tensor, v: Values, dilated: boolean): Geometry {
  const kernel = setting(op, "kernel_size", v.kernelSize as number[], dims);
  const given = v.stride as number[] | null;
  const stride = given === null || given.length === 0 ? kernel : setting(op, "stride", given, dims, true);
  const padding = setting(op, "padding", v.padding as number[], dims);
  const dilation = dilated ? setting(op, "dilation", v.dilation as number[], dims) : kernel.map(() => 1);
  const ceil = v.ceilMode as boolean;
  checkRank(dims, x);
  const input = x.shape.slice(-dims);
  checkWindows({ kernel, stride, padding, dilation });
  const output = input.map((n, d) => windowCount(n, kernel[d]!, stride[d]!, padding[d]!, dilation[d]!, ceil));
  const channels = x.shape.at(-dims - 1)!;
  check(
    output.every((n) => n >= 1),
    () =>
      `Given input size: (${[channels, ...input].join("x")}). Calculated output size: ` +
      `(${[channels, ...output].join("x")}). Output size is too small`,
  );
  return { input, output, kernel, stride, padding, dilation };
}

function checkRank(dims: number, x: Tensor): void {
  const [a, b] = [dims + 1, dims + 2];
  check(x.dim() === a || x.dim() === b, () => `non-empty ${a}D or ${b}D (batch mode) tensor expected for input`);
  check(
    x.shape.slice(x.dim() - a).every((n) => n > 0),
    () =>
      `Expected ${a}D or ${b}D (batch mode) tensor with optional 0 dim batch size for input, but got:${list(x.shape)}`,
  );
}

function checkWindows(g: Omit<Geometry, "input" | "output">): void {
  check(!g.stride.includes(0), () => "stride should not be zero");
  g.kernel.forEach((k, d) => {
    const [pad, dilation] = [g.padding[d]!, g.dilation[d]!];
    check(pad >= 0, () => `pad must be non-negative, but got pad: ${pad}`);
    check(
      dilation < 1 || pad <= extent(k, dilation) / 2,
      () =>
        `pad should be at most half of effective kernel size, but got pad=${pad}, kernel_size=${k} and dilation=${dilation}`,
    );
  });
  check(
    g.kernel.every((k) => k > 0),
    () => `kernel size should be greater than zero, but got ${named("k", g.kernel)}`,
  );
  check(
    g.stride.every((s) => s > 0),
    () => `stride should be greater than zero, but got ${named("d", g.stride)}`,
  );
  check(
    g.dilation.every((d) => d > 0),
    () => `dilation should be greater than zero, but got ${named("dilation", g.dilation)}`,
  );
}

/** Windows of more elements than this are not written out in code. */
const mostWritten = 16;

function windowOf({ kernel, stride, dilation }: Geometry): PoolWindow | null {
  return product(kernel) <= mostWritten ? { kernel, stride, dilation } : null;
}

const planesOf = (t: Tensor, dims: number): number => product(t.shape.slice(0, t.dim() - dims));

// ---------------------------------------------------------------- maximum

/** The maxima of windows and their positions in the flattened planes; one node. */
export function maxPoolByGeometry(x: Tensor, g: Geometry, node: string): [Tensor, Tensor] {
  const dims = g.input.length;
  const shape = [...x.shape.slice(0, -dims), ...g.output];
  const source = dense(x);
  const values = emptyTensor(shape, x.dtype, x.device);
  const indices = emptyTensor(shape, int64, x.device);
  if (!isMeta(values) && values.numel() > 0) {
    const run: PoolRun = runner({ skeleton: "pool", mode: "max", dtype: x.dtype.stored, window: windowOf(g) });
    withOperands(() => {
      const [out, at] = [operand(values, true).address, operand(indices, true).address];
      run(planesOf(x, dims), g, out, operand(source).address, at, 0, false);
    });
  }
  return [
    differentiable(node, values, [x], [indices], ([h], [at]) => [unpooled(h!, at!, x.shape, dims, node)]),
    indices,
  ];
}

/** The gradient of maxima, added at the positions that they came from. */
export function unpooled(g: Tensor, at: Tensor, shape: readonly number[], dims: number, node: string): Tensor {
  const out = emptyTensor(shape, g.dtype, g.device);
  const [input, output] = [shape.slice(-dims), g.shape.slice(-dims)];
  const [planes, size, windows] = [planesOf(g, dims), product(input), product(output)];
  if (!isMeta(out) && out.numel() > 0) {
    const ones = input.map(() => 1);
    const geometry = { input, output, kernel: ones, stride: ones, padding: ones, dilation: ones };
    const run: PoolRun = runner({ skeleton: "pool", mode: "maxBackward", dtype: g.dtype.stored });
    const [from, indices] = [dense(g), dense(at)];
    withOperands(() => {
      const addresses = [operand(out, true).address, operand(from).address, operand(indices).address] as const;
      run(planes, geometry, ...addresses, 0, false);
    });
  }
  const back = `${node.slice(0, -1)}Backward0`;
  return differentiable(back, out, [g], [], ([h]) => [
    gatherPlanes(h!.reshape(planes, size), reshaped(dense(at), [planes, windows]), back).reshape(g.shape),
  ]);
}

type MaxPoolArguments = [
  kernelSize: Dims,
  stride?: Dims | null,
  padding?: Dims,
  dilation?: Dims,
  ceilMode?: boolean,
  returnIndices?: false,
];
type MaxPoolNames = "kernelSize stride padding dilation ceilMode returnIndices";

/** What a pooling takes by name. */
export interface PoolOptions {
  stride?: Dims | null;
  padding?: Dims;
  dilation?: Dims;
  ceilMode?: boolean;
}

/** A maximum pooling's call: the maxima, or with `returnIndices` also their positions. */
export interface MaxPool extends Op<MaxPoolArguments, MaxPoolNames> {
  (
    input: Tensor,
    kernelSize: Dims,
    stride: Dims | null | undefined,
    padding: Dims | undefined,
    dilation: Dims | undefined,
    ceilMode: boolean | undefined,
    returnIndices: true,
  ): [Tensor, Tensor];
  (input: Tensor, kernelSize: Dims, options: PoolOptions & { returnIndices: true }): [Tensor, Tensor];
}

/** The same, always with positions. */
export type MaxPoolWithIndices = Op<
  [kernelSize: Dims, stride?: Dims | null, padding?: Dims, dilation?: Dims, ceilMode?: boolean],
  "kernelSize stride padding dilation ceilMode",
  unknown,
  [Tensor, Tensor]
>;

const maxParams =
  "input:tensor kernelSize:ints stride:ints?=null padding:ints=[0] dilation:ints=[1] ceilMode:bool=false";

function maxPool(dims: number, v: Values): [Tensor, Tensor] {
  const x = v.input as Tensor;
  const op = `max_pool${dims}d`;
  if (dims === 1) return maxPoolLine(x, v);
  const g = geometryOf(op, dims, x, v, true);
  needFloat(op, x.dtype);
  return maxPoolByGeometry(x, g, `MaxPool${dims}DWithIndicesBackward0`);
}

/** Over one dim, as PyTorch does it: a plane of height 1. */
function maxPoolLine(x: Tensor, v: Values): [Tensor, Tensor] {
  check(
    x.dim() === 2 || x.dim() === 3,
    () =>
      `max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:${list(x.shape)}`,
  );
  const one = (name: string, values: readonly number[]): number =>
    perDim(
      values,
      1,
      () => `max_pool1d() ${name} must be an int or int list of size 1 but got size ${values.length}`,
    )[0]!;
  const kernel = one("kernel_size", v.kernelSize as number[]);
  const given = v.stride as number[] | null;
  const stride = given === null || given.length === 0 ? kernel : one("stride", given);
  const [padding, dilation] = [one("padding", v.padding as number[]), one("dilation", v.dilation as number[])];
  check(kernel > 0, () => `max_pool1d() kernel_size must be greater than zero, but got ${kernel}`);
  check(stride > 0, () => `max_pool1d() stride must be greater than zero, but got ${stride}`);
  check(padding >= 0, () => `max_pool1d() padding must be non-negative, but got ${padding}`);
  check(
    padding <= kernel / 2,
    () =>
      `max_pool1d() padding should be at most half of kernel size, but got padding=${padding} and kernel_size=${kernel}`,
  );
  check(dilation > 0, () => `max_pool1d() dilation must be greater than zero, but got ${dilation}`);
  const flat = { ...v, kernelSize: [1, kernel], stride: [1, stride], padding: [0, padding], dilation: [1, dilation] };
  const [values, indices] = maxPool(2, { ...flat, input: x.unsqueeze(-2) });
  return [values.squeeze(-2), indices.squeeze(-2)];
}

function maxPoolOp(dims: number): MaxPool {
  return fn<MaxPool>(
    { name: `maxPool${dims}d`, params: `${maxParams} returnIndices:bool=false`, kind: "custom" },
    (v) => {
      const [values, indices] = maxPool(dims, v);
      return v.returnIndices ? [values, indices] : values;
    },
  );
}

const maxPoolWithIndices = (dims: number): MaxPoolWithIndices =>
  fn({ name: `maxPool${dims}dWithIndices`, params: `${maxParams} returnIndices:bool=false`, kind: "custom" }, (v) =>
    maxPool(dims, v),
  );

/**
 * The largest element of every window of the last dim.
 * Shapes and errors: those of `nn.MaxPool1d`.
 * @example F.maxPool1d(torch.tensor([[1, 5, 2, 4]]), 2) // tensor([[5., 4.]])
 */
export const maxPool1d: MaxPool = maxPoolOp(1);
/**
 * The largest element of every window of the last two dims.
 * Shapes and errors: those of `nn.MaxPool2d`.
 * @example F.maxPool2d(x.view(1, 2, 3), [2, 1]) // tensor([[[3., 4., 5.]]])
 */
export const maxPool2d: MaxPool = maxPoolOp(2);
/**
 * The largest element of every window of the last three dims.
 * Shapes and errors: those of `nn.MaxPool3d`.
 * @example F.maxPool3d(torch.ones(1, 3, 4, 8, 8), 2).shape // torch.Size([1, 3, 2, 4, 4])
 */
export const maxPool3d: MaxPool = maxPoolOp(3);
/**
 * `maxPool1d`, and where in the line each maximum lies.
 * Shapes and errors: those of `nn.MaxPool1d`.
 * @example F.maxPool1dWithIndices(torch.tensor([[1, 5, 2, 4]]), 2)[1] // tensor([[1, 3]])
 */
export const maxPool1dWithIndices: MaxPoolWithIndices = maxPoolWithIndices(1);
/**
 * `maxPool2d`, and where in the flattened plane each maximum lies.
 * Shapes and errors: those of `nn.MaxPool2d`.
 * @example F.maxPool2dWithIndices(x.view(1, 2, 3), [2, 1])[1] // tensor([[[3, 4, 5]]])
 */
export const maxPool2dWithIndices: MaxPoolWithIndices = maxPoolWithIndices(2);
/**
 * `maxPool3d`, and where in the flattened volume each maximum lies.
 * Shapes and errors: those of `nn.MaxPool3d`.
 * @example F.maxPool3dWithIndices(torch.ones(1, 3, 4, 8, 8), 2)[1].shape // torch.Size([1, 3, 2, 4, 4])
 */
export const maxPool3dWithIndices: MaxPoolWithIndices = maxPoolWithIndices(3);

// ---------------------------------------------------------------- mean

/** How sums become means: a fixed divisor, or (0) the window's size, padding counted or not. */
interface Divisor {
  readonly divisor: number;
  readonly countPadding: boolean;
}

function runAverage(
  mode: PoolKernel["mode"],
  from: Tensor,
  shape: readonly number[],
  g: Geometry,
  by: Divisor,
): Tensor {
  const source = dense(from);
  const out = emptyTensor(shape, from.dtype, from.device);
  if (isMeta(out) || out.numel() === 0) return out;
  const run: PoolRun = runner({
    skeleton: "pool",
    mode,
    dtype: from.dtype.stored,
    window: mode === "avg" ? windowOf(g) : null,
  });
  withOperands(() => {
    const [to, x] = [operand(out, true).address, operand(source).address];
    run(planesOf(from, g.input.length), g, to, x, 0, by.divisor, by.countPadding);
  });
  return out;
}

/** The means of windows, as one node whose derivative is linear again. */
export function averageByGeometry(x: Tensor, g: Geometry, by: Divisor, node: string): Tensor {
  const dims = g.input.length;
  const out = runAverage("avg", x, [...x.shape.slice(0, -dims), ...g.output], g, by);
  return differentiable(node, out, [x], [], ([h]) => [averageBackward(h!, x.shape, g, by, node)]);
}

function averageBackward(h: Tensor, shape: readonly number[], g: Geometry, by: Divisor, node: string): Tensor {
  const out = runAverage("avgBackward", h, shape, g, by);
  return differentiable(`${node.slice(0, -1)}Backward0`, out, [h], [], ([hh]) => [averageByGeometry(hh!, g, by, node)]);
}

/** A mean pooling's call. */
export type AvgPool = Op<
  [
    kernelSize: Dims,
    stride?: Dims | null,
    padding?: Dims,
    ceilMode?: boolean,
    countIncludePad?: boolean,
    divisorOverride?: number | null,
  ],
  "kernelSize stride padding ceilMode countIncludePad divisorOverride"
>;

const avgParams =
  "input:tensor kernelSize:ints stride:ints?=null padding:ints=[0] ceilMode:bool=false countIncludePad:bool=true";

function avgPool(dims: number): AvgPool {
  const op = `avg_pool${dims}d`;
  return fn<AvgPool>(
    { name: `avgPool${dims}d`, params: `${avgParams} divisorOverride:int?=null`, kind: "custom" },
    (v) => {
      const x = v.input as Tensor;
      const divisor = v.divisorOverride as number | null;
      check(divisor !== 0, () => "divisor must be not zero");
      const g = geometryOf(op, dims, x, v, false);
      check(x.dtype.isFloatingPoint || x.dtype === int64, () => `"${op}" not implemented for '${x.dtype.scalarName}'`);
      const by = { divisor: divisor ?? 0, countPadding: v.countIncludePad as boolean };
      return averageByGeometry(x, g, by, `AvgPool${dims}DBackward0`);
    },
  );
}

/**
 * The means of windows of the last two dims.
 * Shapes and errors: those of `nn.AvgPool2d`.
 * @example F.avgPool2d(x.view(1, 2, 3), [2, 1]) // tensor([[[1.5000, 2.5000, 3.5000]]])
 */
export const avgPool2d: AvgPool = avgPool(2);
/**
 * The means of windows of the last three dims.
 * Shapes and errors: those of `nn.AvgPool3d`.
 * @example F.avgPool3d(torch.ones(1, 3, 4, 8, 8), 2).shape // torch.Size([1, 3, 2, 4, 4])
 */
export const avgPool3d: AvgPool = avgPool(3);

/** `avgPool1d(input, kernelSize, stride, padding, ceilMode, countIncludePad)`. */
export type AvgPool1d = Op<
  [kernelSize: Dims, stride?: Dims | null, padding?: Dims, ceilMode?: boolean, countIncludePad?: boolean],
  "kernelSize stride padding ceilMode countIncludePad"
>;

/**
 * The means of windows of the last dim.
 * Shapes and errors: those of `nn.AvgPool1d`.
 * @example torch.avgPool1d(torch.tensor([[1, 3, 5, 7]]), 2) // tensor([[2., 6.]])
 */
export const avgPool1d: AvgPool1d = fn<AvgPool1d>({ name: "avgPool1d", params: avgParams, kind: "custom" }, (v) => {
  const x = v.input as Tensor;
  check(
    x.dim() === 2 || x.dim() === 3,
    () =>
      `Expected 2 to 3 dimensions, but got ${x.dim()}-dimensional tensor for argument #1 'self' (while checking arguments for avg_pool1d)`,
  );
  const one = (name: string, values: readonly number[]): number =>
    perDim(values, 1, () => `avg_pool1d() argument '${name}' should contain one int (got ${values.length})`)[0]!;
  const kernel = one("kernel_size", v.kernelSize as number[]);
  const given = v.stride as number[] | null;
  const stride = given === null || given.length === 0 ? kernel : one("stride", given);
  const padding = one("padding", v.padding as number[]);
  const { ceilMode, countIncludePad } = v as { ceilMode: boolean; countIncludePad: boolean };
  return avgPool2d(x.unsqueeze(-2), [1, kernel], [1, stride], [0, padding], ceilMode, countIncludePad).squeeze(-2);
});

// ---------------------------------------------------------------- power mean

/** A power mean pooling's call. */
export type LpPool = Op<
  [normType: number, kernelSize: Dims, stride?: Dims | null, ceilMode?: boolean],
  "normType kernelSize stride ceilMode"
>;

const lpParams = "input:tensor normType:float kernelSize:ints stride:ints?=null ceilMode:bool=false";

function lpPool(dims: number): LpPool {
  return fn<LpPool>({ name: `lpPool${dims}d`, params: lpParams }, (v) => {
    const [x, p, ceil] = [v.input as Tensor, v.normType as number, v.ceilMode as boolean];
    const kernel = v.kernelSize as number[];
    const powers = x.pow(p);
    const stride = v.stride as number[] | null;
    const mean =
      dims === 1
        ? avgPool1d(powers, kernel, stride, 0, ceil)
        : dims === 2
          ? avgPool2d(powers, kernel, stride, 0, ceil)
          : avgPool3d(powers, kernel, stride, 0, ceil);
    const count = product(perDim(kernel, dims, () => `lp_pool${dims}d: kernel_size must be an int or ${dims} ints`));
    return mean
      .sign()
      .mul(mean.abs().relu())
      .mul(count)
      .pow(1 / p);
  });
}

/**
 * `(Σ x^p)^(1/p)` of every window of the last dim.
 * Shapes and errors: those of `nn.LPPool1d`.
 * @example F.lpPool1d(torch.tensor([[3, 4, 0, 2]]), 2, 2) // tensor([[5., 2.]])
 */
export const lpPool1d: LpPool = lpPool(1);
/**
 * `(Σ x^p)^(1/p)` of every window of the last two dims.
 * Shapes and errors: those of `nn.LPPool2d`.
 * @example F.lpPool2d(torch.tensor([[[3, 4], [0, 0]]]), 2, 2) // tensor([[[5.]]])
 */
export const lpPool2d: LpPool = lpPool(2);
/**
 * `(Σ x^p)^(1/p)` of every window of the last three dims.
 * @example F.lpPool3d(torch.ones(1, 3, 4, 8, 8), 2, 2).shape // torch.Size([1, 3, 2, 4, 4])
 */
export const lpPool3d: LpPool = lpPool(3);
