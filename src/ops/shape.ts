/** Rearrangements that copy: `flip`, `roll`, `rot90`, `repeat`, `tril`, diagonals, products of lists. */
import { int64 } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { Layout, wrapDim } from "../core/layout.ts";
import { type Tensor, wrap } from "../core/tensor.ts";
import type { Dims, Op, OpInfo, OpInplace, Sizes } from "./call.ts";
import { chooseKernel } from "./choose.ts";
import { checkSize } from "./create.ts";
import { composite, copyKernel, custom, differentiable, unrecorded } from "./define.ts";
import { cat } from "./join.ts";
import { emptyTensor } from "./operands.ts";
import { arange } from "./ranges.ts";
import { embed } from "./views.ts";
import { writing } from "./writes.ts";

/** An operator by sizes or dims, as separate numbers or one list. */
export interface ByList {
  (self: Tensor, ...list: Sizes): Tensor;
  readonly op: OpInfo;
}

function distinctDims(raw: readonly number[], rank: number): number[] {
  const dims = raw.map((d) => wrapDim(d, rank));
  dims.forEach((d, i) => {
    check(dims.indexOf(d) === i, () => `dim ${d} appears multiple times in the list of dims`);
  });
  return dims;
}

/** A copy of the elements that a layout names in the storage of `self`. */
function copyOf(self: Tensor, layout: Layout): Tensor {
  const out = emptyTensor(layout.shape, self.dtype, self.device);
  return copyKernel.into([wrap(self.impl.storage, layout, self.impl.dtype)], out, self.dtype);
}

/** A layout that walks these dims backwards. */
function reversed(layout: Layout, dims: readonly number[]): Layout {
  if (layout.numel === 0) return layout;
  const backwards = layout.strides.map((s, d) => (dims.includes(d) ? -s : s));
  const start = dims.reduce((at, d) => at + (layout.shape[d]! - 1) * layout.strides[d]!, layout.offset);
  return new Layout(layout.shape, backwards, start);
}

/**
 * A copy with the order along dims reversed. A slice with a negative step, which PyTorch has not.
 * @example torch.arange(3).flip(0) // tensor([2, 1, 0])
 */
export const flip: ByList = custom({ name: "flip", params: "...dims:ints" }, (self, v) => {
  const given = v.dims as number[];
  const dims = distinctDims(given, self.dim());
  const out = copyOf(self, self.dim() === 0 ? self.impl.layout : reversed(self.impl.layout, dims));
  return differentiable("FlipBackward0", out, [self], [], ([g]) => [g!.flip(given)]);
});

/**
 * `flip` from left to right: dim 1.
 * @example x.fliplr() // tensor([[2., 1., 0.], [5., 4., 3.]])
 */
export const fliplr: Op<[]> = composite({ name: "fliplr" }, (self) => {
  check(self.dim() >= 2, () => "Input must be >= 2-d.");
  return self.flip(1);
});

/**
 * `flip` upside down: dim 0.
 * @example x.flipud() // tensor([[3., 4., 5.], [0., 1., 2.]])
 */
export const flipud: Op<[]> = composite({ name: "flipud" }, (self) => {
  check(self.dim() >= 1, () => "Input must be >= 1-d.");
  return self.flip(0);
});

function rolled(self: Tensor, shift: number, dim: number): Tensor {
  const n = self.shape[dim]!;
  if (n === 0) return self;
  const at = (((n - shift) % n) + n) % n;
  return at === 0 ? self : cat([self.narrow(dim, at, n - at), self.narrow(dim, 0, at)], dim);
}

/**
 * Shifts elements along dims, those that leave at the end coming back at the start; without dims, flattened.
 * @example torch.arange(4).roll(1) // tensor([3, 0, 1, 2])
 */
