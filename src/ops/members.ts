/** The members of a tensor that are no operators: sizes, element access, printing, NumPy's bridge. */

import { mode } from "../autograd/mode.ts";
import { requiresGrad } from "../autograd/node.ts";
import { Complex } from "../core/complex.ts";
import { complex64, type DType, int64, type TypedArray } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { type Layout, wrapDim } from "../core/layout.ts";
import { relieve } from "../core/memory.ts";
import { announce } from "../core/observe.ts";
import { formatTensor } from "../core/print.ts";
import { getDefaultDtype, type Scalar } from "../core/scalar.ts";
import type { Storage } from "../core/storage.ts";
import { Tensor } from "../core/tensor.ts";
import { bfloat16ToNumber, halfToNumber } from "../ir/half.ts";
import { type Attributes, attributes } from "./attributes.ts";
import type { Sizes } from "./call.ts";
import { viewAsReal } from "./complex.ts";
import { copy_, fill_, isContiguousIn, MemoryFormat, zero_ } from "./copy.ts";
import type { NonzeroMethod } from "./equality.ts";
import type { ExtremumMethod } from "./extrema.ts";
import { at, type Index, setAt } from "./indexing.ts";
import { eachOffset } from "./offsets.ts";
import type { MedianMethod, SpreadMethod } from "./statistics.ts";
import type { ProdMethod } from "./sums.ts";
import { conjugateTranspose, matrixTranspose, reversedDims } from "./views.ts";

/** A storage read as elements of one dtype. */
export class TypedStorage {
  readonly #storage: Storage;
  readonly dtype: DType;

  constructor(storage: Storage, dtype: DType) {
    this.#storage = storage;
    this.dtype = dtype;
  }

