/** Rows I78-I88: requiresGrad, leaves, views under autograd, `.grad`, gradients through views, grad modes. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { capture, ints, lines, raises, raisesPrefix, sameAddress, startFresh } from "./support.ts";

const { nn } = torch;
const F = nn.functional;
startFresh();

/** Leaf of ones that requires grad. */
function ones(...size: number[]): torch.Tensor {
  return torch.ones(size, { requiresGrad: true });
}

test("I78 requiresGrad of a non-leaf cannot be cleared", () => {
  const y = ones(1).mul(2);
  const text =
    "RuntimeError: you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach().";
  raises(() => {
    y.requiresGrad = false;
  }, text);
  raises(() => y.requiresGrad_(false), text);
  expect(y.requiresGrad).toBe(true);
});

test("I78 integers cannot require grad", () => {
  raisesPrefix(
    () => torch.ones(1, { dtype: torch.int64 }).requiresGrad_(),
    "RuntimeError: only Tensors of floating point dtype can require gradients",
  );
  const text = "RuntimeError: Only Tensors of floating point and complex dtype can require gradients";
  raisesPrefix(() => torch.tensor([1], { dtype: torch.int64, requiresGrad: true }), text);
  raisesPrefix(() => new nn.Parameter(ints([1])), text);
  expect(String(new nn.Parameter(ints([1]), { requiresGrad: false }))).toBe(
    lines("Parameter containing:", "tensor([1])"),
  );
});

test("I79 isLeaf", () => {
  const x = ones(2);
  const z = torch.ones(2);
  const n = torch.noGrad(() => x.mul(2));
  const all = [z, x, x.mul(2), n, x.detach(), x.view(2), z.view(2), new nn.Parameter(z)];
  expect(all.map((t) => t.isLeaf)).toEqual([true, true, false, true, true, false, true, true]);
});

test("I80 a view made under noGrad cannot be modified in grad mode", () => {
  const text =
    "RuntimeError: A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace either both inside the no_grad block (if you don't want the inplace to be tracked) or both outside (if you want the inplace to be tracked).";
  const x = ones(2);
  const v = torch.noGrad(() => x.at(":1"));
  expect(v.requiresGrad).toBe(true);
  raises(() => v.add_(1), text);
  const y = ones(2).mul(1);
  const w = torch.noGrad(() => y.at(":1"));
  expect(w.requiresGrad).toBe(true);
  raises(() => w.add_(1), text);
  expect(x.tolist()).toEqual([1, 1]);
  expect(y.tolist()).toEqual([1, 1]);
  expect(y._version).toBe(0);
});

test("I81 one of several views from one call cannot be modified in place", () => {
  const text = (node: string) =>
    `RuntimeError: Output 0 of ${node} is a view and is being modified inplace. This view is the output of a function that returns multiple views. Such functions do not allow the output views to be modified inplace. You should replace the inplace operation by an out-of-place one.`;
  const y = ones(2, 2).mul(1);
  const [a] = y.unbind(0);
  raises(() => a!.add_(1), text("UnbindBackward0"));
  raises(() => {
    for (const r of y) r.mul_(2);
  }, text("UnbindBackward0"));
  const s = ones(4).mul(1).split(2);
  raises(() => s[0]!.zero_(), text("SplitBackward0"));
  expect(y.tolist()).toEqual([
    [1, 1],
    [1, 1],
  ]);
});

test("I82 a Parameter shares storage with its tensor", () => {
  const t = torch.zeros(2);
  const p = new nn.Parameter(t);
  t.setAt([0], 5);
  expect(String(p)).toBe(lines("Parameter containing:", "tensor([5., 0.], requires_grad=True)"));
  expect((p as torch.Tensor) === t).toBe(false);
});

test("I82 a Parameter of a non-leaf is detached", () => {
  const x = ones(1).mul(3);
  const q = new nn.Parameter(x);
  expect(q.isLeaf).toBe(true);
  expect(q.gradFn).toBe(null);
  expect(sameAddress(q, x)).toBe(true);
});

