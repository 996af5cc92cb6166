/** Rows I89-I109: views, storage, copy_, broadcasting, dtypes, indexing. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import {
  capture,
  ints,
  lines,
  mk,
  raises,
  raisesPrefix,
  sameAddress,
  sameStorage,
  startFresh,
  warned,
} from "./support.ts";

const { nn } = torch;
startFresh();

const selfOverlap =
  "RuntimeError: unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please clone() the tensor before performing the operation.";
const partialOverlap =
  "RuntimeError: unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. Please clone() the tensor before performing the operation.";

/** Python's `torch.arange(6).view(...)`. */
function sixInts(...size: number[]): torch.Tensor {
  return torch.arange(6).view(size);
}

test("I89 copy_ broadcasts and converts the source and returns self", () => {
  const a = torch.zeros(2, 3);
  expect(a.copy_(ints([1, 2, 3])) === a).toBe(true);
  expect(String(a)).toBe(lines("tensor([[1., 2., 3.],", "        [1., 2., 3.]])"));
  expect(a.dtype).toBe(torch.float32);
  expect(String(torch.zeros(2, { dtype: torch.int64 }).copy_(torch.tensor([1.9, -1.9])))).toBe("tensor([ 1, -1])");
});

test("I89 copy_ refuses other shapes", () => {
  const a = torch.zeros(2);
  raises(
    () => a.copy_(torch.zeros(3)),
    "RuntimeError: The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0",
  );
  raises(
    () => a.copy_(torch.zeros(1, 2)),
    "RuntimeError: output with shape [2] doesn't match the broadcast shape [1, 2]",
  );
  raises(
    () => torch.zeros(1).copy_(torch.zeros(2)),
    "RuntimeError: output with shape [1] doesn't match the broadcast shape [2]",
  );
  expect(a._version).toBe(0);
});

test("I89 autograd flows through copy_", () => {
  const s = torch.ones(2, { requiresGrad: true });
  const d = torch.zeros(2);
  d.copy_(s);
  expect(String(d)).toBe("tensor([1., 1.], grad_fn=<CopyBackwards>)");
  d.mul(3).sum().backward();
  expect(String(s.grad)).toBe("tensor([3., 3.])");
});

test("I90 an expanded tensor refuses add_ and copy_, not the write of one element nor fill_", () => {
  const x = torch.zeros(1, 3).expand(2, 3);
  raises(() => x.add_(1), selfOverlap);
  expect(x._version).toBe(0);
  x.setAt([0, 0], 1);
  expect(String(x)).toBe(lines("tensor([[1., 0., 0.],", "        [1., 0., 0.]])"));
  raises(() => x.copy_(torch.ones(2, 3)), selfOverlap);
  expect(torch.zeros(1).expand(3).fill_(1).tolist()).toEqual([1, 1, 1]);
});

test("I91 partial overlap of operand and result raises, full overlap is fine", () => {
  const x = torch.arange(4).float();
  raises(() => x.at("1:").add_(x.at(":-1")), partialOverlap);
  raises(() => x.at("1:").copy_(x.at(":-1")), partialOverlap);
  expect(x.tolist()).toEqual([0, 1, 2, 3]);
  expect(x._version).toBe(0);
  expect(String(x.add_(x))).toBe("tensor([0., 2., 4., 6.])");
});

test("I92 number, slice, null and '...' give views; list, mask and index tensor give copies", () => {
  const x = sixInts(2, 3);
  const results = [x.at(0), x.at(":", "1:"), x.at(null), x.at("...", 0), x.at([0]), x.at(x.gt(2)), x.at(ints([1]))];
  expect(results.map((t) => sameStorage(t, x))).toEqual([true, true, true, true, false, false, false]);
  x.setAt([x.gt(2)], 0);
  x.setAt([[0]], 7);
  expect(String(x)).toBe(lines("tensor([[7, 7, 7],", "        [0, 0, 0]])"));
});

test("I93 the base of a view of a view is the root", () => {
  const x = torch.zeros(4);
  const v = x.at("1:");
  const w = v.at("1:");
  expect(w._base === x).toBe(true);
  expect(w.storageOffset()).toBe(2);
  expect(v._isView()).toBe(true);
  expect(x._isView()).toBe(false);
  expect(x.detach()._isView()).toBe(false);
  expect(v.contiguous()._base === x).toBe(true);
});

