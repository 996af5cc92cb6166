/** Convolutions by 3x3 with stride 1 on transformed tiles: a quarter of the multiplications. */
import { product } from "../../core/layout.ts";
import type { ConvolutionKernel, ConvolutionOperands, ConvolutionRun, ConvolutionSizes } from "../../ir/kernel.ts";
import type { WasmContext } from "./context.ts";
import { starts, WORKSPACE } from "./convolution-bands.ts";
import { remembered, withMemory } from "./convolution-plans.ts";
import { mirrored } from "./convolution-taps.ts";
import { PANEL, type TapFunctions } from "./taps.ts";
import type { FloatLane } from "./winograd-linear.ts";
import { fourOutputs, transposed } from "./winograd-matrices.ts";
import { fromTiles } from "./winograd-pixels.ts";
import { ELEMENTS, elementStep, type Spread, type TileProducts, type WeightPlaces } from "./winograd-products.ts";
import { type Planes, type Tiles, type Tiling, toTiles } from "./winograd-tiles.ts";
import { collectWeights, spreadWeights } from "./winograd-weights.ts";

const { outputs: SIDE, taps: TAPS } = fourOutputs;
const KERNEL = TAPS ** 2;

/** Fewer channels than this do not make up for the transforms. */
const WORTH_CHANNELS = 8;

/** Whether `byTiles` can, and saves more than its transforms cost. */
export function suitsTiles(s: ConvolutionSizes, lanes: number): boolean {
  return (
    s.kernel.length === 2 &&
    s.kernel.every((k) => k === TAPS) &&
    s.stride.every((n) => n === 1) &&
    s.dilation.every((n) => n === 1) &&
    s.padding.every((p) => p < TAPS) &&
    Math.min(s.input[1]!, s.output[1]!) >= lanes &&
    Math.min(s.channels, s.filters) >= WORTH_CHANNELS
  );
}

/** What a convolution by tiles is made of. */
interface ByTiles {
  readonly ctx: WasmContext;
  readonly lane: FloatLane;
  readonly functions: TapFunctions;
}

/** A convolution by tiles, as a function of how their products are computed. */
export function byTiles(
  { result }: ConvolutionKernel,
  ctx: WasmContext,
  lane: FloatLane,
  functions: TapFunctions,
): (products: TileProducts) => ConvolutionRun {
  const t: ByTiles = { ctx, lane, functions };
  const turned = result === "image";
  const make = result === "weight" ? weightRunner : mapRunner;
  return (products) => {
    const planIn = (room: number) =>
      remembered((s) => planOf(turned ? mirrored(s) : s, functions, room, products.enough));
    const plans = new Map<number, ReturnType<typeof planIn>>();
    let run: TileRun | null = null;
    return (sizes, { image, map, weight, bias }) => {
      run ??= make(t, products, turned);
      const room = result === "weight" ? SUMS : WORKSPACE * share(ctx.team.threads);
      const plan = plans.get(room) ?? planIn(room);
      plans.set(room, plan);
      run(plan(sizes), turned ? { image: map, map: image, weight, bias } : { image, map, weight, bias });
    };
  };
}

/** Sums over tiles pay by their length, and may not depend on the number of threads. */
const SUMS = 3 * WORKSPACE;
/** Each thread has a cache of its own, and needs so much at a time that it is worth calling. */
const share = (threads: number): number => (threads === 1 ? 1 : 2 * threads);

type TileRun = (plan: TilePlan, operands: ConvolutionOperands) => void;

/** Tiles that are transformed and multiplied together: rows of tiles of some images. */
interface Chunk {
  readonly first: number;
  readonly images: number;
  readonly row: number;
  readonly rows: number;
}

/** What follows from the sizes. Steps are in elements. */
interface TilePlan extends ConvolutionSizes {
  readonly columns: number;
  readonly chunks: readonly Chunk[];
  /** Filters whose transformed weights are held at a time. */
  readonly block: number;
  /** From plane to plane of tiles: the most tiles of a chunk, with what the last vector writes beyond. */
  readonly plane: number;
  /** From element to element of transformed images and maps. */
  readonly imageStep: number;
  readonly mapStep: number;
  /** Pixels of the image and of the map. */
  readonly pixels: number;
  readonly mapPixels: number;
}

