/** Distinct elements and slices. */
import { int64 } from "../core/dtype.ts";
import { check, IndexError, NotImplementedError } from "../core/errors.ts";
import { product, wrapDim } from "../core/layout.ts";
import type { Tensor } from "../core/tensor.ts";
import type { Op } from "./call.ts";
import { custom, differentiable } from "./define.ts";
import { elementsOf, fill } from "./elements.ts";
import { emptyTensor } from "./operands.ts";

/** Groups of equal slices: a representative and a size for each, and the group of each slice. */
interface Groups {
  readonly first: number[];
  readonly counts: number[];
  readonly inverse: number[];
}

/** Groups slices (`width` elements each) that are equal and next to each other in the given order. */
function group(order: ArrayLike<number>, differs: (a: number, b: number) => boolean): Groups {
  const groups: Groups = { first: [], counts: [], inverse: new Array<number>(order.length) };
  for (let i = 0; i < order.length; i++) {
    const at = order[i]!;
    if (i === 0 || differs(order[i - 1]!, at)) {
      groups.first.push(at);
      groups.counts.push(0);
    }
    const current = groups.counts.length - 1;
    groups.counts[current]!++;
    groups.inverse[at] = current;
  }
  return groups;
}

/** What to return besides the distinct elements. */
interface Wanted {
  readonly inverse: boolean;
  readonly counts: boolean;
}

/** One result alone, several as a list. */
export type Unique = Tensor | Tensor[];

function longs(values: readonly number[], shape: readonly number[]): Tensor {
  return fill(emptyTensor(shape, int64), values.map(BigInt));
}

function results(values: Tensor, groups: Groups, shape: readonly number[], wanted: Wanted): Unique {
  if (!wanted.inverse && !wanted.counts) return values;
  const out = [values];
  if (wanted.inverse) out.push(longs(groups.inverse, shape));
  if (wanted.counts) out.push(longs(groups.counts, [groups.counts.length]));
  return out;
}

/** Records that nothing flows back, under PyTorch's name. */
function refusing(out: Tensor, self: Tensor, node: string, name: string): Tensor {
  return differentiable(node, out, [self], [], () => {
    throw new NotImplementedError(`the derivative for '${name}' is not implemented.`);
  });
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

function ofElements(self: Tensor, sorted: boolean): { values: Tensor; groups: Groups } {
  const elements = elementsOf("unique", self);
  const order = sorted ? numbers(self.detach().reshape([-1]).sort().indices) : range(self.numel());
  const groups = group(order, (a, b) => elements[a] !== elements[b]);
  return { values: chosen(self.detach().reshape([-1]), groups), groups };
}

const numbers = (t: Tensor): number[] => Array.from(elementsOf("unique", t), Number);

function chosen(self: Tensor, groups: Groups, dim = 0): Tensor {
  return self.indexSelect(dim, longs(groups.first, [groups.first.length]));
}

function ofSlices(self: Tensor, rawDim: number, sorted: boolean): { values: Tensor; groups: Groups; n: number } {
  check(self.dim() > 0, () => `Dimension specified as ${rawDim} but tensor has no dimensions`, IndexError);
  const dim = wrapDim(rawDim, self.dim());
  const x = self.detach();
  const empty = x.shape.filter((size) => size === 0).length;
  const n = x.shape[dim]!;
  check(n !== 0 || empty <= 1, () => "Number of zero sized dimensions is more than one, so unique cannot be applied ");
  check(
    n === 0 || empty === 0,
    () => "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied",
  );
  const elements = elementsOf("unique", x.movedim(dim, 0));
  const width = n === 0 ? 0 : product(x.shape) / n;
  const order = range(n);
  if (sorted) order.sort((a, b) => compareSlices(elements, width, a, b));
  const groups = group(order, (a, b) => {
    for (let i = 0; i < width; i++) if (elements[a * width + i] !== elements[b * width + i]) return true;
    return false;
  });
  return { values: chosen(x, groups, dim), groups, n };
}

function compareSlices(elements: ArrayLike<number | bigint>, width: number, a: number, b: number): number {
  for (let i = 0; i < width; i++) {
    const [x, y] = [elements[a * width + i]!, elements[b * width + i]!];
    if (x < y) return -1;
    if (x > y) return 1;
  }
  return 0;
}

/**
 * The distinct elements in ascending order, or the distinct slices of `dim`; with `returnInverse` where each element
 * went, with `returnCounts` how often each occurs. They are always sorted.
 * @example torch.tensor([3, 1, 3]).unique() // tensor([1., 3.])
 * @example torch.unique(torch.tensor([3, 1, 3]), { returnCounts: true }) // [ tensor([1., 3.]), tensor([1, 2]) ]
 */
export const unique: Op<
  [sorted?: boolean, returnInverse?: boolean, returnCounts?: boolean, dim?: number | null],
  "sorted returnInverse returnCounts dim",
  unknown,
  Unique
> = custom(
  {
    name: "unique",
    params: "sorted:bool=true returnInverse:bool=false returnCounts:bool=false dim:int?=null",
  },
  (self, v) => {
    const wanted = { inverse: v.returnInverse as boolean, counts: v.returnCounts as boolean };
    if (v.dim === null) {
      const { values, groups } = ofElements(self, true);
      return results(refusing(values, self, "Unique2Backward0", "_unique2"), groups, self.shape, wanted);
    }
    const { values, groups, n } = ofSlices(self, v.dim as number, true);
    return results(refusing(values, self, "UniqueDimBackward0", "unique_dim"), groups, [n], wanted);
  },
);

/**
 * The elements, or slices of `dim`, that differ from the one before.
 * @example torch.tensor([1, 1, 2, 1]).uniqueConsecutive() // tensor([1., 2., 1.])
 */
export const uniqueConsecutive: Op<
  [returnInverse?: boolean, returnCounts?: boolean, dim?: number | null],
  "returnInverse returnCounts dim",
  unknown,
  Unique
> = custom(
  { name: "uniqueConsecutive", params: "returnInverse:bool=false returnCounts:bool=false dim:int?=null" },
  (self, v) => {
    const wanted = { inverse: v.returnInverse as boolean, counts: v.returnCounts as boolean };
    const node = "UniqueConsecutiveBackward0";
    if (v.dim === null) {
      const { values, groups } = ofElements(self, false);
      return results(refusing(values, self, node, "unique_consecutive"), groups, self.shape, wanted);
    }
    const { values, groups, n } = ofSlices(self, v.dim as number, false);
    return results(refusing(values, self, node, "unique_consecutive"), groups, [n], wanted);
  },
);
