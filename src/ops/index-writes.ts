/** Writes of whole slices that an index names: `indexAdd`, `indexCopy`, `indexFill`, `indexReduce`. */
import { int64 } from "../core/dtype.ts";
import { check, IndexError } from "../core/errors.ts";
import { broadcastShapes, equalShapes, list, wrapDim } from "../core/layout.ts";
import type { Scalar } from "../core/scalar.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import type { OpInplace } from "./call.ts";
import { full } from "./create.ts";
import {
  alongPlan,
  type Mode,
  numbersAreFloats,
  outOfBounds,
  outOfRange,
  type Refusal,
  refuseNegative,
  scatterRaw,
} from "./gather.ts";
import { commonDevice } from "./operands.ts";
import { checkReduction, type Places, type Reduction, reduceInto, reductionGrads } from "./scatter-reduce.ts";
import { type Write, writing } from "./writes.ts";

const copyOutOfBounds: Refusal = (dim, value, size) =>
  new IndexError(`index_copy_(): index ${value} is out of bounds for dimension ${dim} with size ${size}`);

function writeSlices(target: Tensor, dim: number, index: Tensor, src: Tensor, mode: Mode, refusal: Refusal): void {
  // A number as the source of one slice, or a vector as that of a number's only one.
  const plain = src.dim() === target.dim() || src.dim() === 0 ? src : src.reshape(target.dim() === 0 ? [] : [1]);
  scatterRaw(target, alongPlan(target, dim, index), plain.detach(), mode, [dim], refusal);
}

/** The slices of a gradient that the index names, in the source's shape. */
function sourceGrad(g: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
  return g.indexSelect(dim, index).reshape(source.shape);
}

/** The index of `indexAdd` and `indexReduce`, checked with the source. */
function slicesIndex(op: string, self: Tensor, dim: number, rawIndex: Tensor, source: Tensor): Tensor {
  check(
    rawIndex.dim() <= 1,
    () =>
      `${op}(): Index is supposed to be a vector, but got dim: ${rawIndex.dim()} with type: ` +
      `${rawIndex.dtype.scalarName} and size: ${list(rawIndex.shape)}`,
    IndexError,
  );
  check(
    rawIndex.dtype === int64 || rawIndex.dtype.name === "int32",
    () =>
      `${op}(): Expected dtype int32/int64 for index but got: ${rawIndex.dtype.scalarName}${numbersAreFloats(rawIndex)}`,
  );
  check(
    self.dtype === source.dtype,
    () =>
      `${op}(): self (${self.dtype.scalarName}) and source (${source.dtype.scalarName}) must have the same scalar type`,
  );
  const n = source.dim() === 0 ? 1 : source.shape[dim];
  check(
    n === rawIndex.numel(),
    () =>
      `${op}(): Number of indices (${rawIndex.numel()}) should be equal to source.size(dim): (${n}), for dim: ${dim}`,
  );
  if (self.dim() > 1) {
    const rest = (t: Tensor): number[] => t.shape.filter((_, d) => d !== dim);
    broadcastShapes(rest(self), rest(source));
    check(
      equalShapes(rest(self), rest(source)),
      () => `${op}(): source of shape ${list(source.shape)} does not fit self of shape ${list(self.shape)}`,
    );
  }
  commonDevice([self, rawIndex, source]);
  const index = rawIndex.to(int64);
  refuseNegative(index, dim, self.shape[dim] ?? 1, outOfRange);
  return index;
}

/**
 * Adds `alpha` times the slices of `source` to those of `self` that the index names.
 * @throws IndexError "index out of range in self".
 * @example torch.zeros(3).indexAdd(0, torch.tensor([1n]), torch.tensor([5])) // tensor([0., 5., 0.])
 */