  /**
   * Number of elements.
   * @example x.size(1) // 3
   */
  size(): number {
    return Math.floor(this.#storage.nbytes / this.dtype.itemsize);
  }

  get length(): number {
    return this.size();
  }

  /** Size in bytes. */
  nbytes(): number {
    return this.#storage.nbytes;
  }

  dataPtr(): number {
    return this.#storage.dataPtr();
  }

  /** The bytes beneath. */
  untyped(): Storage {
    return this.#storage;
  }

  /**
   * The elements as numbers.
   * @throws RangeError for an int64 beyond 2^53, unless `{ bigint: true }`.
   * @example x.tolist() // [ [ 0, 1, 2 ], [ 3, 4, 5 ] ]
   */
  tolist(): Scalar[] {
    const read = reader(this.#storage.window(this.dtype), this.dtype);
    return Array.from({ length: this.size() }, (_, i) => exact(read(i)));
  }

  /** An independent copy. */
  clone(): TypedStorage {
    return new TypedStorage(this.#storage.clone(), this.dtype);
  }

  toString(): string {
    const items = this.tolist().map((x) => ` ${this.dtype.isFloatingPoint && Number.isInteger(x) ? `${x}.0` : x}`);
    const head = items.length === 0 ? "" : `${items.join("\n")}\n`;
    return `${head}[torch.storage.TypedStorage(dtype=${this.dtype}, device=${this.#storage.device}) of size ${this.size()}]`;
  }
}

/** Nested lists of numbers. */
export type Nested = Scalar | Nested[];

/** A tensor's memory in the `ndarray` convention. */
export interface NumpyArray {
  /** Covers exactly the storage; a complex element `e` lies at `data[2 * e]` and `data[2 * e + 1]`. */
  readonly data: TypedArray;
  readonly shape: number[];
  /** In elements. */
  readonly stride: number[];
  /** In elements. */
  readonly offset: number;
  /** Of complex tensors only. */
  readonly dtype?: "complex64" | "complex128";
}

export interface Members extends Attributes {
  /**
   * All dims reversed. A view.
   * @example x.T.shape // torch.Size([3, 2])
   */
  readonly T: Tensor;
  /** The last two dims swapped. A view. */
  readonly mT: Tensor;
  /** The conjugate transpose of a matrix. */
  readonly H: Tensor;
  /** The sizes, or that of one dim. */
  size(): Tensor["shape"];
  size(dim: number): number;
  /**
   * The strides in elements, or that of one dim.
   * @example x.stride() // [ 3, 1 ]
   */
  stride(): number[];
  stride(dim: number): number;
  isContiguous(options?: { memoryFormat?: MemoryFormat }): boolean;
  isFloatingPoint(): boolean;
  isComplex(): boolean;
  isSigned(): boolean;
  isSetTo(other: Tensor): boolean;
  /**
   * The storage as elements of this dtype.
   * @example x.storage().size() // 6
   */
  storage(): TypedStorage;
  /**
   * The number in a tensor of one element; an int64 beyond 2^53 needs `{ bigint: true }`. It is boolean for a bool
   * tensor and `Complex` for a complex one, which the types take from the caller: `x.item<torch.Complex>()`.
   * @throws RuntimeError "a Tensor with 6 elements cannot be converted to Scalar".
   * @example x.sum().item() // 15
   */
  item<T extends number | boolean | Complex = number>(): T;
  item(options: { bigint: true }): bigint;
  /** Nested lists of the elements. */
  // biome-ignore lint/suspicious/noExplicitAny: the depth of the lists depends on the rank, which types do not carry.
  tolist(options?: { bigint?: boolean }): any;
  /**
   * The memory itself: writes are seen on both sides. `{ data, shape, stride, offset }`: `data` is a typed array that
   * covers the whole storage, `stride` and `offset` are in elements. A copy is `await x.read()`.
   * @throws RuntimeError for a tensor that requires grad: `x.detach().numpy()`; TypeError for bfloat16.
   * @example torch.ones(2).numpy().data // Float32Array(2) [ 1, 1 ]
   */
  numpy(): NumpyArray;
  /**
   * The elements in row-major order, as a new typed array. int64 gives a BigInt64Array, bool a Uint8Array, float16 and
   * bfloat16 a Float32Array. Works on every device, and lets a page give memory back.
   * @example await x.read() // Float32Array(6) [ 0, 1, 2, 3, 4, 5 ]
   */
  read(): Promise<TypedArray>;
  /**
   * Reads by indices, each a number (negative from the end), a slice or its text (`"1:3"`, `":"`), `"..."`, null (a new
   * dim), a mask, an int64 tensor or a list of numbers. A view for numbers, slices, `"..."` and null; a copy where a
   * mask, tensor or list takes part.
   * @throws IndexError for an index out of range, or too many; ValueError for a slice with a step below 1.
   * @see https://docs.pytorch.org/docs/stable/tensor_view.html
   * @example x.at(0, "1:3") // tensor([1., 2.])
   * @example x.at(x.gt(3)) // tensor([4., 5.])
   */
  at(...indices: Index[]): Tensor;
  /**
   * Writes at indices, a list of what `at` takes, or one; the value is a tensor or a number, broadcast and converted.
   * Returns this tensor.
   * @throws IndexError for an index out of range; RuntimeError for a shape that cannot be broadcast, or a leaf that
   *   requires grad outside of `noGrad`.
   * @example x.setAt([":", 0], 9) // tensor([[9., 1., 2.], [9., 4., 5.]])
   */
  setAt(indices: Index | readonly Index[], value: Tensor | Scalar | readonly unknown[]): Tensor;
  /**
   * The first dim's size. Python's `len(x)`.
   * @throws TypeError "len() of a 0-d tensor".
   * @example x.length // 2
   */
  readonly length: number;
  /** The same memory in another shape, or read as another dtype. */
  view(dtype: DType): Tensor;
  view(...size: Sizes): Tensor;
  /** The largest element of all, of each slice with its position, or of two tensors. */
  readonly max: ExtremumMethod;
  /** The smallest element of all, of each slice with its position, or of two tensors. */
  readonly min: ExtremumMethod;
  /** The lower median of all elements, or of each slice with its position. */
  readonly median: MedianMethod;
  /** The lower median of the elements that are not NaN. */
  readonly nanmedian: MedianMethod;
  /** The indices of the elements that are not 0. */
  readonly nonzero: NonzeroMethod;
  /** The product of all elements, or along one dim. */
  readonly prod: ProdMethod;
  /** The standard deviation of all elements, or along dims. */
  readonly std: SpreadMethod;
  /** The variance of all elements, or along dims. */
  readonly var: SpreadMethod;
  copy_(src: Tensor | Scalar, nonBlocking?: boolean): this;
  fill_(value: Tensor | Scalar): this;
  zero_(): this;
  toString(): string;
  [Symbol.iterator](): Iterator<Tensor>;
}

/** Reads a storage's elements as numbers, bigints for int64, booleans for bool, Complex for complex. */
export function reader(window: TypedArray, dtype: DType): (i: number) => Scalar {
  const sign = dtype.isLazy ? -1 : 1;
  if (dtype.isComplex) return (i) => new Complex(window[2 * i] as number, sign * (window[2 * i + 1] as number));
  if (dtype.isLazy) return (i) => -window[i]!;
  switch (dtype.name) {
    case "bool":
      return (i) => window[i] !== 0;
    case "float16":
      return (i) => halfToNumber(window[i] as number);
    case "bfloat16":
      return (i) => bfloat16ToNumber(window[i] as number);
    default:
      return (i) => window[i]!;
  }
}

/** A bigint as a number where it fits. */
function exact(value: Scalar): Scalar {
  if (typeof value !== "bigint") return value;
  const n = Number(value);
  check(
    Number.isSafeInteger(n),
    () => `the int64 value ${value} does not fit a number: use { bigint: true }`,
    RangeError,
  );
  return n;
}

function needData(self: Tensor): void {
  check(self.device.type === "cpu", () => `Cannot copy out of ${self.device.type} tensor; no data!`);
}

function nested(layout: Layout, read: (i: number) => Scalar): Nested {
  const walk = (dim: number, offset: number): Nested => {
    if (dim === layout.rank) return read(offset);
    const step = layout.strides[dim]!;
    return Array.from({ length: layout.shape[dim]! }, (_, i) => walk(dim + 1, offset + i * step));
  };
  return walk(0, layout.offset);
}

function readAll(given: Tensor): TypedArray {
  needData(given);
  const self = given.dtype.isComplex ? viewAsReal(given.detach().resolveConj()) : given.detach().resolveNeg();
  const { layout, storage, dtype } = self.impl;
  const window = storage.window(dtype);
  const widen = dtype.itemsize === 2 && dtype.category === "float";
  if (layout.contiguous && !widen) return window.slice(layout.offset, layout.offset + layout.numel);
  const out = widen ? new Float32Array(layout.numel) : new dtype.array(layout.numel);
  const read = widen ? reader(window, dtype) : (i: number): Scalar => window[i]!;
  let at = 0;
  eachOffset(layout, (offset) => {
    out[at++] = read(offset) as never;
  });
  return out;
}

function asNumpy(self: Tensor): NumpyArray {
  if (self.device.type !== "cpu") {
    throw new TypeError(
      `can't convert ${self.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.`,
    );
  }
  check(
    !requiresGrad(self) || !mode.grad,
    () => "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.",
  );
  const { storage, layout, dtype } = self.impl;
  const [bit, cure] = dtype.isComplex ? ["conjugate", "resolveConj"] : ["negative", "resolveNeg"];
  check(
    !dtype.isLazy,
    () => `Can't call numpy() on Tensor that has ${bit} bit set. Use tensor.${cure}().numpy() instead.`,
  );
  if (dtype.name === "bfloat16") throw new TypeError("Got unsupported ScalarType BFloat16");
  if (storage.host === null) {
    storage.moveToHost();
    announce(() => ({ kind: "share", storage }));
  }
  const { shape, strides, offset } = layout;
  const array = { data: storage.window(dtype), shape: [...shape], stride: [...strides], offset };
  return dtype.isComplex ? { ...array, dtype: dtype === complex64 ? "complex64" : "complex128" } : array;
}

const methods: Partial<Members> & ThisType<Tensor> = {
  size(dim?: number): never {
    if (dim === undefined) return this.shape as never;
    return this.shape[wrapDim(dim, this.dim())] as never;
  },
  stride(dim?: number): never {
    if (dim === undefined) return [...this.impl.layout.strides] as never;
    return this.impl.layout.strides[wrapDim(dim, this.dim())] as never;
  },
  isContiguous(options = {}) {
    const format = options instanceof MemoryFormat ? options : options.memoryFormat;
    return format === undefined ? this.impl.layout.contiguous : isContiguousIn(this.impl.layout, format);
  },
  isFloatingPoint() {
    return this.dtype.isFloatingPoint;
  },
  isComplex() {
    return this.dtype.isComplex;
  },
  isSigned() {
    return this.dtype.isSigned;
  },
  isSetTo(other) {
    return this.impl.storage === other.impl.storage && this.impl.layout.equals(other.impl.layout);
  },
  storage() {
    return new TypedStorage(this.untypedStorage(), this.dtype);
  },
  item(options: { bigint?: boolean } = {}): never {
    check(this.numel() === 1, () => `a Tensor with ${this.numel()} elements cannot be converted to Scalar`);
    needData(this);
    const { storage, layout, dtype } = this.impl;
    const value = reader(storage.window(dtype), dtype)(layout.offset);
    if (options.bigint && dtype === int64) return value as never;
    return exact(value) as never;
  },
  tolist(options = {}) {
    needData(this);
    const { storage, layout, dtype } = this.impl;
    const read = reader(storage.window(dtype), dtype);
    return nested(layout, options.bigint ? read : (i) => exact(read(i)));
  },
  numpy() {
    return asNumpy(this);
  },
  async read() {
    await relieve();
    return readAll(this);
  },
  at(...indices) {
    return at(this, ...indices);
  },
  setAt(indices, value) {
    return setAt(this, indices, value);
  },
  copy_(...args: unknown[]) {
    return copy_(this, ...args) as never;
  },
  fill_(value) {
    return fill_(this, value) as never;
  },
  zero_() {
    return zero_(this) as never;
  },
  toString() {
    return printTensor(this);
  },
};

/** A class whose tensors print with "Parameter containing:" in front; registered by nn. */
export const printing: { isParameter: (t: Tensor) => boolean } = { isParameter: () => false };

function printTensor(self: Tensor): string {
  const { storage, layout, dtype } = self.impl;
  const read = self.device.type === "cpu" ? reader(storage.window(dtype), dtype) : () => 0;
  const fn = self.gradFn;
  return formatTensor(
    {
      shape: self.shape,
      dtype: self.dtype,
      device: String(self.device),
      element: (index) => read(index.reduce((o, i, d) => o + i * layout.strides[d]!, layout.offset)),
      requiresGrad: requiresGrad(self),
      gradFn: fn === null ? null : fn.title,
      parameter: printing.isParameter(self),
    },
    getDefaultDtype(),
  );
}

function* rows(self: Tensor): Iterator<Tensor> {
  if (self.dim() === 0) throw new TypeError("iteration over a 0-d tensor");
  yield* self.unbind(0);
}

/** Installs these members; `index.ts` calls it once. */
export function installMembers(): void {
  const proto = Tensor.prototype;
  const define = (name: string | symbol, value: unknown): void => {
    Object.defineProperty(proto, name, { value, writable: true, configurable: true });
  };
  for (const [name, value] of Object.entries({ ...attributes.methods, ...methods })) define(name, value);
  define(Symbol.iterator, function (this: Tensor) {
    return rows(this);
  });
  const getter = (name: string, get: (t: Tensor) => unknown): void => {
    Object.defineProperty(proto, name, {
      get(this: Tensor) {
        return get(this);
      },
      configurable: true,
    });
  };
  const setter = (name: string, place: (t: Tensor) => Tensor): void => {
    const descriptor = Object.getOwnPropertyDescriptor(proto, name);
    Object.defineProperty(proto, name, {
      ...descriptor,
      set(this: Tensor, value: Tensor | Scalar) {
        place(this).copy_(value);
      },
    });
  };
  for (const [name, get] of Object.entries(attributes.getters)) getter(name, get);
  for (const [name, place] of Object.entries(attributes.setters)) setter(name, place);
  getter("T", reversedDims);
  getter("mT", matrixTranspose);
  getter("H", conjugateTranspose);
  getter("length", (t) => {
    if (t.dim() === 0) throw new TypeError("len() of a 0-d tensor");
    return t.shape[0];
  });
}
