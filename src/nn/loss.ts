/** Losses as modules. */
import type { Values } from "../core/params.ts";
import type { Tensor } from "../core/tensor.ts";
import { warn } from "../core/warnings.ts";
import { type Arguments, read } from "./arguments.ts";
import * as F from "./functional.ts";
import { Module } from "./module.ts";

/** What becomes of the losses of all elements. */
export type Reduction = "none" | "mean" | "sum";

/** Lengths of sequences. */
export type Lengths = Tensor | readonly number[];

/** A distance of two batches of vectors. */
export type Distance = (a: Tensor, b: Tensor) => Tensor;

/** The reduction that PyTorch's older pair of flags stands for. */
function reductionOf(v: Values): Reduction {
  const { sizeAverage, reduce } = v;
  if (sizeAverage == null && reduce == null) return v.reduction as Reduction;
  const found = reduce === false ? "none" : sizeAverage === false ? "sum" : "mean";
  warn("size-average", `size_average and reduce args will be deprecated, please use reduction='${found}' instead.`);
  return found;
}

/** What losses share: the reduction. */
abstract class Loss<A extends unknown[]> extends Module<A, Tensor> {
  readonly reduction: Reduction;

  constructor(v: Values) {
    super();
    this.reduction = reductionOf(v);
  }
}

/**
 * The mean of `|input - target|`, of any equal shapes. `reduction`: `"mean"` (default), `"sum"` or `"none"`.
 * @example new nn.L1Loss()(torch.tensor([1, 4]), torch.tensor([0, 2])) // tensor(1.5000)
 */
export class L1Loss extends Loss<[input: Tensor, target: Tensor]> {
  constructor(
    ...args: Arguments<
      [sizeAverage?: boolean | null, reduce?: boolean | null, reduction?: Reduction],
      "sizeAverage reduce reduction"
    >
  ) {
    const v = read("L1Loss", "sizeAverage:any?=null reduce:any?=null reduction:str='mean'", args);
    super(v);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.l1Loss(input, target, { reduction: this.reduction });
  }
}

/**
 * The negative log likelihood of classes: `input` holds log probabilities, `[N, C, ...]` or `[C]`, `target` int64
 * classes, `[N, ...]`. `weight` is `[C]`; `ignoreIndex` (-100) leaves targets out. `reduction`: `"mean"` (default),
 * `"sum"` or `"none"`.
 * @throws IndexError for a target out of range; RuntimeError for targets that are not int64.
 * @example new nn.NLLLoss()(torch.tensor([[-1, -2]]), torch.tensor([1n])) // tensor(2.)
 */
export class NLLLoss extends Loss<[input: Tensor, target: Tensor]> {
  readonly ignoreIndex: number;
  declare weight: Tensor | null;

  constructor(
    ...args: Arguments<
      [
        weight?: Tensor | null,
        sizeAverage?: boolean | null,
        ignoreIndex?: number,
        reduce?: boolean | null,
        reduction?: Reduction,
      ],
      "weight sizeAverage ignoreIndex reduce reduction"
    >
  ) {
    const v = read(
      "NLLLoss",
      "weight:tensor?=null sizeAverage:any?=null ignoreIndex:int=-100 reduce:any?=null reduction:str='mean'",
      args,
    );
    super(v);
    this.ignoreIndex = v.ignoreIndex as number;
    this.registerBuffer("weight", v.weight as Tensor | null);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.nllLoss(input, target, { weight: this.weight, ignoreIndex: this.ignoreIndex, reduction: this.reduction });
  }
}

/**
 * The negative log likelihood of Poisson counts, `exp(input) - target * input`, or with `logInput: false` of rates;
 * `full` adds Stirling's term. `reduction`: `"mean"` (default), `"sum"` or `"none"`.
 * @example new nn.PoissonNLLLoss()(torch.zeros(1), torch.ones(1)) // tensor(1.)
 */
export class PoissonNLLLoss extends Loss<[input: Tensor, target: Tensor]> {
  readonly logInput: boolean;
  readonly full: boolean;
  readonly eps: number;

