/** Losses with margins, and the distances that they compare. */

import { withGrad } from "../../autograd/mode.ts";
import { dtypes, int64 } from "../../core/dtype.ts";
import { check, ValueError } from "../../core/errors.ts";
import { list, sizeOf } from "../../core/layout.ts";
import { getDefaultDtype, resultType } from "../../core/scalar.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Op } from "../call.ts";
import { differentiable, fn, unrecorded } from "../define.ts";
import { emptyTensor, isMeta } from "../operands.ts";
import { logsigmoid } from "./activation.ts";
import { longHint } from "./loss-class.ts";
import { oneNode } from "./one-node.ts";
import { int64Tensor } from "./pad.ts";
import { alias, dense, elements } from "./raw.ts";
import { type Reduction, reduced, reductionOf } from "./reduction.ts";

const tail = "sizeAverage:bool?=null reduce:bool?=null reduction:str='mean'";
type Tail = [sizeAverage?: boolean | null, reduce?: boolean | null, reduction?: Reduction];

// ---------------------------------------------------------------- distances

/** `pairwiseDistance(x1, x2, p, eps, keepdim)`. */
export type PairwiseDistance = Op<[x2: Tensor, p?: number, eps?: number, keepdim?: boolean], "x2 p eps keepdim">;

/**
 * The p-norm of `x1 - x2 + eps` over the last dim.
 * Shapes and errors: those of `nn.PairwiseDistance`.
 * @example torch.pairwiseDistance(torch.tensor([[0, 0]]), torch.tensor([[3, 4]])) // tensor([5.0000])
 */
export const pairwiseDistance: PairwiseDistance = fn<PairwiseDistance>(
  { name: "pairwiseDistance", params: "x1:tensor x2:tensor p:float=2 eps:float=1e-6 keepdim:bool=false" },
  (v) => {
    const [a, b] = [v.x1 as Tensor, v.x2 as Tensor];
    return a
      .sub(b)
      .add(v.eps as number)
      .norm(v.p as number, -1, v.keepdim as boolean);
  },
);

/** `cosineSimilarity(x1, x2, dim, eps)`. */
export type CosineSimilarity = Op<[x2: Tensor, dim?: number, eps?: number], "x2 dim eps">;

/**
 * The cosine of the angle between two tensors along a dim; norms count as `eps` at least.
 * Shapes and errors: those of `nn.CosineSimilarity`.
 * @example torch.cosineSimilarity(torch.tensor([[1, 0]]), torch.tensor([[1, 1]])) // tensor([0.7071])
 */
export const cosineSimilarity: CosineSimilarity = fn<CosineSimilarity>(
  { name: "cosineSimilarity", params: "x1:tensor x2:tensor dim:int=1 eps:float=1e-8" },
  (v) => {
    const [a, b, dim, eps] = [v.x1 as Tensor, v.x2 as Tensor, v.dim as number, v.eps as number];
    const common = resultType([a, b]);
    check(
      common.isFloatingPoint,
      () => `expected common dtype to be floating point, yet common dtype is ${common.scalarName}`,
    );
    const [x, y] = [a.to(common), b.to(common)];
    const unit = (t: Tensor): Tensor => {
      const norm = t.norm(2, dim, true).clone();
      // The bound guards the division only: PyTorch lets the gradient pass as if it were not there.
      withGrad(false, () => norm.clampMin_(eps));
      return t.div(norm);
    };
    return unit(x).mul(unit(y)).sum(dim);
  },
);

/**
 * The p-norm distance between every pair of rows, in the order of the upper triangle.
 * @example torch.pdist(torch.tensor([[0, 0], [3, 4]])) // tensor([5.])
 */
export const pdist: Op<[p?: number], "p"> = fn({ name: "pdist", params: "input:tensor p:float=2" }, (v) => {
  const [x, p] = [v.input as Tensor, v.p as number];
  check(x.dim() === 2, () => `pdist only supports 2D tensors, got: ${x.dim()}D`);
  check(x.dtype.isFloatingPoint, () => "pdist only supports floating-point dtypes");
  check(p >= 0, () => "pdist only supports non-negative p values");
  const n = x.shape[0]!;
  const pairs = Array.from({ length: n }, (_, i) => Array.from({ length: n - 1 - i }, (_, j) => [i, i + 1 + j])).flat();
  const index = (k: number): Tensor =>
    int64Tensor(
      x,
      BigInt64Array.from(pairs, (pair) => BigInt(pair[k]!)),
    );
  const [left, right] = [index(0), index(1)];
  return oneNode("PdistBackward0", [x], (x) => x!.indexSelect(0, left).sub(x!.indexSelect(0, right)).norm(p, 1));
});

