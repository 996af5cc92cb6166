/**
 * CRC-32 of bytes on the heap, without tables: the message, as a polynomial, is reduced by a sparse multiple of the
 * CRC's own, 16 bytes at a time.
 *
 * `x^300 + x^155 + x^117 + x^89 + 1` is a multiple of the CRC's polynomial P, and so is the same in `x^128`, for squaring
 * permutes the roots of P. So the 128 bits at word i may be added to the words i + 145, i + 183, i + 211 and i + 300
 * instead: `y[i] = m[i] + y[i-145] + y[i-183] + y[i-211] + y[i-300]`, which are four loads more for every 16 bytes and no
 * multiplication (S. Russell, "Chorba: a novel CRC32 implementation", 2024, with other multiples). The last words, which
 * have no words behind them to be added to, go to a usual implementation.
 */
import type { Checksum, HeapChecksum } from "../../core/checksum.ts";
import type { Heap } from "../../core/heap.ts";
import { exported, type FuncBuilder, type Local, ModuleBuilder } from "./module.ts";

const lags = [145, 183, 211, 300] as const;
const wordBytes = 16;
/** Words of a turn of the loop; fewer than the smallest lag. */
const unrolled = 16;
const turn = unrolled * wordBytes;
/** The words that are still needed, and as many as make a power of two; behind them the first turn again. */
const ringBytes = 512 * wordBytes;
const span = lags[3] * wordBytes;

/** What follows the ring: the first turn again, and the last words with what the ring leaves to them. */
const mirror = ringBytes;
const rest = mirror + turn;
const stateBytes = rest + span + turn;

type Fold = (from: number, turns: number, ring: number) => number;
type Carry = (from: number, bytes: number, ring: number, place: number) => void;

function build(shared: boolean): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder(shared);
  module.func("fold", ["i32", "i32", "i32"], ["i32"], (f, from, turns, ring) => {
    const place = f.local("i32");
    f.get(ring)
      .i32(0)
      .i32(ringBytes + turn)
      .memoryFill();
    const taps = lags.map(() => f.local("i32"));
    const target = f.local("i32");
    f.while(
      () => f.get(turns),
      () => {
        for (const [i, tap] of taps.entries()) {
          f.get(place)
            .i32(lags[i]! * wordBytes)
            .op("i32.sub")
            .i32(ringBytes - 1)
            .op("i32.and");
          f.get(ring).op("i32.add").set(tap);
        }
        f.get(ring).get(place).op("i32.add").set(target);
        for (let k = 0; k < unrolled; k++) foldWord(f, target, [from, ...taps], k * wordBytes);
        f.get(place)
          .op("i32.eqz")
          .if(() => copy(f, ring, target, mirror, turn));
        f.get(place)
          .i32(turn)
          .op("i32.add")
          .i32(ringBytes - 1)
          .op("i32.and")
          .set(place);
        f.add(from, turn).add(turns, -1);
      },
    );
    f.get(place);
  });
  module.func("carry", ["i32", "i32", "i32", "i32"], [], (f, from, bytes, ring, place) => {
    const target = f.local("i32");
    f.get(ring).i32(rest).op("i32.add").get(from).get(bytes).memoryCopy();
    for (const lag of lags) addTap(f, lag, ring, place, target);
  });
  return module.finish();
}

/** Copies `bytes` from `source` to the place `at` behind `base`. */
function copy(f: FuncBuilder, base: Local, source: Local, at: number, bytes: number): void {
  for (let k = 0; k < bytes; k += wordBytes) {
    f.get(base)
      .get(source)
      .load("v128.load", k)
      .store("v128.store", at + k);
  }
}

/** Adds the last `lag` words of the ring to the first of the rest, which the last words were copied to. */
function addTap(f: FuncBuilder, lag: number, ring: Local, place: Local, target: Local): void {
  const i = f.local("i32");
  const source = f.local("i32");
  f.i32(0).set(i);
  f.while(
    () =>
      f
        .get(i)
        .i32(lag * wordBytes)
        .op("i32.lt_u"),
    () => {
      f.get(place)
        .get(i)
        .op("i32.add")
        .i32(lag * wordBytes)
        .op("i32.sub")
        .i32(ringBytes - 1)
        .op("i32.and");
      f.get(ring).op("i32.add").set(source);
      f.get(ring).get(i).op("i32.add").set(target);
      f.get(target).get(target).load("v128.load", rest).get(source).load("v128.load", 0).op("v128.xor");
      f.store("v128.store", rest);
      f.add(i, wordBytes);
    },
  );
}

/** The sum of one word of each, stored to `target`. */
function foldWord(f: FuncBuilder, target: Local, sources: readonly Local[], at: number): void {
  f.get(target);
  for (const [i, source] of sources.entries()) {
    f.get(source).load("v128.load", at);
    if (i > 0) f.op("v128.xor");
  }
  f.store("v128.store", at);
}

/** The least length for which it is worth its last words. */
export const worthwhile: number = 4 * span;

/** Computes checksums of bytes on `heap`; `usual` does the last words. */
export function heapChecksum(heap: Heap, usual: Checksum): HeapChecksum {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(build(heap.shared)), {
    env: { memory: heap.memory },
  });
  const fold = exported<Fold>(exports, "fold");
  const carry = exported<Carry>(exports, "carry");
  const ring = heap.alloc(stateBytes);
  return (address, length, before) => {
    const { u8 } = heap;
    if (length < worthwhile) return usual(u8.subarray(address, address + length), before);
    const turns = Math.floor((length - span) / turn);
    // What came before is as if it were added to the first four bytes; they are put back at once.
    for (let i = 0; i < 4; i++) u8[address + i]! ^= ~before >>> (8 * i);
    const place = fold(address, turns, ring);
    for (let i = 0; i < 4; i++) u8[address + i]! ^= ~before >>> (8 * i);
    const left = length - turns * turn;
    carry(address + turns * turn, left, ring, place);
    return usual(u8.subarray(ring + rest, ring + rest + left), -1 >>> 0);
  };
}
