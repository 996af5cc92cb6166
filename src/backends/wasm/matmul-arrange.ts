/** The same product in a better form: fewer batches, a result written along its rows, a vector as a column. */
import type { Operand } from "../../ir/kernel.ts";
import { cuttingDim, ranges } from "./parallel.ts";

/** One side of a product: where it is, its batch strides, and its strides in the two matrix dims, in elements. */
export interface Matrix {
  readonly address: number;
  readonly batch: number[];
  row: number;
  column: number;
}

/** out [batch, m, n] = a [batch, m, k] @ b [batch, k, n]. */
export interface Problem {
  readonly batch: number[];
  m: number;
  n: number;
  readonly k: number;
  out: Matrix;
  a: Matrix;
  b: Matrix;
}

/** Arranges a product. All is changed in place: this runs for every small matmul, too. */
export function arrange(
  batch: readonly number[],
  m: number,
  n: number,
  k: number,
  out: Operand,
  a: Operand,
  b: Operand,
): Problem {
  const problem = { batch: [...batch], m, n, k, out: matrix(out), a: matrix(a), b: matrix(b) };
  while (problem.batch.length > 0 && fold(problem));
  transposeIfBetter(problem);
  return problem;
}

function matrix({ address, strides }: Operand): Matrix {
  const rank = strides.length;
  const batch: number[] = [];
  for (let i = 0; i < rank - 2; i++) batch.push(strides[i]!);
  return { address, batch, row: strides[rank - 2]!, column: strides[rank - 1]! };
}

/**
 * Makes the last batch dim a part of the matrices: those that share one `b` and whose rows go on from one matrix to
 * the next are one taller matrix, and likewise for columns.
 */
function fold(problem: Problem): boolean {
  const { batch, m, n, out, a, b } = problem;
  const last = batch.length - 1;
  const size = batch[last]!;
  if (size !== 1) {
    if (b.batch[last] === 0 && rowsGoOn(a, m, last) && rowsGoOn(out, m, last)) {
      if (m === 1) a.row = a.batch[last]!;
      if (m === 1) out.row = out.batch[last]!;
      problem.m *= size;
    } else if (a.batch[last] === 0 && columnsGoOn(b, n, last) && columnsGoOn(out, n, last)) {
      if (n === 1) b.column = b.batch[last]!;
      if (n === 1) out.column = out.batch[last]!;
      problem.n *= size;
    } else {
      return false;
    }
  }
  for (const list of [batch, out.batch, a.batch, b.batch]) list.pop();
  return true;
}

const rowsGoOn = ({ row, batch }: Matrix, m: number, last: number): boolean => m === 1 || batch[last] === row * m;
const columnsGoOn = ({ column, batch }: Matrix, n: number, last: number): boolean =>
  n === 1 || batch[last] === column * n;

/** outᵀ = bᵀ aᵀ. */
function transposeIfBetter(problem: Problem): void {
  const { m, n, out, a, b } = problem;
  if (n === 1 || (m !== 1 && (out.column === 1 || out.row !== 1))) return;
  problem.m = n;
  problem.n = m;
  problem.a = b;
  problem.b = a;
  for (const side of [out, a, b]) {
    const { row } = side;
    side.row = side.column;
    side.column = row;
  }
}

/** Rows between cuts: whole tiles of rows and of columns, and whole groups of rows of a product with a vector. */
const CUT_STEP = 16;

/** Cuts a product along a batch dim, its rows or its columns; no element's sum is split. */
export function cutProblem(problem: Problem, pieces: number, itemsize: number): Problem[] {
  const { batch, m, n } = problem;
  const dim = cuttingDim(batch, pieces);
  const cutsBatch = dim >= 0 && (batch[dim]! >= pieces || batch[dim]! * CUT_STEP > Math.max(m, n));
  const moved = (side: Matrix, elements: number): Matrix => ({ ...side, address: side.address + elements * itemsize });
  if (cutsBatch) {
    return ranges(batch[dim]!, pieces).map(([from, to]) => {
      const move = (side: Matrix): Matrix => moved(side, side.batch[dim]! * from);
      const sizes = batch.map((size, i) => (i === dim ? to - from : size));
      return { ...problem, batch: sizes, out: move(problem.out), a: move(problem.a), b: move(problem.b) };
    });
  }
  if (m >= n) {
    return ranges(m, pieces, CUT_STEP).map(([from, to]) => {
      const { out, a } = problem;
      return { ...problem, m: to - from, out: moved(out, out.row * from), a: moved(a, a.row * from) };
    });
  }
  return ranges(n, pieces, CUT_STEP).map(([from, to]) => {
    const { out, b } = problem;
    return { ...problem, n: to - from, out: moved(out, out.column * from), b: moved(b, b.column * from) };
  });
}
