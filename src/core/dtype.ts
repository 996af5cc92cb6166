/** The dtypes as one table, and PyTorch's type promotion. */
import { printsAs } from "./symbols.ts";

export type DTypeName =
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

/** The four number types that kernels compute in; narrower dtypes widen on load and narrow on store. */
export type Lane = "i32" | "i64" | "f32" | "f64";

/** The promotion category of a dtype, lowest first. */
export type Category = "bool" | "int" | "float";

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

/** An element type. Compare with `===`; the ten instances are the only ones. */
export class DType {
  readonly name: DTypeName;
  /** Position in the table: a small integer for packed keys. */
  readonly index: number;
  /** Bytes of one element. */
  readonly itemsize: number;
  readonly category: Category;
  /** The type that kernels compute in. */
  readonly lane: Lane;
  /** The typed array whose elements hold the stored bits (float16 and bfloat16: their 16 bits). */
  readonly array: TypedArrayConstructor;
  /** PyTorch's name in error messages: `Float`, `Long`, … */
  readonly scalarName: string;

  constructor(
    index: number,
    name: DTypeName,
    itemsize: number,
    category: Category,
    lane: Lane,
    array: TypedArrayConstructor,
    scalarName: string,
  ) {
    this.index = index;
    this.name = name;
    this.itemsize = itemsize;
    this.category = category;
    this.lane = lane;
    this.array = array;
    this.scalarName = scalarName;
    Object.freeze(this);
  }

  /** True for float16, bfloat16, float32 and float64. */
  get isFloatingPoint(): boolean {
    return this.category === "float";
  }

  /** False for all of today's dtypes. */
  get isComplex(): boolean {
    return false;
  }

  /** True for the signed types; false for bool and uint8. */
  get isSigned(): boolean {
    return this.name !== "bool" && this.name !== "uint8";
  }

  toString(): string {
    return `torch.${this.name}`;
  }
}

printsAs(DType);

export const bool: DType = new DType(0, "bool", 1, "bool", "i32", Uint8Array, "Bool");
export const uint8: DType = new DType(1, "uint8", 1, "int", "i32", Uint8Array, "Byte");
export const int8: DType = new DType(2, "int8", 1, "int", "i32", Int8Array, "Char");
export const int16: DType = new DType(3, "int16", 2, "int", "i32", Int16Array, "Short");
export const int32: DType = new DType(4, "int32", 4, "int", "i32", Int32Array, "Int");
export const int64: DType = new DType(5, "int64", 8, "int", "i64", BigInt64Array, "Long");
export const float16: DType = new DType(6, "float16", 2, "float", "f32", Uint16Array, "Half");
export const bfloat16: DType = new DType(7, "bfloat16", 2, "float", "f32", Uint16Array, "BFloat16");
export const float32: DType = new DType(8, "float32", 4, "float", "f32", Float32Array, "Float");
export const float64: DType = new DType(9, "float64", 8, "float", "f64", Float64Array, "Double");

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
};

/** The same, as a list in table order. */
export const dtypeList: readonly DType[] = Object.values(dtypes);

/** The dtype that two tensors of the same priority promote to. */
export function promoteTypes(a: DType, b: DType): DType {
  if (a === b) return a;
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

/** 0 for bool, 1 for integers, 2 for floats. */
export function categoryRank(dtype: DType): number {
  return dtype.category === "float" ? 2 : dtype.category === "int" ? 1 : 0;
}

/** Whether a value of dtype `from` may be written into dtype `to` by an in-place operation. */
export function canCast(from: DType, to: DType): boolean {
  return categoryRank(from) <= categoryRank(to);
}
