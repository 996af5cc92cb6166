/** NumPy's `.npy` format, versions 1 to 3. */
import { check, ValueError } from "../core/errors.ts";
import type { Source } from "./source.ts";

/** An array as its header describes it. */
export interface NpyHeader {
  /** `float32` */
  readonly dtype: string;
  /** `<f4` */
  readonly descr: string;
  readonly itemsize: number;
  /** Bytes of the numbers that an element is made of. */
  readonly numberSize: number;
  readonly bigEndian: boolean;
  readonly fortran: boolean;
  readonly shape: readonly number[];
  /** Offset of the first element. */
  readonly start: number;
  readonly nbytes: number;
}

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** NumPy reads no longer header from files that it does not trust, either. */
const longestHeader = 10_000;

/** NumPy's letter and size, and the dtype of tensors. */
export const numpyNames: Readonly<Record<string, string>> = {
  b1: "bool",
  u1: "uint8",
  u2: "uint16",
  u4: "uint32",
  u8: "uint64",
  i1: "int8",
  i2: "int16",
  i4: "int32",
  i8: "int64",
  f2: "float16",
  f4: "float32",
  f8: "float64",
  c8: "complex64",
  c16: "complex128",
};

const supported = "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint8, and bool";

/** Whether a file begins like one of NumPy's. */
export const looksLikeNpy = (start: Uint8Array): boolean => magic.every((byte, i) => start[i] === byte);

/** Reads and checks a header; the elements must be there. */
export function readNpyHeader(source: Source): NpyHeader {
  const fail = (what: string): ValueError => new ValueError(`${source.name}: ${what}`);
  const head = source.read(0, Math.min(source.size, 12));
  if (!looksLikeNpy(head)) {
    throw fail("the magic string is not correct; expected b'\\x93NUMPY'");
  }
  const major = head[6] ?? 0;
  if (major < 1 || major > 3)
    throw fail(`we only support format version (1,0), (2,0), and (3,0), not (${major}, ${head[7]})`);
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const wide = major > 1;
  const begin = wide ? 12 : 10;
  if (head.length < begin) throw fail(`EOF: reading array header length, expected ${begin} bytes got ${head.length}`);
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  if (length > longestHeader)
    throw fail(`Header info length (${length}) is large and may not be safe to load securely.`);
  if (begin + length > source.size) {
    throw fail(`EOF: reading array header, expected ${length} bytes got ${source.size - begin}`);
  }
  const text = new TextDecoder(major === 3 ? "utf-8" : "latin1").decode(source.read(begin, length));
  return describe(source, parseHeader(text, fail), begin + length, fail);
}

type Fail = (what: string) => ValueError;

/** The three entries of the header, which is a Python literal. */
function parseHeader(text: string, fail: Fail): { descr: string; fortran: boolean; shape: number[] } {
  const body = /^\s*\{(.*)\}\s*$/s.exec(text)?.[1];
  const entry =
    /\s*['"](\w+)['"]\s*:\s*('[^']*'|"[^"]*"|True|False|\([\d\sL,]*\)|\[.*?\](?=\s*,\s*['"]|\s*,?\s*$))\s*(?:,|$)/gsy;
  const found = new Map<string, string>();
  let end = 0;
  for (let match = entry.exec(body ?? ""); match !== null; match = entry.exec(body ?? "")) {
    found.set(match[1]!, match[2]!);
    end = entry.lastIndex;
  }
  const [descr, order, shape] = ["descr", "fortran_order", "shape"].map((key) => found.get(key) ?? "");
  const whole = body !== undefined && body.slice(end).trim() === "" && found.size === 3;
  if (!whole || !/^(True|False)$/.test(order!) || !shape!.startsWith("(")) {
    throw fail(`Cannot parse header: ${JSON.stringify(text.slice(0, 100))}`);
  }
  if (descr!.startsWith("[")) throw fail(`arrays of records (dtype ${descr}) have no counterpart here`);
  const sizes = shape!
    .slice(1, -1)
    .split(",")
    .filter((part) => part.trim() !== "");
  return {
    descr: descr!.slice(1, -1),
    fortran: order === "True",
    shape: sizes.map((part) => Number.parseInt(part, 10)),
  };
}

/** The error for elements that no tensor here can have. */
export const unsupported = (source: Source, descr: string): TypeError =>
  new TypeError(
    `${source.name}: can't convert np.ndarray of dtype ${descr}. The only supported types are: ${supported}.`,
  );

function describe(
  source: Source,
  { descr, fortran, shape }: { descr: string; fortran: boolean; shape: number[] },
  start: number,
  fail: Fail,
): NpyHeader {
  const parts = /^([<>=|])?([a-zA-Z])(\d*)$/.exec(descr);
  const kind = parts === null ? "" : `${parts[2]}${parts[3]}`;
  if (parts?.[2] === "O") throw fail("Object arrays cannot be loaded when allow_pickle=False");
  if (!Object.hasOwn(numpyNames, kind)) throw unsupported(source, descr);
  const itemsize = Number(parts![3]);
  const nbytes = shape.reduce((product, size) => product * size, itemsize);
  if (!shape.every((size) => Number.isSafeInteger(size)) || !Number.isSafeInteger(nbytes)) {
    throw fail(`an array of shape (${shape}) is too large`);
  }
  if (nbytes !== source.size - start) {
    throw fail(`an array of shape (${shape}) and dtype ${descr} needs ${nbytes} bytes, found ${source.size - start}`);
  }
  const numberSize = kind.startsWith("c") ? itemsize / 2 : itemsize;
  return {
    dtype: numpyNames[kind]!,
    descr,
    itemsize,
    numberSize,
    bigEndian: parts![1] === ">",
    fortran,
    shape,
    start,
    nbytes,
  };
}

/** Room that NumPy leaves so that the first (in Fortran order the last) dimension can grow. */
const growth = 21;

/** The header that NumPy writes, byte for byte. */
export function npyHeader(dtype: string, shape: readonly number[], fortran: boolean): Uint8Array {
  const kind = Object.entries(numpyNames).find(([, name]) => name === dtype)?.[0];
  check(kind !== undefined, () => `Got unsupported ScalarType ${dtype === "bfloat16" ? "BFloat16" : dtype}`, TypeError);
  const descr = (/1$/.test(kind) ? "|" : "<") + kind;
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const text = `{'descr': '${descr}', 'fortran_order': ${fortran ? "True" : "False"}, 'shape': ${tuple}, }`;
  const growing = shape.length === 0 ? 0 : Math.max(0, growth - String(fortran ? shape.at(-1) : shape[0]).length);
  const used = 10 + text.length + growing + 1;
  const bytes = new Uint8Array(Math.ceil(used / 64) * 64).fill(0x20);
  bytes.set([...magic, 1, 0]);
  new DataView(bytes.buffer).setUint16(8, bytes.length - 10, true);
  bytes.set(new TextEncoder().encode(text), 10);
  bytes[bytes.length - 1] = 0x0a;
  return bytes;
}
