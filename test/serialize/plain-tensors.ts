/** Tensors of plain JavaScript for the tests of the file format: all of PyTorch's dtypes, no operators. */
import type { Description, TensorAdapter } from "../../src/serialize/adapter.ts";
import { type Files, filesOf } from "../../src/serialize/files.ts";

export class PlainStorage {
  readonly device: string;
  bytes: Uint8Array;
  writes = 0;

  constructor(nbytes: number, device = "cpu") {
    this.device = device;
    this.bytes = new Uint8Array(device === "cpu" ? nbytes : 0);
  }
}

export class PlainTensor {
  readonly storage: PlainStorage;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
  readonly requiresGrad: boolean;
  readonly isParameter: boolean;

  constructor(storage: PlainStorage, parts: Omit<Description, "storage">) {
    this.storage = storage;
    this.dtype = parts.dtype;
    this.shape = parts.shape;
    this.strides = parts.strides;
    this.offset = parts.offset;
    this.requiresGrad = parts.requiresGrad;
    this.isParameter = parts.isParameter;
  }
}

const plain = (storage: object): PlainStorage => {
  if (!(storage instanceof PlainStorage)) throw new TypeError("no PlainStorage");
  return storage;
};

export const plainTensors: TensorAdapter = {
  describe: (value) => (value instanceof PlainTensor ? value : null),
  isStorage: (value) => value instanceof PlainStorage,
  describeStorage: (value) => (value instanceof PlainStorage ? { storage: value, dtype: null } : null),
  makeBareStorage: (storage) => storage,
  hasDType: () => true,
  nbytes: (storage) => plain(storage).bytes.length,
  far: () => null,
  bytes: (storage) => (plain(storage).device === "cpu" ? plain(storage).bytes : null),
  writes: (storage) => plain(storage).writes,
  makeStorage: (nbytes, device) => new PlainStorage(nbytes, device),
  makeTensor: (storage, at) => new PlainTensor(plain(storage), { ...at, isParameter: false }),
  makeParameter(tensor, requiresGrad) {
    if (!(tensor instanceof PlainTensor)) throw new TypeError("no PlainTensor");
    return new PlainTensor(tensor.storage, { ...tensor, requiresGrad, isParameter: true });
  },
  makeBuffer: (tensor) => tensor,
  attributes: () => [],
  setAttributes() {
    throw new TypeError("PlainTensors have no attributes");
  },
};

/** save, load, serialize and deserialize for plain tensors. */
export const files: Files = filesOf(plainTensors);

/** A contiguous float32 tensor. */
export function floats(values: readonly number[], shape: readonly number[] = [values.length]): PlainTensor {
  const storage = new PlainStorage(0);
  storage.bytes = new Uint8Array(Float32Array.from(values).buffer);
  const strides = shape.map((_size, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  return new PlainTensor(storage, {
    dtype: "float32",
    shape,
    strides,
    offset: 0,
    requiresGrad: false,
    isParameter: false,
  });
}

/** Another view of the tensor's storage. */
export function viewOf(tensor: PlainTensor, shape: number[], strides: number[], offset: number): PlainTensor {
  return new PlainTensor(tensor.storage, { ...tensor, shape, strides, offset });
}

function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

const readers: Record<string, (view: DataView, at: number) => number | bigint> = {
  bool: (view, at) => view.getUint8(at),
  uint8: (view, at) => view.getUint8(at),
  int8: (view, at) => view.getInt8(at),
  int16: (view, at) => view.getInt16(at, true),
  int32: (view, at) => view.getInt32(at, true),
  int64: (view, at) => view.getBigInt64(at, true),
  float16: (view, at) => halfToNumber(view.getUint16(at, true)),
  bfloat16: (view, at) => new Float32Array(new Uint32Array([view.getUint16(at, true) << 16]).buffer)[0]!,
  float32: (view, at) => view.getFloat32(at, true),
  float64: (view, at) => view.getFloat64(at, true),
};

const sizes: Record<string, number> = {
  bool: 1,
  uint8: 1,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  float16: 2,
  bfloat16: 2,
  float32: 4,
  float64: 8,
  complex64: 8,
  complex128: 16,
};

export const itemsize = (dtype: string): number => sizes[dtype]!;

/** The elements in row-major order, complex ones as their two parts. */
export function elementsOf(parts: Omit<Description, "storage">, bytes: Uint8Array): (number | bigint)[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = itemsize(parts.dtype);
  const isComplex = parts.dtype.startsWith("complex");
  const read = readers[isComplex ? (size === 8 ? "float32" : "float64") : parts.dtype]!;
  let positions = [parts.offset];
  for (const [d, n] of parts.shape.entries()) {
    positions = positions.flatMap((p) => Array.from({ length: n }, (_x, i) => p + i * parts.strides[d]!));
  }
  return positions.flatMap((p) => {
    const at = p * size;
    return isComplex ? [read(view, at), read(view, at + size / 2)] : [read(view, at)];
  });
}
