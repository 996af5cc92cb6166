/** Batch, layer, group and instance normalisation. */
import { recording } from "../../autograd/node.ts";
import { check, IndexError, ValueError } from "../../core/errors.ts";
import { equalShapes, list, product, sizeOf } from "../../core/layout.ts";
import type { Tensor } from "../../core/tensor.ts";
import { add, load, mul, sub } from "../../ir/expr.ts";
import type { Dims, Op } from "../call.ts";
import { differentiable, fn, pointwise, unrecorded } from "../define.ts";
import { isMeta } from "../operands.ts";
import {
  constantStatsGradient,
  inputGradient,
  moments,
  normalized,
  reduceOver,
  rstdOf,
  weightTerm,
} from "./normalize-raw.ts";
import { constantPad } from "./pad.ts";
import { avgPool2d, avgPool3d } from "./pool.ts";
import { dense, needFloat, reshaped, statDType } from "./raw.ts";

/** A normalisation over some dims; weight and bias are shaped so that they broadcast to the input. */
interface Normalization {
  readonly node: string;
  readonly x: Tensor;
  /** The dims that statistics are taken over. */
  readonly dims: readonly number[];
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  readonly eps: number;
  /** Given statistics, which then are constants. */
  readonly given?: { readonly mean: Tensor; readonly variance: Tensor };
  /** Sees the statistics of the batch. */
  readonly observe?: (mean: Tensor, variance: Tensor) => void;
}

/** The dims that a weight is broadcast over. */
function broadcastDims(weight: Tensor): number[] {
  return weight.shape.flatMap((n, d) => (n === 1 ? [d] : []));
}

function normalizeOver(n: Normalization): Tensor {
  const { x, weight, bias, dims, eps } = n;
  const { out, mean, rstd } = unrecorded(() => {
    const source = dense(x);
    const stats = n.given ?? moments(source, dims);
    if (n.given === undefined) n.observe?.(stats.mean, stats.variance);
    const rstd = rstdOf(stats.variance, eps);
    const value = normalized(source, stats.mean, rstd, weight?.detach() ?? null, bias?.detach() ?? null);
    return { out: value, mean: stats.mean, rstd };
  });
  const given = n.given !== undefined;
  return differentiable(n.node, out, [x, weight, bias], [x, weight, mean, rstd], ([g], [x, w, m, r], needs) => {
    if (recording([g!, x!, w])) return recordedGradients(g!, x!, w ?? null, bias, m!, r!, { dims, eps, given }, needs);
    const [dg, dx] = [dense(g!), dense(x!)];
    const own = w?.detach() ?? null;
    return [
      needs[0] ? (given ? constantStatsGradient(dg, dx, r!, own) : inputGradient(dg, dx, m!, r!, own, dims)) : null,
      needs[1]
        ? paramGradient(reduceOver([dg, dx, m!, r!], broadcastDims(w!), weightTerm, false, statDType(dx.dtype)), w!)
        : null,
      needs[2]
        ? paramGradient(reduceOver([dg], broadcastDims(bias!), load(0), false, statDType(dx.dtype)), bias!)
        : null,
    ];
  });
}

const paramGradient = (sum: Tensor, param: Tensor): Tensor => sum.to(param.dtype);

/** The same gradients by differentiable methods, the statistics as functions of the input. */
function recordedGradients(
  g: Tensor,
  x: Tensor,
  w: Tensor | null,
  bias: Tensor | null,
  mean: Tensor,
  rstd: Tensor,
  s: { readonly dims: readonly number[]; readonly eps: number; readonly given: boolean },
  needs: readonly boolean[],
): (Tensor | null)[] {
  const dims = [...s.dims];
  const m = s.given ? mean : x.mean(dims, true);
  const centred = x.sub(m);
  const r = s.given ? rstd : centred.mul(centred).mean(dims, true).add(s.eps).pow(-0.5);
  const normal = centred.mul(r);
  const own = w === null ? g : g.mul(w);
  const input = (): Tensor =>
    s.given ? own.mul(r) : r.mul(own.sub(own.mean(dims, true)).sub(normal.mul(own.mul(normal).mean(dims, true))));
  return [
    needs[0] ? input() : null,
    needs[1] ? g.mul(normal).sum(broadcastDims(w!), true).reshape(w!.shape) : null,
    needs[2] ? g.sum(broadcastDims(bias!), true).reshape(bias!.shape) : null,
  ];
}

