/** Small squares of elements turned in registers: four by four of four bytes, two by two of eight. */
import type { FuncBuilder, Local } from "./module.ts";

const interleave = (first: number, bytes: number): number[] =>
  [0, 1].flatMap((pair) =>
    [0, 16].flatMap((from) => Array.from({ length: bytes }, (_, i) => from + first + pair * bytes + i)),
  );

const LOW: readonly number[] = interleave(0, 4);
const HIGH: readonly number[] = interleave(8, 4);
const FIRST: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
const SECOND: readonly number[] = [8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31];

/** The columns of a square whose rows are four vectors of four elements, or two of two; the rows stay as they are. */
export function emitTurned(f: FuncBuilder, rows: readonly Local[]): Local[] {
  const shuffled = (x: Local, y: Local, lanes: readonly number[]): Local => {
    const vector = f.local("v128");
    f.get(x).get(y).shuffle(lanes).set(vector);
    return vector;
  };
  const [a, b, c, d] = rows as readonly [Local, Local, Local | undefined, Local | undefined];
  if (c === undefined || d === undefined) return [shuffled(a, b, FIRST), shuffled(a, b, SECOND)];
  const [ab, AB] = [shuffled(a, b, LOW), shuffled(a, b, HIGH)];
  const [cd, CD] = [shuffled(c, d, LOW), shuffled(c, d, HIGH)];
  return [shuffled(ab, cd, FIRST), shuffled(ab, cd, SECOND), shuffled(AB, CD, FIRST), shuffled(AB, CD, SECOND)];
}
