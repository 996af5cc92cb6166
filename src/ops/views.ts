/** Operators whose results share storage with their input. */

import type { DType } from "../core/dtype.ts";
import { check, IndexError, ValueError } from "../core/errors.ts";
import { equalShapes, Layout, list, product, wrapDim } from "../core/layout.ts";
import type { Values } from "../core/params.ts";
import { type Tensor, versionCell, wrap } from "../core/tensor.ts";
import { warn } from "../core/warnings.ts";
import type { Dims, Op, OpInfo, OpInplace, Sizes } from "./call.ts";
import { contiguousFormat } from "./copy.ts";
import { composite, copyKernel, custom, view as declareView, differentiable, makeView, makeViews } from "./define.ts";
import { cat, stack } from "./join.ts";

/** An operator by sizes or dims, as separate numbers or one list. */
export interface BySizes {
  (self: Tensor, ...size: Sizes): Tensor;
  readonly op: OpInfo;
}

const one = (values: Values, name: string): number => values[name] as number;

/**
 * Swaps two dimensions. A view: it shares memory, and writes are seen on both sides.
 * @throws IndexError for a dim out of range.
 * @example x.transpose(0, 1) // tensor([[0., 3.], [1., 4.], [2., 5.]])
 */
export const transpose: OpInplace<[dim0: number, dim1: number], "dim0 dim1"> = declareView({
  name: "transpose",
  params: "dim0:int dim1:int",
  inplace: true,
  layout: (input, v) => input.swap(one(v, "dim0"), one(v, "dim1")),
  grad: (g, _, v) => g.transpose(one(v, "dim0"), one(v, "dim1")),
});

function swapping<T>(name: string, names: readonly [string, string]): T {
  const [a, b] = names;
  return declareView({
    name,
    params: `${a}:int ${b}:int`,
    inplace: true,
    node: "TransposeBackward0",
    layout: (input, v) => input.swap(one(v, a), one(v, b)),
    grad: (g, _, v) => g.transpose(one(v, a), one(v, b)),
  });
}

/**
 * `transpose` by NumPy's names.
 * @example x.swapaxes(0, 1).shape // torch.Size([3, 2])
 */
export const swapaxes: OpInplace<[axis0: number, axis1: number], "axis0 axis1"> = swapping("swapaxes", [
  "axis0",
  "axis1",
]);

/**
 * `transpose` by another of its names.
 * @example x.swapdims(0, 1).shape // torch.Size([3, 2])
 */
export const swapdims: OpInplace<[dim0: number, dim1: number], "dim0 dim1"> = swapping("swapdims", ["dim0", "dim1"]);

/**
 * Transposes a matrix; leaves 0-d and 1-d tensors as they are. A view: it shares memory, and writes are seen on both
 * sides.
 * @throws RuntimeError for more than two dims.
 * @example x.t().shape // torch.Size([3, 2])
 */
export const t: OpInplace<[]> = declareView({
  name: "t",
  inplace: true,
  layout: (input) => {
    check(input.rank <= 2, () => `t() expects a tensor with <= 2 dimensions, but self is ${input.rank}D`);
    return input.rank < 2 ? input : input.swap(0, 1);
  },
  grad: (g) => g.t(),
});

function wrapDims(dims: readonly number[], rank: number): number[] {
  return dims.map((d) => wrapDim(d, rank));
}

/**
 * Reorders all dimensions. A view: it shares memory, and writes are seen on both sides.
 * @throws RuntimeError unless each dim comes once.
 * @example torch.zeros(2, 3, 4).permute(2, 0, 1).shape // torch.Size([4, 2, 3])
 */
export const permute: BySizes = declareView({
  name: "permute",
  params: "...dims:ints",
  layout: (input, v) => {
    const dims = v.dims as number[];
    check(
      dims.length === input.rank,
      () =>
        "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired " +
        `ordering of dimensions i.e. input.dim() = ${input.rank} is not equal to len(dims) = ${dims.length}`,
    );
    const wrapped = wrapDims(dims, input.rank);
    check(new Set(wrapped).size === wrapped.length, () => "permute(): duplicate dims are not allowed.");
    return input.permute(wrapped);
  },
  grad: (g, _, v) => {
    const dims = wrapDims(v.dims as number[], g.dim());
    return g.permute(dims.map((_d, i) => dims.indexOf(i)));
  },
});

