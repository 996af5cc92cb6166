/** Where a tensor's elements lie in its storage: sizes, strides and offset, immutable; views are pure functions. */

import { check, IndexError } from "./errors.ts";
import { printsAs } from "./symbols.ts";

/**
 * `torch.Size`: a read-only array of numbers that prints as PyTorch's.
 * @example x.shape.numel() // 6
 */
export class Size extends Array<number> {
  constructor(sizes: number | Iterable<number> = 0) {
    super(typeof sizes === "number" ? sizes : 0);
    if (typeof sizes !== "number") this.push(...sizes);
  }

  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  /** The number of elements of a tensor of this size. */
  numel(): number {
    return product(this);
  }

  override toString(): string {
    return `torch.Size([${this.join(", ")}])`;
  }
}

printsAs(Size);

/** Sizes that were made lately, by a hash of their numbers: freezing takes longer than most operators' own code. */
const recentSizes: Size[] = new Array<Size>(512).fill(Object.freeze(new Size()) as Size);

/** A frozen Size of these numbers. */
export function sizeOf(shape: readonly number[]): Size {
  let hash = shape.length;
  for (let i = 0; i < shape.length; i++) hash = (Math.imul(hash, 31) + shape[i]!) | 0;
  const slot = (hash ^ (hash >>> 9)) & (recentSizes.length - 1);
  const recent = recentSizes[slot]!;
  if (equalShapes(recent, shape)) return recent;
  const size = new Size(shape.length);
  for (let i = 0; i < shape.length; i++) size[i] = shape[i]!;
  recentSizes[slot] = Object.freeze(size) as Size;
  return recentSizes[slot]!;
}

/** The product of all sizes; 1 for none. */
export function product(shape: readonly number[]): number {
  let n = 1;
  for (let i = 0; i < shape.length; i++) n *= shape[i]!;
  return n;
}

/** Row-major strides. */
export function contiguousStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= Math.max(shape[i]!, 1);
  }
  return strides;
}

/** `dim` counted from the front; throws PyTorch's IndexError where it is out of range. */
export function wrapDim(dim: number, rank: number): number {
  const n = Math.max(rank, 1);
  check(
    Number.isInteger(dim) && dim >= -n && dim < n,
    () => `Dimension out of range (expected to be in range of [${-n}, ${n - 1}], but got ${dim})`,
    IndexError,
  );
  return dim < 0 ? dim + n : dim;
}

/** `[2, 3]` as PyTorch prints a list of sizes. */
export const list = (values: readonly (number | bigint)[]): string => `[${values.join(", ")}]`;

export class Layout {
  readonly shape: readonly number[];
  /** In elements. */
  readonly strides: readonly number[];
  /** In elements, from the start of the storage. */
  readonly offset: number;
  readonly numel: number;
  /** Whether the elements lie in row-major order without gaps. */
  readonly contiguous: boolean;
  #size: Size | undefined;
  #canonical: boolean | undefined;

  constructor(shape: readonly number[], strides: readonly number[], offset: number) {
    this.shape = shape;
    this.strides = strides;
    this.offset = offset;
    this.numel = product(shape);
    this.contiguous = this.numel === 0 || isContiguous(shape, strides);
  }

  static contiguous(shape: readonly number[], offset = 0): Layout {
    return new Layout(shape, contiguousStrides(shape), offset);
  }

  /** Whether the strides are the row-major ones, also those of dims of size 1, which are free otherwise. */
  get canonical(): boolean {
    this.#canonical ??= equalShapes(this.strides, contiguousStrides(this.shape));
    return this.#canonical;
  }

  get rank(): number {
    return this.shape.length;
  }

  get size(): Size {
    this.#size ??= sizeOf(this.shape);
    return this.#size;
  }

  /** The element after the last one touched, from the start of the storage; the offset itself when empty. */
  get end(): number {
    if (this.numel === 0) return this.offset;
    let last = this.offset;
    for (let i = 0; i < this.shape.length; i++) last += (this.shape[i]! - 1) * this.strides[i]!;
    return last + 1;
  }

  wrap(dim: number): number {
    return wrapDim(dim, this.rank);
  }

  sameShape(other: Layout): boolean {
    return this.shape === other.shape || equalShapes(this.shape, other.shape);
  }

  equals(other: Layout): boolean {
    return this.offset === other.offset && this.sameShape(other) && equalShapes(this.strides, other.strides);
  }

