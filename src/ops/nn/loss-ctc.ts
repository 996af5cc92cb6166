/** Connectionist temporal classification. */

import { mode } from "../../autograd/mode.ts";
import { dtypes, int64 } from "../../core/dtype.ts";
import { check, NotImplementedError } from "../../core/errors.ts";
import { list } from "../../core/layout.ts";
import { isTensor, type Tensor } from "../../core/tensor.ts";
import type { Op } from "../call.ts";
import { differentiable, fn, unrecorded } from "../define.ts";
import { emptyTensor } from "../operands.ts";
import { dense } from "./raw.ts";
import { type Reduction, reduced, reductionOf } from "./reduction.ts";

/** Lengths as a tensor or as numbers. */
export type Lengths = Tensor | readonly number[];

/** `ctcLoss(logProbs, targets, inputLengths, targetLengths, blank, reduction, zeroInfinity)`. */
export type CtcLoss = Op<
  [
    targets: Tensor,
    inputLengths: Lengths,
    targetLengths: Lengths,
    blank?: number,
    reduction?: Reduction,
    zeroInfinity?: boolean,
  ],
  "targets inputLengths targetLengths blank reduction zeroInfinity"
>;

/** One batch: probabilities [T, N, C] in float64, and every item's labels with blanks between. */
interface Batch {
  readonly logs: Float64Array;
  readonly steps: number;
  readonly items: number;
  readonly classes: number;
  readonly lengths: readonly number[];
  /** Blank, label, blank, label, …, blank. */
  readonly labels: readonly (readonly number[])[];
}

function logAdd(a: number, b: number): number {
  const high = Math.max(a, b);
  return high === Number.NEGATIVE_INFINITY ? high : high + Math.log1p(Math.exp(Math.min(a, b) - high));
}

const never = Number.NEGATIVE_INFINITY;

/** Whether a path may skip the blank between two labels. */
const skips = (labels: readonly number[], s: number): boolean => s % 2 === 1 && s >= 2 && labels[s] !== labels[s - 2];

/** Forward variables: the log-probability of all paths that are at state `s` after step `t`. */
function forward(b: Batch, n: number): Float64Array {
  const labels = b.labels[n]!;
  const states = labels.length;
  const length = b.lengths[n]!;
  const alpha = new Float64Array(Math.max(length, 1) * states).fill(never);
  const at = (t: number, s: number): number => b.logs[(t * b.items + n) * b.classes + labels[s]!]!;
  if (length === 0) return alpha;
  alpha[0] = at(0, 0);
  if (states > 1) alpha[1] = at(0, 1);
  for (let t = 1; t < length; t++) {
    const [now, before] = [t * states, (t - 1) * states];
    for (let s = 0; s < states; s++) {
      let sum = alpha[before + s]!;
      if (s > 0) sum = logAdd(sum, alpha[before + s - 1]!);
      if (skips(labels, s)) sum = logAdd(sum, alpha[before + s - 2]!);
      alpha[now + s] = sum + at(t, s);
    }
  }
  return alpha;
}

/** Backward variables: the same from the end. */
function backward(b: Batch, n: number): Float64Array {
  const labels = b.labels[n]!;
  const states = labels.length;
  const length = b.lengths[n]!;
  const beta = new Float64Array(Math.max(length, 1) * states).fill(never);
  const at = (t: number, s: number): number => b.logs[(t * b.items + n) * b.classes + labels[s]!]!;
  if (length === 0) return beta;
  const last = (length - 1) * states;
  beta[last + states - 1] = at(length - 1, states - 1);
  if (states > 1) beta[last + states - 2] = at(length - 1, states - 2);
  for (let t = length - 2; t >= 0; t--) {
    const [now, after] = [t * states, (t + 1) * states];
    for (let s = 0; s < states; s++) {
      let sum = beta[after + s]!;
      if (s + 1 < states) sum = logAdd(sum, beta[after + s + 1]!);
      if (s + 2 < states && skips(labels, s + 2)) sum = logAdd(sum, beta[after + s + 2]!);
      beta[now + s] = sum + at(t, s);
    }
  }
  return beta;
}

