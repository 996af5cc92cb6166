/** Convolutions on raw memory: im2col or col2im by chunks of images, and batched matrix products. */
import { product } from "../../core/layout.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Geometry, MatmulRun, Operand, WindowRun } from "../../ir/kernel.ts";
import { runner } from "../../ir/runtime.ts";
import { fillRaw } from "../create.ts";
import { isMeta, operand, withOperands } from "../operands.ts";
import { withWorkspace } from "./raw.ts";

/** How windows lie over an image, one entry per spatial dim. */
export interface Windows {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
}

/** The sizes that all three products share. The image is what windows slide over, the map has one pixel per window. */
interface Plan {
  readonly images: number;
  readonly groups: number;
  /** Channels of the image, and of the map within one group. */
  readonly channels: number;
  readonly mapChannels: number;
  /** Pixels of the map and of the image. */
  readonly pixels: number;
  readonly imagePixels: number;
  /** Rows of a group's columns: channels of the group by elements of the kernel. */
  readonly rows: number;
  readonly geometry: Geometry;
  /** Whether the image is its own columns. */
  readonly direct: boolean;
  /** Images whose columns fit the workspace. */
  readonly chunk: number;
  readonly bytes: number;
}

/** Columns of a chunk stay in the second-level cache, so that the product reads them warm. */
const workspaceBytes = 1 << 20;

function planOf(image: Tensor, weight: Tensor, map: Tensor, w: Windows): Plan {
  const [images = 0, channels = 0] = image.shape;
  const kernel = weight.shape.slice(2);
  const input = image.shape.slice(2);
  const output = map.shape.slice(2);
  const geometry = { input, output, kernel, stride: w.stride, padding: w.padding, dilation: w.dilation };
  const pixels = product(output);
  const columns = channels * product(kernel) * pixels;
  const bytes = image.dtype.itemsize;
  return {
    images,
    groups: w.groups,
    channels,
    mapChannels: map.shape[1]! / w.groups,
    pixels,
    imagePixels: product(input),
    rows: (channels / w.groups) * product(kernel),
    geometry,
    direct: kernel.every((k, d) => k === 1 && w.stride[d] === 1 && w.padding[d] === 0),
    chunk: Math.max(1, Math.min(images, Math.floor(workspaceBytes / Math.max(columns * bytes, 1)))),
    bytes,
  };
}

/** Calls `body` for each chunk of images: the first one and how many. */
function eachChunk(p: Plan, body: (first: number, count: number) => void): void {
  for (let first = 0; first < p.images; first += p.chunk) body(first, Math.min(p.chunk, p.images - first));
}

const at = (o: Operand, elements: number, p: Plan, strides: readonly number[]): Operand => ({
  address: o.address + elements * p.bytes,
  strides,
});

const matmul = (t: Tensor): MatmulRun => runner({ skeleton: "matmul", dtype: t.impl.dtype.stored });

const isEmpty = (p: Plan): boolean => p.images === 0 || p.pixels === 0 || p.rows === 0 || p.mapChannels === 0;

/** The image's planes as an operand of the window kernel. */
function planes(image: Operand, first: number, p: Plan): Operand {
  const strides = [p.imagePixels];
  let step = p.imagePixels;
  for (const n of p.geometry.input) {
    step /= Math.max(n, 1);
    strides.push(step);
  }
  return at(image, first * p.channels * p.imagePixels, p, strides);
}

/** `map = weight · windows of image + beta · map`; all dense, of one dtype. */
export function correlate(image: Tensor, weight: Tensor, map: Tensor, w: Windows, beta: number): void {
  if (isMeta(map) || map.numel() === 0) return;
  const p = planOf(image, weight, map, w);
  if (isEmpty(p)) {
    if (beta === 0) fillRaw(map, 0);
    return;
  }
  const run = matmul(image);
  const { rows, pixels, groups, mapChannels } = p;
  const kernel = [0, mapChannels * rows, rows, 1];
  const columnStrides = [groups * rows * pixels, rows * pixels, pixels, 1];
  const mapStrides = [groups * mapChannels * pixels, mapChannels * pixels, pixels, 1];
  const product = (first: number, count: number, columns: Operand, a: Operand, out: Operand): void => {
    const target = at(out, first * groups * mapChannels * pixels, p, mapStrides);
    run([count, groups], mapChannels, pixels, rows, target, { address: a.address, strides: kernel }, columns, 1, beta);
  };
  if (p.direct) {
    withOperands(() =>
      product(0, p.images, at(operand(image), 0, p, columnStrides), operand(weight), operand(map, true)),
    );
    return;
  }
  const im2col: WindowRun = runner({ skeleton: "window", mode: "im2col", dtype: image.impl.dtype.stored });
  withWorkspace(p.chunk * groups * rows * pixels, image, (columns) =>
    withOperands(() => {
      const [x, a, c, out] = [operand(image), operand(weight), operand(columns, true), operand(map, true)];
      eachChunk(p, (first, count) => {
        im2col(count * p.channels, p.geometry, planes(x, first, p), c.address);
        product(first, count, at(c, 0, p, columnStrides), a, out);
      });
    }),
  );
}

