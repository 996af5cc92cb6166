/** PyTorch's storage classes, which tell a file's reader the dtype, and the dtypes that files may have. */

/** One class such as `torch.FloatStorage`. */
export interface StorageType {
  /** `FloatStorage` */
  readonly name: string;
  /** `float32`; null for bytes without one. */
  readonly dtype: string | null;
  /** Bytes of one element. */
  readonly itemsize: number;
  /** Bytes of the numbers that an element is made of: half of it for complex types. */
  readonly numberSize: number;
}

const row = (name: string, dtype: string | null, itemsize: number, numberSize = itemsize): StorageType => ({
  name,
  dtype,
  itemsize,
  numberSize,
});

/** All classes whose elements are plain numbers. */
export const storageTypes: readonly StorageType[] = [
  row("DoubleStorage", "float64", 8),
  row("FloatStorage", "float32", 4),
  row("HalfStorage", "float16", 2),
  row("BFloat16Storage", "bfloat16", 2),
  row("LongStorage", "int64", 8),
  row("IntStorage", "int32", 4),
  row("ShortStorage", "int16", 2),
  row("CharStorage", "int8", 1),
  row("ByteStorage", "uint8", 1),
  row("BoolStorage", "bool", 1),
  row("ComplexFloatStorage", "complex64", 8, 4),
  row("ComplexDoubleStorage", "complex128", 16, 8),
];

/** Classes of quantized tensors. */
export const quantizedTypes: readonly StorageType[] = [
  row("QUInt8Storage", "quint8", 1),
  row("QInt8Storage", "qint8", 1),
  row("QInt32Storage", "qint32", 4),
  row("QUInt4x2Storage", "quint4x2", 1),
  row("QUInt2x4Storage", "quint2x4", 1),
];

/** Bytes without a dtype, as newer files have for newer dtypes. */
export const untyped: StorageType = row("UntypedStorage", null, 1);

/** The class for this dtype. */
export const storageTypeOf = (dtype: string): StorageType | undefined => storageTypes.find((t) => t.dtype === dtype);

/** Dtypes without a storage class, none of which is here: bytes of one element. */
const newerDTypes: readonly (readonly [pattern: RegExp, itemsize: number])[] = [
  [/^(float8_\w+|float4_\w+|bits[1248](x\d+)?|u?int[1-7])$/, 1],
  [/^(uint16|bits16)$/, 2],
  [/^(uint32|complex32)$/, 4],
  [/^uint64$/, 8],
];

/** Bytes of an element of any of PyTorch's dtypes; undefined for what is none. */
export function itemsizeOf(dtype: string): number | undefined {
  const known = storageTypeOf(dtype) ?? quantizedTypes.find((t) => t.dtype === dtype);
  return known?.itemsize ?? newerDTypes.find(([pattern]) => pattern.test(dtype))?.[1];
}
