/** `torch.linalg`'s norms. */
import type { DType } from "../../core/dtype.ts";
import { type Scalar, scalarNumber } from "../../core/scalar.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Dims, DTypeLike, Forms, OpInfo } from "../call.ts";
import { fn } from "../define.ts";
import { generalNorm, matrixNormOf } from "../matrix-norm.ts";
import { vectorNorm as vectorNormOf } from "../vector-norm.ts";

type Order = number | "fro" | "nuc";

/** A norm of `A` over dims. */
export interface Norm<O> {
  (
    ...args: Forms<
      [A: Tensor, ord?: O, dim?: Dims | null, keepdim?: boolean],
      ["A", "ord", "dim", "keepdim"],
      { dtype?: DTypeLike | null }
    >
  ): Tensor;
  readonly op: OpInfo;
}

const rest = "keepdim:bool=false * dtype:dtype?=null";

/**
 * A vector norm, or a matrix norm where an order and two dims are asked for.
 * @example torch.linalg.norm(torch.tensor([3, 4])) // tensor(5.)
 */
export const norm: Norm<Order | null> = fn(
  {
    name: "linalg.norm",
    params: [`A:tensor ord:scalar?=null dim:ints?=null ${rest}`, `A:tensor ord:str dim:ints?=null ${rest}`],
  },
  (v) =>
    generalNorm(
      v.A as Tensor,
      v.ord === null || typeof v.ord === "string" ? (v.ord as string | null) : scalarNumber(v.ord as Scalar),
      v.dim as number[] | null,
      v.keepdim as boolean,
      v.dtype as DType | null,
    ),
);

/**
 * The norm of vectors: all elements, or those along dims.
 * @example torch.linalg.vectorNorm(torch.tensor([3, 4]), 1) // tensor(7.)
 */
export const vectorNorm: Norm<number> = fn(
  { name: "linalg.vectorNorm", params: `x:tensor ord:scalar=2 dim:ints?=null ${rest}` },
  (v) =>
    vectorNormOf(
      v.x as Tensor,
      scalarNumber(v.ord as Scalar),
      v.dim as number[] | null,
      v.keepdim as boolean,
      v.dtype as DType | null,
    ),
);

/**
 * The norm of matrices in the last two dims, or in the two that are named.
 * @example torch.linalg.matrixNorm(torch.tensor([[3, 0], [0, 4]])) // tensor(5.)
 */
export const matrixNorm: Norm<Order> = fn(
  {
    name: "linalg.matrixNorm",
    params: [`A:tensor ord:scalar dim:ints=[-2,-1] ${rest}`, `A:tensor ord:str='fro' dim:ints=[-2,-1] ${rest}`],
  },
  (v) =>
    matrixNormOf(
      v.A as Tensor,
      typeof v.ord === "string" ? v.ord : scalarNumber(v.ord as Scalar),
      v.dim as number[],
      v.keepdim as boolean,
      v.dtype as DType | null,
    ),
);
