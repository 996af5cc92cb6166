/** Attention. */
import { bool } from "../../core/dtype.ts";
import { check } from "../../core/errors.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Op } from "../call.ts";
import { fn, unrecorded } from "../define.ts";
import { softmax } from "../softmax.ts";
import { dropout } from "./dropout.ts";

/** `scaledDotProductAttention(query, key, value, attnMask, dropoutP, isCausal, { scale, enableGqa })`. */
export type ScaledDotProductAttention = Op<
  [key: Tensor, value: Tensor, attnMask?: Tensor | null, dropoutP?: number, isCausal?: boolean],
  "key value attnMask dropoutP isCausal",
  { scale?: number | null; enableGqa?: boolean }
>;

/** True up to the diagonal: what each query may see of the past. */
function causal(like: Tensor, rows: number, columns: number): Tensor {
  return unrecorded(() => {
    const row = like.newTensor(Array.from({ length: rows }, (_, i) => i)).unsqueeze(1);
    const column = like.newTensor(Array.from({ length: columns }, (_, i) => i)).unsqueeze(0);
    return row.ge(column);
  });
}

function checkTensors(q: Tensor, k: Tensor, v: Tensor): void {
  check(
    q.dim() >= 2 && k.dim() >= 2 && v.dim() >= 2,
    () =>
      "scaled_dot_product_attention: Expected query, key, and value to all be at least 2 dimensional, but got query.dim: " +
      `${q.dim()}, key.dim: ${k.dim()} and value.dim: ${v.dim()} instead.`,
  );
  check(
    q.dtype === k.dtype && q.dtype === v.dtype,
    () =>
      "Expected query, key, and value to have the same dtype, but got query.dtype: " +
      `${q.dtype.scalarName}, key.dtype: ${k.dtype.scalarName}, and value.dtype: ${v.dtype.scalarName} instead.`,
  );
}

/** Repeats the heads of keys and values until there are as many as queries have. */
function repeated(t: Tensor, heads: number): Tensor {
  const own = t.shape.at(-3)!;
  check(
    own > 0 && heads % own === 0,
    () => "Number of heads in key and value must divide the number of heads in query",
  );
  const [lead, [rows, width]] = [t.shape.slice(0, -3), t.shape.slice(-2) as [number, number]];
  return t
    .unsqueeze(-3)
    .expand([...lead, own, heads / own, rows, width])
    .reshape([...lead, heads, rows, width]);
}

/**
 * `softmax(query · keyᵀ · scale + mask) · value`.
 * @example
 * F.scaledDotProductAttention(torch.ones(2, 4, 8), torch.ones(2, 6, 8), torch.ones(2, 6, 3)).shape
 * // torch.Size([2, 4, 3])
 */
export const scaledDotProductAttention: ScaledDotProductAttention = fn<ScaledDotProductAttention>(
  {
    name: "scaledDotProductAttention",
    params:
      "query:tensor key:tensor value:tensor attnMask:tensor?=null dropoutP:float=0 isCausal:bool=false * " +
      "scale:float?=null enableGqa:bool=false",
  },
  (p) => {
    const q = p.query as Tensor;
    const mask = p.attnMask as Tensor | null;
    checkTensors(q, p.key as Tensor, p.value as Tensor);
    const gqa = p.enableGqa as boolean;
    const key = gqa ? repeated(p.key as Tensor, q.shape.at(-3)!) : (p.key as Tensor);
    const value = gqa ? repeated(p.value as Tensor, q.shape.at(-3)!) : (p.value as Tensor);
    check(
      mask === null || !p.isCausal,
      () => "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True",
    );
    const scale = (p.scale as number | null) ?? 1 / Math.sqrt(q.shape.at(-1)!);
    let scores = q.matmul(key.transpose(-2, -1)).mul(scale);
    const allowed = p.isCausal ? causal(q.detach(), q.shape.at(-2)!, key.shape.at(-2)!) : mask;
    if (allowed !== null) {
      scores =
        allowed.dtype === bool
          ? scores.maskedFill(allowed.logicalNot(), Number.NEGATIVE_INFINITY)
          : scores.add(allowed);
    }
    const weights = emptyRows(softmax(scores, -1), allowed, scores);
    const kept = (p.dropoutP as number) > 0 ? dropout(weights, p.dropoutP as number) : weights;
    return kept.matmul(value);
  },
);

/** A query that may see nothing gets zeros instead of NaN, as PyTorch's safe softmax has it. */
function emptyRows(weights: Tensor, mask: Tensor | null, scores: Tensor): Tensor {
  if (mask === null) return weights;
  const blind = unrecorded(() => scores.detach().eq(Number.NEGATIVE_INFINITY).all(-1, true));
  return weights.maskedFill(blind, 0);
}