/**
 * Moves dimensions to other places. A view: it shares memory, and writes are seen on both sides.
 * @example torch.zeros(2, 3, 4).movedim(0, 2).shape // torch.Size([3, 4, 2])
 */
export const movedim: Op<[source: Dims, destination: Dims], "source destination"> = composite(
  { name: "movedim", params: "source:ints destination:ints" },
  (self, v) => {
    const rank = self.dim();
    const source = v.source as number[];
    const destination = v.destination as number[];
    check(
      source.length === destination.length,
      () =>
        `movedim: Invalid source or destination dims: source (${list(source)} dims) should contain the same number of ` +
        `dims as destination (${list(destination)} dims)`,
    );
    const from = wrapDims(source, rank);
    const to = wrapDims(destination, rank);
    check(new Set(from).size === from.length, () => `movedim: repeated dim in \`source\` (${list(source)})`);
    check(new Set(to).size === to.length, () => `movedim: repeated dim in \`destination\` (${list(destination)})`);
    if (rank === 0) return self.permute([]);
    const order = new Array<number>(rank).fill(-1);
    to.forEach((d, i) => {
      order[d] = from[i]!;
    });
    const rest = Array.from({ length: rank }, (_, i) => i).filter((d) => !from.includes(d));
    return self.permute(order.map((d) => (d === -1 ? rest.shift()! : d)));
  },
);

/**
 * `movedim` by NumPy's name.
 * @example x.moveaxis(0, 1).shape // torch.Size([3, 2])
 */
export const moveaxis: Op<[source: Dims, destination: Dims], "source destination"> = composite(
  { name: "moveaxis", params: "source:ints destination:ints" },
  (self, v) => self.movedim(v.source as number[], v.destination as number[]),
);

/** A size with its -1 filled in; throws PyTorch's errors where the number of elements differs. */
export function inferSize(size: readonly number[], numel: number): number[] {
  let unknown = -1;
  let known = 1;
  size.forEach((n, i) => {
    if (n === -1) {
      check(unknown === -1, () => "only one dimension can be inferred");
      unknown = i;
      return;
    }
    check(n >= 0, () => `invalid shape dimension ${n}`);
    known *= n;
  });
  const fits = unknown === -1 ? known === numel : known === 0 ? numel === 0 : numel % known === 0;
  check(fits, () => `shape '${list(size)}' is invalid for input of size ${numel}`);
  if (unknown === -1) return [...size];
  check(
    known !== 0,
    () =>
      `cannot reshape tensor of 0 elements into shape ${list(size)} because the unspecified dimension size -1 can be ` +
      "any value and is ambiguous",
  );
  return size.with(unknown, numel / known);
}

/** The same elements in another shape, or another dtype's reading of the bytes. */
export interface View {
  (self: Tensor, dtype: DType): Tensor;
  (self: Tensor, ...size: Sizes): Tensor;
  readonly op: OpInfo;
}

/**
 * Another shape over the same memory; or, given a dtype, the same bytes read as it. One size may be -1. A view: it
 * shares memory, and writes are seen on both sides.
 * @throws RuntimeError "view size is not compatible with input tensor's size and stride": `reshape` then copies.
 * @example x.view(3, -1) // tensor([[0., 1.], [2., 3.], [4., 5.]])
 * @example torch.ones(1).view(torch.int32) // tensor([1065353216], dtype=torch.int32)
 */
export const view: View = custom(
  { name: "view", params: ["dtype:dtype", "...size:ints"], kind: "view", isFunction: false },
  (self, v, which) => (which === 0 ? viewDType(self, v.dtype as DType) : viewSize(self, v.size as number[])),
);

function viewSize(self: Tensor, size: readonly number[]): Tensor {
  const layout = self.impl.layout.view(inferSize(size, self.numel()));
  check(
    layout !== null,
    () =>
      "view size is not compatible with input tensor's size and stride (at least one dimension spans across two " +
      "contiguous subspaces). Use .reshape(...) instead.",
  );
  const shape = self.shape;
  return makeView(self, layout, "ViewBackward0", (g) => g.reshape(shape));
}