// ---------------------------------------------------------------- losses that are composed

/** Ints as floats: a margin is a float in PyTorch, also where its value is whole. */
const floated = (t: Tensor): Tensor => (t.dtype.isFloatingPoint ? t : t.to(getDefaultDtype()));

/** `hingeEmbeddingLoss(input, target, margin, …)`. */
export type HingeEmbeddingLoss = Op<
  [target: Tensor, margin?: number, ...Tail],
  "target margin sizeAverage reduce reduction"
>;

/**
 * `input` where the target is 1, `max(0, margin - input)` where it is -1.
 * Shapes and errors: those of `nn.HingeEmbeddingLoss`.
 * @example F.hingeEmbeddingLoss(torch.tensor([0.3, 0.4]), torch.tensor([1, -1])) // tensor(0.4500)
 */
export const hingeEmbeddingLoss: HingeEmbeddingLoss = fn<HingeEmbeddingLoss>(
  { name: "hingeEmbeddingLoss", params: `input:tensor target:tensor margin:float=1 ${tail}` },
  (v) => {
    const [x, t] = [v.input as Tensor, v.target as Tensor];
    const reduction = reductionOf(v);
    const far = floated(x)
      .neg()
      .add(v.margin as number)
      .clampMin(0);
    const other = far.where(t.ne(1), 0);
    return reduced(other.add(x.where(t.ne(-1), 0)), reduction);
  },
);

/** `marginRankingLoss(input1, input2, target, margin, …)`. */
export type MarginRankingLoss = Op<
  [input2: Tensor, target: Tensor, margin?: number, ...Tail],
  "input2 target margin sizeAverage reduce reduction"
>;

/**
 * `max(0, -target · (input1 - input2) + margin)`.
 * Shapes and errors: those of `nn.MarginRankingLoss`.
 * @example F.marginRankingLoss(torch.tensor([1]), torch.tensor([2]), torch.tensor([1])) // tensor(1.)
 */
export const marginRankingLoss: MarginRankingLoss = fn<MarginRankingLoss>(
  { name: "marginRankingLoss", params: `input1:tensor input2:tensor target:tensor margin:float=0 ${tail}` },
  (v) => {
    const [a, b, t] = [v.input1 as Tensor, v.input2 as Tensor, v.target as Tensor];
    const reduction = reductionOf(v);
    check(
      a.dim() === b.dim() && a.dim() === t.dim(),
      () =>
        "margin_ranking_loss : All input tensors should have same dimension but got sizes: " +
        `input1: ${sizeOf(a.shape)}, input2: ${sizeOf(b.shape)}, target: ${sizeOf(t.shape)} `,
    );
    return reduced(
      floated(t.neg().mul(a.sub(b)))
        .add(v.margin as number)
        .clampMin(0),
      reduction,
    );
  },
);

/** `cosineEmbeddingLoss(input1, input2, target, margin, …)`. */
export type CosineEmbeddingLoss = MarginRankingLoss;

/**
 * `1 - cos` where the target is 1, `max(0, cos - margin)` where it is -1.
 * Shapes and errors: those of `nn.CosineEmbeddingLoss`.
 * @example F.cosineEmbeddingLoss(torch.tensor([[1, 0]]), torch.tensor([[0, 1]]), torch.tensor([1])) // tensor(1.)
 */