// ---------------------------------------------------------------- batch and instance

const blend = pointwise("running", 3, (old, now, rate) => add(mul(old!, sub(1, rate!)), mul(now!, rate!)));

/** Moves running statistics towards those of the batch; as PyTorch's kernel, it leaves the version alone. */
function track(running: Tensor | null, now: Tensor, rate: number): void {
  if (running === null || isMeta(running)) return;
  blend.into([running.detach(), reshaped(now, running.shape), rate], running, statDType(running.dtype));
  running.impl.storage.writes++;
}

interface BatchNormParts {
  readonly runningMean: Tensor | null;
  readonly runningVar: Tensor | null;
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  readonly training: boolean;
  readonly momentum: number;
  readonly eps: number;
}

function checkPerChannel(name: string, t: Tensor | null, channels: number): void {
  check(t === null || t.numel() === channels, () => `${name} should contain ${channels} elements not ${t!.numel()}`);
}

function checkParamDType(x: Tensor, t: Tensor | null): void {
  const fits = t === null || t.dtype === x.dtype || t.dtype === statDType(x.dtype);
  check(fits, () => `expected scalar type ${x.dtype.scalarName} but found ${t!.dtype.scalarName}`);
}

function batchNormOf(x: Tensor, p: BatchNormParts): Tensor {
  const channels = x.shape[1]!;
  const { runningMean, runningVar, weight, bias, training } = p;
  check(training || runningMean !== null, () => "running_mean must be defined in evaluation mode");
  check(training || runningVar !== null, () => "running_var must be defined in evaluation mode");
  checkPerChannel("running_mean", runningMean, channels);
  checkPerChannel("running_var", runningVar, channels);
  checkPerChannel("weight", weight, channels);
  checkPerChannel("bias", bias, channels);
  needFloat("batch_norm", x.dtype);
  for (const t of [runningMean, runningVar, weight, bias]) checkParamDType(x, t);
  const perChannel = x.shape.map((_, d) => (d === 1 ? channels : 1));
  const shaped = (t: Tensor | null): Tensor | null => (t === null ? null : t.view(perChannel));
  const common = {
    node: "NativeBatchNormBackward0",
    x,
    eps: p.eps,
    dims: x.shape.map((_, d) => d).filter((d) => d !== 1),
  };
  const params = { weight, bias };
  if (!training) {
    const given = {
      mean: reshaped(dense(runningMean!), perChannel),
      variance: reshaped(dense(runningVar!), perChannel),
    };
    return withParams(params, shaped, (weight, bias) => normalizeOver({ ...common, weight, bias, given }));
  }
  const count = x.numel() / Math.max(channels, 1);
  const observe = (mean: Tensor, variance: Tensor): void => {
    track(runningMean, mean, p.momentum);
    if (runningVar !== null) track(runningVar, variance.mul(count / (count - 1)), p.momentum);
  };
  return withParams(params, shaped, (weight, bias) => normalizeOver({ ...common, weight, bias, observe }));
}

/** Calls `body` with parameters in the shape that broadcasts. */
function withParams(
  p: { readonly weight: Tensor | null; readonly bias: Tensor | null },
  shaped: (t: Tensor | null) => Tensor | null,
  body: (weight: Tensor | null, bias: Tensor | null) => Tensor,
): Tensor {
  return body(shaped(p.weight), shaped(p.bias));
}

