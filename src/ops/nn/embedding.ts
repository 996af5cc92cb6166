/** Embedding and one-hot: rows of a table by index, singly, and one-hot codes. */
import { checkInplace } from "../../autograd/inplace.ts";
import { dtypes, int64 } from "../../core/dtype.ts";
import { AssertionError, check, type ErrorClass, IndexError, RuntimeError } from "../../core/errors.ts";
import { product } from "../../core/layout.ts";
import { bump, legacyTypeName, type Tensor } from "../../core/tensor.ts";
import type { Op } from "../call.ts";
import { copyKernel, differentiable, fn, unrecorded } from "../define.ts";
import { isMeta } from "../operands.ts";
import { longHint } from "./loss-class.ts";
import { int64Tensor } from "./pad.ts";
import { dense, elements } from "./raw.ts";

/** Throws unless the indices are int64 or int32. */
export function needIndices(op: string, indices: Tensor): void {
  check(
    indices.dtype === int64 || indices.dtype === dtypes.int32,
    () =>
      "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got " +
      `${legacyTypeName(indices)} instead (while checking arguments for ${op})${longHint(indices)}`,
  );
}

/** Throws where an index names no row. */
export function checkRows(
  flat: Tensor,
  rows: number,
  message: (index: number) => string,
  kind: ErrorClass = IndexError,
): void {
  if (isMeta(flat) || flat.numel() === 0) return;
  const [low, high] = [Number(flat.amin().item()), Number(flat.amax().item())];
  const bad = low < 0 ? low : high >= rows ? high : null;
  check(bad === null, () => message(bad!), kind);
}

/** The row of padding counted from the front; -1 for none. */
export function paddingRow(index: number | null, rows: number): number {
  if (index === null) return -1;
  check(index < rows && index >= -rows, () => "Padding_idx must be within num_embeddings", AssertionError);
  return index < 0 ? index + rows : index;
}

/** How often each index occurs, per occurrence. */
export function frequencies(flat: Tensor, rows: number): Tensor {
  return unrecorded(() => {
    const ones = flat.newOnes(flat.shape);
    return flat.newZeros([rows]).indexAdd(0, flat, ones).indexSelect(0, flat);
  });
}

/** Scales those rows that the indices name and whose norm is over the limit, in place. */
export function renormRows(weight: Tensor, flat: Tensor, maxNorm: number, normType: number): void {
  if (isMeta(weight)) return;
  unrecorded(() => {
    checkInplace(weight, false);
    const used = [...new Set(elements(dense(flat)) as BigInt64Array)].sort((a, b) => (a < b ? -1 : 1));
    if (used.length === 0) return;
    const index = int64Tensor(weight, BigInt64Array.from(used));
    const rows = weight.detach().indexSelect(0, index);
    const norms = rows.norm(normType, 1, true);
    const factors = norms.add(1e-7).reciprocal().mul(maxNorm).maskedFill(norms.le(maxNorm), 1);
    const result = weight.detach().indexCopy(0, index, rows.mul(factors));
    copyKernel.into([result], weight);
    bump(weight);
  });
}

/** `embedding(input, weight, paddingIdx, maxNorm, normType, scaleGradByFreq, sparse)`. */
export type Embedding = Op<
  [
    weight: Tensor,
    paddingIdx?: number | null,
    maxNorm?: number | null,
    normType?: number,
    scaleGradByFreq?: boolean,
    sparse?: boolean,
  ],
  "weight paddingIdx maxNorm normType scaleGradByFreq sparse"
>;

/**
 * The rows of `weight` that the indices name; the row of padding gets no gradient.
 * Shapes and errors: those of `nn.Embedding`.
 * @example F.embedding(torch.tensor([1n, 0n]), x) // tensor([[3., 4., 5.], [0., 1., 2.]])
 */
export const embedding: Embedding = fn<Embedding>(
  {
    name: "embedding",
    params:
      "input:tensor weight:tensor paddingIdx:int?=null maxNorm:float?=null normType:float=2 " +
      "scaleGradByFreq:bool=false sparse:bool=false",
    kind: "custom",
  },
  (v) => {
    const [indices, weight] = [v.input as Tensor, v.weight as Tensor];
    check(weight.dim() === 2, () => "'weight' must be 2-D");
    const rows = weight.shape[0]!;
    const padding = paddingRow(v.paddingIdx as number | null, rows);
    needIndices("embedding", indices);
    refuseSparse("embedding", v.sparse as boolean);
    const flat = unrecorded(() => indices.detach().to(int64).reshape(-1));
    checkRows(flat, rows, () => "index out of range in self");
    if (v.maxNorm !== null) renormRows(weight, flat, v.maxNorm as number, v.normType as number);
    const shape = [...indices.shape, weight.shape[1]!];
    return lookUp(weight, flat, shape, padding, v.scaleGradByFreq as boolean);
  },
);

/** Gradients are dense here. */
export function refuseSparse(op: string, sparse: boolean): void {
  if (sparse) throw new RuntimeError(`${op}: sparse gradients are not supported; leave out sparse=True`);
}

function lookUp(weight: Tensor, flat: Tensor, shape: readonly number[], padding: number, scaled: boolean): Tensor {
  const out = unrecorded(() => weight.detach().indexSelect(0, flat)).detach();
  const [rows = 0, width = 0] = weight.shape;
  const result = unrecorded(() => out.view(shape)).detach();
  return differentiable("EmbeddingBackward0", result, [weight], [], ([g]) => [
    spreadRows(g!, flat, [rows, width], padding, scaled),
  ]);
}

/** The rows' gradient: linear in `g`, so that its own derivative is a lookup again. */
function spreadRows(g: Tensor, flat: Tensor, size: readonly number[], padding: number, scaled: boolean): Tensor {
  const [rows = 0, width = 0] = size;
  let each = g.reshape(product(g.shape) / Math.max(width, 1), width);
  if (padding >= 0) each = each.maskedFill(flat.eq(padding).unsqueeze(1), 0);
  if (scaled) each = each.div(frequencies(flat, rows).unsqueeze(1));
  return each.newZeros([rows, width]).indexAdd(0, flat, each);
}

/** `oneHot(tensor, numClasses)`. */
export type OneHot = Op<[numClasses?: number], "numClasses">;

/**
 * A last dim with 1 at each index and 0 elsewhere; -1 classes means as many as the largest index needs.
 * @example F.oneHot(torch.tensor([2n, 0n]), 3) // tensor([[0, 0, 1], [1, 0, 0]])
 */
export const oneHot: OneHot = fn<OneHot>({ name: "oneHot", params: "tensor:tensor numClasses:int=-1" }, (v) => {
  const [indices, given] = [v.tensor as Tensor, v.numClasses as number];
  check(indices.dtype === int64, () => `one_hot is only applicable to index tensor.${longHint(indices).slice(1)}`);
  if (indices.numel() === 0) {
    check(given > 0, () => "Can not infer total number of classes from empty tensor.");
    return indices.newZeros([...indices.shape, given]);
  }
  check(!isMeta(indices), () => "one_hot is not supported on the meta device: it reads values");
  check(Number(indices.amin().item()) >= 0, () => "Class values must be non-negative.");
  const largest = Number(indices.amax().item());
  check(given === -1 || given > largest, () => "Class values must be smaller than num_classes.");
  check(given === -1 || given > 0, () => "num_classes should be positive");
  const classes = given === -1 ? largest + 1 : given;
  const at = indices.unsqueeze(-1);
  return indices.newZeros([...indices.shape, classes]).scatterAdd(-1, at, indices.newOnes(at.shape));
});
