/** Matrix products and what is made of them. */
import { bool, type DType, type StoredName } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { broadcastShapes, type Layout, list, product } from "../core/layout.ts";
import type { Scalar } from "../core/scalar.ts";
import type { Tensor } from "../core/tensor.ts";
import type { MatmulKernel } from "../ir/kernel.ts";
import { Runners } from "../ir/runtime.ts";
import type { Op } from "./call.ts";
import { composite, custom, differentiable, plain } from "./define.ts";
import { commonDevice, emptyTensor, isMeta, operand, withOperands } from "./operands.ts";
import { expandSize } from "./views.ts";

const products = new Runners<MatmulKernel<StoredName>>();

/** `beta · self` for a product to add, `self` broadcast. */
interface Addend {
  readonly self: Tensor;
  readonly beta: number;
}

function broadcast(self: Tensor, shape: readonly number[]): Layout {
  const { layout } = self.impl;
  return layout.expand(expandSize(layout, shape, self));
}

/** Runs `out = alpha · a @ b`, plus an addend, on batches of matrices of the same rank and dtype. */
function multiplyInto(out: Tensor, a: Tensor, b: Tensor, alpha = 1, addend: Addend | null = null): Tensor {
  const { rank, shape } = out.impl.layout;
  const beta = addend?.beta ?? 0;
  const old = beta === 0 ? null : broadcast(addend!.self, shape);
  if (isMeta(out) || out.numel() === 0) return out;
  const batch = shape.slice(0, rank - 2);
  const { dtype } = out.impl;
  const run = products.get(dtype.index, () => ({ skeleton: "matmul", dtype: dtype.stored }));
  const [m, n, k] = [shape[rank - 2]!, shape[rank - 1]!, columns(a)];
  const [x, y] = [plain(a), plain(b)];
  const self = old === null ? null : plain(addend!.self);
  withOperands(() => {
    const target = operand(out, true);
    const added = self === null ? target : operand(self, false, broadcast(self, shape));
    run(batch, m, n, k, target, operand(x), operand(y), alpha, beta, added);
  });
  return out;
}

const rows = (t: Tensor): number => t.impl.layout.shape.at(-2)!;
const columns = (t: Tensor): number => t.impl.layout.shape.at(-1)!;

/** `a @ b` of equal rank, as a fresh row-major tensor; no autograd. */
function multiply(a: Tensor, b: Tensor): Tensor {
  const device = commonDevice([a, b]);
  const shape = [...a.impl.layout.shape.slice(0, -1), columns(b)];
  return multiplyInto(emptyTensor(shape, a.dtype, device), a, b);
}

function refuseBool(op: string, dtype: DType): void {
  check(dtype !== bool, () => `"${op}" not implemented for 'Bool'`);
}

function sameDType(a: Tensor, b: Tensor): void {
  check(
    a.dtype === b.dtype,
    () => `mat1 and mat2 must have the same dtype, but got ${a.dtype.scalarName} and ${b.dtype.scalarName}`,
  );
  refuseBool("addmm_impl_cpu_", a.dtype);
}

function checkMm(a: Tensor, b: Tensor): void {
  check(a.dim() === 2, () => "self must be a matrix");
  check(b.dim() === 2, () => "mat2 must be a matrix");
  sameDType(a, b);
  check(
    columns(a) === rows(b),
    () => `mat1 and mat2 shapes cannot be multiplied (${a.shape.join("x")} and ${b.shape.join("x")})`,
  );
}

/**
 * The product of two matrices. `[n, m]` and `[m, p]` give `[n, p]`.
 * @throws RuntimeError where the sizes do not fit, or the dtypes differ.
 * @example torch.tensor([[1, 2]]).mm(torch.tensor([[3], [4]])) // tensor([[11.]])
 */
export const mm: Op<[mat2: Tensor], "mat2"> = custom({ name: "mm", params: "mat2:tensor" }, (self, v) => {
  const other = v.mat2 as Tensor;
  checkMm(self, other);
  const out = multiply(self, other);
  const [flipA, flipB] = [isFlipped(self), isFlipped(other)];
  return differentiable("MmBackward0", out, [self, other], savedForProduct(self, other), ([g], [a, b], needs) => [
    needs[0] ? productAs(flipA, g!, b!.t()) : null,
    needs[1] ? productAs(flipB, a!.t(), g!) : null,
  ]);
});

