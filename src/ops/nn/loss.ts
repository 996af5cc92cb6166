/** Losses of numbers against numbers: squared, absolute and smooth errors, likelihoods of counts and of normals. */
import { withGrad } from "../../autograd/mode.ts";
import { check, ValueError } from "../../core/errors.ts";
import { equalShapes } from "../../core/layout.ts";
import { resultType } from "../../core/scalar.ts";
import { isTensor, type Tensor } from "../../core/tensor.ts";
import { warn } from "../../core/warnings.ts";
import * as ir from "../../ir/expr.ts";
import type { Op } from "../call.ts";
import { fn } from "../define.ts";
import {
  broadcastPair,
  ElementwiseLoss,
  legacy,
  type Reduction,
  reduced,
  reductionOf,
  warnSizes,
} from "./reduction.ts";

const pairParams = `input:tensor target:tensor ${legacy} reduce:bool?=null reduction:str='mean'`;

/** A loss of an input and a target. */
export type PairLoss = Op<
  [target: Tensor, sizeAverage?: boolean | null, reduce?: boolean | null, reduction?: Reduction],
  "target sizeAverage reduce reduction"
>;

const squaredError = new ElementwiseLoss({
  node: "MseLossBackward0",
  arity: 2,
  value: (x, t) => ir.mul(ir.sub(x!, t!), ir.sub(x!, t!)),
  grads: [(x, t) => ir.mul(2, ir.sub(x!, t!)), (x, t) => ir.mul(2, ir.sub(t!, x!))],
});

function needFloatLoss(kernel: string, inputs: readonly Tensor[]): void {
  const dtype = resultType(inputs);
  check(dtype.isFloatingPoint, () => `"${kernel}" not implemented for '${dtype.scalarName}'`);
}

/** `mseLoss(input, target, sizeAverage, reduce, reduction, weight)`. */
export type MseLoss = Op<
  [
    target: Tensor,
    sizeAverage?: boolean | null,
    reduce?: boolean | null,
    reduction?: Reduction,
    weight?: Tensor | null,
  ],
  "target sizeAverage reduce reduction weight"
>;

/**
 * The mean of squared differences; with `weight`, of weighted ones over the sum of weights.
 * Shapes and errors: those of `nn.MSELoss`.
 * @example F.mseLoss(torch.tensor([1, 2]), torch.tensor([1, 4])) // tensor(2.)
 */
export const mseLoss: MseLoss = fn<MseLoss>({ name: "mseLoss", params: `${pairParams} weight:tensor?=null` }, (v) => {
  const [input, target, weight] = [v.input as Tensor, v.target as Tensor, v.weight as Tensor | null];
  warnSizes(input, target);
  const reduction = reductionOf(v);
  const [x, t] = broadcastPair(input, target);
  needFloatLoss("mse_cpu", [x, t]);
  if (weight === null) return squaredError.apply([x, t], x.shape, reduction);
  checkWeightSize(weight, input);
  return weighted(squaredError.apply([x, t], x.shape, "none"), weight, reduction);
});

function checkWeightSize(weight: Tensor, input: Tensor): void {
  check(equalShapes(weight.shape, input.shape), () => "Weights and input must have the same size.", ValueError);
}

function weighted(each: Tensor, weight: Tensor, reduction: Reduction): Tensor {
  const products = each.mul(weight);
  return reduction === "mean" ? products.sum().div(weight.sum()) : reduced(products, reduction);
}

/**
 * The mean of absolute differences.
 * Shapes and errors: those of `nn.L1Loss`.
 * @example F.l1Loss(torch.tensor([1, 2]), torch.tensor([1, 4])) // tensor(1.)
 */
export const l1Loss: MseLoss = fn<MseLoss>({ name: "l1Loss", params: `${pairParams} weight:tensor?=null` }, (v) => {
  const [input, target, weight] = [v.input as Tensor, v.target as Tensor, v.weight as Tensor | null];
  warnSizes(input, target);
  const reduction = reductionOf(v);
  if (weight !== null) checkWeightSize(weight, input);
  const [x, t] = broadcastPair(input, target);
  const each = x.sub(t).abs();
  return weight === null ? reduced(each, reduction) : weighted(each, weight, reduction);
});

const smoothSlope = (d: ir.Expr, beta: ir.Expr): ir.Expr =>
  ir.select(ir.le(d, ir.neg(beta)), -1, ir.select(ir.ge(d, beta), 1, ir.div(d, beta)));

const smoothError = new ElementwiseLoss({
  node: "SmoothL1LossBackward0",
  arity: 3,
  value: (x, t, beta) => {
    const z = ir.abs(ir.sub(x!, t!));
    const inside = ir.div(ir.mul(ir.mul(0.5, z), z), beta!);
    return ir.select(ir.lt(z, beta!), inside, ir.sub(z, ir.mul(0.5, beta!)));
  },
  grads: [(x, t, beta) => smoothSlope(ir.sub(x!, t!), beta!), (x, t, beta) => smoothSlope(ir.sub(t!, x!), beta!)],
});

