/** Rearrangements, lists of tensors, windows, creation and facts about dtypes: values and refusals as in PyTorch. */
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const { gradcheck, gradgradcheck } = torch.autograd;
const x = (): torch.Tensor => torch.arange(6, { dtype: "float32" }).view(2, 3);
const z = (...shape: number[]): torch.Tensor => torch.zeros(...shape);
const long = (values: number | number[] | number[][]): torch.Tensor => torch.tensor(values, { dtype: "int64" });
const reals = (...shape: number[]): torch.Tensor =>
  torch
    .arange(1, shape.reduce((a, b) => a * b, 1) + 1, { dtype: "float64" })
    .mul(0.7)
    .sin()
    .view(shape)
    .clone()
    .requiresGrad_();

const nodes: [string, (t: torch.Tensor) => torch.Tensor, string][] = [
  ["flip", (t) => t.flip(0, 1), "FlipBackward0"],
  ["roll", (t) => t.roll(2), "RollBackward0"],
  ["roll along dims", (t) => t.roll([1, -4], [0, 1]), "RollBackward0"],
  ["rot90", (t) => t.rot90(3), "Rot90Backward0"],
  ["repeat", (t) => t.repeat(2, 1, 2), "RepeatBackward0"],
  ["repeatInterleave", (t) => t.repeatInterleave(long([2, 0, 1]), 1), "IndexSelectBackward0"],
  ["tril", (t) => t.tril(-1), "TrilBackward0"],
  ["triu", (t) => t.triu(1), "TriuBackward0"],
  ["diag", (t) => t.diag(1), "DiagBackward0"],
  ["diag of a vector", (t) => t.at(0).diag(-1), "DiagBackward0"],
  ["diagEmbed", (t) => t.diagEmbed(1, 0, 2), "DiagEmbedBackward0"],
  ["trace", (t) => t.trace(), "TraceBackward0"],
  ["kron", (t) => torch.kron(t, t.at(0)), "UnsafeViewBackward0"],
  ["cross", (t) => torch.cross(t, t.flip(1)), "LinalgCrossBackward0"],
  ["vander", (t) => torch.vander(t.at(0), 3), "FlipBackward0"],
  ["blockDiag", (t) => torch.blockDiag(t, t.at(0)), "BlockDiagBackward0"],
  ["hstack", (t) => torch.hstack([t, t]), "CatBackward0"],
  ["tensorSplit", (t) => t.tensorSplit(2, 1)[1]!, "SliceBackward0"],
  ["unsafeSplit", (t) => t.unsafeSplit(2, 1)[1]!, "UnsafeSplitBackward0"],
  ["cdist of 2", (t) => torch.cdist(t, t.roll(1, 1).mul(1.3)), "CdistBackward0"],
  ["cdist of 1", (t) => torch.cdist(t, t.roll(1, 1).mul(1.3), 1), "CdistBackward0"],
  ["cdist of 3.5", (t) => torch.cdist(t, t.roll(1, 1).mul(1.3), 3.5), "CdistBackward0"],
  ["cdist of infinity", (t) => torch.cdist(t, t.roll(1, 1).mul(1.3), Infinity), "CdistBackward0"],
  ["fill", (t) => torch.fill(t, t.at(0, 0)), "FillBackward1"],
];

test.each(nodes)("%s is PyTorch's node, with both derivatives", (_, fn, node) => {
  expect(fn(reals(2, 3)).gradFn?.name()).toBe(node);
  expect(gradcheck(fn as never, [reals(2, 3)])).toBe(true);
  expect(gradgradcheck(fn as never, [reals(2, 3)])).toBe(true);
});