test("I93 a result of detach() is no view, and may be detached in place", () => {
  const p = new nn.Parameter(torch.zeros(2));
  const d = p.detach();
  expect(d._isView()).toBe(false);
  expect((d._base as unknown) === p).toBe(false);
  expect(d.isLeaf).toBe(true);
  expect(p.data._isView()).toBe(false);
  expect(d.detach_() === d).toBe(true);
  expect([...mk().stateDict().get("weight")!.detach_().shape]).toEqual([2, 2]);
});

test("I94 contiguous() of a contiguous slice is the same object; strides of size-1 dims do not matter", () => {
  const x = sixInts(3, 2).at("1:");
  expect(x.contiguous() === x).toBe(true);
  expect(x.storageOffset()).toBe(2);
  expect(torch.zeros(2, 1, 3).transpose(0, 1).isContiguous()).toBe(true);
  expect(torch.zeros(1, 3).t().isContiguous()).toBe(true);
  expect(torch.zeros(2, 0, 3).transpose(0, 2).isContiguous()).toBe(true);
});

test("I95 a tensor's address is the storage's plus offset times element size", () => {
  const x = torch.arange(4, { dtype: torch.int16 }).at("1:");
  expect(x.untypedStorage().nbytes / x.elementSize()).toBe(4);
  expect(x.storageOffset()).toBe(1);
  expect(x.elementSize()).toBe(2);
  expect(x.dataPtr() - x.untypedStorage().dataPtr()).toBe(2);
  expect(x.untypedStorage().size()).toBe(8);
});

test("I95 (2.x) a storage prints its bytes, device and size", () => {
  const storage = torch.tensor([1], { dtype: torch.float16 }).untypedStorage();
  expect(String(storage)).toBe(lines(" 0", " 60", "[torch.storage.UntypedStorage(device=cpu) of size 2]"));
});

test("I96 asStrided reads any layout inside the storage", () => {
  const x = torch.arange(6).float();
  expect(String(x.asStrided([2, 2], [1, 1]))).toBe(lines("tensor([[0., 1.],", "        [1., 2.]])"));
  expect(String(x.asStrided([2], [1], 4))).toBe("tensor([4., 5.])");
  raises(
    () => x.asStrided([3, 3], [3, 1]),
    "RuntimeError: setStorage: sizes [3, 3], strides [3, 1], storage offset 0, and itemsize 4 requiring a storage size of 36 are out of bounds for storage of size 24",
  );
});

test("I96 set_ shares storage, resize_ changes only the resized tensor", () => {
  const x = torch.arange(6).float();
  const y = torch.empty(0);
  y.set_(x);
  expect(y.isSetTo(x)).toBe(true);
  expect(sameAddress(y, x)).toBe(true);
  expect(String(x.resize_(2, 2))).toBe(lines("tensor([[0., 1.],", "        [2., 3.]])"));
  expect(String(y)).toBe("tensor([0., 1., 2., 3., 4., 5.])");
});

test("I97 view(dtype) reinterprets the bytes, to(dtype) converts", () => {
  const x = torch.tensor([1]);
  const bits = x.view(torch.int32);
  expect(String(bits)).toBe("tensor([1065353216], dtype=torch.int32)");
  expect(sameStorage(bits, x)).toBe(true);
  const converted = torch.tensor([1.9, -1.9]).to(torch.int64);
  expect(String(converted)).toBe("tensor([ 1, -1])");
  expect(String(ints([300]).to(torch.uint8))).toBe("tensor([44], dtype=torch.uint8)");
  expect([...torch.tensor([1, 2]).view(torch.float64).shape]).toEqual([1]);
});

test("I98 broadcasting, and its errors", () => {
  raises(
    () => torch.ones(3).add(torch.ones(4)),
    "RuntimeError: The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 0",
  );
  expect(String(torch.ones(2, 1).add(torch.ones(3)))).toBe(lines("tensor([[2., 2., 2.],", "        [2., 2., 2.]])"));
  raises(
    () => torch.ones(2).add_(torch.ones(2, 2)),
    "RuntimeError: output with shape [2] doesn't match the broadcast shape [2, 2]",
  );
});

