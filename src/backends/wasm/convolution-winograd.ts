/** Convolutions by 3x3 with stride 1 in the transformed domain: a quarter of the multiplications. */
import { product } from "../../core/layout.ts";
import type {
  ConvolutionKernel,
  ConvolutionOperands,
  ConvolutionRun,
  ConvolutionSizes,
  MatmulRun,
} from "../../ir/kernel.ts";
import type { WasmContext } from "./context.ts";
import { starts, WORKSPACE } from "./convolution-bands.ts";
import { PANEL, type TapFunctions } from "./taps.ts";
import type { FloatLane } from "./winograd-linear.ts";
import { fourOutputs, transposed } from "./winograd-matrices.ts";
import { type FromTiles, fromTiles, type Planes, type Tiling, type ToTiles, toTiles } from "./winograd-tiles.ts";
import { type CollectWeights, collectWeights, type SpreadWeights, spreadWeights } from "./winograd-weights.ts";

const { outputs: SIDE, inputs: EDGE, taps: TAPS } = fourOutputs;
const ELEMENTS = EDGE ** 2;

/** How the products of transformed tiles are computed. */
export interface TileProducts {
  /** Where transformed weights [rows, depth] have their blocks of rows and their depths, in elements. */
  layout(rows: number, depth: number): { readonly block: number; readonly depth: number; readonly element: number };
  /** `out[e][row][t] = Σ over d of weights[e][row][d] · tiles[e][d][t]` */
  multiply(sizes: ProductSizes, weights: number, tiles: Spread, out: Spread): void;
  /** `out[e][row][d] += Σ over t of left[e][row][t] · tiles[e][d][t]` */
  accumulate(sizes: ProductSizes, left: Spread, tiles: Spread, out: number): void;
}

interface ProductSizes {
  readonly rows: number;
  readonly depth: number;
  readonly tiles: number;
}

/** Planes of tiles for each element; steps in elements. */
interface Spread {
  readonly address: number;
  readonly plane: number;
  readonly element: number;
}

/** The products by `matmul`: weights [depth, rows] for each element. */
export function productsByMatmul(matmul: MatmulRun): TileProducts {
  const up = (rows: number): number => Math.ceil(rows / PANEL) * PANEL;
  return {
    layout: (rows, depth) => ({ block: PANEL, depth: up(rows), element: up(rows) * depth }),
    multiply({ rows, depth, tiles: n }, weights, tiles, out) {
      const a = { address: weights, strides: [up(rows) * depth, 1, up(rows)] };
      matmul([ELEMENTS], rows, n, depth, matrix(out), a, matrix(tiles), 1, 0);
    },
    accumulate({ rows, depth, tiles: n }, left, tiles, out) {
      const target = { address: out, strides: [rows * depth, depth, 1] };
      const b = { address: tiles.address, strides: [tiles.element, 1, tiles.plane] };
      matmul([ELEMENTS], rows, depth, n, target, matrix(left), b, 1, 1);
    },
  };
}

const matrix = ({ address, plane, element }: Spread) => ({ address, strides: [element, plane, 1] });

/** The products by taps: a tap is a plane of tiles. */
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

interface Transforms {
  readonly image: ToTiles;
  readonly map: FromTiles;
  readonly gradient: ToTiles;
  readonly weight: SpreadWeights;
  readonly turned: SpreadWeights;
  readonly collect: CollectWeights;
}

/** The transforms of a lane, each compiled at its first use. */
export function transforms(ctx: WasmContext, lane: FloatLane): Transforms {
  const { input, weight, result } = fourOutputs;
  const made: Partial<Transforms> = {};
  const once = <K extends keyof Transforms>(name: K, make: () => Transforms[K]): Transforms[K] =>
    (made[name] ??= make());
  return {
    get image() {
      return once("image", () => toTiles(ctx, lane, input, SIDE));
    },
    get map() {
      return once("map", () => fromTiles(ctx, lane, result));
    },
    get gradient() {
      return once("gradient", () => toTiles(ctx, lane, transposed(result), SIDE));
    },
    get weight() {
      return once("weight", () => spreadWeights(ctx, lane, weight, false));
    },
    get turned() {
      return once("turned", () => spreadWeights(ctx, lane, weight, true));
    },
    get collect() {
      return once("collect", () => collectWeights(ctx, lane, transposed(weight)));
    },
  };
}

