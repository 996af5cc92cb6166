/** Ordering, counting, searching and comparing whole tensors. */
import { describe, expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const { tensor } = torch;
const NaN = Number.NaN;
const long = (data: number[]): torch.Tensor => tensor(data, { dtype: "int64" });

test("sort is stable, NaN is greatest, and a dim other than the last sorts as well", () => {
  const { values, indices } = tensor([2, NaN, 1, 2]).sort();
  expect(values.tolist()).toEqual([1, 2, 2, NaN]);
  expect(indices.tolist()).toEqual([2, 0, 3, 1]);
  expect(tensor([2, NaN, 1, 2]).sort({ descending: true }).indices.tolist()).toEqual([1, 0, 3, 2]);
  const table = tensor([3, 1, 2, 4]).reshape(2, 2);
  expect(table.sort(0).values.tolist()).toEqual([
    [2, 1],
    [3, 4],
  ]);
  expect(torch.msort(table).gradFn).toBeNull();
});

test("0-dim tensors sort to themselves at position 0", () => {
  const [values, indices] = tensor(3).sort();
  expect([values.item(), indices.item(), indices.dim()]).toEqual([3, 0, 0]);
  expect(tensor(3).topk(1).values.item()).toBe(3);
});

describe("gradients go to the elements that were selected", () => {
  test.each([
    ["SortBackward0", (t: torch.Tensor) => t.sort().values, [3, 1, 2]],
    ["SortBackward1", (t: torch.Tensor) => t.sort({ stable: true }).values, [3, 1, 2]],
    ["TopkBackward0", (t: torch.Tensor) => t.topk(2).values, [1, 0, 2]],
    ["KthvalueBackward0", (t: torch.Tensor) => t.kthvalue(2).values, [0, 0, 1]],
    ["ModeBackward0", (t: torch.Tensor) => t.mode().values, [0, 1, 0]],
    ["MedianBackward1", (t: torch.Tensor) => t.median(0).values, [0, 0, 1]],
    ["CummaxBackward0", (t: torch.Tensor) => t.cummax(0).values, [6, 0, 0]],
  ])("%s", (node, f, expected) => {
    const leaf = tensor([30, 10, 20]).requiresGrad_();
    const out = f(leaf);
    expect(out.gradFn?.name()).toBe(node);
    out.backward(tensor([1, 2, 3].slice(0, out.numel())).reshape(out.shape));
    expect(leaf.grad?.tolist()).toEqual(expected);
  });
});

test("kthvalue counts from 1; mode takes the smallest of the most frequent", () => {
  expect(tensor([5, 3, 4]).kthvalue(1).values.item()).toBe(3);
  expect(() => tensor([5]).kthvalue(2)).toThrow("kthvalue(): selected number k out of range for dimension 0");
  expect(() => tensor([5]).topk(2)).toThrow("selected index k out of range");
  expect(tensor([2, 1, 2, 1, 3]).mode().values.item()).toBe(1);
});

describe("quantile", () => {
  test.each([
    ["linear", 2.5],
    ["lower", 2],
    ["higher", 3],
    ["midpoint", 2.5],
    ["nearest", 3], // rank 1.5 rounds to the even 2
  ] as const)("%s", (interpolation, expected) => {
    expect(tensor([4, 1, 3, 2]).quantile(0.5, { interpolation }).item()).toBe(expected);
  });

  test("several quantiles come first; NaN spoils a slice unless left out", () => {
    const t = tensor([1, 2, 3, NaN, 5, 7]).reshape(2, 3);
    expect([...t.quantile(tensor([0, 1]), 1, true).shape]).toEqual([2, 2, 1]);
    expect(t.quantile(0.5, 1).tolist()).toEqual([2, NaN]);
    expect(t.nanquantile(0.5, 1).tolist()).toEqual([2, 6]);
    expect(() => t.quantile(2)).toThrow("quantile() q must be in the range [0, 1] but got 2");
  });
});

test("unique is sorted, tells where elements went and how many there are", () => {
  const [values, inverse, counts] = torch.unique(long([3, 1, 3]), true, true, true) as torch.Tensor[];
  expect(values?.tolist()).toEqual([1, 3]);
  expect(inverse?.tolist()).toEqual([1, 0, 1]);
  expect(counts?.tolist()).toEqual([1, 2]);
  expect(String(torch.uniqueConsecutive(long([1, 1, 2, 1])))).toBe("tensor([1, 2, 1])");
  const rows = torch.unique(long([1, 2, 0, 5, 1, 2]).reshape(3, 2), { dim: 0 }) as torch.Tensor;
  expect(rows.tolist()).toEqual([
    [0, 5],
    [1, 2],
  ]);
});

test("unique has no derivative, and says so", () => {
  const t = tensor([1, 2]).requiresGrad_();
  const out = torch.unique(t) as torch.Tensor;
  expect(out.gradFn?.name()).toBe("Unique2Backward0");
  expect(() => out.sum().backward()).toThrow("the derivative for '_unique2' is not implemented.");
});

test("binary search: left or right of equals, by row, through a sorter", () => {
  const s = tensor([1, 2, 2, 3]);
  expect(torch.searchsorted(s, tensor([2, 4])).tolist()).toEqual([1, 4]);
  expect(torch.searchsorted(s, 2, { right: true }).item()).toBe(3);
  expect(torch.bucketize(tensor([0, 2]), s, { outInt32: true }).dtype).toBe(torch.int32);
  expect(torch.searchsorted(tensor([3, 1, 2]), tensor([2]), { sorter: long([1, 2, 0]) }).tolist()).toEqual([1]);
  expect(() => torch.searchsorted(s, s, { side: "left", right: true })).toThrow("can't be set to opposites");
});

test("histograms count the last edge, and leave out what lies outside", () => {
  const t = tensor([0, 1, 2, 3, 4]);
  expect(t.histc(2).tolist()).toEqual([2, 3]);
  expect(t.histc(2, 1, 3).tolist()).toEqual([1, 2]);
  const { hist, binEdges } = t.histogram(tensor([0, 1, 4]));
  expect(hist.tolist()).toEqual([1, 4]);
  expect(binEdges.tolist()).toEqual([0, 1, 4]);
  expect(t.histogram(2, { density: true }).hist.tolist()).toEqual([0.2, 0.3].map(Math.fround));
  expect(() => tensor([0, NaN]).histc()).toThrow("torch.histc: range of [nan, nan] is not finite");
});

test("bincount counts or weighs integers", () => {
  expect(torch.bincount(long([0, 2, 2]), { minlength: 4 }).tolist()).toEqual([1, 0, 2, 0]);
  expect(torch.bincount(long([0, 2, 2]), tensor([1, 2, 3])).tolist()).toEqual([1, 0, 5]);
  expect(() => torch.bincount(tensor([1]))).toThrow("\"bincount_cpu\" not implemented for 'Float'");
  expect(() => torch.bincount(long([-1]))).toThrow("bincount only supports 1-d non-negative integral inputs.");
});

test("equal and allclose compare whole tensors", () => {
  const t = tensor([1, NaN]);
  expect(t.equal(t)).toBe(false);
  expect(torch.equal(tensor([1, 2]), tensor([[1, 2]]))).toBe(false);
  expect(torch.allclose(tensor([1, NaN]), tensor([1.000001, NaN]), { equalNan: true })).toBe(true);
  expect(() => torch.allclose(tensor([1]), long([1]))).toThrow("Float did not match Long");
  expect(() => torch.isNonzero(t)).toThrow("Boolean value of Tensor with more than one value is ambiguous");
});

test("isin tests membership; NaN is in nothing", () => {
  expect(torch.isin(tensor([1, NaN, 3]), tensor([NaN, 3])).tolist()).toEqual([false, false, true]);
  expect(torch.isin(long([1, 2]), 2, { invert: true }).tolist()).toEqual([true, false]);
});

test("nonzero gives rows of indices, or a tensor per dim", () => {
  const t = tensor([0, 1, 2, 0]).reshape(2, 2);
  expect(t.nonzero().tolist()).toEqual([
    [0, 1],
    [1, 0],
  ]);
  expect(t.nonzero({ asTuple: true }).map((c) => c.tolist())).toEqual([
    [0, 1],
    [1, 0],
  ]);
  expect([...torch.argwhere(tensor(1)).shape]).toEqual([1, 0]);
});

test("covariance normalizes by observations less one; correlation of a line is 1", () => {
  const t = tensor([1, 2, 3, 2, 4, 6]).reshape(2, 3);
  expect(torch.cov(t).tolist()).toEqual([
    [1, 2],
    [2, 4],
  ]);
  expect(torch.corrcoef(t).at(0, 1).item()).toBeCloseTo(1, 6);
  expect(() => torch.cov(t, { fweights: tensor([1, 2, 3]) })).toThrow("expected fweights to have integral dtype");
});
