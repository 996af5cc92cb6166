/** Reading and writing by index tensors: the gather and scatter kernels and the operators that are one of them. */
import { flipped, int64 } from "../core/dtype.ts";
import { check, IndexError, RuntimeError } from "../core/errors.ts";
import { broadcastShapes, Layout, list, wrapDim } from "../core/layout.ts";
import { type Tensor, wrap } from "../core/tensor.ts";
import type { IndexSpace, ScatterKernel } from "../ir/kernel.ts";
import { runner } from "../ir/runtime.ts";
import type { Op } from "./call.ts";
import { contiguousFormat } from "./copy.ts";
import { custom, differentiable, plain } from "./define.ts";
import { emptyTensor, isMeta, operand, withOperands } from "./operands.ts";

/** What the user is told of an index that is out of bounds. */
export type Refusal = (dim: number, value: number, size: number) => Error;

/** How positions of the result find their place in the indexed tensor. */
export interface Plan {
  /** The result's shape. */
  readonly shape: readonly number[];
  /** The indexed tensor's strides along the result's dims: 0 where an index decides. */
  readonly source: Layout;
  /** Each index over the result's dims. */
  readonly indices: readonly { readonly tensor: Tensor; readonly layout: Layout }[];
  readonly space: IndexSpace;
}

const outOfBoundsText = (dim: number, value: number, size: number): string =>
  `index ${value} is out of bounds for dimension ${dim} with size ${size}`;

/** The error of `x[index]`. */
export const outOfBounds: Refusal = (dim, value, size) => new IndexError(outOfBoundsText(dim, value, size));

/** The error of `gather` and `scatter`. */
export const outOfReach: Refusal = (dim, value, size) => new RuntimeError(outOfBoundsText(dim, value, size));

/** The error of `indexSelect` and `indexAdd`. */
export const outOfRange: Refusal = () => new IndexError("index out of range in self");

/** Throws for a negative index, where PyTorch does not count from the end. */
export function refuseNegative(index: Tensor, dim: number, size: number, refusal: Refusal): void {
  if (isMeta(index)) return;
  const { storage, layout } = index.contiguous().impl;
  const longs = storage.window(int64);
  // The sign of an int64 is that of its high word, which spares a bigint for every element.
  const words = new Int32Array(longs.buffer, longs.byteOffset, longs.length * 2);
  for (let i = layout.offset; i < layout.offset + layout.numel; i++) {
    if (words[2 * i + 1]! < 0) throw refusal(dim, Number(longs[i]), size);
  }
}

function refuse(
  hit: { operand: number; value: number } | null,
  dims: readonly number[],
  { space }: Plan,
  refusal: Refusal,
): void {
  if (hit !== null) throw refusal(dims[hit.operand]!, hit.value, space.sizes[hit.operand]!);
}

/** The elements that a plan names, as a new tensor. */
export function gatherRaw(self: Tensor, plan: Plan, dims: readonly number[], refusal: Refusal = outOfBounds): Tensor {
  const out = emptyTensor(plan.shape, self.dtype, self.device);
  if (out.numel() === 0 || isMeta(out)) return out;
  const run = runner({ skeleton: "gather", dtype: self.dtype.stored, indices: plan.indices.length });
  const hit = withOperands(() =>
    run(
      plan.shape,
      operand(out, true),
      operand(self, false, plan.source),
      plan.indices.map((i) => operand(i.tensor, false, i.layout)),
      plan.space,
    ),
  );
  refuse(hit, dims, plan, refusal);
  return self.impl.dtype.isLazy ? plain(wrap(out.impl.storage, out.impl.layout, self.impl.dtype)) : out;
}

/** How a scatter combines what is there with what comes. */
export type Mode = ScatterKernel["mode"];

