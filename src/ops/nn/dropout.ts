/** Dropout: elements, or whole channels, set to 0 (or to SELU's saturation) at random. */

import { fillBernoulli } from "../../core/discrete.ts";
import { type DType, float64 } from "../../core/dtype.ts";
import { check, RuntimeError, ValueError } from "../../core/errors.ts";
import { defaultGenerator } from "../../core/generator.ts";
import type { Tensor } from "../../core/tensor.ts";
import { warn } from "../../core/warnings.ts";
import type { Op } from "../call.ts";
import { fn, unrecorded, type Values } from "../define.ts";
import { drawInto } from "../draw.ts";
import { emptyLike, emptyTensor } from "../operands.ts";

/** A dropout's call. */
export type Dropout = Op<[p?: number, training?: boolean, inplace?: boolean], "p training inplace">;

const params = "input:tensor p:float=0.5 training:bool=true inplace:bool=false";
const alphaParams = "input:tensor p:float=0.5 training:bool=false inplace:bool=false";

/** `head`s and zeros, drawn as PyTorch draws them: one after the other in memory. */
function coins(noise: Tensor, p: number, head: number): Tensor {
  return drawInto(noise, (values, dtype) => fillBernoulli(values, dtype, defaultGenerator, p, head));
}

/** A mask of the input's shape, or of one number per channel. */
function mask(input: Tensor, feature: boolean, keep: number, head = 1): Tensor {
  if (!feature) return coins(emptyLike(input.impl.layout.fresh(), input.dtype, input.device), keep, head);
  check(input.dim() >= 2, () => "Feature dropout requires at least 2 dimensions in the input");
  const shape = input.shape.map((n, d) => (d < 2 ? n : 1));
  return coins(emptyTensor(shape, input.dtype, input.device), keep, head);
}

function needFraction(p: number): void {
  check(p >= 0 && p <= 1, () => `dropout probability has to be between 0 and 1, but got ${p}`, ValueError);
}

/** What all forms do: nothing outside of training, zeros at p = 1, else a product with noise. */
function drop(input: Tensor, v: Values, feature: boolean): Tensor {
  const [p, inplace] = [v.p as number, v.inplace as boolean];
  if (p === 0 || !v.training || input.numel() === 0) return input;
  const times = (noise: Tensor): Tensor => (inplace ? input.mul_(noise) : input.mul(noise));
  if (p === 1) return times(unrecorded(() => input.detach().newZeros([])));
  needFloatNoise(input);
  return times(unrecorded(() => mask(input, feature, 1 - p, scaleOf(input.dtype, 1 - p))));
}

/** `1 / keep`, rounded as `div_` rounds: the mask is drawn with it instead of being divided. */
const scaleOf = (dtype: DType, keep: number): number =>
  dtype === float64 ? 1 / keep : Math.fround(1 / Math.fround(keep));

function needFloatNoise(input: Tensor): void {
  if (!input.dtype.isFloatingPoint) {
    throw new RuntimeError(`result type Float can't be cast to the desired output type ${input.dtype.scalarName}`);
  }
}

/**
 * Sets elements to 0 with probability `p` in training, and scales the others by `1 / (1 - p)`.
 * Shapes and errors: those of `nn.Dropout`.
 * @example F.dropout(torch.ones(4), 0.5, { training: false }) // tensor([1., 1., 1., 1.])
 */
export const dropout: Dropout = fn<Dropout>({ name: "dropout", params, kind: "custom" }, (v) => {
  needFraction(v.p as number);
  return drop(v.input as Tensor, v, false);
});

/**
 * `dropout` of whole channels of [C, L] or [N, C, L].
 * Shapes and errors: those of `nn.Dropout1d`.
 * @example F.dropout1d(torch.ones(1, 4, 2), 0.5, { training: false }).shape // torch.Size([1, 4, 2])
 */
export const dropout1d: Dropout = fn<Dropout>({ name: "dropout1d", params, kind: "custom" }, (v) => {
  const input = v.input as Tensor;
  needFraction(v.p as number);
  const rank = input.dim();
  check(
    rank === 2 || rank === 3,
    () =>
      `dropout1d: Expected 2D or 3D input, but received a ${rank}D input. Note that dropout1d exists to provide ` +
      "channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension " +
      "(i.e. 2D or 3D inputs).",
  );
  if (rank === 3) return drop(input, v, true);
  return drop(input.unsqueeze(0), v, true).squeeze(0);
});

