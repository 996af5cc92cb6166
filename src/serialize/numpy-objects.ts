/** NumPy's arrays and numbers in pickles, as tensors and plain numbers. */
import { Complex } from "../core/complex.ts";
import { ContentError } from "./errors.ts";
import type { TensorBuilder } from "./globals.ts";
import { numpyNames } from "./npy-format.ts";
import { intFromBytes } from "./pickle-bytes.ts";
import { PyCallable, PyName, PyObject } from "./python.ts";

const bad = (what: string): ContentError => new ContentError(`numpy: ${what}`);

/** `numpy.dtype(code, align, copy)` with its state `(version, byte order, …)`. */
class NumpyDType extends PyObject {
  /** `f4` */
  readonly code: string;
  readonly #order: string;

  constructor(args: readonly unknown[]) {
    super(new PyName("numpy", "dtype"), args);
    const [code] = args;
    if (typeof code !== "string" || code.length > 64) throw bad("a dtype without its code");
    this.#order = code[0] ?? "";
    this.code = code.replace(/^[<>=|]/, "");
  }

  get bigEndian(): boolean {
    return (Array.isArray(this.state) ? this.state[1] : this.#order) === ">";
  }

  get itemsize(): number {
    const digits = /^[a-zA-Z](\d{1,9})$/.exec(this.code)?.[1];
    return digits === undefined ? 0 : Number(digits) * (this.code.startsWith("U") ? 4 : 1);
  }
}

/** Little-endian bytes of numbers of `size` bytes each. */
function littleEndian(bytes: Uint8Array, { bigEndian, code, itemsize }: NumpyDType): Uint8Array {
  if (!bigEndian) return bytes;
  const size = code.startsWith("c") ? itemsize / 2 : code.startsWith("U") ? 4 : itemsize;
  const turned = bytes.slice();
  for (let i = 0; i + size <= turned.length; i += size) turned.subarray(i, i + size).reverse();
  return turned;
}

function float16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

function text(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let value = "";
  for (let i = 0; i + 4 <= bytes.length; i += 4) {
    const code = view.getUint32(i, true);
    if (code > 0x10ffff) throw bad(`no such character: ${code}`);
    value += String.fromCodePoint(code);
  }
  return value.replace(/\0+$/, "");
}

/** The value of one element; undefined where there is none here. */
function element(dtype: NumpyDType, raw: Uint8Array): unknown {
  const bytes = littleEndian(raw, dtype);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  switch (dtype.code) {
    case "b1":
      return view.getUint8(0) !== 0;
    case "f2":
      return float16(view.getUint16(0, true));
    case "f4":
      return view.getFloat32(0, true);
    case "f8":
      return view.getFloat64(0, true);
    case "c8":
      return new Complex(view.getFloat32(0, true), view.getFloat32(4, true));
    case "c16":
      return new Complex(view.getFloat64(0, true), view.getFloat64(8, true));
  }
  switch (dtype.code[0]) {
    case "i":
      return intFromBytes(bytes);
    case "u":
      return intFromBytes(Uint8Array.of(...bytes, 0));
    case "U":
      return text(bytes);
    case "S":
      return bytes.slice();
    default:
      return undefined;
  }
}

/** `scalar(dtype, bytes)`: a plain value, or an opaque object where there is none for it. */
function scalar(type: PyName, args: readonly unknown[]): unknown {
  const [dtype, bytes] = args;
  if (!(dtype instanceof NumpyDType)) throw bad("a number without a dtype");
  const { itemsize } = dtype;
  if (!(bytes instanceof Uint8Array) || itemsize === 0) return new PyObject(type, args);
  if (bytes.length !== itemsize) {
    throw bad(`a number of dtype ${dtype.code}: expected ${itemsize} bytes, found ${bytes.length}`);
  }
  return element(dtype, bytes) ?? new PyObject(type, args);
}

/** `_reconstruct(class, shape, code)` with its state `(version, shape, dtype, fortran, elements)`. */
class NumpyArray extends PyObject {
  readonly #make: TensorBuilder;

  constructor(make: TensorBuilder, type: PyName, args: readonly unknown[]) {
    super(type, args);
    this.#make = make;
  }

  override convert(): object | null {
    if (!Array.isArray(this.state) || this.state.length < 4) return null;
    const [shape, dtype, fortran, elements] = this.state.slice(-4) as unknown[];
    if (!(dtype instanceof NumpyDType) || !(elements instanceof Uint8Array)) return null;
    return arrayOf(this.#make, dtype, shape, fortran === true, elements);
  }
}

/** A tensor; null where there is no such dtype here. */
function arrayOf(
  make: TensorBuilder,
  dtype: NumpyDType,
  shape: unknown,
  fortran: boolean,
  elements: Uint8Array,
): object | null {
  const sizes = Array.isArray(shape) ? (shape as unknown[]) : [];
  const counted = sizes.every((n): n is number => typeof n === "number" && Number.isSafeInteger(n) && n >= 0);
  if (!Array.isArray(shape) || !counted) throw bad("an array without its shape");
  const name = Object.hasOwn(numpyNames, dtype.code) ? numpyNames[dtype.code] : undefined;
  if (name === undefined) return null;
  const nbytes = sizes.reduce((product: number, n) => product * (n as number), dtype.itemsize);
  if (nbytes !== elements.length) {
    throw bad(
      `an array of shape (${sizes}) and dtype ${dtype.code}: expected ${nbytes} bytes, found ${elements.length}`,
    );
  }
  return make.array(name, sizes as number[], fortran, littleEndian(elements, dtype));
}

/** `_frombuffer(bytes, dtype, shape, order)` of protocol 5. */
function fromBuffer(make: TensorBuilder, type: PyName, args: readonly unknown[]): unknown {
  const [elements, dtype, shape, order] = args;
  const known = elements instanceof Uint8Array && dtype instanceof NumpyDType;
  const array = known ? arrayOf(make, dtype, shape, order === "F", elements) : null;
  return array ?? new PyObject(type, args);
}

/** What pickles name of NumPy, under its older and its newer module names. */
export function numpyGlobals(make: TensorBuilder): PyCallable[] {
  const callable = (module: string, name: string, call: (type: PyName, args: readonly unknown[]) => unknown) => {
    const type = new PyName(module, name);
    return new PyCallable(module, name, (args) => call(type, args));
  };
  return [
    callable("numpy", "dtype", (_type, args) => new NumpyDType(args)),
    ...["numpy.core", "numpy._core"].flatMap((core) => [
      callable(`${core}.multiarray`, "scalar", scalar),
      callable(`${core}.multiarray`, "_reconstruct", (type, args) => new NumpyArray(make, type, args)),
      callable(`${core}.numeric`, "_frombuffer", (type, args) => fromBuffer(make, type, args)),
    ]),
  ];
}
