/** Binary cross entropy, of probabilities and of logits. */
import { bool, type DType } from "../../core/dtype.ts";
import { check, RuntimeError, ValueError } from "../../core/errors.ts";
import { broadcastShapes, equalShapes, sizeOf } from "../../core/layout.ts";
import type { Tensor } from "../../core/tensor.ts";
import * as ir from "../../ir/expr.ts";
import type { Op } from "../call.ts";
import { fn } from "../define.ts";
import { isMeta } from "../operands.ts";
import { type ReduceSpec, reduceRaw } from "../reduce.ts";
import { ElementwiseLoss, type Reduction, reductionOf } from "./reduction.ts";

/** log, not below -100: so that a loss stays finite where a probability is 0. */
const boundedLog = (x: ir.Value): ir.Expr => ir.max(ir.log(x), -100);
const boundedLog1p = (x: ir.Value): ir.Expr => ir.max(ir.log1p(x), -100);

const entropy = (x: ir.Expr, t: ir.Expr): ir.Expr =>
  ir.sub(ir.mul(ir.sub(t, 1), boundedLog1p(ir.neg(x))), ir.mul(t, boundedLog(x)));
const entropySlope = (x: ir.Expr, t: ir.Expr): ir.Expr => ir.div(ir.sub(x, t), ir.max(ir.mul(ir.sub(1, x), x), 1e-12));
const targetSlope = (x: ir.Expr): ir.Expr => ir.sub(boundedLog1p(ir.neg(x)), boundedLog(x));

const plain = new ElementwiseLoss({
  node: "BinaryCrossEntropyBackward0",
  arity: 2,
  value: (x, t) => entropy(x!, t!),
  grads: [(x, t) => entropySlope(x!, t!), (x) => targetSlope(x!)],
});
const weightedEntropy = new ElementwiseLoss({
  node: "BinaryCrossEntropyBackward0",
  arity: 3,
  value: (x, t, w) => ir.mul(entropy(x!, t!), w!),
  grads: [(x, t, w) => ir.mul(entropySlope(x!, t!), w!), (x, _t, w) => ir.mul(targetSlope(x!), w!)],
});

/** `binaryCrossEntropy(input, target, weight, sizeAverage, reduce, reduction)`. */
export type BinaryCrossEntropy = Op<
  [
    target: Tensor,
    weight?: Tensor | null,
    sizeAverage?: boolean | null,
    reduce?: boolean | null,
    reduction?: Reduction,
  ],
  "target weight sizeAverage reduce reduction"
>;

const tail = "sizeAverage:bool?=null reduce:bool?=null reduction:str='mean'";

const inRange = (x: ir.Expr): ir.Expr => ir.and(ir.ge(x, 0), ir.le(x, 1));
const allInRange = { combine: "and", pre: inRange(ir.load(0)) } as const;
const bothInRange = { combine: "and", pre: ir.and(inRange(ir.load(0)), inRange(ir.load(1))) } as const;

/** Whether all elements pass a check, which reads tensors of one shape. */
function every(spec: ReduceSpec, first: Tensor, ...others: Tensor[]): boolean {
  const dims = first.impl.layout.shape.map((_, d) => d);
  return Boolean(reduceRaw(first, spec, dims, false, first.dtype, bool, others).item());
}

function needRange(input: Tensor, target: Tensor): void {
  if (isMeta(input) || input.numel() === 0 || every(bothInRange, input, target)) return;
  const name = every(allInRange, input) ? "target" : "input";
  check(false, () => `all elements of ${name} should be between 0 and 1`);
}

function needSameDType(t: Tensor | null, dtype: DType): void {
  check(t === null || t.dtype === dtype, () => `Found dtype ${t!.dtype.scalarName} but expected ${dtype.scalarName}`);
}

/**
 * The cross entropy of probabilities `input` against probabilities `target`.
 * Shapes and errors: those of `nn.BCELoss`.
 * @example F.binaryCrossEntropy(torch.tensor([0.5, 0.9]), torch.tensor([0, 1])) // tensor(0.3993)
 */
export const binaryCrossEntropy: BinaryCrossEntropy = fn<BinaryCrossEntropy>(
  { name: "binaryCrossEntropy", params: `input:tensor target:tensor weight:tensor?=null ${tail}` },
  (v) => {
    const [x, t, weight] = [v.input as Tensor, v.target as Tensor, v.weight as Tensor | null];
    const reduction = reductionOf(v);
    check(
      equalShapes(x.impl.layout.shape, t.impl.layout.shape),
      () =>
        `Using a target size (${sizeOf(t.shape)}) that is different to the input size (${sizeOf(x.shape)}) is ` +
        "deprecated. Please ensure they have the same size.",
      ValueError,
    );
    const shape = weight === null ? x.impl.layout.shape : broadcastShapes(t.shape, weight.shape);
    check(
      equalShapes(shape, x.impl.layout.shape),
      () => `The expanded size of the weight ${sizeOf(shape)} must match the input size ${sizeOf(x.shape)}`,
    );
    check(x.dtype.isFloatingPoint, () => `"binary_cross_entropy" not implemented for '${x.dtype.scalarName}'`);
    needSameDType(t, x.dtype);
    needSameDType(weight, x.dtype);
    needRange(x, t);
    if (weight === null) return plain.apply([x, t], shape, reduction);
    refuseWeightGrad(weight);
    return weightedEntropy.apply([x, t, weight], shape, reduction);
  },
);