describe("values", () => {
  test("flip walks backwards, also where memory has gaps", () => {
    expect(x().flip(1).tolist()).toEqual([
      [2, 1, 0],
      [5, 4, 3],
    ]);
    expect(x().t().flip(0).tolist()).toEqual([
      [2, 5],
      [1, 4],
      [0, 3],
    ]);
    expect(x().at(":", "::2").flip(0, 1).tolist()).toEqual([
      [5, 3],
      [2, 0],
    ]);
    expect(z(0, 3).flip(1).shape.numel()).toBe(0);
  });
  test("roll without dims goes round the flattened tensor", () => {
    expect(x().roll(2).tolist()).toEqual([
      [4, 5, 0],
      [1, 2, 3],
    ]);
    expect(x().roll([1, 1], [0, 1]).tolist()).toEqual([
      [5, 3, 4],
      [2, 0, 1],
    ]);
  });
  test("rot90 turns from the first dim towards the second", () => {
    expect(x().rot90().tolist()).toEqual([
      [2, 5],
      [1, 4],
      [0, 3],
    ]);
    expect(x().rot90(-1).tolist()).toEqual([
      [3, 0],
      [4, 1],
      [5, 2],
    ]);
  });
  test("repeat and tile differ in how they count dims", () => {
    expect(long([1, 2]).repeat(2, 2).tolist()).toEqual([
      [1, 2, 1, 2],
      [1, 2, 1, 2],
    ]);
    expect(
      long([[1], [2]])
        .tile(2)
        .tolist(),
    ).toEqual([
      [1, 1],
      [2, 2],
    ]);
    expect([...z(2, 3).repeat(0, 2).shape]).toEqual([0, 6]);
  });
  test("repeatInterleave of counts alone gives positions", () => {
    expect(torch.repeatInterleave(long([1, 0, 2])).tolist()).toEqual([0, 2, 2]);
    expect(
      long([[1, 2]])
        .repeatInterleave(2)
        .tolist(),
    ).toEqual([1, 1, 2, 2]);
  });
  test("tril_ and triu_ keep the memory", () => {
    const base = torch.ones(3, 3);
    base.t().tril_(-1);
    expect(base.tolist()).toEqual([
      [0, 1, 1],
      [0, 0, 1],
      [0, 0, 0],
    ]);
  });
  test("triangle indices are rows, then columns", () => {
    expect(torch.trilIndices(2, 3, 1).tolist()).toEqual([
      [0, 0, 1, 1, 1],
      [0, 1, 0, 1, 2],
    ]);
    expect(torch.triuIndices(2, 2).tolist()).toEqual([
      [0, 0, 1],
      [0, 1, 1],
    ]);
  });
  test("meshgrid runs the first tensor along rows, or along columns with xy", () => {
    const [a, b] = torch.meshgrid(long([1, 2]), long([3, 4, 5]), { indexing: "ij" });
    expect([a!.tolist(), b!.tolist()]).toEqual([
      [
        [1, 1, 1],
        [2, 2, 2],
      ],
      [
        [3, 4, 5],
        [3, 4, 5],
      ],
    ]);
    const [c] = torch.meshgrid([long([1, 2]), long([3, 4, 5])], { indexing: "xy" });
    expect(c!.tolist()).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ]);
  });
  test("combinations, with and without replacement", () => {
    expect(torch.combinations(long([1, 2, 3])).tolist()).toEqual([
      [1, 2],
      [1, 3],
      [2, 3],
    ]);
    expect(torch.combinations(long([1, 2]), 2, true).tolist()).toEqual([
      [1, 1],
      [1, 2],
      [2, 2],
    ]);
    expect(torch.combinations(long([1, 2]), { r: 0 }).tolist()).toEqual([]);
  });
  test("the stacks differ in what a vector is", () => {
    const [a, b] = [long([1, 2]), long([3, 4])];
    expect(torch.hstack([a, b]).tolist()).toEqual([1, 2, 3, 4]);
    expect(torch.vstack([a, b]).tolist()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(torch.columnStack([a, b]).tolist()).toEqual([
      [1, 3],
      [2, 4],
    ]);
    expect(torch.dstack([a, b]).tolist()).toEqual([
      [
        [1, 3],
        [2, 4],
      ],
    ]);
  });
  test("atleast3d puts a vector in the middle", () => {
    expect([...torch.atleast3d(long([1, 2])).shape]).toEqual([1, 2, 1]);
    expect(torch.atleast2d(long(1), long([2])).map((t) => t.tolist())).toEqual([[[1]], [[2]]]);
  });
  test("tensorSplit cuts at places, or into parts of which the first are longer", () => {
    const parts = (t: torch.Tensor[]): unknown[] => t.map((p) => p.tolist());
    const v = long([0, 1, 2, 3, 4]);
    expect(parts(v.tensorSplit(3))).toEqual([[0, 1], [2, 3], [4]]);
    expect(parts(v.tensorSplit([1, 1, 9]))).toEqual([[0], [], [1, 2, 3, 4], []]);
    expect(parts(v.tensorSplit(long([2])))).toEqual([
      [0, 1],
      [2, 3, 4],
    ]);
    expect(parts(torch.hsplit(x(), 3))).toEqual([
      [[0], [3]],
      [[1], [4]],
      [[2], [5]],
    ]);
  });
  test("parts of unsafeSplit may be written in place, unlike those of split", () => {
    const y = reals(4).mul(1);
    expect(() => y.split(2)[0]!.mul_(2)).toThrow("This view is the output of a function that returns multiple views");
    expect(y.unsafeSplit(2)[0]!.mul_(2).gradFn?.name()).toBe("MulBackward0");
  });
  test("cdist of rows that are equal has gradient 0", () => {
    const a = torch.ones(1, 2, { requiresGrad: true });
    torch.cdist(a, torch.ones(1, 2)).sum().backward();
    expect(a.grad?.tolist()).toEqual([[0, 0]]);
  });
  test("unravelIndex is the way back from flat positions", () => {
    const [r, c] = torch.unravelIndex(long([0, 5, 4]), [2, 3]);
    expect([r!.tolist(), c!.tolist()]).toEqual([
      [0, 1, 1],
      [0, 2, 1],
    ]);
  });
  test("fillDiagonal_ wraps round in tall matrices", () => {
    const rows = z(5, 2).fillDiagonal_(1, { wrap: true }).sum(1).tolist();
    expect(rows).toEqual([1, 1, 0, 1, 1]);
  });
});