/** Whether a matrix lies column by column, as a transposed one does. */
function isFlipped(t: Tensor): boolean {
  const { shape, strides, contiguous } = t.impl.layout;
  return !contiguous && strides[0] === 1 && strides[1] === shape[0];
}

/** `a @ b`, laid out column by column where `flipped`: so that a gradient lies as its tensor does, as PyTorch's. */
const productAs = (flipped: boolean, a: Tensor, b: Tensor): Tensor => (flipped ? b.t().mm(a.t()).t() : a.mm(b));

/** Each operand is kept only where the other's gradient is wanted. */
function savedForProduct(a: Tensor, b: Tensor): [Tensor | null, Tensor | null] {
  return [b.requiresGrad ? a : null, a.requiresGrad ? b : null];
}

/**
 * The products of two batches of matrices. `[b, n, m]` and `[b, m, p]` give `[b, n, p]`.
 * @throws RuntimeError where the sizes do not fit, or the dtypes differ.
 * @example torch.ones(2, 1, 3).bmm(torch.ones(2, 3, 1)).shape // torch.Size([2, 1, 1])
 */
export const bmm: Op<[mat2: Tensor], "mat2"> = custom({ name: "bmm", params: "mat2:tensor" }, (self, v) => {
  const other = v.mat2 as Tensor;
  checkBmm(self, other);
  const out = multiply(self, other);
  return differentiable("BmmBackward0", out, [self, other], savedForProduct(self, other), ([g], [a, b], needs) => [
    needs[0] ? g!.bmm(b!.transpose(1, 2)) : null,
    needs[1] ? a!.transpose(1, 2).bmm(g!) : null,
  ]);
});

function checkBmm(a: Tensor, b: Tensor): void {
  check(a.dim() === 3, () => "batch1 must be a 3D tensor");
  check(b.dim() === 3, () => "batch2 must be a 3D tensor");
  check(a.dtype === b.dtype, () => `expected scalar type ${a.dtype.scalarName} but found ${b.dtype.scalarName}`);
  refuseBool("bmm", a.dtype);
  const wanted = [a.shape[0]!, a.shape[2]!];
  check(
    b.shape[0] === wanted[0] && b.shape[1] === wanted[1],
    () =>
      `Expected size for first two dimensions of batch2 tensor to be: ${list(wanted)} but got: ${list(b.shape.slice(0, 2))}.`,
  );
}

/**
 * The product of a matrix and a vector. `[n, m]` and `[m]` give `[n]`.
 * @throws RuntimeError where the sizes do not fit, or the dtypes differ.
 * @example torch.tensor([[1, 2]]).mv(torch.tensor([3, 4])) // tensor([11.])
 */
export const mv: Op<[vec: Tensor], "vec"> = custom({ name: "mv", params: "vec:tensor" }, (self, v) => {
  const vec = v.vec as Tensor;
  check(
    self.dim() === 2 && vec.dim() === 1,
    () => `vector + matrix @ vector expected, got 1, ${self.dim()}, ${vec.dim()}`,
  );
  check(
    self.shape[1] === vec.shape[0],
    () => `size mismatch, got input (${self.shape[0]}), mat (${self.shape.join("x")}), vec (${vec.shape[0]})`,
  );
  check(
    self.dtype === vec.dtype,
    () => `expected scalar type ${self.dtype.scalarName} but found ${vec.dtype.scalarName}`,
  );
  refuseBool("addmv_impl_cpu", self.dtype);
  const out = multiply(self.detach(), vec.detach().unsqueeze(1)).view(self.shape[0]!);
  const result = out.detach();
  return differentiable("MvBackward0", result, [self, vec], savedForProduct(self, vec), ([g], [a, b], needs) => [
    needs[0] ? g!.outer(b!) : null,
    needs[1] ? a!.t().mv(g!) : null,
  ]);
});

/**
 * The inner product of two vectors.
 * @throws RuntimeError where the sizes do not fit, or the dtypes differ.
 * @example torch.tensor([1, 2]).dot(torch.tensor([3, 4])) // tensor(11.)
 */