  /** Whether every element lies at its own place and together they fill one block, in any order of dims. */
  get dense(): boolean {
    if (this.contiguous) return true;
    let expected = 1;
    for (const dim of this.dimsByStride()) {
      if (this.shape[dim] === 1) continue;
      if (this.strides[dim] !== expected) return false;
      expected *= this.shape[dim]!;
    }
    return true;
  }

  /** Whether two positions may be one element: some stride is too small for what the inner dims span. */
  get selfOverlapping(): boolean {
    if (this.contiguous) return false;
    let span = 1;
    for (const dim of this.dimsByStride()) {
      const n = this.shape[dim]!;
      if (n === 1) continue;
      if (this.strides[dim]! < span) return true;
      span += (n - 1) * this.strides[dim]!;
    }
    return false;
  }

  /** The dims from the smallest stride to the largest; equal strides from the last dim to the first. */
  dimsByStride(): number[] {
    return this.shape
      .map((_, i) => i)
      .sort((a, b) => this.strides[a]! - this.strides[b]! || this.shape[a]! - this.shape[b]! || b - a);
  }

  /** A layout of the same shape without gaps: keeps the order of dims where this one is dense, else row-major. */
  fresh(): Layout {
    if (this.dense) return this.offset === 0 ? this : new Layout(this.shape, this.strides, 0);
    return this.freshBy(outputOrder(this.shape, [this.strides]));
  }

  /** A dense layout of this shape whose dims lie in this order, innermost first. */
  freshBy(order: readonly number[]): Layout {
    const strides = new Array<number>(this.rank).fill(1);
    let step = 1;
    for (const dim of order) {
      strides[dim] = step;
      step *= Math.max(this.shape[dim]!, 1);
    }
    return new Layout(this.shape, strides, 0);
  }

  at(offset: number): Layout {
    return new Layout(this.shape, this.strides, offset);
  }

  swap(a: number, b: number): Layout {
    const i = this.wrap(a);
    const j = this.wrap(b);
    if (this.rank === 0) return this;
    return this.permute(this.shape.map((_, d) => (d === i ? j : d === j ? i : d)));
  }

  /** The dims in this order, each once (wrapped already). */
  permute(dims: readonly number[]): Layout {
    return new Layout(
      dims.map((d) => this.shape[d]!),
      dims.map((d) => this.strides[d]!),
      this.offset,
    );
  }

  /** `length` elements of `dim` from `start`, every `step`-th; all in range already. */
  slice(dim: number, start: number, length: number, step = 1): Layout {
    return new Layout(
      this.shape.with(dim, length),
      step === 1 ? this.strides : this.strides.with(dim, this.strides[dim]! * step),
      this.offset + start * this.strides[dim]!,
    );
  }

  select(dim: number, index: number): Layout {
    return new Layout(
      this.shape.toSpliced(dim, 1),
      this.strides.toSpliced(dim, 1),
      this.offset + index * this.strides[dim]!,
    );
  }

  unsqueeze(dim: number): Layout {
    const stride = dim < this.rank ? this.shape[dim]! * this.strides[dim]! : 1;
    return new Layout(this.shape.toSpliced(dim, 0, 1), this.strides.toSpliced(dim, 0, stride), this.offset);
  }

  /** Without those of `dims` that have size 1. */
  squeeze(dims: readonly number[]): Layout {
    const keep = this.shape.map((n, d) => n !== 1 || !dims.includes(d));
    return new Layout(
      this.shape.filter((_, d) => keep[d]),
      this.strides.filter((_, d) => keep[d]),
      this.offset,
    );
  }

  /** To `shape` (which broadcasting allows already): new and stretched dims get stride 0. */
  expand(shape: readonly number[]): Layout {
    const lead = shape.length - this.rank;
    const strides = new Array<number>(shape.length).fill(0);
    if (this.rank === 0) return new Layout(shape, strides, this.offset);
    for (let d = shape.length - 1; d >= 0; d--) {
      const own = d < lead ? 1 : this.shape[d - lead]!;
      // A new dim of size 1 gets the stride that a row-major tensor would have there.
      const stride = d >= lead ? this.strides[d - lead]! : d + 1 < shape.length ? shape[d + 1]! * strides[d + 1]! : 1;
      strides[d] = own === shape[d] ? stride : 0;
    }
    return new Layout(shape, strides, this.offset);
  }

