/**
 * Where taps find their pixels. A grid is a copy of a part of an image with its padding, in which the pixels of one
 * residue by the stride lie together: so all pixels that a tap reads are neighbours.
 */
import { product } from "../../core/layout.ts";
import type { Geometry, Operand } from "../../ir/kernel.ts";
import { indices, range } from "./geometry.ts";

export interface Grid {
  /** Residues per dim, and the rows of pixels of each. */
  readonly residues: readonly number[];
  readonly size: readonly number[];
  /** Elements of one channel. */
  readonly plane: number;
}

/** How many positions the last element of the kernel is ahead of the first. */
const reach = (g: Geometry, d: number): number => Math.floor(((g.kernel[d]! - 1) * g.dilation[d]!) / g.stride[d]!);

/** The grid under a map; `spare` rows of the first dim are read by no tap. */
export function gridOf(g: Geometry, spare: number): Grid {
  const residues = g.stride.map((s, d) => Math.min(s, (g.kernel[d]! - 1) * g.dilation[d]! + 1));
  const size = g.output.map((n, d) => n + reach(g, d) + (d === 0 ? spare : 0));
  return { residues, size, plane: product(residues) * product(size) };
}

/** Whether an image can be its own grid. */
export const isInPlace = (g: Geometry): boolean => g.stride.every((s) => s === 1) && g.padding.every((p) => p === 0);

export function gridInPlace({ input }: Geometry): Grid {
  return { residues: input.map(() => 1), size: input, plane: product(input) };
}

/** The window geometry whose columns are the grid. */
export function gridGeometry(g: Geometry, { residues, size }: Grid): Geometry {
  return { ...g, output: size, kernel: residues, dilation: size.map(() => 1) };
}

/** The window geometry whose columns are the map in rows as long as the grid's, zeros behind. */
export function mapGeometry({ output }: Geometry, { size }: Grid): Geometry {
  const [ones, zeros] = [size.map(() => 1), size.map(() => 0)];
  return { input: output, output: size, kernel: ones, stride: ones, padding: zeros, dilation: ones };
}

/** Dense planes of these sizes as an operand. */
export function planesAt(address: number, sizes: readonly number[]): Operand {
  const strides: number[] = [];
  let step = product(sizes);
  for (const n of [1, ...sizes]) strides.push((step /= Math.max(n, 1)));
  return { address, strides };
}

/** The position of an index in rows of these sizes. */
export const flat = (index: readonly number[], size: readonly number[]): number =>
  index.reduce((at, i, d) => at * size[d]! + i, 0);

/** Where each tap begins in the grid: channel by channel, element by element. */
export function tapOffsets(g: Geometry, { residues, size, plane }: Grid, channels: number): number[] {
  const starts = indices(g.kernel).map((index) => {
    const at = index.map((i, d) => i * g.dilation[d]!);
    const residue = at.map((x, d) => x % g.stride[d]!);
    const position = at.map((x, d) => Math.floor(x / g.stride[d]!));
    return flat(residue, residues) * product(size) + flat(position, size);
  });
  return range(channels).flatMap((channel) => starts.map((start) => channel * plane + start));
}

/**
 * Pairs of positions in the grid and in the map of the vectors that cover the map, an even number of them. The last one
 * of a row may go over positions again.
 */
export function slotsOf(g: Geometry, { size }: Grid, lanes: number): number[] {
  const width = g.output.at(-1)!;
  const rows = indices(g.output.slice(0, -1)).map(
    (row) => [flat([...row, 0], size), flat([...row, 0], g.output)] as const,
  );
  const slots = rows.flatMap(([from, to]) =>
    range(Math.ceil(width / lanes)).flatMap((k) => {
      const x = Math.min(k * lanes, width - lanes);
      return [from + x, to + x];
    }),
  );
  return slots.length % 4 === 0 ? slots : [...slots, ...slots.slice(-2)];
}
