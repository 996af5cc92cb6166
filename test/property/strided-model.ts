/** Strided tensors over a plain array, computed address by address: what the property tests compare the library with. */

/** Memory shared by all views of one tensor. */
export interface Cells {
  values: number[];
}

/** One write counter, shared by a tensor, its views and its `detach()`. */
export interface Counter {
  writes: number;
}

/** A tensor as the definition has it: sizes, strides and an offset into shared cells. */
export class Strided {
  readonly cells: Cells;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
  readonly counter: Counter;
  /** The tensor that this one is a view of (never itself a view), or null. */
  readonly root: Strided | null;

  constructor(
    cells: Cells,
    shape: readonly number[],
    strides: readonly number[],
    offset: number,
    counter: Counter,
    root: Strided | null,
  ) {
    this.cells = cells;
    this.shape = shape;
    this.strides = strides;
    this.offset = offset;
    this.counter = counter;
    this.root = root;
  }

  /** A fresh row-major tensor with these values. */
  static of(values: readonly number[], shape: readonly number[]): Strided {
    return new Strided({ values: [...values] }, shape, rowMajor(shape), 0, { writes: 0 }, null);
  }

  get numel(): number {
    return product(this.shape);
  }

  /** A view with another layout over the same cells. */
  view(shape: readonly number[], strides: readonly number[], offset: number): Strided {
    return new Strided(this.cells, shape, strides, offset, this.counter, this.root ?? this);
  }

  /** The address of every element, in row-major order. */
  addresses(): number[] {
    return indices(this.shape).map((index) => index.reduce((at, i, dim) => at + i * this.strides[dim]!, this.offset));
  }

  read(): number[] {
    return this.addresses().map((at) => this.cells.values[at]!);
  }

  /** Writes `values` (row-major, one per element) as one in-place operation. */
  write(values: readonly number[]): void {
    this.addresses().forEach((at, i) => {
      this.cells.values[at] = values[i]!;
    });
    this.counter.writes += 1;
  }

  /** The values as `shape` sees them by broadcasting. */
  broadcast(shape: readonly number[]): number[] {
    const lead = shape.length - this.shape.length;
    const strides = shape.map((_, dim) => (dim < lead || this.shape[dim - lead] === 1 ? 0 : this.strides[dim - lead]!));
    return this.view(shape, strides, this.offset).read();
  }

  /** Whether this may be broadcast to `shape`. */
  broadcasts(shape: readonly number[]): boolean {
    const lead = shape.length - this.shape.length;
    return lead >= 0 && this.shape.every((size, dim) => size === 1 || size === shape[lead + dim]);
  }

  /** Whether two indices lead to one cell. */
  get overlapsItself(): boolean {
    return new Set(this.addresses()).size < this.numel;
  }

  /** Whether the elements fill one gapless stretch of cells, each once. */
  get dense(): boolean {
    const at = new Set(this.addresses());
    return at.size === this.numel && (at.size === 0 || Math.max(...at) - Math.min(...at) === at.size - 1);
  }

  /** The strides that give `shape` the same elements in the same order without moving any, or null. */
  stridesFor(shape: readonly number[]): number[] | null {
    const { numel } = this;
    if (numel === 0) return String(shape) === String(this.shape) ? [...this.strides] : rowMajor(shape);
    const runs = this.runs();
    const strides: number[] = [];
    let run = runs.length - 1;
    let seen = 1;
    for (let dim = shape.length - 1; dim >= 0; dim--) {
      if (seen === runs[run]!.size && shape[dim] !== 1 && run > 0) {
        run -= 1;
        seen = 1;
      }
      strides.unshift(seen * runs[run]!.step);
      seen *= shape[dim]!;
      if (seen > runs[run]!.size || runs[run]!.size % seen !== 0) return null;
    }
    return strides;
  }

  /** The dimensions merged as far as one step size describes several of them, outermost first. */
  private runs(): { size: number; step: number }[] {
    const runs: { size: number; step: number }[] = [];
    let step = this.strides.at(-1) ?? 1;
    let size = 1;
    for (let dim = this.shape.length - 1; dim >= 0; dim--) {
      size *= this.shape[dim]!;
      const outer = this.shape[dim - 1];
      if (dim > 0 && (outer === 1 || this.strides[dim - 1] === size * step)) continue;
      runs.unshift({ size, step });
      size = 1;
      step = this.strides[dim - 1] ?? 1;
    }
    return runs.length > 0 ? runs : [{ size: 1, step: 1 }];
  }
}

/** The product of the sizes. */
export function product(sizes: readonly number[]): number {
  return sizes.reduce((all, size) => all * size, 1);
}

/** Row-major strides; a size of 0 counts as 1. */
export function rowMajor(shape: readonly number[]): number[] {
  return shape.map((_, dim) => shape.slice(dim + 1).reduce((all, size) => all * Math.max(size, 1), 1));
}

/** Every index into `shape`, in row-major order. */
export function indices(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (all, size) => all.flatMap((head) => Array.from({ length: size }, (_, i) => [...head, i])),
    [[]],
  );
}