describe("windows", () => {
  const close = (t: torch.Tensor, want: number[]): void => {
    expect(t.allclose(torch.tensor(want), 0, 1e-4)).toBe(true);
  };
  test("a periodic window is one of an element more, cut", () => {
    close(torch.hannWindow(4), [0, 0.5, 1, 0.5]);
    close(torch.hannWindow(5, false), [0, 0.5, 1, 0.5, 0]);
    close(torch.hammingWindow(5, true, 0.5, 0.4), [0.1, 0.3764, 0.8236, 0.8236, 0.3764]);
    close(torch.blackmanWindow(5), [0, 0.20077, 0.84923, 0.84923, 0.20077]);
    close(torch.bartlettWindow(4, { periodic: false }), [0, 0.6667, 0.6667, 0]);
    close(torch.kaiserWindow(5, { periodic: false }), [5.2773e-5, 0.21567, 1, 0.21567, 5.2773e-5]);
  });
  test("lengths 0 and 1, dtype and requiresGrad", () => {
    expect(torch.hannWindow(0).tolist()).toEqual([]);
    expect(torch.kaiserWindow(1).tolist()).toEqual([1]);
    expect(torch.hannWindow(2, { dtype: "float64", requiresGrad: true }).requiresGrad).toBe(true);
    expect(() => torch.hannWindow(-1)).toThrow("hann_window requires non-negative window_length, got window_length=-1");
  });
});

