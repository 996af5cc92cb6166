/** Elements by mask or by position in the flattened tensor: `maskedSelect`, `maskedScatter`, `take`, `put`. */
import { bool, int64 } from "../core/dtype.ts";
import { check, IndexError } from "../core/errors.ts";
import { broadcastShapes, Layout, wrapDim } from "../core/layout.ts";
import { type Tensor, wrap } from "../core/tensor.ts";
import type { Op, OpInplace } from "./call.ts";
import { choose } from "./choose.ts";
import { composite, copyKernel, custom, differentiable, unrecorded } from "./define.ts";
import {
  alongPlan,
  gatherRaw,
  numbersAreFloats,
  putIndexedRaw,
  type Refusal,
  scatterRaw,
  takeIndexed,
} from "./gather.ts";
import { nonzeroColumns } from "./indexing.ts";
import { cat } from "./join.ts";
import { commonDevice, isMeta } from "./operands.ts";
import { inPlace, type Write, writeApart, writeWithin, writing } from "./writes.ts";

/** A number as a vector of one, over the same memory; others as they are. */
function vector(t: Tensor): Tensor {
  if (t.dim() > 0) return t.detach();
  return wrap(t.impl.storage, new Layout([1], [1], t.impl.layout.offset), t.impl.dtype);
}

/**
 * The elements where the mask is true, as a vector. A copy. The mask is bool and broadcast.
 * @throws RuntimeError for a mask that is not bool.
 * @example x.maskedSelect(x.gt(3)) // tensor([4., 5.])
 */
export const maskedSelect: Op<[mask: Tensor], "mask"> = custom(
  { name: "maskedSelect", params: "mask:tensor" },
  (self, v) => {
    const mask = v.mask as Tensor;
    check(mask.dtype === bool, () => "masked_select: expected BoolTensor for mask");
    commonDevice([self, mask]);
    const shape = broadcastShapes(self.shape, mask.shape);
    const own = self.shape;
    const out = unrecorded(() =>
      takeIndexed(vector(self.detach().expand(shape)), nonzeroColumns(vector(mask.expand(shape)))),
    );
    return differentiable("MaskedSelectBackward0", out, [self], [mask], ([g], [m]) => [
      g!.newZeros(shape).maskedScatter(m!, g!).sumToSize(own),
    ]);
  },
);

function planMasked(self: Tensor, mask: Tensor, source: Tensor): Write {
  check(
    self.dtype === source.dtype,
    () =>
      `masked_scatter: expected self and source to have same dtypes but got ${self.dtype.scalarName} and ` +
      source.dtype.scalarName,
  );
  check(
    mask.dtype === bool,
    () => `masked_scatter_ only supports boolean masks, but got mask with dtype ${mask.dtype.scalarName}`,
  );
  commonDevice([self, mask, source]);
  const where = mask.expand(self.shape);
  const columns = isMeta(self) ? [] : nonzeroColumns(vector(where));
  const count = columns[0]?.numel() ?? 0;
  check(count <= source.numel(), () => "Number of elements of source < number of ones in mask");
  return {
    node: "MaskedScatterBackward0",
    inputs: [source],
    saved: [mask],
    run: (target) => {
      if (isMeta(target)) return;
      const first = source.detach().reshape(-1).narrow(0, 0, count);
      const values = first.impl.storage === target.impl.storage ? first.clone() : first;
      putIndexedRaw(vector(target), columns, values, false);
    },
    grad: ([g], [, , m], needs) => [
      needs[0] ? choose(m!, 0, g!) : null,
      needs[1] ? maskedSource(g!, m!, source.shape) : null,
    ],
  };
}

/** The gradient of a source whose first elements went where the mask is true. */
function maskedSource(g: Tensor, mask: Tensor, shape: readonly number[]): Tensor {
  const used = g.maskedSelect(mask);
  const rest = shape.reduce((a, b) => a * b, 1) - used.numel();
  return (rest === 0 ? used : cat([used, used.newZeros([rest])])).view(shape);
}

/**
 * Writes the elements of `source`, in order, where the mask is true.
 * @example torch.zeros(3).maskedScatter(torch.tensor([true, false, true]), torch.tensor([1, 2])) // tensor([1., 0., 2.])
 */
export const maskedScatter: OpInplace<[mask: Tensor, source: Tensor], "mask source"> = inPlace(
  { name: "maskedScatter", params: "mask:tensor source:tensor" },
  (self, v) => {
    const mask = v.mask as Tensor;
    const shape = broadcastShapes(mask.shape, self.shape);
    const whole = self.expand(shape);
    return writeApart(whole, planMasked(whole, mask, v.source as Tensor));
  },
  (self, v) => writeWithin(self, planMasked(self, v.mask as Tensor, v.source as Tensor)),
);

const outOfElements: Refusal = (_dim, value, size) =>
  new IndexError(`out of range: tried to access index ${value} on a tensor of ${size} elements.`);

