/** A context for tests of single WASM kernels, and tensors laid out in its heap by strides. */

import type { WasmContext } from "../../src/backends/wasm/context.ts";
import { relaxedSimd } from "../../src/backends/wasm/features.ts";
import { Team } from "../../src/backends/wasm/team.ts";
import { dtypes, type RealName, type TypedArray } from "../../src/core/dtype.ts";
import { createHeap, type Heap } from "../../src/core/heap.ts";
import type { Operand } from "../../src/ir/kernel.ts";

export function wasmContext(heap: Heap = createHeap(), relaxed: boolean = relaxedSimd()): WasmContext {
  return {
    heap,
    team: new Team(heap),
    relaxed,
    instantiate: (bytes) =>
      new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory: heap.memory } }).exports,
  };
}

/** The window of a dtype's stored elements. */
export function windowOf(heap: Heap, dtype: RealName): TypedArray {
  return new dtypes[dtype].array(heap.memory.buffer);
}

/** Stored elements from numbers: halves by rounding, int64 as bigint. */
export function encode(dtype: RealName, value: number): number | bigint {
  if (dtype === "int64") return BigInt(Math.trunc(value));
  if (dtype === "float16") return halfBits(value);
  if (dtype === "bfloat16") return brainBits(value);
  return value;
}

export function decode(dtype: RealName, stored: number | bigint): number {
  if (dtype === "float16") return halfValue(Number(stored));
  if (dtype === "bfloat16") return singleValue(Number(stored) << 16);
  return Number(stored);
}

/** Puts numbers, in row-major order of the shape, where the operand's strides say. */
export function place(
  heap: Heap,
  dtype: RealName,
  shape: readonly number[],
  values: readonly number[],
  strides: readonly number[] = dense(shape),
): Operand {
  const reach = shape.reduce((sum, size, dim) => sum + (size - 1) * Math.abs(strides[dim]!), 1);
  const { itemsize } = dtypes[dtype];
  const address = heap.alloc(Math.max(1, reach * itemsize));
  const first = address + strides.reduce((sum, s, dim) => sum + (s < 0 ? -s * (shape[dim]! - 1) : 0), 0) * itemsize;
  const window = windowOf(heap, dtype);
  window.fill(encode(dtype, 0) as never, address / itemsize, address / itemsize + reach);
  positions(shape, strides).forEach((offset, i) => {
    window[first / itemsize + offset] = encode(dtype, values[i]!);
  });
  return { address: first, strides };
}

/** The elements of an operand in row-major order. */
export function take(heap: Heap, dtype: RealName, shape: readonly number[], operand: Operand): number[] {
  const window = windowOf(heap, dtype);
  const first = operand.address / dtypes[dtype].itemsize;
  return positions(shape, operand.strides).map((offset) => decode(dtype, window[first + offset]!));
}

export function dense(shape: readonly number[]): number[] {
  const strides: number[] = [];
  let step = 1;
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    strides[dim] = step;
    step *= shape[dim]!;
  }
  return strides;
}

/** Offsets of all elements in row-major order. */
export function positions(shape: readonly number[], strides: readonly number[]): number[] {
  let offsets = [0];
  shape.forEach((size, dim) => {
    offsets = offsets.flatMap((base) => Array.from({ length: size }, (_, i) => base + i * strides[dim]!));
  });
  return offsets;
}

/** The same sequence for the same seed. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const view = new DataView(new ArrayBuffer(4));

function singleBits(value: number): number {
  view.setFloat32(0, value);
  return view.getUint32(0);
}

function singleValue(bits: number): number {
  view.setUint32(0, bits);
  return view.getFloat32(0);
}

/** Round to nearest even by arithmetic on the value, unlike the kernels' arithmetic on bits. */
export function halfBits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(size || 2 ** -14)));
  const scaled = roundEven(size * 2 ** (10 - exponent));
  return sign + (exponent + 14) * 1024 + scaled; // scaled counts the hidden bit, which steps the exponent
}

export function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

function brainBits(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  const bits = singleBits(value);
  const rest = bits % 65536;
  const up = rest > 32768 || (rest === 32768 && Math.floor(bits / 65536) % 2 === 1);
  return Math.floor(bits / 65536) + (up ? 1 : 0);
}

function roundEven(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low;
}