export const roll: Op<[shifts: Dims, dims?: Dims], "shifts dims"> = custom(
  { name: "roll", params: "shifts:ints dims:ints=[]" },
  (self, v) => {
    const [shifts, dims] = [v.shifts as number[], v.dims as number[]];
    check(shifts.length > 0, () => "`shifts` required");
    const flat = dims.length === 0 && shifts.length === 1;
    check(
      flat || shifts.length === dims.length,
      () => `shifts and dimensions must align. shifts: ${shifts.length}, dims:${dims.length}`,
    );
    const wrapped = dims.map((d) => wrapDim(d, self.dim()));
    const out = unrecorded(() => {
      if (self.dim() === 0) return self.clone();
      if (flat) return rolled(self.reshape(-1), shifts[0]!, 0).view(self.shape).clone();
      return wrapped.reduce((x, d, i) => rolled(x, shifts[i]!, d), self.clone());
    });
    const back = shifts.map((s) => -s);
    return differentiable("RollBackward0", out, [self], [], ([g]) => [g!.roll(back, dims)]);
  },
);

/**
 * Turns the plane of two dims by `k` quarters, from the first towards the second.
 * @example torch.tensor([[1, 2], [3, 4]]).rot90() // tensor([[2., 4.], [1., 3.]])
 */
export const rot90: Op<[k?: number, dims?: readonly number[]], "k dims"> = custom(
  { name: "rot90", params: "k:int=1 dims:ints=[0,1]" },
  (self, v) => {
    const [k, dims] = [v.k as number, v.dims as number[]];
    const rank = self.dim();
    check(dims.length === 2, () => `expected total rotation dims == 2, but got dims = ${dims.length}`);
    check(rank >= 2, () => `expected total dims >= 2, but got total dims = ${rank}`);
    const [a, b] = [dims[0]!, dims[1]!];
    check(
      a !== b && Math.abs(a - b) !== rank,
      () => `expected rotation dims to be different, but got dim0 = ${a} and dim1 = ${b}`,
    );
    check(a < rank && a >= -rank, () => `Rotation dim0 out of range, dim0 = ${a}`);
    check(b < rank && b >= -rank, () => `Rotation dim1 out of range, dim1 = ${b}`);
    const turns = ((k % 4) + 4) % 4;
    const out = unrecorded(() => {
      if (turns === 1) return self.flip(b).transpose_(a, b);
      if (turns === 2) return self.flip(dims);
      if (turns === 3) return self.flip(a).transpose_(a, b);
      return self.clone();
    });
    return differentiable("Rot90Backward0", out, [self], [], ([g]) => [g!.rot90(-k, dims)]);
  },
);

// ---------------------------------------------------------------- repetition

/**
 * The whole tensor, this many times along each dim; further dims come in front. A copy; `expand` repeats without
 * memory.
 * @throws RuntimeError for fewer counts than dims.
 * @example torch.tensor([1, 2]).repeat(2) // tensor([1., 2., 1., 2.])
 */
export const repeat: ByList = custom({ name: "repeat", params: "...repeats:ints", isFunction: false }, (self, v) => {
  const repeats = v.repeats as number[];
  const lead = repeats.length - self.dim();
  check(lead >= 0, () => "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor");
  const padded = [...new Array<number>(lead).fill(1), ...self.shape];
  const shape = padded.map((n, d) => n * repeats[d]!);
  checkSize("repeat", shape);
  // Each dim as (repeat, element): the copies are the same element at stride 0.
  const split = repeats.flatMap((r, d) => [r, padded[d]!]);
  const strides = self.impl.layout.expand(padded).strides.flatMap((s) => [0, s]);
  const out = emptyTensor(shape, self.dtype, self.device);
  const target = wrap(out.impl.storage, Layout.contiguous(split), out.dtype);
  const source = wrap(self.impl.storage, new Layout(split, strides, self.impl.layout.offset), self.impl.dtype);
  copyKernel.into([source], target, self.dtype);
  const [own, counts] = [self.shape, repeats.map((_, d) => 2 * d)];
  return differentiable("RepeatBackward0", out, [self], [], ([g]) => [
    counts.length === 0 ? g! : g!.reshape(split).sum(counts).reshape(own),
  ]);
});

/**
 * `repeat` as NumPy has it: missing counts in front are 1.
 * @example torch.tensor([1, 2]).tile(2) // tensor([1., 2., 1., 2.])
 */
export const tile: ByList = composite({ name: "tile", params: "...dims:ints" }, (self, v) => {
  const dims = v.dims as number[];
  return self.repeat([...new Array<number>(Math.max(self.dim() - dims.length, 0)).fill(1), ...dims]);
});

