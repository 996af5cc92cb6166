/**
 * Convolutions without columns: every tap reads the image where it lies. A copy of a part of the image, with its padding
 * and with the pixels of a stride side by side, makes all of a tap's pixels neighbours in memory.
 */
import { product } from "../../core/layout.ts";
import type {
  ConvolutionKernel,
  ConvolutionOperands,
  ConvolutionRun,
  ConvolutionSizes,
  Geometry,
  Operand,
  WindowRun,
} from "../../ir/kernel.ts";
import type { WasmContext } from "./context.ts";
import { type Part, parts } from "./convolution-bands.ts";
import { panelBytes, type TapFunctions } from "./taps.ts";

/** What a convolution by taps is made of. */
interface Taps {
  readonly ctx: WasmContext;
  readonly functions: TapFunctions;
  readonly copy: WindowRun;
}

/** A convolution by taps; its maps' rows hold at least a vector, and images have a stride of 1 as results. */
export function byTaps(
  { result }: ConvolutionKernel,
  ctx: WasmContext,
  functions: TapFunctions,
  copy: WindowRun,
): ConvolutionRun {
  const t: Taps = { ctx, functions, copy };
  if (result === "weight") return (sizes, operands) => weightOf(t, sizes, operands);
  if (result === "map") return (sizes, operands) => mapOf(t, sizes, operands, operands.image, operands.map, false);
  return (sizes, operands) => mapOf(t, mirrored(sizes), operands, operands.map, operands.image, true);
}

/** Whether `byTaps` can. */
export function suitsTaps({ result }: ConvolutionKernel, s: ConvolutionSizes, lanes: number): boolean {
  const row = result === "image" ? s.input : s.output;
  return row.at(-1)! >= lanes && (result !== "image" || s.stride.every((step) => step === 1));
}

/** The convolution, by the weight turned round, that leads from maps to images. */
function mirrored(s: ConvolutionSizes): ConvolutionSizes {
  const padding = s.padding.map((p, d) => s.dilation[d]! * (s.kernel[d]! - 1) - p);
  return { ...s, channels: s.filters, filters: s.channels, input: s.output, output: s.input, padding };
}

/** How pixels lie in the copy: planes of residues (by the stride) of rows, each of which may be longer than the map's. */
interface Grid {
  readonly residues: readonly number[];
  readonly size: readonly number[];
  /** Elements of one channel. */
  readonly plane: number;
}

/** How far the last element of the kernel reaches, in map positions. */
const reach = (g: Geometry, d: number): number => Math.floor(((g.kernel[d]! - 1) * g.dilation[d]!) / g.stride[d]!);

/** `spare`: rows and, for a single row, elements that no tap reaches, so that whole vectors stay within a channel. */
function gridOf(g: Geometry, spare: number): Grid {
  const residues = g.stride.map((s, d) => Math.min(s, (g.kernel[d]! - 1) * g.dilation[d]! + 1));
  const size = g.output.map((n, d) => n + reach(g, d) + (d === 0 ? spare : 0));
  return { residues, size, plane: product(residues) * product(size) };
}

/** The position of an index in rows of these sizes. */
const flat = (index: readonly number[], size: readonly number[]): number =>
  index.reduce((at, i, d) => at * size[d]! + i, 0);

/** Calls `body` for every index below `size`, the last dim first. */
function eachIndex(size: readonly number[], body: (index: readonly number[]) => void): void {
  const visit = (index: readonly number[]): void => {
    if (index.length === size.length) body(index);
    else for (let i = 0; i < size[index.length]!; i++) visit([...index, i]);
  };
  visit([]);
}

/** Where a channel's taps begin in the grid. */
function elementOffsets(g: Geometry, { residues, size }: Grid): number[] {
  const found: number[] = [];
  eachIndex(g.kernel, (k) => {
    const at = k.map((i, d) => i * g.dilation[d]!);
    const residue = at.map((x, d) => x % g.stride[d]!);
    const position = at.map((x, d) => Math.floor(x / g.stride[d]!));
    found.push(flat(residue, residues) * product(size) + flat(position, size));
  });
  return found;
}

