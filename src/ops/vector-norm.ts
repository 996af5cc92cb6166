/** The vector norm over dims and its derivative, which every norm is made of. */
import { type DType, float32, promoteTypes } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import type { Tensor } from "../core/tensor.ts";
import * as ir from "../ir/expr.ts";
import { load } from "../ir/expr.ts";
import { differentiable, pointwise, unrecorded } from "./define.ts";
import { keepDims, type ReduceSpec, reducedDims, reduceRaw } from "./reduce.ts";

const magnitude = ir.abs(load(0));

/** The norms that are one kernel. */
const kernels: ReadonlyMap<number, ReduceSpec> = new Map<number, ReduceSpec>([
  [0, { combine: "sum", pre: ir.cast(ir.ne(load(0), 0), "lane") }],
  [1, { combine: "sum", pre: magnitude }],
  [2, { combine: "sum", pre: ir.mul(load(0), load(0)), post: ir.sqrt(load(0)) }],
  [Number.POSITIVE_INFINITY, { combine: "max", pre: magnitude }],
  [Number.NEGATIVE_INFINITY, { combine: "min", pre: magnitude }],
]);

const powered: ReduceSpec = { combine: "sum", pre: ir.pow(ir.abs(load(0)), load(1)) };
const rooted = pointwise("pow", 2, (total, p) => ir.pow(total!, ir.div(1, p!)));

/** The norm without autograd; `self` is detached already. */
export function vectorNormRaw(self: Tensor, p: number, dims: readonly number[], keepdim: boolean): Tensor {
  const wide = self.dtype.itemsize < 4 ? float32 : self.dtype;
  const spec = kernels.get(p);
  // The largest and the smallest magnitude of nothing are 0: only a slice of other sizes can be empty here.
  if (spec !== undefined) return reduceRaw(self, spec, dims, keepdim, wide, self.dtype);
  const exponent = self.newFull([], p, { dtype: wide });
  const total = reduceRaw(self, powered, dims, keepdim, wide, wide, [exponent]);
  return rooted.apply([total, p]).to(self.dtype);
}

const toOrd = (p: number): string => (Number.isFinite(p) ? String(p) : p > 0 ? "inf" : "-inf");

function checkIdentity(self: Tensor, p: number, dim: readonly number[] | null, dims: readonly number[]): void {
  if (self.numel() > 0 || (p >= 0 && p !== Number.POSITIVE_INFINITY)) return;
  const end = "the operation does not have an identity";
  check(
    dim !== null && dim.length > 0,
    () => `linalg.vector_norm cannot compute the ${toOrd(p)} norm on an empty tensor because ${end}`,
  );
  const empty = dims.find((d) => self.shape[d] === 0);
  check(
    empty === undefined,
    () =>
      `linalg.vector_norm cannot compute the ${toOrd(p)} norm on the dimension ${empty} because this dimension is ` +
      `empty and ${end}`,
  );
}

/** Throws unless a norm of this dtype is defined, and `dtype`, where given, can hold it. */
export function checkNormDType(name: string, self: Tensor, dtype: DType | null): void {
  check(
    self.dtype.isFloatingPoint,
    () => `${name}: Expected a floating point or complex tensor as input. Got ${self.dtype.scalarName}`,
  );
  if (dtype === null) return;
  check(dtype.isFloatingPoint, () => `${name}: dtype should be floating point or complex, but got ${dtype.scalarName}`);
  check(
    promoteTypes(self.dtype, dtype) === dtype,
    () =>
      `${name}: the dtype of the input (${self.dtype.scalarName}) should be convertible without narrowing to the ` +
      `specified dtype (${dtype.scalarName})`,
  );
}

/** `(Σ |x|^p)^(1/p)` over dims (null: all), as one node. */
export function vectorNorm(
  self: Tensor,
  p: number,
  dim: readonly number[] | null,
  keepdim: boolean,
  dtype: DType | null = null,
): Tensor {
  checkNormDType("linalg.vector_norm", self, dtype);
  const dims = reducedDims(dim, self.dim());
  checkIdentity(self, p, dim, dims);
  const wide = dtype ?? self.dtype;
  const out = unrecorded(() => vectorNormRaw(self.detach().to(wide), p, dims, keepdim));
  return differentiable("LinalgVectorNormBackward0", out, [self], [self, out], ([g], [x, y], needs) => {
    if (!needs[0]) return [null];
    const kept = (t: Tensor): Tensor => keepDims(t, x!.shape, dims, keepdim);
    return [normGrad(kept(g!), x!.to(wide), p, kept(y!), dims)];
  });
}

const sgn = (x: ir.Expr): ir.Expr => ir.sign(x);
const zeroWhere = (test: ir.Expr, value: ir.Expr): ir.Expr => ir.select(test, 0, value);
const isZero = (x: ir.Expr): ir.Expr => ir.eq(x, 0);

const grad1 = pointwise("norm", 2, (g, x) => ir.mul(sgn(x!), g!));
const grad2 = pointwise("norm", 3, (g, x, norm) => ir.mul(g!, zeroWhere(isZero(norm!), ir.div(x!, norm!))));
const gradBelow1 = pointwise("norm", 4, (g, x, norm, p) =>
  ir.mul(
    ir.mul(ir.mul(sgn(x!), zeroWhere(isZero(x!), ir.pow(ir.abs(x!), ir.sub(p!, 1)))), g!),
    ir.pow(norm!, ir.sub(1, p!)),
  ),
);
const scale = (g: ir.Expr, norm: ir.Expr, p: ir.Expr): ir.Expr =>
  zeroWhere(isZero(norm), ir.div(g, ir.pow(norm, ir.sub(p, 1))));
const gradBelow2 = pointwise("norm", 4, (g, x, norm, p) =>
  ir.mul(ir.mul(sgn(x!), ir.pow(ir.abs(x!), ir.sub(p!, 1))), scale(g!, norm!, p!)),
);
const gradAbove2 = pointwise("norm", 4, (g, x, norm, p) =>
  ir.mul(ir.mul(x!, ir.pow(ir.abs(x!), ir.sub(p!, 2))), scale(g!, norm!, p!)),
);
const extreme = pointwise("norm", 2, (x, norm) => ir.or(ir.eq(ir.abs(x!), norm!), ir.ne(x!, x!)), { dtype: "bool" });
const gradExtreme = pointwise("norm", 4, (g, x, mask, count) => ir.mul(sgn(x!), ir.mul(ir.div(g!, count!), mask!)));

/**
 * The gradient of a norm, 0 where the norm is, and none at all for the count of nonzeros; `g` and `norm` keep the
 * reduced dims.
 */
export function normGrad(g: Tensor, x: Tensor, p: number, norm: Tensor, dims: readonly number[]): Tensor | null {
  if (p === 0) return null;
  if (p === 1) return grad1.apply([g, x]);
  if (p === 2) return grad2.apply([g, x, norm]);
  if (!Number.isFinite(p)) {
    const mask = extreme.apply([x.detach(), norm.detach()]);
    return gradExtreme.apply([g, x, mask, x.dim() === 0 ? mask : mask.sum(dims, true)]);
  }
  return (p < 1 ? gradBelow1 : p < 2 ? gradBelow2 : gradAbove2).apply([g, x, norm, p]);
}