export const dot: Op<[tensor: Tensor], "tensor"> = custom({ name: "dot", params: "tensor:tensor" }, (self, v) => {
  const other = v.tensor as Tensor;
  check(
    self.dim() === 1 && other.dim() === 1,
    () => `1D tensors expected, but got ${self.dim()}D and ${other.dim()}D tensors`,
  );
  check(
    self.dtype === other.dtype,
    () =>
      `dot : expected both vectors to have same dtype, but found ${self.dtype.scalarName} and ${other.dtype.scalarName}`,
  );
  check(
    self.shape[0] === other.shape[0],
    () =>
      `inconsistent tensor size, expected tensor ${list(self.shape)} and src ${list(other.shape)} to have the same ` +
      `number of elements, but got ${self.numel()} and ${other.numel()} elements respectively`,
  );
  refuseBool("dot", self.dtype);
  const out = multiply(self.detach().unsqueeze(0), other.detach().unsqueeze(1)).view([]).detach();
  return differentiable("DotBackward0", out, [self, other], savedForProduct(self, other), ([g], [a, b], needs) => [
    needs[0] ? g!.mul(b!) : null,
    needs[1] ? g!.mul(a!) : null,
  ]);
});

/**
 * `dot`, with the first operand conjugated where it is complex.
 * @example torch.vdot(torch.tensor([1, 2]), torch.tensor([3, 4])) // tensor(11.)
 */
export const vdot: Op<[other: Tensor], "other"> = composite({ name: "vdot", params: "other:tensor" }, (self, v) =>
  self.dot(v.other as Tensor),
);

/**
 * `out[i][j] = self[i] · vec2[j]`. `[n]` and `[m]` give `[n, m]`.
 * @example torch.tensor([1, 2]).outer(torch.tensor([1, 10])) // tensor([[ 1., 10.], [ 2., 20.]])
 */
export const outer: Op<[vec2: Tensor], "vec2"> = composite({ name: "outer", params: "vec2:tensor" }, (self, v) => {
  const vec2 = v.vec2 as Tensor;
  check(self.dim() === 1, () => `outer: Expected 1-D argument self, but got ${self.dim()}-D`);
  check(vec2.dim() === 1, () => `outer: Expected 1-D argument vec2, but got ${vec2.dim()}-D`);
  return self.unsqueeze(1).mul(vec2);
});

/**
 * `outer` by its old name.
 * @example torch.ger(torch.tensor([1, 2]), torch.tensor([3, 4])) // tensor([[3., 4.], [6., 8.]])
 */
export const ger: Op<[vec2: Tensor], "vec2"> = composite({ name: "ger", params: "vec2:tensor" }, (self, v) =>
  self.outer(v.vec2 as Tensor),
);

/**
 * The product by rank: vectors, matrices, and batches of them, broadcast. Python's `@`. A vector on the left counts as
 * a row, on the right as a column, and the dim goes again.
 * @throws RuntimeError where the sizes do not fit, or the dtypes differ.
 * @example torch.ones(5, 2, 3).matmul(torch.ones(3, 4)).shape // torch.Size([5, 2, 4])
 */
export const matmul: Op<[other: Tensor], "other"> = composite({ name: "matmul", params: "other:tensor" }, (self, v) =>
  product2(self, v.other as Tensor),
);

function product2(a: Tensor, b: Tensor): Tensor {
  const [p, q] = [a.dim(), b.dim()];
  check(p > 0 && q > 0, () => `both arguments to matmul need to be at least 1D, but they are ${p}D and ${q}D`);
  if (p === 1 && q === 1) return a.dot(b);
  if (p === 2 && q === 1) return a.mv(b);
  if (p === 1 && q === 2) return a.unsqueeze(0).mm(b).squeeze(0);
  if (p === 2 && q === 2) return a.mm(b);
  if (p >= 3 && q <= 2) return foldLeft(a, b);
  return batched(a, b);
}

/** A batch times one matrix or vector: the batch's rows as one matrix. */
function foldLeft(a: Tensor, b: Tensor): Tensor {
  const rows = a.shape.slice(0, -1);
  const k = a.shape.at(-1)!;
  const flat = a.reshape(product(rows), k);
  if (b.dim() === 1) return flat.mv(b).view(rows);
  return unsafeView(flat.mm(b), [...rows, b.shape[1]!]);
}

/** A reshape of a fresh result, which PyTorch does not count as a view. */
function unsafeView(t: Tensor, shape: readonly number[]): Tensor {
  const from = t.shape;
  const out = t.detach().view(shape).detach();
  return differentiable("UnsafeViewBackward0", out, [t], [], ([g]) => [g!.reshape(from)]);
}

