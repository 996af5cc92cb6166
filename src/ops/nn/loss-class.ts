/** Losses of class indices: negative log-likelihood and cross entropy. */
import { recording } from "../../autograd/node.ts";
import { dtypes, int64 } from "../../core/dtype.ts";
import { check, IndexError, ValueError } from "../../core/errors.ts";
import { equalShapes, list, product } from "../../core/layout.ts";
import type { Tensor } from "../../core/tensor.ts";
import * as ir from "../../ir/expr.ts";
import type { Op } from "../call.ts";
import { differentiable, fn, pointwise, unrecorded } from "../define.ts";
import { isMeta } from "../operands.ts";
import { logSoftmax } from "../softmax.ts";
import { nllRows, nllRowsGrad, type RowLosses } from "./nll-rows.ts";
import { dense } from "./raw.ts";
import { type Reduction, reduced, reductionOf } from "./reduction.ts";

/** What PyTorch adds to messages on index dtypes here, where numbers make float32. */
export const longHint = (t: Tensor): string =>
  t.dtype.isFloatingPoint ? ". Numbers make float32 here: pass { dtype: 'int64' }" : "";

/** Class indices where they count, 0 where they are ignored. */
const countedTarget = pointwise("nllTarget", 2, (t, ignored) => ir.select(ir.ne(t!, ignored!), t!, 0));
/** How much an element counts: its class's weight, or nothing. */
const counts = pointwise("nllCounts", 3, (w, t, ignored) => ir.select(ir.ne(t!, ignored!), w!, 0));
/** An element's loss; selected, since an ignored element may be infinite. */
const losses = pointwise("nllLosses", 2, (x, w) => ir.select(ir.ne(w!, 0), ir.mul(ir.neg(x!), w!), 0));

function checkClasses(target: Tensor, classes: number): void {
  if (isMeta(target) || target.numel() === 0) return;
  const [low, high] = [Number(target.amin().item()), Number(target.amax().item())];
  const bad = low < 0 ? low : high >= classes ? high : null;
  check(bad === null, () => `Target ${bad} is out of bounds.`, IndexError);
}

interface Nll {
  readonly node: string;
  readonly weight: Tensor | null;
  readonly ignoreIndex: number;
  readonly reduction: Reduction;
}

/** What `nll` computes: the losses, their slopes, and the index that was picked. */
interface Picked {
  readonly out: Tensor;
  readonly slope: Tensor;
  readonly along: () => Tensor;
}

/** `-input[target]` along the classes' dim, as one node. */
function nll(input: Tensor, target: Tensor, s: Nll): Tensor {
  const dim = input.dim() === 1 ? 0 : 1;
  const rows = unrecorded(() => nllRows(input, target, s.weight, s.ignoreIndex, s.reduction));
  const { out, slope, along } = rows === null ? composed(input, target, dim, s) : picked(input, rows);
  const shape = input.shape;
  return differentiable(s.node, out.detach(), [input], [slope, target], ([g], [slope]) => {
    if (rows !== null && !recording([g!])) return [nllRowsGrad(dense(g!), rows, shape[1]!)];
    return [g!.newZeros(shape).scatterAdd_(dim, along(), g!.mul(slope!).unsqueeze(dim))];
  });
}

function picked(input: Tensor, { out, slope, classes }: RowLosses): Picked {
  const counted = (): number[] => [...classes].map((c) => Math.max(c, 0));
  const along = (): Tensor => unrecorded(() => input.newTensor(counted(), { dtype: "int64" }).unsqueeze(1));
  return { out, slope, along };
}

function composed(input: Tensor, target: Tensor, dim: number, s: Nll): Picked {
  return unrecorded(() => {
    const t = target.detach().to(int64);
    const index = countedTarget.apply([t, s.ignoreIndex]);
    checkClasses(index, input.shape[dim]!);
    const at = index.unsqueeze(dim);
    const along = (): Tensor => at;
    const picked = input.detach().gather(dim, at).squeeze(dim);
    const own = s.weight === null ? 1 : s.weight.detach().indexSelect(0, index.reshape(-1)).reshape(index.shape);
    const w = counts.apply([own === 1 ? picked.detach().newOnes([]) : own, t, s.ignoreIndex]).to(input.dtype);
    const each = losses.apply([picked, w]);
    if (s.reduction === "none") return { out: each, slope: w.neg(), along };
    if (s.reduction === "sum") return { out: each.sum(), slope: w.neg(), along };
    const total = w.sum();
    // Where everything is ignored, the total is 0, and the slopes are not 0 / 0.
    const slope = w.neg().div(total).maskedFill(t.eq(s.ignoreIndex), 0);
    return { out: each.sum().div(total), slope, along };
  });
}

