/** Normalisation of channels as row kernels: a channel is a row that lies in one piece per image. */
import { product } from "../../core/layout.ts";
import type { Tensor } from "../../core/tensor.ts";
import { add, div, type Expr, load, mul, sqrt, sub } from "../../ir/expr.ts";
import { reducedShape } from "../reduce.ts";
import { RowOp } from "../rows.ts";
import { reshaped } from "./raw.ts";

/** Loads of the forward kernels: x, n, eps, weight and bias; then result, mean, variance and rstd. */
function forwardPlanes(affine: boolean): RowOp {
  const inputs = affine ? 5 : 3;
  const [x, n, eps, weight, bias] = [load(0), load(1), load(2), load(3), load(4)];
  const [mean, variance, rstd] = [load(inputs + 1), load(inputs + 2), load(inputs + 3)];
  const deviation = sub(x, mean);
  const normal = mul(deviation, rstd);
  return new RowOp(
    affine ? ["elements", "number", "number", "perRow", "perRow"] : ["elements", "number", "number"],
    [
      { store: null, reduce: [{ combine: "sum", of: x, post: div(mean, n) }] },
      {
        store: null,
        reduce: [
          { combine: "sum", of: mul(deviation, deviation), post: div(variance, n) },
          { combine: "none", of: null, post: div(1, sqrt(add(variance, eps))) },
        ],
      },
      { store: affine ? add(mul(normal, weight), bias) : normal, reduce: [] },
    ],
    3,
  );
}

/** Loads of the backward kernels: g, x, mean, rstd, n, weight; then result, the two sums, their means, and the scale. */
function backwardPlanes(affine: boolean): RowOp {
  const inputs = affine ? 6 : 5;
  const [g, x, mean, rstd, n] = [load(0), load(1), load(2), load(3), load(4)];
  const [sum, product, a, b, scale] = [1, 2, 3, 4, 5].map((k) => load(inputs + k)) as [Expr, Expr, Expr, Expr, Expr];
  const normal = mul(sub(x, mean), rstd);
  const kinds = ["elements", "elements", "perRow", "perRow", "number"] as const;
  return new RowOp(
    affine ? [...kinds, "perRow"] : kinds,
    [
      {
        store: null,
        reduce: [
          { combine: "sum", of: g, post: null },
          { combine: "sum", of: mul(g, normal), post: null },
          { combine: "none", of: null, post: div(sum, n) },
          { combine: "none", of: null, post: div(product, n) },
          { combine: "none", of: null, post: affine ? mul(rstd, load(5)) : rstd },
        ],
      },
      { store: mul(scale, sub(sub(g, a), mul(normal, b))), reduce: [] },
    ],
    2,
  );
}

const kernels = {
  forward: { plain: forwardPlanes(false), affine: forwardPlanes(true) },
  backward: { plain: backwardPlanes(false), affine: backwardPlanes(true) },
};

/** Shorter pieces than this cost more than reductions that go across channels. */
const WORTH_LENGTH = 16;

/** The pieces of every channel (dim 1), where the statistics are over all other dims; null where they are not. */
function pieces(x: Tensor, dims: readonly number[]): { readonly count: number; readonly length: number } | null {
  const { rank, shape } = x.impl.layout;
  const length = product(shape.slice(2));
  if (dims.length !== rank - 1 || dims.includes(1) || length < WORTH_LENGTH) return null;
  return { count: shape[0]!, length };
}

/** Statistics and value of every channel by one kernel, or null where its operands do not fit. */
export function normalizedPlanes(
  x: Tensor,
  dims: readonly number[],
  eps: number,
  w: Tensor | null,
  b: Tensor | null,
): { out: Tensor; mean: Tensor; variance: Tensor; rstd: Tensor } | null {
  const piece = pieces(x, dims);
  if (piece === null || (w === null) !== (b === null)) return null;
  const { count, length } = piece;
  const all = [x, count * length, eps];
  const { plain, affine } = kernels.forward;
  const found = w === null || b === null ? plain.run(length, all, count) : affine.run(length, [...all, w, b], count);
  if (found === null) return null;
  const [mean, variance, rstd] = found.kept.map((t) => reshaped(t, reducedShape(x.impl.layout.shape, dims, true)));
  return { out: found.out, mean: mean!, variance: variance!, rstd: rstd! };
}

/** The gradients of input, weight and bias by one kernel, or null where its operands do not fit. */
export function planeGradients(
  grad: Tensor,
  input: Tensor,
  mean: Tensor,
  rstd: Tensor,
  weight: Tensor | null,
  dims: readonly number[],
): { input: Tensor; weight: Tensor; bias: Tensor } | null {
  const piece = pieces(input, dims);
  if (piece === null) return null;
  const { count, length } = piece;
  const all = [grad, input, mean, rstd, count * length];
  const { plain, affine } = kernels.backward;
  const found = weight === null ? plain.run(length, all, count) : affine.run(length, [...all, weight], count);
  return found === null ? null : { input: found.out, weight: found.kept[1]!, bias: found.kept[0]! };
}
