/** How kernels read and write memory: the bytes of one step's elements, walked densely, by a stride, or not at all. */
import { dtypes, type RealName } from "../../core/dtype.ts";
import type { OperandClass } from "../../ir/kernel.ts";
import type { Vectors } from "./convert.ts";
import type { FuncBuilder, Local } from "./module.ts";

/** An operand inside a function: its address, which moves along, and for class `s` its stride in bytes. */
export interface Walk {
  readonly dtype: RealName;
  readonly walk: OperandClass;
  readonly address: Local;
  readonly stride: Local | null;
}

/** How a dim of that stride is walked. */
export const classOf = (stride: number): OperandClass => (stride === 1 ? "c" : stride === 0 ? "b" : "s");

const splats = {
  1: "v128.load8_splat",
  2: "v128.load16_splat",
  4: "v128.load32_splat",
  8: "v128.load64_splat",
} as const;
const loadLanes = {
  1: "v128.load8_lane",
  2: "v128.load16_lane",
  4: "v128.load32_lane",
  8: "v128.load64_lane",
} as const;
const storeLanes = {
  1: "v128.store8_lane",
  2: "v128.store16_lane",
  4: "v128.store32_lane",
  8: "v128.store64_lane",
} as const;

type Size = 1 | 2 | 4 | 8;

/** The itemsize of a dtype, as the tables above are keyed. */
function sizeOf(dtype: RealName): Size {
  const { itemsize } = dtypes[dtype];
  if (itemsize === 1 || itemsize === 2 || itemsize === 4 || itemsize === 8) return itemsize;
  throw new Error(`wasm: no memory access for ${dtype}`);
}

/** Reads `count` (1, 2 or 4) elements at the walk's address; `ahead` dense elements further. */
export function loadBytes(f: FuncBuilder, { dtype, walk, address, stride }: Walk, count: number, ahead = 0): Vectors {
  const size = sizeOf(dtype);
  if (walk === "s" && stride !== null && count > 1) return gather(f, address, stride, size, count);
  const offset = ahead * size;
  const bytes = count * size;
  const whole = (at: number): Local => {
    const vector = f.local("v128");
    f.get(address)
      .load("v128.load", offset + at)
      .set(vector);
    return vector;
  };
  if (count > 1 && bytes === 32) return [whole(0), whole(16)];
  if (count > 1 && bytes === 16) return [whole(0)];
  const vector = f.local("v128");
  f.get(address);
  if (count > 1 && bytes === 8) f.load("v128.load64_zero", offset);
  else if (count > 1 && bytes === 4) f.load("v128.load32_zero", offset);
  else f.load(splats[count > 1 ? 2 : size], offset);
  f.set(vector);
  return [vector];
}

/** Packs `count` elements that lie `stride` bytes apart. */
function gather(f: FuncBuilder, address: Local, stride: Local, size: Size, count: number): Vectors {
  const at = f.local("i32");
  f.get(address).set(at);
  const perVector = Math.min(count, 16 / size);
  const result: Local[] = [];
  for (let k = 0; k < count; k++) {
    if (k > 0) f.add(at, stride);
    const lane = k % perVector;
    if (lane === 0) {
      const vector = f.local("v128");
      f.get(at).load(splats[size]).set(vector);
      result.push(vector);
    } else {
      const vector = result[result.length - 1]!;
      f.get(at).get(vector).memoryLane(loadLanes[size], lane).set(vector);
    }
  }
  return result;
}

/** Writes `count` elements at the walk's address; `ahead` dense elements further. */
export function storeBytes(f: FuncBuilder, target: Walk, raw: Vectors, count: number, ahead = 0): void {
  const { dtype, walk, address, stride } = target;
  const size = sizeOf(dtype);
  if (walk === "s" && stride !== null && count > 1) {
    scatter(f, address, stride, size, raw, count);
    return;
  }
  const offset = ahead * size;
  const bytes = count * size;
  if (bytes >= 16) {
    raw.forEach((vector, k) => {
      f.get(address)
        .get(vector)
        .store("v128.store", offset + 16 * k);
    });
    return;
  }
  const unit: Size = bytes === 8 ? 8 : bytes === 4 ? 4 : bytes === 2 ? 2 : 1;
  f.get(address).get(raw[0]!).memoryLane(storeLanes[unit], 0, offset);
}

function scatter(f: FuncBuilder, address: Local, stride: Local, size: Size, raw: Vectors, count: number): void {
  const at = f.local("i32");
  f.get(address).set(at);
  const perVector = 16 / size;
  for (let k = 0; k < count; k++) {
    if (k > 0) f.add(at, stride);
    f.get(at)
      .get(raw[Math.floor(k / perVector)]!)
      .memoryLane(storeLanes[size], k % perVector);
  }
}

/** Moves the walk on by `count` elements. */
export function advance(f: FuncBuilder, { dtype, walk, address, stride }: Walk, count: number): void {
  if (walk === "c") f.add(address, count * sizeOf(dtype));
  if (walk !== "s" || stride === null) return;
  f.get(address).get(stride);
  if (count > 1) f.i32(count).op("i32.mul");
  f.op("i32.add").set(address);
}