function warnRank(op: string, rank: number, dims: number): void {
  warn(
    "dropout-rank",
    `${op}: Received a ${rank}-D input to ${op}, which is deprecated and will result in an error in a future release. ` +
      "To retain the behavior and silence this warning, please use dropout instead. Note that " +
      `${op} exists to provide channel-wise dropout on inputs with ${dims} spatial dimensions, a channel dimension, and ` +
      `an optional batch dimension (i.e. ${dims + 1}D or ${dims + 2}D inputs).`,
  );
}

/**
 * `dropout` of whole channels of [N, C, H, W].
 * Shapes and errors: those of `nn.Dropout2d`.
 * @example F.dropout2d(torch.ones(1, 4, 2, 2)).shape // torch.Size([1, 4, 2, 2])
 */
export const dropout2d: Dropout = fn<Dropout>({ name: "dropout2d", params, kind: "custom" }, (v) => {
  const input = v.input as Tensor;
  needFraction(v.p as number);
  const rank = input.dim();
  if (rank !== 3 && rank !== 4) warnRank("dropout2d", rank, 2);
  if (rank === 3) {
    warn(
      "dropout-rank",
      "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired - input " +
        "is interpreted as shape (N, C, L), where C is the channel dim. This behavior will change in a future release " +
        "to interpret the input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise " +
        "dropout behavior, please switch to using dropout1d instead.",
    );
  }
  return drop(input, v, true);
});

/**
 * `dropout` of whole channels of [C, D, H, W] or [N, C, D, H, W].
 * Shapes and errors: those of `nn.Dropout3d`.
 * @example F.dropout3d(torch.ones(1, 4, 2, 2, 2)).shape // torch.Size([1, 4, 2, 2, 2])
 */
export const dropout3d: Dropout = fn<Dropout>({ name: "dropout3d", params, kind: "custom" }, (v) => {
  const input = v.input as Tensor;
  needFraction(v.p as number);
  const rank = input.dim();
  if (rank !== 4 && rank !== 5) warnRank("dropout3d", rank, 3);
  if (rank === 5) return drop(input, v, true);
  return drop(input.unsqueeze(0), v, true).squeeze(0);
});

/** The value that SELU saturates at, negated: -scale · alpha. */
const saturation = 1.7580993408473766;

function alphaDrop(v: Values, feature: boolean): Tensor {
  const [input, p, inplace] = [v.input as Tensor, v.p as number, v.inplace as boolean];
  needFraction(p);
  if (p === 0 || !v.training || input.numel() === 0) return input;
  if (p === 1) {
    const zero = unrecorded(() => input.detach().newZeros([]));
    return inplace ? input.mul_(zero) : input.mul(zero);
  }
  needFloatNoise(input);
  const a = 1 / Math.sqrt((saturation * saturation * p + 1) * (1 - p));
  const { noise, shift } = unrecorded(() => {
    const kept = mask(input, feature, 1 - p);
    const shift = kept
      .sub(1)
      .mul_(saturation * a)
      .add_(saturation * a * p);
    return { noise: kept.mul_(a), shift };
  });
  return inplace ? input.mul_(noise).add_(shift) : input.mul(noise).add(shift);
}

/**
 * Dropout that keeps mean and variance of what SELU gives.
 * Shapes and errors: those of `nn.AlphaDropout`.
 * @example F.alphaDropout(torch.ones(4), 0.5).shape // torch.Size([4])
 */
export const alphaDropout: Dropout = fn<Dropout>({ name: "alphaDropout", params: alphaParams, kind: "custom" }, (v) =>
  alphaDrop(v, false),
);

/**
 * `alphaDropout` of whole channels.
 * Shapes and errors: those of `nn.FeatureAlphaDropout`.
 * @example F.featureAlphaDropout(torch.ones(1, 4, 2), 0.5, { training: true }).shape // torch.Size([1, 4, 2])
 */
export const featureAlphaDropout: Dropout = fn<Dropout>(
  { name: "featureAlphaDropout", params: alphaParams, kind: "custom" },
  (v) => alphaDrop(v, true),
);