/** `smoothL1Loss(input, target, sizeAverage, reduce, reduction, beta)`. */
export type SmoothL1Loss = Op<
  [target: Tensor, sizeAverage?: boolean | null, reduce?: boolean | null, reduction?: Reduction, beta?: number],
  "target sizeAverage reduce reduction beta"
>;

/**
 * Squared below `beta`, absolute above; beta 0 is `l1Loss`.
 * Shapes and errors: those of `nn.SmoothL1Loss`.
 * @example F.smoothL1Loss(torch.tensor([1, 2]), torch.tensor([1, 4])) // tensor(0.7500)
 */
export const smoothL1Loss: SmoothL1Loss = fn<SmoothL1Loss>(
  { name: "smoothL1Loss", params: `${pairParams} beta:float=1` },
  (v) => {
    const [input, target, beta] = [v.input as Tensor, v.target as Tensor, v.beta as number];
    warnSizes(input, target);
    const reduction = reductionOf(v);
    const [x, t] = broadcastPair(input, target);
    check(beta >= 0, () => "smooth_l1_loss does not support negative values for beta.");
    if (beta === 0) return reduced(x.sub(t).abs(), reduction);
    needFloatLoss("smooth_l1_cpu", [x, t]);
    return smoothError.apply([x, t, beta], x.shape, reduction);
  },
);

const huberSlope = (d: ir.Expr, delta: ir.Expr): ir.Expr =>
  ir.select(ir.le(d, ir.neg(delta)), ir.neg(delta), ir.select(ir.ge(d, delta), delta, d));

const huberError = new ElementwiseLoss({
  node: "HuberLossBackward0",
  arity: 3,
  value: (x, t, delta) => {
    const z = ir.abs(ir.sub(x!, t!));
    const outside = ir.mul(delta!, ir.sub(z, ir.mul(0.5, delta!)));
    return ir.select(ir.le(z, delta!), ir.mul(ir.mul(0.5, z), z), outside);
  },
  grads: [(x, t, delta) => huberSlope(ir.sub(x!, t!), delta!), (x, t, delta) => huberSlope(ir.sub(t!, x!), delta!)],
});

/** `huberLoss(input, target, reduction, delta, weight)`. */
export type HuberLoss = Op<
  [target: Tensor, reduction?: Reduction, delta?: number, weight?: Tensor | null],
  "target reduction delta weight"
>;

/**
 * Squared up to `delta`, linear beyond.
 * Shapes and errors: those of `nn.HuberLoss`.
 * @example F.huberLoss(torch.tensor([1, 2]), torch.tensor([1, 4]), { delta: 0.5 }) // tensor(0.4375)
 */
export const huberLoss: HuberLoss = fn<HuberLoss>(
  { name: "huberLoss", params: "input:tensor target:tensor reduction:str='mean' delta:float=1 weight:tensor?=null" },
  (v) => {
    const [input, target, delta] = [v.input as Tensor, v.target as Tensor, v.delta as number];
    const weight = v.weight as Tensor | null;
    warnSizes(input, target);
    const reduction = reductionOf(v);
    const [x, t] = broadcastPair(input, target);
    check(delta > 0, () => "huber_loss does not support non-positive values for delta.");
    needFloatLoss("huber_cpu", [x, t]);
    if (weight === null) return huberError.apply([x, t, delta], x.shape, reduction);
    checkWeightSize(weight, input);
    return weighted(huberError.apply([x, t, delta], x.shape, "none"), weight, reduction);
  },
);

const softMargin = new ElementwiseLoss({
  node: "SoftMarginLossBackward0",
  arity: 2,
  value: (x, t) => ir.log1p(ir.exp(ir.mul(ir.neg(x!), t!))),
  grads: [
    (x, t) => {
      const z = ir.exp(ir.mul(ir.neg(x!), t!));
      return ir.div(ir.mul(ir.neg(t!), z), ir.add(z, 1));
    },
    null,
  ],
});

/**
 * `log(1 + exp(-target · input))` for targets 1 and -1.
 * Shapes and errors: those of `nn.SoftMarginLoss`.
 * @example F.softMarginLoss(torch.tensor([1, -1]), torch.tensor([1, 1])) // tensor(0.8133)
 */
export const softMarginLoss: PairLoss = fn<PairLoss>({ name: "softMarginLoss", params: pairParams }, (v) => {
  const reduction = reductionOf(v);
  const [x, t] = broadcastPair(v.input as Tensor, v.target as Tensor);
  needFloatLoss("exp_vml_cpu", [x, t]);
  return softMargin.apply([x, t], x.shape, reduction);
});

/** `klDiv(input, target, sizeAverage, reduce, reduction, logTarget)`. */
export type KlDiv = Op<
  [
    target: Tensor,
    sizeAverage?: boolean | null,
    reduce?: boolean | null,
    reduction?: Reduction | "batchmean",
    logTarget?: boolean,
  ],
  "target sizeAverage reduce reduction logTarget"
>;

