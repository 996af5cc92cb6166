/** Products with constant matrices, whose rows or columns often come in pairs that differ in signs only. */
import { emitMin } from "./geometry.ts";
import { Formula, laneInfo, type Term } from "./lanes.ts";
import type { FuncBuilder, Local } from "./module.ts";
import { type Matrix, transposed } from "./winograd-matrices.ts";

export type FloatLane = "f32" | "f64";

/** The formulas of a lane, all of whose elements count. */
export const fullFormula = (f: FuncBuilder, lane: FloatLane): Formula => new Formula(f, lane, laneInfo[lane].width);

/** Emits `matrix · inputs` into variables, one vector of each element. */
export function emitLinear(v: Formula, matrix: Matrix, inputs: readonly Local[]): Local[] {
  const columns = pairs(transposed(matrix));
  if (columns.some(({ other }) => other !== null)) return emitByColumns(v, matrix, inputs, columns);
  const results: Local[] = [];
  for (const { line, other } of pairs(matrix)) {
    const row = matrix[line]!;
    if (other === null) {
      results[line] = v.let(combination(v, row, inputs) ?? 0);
      continue;
    }
    const same = (keep: boolean): number[] => row.map((x, k) => ((x === matrix[other]![k]) === keep ? x : 0));
    const even = v.let(combination(v, same(true), inputs) ?? 0);
    const odd = v.let(combination(v, same(false), inputs) ?? 0);
    results[line] = v.let(v.add(even, odd));
    results[other] = v.let(v.sub(even, odd));
  }
  return results;
}

/** With the sums and differences of inputs in place of those whose columns are a pair. */
function emitByColumns(
  v: Formula,
  matrix: Matrix,
  inputs: readonly Local[],
  columns: readonly { readonly line: number; readonly other: number | null }[],
): Local[] {
  const terms: Local[] = [];
  const rows: number[][] = matrix.map(() => []);
  for (const { line, other } of columns) {
    if (other === null) {
      terms.push(inputs[line]!);
      matrix.forEach((row, i) => {
        rows[i]!.push(row[line]!);
      });
      continue;
    }
    terms.push(v.let(v.add(inputs[line]!, inputs[other]!)), v.let(v.sub(inputs[line]!, inputs[other]!)));
    matrix.forEach((row, i) => {
      const same = row[line] === row[other];
      rows[i]!.push(same ? row[line]! : 0, same ? 0 : row[line]!);
    });
  }
  return rows.map((row) => v.let(combination(v, row, terms) ?? 0));
}

/** `Σ row · inputs`, or null for an empty sum; factors of 1 first, as they need no multiplication. */
function combination(v: Formula, row: readonly number[], inputs: readonly Local[]): Term | null {
  const used = row.map((_, k) => k).filter((k) => row[k] !== 0);
  const plain = used.filter((k) => row[k] === 1);
  const scaled = used.filter((k) => row[k] !== 1);
  const sum = plain.reduce<Term | null>((all, k) => (all === null ? inputs[k]! : v.add(all, inputs[k]!)), null);
  return scaled.reduce<Term | null>(
    (all, k) => (all === null ? v.mul(inputs[k]!, row[k]!) : v.multiplyAdd(inputs[k]!, row[k]!, all)),
    sum,
  );
}

/** Lines in order, each with a later one that equals it but for the signs of some elements, if there is one. */
function pairs(lines: Matrix): { readonly line: number; readonly other: number | null }[] {
  const found: { line: number; other: number | null }[] = [];
  const taken = new Set<number>();
  lines.forEach((a, line) => {
    if (taken.has(line)) return;
    const other = lines.findIndex((b, k) => k > line && !taken.has(k) && isPair(a, b));
    if (other >= 0) taken.add(other);
    found.push({ line, other: other < 0 ? null : other });
  });
  return found;
}

function isPair(a: readonly number[], b: readonly number[]): boolean {
  const same = a.filter((x, k) => x !== 0 && x === b[k]).length;
  const opposite = a.filter((x, k) => x !== 0 && x === -b[k]!).length;
  return same > 0 && opposite > 0 && a.every((x, k) => Math.abs(x) === Math.abs(b[k]!));
}

/** Emits the first `count` columns of as many rows as a vector has lanes. */
export function emitTransposed(v: Formula, rows: readonly Local[], count: number): Local[] {
  if (v.lane === "f64") {
    const [a, b] = rows as readonly [Local, Local];
    const both = [v.joinLow(a, b), v.shuffle(HIGH_PAIR, a, b)];
    return both.slice(0, count).map((term) => v.let(term));
  }
  const [a, b, c, d] = rows as readonly [Local, Local, Local, Local];
  const columns: Local[] = [];
  for (const order of [LOW_WORDS, HIGH_WORDS]) {
    if (columns.length >= count) break;
    const [ab, cd] = [v.let(v.shuffle(order, a, b)), v.let(v.shuffle(order, c, d))];
    columns.push(v.let(v.joinLow(ab, cd)));
    if (columns.length < count) columns.push(v.let(v.shuffle(HIGH_PAIR, ab, cd)));
  }
  return columns;
}

const HIGH_PAIR = [8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31];
/** a0 b0 a1 b1, and a2 b2 a3 b3. */
const LOW_WORDS = [0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23];
const HIGH_WORDS = [8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31];

/** A loop over a count of elements by vectors, the last of which may go over some elements again. */
export function emitOverlapping(f: FuncBuilder, count: Local, lanes: number, body: (x: Local) => void): void {
  const [x, last] = [f.local("i32"), f.local("i32")];
  f.i32(0).set(x).get(count).i32(lanes).op("i32.sub").set(last);
  f.while(
    () => f.get(x).get(count).op("i32.lt_s"),
    () => {
      emitMin(f, x, last);
      f.set(x);
      body(x);
      f.add(x, lanes);
    },
  );
}