/** Writes `source`, broadcast, to the elements of `target` that a plan names. */
export function scatterRaw(
  target: Tensor,
  plan: Plan,
  given: Tensor,
  mode: Mode,
  dims: readonly number[],
  refusal: Refusal = outOfBounds,
): void {
  if (isMeta(target) || plan.shape.includes(0)) return;
  const source = plain(target.impl.dtype.isLazy ? flippedForm(given, mode) : given);
  const run = runner({ skeleton: "scatter", mode, dtype: target.dtype.stored, indices: plan.indices.length });
  const hit = withOperands(() =>
    run(
      plan.shape,
      operand(target, true, plan.source),
      operand(source, false, source.impl.layout.expand(plan.shape)),
      plan.indices.map((i) => operand(i.tensor, false, i.layout)),
      plan.space,
    ),
  );
  refuse(hit, dims, plan, refusal);
}

/** What to write beneath a pending conjugation or negation. */
function flippedForm(t: Tensor, mode: Mode): Tensor {
  check(
    mode === "set" || mode === "add",
    () => `a lazily negated tensor cannot be written by ${mode}: use resolveNeg()`,
  );
  return wrap(t.impl.storage, t.impl.layout, flipped(t.impl.dtype));
}

// ---------------------------------------------------------------- several index tensors (advanced indexing)

/** One index tensor or nothing per leading dim. */
export type Indices = readonly (Tensor | null)[];

function advancedPlan(self: Tensor, indices: Indices): { plan: Plan; dims: number[] } {
  const dims = indices.flatMap((index, d) => (index === null ? [] : [d]));
  const tensors = dims.map((d) => indices[d]!.to(int64));
  let shape: readonly number[] = [];
  for (const t of tensors) shape = broadcastIndices(shape, t.shape, tensors);
  const adjacent = dims.every((d, i) => i === 0 || d === dims[i - 1]! + 1);
  const rest = self.shape.map((_, d) => d).filter((d) => !dims.includes(d));
  const first = adjacent ? (dims[0] ?? 0) : 0;
  const before = rest.filter((d) => d < first);
  const after = rest.filter((d) => d >= first);
  const sizes = (ds: readonly number[]): number[] => ds.map((d) => self.shape[d]!);
  const strides = (ds: readonly number[]): number[] => ds.map((d) => self.impl.layout.strides[d]!);
  const full = [...sizes(before), ...shape, ...sizes(after)];
  const zeros = (n: number): number[] => new Array<number>(n).fill(0);
  const plan: Plan = {
    shape: full,
    source: new Layout(full, [...strides(before), ...zeros(shape.length), ...strides(after)], self.impl.layout.offset),
    indices: tensors.map((tensor) => {
      const inner = tensor.impl.layout.expand(shape);
      const layout = new Layout(
        full,
        [...zeros(before.length), ...inner.strides, ...zeros(after.length)],
        tensor.impl.layout.offset,
      );
      return { tensor, layout };
    }),
    space: { sizes: sizes(dims), strides: strides(dims) },
  };
  return { plan, dims };
}

function broadcastIndices(a: readonly number[], b: readonly number[], all: readonly Tensor[]): readonly number[] {
  try {
    return broadcastShapes(a, b);
  } catch {
    throw new IndexError(
      `shape mismatch: indexing tensors could not be broadcast together with shapes ${all.map((t) => list(t.shape)).join(", ")}`,
    );
  }
}

/** `self[i0, i1, …]`, a copy: one int64 tensor or null per leading dim. */
export function takeIndexed(self: Tensor, indices: Indices): Tensor {
  check(
    indices.length <= self.dim(),
    () => `too many indices for tensor of dimension ${self.dim()} (got ${indices.length})`,
    IndexError,
  );
  const { plan, dims } = advancedPlan(self, indices);
  const empty = dims.find((d) => self.shape[d] === 0);
  check(
    empty === undefined || plan.shape.includes(0),
    () => `index is out of bounds for dimension with size 0`,
    IndexError,
  );
  const out = gatherRaw(self, plan, dims);
  const shape = self.shape;
  return differentiable("IndexBackward0", out, [self], indices, ([g]) => [
    putIndexed(g!.newZeros(shape), indices, g!, true),
  ]);
}

