/** Loops over outer dimensions: sizes and strides come from a table in memory, so that no code depends on a shape. */
import { SCRATCH_BYTES, SCRATCH_TABLES } from "../../core/heap.ts";
import type { Dims } from "../../ir/collapse.ts";
import type { FuncBuilder, Local } from "./module.ts";

const WORD = 4;

/** Words of one dim: size, counter, and per operand the step and what it takes back at the end of the dim. */
const dimWords = (operands: number): number => 2 + 2 * operands;

/** Dims to loop over, and the itemsizes of the operands that their strides belong to. */
export interface Loop {
  readonly dims: Dims;
  readonly itemsizes: readonly number[];
}

/** A kernel's words, then the tables of its loops: what it reads from the heap's scratch area. */
export function tableWords(head: readonly number[], loops: readonly Loop[]): number[] {
  const words = [...head];
  for (const { dims, itemsizes } of loops) addDims(words, dims, itemsizes);
  if (words.length * WORD > SCRATCH_BYTES - SCRATCH_TABLES) {
    throw new Error(`wasm: the strides of ${loops.map(({ dims }) => dims.shape.length).join(" + ")} dims do not fit`);
  }
  return words;
}

/** Adds the table of `dims`, innermost dim first. */
function addDims(words: number[], { shape, strides }: Dims, itemsizes: readonly number[]): void {
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    const size = shape[dim]!;
    words.push(size, 0);
    for (let k = 0; k < strides.length; k++) {
      const step = strides[k]![dim]! * itemsizes[k]!;
      words.push(step, step * (size - 1));
    }
  }
}

/** Reads words of a table into variables, from `first` on. */
export function readWords(f: FuncBuilder, table: Local, first: number, count: number): Local[] {
  return Array.from({ length: count }, (_, k) => {
    const word = f.local("i32");
    f.get(table)
      .load("i32.load", WORD * (first + k))
      .set(word);
    return word;
  });
}

/** A new variable that points behind `words` words of the table and `rank` dims of `operands` operands. */
export function skipDims(f: FuncBuilder, table: Local, words: number, rank: Local | null, operands: number): Local {
  const at = f.local("i32");
  f.get(table)
    .i32(WORD * words)
    .op("i32.add");
  if (rank !== null)
    f.get(rank)
      .i32(WORD * dimWords(operands))
      .op("i32.mul")
      .op("i32.add");
  f.set(at);
  return at;
}

/**
 * Emits `body` once per position of the `rank` dims of the table at `table`, with the addresses at that position.
 * Afterwards the addresses and the table's counters are as before.
 */
export function emitOdometer(
  f: FuncBuilder,
  table: Local,
  rank: Local,
  addresses: readonly Local[],
  body: () => void,
): void {
  const dim = f.local("i32");
  const left = f.local("i32");
  const count = f.local("i32");
  const move = (offset: number, code: "i32.add" | "i32.sub"): void => {
    addresses.forEach((address, k) => {
      const at = (2 + 2 * k) * WORD + offset;
      f.get(address).get(dim).load("i32.load", at).op(code).set(address);
    });
  };
  f.block((done) =>
    f.loop((next) => {
      body();
      f.get(table).set(dim);
      f.get(rank).set(left);
      f.loop((carry) => {
        f.get(left).op("i32.eqz").brIf(done);
        f.get(dim).load("i32.load", WORD).i32(1).op("i32.add").tee(count);
        f.get(dim).load("i32.load").op("i32.lt_u");
        f.if(() => {
          f.get(dim).get(count).store("i32.store", WORD);
          move(0, "i32.add");
          f.br(next);
        });
        f.get(dim).i32(0).store("i32.store", WORD);
        move(WORD, "i32.sub");
        f.add(dim, dimWords(addresses.length) * WORD).add(left, -1);
        f.br(carry);
      });
    }),
  );
}
