/** Rows S75 to S94: shapes, strides, views and what shares storage. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { ints, lines, raises, raisesPrefix, sameAddress, sameStorage, startFresh, warned } from "./support.ts";

const spans =
  "RuntimeError: view size is not compatible with input tensor's size and stride (at least one dimension spans " +
  "across two contiguous subspaces). Use .reshape(...) instead.";

function shapes(...tensors: torch.Tensor[]): number[][] {
  return tensors.map((t) => [...t.shape]);
}

startFresh();

test("S75 transpose swaps two dims and shares storage", () => {
  const a = torch.arange(6).view(2, 3);
  const b = a.transpose(0, 1);
  expect(String(b)).toBe(lines("tensor([[0, 3],", "        [1, 4],", "        [2, 5]])"));
  expect([...b.stride()]).toEqual([1, 3]);
  expect(String(b.shape)).toBe("torch.Size([3, 2])");
  b.setAt([0, 1], 100);
  expect(String(a)).toBe(lines("tensor([[  0,   1,   2],", "        [100,   4,   5]])"));
  expect(sameStorage(a, b)).toBe(true);
  expect(shapes(torch.randn(1, 2, 3, 4).transpose(1, 2), torch.transpose(a, -1, 0), a.t())).toEqual([
    [1, 3, 2, 4],
    [3, 2],
    [3, 2],
  ]);
});

test("S76 transpose and t refuse dims that are not there", () => {
  raisesPrefix(
    () => torch.zeros(2, 3).transpose(0, 2),
    "IndexError: Dimension out of range (expected to be in range of [-2, 1], but got 2)",
  );
  raises(() => torch.zeros(2, 3, 4).t(), "RuntimeError: t() expects a tensor with <= 2 dimensions, but self is 3D");
});

test("S77 transpose_ changes the layout of the same object and raises on a leaf that requires grad", () => {
  const a = torch.arange(6).view(2, 3);
  const address = a.dataPtr();
  const b = a.transpose_(0, 1);
  expect(b).toBe(a);
  expect([...a.shape]).toEqual([3, 2]);
  expect([...a.stride()]).toEqual([1, 3]);
  expect(a._version).toBe(1);
  expect(a.dataPtr()).toBe(address);
  raises(
    () => torch.ones(2, 3, { requiresGrad: true }).transpose_(0, 1),
    "RuntimeError: a leaf Variable that requires grad is being used in an in-place operation.",
  );
});

test("S78 T reverses all dims and warns unless there are two; mT swaps the last two", () => {
  const matrix = torch.arange(6).view(2, 3);
  const x = torch.zeros(2, 3, 4);
  let turned = matrix;
  expect(
    warned(() => {
      turned = matrix.T;
    }),
  ).toEqual([]);
  expect([...turned.shape]).toEqual([3, 2]);
  expect(sameAddress(turned, matrix)).toBe(true);
  const [message, ...rest] = warned(() => {
    turned = x.T;
  });
  expect(message).toMatch(
    /^The use of `x\.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will throw an error in a future release\. Consider `x\.mT` to transpose batches of matrices or `x\.permute\(.*\)` to reverse the dimensions of a tensor\.$/,
  );
  expect(rest).toEqual([]);
  expect([...turned.shape]).toEqual([4, 3, 2]);
  expect([...x.mT.shape]).toEqual([2, 4, 3]);
});

test("S79 narrow, view, expand and transpose change size, stride and offset only", () => {
  const x = torch.arange(12).view(3, 4);
  const views = [x.narrow(1, 1, 2), x.view(4, 3), x.at(":1").expand(2, 4), x.transpose(0, 1)];
  expect(views.map((y) => [[...y.shape], [...y.stride()], y.storageOffset(), sameStorage(x, y)])).toEqual([
    [[3, 2], [4, 1], 1, true],
    [[4, 3], [3, 1], 0, true],
    [[2, 4], [0, 1], 0, true],
    [[4, 3], [1, 4], 0, true],
  ]);
});

test("S80 contiguous is self when it already is, else a copy in row-major order", () => {
  const x = torch.arange(6).view(2, 3);
  expect(x.contiguous()).toBe(x);
  const y = x.t();
  const c = y.contiguous();
  expect(c === y).toBe(false);
  expect(sameAddress(c, x)).toBe(false);
  expect([...c.stride()]).toEqual([2, 1]);
  expect(c.isContiguous()).toBe(true);
  expect(torch.equal(c, y)).toBe(true);
  expect(c.numpy().data).toEqual(BigInt64Array.of(0n, 3n, 1n, 4n, 2n, 5n));
});

test("S81 view of a transpose raises and names reshape", () => {
  raises(() => torch.arange(6).view(2, 3).t().view(6), spans);
});

test("S82 view takes sizes, a list or a Size with one -1 and shares data", () => {
  const x = torch.randn(4, 4);
  const y = x.view(16);
  expect(shapes(x.view(-1, 8), x.view([-1, 8]), x.view(new torch.Size([2, 8])))).toEqual([
    [2, 8],
    [2, 8],
    [2, 8],
  ]);
  expect(sameAddress(y, x)).toBe(true);
  y.setAt([0], 5);
  expect(String(x.at(0, 0))).toBe("tensor(5.)");
});

test("S83 view needs the same number of elements and at most one -1", () => {
  const x = torch.zeros(4, 4);
  raises(() => x.view(3, 5), "RuntimeError: shape '[3, 5]' is invalid for input of size 16");
  raises(() => x.view(-1, 3), "RuntimeError: shape '[-1, 3]' is invalid for input of size 16");
  raises(() => x.view(-1, -1), "RuntimeError: only one dimension can be inferred");
  raises(() => x.view(-2, 8), "RuntimeError: invalid shape dimension -2");
  raises(
    () => torch.zeros(0, 2).view(-1, 0),
    "RuntimeError: cannot reshape tensor of 0 elements into shape [-1, 0] because the unspecified dimension size " +
      "-1 can be any value and is ambiguous",
  );
});

test("S84 view never copies where strides forbid it, reshape does", () => {
  const x = torch.zeros(2, 3, 4).transpose(0, 1);
  raises(() => x.view(3, 8), spans);
  expect(String(x.reshape(3, 8).shape)).toBe("torch.Size([3, 8])");
});

test("S85 view works on non-contiguous tensors with compatible strides", () => {
  const x = torch.arange(24).view(2, 3, 4).transpose(0, 1);
  expect(x.isContiguous()).toBe(false);
  const y = x.view(3, 2, 2, 2);
  expect(String(y.shape)).toBe("torch.Size([3, 2, 2, 2])");
  expect([...y.stride()]).toEqual([4, 12, 2, 1]);
  expect(sameAddress(y, x)).toBe(true);
  expect(String(torch.arange(8).at("::2").view(2, 2))).toBe(lines("tensor([[0, 2],", "        [4, 6]])"));
  expect([...torch.arange(12).view(3, 4).at(":", ":2").view(3, 2, 1).stride()]).toEqual([4, 1, 1]);
  expect([...torch.zeros(3, 1).expand(3, 4).view(3, 2, 2).stride()]).toEqual([1, 0, 0]);
});

test("S86 a view of a non-contiguous tensor need not be contiguous", () => {
  expect(torch.arange(8).at("::2").view(2, 2).isContiguous()).toBe(false);
  expect(torch.arange(6).view(2, 3).view(3, 2).isContiguous()).toBe(true);
});

test("S87 reshape is a view when strides allow, else a contiguous copy", () => {
  const a = torch.arange(24).view(2, 3, 4);
  const b = a.reshape(3, -1);
  const c = a.reshape([3, -1]);
  expect(shapes(b, c)).toEqual([
    [3, 8],
    [3, 8],
  ]);
  expect(sameAddress(b, a)).toBe(true);
  expect(b === a).toBe(false);
  const d = a.transpose(0, 2).reshape(-1);
  expect(sameAddress(d, a)).toBe(false);
  expect(sameStorage(d, a)).toBe(false);
  expect(d._base).toBe(null);
  expect(String(d.at(":4"))).toBe("tensor([ 0, 12,  4, 16])");
  raises(() => a.reshape(5, 5), "RuntimeError: shape '[5, 5]' is invalid for input of size 24");
  expect(a.reshape(2, 3, 4) === a).toBe(false);
});

test("S88 a transpose has the address of its base and another contiguity", () => {
  const x = ints([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  const y = x.transpose(0, 1);
  expect(sameAddress(x, y)).toBe(true);
  expect(x.isContiguous()).toBe(true);
  expect(y.isContiguous()).toBe(false);
});

test("S89 permute lists every dim once", () => {
  const x = torch.rand(16, 32, 3);
  expect(shapes(x.transpose(0, 2), x.permute(2, 1, 0), x.permute(1, 2, 0), x.permute([1, 2, 0]))).toEqual([
    [3, 32, 16],
    [3, 32, 16],
    [32, 3, 16],
    [32, 3, 16],
  ]);
  expect([...torch.permute(x, [-1, 0, 1]).shape]).toEqual([3, 16, 32]);
  raises(
    () => x.permute(0, 1),
    "RuntimeError: permute(sparse_coo): number of dimensions in the tensor input does not match the length of the " +
      "desired ordering of dimensions i.e. input.dim() = 3 is not equal to len(dims) = 2",
  );
  raises(() => x.permute(0, 1, 1), "RuntimeError: permute(): duplicate dims are not allowed.");
  raisesPrefix(
    () => x.permute(0, 1, 3),
    "IndexError: Dimension out of range (expected to be in range of [-3, 2], but got 3)",
  );
});

test("S90 equal compares size and elements, not storage", () => {
  const x = ints([1, 2]);
  const y = ints([1, 2]);
  const nan = (): torch.Tensor => torch.tensor([Number.NaN]);
  expect(torch.equal(x, y)).toBe(true);
  expect(sameAddress(x, y)).toBe(false);
  expect(torch.equal(x, x.view(1, 2))).toBe(false);
  expect(torch.equal(nan(), nan())).toBe(false);
  expect(torch.equal(torch.tensor([1]), ints([1]))).toBe(true);
  expect(torch.equal(torch.tensor([1.5]), ints([1]))).toBe(false);
});

test("S91 a transpose and a view of one shape have one address and another order of elements", () => {
  const a = torch.arange(24, { dtype: torch.float32 }).view(1, 2, 3, 4);
  const b = a.transpose(1, 2);
  const c = a.view(1, 3, 2, 4);
  expect([torch.equal(a, b), torch.equal(a, c), torch.equal(b, c)]).toEqual([false, false, false]);
  expect(sameAddress(a, b) && sameAddress(b, c)).toBe(true);
  expect([...b.shape]).toEqual([...c.shape]);
  expect(String(b.at(0, 0))).toBe(lines("tensor([[ 0.,  1.,  2.,  3.],", "        [12., 13., 14., 15.]])"));
  expect(String(c.at(0, 0))).toBe(lines("tensor([[0., 1., 2., 3.],", "        [4., 5., 6., 7.]])"));
});

test("S92 squeeze drops dims of size 1 and shares storage", () => {
  const x = torch.zeros(2, 1, 2, 1, 2);
  expect(shapes(x.squeeze(), torch.squeeze(x), x.squeeze(0), x.squeeze(1), x.squeeze(-2))).toEqual([
    [2, 2, 2],
    [2, 2, 2],
    [2, 1, 2, 1, 2],
    [2, 2, 1, 2],
    [2, 1, 2, 2],
  ]);
  expect(x.squeeze(0) === x).toBe(false);
  x.squeeze().setAt([0, 0, 0], 9);
  expect(String(x.at(0, 0, 0, 0, 0))).toBe("tensor(9.)");
  expect(String(torch.zeros(1, 1).squeeze().shape)).toBe("torch.Size([])");
  raisesPrefix(
    () => x.squeeze(5),
    "IndexError: Dimension out of range (expected to be in range of [-5, 4], but got 5)",
  );
});

test("S93 unsqueeze inserts a dim of size 1 and shares data", () => {
  const x = ints([1, 2, 3, 4]);
  expect(String(x.unsqueeze(0))).toBe("tensor([[1, 2, 3, 4]])");
  expect(String(x.unsqueeze(1))).toBe(lines("tensor([[1],", "        [2],", "        [3],", "        [4]])"));
  expect(shapes(torch.unsqueeze(x, 0), x.unsqueeze(-1), x.unsqueeze(-2))).toEqual([
    [1, 4],
    [4, 1],
    [1, 4],
  ]);
  x.unsqueeze(0).setAt([0, 0], 7);
  expect(String(x)).toBe("tensor([7, 2, 3, 4])");
  raisesPrefix(
    () => x.unsqueeze(2),
    "IndexError: Dimension out of range (expected to be in range of [-2, 1], but got 2)",
  );
});

test("S94 expand gives dims of size 1 the stride 0 and refuses other sizes", () => {
  const x = ints([[1], [2]]);
  const y = x.expand(2, 3);
  expect(String(y)).toBe(lines("tensor([[1, 1, 1],", "        [2, 2, 2]])"));
  expect([...y.stride()]).toEqual([1, 0]);
  expect(sameStorage(x, y)).toBe(true);
  expect([...x.expand(-1, 2).shape]).toEqual([2, 2]);
  expect([...x.expand(4, 2, 3).stride()]).toEqual([0, 1, 0]);
  raises(
    () => x.expand(3, 3),
    "RuntimeError: The expanded size of the tensor (3) must match the existing size (2) at non-singleton " +
      "dimension 0.  Target sizes: [3, 3].  Tensor sizes: [2, 1]",
  );
  raises(
    () => torch.zeros(2, 3).expand(3),
    "RuntimeError: expand(torch.FloatTensor{[2, 3]}, size=[3]): the number of sizes provided (1) must be greater " +
      "or equal to the number of dimensions in the tensor (2)",
  );
});
