/** Rows S50 to S67: making tensors, their dtypes, and what they print. */
import { format } from "node:util";
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { ints, lines, mk, raises, sameAddress, seed0, startFresh } from "./support.ts";

const { nn } = torch;

startFresh();

test("S50 permute turns NHWC into NCHW as a strided view", () => {
  const x = torch.zeros(2, 4, 5, 3);
  const y = x.permute(0, 3, 1, 2);
  expect(String(y.shape)).toBe("torch.Size([2, 3, 4, 5])");
  expect([...y.stride()]).toEqual([60, 1, 15, 3]);
  expect(y.isContiguous()).toBe(false);
  expect(sameAddress(y, x)).toBe(true);
  expect(y.isContiguous({ memoryFormat: torch.channelsLast })).toBe(true);
});

test("S51 torch.Tensor is a class and torch.tensor a function that makes one", () => {
  expect(() => Reflect.apply(torch.Tensor, undefined, [])).toThrow(TypeError);
  expect(torch.tensor([1])).toBeInstanceOf(torch.Tensor);
});

test("S52 a nested list prints without padding when nothing is negative", () => {
  const x = torch.tensor([
    [0.1, 1.2],
    [2.2, 3.1],
    [4.9, 5.2],
  ]);
  expect(String(x)).toBe(lines("tensor([[0.1000, 1.2000],", "        [2.2000, 3.1000],", "        [4.9000, 5.2000]])"));
});

test("S53 a size may be given as numbers or as a list", () => {
  expect(String(torch.zeros(2, 3))).toBe(lines("tensor([[0., 0., 0.],", "        [0., 0., 0.]])"));
  expect(torch.equal(torch.zeros(2, 3), torch.zeros([2, 3]))).toBe(true);
  expect(String(torch.zeros([2, 3]).shape)).toBe("torch.Size([2, 3])");
});

test("S54 the _like functions take size and dtype from their argument, not requires_grad", () => {
  const x = torch.ones(2, 3, { dtype: torch.float64, requiresGrad: true });
  expect(String(torch.zerosLike(x))).toBe(
    lines("tensor([[0., 0., 0.],", "        [0., 0., 0.]], dtype=torch.float64)"),
  );
  expect(torch.onesLike(x, { dtype: torch.int32 }).dtype).toBe(torch.int32);
  expect(String(torch.fullLike(x, 7).at(0, 0))).toBe("tensor(7., dtype=torch.float64)");
  expect(String(torch.randLike(x).shape)).toBe("torch.Size([2, 3])");
  expect(torch.emptyLike(x).requiresGrad).toBe(false);
});

test("S55 the new_ methods take the dtype of self and the size given", () => {
  const x = torch.ones(2, { dtype: torch.int64 });
  expect(String(x.newZeros(2, 2))).toBe(lines("tensor([[0, 0],", "        [0, 0]])"));
  expect(String(x.newOnes([3]))).toBe("tensor([1, 1, 1])");
  expect(String(x.newFull([2], 7))).toBe("tensor([7, 7])");
  expect(String(x.newEmpty(2, 0).shape)).toBe("torch.Size([2, 0])");
  expect(String(x.newTensor([1.9, 2.1]))).toBe("tensor([1, 2])");
});

test("S56 new Tensor(1, 2, 3, 4, 5) has that size and dtype float32", () => {
  const a = new torch.Tensor(1, 2, 3, 4, 5);
  expect(String(a.shape)).toBe("torch.Size([1, 2, 3, 4, 5])");
  expect(String(a.size())).toBe("torch.Size([1, 2, 3, 4, 5])");
  expect(a.dtype).toBe(torch.float32);
});

test("S57 the legacy constructor reads numbers as sizes and a list as data", () => {
  expect(String(new torch.Tensor(3).shape)).toBe("torch.Size([3])");
  expect(String(new torch.Tensor([3]))).toBe("tensor([3.])");
  expect(String(ints(3))).toBe("tensor(3)");
  expect(String(new torch.Tensor())).toBe("tensor([])");
  const rows = [
    [1, 2],
    [3, 4],
  ];
  expect(String(new torch.Tensor(rows))).toBe(lines("tensor([[1., 2.],", "        [3., 4.]])"));
  raises(
    () => Reflect.apply(torch.tensor, undefined, [2, 3]),
    "TypeError: tensor() takes 1 positional argument but 2 were given",
  );
});

test("S58 shape and size() are a torch.Size", () => {
  const a = torch.zeros(2, 3);
  expect(a.shape).toBeInstanceOf(torch.Size);
  expect(String(a.shape)).toBe("torch.Size([2, 3])");
  expect(a.size()).toEqual(a.shape);
  expect(a.size(-1)).toBe(3);
  expect([...a.shape]).toEqual([2, 3]);
  expect(String(ints(1).shape)).toBe("torch.Size([])");
  expect(a.shape.numel()).toBe(6);
  expect(a.shape.slice(1)).toEqual([3]);
  expect([a.dim(), a.numel()]).toEqual([2, 6]);
});

test("S59 randn and rand give PyTorch's numbers for a seed", () => {
  expect(String(torch.randn(2, 3))).toBe(
    lines("tensor([[ 1.5410, -0.2934, -2.1788],", "        [ 0.5684, -1.0845, -1.3986]])"),
  );
  seed0();
  expect(torch.randn([2, 3]).requiresGrad).toBe(false);
  seed0();
  expect(String(torch.rand(2, 3))).toBe(
    lines("tensor([[0.4963, 0.7682, 0.0885],", "        [0.1320, 0.3074, 0.6341]])"),
  );
  seed0();
  expect(String(torch.randn(16).at(":4"))).toBe("tensor([-1.1258, -1.1524, -0.2506, -0.4339])");
  expect(String(torch.randn(4))).toBe("tensor([-0.7193, -0.4033, -0.5966,  0.1820])");
});