describe("what a tensor is a window of", () => {
  test("resize_ keeps the offset, grows the storage, and refuses what requires grad", () => {
    const base = torch.arange(6, { dtype: "float32" });
    const part = base.at("4:").resize_(2, 2);
    expect([part.storageOffset(), part.untypedStorage().nbytes]).toEqual([4, 32]);
    expect(part.at(0).tolist()).toEqual([4, 5]);
    expect(part.untypedStorage()).toBe(base.untypedStorage());
    expect([...z(2, 3, 4, 5).resize_([1, 2, 3, 4], { memoryFormat: torch.channelsLast }).stride()]).toEqual([
      24, 1, 8, 2,
    ]);
    expect(() => z(2).requiresGrad_().resize_(3)).toThrow("cannot resize variables that require grad");
    expect(() => torch.fromNumpy(new Float32Array(2)).resize_(3)).toThrow("not resizable");
  });
  test("resizeAs_ takes the size of another", () => {
    expect([...torch.resizeAs_(z(4), z(2, 2)).shape]).toEqual([2, 2]);
  });
  test("set_ shares the storage of another", () => {
    const y = z(2).set_(x().untypedStorage(), 1, [2], [2]);
    expect(y.tolist()).toEqual([1, 3]);
    const source = x();
    expect(z(1).set_(source).isSetTo(source)).toBe(true);
    expect(z(3).set_().numel()).toBe(0);
    expect(() => z(2).long().set_(source)).toThrow("dtype");
    expect(() => z(2).requiresGrad_().set_(source)).toThrow("a leaf Variable that requires grad");
  });
  test("view(dtype) shares memory and version, and is nothing to autograd", () => {
    const y = torch.ones(2);
    const bits = y.view(torch.int32);
    expect([bits.tolist(), bits._isView()]).toEqual([[0x3f800000, 0x3f800000], false]);
    bits.fill_(0);
    expect([y.tolist(), y._version]).toEqual([[0, 0], 1]);
    expect(reals(2).mul(1).view(torch.int64).requiresGrad).toBe(false);
  });
  test("channelsLast3d orders five dims", () => {
    const y = z(2, 3, 4, 5, 6).contiguous({ memoryFormat: torch.channelsLast3d });
    expect(y.stride()).toEqual([360, 1, 90, 18, 3]);
    expect(y.isContiguous({ memoryFormat: torch.channelsLast3d })).toBe(true);
    expect(torch.emptyLike(y, { memoryFormat: torch.contiguousFormat }).isContiguous()).toBe(true);
    expect(torch.empty(1, 2, 3, 4, { memoryFormat: torch.channelsLast }).stride()).toEqual([24, 1, 8, 2]);
    expect(() => z(2).clone({ memoryFormat: torch.channelsLast3d })).toThrow(
      "required rank 5 tensor to use channels_last_3d format",
    );
  });
});

describe("facts", () => {
  test("finfo and iinfo print as PyTorch's", () => {
    expect(String(torch.finfo(torch.float16))).toBe(
      "finfo(resolution=0.001, min=-65504, max=65504, eps=0.000976562, smallest_normal=6.10352e-05, tiny=6.10352e-05, dtype=float16)",
    );
    expect(String(torch.finfo())).toBe(
      "finfo(resolution=1e-06, min=-3.40282e+38, max=3.40282e+38, eps=1.19209e-07, smallest_normal=1.17549e-38, tiny=1.17549e-38, dtype=float32)",
    );
    expect(String(torch.iinfo("uint8"))).toBe("iinfo(min=0, max=255, dtype=uint8)");
    expect(String(torch.iinfo(torch.int64))).toBe("iinfo(min=-9.22337e+18, max=9.22337e+18, dtype=int64)");
    expect(torch.iinfo(torch.int64).max).toBe(2n ** 63n - 1n);
    expect([torch.finfo("float64").eps, torch.iinfo("int8").min]).toEqual([Number.EPSILON, -128]);
  });
  test("finfo of ints and iinfo of floats are refused", () => {
    expect(() => torch.finfo(torch.int32)).toThrow(
      "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'",
    );
    expect(() => torch.iinfo(torch.float32)).toThrow(
      "torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'",
    );
    expect(() => torch.iinfo(torch.bool)).toThrow("torch.bool is not supported by torch.iinfo");
  });
  test("promotion without a tensor of the result", () => {
    expect(torch.resultType(long([1]), 1.5)).toBe(torch.float32);
    expect(torch.promoteTypes("int32", "float16")).toBe(torch.float16);
    expect([torch.canCast("float32", "int32"), torch.canCast("int64", "float16")]).toEqual([false, true]);
  });
  test("shapes broadcast without tensors", () => {
    expect(String(torch.broadcastShapes([2, 1], 3, [1, 1, 1]))).toBe("torch.Size([1, 2, 3])");
    expect(() => torch.broadcastShapes([2, 3], [4])).toThrow(
      "Shape mismatch: objects cannot be broadcast to a single shape",
    );
  });
  test("a tensor's type, layout and device flags", () => {
    const y = z(2);
    expect([y.type(), String(y.layout), y.isCpu, y.isCuda, y.getDevice()]).toEqual([
      "torch.FloatTensor",
      "torch.strided",
      true,
      false,
      -1,
    ]);
    expect(y.type("torch.LongTensor").dtype).toBe(torch.int64);
    expect(() => y.type("foo")).toThrow("invalid type: 'foo'");
  });
  test("apply_ and map_ run a function over the elements", () => {
    expect(
      x()
        .apply_((v) => v * 2)
        .at(1)
        .tolist(),
    ).toEqual([6, 8, 10]);
    expect(
      long([1, 2])
        .map_(long([10]), (a, b) => a + b)
        .tolist(),
    ).toEqual([11, 12]);
    expect(() => reals(2).apply_((v) => v)).toThrow("requires grad");
  });
});

