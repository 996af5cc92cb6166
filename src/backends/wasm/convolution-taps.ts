/** Convolutions without columns: every tap reads the image where it lies, or a padded copy of a part of it. */
import { product } from "../../core/layout.ts";
import type {
  ConvolutionKernel,
  ConvolutionOperands,
  ConvolutionRun,
  ConvolutionSizes,
  Geometry,
  WindowRun,
} from "../../ir/kernel.ts";
import type { WasmContext } from "./context.ts";
import { type Part, parts } from "./convolution-bands.ts";
import {
  flat,
  type Grid,
  gridGeometry,
  gridInPlace,
  gridOf,
  isInPlace,
  mapGeometry,
  planesAt,
  slotsOf,
  tapOffsets,
} from "./convolution-grid.ts";
import { remembered, withMemory } from "./convolution-plans.ts";
import { panelBytes, type TapFunctions } from "./taps.ts";

/** What a convolution by taps is made of. */
interface ByTaps {
  readonly ctx: WasmContext;
  readonly functions: TapFunctions;
  readonly copy: WindowRun;
}

/** A convolution by taps. */
export function byTaps(
  { result }: ConvolutionKernel,
  ctx: WasmContext,
  functions: TapFunctions,
  copy: WindowRun,
): ConvolutionRun {
  const t: ByTaps = { ctx, functions, copy };
  if (result === "weight") {
    const plan = remembered((s) => weightPlan(s, functions));
    return (sizes, operands) => weightOf(t, plan(sizes), operands);
  }
  const turned = result === "image";
  const plan = remembered((s) => mapPlan(asRow(turned ? mirrored(s) : s), functions));
  return (sizes, { weight, bias, image, map }) => {
    const [source, out] = turned ? [map, image] : [image, map];
    mapOf(t, plan(sizes), { source, out, weight, bias, turned });
  };
}

/** Whether `byTaps` can: rows of results hold a vector, and images as results have a stride of 1. */
export function suitsTaps({ result }: ConvolutionKernel, s: ConvolutionSizes, lanes: number): boolean {
  const row = result === "image" ? s.input : s.output;
  return row.at(-1)! >= lanes && (result !== "image" || s.stride.every((step) => step === 1));
}

/** The convolution, by the weight turned round, that leads from maps to images where the stride is 1. */
export function mirrored(s: ConvolutionSizes): ConvolutionSizes {
  const padding = s.padding.map((p, d) => s.dilation[d]! * (s.kernel[d]! - 1) - p);
  return { ...s, channels: s.filters, filters: s.channels, input: s.output, output: s.input, padding };
}

/** Where windows are single pixels no row ends: all of a plane is one. */
function asRow(s: ConvolutionSizes): ConvolutionSizes {
  if (!s.kernel.every((k) => k === 1) || !isInPlace(s)) return s;
  const [one, none, pixels] = [[1], [0], [product(s.output)]];
  return { ...s, input: pixels, output: pixels, kernel: one, stride: one, padding: none, dilation: one };
}

/** A part with its grid and the tables of its taps and slots, in bytes. */
interface TapPart extends Part {
  readonly grid: Grid;
  readonly offsets: Int32Array;
  readonly slots: Int32Array;
}

/** What all of a convolution's parts share; `copies` is the most elements of a part's grids. */
interface TapPlan extends ConvolutionSizes {
  readonly taps: number;
  readonly parts: readonly TapPart[];
  readonly copies: number;
  readonly inPlace: boolean;
}

function planOf(
  s: ConvolutionSizes,
  { bytes, lanes }: TapFunctions,
  list: readonly Part[],
  grid: (g: Geometry) => Grid,
): TapPlan {
  const tables = new Map<Geometry, Pick<TapPart, "grid" | "offsets" | "slots">>();
  const inBytes = (elements: readonly number[]): Int32Array => Int32Array.from(elements, (n) => n * bytes);
  const tablesOf = (g: Geometry): Pick<TapPart, "grid" | "offsets" | "slots"> => {
    const own = grid(g);
    const made = {
      grid: own,
      offsets: inBytes(tapOffsets(g, own, s.channels)),
      slots: inBytes(slotsOf(g, own, lanes)),
    };
    tables.set(g, made);
    return made;
  };
  const all = list.map((part) => ({ ...part, ...(tables.get(part.geometry) ?? tablesOf(part.geometry)) }));
  const copies = Math.max(...all.map(({ count, grid: { plane } }) => count * s.groups * s.channels * plane));
  return { ...s, taps: s.channels * product(s.kernel), parts: all, copies, inPlace: false };
}

/** Bytes of the grid for one position of the map. */
function perPosition(s: ConvolutionSizes, bytes: number): number {
  return s.groups * s.channels * product(gridOf(s, 0).residues) * bytes;
}

function mapPlan(s: ConvolutionSizes, functions: TapFunctions): TapPlan {
  if (!isInPlace(s)) return planOf(s, functions, parts(s, perPosition(s, functions.bytes)), (g) => gridOf(g, 0));
  const whole = { first: 0, count: s.images, offset: 0, geometry: s };
  return { ...planOf(s, functions, [whole], gridInPlace), copies: 0, inPlace: true };
}