function checkTargetDType(target: Tensor): void {
  check(
    target.dtype === int64 || target.dtype === dtypes.uint8,
    () => `expected scalar type Long but found ${target.dtype.scalarName}${longHint(target)}`,
  );
}

function checkClassWeight(input: Tensor, weight: Tensor | null, classes: number, op = ""): void {
  if (weight === null) return;
  check(
    weight.dim() === 1 && weight.numel() === classes,
    () =>
      `${op}weight tensor should be defined either for all ${classes} classes or no classes but got weight tensor of ` +
      `shape: ${list(weight.shape)}`,
  );
  check(
    weight.dtype === input.dtype,
    () => `expected scalar type ${input.dtype.scalarName} but found ${weight.dtype.scalarName}`,
  );
}

/** Negative log-likelihood of any rank: [C], [N, C] or [N, C, …]. */
function nllOf(input: Tensor, target: Tensor, s: Omit<Nll, "node">): Tensor {
  const rank = input.dim();
  check(rank >= 1, () => `Expected 1 or more dimensions (got ${rank})`, ValueError);
  check(
    rank === 1 || input.shape[0] === target.shape[0],
    () => `Expected input batch_size (${input.shape[0]}) to match target batch_size (${target.shape[0]}).`,
    ValueError,
  );
  const spatial = rank > 2;
  if (spatial && rank !== 4) {
    const expected = [input.shape[0]!, ...input.shape.slice(2)];
    check(
      equalShapes(target.shape, expected),
      () => `Expected target size ${list(expected)}, got ${list(target.shape)}`,
    );
  }
  if (rank === 4) checkSpatial(input, target);
  if (!spatial) checkFlat(input, target);
  checkTargetDType(target);
  checkClassWeight(input, s.weight, input.shape[rank === 1 ? 0 : 1]!);
  check(input.dtype.isFloatingPoint, () => `"nll_loss_out_frame" not implemented for '${input.dtype.scalarName}'`);
  return nll(input, target, { ...s, node: spatial ? "NllLoss2DBackward0" : "NllLossBackward0" });
}

function checkFlat(input: Tensor, target: Tensor): void {
  check(target.dim() <= 1, () => "0D or 1D target tensor expected, multi-target not supported");
  check(
    input.dim() === 1 ? target.dim() === 0 || target.shape[0] === 1 : input.shape[0] === target.shape[0],
    () => `size mismatch (got input: ${list(input.shape)}, target: ${list(target.shape)})`,
  );
}

function checkSpatial(input: Tensor, target: Tensor): void {
  check(
    target.dim() === 3,
    () => `only batches of spatial targets supported (3D tensors) but got targets of dimension: ${target.dim()}`,
  );
  check(
    input.shape[2] === target.shape[1] && input.shape[3] === target.shape[2],
    () => `size mismatch (got input: ${list(input.shape)} , target: ${list(target.shape)}`,
  );
}

/** `nllLoss(input, target, weight, sizeAverage, ignoreIndex, reduce, reduction)`. */
export type NllLoss = Op<
  [
    target: Tensor,
    weight?: Tensor | null,
    sizeAverage?: boolean | null,
    ignoreIndex?: number,
    reduce?: boolean | null,
    reduction?: Reduction,
  ],
  "target weight sizeAverage ignoreIndex reduce reduction"
>;

const params =
  "input:tensor target:tensor weight:tensor?=null sizeAverage:bool?=null ignoreIndex:int=-100 reduce:bool?=null " +
  "reduction:str='mean'";

/**
 * The negative log-likelihood of class indices, from log-probabilities.
 * Shapes and errors: those of `nn.NLLLoss`.
 * @example F.nllLoss(F.logSoftmax(x, 1), torch.tensor([0n, 2n])) // tensor(1.4076)
 */