/** `repeatInterleave(x, repeats, dim)`, and of the counts alone the positions. */
export interface RepeatInterleave
  extends Op<[repeats: number | Tensor, dim?: number | null], "repeats dim", { outputSize?: number | null }> {
  (repeats: Tensor, options?: { outputSize?: number | null }): Tensor;
}

/** Position i, `repeats[i]` times. */
function positions(repeats: Tensor, outputSize: number | null): Tensor {
  check(repeats.dim() === 1, () => "repeat_interleave only accept 1D vector as repeat");
  check(
    repeats.dtype === int64 || repeats.dtype.name === "int32",
    () => `"repeat_interleave_cpu" not implemented for '${repeats.dtype.scalarName}'`,
  );
  const counts = (repeats.tolist({ bigint: true }) as (number | bigint)[]).map(Number);
  check(
    counts.every((n) => n >= 0),
    () => "repeats can not be negative",
  );
  const total = counts.reduce((a, b) => a + b, 0);
  check(outputSize === null || outputSize === total, () => "allocated size does not match required size");
  const out = emptyTensor([total], repeats.dtype, repeats.device);
  const window = out.impl.storage.window(repeats.dtype);
  let at = 0;
  counts.forEach((n, i) => {
    window.fill((repeats.dtype === int64 ? BigInt(i) : i) as never, at, at + n);
    at += n;
  });
  return out;
}

/**
 * Each element (or slice of a dim) several times in a row. Without `dim` the tensor is flattened.
 * @example torch.tensor([1, 2]).repeatInterleave(2) // tensor([1., 1., 2., 2.])
 */
export const repeatInterleave: RepeatInterleave = composite(
  {
    name: "repeatInterleave",
    params: [
      "repeats:int dim:int?=null * outputSize:int?=null",
      "repeats:tensor dim:int?=null * outputSize:int?=null",
      "* outputSize:int?=null",
    ],
  },
  (self, v, which) => {
    const outputSize = v.outputSize as number | null;
    if (which === 2) return positions(self, outputSize);
    const x = v.dim === null ? self.reshape(-1) : self;
    const dim = v.dim === null ? 0 : wrapDim(v.dim as number, self.dim());
    const n = x.shape[dim] ?? 1;
    const repeats = spread(v.repeats as number | Tensor, n, self);
    const index = positions(repeats, outputSize).to(int64);
    if (x.dim() === 0) return x.reshape(1).indexSelect(0, index);
    return x.indexSelect(dim, index);
  },
);

/** One count for each of `n` elements. */
function spread(repeats: number | Tensor, n: number, self: Tensor): Tensor {
  if (typeof repeats === "number") {
    check(repeats >= 0, () => "repeats can not be negative");
    return self.newFull([n], repeats, { dtype: int64 });
  }
  if (repeats.dim() === 0 || (repeats.dim() === 1 && repeats.numel() === 1)) return repeats.reshape(1).expand(n);
  check(repeats.dim() === 1, () => "repeats must be 0-dim or 1-dim tensor");
  check(repeats.numel() === n, () => "repeats must have the same size as input along dim");
  return repeats;
}

// ---------------------------------------------------------------- triangles

/** Which elements of the last two dims stand on or below (`keepLower`) or above the diagonal, as a mask. */
function triangle(self: Tensor, diagonal: number, keepLower: boolean): Tensor {
  const [rows, columns] = [self.shape.at(-2)!, self.shape.at(-1)!];
  const options = { dtype: int64, device: self.device };
  const row = arange(0, rows, 1, options).unsqueeze(1).add(diagonal);
  const column = arange(0, columns, 1, options);
  return keepLower ? column.le(row) : column.ge(row);
}

function triangular(name: "tril" | "triu"): OpInplace<[diagonal?: number], "diagonal"> {
  const node = name === "tril" ? "TrilBackward0" : "TriuBackward0";
  return writing({ name, params: "diagonal:int=0" }, (self, v) => {
    const diagonal = v.diagonal as number;
    check(self.dim() >= 2, () => `${name}: input tensor must have at least 2 dimensions`);
    return {
      node,
      run: (target) => {
        const kept = unrecorded(() => triangle(target, diagonal, name === "tril"));
        chooseKernel.into([kept, target, 0], target, target.dtype);
      },
      grad: ([g]) => [g![name](diagonal)],
    };
  });
}

