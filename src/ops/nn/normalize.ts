/** Layer and group normalisation, and what divides by norms. */
import { check, ValueError } from "../../core/errors.ts";
import { equalShapes, list, product } from "../../core/layout.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Dims, Op } from "../call.ts";
import { fn } from "../define.ts";
import { checkParamDType, normalizeOver } from "./normalize-over.ts";
import { constantPad } from "./pad.ts";
import { avgPool2d, avgPool3d } from "./pool.ts";
import { needFloat, statDType } from "./raw.ts";

/** `layerNorm(input, normalizedShape, weight, bias, eps)`. */
export type LayerNorm = Op<
  [normalizedShape: readonly number[], weight?: Tensor | null, bias?: Tensor | null, eps?: number],
  "normalizedShape weight bias eps"
>;

function checkNormalizedShape(x: Tensor, shape: readonly number[], weight: Tensor | null, bias: Tensor | null): void {
  check(
    shape.length >= 1,
    () =>
      "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got " +
      `normalized_shape = ${list(shape)}`,
  );
  for (const [name, t] of Object.entries({ weight, bias })) {
    check(
      t === null || equalShapes(t.shape, shape),
      () =>
        `Expected ${name} to be of same shape as normalized_shape, but got ${name} of shape ${list(t!.shape)} and ` +
        `normalized_shape = ${list(shape)}`,
    );
  }
  check(
    x.dim() >= shape.length && equalShapes(x.shape.slice(-shape.length), shape),
    () =>
      `Given normalized_shape=${list(shape)}, expected input with shape [*, ${shape.join(", ")}], but got input of ` +
      `size${list(x.shape)}`,
  );
}

/**
 * Normalises every slice of the last dims by its mean and variance.
 * Shapes and errors: those of `nn.LayerNorm`.
 * @example F.layerNorm(x, [3]) // tensor([[-1.2247, 0.0000, 1.2247], [-1.2247, 0.0000, 1.2247]])
 */
export const layerNorm: LayerNorm = fn<LayerNorm>(
  {
    name: "layerNorm",
    params: "input:tensor normalizedShape:ints weight:tensor?=null bias:tensor?=null eps:float=1e-5",
    kind: "custom",
  },
  (v) => {
    const [x, shape] = [v.input as Tensor, v.normalizedShape as number[]];
    const [weight, bias] = [v.weight as Tensor | null, v.bias as Tensor | null];
    checkNormalizedShape(x, shape, weight, bias);
    needFloat("LayerNormKernelImpl", x.dtype);
    checkParamDType(x, weight);
    checkParamDType(x, bias);
    const lead = x.dim() - shape.length;
    return normalizeOver({
      node: "NativeLayerNormBackward0",
      x,
      shape: x.shape,
      dims: shape.map((_, d) => lead + d),
      weight,
      bias,
      paramShape: [...new Array<number>(lead).fill(1), ...shape],
      eps: v.eps as number,
    });
  },
);

/** `groupNorm(input, numGroups, weight, bias, eps)`. */
export type GroupNorm = Op<
  [numGroups: number, weight?: Tensor | null, bias?: Tensor | null, eps?: number],
  "numGroups weight bias eps"
>;

function checkGroups(x: Tensor, groups: number, weight: Tensor | null, bias: Tensor | null): void {
  check(x.dim() >= 2, () => `Expected at least 2 dimensions for input tensor but received ${x.dim()}`);
  check(groups > 0, () => `Expected num groups to be greater than 0, got ${groups}`);
  const channels = x.shape[1]!;
  check(
    channels % groups === 0,
    () =>
      "Expected number of channels in input to be divisible by num_groups, but got input of shape " +
      `${list(x.shape)} and num_groups=${groups}`,
  );
  for (const [name, t] of Object.entries({ weight, bias })) {
    check(
      t === null || (t.dim() === 1 && t.numel() === channels),
      () =>
        `Expected ${name} to be a vector of size equal to the number of channels in input, but got ${name} of shape ` +
        `${list(t!.shape)} and input of shape ${list(x.shape)}`,
    );
  }
  const perGroup = [x.shape[0]! * (channels / groups), groups, ...x.shape.slice(2)];
  check(
    product(perGroup) !== groups,
    () => `Expected more than 1 value per channel when training, got input size ${list(x.shape)}`,
    ValueError,
  );
}

/**
 * Normalises every group of channels of every image by its mean and variance.
 * Shapes and errors: those of `nn.GroupNorm`.
 * @example F.groupNorm(torch.tensor([[1, 3, 5, 9]]), 2) // tensor([[-1.0000, 1.0000, -1.0000, 1.0000]])
 */
