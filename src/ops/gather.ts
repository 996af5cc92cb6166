/** Reading and writing by index tensors: the gather and scatter kernels and the operators that are one of them. */
import { int64 } from "../core/dtype.ts";
import { check, IndexError } from "../core/errors.ts";
import { broadcastShapes, Layout, list, wrapDim } from "../core/layout.ts";
import type { Tensor } from "../core/tensor.ts";
import type { IndexSpace, ScatterKernel } from "../ir/kernel.ts";
import { runner } from "../ir/runtime.ts";
import type { Op } from "./call.ts";
import { custom, differentiable } from "./define.ts";
import { emptyTensor, isMeta, operand, withOperands } from "./operands.ts";

/** How positions of the result find their place in the indexed tensor. */
interface Plan {
  /** The result's shape. */
  readonly shape: readonly number[];
  /** The indexed tensor's strides along the result's dims: 0 where an index decides. */
  readonly source: Layout;
  /** Each index over the result's dims. */
  readonly indices: readonly { readonly tensor: Tensor; readonly layout: Layout }[];
  readonly space: IndexSpace;
}

function outOfBounds(dim: number, value: number, size: number): IndexError {
  return new IndexError(`index ${value} is out of bounds for dimension ${dim} with size ${size}`);
}

function refuse(hit: { operand: number; value: number } | null, dims: readonly number[], self: Tensor): void {
  if (hit === null) return;
  const dim = dims[hit.operand]!;
  throw outOfBounds(dim, hit.value, self.shape[dim]!);
}

function gatherRaw(self: Tensor, plan: Plan, dims: readonly number[]): Tensor {
  const out = emptyTensor(plan.shape, self.dtype, self.device);
  if (out.numel() === 0 || isMeta(out)) return out;
  const run = runner({ skeleton: "gather", dtype: self.dtype.name, indices: plan.indices.length });
  const hit = withOperands(() =>
    run(
      plan.shape,
      operand(out, true),
      operand(self, false, plan.source),
      plan.indices.map((i) => operand(i.tensor, false, i.layout)),
      plan.space,
    ),
  );
  refuse(hit, dims, self);
  return out;
}

type Mode = ScatterKernel["mode"];

