/** Reductions along rows: one result from runs of elements, dense or a stride apart. */
import type { OperandClass, ReduceKernel } from "../../ir/kernel.ts";
import { advance, type Walk } from "./access.ts";
import { emitExpr } from "./emit.ts";
import { InputReader } from "./inputs.ts";
import { Formula, laneInfo, type Term } from "./lanes.ts";
import type { FuncBuilder, Local, ModuleBuilder } from "./module.ts";
import { emitOdometer, readWords, skipDims } from "./odometer.ts";
import { storeState } from "./reduce-result.ts";
import { type Accumulator, accumulator, isArg } from "./reduce-state.ts";
import { isLight } from "./weight.ts";

/** Vectors of one iteration, each into a slot of its own. */
export const SLOTS = 4;
/** Iterations of one block: 512 float32 elements are added in float32 before float64 takes over. */
const BLOCK = 32;

/**
 * `reduce(table, innerRank, outerRank)`; the table: elements in a row, a stride in bytes per input, elements combined,
 * addresses of the output and the inputs, inner dims, outer dims.
 */
export function rowFunction(module: ModuleBuilder, kernel: ReduceKernel, classes: string): void {
  const inputs = kernel.inputs.length;
  module.func("reduce", ["i32", "i32", "i32"], [], (f, table, innerRank, outerRank) => {
    const [n, ...words] = readWords(f, table, 0, 3 + 2 * inputs);
    const strides = words.slice(0, inputs);
    const [count, out, ...addresses] = words.slice(inputs);
    const innerTable = skipDims(f, table, 3 + 2 * inputs, null, 0);
    const outerTable = skipDims(f, table, 3 + 2 * inputs, innerRank, inputs);
    const walks = kernel.inputs.map((dtype, k): Walk => {
      const walk = classes[k] as OperandClass;
      return { dtype, walk, address: f.local("i32"), stride: walk === "s" ? strides[k]! : null };
    });
    const blocks = !isArg(kernel.combine) && isLight(kernel.pre) && !classes.includes("s");
    const state = accumulator(f, kernel, blocks ? SLOTS : 1);
    const position = f.local("i32");
    emitOdometer(f, outerTable, outerRank, [out!, ...addresses], () => {
      state.start();
      f.i32(0).set(position);
      emitOdometer(f, innerTable, innerRank, addresses, () => {
        walks.forEach(({ address }, k) => {
          f.get(addresses[k]!).set(address);
        });
        emitRow(f, kernel, n!, walks, { state, position, blocks });
      });
      const target: Walk = { dtype: kernel.output, walk: "c", address: out!, stride: null };
      storeState(new Formula(f, kernel.lane, 1), kernel, state, { which: "row", count: count!, out: target });
    });
  });
}

/** The positions of a vector's elements, as wide as the lane. */
function positions(v: Formula, position: Local): Term {
  const index = v.masks();
  const { width } = laneInfo[v.lane];
  const first = index.splat(() => {
    v.f.get(position);
    if (width === 2) v.f.op("i64.extend_i32_u");
  });
  const steps = new Uint8Array(16);
  for (let k = 0; k < width; k++) steps[(k * 16) / width] = k;
  return index.add(first, () => {
    v.f.v128(steps);
  });
}

/** Where elements go. */
interface Taking {
  readonly state: Accumulator;
  /** The next element's position, for arg reductions. */
  readonly position: Local;
  /** Whether to take several vectors at a time, in slots. */
  readonly blocks: boolean;
}

/** Takes in `length` elements from the walks' addresses on. */
function emitRow(
  f: FuncBuilder,
  kernel: ReduceKernel,
  length: Local,
  walks: readonly Walk[],
  { state, position, blocks }: Taking,
): void {
  const { width } = laneInfo[kernel.lane];
  const arg = isArg(kernel.combine);
  const fixed = new InputReader(new Formula(f, kernel.lane, 1), walks);
  fixed.readFixed(kernel.pre);
  const n = f.local("i32");
  f.get(length).set(n);
  const move = (count: number): void => {
    for (const walk of walks) advance(f, walk, count);
    if (arg) f.add(position, count);
  };
  const single = (count: number): void => {
    const v = new Formula(f, kernel.lane, count);
    const at = arg ? v.let(positions(v, position)) : 0;
    state.takeOnce(v, emitExpr(v, kernel.pre, new InputReader(v, walks, 0, fixed).input), at);
    move(count);
    f.add(n, -count);
  };
  if (blocks) {
    emitBlocks(
      f,
      n,
      width,
      (slot) => {
        const v = new Formula(f, kernel.lane, width);
        state.take(slot, emitExpr(v, kernel.pre, new InputReader(v, walks, slot * width, fixed).input), 0);
      },
      () => move(SLOTS * width),
      () => state.flush(),
    );
  }
  f.while(
    () => f.get(n).i32(width).op("i32.ge_u"),
    () => single(width),
  );
  f.while(
    () => f.get(n),
    () => single(1),
  );
}

/** Loops over whole blocks: `take` once per slot and iteration, `flush` at the end of each block. */
export function emitBlocks(
  f: FuncBuilder,
  n: Local,
  width: number,
  take: (slot: number) => void,
  move: () => void,
  flush: () => void,
): void {
  const step = SLOTS * width;
  const left = f.local("i32");
  f.while(
    () => f.get(n).i32(step).op("i32.ge_u"),
    () => {
      f.get(n).i32(step).op("i32.div_u").tee(left).i32(BLOCK).get(left).i32(BLOCK).op("i32.lt_u").select().set(left);
      f.get(n).get(left).i32(step).op("i32.mul").op("i32.sub").set(n);
      f.loop((again) => {
        for (let slot = 0; slot < SLOTS; slot++) take(slot);
        move();
        f.get(left).i32(1).op("i32.sub").tee(left).brIf(again);
      });
      flush();
    },
  );
}
