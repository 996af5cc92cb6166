/** Elements of tensors in files, piece by piece. */
import { type DType, frombuffer, fromNumpy, serialization, type Tensor } from "cresset";

type LazyTensor = serialization.LazyTensor;

/** Elements that are in memory at a time. */
export const pieceElements: number = 2 ** 18;

/**
 * The bytes of a tensor in row-major order, `pieceElements` at a time; of a strided one, which is packed, from one
 * reading. A piece is valid until the next one.
 */
export async function* pieces(tensor: LazyTensor): AsyncGenerator<Uint8Array> {
  const step = pieceElements * tensor.itemsize;
  const total = tensor.numel * tensor.itemsize;
  const buffer = new Uint8Array(tensor.plain ? Math.min(step, total) : 0);
  const packed = tensor.plain ? null : await tensor.elements();
  const start = tensor.offset * tensor.itemsize;
  for (let i = 0; i < total; i += step) {
    const stop = Math.min(i + step, total);
    yield packed?.subarray(i, stop) ??
      (await tensor.storage.bytes(start + i, start + stop, (length) => buffer.subarray(0, length)));
  }
}

type Numbers = ArrayLike<number> | ArrayLike<bigint>;
type View = new (buffer: ArrayBufferLike, offset: number, length: number) => Numbers & { BYTES_PER_ELEMENT: number };

const views: Readonly<Record<string, View>> = {
  bool: Uint8Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  float32: Float32Array,
  float64: Float64Array,
  complex64: Float32Array,
  complex128: Float64Array,
};

/** Whether there are numbers behind the bits of this dtype. */
export const hasNumbers = (dtype: string): boolean =>
  Object.hasOwn(views, dtype) || dtype === "float16" || dtype === "bfloat16";

/** Numbers that an element has. */
export const partsOf = (dtype: string): number => (dtype.startsWith("complex") ? 2 : 1);

/** The elements that these bytes are, complex ones as their two parts. */
export async function numbersOf(bytes: Uint8Array, dtype: string): Promise<Numbers> {
  if (bytes.length === 0) return [];
  if (dtype === "float16" || dtype === "bfloat16") return frombuffer(bytes, { dtype }).read();
  const { buffer, byteOffset, length } = bytes.byteOffset % 16 === 0 ? bytes : bytes.slice();
  const View = views[dtype]!;
  const size = (View as unknown as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;
  return new View(buffer, byteOffset, length / size);
}

/** The bytes of a tensor that was made for this. */
const bytesOf = (made: Tensor): Uint8Array => made.untypedStorage().bytes().slice();

/** The same elements in another dtype. */
export const recoded = (bytes: Uint8Array, from: string, to: string): Uint8Array =>
  bytes.length === 0 ? bytes : bytesOf(frombuffer(bytes, { dtype: from as DType["name"] }).to(to as DType["name"]));

/** Numbers as elements of a dtype; of integers the nearest. */
export function encoded(numbers: Float64Array, dtype: string): Uint8Array {
  if (numbers.length === 0) return new Uint8Array(0);
  const made = fromNumpy(numbers);
  return bytesOf(/int/.test(dtype) ? made.round().to(dtype as DType["name"]) : made.to(dtype as DType["name"]));
}

/** A tensor of the same shape whose elements `make` gives, piece by piece, when they are written. */
export function lazyCopy(tensor: LazyTensor, dtype: string, make: () => AsyncIterable<Uint8Array>): LazyTensor {
  const { shape, requiresGrad, isParameter, attributes } = tensor;
  return serialization.lazyTensor({ dtype, shape, requiresGrad, isParameter, attributes }, make);
}
