/** The same product in a better form: fewer batches, a result written along its rows, a vector as a column. */
import type { Operand } from "../../ir/kernel.ts";
import { cuttingDim, ranges } from "./parallel.ts";

/** One side of a product: its batch strides, and its strides in the two matrix dims, in elements. */
export interface Matrix {
  /** Which operand it is: 0 the result, 1 and 2 the factors, 3 what is added. */
  readonly operand: number;
  /** Elements between the operand's first one and this side's. */
  readonly offset: number;
  readonly batch: number[];
  row: number;
  column: number;
}

/** out [batch, m, n] = a [batch, m, k] @ b [batch, k, n], plus a multiple of old [batch, m, n]. */
export interface Problem {
  batch: number[];
  m: number;
  n: number;
  readonly k: number;
  out: Matrix;
  a: Matrix;
  b: Matrix;
  old: Matrix;
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
  old: Operand = out,
): Problem {
  const sides = { out: matrix(out, 0), a: matrix(a, 1), b: matrix(b, 2), old: matrix(old, 3) };
  const problem = { batch: [...batch], m, n, k, ...sides };
  while (problem.batch.length > 0 && fold(problem));
  // A vector is a column, and else the result's rows are what is dense.
  if (problem.n !== 1 && (problem.m === 1 || (problem.out.column !== 1 && problem.out.row === 1))) turn(problem);
  return problem;
}

function matrix({ strides }: Operand, operand: number): Matrix {
  const rank = strides.length;
  const batch: number[] = [];
  for (let i = 0; i < rank - 2; i++) batch.push(strides[i]!);
  return { operand, offset: 0, batch, row: strides[rank - 2]!, column: strides[rank - 1]! };
}

/**
 * Makes the last batch dim a part of the matrices: those that share one `b` and whose rows go on from one matrix to
 * the next are one taller matrix, and likewise for columns.
 */
function fold(problem: Problem): boolean {
  const { batch, m, n, out, a, b, old } = problem;
  const last = batch.length - 1;
  const size = batch[last]!;
  if (size !== 1) {
    if (b.batch[last] === 0 && [a, out, old].every((side) => rowsGoOn(side, m, last))) {
      if (m === 1) for (const side of [a, out, old]) side.row = side.batch[last]!;
      problem.m *= size;
    } else if (a.batch[last] === 0 && [b, out, old].every((side) => columnsGoOn(side, n, last))) {
      if (n === 1) for (const side of [b, out, old]) side.column = side.batch[last]!;
      problem.n *= size;
    } else {
      return false;
    }
  }
  for (const list of [batch, out.batch, a.batch, b.batch, old.batch]) list.pop();
  return true;
}

const rowsGoOn = ({ row, batch }: Matrix, m: number, last: number): boolean => m === 1 || batch[last] === row * m;
const columnsGoOn = ({ column, batch }: Matrix, n: number, last: number): boolean =>
  n === 1 || batch[last] === column * n;

/** outᵀ = bᵀ aᵀ. Parts of a cut share sides, which are therefore replaced, not changed. */
export function turn(problem: Problem): void {
  const { m, n, out, a, b, old } = problem;
  const turned = (side: Matrix): Matrix => ({ ...side, row: side.column, column: side.row });
  Object.assign(problem, { m: n, n: m, out: turned(out), a: turned(b), b: turned(a), old: turned(old) });
}

/** A few columns as a batch of single ones: a matrix is read for each, but tiles would be mostly empty. */
export function separateColumns(problem: Problem): void {
  const { batch, n, out, a, b, old } = problem;
  const along = (side: Matrix, step: number): Matrix => ({ ...side, batch: [...side.batch, step] });
  const columns = { out: along(out, out.column), b: along(b, b.column), old: along(old, old.column) };
  Object.assign(problem, { batch: [...batch, n], n: 1, a: along(a, 0), ...columns });
}

/** Rows between cuts: whole tiles of rows and of columns, and whole groups of rows of a product with a vector. */
const CUT_STEP = 16;

/** Cuts a product along a batch dim, its rows or its columns; no element's sum is split. */
export function cutProblem(problem: Problem, pieces: number): Problem[] {
  const { batch, m, n } = problem;
  const dim = cuttingDim(batch, pieces);
  const cutsBatch = dim >= 0 && (batch[dim]! >= pieces || batch[dim]! * CUT_STEP > Math.max(m, n));
  const moved = (side: Matrix, elements: number): Matrix => ({ ...side, offset: side.offset + elements });
  if (cutsBatch) {
    return ranges(batch[dim]!, pieces).map(([from, to]) => {
      const move = (side: Matrix): Matrix => moved(side, side.batch[dim]! * from);
      const sizes = batch.map((size, i) => (i === dim ? to - from : size));
      const { out, a, b, old } = problem;
      return { ...problem, batch: sizes, out: move(out), a: move(a), b: move(b), old: move(old) };
    });
  }
  if (m >= n) {
    return ranges(m, pieces, CUT_STEP).map(([from, to]) => {
      const [out, a, old] = [problem.out, problem.a, problem.old].map((side) => moved(side, side.row * from));
      return { ...problem, m: to - from, out: out!, a: a!, old: old! };
    });
  }
  return ranges(n, pieces, CUT_STEP).map(([from, to]) => {
    const [out, b, old] = [problem.out, problem.b, problem.old].map((side) => moved(side, side.column * from));
    return { ...problem, n: to - from, out: out!, b: b!, old: old! };
  });
}
