/** Rows S68 to S74: typed arrays and tensors over the same memory. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { mk, raises, startFresh } from "./support.ts";

const cannot = "RuntimeError: Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.";

startFresh();

test("S68 fromNumpy keeps the dtype and shares memory both ways", () => {
  const a = BigInt64Array.of(1n, 2n, 3n);
  const t = torch.fromNumpy(a);
  expect(String(t)).toBe("tensor([1, 2, 3])");
  t.setAt([0], 9);
  expect([...a]).toEqual([9n, 2n, 3n]);
  a[1] = -1n;
  expect(String(t)).toBe("tensor([ 9, -1,  3])");
});

test("S69 a tensor over a typed array cannot grow", () => {
  const t = torch.fromNumpy(BigInt64Array.of(1n, 2n, 3n));
  raises(() => t.resize_(10), "RuntimeError: Trying to resize storage that is not resizable");
  expect(String(t.resize_(2))).toBe("tensor([1, 2])");
  expect(String(torch.zeros(2).resize_(4).shape)).toBe("torch.Size([4])");
});

test("S70 numpy() shares storage, also for views with strides", () => {
  const a = torch.ones(5);
  const b = a.numpy();
  expect(String(a)).toBe("tensor([1., 1., 1., 1., 1.])");
  expect(b.data).toEqual(Float32Array.of(1, 1, 1, 1, 1));
  a.add_(1);
  expect(b.data).toEqual(Float32Array.of(2, 2, 2, 2, 2));
  b.data[0] = 7;
  expect(String(a)).toBe("tensor([7., 2., 2., 2., 2.])");
  expect([...torch.arange(6).view(2, 3).t().numpy().stride]).toEqual([1, 3]);
});

test("S71 numpy() refuses a tensor that requires grad; detach().numpy() shares its memory", () => {
  const w = torch.ones(2, { requiresGrad: true });
  raises(() => w.numpy(), cannot);
  raises(() => w.mul(2).numpy(), cannot);
  const n = w.detach().numpy();
  n.data[0] = 5;
  expect(String(w)).toBe("tensor([5., 1.], requires_grad=True)");
});

test("S72 numpy() needs no detach without requires_grad or without grad mode", () => {
  expect(torch.ones(2).numpy().data).toEqual(Float32Array.of(1, 1));
  const array = torch.noGrad(() => torch.ones(2, { requiresGrad: true }).numpy());
  expect(array.data).toEqual(Float32Array.of(1, 1));
});

test("S73 cpu().detach().numpy() and detach().cpu().numpy() are the same memory", () => {
  const b = torch.ones(2, { requiresGrad: true }).mul(3);
  const c = b.cpu().detach().numpy();
  const d = b.detach().cpu().numpy();
  expect(c.data).toEqual(Float32Array.of(3, 3));
  c.data[0] = 8;
  expect(d.data).toEqual(Float32Array.of(8, 3));
  expect(b.detach().tolist()).toEqual([8, 3]);
});

test("S74 a Linear of float32 rejects a float64 input", () => {
  const m = mk();
  const input = (data: Float32Array | Float64Array): torch.Tensor => torch.fromNumpy(data).view(1, 2);
  raises(
    () => m(input(Float64Array.of(1, 1))),
    "RuntimeError: mat1 and mat2 must have the same dtype, but got Double and Float",
  );
  expect(String(m(input(Float32Array.of(1, 1))))).toBe("tensor([[ 8., 13.]], grad_fn=<AddmmBackward0>)");
});