describe("creation refuses", () => {
  const wide = 2 ** 62;
  test.each([
    ["lists of different lengths", () => torch.tensor([[1, 2], [3]]), "expected sequence of length 2 at dim 1 (got 1)"],
    ["a number beside a list", () => torch.tensor([[1, 2], 3] as never), "not a sequence"],
    ["a list beside a number", () => torch.tensor([1, [2, 3]] as never), "must be real number, not list"],
    ["a text", () => torch.tensor("a" as never), "new(): invalid data type 'str'"],
    ["null", () => torch.tensor([null] as never), "Could not infer dtype of NoneType"],
    [
      "a tensor of several elements in a list",
      () => torch.tensor([z(2)]),
      "only one element tensors can be converted to Python scalars",
    ],
    [
      "a number beyond the dtype",
      () => torch.tensor(300, { dtype: "uint8" }),
      "value cannot be converted to type uint8 without overflow",
    ],
    [
      "NaN as an integer",
      () => torch.tensor([NaN], { dtype: "int64" }),
      "value cannot be converted to type int64 without overflow",
    ],
    ["a bigint beyond int64", () => torch.tensor(2n ** 63n), "Overflow when unpacking long"],
    [
      "a fill beyond the dtype",
      () => torch.full([2], 70000, { dtype: "float16" }),
      "value cannot be converted to type at::Half without overflow",
    ],
    ["fill_ beyond the dtype", () => z(2).int().fill_(1e10), "value cannot be converted to type int without overflow"],
    ["a size of NaN", () => z(NaN), "argument 'size' must be tuple of ints, not float"],
    ["a negative size", () => z(2, -1), "Trying to create tensor with negative dimension -1: [2, -1]"],
    ["a size that overflows", () => z(wide, 4), "Storage size calculation overflowed with sizes="],
    ["more memory than there is", () => z(2 ** 31), "out of memory"],
    ["more memory than there is for draws", () => torch.rand(2 ** 31), "out of memory"],
    [
      "gradients of integers",
      () => torch.arange(3, { requiresGrad: true }),
      "Only Tensors of floating point and complex dtype can require gradients",
    ],
    [
      "a layout that is not strided",
      () => torch.zeros(2, { layout: { toString: () => "torch.sparse_coo" } }),
      "layout torch.sparse_coo is not supported",
    ],
    ["pinned memory", () => torch.zeros(2, { pinMemory: true }), "Pinned memory requires CUDA"],
    ["bools in a range", () => torch.arange(3, { dtype: "bool" }), `"arange_cpu" not implemented for 'Bool'`],
    [
      "a buffer of odd length",
      () => torch.frombuffer(new ArrayBuffer(7), { dtype: "float32" }),
      "buffer length (7 bytes) after offset (0 bytes) must be a multiple of element size (4)",
    ],
  ])("%s", (_, make, message) => {
    expect(make).toThrow(message);
  });
  test("nothing of a huge tensor on the meta device, which takes no memory", () => {
    expect(torch.empty(2 ** 31, { device: "meta" }).numel()).toBe(2 ** 31);
  });
  test("negative numbers wrap in unsigned dtypes, as there", () => {
    expect(torch.tensor(-1, { dtype: "uint8" }).item()).toBe(255);
  });
});