export const nllLoss: NllLoss = fn<NllLoss>({ name: "nllLoss", params, kind: "custom" }, (v) =>
  nllOf(v.input as Tensor, v.target as Tensor, {
    weight: v.weight as Tensor | null,
    ignoreIndex: v.ignoreIndex as number,
    reduction: reductionOf(v),
  }),
);

/** `crossEntropy(input, target, weight, sizeAverage, ignoreIndex, reduce, reduction, labelSmoothing)`. */
export type CrossEntropy = Op<
  [
    target: Tensor,
    weight?: Tensor | null,
    sizeAverage?: boolean | null,
    ignoreIndex?: number,
    reduce?: boolean | null,
    reduction?: Reduction,
    labelSmoothing?: number,
  ],
  "target weight sizeAverage ignoreIndex reduce reduction labelSmoothing"
>;

/**
 * The cross entropy of logits against class indices, or against probabilities of the input's shape.
 * Shapes and errors: those of `nn.CrossEntropyLoss`.
 * @example F.crossEntropy(x, torch.tensor([0n, 2n])) // tensor(1.4076)
 */
export const crossEntropy: CrossEntropy = fn<CrossEntropy>(
  { name: "crossEntropy", params: `${params} labelSmoothing:float=0` },
  (v) => {
    const [input, target, weight] = [v.input as Tensor, v.target as Tensor, v.weight as Tensor | null];
    const [ignoreIndex, smoothing] = [v.ignoreIndex as number, v.labelSmoothing as number];
    const reduction = reductionOf(v);
    check(smoothing >= 0 && smoothing <= 1, () => `label_smoothing must be between 0.0 and 1.0. Got: ${smoothing}`);
    const dim = input.dim() === 1 ? 0 : 1;
    if (equalShapes(input.shape, target.shape)) {
      check(
        target.dtype.isFloatingPoint,
        () => `Expected floating point type for target with class probabilities, got ${target.dtype.scalarName}`,
      );
      check(ignoreIndex < 0, () => "ignore_index is not supported for floating point target");
      return ofProbabilities(input, target, weight, reduction, smoothing, dim);
    }
    const logs = logSoftmax(input, dim);
    const settings = { weight, ignoreIndex, reduction };
    if (smoothing === 0) return nllOf(logs, target, settings);
    const smooth = smoothLoss(logs, target, settings, dim);
    return nllOf(logs, target, settings)
      .mul(1 - smoothing)
      .add(smooth.mul(smoothing / input.shape[dim]!));
  },
);

/** A weight per class, broadcast over all other dims. */
const perClass = (weight: Tensor, rank: number, dim: number): Tensor =>
  weight.view(Array.from({ length: rank }, (_, d) => (d === dim ? weight.numel() : 1)));

function ofProbabilities(
  input: Tensor,
  target: Tensor,
  weight: Tensor | null,
  reduction: Reduction,
  smoothing: number,
  dim: number,
): Tensor {
  const classes = input.shape[dim]!;
  checkClassWeight(input, weight, classes, "cross_entropy: ");
  const logs = logSoftmax(input, dim);
  const t = smoothing > 0 ? target.mul(1 - smoothing).add(smoothing / classes) : target;
  const products = logs.mul(t);
  const each = weight === null ? products : products.mul(perClass(weight, input.dim(), dim));
  if (reduction === "none") return each.sum(dim).neg();
  const total = each.sum().neg();
  return reduction === "sum" ? total : total.div(product(input.shape) / classes);
}

/** The loss against a uniform distribution over the classes, times their number. */
function smoothLoss(logs: Tensor, target: Tensor, s: Omit<Nll, "node">, dim: number): Tensor {
  const { weight, reduction } = s;
  const weighted = weight === null ? logs : logs.mul(perClass(weight, logs.dim(), dim));
  const ignored = target.eq(s.ignoreIndex);
  const each = weighted.sum(dim).neg().maskedFill(ignored, 0);
  if (reduction !== "mean") return reduced(each, reduction);
  if (weight === null) return each.sum().div(ignored.logicalNot().sum());
  const index = unrecorded(() => countedTarget.apply([target.to(int64), s.ignoreIndex]));
  const own = weight.indexSelect(0, index.reshape(-1)).reshape(index.shape).maskedFill(ignored, 0);
  return each.sum().div(own.sum());
}