test("I83 .grad takes null or a tensor of the same shape and dtype that is not the tensor itself", () => {
  const p = new nn.Parameter(torch.ones(2));
  const assign = (grad: unknown) => () => {
    p.grad = grad as torch.Tensor;
  };
  raises(assign(torch.ones(3)), "RuntimeError: assigned grad has data of a different size");
  raises(assign(torch.ones(2, { dtype: torch.float64 })), "RuntimeError: assigned grad has data of a different type");
  expect(capture(assign(1))).toMatch(
    /^TypeError: assigned grad expected to be a Tensor or (None|null) but got grad of type ?(int|number)$/,
  );
  raises(assign(p), "RuntimeError: can't assign Variable as its own grad");
  expect(p.grad).toBe(null);
  p.grad = torch.ones(2);
  expect(String(p.grad)).toBe("tensor([1., 1.])");
  p.grad = null;
  expect(p.grad).toBe(null);
});

test("I84 .grad does not alias the gradient that the user passed in", () => {
  const x = ones(2);
  const g = torch.ones(2);
  x.mul(1).backward(g);
  expect(sameAddress(x.grad!, g)).toBe(false);
  const y = ones(2);
  const h = torch.ones(2);
  y.backward(h);
  expect(sameAddress(y.grad!, h)).toBe(false);
});

test("I85 gradients of broadcast operands are summed to their shape", () => {
  const b = torch.zeros(2, { requiresGrad: true });
  b.add(torch.ones(3, 2)).sum().backward();
  expect(String(b.grad)).toBe("tensor([3., 3.])");
  const e = ones(1);
  e.expand(4).sum().backward();
  expect(String(e.grad)).toBe("tensor([4.])");
});

test("I86 gradients through view, t, narrow, unsqueeze, squeeze", () => {
  const x = torch.arange(6, { dtype: torch.float32, requiresGrad: true });
  const y = x.view(2, 3).t().narrow(0, 0, 2).unsqueeze(0).squeeze();
  y.mul(torch.arange(4).float().view(2, 2)).sum().backward();
  expect(String(x.grad)).toBe("tensor([0., 2., 0., 1., 3., 0.])");
});

test("I86 gradients through Tensor.unfold and F.unfold", () => {
  const u = torch.zeros(4, { requiresGrad: true });
  u.unfold(0, 2, 1).sum().backward();
  expect(String(u.grad)).toBe("tensor([1., 2., 2., 1.])");
  const k = torch.zeros(1, 1, 3, 3, { requiresGrad: true });
  F.unfold(k, 2).sum().backward();
  expect(String(k.grad!.at(0, 0))).toBe(
    lines("tensor([[1., 2., 1.],", "        [2., 4., 2.],", "        [1., 2., 1.]])"),
  );
});

test("I86 gradients through einsum", () => {
  const A = ones(2, 3);
  const B = torch.arange(6).float().view(3, 2);
  torch.einsum("ij,jk->ik", A, B).sum().backward();
  expect(String(A.grad)).toBe(lines("tensor([[1., 5., 9.],", "        [1., 5., 9.]])"));
});

