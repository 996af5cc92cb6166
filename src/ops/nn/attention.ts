/** Attention. */
import { recording } from "../../autograd/node.ts";
import { bool } from "../../core/dtype.ts";
import { check } from "../../core/errors.ts";
import type { Tensor } from "../../core/tensor.ts";
import { add, div, eq, exp, load, mul, select, sub } from "../../ir/expr.ts";
import type { Op } from "../call.ts";
import { differentiable, fn, unrecorded } from "../define.ts";
import { RowOp } from "../rows.ts";
import { softmax, softmaxGrad } from "../softmax.ts";
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
    const scores = q.mul(scale).matmul(key.transpose(-2, -1));
    const allowed = p.isCausal ? causal(q.detach(), q.shape.at(-2)!, key.shape.at(-2)!) : mask;
    const weights = allowed === null ? softmax(scores, -1) : (maskedRows(scores, allowed) ?? masked(scores, allowed));
    const kept = (p.dropoutP as number) > 0 ? dropout(weights, p.dropoutP as number) : weights;
    return kept.matmul(value);
  },
);

/**
 * The softmax of what a mask leaves. A query that may see nothing gets zeros, as PyTorch's safe softmax has it, and
 * neither NaN nor a gradient.
 */
function masked(all: Tensor, mask: Tensor): Tensor {
  const scores = all.add(biasOf(all, mask));
  const blind = unrecorded(() => scores.detach().eq(Number.NEGATIVE_INFINITY).all(-1, true));
  return softmax(scores.maskedFill(blind, 0), -1).maskedFill(blind, 0);
}

/** A mask as what is added to scores. */
function biasOf(scores: Tensor, mask: Tensor): Tensor {
  if (mask.dtype !== bool) return mask;
  const zeros = scores.detach().newZeros(mask.shape);
  return zeros.maskedFill(mask.logicalNot(), Number.NEGATIVE_INFINITY);
}

const [score, added, greatest, total] = [load(0), load(1), load(3), load(4)];
const shifted = add(score, added);
const hidden = eq(shifted, Number.NEGATIVE_INFINITY);
const share = select(hidden, 0, exp(sub(shifted, greatest)));
const maskedSoftmax = new RowOp(
  ["elements", "cycled"],
  [
    { store: null, reduce: [{ combine: "fmax", of: shifted, post: null }] },
    { store: share, reduce: [{ combine: "sum", of: share, post: select(eq(total, 0), 0, div(1, total)) }] },
    { store: mul(load(2), total), reduce: [] },
  ],
);

/** `masked` by one kernel, or null where operands do not fit: for a mask of one matrix that needs no gradient. */
function maskedRows(scores: Tensor, mask: Tensor): Tensor | null {
  const [rows, columns] = scores.impl.layout.shape.slice(-2) as [number, number];
  if (recording([mask])) return null;
  const one = mask.numel() === rows * columns && mask.shape.at(-2) === rows && mask.dim() <= scores.dim();
  if (!one || mask.shape.at(-1) !== columns) return null;
  const fused = unrecorded(() =>
    maskedSoftmax.run(columns, [scores.detach().contiguous(), biasOf(scores, mask.detach()).contiguous()]),
  );
  if (fused === null) return null;
  const dim = scores.dim() - 1;
  return differentiable("SafeSoftmaxBackward0", fused.out, [scores], [fused.out], ([g], [y]) => [
    softmaxGrad(g!, y!, dim),
  ]);
}
