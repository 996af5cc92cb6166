/** `torch.npy`: NumPy's files. */

import { check, ValueError } from "../core/errors.ts";
import { announce } from "../core/observe.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import { swap } from "./checkpoint.ts";
import { prepareInflate } from "./inflate.ts";
import { isBytes, type LoadSource, plainBytes, withSource } from "./input.ts";
import { contiguousStrides } from "./layouts.ts";
import { lazyTensors as adapter, LazyTensor } from "./lazy.ts";
import { npyHeader, readNpyHeader, unsupported } from "./npy-format.ts";
import { type SaveDestination, type SaveOptions, writeTo } from "./output.ts";
import { arrived, joined, type Pieces } from "./pieces.ts";
import { type Room, reused } from "./room.ts";
import { bytesSource, type Source } from "./source.ts";
import { ZipReader } from "./zip-read.ts";
import { type ZipInput, zipChunks } from "./zip-write.ts";

/** A tensor, or one that is read when its turn comes. */
type Writable = Tensor | LazyTensor;

/** Tensors by their names, or in order: `arr_0`, `arr_1`, … */
export type Arrays = ReadonlyMap<string, Writable> | readonly Writable[] | { readonly [name: string]: Writable };

// ---------------------------------------------------------------- reading

function readArray(source: Source): Tensor {
  const header = readNpyHeader(source);
  const { dtype, shape, fortran, start, nbytes, bigEndian } = header;
  if (!adapter.hasDType(dtype)) throw unsupported(source, header.descr);
  const storage = adapter.makeStorage(nbytes, "cpu");
  const bytes = adapter.bytes(storage)!;
  if (nbytes > 0) source.readInto(start, bytes);
  if (bigEndian) swap(bytes, header);
  const strides = fortran ? contiguousStrides([...shape].reverse()).reverse() : contiguousStrides(shape);
  return adapter.makeTensor(storage, { dtype, shape, strides, offset: 0, requiresGrad: false }) as Tensor;
}

/**
 * The tensor in a file that NumPy's `save` wrote; one in Fortran order keeps its strides.
 * @throws ValueError for arrays of objects, which would be pickles, and dtypes that do not exist here.
 * @example await torch.npy.load("x.npy") // tensor([[1., 1., 1.], [1., 1., 1.]])
 */
export async function load(src: LoadSource): Promise<Tensor> {
  return withSource(src, readArray);
}

/**
 * The tensor in the bytes of a `.npy` file.
 * @example torch.npy.deserialize(torch.npy.serialize(torch.ones(2))) // tensor([1., 1.])
 */
export function deserialize(bytes: ArrayBufferLike | ArrayBufferView): Tensor {
  if (!isBytes(bytes)) throw new TypeError("deserialize(): expected an ArrayBuffer or a typed array");
  return readArray(bytesSource(plainBytes(bytes), "the npy bytes"));
}

/**
 * The tensors in a `.npz` file by their names.
 * @throws RuntimeError for a file that is damaged; FileNotFoundError.
 * @example
 * await torch.npy.savez("arrays.npz", { x });
 * (await torch.npy.loadz("arrays.npz")).get("x") // tensor([[0., 1., 2.], [3., 4., 5.]])
 */
export async function loadz(src: LoadSource): Promise<Map<string, Tensor>> {
  await prepareInflate();
  return withSource(src, (source) => {
    const zip = new ZipReader(source);
    const found = new Map<string, Tensor>();
    for (const name of zip.entries.keys()) {
      check(name.endsWith(".npy"), () => `${source.name}: entry ${name} is no array`, ValueError);
      const member = bytesSource(zip.read(name), `${source.name}, entry ${name}`);
      found.set(name.slice(0, -".npy".length), readArray(member));
    }
    return found;
  });
}

// ---------------------------------------------------------------- writing

