/** The products of transformed tiles with transformed weights: by any matmul, or by taps. */
import type { MatmulRun, Operand } from "../../ir/kernel.ts";
import type { WasmContext } from "./context.ts";
import { PANEL, type TapFunctions } from "./taps.ts";
import { fourOutputs } from "./winograd-matrices.ts";
import type { WeightLayout } from "./winograd-weights.ts";

/** Elements of a transformed tile. */
export const ELEMENTS: number = fourOutputs.inputs ** 2;

/** Planes of tiles for each element; steps in elements. */
export interface Spread {
  readonly address: number;
  readonly plane: number;
  readonly element: number;
}

export interface ProductSizes {
  readonly rows: number;
  readonly depth: number;
  readonly tiles: number;
}

/** Where transformed weights [outer, inner] go, in elements: from outer to outer (or panel to panel), and so on. */
export interface WeightPlaces {
  readonly outer: number;
  readonly inner: number;
  readonly element: number;
}

/** One product per element of a tile. */
export interface TileProducts {
  /** Tiles that are worth multiplying together, even where they take more memory than the caches have. */
  readonly enough: number;
  readonly layout: WeightLayout;
  places(outer: number, inner: number): WeightPlaces;
  /** `out[e][row][t] = Σ over d of weights[e][row][d] · tiles[e][d][t]`, of weights [rows, depth], or turned round. */
  multiply(sizes: ProductSizes, weights: number, tiles: Spread, out: Spread, turned: boolean): void;
  /** `out[e][row][d] += Σ over t of left[e][row][t] · tiles[e][d][t]` */
  accumulate(sizes: ProductSizes, left: Spread, tiles: Spread, out: number): void;
}

const matrices = ({ address, plane, element }: Spread): Operand => ({ address, strides: [element, plane, 1] });

/** At least `elements`: an odd number of cache lines, so that the elements of a tile do not share cache sets. */
export const elementStep = (elements: number, bytes: number): number =>
  ((Math.ceil((elements * bytes) / 64) | 1) * 64) / bytes;

/** By `matmul`: weights as they are, [filters, channels]. */
export function productsByMatmul(matmul: MatmulRun, bytes: number): TileProducts {
  const places = (outer: number, inner: number): WeightPlaces => {
    const row = Math.ceil(inner / PANEL) * PANEL;
    return { outer: row, inner: 1, element: elementStep(outer * row, bytes) };
  };
  return {
    enough: 200, // each product is a call
    layout: "rows",
    places,
    multiply({ rows, depth, tiles: n }, weights, tiles, out, turned) {
      const { outer, element } = turned ? places(depth, rows) : places(rows, depth);
      const a = { address: weights, strides: turned ? [element, 1, outer] : [element, outer, 1] };
      matmul([ELEMENTS], rows, n, depth, matrices(out), a, matrices(tiles), 1, 0);
    },
    accumulate({ rows, depth, tiles: n }, left, tiles, out) {
      const target = { address: out, strides: [rows * depth, depth, 1] };
      const b = { address: tiles.address, strides: [tiles.element, 1, tiles.plane] };
      matmul([ELEMENTS], rows, depth, n, target, matrices(left), b, 1, 1);
    },
  };
}

/** By taps, each of which is a plane of tiles. */
export function productsByTaps({ heap }: WasmContext, functions: TapFunctions): TileProducts {
  const { bytes, lanes } = functions;
  const places = (outer: number, inner: number): WeightPlaces => ({
    outer: inner * PANEL,
    inner: PANEL,
    element: elementStep(Math.ceil(outer / PANEL) * inner * PANEL, bytes),
  });
  const side = ({ address, element }: Spread) => ({ address, image: 0, group: element * bytes });
  const withTables = (
    taps: number,
    slots: number,
    plane: number,
    body: (offsets: number, slots: number) => void,
  ): void => {
    const address = heap.alloc((taps + 2 * slots) * 4);
    const { i32 } = heap;
    for (let k = 0; k < taps; k++) i32[address / 4 + k] = k * plane * bytes;
    for (let k = 0; k < 2 * slots; k++) i32[address / 4 + taps + k] = (k >> 1) * 16;
    body(address, address + 4 * taps);
    heap.free(address);
  };
  return {
    enough: 96,
    layout: "panels",
    places,
    multiply({ rows, depth, tiles: n }, weights, tiles, out) {
      const slotCount = Math.ceil(n / lanes / 2) * 2;
      withTables(depth, slotCount, tiles.plane, (offsets, slots) => {
        const sizes = { images: 1, groups: ELEMENTS, rows, taps: depth };
        const panels = { panel: weights, panelGroup: places(rows, depth).element * bytes };
        const sides = { source: side(tiles), out: side(out), outRow: out.plane * bytes };
        functions.products({ ...sizes, ...panels, ...sides, offsets, slots, slotCount, bias: 0 });
      });
    },
    accumulate({ rows, depth, tiles: n }, left, tiles, out) {
      withTables(depth, 0, tiles.plane, (offsets) => {
        const sizes = { images: 1, groups: ELEMENTS, rows, taps: depth, length: Math.ceil(n / lanes) * 16 };
        const sides = { left: side(left), leftRow: left.plane * bytes, source: side(tiles), out };
        functions.dots({ ...sizes, ...sides, outGroup: rows * depth * bytes, outRow: depth * bytes, offsets });
      });
    },
  };
}
