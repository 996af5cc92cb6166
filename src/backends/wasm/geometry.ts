/** Window geometry as kernels read it: always three spatial dims, the missing ones of size 1 in front. */
import type { Geometry } from "../../ir/kernel.ts";
import type { FuncBuilder, Local } from "./module.ts";

const FIELDS = ["input", "output", "kernel", "stride", "padding", "dilation"] as const;
const ABSENT = { input: 1, output: 1, kernel: 1, stride: 1, padding: 0, dilation: 1 } as const;
const DIMS = 3;

/** One spatial dim's variables. */
export type Dim = Readonly<Record<(typeof FIELDS)[number], Local>>;
export type Dims3 = readonly [Dim, Dim, Dim];

/** The words of a geometry; loops, as small kernels need them too. */
export function geometryWords(geometry: Geometry): number[] {
  const words: number[] = [];
  const absent = DIMS - geometry.input.length;
  for (let dim = 0; dim < DIMS; dim++) {
    for (const field of FIELDS) words.push(dim < absent ? ABSENT[field] : geometry[field][dim - absent]!);
  }
  return words;
}

/** Every index below `size`, in row-major order. */
export function indices(size: readonly number[]): number[][] {
  return size.reduce<number[][]>((all, n) => all.flatMap((index) => range(n).map((i) => [...index, i])), [[]]);
}

/** 0 to n - 1. */
export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Elements of the input plane. */
export const planeSize = (geometry: Geometry): number => geometry.input.reduce((a, b) => a * b, 1);

/** Elements of a plane's output positions. */
export const outputSize = (geometry: Geometry): number => geometry.output.reduce((a, b) => a * b, 1);

/** Elements of a plane's columns. */
export const columnsOf = (geometry: Geometry): number => geometry.kernel.reduce((a, b) => a * b, outputSize(geometry));

/** Strides padded to three spatial dims: those of absent dims are never stepped along. */
export const threeStrides = (strides: readonly number[]): number[] => [
  ...new Array<number>(DIMS - strides.length).fill(0),
  ...strides,
];

/** Reads `count` words of a table into variables, from byte `offset` on. */
export function readWords(f: FuncBuilder, table: Local, offset: number, count: number): Local[] {
  return Array.from({ length: count }, (_, i) => {
    const local = f.local("i32");
    f.get(table)
      .load("i32.load", offset + 4 * i)
      .set(local);
    return local;
  });
}

/** Reads a geometry's words and tells where the next word is. */
export function readGeometry(
  f: FuncBuilder,
  table: Local,
  offset: number,
): { readonly dims: Dims3; readonly end: number } {
  const words = readWords(f, table, offset, DIMS * FIELDS.length);
  const dim = (i: number): Dim => {
    const [input, output, kernel, stride, padding, dilation] = words.slice(i * FIELDS.length);
    return { input: input!, output: output!, kernel: kernel!, stride: stride!, padding: padding!, dilation: dilation! };
  };
  return { dims: [dim(0), dim(1), dim(2)], end: offset + 4 * words.length };
}

/** for (i = 0; i < end; i++), signed. */
export function upTo(f: FuncBuilder, end: Local, body: (i: Local) => void): void {
  const i = f.local("i32");
  f.i32(0).set(i);
  f.while(
    () => f.get(i).get(end).op("i32.lt_s"),
    () => {
      body(i);
      f.add(i, 1);
    },
  );
}

/** Leaves ceil(value / divisor) for a positive divisor, 0 for values below 0. */
export function emitCeilDiv(f: FuncBuilder, value: Local, divisor: Local): void {
  f.get(value).i32(0).op("i32.gt_s");
  f.ifValue(
    "i32",
    () => f.get(value).get(divisor).op("i32.add").i32(1).op("i32.sub").get(divisor).op("i32.div_u"),
    () => f.i32(0),
  );
}

/** Leaves min(a, b), signed. */
export function emitMin(f: FuncBuilder, a: Local, b: Local): void {
  f.get(a).get(b).get(a).get(b).op("i32.lt_s").select();
}