function scatterRaw(target: Tensor, plan: Plan, source: Tensor, mode: Mode, dims: readonly number[]): void {
  if (isMeta(target) || plan.shape.includes(0)) return;
  const run = runner({ skeleton: "scatter", mode, dtype: target.dtype.name, indices: plan.indices.length });
  const hit = withOperands(() =>
    run(
      plan.shape,
      operand(target, true, plan.source),
      operand(source, false, source.impl.layout.expand(plan.shape)),
      plan.indices.map((i) => operand(i.tensor, false, i.layout)),
      plan.space,
    ),
  );
  refuse(hit, dims, target);
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
  const before = adjacent ? rest.filter((d) => d < dims[0]!) : [];
  const after = adjacent ? rest.filter((d) => d > dims[0]!) : rest;
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
  return differentiable("IndexBackward0", out, [self], [], ([g]) => [
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
  return differentiable("IndexPutBackward0", out, [self, values], [], ([g], _, needs) => [
    needs[0] ? (accumulate ? g! : putIndexed(g!, indices, g!.newZeros([]), false)) : null,
    needs[1] ? takeIndexed(g!, indices).sumToSize(values.shape) : null,
  ]);
}

import { contiguousFormat } from "./copy.ts";

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

function alongPlan(self: Tensor, dim: number, index: Tensor): Plan {
  const shape = self.dim() === 0 ? [index.numel()] : self.shape.with(dim, index.numel());
  const strides = self.dim() === 0 ? [0] : self.impl.layout.strides.with(dim, 0);
  const along = shape.map((_, d) => (d === dim ? (index.impl.layout.strides[0] ?? 0) : 0));
  return {
    shape,
    source: new Layout(shape, strides, self.impl.layout.offset),
    indices: [{ tensor: index, layout: new Layout(shape, along, index.impl.layout.offset) }],
    space: { sizes: [self.shape[dim] ?? 1], strides: [self.impl.layout.strides[dim] ?? 1] },
  };
}

function checkIndex(op: string, index: Tensor): Tensor {
  check(index.dim() <= 1, () => `${op}(): Index is supposed to be a vector`, IndexError);
  check(
    index.dtype.name === "int64" || index.dtype.name === "int32",
    () =>
      `${op}(): Expected dtype int32 or int64 for index` +
      (index.dtype.isFloatingPoint ? ". Numbers make float32 here: pass { dtype: 'int64' }" : ""),
  );
  return index.to(int64);
}

/** The slices of `dim` that the index names, in its order. */
export const indexSelect: Op<[dim: number, index: Tensor], "dim index"> = custom(
  { name: "indexSelect", params: "dim:int index:tensor" },
  (self, v) => {
    const dim = wrapDim(v.dim as number, self.dim());
    const index = checkIndex("index_select", v.index as Tensor);
    const out = gatherRaw(self, alongPlan(self, dim, index), [dim]);
    const shape = self.shape;
    const result = self.dim() === 0 ? out.reshape([]) : out;
    return differentiable("IndexSelectBackward0", result, [self], [], ([g]) => [
      g!.newZeros(shape).indexAdd(dim, index, g!),
    ]);
  },
);

/** Adds `alpha` times the slices of `source` to those of `self` that the index names. */
export const indexAdd: Op<[dim: number, index: Tensor, source: Tensor], "dim index source", { alpha?: number }> =
  custom(
    { name: "indexAdd", params: "dim:int index:tensor source:tensor * alpha:scalar=1", inplace: true },
    (self, v) => {
      const dim = wrapDim(v.dim as number, self.dim());
      const index = checkIndex("index_add", v.index as Tensor);
      const source = v.source as Tensor;
      checkSlices(self, dim, index, source);
      const alpha = v.alpha as number;
      const out = self.detach().clone({ memoryFormat: contiguousFormat });
      scatterRaw(out, alongPlan(out, dim, index), alpha === 1 ? source.detach() : source.detach().mul(alpha), "add", [
        dim,
      ]);
      return differentiable("IndexAddBackward0", out, [self, source], [], ([g], _, needs) => [
        needs[0] ? g! : null,
        needs[1] ? g!.indexSelect(dim, index).mul(alpha).reshape(source.shape) : null,
      ]);
    },
  );

function checkSlices(self: Tensor, dim: number, index: Tensor, source: Tensor): void {
  check(
    self.dtype === source.dtype,
    () =>
      "index_add_(): self and source expected to have the same dtype, but got (self) " +
      `${self.dtype.scalarName} and (source) ${source.dtype.scalarName}`,
  );
  check(
    self.dim() === source.dim() || self.dim() === 0,
    () => `index_add_(): Source (${source.dim()}-D) must have the same number of dims as self (${self.dim()}-D)`,
  );
  const n = source.dim() === 0 ? 1 : source.shape[dim]!;
  check(
    n === index.numel(),
    () =>
      `index_add_(): Number of indices (${index.numel()}) should be equal to source.size(dim): (${n}), for dim: ${dim}`,
  );
  self.shape.forEach((size, d) => {
    check(
      d === dim || source.shape[d] === size,
      () =>
        `source.shape must equal self.shape except at dim ${dim}: got ${list(source.shape)} and ${list(self.shape)}`,
    );
  });
}

/** The plan of `gather` and `scatter`: each position of the index has a place of its own in all other dims. */
function pointPlan(self: Tensor, dim: number, index: Tensor): Plan {
  const shape = self.dim() === 0 ? [index.numel()] : index.shape;
  const strides = self.dim() === 0 ? [0] : self.impl.layout.strides.with(dim, 0);
  const own = self.dim() === 0 ? [index.impl.layout.strides[0] ?? 0] : index.impl.layout.strides;
  return {
    shape,
    source: new Layout(shape, strides, self.impl.layout.offset),
    indices: [{ tensor: index, layout: new Layout(shape, own, index.impl.layout.offset) }],
    space: { sizes: [self.shape[dim] ?? 1], strides: [self.impl.layout.strides[dim] ?? 1] },
  };
}

function checkPoints(op: string, self: Tensor, dim: number, index: Tensor): void {
  check(
    index.dtype === int64,
    () =>
      `${op}(): Expected dtype int64 for index${index.dtype.isFloatingPoint ? ". Numbers make float32 here: pass { dtype: 'int64' }" : ""}`,
  );
  check(
    Math.max(index.dim(), 1) === Math.max(self.dim(), 1),
    () => `Index tensor must have the same number of dimensions as ${op === "gather" ? "input" : "self"} tensor`,
  );
  if (self.dim() === 0 || index.dim() === 0) return;
  index.shape.forEach((n, d) => {
    check(
      d === dim || n <= self.shape[d]!,
      () =>
        `Size does not match at dimension ${d} expected index ${list(index.shape)} to be smaller than self ${list(self.shape)} apart from dimension ${dim}`,
    );
  });
}

/** `out[i][j] = self[index[i][j]][j]` along `dim`. */
export const gather: Op<[dim: number, index: Tensor], "dim index", { sparseGrad?: boolean }> = custom(
  { name: "gather", params: "dim:int index:tensor * sparseGrad:bool=false" },
  (self, v) => {
    const dim = wrapDim(v.dim as number, self.dim());
    const index = v.index as Tensor;
    if (index.numel() > 0) checkPoints("gather", self, dim, index);
    const out =
      index.numel() === 0
        ? emptyTensor(index.shape, self.dtype, self.device)
        : gatherRaw(self, pointPlan(self, dim, index), [dim]);
    const result = out.shape.length === index.dim() ? out : out.reshape(index.shape);
    const shape = self.shape;
    return differentiable("GatherBackward0", result, [self], [], ([g]) => [
      g!.newZeros(shape).scatterAdd(dim, index, g!),
    ]);
  },
);

/** Adds each element of `src` at the place that the index names along `dim`. */
export const scatterAdd: Op<[dim: number, index: Tensor, src: Tensor], "dim index src"> = custom(
  { name: "scatterAdd", params: "dim:int index:tensor src:tensor", inplace: true },
  (self, v) => {
    const dim = wrapDim(v.dim as number, self.dim());
    const index = v.index as Tensor;
    const src = v.src as Tensor;
    const out = scatterInto(self, dim, index, src, "add", "scatter_add");
    return differentiable("ScatterAddBackward0", out, [self, src], [], ([g], _, needs) => [
      needs[0] ? g! : null,
      needs[1] ? padTo(g!.gather(dim, index), src.shape) : null,
    ]);
  },
);

/** A copy of `self` with the leading part of `src` that the index covers written to it; no autograd. */
export function scatterInto(self: Tensor, dim: number, index: Tensor, src: Tensor, mode: Mode, op: string): Tensor {
  const out = self.detach().clone({ memoryFormat: contiguousFormat });
  if (index.numel() === 0) return out;
  checkPoints(op, self, dim, index);
  check(self.dtype === src.dtype, () => `${op}(): Expected self.dtype to be equal to src.dtype`);
  index.shape.forEach((n, d) => {
    check(
      src.dim() === 0 || n <= src.shape[d]!,
      () => `Expected index ${list(index.shape)} to be smaller than src ${list(src.shape)}`,
    );
  });
  const part = src.dim() === 0 ? src.detach() : leading(src.detach(), index.shape);
  scatterRaw(out, pointPlan(out, dim, index), part, mode, [dim]);
  return out;
}

/** The corner of a tensor that has this shape. */
export function leading(t: Tensor, shape: readonly number[]): Tensor {
  return shape.reduce((x, n, d) => (x.shape[d] === n ? x : x.narrow(d, 0, n)), t);
}

/** `t` with zeros behind it in every dim up to this shape. */
export function padTo(t: Tensor, shape: readonly number[]): Tensor {
  return shape.reduce((x, n, d) => {
    const have = x.shape[d]!;
    return have === n ? x : cat([x, x.newZeros(x.shape.with(d, n - have))], d);
  }, t);
}

import { cat } from "./join.ts";
