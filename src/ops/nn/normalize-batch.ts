/** Batch and instance normalisation, with their running statistics. */
import { check, IndexError, ValueError } from "../../core/errors.ts";
import { product, sizeOf } from "../../core/layout.ts";
import type { Tensor } from "../../core/tensor.ts";
import { add, mul, sub } from "../../ir/expr.ts";
import type { Op } from "../call.ts";
import { fn, pointwise, unrecorded } from "../define.ts";
import { isMeta } from "../operands.ts";
import { checkParamDType, normalizeOver } from "./normalize-over.ts";
import { dense, needFloat, reshaped, statDType } from "./raw.ts";

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
  const common = {
    node: "NativeBatchNormBackward0",
    x,
    shape: x.shape,
    dims: x.shape.map((_, d) => d).filter((d) => d !== 1),
    weight,
    bias,
    paramShape: perChannel,
    eps: p.eps,
  };
  if (!training) {
    const [mean, variance] = [reshaped(dense(runningMean!), perChannel), reshaped(dense(runningVar!), perChannel)];
    return normalizeOver({ ...common, given: { mean, variance } });
  }
  const count = x.numel() / Math.max(channels, 1);
  const observe = (mean: Tensor, variance: Tensor): void => {
    track(runningMean, mean, p.momentum);
    if (runningVar !== null) track(runningVar, variance.mul(count / (count - 1)), p.momentum);
  };
  return normalizeOver({ ...common, observe });
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

/**
 * Normalises every channel (dim 1): by the batch's mean and variance in training, else by the running ones.
 * @example F.batchNorm(torch.tensor([[1], [3]]), null, null, { training: true }) // tensor([[-1.0000], [ 1.0000]])
 */
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

/**
 * Normalises every channel of every image by its own mean and variance (or by the running ones).
 * @example F.instanceNorm(torch.tensor([[[1, 3]]])) // tensor([[[-1.0000, 1.0000]]])
 */
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