/**
 * The elements on and below a diagonal of the last two dims, zeros above. `diagonal` 0.
 * @throws RuntimeError for fewer than two dims.
 * @example torch.ones(2, 2).tril() // tensor([[1., 0.], [1., 1.]])
 */
export const tril: OpInplace<[diagonal?: number], "diagonal"> = triangular("tril");
/**
 * The elements on and above a diagonal of the last two dims, zeros below. `diagonal` 0.
 * @throws RuntimeError for fewer than two dims.
 * @example torch.ones(2, 2).triu(1) // tensor([[0., 1.], [0., 0.]])
 */
export const triu: OpInplace<[diagonal?: number], "diagonal"> = triangular("triu");

// ---------------------------------------------------------------- diagonals

/**
 * A matrix with the vector as its diagonal, or a copy of a matrix's diagonal.
 * @throws RuntimeError for more than two dims.
 * @example torch.tensor([1, 2]).diag() // tensor([[1., 0.], [0., 2.]])
 */
export const diag: Op<[diagonal?: number], "diagonal"> = custom(
  { name: "diag", params: "diagonal:int=0" },
  (self, v) => {
    const diagonal = v.diagonal as number;
    check(self.dim() === 1 || self.dim() === 2, () => "matrix or a vector expected");
    const flat = self.dim() === 1;
    const out = unrecorded(() => (flat ? self.diagEmbed(diagonal) : self.diagonal(diagonal).clone()));
    const shape = self.shape;
    return differentiable("DiagBackward0", out, [self], [], ([g]) => [
      flat ? g!.diagonal(diagonal) : g!.newZeros(shape).diagonalScatter(g!, diagonal),
    ]);
  },
);

/**
 * Vectors along the last dim as diagonals of matrices in two dims of the result.
 * @example torch.diagEmbed(torch.tensor([1, 2])) // tensor([[1., 0.], [0., 2.]])
 */
export const diagEmbed: Op<[offset?: number, dim1?: number, dim2?: number], "offset dim1 dim2"> = custom(
  { name: "diagEmbed", params: "offset:int=0 dim1:int=-2 dim2:int=-1" },
  (self, v) => {
    const offset = v.offset as number;
    const rank = self.dim() + 1;
    const [d1, d2] = [wrapDim(v.dim1 as number, rank), wrapDim(v.dim2 as number, rank)];
    check(d1 !== d2, () => `diagonal dimensions cannot be identical ${v.dim1}, ${v.dim2}`);
    const n = self.shape.at(-1)! + Math.abs(offset);
    const shape = [...self.shape.slice(0, -1)];
    for (const d of [Math.min(d1, d2), Math.max(d1, d2)]) shape.splice(d, 0, n);
    const whole = self.detach().newZeros(shape);
    return embed(whole, whole.impl.layout.diagonal(offset, d1, d2), self, "DiagEmbedBackward0", (g) =>
      g.diagonal(offset, d1, d2),
    );
  },
);

/**
 * A matrix with the flattened tensor as its diagonal.
 * @example torch.diagflat(torch.tensor([1, 2])) // tensor([[1., 0.], [0., 2.]])
 */
export const diagflat: Op<[offset?: number], "offset"> = composite(
  { name: "diagflat", params: "offset:int=0" },
  (self, v) => self.reshape(-1).diag(v.offset as number),
);

/**
 * The sum of a matrix's diagonal.
 * @throws RuntimeError unless there are two dims.
 * @example torch.eye(3).trace() // tensor(3.)
 */
export const trace: Op<[]> = custom({ name: "trace" }, (self) => {
  check(self.dim() === 2, () => `trace: expected a matrix, but got tensor with dim ${self.dim()}`);
  const out = unrecorded(() => self.diagonal().sum());
  const shape = self.shape;
  return differentiable("TraceBackward0", out, [self], [], ([g]) => [
    g!.newZeros(shape).diagonalScatter(g!.expand(Math.min(...shape)), 0),
  ]);
});

// ---------------------------------------------------------------- products