/** Pairs of positions of vectors in the grid and in the map; the last of a row may go over others again. */
function slotsOf(g: Geometry, { size }: Grid, lanes: number): number[] {
  const slots: number[] = [];
  const width = g.output.at(-1)!;
  eachIndex(g.output.slice(0, -1), (index) => {
    const [from, to] = [flat([...index, 0], size), flat([...index, 0], g.output)];
    for (let x = 0; x < width; x += lanes)
      slots.push(from + Math.min(x, width - lanes), to + Math.min(x, width - lanes));
  });
  if (slots.length % 4 !== 0) slots.push(...slots.slice(-2));
  return slots;
}

/** A reservation for all that a convolution needs, as one. */
function withMemory(ctx: WasmContext, sizes: readonly number[], body: (...addresses: number[]) => void): void {
  const rounded = sizes.map((bytes) => (bytes + 127) & -64); // vectors may read a little beyond
  const start = ctx.heap.alloc(rounded.reduce((a, b) => a + b, 0));
  let at = start;
  const addresses = rounded.map((bytes) => (at += bytes) - bytes);
  try {
    body(...addresses);
  } finally {
    ctx.heap.free(start);
  }
}

function write({ heap }: WasmContext, address: number, elements: readonly number[], bytes: number): void {
  const { i32 } = heap;
  for (let i = 0, at = address / 4; i < elements.length; i++) i32[at + i] = elements[i]! * bytes;
}

const planesAt = (address: number, sizes: readonly number[]): Operand => {
  const strides: number[] = [];
  let step = product(sizes);
  for (const n of [1, ...sizes]) strides.push((step /= Math.max(n, 1)));
  return { address, strides };
};

const ones = (g: Geometry): readonly number[] => g.kernel.map(() => 1);

/** One pixel after another is a row like any other: single pixels need no copy, and no row ends. */
function asRow(s: ConvolutionSizes): ConvolutionSizes {
  const single = s.kernel.every((k) => k === 1);
  if (!single || !isInPlace(s)) return s;
  const [one, none, pixels] = [[1], [0], [product(s.output)]];
  return { ...s, input: pixels, output: pixels, kernel: one, stride: one, padding: none, dilation: one };
}

/** Whether the image can be its own copy. */
const isInPlace = (g: Geometry): boolean => g.stride.every((s) => s === 1) && g.padding.every((p) => p === 0);

/** The map of an image, or the image of a map: then with the weight turned round. */
function mapOf(
  t: Taps,
  sizes: ConvolutionSizes,
  operands: ConvolutionOperands,
  source: number,
  result: number,
  turned: boolean,
): void {
  const { ctx, functions } = t;
  const { bytes, lanes } = functions;
  const s = asRow(sizes);
  const { groups, channels, filters } = s;
  const [elements, pixels, input] = [product(s.kernel), product(s.output), product(s.input)];
  const taps = channels * elements;
  const inPlace = isInPlace(s);
  const all = inPlace ? [{ first: 0, count: s.images, offset: 0, geometry: s }] : parts(s, perPosition(s, bytes));
  const grids = all.map(({ geometry }) => (inPlace ? gridInPlace(s) : gridOf(geometry, 0)));
  const most = inPlace ? 0 : Math.max(...all.map(({ count }, i) => count * groups * channels * grids[i]!.plane));
  const slotCounts = all.map(
    ({ geometry }) => product(geometry.output.slice(0, -1)) * Math.ceil(geometry.output.at(-1)! / lanes) + 1,
  );
  const panels = groups * panelBytes(filters, taps, bytes);
  withMemory(ctx, [most * bytes, taps * 4, Math.max(...slotCounts) * 8, panels], (copy, offsets, slots, panel) => {
    packWeight(t, s, operands.weight, panel!, turned);
    let last: Geometry | null = null;
    let slotCount = 0;
    all.forEach(({ first, count, offset, geometry }, i) => {
      const grid = grids[i]!;
      if (geometry !== last) {
        const starts = elementOffsets(geometry, grid);
        write(
          ctx,
          offsets!,
          Array.from({ length: taps }, (_, k) => Math.floor(k / elements) * grid.plane + starts[k % elements]!),
          bytes,
        );
        const list = slotsOf(geometry, grid, lanes);
        write(ctx, slots!, list, bytes);
        slotCount = list.length / 2;
        last = geometry;
      }
      const image = source + first * groups * channels * input * bytes;
      if (!inPlace) copyGrid(t, count * groups * channels, geometry, grid, planesAt(image, s.input), copy!);
      functions.products({
        images: count,
        groups,
        rows: filters,
        taps,
        panel: panel!,
        source: {
          address: inPlace ? image : copy!,
          image: groups * channels * grid.plane * bytes,
          group: channels * grid.plane * bytes,
        },
        out: {
          address: result + (first * groups * filters * pixels + offset) * bytes,
          image: groups * filters * pixels * bytes,
          group: filters * pixels * bytes,
        },
        outRow: pixels * bytes,
        offsets: offsets!,
        slots: slots!,
        slotCount,
        bias: operands.bias,
      });
    });
  });
}