  constructor(
    ...args: Arguments<
      [
        logInput?: boolean,
        full?: boolean,
        sizeAverage?: boolean | null,
        eps?: number,
        reduce?: boolean | null,
        reduction?: Reduction,
      ],
      "logInput full sizeAverage eps reduce reduction"
    >
  ) {
    const v = read(
      "PoissonNLLLoss",
      "logInput:bool=true full:bool=false sizeAverage:any?=null eps:float=1e-8 reduce:any?=null reduction:str='mean'",
      args,
    );
    super(v);
    this.logInput = v.logInput as boolean;
    this.full = v.full as boolean;
    this.eps = v.eps as number;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.poissonNllLoss(input, target, {
      logInput: this.logInput,
      full: this.full,
      eps: this.eps,
      reduction: this.reduction,
    });
  }
}

/**
 * The negative log likelihood of normal values with variances `var`, which are at least `eps`; `full` adds the
 * constant. `reduction`: `"mean"` (default), `"sum"` or `"none"`.
 * @throws ValueError for negative variances, or sizes that do not fit.
 * @example new nn.GaussianNLLLoss()(torch.zeros(1), torch.ones(1), torch.ones(1)) // tensor(0.5000)
 */
export class GaussianNLLLoss extends Loss<[input: Tensor, target: Tensor, variance: Tensor]> {
  readonly full: boolean;
  readonly eps: number;

  constructor(...args: Arguments<[], "", { full?: boolean; eps?: number; reduction?: Reduction }>) {
    const v = read("GaussianNLLLoss", "* full:bool=false eps:float=1e-6 reduction:str='mean'", args);
    super(v);
    this.full = v.full as boolean;
    this.eps = v.eps as number;
  }

  forward(input: Tensor, target: Tensor, variance: Tensor): Tensor {
    return F.gaussianNllLoss(input, target, variance, { full: this.full, eps: this.eps, reduction: this.reduction });
  }
}

/**
 * The Kullback-Leibler divergence: `input` holds log probabilities, `target` probabilities (or their logarithms with
 * `logTarget`). `reduction`: `"batchmean"` is the mathematical one; `"mean"` (default), `"sum"`, `"none"`.
 * @example new nn.KLDivLoss({ reduction: "batchmean" })(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.5, 0.5]])) // tensor(0.)
 */
export class KLDivLoss extends Loss<[input: Tensor, target: Tensor]> {
  readonly logTarget: boolean;

  constructor(
    ...args: Arguments<
      [sizeAverage?: boolean | null, reduce?: boolean | null, reduction?: Reduction | "batchmean", logTarget?: boolean],
      "sizeAverage reduce reduction logTarget"
    >
  ) {
    const v = read(
      "KLDivLoss",
      "sizeAverage:any?=null reduce:any?=null reduction:str='mean' logTarget:bool=false",
      args,
    );
    super(v);
    this.logTarget = v.logTarget as boolean;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.klDiv(input, target, { logTarget: this.logTarget, reduction: this.reduction });
  }
}

/**
 * The mean of `(input - target)²`, of any equal shapes; others are broadcast with a warning. `reduction`: `"mean"`
 * (default), `"sum"` or `"none"`.
 * @example new nn.MSELoss()(torch.tensor([1, 4]), torch.tensor([0, 2])) // tensor(2.5000)
 */
export class MSELoss extends Loss<[input: Tensor, target: Tensor]> {
  constructor(
    ...args: Arguments<
      [sizeAverage?: boolean | null, reduce?: boolean | null, reduction?: Reduction],
      "sizeAverage reduce reduction"
    >
  ) {
    const v = read("MSELoss", "sizeAverage:any?=null reduce:any?=null reduction:str='mean'", args);
    super(v);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.mseLoss(input, target, { reduction: this.reduction });
  }
}

/**
 * The cross entropy of probabilities and targets, both from [0, 1] and of one shape. For logits use
 * `BCEWithLogitsLoss`. `reduction`: `"mean"` (default), `"sum"` or `"none"`.
 * @throws RuntimeError "all elements of input should be between 0 and 1", likewise for targets; ValueError where the
 *   shapes differ.
 * @example new nn.BCELoss()(torch.tensor([0.5]), torch.tensor([1])) // tensor(0.6931)
 */
export class BCELoss extends Loss<[input: Tensor, target: Tensor]> {
  declare weight: Tensor | null;

