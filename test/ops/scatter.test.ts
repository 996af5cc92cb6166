/** Writes at chosen places: values and nodes as in PyTorch, in place without a copy, derivatives of both orders. */
import { describe, expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const { gradcheck, gradgradcheck } = torch.autograd;
const long = (values: number | number[] | number[][]): torch.Tensor => torch.tensor(values, { dtype: "int64" });
const x = (): torch.Tensor => torch.arange(12, { dtype: "float32" }).view(3, 4);
/** Distinct numbers without 0 in float64, so that no kink is near; those of another step are others again. */
const stepped = (step: number, shape: readonly number[]): torch.Tensor =>
  torch
    .arange(1, shape.reduce((a, b) => a * b, 1) + 1, { dtype: "float64" })
    .mul(step)
    .sin()
    .add(1.5)
    .view(shape)
    .clone()
    .requiresGrad_();
const reals = (...shape: number[]): torch.Tensor => stepped(0.37, shape);
const sources = (...shape: number[]): torch.Tensor => stepped(0.53, shape);
const index = long([
  [0, 2, 1, 0],
  [2, 0, 0, 1],
]);
/** Some places twice: for operators that combine. */
const again = long([
  [0, 2, 1, 0],
  [2, 2, 1, 1],
]);
const rows = long([2, 0]);

type Fn = (self: torch.Tensor, src: torch.Tensor) => torch.Tensor;

const writes: [string, string, Fn, number[]][] = [
  ["scatter", "ScatterBackward0", (t, s) => t.scatter(0, index, s), [2, 4]],
  ["scatterAdd", "ScatterAddBackward0", (t, s) => t.scatterAdd(0, again, s), [2, 4]],
  ...(["sum", "prod", "mean", "amax", "amin"] as const).flatMap((how): [string, string, Fn, number[]][] => [
    [`scatterReduce ${how}`, "ScatterReduceBackward0", (t, s) => t.scatterReduce(0, again, s, how), [2, 4]],
    [
      `scatterReduce ${how} without self`,
      "ScatterReduceBackward0",
      (t, s) => t.scatterReduce(0, again, s, how, { includeSelf: false }),
      [2, 4],
    ],
  ]),
  ["scatter of a larger source", "ScatterBackward0", (t, s) => t.scatter(0, index, s), [3, 5]],
  ["indexAdd", "IndexAddBackward0", (t, s) => t.indexAdd(0, rows, s, { alpha: 2 }), [2, 4]],
  ["indexCopy", "IndexCopyBackward0", (t, s) => t.indexCopy(0, rows, s), [2, 4]],
  ...(["prod", "mean", "amax", "amin"] as const).map((how): [string, string, Fn, number[]] => [
    `indexReduce ${how}`,
    "IndexReduceBackward0",
    (t, s) => t.indexReduce(0, rows, s, how),
    [2, 4],
  ]),
  ["put", "PutBackward0", (t, s) => t.put(long([3, -1]), s), [2]],
  ["put accumulating", "PutBackward0", (t, s) => t.put(long([3, 3]), s, true), [2]],
  ["indexPut", "IndexPutBackward0", (t, s) => t.indexPut([rows, null], s), [2, 1]],
  ["maskedScatter", "MaskedScatterBackward0", (t, s) => t.maskedScatter(t.detach().gt(1.5), s), [12]],
  ["selectScatter", "SelectScatterBackward0", (t, s) => t.selectScatter(s, 0, -1), [4]],
  ["sliceScatter", "SliceScatterBackward0", (t, s) => t.sliceScatter(s, 1, 1, null, 2), [3, 2]],
  ["diagonalScatter", "DiagonalScatterBackward0", (t, s) => t.diagonalScatter(s, 1), [3]],
  ["asStridedScatter", "AsStridedScatterBackward0", (t, s) => t.asStridedScatter(s, [2, 2], [5, 2], 1), [2, 2]],
  ["indexFill by a tensor", "IndexFillBackward1", (t, s) => t.indexFill(1, long([-1, 0]), s), []],
];

test.each(writes)("%s is one node, and both its derivatives are those of differences", (_, node, fn, shape) => {
  const inputs = [reals(3, 4), sources(...shape)];
  expect(fn(inputs[0]!, inputs[1]!).gradFn?.name()).toBe(node);
  expect(gradcheck(fn as never, inputs)).toBe(true);
  expect(gradgradcheck(fn as never, inputs)).toBe(true);
});

const inPlace: [string, Fn, number[]][] = [
  ["scatter_", (t, s) => t.scatter_(0, index, s), [2, 4]],
  ["scatterAdd_", (t, s) => t.scatterAdd_(0, again, s), [2, 4]],
  ["scatterReduce_ sum", (t, s) => t.scatterReduce_(0, again, s, "sum"), [2, 4]],
  ["scatterReduce_ prod", (t, s) => t.scatterReduce_(0, again, s, "prod"), [2, 4]],
  ["scatterReduce_ amax", (t, s) => t.scatterReduce_(0, again, s, "amax", { includeSelf: false }), [2, 4]],
  ["indexAdd_", (t, s) => t.indexAdd_(0, rows, s), [2, 4]],
  ["indexCopy_", (t, s) => t.indexCopy_(0, rows, s), [2, 4]],
  ["indexReduce_", (t, s) => t.indexReduce_(0, rows, s, "mean"), [2, 4]],
  ["indexFill_", (t, s) => t.indexFill_(0, rows, s), []],
  ["indexPut_", (t, s) => t.indexPut_([rows], s, true), [2, 4]],
  ["put_", (t, s) => t.put_(long([5, 1]), s), [2]],
  ["maskedScatter_", (t, s) => t.maskedScatter_(t.detach().gt(1.5), s), [12]],
  ["tril_", (t) => t.tril_(), []],
  ["fillDiagonal_", (t) => t.fillDiagonal_(3), []],
];

describe("in place", () => {
  test.each(inPlace)("%s writes where the tensor lies, strided or not, and returns it", (_, write, shape) => {
    const base = torch.arange(24, { dtype: "float64" }).view(4, 6).clone();
    const target = base.at(":", "::2").t().at("0:3");
    const memory = base.dataPtr();
    const expected = write(target.clone(), sources(...shape).detach());
    expect(write(target, sources(...shape).detach())).toBe(target);
    expect(target.tolist()).toEqual(expected.tolist());
    expect(base.dataPtr()).toBe(memory);
    expect(base.at(":", "1::2").tolist()).toEqual([
      [1, 3, 5],
      [7, 9, 11],
      [13, 15, 17],
      [19, 21, 23],
    ]);
    expect(base._version).toBeGreaterThan(0);
  });

  test.each(inPlace)("%s under autograd has the derivative of its copying form", (_, write, shape) => {
    const inputs = [reals(3, 4), sources(...shape)];
    expect(gradcheck(((t: torch.Tensor, s: torch.Tensor) => write(t.mul(1), s)) as never, inputs)).toBe(true);
  });

  test.each(inPlace)("%s through a view becomes history of the base", (_, write, shape) => {
    const inputs = [reals(4, 3), sources(...shape)];
    const through = (t: torch.Tensor, s: torch.Tensor): torch.Tensor => {
      const base = t.mul(1);
      write(base.t(), s);
      return base.mul(base);
    };
    expect(gradcheck(through as never, inputs)).toBe(true);
  });

  test.each(inPlace)("%s refuses a leaf that requires grad", (_, write, shape) => {
    const leaf = reals(3, 4);
    const before = leaf.tolist();
    expect(() => write(leaf, sources(...shape).detach())).toThrow("a leaf Variable that requires grad");
    expect(leaf.tolist()).toEqual(before);
  });

  test("nothing is written when the source overlaps, the target is expanded or an index is out of bounds", () => {
    const y = x();
    expect(() => y.scatter_(0, index, y)).toThrow("refer to a single memory location");
    expect(() => y.indexCopy_(0, long([0, 1, 2]), y)).toThrow("refer to a single memory location");
    expect(() =>
      torch
        .zeros(1, 4)
        .expand(3, 4)
        .scatter_(0, long([[0]]), 1),
    ).toThrow("more than one element");
    expect(() =>
      y.scatter_(
        0,
        long([
          [0, 0],
          [0, 3],
        ]),
        9,
      ),
    ).toThrow("index 3 is out of bounds for dimension 0 with size 3");
    expect(() => y.indexFill_(0, long([0, 5]), 9)).toThrow("index 5 is out of bounds");
    expect(() => y.put_(long([0, 12]), torch.zeros(2))).toThrow("tried to access index 12 on a tensor of 12 elements");
    expect([y.tolist(), y._version]).toEqual([x().tolist(), 0]);
  });
});

test("two zeros in one product: the first derivative is right, the second refuses as PyTorch", () => {
  const self = torch.ones(1, { dtype: "float64" }).requiresGrad_();
  const src = torch.zeros(2, { dtype: "float64" }).requiresGrad_();
  const out = self.scatterReduce(0, long([0, 0]), src, "prod");
  const [g] = torch.autograd.grad(out.sum(), [src], { createGraph: true });
  expect(g!.tolist()).toEqual([0, 0]);
  expect(() => g!.sum().backward()).toThrow("Double backward is unsupported for src when >1 zeros in src");
});

test("reductions of integers: the mean rounds down, extremes keep 64 bits", () => {
  const at = long([0, 0]);
  expect(
    long([-4])
      .scatterReduce(0, at, long([1, 0]), "mean")
      .tolist(),
  ).toEqual([-1]);
  const big = torch.tensor([2n ** 60n + 1n, 2n ** 60n]);
  const largest = long([0]).scatterReduce(0, at, big, "amax", { includeSelf: false });
  expect(largest.item({ bigint: true })).toBe(2n ** 60n + 1n);
});

test("scatter with a reduction has no derivative, as in PyTorch", () => {
  const out = x()
    .requiresGrad_()
    .scatter(0, long([[0]]), 2, { reduce: "multiply" });
  expect(out.gradFn?.name()).toBe("torch::autograd::NotImplemented");
  expect(() => out.sum().backward()).toThrow("derivative for aten::scatter is not implemented");
});

test("an index written to after the write is noticed in backward", () => {
  const at = long([[0, 1, 0, 1]]);
  const out = x().requiresGrad_().scatter(0, at, 1);
  at.add_(1);
  expect(() => out.sum().backward()).toThrow("modified by an inplace operation");
});

test.each([
  ["maskedSelect", (t: torch.Tensor) => t.maskedSelect(t.detach().gt(1.5))],
  ["maskedSelect, broadcast", (t: torch.Tensor) => t.maskedSelect(torch.ones(2, 3, 4).gt(0))],
  [
    "take",
    (t: torch.Tensor) =>
      t.take(
        long([
          [0, -1],
          [0, 5],
        ]),
      ),
  ],
  ["takeAlongDim", (t: torch.Tensor) => torch.takeAlongDim(t, long([[0], [2]]), 0)],
  ["gather", (t: torch.Tensor) => t.gather(1, long([[3, 3]]))],
  ["indexSelect", (t: torch.Tensor) => t.indexSelect(1, long([3, 3]))],
])("%s has both derivatives", (_, fn) => {
  expect(gradcheck(fn as never, [reals(3, 4)])).toBe(true);
  expect(gradgradcheck(fn as never, [reals(3, 4)])).toBe(true);
});

const z = (...shape: number[]): torch.Tensor => torch.zeros(...shape);

test.each([
  [() => x().gather(0, long([[-1]])), "index -1 is out of bounds for dimension 0 with size 3"],
  [() => x().gather(0, long([0])), "Index tensor must have the same number of dimensions as input tensor"],
  [
    () => x().gather(0, torch.tensor([[0]])),
    "gather(): Expected dtype int64 for index. Numbers make float32 here: pass { dtype: 'int64' }",
  ],
  [
    () => x().gather(0, long([[0, 0, 0, 0, 0]])),
    "Size does not match at dimension 1 expected index [1, 5] to be smaller than self [3, 4] apart from dimension 0",
  ],
  [
    () => x().scatter(0, long([[0, 1]]), z(1, 1)),
    "Expected index [1, 2] to be smaller than self [3, 4] apart from dimension 0 and to be smaller size than src [1, 1]",
  ],
  [() => x().scatter(0, long([[0]]), z(1, 1).double()), "scatter(): Expected self.dtype to be equal to src.dtype"],
  [
    () => x().scatter(0, long([[0]]), 1, { reduce: "mean" as never }),
    "reduce argument must be either add or multiply.",
  ],
  [
    () => x().scatterReduce(0, long([[0]]), z(1, 1), "foo" as never),
    "reduce argument must be either sum, prod, mean, amax or amin.",
  ],
  [() => x().indexSelect(0, long([-1])), "index out of range in self"],
  [() => x().indexSelect(0, long([[0]])), "index_select(): Index is supposed to be a vector"],
  [
    () => x().indexAdd(0, long([0]), z(2, 4)),
    "index_add_(): Number of indices (1) should be equal to source.size(dim): (2), for dim: 0",
  ],
  [
    () => x().indexAdd(0, long([0]), z(1, 4).double()),
    "index_add_(): self (Float) and source (Double) must have the same scalar type",
  ],
  [() => x().indexCopy(0, long([5]), z(1, 4)), "index_copy_(): index 5 is out of bounds for dimension 0 with size 3"],
  [
    () => x().indexCopy(0, long([0]), z(1, 3)),
    "Destination slice shape: 4 at dimension 0 and source slice shape: 3 at dimension 0.",
  ],
  [
    () => x().indexCopy(0, long([0, 1]), torch.tensor(0)),
    "index_copy_(): When source is scalar, index should have one element (got 2)",
  ],
  [
    () => x().indexFill(0, long([0]), z(2)),
    "index_fill_ only supports a 0-dimensional value tensor, but got tensor with 1 dimension(s).",
  ],
  [
    () => x().indexReduce(0, long([0]), z(1, 4), "sum" as never),
    "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got sum.",
  ],
  [() => x().maskedScatter(x().gt(3), z(2)), "Number of elements of source < number of ones in mask"],
  [() => x().maskedSelect(x()), "masked_select: expected BoolTensor"],
  [() => x().take(long([-13])), "out of range: tried to access index -13 on a tensor of 12 elements."],
  [() => z(0).take(long([0])), "take(): tried to take from an empty tensor"],
  [
    () => x().put(long([0]), z(2)),
    "put_(): Expected source and index to have the same number of elements, but got source.numel() = 2, index.numel() = 1",
  ],
  [
    () => torch.takeAlongDim(x(), long([0]), 0),
    "torch.take_along_dim(): input and indices should have the same number of dimensions, but got 2 dimensions for input, and 1 dimensions for indices",
  ],
  [
    () => x().selectScatter(z(3), 0, 1),
    "expected src to have a size equal to the slice of self. src size = [3], slice size = [4]",
  ],
  [() => z(3).fillDiagonal_(1), "dimensions must larger than 1"],
  [() => z(3, 4, 3).fillDiagonal_(1), "all dimensions of input must be of equal length"],
])("misuse %# is refused in PyTorch's words", (misuse, message) => {
  expect(misuse).toThrow(message);
});
