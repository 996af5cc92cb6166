/** Finds an installed BLAS and binds its matrix products, through the optional package `koffi`. */
import { type Koffi, type Library, optional } from "./koffi.ts";
import { chooseCore } from "./openblas.ts";

/** `cblas_?gemm` as koffi binds it: the matrices are addresses. */
export type Gemm = (
  order: number,
  transA: number,
  transB: number,
  m: number,
  n: number,
  k: number,
  alpha: number,
  a: number,
  lda: number,
  b: number,
  ldb: number,
  beta: number,
  c: number,
  ldc: number,
) => void;

/** `cblas_?gemv`: a matrix times a vector, whose elements are `incx` apart. */
export type Gemv = (
  order: number,
  trans: number,
  m: number,
  n: number,
  alpha: number,
  a: number,
  lda: number,
  x: number,
  incx: number,
  beta: number,
  y: number,
  incy: number,
) => void;

/** A BLAS that was found. */
export interface Blas {
  /** What the library says of itself. */
  readonly name: string;
  /** What was done about it, or why no products go to it, in words; or null. */
  readonly note: string | null;
  /** Whether its products are slower than WebAssembly's, so that none go to it. */
  readonly slow: boolean;
  /** The kernels that an OpenBLAS was made to choose, or null: other processes need them said by OPENBLAS_CORETYPE. */
  readonly chosenCore: string | null;
  /** The address of a window's first byte. */
  addressOf(window: ArrayBufferView): number;
  readonly sgemm: Gemm;
  readonly dgemm: Gemm;
  readonly sgemv: Gemv;
  readonly dgemv: Gemv;
}

const candidates: readonly string[] = [
  "libopenblas.so.0",
  "libopenblas.so",
  "libmkl_rt.so.2",
  "libmkl_rt.so",
  "/System/Library/Frameworks/Accelerate.framework/Accelerate",
  "libopenblas.dll",
  "libblas.so.3",
];

type Scalar = "float" | "double";

// Matrices are passed as numbers: windows on the heap cost 0.2 us to make and as much to read.
const gemm = (name: string, t: Scalar): string =>
  `void cblas_${name}(int order, int ta, int tb, int m, int n, int k, ${t} alpha, uintptr_t a, int lda, ` +
  `uintptr_t b, int ldb, ${t} beta, uintptr_t c, int ldc)`;
const gemv = (name: string, t: Scalar): string =>
  `void cblas_${name}(int order, int ta, int m, int n, ${t} alpha, uintptr_t a, int lda, ` +
  `uintptr_t x, int incx, ${t} beta, uintptr_t y, int incy)`;

type ModuleBuiltin = { createRequire(url: string): (name: string) => unknown };

/** The first BLAS that loads, or the reason why there is none. */
export function findBlas(): Blas | string {
  const builtin = globalThis.process?.getBuiltinModule?.("module") as ModuleBuiltin | undefined;
  if (builtin === undefined) return "this runtime cannot load native libraries";
  let koffi: Koffi;
  try {
    koffi = builtin.createRequire(import.meta.url)("koffi") as Koffi;
  } catch {
    return "the optional package koffi is not installed";
  }
  for (const path of candidates) {
    const blas = bind(koffi, path);
    if (blas !== null) return blas;
  }
  return `no BLAS library found (looked for ${candidates.join(", ")})`;
}

function bind(koffi: Koffi, path: string): Blas | null {
  try {
    const library = koffi.load(path);
    const { chosen, slow, note } = chooseCore(library);
    // Its own threads' barriers spin, which on a busy machine costs many times what they gain.
    optional(() => (library.func("void openblas_set_num_threads(int n)") as (n: number) => void)(1));
    const name = nameOf(library);
    const reference = path.startsWith("libblas.") && name === null;
    return {
      name: name ?? path,
      note: reference ? "not used, since it is a reference implementation" : note,
      slow: slow || reference,
      chosenCore: chosen,
      addressOf: (window) => Number(koffi.address(window)),
      sgemm: library.func(gemm("sgemm", "float")) as unknown as Gemm,
      dgemm: library.func(gemm("dgemm", "double")) as unknown as Gemm,
      sgemv: library.func(gemv("sgemv", "float")) as unknown as Gemv,
      dgemv: library.func(gemv("dgemv", "double")) as unknown as Gemv,
    };
  } catch {
    return null;
  }
}

/** What OpenBLAS or BLIS say of themselves, or null. */
function nameOf(library: Library): string | null {
  const config = optional(() => (library.func("const char *openblas_get_config()") as () => string)());
  if (typeof config === "string") return config.trim();
  const version = optional(() => (library.func("const char *bli_info_get_version_str()") as () => string)());
  return typeof version === "string" ? `BLIS ${version}` : null;
}
