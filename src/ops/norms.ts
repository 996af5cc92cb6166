/** Norms and distances. */
import { type DType, float32 } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { wrapDim } from "../core/layout.ts";
import type { Scalar } from "../core/scalar.ts";
import type { Tensor } from "../core/tensor.ts";
import * as ir from "../ir/expr.ts";
import type { Dims, DTypeLike, Op, OpInplace } from "./call.ts";
import { composite, custom, differentiable, pointwise, unrecorded } from "./define.ts";
import { matrixNormOf } from "./matrix-norm.ts";
import { reducedDims } from "./reduce.ts";
import { normGrad, vectorNorm, vectorNormRaw } from "./vector-norm.ts";

type Order = number | "fro" | "nuc";

/**
 * The norm of all elements, or along dims: of a vector for a number or 'fro', the nuclear one of a matrix for 'nuc'.
 * @example torch.tensor([3, 4]).norm() // tensor(5.)
 */
export const norm: Op<
  [p?: Order | null, dim?: Dims | null, keepdim?: boolean, dtype?: DTypeLike | null],
  "p dim keepdim dtype"
> = composite(
  { name: "norm", params: "p:any='fro' dim:ints?=null keepdim:bool=false dtype:dtype?=null" },
  (self, v) => {
    const p = v.p as Order | null;
    const dim = v.dim as number[] | null;
    const keepdim = v.keepdim as boolean;
    const dtype = v.dtype as DType | null;
    check(
      typeof p !== "string" || p === "fro" || p === "nuc",
      () => `only valid string values are 'fro' and 'nuc', found ${p}`,
    );
    if (p === "nuc") return matrixNormOf(self, p, dim ?? self.shape.map((_, d) => d), keepdim, dtype);
    check(
      p !== "fro" || dim === null || dim.length <= 2,
      () => `linalg.matrix_norm: dim must be a 2-tuple. Got ${dim?.join(" ")}`,
    );
    return vectorNorm(self, p === "fro" || p === null ? 2 : Number(p), dim, keepdim, dtype);
  },
);

/**
 * The p-norm of the difference of two tensors, broadcast.
 * @example torch.tensor([3, 4]).dist(torch.zeros(2)) // tensor(5.)
 */
export const dist: Op<[other: Tensor, p?: number], "other p"> = custom(
  { name: "dist", params: "other:tensor p:scalar=2" },
  (self, v) => {
    const other = v.other as Tensor;
    const p = Number(v.p as Scalar);
    const out = unrecorded(() => vectorNorm(self.sub(other), p, null, false));
    return differentiable("DistBackward0", out, [self, other], [self, other, out], ([g], [a, b, y], needs) => {
      const difference = a!.sub(b!);
      const grad = normGrad(g!, difference, p, y!, reducedDims(null, difference.dim()));
      return [needs[0] ? grad : null, needs[1] && grad !== null ? grad.neg() : null];
    });
  },
);

const shrink = pointwise("renorm", 3, (x, norm, maxnorm) =>
  ir.select(ir.gt(norm!, maxnorm!), ir.mul(x!, ir.div(maxnorm!, ir.add(norm!, 1e-7))), x!),
);
/** The gradient where a slice was shrunk: what the factor passes on, less what its own derivative takes away. */
const shrinkGrad = pointwise("renorm", 4, (g, along, norm, maxnorm) => {
  const inverse = ir.div(1, ir.add(norm!, 1e-7));
  return ir.select(ir.gt(norm!, maxnorm!), ir.mul(ir.mul(maxnorm!, inverse), ir.sub(g!, ir.mul(inverse, along!))), g!);
});

/**
 * Scales each slice of `dim` whose p-norm exceeds `maxnorm` down to it.
 * @example torch.tensor([[3, 4], [0, 1]]).renorm(2, 0, 1) // tensor([[0.6000, 0.8000], [0.0000, 1.0000]])
 */
export const renorm: OpInplace<[p: number, dim: number, maxnorm: number], "p dim maxnorm"> = custom(
  { name: "renorm", params: "p:scalar dim:int maxnorm:scalar", inplace: true },
  (self, v) => {
    const p = Number(v.p as Scalar);
    const maxnorm = Number(v.maxnorm as Scalar);
    check(p > 0, () => "renorm: non-positive-norm not supported");
    check(maxnorm >= 0, () => `renorm: expected maxnorm to be >= 0 but got ${maxnorm}`);
    check(self.dim() > 1, () => `renorm: input needs at least 2 dimensions, got ${self.dim()} dimensions`);
    const dim = wrapDim(v.dim as number, self.dim());
    const dims = self.shape.map((_, d) => d).filter((d) => d !== dim);
    check(
      self.dtype.isFloatingPoint,
      () => `linalg.vector_norm: Expected a floating point or complex tensor as input. Got ${self.dtype.scalarName}`,
    );
    const out = unrecorded(() => {
      const x = self.dtype.itemsize < 4 ? self.detach().to(float32) : self.detach();
      return shrink.apply([x, vectorNormRaw(x, p, dims, true), maxnorm]).to(self.dtype);
    });
    return differentiable("RenormBackward0", out, [self], [self], ([g], [x]) => {
      const norms = vectorNorm(x!, p, dims, true);
      const along = normGrad(x!.mul(g!).sum(dims, true), x!, p, norms, dims);
      return [shrinkGrad.apply([g!, along ?? 0, norms, maxnorm])];
    });
  },
);