function viewDType(self: Tensor, dtype: DType): Tensor {
  const from = self.dtype;
  if (dtype === from) return makeView(self, self.impl.layout, "AliasBackward0", (g) => g);
  check(
    !self.impl.dtype.isLazy,
    () =>
      `torch.Tensor.view is not supported for ${from.isComplex ? "conjugate view" : "tensors with negative bit set"} ` +
      "tensors when converting to a different dtype.",
  );
  // PyTorch does not differentiate through bits: the result shares memory and version, and is no view of autograd's.
  const out = wrap(self.impl.storage, reinterpret(self.impl.layout, from, dtype), dtype);
  out.impl.cell = versionCell(self);
  out.impl.inference = self.impl.inference;
  return out;
}

function reinterpret(layout: Layout, from: DType, to: DType): Layout {
  if (from.itemsize === to.itemsize) return layout;
  check(
    layout.rank > 0,
    () => `self.dim() cannot be 0 to view ${from.scalarName} as ${to.scalarName} (different element sizes)`,
  );
  const last = layout.rank - 1;
  check(
    layout.strides[last] === 1 || layout.shape[last] === 1,
    () =>
      `self.stride(-1) must be 1 to view ${from.scalarName} as ${to.scalarName} (different element sizes), but got ${layout.strides[last]}`,
  );
  const scale = from.itemsize / to.itemsize;
  const whole = (n: number): boolean => Number.isInteger(n * scale);
  check(
    whole(layout.shape[last]!),
    () =>
      `self.size(-1) must be divisible by ${1 / scale} to view ${from.scalarName} as ${to.scalarName} (different ` +
      `element sizes), but got ${layout.shape[last]}`,
  );
  check(
    whole(layout.offset),
    () => `self.storage_offset() must be divisible by ${1 / scale} to view as ${to.scalarName}`,
  );
  check(
    layout.strides.every((s, d) => d === last || whole(s)),
    () => `self.stride() must be divisible by ${1 / scale} to view as ${to.scalarName}`,
  );
  return new Layout(
    layout.shape.with(last, layout.shape[last]! * scale),
    layout.strides.map((s, d) => (d === last ? 1 : s * scale)),
    layout.offset * scale,
  );
}

/**
 * A view where strides allow it, else a copy. One size may be -1. Whether writes to it reach the source depends on the
 * strides.
 * @throws RuntimeError "shape '[4]' is invalid for input of size 6".
 * @example x.reshape(6) // tensor([0., 1., 2., 3., 4., 5.])
 */
export const reshape: BySizes = custom({ name: "reshape", params: "...shape:ints", kind: "view" }, (self, v) => {
  const size = inferSize(v.shape as number[], self.numel());
  const layout = self.impl.layout.view(size);
  const shape = self.shape;
  if (layout === null) {
    const copy = self.clone({ memoryFormat: contiguousFormat });
    const whole = Layout.contiguous(size);
    const out = wrap(copy.impl.storage, whole, copy.impl.dtype);
    return differentiable("UnsafeViewBackward0", out, [copy], [], ([g]) => [g!.reshape(shape)]);
  }
  const name = self.impl.layout.contiguous && equalShapes(size, shape) ? "ViewBackward0" : "ReshapeAliasBackward0";
  return makeView(self, layout, name, (g) => g.reshape(shape));
});

/** `reshape` to the size of another. */
export const reshapeAs: Op<[other: Tensor], "other"> = composite(
  { name: "reshapeAs", params: "other:tensor", isFunction: false },
  (self, v) => self.reshape((v.other as Tensor).shape),
);

/** `view` to the size of another. */
export const viewAs: Op<[other: Tensor], "other"> = composite(
  { name: "viewAs", params: "other:tensor", isFunction: false },
  (self, v) => self.view((v.other as Tensor).shape),
);

/**
 * Joins the dims from `startDim` to `endDim` into one. A view where strides allow it, else a copy. All dims by default.
 * @example torch.zeros(2, 3, 4).flatten(1).shape // torch.Size([2, 12])
 */
export const flatten: Op<[startDim?: number, endDim?: number], "startDim endDim"> = composite(
  { name: "flatten", params: "startDim:int=0 endDim:int=-1" },
  (self, v) => {
    const start = wrapDim(one(v, "startDim"), self.dim());
    const end = wrapDim(one(v, "endDim"), self.dim());
    check(start <= end, () => "flatten() has invalid args: start_dim cannot come after end_dim");
    if (self.dim() === 0) return self.reshape([1]);
    if (start === end) return self;
    const shape = [...self.shape];
    const joined = product(shape.slice(start, end + 1));
    return self.reshape([...shape.slice(0, start), joined, ...shape.slice(end + 1)]);
  },
);

