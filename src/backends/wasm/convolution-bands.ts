/** A convolution in parts whose workspace stays in the caches: some images, or some positions of one map. */
import { product } from "../../core/layout.ts";
import type { ConvolutionSizes, Geometry } from "../../ir/kernel.ts";

/** Bytes of a part's workspace, which the second cache holds. */
export const WORKSPACE: number = 1 << 20;

/** Images [first, first + count), and of their maps the positions from `offset` on that `geometry` has. */
export interface Part {
  readonly first: number;
  readonly count: number;
  readonly offset: number;
  readonly geometry: Geometry;
}

/** Cuts into parts of whole maps if one's workspace fits, else into bands of one map. `bytes`: per position. */
export function parts(s: ConvolutionSizes, bytes: number): Part[] {
  const pixels = product(s.output);
  const fitting = Math.floor(WORKSPACE / Math.max(pixels * bytes, 1));
  if (fitting >= 1 || pixels <= 1) {
    const count = Math.min(s.images, Math.max(1, fitting));
    return starts(s.images, count).map((first) => {
      return { first, count: Math.min(count, s.images - first), offset: 0, geometry: s };
    });
  }
  const bands = bandsOf(s, Math.floor(WORKSPACE / bytes));
  return starts(s.images, 1).flatMap((first) => bands.map((band) => ({ first, count: 1, ...band })));
}

/** Bands of about equal size along the first dim that has several positions, of at most `most` positions if it can be. */
function bandsOf(g: Geometry, most: number): { readonly offset: number; readonly geometry: Geometry }[] {
  const dim = g.output.findIndex((n) => n > 1);
  const each = product(g.output.slice(dim + 1));
  const size = g.output[dim]!;
  const pieces = Math.ceil(size / Math.max(1, Math.floor(most / each)));
  const step = Math.ceil(size / pieces);
  const replaced = (list: readonly number[], value: number): number[] => list.map((n, d) => (d === dim ? value : n));
  return starts(size, step).map((from) => ({
    offset: from * each,
    geometry: {
      ...g,
      output: replaced(g.output, Math.min(step, size - from)),
      padding: replaced(g.padding, g.padding[dim]! - from * g.stride[dim]!),
    },
  }));
}

/** 0, step, 2 step, … below `size`. */
export function starts(size: number, step: number): number[] {
  return Array.from({ length: Math.ceil(size / step) }, (_, i) => i * step);
}