export const indexAdd: OpInplace<[dim: number, index: Tensor, source: Tensor], "dim index source", { alpha?: Scalar }> =
  writing({ name: "indexAdd", params: "dim:int index:tensor source:tensor * alpha:scalar=1" }, (self, v) => {
    const source = v.source as Tensor;
    const dim = wrapDim(v.dim as number, self.dim());
    const index = slicesIndex("index_add_", self, dim, v.index as Tensor, source);
    const alpha = v.alpha as Scalar;
    return {
      node: "IndexAddBackward0",
      inputs: [source],
      reads: [source, index],
      saved: [index],
      run: (target) => {
        const scaled = alpha === 1 ? source.detach() : source.detach().mul(alpha).to(self.dtype);
        writeSlices(target, dim, index, scaled, "add", outOfRange);
      },
      grad: ([g], [, , at], needs) => [
        needs[0] ? g! : null,
        needs[1] ? sourceGrad(g!, dim, at!, source).mul(alpha) : null,
      ],
    };
  });

function checkCopy(self: Tensor, dim: number, index: Tensor, source: Tensor): void {
  const op = "index_copy_()";
  check(index.dim() < 2, () => `${op}: Index should have dimension 1 or 0 (got ${index.dim()})`, IndexError);
  check(
    source.dim() > 0 || index.numel() === 1,
    () => `${op}: When source is scalar, index should have one element (got ${index.numel()})`,
    IndexError,
  );
  check(
    source.dim() === self.dim() || source.dim() === 0 || self.dim() === 0,
    () =>
      `${op}: When source and destination are not scalars, their dimensionality must match. Source dimensionality ` +
      `(${source.dim()}), destination dimensionality (${self.dim()})`,
    IndexError,
  );
  check(
    index.dtype === int64,
    () => `${op}: Expected a long tensor for index, but got ${index.dtype.scalarName}${numbersAreFloats(index)}`,
  );
  check(
    self.dtype === source.dtype,
    () =>
      `${op}: self and source expected to have the same dtype, but got (self) ${self.dtype.scalarName} and (source) ` +
      source.dtype.scalarName,
  );
  const rest = (t: Tensor): number[] => t.shape.filter((_, d) => d !== dim);
  check(
    source.dim() === 0 || equalShapes(rest(self), rest(source)),
    () =>
      `${op}: Source/destination tensor must have same slice shapes. Destination slice shape: ` +
      `${rest(self).join(" ")} at dimension ${dim} and source slice shape: ${rest(source).join(" ")} at dimension ${dim}.`,
  );
  check(
    source.dim() === 0 || index.numel() === source.shape[dim],
    () => `${op}: Number of indices (${index.numel()}) should be equal to source.size(dim) (${source.shape[dim]})`,
    IndexError,
  );
}

/**
 * Writes the slices of `source` over those of `self` that the index names.
 * @example torch.zeros(3).indexCopy(0, torch.tensor([1n]), torch.tensor([5])) // tensor([0., 5., 0.])
 */
export const indexCopy: OpInplace<[dim: number, index: Tensor, source: Tensor], "dim index source"> = writing(
  { name: "indexCopy", params: "dim:int index:tensor source:tensor" },
  (self, v) => {
    const [index, source] = [v.index as Tensor, v.source as Tensor];
    const dim = wrapDim(v.dim as number, self.dim());
    checkCopy(self, dim, index, source);
    commonDevice([self, index, source]);
    refuseNegative(index, dim, self.shape[dim] ?? 1, copyOutOfBounds);
    return {
      node: "IndexCopyBackward0",
      inputs: [source],
      reads: [source, index],
      saved: [index],
      run: (target) => writeSlices(target, dim, index, source, "set", copyOutOfBounds),
      grad: ([g], [, , at], needs) => [
        needs[0] ? g!.indexFill(dim, at!, 0) : null,
        needs[1] ? (source.dim() === 0 ? g!.indexSelect(dim, at!).sum() : sourceGrad(g!, dim, at!, source)) : null,
      ],
    };
  },
);

/**
 * Writes one value over the slices that the index names.
 * @example torch.zeros(3).indexFill(0, torch.tensor([1n]), 5) // tensor([0., 5., 0.])
 */