  constructor(
    ...args: Arguments<
      [weight?: Tensor | null, sizeAverage?: boolean | null, reduce?: boolean | null, reduction?: Reduction],
      "weight sizeAverage reduce reduction"
    >
  ) {
    const v = read("BCELoss", "weight:tensor?=null sizeAverage:any?=null reduce:any?=null reduction:str='mean'", args);
    super(v);
    this.registerBuffer("weight", v.weight as Tensor | null);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.binaryCrossEntropy(input, target, { weight: this.weight, reduction: this.reduction });
  }
}

/**
 * The cross entropy of logits and targets from [0, 1], of one shape: a sigmoid and `BCELoss` in one, exact for large
 * logits. `posWeight` weights the positive ones. `reduction`: `"mean"` (default), `"sum"` or `"none"`.
 * @throws ValueError where the shapes differ.
 * @example new nn.BCEWithLogitsLoss()(torch.zeros(1), torch.ones(1)) // tensor(0.6931)
 */
export class BCEWithLogitsLoss extends Loss<[input: Tensor, target: Tensor]> {
  declare weight: Tensor | null;
  declare pos_weight: Tensor | null;

  constructor(
    ...args: Arguments<
      [
        weight?: Tensor | null,
        sizeAverage?: boolean | null,
        reduce?: boolean | null,
        reduction?: Reduction,
        posWeight?: Tensor | null,
      ],
      "weight sizeAverage reduce reduction posWeight"
    >
  ) {
    const v = read(
      "BCEWithLogitsLoss",
      "weight:tensor?=null sizeAverage:any?=null reduce:any?=null reduction:str='mean' posWeight:tensor?=null",
      args,
    );
    super(v);
    this.registerBuffer("weight", v.weight as Tensor | null);
    this.registerBuffer("pos_weight", v.posWeight as Tensor | null);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.binaryCrossEntropyWithLogits(input, target, {
      weight: this.weight,
      posWeight: this.pos_weight,
      reduction: this.reduction,
    });
  }
}

/**
 * `input` where the target is 1, `max(0, margin - input)` where it is -1. `reduction`: `"mean"` (default), `"sum"` or
 * `"none"`.
 * @example new nn.HingeEmbeddingLoss()(torch.tensor([0.5, 0.5]), torch.tensor([1, -1])) // tensor(0.5000)
 */
export class HingeEmbeddingLoss extends Loss<[input: Tensor, target: Tensor]> {
  readonly margin: number;

  constructor(
    ...args: Arguments<
      [margin?: number, sizeAverage?: boolean | null, reduce?: boolean | null, reduction?: Reduction],
      "margin sizeAverage reduce reduction"
    >
  ) {
    const v = read(
      "HingeEmbeddingLoss",
      "margin:float=1 sizeAverage:any?=null reduce:any?=null reduction:str='mean'",
      args,
    );
    super(v);
    this.margin = v.margin as number;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.hingeEmbeddingLoss(input, target, { margin: this.margin, reduction: this.reduction });
  }
}

/**
 * The hinge loss of several classes per sample: `input` `[N, C]` or `[C]`, `target` int64 of the same shape, classes up
 * to the first -1. `reduction`: `"mean"` (default), `"sum"` or `"none"`.
 * @example new nn.MultiLabelMarginLoss()(torch.tensor([1, 0]), torch.tensor([0n, -1n])) // tensor(0.)
 */
export class MultiLabelMarginLoss extends Loss<[input: Tensor, target: Tensor]> {
  constructor(
    ...args: Arguments<
      [sizeAverage?: boolean | null, reduce?: boolean | null, reduction?: Reduction],
      "sizeAverage reduce reduction"
    >
  ) {
    const v = read("MultiLabelMarginLoss", "sizeAverage:any?=null reduce:any?=null reduction:str='mean'", args);
    super(v);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.multilabelMarginLoss(input, target, { reduction: this.reduction });
  }
}

/**
 * `d² / (2 beta)` where `d = |input - target|` is below `beta` (1), else `d - beta / 2`. `reduction`: `"mean"`
 * (default), `"sum"` or `"none"`.
 * @throws RuntimeError for a negative `beta`.
 * @see https://arxiv.org/abs/1504.08083
 * @example new nn.SmoothL1Loss()(torch.tensor([1, 3]), torch.zeros(2)) // tensor(1.5000)
 */
export class SmoothL1Loss extends Loss<[input: Tensor, target: Tensor]> {
  readonly beta: number;

