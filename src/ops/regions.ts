/** Copies with one region replaced: `selectScatter`, `sliceScatter`, `diagonalScatter`, `asStridedScatter`. */
import { check } from "../core/errors.ts";
import { equalShapes, Layout, list } from "../core/layout.ts";
import type { Scalar } from "../core/scalar.ts";
import type { Tensor } from "../core/tensor.ts";
import type { Op } from "./call.ts";
import { choose } from "./choose.ts";
import { convertVia, tensor } from "./create.ts";
import { copyKernel, custom, differentiable, unrecorded } from "./define.ts";
import { eachOffset } from "./offsets.ts";
import { isMeta } from "./operands.ts";
import { sliceView } from "./views.ts";
import { inPlaceOnly } from "./writes.ts";

/** A region of a tensor, as a view of it. */
type Region = (t: Tensor) => Tensor;

/** Writes `src` into the region of a fresh tensor. */
function replace(out: Tensor, src: Tensor, region: Region): void {
  const target = unrecorded(() => region(out));
  check(
    equalShapes(target.shape, src.shape),
    () =>
      `expected src to have a size equal to the slice of self. src size = ${list(src.shape)}, slice size = ` +
      list(target.shape),
  );
  copyKernel.into([src], target, convertVia(src.dtype, out.dtype));
}

function replaced(
  node: string,
  self: Tensor,
  src: Tensor,
  region: Region,
  again: (g: Tensor, zeros: Tensor) => Tensor,
): Tensor {
  const out = self.detach().clone();
  replace(out, src, region);
  const [shape, dtype] = [src.shape, src.dtype];
  return differentiable(node, out, [self, src], [], ([g], _, needs) => [
    needs[0] ? again(g!, g!.newZeros(shape)) : null,
    needs[1] ? region(g!).to(dtype) : null,
  ]);
}

/**
 * A copy with `src` at one index of a dim.
 * @example torch.zeros(2, 2).selectScatter(torch.ones(2), 0, 1) // tensor([[0., 0.], [1., 1.]])
 */
export const selectScatter: Op<[src: Tensor, dim: number, index: number], "src dim index"> = custom(
  { name: "selectScatter", params: "src:tensor dim:int index:int" },
  (self, v) => {
    const [dim, index] = [v.dim as number, v.index as number];
    return replaced(
      "SelectScatterBackward0",
      self,
      v.src as Tensor,
      (t) => t.select(dim, index),
      (g, zeros) => g.selectScatter(zeros, dim, index),
    );
  },
);

/**
 * A copy with `src` over a slice of a dim.
 * @example torch.zeros(4).sliceScatter(torch.ones(2), { dim: 0, start: 1, end: 3 }) // tensor([0., 1., 1., 0.])
 */
export const sliceScatter: Op<
  [src: Tensor, dim?: number, start?: number | null, end?: number | null, step?: number],
  "src dim start end step"
> = custom(
  { name: "sliceScatter", params: "src:tensor dim:int=0 start:int?=null end:int?=null step:int=1" },
  (self, v) => {
    const [dim, step] = [v.dim as number, v.step as number];
    const [start, end] = [v.start as number | null, v.end as number | null];
    check(step > 0, () => "slice step must be positive");
    return replaced(
      "SliceScatterBackward0",
      self,
      v.src as Tensor,
      (t) => sliceView(t, dim, start, end, step),
      (g, zeros) => g.sliceScatter(zeros, dim, start, end, step),
    );
  },
);

/**
 * A copy with `src` on a diagonal.
 * @example torch.zeros(2, 2).diagonalScatter(torch.ones(2)) // tensor([[1., 0.], [0., 1.]])
 */