/** Bytes of transformed weights that are held at a time. */
const WEIGHT_BYTES = 5 << 19;
function planOf(s: ConvolutionSizes, { bytes, lanes }: TapFunctions, room: number, enough: number): TilePlan {
  const [rows, columns] = s.output.map((n) => Math.ceil(n / SIDE)) as [number, number];
  const most = Math.floor(WEIGHT_BYTES / (ELEMENTS * s.channels * bytes) / PANEL) * PANEL;
  const blocks = s.groups > 1 ? 1 : Math.ceil(s.filters / Math.max(PANEL, most));
  const block = Math.min(s.filters, Math.ceil(s.filters / blocks / PANEL) * PANEL);
  const tileBytes = ELEMENTS * s.groups * (s.channels + block) * bytes;
  const tiles = Math.max(1, Math.floor(room / tileBytes), Math.min(enough, Math.floor((4 * WORKSPACE) / tileBytes)));
  const whole = Math.min(s.images, Math.floor(tiles / (rows * columns)));
  const images = Math.max(1, whole);
  const some = whole > 0 ? rows : rowsAtATime(rows, Math.floor(tiles / columns), columns, lanes);
  const chunks = starts(s.images, images).flatMap((first) =>
    starts(rows, some).map((row) => {
      return { first, images: Math.min(images, s.images - first), row, rows: Math.min(some, rows - row) };
    }),
  );
  const plane = Math.ceil((images * some * columns) / lanes + 1) * lanes;
  return {
    ...s,
    columns,
    chunks,
    block,
    plane,
    imageStep: elementStep(s.groups * s.channels * plane, bytes),
    mapStep: elementStep(s.groups * block * plane, bytes),
    pixels: product(s.input),
    mapPixels: product(s.output),
  };
}

/** About equal numbers of rows, at most `most`; if it can be, such that their tiles fill vectors. */
function rowsAtATime(rows: number, most: number, columns: number, lanes: number): number {
  const some = Math.ceil(rows / Math.ceil(rows / Math.max(1, most)));
  for (let n = some; n * 2 >= some; n--) if ((n * columns) % lanes === 0) return n;
  return some;
}

/** The tiles over `planes` planes of this size, of which the first begins `padding` before them. */
function tilingOf(
  p: TilePlan,
  chunk: Chunk,
  planes: number,
  size: readonly number[],
  padding: readonly number[],
): Tiling {
  const [height = 0, width = 0] = size;
  const { images, row, rows } = chunk;
  return { images, planes, height, width, rows, columns: p.columns, top: row * SIDE - padding[0]!, left: padding[1]! };
}

/** A chunk's planes of an image or map with `channels` channels, from channel `channel` on. */
function planesOf(chunk: Chunk, address: number, channels: number, plane: number, channel: number): Planes {
  const start = address + (chunk.first * channels + channel) * plane;
  return { address: start, imageStep: channels * plane, planeStep: plane };
}

function tilesOf(p: TilePlan, { rows }: Chunk, address: number, step: number, bytes: number): Tiles {
  const imageStep = rows * p.columns * bytes;
  return { address, imageStep, planeStep: p.plane * bytes, elementStep: step * bytes };
}

/** Group `group`'s planes of tiles, of `channels` each. */
const spreadOf = (
  p: TilePlan,
  address: number,
  step: number,
  group: number,
  channels: number,
  bytes: number,
): Spread => ({
  address: address + group * channels * p.plane * bytes,
  plane: p.plane,
  element: step,
});