/** Whether `byTiles` can, and saves more than the transforms cost. */
export function suitsTiles(s: ConvolutionSizes, lanes: number): boolean {
  const all = (list: readonly number[], test: (n: number) => boolean): boolean => list.every(test);
  return (
    s.kernel.length === 2 &&
    all(s.kernel, (k) => k === TAPS) &&
    all([...s.stride, ...s.dilation], (n) => n === 1) &&
    all(s.padding, (p) => p < TAPS) &&
    Math.min(s.input[1]!, s.output[1]!) >= lanes &&
    Math.min(s.channels, s.filters) >= WORTH_CHANNELS
  );
}

const WORTH_CHANNELS = 8;

/** What a convolution by tiles is made of. */
interface ByTiles {
  readonly ctx: WasmContext;
  readonly bytes: number;
  readonly lanes: number;
  readonly transforms: Transforms;
  readonly clear: TapFunctions["clear"];
}

/** A convolution by tiles, whose products are those of `products`. */
export function byTiles(
  { result }: ConvolutionKernel,
  ctx: WasmContext,
  { bytes, lanes, clear }: TapFunctions,
  transforms: Transforms,
): (products: TileProducts) => ConvolutionRun {
  const t: ByTiles = { ctx, bytes, lanes, transforms, clear };
  if (result === "weight") return (products) => (sizes, operands) => weightOf(t, products, sizes, operands);
  if (result === "map") return (products) => (s, o) => mapOf(t, products, s, o, o.image, o.map, false);
  return (products) => (s, o) => mapOf(t, products, mirrored(s), o, o.map, o.image, true);
}

/** The convolution, by the weight turned round, that leads from maps to images. */
function mirrored(s: ConvolutionSizes): ConvolutionSizes {
  const padding = s.padding.map((p) => TAPS - 1 - p);
  return { ...s, channels: s.filters, filters: s.channels, input: s.output, output: s.input, padding };
}

/** Tiles that are transformed and multiplied together. */
interface Chunk {
  readonly first: number;
  readonly images: number;
  /** Rows of tiles from `row` on. */
  readonly row: number;
  readonly rows: number;
}

/** How the tiles lie, and which filters of a group and which tiles are done at a time. */
interface Plan {
  readonly columns: number;
  readonly chunks: readonly Chunk[];
  /** The most tiles of a chunk, with what the last vector writes beyond. */
  readonly plane: number;
  /** Filters whose transformed weights are held at a time. */
  readonly filters: number;
}

/** Bytes of transformed weights: a few filters' where a filter has many channels. */
const WEIGHT_BYTES = 5 << 19;
/** Fewer tiles than this leave the weights' way from memory uncovered. */
const LEAST_TILES = 48;

function planOf({ bytes, lanes }: ByTiles, s: ConvolutionSizes): Plan {
  const [rows, columns] = s.output.map((n) => Math.ceil(n / SIDE)) as [number, number];
  const most = Math.floor(WEIGHT_BYTES / (ELEMENTS * s.channels * bytes) / PANEL) * PANEL;
  const blocks = s.groups > 1 ? 1 : Math.ceil(s.filters / Math.max(PANEL, most));
  const filters = Math.ceil(s.filters / blocks / PANEL) * PANEL;
  const tile = ELEMENTS * s.groups * (s.channels + filters) * bytes;
  const tiles = Math.max(LEAST_TILES, Math.floor(WORKSPACE / tile));
  const images = Math.min(s.images, Math.floor(tiles / (rows * columns)));
  const some = images > 0 ? rows : rowsAtATime(rows, Math.floor(tiles / columns), columns, lanes);
  const chunks = starts(s.images, Math.max(1, images)).flatMap((first) =>
    starts(rows, some).map((row) => ({
      first,
      images: Math.min(Math.max(1, images), s.images - first),
      row,
      rows: Math.min(some, rows - row),
    })),
  );
  const largest = Math.max(1, images) * some * columns;
  return {
    columns,
    chunks,
    plane: Math.ceil((largest + lanes) / lanes) * lanes,
    filters: Math.min(filters, s.filters),
  };
}

