/** Loops over outer dimensions: sizes and strides come from a table in memory, so that no code depends on a shape. */
import type { Dims } from "../../ir/collapse.ts";
import type { FuncBuilder, Local } from "./module.ts";

const WORD = 4;

/** Words of one dim: size, counter, and per operand the step and what it takes back at the end of the dim. */
const dimWords = (operands: number): number => 2 + 2 * operands;

/** Bytes of the table of `rank` dims. */
export function tableBytes(rank: number, operands: number): number {
  return rank * dimWords(operands) * WORD;
}

/** Writes the table of `dims`, innermost dim first, at word `at` of the memory; `itemsizes` per operand. */
export function writeTable(memory: Int32Array, at: number, dims: Dims, itemsizes: readonly number[]): void {
  const { shape, strides } = dims;
  let word = at;
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    const size = shape[dim]!;
    memory[word++] = size;
    memory[word++] = 0;
    for (let k = 0; k < strides.length; k++) {
      const step = strides[k]![dim]! * itemsizes[k]!;
      memory[word++] = step;
      memory[word++] = step * (size - 1);
    }
  }
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
