/** Rows S95 to S107: clone, detach, `.data` and deepcopy of tensors. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import {
  attribute,
  ints,
  linearAt,
  mk,
  nodeName,
  raises,
  sameAddress,
  sameStorage,
  startFresh,
  storageSize,
} from "./support.ts";

const { nn, copy } = torch;

function ones(n: number): torch.Tensor {
  return torch.ones(n, { requiresGrad: true });
}

startFresh();

test("S95 clone is a differentiable copy", () => {
  const x = torch.tensor([1, 2], { requiresGrad: true });
  const y = x.clone();
  expect(String(y)).toBe("tensor([1., 2.], grad_fn=<CloneBackward0>)");
  expect([y.isLeaf, y.requiresGrad, sameAddress(y, x)]).toEqual([false, true, false]);
  y.mul(3).sum().backward();
  expect(String(x.grad)).toBe("tensor([3., 3.])");
});

test("S96 clone allocates new memory and never shows in the original", () => {
  const o = ints([1, 2, 3, 4, 5]);
  const c = o.clone();
  c.setAt([0], 10);
  expect(String(o)).toBe("tensor([1, 2, 3, 4, 5])");
  expect(String(c)).toBe("tensor([10,  2,  3,  4,  5])");
  expect(sameAddress(c, o)).toBe(false);
  expect(sameStorage(c, o)).toBe(false);
});

test("S97 clone drops grad, attributes and the Parameter class; deepcopy of a plain leaf keeps grad and attributes", () => {
  const p = Object.assign(new nn.Parameter(torch.ones(2)), { tag: "x" });
  p.sum().backward();
  const c = p.clone();
  expect(c).not.toBeInstanceOf(nn.Parameter);
  expect(c.isLeaf).toBe(false);
  expect(attribute(c, "tag")).toBe(null);
  const d = copy.deepcopy(p);
  expect(d).toBeInstanceOf(nn.Parameter);
  expect([d.isLeaf, d.grad, attribute(d, "tag")]).toEqual([true, null, null]);
  const t = Object.assign(ones(2), { tag: "x" });
  t.sum().backward();
  const e = copy.deepcopy(t);
  expect(String(e.grad)).toBe("tensor([1., 1.])");
  expect(e.grad === t.grad).toBe(false);
  expect(e.tag).toBe("x");
});

test("S98 clone of a view allocates its elements, deepcopy the whole storage", () => {
  const x = torch.arange(1000, { dtype: torch.float32 }).at("10:12");
  const c = x.clone();
  const d = copy.deepcopy(x);
  expect(storageSize(c)).toBe(2);
  expect(storageSize(d)).toBe(1000);
  expect(d.storageOffset()).toBe(10);
  expect(sameStorage(c, x) || sameStorage(d, x)).toBe(false);
});

test("S99 detach and view share memory, clone never does", () => {
  const x = torch.ones(2);
  expect([sameAddress(x.detach(), x), sameAddress(x.view(2), x), sameAddress(x.clone(), x)]).toEqual([
    true,
    true,
    false,
  ]);
});

test("S100 detach does not copy; detach().clone() is the independent copy", () => {
  const x = ones(2);
  expect(sameAddress(x.detach(), x)).toBe(true);
  expect(sameAddress(x.detach().clone(), x)).toBe(false);
  expect(x.detach().clone().requiresGrad).toBe(false);
});

test("S101 autograd records clone; deepcopy of a leaf is a new leaf", () => {
  const x = ones(2);
  const d = copy.deepcopy(x);
  expect([d.isLeaf, d.requiresGrad, d.gradFn]).toEqual([true, true, null]);
  expect(nodeName(x.clone())).toBe("CloneBackward0");
});

test("S102 w.data.clone() and deepcopy of w.data are independent plain tensors", () => {
  const model = Object.assign(new nn.Module(), { encoder: new nn.Sequential(mk()) });
  const w = linearAt(model.encoder, 0).weight;
  const a = w.data.clone();
  const b = copy.deepcopy(w.data);
  expect(torch.equal(a, b)).toBe(true);
  expect([a.requiresGrad, b.requiresGrad]).toEqual([false, false]);
  expect(b).not.toBeInstanceOf(nn.Parameter);
  expect([sameAddress(a, w), sameAddress(b, w)]).toEqual([false, false]);
});

test("S103 a write through .data goes unnoticed and makes gradients silently wrong", () => {
  const a = torch.tensor([1, 2, 3], { requiresGrad: true });
  const out = a.sigmoid();
  out.data.zero_();
  out.sum().backward();
  expect(String(a.grad)).toBe("tensor([0., 0., 0.])");
});

test("S104 a write through detach() is seen and stops backward", () => {
  const a = torch.tensor([1, 2, 3], { requiresGrad: true });
  const out = a.sigmoid();
  const c = out.detach();
  expect([c.requiresGrad, c.gradFn, c.isLeaf, sameAddress(c, out)]).toEqual([false, null, true, true]);
  c.zero_();
  expect(String(out)).toBe("tensor([0., 0., 0.], grad_fn=<SigmoidBackward0>)");
  raises(
    () => out.sum().backward(),
    "RuntimeError: one of the variables needed for gradient computation has been modified by an inplace operation: " +
      "[torch.FloatTensor [3]], which is output 0 of SigmoidBackward0, is at version 1; expected version 0 instead. " +
      "Hint: enable anomaly detection to find the operation that failed to compute its gradient, with " +
      "torch.autograd.set_detect_anomaly(True).",
  );
});

test("S105 detach_ makes a non-leaf a leaf and returns self", () => {
  const y = ones(2).mul(2);
  expect(y.detach_()).toBe(y);
  expect([y.isLeaf, y.requiresGrad, y.gradFn]).toEqual([true, false, null]);
});

test("S106 views cannot be detached in place", () => {
  const x = ones(4);
  const text =
    "RuntimeError: Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) " +
    "for training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence " +
    "detach_() cannot be called on these gradients. To fix this error, please refer to the Optimizer.zero_grad() " +
    "function in torch/optim/optimizer.py as the solution.";
  raises(() => x.mul(2).at(":2").detach_(), text);
  raises(() => x.view(2, 2).detach_(), text);
  raises(() => torch.ones(4).at(":2").detach_(), text);
});

test("S107 under no_grad results require no grad and leaves may be written", () => {
  const w = ones(2);
  const y = torch.noGrad(() => {
    const result = w.mul(2);
    w.sub_(0.5);
    return result;
  });
  expect(y.requiresGrad).toBe(false);
  expect(String(w)).toBe("tensor([0.5000, 0.5000], requires_grad=True)");
  expect(w.requiresGrad).toBe(true);
  expect(w._version).toBe(1);
});