/** About equal numbers of rows, at most `most`; if it can be, such that their tiles fill vectors. */
function rowsAtATime(rows: number, most: number, columns: number, lanes: number): number {
  const some = Math.ceil(rows / Math.ceil(rows / Math.max(1, most)));
  const even = Array.from({ length: some }, (_, k) => some - k).find((n) => (n * columns) % lanes === 0);
  return even !== undefined && even * 2 >= some ? even : some;
}

/** Elements from one element of the tiles to the next: an odd number of cache lines, so that they do not collide. */
const elementStep = (planes: number, plane: number, bytes: number): number =>
  ((Math.ceil((planes * plane * bytes) / 64) | 1) * 64) / bytes;

/** The tiles over planes of `height` by `width`, whose first one begins `padding` before them. */
function tilingOf(
  { images, row, rows }: Chunk,
  columns: number,
  planes: number,
  size: readonly number[],
  padding: readonly number[],
): Tiling {
  const [height = 0, width = 0] = size;
  return { images, planes, height, width, rows, columns, top: row * SIDE - padding[0]!, left: padding[1]! };
}

function withMemory({ heap }: WasmContext, sizes: readonly number[], body: (...addresses: number[]) => void): void {
  const rounded = sizes.map((bytes) => (bytes + 127) & -64);
  const start = heap.alloc(rounded.reduce((a, b) => a + b, 0));
  let at = start;
  const addresses = rounded.map((bytes) => (at += bytes) - bytes);
  try {
    body(...addresses);
  } finally {
    heap.free(start);
  }
}

/** The map of an image, or the image of a map: then with the weight turned round. */
function mapOf(
  t: ByTiles,
  products: TileProducts,
  s: ConvolutionSizes,
  operands: ConvolutionOperands,
  source: number,
  result: number,
  turned: boolean,
): void {
  const { ctx, bytes, transforms } = t;
  const { groups, channels, filters } = s;
  const plan = planOf(t, s);
  const [input, pixels] = [product(s.input), product(s.output)];
  const layout = products.layout(plan.filters, channels);
  const [inputs, results] = [groups * channels, groups * plan.filters];
  const [inStep, outStep] = [elementStep(inputs, plan.plane, bytes), elementStep(results, plan.plane, bytes)];
  const memory = [ELEMENTS * groups * layout.element, ELEMENTS * inStep, ELEMENTS * outStep].map((n) => n * bytes);
  withMemory(ctx, memory, (weights, tiles, out) => {
    for (const filter of starts(filters, plan.filters)) {
      const rows = Math.min(plan.filters, filters - filter);
      const { block, depth, element } = products.layout(rows, channels);
      const steps = [TAPS ** 2 * bytes, TAPS ** 2 * channels * bytes, TAPS ** 2 * filters * bytes] as const;
      for (let group = 0; group < groups; group++) {
        const to = {
          address: weights! + group * ELEMENTS * element * bytes,
          block: block * bytes,
          depth: depth * bytes,
          element: element * bytes,
        };
        if (turned) {
          const address = operands.weight + group * channels * steps[2] + filter * steps[0];
          transforms.turned(rows, channels, { address, row: steps[0], depth: steps[2] }, to);
        } else {
          const address = operands.weight + (group * filters + filter) * steps[1];
          transforms.weight(rows, channels, { address, row: steps[1], depth: steps[0] }, to);
        }
      }
      for (const chunk of plan.chunks) {
        const each = chunk.rows * plan.columns;
        const count = chunk.images * each;
        const image: Planes = {
          address: source + chunk.first * inputs * input * bytes,
          imageStep: inputs * input * bytes,
          planeStep: input * bytes,
        };
        const place = (address: number, element: number) => ({
          address,
          imageStep: each * bytes,
          planeStep: plan.plane * bytes,
          elementStep: element * bytes,
        });
        transforms.image(tilingOf(chunk, plan.columns, inputs, s.input, s.padding), image, place(tiles!, inStep));
        for (let group = 0; group < groups; group++) {
          const from = { address: tiles! + group * channels * plan.plane * bytes, plane: plan.plane, element: inStep };
          const to = { address: out! + group * rows * plan.plane * bytes, plane: plan.plane, element: outStep };
          const own = weights! + group * ELEMENTS * element * bytes;
          products.multiply({ rows, depth: channels, tiles: count }, own, from, to);
        }
        const target: Planes = {
          address:
            result + ((chunk.first * groups * filters + filter) * pixels + chunk.row * SIDE * s.output[1]!) * bytes,
          imageStep: groups * filters * pixels * bytes,
          planeStep: pixels * bytes,
        };
        const left = [s.output[0]! - chunk.row * SIDE, s.output[1]!];
        const bias = operands.bias === 0 ? 0 : operands.bias + filter * bytes;
        transforms.map(tilingOf(chunk, plan.columns, groups * rows, left, [0, 0]), place(out!, outStep), target, bias);
      }
    }
  });
}