/**
 * `reshape(-1)`.
 * @example x.ravel() // tensor([0., 1., 2., 3., 4., 5.])
 */
export const ravel: Op<[]> = composite({ name: "ravel" }, (self) => self.contiguous().view(-1));

/**
 * Splits one dim into several. One of the sizes may be -1. A view: it shares memory, and writes are seen on both sides.
 * @throws RuntimeError where their product is not the dim's size.
 * @example torch.zeros(6).unflatten(0, [2, 3]).shape // torch.Size([2, 3])
 */
export const unflatten: Op<[dim: number, sizes: readonly number[]], "dim sizes"> = composite(
  { name: "unflatten", params: "dim:int sizes:ints" },
  (self, v) => {
    const dim = wrapDim(v.dim as number, self.dim());
    const sizes = v.sizes as number[];
    check(sizes.length > 0, () => "unflatten: sizes must be non-empty");
    const n = self.shape[dim]!;
    const known = product(sizes.filter((s) => s !== -1));
    check(
      sizes.includes(-1) ? n % known === 0 : known === n,
      () =>
        `unflatten: Provided sizes ${list(sizes)} don't multiply up to the size of dim ${dim} (${n}) in the input tensor`,
    );
    return self.view([...self.shape.slice(0, dim), ...inferSize(sizes, n), ...self.shape.slice(dim + 1)]);
  },
);

/**
 * Without dims of size 1: all, or those given. A view: it shares memory, and writes are seen on both sides. A batch of
 * one loses its dim as well: name the dims.
 * @example torch.zeros(1, 3, 1).squeeze(2).shape // torch.Size([1, 3])
 */
export const squeeze: OpInplace<[dim?: Dims], "dim"> = declareView({
  name: "squeeze",
  params: ["", "dim:ints"],
  inplace: true,
  layout: (input, v) => {
    const dims = v.dim === undefined ? input.shape.map((_, d) => d) : wrapDims(v.dim as number[], input.rank);
    return input.squeeze(dims);
  },
  grad: (g, { shape }) => g.reshape(shape),
  node: (v) => (v.dim === undefined ? "SqueezeBackward0" : "SqueezeBackward1"),
});

/**
 * A new dim of size 1. A view: it shares memory, and writes are seen on both sides. Python's `x[None]` is
 * `x.unsqueeze(0)`.
 * @throws IndexError for a dim out of range.
 * @example torch.zeros(3).unsqueeze(0).shape // torch.Size([1, 3])
 */
export const unsqueeze: OpInplace<[dim: number], "dim"> = declareView({
  name: "unsqueeze",
  params: "dim:int",
  inplace: true,
  layout: (input, v) => input.unsqueeze(wrapDim(one(v, "dim"), input.rank + 1)),
  grad: (g, { shape }, v) => g.squeeze(wrapDim(one(v, "dim"), shape.length + 1)),
});

/**
 * `length` elements of `dim` from `start`. A view: it shares memory, and writes are seen on both sides.
 * @throws RuntimeError where the range leaves the dim.
 * @example x.narrow(1, 1, 2) // tensor([[1., 2.], [4., 5.]])
 */
export const narrow: Op<[dim: number, start: number, length: number], "dim start length"> = composite(
  { name: "narrow", params: "dim:int start:int length:int" },
  (self, v) => {
    check(self.dim() > 0, () => "narrow() cannot be applied to a 0-dim tensor.");
    const dim = wrapDim(one(v, "dim"), self.dim());
    const n = self.shape[dim]!;
    const length = one(v, "length");
    check(length >= 0, () => "narrow(): length must be non-negative.");
    const raw = one(v, "start");
    check(
      raw >= -n && raw <= n,
      () => `start out of range (expected to be in range of [${-n}, ${n}], but got ${raw})`,
      IndexError,
    );
    const start = raw < 0 ? raw + n : raw;
    check(start <= n - length, () => `start (${start}) + length (${length}) exceeds dimension size (${n}).`);
    return sliceView(self, dim, start, start + length, 1);
  },
);

