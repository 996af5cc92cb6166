/**
 * Sums over taps: products of two matrices, one of which is read where its elements lie, by a table of offsets. A tap is
 * what one offset leads to: a channel of an image moved by an element of a kernel, or a row of a matrix.
 */
import type { WasmContext } from "./context.ts";
import { element } from "./element.ts";
import { readWords, upTo } from "./geometry.ts";
import { laneInfo } from "./lanes.ts";
import { packPanel } from "./matmul-pack.ts";
import { exported, type Func, type FuncBuilder, type Local, ModuleBuilder } from "./module.ts";
import { type Range, ranges, runTables, WORTH_PRODUCTS } from "./parallel.ts";
import { copyOf } from "./walk.ts";
import { type FloatLane, fullFormula } from "./winograd-linear.ts";

/** Rows of a panel: what one tile of results has. Its columns are two vectors. */
export const PANEL: number = 4;
const VECTORS = 2;

/** An address, and how many bytes lead to the next image's and to the next group's. */
interface Side {
  readonly address: number;
  readonly image: number;
  readonly group: number;
}

/** `out[row][slot] = Σ over taps of panel[row][tap] · source[offsets[tap] + slot] (+ bias[row])`, for images and groups. */
export interface Products {
  readonly images: number;
  readonly groups: number;
  readonly rows: number;
  readonly taps: number;
  /** One panel per group, and the bytes from one to the next. */
  readonly panel: number;
  readonly panelGroup: number;
  readonly source: Side;
  readonly out: Side;
  readonly outRow: number;
  readonly offsets: number;
  /** Pairs of where a vector is read in the source and written in the result. */
  readonly slots: number;
  readonly slotCount: number;
  /** One element per row and group; 0: none. */
  readonly bias: number;
}

/** `out[row][tap] += Σ over images and positions of left[row][position] · source[offsets[tap] + position]`, for groups. */
export interface Dots {
  readonly images: number;
  readonly groups: number;
  readonly rows: number;
  readonly taps: number;
  /** Bytes of positions, whole vectors. */
  readonly length: number;
  readonly left: Side;
  readonly leftRow: number;
  readonly source: Side;
  readonly out: number;
  readonly outGroup: number;
  readonly outRow: number;
  readonly offsets: number;
}

/** How many rows, channels and elements there are, and how many bytes lead from one to the next. */
export type Counts = readonly [rows: number, channels: number, depth: number];

/** Bytes of a panel. */
export const panelBytes = (rows: number, taps: number, bytes: number): number =>
  Math.ceil(rows / PANEL) * taps * PANEL * bytes;

/** The functions of a lane. */
export interface TapFunctions {
  readonly bytes: 4 | 8;
  readonly lanes: 2 | 4;
  /** [rows, channels, depth] -> blocks of `PANEL` rows side by side, channel after channel. */
  pack(to: number, from: number, counts: Counts, steps: Counts): void;
  products(p: Products): void;
  dots(d: Dots): void;
  /** Sets bytes to 0. */
  clear(address: number, bytes: number): void;
}

type TableFunction = (table: number) => void;
type PackFunction = (to: number, from: number, lines: number, depth: number, line: number, step: number) => void;

/** Compiles the functions. */
export function tapFunctions(ctx: WasmContext, lane: FloatLane): TapFunctions {
  const { width: lanes } = laneInfo[lane];
  const bytes = lane === "f32" ? 4 : 8;
  const module = new ModuleBuilder(ctx.heap.shared);
  const packed = packPanel(module, lane, element(module, lane === "f32" ? "float32" : "float64"), PANEL);
  module.func("pack", ["i32", "i32", "i32", "i32", "i32", "i32"], [], (f, ...args) => {
    for (const arg of args) f.get(arg);
    f.call(packed);
  });
  module.func("clear", ["i32", "i32"], [], (f, address, count) => {
    f.get(address).i32(0).get(count).memoryFill();
  });
  emitProducts(module, tile(module, lane, ctx.relaxed), bytes);
  emitDots(module, dotTile(module, lane, ctx.relaxed), bytes);
  const exports = ctx.instantiate(module.finish());
  const pack = exported<PackFunction>(exports, "pack");
  const products = exported<TableFunction>(exports, "products");
  const dots = exported<TableFunction>(exports, "dots");
  return {
    bytes,
    lanes,
    pack(to, from, [rows, channels, depth], [rowStep, channelStep, depthStep]) {
      let at = to;
      for (let row = 0; row < rows; row += PANEL) {
        for (let channel = 0; channel < channels; channel++) {
          const start = from + row * rowStep + channel * channelStep;
          pack(at, start, Math.min(PANEL, rows - row), depth, rowStep, depthStep);
          at += depth * PANEL * bytes;
        }
      }
    },
    products: (p) => runProducts(ctx, products, p, lanes, bytes),
    dots: (d) => runDots(ctx, dots, d, bytes),
    clear: exported<(address: number, bytes: number) => void>(exports, "clear"),
  };
}