/** The gradient of the weight. */
function weightOf(
  t: ByTiles,
  products: TileProducts,
  s: ConvolutionSizes,
  { image, map, weight }: ConvolutionOperands,
): void {
  const { ctx, bytes, lanes, transforms } = t;
  const { groups, channels, filters } = s;
  const plan = planOf(t, s);
  const [input, pixels] = [product(s.input), product(s.output)];
  const [inputs, results] = [groups * channels, groups * plan.filters];
  const [inStep, outStep] = [elementStep(inputs, plan.plane, bytes), elementStep(results, plan.plane, bytes)];
  const sums = ELEMENTS * groups * plan.filters * channels * bytes;
  withMemory(ctx, [sums, ELEMENTS * inStep * bytes, ELEMENTS * outStep * bytes], (out, tiles, lefts) => {
    for (const filter of starts(filters, plan.filters)) {
      const rows = Math.min(plan.filters, filters - filter);
      t.clear(out!, sums);
      let before = 0;
      for (const chunk of plan.chunks) {
        const each = chunk.rows * plan.columns;
        const count = chunk.images * each;
        // What the last vector holds beyond the last tile must not count.
        if (count % lanes !== 0 && count !== before) t.clear(tiles!, lefts! - tiles! + ELEMENTS * outStep * bytes);
        before = count;
        const place = (address: number, element: number) => ({
          address,
          imageStep: each * bytes,
          planeStep: plan.plane * bytes,
          elementStep: element * bytes,
        });
        const from: Planes = {
          address: image + chunk.first * inputs * input * bytes,
          imageStep: inputs * input * bytes,
          planeStep: input * bytes,
        };
        transforms.image(tilingOf(chunk, plan.columns, inputs, s.input, s.padding), from, place(tiles!, inStep));
        const gradients: Planes = {
          address: map + (chunk.first * groups * filters + filter) * pixels * bytes,
          imageStep: groups * filters * pixels * bytes,
          planeStep: pixels * bytes,
        };
        transforms.gradient(
          tilingOf(chunk, plan.columns, groups * rows, s.output, [0, 0]),
          gradients,
          place(lefts!, outStep),
        );
        for (let group = 0; group < groups; group++) {
          const left = { address: lefts! + group * rows * plan.plane * bytes, plane: plan.plane, element: outStep };
          const right = { address: tiles! + group * channels * plan.plane * bytes, plane: plan.plane, element: inStep };
          const own = out! + group * ELEMENTS * rows * channels * bytes;
          products.accumulate({ rows, depth: channels, tiles: count }, left, right, own);
        }
      }
      for (let group = 0; group < groups; group++) {
        const own = out! + group * ELEMENTS * rows * channels * bytes;
        const to = weight + (group * filters + filter) * channels * TAPS ** 2 * bytes;
        transforms.collect(rows * channels, own, rows * channels * bytes, to);
      }
    }
  });
}
