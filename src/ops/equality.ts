/** Comparisons of whole tensors, membership, and the positions of what is not 0. */
import { bool, int64 } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { equalShapes } from "../core/layout.ts";
import { type Operand, resultType } from "../core/scalar.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import type { Forms, Op, OpInfo } from "./call.ts";
import { custom, fn } from "./define.ts";
import { elementsOf, fill } from "./elements.ts";
import { nonzeroColumns } from "./indexing.ts";
import { stack } from "./join.ts";
import { emptyTensor, isMeta } from "./operands.ts";

/**
 * Whether two tensors have the same size and the same elements; NaN equals nothing. A boolean, not a tensor.
 * @example torch.equal(torch.tensor([1]), torch.tensor([1])) // true
 */
export const equal: Op<[other: Tensor], "other", unknown, boolean> = custom(
  { name: "equal", params: "other:tensor" },
  (self, v) => {
    const other = v.other as Tensor;
    if (!equalShapes(self.shape, other.shape)) return false;
    return self.detach().eq(other.detach()).all().item() as unknown as boolean;
  },
);

/**
 * Whether all elements are within `atol + rtol · |other|` of each other. A boolean. `rtol` 1e-5, `atol` 1e-8.
 * @throws RuntimeError where the dtypes differ.
 * @example torch.allclose(torch.tensor([1]), torch.tensor([1.000001])) // true
 */
export const allclose: Op<
  [other: Tensor, rtol?: number, atol?: number, equalNan?: boolean],
  "other rtol atol equalNan",
  unknown,
  boolean
> = custom(
  { name: "allclose", params: "other:tensor rtol:float=1e-5 atol:float=1e-8 equalNan:bool=false" },
  (self, v) =>
    self
      .detach()
      .isclose((v.other as Tensor).detach(), v.rtol as number, v.atol as number, v.equalNan as boolean)
      .all()
      .item(),
);

/**
 * Whether the one element of a tensor is not 0.
 * @example torch.isNonzero(torch.tensor([2])) // true
 */
export const isNonzero: Op<[], "", unknown, boolean> = custom({ name: "isNonzero" }, (self) => {
  const n = self.numel();
  check(n > 0, () => "Boolean value of Tensor with no values is ambiguous");
  check(n === 1, () => "Boolean value of Tensor with more than one value is ambiguous");
  return Boolean(self.item());
});

/**
 * The number of elements.
 * @example torch.zeros(2, 3).numel() // 6
 */
export const numel: { (input: Tensor): number; readonly op: OpInfo } = fn(
  { name: "numel", params: "input:tensor" },
  (v) => (v.input as Tensor).numel(),
);

/** `isin(elements, testElements, { assumeUnique, invert })`: either may be a number. */
export interface IsIn {
  (
    ...args: Forms<
      [elements: Operand, testElements: Operand],
      ["elements", "testElements"],
      { assumeUnique?: boolean; invert?: boolean }
    >
  ): Tensor;
  readonly op: OpInfo;
}

/**
 * Which elements are among the test elements.
 * @example torch.isin(torch.tensor([1, 2]), torch.tensor([2])) // tensor([False,  True])
 */
export const isin: IsIn = fn<IsIn>(
  {
    name: "isin",
    params: "elements:operand testElements:operand * assumeUnique:bool=false invert:bool=false",
    kind: "custom",
  },
  (v) => {
    const elements = v.elements as Operand;
    const test = v.testElements as Operand;
    const like = [elements, test].find((x) => isTensor(x));
    if (like === undefined) {
      throw new TypeError("isin(): argument 'elements' or 'test_elements' must be Tensor, not two numbers");
    }
    const dtype = resultType([elements, test]);
    check(dtype !== bool, () => "Unsupported input type encountered for isin(): Bool");
    const shape = isTensor(elements) ? elements.shape : [];
    if (isMeta(like)) return emptyTensor(shape, bool, like.device);
    const tensor = (x: Operand): Tensor => (isTensor(x) ? x.detach() : like.newFull([], x, { dtype })).to(dtype);
    const among = new Set<number | bigint>(elementsOf("isin", tensor(test)));
    among.delete(Number.NaN);
    const invert = v.invert as boolean;
    const flags = Array.from(elementsOf("isin", tensor(elements)), (x) => Number(among.has(x) !== invert));
    return fill(emptyTensor(shape, bool), flags);
  },
);

/** `nonzero(x)`: one row of indices per element; `nonzero(x, { asTuple: true })`: one tensor per dim. */
export interface Nonzero {
  (self: Tensor, options?: { asTuple?: false }): Tensor;
  (self: Tensor, options: { asTuple: true }): Tensor[];
  readonly op: OpInfo;
}

/** The method `nonzero`. */
export interface NonzeroMethod {
  (options?: { asTuple?: false }): Tensor;
  (options: { asTuple: true }): Tensor[];
}

/** One row of indices per element that is not 0. */
function rowsOf(self: Tensor): Tensor {
  if (self.dim() === 0) return emptyTensor([self.detach().ne(0).item() ? 1 : 0, 0], int64);
  return stack(nonzeroColumns(self.detach()), 1);
}

/**
 * The indices of the elements that are not 0. int64 `[n, dims]`; with `asTuple` one vector per dim.
 * @example torch.tensor([0, 3, 0, 4]).nonzero() // tensor([[1], [3]])
 */
export const nonzero: Nonzero = custom({ name: "nonzero", params: "* asTuple:bool=false" }, (self, v) => {
  if (!v.asTuple) return rowsOf(self);
  return nonzeroColumns(self.dim() === 0 ? self.detach().reshape([1]) : self.detach());
});

/**
 * The indices of the elements that are not 0, one row each.
 * @example torch.tensor([0, 3]).argwhere() // tensor([[1]])
 */
export const argwhere: Op<[]> = custom({ name: "argwhere" }, (self) => rowsOf(self));