export const cosineEmbeddingLoss: CosineEmbeddingLoss = fn<CosineEmbeddingLoss>(
  { name: "cosineEmbeddingLoss", params: `input1:tensor input2:tensor target:tensor margin:float=0 ${tail}` },
  (v) => {
    const [a, b, t] = [v.input1 as Tensor, v.input2 as Tensor, v.target as Tensor];
    const reduction = reductionOf(v);
    check(t.dim() <= 1, () => "0D or 1D target tensor expected, multi-target not supported");
    const rank = t.dim() + 1;
    check(
      a.dim() === rank && b.dim() === rank,
      () =>
        `${rank - 1}D target tensor expects ${rank}D input tensors, but found inputs with sizes ${list(a.shape)} and ` +
        `${list(b.shape)}.`,
    );
    const dim = t.dim();
    // As PyTorch: both squares, not both norms, are kept from 0.
    const squares = a.mul(a).sum(dim).add(1e-12).mul(b.mul(b).sum(dim).add(1e-12));
    const cos = a.mul(b).sum(dim).div(squares.sqrt());
    const near = cos.neg().add(1);
    const far = cos.sub(v.margin as number).clampMin(0);
    return reduced(near.where(t.eq(1), 0).add(far.where(t.eq(-1), 0)), reduction);
  },
);

/** `tripletMarginLoss(anchor, positive, negative, margin, p, eps, swap, …)`. */
export type TripletMarginLoss = Op<
  [positive: Tensor, negative: Tensor, margin?: number, p?: number, eps?: number, swap?: boolean, ...Tail],
  "positive negative margin p eps swap sizeAverage reduce reduction"
>;

/**
 * `max(0, d(anchor, positive) - d(anchor, negative) + margin)`, by p-norm distances.
 * Shapes and errors: those of `nn.TripletMarginLoss`.
 * @example
 * F.tripletMarginLoss(torch.tensor([[0, 0]]), torch.tensor([[0, 1]]), torch.tensor([[2, 0]]), { margin: 2 })
 * // tensor(1.)
 */
export const tripletMarginLoss: TripletMarginLoss = fn<TripletMarginLoss>(
  {
    name: "tripletMarginLoss",
    params: `anchor:tensor positive:tensor negative:tensor margin:float=1 p:float=2 eps:float=1e-6 swap:bool=false ${tail}`,
  },
  (v) => {
    const [a, p, n] = [v.anchor as Tensor, v.positive as Tensor, v.negative as Tensor];
    const reduction = reductionOf(v);
    check(
      a.dim() === p.dim() && p.dim() === n.dim(),
      () => `All inputs should have same dimension but got ${a.dim()}D, ${p.dim()}D and ${n.dim()}D inputs.`,
    );
    const distance = (x: Tensor, y: Tensor): Tensor => pairwiseDistance(x, y, v.p as number, v.eps as number);
    return triplet([a, p, n], distance, v.margin as number, v.swap as boolean, reduction);
  },
);

function triplet(
  [anchor, positive, negative]: readonly [Tensor, Tensor, Tensor],
  distance: (a: Tensor, b: Tensor) => Tensor,
  margin: number,
  swap: boolean,
  reduction: Reduction,
): Tensor {
  const near = distance(anchor, positive);
  let far = distance(anchor, negative);
  if (swap) far = far.minimum(distance(positive, negative));
  return reduced(near.add(margin).sub(far).clampMin(0), reduction);
}

/** `tripletMarginWithDistanceLoss(anchor, positive, negative, { distanceFunction, margin, swap, reduction })`. */
export type TripletMarginWithDistanceLoss = Op<
  [positive: Tensor, negative: Tensor],
  "positive negative",
  {
    distanceFunction?: ((a: Tensor, b: Tensor) => Tensor) | null;
    margin?: number;
    swap?: boolean;
    reduction?: Reduction;
  }
>;

/**
 * `tripletMarginLoss` with a distance of one's own (default: `pairwiseDistance`).
 * Shapes and errors: those of `nn.TripletMarginWithDistanceLoss`.
 * @example
 * F.tripletMarginWithDistanceLoss(torch.tensor([[0, 0]]), torch.tensor([[0, 1]]), torch.tensor([[2, 0]]), { margin: 2 })
 * // tensor(1.)
 */
export const tripletMarginWithDistanceLoss: TripletMarginWithDistanceLoss = fn<TripletMarginWithDistanceLoss>(
  {
    name: "tripletMarginWithDistanceLoss",
    params:
      "anchor:tensor positive:tensor negative:tensor * distanceFunction:function?=null margin:float=1 swap:bool=false " +
      "reduction:str='mean'",
  },
  (v) => {
    const reduction = reductionOf(v);
    const given = v.distanceFunction as ((a: Tensor, b: Tensor) => Tensor) | null;
    const three = [v.anchor as Tensor, v.positive as Tensor, v.negative as Tensor] as const;
    const distance = given ?? ((a: Tensor, b: Tensor) => pairwiseDistance(a, b));
    return triplet(three, distance, v.margin as number, v.swap as boolean, reduction);
  },
);

