/** Pitfalls P23 to P34, P38 and P39: shared memory, shapes, dtypes and writes that autograd does not see. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { lines, mk, raises, sameAddress, startFresh } from "./support.ts";

const { nn } = torch;

startFresh();

test("P23 fromNumpy and asTensor share a typed array, tensor copies it", () => {
  const a = new Float64Array(2);
  const shared = torch.fromNumpy(a);
  const same = torch.asTensor(a);
  const copied = torch.tensor(a);
  a[0] = 5;
  expect([shared.tolist(), same.tolist(), copied.tolist()]).toEqual([
    [5, 0],
    [5, 0],
    [0, 0],
  ]);
});

test("P24 a write to the typed array between forward and backward goes unnoticed", () => {
  const x = torch.ones(2);
  const w = torch.ones(2, { requiresGrad: true });
  const y = w.mul(x).sum();
  x.numpy().data[0] = 100;
  y.backward();
  expect(String(w.grad)).toBe("tensor([100.,   1.])");
  expect(x._version).toBe(0);
});

test("P25 detach().numpy() aliases the parameter", () => {
  const w = new nn.Parameter(torch.ones(2));
  w.detach()
    .numpy()
    .data.fill(0 as never);
  expect(String(w)).toBe(lines("Parameter containing:", "tensor([0., 0.], requires_grad=True)"));
});

test("P26 numpy() of a Parameter raises and names the remedy", () => {
  raises(
    () => new nn.Parameter(torch.ones(1)).numpy(),
    "RuntimeError: Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.",
  );
});

test("P27 a float64 array into a float32 model raises and names both dtypes", () => {
  raises(
    () => mk()(torch.fromNumpy(new Float64Array(2)).view(1, 2)),
    "RuntimeError: mat1 and mat2 must have the same dtype, but got Double and Float",
  );
});

test("P28 reshape to the permuted shape scrambles the elements that permute keeps apart", () => {
  const x = torch.arange(6).view(1, 2, 1, 3);
  expect(x.permute(0, 3, 1, 2).flatten().tolist()).toEqual([0, 3, 1, 4, 2, 5]);
  expect(x.reshape(1, 3, 2, 1).flatten().tolist()).toEqual([0, 1, 2, 3, 4, 5]);
});

test("P29 a write into a reshape reaches the source only where it is a view", () => {
  const a = torch.zeros(2, 3);
  const b = torch.zeros(2, 3);
  a.reshape(6).setAt([0], 1);
  b.t().reshape(6).setAt([0], 1);
  expect(String(a.at(0, 0))).toBe("tensor(1.)");
  expect(String(b.at(0, 0))).toBe("tensor(0.)");
});

test("P30 view of a transpose raises and names reshape", () => {
  raises(
    () => torch.zeros(2, 3).t().view(-1),
    "RuntimeError: view size is not compatible with input tensor's size and stride (at least one dimension spans " +
      "across two contiguous subspaces). Use .reshape(...) instead.",
  );
});

test("P31 writes through squeeze, T and narrow change the base", () => {
  const x = torch.zeros(1, 3);
  x.squeeze(0).setAt([1], 4);
  x.T.setAt([2, 0], 5);
  x.narrow(1, 0, 1).setAt([0, 0], 6);
  expect(String(x)).toBe("tensor([[6., 4., 5.]])");
});

test("P32 squeeze without a dim drops a batch of one too", () => {
  expect(String(torch.zeros(1, 3, 1).squeeze().shape)).toBe("torch.Size([3])");
  expect(String(torch.zeros(1, 3, 1).squeeze(-1).shape)).toBe("torch.Size([1, 3])");
});

test("P33 new Tensor(3) has three elements; a list of numbers makes float32", () => {
  expect(String(new torch.Tensor(3).shape)).toBe("torch.Size([3])");
  expect(new torch.Tensor([1, 2]).dtype).toBe(torch.float32);
  expect(torch.tensor([1n, 2n]).dtype).toBe(torch.int64);
});

test("P34 a tensor's double() is a new tensor, a module's double() changes the module", () => {
  const t = torch.ones(1);
  t.double();
  const m = mk();
  m.double();
  expect(t.dtype).toBe(torch.float32);
  expect(m.weight.dtype).toBe(torch.float64);
});

test("P38 a write through .data gives silently wrong gradients, one through detach() an error", () => {
  const a = torch.ones(2, { requiresGrad: true });
  const y = a.exp();
  y.data.zero_();
  y.sum().backward();
  expect(String(a.grad)).toBe("tensor([0., 0.])");
  const z = torch.ones(2, { requiresGrad: true }).exp();
  z.detach().zero_();
  raises(
    () => z.sum().backward(),
    "RuntimeError: one of the variables needed for gradient computation has been modified by an inplace operation: " +
      "[torch.FloatTensor [2]], which is output 0 of ExpBackward0, is at version 1; expected version 0 instead. " +
      "Hint: enable anomaly detection to find the operation that failed to compute its gradient, with " +
      "torch.autograd.set_detect_anomaly(True).",
  );
});

test("P39 a clone neither shares memory nor leaves the graph", () => {
  const x = torch.ones(1, { requiresGrad: true });
  const c = x.clone();
  c.mul(2).sum().backward();
  expect(String(x.grad)).toBe("tensor([2.])");
  expect(sameAddress(c, x)).toBe(false);
});