export const groupNorm: GroupNorm = fn<GroupNorm>(
  {
    name: "groupNorm",
    params: "input:tensor numGroups:int weight:tensor?=null bias:tensor?=null eps:float=1e-5",
    kind: "custom",
  },
  (v) => {
    const [x, groups] = [v.input as Tensor, v.numGroups as number];
    const [weight, bias] = [v.weight as Tensor | null, v.bias as Tensor | null];
    checkGroups(x, groups, weight, bias);
    needFloat("GroupNormKernelImpl", x.dtype);
    checkParamDType(x, weight);
    checkParamDType(x, bias);
    const [n = 0, c = 0] = x.shape;
    return normalizeOver({
      node: "NativeGroupNormBackward0",
      x,
      shape: [n, groups, c / groups, product(x.shape.slice(2))],
      dims: [2, 3],
      weight,
      bias,
      paramShape: [1, groups, c / groups, 1],
      eps: v.eps as number,
    });
  },
);

// ---------------------------------------------------------------- by sums of powers

/** `rmsNorm(input, normalizedShape, weight, eps)`. */
export type RmsNorm = Op<
  [normalizedShape: readonly number[], weight?: Tensor | null, eps?: number | null],
  "normalizedShape weight eps"
>;

const epsilons: Readonly<Record<string, number>> = {
  float16: 2 ** -10,
  bfloat16: 2 ** -7,
  float32: 2 ** -23,
  float64: 2 ** -52,
};

/**
 * Divides every slice of the last dims by the root of its mean square.
 * Shapes and errors: those of `nn.RMSNorm`.
 * @example F.rmsNorm(torch.tensor([3, 4]), [2]) // tensor([0.8485, 1.1314])
 */
export const rmsNorm: RmsNorm = fn<RmsNorm>(
  { name: "rmsNorm", params: "input:tensor normalizedShape:ints weight:tensor?=null eps:float?=null" },
  (v) => {
    const [x, shape, weight] = [v.input as Tensor, v.normalizedShape as number[], v.weight as Tensor | null];
    checkNormalizedShape(x, shape, weight, null);
    needFloat("rms_norm", x.dtype);
    const dims = shape.map((_, d) => x.dim() - shape.length + d);
    const wide = x.to(statDType(x.dtype));
    const eps = (v.eps as number | null) ?? epsilons[wide.dtype.name]!;
    const normal = wide.mul(wide.pow(2).mean(dims, true).add(eps).rsqrt()).to(x.dtype);
    return weight === null ? normal : normal.mul(weight);
  },
);

/** `localResponseNorm(input, size, alpha, beta, k)`. */
export type LocalResponseNorm = Op<[size: number, alpha?: number, beta?: number, k?: number], "size alpha beta k">;

/**
 * Divides by `(k + alpha · mean of squares over neighbouring channels)^beta`.
 * Shapes and errors: those of `nn.LocalResponseNorm`.
 * @example F.localResponseNorm(torch.ones(1, 3, 4), 2).shape // torch.Size([1, 3, 4])
 */
export const localResponseNorm: LocalResponseNorm = fn<LocalResponseNorm>(
  { name: "localResponseNorm", params: "input:tensor size:int alpha:float=0.0001 beta:float=0.75 k:float=1" },
  (v) => {
    const [x, size] = [v.input as Tensor, v.size as number];
    check(
      x.dim() >= 3,
      () => `Expected 3D or higher dimensionality                          input (got ${x.dim()} dimensions)`,
      ValueError,
    );
    if (x.numel() === 0) return x;
    const squares = x.mul(x).unsqueeze(1);
    const [before, behind] = [Math.floor(size / 2), Math.floor((size - 1) / 2)];
    const mean =
      x.dim() === 3
        ? avgPool2d(constantPad(squares, [0, 0, before, behind], 0), [size, 1], 1).squeeze(1)
        : volumeMean(squares, size, [0, 0, 0, 0, before, behind]);
    return x.div(
      mean
        .mul(v.alpha as number)
        .add(v.k as number)
        .pow(v.beta as number),
    );
  },
);

function volumeMean(squares: Tensor, size: number, widths: readonly number[]): Tensor {
  const [n = 0, , c = 0, h = 0] = squares.shape;
  const volume = squares.reshape(n, 1, c, h, -1);
  const shape = [n, ...squares.shape.slice(2)];
  return avgPool3d(constantPad(volume, widths, 0), [size, 1, 1], 1)
    .squeeze(1)
    .reshape(shape);
}

/** `normalize(input, p, dim, eps)`. */
export type Normalize = Op<[p?: number, dim?: Dims, eps?: number], "p dim eps">;

/**
 * Divides every slice by its p-norm, which counts as `eps` at least.
 * @example F.normalize(torch.tensor([[3, 4]])) // tensor([[0.6000, 0.8000]])
 */
export const normalize: Normalize = fn<Normalize>(
  { name: "normalize", params: "input:tensor p:float=2 dim:ints=[1] eps:float=1e-12" },
  (v) => {
    const x = v.input as Tensor;
    const norm = x.norm(v.p as number, v.dim as number[], true).clampMin(v.eps as number);
    return x.div(norm.expandAs(x));
  },
);