/**
 * The Kullback-Leibler divergence: `input` are log-probabilities, `target` probabilities (or logs, with `logTarget`).
 * Shapes and errors: those of `nn.KLDivLoss`.
 * @example
 * F.klDiv(torch.tensor([[-1, -1]]), torch.tensor([[0.5, 0.5]]), { reduction: "batchmean" }) // tensor(0.3069)
 */
export const klDiv: KlDiv = fn<KlDiv>({ name: "klDiv", params: `${pairParams} logTarget:bool=false` }, (v) => {
  const [input, target] = [v.input as Tensor, v.target as Tensor];
  const batch = v.reduction === "batchmean" && v.sizeAverage == null && v.reduce == null;
  if (v.reduction === "mean" && v.sizeAverage == null && v.reduce == null) {
    warn(
      "kl-div",
      "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' divides only by " +
        "the batch size, and aligns with the KL div math definition.'mean' will be changed to behave the same as " +
        "'batchmean' in the next major release.",
    );
  }
  const reduction = batch ? "sum" : reductionOf(v);
  const each = v.logTarget ? target.exp().mul(target.sub(input)) : target.xlogy(target).sub(target.mul(input));
  const out = reduced(each, reduction);
  return batch && input.dim() !== 0 ? out.div(input.shape[0]!) : out;
});

/** `poissonNllLoss(input, target, logInput, full, sizeAverage, eps, reduce, reduction)`. */
export type PoissonNllLoss = Op<
  [
    target: Tensor,
    logInput?: boolean,
    full?: boolean,
    sizeAverage?: boolean | null,
    eps?: number,
    reduce?: boolean | null,
    reduction?: Reduction,
  ],
  "target logInput full sizeAverage eps reduce reduction"
>;

/**
 * The negative log-likelihood of counts under Poisson distributions of rate `exp(input)` (or `input`).
 * Shapes and errors: those of `nn.PoissonNLLLoss`.
 * @example F.poissonNllLoss(torch.tensor([0, 1]), torch.tensor([1, 2])) // tensor(0.8591)
 */
export const poissonNllLoss: PoissonNllLoss = fn<PoissonNllLoss>(
  {
    name: "poissonNllLoss",
    params:
      "input:tensor target:tensor logInput:bool=true full:bool=false sizeAverage:bool?=null eps:float=1e-8 " +
      "reduce:bool?=null reduction:str='mean'",
  },
  (v) => {
    const [x, t] = [v.input as Tensor, v.target as Tensor];
    const reduction = reductionOf(v, "is not valid");
    let each = v.logInput ? x.exp().sub(t.mul(x)) : x.sub(t.mul(x.add(v.eps as number).log()));
    if (v.full) {
      const stirling = t
        .mul(t.log())
        .sub(t)
        .add(
          t
            .mul(2 * Math.PI)
            .log()
            .mul(0.5),
        );
      each = each.add(stirling.maskedFill(t.le(1), 0));
    }
    return reduced(each, reduction);
  },
);

/** `gaussianNllLoss(input, target, var, full, eps, reduction)`. */
export type GaussianNllLoss = Op<
  [target: Tensor, variance: Tensor | number, full?: boolean, eps?: number, reduction?: Reduction],
  "target var full eps reduction"
>;

/**
 * The negative log-likelihood of targets under normal distributions of mean `input` and variance `var`.
 * Shapes and errors: those of `nn.GaussianNLLLoss`.
 * @example F.gaussianNllLoss(torch.tensor([1, 2]), torch.tensor([1, 4]), torch.tensor([1, 2])) // tensor(0.6733)
 */
export const gaussianNllLoss: GaussianNllLoss = fn<GaussianNllLoss>(
  {
    name: "gaussianNllLoss",
    params: "input:tensor target:tensor var:operand full:bool=false eps:float=1e-6 reduction:str='mean'",
  },
  (v) => {
    const [x, t, eps] = [v.input as Tensor, v.target as Tensor, v.eps as number];
    const spread = varianceOf(x, v.var as Tensor | number);
    const reduction = reductionOf(v, "is not valid");
    check(
      spread.device.type === "meta" || !spread.lt(0).any().item(),
      () => "var has negative entry/entries",
      ValueError,
    );
    const clamped = spread.clone();
    // The bound guards the logarithm only: PyTorch lets the gradient pass as if it were not there.
    withGrad(false, () => clamped.clampMin_(eps));
    const error = x.sub(t);
    const each = clamped.log().add(error.mul(error).div(clamped)).mul(0.5);
    return reduced(v.full ? each.add(0.5 * Math.log(2 * Math.PI)) : each, reduction);
  },
);

function varianceOf(x: Tensor, given: Tensor | number): Tensor {
  if (!isTensor(given)) {
    check(Number(given) >= 0, () => "var has negative entry/entries", ValueError);
    return x.detach().newFull(x.shape, Number(given));
  }
  if (equalShapes(given.shape, x.shape)) return given;
  const lead = x.shape.slice(0, -1);
  if (equalShapes(given.shape, lead)) return given.unsqueeze(-1);
  const fits = equalShapes(given.shape.slice(0, -1), lead) && given.shape.at(-1) === 1;
  if (!fits) throw new ValueError("var is of incorrect size");
  return given;
}