const x22 = () => ones(2, 2);
const ij = "ij,jk->ik";
const nodes: [expression: string, result: (x: torch.Tensor) => torch.Tensor, node: string][] = [
  ["x.clone()", (x) => x.clone(), "CloneBackward0"],
  ["x.t()", (x) => x.t(), "TBackward0"],
  ["x.transpose(0, 1)", (x) => x.transpose(0, 1), "TransposeBackward0"],
  ["x.permute(1, 0)", (x) => x.permute(1, 0), "PermuteBackward0"],
  ["x.view(4)", (x) => x.view(4), "ViewBackward0"],
  ["x.reshape(4)", (x) => x.reshape(4), "ReshapeAliasBackward0"],
  ["x.t().reshape(4)", (x) => x.t().reshape(4), "UnsafeViewBackward0"],
  ["x.T", (x) => x.T, "PermuteBackward0"],
  ["x.at(0)", (x) => x.at(0), "SelectBackward0"],
  ["x.at(':', '1:')", (x) => x.at(":", "1:"), "SliceBackward0"],
  ["x.narrow(0, 0, 1)", (x) => x.narrow(0, 0, 1), "SliceBackward0"],
  ["x.squeeze()", (x) => x.squeeze(), "SqueezeBackward0"],
  ["x.squeeze(0)", (x) => x.squeeze(0), "SqueezeBackward1"],
  ["x.unsqueeze(0)", (x) => x.unsqueeze(0), "UnsqueezeBackward0"],
  ["x.expand(3, 2, 2)", (x) => x.expand(3, 2, 2), "ExpandBackward0"],
  ["x.t().contiguous()", (x) => x.t().contiguous(), "CloneBackward0"],
  ["x.sum()", (x) => x.sum(), "SumBackward0"],
  ["x.sum(0)", (x) => x.sum(0), "SumBackward1"],
  ["x.matmul(x)", (x) => x.matmul(x), "MmBackward0"],
  ["x.add(x)", (x) => x.add(x), "AddBackward0"],
  ["x.sub(x)", (x) => x.sub(x), "SubBackward0"],
  ["x.mul(x)", (x) => x.mul(x), "MulBackward0"],
  ["x.div(x)", (x) => x.div(x), "DivBackward0"],
  ["x.sigmoid()", (x) => x.sigmoid(), "SigmoidBackward0"],
  ["x.exp()", (x) => x.exp(), "ExpBackward0"],
  ["x.mean()", (x) => x.mean(), "MeanBackward0"],
  ["x.double()", (x) => x.double(), "ToCopyBackward0"],
  ["x.select(0, 0)", (x) => x.select(0, 0), "SelectBackward0"],
  ["x.unfold(0, 1, 1)", (x) => x.unfold(0, 1, 1), "UnfoldBackward0"],
  ["F.linear(x, x, x.at(0))", (x) => F.linear(x, x, x.at(0)), "AddmmBackward0"],
  ["F.linear(x, x)", (x) => F.linear(x, x), "MmBackward0"],
  ["torch.einsum(ij, x, x)", (x) => torch.einsum(ij, x, x), "ViewBackward0"],
  ["x.neg()", (x) => x.neg(), "NegBackward0"],
  ["x.pow(2)", (x) => x.pow(2), "PowBackward0"],
  ["F.unfold(x.view(1, 1, 2, 2), 1)", (x) => F.unfold(x.view(1, 1, 2, 2), 1), "Im2ColBackward0"],
  ["F.mseLoss(x, x.detach())", (x) => F.mseLoss(x, x.detach()), "MseLossBackward0"],
  ["F.relu(x)", (x) => F.relu(x), "ReluBackward0"],
];

test.each(nodes)("I87 the gradFn of %s", (_, result, node) => {
  expect(result(x22()).gradFn!.name()).toBe(node);
});

test("I87 no gradFn: contiguous() of a contiguous leaf is the leaf, detach() has none", () => {
  const x = x22();
  expect(x.contiguous() === x).toBe(true);
  expect(x.contiguous().gradFn).toBe(null);
  expect(x.detach().gradFn).toBe(null);
});

test("I88 noGrad and enableGrad nest and restore", () => {
  const seen: boolean[] = [];
  torch.noGrad(() => {
    seen.push(torch.isGradEnabled());
    torch.enableGrad(() => {
      seen.push(torch.isGradEnabled());
    });
    seen.push(torch.isGradEnabled());
  });
  expect(seen).toEqual([false, true, false]);
  expect(torch.isGradEnabled()).toBe(true);
});

test("I88 setGradEnabled restores", () => {
  torch.setGradEnabled(false, () => {
    expect(torch.isGradEnabled()).toBe(false);
  });
  expect(torch.isGradEnabled()).toBe(true);
});

test("I88 an inference tensor cannot be saved for backward", () => {
  const w = ones(1);
  const i = torch.inferenceMode(() => torch.ones(1));
  raises(
    () => w.mul(i).sum().backward(),
    "RuntimeError: Inference tensors cannot be saved for backward. To work around you can make a clone to get a normal tensor and use it in autograd.",
  );
});