/** Elements `start`, `start + step`, … before `end` of a dim; out-of-range ends are clamped. */
export function sliceView(self: Tensor, dim: number, start: number | null, end: number | null, step: number): Tensor {
  const d = wrapDim(dim, self.dim());
  check(step > 0, () => "step must be greater than zero", ValueError);
  const n = self.shape[d]!;
  const clamp = (i: number): number => Math.min(Math.max(i < 0 ? i + n : i, 0), n);
  const from = clamp(start ?? 0);
  const to = Math.max(clamp(end ?? n), from);
  const length = Math.ceil((to - from) / step);
  const layout = self.impl.layout.slice(d, from, length, step);
  const shape = self.shape;
  return makeView(self, layout, "SliceBackward0", (g) => {
    const whole = g.newZeros(shape);
    return embed(whole, whole.impl.layout.slice(d, from, length, step), g, "SliceBackward0", (h) =>
      sliceView(h, d, from, to, step),
    );
  });
}

/** Writes `g` into a region of a fresh tensor of zeros, differentiably: the derivative of taking the region. */
export function embed(whole: Tensor, region: Layout, g: Tensor, name: string, back: (h: Tensor) => Tensor): Tensor {
  const target = wrap(whole.impl.storage, region, whole.impl.dtype);
  copyInto(target, g);
  return differentiable(name, whole, [g], [], ([h]) => [back(h!)]);
}

function copyInto(target: Tensor, source: Tensor): void {
  copyKernel.into([source], target, target.impl.dtype);
}

/**
 * One element of a dim, without the dim. A view: it shares memory, and writes are seen on both sides.
 * @throws IndexError for a dim or an index out of range.
 * @example x.select(1, 0) // tensor([0., 3.])
 */
export const select: Op<[dim: number, index: number], "dim index"> = custom(
  { name: "select", params: "dim:int index:int", kind: "view" },
  (self, v) => selectView(self, one(v, "dim"), one(v, "index")),
);

/** `select` for library code. */
export function selectView(self: Tensor, dim: number, index: number): Tensor {
  check(self.dim() > 0, () => "select() cannot be applied to a 0-dim tensor.", IndexError);
  const d = wrapDim(dim, self.dim());
  const n = self.shape[d]!;
  check(
    index >= -n && index < n,
    () => `select(): index ${index} out of range for tensor of size ${list(self.shape)} at dimension ${d}`,
    IndexError,
  );
  const i = index < 0 ? index + n : index;
  const shape = self.shape;
  return makeView(self, self.impl.layout.select(d, i), "SelectBackward0", (g) => {
    const whole = g.newZeros(shape);
    return embed(whole, whole.impl.layout.select(d, i), g, "SelectBackward0", (h) => selectView(h, d, i));
  });
}

/**
 * Stretches dims of size 1 without copying; -1 keeps a dim. A view: it shares memory, and writes are seen on both
 * sides. Several places are then one element: it cannot be written in place.
 * @throws RuntimeError where a dim that is not 1 would change.
 * @example torch.tensor([[1], [2]]).expand(2, 3) // tensor([[1., 1., 1.], [2., 2., 2.]])
 */
export const expand: BySizes = declareView({
  name: "expand",
  params: "...size:ints * implicit:bool=false",
  isFunction: false,
  layout: (input, v, self) => input.expand(expandSize(input, v.size as number[], self)),
  grad: (g, { shape }) => g.sumToSize(shape),
});

/** The shape that `self` takes when it is expanded to `size`; refuses what does not broadcast. */
export function expandSize(input: Layout, size: readonly number[], self: Tensor): number[] {
  const lead = size.length - input.rank;
  check(
    lead >= 0,
    () =>
      `expand(torch.${self.dtype.scalarName}Tensor{${list(input.shape)}}, size=${list(size)}): the number of sizes ` +
      `provided (${size.length}) must be greater or equal to the number of dimensions in the tensor (${input.rank})`,
  );
  return size.map((n, d) => {
    if (d < lead) {
      check(
        n >= 0,
        () => `The expanded size of the tensor (${n}) isn't allowed in a leading, non-existing dimension ${d}`,
      );
      return n;
    }
    const own = input.shape[d - lead]!;
    check(
      n === -1 || n === own || own === 1,
      () =>
        `The expanded size of the tensor (${n}) must match the existing size (${own}) at non-singleton dimension ${d}. ` +
        ` Target sizes: ${list(size)}.  Tensor sizes: ${list(input.shape)}`,
    );
    check(n >= -1, () => `invalid shape dimension ${n}`);
    return n === -1 ? own : n;
  });
}