/** A copy of `self` with `values`, broadcast, written (or added) at the indices. */
export function putIndexed(self: Tensor, indices: Indices, values: Tensor, accumulate: boolean): Tensor {
  const { plan, dims } = advancedPlan(self, indices);
  checkValues(values, plan.shape);
  const out = self.detach().clone({ memoryFormat: contiguousFormat });
  const onOut = advancedPlan(out, indices).plan;
  scatterRaw(out, onOut, values.detach(), accumulate ? "add" : "set", dims);
  return differentiable("IndexPutBackward0", out, [self, values], indices, ([g], _, needs) => [
    needs[0] ? (accumulate ? g! : putIndexed(g!, indices, g!.newZeros([]), false)) : null,
    needs[1] ? takeIndexed(g!, indices).sumToSize(values.shape) : null,
  ]);
}

/** Writes in place, without autograd. */
export function putIndexedRaw(self: Tensor, indices: Indices, values: Tensor, accumulate: boolean): void {
  const { plan, dims } = advancedPlan(self, indices);
  checkValues(values, plan.shape);
  scatterRaw(self, plan, values, accumulate ? "add" : "set", dims);
}

function checkValues(values: Tensor, shape: readonly number[]): void {
  const lead = values.dim() - shape.length;
  const fits = values.shape.every((n, d) => n === 1 || (d >= lead && n === shape[d - lead]));
  check(
    fits && lead <= 0,
    () =>
      `shape mismatch: value tensor of shape ${list(values.shape)} cannot be broadcast to indexing result of shape ${list(shape)}`,
  );
}

// ---------------------------------------------------------------- one index along a dim

/** The layout of a tensor as one with dims: a number is a vector of one. */
const withDims = (t: Tensor): Layout => (t.dim() === 0 ? new Layout([1], [1], t.impl.layout.offset) : t.impl.layout);

/** The plan of `indexSelect` and its kin: whole slices of `dim`, one for each element of the index. */
export function alongPlan(self: Tensor, dim: number, index: Tensor): Plan {
  const own = withDims(self);
  const shape = own.shape.with(dim, index.numel());
  const along = shape.map((_, d) => (d === dim ? (index.impl.layout.strides[0] ?? 0) : 0));
  return {
    shape,
    source: new Layout(shape, own.strides.with(dim, 0), own.offset),
    indices: [{ tensor: index, layout: new Layout(shape, along, index.impl.layout.offset) }],
    space: { sizes: [own.shape[dim]!], strides: [own.strides[dim]!] },
  };
}

/** The plan of `gather` and `scatter`: each position of the index has a place of its own in all other dims. */
export function pointPlan(self: Tensor, dim: number, index: Tensor): Plan {
  const own = withDims(self);
  const places = withDims(index);
  return {
    shape: places.shape,
    source: new Layout(places.shape, own.strides.with(dim, 0), own.offset),
    indices: [{ tensor: index, layout: places }],
    space: { sizes: [own.shape[dim]!], strides: [own.strides[dim]!] },
  };
}

/** RULES of the number types here: what a user must do where PyTorch would have seen ints. */
export const numbersAreFloats = (index: Tensor): string =>
  index.dtype.isFloatingPoint ? ". Numbers make float32 here: pass { dtype: 'int64' }" : "";

function checkSelected(index: Tensor): Tensor {
  check(index.dim() <= 1, () => "index_select(): Index is supposed to be a vector", IndexError);
  check(
    index.dtype.name === "int64" || index.dtype.name === "int32",
    () => `index_select(): Expected dtype int32 or int64 for index${numbersAreFloats(index)}`,
  );
  return index.to(int64);
}

/**
 * The slices of `dim` that the index names, in its order. A copy; the index is an int64 or int32 vector.
 * @throws IndexError "index out of range in self".
 * @example x.indexSelect(1, torch.tensor([2n, 0n])) // tensor([[2., 0.], [5., 3.]])
 */
