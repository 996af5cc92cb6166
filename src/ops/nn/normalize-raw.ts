/** Normalisation on raw memory: statistics, values and gradients as fused kernels. */
import type { DType, StoredName } from "../../core/dtype.ts";
import { Layout } from "../../core/layout.ts";
import type { Tensor } from "../../core/tensor.ts";
import { add, div, type Expr, load, mul, sqrt, sub } from "../../ir/expr.ts";
import type { ReduceKernel } from "../../ir/kernel.ts";
import { runnersOf } from "../../ir/runtime.ts";
import { pointwise } from "../define.ts";
import { emptyTensor, isMeta, operand, withOperands } from "../operands.ts";
import { packed, reducedShape } from "../reduce.ts";
import { RowOp } from "../rows.ts";
import { reshaped, statDType } from "./raw.ts";

const meanOf = div(load(0), load(1));

/** Sums (or means) of an expression over some dims, which stay with size 1; other inputs are broadcast to the first. */
export function reduceOver(
  inputs: readonly Tensor[],
  dims: readonly number[],
  pre: Expr,
  mean: boolean,
  dtype: DType,
): Tensor {
  const shape = inputs[0]!.shape;
  const out = emptyTensor(reducedShape(shape, dims, true), dtype, inputs[0]!.device);
  if (isMeta(out) || out.numel() === 0) return out;
  const run = runnersOf<ReduceKernel<StoredName>>(pre).get(packed(inputs, dtype.index * 2 + (mean ? 1 : 0)), () => ({
    skeleton: "reduce",
    combine: "sum",
    pre,
    post: mean ? meanOf : null,
    lane: dtype.lane,
    inputs: inputs.map((t) => t.impl.dtype.stored),
    output: dtype.stored,
  }));
  const outer = shape.map((_, d) => d).filter((d) => !dims.includes(d));
  const inner = [...dims].sort((a, b) => a - b);
  const sizes = (ds: readonly number[]): number[] => ds.map((d) => shape[d]!);
  withOperands(() =>
    run(
      sizes(outer),
      sizes(inner),
      operand(out, true, Layout.contiguous(sizes(outer))),
      inputs.map((t) => operand(t, false, t.impl.layout.expand(shape).permute([...outer, ...inner]))),
    ),
  );
  return out;
}

const element = load(0);
const deviation = sub(load(0), load(1));
const squaredDeviation = mul(deviation, deviation);

/** Mean and biased variance over dims, in two passes, so that a large mean costs no precision. */
export function moments(x: Tensor, dims: readonly number[]): { mean: Tensor; variance: Tensor } {
  const dtype = statDType(x.dtype);
  const mean = reduceOver([x], dims, element, true, dtype);
  return { mean, variance: reduceOver([x, mean], dims, squaredDeviation, true, dtype) };
}

const inverseRoot = pointwise("rstd", 2, (v, eps) => div(1, sqrt(add(v!, eps!))));

/** `1 / sqrt(variance + eps)`. */
export const rstdOf = (variance: Tensor, eps: number): Tensor => inverseRoot.apply([variance.detach(), eps]);

const standard = pointwise("normalize", 3, (x, m, r) => mul(sub(x!, m!), r!));
const affine = pointwise("normalize", 5, (x, m, r, w, b) => add(mul(mul(sub(x!, m!), r!), w!), b!));

/** `(x - mean) · rstd · weight + bias`, of x's dtype. */
export function normalized(x: Tensor, mean: Tensor, rstd: Tensor, w: Tensor | null, b: Tensor | null): Tensor {
  const out = emptyTensor(x.shape, x.dtype, x.device);
  if (w === null && b === null) return standard.into([x, mean, rstd], out, statDType(x.dtype));
  return affine.into([x, mean, rstd, w ?? 1, b ?? 0], out, statDType(x.dtype));
}

const [g, x, m, r, w] = [load(0), load(1), load(2), load(3), load(4)];

/** The weight's gradient before it is summed over images and pixels: `Σ g · (x - mean) · rstd`. */
export const weightTerm: Expr = mul(g, mul(sub(x, m), r));

const inputGrad = pointwise("normalizeBackward", 7, (g, x, m, r, w, a, b) => {
  const own = mul(g!, w!);
  return mul(r!, sub(sub(own, a!), mul(mul(sub(x!, m!), r!), b!)));
});

const ownTerm = mul(g, w);
/** What is averaged for the input's gradient: the scaled gradient, and its part along the normalised input. */
const terms: readonly [Expr, Expr] = [g, weightTerm];
const weightedTerms: readonly [Expr, Expr] = [ownTerm, mul(ownTerm, mul(sub(x, m), r))];

