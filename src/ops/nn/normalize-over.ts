/** One node for batch, layer and group normalisation: mean and variance over some dims, then weight and bias. */
import { recording } from "../../autograd/node.ts";
import { check } from "../../core/errors.ts";
import type { Tensor } from "../../core/tensor.ts";
import { load } from "../../ir/expr.ts";
import { differentiable, unrecorded } from "../define.ts";
import { normalizedPlanes, planeGradients } from "./normalize-planes.ts";
import {
  constantStatsGradient,
  inputGradient,
  moments,
  normalized,
  normalizedRows,
  reduceOver,
  rstdOf,
  weightTerm,
} from "./normalize-raw.ts";
import { dense, reshaped, statDType } from "./raw.ts";

/** A normalisation: of `x` in a shape where the dims of the statistics stand apart. */
export interface Normalization {
  readonly node: string;
  readonly x: Tensor;
  readonly shape: readonly number[];
  /** The dims of that shape that statistics are taken over. */
  readonly dims: readonly number[];
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  /** The shape in which weight and bias broadcast to that of the input. */
  readonly paramShape: readonly number[];
  readonly eps: number;
  /** Given statistics, which then are constants. */
  readonly given?: { readonly mean: Tensor; readonly variance: Tensor };
  /** Sees the statistics of the input. */
  readonly observe?: (mean: Tensor, variance: Tensor) => void;
}

/** Throws for a parameter of another dtype than the input's, or than that of the statistics. */
export function checkParamDType(x: Tensor, t: Tensor | null): void {
  const fits = t === null || t.dtype === x.dtype || t.dtype === statDType(x.dtype);
  check(fits, () => `expected scalar type ${x.dtype.scalarName} but found ${t!.dtype.scalarName}`);
}

/** The normalised input, as one node. */
export function normalizeOver(n: Normalization): Tensor {
  const { x, weight, bias, dims, shape, paramShape } = n;
  const param = (t: Tensor | null): Tensor | null => (t === null ? null : reshaped(dense(t), paramShape));
  const { out, mean, rstd } = unrecorded(() => {
    const source = reshaped(dense(x), shape);
    const [w, b] = [param(weight), param(bias)];
    const fused = n.given === undefined ? fusedValue(n, source, w, b) : null;
    if (fused !== null) return { ...fused, out: reshaped(fused.out, x.shape) };
    const stats = n.given ?? moments(source, dims);
    if (n.given === undefined) n.observe?.(stats.mean, stats.variance);
    const rstd = rstdOf(stats.variance, n.eps);
    const value = normalized(source, stats.mean, rstd, w, b);
    return { out: reshaped(value, x.shape), mean: stats.mean, rstd };
  });
  return differentiable(n.node, out, [x, weight, bias], [x, weight, mean, rstd], ([g], [x, w, m, r], needs) => {
    if (recording([g!, x!, w])) return recordedGradients(n, g!, x!, w ?? null, m!, r!, needs);
    const [dg, dx] = [reshaped(dense(g!), shape), reshaped(dense(x!), shape)];
    const own = param(w ?? null);
    const fused = n.given === undefined ? planeGradients(dg, dx, m!, r!, own, dims) : null;
    if (fused !== null) {
      return [
        needs[0] ? reshaped(fused.input, x!.shape) : null,
        needs[1] ? reshaped(fused.weight, w!.shape) : null,
        needs[2] ? reshaped(fused.bias, bias!.shape) : null,
      ];
    }
    const spread = broadcastDims(n);
    const sum = (inputs: readonly Tensor[], pre: typeof weightTerm, like: Tensor): Tensor =>
      reshaped(reduceOver(inputs, spread, pre, false, statDType(dx.dtype)), like.shape).to(like.dtype);
    const input = (): Tensor =>
      n.given === undefined ? inputGradient(dg, dx, m!, r!, own, dims) : constantStatsGradient(dg, dx, r!, own);
    return [
      needs[0] ? reshaped(input(), x!.shape) : null,
      needs[1] ? sum([dg, dx, m!, r!], weightTerm, w!) : null,
      needs[2] ? sum([dg], load(0), bias!) : null,
    ];
  });
}

/** Value and own statistics by one kernel, or null where its operands do not fit. */
function fusedValue(
  n: Normalization,
  source: Tensor,
  w: Tensor | null,
  b: Tensor | null,
): { out: Tensor; mean: Tensor; rstd: Tensor } | null {
  const rows = n.observe === undefined ? normalizedRows(source, n.dims, n.eps, w, b) : null;
  if (rows !== null) return rows;
  const planes = normalizedPlanes(source, n.dims, n.eps, w, b);
  if (planes !== null) n.observe?.(planes.mean, planes.variance);
  return planes;
}

/** The dims that weight and bias are broadcast over. */
const broadcastDims = (n: Normalization): number[] => n.paramShape.flatMap((size, d) => (size === 1 ? [d] : []));

/** The same gradients by differentiable methods, the statistics as functions of the input. */
function recordedGradients(
  n: Normalization,
  grad: Tensor,
  input: Tensor,
  weight: Tensor | null,
  mean: Tensor,
  rstd: Tensor,
  needs: readonly boolean[],
): (Tensor | null)[] {
  const dims = [...n.dims];
  const [g, x] = [grad.reshape(n.shape), input.reshape(n.shape)];
  const given = n.given !== undefined;
  const centred = x.sub(given ? mean : x.mean(dims, true));
  const r = given ? rstd : centred.mul(centred).mean(dims, true).add(n.eps).pow(-0.5);
  const normal = centred.mul(r);
  const own = weight === null ? g : g.mul(weight.reshape(n.paramShape));
  const slope = (): Tensor => {
    if (given) return own.mul(r);
    return r.mul(own.sub(own.mean(dims, true)).sub(normal.mul(own.mul(normal).mean(dims, true))));
  };
  const spread = broadcastDims(n);
  return [
    needs[0] ? slope().reshape(input.shape) : null,
    needs[1] ? g.mul(normal).sum(spread, true).reshape(weight!.shape) : null,
    needs[2] ? g.sum(spread, true).reshape(n.bias!.shape) : null,
  ];
}