/** `batchNorm(input, runningMean, runningVar, weight, bias, training, momentum, eps)`. */
export type BatchNorm = Op<
  [
    runningMean: Tensor | null,
    runningVar: Tensor | null,
    weight?: Tensor | null,
    bias?: Tensor | null,
    training?: boolean,
    momentum?: number,
    eps?: number,
  ],
  "runningMean runningVar weight bias training momentum eps"
>;

/** Normalises every channel (dim 1): by the batch's mean and variance in training, else by the running ones. */
export const batchNorm: BatchNorm = fn<BatchNorm>(
  {
    name: "batchNorm",
    params:
      "input:tensor runningMean:tensor? runningVar:tensor? weight:tensor?=null bias:tensor?=null training:bool=false " +
      "momentum:float=0.1 eps:float=1e-5",
    kind: "custom",
  },
  (v) => {
    const x = v.input as Tensor;
    if (x.numel() === 0 && !v.training) return emptyBatch(x, v.weight as Tensor | null, v.bias as Tensor | null);
    check(
      x.dim() >= 2,
      () =>
        `Dimension out of range (expected to be in range of [${-Math.max(x.dim(), 1)}, ${Math.max(x.dim(), 1) - 1}], but got 1)`,
      IndexError,
    );
    const training = v.training as boolean;
    check(
      !training || product(x.shape) !== x.shape[1]! || x.shape[1] === 0,
      () => `Expected more than 1 value per channel when training, got input size ${sizeOf(x.shape)}`,
      ValueError,
    );
    return batchNormOf(x, v as unknown as BatchNormParts);
  },
);

/** A batch without elements, connected to its parameters as PyTorch's is. */
function emptyBatch(x: Tensor, weight: Tensor | null, bias: Tensor | null): Tensor {
  const scaled = weight === null ? x.clone() : x.clone().mul(weight.select(0, 0));
  return bias === null ? scaled : scaled.add(bias.select(0, 0));
}

/** `instanceNorm(input, runningMean, runningVar, weight, bias, useInputStats, momentum, eps)`. */
export type InstanceNorm = Op<
  [
    runningMean?: Tensor | null,
    runningVar?: Tensor | null,
    weight?: Tensor | null,
    bias?: Tensor | null,
    useInputStats?: boolean,
    momentum?: number,
    eps?: number,
  ],
  "runningMean runningVar weight bias useInputStats momentum eps"
>;

/** Normalises every channel of every image by its own mean and variance (or by the running ones). */
export const instanceNorm: InstanceNorm = fn<InstanceNorm>(
  {
    name: "instanceNorm",
    params:
      "input:tensor runningMean:tensor?=null runningVar:tensor?=null weight:tensor?=null bias:tensor?=null " +
      "useInputStats:bool=true momentum:float=0.1 eps:float=1e-5",
  },
  (v) => {
    const x = v.input as Tensor;
    const own = v.useInputStats as boolean;
    const p = v as unknown as BatchNormParts;
    check(
      !own || product(x.shape.slice(2)) !== 1,
      () => `Expected more than 1 spatial element when training, got input size ${sizeOf(x.shape)}`,
      ValueError,
    );
    check(
      own || (p.runningMean !== null && p.runningVar !== null),
      () => "Expected running_mean and running_var to be defined when use_input_stats is false",
    );
    const [n = 0, c = 0] = x.shape;
    const repeat = (t: Tensor | null): Tensor | null => (t === null ? null : t.expand(n, c).reshape(n * c));
    const runningMean = unrecorded(() => repeat(p.runningMean)?.clone() ?? null);
    const runningVar = unrecorded(() => repeat(p.runningVar)?.clone() ?? null);
    const flat = x.contiguous().view([1, n * c, ...x.shape.slice(2)]);
    const parts = { weight: repeat(p.weight), bias: repeat(p.bias), training: own, momentum: p.momentum, eps: p.eps };
    const out = batchNormOf(flat, { ...parts, runningMean, runningVar });
    if (own) {
      writeMean(p.runningMean, runningMean, n, c);
      writeMean(p.runningVar, runningVar, n, c);
    }
    return out.view(x.shape);
  },
);