/** `expand` to the size of another. */
export const expandAs: Op<[other: Tensor], "other"> = composite(
  { name: "expandAs", params: "other:tensor", isFunction: false },
  (self, v) => self.expand((v.other as Tensor).shape),
);

/**
 * `expand` by NumPy's name.
 * @example torch.ones(1).broadcastTo([2]) // tensor([1., 1.])
 */
export const broadcastTo: Op<[size: readonly number[]], "size"> = composite(
  { name: "broadcastTo", params: "size:ints" },
  (self, v) => self.expand(v.size as number[]),
);

/**
 * The diagonal of two dims as a new last dim. `offset` 0, dims 0 and 1. A view: it shares memory, and writes are seen
 * on both sides.
 * @example torch.eye(2).diagonal() // tensor([1., 1.])
 */
export const diagonal: Op<[offset?: number, dim1?: number, dim2?: number], "offset dim1 dim2"> = declareView({
  name: "diagonal",
  params: "offset:int=0 dim1:int=0 dim2:int=1",
  layout: (input, v) => {
    const d1 = input.wrap(one(v, "dim1"));
    const d2 = input.wrap(one(v, "dim2"));
    check(d1 !== d2, () => `diagonal dimensions cannot be identical ${v.dim1}, ${v.dim2}`);
    return input.diagonal(one(v, "offset"), d1, d2);
  },
  grad: (g, { shape }, v) => {
    const d1 = wrapDim(one(v, "dim1"), shape.length);
    const d2 = wrapDim(one(v, "dim2"), shape.length);
    const whole = g.newZeros(shape);
    const region = whole.impl.layout.diagonal(one(v, "offset"), d1, d2);
    return embed(whole, region, g, "DiagonalBackward0", (h) => h.diagonal(one(v, "offset"), d1, d2));
  },
});

/**
 * Overlapping windows of a dim, `size` long and `step` apart, as a new last dim. A view: it shares memory, and writes
 * are seen on both sides.
 * @throws RuntimeError where the window is longer than the dim.
 * @example torch.arange(4).unfold(0, 2, 1) // tensor([[0, 1], [1, 2], [2, 3]])
 */
export const unfold: Op<[dimension: number, size: number, step: number], "dimension size step"> = declareView({
  name: "unfold",
  params: "dimension:int size:int step:int",
  isFunction: false,
  layout: (input, v) => {
    const d = input.wrap(one(v, "dimension"));
    const n = input.rank === 0 ? 1 : input.shape[d]!;
    const size = one(v, "size");
    check(size >= 0, () => `size is ${size} but must be >= 0`);
    check(size <= n, () => `maximum size for tensor at dimension ${d} is ${n} but size is ${size}`);
    check(one(v, "step") > 0, () => `step is ${v.step} but must be > 0`);
    return input.unfold(d, size, one(v, "step"));
  },
  grad: (g, { shape }, v) => unfoldBackward(g, shape, one(v, "dimension"), one(v, "size"), one(v, "step")),
});

/** Sums windows back into the places that they came from. */
function unfoldBackward(g: Tensor, shape: readonly number[], dim: number, size: number, step: number): Tensor {
  if (shape.length === 0) return g.reshape([]);
  const d = wrapDim(dim, shape.length);
  let whole = g.newZeros(shape);
  const count = g.shape[d]!;
  for (let i = 0; i < size; i++) {
    const region = whole.impl.layout.slice(d, i, count, step);
    const part = whole.newZeros(shape);
    const term = embed(part, region, g.select(-1, i), "SliceBackward0", (h) =>
      sliceView(h, d, i, i + (count - 1) * step + 1, step),
    );
    whole = whole.add(term);
  }
  return whole;
}