/** The negative log-likelihood of one item, from its forward variables. */
function likelihood(b: Batch, n: number, alpha: Float64Array): number {
  const states = b.labels[n]!.length;
  if (b.lengths[n] === 0) return states === 1 ? 0 : Number.POSITIVE_INFINITY;
  const last = (b.lengths[n]! - 1) * states;
  const end = alpha[last + states - 1]!;
  return -(states > 1 ? logAdd(end, alpha[last + states - 2]!) : end);
}

/** The gradient of one item's loss by all of its log-probabilities, times `g`. */
function gradientOf(b: Batch, n: number, loss: number, g: number, out: Float64Array): void {
  const labels = b.labels[n]!;
  const states = labels.length;
  const [alpha, beta] = [forward(b, n), backward(b, n)];
  for (let t = 0; t < b.lengths[n]!; t++) {
    const base = (t * b.items + n) * b.classes;
    const sums = new Float64Array(b.classes).fill(never);
    for (let s = 0; s < states; s++) {
      const c = labels[s]!;
      sums[c] = logAdd(sums[c]!, alpha[t * states + s]! + beta[t * states + s]!);
    }
    for (let c = 0; c < b.classes; c++) {
      const log = b.logs[base + c]!;
      out[base + c] = (Math.exp(log) - Math.exp(sums[c]! + loss - log)) * g;
    }
  }
}

const asNumbers = (t: Tensor): number[] => {
  const wide = unrecorded(() => dense(t.detach().to(int64)));
  return Array.from(wide.impl.storage.window(int64) as BigInt64Array, Number).slice(
    wide.impl.layout.offset,
    wide.impl.layout.offset + wide.numel(),
  );
};

function lengthsOf(name: string, given: unknown): number[] {
  if (isTensor(given)) {
    check(!given.dtype.isFloatingPoint, () => `${name} must be integral`);
    return asNumbers(given);
  }
  const numbers = Array.isArray(given) ? given.map(Number) : [Number(given)];
  check(numbers.every(Number.isInteger), () => `${name} must be integral`, TypeError);
  return numbers;
}

function checkLengths(steps: number, items: number, inputs: readonly number[], targets: readonly number[]): void {
  check(inputs.length === items, () => "input_lengths must be of size batch_size");
  check(targets.length === items, () => "target_lengths must be of size batch_size");
  const long = inputs.find((n) => n > steps);
  check(
    long === undefined,
    () =>
      `Expected input_lengths to have value at most ${steps}, but got value ${long} (while checking arguments for ctc_loss_cpu)`,
  );
}

/** Every item's labels, from targets one after another or in rows. */
function labelsOf(targets: Tensor, lengths: readonly number[], blank: number): number[][] {
  const values = asNumbers(targets);
  const longest = Math.max(...lengths, 0);
  const total = lengths.reduce((a, b) => a + b, 0);
  const rows = targets.dim() !== 1;
  const [dim, wanted] = rows ? [1, longest] : [0, total];
  check(
    rows ? targets.shape[1]! >= longest : targets.shape[0] === total,
    () =>
      `Expected tensor to have size ${rows ? "at least " : ""}${wanted} at dimension ${dim}, but got size ` +
      `${targets.shape[dim]} for argument #2 'targets' (while checking arguments for ctc_loss_cpu)`,
  );
  let start = 0;
  return lengths.map((n, i) => {
    const from = rows ? i * targets.shape[1]! : start;
    start += n;
    return [blank, ...values.slice(from, from + n).flatMap((label) => [label, blank])];
  });
}

