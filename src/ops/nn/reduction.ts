/** How losses become numbers: the reductions, and losses that are one node of fused kernels. */

import type { DType, StoredName } from "../../core/dtype.ts";
import { check, RuntimeError, ValueError } from "../../core/errors.ts";
import { broadcastShapes, equalShapes, sizeOf } from "../../core/layout.ts";
import { resultType } from "../../core/scalar.ts";
import { isTensor, type Tensor } from "../../core/tensor.ts";
import { warn } from "../../core/warnings.ts";
import { div, type Expr, load } from "../../ir/expr.ts";
import type { ReduceKernel } from "../../ir/kernel.ts";
import { runnersOf } from "../../ir/runtime.ts";
import { fillRaw } from "../create.ts";
import { differentiable, pointwise, unrecorded, type Values } from "../define.ts";
import { commonDevice, emptyTensor, isMeta, operand, withOperands } from "../operands.ts";
import type { Pointwise } from "../pointwise.ts";
import { packed } from "../reduce.ts";

/** What becomes of the elements of a loss. */
export type Reduction = "none" | "mean" | "sum";

/** The tail of a loss's signature before PyTorch had `reduction`. */
export const legacy = "sizeAverage:bool?=null";

/** The reduction of a call; the deprecated `sizeAverage` and `reduce` win, with a warning. */
export function reductionOf(v: Values, refusal = "is not a valid value for reduction"): Reduction {
  const { sizeAverage = null, reduce = null } = v as { sizeAverage?: boolean | null; reduce?: boolean | null };
  if (sizeAverage !== null || reduce !== null) {
    const reduction = reduce === false ? "none" : sizeAverage === false ? "sum" : "mean";
    warn("reduction", `size_average and reduce args will be deprecated, please use reduction='${reduction}' instead.`);
    return reduction;
  }
  const reduction = v.reduction as string;
  check(
    reduction === "none" || reduction === "mean" || reduction === "sum",
    () => `${reduction} ${refusal}`,
    ValueError,
  );
  return reduction as Reduction;
}

/** The elements of a loss, their mean, or their sum. */
export function reduced(t: Tensor, reduction: Reduction): Tensor {
  if (reduction === "none") return t;
  return reduction === "mean" ? t.mean() : t.sum();
}

/** Warns where a loss broadcasts its input against its target. */
export function warnSizes(input: Tensor, target: Tensor): void {
  if (equalShapes(input.shape, target.shape)) return;
  warn(
    "loss-size",
    `Using a target size (${sizeOf(target.shape)}) that is different to the input size (${sizeOf(input.shape)}). This ` +
      "will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
  );
}

/** Both, broadcast against each other; recorded. */
export function broadcastPair(a: Tensor, b: Tensor): [Tensor, Tensor] {
  const shape = broadcastShapes(a.shape, b.shape);
  const stretch = (t: Tensor): Tensor => (equalShapes(t.shape, shape) ? t : t.expand(shape));
  return [stretch(a), stretch(b)];
}

const meanOf = div(load(0), load(1));

/** The sum or mean of an expression over tensors of one shape (or broadcast to it), as one kernel; no autograd. */
export function reduceFused(
  inputs: readonly Tensor[],
  shape: readonly number[],
  pre: Expr,
  mean: boolean,
  dtype: DType,
): Tensor {
  const out = emptyTensor([], dtype, commonDevice(inputs));
  if (isMeta(out)) return out;
  const run = runnersOf<ReduceKernel<StoredName>>(pre).get(packed(inputs, dtype.index * 2 + (mean ? 1 : 0)), () => ({
    skeleton: "reduce",
    combine: "sum",
    pre,
    post: mean ? meanOf : null,
    lane: dtype.lane,
    inputs: inputs.map((t) => t.impl.dtype.stored),
    output: dtype.stored,
  }));
  withOperands(() =>
    run(
      [],
      shape,
      operand(out, true),
      inputs.map((t) => operand(t, false, t.impl.layout.expand(shape))),
    ),
  );
  return out;
}

/** A number as a tensor that kernels broadcast. */
export function constantOf(value: number, dtype: DType): Tensor {
  return fillRaw(emptyTensor([], dtype), value);
}

/** An elementwise loss with one node: its value and derivatives by its inputs, which may be numbers that come last. */
export interface LossDeclaration {
  readonly node: string;
  /** How many inputs there are, numbers among them. */
  readonly arity: number;
  readonly value: (...inputs: Expr[]) => Expr;
  /** The derivatives by the first inputs; `null` where PyTorch has none. */
  readonly grads: readonly (((...inputs: Expr[]) => Expr) | null)[];
}

/** An elementwise loss. */
export class ElementwiseLoss {
  readonly #node: string;
  readonly #pre: Expr;
  readonly #value: Pointwise;
  /** Each takes the gradient, the inputs, and the factor of the reduction. */
  readonly #grads: readonly (Pointwise | null)[];

  constructor(d: LossDeclaration) {
    const name = d.node.replace(/Backward0$/, "");
    this.#node = d.node;
    this.#pre = d.value(...Array.from({ length: d.arity }, (_, i) => load(i)));
    this.#value = pointwise(name, d.arity, d.value);
    this.#grads = d.grads.map((rule) => {
      if (rule === null) return null;
      const node = `${name}Backward`;
      return pointwise(name, d.arity + 2, (g, ...rest) => scaled(g!, rule(...rest.slice(0, -1)), rest.at(-1)!), {
        node,
      });
    });
  }

  /** The loss of tensors that broadcast to `shape`, reduced. */
  apply(inputs: readonly (Tensor | number)[], shape: readonly number[], reduction: Reduction): Tensor {
    const tensors = inputs.filter(isTensor);
    const dtype = resultType(tensors);
    const out = reduction === "none" ? this.#each(inputs) : this.#total(inputs, shape, reduction, dtype);
    const differentiated = inputs.slice(0, this.#grads.length) as Tensor[];
    const count = shape.reduce((n, size) => n * size, 1);
    const factor = reduction === "mean" ? 1 / count : 1;
    differentiated.forEach((t, i) => {
      if (this.#grads[i] === null) refuseGrad(t, i === 1 ? "target" : "weight");
    });
    const saved = inputs.map((t) => (isTensor(t) ? t : null));
    return differentiable(this.#node, out, differentiated, saved, ([g], kept, needs) =>
      this.#grads.map((kernel, i) => {
        if (!needs[i] || kernel === null) return null;
        return kernel.apply([g!, ...inputs.map((x, j) => (isTensor(x) ? kept[j]! : x)), factor]);
      }),
    );
  }

  #each(inputs: readonly (Tensor | number)[]): Tensor {
    return unrecorded(() => this.#value.apply(inputs));
  }

  #total(inputs: readonly (Tensor | number)[], shape: readonly number[], reduction: Reduction, dtype: DType): Tensor {
    const all = inputs.map((x) => (isTensor(x) ? x : constantOf(x, dtype)));
    return reduceFused(all, shape, this.#pre, reduction === "mean", dtype);
  }
}

const scaled = (g: Expr, slope: Expr, factor: Expr): Expr => ({
  op: "binary",
  code: "mul",
  a: { op: "binary", code: "mul", a: g, b: factor },
  b: slope,
});

function refuseGrad(t: Tensor, name: string): void {
  if (t.requiresGrad) throw new RuntimeError(`the derivative for '${name}' is not implemented`);
}
