/** The dtypes as one table, and PyTorch's type promotion. */
import { RuntimeError } from "./errors.ts";
import { printsAs } from "./symbols.ts";

/** The dtypes of real numbers: all that backends know. */
export type RealName =
  | "bool"
  | "uint8"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "float16"
  | "bfloat16"
  | "float32"
  | "float64";

export type DTypeName = RealName | "complex64" | "complex128";

/**
 * How elements are read, as kernels name it: a dtype, or a dtype with a conjugation or negation that waits to be carried
 * out, in loads and stores alike.
 */
export type StoredName = DTypeName | "conj complex64" | "conj complex128" | "neg float32" | "neg float64";

/** The four number types that kernels compute in; narrower dtypes widen on load and narrow on store. */
export type Lane = "i32" | "i64" | "f32" | "f64";

/** The promotion category of a dtype, lowest first. */
export type Category = "bool" | "int" | "float" | "complex";

export type TypedArray =
  | Uint8Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint16Array
  | Float32Array
  | Float64Array;

export interface TypedArrayConstructor {
  new (length: number): TypedArray;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): TypedArray;
  readonly BYTES_PER_ELEMENT: number;
}

/**
 * An element type. Compare with `===`; the twelve instances are the only ones that users meet.
 * @example torch.float32.itemsize // 4
 */
export class DType {
  readonly name: DTypeName;
  /** What kernels call it. */
  readonly stored: StoredName;
  /** Position in the table: a small integer for packed keys. */
  readonly index: number;
  /** Bytes of one element. */
  readonly itemsize: number;
  readonly category: Category;
  /** The type that kernels compute in. */
  readonly lane: Lane;
  /** The typed array whose elements hold the stored bits (float16 and bfloat16: their 16 bits; complex: two parts). */
  readonly array: TypedArrayConstructor;
  /** PyTorch's name in error messages: `Float`, `Long`, … */
  readonly scalarName: string;
  /** What `Tensor.dtype` says: the dtype itself, except for the lazily conjugated or negated forms of one. */
  readonly shown: DType;

  constructor(
    index: number,
    stored: StoredName,
    itemsize: number,
    category: Category,
    lane: Lane,
    array: TypedArrayConstructor,
    scalarName: string,
    shown?: DType,
  ) {
    this.index = index;
    this.name = shown === undefined ? (stored as DTypeName) : shown.name; // only lazy forms are called otherwise
    this.stored = stored;
    this.itemsize = itemsize;
    this.category = category;
    this.lane = lane;
    this.array = array;
    this.scalarName = scalarName;
    this.shown = shown ?? this;
    Object.freeze(this);
  }

  /** True for float16, bfloat16, float32 and float64. */
  get isFloatingPoint(): boolean {
    return this.category === "float";
  }

  /** True for complex64 and complex128. */
  get isComplex(): boolean {
    return this.category === "complex";
  }

  /** Whether gradients flow through tensors of this dtype: floats and complex numbers. */
  get isDifferentiable(): boolean {
    return this.category === "float" || this.category === "complex";
  }

  /** Whether a conjugation or negation waits to be carried out. */
  get isLazy(): boolean {
    return this.shown !== this;
  }

  /** The dtype of the real part: float32 of complex64; a real dtype itself. */
  toReal(): DType {
    return this.category === "complex" ? (this.itemsize === 8 ? float32 : float64) : this;
  }

  /**
   * The complex dtype with parts of this dtype; of bfloat16 complex64, as in PyTorch.
   * @throws RuntimeError where there is none.
   */
  toComplex(): DType {
    if (this.category === "complex") return this;
    if (this === float32 || this === bfloat16) return complex64;
    if (this === float64) return complex128;
    throw new RuntimeError(`Cresset has no complex dtype with parts of ${this}: only complex64 and complex128`);
  }

  /** True for the signed types, complex ones among them; false for bool and uint8. */
  get isSigned(): boolean {
    return this.name !== "bool" && this.name !== "uint8";
  }

  toString(): string {
    return `torch.${this.name}`;
  }
}

printsAs(DType);

/**
 * Truth values, one byte each.
 * @example torch.tensor([1, 0], { dtype: torch.bool }) // tensor([ True, False])
 */
export const bool: DType = new DType(0, "bool", 1, "bool", "i32", Uint8Array, "Bool");
/**
 * Whole numbers from 0 to 255; arithmetic wraps around.
 * @example torch.tensor([255], { dtype: torch.uint8 }).add(1) // tensor([0], dtype=torch.uint8)
 */
export const uint8: DType = new DType(1, "uint8", 1, "int", "i32", Uint8Array, "Byte");
/**
 * Whole numbers from -128 to 127; arithmetic wraps around.
 * @example torch.tensor([127], { dtype: torch.int8 }).add(1) // tensor([-128], dtype=torch.int8)
 */
export const int8: DType = new DType(2, "int8", 1, "int", "i32", Int8Array, "Char");
/**
 * Whole numbers of 16 bits.
 * @example torch.tensor([1], { dtype: torch.int16 }) // tensor([1], dtype=torch.int16)
 */