/** The spare row, or vector of a single row, keeps what the last vector reads beyond a map within the channel. */
function weightPlan(s: ConvolutionSizes, functions: TapFunctions): TapPlan {
  const each = perPosition(s, functions.bytes) + s.groups * s.filters * functions.bytes;
  const spare = s.output.length === 1 ? functions.lanes : 1;
  return planOf(s, functions, parts(s, each), (g) => gridOf(g, spare));
}

/** Writes tables where kernels read them. */
function place({ ctx: { heap } }: ByTaps, table: Int32Array, address: number): void {
  heap.i32.set(table, address / 4);
}

interface MapOperands {
  readonly source: number;
  readonly out: number;
  readonly weight: number;
  readonly bias: number;
  /** Whether the weight is turned round. */
  readonly turned: boolean;
}

/** The map of an image, or the image of a map. */
function mapOf(t: ByTaps, p: TapPlan, { source, out, weight, bias, turned }: MapOperands): void {
  const { bytes } = t.functions;
  const { groups, channels, filters, taps } = p;
  const [pixels, input] = [product(p.output) * bytes, product(p.input) * bytes];
  const slotBytes = Math.max(...p.parts.map(({ slots }) => slots.byteLength));
  const memory = [p.copies * bytes, taps * 4, slotBytes, groups * panelBytes(filters, taps, bytes)];
  withMemory(t.ctx.heap, memory, (...addresses) => {
    const [copy, offsets, slots, panel] = addresses as [number, number, number, number];
    packWeight(t, p, weight, panel, turned);
    let last: Geometry | null = null;
    for (const part of p.parts) {
      const image = source + part.first * groups * channels * input;
      if (part.geometry !== last) {
        place(t, part.offsets, offsets);
        place(t, part.slots, slots);
        last = part.geometry;
      }
      if (!p.inPlace) copyGrid(t, p, part, image, copy);
      const plane = part.grid.plane * bytes;
      const start = out + part.first * groups * filters * pixels + part.offset * bytes;
      t.functions.products({
        images: part.count,
        groups,
        rows: filters,
        taps,
        panel,
        panelGroup: panelSize(p, bytes),
        source: { address: p.inPlace ? image : copy, image: groups * channels * plane, group: channels * plane },
        out: { address: start, image: groups * filters * pixels, group: filters * pixels },
        outRow: pixels,
        offsets,
        slots,
        slotCount: part.slots.length / 2,
        bias,
      });
    }
  });
}

function copyGrid(t: ByTaps, p: TapPlan, { count, geometry, grid }: TapPart, image: number, to: number): void {
  t.copy(count * p.groups * p.channels, gridGeometry(geometry, grid), planesAt(image, p.input), to);
}

/** Bytes from one group's panel to the next. */
const panelSize = ({ filters, taps }: TapPlan, bytes: number): number =>
  panelBytes(filters, taps, bytes) - panelBytes(0, 0, bytes);

/** Packs every group's weight: [filters, channels, …kernel], or turned round [channels, filters, …kernel]. */
function packWeight({ functions }: ByTaps, p: TapPlan, weight: number, panel: number, turned: boolean): void {
  const { groups, channels, filters, taps } = p;
  const { bytes } = functions;
  const kernel = product(p.kernel);
  const size = panelSize(p, bytes);
  for (let group = 0; group < groups; group++) {
    const from = weight + group * filters * taps * bytes;
    const to = panel + group * size;
    if (turned) {
      const steps = [kernel * bytes, filters * kernel * bytes, -bytes] as const;
      functions.pack(to, from + (kernel - 1) * bytes, [filters, channels, kernel], steps);
    } else functions.pack(to, from, [filters, 1, taps], [taps * bytes, 0, bytes]);
  }
}

/** The weight's gradient: dot products of maps, in rows as long as the grid's, with taps. */
function weightOf(t: ByTaps, p: TapPlan, { image, map, weight }: ConvolutionOperands): void {
  const { bytes, lanes, clear, dots } = t.functions;
  const { groups, channels, filters, taps } = p;
  const [pixels, input] = [product(p.output) * bytes, product(p.input) * bytes];
  const lefts = Math.max(...p.parts.map(({ count, grid }) => count * groups * filters * product(grid.size)));
  clear(weight, groups * filters * taps * bytes);
  withMemory(t.ctx.heap, [p.copies * bytes, lefts * bytes, taps * 4], (...addresses) => {
    const [copy, left, offsets] = addresses as [number, number, number];
    for (const part of p.parts) {
      const { first, count, offset, geometry, grid } = part;
      const from = planesAt(map + first * groups * filters * pixels + offset * bytes, p.output);
      place(t, part.offsets, offsets);
      copyGrid(t, p, part, image + first * groups * channels * input, copy);
      t.copy(count * groups * filters, mapGeometry(geometry, grid), from, left);
      const end = geometry.output.map((n) => n - 1);
      const [plane, row] = [grid.plane * bytes, product(grid.size) * bytes];
      dots({
        images: count,
        groups,
        rows: filters,
        taps,
        length: Math.ceil((flat(end, grid.size) + 1) / lanes) * 16,
        left: { address: left, image: groups * filters * row, group: filters * row },
        leftRow: row,
        source: { address: copy, image: groups * channels * plane, group: channels * plane },
        out: weight,
        outGroup: filters * taps * bytes,
        outRow: taps * bytes,
        offsets,
      });
    }
  });
}