/** Part of the work: ranges of images, groups, and of what one product has `count` of. */
type Cut = Readonly<Record<"images" | "groups" | "inner", Range>>;

function cut(ctx: WasmContext, work: number, counts: readonly [number, number, number], shared: boolean): Cut[] {
  const pieces = ctx.team.pieces(work, WORTH_PRODUCTS);
  const [images, groups, count] = counts;
  const whole: Cut = { images: [0, images], groups: [0, groups], inner: [0, count] };
  if (pieces === 1) return [whole];
  if (!shared && images >= pieces) return ranges(images, pieces).map((range) => ({ ...whole, images: range }));
  if (groups >= pieces) return ranges(groups, pieces).map((range) => ({ ...whole, groups: range }));
  return ranges(count, pieces, VECTORS).map((range) => ({ ...whole, inner: range }));
}

const length = ([from, to]: Range): number => to - from;

/** The words of a side, from the first image and group of a part on. */
function sideWords({ address, image, group }: Side, { images, groups }: Cut): number[] {
  return [address + images[0] * image + groups[0] * group, image, group];
}

function runProducts(ctx: WasmContext, func: TableFunction, p: Products, lanes: number, bytes: number): void {
  const work = p.images * p.groups * p.rows * p.taps * p.slotCount * lanes;
  const block = p.taps * PANEL * bytes;
  const calls = cut(ctx, work, [p.images, p.groups, p.slotCount], false).map((part) => {
    const [group] = part.groups;
    const bias = p.bias === 0 ? 0 : p.bias + group * p.rows * bytes;
    const words = [length(part.images), length(part.groups), p.rows, p.taps, length(part.inner) / VECTORS];
    words.push(p.offsets, p.slots + part.inner[0] * 8, p.panel + group * p.panelGroup, block, bias);
    words.push(...sideWords(p.source, part), ...sideWords(p.out, part), p.outRow, p.panelGroup);
    return { func, words, rest: [] };
  });
  runTables(ctx, calls);
}

function runDots(ctx: WasmContext, func: TableFunction, d: Dots, bytes: number): void {
  const work = (d.images * d.groups * d.rows * d.taps * d.length) / bytes;
  // Images share their results, which therefore cannot be computed apart.
  const calls = cut(ctx, work, [d.images, d.groups, d.taps], true).map((part) => {
    const [[group], [tap]] = [part.groups, part.inner];
    const words = [d.images, length(part.groups), d.rows, length(part.inner), d.length, d.offsets + tap * 4];
    words.push(...sideWords(d.left, part), d.leftRow, ...sideWords(d.source, part));
    words.push(d.out + group * d.outGroup + tap * bytes, d.outGroup, d.outRow);
    return { func, words, rest: [] };
  });
  runTables(ctx, calls);
}

function emitMultiplyAdd(f: FuncBuilder, lane: FloatLane, relaxed: boolean, a: Local, b: Local, sum: Local): void {
  const { shape } = laneInfo[lane];
  const float = shape as "f32x4" | "f64x2";
  if (relaxed) f.get(a).get(b).get(sum).op(`${float}.relaxed_madd`).set(sum);
  else f.get(a).get(b).op(`${float}.mul`).get(sum).op(`${float}.add`).set(sum);
}

