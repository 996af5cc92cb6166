/** How a product by tiles is best gone about: which side is walked by rows, and what is packed. */
import { type Matrix, type Problem, turn } from "./matmul-arrange.ts";
import { laneBytes, type SumLane } from "./matmul-pack.ts";
import { BLOCK_BYTES, BLOCK_DEPTH } from "./matmul-product.ts";
import { PANEL_BYTES, panelColumns, STRIP_HEIGHTS, STRIP_ROWS } from "./matmul-strip.ts";

/** A way through a product by tiles. */
export interface TilePlan {
  /** Depth of a block: all blocks have about the same. */
  readonly depth: number;
  readonly packsRows: boolean;
  /** Whether whole panels of columns are read as they lie. */
  readonly inPlace: boolean;
  /** Bytes of a packed strip of rows, and of a block of packed columns. */
  readonly stripBytes: number;
  readonly panelBytes: number;
}

/** Plans a product, and turns it where it is done sooner the other way round. */
export function plan(problem: Problem, lane: SumLane, direct: boolean): TilePlan {
  if (direct) {
    const asIs = cost(problem, lane);
    turn(problem);
    if (cost(problem, lane) > 0.95 * asIs) turn(problem);
  }
  const { m, n, k, a, b } = problem;
  const bytes = laneBytes(lane);
  const depth = Math.ceil(k / Math.ceil(k / BLOCK_DEPTH));
  const packsRows = !direct || !readsInPlace(a, n);
  const inPlace = direct && b.column === 1 && m <= MOST_ROWS_IN_PLACE;
  const packed = inPlace ? n % panelColumns(lane) : Math.min(n, BLOCK_BYTES / bytes);
  return {
    depth,
    packsRows,
    inPlace,
    stripBytes: packsRows ? STRIP_ROWS * bytes * depth : 0,
    panelBytes: Math.ceil(packed / panelColumns(lane)) * PANEL_BYTES * depth,
  };
}

/** A side that few strips read is not worth packing. */
const MOST_ROWS_IN_PLACE = 2 * STRIP_ROWS;
/** Rows whose elements lie apart are worth packing when they are read for more columns than this. */
const MOST_COLUMNS_IN_PLACE = 32;

const readsInPlace = (a: Matrix, n: number): boolean => a.column === 1 || n <= MOST_COLUMNS_IN_PLACE;

/** About how many cycles a depth of one takes. */
function cost({ m, n, k, out, a, b }: Problem, lane: SumLane): number {
  const tiles = stripCycles(m) * Math.ceil(n / panelColumns(lane));
  const columns = b.column === 1 ? (m <= MOST_ROWS_IN_PLACE ? 0.1 : 0.4) : b.row === 1 ? 0.7 : 1.5;
  const strips = readsInPlace(a, n) ? 0 : a.row === 1 ? 0.4 : 1;
  const results = out.column === 1 ? 0.1 : out.row === 1 ? 0.4 : 1;
  return tiles + columns * n + strips * m + (results * m * n * Math.ceil(k / BLOCK_DEPTH)) / k;
}

/** Cycles of a depth of one for a panel and the strips of `m` rows: fewer than eight sums wait for each other. */
function stripCycles(m: number): number {
  let [left, cycles] = [m, 0];
  for (const rows of STRIP_HEIGHTS) {
    cycles += Math.floor(left / rows) * Math.max(4, rows);
    left %= rows;
  }
  return cycles;
}