test("S60 a Parameter is a Tensor and a leaf that requires grad", () => {
  const p = new nn.Parameter(
    torch.tensor([
      [1, -2.5],
      [3, 4],
    ]),
  );
  expect(String(p)).toBe(
    lines("Parameter containing:", "tensor([[ 1.0000, -2.5000],", "        [ 3.0000,  4.0000]], requires_grad=True)"),
  );
  expect(p).toBeInstanceOf(nn.Parameter);
  expect(p).toBeInstanceOf(torch.Tensor);
  expect([p.requiresGrad, p.isLeaf]).toEqual([true, true]);
  expect(String(new nn.Parameter(torch.zeros(1), { requiresGrad: false }))).toBe(
    lines("Parameter containing:", "tensor([0.])"),
  );
});

test("S61 the dtype follows the kind of the data: numbers float32, bigint int64, boolean bool, typed arrays their own", () => {
  expect(torch.tensor([1n, 2n, 3n]).dtype).toBe(torch.int64);
  expect(torch.tensor([1, 2]).dtype).toBe(torch.float32);
  expect(torch.tensor([true]).dtype).toBe(torch.bool);
  expect(torch.tensor([true, 2n]).dtype).toBe(torch.int64);
  expect(torch.tensor(Float64Array.of(1)).dtype).toBe(torch.float64);
  expect(torch.tensor([]).dtype).toBe(torch.float32);
});

test("S62 int64, float32 and bool print no dtype, others do", () => {
  expect(String(ints([10, 2, 3]))).toBe("tensor([10,  2,  3])");
  expect(String(torch.tensor([10, 2, 3]))).toBe("tensor([10.,  2.,  3.])");
  expect(String(torch.tensor([true, false]))).toBe("tensor([ True, False])");
  expect(String(torch.tensor([1, 2], { dtype: torch.float64 }))).toBe("tensor([1., 2.], dtype=torch.float64)");
  expect(String(torch.tensor([1], { dtype: torch.uint8 }))).toBe("tensor([1], dtype=torch.uint8)");
  expect(String(torch.tensor(3))).toBe("tensor(3.)");
  expect(String(ints(3))).toBe("tensor(3)");
  const x = torch.tensor([1, 2], { requiresGrad: true });
  expect(String(x)).toBe("tensor([1., 2.], requires_grad=True)");
  expect(String(x.mul(2))).toBe("tensor([2., 4.], grad_fn=<MulBackward0>)");
});

test("S63 a state dict prints as an OrderedDict whose tensors keep their own indentation", () => {
  const m = mk(
    [
      [-0.0472, -0.45],
      [0.3051, 0.3033],
    ],
    [0.1162, 0.4246],
  );
  expect(String(m.stateDict())).toBe(
    lines(
      "OrderedDict([('weight', tensor([[-0.0472, -0.4500],",
      "        [ 0.3051,  0.3033]])), ('bias', tensor([0.1162, 0.4246]))])",
    ),
  );
});

test("S64 a Parameter prints on two lines", () => {
  expect(String(new nn.Parameter(torch.tensor([[0.0171, 0.4382, -0.4297, 0.4098, -0.3954]])))).toBe(
    lines("Parameter containing:", "tensor([[ 0.0171,  0.4382, -0.4297,  0.4098, -0.3954]], requires_grad=True)"),
  );
});

test("S65 dtype, device, Size and layout print as in PyTorch", () => {
  expect(String(torch.float32)).toBe("torch.float32");
  expect(String(torch.int64)).toBe("torch.int64");
  expect(String(torch.device("cpu"))).toBe("cpu");
  expect(String(torch.device("cuda:0"))).toBe("cuda:0");
  expect(String(new torch.Size([1, 2]))).toBe("torch.Size([1, 2])");
  expect(String(new torch.Size([]))).toBe("torch.Size([])");
  expect(String(torch.strided)).toBe("torch.strided");
});

test("S66 Linear prints its sizes and draws weight, then bias, within 1/sqrt(in_features)", () => {
  const m = new nn.Linear(2, 2);
  expect(String(m)).toBe("Linear(in_features=2, out_features=2, bias=True)");
  expect(String(m.weight)).toBe(
    lines("Parameter containing:", "tensor([[-0.0053,  0.3793],", "        [-0.5820, -0.5204]], requires_grad=True)"),
  );
  expect(String(m.bias)).toBe(lines("Parameter containing:", "tensor([-0.2723,  0.1896], requires_grad=True)"));
  const l = new nn.Linear(100, 50);
  expect(l.weight.abs().max().item()).toBeLessThanOrEqual(0.1);
  expect(l.bias!.abs().max().item()).toBeLessThanOrEqual(0.1);
  expect(new nn.Linear(2, 3, { bias: false }).bias).toBe(null);
});

test("S67 a tensor beside a text on the console prints as in PyTorch", () => {
  const t = ints([1, 2, 3, 4, 5]);
  const c = t.clone();
  c.setAt([0], 10);
  expect(format("Original tensor:", t)).toBe("Original tensor: tensor([1, 2, 3, 4, 5])");
  expect(format("Cloned tensor:", c)).toBe("Cloned tensor: tensor([10,  2,  3,  4,  5])");
});