test.each([
  [() => x().flip(0, 0), "dim 0 appears multiple times in the list of dims"],
  [() => x().roll([1, 2], 0), "shifts and dimensions must align. shifts: 2, dims:1"],
  [() => x().rot90(1, [0]), "expected total rotation dims == 2, but got dims = 1"],
  [() => x().rot90(1, [0, 2]), "expected rotation dims to be different, but got dim0 = 0 and dim1 = 2"],
  [() => x().repeat(2), "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"],
  [() => x().repeatInterleave(-1), "repeats can not be negative"],
  [() => x().repeatInterleave(long([1]).expand(3), 0), "repeats must have the same size as input along dim"],
  [() => torch.repeatInterleave(long([[1]])), "repeat_interleave only accept 1D vector as repeat"],
  [() => z(2, 2, 2).diag(), "matrix or a vector expected"],
  [() => x().diagEmbed(0, 0, 0), "diagonal dimensions cannot be identical 0, 0"],
  [() => z(3).trace(), "trace: expected a matrix, but got tensor with dim 1"],
  [
    () => torch.blockDiag(z(1, 1, 1)),
    "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input 0 has 3 dimensions",
  ],
  [() => torch.hstack([]), "hstack expects a non-empty TensorList"],
  [
    () => x().hsplit(2),
    "torch.hsplit attempted to split along dimension 1, but the size of the dimension 3 is not divisible by the split_size 2!",
  ],
  [
    () => z(3).vsplit(1),
    "torch.vsplit requires a tensor with at least 2 dimension, but got a tensor with 1 dimensions!",
  ],
  [() => x().tensorSplit(0), "number of sections must be larger than 0, got 0"],
  [
    () => x().tensorSplit(torch.tensor([1])),
    "tensor_split expected tensor_indices_or_sections to have dtype of long, but got Float",
  ],
  [() => torch.cross(z(2, 3), z(3)), "linalg.cross: inputs must have the same number of dimensions."],
  [() => torch.cross(z(2, 3), z(2, 3), 0), "linalg.cross: inputs dimension 0 must have length 3. Got 2 and 2"],
  [() => torch.vander(x()), "x must be a one-dimensional tensor."],
  [() => torch.cdist(z(2), z(2)), "cdist only supports at least 2D tensors, X1 got: 1D"],
  [() => torch.cdist(z(2, 3), z(2, 4)), "X1 and X2 must have the same number of columns. X1: 3 X2: 4"],
  [() => torch.cdist(z(2, 3), z(2, 3), -1), "cdist only supports non-negative p values"],
  [
    () => torch.meshgrid(z(2), { indexing: "xx" as never }),
    `torch.meshgrid: indexing must be one of "xy" or "ij", but received: xx`,
  ],
  [() => torch.combinations(x()), "Expect a 1D vector, but got shape [2, 3]"],
  [() => torch.trilIndices(-1, 2), "row must be non-negative, got-1"],
  [() => z(3).mH, "tensor.mH is only supported on matrices or batches of matrices. Got 1-D tensor."],
])("misuse %# is refused in PyTorch's words", (misuse, message) => {
  expect(misuse).toThrow(message);
});

test.each([
  ["permuteCopy", () => torch.permuteCopy(torch.arange(6).view(2, 3), [1, 0]), [2, 1]],
  ["tCopy", () => torch.tCopy(torch.arange(6).view(2, 3)), [2, 1]],
  ["unfoldCopy", () => torch.unfoldCopy(torch.arange(6), 0, 3, 1), [3, 1]],
  ["asStridedCopy", () => torch.asStridedCopy(torch.arange(6), [2, 2], [1, 2]), [2, 1]],
  ["aliasCopy", () => torch.aliasCopy(torch.arange(6).view(2, 3).T), [2, 1]],
  ["splitCopy", () => torch.splitCopy(torch.arange(6).view(2, 3).T, 2)[0]!, [2, 1]],
  ["unbindCopy", () => torch.unbindCopy(torch.arange(24).view(2, 3, 4), 2)[0]!, [3, 1]],
])("%s lies row-major, as PyTorch's", (_, copied, strides) => {
  expect(copied().stride()).toEqual(strides);
});

test("memory formats print as PyTorch's", () => {
  expect(inspect(torch.channelsLast)).toBe("torch.channels_last");
});