/** A function that sums one tile: panel, offsets, taps, image, slots, result, its row step, its rows, bias. */
function tile(module: ModuleBuilder, lane: FloatLane, relaxed: boolean): Func {
  const i = "i32" as const;
  const bytes = lane === "f32" ? 4 : 8;
  const splat = lane === "f32" ? "v128.load32_splat" : "v128.load64_splat";
  return module.func(
    null,
    [i, i, i, i, i, i, i, i, i],
    [],
    (f, panel, offsets, taps, image, slots, out, row, rows, bias) => {
      const v = fullFormula(f, lane);
      const sums = v.variables(PANEL * VECTORS);
      const [weight, added, columns] = [v.variable(), v.variable(), v.variables(VECTORS)];
      const at = f.local("i32");
      const bases = Array.from({ length: VECTORS }, (_, j) => {
        const base = f.local("i32");
        f.get(slots)
          .load("i32.load", 8 * j)
          .get(image)
          .op("i32.add")
          .set(base);
        return base;
      });
      f.loop((again) => {
        f.get(offsets).load("i32.load").set(at);
        bases.forEach((base, j) => {
          f.get(at).get(base).op("i32.add").load("v128.load").set(columns[j]!);
        });
        for (let r = 0; r < PANEL; r++) {
          f.get(panel)
            .load(splat, r * bytes)
            .set(weight);
          columns.forEach((column, j) => {
            emitMultiplyAdd(f, lane, relaxed, weight, column, sums[r * VECTORS + j]!);
          });
        }
        f.add(panel, PANEL * bytes).add(offsets, 4);
        f.get(taps).i32(1).op("i32.sub").tee(taps).brIf(again);
      });
      for (let r = 0; r < PANEL; r++) {
        f.get(rows).i32(r).op("i32.gt_s");
        f.if(() => {
          f.get(bias).if(() =>
            f
              .get(bias)
              .load(splat, r * bytes)
              .set(added),
          );
          for (let j = 0; j < VECTORS; j++) {
            f.get(slots)
              .load("i32.load", 8 * j + 4)
              .get(out)
              .op("i32.add");
            v.put(v.add(sums[r * VECTORS + j]!, added));
            f.store("v128.store");
          }
          f.add(out, row);
        });
      }
    },
  );
}

/** Variables for what moves along images and groups, each started anew for every image unless it moves with them. */
function emitImagesAndGroups(
  f: FuncBuilder,
  images: Local,
  groups: Local,
  sides: readonly (readonly [address: Local, image: Local | null, group: Local])[],
  body: (addresses: readonly Local[]) => void,
): void {
  upTo(f, images, () => {
    const addresses = sides.map(([address]) => copyOf(f, address));
    upTo(f, groups, () => {
      body(addresses);
      sides.forEach(([, , group], k) => {
        f.add(addresses[k]!, group);
      });
    });
    for (const [address, image] of sides) if (image !== null) f.add(address, image);
  });
}

/** Loops over images, groups, blocks of rows and pairs of slots. */
function emitProducts(module: ModuleBuilder, tile: Func, bytes: number): void {
  module.func("products", ["i32"], [], (f, table) => {
    const [images, groups, rows, taps, pairs, offsets] = readWords(f, table, 0, 6) as Six;
    const [slots, panel, block, bias, source, sourceImage] = readWords(f, table, 24, 6) as Six;
    const [sourceGroup, out, outImage, outGroup, row, panelStep] = readWords(f, table, 48, 6) as Six;
    const biasStep = f.local("i32");
    f.get(bias).if(() => f.get(rows).i32(bytes).op("i32.mul").set(biasStep));
    const sides = [
      [panel, null, panelStep],
      [bias, null, biasStep],
      [source, sourceImage, sourceGroup],
      [out, outImage, outGroup],
    ] as const;
    emitImagesAndGroups(f, images, groups, sides, (addresses) => {
      const [weights, added, target, left] = [addresses[0]!, addresses[1]!, addresses[3]!, rows].map((local) =>
        copyOf(f, local),
      ) as Six;
      f.while(
        () => f.get(left).i32(0).op("i32.gt_s"),
        () => {
          const slot = copyOf(f, slots);
          upTo(f, pairs, () => {
            for (const x of [weights, offsets, taps, addresses[2]!, slot, target, row, left, added]) f.get(x);
            f.call(tile);
            f.add(slot, VECTORS * 8);
          });
          f.add(weights, block).add(left, -PANEL);
          f.get(row).i32(PANEL).op("i32.mul").get(target).op("i32.add").set(target);
          f.get(added).if(() => f.add(added, PANEL * bytes));
        },
      );
    });
  });
}

type Six = [Local, Local, Local, Local, Local, Local];

/**
 * A function that adds up one tile: left rows, their step, image, offsets, length, result, its row step, rows, taps.
 * Sums run along vectors, whose lanes are added at the end.
 */