function refuseWeightGrad(weight: Tensor): void {
  if (weight.requiresGrad) throw new RuntimeError("the derivative for 'weight' is not implemented");
}

/** `log(1 + exp(-x))` without overflow. */
const softplusOfMinus = (x: ir.Expr): ir.Expr => ir.add(ir.log1p(ir.exp(ir.neg(ir.abs(x)))), ir.max(ir.neg(x), 0));
const sigmoid = (x: ir.Expr): ir.Expr => ir.div(1, ir.add(1, ir.exp(ir.neg(x))));
const logSigmoid = (x: ir.Expr): ir.Expr => ir.neg(softplusOfMinus(x));

/** `w` weighs everything, `p` the positive class. */
const logitEntropy = (x: ir.Expr, t: ir.Expr, w: ir.Expr, p: ir.Expr): ir.Expr => {
  const logWeight = ir.add(ir.mul(ir.sub(p, 1), t), 1);
  return ir.mul(w, ir.add(ir.mul(ir.sub(1, t), x), ir.mul(logWeight, softplusOfMinus(x))));
};
const logitSlope = (x: ir.Expr, t: ir.Expr, w: ir.Expr, p: ir.Expr): ir.Expr => {
  const pt = ir.mul(p, t);
  return ir.mul(w, ir.sub(ir.mul(ir.sub(ir.add(pt, 1), t), sigmoid(x)), pt));
};
const logitTargetSlope = (x: ir.Expr, w: ir.Expr, p: ir.Expr): ir.Expr =>
  ir.mul(w, ir.sub(logSigmoid(ir.neg(x)), ir.mul(p, logSigmoid(x))));

const one = ir.constant(1);
const logits = new ElementwiseLoss({
  node: "BinaryCrossEntropyWithLogitsBackward0",
  arity: 2,
  value: (x, t) => ir.add(ir.mul(ir.sub(1, t!), x!), softplusOfMinus(x!)),
  grads: [(x, t) => ir.sub(sigmoid(x!), t!), (x) => ir.neg(x!)],
});
const weightedLogits = new ElementwiseLoss({
  node: "BinaryCrossEntropyWithLogitsBackward0",
  arity: 3,
  value: (x, t, w) => logitEntropy(x!, t!, w!, one),
  grads: [(x, t, w) => logitSlope(x!, t!, w!, one), (x, _t, w) => ir.neg(ir.mul(x!, w!))],
});
const positiveLogits = new ElementwiseLoss({
  node: "BinaryCrossEntropyWithLogitsBackward0",
  arity: 4,
  value: (x, t, w, p) => logitEntropy(x!, t!, w!, p!),
  grads: [(x, t, w, p) => logitSlope(x!, t!, w!, p!), (x, _t, w, p) => logitTargetSlope(x!, w!, p!)],
});

/** `binaryCrossEntropyWithLogits(input, target, weight, sizeAverage, reduce, reduction, posWeight)`. */
export type BinaryCrossEntropyWithLogits = Op<
  [
    target: Tensor,
    weight?: Tensor | null,
    sizeAverage?: boolean | null,
    reduce?: boolean | null,
    reduction?: Reduction,
    posWeight?: Tensor | null,
  ],
  "target weight sizeAverage reduce reduction posWeight"
>;

/**
 * The cross entropy of `sigmoid(input)` against probabilities, without the overflow of the two steps.
 * Shapes and errors: those of `nn.BCEWithLogitsLoss`.
 * @example F.binaryCrossEntropyWithLogits(torch.tensor([0, 2]), torch.tensor([0, 1])) // tensor(0.4100)
 */
export const binaryCrossEntropyWithLogits: BinaryCrossEntropyWithLogits = fn<BinaryCrossEntropyWithLogits>(
  {
    name: "binaryCrossEntropyWithLogits",
    params: `input:tensor target:tensor weight:tensor?=null ${tail} posWeight:tensor?=null`,
  },
  (v) => {
    const [x, t] = [v.input as Tensor, v.target as Tensor];
    const [weight, posWeight] = [v.weight as Tensor | null, v.posWeight as Tensor | null];
    const reduction = reductionOf(v);
    check(
      equalShapes(x.shape, t.shape),
      () => `Target size (${sizeOf(t.shape)}) must be the same as input size (${sizeOf(x.shape)})`,
      ValueError,
    );
    check(
      t.dtype.isFloatingPoint,
      () => `result type Float can't be cast to the desired output type ${t.dtype.scalarName}`,
    );
    let shape: readonly number[] = x.shape;
    for (const w of [weight, posWeight]) if (w !== null) shape = broadcastShapes(shape, w.shape);
    const stretch = (a: Tensor): Tensor => (equalShapes(a.shape, shape) ? a : a.expand(shape));
    const pair = [stretch(x), stretch(t)];
    if (posWeight !== null) return positiveLogits.apply([...pair, weight ?? 1, posWeight], shape, reduction);
    if (weight !== null) return weightedLogits.apply([...pair, weight], shape, reduction);
    return logits.apply(pair, shape, reduction);
  },
);
