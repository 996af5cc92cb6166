/** A compiler that sends matrix products to an installed BLAS, on the heap's own memory. */
import type { Heap } from "../../core/heap.ts";
import type { Compiler, Kernel, MatmulKernel, MatmulRun, Run } from "../../ir/kernel.ts";
import { arrange, type Matrix, type Problem } from "../wasm/matmul-arrange.ts";
import { type Blas, findBlas } from "./library.ts";

let found: Blas | string | undefined;

/** The BLAS, looked for once, or why there is none. */
export function blas(): Blas | string {
  found ??= findBlas();
  return found;
}

/** Whether products go to the BLAS; settable by `torch.backends.blas.enabled`. */
export const blasSwitch: { enabled: boolean } = { enabled: true };

/** Below so many multiply-adds a call costs more than it saves: for two matrices, and for a matrix and a vector. */
const worthMatrix = 2 ** 14;
const worthVector = 2 ** 15;

const rowMajor = 101;
const plain = 111;
const transposed = 112;

/** How BLAS sees a matrix: which way round, and the distance between its rows. */
interface Shape {
  readonly trans: number;
  readonly leading: number;
}

/** Null where neither the rows nor the columns are dense and apart. */
function shapeOf({ row, column }: Matrix, rows: number, columns: number): Shape | null {
  if ((column === 1 || columns === 1) && (rows === 1 || row >= columns)) {
    return { trans: plain, leading: rows === 1 ? columns : row };
  }
  if ((row === 1 || rows === 1) && (columns === 1 || column >= rows)) {
    return { trans: transposed, leading: columns === 1 ? rows : column };
  }
  return null;
}

/** Wraps a compiler: what BLAS cannot or need not do goes to the one below. */
export function withBlas(below: Compiler, heap: Heap): Compiler {
  const self: Compiler = {
    name: below.name,
    compile<K extends Kernel>(kernel: K, parts: Compiler = self): Run<K> {
      const run = below.compile(kernel, parts);
      if (kernel.skeleton !== "matmul") return run;
      // A matmul kernel's runner is what `K` says it is, which TypeScript cannot see.
      return matmul(kernel, heap, run as MatmulRun) as Run<K>;
    },
    fastProducts: () => blasSwitch.enabled && typeof blas() !== "string",
  };
  return self;
}

function matmul(kernel: MatmulKernel, heap: Heap, below: MatmulRun): MatmulRun {
  const { dtype } = kernel;
  if (dtype !== "float32" && dtype !== "float64") return below;
  const places = placesOf(dtype, heap);
  return (batch, m, n, k, out, a, b, alpha, beta) => {
    let work = m * n * k;
    for (const size of batch) work *= size;
    const problem = work >= worthMatrix && blasSwitch.enabled ? arrange(batch, m, n, k, out, a, b) : null;
    const call = problem === null ? null : callOf(problem, places, alpha, beta);
    if (problem === null || call === null) below(batch, m, n, k, out, a, b, alpha, beta);
    else eachBatch(problem, call);
  };
}

/** The BLAS call for a product, or null where there is none or it does not pay. */
function callOf(problem: Problem, places: Places, alpha: number, beta: number): Call | null {
  const { m, n, k } = problem;
  if (m * n * k < (n === 1 ? worthVector : worthMatrix)) return null;
  const library = blas();
  if (typeof library === "string") return null;
  return (n === 1 ? timesVector : timesMatrix)(problem, places, library, alpha, beta);
}

/** How a dtype's elements are found in the heap, and whether they are float32. */
interface Places {
  readonly single: boolean;
  /** A window that begins `offset` elements behind the matrix's first. */
  view(side: Matrix, offset: number): ArrayBufferView;
}

function placesOf(dtype: "float32" | "float64", { memory }: Heap): Places {
  return dtype === "float32"
    ? { single: true, view: ({ address }, offset) => new Float32Array(memory.buffer, address + 4 * offset) }
    : { single: false, view: ({ address }, offset) => new Float64Array(memory.buffer, address + 8 * offset) };
}

/** Does one product of a batch, given the offsets of its matrices in elements. */
type Call = (out: number, a: number, b: number) => void;

/** Null where a matrix lies as BLAS cannot take it. */
function timesMatrix(
  { m, n, k, out, a, b }: Problem,
  { single, view }: Places,
  library: Blas,
  alpha: number,
  beta: number,
): Call | null {
  const [left, right, target] = [shapeOf(a, m, k), shapeOf(b, k, n), shapeOf(out, m, n)];
  if (left === null || right === null || target === null || target.trans !== plain) return null;
  const gemm = single ? library.sgemm : library.dgemm;
  const { trans, leading } = left;
  return (o, p, q) => {
    const [x, y, z] = [view(a, p), view(b, q), view(out, o)];
    gemm(rowMajor, trans, right.trans, m, n, k, alpha, x, leading, y, right.leading, beta, z, target.leading);
  };
}

/** As `timesMatrix` for one column, which may have any stride but 0. */
function timesVector(
  { m, k, out, a, b }: Problem,
  { single, view }: Places,
  library: Blas,
  alpha: number,
  beta: number,
): Call | null {
  const left = shapeOf(a, m, k);
  const [from, to] = [k === 1 ? 1 : b.row, m === 1 ? 1 : out.row];
  if (left === null || from === 0 || to === 0) return null;
  const gemv = single ? library.sgemv : library.dgemv;
  const { trans, leading } = left;
  const [rows, columns] = trans === plain ? [m, k] : [k, m];
  return (o, p, q) => {
    gemv(rowMajor, trans, rows, columns, alpha, view(a, p), leading, view(b, q), from, beta, view(out, o), to);
  };
}

/** Calls for every matrix of the batch. */
function eachBatch({ batch, out, a, b }: Problem, call: Call): void {
  const walk = (dim: number, o: number, p: number, q: number): void => {
    if (dim === batch.length) {
      call(o, p, q);
      return;
    }
    const [so, sp, sq] = [out.batch[dim]!, a.batch[dim]!, b.batch[dim]!];
    for (let i = 0; i < batch[dim]!; i++) walk(dim + 1, o + i * so, p + i * sp, q + i * sq);
  };
  walk(0, 0, 0, 0);
}
