/** Convolutions by matrix products: windows as columns, a part at a time, and for images the columns' sum. */
import { dtypes, type RealName } from "../../core/dtype.ts";
import type { Heap } from "../../core/heap.ts";
import { product } from "../../core/layout.ts";
import { add, type Expr, load } from "../../ir/expr.ts";
import type {
  Compiler,
  ConvolutionKernel,
  ConvolutionOperands,
  ConvolutionRun,
  ConvolutionSizes,
  Geometry,
  MatmulRun,
  Operand,
  PointwiseKernel,
  PointwiseRun,
  WindowRun,
} from "../../ir/kernel.ts";
import { type Part, parts, starts, WORKSPACE } from "./convolution-bands.ts";

/** What all three kinds need. */
interface Products {
  readonly heap: Heap;
  readonly bytes: number;
  readonly matmul: MatmulRun;
  readonly toColumns: WindowRun;
  readonly fromColumns: WindowRun;
  /** Sets elements to the bias, and adds it to them. */
  readonly fill: PointwiseRun;
  readonly offset: PointwiseRun;
}

/** A convolution by the products of `compiler`. */
export function byProducts({ result, dtype }: ConvolutionKernel, heap: Heap, compiler: Compiler): ConvolutionRun {
  const { itemsize: bytes, lane } = dtypes[dtype];
  const pointwise = (expr: Expr, ...inputs: RealName[]): PointwiseRun =>
    compiler.compile<PointwiseKernel>({ skeleton: "pointwise", expr, lane, inputs, output: dtype });
  const p: Products = {
    heap,
    bytes,
    matmul: compiler.compile({ skeleton: "matmul", dtype }),
    toColumns: compiler.compile({ skeleton: "window", mode: "im2col", dtype }),
    fromColumns: compiler.compile({ skeleton: "window", mode: "col2im", dtype }),
    fill: pointwise(load(0), dtype),
    offset: pointwise(add(load(0), load(1)), dtype, dtype),
  };
  const run = { map: mapOf, image: imageOf, weight: weightOf }[result];
  return (sizes, operands) => run(p, sizes, operands);
}

/** Whether the image is its own columns. */
export function isPointwise({ kernel, stride, padding }: Geometry): boolean {
  return kernel.every((k, d) => k === 1 && stride[d] === 1 && padding[d] === 0);
}

/** Rows of a group's columns: its channels by the elements of the kernel. */
const rowsOf = (s: ConvolutionSizes): number => s.channels * product(s.kernel);

const at = ({ bytes }: Products, address: number, elements: number, strides: readonly number[]): Operand => ({
  address: address + elements * bytes,
  strides,
});

function withColumns(p: Products, elements: number, body: (columns: number) => void): void {
  const columns = p.heap.alloc(Math.max(1, elements * p.bytes));
  try {
    body(columns);
  } finally {
    p.heap.free(columns);
  }
}

/** The part's images as an operand of the window kernels. */
function planes(p: Products, s: ConvolutionSizes, image: number, plane: number): Operand {
  const strides: number[] = [];
  let step = product(s.input);
  for (const n of [1, ...s.input]) strides.push((step /= Math.max(n, 1)));
  return at(p, image, plane * strides[0]!, strides);
}

/** Visits parts with their columns, which are the image itself where windows are single pixels. */
function eachColumns(
  p: Products,
  s: ConvolutionSizes,
  image: number,
  body: (part: Part, columns: number, pixels: number) => void,
): void {
  const channels = s.groups * s.channels;
  if (isPointwise(s)) {
    body({ first: 0, count: s.images, offset: 0, geometry: s }, image, product(s.output));
    return;
  }
  const rows = s.groups * rowsOf(s);
  const all = parts(s, rows * p.bytes);
  const most = Math.max(...all.map(({ count, geometry }) => count * product(geometry.output)));
  withColumns(p, most * rows, (columns) => {
    for (const part of all) {
      const { first, count, geometry } = part;
      p.toColumns(count * channels, geometry, planes(p, s, image, first * channels), columns);
      body(part, columns, product(geometry.output));
    }
  });
}

