/** A plane of sums in a lane's own type, written out once it is complete: halves round once, integers wrap once. */
import { dtypes, type Lane } from "../../core/dtype.ts";
import { laneDType } from "../../ir/kernel.ts";
import type { Element } from "./element.ts";
import { upTo } from "./geometry.ts";
import type { FuncBuilder, Local } from "./module.ts";
import type { PlainOp } from "./opcodes.ts";
import { copyOf } from "./walk.ts";

export const laneBytes = (lane: Lane): 4 | 8 => (dtypes[laneDType[lane]].itemsize === 8 ? 8 : 4);

const VECTOR_ADD: Readonly<Record<Lane, PlainOp>> = {
  i32: "i32x4.add",
  i64: "i64x2.add",
  f32: "f32x4.add",
  f64: "f64x2.add",
};

/** Sets `count` sums to 0. */
export function emitClear(f: FuncBuilder, lane: Lane, sums: Local, count: Local): void {
  f.get(sums).i32(0).get(count).i32(laneBytes(lane)).op("i32.mul").memoryFill();
}

/** Adds `count` dense elements to sums that are `step` bytes apart. */
export function emitAddRow(f: FuncBuilder, item: Element, sums: Local, step: Local, from: Local, count: Local): void {
  const { lane, bytes } = item;
  const wide = laneBytes(lane);
  const [to, source, left] = [copyOf(f, sums), copyOf(f, from), copyOf(f, count)];
  if (bytes === wide) {
    f.get(step).i32(wide).op("i32.eq");
    f.if(() =>
      f.while(
        () =>
          f
            .get(left)
            .i32(16 / wide)
            .op("i32.ge_s"),
        () => {
          f.get(to).get(to).load("v128.load").get(source).load("v128.load").op(VECTOR_ADD[lane]).store("v128.store");
          f.add(to, 16)
            .add(source, 16)
            .add(left, -16 / wide);
        },
      ),
    );
  }
  upTo(f, left, () => {
    f.get(to).get(to).load(`${lane}.load`).get(source);
    item.load(f);
    f.op(`${lane}.add`).store(`${lane}.store`);
    f.add(to, step).add(source, bytes);
  });
}

/** Writes a row of dense sums to elements `step` bytes apart, moving both addresses on. */
export function emitWriteRow(f: FuncBuilder, item: Element, sums: Local, to: Local, step: Local, count: Local): void {
  upTo(f, count, () => {
    f.get(to).get(sums).load(`${item.lane}.load`);
    item.store(f);
    f.add(to, step).add(sums, laneBytes(item.lane));
  });
}