export const int16: DType = new DType(3, "int16", 2, "int", "i32", Int16Array, "Short");
/**
 * Whole numbers of 32 bits.
 * @example torch.tensor([1], { dtype: torch.int32 }) // tensor([1], dtype=torch.int32)
 */
export const int32: DType = new DType(4, "int32", 4, "int", "i32", Int32Array, "Int");
/**
 * Whole numbers of 64 bits: indices and class targets. `item()` of one beyond 2^53 needs `{ bigint: true }`.
 * @example torch.tensor([1], { dtype: torch.int64 }) // tensor([1])
 */
export const int64: DType = new DType(5, "int64", 8, "int", "i64", BigInt64Array, "Long");
/**
 * Floats of 16 bits, 11 of them significant: computed in float32 and rounded once.
 * @example torch.tensor([0.1], { dtype: torch.float16 }) // tensor([0.1000], dtype=torch.float16)
 */
export const float16: DType = new DType(6, "float16", 2, "float", "f32", Uint16Array, "Half");
/**
 * Floats of 16 bits, 8 of them significant, with float32's range: computed in float32 and rounded once.
 * @example torch.tensor([0.1], { dtype: torch.bfloat16 }) // tensor([0.1001], dtype=torch.bfloat16)
 */
export const bfloat16: DType = new DType(7, "bfloat16", 2, "float", "f32", Uint16Array, "BFloat16");
/**
 * Floats of 32 bits: the default of numbers.
 * @example torch.tensor([0.1], { dtype: torch.float32 }) // tensor([0.1000])
 */
export const float32: DType = new DType(8, "float32", 4, "float", "f32", Float32Array, "Float");
/**
 * Floats of 64 bits: JavaScript's numbers.
 * @example torch.tensor([0.1], { dtype: torch.float64 }) // tensor([0.1000], dtype=torch.float64)
 */
export const float64: DType = new DType(9, "float64", 8, "float", "f64", Float64Array, "Double");

/**
 * Complex numbers of two float32.
 * @example torch.zeros(1, { dtype: torch.complex64 }) // tensor([0.+0.j])
 */
export const complex64: DType = new DType(10, "complex64", 8, "complex", "f32", Float32Array, "ComplexFloat");
/**
 * Complex numbers of two float64.
 * @example torch.zeros(1, { dtype: torch.complex128 }) // tensor([0.+0.j], dtype=torch.complex128)
 */
export const complex128: DType = new DType(11, "complex128", 16, "complex", "f64", Float64Array, "ComplexDouble");

/** All dtypes by name, in table order. */
export const dtypes: Readonly<Record<DTypeName, DType>> = {
  bool,
  uint8,
  int8,
  int16,
  int32,
  int64,
  float16,
  bfloat16,
  float32,
  float64,
  complex64,
  complex128,
};

/** The same, as a list in table order. */
export const dtypeList: readonly DType[] = Object.values(dtypes);

const conjugated64 = new DType(12, "conj complex64", 8, "complex", "f32", Float32Array, "ComplexFloat", complex64);
const conjugated128 = new DType(13, "conj complex128", 16, "complex", "f64", Float64Array, "ComplexDouble", complex128);
const negated32 = new DType(14, "neg float32", 4, "float", "f32", Float32Array, "Float", float32);
const negated64 = new DType(15, "neg float64", 8, "float", "f64", Float64Array, "Double", float64);

/** The other reading of the same bytes: conjugated for complex dtypes, negated for the others; applied twice, none. */
export function flipped(dtype: DType): DType {
  if (dtype.isLazy) return dtype.shown;
  const found = [conjugated64, conjugated128, negated32, negated64].find((d) => d.shown === dtype);
  if (found === undefined) throw new RuntimeError(`${dtype} has no lazily negated form`);
  return found;
}

/** The dtype that two tensors of the same priority promote to. */
export function promoteTypes(a: DType, b: DType): DType {
  if (a === b) return a;
  if (a.category === "complex" || b.category === "complex") return promoteComplex(a, b);
  if (a.category !== b.category) return categoryRank(a) > categoryRank(b) ? a : b;
  if (a.category === "float") {
    if (a.itemsize === b.itemsize) return float32; // float16 with bfloat16
    return a.itemsize > b.itemsize ? a : b;
  }
  if (a === uint8 || b === uint8) {
    const other = a === uint8 ? b : a;
    return other === int8 ? int16 : other;
  }
  return a.itemsize > b.itemsize ? a : b;
}

/** complex128 where either has float64 parts. */
function promoteComplex(a: DType, b: DType): DType {
  const wide = (x: DType): boolean => x === complex128 || x === float64;
  return wide(a) || wide(b) ? complex128 : complex64;
}

/** 0 for bool, 1 for integers, 2 for floats, 3 for complex numbers. */
export function categoryRank(dtype: DType): number {
  return ranks[dtype.category];
}

const ranks: Readonly<Record<Category, number>> = { bool: 0, int: 1, float: 2, complex: 3 };

/** Whether a value of dtype `from` may be written into dtype `to` by an in-place operation. */
export function canCast(from: DType, to: DType): boolean {
  return categoryRank(from) <= categoryRank(to);
}
