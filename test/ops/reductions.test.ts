/** Reductions, extrema, spread and norms: what PyTorch documents, its gradients at kinks, and its refusals. */
import { describe, expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const { tensor, int64 } = torch;
const x = (): torch.Tensor => tensor([0, 1, 2, 3, 4, 5]).reshape(2, 3).requiresGrad_();
const name = (t: torch.Tensor): string | undefined => t.gradFn?.name();

/** The gradient of the sum of `f`. */
function gradient(f: (t: torch.Tensor) => torch.Tensor, data: unknown): unknown {
  const leaf = tensor(data as number[]).requiresGrad_();
  f(leaf).sum().backward();
  return leaf.grad?.tolist();
}

describe("nodes have PyTorch's names", () => {
  test.each([
    ["SumBackward0", (t: torch.Tensor) => t.sum()],
    ["SumBackward1", (t: torch.Tensor) => t.sum(0)],
    ["MeanBackward1", (t: torch.Tensor) => t.mean(0)],
    ["ProdBackward0", (t: torch.Tensor) => t.prod()],
    ["ProdBackward1", (t: torch.Tensor) => t.prod(0)],
    ["AmaxBackward0", (t: torch.Tensor) => t.amax()],
    ["MaxBackward1", (t: torch.Tensor) => t.max()],
    ["MaxBackward0", (t: torch.Tensor) => t.max(0).values],
    ["MaximumBackward0", (t: torch.Tensor) => t.max(t)],
    ["MinBackward1", (t: torch.Tensor) => t.min()],
    ["MedianBackward0", (t: torch.Tensor) => t.median()],
    ["NanmedianBackward1", (t: torch.Tensor) => t.nanmedian(1).values],
    ["StdBackward0", (t: torch.Tensor) => t.std()],
    ["VarBackward0", (t: torch.Tensor) => t.var(0)],
    ["StdMeanBackward0", (t: torch.Tensor) => torch.stdMean(t)[1]],
    ["NansumBackward0", (t: torch.Tensor) => t.nansum(0)],
    ["DivBackward0", (t: torch.Tensor) => t.nanmean()],
    ["LogsumexpBackward0", (t: torch.Tensor) => t.logsumexp(0)],
    ["LinalgVectorNormBackward0", (t: torch.Tensor) => t.norm()],
    ["DistBackward0", (t: torch.Tensor) => t.dist(t)],
    ["RenormBackward0", (t: torch.Tensor) => t.renorm(2, 0, 1)],
  ])("%s", (expected, f) => {
    expect(name(f(x()))).toBe(expected);
  });
});

test("sums of ints and bools are int64, any and all of uint8 stay uint8", () => {
  expect(tensor([true, true]).sum().dtype).toBe(int64);
  expect(tensor([1, 2], { dtype: "uint8" }).prod().dtype).toBe(int64);
  expect(tensor([1, 2], { dtype: "uint8" }).all().dtype).toBe(torch.uint8);
  expect(tensor([1, 2]).any().dtype).toBe(torch.bool);
});

test("a sum to bool asks each element, not the total", () => {
  expect(tensor([0.5, -0.5]).sum({ dtype: "bool" }).item()).toBe(true);
});

test("dims are given as one, several, none, or by name", () => {
  const t = x().detach();
  expect(t.sum([0, 1]).item()).toBe(15);
  expect(t.sum([]).item()).toBe(15);
  expect(t.sum({ dim: -1, keepdim: true }).tolist()).toEqual([[3], [12]]);
  expect(t.all([0, 1], true).tolist()).toEqual([[false]]);
});

describe("gradients at kinks", () => {
  test.each([
    ["amax shares evenly", (t: torch.Tensor) => t.amax(), [1, 3, 3], [0, 0.5, 0.5]],
    ["max of all shares evenly", (t: torch.Tensor) => t.max(), [1, 3, 3], [0, 0.5, 0.5]],
    ["max along a dim takes the first", (t: torch.Tensor) => t.max(0).values, [1, 3, 3], [0, 1, 0]],
    ["median of all shares evenly", (t: torch.Tensor) => t.median(), [2, 2, 5, 0], [0.5, 0.5, 0, 0]],
    ["std of equal elements", (t: torch.Tensor) => t.std(), [2, 2, 2], [0, 0, 0]],
    ["norm of zeros", (t: torch.Tensor) => t.norm(), [0, 0], [0, 0]],
    ["infinity norm", (t: torch.Tensor) => t.norm(Number.POSITIVE_INFINITY), [-3, 1, 3], [-0.5, 0, 0.5]],
    ["prod with one zero", (t: torch.Tensor) => t.prod(), [2, 0, 3], [0, 6, 0]],
    ["prod with two zeros", (t: torch.Tensor) => t.prod(), [2, 0, 0], [0, 0, 0]],
    ["nansum", (t: torch.Tensor) => t.nansum(), [Number.NaN, 1], [0, 1]],
  ])("%s", (_, f, data, expected) => {
    expect(gradient(f, data)).toEqual(expected);
  });
});

test("the count of nonzeros is not connected", () => {
  const leaf = tensor([1, 0]).requiresGrad_();
  leaf.norm(0).backward();
  expect(leaf.grad).toBeNull();
});

test("std and var divide by n less the correction", () => {
  const t = tensor([1, 2, 3, 6]);
  expect(t.var().item()).toBeCloseTo(14 / 3, 5);
  expect(t.var(false).item()).toBe(3.5);
  expect(t.var({ correction: 2 }).item()).toBe(7);
  expect(t.var(0, { unbiased: false, keepdim: true }).tolist()).toEqual([3.5]);
  expect(t.var(0, true, true).shape).toEqual(torch.tensor([0]).shape);
});

test("named tuples destructure by position and by name, and print as PyTorch's", () => {
  const result = x().detach().max(1);
  const [values, indices] = result;
  expect(values).toBe(result.values);
  expect(indices).toBe(result[1]);
  expect(result.length).toBe(2);
  expect(String(result)).toBe("torch.return_types.max(\nvalues=tensor([2., 5.]),\nindices=tensor([2, 2]))");
});

test("NaN is an extremum and its own median", () => {
  const t = tensor([1, Number.NaN, 3]);
  expect(t.max().item()).toBeNaN();
  expect(t.argmin().item()).toBe(1);
  expect(t.median().item()).toBeNaN();
  expect(t.nanmedian().item()).toBe(1);
});

test("float16 accumulates in float32", () => {
  const t = torch.full([4096], 1, { dtype: "float16" });
  expect(t.sum().item()).toBe(4096);
  expect(t.mul(100).var(false).item()).toBe(0);
  expect(t.mul(300).norm().item()).toBe(19200);
});

test("matrix norms: by columns, by rows, by singular values", () => {
  const t = tensor([
    [3, 0],
    [0, -4],
  ]);
  expect(torch.linalg.matrixNorm(t).item()).toBe(5);
  expect(torch.linalg.matrixNorm(t, 1).item()).toBe(4);
  expect(torch.linalg.matrixNorm(t, -2).item()).toBeCloseTo(3, 6);
  expect(torch.norm(t, "nuc").item()).toBeCloseTo(7, 6);
});

test("logsumexp neither overflows nor loses minus infinity", () => {
  const infinity = Number.POSITIVE_INFINITY;
  expect(tensor([1000, 1000]).logsumexp(0).item()).toBeCloseTo(1000 + Math.log(2), 3);
  expect(tensor([-infinity, -infinity]).logsumexp(0).item()).toBe(-infinity);
  expect(tensor([infinity, 0]).logsumexp(0).item()).toBe(infinity);
});

test("a meta tensor gives shapes", () => {
  const t = torch.zeros(2, 3, { device: "meta" });
  expect([...t.std(1).shape]).toEqual([2]);
  expect([...t.max(1).indices.shape]).toEqual([2]);
  expect([...t.median(0, true).values.shape]).toEqual([1, 3]);
});

describe("refusals", () => {
  const ints = tensor([1n, 2n]);
  const empty = torch.zeros(0, 3);
  test.each([
    [
      () => ints.mean(),
      "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: Long",
    ],
    [() => ints.std(), "std and var only support floating point and complex dtypes"],
    [() => ints.norm(), "linalg.vector_norm: Expected a floating point or complex tensor as input. Got Long"],
    [() => x().norm("foo" as "fro"), "only valid string values are 'fro' and 'nuc', found foo"],
    [() => x().sum([0, 0]), "dim 0 appears multiple times in the list of dims"],
    [() => x().sum(2), "Dimension out of range (expected to be in range of [-2, 1], but got 2)"],
    [
      () => empty.amax(),
      "amax(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument.",
    ],
    [() => empty.max(0), "max(): Expected reduction dim 0 to have non-zero size."],
    [() => empty.argmax(), "argmax(): Expected reduction dim to be specified for input.numel() == 0."],
    [
      () => torch.aminmax(empty),
      "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.",
    ],
    [() => tensor([true]).argmax(), "\"argmax_cpu\" not implemented for 'Bool'"],
    [() => x().renorm(0, 0, 1), "renorm: non-positive-norm not supported"],
    [() => torch.linalg.matrixNorm(x(), 3), "linalg.matrix_norm: Order 3 not supported."],
  ])("%#", (f, message) => {
    expect(f).toThrow(message);
  });
});

test("no degrees of freedom: a warning and NaN", () => {
  const warnings = torch.warnings.record(() => expect(tensor([1]).std().item()).toBeNaN());
  expect(warnings.map((w) => w.code)).toEqual(["degrees-of-freedom"]);
});
