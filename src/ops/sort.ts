/** Ordering: sort, argsort, topk, kthvalue, mode. */
import { bool, int64 } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { wrapDim } from "../core/layout.ts";
import { namedTuple } from "../core/namedtuple.ts";
import type { Tensor } from "../core/tensor.ts";
import type { Op } from "./call.ts";
import { composite, custom, unrecorded } from "./define.ts";
import { cat } from "./join.ts";
import { positions, selected, sortRaw, type ValuesIndices } from "./ordering.ts";
import { checkElements } from "./reduce.ts";

const sortResult = namedTuple("sort", ["values", "indices"]);
const sortParams = "dim:int=-1 descending:bool=false * stable:bool?=null";

/**
 * The elements along `dim` in order, and where they came from; equal elements keep their order, NaN is greatest. `dim`
 * -1, `descending` false; a named tuple `{ values, indices }`.
 * @example
 * const [values, indices] = torch.tensor([3, 1, 2]).sort();
 * values // tensor([1., 2., 3.])
 * indices // tensor([1, 2, 0])
 */
export const sort: Op<
  [dim?: number, descending?: boolean],
  "dim descending",
  { stable?: boolean | null },
  ValuesIndices
> = custom({ name: "sort", params: sortParams }, (self, v) => {
  const dim = wrapDim(v.dim as number, self.dim());
  const [values, indices] = sortRaw(self.detach(), dim, v.descending as boolean);
  const node = v.stable === null ? "SortBackward0" : "SortBackward1";
  return sortResult<Tensor>(selected(node, self, dim, values, indices, true), indices);
});

/**
 * The positions that would sort `dim`. int64; `dim` -1, `descending` false.
 * @example torch.tensor([3, 1, 2]).argsort() // tensor([1, 2, 0])
 */
export const argsort: Op<[dim?: number, descending?: boolean], "dim descending", { stable?: boolean | null }> = custom(
  { name: "argsort", params: sortParams },
  (self, v) => sortRaw(self.detach(), wrapDim(v.dim as number, self.dim()), v.descending as boolean)[1],
);

/**
 * Sorts the first dim in ascending order.
 * @example torch.tensor([3, 1, 2]).msort() // tensor([1., 2., 3.])
 */
export const msort: Op<[]> = composite({ name: "msort" }, (self) => self.sort(0).values);

const topkResult = namedTuple("topk", ["values", "indices"]);

/**
 * The `k` largest (or smallest) elements along `dim` in order, and where they are. `dim` -1; a named tuple `{ values,
 * indices }`.
 * @throws RuntimeError "selected index k out of range".
 * @example torch.tensor([3, 1, 2]).topk(2).values // tensor([3., 2.])
 */
export const topk: Op<
  [k: number, dim?: number, largest?: boolean, sorted?: boolean],
  "k dim largest sorted",
  unknown,
  ValuesIndices
> = custom({ name: "topk", params: "k:int dim:int=-1 largest:bool=true sorted:bool=true" }, (self, v) => {
  const dim = wrapDim(v.dim as number, self.dim());
  const k = v.k as number;
  check(k >= 0 && k <= (self.shape[dim] ?? 1), () => "selected index k out of range");
  check(self.dtype !== bool, () => `"topk_cpu" not implemented for 'Bool'`);
  const [values, indices] = sortRaw(self.detach(), dim, v.largest as boolean).map((t) =>
    t.dim() === 0 ? t : t.narrow(dim, 0, k).contiguous(),
  ) as [Tensor, Tensor];
  return topkResult<Tensor>(selected("TopkBackward0", self, dim, values, indices, true), indices);
});

const kthvalueResult = namedTuple("kthvalue", ["values", "indices"]);

/**
 * The `k`-th smallest element of each slice, counted from 1, and where it is. A named tuple `{ values, indices }`.
 * @throws RuntimeError "selected number k out of range for dimension 0".
 * @example torch.tensor([3, 1, 2]).kthvalue(2).values // tensor(2.)
 */
export const kthvalue: Op<[k: number, dim?: number, keepdim?: boolean], "k dim keepdim", unknown, ValuesIndices> =
  custom({ name: "kthvalue", params: "k:int dim:int=-1 keepdim:bool=false" }, (self, v) => {
    const dim = wrapDim(v.dim as number, self.dim());
    const k = v.k as number;
    checkElements("kthvalue", self, self.dim() === 0 ? [] : [dim]);
    check(
      k > 0 && k <= (self.shape[dim] ?? 1),
      () => `kthvalue(): selected number k out of range for dimension ${dim}`,
    );
    check(self.dtype !== bool, () => `"kthvalue_cpu" not implemented for 'Bool'`);
    const keepdim = v.keepdim as boolean;
    const [values, indices] = sortRaw(self.detach(), dim, false).map((t) => atPosition(t, dim, k - 1, keepdim)) as [
      Tensor,
      Tensor,
    ];
    return kthvalueResult<Tensor>(selected("KthvalueBackward0", self, dim, values, indices, keepdim), indices);
  });

/** One position of `dim`, as a fresh tensor. */
function atPosition(t: Tensor, dim: number, position: number, keepdim: boolean): Tensor {
  if (t.dim() === 0) return t;
  return (keepdim ? t.narrow(dim, position, 1) : t.select(dim, position)).contiguous().clone();
}

const modeResult = namedTuple("mode", ["values", "indices"]);

/**
 * The most frequent element of each slice, the smallest among equally frequent ones, and its last position. A named
 * tuple `{ values, indices }`.
 * @example torch.tensor([1, 2, 2]).mode().values // tensor(2.)
 */
export const mode: Op<[dim?: number, keepdim?: boolean], "dim keepdim", unknown, ValuesIndices> = custom(
  { name: "mode", params: "dim:int=-1 keepdim:bool=false" },
  (self, v) => {
    const dim = wrapDim(v.dim as number, self.dim());
    checkElements("mode", self, self.dim() === 0 ? [] : [dim]);
    const keepdim = v.keepdim as boolean;
    const [values, indices] = unrecorded(() => modes(self.detach(), dim, keepdim));
    return modeResult<Tensor>(selected("ModeBackward0", self, dim, values, indices, keepdim), indices);
  },
);

/** In sorted order, the end of the first longest run of equal elements. */
function modes(self: Tensor, dim: number, keepdim: boolean): [Tensor, Tensor] {
  if (self.dim() === 0) return [self.clone(), self.newZeros([], { dtype: int64 })];
  const [values, indices] = sortRaw(self, dim, false);
  const length = runLengths(values, dim);
  const end = length.argmax(dim, true);
  return [values, indices].map((t) => {
    const kept = t.gather(dim, end);
    return keepdim ? kept : kept.squeeze(dim);
  }) as [Tensor, Tensor];
}

/** For each element of sorted slices, how many equal ones end with it. */
function runLengths(sorted: Tensor, dim: number): Tensor {
  const n = sorted.shape[dim]!;
  const at = positions(sorted, dim);
  const differs = sorted.narrow(dim, 1, n - 1).ne(sorted.narrow(dim, 0, n - 1));
  const starts = cat([differs.newZeros(sorted.shape.with(dim, 1)), differs], dim);
  return at.sub(at.mul(starts).cummax(dim).values);
}
