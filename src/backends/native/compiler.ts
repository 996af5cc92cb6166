/** A compiler that sends matrix products to an installed BLAS, on the heap's own memory. */
import type { Heap } from "../../core/heap.ts";
import { load } from "../../ir/expr.ts";
import type { Compiler, Kernel, MatmulKernel, MatmulRun, Operand, PointwiseRun, Run } from "../../ir/kernel.ts";
import { arrange, type Matrix, type Problem } from "../wasm/matmul-arrange.ts";
import { numelOf } from "../wasm/parallel.ts";
import { Plans } from "../wasm/plans.ts";
import { type Blas, findBlas } from "./library.ts";

let found: Blas | string | undefined;

/** The BLAS, looked for once, or why there is none. */
export function blas(): Blas | string {
  found ??= findBlas();
  return found;
}

/** Whether products go to the BLAS; settable by `torch.backends.blas.enabled`. */
export const blasSwitch: { enabled: boolean } = { enabled: true };

/** Multiply-adds below which WebAssembly is as fast, and a program may never need to load a library. */
export interface Worth {
  readonly all: number;
  /** Those of each product of a batch. */
  readonly each: number;
}
const worthOf: Worth = { all: 2 ** 12, each: 2 ** 9 };

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
export function withBlas(below: Compiler, heap: Heap, worth: Worth = worthOf): Compiler {
  const self: Compiler = {
    name: below.name,
    compile<K extends Kernel>(kernel: K, parts: Compiler = self): Run<K> {
      const run = below.compile(kernel, parts);
      if (kernel.skeleton !== "matmul") return run;
      // A matmul kernel's runner is what `K` says it is, which TypeScript cannot see.
      return matmul(kernel, heap, below, run as MatmulRun, worth) as Run<K>;
    },
    fastProducts: () => blasSwitch.enabled && typeof blas() !== "string",
  };
  return self;
}

/** Does one product of a batch, given the addresses of its matrices. */
type Call = (out: number, a: number, b: number, alpha: number, beta: number) => void;

/** How a product goes to the BLAS. */
interface Plan {
  readonly problem: Problem;
  readonly call: Call;
}

function matmul(kernel: MatmulKernel, heap: Heap, compiler: Compiler, below: MatmulRun, worth: Worth): MatmulRun {
  const { dtype } = kernel;
  if (dtype !== "float32" && dtype !== "float64") return below;
  const plans = new Plans<Plan | "none">();
  const lane = dtype === "float32" ? "f32" : "f64";
  const copy = { skeleton: "pointwise", expr: load(0), lane, inputs: [dtype], output: dtype } as const;
  let copies: PointwiseRun | null = null;
  return (batch, m, n, k, out, a, b, alpha, beta, addend = out) => {
    const work = numelOf(batch) * m * n * k;
    const library = work >= worth.all && blasSwitch.enabled ? blas() : "";
    if (typeof library === "string" || library.slow) {
      below(batch, m, n, k, out, a, b, alpha, beta, addend);
      return;
    }
    const operands = [out, a, b];
    const inner = [m, n, k];
    const made = (): Plan | "none" => planOf(arrange(batch, m, n, k, out, a, b), dtype, library, worth.each) ?? "none";
    const plan = plans.find(operands, batch, inner) ?? plans.keep(made(), operands, batch, inner);
    if (plan === "none") {
      below(batch, m, n, k, out, a, b, alpha, beta, addend);
      return;
    }
    if (addend !== out && beta !== 0) {
      copies ??= compiler.compile(copy);
      copies.strided([...batch, m, n], [out, addend]);
    }
    eachBatch(plan, heapStart(heap, library), operands, itemsizes[dtype], alpha, beta);
  };
}

const itemsizes = { float32: 4, float64: 8 } as const;

const starts = new WeakMap<ArrayBufferLike, number>();

/** The address of the heap's first byte. */
function heapStart({ memory }: Heap, { addressOf }: Blas): number {
  const { buffer } = memory;
  let start = starts.get(buffer);
  if (start === undefined) {
    start = addressOf(new Uint8Array(buffer));
    starts.set(buffer, start);
  }
  return start;
}

/** Null where BLAS has no call for the product or it does not pay. */
function planOf(problem: Problem, dtype: "float32" | "float64", library: Blas, least: number): Plan | null {
  if (problem.m * problem.n * problem.k < least) return null;
  const call = (problem.n === 1 ? timesVector : timesMatrix)(problem, dtype === "float32", library);
  return call === null ? null : { problem, call };
}

/** Null where a matrix lies as BLAS cannot take it. */
function timesMatrix({ m, n, k, out, a, b }: Problem, single: boolean, { sgemm, dgemm }: Blas): Call | null {
  const [left, right, target] = [shapeOf(a, m, k), shapeOf(b, k, n), shapeOf(out, m, n)];
  if (left === null || right === null || target === null || target.trans !== plain) return null;
  const gemm = single ? sgemm : dgemm;
  const [tx, ty] = [left.trans, right.trans];
  const [ldx, ldy, ldz] = [left.leading, right.leading, target.leading];
  return (z, x, y, alpha, beta) => gemm(rowMajor, tx, ty, m, n, k, alpha, x, ldx, y, ldy, beta, z, ldz);
}

/** As `timesMatrix` for one column, which may have any stride but 0. */
function timesVector({ m, k, out, a, b }: Problem, single: boolean, { sgemv, dgemv }: Blas): Call | null {
  const left = shapeOf(a, m, k);
  const [from, to] = [k === 1 ? 1 : b.row, m === 1 ? 1 : out.row];
  if (left === null || from === 0 || to === 0) return null;
  const gemv = single ? sgemv : dgemv;
  const { trans, leading } = left;
  const [rows, columns] = trans === plain ? [m, k] : [k, m];
  return (z, x, y, alpha, beta) => gemv(rowMajor, trans, rows, columns, alpha, x, leading, y, from, beta, z, to);
}

/** Calls for every matrix of the batch. */
function eachBatch(
  { problem: { batch, out, a, b }, call }: Plan,
  start: number,
  operands: readonly Operand[],
  bytes: number,
  alpha: number,
  beta: number,
): void {
  const count = numelOf(batch);
  const first = ({ operand }: Matrix): number => start + operands[operand]!.address;
  let [o, p, q] = [first(out), first(a), first(b)];
  const position = batch.map(() => 0);
  for (let done = 0; done < count; done++) {
    call(o, p, q, alpha, beta);
    for (let dim = batch.length - 1; dim >= 0; dim--) {
      o += out.batch[dim]! * bytes;
      p += a.batch[dim]! * bytes;
      q += b.batch[dim]! * bytes;
      if (++position[dim]! < batch[dim]!) break;
      position[dim] = 0;
      o -= out.batch[dim]! * bytes * batch[dim]!;
      p -= a.batch[dim]! * bytes * batch[dim]!;
      q -= b.batch[dim]! * bytes * batch[dim]!;
    }
  }
}