/** The losses of a batch as one node. */
function losses(logProbs: Tensor, b: Batch, zeroInfinity: boolean): Tensor {
  const out = emptyTensor([b.items], logProbs.dtype);
  const each = Array.from({ length: b.items }, (_, n) => likelihood(b, n, forward(b, n)));
  const value = unrecorded(() => {
    const wide = emptyTensor([b.items], dtypes.float64);
    (wide.impl.storage.window(dtypes.float64) as Float64Array).set(
      each.map((x) => (zeroInfinity && x === Infinity ? 0 : x)),
    );
    return out.copy_(wide);
  });
  const result = value.detach();
  return differentiable("CtcLossBackward0", result, [logProbs], [logProbs], ([g]) => {
    check(
      !mode.grad || !g!.requiresGrad,
      () => "the derivative for '_ctc_loss_backward' is not implemented",
      NotImplementedError,
    );
    return [unrecorded(() => gradient(g!, logProbs, b, each, zeroInfinity))];
  });
}

function gradient(g: Tensor, logProbs: Tensor, b: Batch, each: readonly number[], zeroInfinity: boolean): Tensor {
  const wide = emptyTensor(logProbs.shape, dtypes.float64);
  const factors = g.to(dtypes.float64).tolist() as number[];
  const grads = new Float64Array(b.steps * b.items * b.classes);
  for (let n = 0; n < b.items; n++) {
    if (zeroInfinity && each[n] === Infinity) continue;
    gradientOf(b, n, each[n]!, factors[n]!, grads);
  }
  (wide.impl.storage.window(dtypes.float64) as Float64Array).set(grads);
  return wide.to(logProbs.dtype);
}

/**
 * The negative log-likelihood of label sequences under [T, N, C] log-probabilities per step, over all alignments.
 * Shapes and errors: those of `nn.CTCLoss`.
 * @example
 * F.ctcLoss(F.logSoftmax(torch.zeros(4, 1, 3), 2), torch.tensor([[1n, 2n]]), torch.tensor([4n]), torch.tensor([2n]))
 * // tensor(0.8432)
 */
export const ctcLoss: CtcLoss = fn<CtcLoss>(
  {
    name: "ctcLoss",
    params:
      "logProbs:tensor targets:tensor inputLengths:any targetLengths:any blank:int=0 reduction:str='mean' " +
      "zeroInfinity:bool=false",
    kind: "custom",
  },
  (v) => {
    const [given, targets, blank] = [v.logProbs as Tensor, v.targets as Tensor, v.blank as number];
    const reduction = reductionOf(v);
    const single = given.dim() === 2;
    const logProbs = single ? given.unsqueeze(1) : given;
    check(logProbs.dim() === 3, () => `log_probs must be [T, N, C] or [T, C], but has size ${list(given.shape)}`);
    check(given.dtype.isFloatingPoint, () => `"ctc_loss_cpu" not implemented for '${given.dtype.scalarName}'`);
    const [inputs, lengths] = [
      lengthsOf("input_lengths", v.inputLengths),
      lengthsOf("target_lengths", v.targetLengths),
    ];
    const [steps = 0, items = 0, classes = 0] = logProbs.shape;
    check(blank >= 0 && blank < classes, () => "blank must be in label range");
    checkLengths(steps, items, inputs, lengths);
    const rows = single && targets.dim() === 1 ? targets.unsqueeze(0) : targets;
    const labels = labelsOf(rows, lengths, blank);
    const wide = unrecorded(() => dense(logProbs.detach().to(dtypes.float64)));
    const logs = (wide.impl.storage.window(dtypes.float64) as Float64Array).slice(
      wide.impl.layout.offset,
      wide.impl.layout.offset + wide.numel(),
    );
    const each = losses(logProbs, { logs, steps, items, classes, lengths: inputs, labels }, v.zeroInfinity as boolean);
    if (reduction !== "mean") return reduced(single && reduction === "none" ? each.squeeze(0) : each, reduction);
    const divisor = unrecorded(() => each.detach().newTensor(lengths.map((n) => Math.max(n, 1))));
    return each.div(divisor).mean();
  },
);