export const diagonalScatter: Op<[src: Tensor, offset?: number, dim1?: number, dim2?: number], "src offset dim1 dim2"> =
  custom({ name: "diagonalScatter", params: "src:tensor offset:int=0 dim1:int=0 dim2:int=1" }, (self, v) => {
    const [offset, dim1, dim2] = [v.offset as number, v.dim1 as number, v.dim2 as number];
    return replaced(
      "DiagonalScatterBackward0",
      self,
      v.src as Tensor,
      (t) => t.diagonal(offset, dim1, dim2),
      (g, zeros) => g.diagonalScatter(zeros, offset, dim1, dim2),
    );
  });

/**
 * A copy with `src` at the elements that any sizes, strides and offset reach in the storage.
 * @example torch.zeros(4).asStridedScatter(torch.ones(2), [2], [2]) // tensor([1., 0., 1., 0.])
 */
export const asStridedScatter: Op<
  [src: Tensor, size: readonly number[], stride: readonly number[], storageOffset?: number | null],
  "src size stride storageOffset"
> = custom(
  { name: "asStridedScatter", params: "src:tensor size:ints stride:ints storageOffset:int?=null" },
  (self, v) => {
    const src = v.src as Tensor;
    const [size, stride] = [v.size as number[], v.stride as number[]];
    // As PyTorch 1.13: the region counts in the copy, whose storage has no gaps.
    const out = self.detach().clone();
    const offset = (v.storageOffset as number | null) ?? out.storageOffset();
    replace(out, src, (t) => t.asStrided(size, stride, offset));
    if (isMeta(out)) return out;
    const dtype = src.dtype;
    return differentiable("AsStridedScatterBackward0", out, [self, src], [], ([g], _, needs) => {
      const { covered, sources, outside } = regionOf(out.impl.layout, new Layout(size, stride, offset), g!);
      return [
        needs[0] ? choose(covered, 0, g!) : null,
        needs[1] ? choose(outside, 0, g!.take(sources)).to(dtype) : null,
      ];
    });
  },
);

/** Which elements of a tensor a region covers, and which of them each element of the region is. */
function regionOf(own: Layout, region: Layout, g: Tensor): { covered: Tensor; sources: Tensor; outside: Tensor } {
  const elements = new Map<number, number>();
  eachOffset(own, (offset) => elements.set(offset, elements.size));
  const covered = new Array<boolean>(own.numel).fill(false);
  const sources: bigint[] = [];
  const outside: boolean[] = [];
  eachOffset(region, (offset) => {
    const element = elements.get(offset);
    if (element !== undefined) covered[element] = true;
    sources.push(BigInt(element ?? 0));
    outside.push(element === undefined);
  });
  const device = g.device;
  return {
    covered: tensor(covered, { dtype: "bool", device }).view(own.shape),
    sources: tensor(sources, { dtype: "int64", device }).view(region.shape),
    outside: tensor(outside, { dtype: "bool", device }).view(region.shape),
  };
}

/** Writes one value on the main diagonal; `wrap` continues it every `width + 1` rows of a tall matrix. */
export const fillDiagonal_: Op<[fillValue: Scalar, wrap?: boolean], "fillValue wrap"> = inPlaceOnly(
  { name: "fillDiagonal_", params: "fillValue:scalar wrap:bool=false" },
  (self, v) => {
    const rank = self.dim();
    const [height = 0, width = 0] = self.shape;
    check(rank >= 2, () => "dimensions must larger than 1");
    check(rank === 2 || self.shape.every((n) => n === height), () => "all dimensions of input must be of equal length");
    const value = v.fillValue as Scalar;
    const step = self.stride().reduce((a, b) => a + b, 0);
    const size = Math.min(height, width);
    self.asStrided([size], [step], self.storageOffset()).fill_(value);
    if (v.wrap && rank === 2 && height > width + 1) {
      const rest = Math.ceil(self.numel() / (width + 1)) - size;
      const offset = self.storageOffset() + self.stride(0) * (width + 1);
      self.asStrided([rest], [step], offset).fill_(value);
    }
    return self;
  },
);
