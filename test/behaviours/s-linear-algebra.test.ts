/** Rows S120 to S125: sum, einsum, matmul. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { ints, lines, mk, raises, raisesPrefix, startFresh } from "./support.ts";

function floats(n: number, ...shape: number[]): torch.Tensor {
  return torch.arange(n, { dtype: torch.float32 }).view(shape);
}

startFresh();

test("S120 sum takes all dims, one dim or a list of dims, and keeps them on request", () => {
  const x = floats(24, 2, 3, 4);
  expect(String(x.sum())).toBe("tensor(276.)");
  expect([...x.sum(0).shape]).toEqual([3, 4]);
  expect(String(x.sum({ dim: [0, 2] }))).toBe("tensor([ 60.,  92., 124.])");
  expect([...torch.sum(x, [0, 2], { keepdim: true }).shape]).toEqual([1, 3, 1]);
  expect([...x.sum(-1, { keepdim: true }).shape]).toEqual([2, 3, 1]);
  expect([...x.sum({ dim: [] }).shape]).toEqual([]);
  raisesPrefix(() => x.sum(3), "IndexError: Dimension out of range (expected to be in range of [-3, 2], but got 3)");
  raises(() => x.sum([0, 0]), "RuntimeError: dim 0 appears multiple times in the list of dims");
});

test("S121 sum of integers and booleans is int64; floats keep their dtype; dtype overrides", () => {
  expect(torch.tensor([1, 2], { dtype: torch.int32 }).sum().dtype).toBe(torch.int64);
  expect(String(torch.tensor([true, true]).sum())).toBe("tensor(2)");
  expect(torch.ones(2, { dtype: torch.float16 }).sum().dtype).toBe(torch.float16);
  expect(String(ints([1, 2]).sum({ dtype: torch.float32 }))).toBe("tensor(3.)");
  expect(String(torch.zeros(0).sum())).toBe("tensor(0.)");
});

test("S122 einsum of ij,jk->ik is matmul", () => {
  const a = floats(6, 2, 3);
  const b = floats(12, 3, 4);
  const product = torch.einsum("ij,jk->ik", a, b);
  expect(torch.equal(product, a.matmul(b))).toBe(true);
  expect(String(product)).toBe(lines("tensor([[20., 23., 26., 29.],", "        [56., 68., 80., 92.]])"));
});

test("S123 einsum knows traces, diagonals, products, batches, ellipsis and implicit outputs", () => {
  const a = floats(9, 3, 3);
  const v = floats(3, 3);
  const t = floats(24, 2, 3, 4);
  expect(String(torch.einsum("ii", a))).toBe("tensor(12.)");
  expect(String(torch.einsum("ii->i", a))).toBe("tensor([0., 4., 8.])");
  expect([...torch.einsum("ij->ji", a).stride()]).toEqual([1, 3]);
  expect(String(torch.einsum("i,i", v, v))).toBe("tensor(5.)");
  expect([...torch.einsum("i,j->ij", v, v).shape]).toEqual([3, 3]);
  expect([...torch.einsum("bij,bkj->bik", t, t).shape]).toEqual([2, 3, 3]);
  expect([...torch.einsum("...ij->...ji", t).shape]).toEqual([2, 4, 3]);
  expect(String(torch.einsum("ij->", a))).toBe("tensor(36.)");
  expect([...torch.einsum("ij,jk", [a, a]).shape]).toEqual([3, 3]);
  expect(torch.einsum("ba", a).equal(a.t())).toBe(true);
  expect([...torch.einsum("ij , jk -> ik", a, a).shape]).toEqual([3, 3]);
  const bilinear = torch.einsum("bn,anm,bm->ba", torch.ones(2, 3), torch.ones(5, 3, 4), torch.ones(2, 4));
  expect([...bilinear.shape]).toEqual([2, 5]);
});

test("S124 einsum says what is wrong with an equation", () => {
  const a = torch.zeros(2, 3);
  raises(
    () => torch.einsum("ij,jk->ik", a, a),
    "RuntimeError: einsum(): subscript j has size 2 for operand 1 which does not broadcast with previously seen size 3",
  );
  raises(
    () => torch.einsum("ijk->ij", a),
    "RuntimeError: einsum(): the number of subscripts in the equation (3) does not match the number of dimensions " +
      "(2) for operand 0 and no ellipsis was given",
  );
  raises(
    () => torch.einsum("ij->ik", a),
    "RuntimeError: einsum(): output subscript k does not appear in the equation for any input operand",
  );
  raises(
    () => torch.einsum("ij", a, a),
    "RuntimeError: einsum(): more operands were provided than specified in the equation",
  );
  raises(
    () => torch.einsum("i1->i", a),
    "RuntimeError: einsum(): invalid subscript given at index 1 in the equation string, subscripts must be in [a-zA-Z]",
  );
  raises(
    () => torch.einsum("ij->ii", a),
    "RuntimeError: einsum(): output subscript i appears more than once in the output",
  );
});

test("S125 matmul names the shapes that do not fit", () => {
  raises(
    () => torch.zeros(2, 3).matmul(torch.zeros(2, 3)),
    "RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)",
  );
  raises(
    () => torch.zeros(2, 3).matmul(torch.zeros(4)),
    "RuntimeError: size mismatch, got input (2), mat (2x3), vec (4)",
  );
  raises(
    () => torch.zeros(5, 2, 3).matmul(torch.zeros(5, 2, 3)),
    "RuntimeError: Expected size for first two dimensions of batch2 tensor to be: [5, 3] but got: [5, 2].",
  );
  raises(
    () => torch.zeros(2).matmul(torch.zeros(3)),
    "RuntimeError: inconsistent tensor size, expected tensor [2] and src [3] to have the same number of elements, " +
      "but got 2 and 3 elements respectively",
  );
  raises(() => mk()(torch.zeros(1, 3)), "RuntimeError: mat1 and mat2 shapes cannot be multiplied (1x3 and 2x2)");
  raises(
    () => torch.zeros(2, 2).matmul(torch.tensor(1)),
    "RuntimeError: both arguments to matmul need to be at least 1D, but they are 2D and 0D",
  );
});