/** The input's gradient where mean and variance were taken over `dims`. */
export function inputGradient(
  grad: Tensor,
  input: Tensor,
  mean: Tensor,
  rstd: Tensor,
  weight: Tensor | null,
  dims: readonly number[],
): Tensor {
  const fused = inputGradientRows(grad, input, mean, rstd, weight, dims);
  if (fused !== null) return fused;
  const dtype = statDType(input.dtype);
  const all = weight === null ? [grad, input, mean, rstd] : [grad, input, mean, rstd, weight];
  const [own, along] = weight === null ? terms : weightedTerms;
  const a = reduceOver(all, dims, own, true, dtype);
  const b = reduceOver(all, dims, along, true, dtype);
  const out = emptyTensor(input.shape, input.dtype, input.device);
  return inputGrad.into([grad, input, mean, rstd, weight ?? 1, a, b], out, dtype);
}

const scale = pointwise("normalizeBackward", 3, (g, r, w) => mul(mul(g!, r!), w!));

/** The input's gradient where mean and variance are constants. */
export function constantStatsGradient(grad: Tensor, input: Tensor, rstd: Tensor, weight: Tensor | null): Tensor {
  const out = emptyTensor(input.shape, input.dtype, input.device);
  return scale.into([grad, rstd, weight ?? 1], out, statDType(input.dtype));
}

/** Loads of the forward kernels: x, n, eps, then weight and bias where there are any; then result, mean and rstd. */
function forwardRows(affine: boolean): RowOp {
  const inputs = affine ? 5 : 3;
  const [x, n, eps, weight, bias] = [load(0), load(1), load(2), load(3), load(4)];
  const [mean, rstd] = [load(inputs + 1), load(inputs + 2)];
  const deviation = sub(x, mean);
  const normal = mul(deviation, rstd);
  return new RowOp(
    affine ? ["elements", "number", "number", "shared", "shared"] : ["elements", "number", "number"],
    [
      { store: null, reduce: [{ combine: "sum", of: x, post: div(mean, n) }] },
      {
        store: null,
        reduce: [{ combine: "sum", of: mul(deviation, deviation), post: div(1, sqrt(add(div(rstd, n), eps))) }],
      },
      { store: affine ? add(mul(normal, weight), bias) : normal, reduce: [] },
    ],
    2,
  );
}

/** The same for the input's gradient: g, x, mean, rstd, n, then the weight; then result and the two means. */
function backwardRows(affine: boolean): RowOp {
  const inputs = affine ? 6 : 5;
  const [g, x, mean, rstd, n] = [load(0), load(1), load(2), load(3), load(4)];
  const [a, b] = [load(inputs + 1), load(inputs + 2)];
  const own = affine ? mul(g, load(5)) : g;
  const normal = mul(sub(x, mean), rstd);
  const kinds = ["elements", "elements", "perRow", "perRow", "number"] as const;
  return new RowOp(affine ? [...kinds, "shared"] : kinds, [
    {
      store: null,
      reduce: [
        { combine: "sum", of: own, post: div(a, n) },
        { combine: "sum", of: mul(own, normal), post: div(b, n) },
      ],
    },
    { store: mul(rstd, sub(sub(own, a), mul(normal, b))), reduce: [] },
  ]);
}

const forwards = { plain: forwardRows(false), affine: forwardRows(true) };
const backwards = { plain: backwardRows(false), affine: backwardRows(true) };

/** How many elements the dims have, where they are the last ones and parameters have exactly these dims. */
function rowLength(x: Tensor, dims: readonly number[], ...params: readonly (Tensor | null)[]): number | null {
  const { rank, shape } = x.impl.layout;
  const lead = rank - dims.length;
  if (!dims.every((d, i) => d === lead + i)) return null;
  const own = (t: Tensor | null): boolean => t === null || shape.every((n, d) => t.shape[d] === (d < lead ? 1 : n));
  if (!params.every(own)) return null;
  return dims.reduce((n, d) => n * shape[d]!, 1);
}

/** Statistics and value by one kernel, or null where its operands do not fit. */
export function normalizedRows(
  x: Tensor,
  dims: readonly number[],
  eps: number,
  w: Tensor | null,
  b: Tensor | null,
): { out: Tensor; mean: Tensor; rstd: Tensor } | null {
  const length = rowLength(x, dims, w, b);
  if (length === null || (w === null) !== (b === null)) return null;
  const found =
    w === null || b === null
      ? forwards.plain.run(length, [x, length, eps])
      : forwards.affine.run(length, [x, length, eps, w, b]);
  if (found === null) return null;
  const [mean, rstd] = found.kept.map((t) => reshaped(t, reducedShape(x.impl.layout.shape, dims, true)));
  return { out: found.out, mean: mean!, rstd: rstd! };
}

/** `inputGradient` by one kernel, or null where its operands do not fit. */
function inputGradientRows(
  grad: Tensor,
  input: Tensor,
  mean: Tensor,
  rstd: Tensor,
  weight: Tensor | null,
  dims: readonly number[],
): Tensor | null {
  const length = rowLength(input, dims, weight);
  if (length === null) return null;
  const all = [grad, input, mean, rstd, length];
  const found = weight === null ? backwards.plain.run(length, all) : backwards.affine.run(length, [...all, weight]);
  return found?.out ?? null;
}