function checkLong(op: string, index: Tensor): void {
  check(
    index.dtype === int64,
    () => `${op}(): Expected a long tensor for index, but got ${index.dtype.scalarName}${numbersAreFloats(index)}`,
  );
}

/**
 * The elements at these positions of the flattened tensor, in the index's shape.
 * @example x.take(torch.tensor([0n, 5n])) // tensor([0., 5.])
 */
export const take: Op<[index: Tensor], "index"> = custom({ name: "take", params: "index:tensor" }, (self, v) => {
  const index = v.index as Tensor;
  checkLong("take", index);
  commonDevice([self, index]);
  check(self.numel() > 0 || index.numel() === 0, () => "take(): tried to take from an empty tensor", IndexError);
  const flat = self.detach().reshape(-1);
  const positions = index.detach().reshape(-1);
  const out = unrecorded(() => gatherRaw(flat, alongPlan(flat, 0, positions), [0], outOfElements).view(index.shape));
  const shape = self.shape;
  return differentiable("TakeBackward0", out, [self], [index], ([g], [at]) => [g!.newZeros(shape).put(at!, g!, true)]);
});

/**
 * Writes (or adds) the elements of `source` at these positions of the flattened tensor.
 * @example torch.zeros(3).put(torch.tensor([1n]), torch.tensor([5])) // tensor([0., 5., 0.])
 */
export const put: OpInplace<[index: Tensor, source: Tensor, accumulate?: boolean], "index source accumulate"> = writing(
  { name: "put", params: "index:tensor source:tensor accumulate:bool=false" },
  (self, v) => {
    const [index, source] = [v.index as Tensor, v.source as Tensor];
    const accumulate = v.accumulate as boolean;
    checkLong("put_", index);
    check(
      self.dtype === source.dtype,
      () =>
        `put_(): self and source expected to have the same dtype, but got self.dtype = ${self.dtype.scalarName} and ` +
        `source.dtype = ${source.dtype.scalarName}`,
    );
    commonDevice([self, index, source]);
    check(
      source.numel() === index.numel(),
      () =>
        "put_(): Expected source and index to have the same number of elements, but got source.numel() = " +
        `${source.numel()}, index.numel() = ${index.numel()}`,
      IndexError,
    );
    check(
      self.numel() > 0 || index.numel() === 0,
      () => "put_(): Tried to put elements into an empty tensor",
      IndexError,
    );
    return {
      node: "PutBackward0",
      inputs: [source],
      reads: [source, index],
      saved: [index],
      run: (target) => putFlat(target, index, source.detach(), accumulate),
      grad: ([g], [, , at], needs) => [
        needs[0] ? (accumulate ? g! : g!.put(at!, g!.newZeros(source.shape))) : null,
        needs[1] ? g!.take(at!).reshape(source.shape) : null,
      ],
    };
  },
);

function putFlat(target: Tensor, index: Tensor, source: Tensor, accumulate: boolean): void {
  // Positions count in row-major order, which a tensor with gaps has only as a copy.
  const dense = target.detach().contiguous();
  const flat = wrap(dense.impl.storage, new Layout([dense.numel()], [1], dense.impl.layout.offset), dense.impl.dtype);
  const plan = alongPlan(flat, 0, index.detach().reshape(-1));
  scatterRaw(flat, plan, source.reshape(-1), accumulate ? "add" : "set", [0], outOfElements);
  if (dense.impl.storage !== target.impl.storage) copyKernel.into([dense], target, target.dtype);
}

/**
 * `gather` with broadcasting; without a dim, from the flattened tensor.
 * @example torch.tensor([3, 1, 2]).takeAlongDim(torch.tensor([1n])) // tensor([1.])
 */
export const takeAlongDim: Op<[indices: Tensor, dim?: number | null], "indices dim"> = composite(
  { name: "takeAlongDim", params: "indices:tensor dim:int?=null" },
  (self, v) => {
    const indices = v.indices as Tensor;
    check(
      indices.dtype === int64,
      () =>
        `torch.take_along_dim(): dtype of indices should be Long but got ${indices.dtype.scalarName}` +
        numbersAreFloats(indices),
    );
    if (v.dim === null) return self.reshape(-1).gather(0, indices.reshape(-1));
    check(
      self.dim() === indices.dim(),
      () =>
        "torch.take_along_dim(): input and indices should have the same number of dimensions, but got " +
        `${self.dim()} dimensions for input, and ${indices.dim()} dimensions for indices`,
    );
    const dim = wrapDim(v.dim as number, self.dim());
    if (self.dim() === 0) return self.gather(0, indices);
    const without = (t: Tensor): number[] => t.shape.with(dim, 1);
    const shape = broadcastShapes(without(self), without(indices));
    return self
      .expand(shape.with(dim, self.shape[dim]!))
      .gather(dim, indices.expand(shape.with(dim, indices.shape[dim]!)));
  },
);
