/** PyTorch's storage classes, which tell a file's reader the dtype. */

/** One class such as `torch.FloatStorage`. */
export interface StorageType {
  /** `FloatStorage` */
  readonly name: string;
  readonly dtype: string;
  /** Bytes of one element. */
  readonly itemsize: number;
  /** Bytes of the numbers that an element is made of: half of it for complex types. */
  readonly numberSize: number;
}

const row = (name: string, dtype: string, itemsize: number, numberSize = itemsize): StorageType => ({
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

/** Bytes without a dtype, as newer files have for newer dtypes. */
export const untyped: StorageType = row("UntypedStorage", "uint8", 1);

/** The class for this dtype. */
export const storageTypeOf = (dtype: string): StorageType | undefined => storageTypes.find((t) => t.dtype === dtype);