function checkInBounds(self: Tensor, layout: Layout): void {
  for (const s of layout.strides) {
    check(
      s >= 0,
      () => `as_strided: Negative strides are not supported at the moment, got strides: ${list(layout.strides)}`,
    );
  }
  check(layout.offset >= 0, () => `Tensor: invalid storage offset ${layout.offset}`);
  const itemsize = self.dtype.itemsize;
  check(
    layout.numel === 0 || layout.end * itemsize <= self.impl.storage.nbytes,
    () =>
      `setStorage: sizes ${list(layout.shape)}, strides ${list(layout.strides)}, storage offset ${layout.offset}, and ` +
      `itemsize ${itemsize} requiring a storage size of ${layout.end * itemsize} are out of bounds for storage of size ` +
      `${self.impl.storage.nbytes}`,
  );
}

/**
 * Any sizes, strides and offset (in elements) over the same storage. A view: it shares memory, and writes are seen on
 * both sides.
 * @throws RuntimeError where it would leave the storage.
 * @example torch.arange(4).asStrided([2, 2], [1, 2]) // tensor([[0, 2], [1, 3]])
 */
export const asStrided: OpInplace<
  [size: readonly number[], stride: readonly number[], storageOffset?: number | null],
  "size stride storageOffset"
> = declareView({
  name: "asStrided",
  params: "size:ints stride:ints storageOffset:int?=null",
  inplace: true,
  layout: (input, v, self) => {
    const size = v.size as number[];
    const stride = v.stride as number[];
    check(size.length === stride.length, () => "mismatch in length of strides and shape");
    for (const n of size) check(n >= 0, () => `as_strided: negative size ${n} in ${list(size)}`);
    const layout = new Layout(size, stride, (v.storageOffset as number | null) ?? input.offset);
    checkInBounds(self, layout);
    return layout;
  },
  node: "AsStridedBackward0",
  grad: (g, input, v) =>
    g.asStridedBackward(
      input.shape,
      input.strides,
      input.offset,
      v.stride as number[],
      (v.storageOffset as number | null) ?? input.offset,
    ),
});

// ---------------------------------------------------------------- several views

/**
 * The slices of a dim, without the dim. A view: it shares memory, and writes are seen on both sides.
 * @example x.unbind(0) // [ tensor([0., 1., 2.]), tensor([3., 4., 5.]) ]
 */
export const unbind: Op<[dim?: number], "dim", unknown, Tensor[]> = custom(
  { name: "unbind", params: "dim:int=0", kind: "view" },
  (self, v) => {
    const d = wrapDim(one(v, "dim"), self.dim());
    check(self.dim() > 0, () => "Dimension specified as 0 but tensor has no dimensions", IndexError);
    const layouts = Array.from({ length: self.shape[d]! }, (_, i) => self.impl.layout.select(d, i));
    const shape = self.shape.toSpliced(d, 1);
    return makeViews(self, layouts, "UnbindBackward0", (grads) => stackGrads(grads, shape, d));
  },
);

function stackGrads(grads: (Tensor | null)[], shape: readonly number[], dim: number): Tensor {
  const some = grads.find((g) => g !== null)!;
  return stack(
    grads.map((g) => g ?? some.newZeros(shape)),
    dim,
  );
}

/**
 * Parts of a dim of these lengths, or of equal length with a shorter last one. A view: it shares memory, and writes are
 * seen on both sides.
 * @throws RuntimeError where lengths do not sum to the dim.
 * @example torch.arange(5).split(2) // [ tensor([0, 1]), tensor([2, 3]), tensor([4]) ]
 */
export const split: Op<[splitSize?: Dims, dim?: number], "splitSize dim", { splitSizeOrSections?: Dims }, Tensor[]> =
  custom(
    { name: "split", params: ["splitSize:any dim:int=0", "splitSizeOrSections:any dim:int=0"], kind: "view" },
    (self, v) => {
      check(self.dim() > 0, () => "split expects at least a 1-dimensional tensor");
      const d = wrapDim(one(v, "dim"), self.dim());
      const size = v.splitSize ?? v.splitSizeOrSections;
      if (typeof size === "number") return splitParts(self, equalParts(self.shape[d]!, size), d, "SplitBackward0");
      if (!Array.isArray(size)) throw new TypeError("split(): argument 'split_size' must be int or list of ints");
      return splitWithSizes(self, size as number[], d);
    },
  );

/**
 * Parts of a dim of these lengths.
 * @example torch.arange(4).splitWithSizes([1, 3])[1] // tensor([1, 2, 3])
 */