test("I99 type promotion", () => {
  const one = ints([1]);
  expect(one.add(torch.tensor([1])).dtype).toBe(torch.float32);
  expect(one.add(1.5).dtype).toBe(torch.float32);
  expect(torch.tensor([1]).add(torch.tensor(1, { dtype: torch.float64 })).dtype).toBe(torch.float32);
  expect(String(one.div(2))).toBe("tensor([0.5000])");
  expect(String(ints([7]).floorDivide(2))).toBe("tensor([3])");
  expect(String(torch.tensor([true]).add(torch.tensor([true])))).toBe("tensor([True])");
  expect(torch.ones(1, { dtype: torch.uint8 }).add(torch.ones(1, { dtype: torch.int8 })).dtype).toBe(torch.int16);
});

test("I99 an in-place result must fit the dtype of self", () => {
  const text = "RuntimeError: result type Float can't be cast to the desired output type Long";
  const one = ints([1]);
  raisesPrefix(() => one.add_(1.5), text);
  raisesPrefix(() => one.mul_(torch.tensor([1.5])), text);
  expect(one.tolist()).toEqual([1]);
  expect(one._version).toBe(0);
});

test("I100 element assignment truncates to the dtype of the tensor", () => {
  const t = ints([1, 2, 3]);
  t.setAt([0], 10.7);
  expect(String(t)).toBe("tensor([10,  2,  3])");
  expect(t.at(0).item()).toBe(10);
  expect(t.tolist()).toEqual([10, 2, 3]);
  expect(t.at(1).item()).toBe(2);
});

test("I100 item() and truth need one element; eq is elementwise", () => {
  raises(() => ints([1, 2]).item(), "RuntimeError: a Tensor with 2 elements cannot be converted to Scalar");
  raises(() => ints([1, 2]).isNonzero(), "RuntimeError: Boolean value of Tensor with more than one value is ambiguous");
  expect(String(torch.tensor([1, 2]).eq(torch.tensor([1, 3])))).toBe("tensor([ True, False])");
  expect(torch.zeros(1).isNonzero()).toBe(false);
});

test("I101 index errors", () => {
  raisesPrefix(() => torch.zeros(3).at(5), "IndexError: index 5 is out of bounds for dimension 0 with size 3");
  raisesPrefix(() => torch.zeros(3).at(0, 0), "IndexError: too many indices for tensor of dimension 1");
  raisesPrefix(() => ints(1).at(0), "IndexError: invalid index of a 0-dim tensor. Use `tensor.item()`");
  raises(() => torch.zeros(3).at("::-1"), "ValueError: step must be greater than zero");
  raisesPrefix(
    () => torch.zeros(2, 3).at(ints([2])),
    "IndexError: index 2 is out of bounds for dimension 0 with size 2",
  );
  raises(() => torch.tensor([[1, 2], [3]]), "ValueError: expected sequence of length 2 at dim 1 (got 1)");
});

test("I101 slices are clipped to the size, numbers count from the end", () => {
  expect([...torch.zeros(3).at("1:10").shape]).toEqual([2]);
  expect(String(torch.zeros(3).at(-1))).toBe("tensor(0.)");
});

test("I102 what fromNumpy refuses", () => {
  const reversed = { data: Float64Array.of(0, 1, 2), shape: [3], stride: [-1], offset: 2 };
  raisesPrefix(
    () => torch.fromNumpy(reversed),
    "ValueError: At least one stride in the given numpy array is negative, and tensors with negative strides are not currently supported.",
  );
  expect(capture(() => torch.fromNumpy([1, 2] as unknown as Float32Array))).toMatch(
    /^TypeError: .*expected .*\(?got (list|[Aa]rray)\)?/,
  );
  expect(capture(() => torch.fromNumpy(Uint16Array.of(1) as unknown as Float32Array))).toMatch(
    /^TypeError: .*([Uu]int16)/,
  );
});

test("I102 fromNumpy of a 0-d array", () => {
  const data = Float64Array.of(3);
  const t = torch.fromNumpy({ data, shape: [], stride: [], offset: 0 });
  expect(String(t)).toBe("tensor(3., dtype=torch.float64)");
  data[0] = 4;
  expect(t.item()).toBe(4);
});