  constructor(
    ...args: Arguments<
      [sizeAverage?: boolean | null, reduce?: boolean | null, reduction?: Reduction, beta?: number],
      "sizeAverage reduce reduction beta"
    >
  ) {
    const v = read("SmoothL1Loss", "sizeAverage:any?=null reduce:any?=null reduction:str='mean' beta:float=1", args);
    super(v);
    this.beta = v.beta as number;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.smoothL1Loss(input, target, { beta: this.beta, reduction: this.reduction });
  }
}

/**
 * `d² / 2` where `d = |input - target|` is below `delta` (1), else `delta * (d - delta / 2)`. `reduction`: `"mean"`
 * (default), `"sum"` or `"none"`.
 * @throws RuntimeError unless `delta` is positive.
 * @example new nn.HuberLoss()(torch.tensor([1, 3]), torch.zeros(2)) // tensor(1.5000)
 */
export class HuberLoss extends Loss<[input: Tensor, target: Tensor]> {
  readonly delta: number;

  constructor(...args: Arguments<[reduction?: Reduction, delta?: number], "reduction delta">) {
    const v = read("HuberLoss", "reduction:str='mean' delta:float=1", args);
    super(v);
    this.delta = v.delta as number;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.huberLoss(input, target, { delta: this.delta, reduction: this.reduction });
  }
}

/**
 * `log(1 + exp(-target * input))`, targets 1 and -1. `reduction`: `"mean"` (default), `"sum"` or `"none"`.
 * @example new nn.SoftMarginLoss()(torch.zeros(1), torch.ones(1)) // tensor(0.6931)
 */
export class SoftMarginLoss extends Loss<[input: Tensor, target: Tensor]> {
  constructor(
    ...args: Arguments<
      [sizeAverage?: boolean | null, reduce?: boolean | null, reduction?: Reduction],
      "sizeAverage reduce reduction"
    >
  ) {
    const v = read("SoftMarginLoss", "sizeAverage:any?=null reduce:any?=null reduction:str='mean'", args);
    super(v);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.softMarginLoss(input, target, { reduction: this.reduction });
  }
}

/**
 * The cross entropy of logits `[N, C, ...]` or `[C]`: a log softmax and `NLLLoss` in one. `target` holds int64 classes,
 * `[N, ...]`, or probabilities in the shape of the input. `weight` is `[C]`; `ignoreIndex` (-100); `labelSmoothing`
 * from 0 to 1. `reduction`: `"mean"` (default), `"sum"` or `"none"`.
 * @throws IndexError for a class out of range; RuntimeError for float targets of another shape (numbers make float32:
 *   `{ dtype: "int64" }`).
 * @example new nn.CrossEntropyLoss()(torch.zeros(1, 2), torch.tensor([1n])) // tensor(0.6931)
 */
export class CrossEntropyLoss extends Loss<[input: Tensor, target: Tensor]> {
  readonly ignoreIndex: number;
  readonly labelSmoothing: number;
  declare weight: Tensor | null;

  constructor(
    ...args: Arguments<
      [
        weight?: Tensor | null,
        sizeAverage?: boolean | null,
        ignoreIndex?: number,
        reduce?: boolean | null,
        reduction?: Reduction,
        labelSmoothing?: number,
      ],
      "weight sizeAverage ignoreIndex reduce reduction labelSmoothing"
    >
  ) {
    const v = read(
      "CrossEntropyLoss",
      "weight:tensor?=null sizeAverage:any?=null ignoreIndex:int=-100 reduce:any?=null reduction:str='mean' labelSmoothing:float=0",
      args,
    );
    super(v);
    this.ignoreIndex = v.ignoreIndex as number;
    this.labelSmoothing = v.labelSmoothing as number;
    this.registerBuffer("weight", v.weight as Tensor | null);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.crossEntropy(input, target, {
      weight: this.weight,
      ignoreIndex: this.ignoreIndex,
      labelSmoothing: this.labelSmoothing,
      reduction: this.reduction,
    });
  }
}

/**
 * The mean of the logistic losses of all classes, `input` and `target` `[N, C]`, targets 0 and 1. `reduction`: `"mean"`
 * (default), `"sum"` or `"none"`.
 * @example new nn.MultiLabelSoftMarginLoss()(torch.zeros(1, 2), torch.ones(1, 2)) // tensor(0.6931)
 */