function dotTile(module: ModuleBuilder, lane: FloatLane, relaxed: boolean): Func {
  const i = "i32" as const;
  const bytes = lane === "f32" ? 4 : 8;
  return module.func(
    null,
    [i, i, i, i, i, i, i, i, i],
    [],
    (f, left, step, image, offsets, length, out, row, rows, taps) => {
      const v = fullFormula(f, lane);
      const sums = v.variables(PANEL * VECTORS);
      const [value, columns] = [v.variable(), v.variables(VECTORS)];
      const position = f.local("i32");
      // Rows and taps beyond the last repeat the last: their sums are not stored.
      const lefts = chain(f, left, PANEL, (previous, k) => {
        f.get(previous).get(step).op("i32.add").get(previous).get(rows).i32(k).op("i32.gt_s").select();
      });
      const bases = Array.from({ length: VECTORS }, (_, k) => {
        const base = f.local("i32");
        f.get(offsets);
        f.i32(4 * k)
          .i32(0)
          .get(taps)
          .i32(k)
          .op("i32.gt_s")
          .select()
          .op("i32.add")
          .load("i32.load");
        f.get(image).op("i32.add").set(base);
        return base;
      });
      f.loop((again) => {
        bases.forEach((base, k) => {
          f.get(base).get(position).op("i32.add").load("v128.load").set(columns[k]!);
        });
        lefts.forEach((from, r) => {
          f.get(from).get(position).op("i32.add").load("v128.load").set(value);
          columns.forEach((column, k) => {
            emitMultiplyAdd(f, lane, relaxed, value, column, sums[r * VECTORS + k]!);
          });
        });
        f.get(position).i32(16).op("i32.add").tee(position).get(length).op("i32.lt_u").brIf(again);
      });
      for (let r = 0; r < PANEL; r++) {
        f.get(rows).i32(r).op("i32.gt_s");
        f.if(() => {
          for (let k = 0; k < VECTORS; k++) {
            f.get(taps).i32(k).op("i32.gt_s");
            f.if(() => {
              f.get(out)
                .get(out)
                .load(`${lane}.load`, k * bytes);
              emitLaneSum(f, lane, sums[r * VECTORS + k]!);
              f.op(`${lane}.add`).store(`${lane}.store`, k * bytes);
            });
          }
          f.add(out, row);
        });
      }
    },
  );
}

/** Variables each of which follows from the one before. */
function chain(f: FuncBuilder, first: Local, count: number, emitNext: (previous: Local, k: number) => void): Local[] {
  const list = [first];
  for (let k = 1; k < count; k++) {
    const next = f.local("i32");
    emitNext(list[k - 1]!, k);
    f.set(next);
    list.push(next);
  }
  return list;
}

/** Leaves the sum of a vector's lanes. */
function emitLaneSum(f: FuncBuilder, lane: FloatLane, sum: Local): void {
  const v = fullFormula(f, lane);
  const both = v.let(v.add(sum, v.upper(sum)));
  v.extract(both, 0);
  if (lane === "f64") return;
  v.extract(both, 1);
  f.op("f32.add");
}

/** Loops over images, groups, blocks of rows and pairs of taps. */
function emitDots(module: ModuleBuilder, dots: Func, bytes: number): void {
  module.func("dots", ["i32"], [], (f, table) => {
    const [images, groups, rows, taps, length, offsets] = readWords(f, table, 0, 6) as Six;
    const [left, leftImage, leftGroup, leftRow, source, sourceImage] = readWords(f, table, 24, 6) as Six;
    const [sourceGroup, out, outGroup, row] = readWords(f, table, 48, 4) as Six;
    const sides = [
      [left, leftImage, leftGroup],
      [source, sourceImage, sourceGroup],
      [out, null, outGroup],
    ] as const;
    emitImagesAndGroups(f, images, groups, sides, (addresses) => {
      const [from, target, below] = [addresses[0]!, addresses[2]!, rows].map((local) => copyOf(f, local)) as Six;
      f.while(
        () => f.get(below).i32(0).op("i32.gt_s"),
        () => {
          const [offset, cell, beside] = [offsets, target, taps].map((local) => copyOf(f, local)) as Six;
          f.while(
            () => f.get(beside).i32(0).op("i32.gt_s"),
            () => {
              for (const x of [from, leftRow, addresses[1]!, offset, length, cell, row, below, beside]) f.get(x);
              f.call(dots);
              f.add(offset, VECTORS * 4)
                .add(cell, VECTORS * bytes)
                .add(beside, -VECTORS);
            },
          );
          for (const [address, step] of [
            [from, leftRow],
            [target, row],
          ] as const) {
            f.get(step).i32(PANEL).op("i32.mul").get(address).op("i32.add").set(address);
          }
          f.add(below, -PANEL);
        },
      );
    });
  });
}