/**
 * The Kronecker product: every element of `self` times all of `other`.
 * @example torch.tensor([1, 2]).kron(torch.tensor([1, 10])) // tensor([ 1., 10.,  2., 20.])
 */
export const kron: Op<[other: Tensor], "other"> = composite({ name: "kron", params: "other:tensor" }, (self, v) => {
  const other = v.other as Tensor;
  const rank = Math.max(self.dim(), other.dim());
  const padded = (t: Tensor): number[] => [...new Array<number>(rank - t.dim()).fill(1), ...t.shape];
  const [a, b] = [padded(self), padded(other)];
  const shape = a.map((n, d) => n * b[d]!);
  const [left, right] = [a.flatMap((n) => [n, 1]), b.flatMap((n) => [1, n])];
  const product = self.reshape(left).mul(other.reshape(right)).contiguous();
  const out = wrap(product.impl.storage, Layout.contiguous(shape), product.dtype);
  return differentiable("UnsafeViewBackward0", out, [product], [], ([g]) => [g!.reshape(product.shape)]);
});

/**
 * The vector product of the three elements along `dim`, without a default for it.
 * @internal
 */
export function crossAlong(self: Tensor, other: Tensor, dim: number): Tensor {
  check(self.dim() === other.dim(), () => "linalg.cross: inputs must have the same number of dimensions.");
  const d = wrapDim(dim, self.dim());
  check(
    self.shape[d] === 3 && other.shape[d] === 3,
    () => `linalg.cross: inputs dimension ${d} must have length 3. Got ${self.shape[d]} and ${other.shape[d]}`,
  );
  const out = unrecorded(() =>
    self
      .roll(-1, d)
      .mul(other.roll(-2, d))
      .sub(self.roll(-2, d).mul(other.roll(-1, d))),
  );
  return differentiable("LinalgCrossBackward0", out, [self, other], [self, other], ([g], [a, b], needs) => [
    needs[0] ? crossAlong(b!.expand(g!.shape), g!, d).sumToSize(self.shape) : null,
    needs[1] ? crossAlong(g!, a!.expand(g!.shape), d).sumToSize(other.shape) : null,
  ]);
}

/**
 * The vector product along `dim`, or along the first dim of size 3.
 * @example torch.tensor([1, 0, 0]).cross(torch.tensor([0, 1, 0])) // tensor([0., 0., 1.])
 */
export const cross: Op<[other: Tensor, dim?: number | null], "other dim"> = composite(
  { name: "cross", params: "other:tensor dim:int?=null" },
  (self, v) => {
    const other = v.other as Tensor;
    if (v.dim !== null) return crossAlong(self, other, v.dim as number);
    check(self.dim() === other.dim(), () => "linalg.cross: inputs must have the same number of dimensions.");
    const dim = self.shape.findIndex((n, d) => n === 3 && other.shape[d] === 3);
    check(dim >= 0, () => "no dimension of size 3 in input");
    return crossAlong(self, other, dim);
  },
);

/**
 * `vander(x, N, increasing)`.
 * @example torch.vander(torch.tensor([2, 3]), 3) // tensor([[4., 2., 1.], [9., 3., 1.]])
 */
export const vander: Op<[N?: number | null, increasing?: boolean], "N increasing"> = composite(
  { name: "vander", params: "N:int?=null increasing:bool=false", receiver: null },
  (self, v) => {
    check(self.dim() === 1, () => "x must be a one-dimensional tensor.");
    const n = (v.N as number | null) ?? self.shape[0]!;
    check(n >= 0, () => "N must be non-negative.");
    const powers = vanderPowers(self, n);
    return v.increasing ? powers : powers.flip(1);
  },
);

/**
 * The powers 0 to `n` - 1 of each element along a new last dim.
 * @internal
 */
export function vanderPowers(x: Tensor, n: number): Tensor {
  const base = x.dtype.isDifferentiable ? x : x.to(int64);
  if (n === 0) return base.newEmpty([...x.shape, 0]);
  const columns: Tensor[] = [base.detach().newOnes(x.shape)];
  for (let i = 1; i < n; i++) columns.push(i === 1 ? base : columns[i - 1]!.mul(base));
  return cat(
    columns.map((c) => c.unsqueeze(-1)),
    -1,
  );
}
