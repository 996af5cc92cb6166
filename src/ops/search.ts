/** Binary search in sorted sequences. */
import { type DType, int32, int64, promoteTypes } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { equalShapes, list } from "../core/layout.ts";
import { type Operand, resultType } from "../core/scalar.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import type { Forms, OpInfo } from "./call.ts";
import { fn } from "./define.ts";
import { type Elements, elementsOf, fill } from "./elements.ts";
import { emptyTensor, isMeta } from "./operands.ts";

type SearchOptions = { outInt32?: boolean; right?: boolean };

/** `searchsorted(sortedSequence, input, { outInt32, right, side, sorter })`. */
export interface Searchsorted {
  (
    ...args: Forms<
      [sortedSequence: Tensor, input: Operand],
      ["sortedSequence", "input"],
      SearchOptions & { side?: "left" | "right" | null; sorter?: Tensor | null }
    >
  ): Tensor;
  readonly op: OpInfo;
}

/** Where in each sorted row the values of the same row of `input` would be put. */
function search(rows: Tensor, input: Tensor, right: boolean, dtype: DType, sorter: Tensor | null): Tensor {
  const out = emptyTensor(input.shape, dtype, input.device);
  if (isMeta(out) || out.numel() === 0) return out;
  const common = promoteTypes(rows.dtype, input.dtype);
  const keys = elementsOf("searchsorted", rows.to(common));
  const wanted = elementsOf("searchsorted", input.to(common));
  const order = sorter === null ? null : elementsOf("searchsorted", sorter);
  const n = rows.shape.at(-1)!;
  // One row for all, or a row of values for each row of keys.
  const perRow = rows.dim() === 1 ? wanted.length : input.shape.at(-1)!;
  const found = Array.from(wanted, (value, i) => {
    const start = rows.dim() === 1 ? 0 : Math.floor(i / perRow) * n;
    return bound(keys, order, start, n, value, right);
  });
  return fill(out, dtype === int64 ? found.map(BigInt) : found);
}

/** The first position whose key is not less than the value (or is greater, with `right`). Comparisons are those of C:
 * every one with NaN is false. */
function bound(
  keys: Elements,
  order: Elements | null,
  start: number,
  n: number,
  value: number | bigint,
  right: boolean,
): number {
  let [low, high] = [0, n];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const key = keys[start + (order === null ? middle : Number(order[start + middle]))]!;
    const before = right ? !(key > value) : !(key >= value);
    if (before) low = middle + 1;
    else high = middle;
  }
  return low;
}

const asTensor = (x: Operand, like: Tensor): Tensor =>
  isTensor(x) ? x : like.newFull([], x, { dtype: resultType([like.dtype.isFloatingPoint ? like : 0, x]) });

function checkSorter(rows: Tensor, sorter: Tensor | null): void {
  if (sorter === null) return;
  check(
    equalShapes(rows.shape, sorter.shape),
    () =>
      "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor " +
      `${list(rows.shape)} and got sorter tensor ${list(sorter.shape)}`,
  );
  check(
    sorter.dtype === int64,
    () => `torch.searchsorted(): sorter must be a tensor of long dtype but got dtype ${sorter.dtype.scalarName}`,
  );
  if (isMeta(sorter) || sorter.numel() === 0) return;
  const n = sorter.shape.at(-1)!;
  const outside = sorter.lt(0).any().item() || sorter.ge(n).any().item();
  check(!outside, () => "torch.searchsorted(): sorter index out of range");
}

/**
 * Where the values of `input` would be put into sorted rows to keep them sorted. int64; `right` goes behind equal ones.
 * @example torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([3])) // tensor([1])
 */
export const searchsorted: Searchsorted = fn<Searchsorted>(
  {
    name: "searchsorted",
    params:
      "sortedSequence:tensor input:operand * outInt32:bool=false right:bool=false side:str?=null sorter:tensor?=null",
    kind: "custom",
  },
  (v) => {
    const rows = v.sortedSequence as Tensor;
    const input = asTensor(v.input as Operand, rows);
    const side = v.side as string | null;
    const right = v.right as boolean;
    check(
      side === null || side === "left" || side === "right",
      () => `torch.searchsorted(): side can only be 'left' or 'right' but got ${side}`,
    );
    check(
      side !== "left" || !right,
      () => "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True",
    );
    checkRows(rows, input, isTensor(v.input) ? "tensor" : "scalar");
    const sorter = v.sorter as Tensor | null;
    checkSorter(rows, sorter);
    return search(rows, input, right || side === "right", v.outInt32 ? int32 : int64, sorter);
  },
);

function checkRows(rows: Tensor, input: Tensor, kind: "tensor" | "scalar"): void {
  const name = "torch.searchsorted()";
  check(rows.dim() > 0, () => `${name}: boundaries tensor should have positive dimension, but got 0 dimension`);
  check(
    rows.dim() === 1 || (kind === "tensor" && input.dim() > 0),
    () =>
      `${name}: input value can be a scalar only when boundaries tensor dimension is 1, but we got boundaries tensor ` +
      `dim(${rows.dim()}) and input value's dim(${input.dim()}) numel(${input.numel()})`,
  );
  check(
    rows.dim() === 1 || (rows.dim() === input.dim() && equalShapes(rows.shape.slice(0, -1), input.shape.slice(0, -1))),
    () =>
      `${name}: boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input ` +
      `value tensor must match, but we got boundaries tensor ${list(rows.shape)} and input value tensor ${list(input.shape)}`,
  );
}

/** `bucketize(input, boundaries, { outInt32, right })`. */
export interface Bucketize {
  (...args: Forms<[input: Operand, boundaries: Tensor], ["input", "boundaries"], SearchOptions>): Tensor;
  readonly op: OpInfo;
}

/**
 * The bucket between sorted boundaries that each value falls into. int64.
 * @example torch.bucketize(torch.tensor([2, 4]), torch.tensor([1, 3])) // tensor([1, 2])
 */
export const bucketize: Bucketize = fn<Bucketize>(
  {
    name: "bucketize",
    params: "input:operand boundaries:tensor * outInt32:bool=false right:bool=false",
    kind: "custom",
  },
  (v) => {
    const boundaries = v.boundaries as Tensor;
    check(boundaries.dim() === 1, () => `boundaries tensor must be 1 dimension, but got dim(${boundaries.dim()})`);
    const input = asTensor(v.input as Operand, boundaries);
    return search(boundaries, input, v.right as boolean, v.outInt32 ? int32 : int64, null);
  },
);