/** `image = windows of weightᵀ · map`, summed where they overlap; all dense, of one dtype. */
export function spread(map: Tensor, weight: Tensor, image: Tensor, w: Windows): void {
  if (isMeta(image) || image.numel() === 0) return;
  const p = planOf(image, weight, map, w);
  if (isEmpty(p)) {
    fillRaw(image, 0);
    return;
  }
  const run = matmul(image);
  const { rows, pixels, groups, mapChannels } = p;
  const transposed = [0, mapChannels * rows, 1, rows];
  const columnStrides = [groups * rows * pixels, rows * pixels, pixels, 1];
  const mapStrides = [groups * mapChannels * pixels, mapChannels * pixels, pixels, 1];
  const product = (first: number, count: number, columns: Operand, a: Operand, g: Operand): void => {
    const source = at(g, first * groups * mapChannels * pixels, p, mapStrides);
    const left = { address: a.address, strides: transposed };
    run([count, groups], rows, pixels, mapChannels, columns, left, source, 1, 0);
  };
  if (p.direct) {
    withOperands(() =>
      product(0, p.images, at(operand(image, true), 0, p, columnStrides), operand(weight), operand(map)),
    );
    return;
  }
  const col2im: WindowRun = runner({ skeleton: "window", mode: "col2im", dtype: image.impl.dtype.stored });
  withWorkspace(p.chunk * groups * rows * pixels, image, (columns) =>
    withOperands(() => {
      const [x, a, c, g] = [operand(image, true), operand(weight), operand(columns, true), operand(map)];
      eachChunk(p, (first, count) => {
        product(first, count, at(c, 0, p, columnStrides), a, g);
        col2im(count * p.channels, p.geometry, planes(x, first, p), c.address);
      });
    }),
  );
}

/** `weight = Σ over images of map · windows of imageᵀ`; all dense, of one dtype. */
export function correlateWeight(map: Tensor, image: Tensor, weight: Tensor, w: Windows): void {
  if (isMeta(weight) || weight.numel() === 0) return;
  const p = planOf(image, weight, map, w);
  if (isEmpty(p)) {
    fillRaw(weight, 0);
    return;
  }
  const run = matmul(image);
  const { rows, pixels, groups, mapChannels } = p;
  const mapStrides = [mapChannels * pixels, pixels, 1];
  const columnStrides = [rows * pixels, 1, pixels];
  const add = (i: number, columns: Operand, g: Operand, out: Operand): void => {
    const left = at(g, i * groups * mapChannels * pixels, p, mapStrides);
    const target = { address: out.address, strides: [mapChannels * rows, rows, 1] };
    run([groups], mapChannels, rows, pixels, target, left, columns, 1, i === 0 ? 0 : 1);
  };
  const perImage = groups * rows * pixels;
  if (p.direct) {
    withOperands(() => {
      const [x, g, out] = [operand(image), operand(map), operand(weight, true)];
      for (let i = 0; i < p.images; i++) add(i, at(x, i * perImage, p, columnStrides), g, out);
    });
    return;
  }
  const im2col: WindowRun = runner({ skeleton: "window", mode: "im2col", dtype: image.impl.dtype.stored });
  withWorkspace(p.chunk * perImage, image, (columns) =>
    withOperands(() => {
      const [x, g, c, out] = [operand(image), operand(map), operand(columns, true), operand(weight, true)];
      eachChunk(p, (first, count) => {
        im2col(count * p.channels, p.geometry, planes(x, first, p), c.address);
        for (let i = 0; i < count; i++) add(first + i, at(c, i * perImage, p, columnStrides), g, out);
      });
    }),
  );
}