/** Running statistics of all images of a batch become one by their mean. */
function writeMean(running: Tensor | null, perImage: Tensor | null, n: number, c: number): void {
  if (running === null || perImage === null) return;
  unrecorded(() => running.detach().copy_(perImage.view(n, c).mean(0)));
}

// ---------------------------------------------------------------- layer and group

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

/** Normalises every slice of the last dims by its mean and variance. */
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
    const dims = shape.map((_, d) => x.dim() - shape.length + d);
    const lead = new Array<number>(x.dim() - shape.length).fill(1);
    const shaped = (t: Tensor | null): Tensor | null => (t === null ? null : t.view([...lead, ...shape]));
    return normalizeOver({
      node: "NativeLayerNormBackward0",
      x,
      dims,
      weight: shaped(weight),
      bias: shaped(bias),
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

/** Normalises every group of channels of every image by its mean and variance. */
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
    return groupNormOf(x, groups, weight, bias, v.eps as number);
  },
);

/** Groups become a dim of their own for the time. */
function groupNormOf(x: Tensor, groups: number, weight: Tensor | null, bias: Tensor | null, eps: number): Tensor {
  const [n = 0, c = 0] = x.shape;
  const each = c / groups;
  const split = [n, groups, each, product(x.shape.slice(2))];
  const params = (t: Tensor | null): Tensor | null => (t === null ? null : t.view(1, groups, each, 1));
  const shape = x.shape;
  const { out, mean, rstd } = unrecorded(() => {
    const source = reshaped(dense(x), split);
    const stats = moments(source, [2, 3]);
    const rstd = rstdOf(stats.variance, eps);
    const value = normalized(
      source,
      stats.mean,
      rstd,
      params(weight?.detach() ?? null),
      params(bias?.detach() ?? null),
    );
    return { out: reshaped(value, shape), mean: stats.mean, rstd };
  });
  const node = "NativeGroupNormBackward0";
  return differentiable(node, out, [x, weight, bias], [x, weight, mean, rstd], ([g], [x, w, m, r], needs) => {
    const shaped = params(w ?? null);
    if (recording([g!, x!, w])) {
      const settings = { dims: [2, 3], eps, given: false };
      const grads = recordedGradients(
        g!.reshape(split),
        x!.reshape(split),
        shaped,
        params(bias),
        m!,
        r!,
        settings,
        needs,
      );
      return [grads[0]?.reshape(shape) ?? null, grads[1]?.reshape(c) ?? null, grads[2]?.reshape(c) ?? null];
    }
    const [dg, dx] = [reshaped(dense(g!), split), reshaped(dense(x!), split)];
    const stat = statDType(dx.dtype);
    const sums = (inputs: Tensor[], pre: typeof weightTerm): Tensor => reduceOver(inputs, [0, 3], pre, false, stat);
    return [
      needs[0] ? reshaped(inputGradient(dg, dx, m!, r!, shaped, [2, 3]), shape) : null,
      needs[1] ? paramGradient(reshaped(sums([dg, dx, m!, r!], weightTerm), [c]), w!) : null,
      needs[2] ? paramGradient(reshaped(sums([dg], load(0)), [c]), bias!) : null,
    ];
  });
}

// ---------------------------------------------------------------- by sums of squares

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

/** Divides every slice of the last dims by the root of its mean square. */
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

/** Divides by `(k + alpha · mean of squares over neighbouring channels)^beta`. */
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

/** Divides every slice by its p-norm, which counts as `eps` at least. */
export const normalize: Normalize = fn<Normalize>(
  { name: "normalize", params: "input:tensor p:float=2 dim:ints=[1] eps:float=1e-12" },
  (v) => {
    const x = v.input as Tensor;
    const norm = x.norm(v.p as number, v.dim as number[], true).clampMin(v.eps as number);
    return x.div(norm.expandAs(x));
  },
);