function batched(a: Tensor, b: Tensor): Tensor {
  const left = a.dim() === 1 ? a.unsqueeze(0) : a;
  const right = b.dim() === 1 ? b.unsqueeze(1) : b;
  const batch = broadcastShapes(left.shape.slice(0, -2), right.shape.slice(0, -2));
  const [m, k] = left.shape.slice(-2) as [number, number];
  const [k2, n] = right.shape.slice(-2) as [number, number];
  const count = product(batch);
  const x = left.expand([...batch, m, k]).reshape(count, m, k);
  const y = right.expand([...batch, k2, n]).reshape(count, k2, n);
  const shape = [...batch, ...(a.dim() === 1 ? [] : [m]), ...(b.dim() === 1 ? [] : [n])];
  return unsafeView(x.bmm(y), shape);
}

type Scaled = { beta?: Scalar; alpha?: Scalar };
const scaled = "* beta:scalar=1 alpha:scalar=1";

/** A factor as PyTorch casts it: an integer product takes its whole part. */
const factor = (value: unknown, dtype: DType): number =>
  dtype.isFloatingPoint ? Number(value) : Math.trunc(Number(value));

const times = (g: Tensor, by: number): Tensor => (by === 1 ? g : g.mul(by));

/**
 * `beta · self + alpha · mat1 @ mat2`, `self` broadcast. `beta` and `alpha` 1.
 * @throws RuntimeError where the sizes do not fit, or the dtypes differ.
 * @example torch.ones(1).addmm(torch.tensor([[1, 2]]), torch.tensor([[3], [4]])) // tensor([[12.]])
 */
export const addmm: Op<[mat1: Tensor, mat2: Tensor], "mat1 mat2", Scaled> = custom(
  { name: "addmm", params: `mat1:tensor mat2:tensor ${scaled}`, inplace: true },
  (self, v) => {
    const a = v.mat1 as Tensor;
    const b = v.mat2 as Tensor;
    checkMatrices(a, b);
    sameDType(a, b);
    check(
      self.dtype === a.dtype,
      () => `self and mat2 must have the same dtype, but got ${self.dtype.scalarName} and ${a.dtype.scalarName}`,
    );
    const [alpha, beta] = [factor(v.alpha, self.dtype), factor(v.beta, self.dtype)];
    const out = emptyTensor([rows(a), columns(b)], self.dtype, self.device);
    multiplyInto(out, a, b, alpha, { self, beta });
    const [flipA, flipB] = [isFlipped(a), isFlipped(b)];
    return differentiable("AddmmBackward0", out, [self, a, b], savedForProduct(a, b), ([g], [x, y], needs) => [
      needs[0] ? times(g!, beta) : null,
      needs[1] ? times(productAs(flipA, g!, y!.t()), alpha) : null,
      needs[2] ? times(productAs(flipB, x!.t(), g!), alpha) : null,
    ]);
  },
);

function checkMatrices(a: Tensor, b: Tensor): void {
  check(
    a.dim() === 2 && b.dim() === 2,
    () => `mat1 and mat2 must be matrices, got ${a.dim()}-D and ${b.dim()}-D tensors`,
  );
  check(
    columns(a) === rows(b),
    () => `mat1 and mat2 shapes cannot be multiplied (${a.shape.join("x")} and ${b.shape.join("x")})`,
  );
}

/**
 * `beta · self + alpha · batch1 @ batch2`, `self` broadcast. `beta` and `alpha` 1.
 * @throws RuntimeError where the sizes do not fit, or the dtypes differ.
 * @example torch.zeros(1).baddbmm(torch.ones(2, 1, 3), torch.ones(2, 3, 1)).flatten() // tensor([3., 3.])
 */
export const baddbmm: Op<[batch1: Tensor, batch2: Tensor], "batch1 batch2", Scaled> = custom(
  { name: "baddbmm", params: `batch1:tensor batch2:tensor ${scaled}`, inplace: true },
  (self, v) => {
    const a = v.batch1 as Tensor;
    const b = v.batch2 as Tensor;
    checkBmm(a, b);
    const [alpha, beta] = [factor(v.alpha, self.dtype), factor(v.beta, self.dtype)];
    const out = emptyTensor([a.shape[0]!, a.shape[1]!, b.shape[2]!], self.dtype, self.device);
    multiplyInto(out, a, b, alpha, { self, beta });
    return differentiable("BaddbmmBackward0", out, [self, a, b], savedForProduct(a, b), ([g], [x, y], needs) => [
      needs[0] ? times(g!, beta) : null,
      needs[1] ? times(g!.bmm(y!.transpose(1, 2)), alpha) : null,
      needs[2] ? times(x!.transpose(1, 2).bmm(g!), alpha) : null,
    ]);
  },
);