/** `multilabelSoftMarginLoss(input, target, weight, …)`. */
export type MultilabelSoftMarginLoss = Op<
  [target: Tensor, weight?: Tensor | null, ...Tail],
  "target weight sizeAverage reduce reduction"
>;

/**
 * The binary cross entropy of logits against one label per class, averaged over classes.
 * Shapes and errors: those of `nn.MultiLabelSoftMarginLoss`.
 * @example F.multilabelSoftMarginLoss(torch.tensor([[1, -1]]), torch.tensor([[1, 0]])) // tensor(0.3133)
 */
export const multilabelSoftMarginLoss: MultilabelSoftMarginLoss = fn<MultilabelSoftMarginLoss>(
  { name: "multilabelSoftMarginLoss", params: `input:tensor target:tensor weight:tensor?=null ${tail}` },
  (v) => {
    const [x, t, weight] = [v.input as Tensor, v.target as Tensor, v.weight as Tensor | null];
    const reduction = reductionOf(v, "is not valid");
    const yes = t.mul(logsigmoid(x));
    const no = t.neg().add(1).mul(logsigmoid(x.neg()));
    const each = yes.add(no).neg();
    const weighted = weight === null ? each : each.mul(weight);
    return reduced(weighted.sum(-1).div(x.shape.at(-1)!), reduction);
  },
);

// ---------------------------------------------------------------- losses over classes

/** `multiMarginLoss(input, target, p, margin, weight, …)`. */
export type MultiMarginLoss = Op<
  [target: Tensor, p?: number, margin?: number, weight?: Tensor | null, ...Tail],
  "target p margin weight sizeAverage reduce reduction"
>;

function needLong(target: Tensor): void {
  check(
    target.dtype === int64,
    () => `expected scalar type Long but found ${target.dtype.scalarName}${longHint(target)}`,
  );
}

function checkTargets(x: Tensor, t: Tensor, rows: number): void {
  const classes = x.shape.at(-1)!;
  check(
    x.dim() <= 2 && classes > 0,
    () => `Expected non-empty vector or matrix with optional 0-dim batch size, but got: ${list(x.shape)}`,
  );
  check(t.dim() <= 1 && t.numel() === rows, () => `inconsistent target size, got: ${list(t.shape)}`);
  needLong(t);
  if (isMeta(t) || t.numel() === 0) return;
  const fits = Number(t.amin().item()) >= 0 && Number(t.amax().item()) < classes;
  check(fits, () => "target out of range");
}

/**
 * `Σ max(0, margin - input[target] + input[i])^p / classes` over the other classes `i`.
 * Shapes and errors: those of `nn.MultiMarginLoss`.
 * @example F.multiMarginLoss(torch.tensor([[0.1, 0.8]]), torch.tensor([1n])) // tensor(0.1500)
 */
export const multiMarginLoss: MultiMarginLoss = fn<MultiMarginLoss>(
  {
    name: "multiMarginLoss",
    params: `input:tensor target:tensor p:int=1 margin:float=1 weight:tensor?=null ${tail}`,
  },
  (v) => {
    const [input, target, p, margin] = [v.input as Tensor, v.target as Tensor, v.p as number, v.margin as number];
    const weight = v.weight as Tensor | null;
    const reduction = reductionOf(v);
    check(p === 1 || p === 2, () => "only p == 1 and p == 2 supported", ValueError);
    check(weight === null || weight.dim() === 1, () => "weight must be one-dimensional", ValueError);
    const rows = input.dim() === 2 ? input.shape[0]! : 1;
    checkTargets(input, target, rows);
    check(
      weight === null || weight.numel() === input.shape.at(-1),
      () => `inconsistent weight size, got: ${list(weight!.shape)}`,
    );
    return oneNode("MultiMarginLossBackward0", [input], (x) => {
      const table = x!.reshape(rows, input.shape.at(-1)!);
      const at = target.reshape(rows, 1);
      const gaps = table.sub(table.gather(1, at)).add(margin);
      const kept = gaps.where(gaps.gt(0), 0).scatter(1, at, 0);
      let each = p === 1 ? kept : kept.mul(kept);
      if (weight !== null) each = each.mul(weight.detach().indexSelect(0, target.reshape(-1)).unsqueeze(1));
      const losses = each.sum(1).div(input.shape.at(-1)!);
      return reduced(input.dim() < 2 ? losses.reshape([]) : losses, reduction);
    });
  },
);