export const indexFill: OpInplace<[dim: number, index: Tensor, value: Tensor | Scalar], "dim index value"> = writing(
  { name: "indexFill", params: "dim:int index:tensor value:operand" },
  (self, v): Write => {
    const index = v.index as Tensor;
    const value = v.value as Tensor | Scalar;
    check(
      !isTensor(value) || value.dim() === 0,
      () =>
        "index_fill_ only supports a 0-dimensional value tensor, but got tensor with " +
        `${(value as Tensor).dim()} dimension(s).`,
    );
    const dim = wrapDim(v.dim as number, self.dim());
    check(
      index.dtype === int64,
      () => `index_fill_(): Expected dtype int64 for index.${numbersAreFloats(index).slice(1)}`,
      IndexError,
    );
    check(index.dim() <= 1, () => "Index has to be a vector/scalar");
    const source = isTensor(value)
      ? value.detach().to(self.dtype)
      : full([], value, { dtype: self.dtype, device: self.device });
    return {
      node: isTensor(value) ? "IndexFillBackward1" : "IndexFillBackward0",
      inputs: isTensor(value) ? [value] : [],
      saved: [index],
      run: (target) => writeSlices(target, dim, index, source, "set", outOfBounds),
      grad: ([g], [, , at], needs) => [
        needs[0] ? g!.indexFill(dim, at!, 0) : null,
        ...(isTensor(value)
          ? [
              needs[1]
                ? g!
                    .indexSelect(dim, nonNegative(at!, self, dim))
                    .sum()
                    .to(value.dtype)
                : null,
            ]
          : []),
      ],
    };
  },
);

/** Indices counted from the front: `indexSelect` takes no others. */
function nonNegative(index: Tensor, self: Tensor, dim: number): Tensor {
  return index.remainder(self.shape[dim] ?? 1);
}

/** Where `indexReduce` reads and writes. */
const slicePlaces = (dim: number, index: Tensor): Places => ({
  name: "index_reduce",
  take: (t) => t.indexSelect(dim, index),
  add: (t, src) => t.indexAdd(dim, index, src),
  clear: (t) => t.indexFill(dim, index, 0),
  reduce: (t, src, how, includeSelf) => t.indexReduce(dim, index, src, how as SliceReduction, { includeSelf }),
  write: (target, src, mode) => writeSlices(target, dim, index, src, mode, outOfRange),
});

/** How `indexReduce` combines. */
export type SliceReduction = Exclude<Reduction, "sum">;

/**
 * Combines the slices of `source` that go to one place by their product, mean, maximum or minimum.
 * @example torch.ones(2).indexReduce(0, torch.tensor([0n, 0n]), torch.tensor([3, 4]), "prod") // tensor([12., 1.])
 */
export const indexReduce: OpInplace<
  [dim: number, index: Tensor, source: Tensor, reduce: SliceReduction],
  "dim index source reduce",
  { includeSelf?: boolean }
> = writing(
  { name: "indexReduce", params: "dim:int index:tensor source:tensor reduce:str * includeSelf:bool=true" },
  (self, v) => {
    const how = checkReduction(
      v.reduce,
      ["prod", "mean", "amax", "amin"],
      () => `index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got ${v.reduce}.`,
    );
    const source = v.source as Tensor;
    const dim = wrapDim(v.dim as number, self.dim());
    const index = slicesIndex("index_reduce_", self, dim, v.index as Tensor, source);
    const includeSelf = v.includeSelf as boolean;
    return {
      node: "IndexReduceBackward0",
      inputs: [source],
      reads: [source, index],
      keeps: how === "mean" ? "nothing" : "both",
      saved: how === "mean" ? [index] : [index, source],
      run: (target) => reduceInto(target, source, how, includeSelf, slicePlaces(dim, index)),
      grad: ([g], [old, out, at, from], needs) => {
        const src = from ?? g!.newOnes(source.shape);
        const of = { g: g!, old: old!, out: out!, src, how, includeSelf };
        const [gSelf, gSource] = reductionGrads(of, slicePlaces(dim, at!));
        return [needs[0] ? gSelf() : null, needs[1] ? gSource().reshape(source.shape) : null];
      },
    };
  },
);