function mapOf(p: Products, s: ConvolutionSizes, { image, map, weight, bias }: ConvolutionOperands): void {
  const { groups, filters } = s;
  const [rows, pixels] = [rowsOf(s), product(s.output)];
  eachColumns(p, s, image, ({ first, count, offset }, columns, n) => {
    const start = first * groups * filters * pixels + offset;
    const out = at(p, map, start, [groups * filters * pixels, filters * pixels, pixels, 1]);
    if (bias !== 0) withBias(p, p.fill, [count, groups * filters, n], pixels, out.address, bias);
    const a = at(p, weight, 0, [0, filters * rows, rows, 1]);
    const b = at(p, columns, 0, [groups * rows * n, rows * n, n, 1]);
    p.matmul([count, groups], filters, n, rows, out, a, b, 1, bias === 0 ? 0 : 1);
  });
}

function imageOf(p: Products, s: ConvolutionSizes, { image, map, weight, bias }: ConvolutionOperands): void {
  const { groups, channels, filters } = s;
  const [rows, pixels, each] = [rowsOf(s), product(s.output), product(s.kernel)];
  /** Columns of some channels of a group of some images. */
  const columnsOf = (first: number, count: number, from: number, some: number, columns: number): void => {
    const a = at(p, weight, from * each, [0, filters * rows, 1, rows]);
    const b = at(p, map, first * groups * filters * pixels, [groups * filters * pixels, filters * pixels, pixels, 1]);
    const n = some * each;
    const out = at(p, columns, 0, [groups * n * pixels, n * pixels, pixels, 1]);
    p.matmul([count, groups], n, pixels, filters, out, a, b, 1, 0);
  };
  if (isPointwise(s)) columnsOf(0, s.images, 0, channels, image);
  else if (rows * groups * pixels * p.bytes <= WORKSPACE) {
    const step = Math.max(1, Math.floor(WORKSPACE / (rows * groups * pixels * p.bytes)));
    withColumns(p, Math.min(step, s.images) * groups * rows * pixels, (columns) => {
      for (const first of starts(s.images, step)) {
        const count = Math.min(step, s.images - first);
        columnsOf(first, count, 0, channels, columns);
        p.fromColumns(count * groups * channels, s, planes(p, s, image, first * groups * channels), columns);
      }
    });
  } else {
    const step = Math.min(channels, Math.max(1, Math.floor(WORKSPACE / (groups * each * pixels * p.bytes))));
    withColumns(p, groups * step * each * pixels, (columns) => {
      for (const first of starts(s.images, 1)) {
        for (const from of starts(channels, step)) {
          const some = Math.min(step, channels - from);
          columnsOf(first, 1, from, some, columns);
          for (let group = 0; group < groups; group++) {
            const plane = (first * groups + group) * channels + from;
            const start = columns + group * some * each * pixels * p.bytes;
            p.fromColumns(some, s, planes(p, s, image, plane), start);
          }
        }
      }
    });
  }
  if (bias !== 0) {
    const size = product(s.input);
    withBias(p, p.offset, [s.images, groups * channels, size], size, image, bias);
  }
}

/** Sets or offsets `n` elements of every plane of `pixels` by the bias of its channel. */
function withBias(
  p: Products,
  run: PointwiseRun,
  shape: readonly [images: number, channels: number, n: number],
  pixels: number,
  address: number,
  bias: number,
): void {
  const out = at(p, address, 0, [shape[1] * pixels, pixels, 1]);
  const added = at(p, bias, 0, [0, 1, 0]);
  run.strided(shape, run === p.fill ? [out, added] : [out, out, added]);
}

function weightOf(p: Products, s: ConvolutionSizes, { image, map, weight }: ConvolutionOperands): void {
  const { groups, filters } = s;
  const [rows, pixels] = [rowsOf(s), product(s.output)];
  const out = at(p, weight, 0, [filters * rows, rows, 1]);
  let beta = 0;
  eachColumns(p, s, image, ({ first, count, offset }, columns, n) => {
    for (let i = 0; i < count; i++) {
      const a = at(p, map, (first + i) * groups * filters * pixels + offset, [filters * pixels, pixels, 1]);
      const b = at(p, columns, i * groups * rows * n, [rows * n, 1, n]);
      p.matmul([groups], filters, rows, n, out, a, b, 1, beta);
      beta = 1;
    }
  });
}