test("I103 torch.tensor(tensor) copies with a warning, asTensor(tensor) is the tensor", () => {
  const x = torch.ones(1, { requiresGrad: true });
  let y = x;
  const messages = warned(() => {
    y = torch.tensor(x);
  });
  expect(messages.length).toBe(1);
  expect(messages[0]).toMatch(
    /^To copy construct from a tensor, it is recommended to use sourceTensor\.clone\(\)\.detach\(\) or sourceTensor\.clone\(\)\.detach\(\)\.(requires_grad_\(True\)|requiresGrad_\((true)?\)), rather than (torch\.)?tensor\(sourceTensor\)\.$/,
  );
  expect(y.requiresGrad).toBe(false);
  expect(sameStorage(x, y)).toBe(false);
  expect(torch.asTensor(x) === x).toBe(true);
});

test("I104 numpy() of an expanded tensor has stride 0 and shares memory", () => {
  expect([...torch.zeros(1).expand(3).numpy().stride]).toEqual([0]);
  const u = torch.zeros(2);
  u.numpy().data[0] = 4;
  expect(String(u)).toBe("tensor([4., 0.])");
});

test("I105 identity, address, storage and isSetTo are four questions", () => {
  const x = torch.zeros(4);
  const y = x.at("2:");
  expect(x === y).toBe(false);
  expect(sameAddress(x, y)).toBe(false);
  expect(sameStorage(x, y)).toBe(true);
  expect(x.untypedStorage().dataPtr() === y.untypedStorage().dataPtr()).toBe(true);
  expect(x.isSetTo(y)).toBe(false);
  expect(x.view(4).isSetTo(x)).toBe(true);
});

test("I106 a tensor is a key by identity", () => {
  const x = torch.ones(2);
  const map = new Map([[x, 1]]);
  expect(map.get(x)).toBe(1);
  expect(map.has(torch.ones(2))).toBe(false);
  raises(
    () => torch.zeros(2).eq(torch.ones(2)).isNonzero(),
    "RuntimeError: Boolean value of Tensor with more than one value is ambiguous",
  );
});

test("I107 reshape of a leaf is a view of it", () => {
  const w = new nn.Parameter(torch.zeros(2, 2));
  const r = w.reshape(4);
  expect(r._base === w).toBe(true);
  expect(r.isLeaf).toBe(false);
  raises(
    () => r.setAt([0], 1),
    "RuntimeError: a view of a leaf Variable that requires grad is being used in an in-place operation.",
  );
  expect(w.sum().item()).toBe(0);
});

test("I108 flatten and ravel share if they can; swapaxes, movedim, chunk, split, select are views", () => {
  const x = sixInts(2, 3);
  expect(sameAddress(x.flatten(), x)).toBe(true);
  expect(sameAddress(x.t().flatten(), x)).toBe(false);
  expect([...x.ravel().shape]).toEqual([6]);
  expect([...x.swapaxes(0, 1).shape]).toEqual([3, 2]);
  expect(x.movedim(0, 1).stride()).toEqual([1, 3]);
  expect(x.chunk(2, 1).map((c) => [...c.shape])).toEqual([
    [2, 2],
    [2, 1],
  ]);
  expect(x.split(2, 1).map((c) => [...c.shape])).toEqual([
    [2, 2],
    [2, 1],
  ]);
  expect(String(x.select(1, 0))).toBe("tensor([0, 3])");
  const views = [x.ravel(), x.swapaxes(0, 1), x.movedim(0, 1), ...x.chunk(2, 1), ...x.split(2, 1), x.select(1, 0)];
  expect(views.map((v) => sameStorage(v, x))).toEqual(views.map(() => true));
});

test("I109 shapes without elements and without dimensions", () => {
  expect([...torch.zeros(0, 3).view(0).shape]).toEqual([0]);
  expect(String(torch.zeros(2, 0).sum(1))).toBe("tensor([0., 0.])");
  expect([...ints(3).view(1).shape]).toEqual([1]);
  expect([...ints([3]).view([]).shape]).toEqual([]);
  expect(String(torch.zeros(0, 3))).toBe("tensor([], size=(0, 3))");
  expect(String(ints([3]).view([]).shape)).toBe("torch.Size([])");
});