  /** The same elements as `shape` without moving any, or null where strides do not allow it. */
  view(shape: readonly number[]): Layout | null {
    const strides = viewStrides(this.shape, this.strides, shape);
    return strides && new Layout(shape, strides, this.offset);
  }

  /** The diagonal of two dims as a new last dim. */
  diagonal(shift: number, dim1: number, dim2: number): Layout {
    const length = Math.max(
      shift >= 0
        ? Math.min(this.shape[dim1]!, this.shape[dim2]! - shift)
        : Math.min(this.shape[dim1]! + shift, this.shape[dim2]!),
      0,
    );
    const start = length === 0 ? 0 : shift >= 0 ? shift * this.strides[dim2]! : -shift * this.strides[dim1]!;
    const keep = (_: number, d: number) => d !== dim1 && d !== dim2;
    return new Layout(
      [...this.shape.filter(keep), length],
      [...this.strides.filter(keep), this.strides[dim1]! + this.strides[dim2]!],
      this.offset + start,
    );
  }

  /** Overlapping windows of `dim` as a new last dim. */
  unfold(dim: number, size: number, step: number): Layout {
    if (this.rank === 0) return new Layout([size], [1], this.offset);
    const count = Math.floor((this.shape[dim]! - size) / step) + 1;
    return new Layout(
      [...this.shape.with(dim, count), size],
      [...this.strides.with(dim, this.strides[dim]! * step), this.strides[dim]!],
      this.offset,
    );
  }
}

/**
 * Dims from innermost to outermost as PyTorch's TensorIterator orders a result's: by the strides of the first operand
 * that tell two dims apart (0 tells nothing; of equal strides the smaller dim goes in front), else as they are.
 */
export function outputOrder(shape: readonly number[], strides: readonly (readonly number[])[]): number[] {
  const order = shape.map((_, i) => shape.length - 1 - i);
  const compare = (a: number, b: number): number => {
    for (const s of strides) {
      if (s[a] === 0 || s[b] === 0) continue;
      if (s[a]! < s[b]!) return -1;
      if (s[a]! > s[b]! || shape[a]! > shape[b]!) return 1;
    }
    return 0;
  };
  for (let i = 1; i < order.length; i++) {
    let at = i;
    for (let j = i - 1; j >= 0; j--) {
      const c = compare(order[j]!, order[at]!);
      if (c > 0) {
        [order[j], order[at]] = [order[at]!, order[j]!];
        at = j;
      } else if (c < 0) break;
    }
  }
  return order;
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const n = shape[i]!;
    if (n === 1) continue;
    if (strides[i] !== expected) return false;
    expected *= n;
  }
  return true;
}

export function equalShapes(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Groups old dims into runs of one stride progression, and cuts each run into new dims. */
function viewStrides(
  oldShape: readonly number[],
  oldStrides: readonly number[],
  shape: readonly number[],
): number[] | null {
  const strides = new Array<number>(shape.length).fill(1);
  if (product(oldShape) === 0) return equalShapes(oldShape, shape) ? [...oldStrides] : contiguousStrides(shape);
  if (oldShape.length === 0) return strides;
  let at = shape.length - 1;
  let runNumel = 1;
  let runStride = oldStrides.at(-1) ?? 1;
  for (let old = oldShape.length - 1; old >= 0; old--) {
    runNumel *= oldShape[old]!;
    const ends = old === 0 || (oldShape[old - 1] !== 1 && oldStrides[old - 1] !== runNumel * runStride);
    if (!ends) continue;
    let used = 1;
    while (at >= 0 && (used < runNumel || shape[at] === 1)) {
      strides[at] = used * runStride;
      used *= shape[at]!;
      at--;
    }
    if (used !== runNumel) return null;
    if (old > 0) {
      runNumel = 1;
      runStride = oldStrides[old - 1]!;
    }
  }
  return at === -1 ? strides : null;
}

/** The shape that all of these broadcast to; throws PyTorch's error where two sizes do not match. */
export function broadcastShapes(a: readonly number[], b: readonly number[]): readonly number[] {
  if (a === b || equalShapes(a, b)) return a;
  const rank = Math.max(a.length, b.length);
  const shape = new Array<number>(rank);
  for (let i = rank - 1; i >= 0; i--) {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    check(
      x === y || x === 1 || y === 1,
      () => `The size of tensor a (${x}) must match the size of tensor b (${y}) at non-singleton dimension ${i}`,
    );
    shape[i] = x === 1 ? y : x;
  }
  return shape;
}