/** `multilabelMarginLoss(input, target, …)`. */
export type MultilabelMarginLoss = Op<[target: Tensor, ...Tail], "target sizeAverage reduce reduction">;

/** Walks the rows: the classes before the first -1 are targets; every other class should lie a margin of 1 below. */
function multilabelSlopes(x: Tensor, t: Tensor, rows: number, classes: number): { losses: Tensor; slopes: Tensor } {
  const source = dense(x.to(dtypes.float64));
  const labels = dense(t);
  const losses = emptyTensor([rows], dtypes.float64);
  const slopes = emptyTensor([rows, classes], dtypes.float64);
  const values = elements(source) as Float64Array;
  const targets = elements(labels) as BigInt64Array;
  const out = losses.impl.storage.window(dtypes.float64) as Float64Array;
  const slope = slopes.impl.storage.window(dtypes.float64) as Float64Array;
  slope.fill(0, 0, rows * classes);
  for (let n = 0; n < rows; n++) {
    const base = n * classes;
    const own: number[] = [];
    for (let j = 0; j < classes && targets[base + j]! >= 0n; j++) own.push(Number(targets[base + j]));
    const isTarget = new Set(own);
    let sum = 0;
    for (const k of own) {
      for (let i = 0; i < classes; i++) {
        if (isTarget.has(i)) continue;
        const gap = 1 - values[base + k]! + values[base + i]!;
        if (!(gap > 0)) continue;
        sum += gap;
        slope[base + i]! += 1 / classes;
        slope[base + k]! -= 1 / classes;
      }
    }
    out[n] = sum / classes;
  }
  return { losses, slopes };
}

/**
 * Hinge losses between each target class and each other class, over the number of classes.
 * Shapes and errors: those of `nn.MultiLabelMarginLoss`.
 * @example F.multilabelMarginLoss(torch.tensor([[0.1, 0.8]]), torch.tensor([[1n, -1n]])) // tensor(0.1500)
 */
export const multilabelMarginLoss: MultilabelMarginLoss = fn<MultilabelMarginLoss>(
  { name: "multilabelMarginLoss", params: `input:tensor target:tensor ${tail}`, kind: "custom" },
  (v) => {
    const [x, t] = [v.input as Tensor, v.target as Tensor];
    const reduction = reductionOf(v);
    const [rows, classes] = [x.dim() === 2 ? x.shape[0]! : 1, x.dim() === 0 ? 1 : x.shape.at(-1)!];
    check(
      x.dim() <= 2 && classes > 0,
      () => `Expected non-empty vector or matrix with optional 0-dim batch size, but got: ${list(x.shape)}`,
    );
    check(
      list(t.shape) === list(x.shape) || (x.dim() < 2 && t.dim() < 2 && t.numel() === x.numel()),
      () => `inconsistent size ${list(t.shape)} for argument #2 'target'`,
    );
    needLong(t);
    if (!isMeta(t) && t.numel() > 0) {
      const fits = Number(t.amin().item()) >= -1 && Number(t.amax().item()) < classes;
      check(fits, () => "argument #2 'target' is out of range");
    }
    const { out, slopes } = unrecorded(() => {
      const { losses, slopes } = multilabelSlopes(x.detach(), t.detach(), rows, classes);
      const each = x.dim() < 2 ? losses.reshape([]) : losses;
      const value = reduced(each, reduction).to(x.dtype);
      return { out: alias(value, value.impl.layout), slopes: slopes.to(x.dtype) };
    });
    const factor = reduction === "mean" ? 1 / rows : 1;
    return differentiable("MultilabelMarginLossBackward0", out, [x], [slopes], ([g], [s]) => {
      const perRow = g!.dim() === 1 ? g!.unsqueeze(1) : g!;
      return [s!.mul(perRow).mul(factor).reshape(x.shape)];
    });
  },
);