export const indexSelect: Op<[dim: number, index: Tensor], "dim index"> = custom(
  { name: "indexSelect", params: "dim:int index:tensor" },
  (self, v) => {
    const dim = wrapDim(v.dim as number, self.dim());
    const index = checkSelected(v.index as Tensor);
    refuseNegative(index, dim, self.shape[dim] ?? 1, outOfRange);
    const out = gatherRaw(self, alongPlan(self, dim, index), [dim], outOfRange);
    const shape = self.shape;
    check(
      self.dim() > 0 || index.numel() === 1,
      () => `index_select(): Index to scalar can have only 1 value, got ${index.numel()} value(s)`,
      IndexError,
    );
    const result = self.dim() === 0 ? out.reshape([]) : out;
    return differentiable("IndexSelectBackward0", result, [self], [index], ([g], [at]) => [
      g!.newZeros(shape).indexAdd(dim, at!, g!),
    ]);
  },
);

/** Throws PyTorch's errors for an index that does not fit `gather` or `scatter`. */
export function checkPoints(
  op: "gather" | "scatter",
  self: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor | null,
): void {
  if (index.numel() === 0) return;
  check(index.dtype === int64, () => `${op}(): Expected dtype int64 for index${numbersAreFloats(index)}`);
  const rank = (t: Tensor): number => Math.max(t.dim(), 1);
  check(
    rank(index) === rank(self),
    () => `Index tensor must have the same number of dimensions as ${op === "gather" ? "input" : "self"} tensor`,
  );
  check(
    src === null || rank(index) === rank(src),
    () => "Index tensor must have the same number of dimensions as src tensor",
  );
  const fits = (n: number, d: number): boolean =>
    (d === dim || n <= (self.shape[d] ?? 1)) && (src === null || n <= (src.shape[d] ?? 1));
  check(index.shape.every(fits), () =>
    op === "gather"
      ? `Size does not match at dimension ${index.shape.findIndex((n, d) => !fits(n, d))} expected index ` +
        `${list(index.shape)} to be smaller than self ${list(self.shape)} apart from dimension ${dim}`
      : `Expected index ${list(index.shape)} to be smaller than self ${list(self.shape)} apart from dimension ${dim}` +
        (src === null ? "" : ` and to be smaller size than src ${list(src.shape)}`),
  );
  refuseNegative(index, dim, self.shape[dim] ?? 1, outOfReach);
}

/**
 * `out[i][j] = self[index[i][j]][j]` along `dim`. The index is int64, with as many dims as `self`.
 * @throws RuntimeError for an index out of bounds, or that is not int64.
 * @example torch.tensor([[1, 2], [3, 4]]).gather(1, torch.tensor([[0n], [1n]])) // tensor([[1.], [4.]])
 */
export const gather: Op<[dim: number, index: Tensor], "dim index", { sparseGrad?: boolean }> = custom(
  { name: "gather", params: "dim:int index:tensor * sparseGrad:bool=false" },
  (self, v) => {
    const dim = wrapDim(v.dim as number, self.dim());
    const index = v.index as Tensor;
    checkPoints("gather", self, dim, index, null);
    const out =
      index.numel() === 0
        ? emptyTensor(index.shape, self.dtype, self.device)
        : gatherRaw(self, pointPlan(self, dim, index), [dim], outOfReach);
    const result = out.dim() === index.dim() ? out : out.reshape(index.shape);
    const shape = self.shape;
    return differentiable("GatherBackward0", result, [self], [index], ([g], [at]) => [
      g!.newZeros(shape).scatterAdd(dim, at!, g!),
    ]);
  },
);

/** The corner of a tensor that has this shape. */
export function leading(t: Tensor, shape: readonly number[]): Tensor {
  return shape.reduce((x, n, d) => (x.shape[d] === n ? x : x.narrow(d, 0, n)), t);
}
