/** The products of transformed tiles with transformed weights: by any matmul, or by taps. */
import type { MatmulRun, Operand } from "../../ir/kernel.ts";
import type { WasmContext } from "./context.ts";
import { PANEL, type TapFunctions } from "./taps.ts";
import { fourOutputs } from "./winograd-matrices.ts";

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

/** One product per element of a tile. */
export interface TileProducts {
  /** How far blocks of `PANEL` rows of transformed weights, their depths and their elements are apart, in elements. */
  layout(rows: number, depth: number): { readonly block: number; readonly depth: number; readonly element: number };
  /** `out[e][row][t] = Σ over d of weights[e][row][d] · tiles[e][d][t]` */
  multiply(sizes: ProductSizes, weights: number, tiles: Spread, out: Spread): void;
  /** `out[e][row][d] += Σ over t of left[e][row][t] · tiles[e][d][t]` */
  accumulate(sizes: ProductSizes, left: Spread, tiles: Spread, out: number): void;
}

const matrices = ({ address, plane, element }: Spread): Operand => ({ address, strides: [element, plane, 1] });

/** By `matmul`, of weights [depth, rows]. */
export function productsByMatmul(matmul: MatmulRun): TileProducts {
  const up = (rows: number): number => Math.ceil(rows / PANEL) * PANEL;
  return {
    layout: (rows, depth) => ({ block: PANEL, depth: up(rows), element: up(rows) * depth }),
    multiply({ rows, depth, tiles: n }, weights, tiles, out) {
      const a = { address: weights, strides: [up(rows) * depth, 1, up(rows)] };
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
    layout: (rows, depth) => ({ block: depth * PANEL, depth: PANEL, element: Math.ceil(rows / PANEL) * depth * PANEL }),
    multiply({ rows, depth, tiles: n }, weights, tiles, out) {
      const slotCount = Math.ceil(n / lanes / 2) * 2;
      withTables(depth, slotCount, tiles.plane, (offsets, slots) => {
        const sizes = { images: 1, groups: ELEMENTS, rows, taps: depth };
        const places = { panel: weights, source: side(tiles), out: side(out), outRow: out.plane * bytes };
        functions.products({ ...sizes, ...places, offsets, slots, slotCount, bias: 0 });
      });
    },
    accumulate({ rows, depth, tiles: n }, left, tiles, out) {
      withTables(depth, 0, tiles.plane, (offsets) => {
        const sizes = { images: 1, groups: ELEMENTS, rows, taps: depth, length: Math.ceil(n / lanes) * 16 };
        const places = { left: side(left), leftRow: left.plane * bytes, source: side(tiles), out };
        functions.dots({ ...sizes, ...places, outGroup: rows * depth * bytes, outRow: depth * bytes, offsets });
      });
    },
  };
}