/** The map of an image; with the weight turned round, the image of a map. */
function mapRunner({ ctx, lane, functions: { bytes } }: ByTiles, products: TileProducts, turned: boolean): TileRun {
  const spreadImage = toTiles(ctx, lane, fourOutputs.input, SIDE);
  const spreadWeight = spreadWeights(ctx, lane, fourOutputs.weight, products.layout, turned);
  const collectMap = fromTiles(ctx, lane, fourOutputs.result);
  const placesOf = (rows: number, depth: number): WeightPlaces => {
    const [outer, inner] = products.layout === "rows" && turned ? [depth, rows] : [rows, depth];
    return products.places(outer, inner);
  };
  /** Transforms the weights of filters [filter, filter + rows), in the order [rows, channels] of panels or as they are. */
  const transformWeight = (p: TilePlan, weight: number, filter: number, rows: number, to: number): void => {
    const { groups, channels, filters } = p;
    const step = KERNEL * bytes;
    const [row, depth] = turned ? [step, filters * step] : [channels * step, step];
    const swapped = products.layout === "rows" && turned;
    const places = placesOf(rows, channels);
    for (let group = 0; group < groups; group++) {
      spreadWeight({
        outer: swapped ? channels : rows,
        inner: swapped ? rows : channels,
        from: weight + group * filters * channels * step + filter * row,
        fromOuter: swapped ? depth : row,
        fromInner: swapped ? row : depth,
        to: to + group * ELEMENTS * places.element * bytes,
        toOuter: places.outer * bytes,
        toInner: places.inner * bytes,
        element: places.element * bytes,
      });
    }
  };
  return (p, { image, map, weight, bias }) => {
    const { groups, channels, filters, block } = p;
    const weights = groups * placesOf(block, channels).element;
    const memory = [weights, p.imageStep, p.mapStep].map((n) => ELEMENTS * n * bytes);
    withMemory(ctx.heap, memory, (...addresses) => {
      const [own, tiles, out] = addresses as [number, number, number];
      for (const filter of starts(filters, block)) {
        const rows = Math.min(block, filters - filter);
        transformWeight(p, weight, filter, rows, own);
        for (const chunk of p.chunks) {
          const count = chunk.images * chunk.rows * p.columns;
          const from = planesOf(chunk, image, groups * channels, p.pixels * bytes, 0);
          const tiling = tilingOf(p, chunk, groups * channels, p.input, p.padding);
          spreadImage(tiling, from, tilesOf(p, chunk, tiles, p.imageStep, bytes));
          for (let group = 0; group < groups; group++) {
            const right = spreadOf(p, tiles, p.imageStep, group, channels, bytes);
            const result = spreadOf(p, out, p.mapStep, group, rows, bytes);
            const left = own + group * ELEMENTS * placesOf(rows, channels).element * bytes;
            products.multiply({ rows, depth: channels, tiles: count }, left, right, result, turned);
          }
          const to = planesOf(chunk, map, groups * filters, p.mapPixels * bytes, filter);
          const below = { ...chunk, row: 0 };
          const size = [p.output[0]! - chunk.row * SIDE, p.output[1]!];
          const target = { ...to, address: to.address + chunk.row * SIDE * p.output[1]! * bytes };
          const offset = bias === 0 ? 0 : bias + filter * bytes;
          collectMap(
            tilingOf(p, below, groups * rows, size, [0, 0]),
            tilesOf(p, chunk, out, p.mapStep, bytes),
            target,
            offset,
          );
        }
      }
    });
  };
}

/** The weight's gradient. */
function weightRunner({ ctx, lane, functions }: ByTiles, products: TileProducts): TileRun {
  const { bytes, lanes, clear } = functions;
  const spreadImage = toTiles(ctx, lane, fourOutputs.input, SIDE);
  const spreadMap = toTiles(ctx, lane, transposed(fourOutputs.result), SIDE);
  const collect = collectWeights(ctx, lane, transposed(fourOutputs.weight));
  return (p, { image, map, weight }) => {
    const { groups, channels, filters, block } = p;
    const memory = [groups * block * channels, p.imageStep, p.mapStep].map((n) => ELEMENTS * n * bytes);
    withMemory(ctx.heap, memory, (...addresses) => {
      const [sums, tiles, lefts] = addresses as [number, number, number];
      for (const filter of starts(filters, block)) {
        const rows = Math.min(block, filters - filter);
        const own = (group: number): number => sums + group * ELEMENTS * rows * channels * bytes;
        clear(sums, memory[0]!);
        let before = 0;
        for (const chunk of p.chunks) {
          const count = chunk.images * chunk.rows * p.columns;
          // What the last vector holds beyond the last tile must not count.
          if (count % lanes !== 0 && count !== before) clear(tiles, lefts + memory[2]! - tiles);
          before = count;
          const from = planesOf(chunk, image, groups * channels, p.pixels * bytes, 0);
          const tiling = tilingOf(p, chunk, groups * channels, p.input, p.padding);
          spreadImage(tiling, from, tilesOf(p, chunk, tiles, p.imageStep, bytes));
          const gradient = planesOf(chunk, map, groups * filters, p.mapPixels * bytes, filter);
          const cover = tilingOf(p, chunk, groups * rows, p.output, [0, 0]);
          spreadMap(cover, gradient, tilesOf(p, chunk, lefts, p.mapStep, bytes));
          for (let group = 0; group < groups; group++) {
            const left = spreadOf(p, lefts, p.mapStep, group, rows, bytes);
            const right = spreadOf(p, tiles, p.imageStep, group, channels, bytes);
            products.accumulate({ rows, depth: channels, tiles: count }, left, right, own(group));
          }
        }
        for (let group = 0; group < groups; group++) {
          const to = weight + (group * filters + filter) * channels * KERNEL * bytes;
          collect(rows * channels, own(group), rows * channels * bytes, to);
        }
      }
    });
  };
}