export const splitWithSizes: Op<[splitSizes: readonly number[], dim?: number], "splitSizes dim", unknown, Tensor[]> =
  custom({ name: "splitWithSizes", params: "splitSizes:ints dim:int=0", kind: "view" }, (self, v) => {
    const d = wrapDim(one(v, "dim"), self.dim());
    const sizes = v.splitSizes as number[];
    const total = sizes.reduce((a, b) => a + b, 0);
    check(
      sizes.every((n) => n >= 0),
      () => `split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes=${list(sizes)}`,
    );
    check(
      total === self.shape[d],
      () =>
        `split_with_sizes expects split_sizes to sum exactly to ${self.shape[d]} (input tensor's size at dimension ` +
        `${d}), but got split_sizes=${list(sizes)}`,
    );
    return splitParts(self, sizes, d, "SplitWithSizesBackward0");
  });

function equalParts(n: number, size: number): number[] {
  check(size >= 0, () => `split expects split_size be non-negative, but got split_size=${size}`);
  check(size > 0 || n === 0, () => `split_size can only be 0 if dimension size is 0, but got dimension size of ${n}`);
  const count = size === 0 ? 1 : Math.max(Math.ceil(n / size), 1);
  return Array.from({ length: count }, (_, i) => Math.max(Math.min(size, n - i * size), 0));
}

function splitParts(self: Tensor, sizes: readonly number[], d: number, name: string): Tensor[] {
  let start = 0;
  const layouts = sizes.map((n) => {
    const layout = self.impl.layout.slice(d, start, n);
    start += n;
    return layout;
  });
  const shape = self.shape;
  return makeViews(self, layouts, name, (grads) => {
    const some = grads.find((g) => g !== null)!;
    return cat(
      grads.map((g, i) => g ?? some.newZeros(shape.with(d, sizes[i]!))),
      d,
    );
  });
}

/**
 * At most `chunks` parts of equal length, the last one shorter. A view: it shares memory, and writes are seen on both
 * sides.
 * @throws RuntimeError unless `chunks` is positive.
 * @example torch.arange(4).chunk(2) // [ tensor([0, 1]), tensor([2, 3]) ]
 */
export const chunk: Op<[chunks: number, dim?: number], "chunks dim", unknown, Tensor[]> = composite(
  { name: "chunk", params: "chunks:int dim:int=0" },
  (self, v) => {
    check(self.dim() > 0, () => "chunk expects at least a 1-dimensional tensor");
    const chunks = one(v, "chunks");
    check(chunks > 0, () => `chunk expects \`chunks\` to be greater than 0, got: ${chunks}`);
    const d = wrapDim(one(v, "dim"), self.dim());
    const n = self.shape[d]!;
    const size = Math.floor((n + chunks - 1) / chunks);
    if (size === 0) return self.splitWithSizes(new Array(chunks).fill(0), d);
    return self.split(size, d);
  },
);

// ---------------------------------------------------------------- properties

const deprecatedT =
  "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will throw an error " +
  "in a future release. Consider `x.mT` to transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, " +
  "-1))` to reverse the dimensions of a tensor.";

/** `x.T`: all dims reversed. */
export function reversedDims(self: Tensor): Tensor {
  if (self.dim() !== 2 && self.dim() !== 0) warn("deprecated-T", deprecatedT);
  return self.permute(self.shape.map((_, d) => self.dim() - 1 - d));
}

/** `x.mT`: the last two dims swapped. */
export function matrixTranspose(self: Tensor): Tensor {
  if (self.dim() === 0) {
    warn("deprecated-mT", "Tensor.mT is deprecated on 0-D tensors. This function is the identity in these cases.");
    return self;
  }
  check(
    self.dim() >= 2,
    () => `tensor.mT is only supported on matrices or batches of matrices. Got ${self.dim()}-D tensor.`,
  );
  return self.transpose(-2, -1);
}

/** `x.H`: the conjugate transpose of a matrix. */
export function conjugateTranspose(self: Tensor): Tensor {
  check(
    self.dim() === 2 || self.dim() === 0,
    () => `tensor.H is only supported on matrices (2-D tensors). Got ${self.dim()}-D tensor.`,
  );
  return (self.dim() === 0 ? self : self.transpose(0, 1)).conj();
}
