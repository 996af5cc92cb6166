/** Finds an installed BLAS and binds its matrix products, through the optional package `koffi`. */

/** `cblas_?gemm` as koffi binds it: the matrices are windows on the heap. */
export type Gemm = (
  order: number,
  transA: number,
  transB: number,
  m: number,
  n: number,
  k: number,
  alpha: number,
  a: ArrayBufferView,
  lda: number,
  b: ArrayBufferView,
  ldb: number,
  beta: number,
  c: ArrayBufferView,
  ldc: number,
) => void;

/** `cblas_?gemv`: a matrix times a vector, whose elements are `incx` apart. */
export type Gemv = (
  order: number,
  trans: number,
  m: number,
  n: number,
  alpha: number,
  a: ArrayBufferView,
  lda: number,
  x: ArrayBufferView,
  incx: number,
  beta: number,
  y: ArrayBufferView,
  incy: number,
) => void;

/** A BLAS that was found. */
export interface Blas {
  /** What the library says of itself. */
  readonly name: string;
  readonly sgemm: Gemm;
  readonly dgemm: Gemm;
  readonly sgemv: Gemv;
  readonly dgemv: Gemv;
}

interface Koffi {
  load(path: string): { func(prototype: string): (...args: never[]) => unknown };
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

const gemm = (name: string, t: Scalar): string =>
  `void cblas_${name}(int order, int ta, int tb, int m, int n, int k, ${t} alpha, const ${t} *a, int lda, ` +
  `const ${t} *b, int ldb, ${t} beta, ${t} *c, int ldc)`;
const gemv = (name: string, t: Scalar): string =>
  `void cblas_${name}(int order, int ta, int m, int n, ${t} alpha, const ${t} *a, int lda, ` +
  `const ${t} *x, int incx, ${t} beta, ${t} *y, int incy)`;

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
    // Its own threads' barriers spin, which on a busy machine costs many times what they gain.
    optional(() => (library.func("void openblas_set_num_threads(int n)") as (n: number) => void)(1));
    const config = optional(() => (library.func("const char *openblas_get_config()") as () => string)());
    return {
      name: typeof config === "string" ? config.trim() : path,
      sgemm: library.func(gemm("sgemm", "float")) as unknown as Gemm,
      dgemm: library.func(gemm("dgemm", "double")) as unknown as Gemm,
      sgemv: library.func(gemv("sgemv", "float")) as unknown as Gemv,
      dgemv: library.func(gemv("dgemv", "double")) as unknown as Gemv,
    };
  } catch {
    return null;
  }
}

/** What only some libraries have. */
function optional<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}