export class MultiLabelSoftMarginLoss extends Loss<[input: Tensor, target: Tensor]> {
  declare weight: Tensor | null;

  constructor(
    ...args: Arguments<
      [weight?: Tensor | null, sizeAverage?: boolean | null, reduce?: boolean | null, reduction?: Reduction],
      "weight sizeAverage reduce reduction"
    >
  ) {
    const v = read(
      "MultiLabelSoftMarginLoss",
      "weight:tensor?=null sizeAverage:any?=null reduce:any?=null reduction:str='mean'",
      args,
    );
    super(v);
    this.registerBuffer("weight", v.weight as Tensor | null);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.multilabelSoftMarginLoss(input, target, { weight: this.weight, reduction: this.reduction });
  }
}

/**
 * `1 - cos` of pairs that belong together (target 1), `max(0, cos - margin)` of those that do not (-1); inputs `[N,
 * D]`, target `[N]`. `reduction`: `"mean"` (default), `"sum"` or `"none"`.
 * @example new nn.CosineEmbeddingLoss()(torch.ones(1, 2), torch.ones(1, 2), torch.ones(1)).round() // tensor(0.)
 */
export class CosineEmbeddingLoss extends Loss<[input1: Tensor, input2: Tensor, target: Tensor]> {
  readonly margin: number;

  constructor(
    ...args: Arguments<
      [margin?: number, sizeAverage?: boolean | null, reduce?: boolean | null, reduction?: Reduction],
      "margin sizeAverage reduce reduction"
    >
  ) {
    const v = read(
      "CosineEmbeddingLoss",
      "margin:float=0 sizeAverage:any?=null reduce:any?=null reduction:str='mean'",
      args,
    );
    super(v);
    this.margin = v.margin as number;
  }

  forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return F.cosineEmbeddingLoss(input1, input2, target, { margin: this.margin, reduction: this.reduction });
  }
}

/**
 * `max(0, -target * (input1 - input2) + margin)`: target 1 where the first should rank above the second, -1 below.
 * `reduction`: `"mean"` (default), `"sum"` or `"none"`.
 * @example new nn.MarginRankingLoss()(torch.tensor([1]), torch.tensor([3]), torch.tensor([1])) // tensor(2.)
 */
export class MarginRankingLoss extends Loss<[input1: Tensor, input2: Tensor, target: Tensor]> {
  readonly margin: number;

  constructor(
    ...args: Arguments<
      [margin?: number, sizeAverage?: boolean | null, reduce?: boolean | null, reduction?: Reduction],
      "margin sizeAverage reduce reduction"
    >
  ) {
    const v = read(
      "MarginRankingLoss",
      "margin:float=0 sizeAverage:any?=null reduce:any?=null reduction:str='mean'",
      args,
    );
    super(v);
    this.margin = v.margin as number;
  }

  forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return F.marginRankingLoss(input1, input2, target, { margin: this.margin, reduction: this.reduction });
  }
}

/**
 * The hinge loss of one class per sample: `input` `[N, C]` or `[C]`, `target` int64 `[N]`. `reduction`: `"mean"`
 * (default), `"sum"` or `"none"`.
 * @example new nn.MultiMarginLoss()(torch.tensor([[1, 1]]), torch.tensor([0n])) // tensor(0.5000)
 */
export class MultiMarginLoss extends Loss<[input: Tensor, target: Tensor]> {
  readonly p: number;
  readonly margin: number;
  declare weight: Tensor | null;

  constructor(
    ...args: Arguments<
      [
        p?: number,
        margin?: number,
        weight?: Tensor | null,
        sizeAverage?: boolean | null,
        reduce?: boolean | null,
        reduction?: Reduction,
      ],
      "p margin weight sizeAverage reduce reduction"
    >
  ) {
    const v = read(
      "MultiMarginLoss",
      "p:int=1 margin:float=1 weight:tensor?=null sizeAverage:any?=null reduce:any?=null reduction:str='mean'",
      args,
    );
    super(v);
    this.p = v.p as number;
    this.margin = v.margin as number;
    this.registerBuffer("weight", v.weight as Tensor | null);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.multiMarginLoss(input, target, {
      p: this.p,
      margin: this.margin,
      weight: this.weight,
      reduction: this.reduction,
    });
  }
}