/** The file in two pieces. Tensors in Fortran order stay so, as in NumPy; others are written row by row. */
function chunksOf(
  x: unknown,
  what: string,
  room?: Room,
): [head: Uint8Array, data: () => Uint8Array | Promise<Uint8Array>] {
  if (x instanceof LazyTensor) return [npyHeader(x.dtype, x.shape, false), () => x.elements(room)];
  if (!isTensor(x)) throw new TypeError(`${what}: expected a Tensor, not ${typeof x}`);
  const source = x.detach().resolveConj().resolveNeg();
  const fortran = !source.isContiguous() && source.permute(reversed(source.dim())).isContiguous();
  const packed = fortran || source.isContiguous() ? source : source.contiguous();
  const header = npyHeader(packed.dtype.name, packed.shape, fortran);
  const { storage, offset } = adapter.describe(packed)!;
  const { itemsize } = packed.dtype;
  const begin = offset * itemsize;
  check(adapter.bytes(storage) !== null, () => `${what}: a tensor on the meta device has no data`);
  const data = (): Uint8Array => adapter.bytes(storage)!.subarray(begin, begin + packed.numel() * itemsize);
  return [header, data];
}

function* piecesOfArray(x: unknown, what: string): Pieces {
  const [header, data] = chunksOf(x, what);
  yield header;
  yield yield* arrived(data());
}

const reversed = (n: number): number[] => Array.from({ length: n }, (_, i) => n - 1 - i);

/**
 * The bytes of a `.npy` file, as NumPy would write them.
 * @example torch.npy.deserialize(torch.npy.serialize(torch.ones(2))) // tensor([1., 1.])
 */
export function serialize(x: Tensor): Uint8Array<ArrayBuffer> {
  announce(() => ({ kind: "save", value: x }));
  return joined(piecesOfArray(x, "serialize()"));
}

/**
 * Writes a tensor for NumPy; the file changes whole or not at all.
 * @example await torch.npy.save("x.npy", torch.ones(2, 3))
 */
export async function save(file: SaveDestination, x: Tensor | LazyTensor, options: SaveOptions = {}): Promise<void> {
  announce(() => ({ kind: "save", value: x }));
  await writeTo(file, () => piecesOfArray(x, "save()"), options);
}

function named(arrays: Arrays): [string, Writable][] {
  if (Array.isArray(arrays)) return arrays.map((x: Writable, i) => [`arr_${i}`, x]);
  return arrays instanceof Map ? [...arrays] : Object.entries(arrays as { readonly [name: string]: Writable });
}

async function writeArchive(
  file: SaveDestination,
  arrays: Arrays,
  options: SaveOptions,
  compress: boolean,
): Promise<void> {
  const entries = named(arrays);
  for (const [name, x] of entries) {
    if (!isTensor(x) && !(x instanceof LazyTensor)) throw new TypeError(`savez(): ${name} is no Tensor`);
    npyHeader(isTensor(x) ? x.dtype.name : x.dtype, x.shape, false);
  }
  const room = reused();
  const inputs = function* (): Generator<ZipInput> {
    for (const [name, x] of entries) {
      const [head, data] = chunksOf(x, "savez()", room);
      yield { name: `${name}.npy`, head, data, compress };
    }
  };
  announce(() => ({ kind: "save", value: arrays }));
  await writeTo(file, () => zipChunks(inputs()), options);
}

/**
 * Writes tensors to an archive of arrays.
 * @example await torch.npy.savez("arrays.npz", { x: torch.ones(2), y: torch.zeros(3) })
 */
export async function savez(file: SaveDestination, arrays: Arrays, options: SaveOptions = {}): Promise<void> {
  return writeArchive(file, arrays, options, false);
}

/**
 * Writes tensors to an archive of deflated arrays.
 * @example await torch.npy.savezCompressed("arrays.npz", { x });
 */
export async function savezCompressed(file: SaveDestination, arrays: Arrays, options: SaveOptions = {}): Promise<void> {
  await prepareInflate();
  return writeArchive(file, arrays, options, true);
}