/**
 * `beta · self + alpha · Σ batch1[i] @ batch2[i]`.
 * @example torch.addbmm(torch.zeros(2, 2), torch.ones(3, 2, 2), torch.ones(3, 2, 2)) // tensor([[6., 6.], [6., 6.]])
 */
export const addbmm: Op<[batch1: Tensor, batch2: Tensor], "batch1 batch2", Scaled> = composite(
  { name: "addbmm", params: `batch1:tensor batch2:tensor ${scaled}`, inplace: true },
  (self, v) => {
    const a = v.batch1 as Tensor;
    const b = v.batch2 as Tensor;
    checkBmm(a, b);
    const [alpha, beta] = [factor(v.alpha, self.dtype), factor(v.beta, self.dtype)];
    const [count, m, k] = a.shape as unknown as [number, number, number];
    // The batch joins the summed dimension, so that one product does it all.
    const left = a.transpose(0, 1).reshape(m, count * k);
    const right = b.reshape(count * k, b.shape[2]!);
    return self.addmm(left, right, { alpha, beta });
  },
);

/**
 * `beta · self + alpha · mat @ vec`. `beta` and `alpha` 1.
 * @throws RuntimeError where the sizes do not fit, or the dtypes differ.
 * @example torch.ones(1).addmv(torch.tensor([[1, 2]]), torch.tensor([3, 4])) // tensor([12.])
 */
export const addmv: Op<[mat: Tensor, vec: Tensor], "mat vec", Scaled> = custom(
  { name: "addmv", params: `mat:tensor vec:tensor ${scaled}`, inplace: true },
  (self, v) => {
    const a = v.mat as Tensor;
    const b = v.vec as Tensor;
    check(
      a.dim() === 2 && b.dim() === 1 && self.dim() <= 1,
      () => `vector + matrix @ vector expected, got ${self.dim()}, ${a.dim()}, ${b.dim()}`,
    );
    check(
      a.shape[1] === b.shape[0] && (self.numel() === 1 || self.shape[0] === a.shape[0]),
      () => `size mismatch, got input (${self.numel()}), mat (${a.shape.join("x")}), vec (${b.shape[0]})`,
    );
    sameDType(a, b);
    const [alpha, beta] = [factor(v.alpha, self.dtype), factor(v.beta, self.dtype)];
    const out = emptyTensor([a.shape[0]!], self.dtype, self.device);
    const column = self.dim() === 0 ? self.detach() : self.detach().unsqueeze(1);
    multiplyInto(out.unsqueeze(1), a.detach(), b.detach().unsqueeze(1), alpha, { self: column, beta });
    return differentiable("AddmvBackward0", out, [self, a, b], savedForProduct(a, b), ([g], [x, y], needs) => [
      needs[0] ? times(g!, beta) : null,
      needs[1] ? times(g!.outer(y!), alpha) : null,
      needs[2] ? times(x!.t().mv(g!), alpha) : null,
    ]);
  },
);

/**
 * `beta · self + alpha · vec1 ⊗ vec2`.
 * @example torch.addr(torch.zeros(2, 2), torch.tensor([1, 2]), torch.tensor([3, 4])) // tensor([[3., 4.], [6., 8.]])
 */
export const addr: Op<[vec1: Tensor, vec2: Tensor], "vec1 vec2", Scaled> = composite(
  { name: "addr", params: `vec1:tensor vec2:tensor ${scaled}`, inplace: true },
  (self, v) => {
    const [a, b] = [v.vec1 as Tensor, v.vec2 as Tensor];
    check(a.dim() === 1, () => `addr: Expected 1-D argument vec1, but got ${a.dim()}-D`);
    check(b.dim() === 1, () => `addr: Expected 1-D argument vec2, but got ${b.dim()}-D`);
    const [alpha, beta] = [v.alpha as Scalar, v.beta as Scalar];
    const product = a.outer(b);
    const shape = broadcastShapes(self.shape, product.shape);
    if (self.dtype === bool && product.dtype === bool) {
      const right = Number(alpha) === 0 ? product.newZeros(product.shape) : product;
      return Number(beta) === 0 ? right.expand(shape) : self.logicalOr(right);
    }
    const right = Number(alpha) === 1 ? product : product.mul(alpha);
    if (Number(beta) === 0) return right.expand(shape);
    return (beta === 1 ? self : self.mul(beta)).add(right);
  },
);