/**
 * `max(0, d(anchor, positive) - d(anchor, negative) + margin)` with the p-norm as distance, of `[N, D]` or `[D]`.
 * `reduction`: `"mean"` (default), `"sum"` or `"none"`.
 * @example new nn.TripletMarginLoss()(torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([[3, 4]])) // tensor(0.)
 */
export class TripletMarginLoss extends Loss<[anchor: Tensor, positive: Tensor, negative: Tensor]> {
  readonly margin: number;
  readonly p: number;
  readonly eps: number;
  readonly swap: boolean;

  constructor(
    ...args: Arguments<
      [
        margin?: number,
        p?: number,
        eps?: number,
        swap?: boolean,
        sizeAverage?: boolean | null,
        reduce?: boolean | null,
        reduction?: Reduction,
      ],
      "margin p eps swap sizeAverage reduce reduction"
    >
  ) {
    const v = read(
      "TripletMarginLoss",
      "margin:float=1 p:float=2 eps:float=1e-6 swap:bool=false sizeAverage:any?=null reduce:any?=null reduction:str='mean'",
      args,
    );
    super(v);
    this.margin = v.margin as number;
    this.p = v.p as number;
    this.eps = v.eps as number;
    this.swap = v.swap as boolean;
  }

  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return F.tripletMarginLoss(anchor, positive, negative, {
      margin: this.margin,
      p: this.p,
      eps: this.eps,
      swap: this.swap,
      reduction: this.reduction,
    });
  }
}

/**
 * The triplet loss with a `distanceFunction` of choice (the Euclidean distance by default). `reduction`: `"mean"`
 * (default), `"sum"` or `"none"`.
 * @example new nn.TripletMarginWithDistanceLoss()(torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([[3, 4]])) // tensor(0.)
 */
export class TripletMarginWithDistanceLoss extends Loss<[anchor: Tensor, positive: Tensor, negative: Tensor]> {
  readonly distanceFunction: Distance | null;
  readonly margin: number;
  readonly swap: boolean;

  constructor(
    ...args: Arguments<
      [],
      "",
      { distanceFunction?: Distance | null; margin?: number; swap?: boolean; reduction?: Reduction }
    >
  ) {
    const v = read(
      "TripletMarginWithDistanceLoss",
      "* distanceFunction:any?=null margin:float=1 swap:bool=false reduction:str='mean'",
      args,
    );
    super(v);
    this.distanceFunction = v.distanceFunction as Distance | null;
    this.margin = v.margin as number;
    this.swap = v.swap as boolean;
  }

  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return F.tripletMarginWithDistanceLoss(anchor, positive, negative, {
      distanceFunction: this.distanceFunction,
      margin: this.margin,
      swap: this.swap,
      reduction: this.reduction,
    });
  }
}

/**
 * The connectionist temporal classification loss of unaligned sequences: `logProbs` `[T, N, C]`, `targets` `[N, S]` or
 * joined, lengths `[N]`; `blank` is class 0. `zeroInfinity` makes impossible alignments 0. `reduction`: `"mean"`
 * (default), `"sum"` or `"none"`.
 * @see https://www.cs.toronto.edu/~graves/icml_2006.pdf
 * @example
 * const logProbs = torch.zeros(2, 1, 2).logSoftmax(-1);
 * new nn.CTCLoss()(logProbs, torch.tensor([[1n]]), torch.tensor([2n]), torch.tensor([1n])) // tensor(0.2877)
 */
export class CTCLoss extends Loss<[logProbs: Tensor, targets: Tensor, inputLengths: Lengths, targetLengths: Lengths]> {
  readonly blank: number;
  readonly zeroInfinity: boolean;

  constructor(
    ...args: Arguments<[blank?: number, reduction?: Reduction, zeroInfinity?: boolean], "blank reduction zeroInfinity">
  ) {
    const v = read("CTCLoss", "blank:int=0 reduction:str='mean' zeroInfinity:bool=false", args);
    super(v);
    this.blank = v.blank as number;
    this.zeroInfinity = v.zeroInfinity as boolean;
  }

  forward(logProbs: Tensor, targets: Tensor, inputLengths: Lengths, targetLengths: Lengths): Tensor {
    const { blank, reduction, zeroInfinity } = this;
    return F.ctcLoss(logProbs, targets, inputLengths, targetLengths, blank, reduction, zeroInfinity);
  }
}
