/** The same elements laid out in memory in several ways, with junk wherever no element lies. */
import { type DTypeName, dtypes } from "../../src/core/dtype.ts";
import { contiguousStrides, Layout, product } from "../../src/core/layout.ts";
import { type Tensor, wrap } from "../../src/core/tensor.ts";
import { numberToBfloat16, numberToHalf } from "../../src/ir/half.ts";
import { emptyTensor } from "../../src/ops/operands.ts";

/**
 * `transposed`: the first dim varies fastest (of one dim: every second element). `offset`: rows of a larger block,
 * which begin after some junk. `expanded`: the first dim of more than one element has stride 0.
 */
export type LayoutName = "contiguous" | "transposed" | "offset" | "expanded";

/** An element; int64 may be a bigint. */
export type Element = number | bigint;

/** All bits set: NaN, -1, or an index far out of range. */
const junk = 0xff;

/** A tensor of these elements, in row-major order, in this layout; a leaf of autograd, whatever its strides. */
export function lay(
  name: LayoutName,
  shape: readonly number[],
  dtype: DTypeName,
  elements: readonly Element[],
): Tensor {
  const layout = layouts[name](shape);
  const storage = emptyTensor([layout.end + (name === "offset" ? 2 : 0)], dtypes[dtype]).impl.storage;
  if (storage.nbytes > 0) storage.bytes().fill(junk);
  const tensor = wrap(storage, layout, dtypes[dtype]);
  storage.escaped = true;
  write(tensor, elements);
  return tensor;
}

const layouts: Readonly<Record<LayoutName, (shape: readonly number[]) => Layout>> = {
  contiguous: (shape) => Layout.contiguous(shape),
  transposed: (shape) =>
    shape.length < 2 ? spread(shape) : Layout.contiguous(shape.toReversed()).permute(reversed(shape)),
  offset: (shape) => new Layout(shape, rowsApart(shape), 3),
  expanded: (shape) => stretch(shape),
};

const reversed = (shape: readonly number[]): number[] => shape.map((_, d) => shape.length - 1 - d);

const spread = (shape: readonly number[]): Layout =>
  new Layout(
    shape,
    shape.map(() => 2),
    0,
  );

function rowsApart(shape: readonly number[]): number[] {
  return contiguousStrides(shape.map((n, d) => (d === shape.length - 1 ? n + 1 : n)));
}

function stretch(shape: readonly number[]): Layout {
  const dim = stretchedDim(shape);
  return dim < 0 ? Layout.contiguous(shape) : Layout.contiguous(shape.with(dim, 1)).expand(shape);
}

/** The dim that an expanded layout repeats, or -1. */
export const stretchedDim = (shape: readonly number[]): number => shape.findIndex((n) => n > 1);

/** The elements with those of the stretched dim's first index everywhere: what an expanded layout can hold. */
export function repeated<T>(shape: readonly number[], elements: readonly T[]): T[] {
  const dim = stretchedDim(shape);
  if (dim < 0) return [...elements];
  const step = product(shape.slice(dim + 1));
  const block = step * shape[dim]!;
  return elements.map((_, i) => elements[Math.floor(i / block) * block + (i % step)]!);
}

/** Positions of all elements in the storage, in row-major order. */
export function positions(layout: Layout): number[] {
  let offsets = [layout.offset];
  layout.shape.forEach((n, d) => {
    const stride = layout.strides[d]!;
    offsets = offsets.flatMap((base) => Array.from({ length: n }, (_, i) => base + i * stride));
  });
  return offsets;
}

/** Writes elements over a tensor, unseen by autograd. */
export function write(t: Tensor, elements: readonly Element[]): void {
  if (t.numel() === 0) return;
  const window: { [i: number]: Element } = t.impl.storage.window(t.dtype);
  positions(t.impl.layout).forEach((at, i) => {
    window[at] = stored(t.dtype.name, elements[i]!);
  });
}

/** An element as the storage's typed array takes it. */
function stored(dtype: DTypeName, value: Element): Element {
  switch (dtype) {
    case "int64":
      return typeof value === "bigint" ? value : BigInt(Math.trunc(value));
    case "bool":
      return value ? 1 : 0;
    case "float16":
      return numberToHalf(Number(value));
    case "bfloat16":
      return numberToBfloat16(Number(value));
    default:
      return Number(value);
  }
}