/** Bytes of the copy for one position of the map. */
function perPosition(s: ConvolutionSizes, bytes: number): number {
  return s.groups * s.channels * gridOf(s, 0).residues.reduce((a, b) => a * b, 1) * bytes;
}

const gridInPlace = (s: ConvolutionSizes): Grid => ({ residues: ones(s), size: s.input, plane: product(s.input) });

function copyGrid(t: Taps, planes: number, g: Geometry, { residues, size }: Grid, image: Operand, to: number): void {
  t.copy(planes, { ...g, output: size, kernel: residues, dilation: ones(g) }, image, to);
}

function packWeight({ functions }: Taps, s: ConvolutionSizes, weight: number, panel: number, turned: boolean): void {
  const { groups, channels, filters } = s;
  const { bytes } = functions;
  const elements = product(s.kernel);
  const size = panelBytes(filters, channels * elements, bytes) - panelBytes(0, 0, bytes);
  for (let group = 0; group < groups; group++) {
    const from = weight + group * filters * channels * elements * bytes;
    const to = panel + group * size;
    if (turned) {
      const steps = [elements * bytes, filters * elements * bytes, -bytes] as const;
      functions.pack(to, from + (elements - 1) * bytes, [filters, channels, elements], steps);
    } else functions.pack(to, from, [filters, 1, channels * elements], [channels * elements * bytes, 0, bytes]);
  }
}

function weightOf(t: Taps, s: ConvolutionSizes, { image, map, weight }: ConvolutionOperands): void {
  const { ctx, functions } = t;
  const { bytes, lanes } = functions;
  const { groups, channels, filters } = s;
  const [elements, pixels, input] = [product(s.kernel), product(s.output), product(s.input)];
  const taps = channels * elements;
  const spare = s.output.length === 1 ? lanes : 1;
  const all = parts(s, perPosition(s, bytes) + groups * filters * bytes);
  const grids = all.map(({ geometry }) => gridOf(geometry, spare));
  const most = (of: (part: Part, grid: Grid) => number): number =>
    Math.max(...all.map((part, i) => of(part, grids[i]!)));
  const copies = most(({ count }, { plane }) => count * groups * channels * plane) * bytes;
  const lefts = most(({ count }, { size }) => count * groups * filters * product(size)) * bytes;
  functions.clear(weight, groups * filters * taps * bytes);
  withMemory(ctx, [copies, lefts, taps * 4], (copy, left, offsets) => {
    let last: Geometry | null = null;
    all.forEach(({ first, count, offset, geometry }, i) => {
      const grid = grids[i]!;
      if (geometry !== last) {
        const starts = elementOffsets(geometry, grid);
        write(
          ctx,
          offsets!,
          Array.from({ length: taps }, (_, k) => Math.floor(k / elements) * grid.plane + starts[k % elements]!),
          bytes,
        );
        last = geometry;
      }
      copyGrid(
        t,
        count * groups * channels,
        geometry,
        grid,
        planesAt(image + first * groups * channels * input * bytes, s.input),
        copy!,
      );
      const plane = product(grid.size);
      const one = ones(s);
      const mapRows = {
        input: geometry.output,
        output: grid.size,
        kernel: one,
        stride: one,
        padding: one.map(() => 0),
        dilation: one,
      };
      const from = planesAt(map + (first * groups * filters * pixels + offset) * bytes, s.output);
      t.copy(count * groups * filters, mapRows, from, left!);
      const reached =
        flat(
          geometry.output.map((n) => n - 1),
          grid.size,
        ) + 1;
      functions.dots({
        images: count,
        groups,
        rows: filters,
        taps,
        length: Math.ceil(reached / lanes) * 16,
        left: { address: left!, image: groups * filters * plane * bytes, group: filters * plane * bytes },
        leftRow: plane * bytes,
        source: { address: copy!, image: groups * channels * grid.plane * bytes, group: channels * grid.plane * bytes },
        out: weight,
        outGroup: filters * taps * bytes,
        outRow: taps * bytes,
        offsets: offsets!,
      });
    });
  });
}
