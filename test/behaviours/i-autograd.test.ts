/** Rows I65-I77: in-place writes, versions, `.data`, backward. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { capture, lines, mk, raises, sameAddress, startFresh, warned } from "./support.ts";

const { nn } = torch;
startFresh();

const leafError = "RuntimeError: a leaf Variable that requires grad is being used in an in-place operation.";
const viewOfLeafError =
  "RuntimeError: a view of a leaf Variable that requires grad is being used in an in-place operation.";

/** The version-counter error for a tensor, and the node that made it (null: none). */
function modified(tensor: string, node: string | null): string {
  const origin = node === null ? "" : `, which is output 0 of ${node},`;
  return (
    "RuntimeError: one of the variables needed for gradient computation has been modified by an inplace operation: " +
    `[${tensor}]${origin} is at version 1; expected version 0 instead. Hint: enable anomaly detection to find the operation ` +
    "that failed to compute its gradient, with torch.autograd."
  );
}

/** Leaf of ones that requires grad. */
function ones(...size: number[]): torch.Tensor {
  return torch.ones(size, { requiresGrad: true });
}

/** `fn` throws the version-counter error; the numbers of the versions are free. */
function raisesModified(fn: () => unknown, tensor: string, node: string | null): void {
  const anyVersion = (text: string) => text.replace(/version \d+/g, "version N");
  const expected = anyVersion(modified(tensor, node));
  const text = anyVersion(capture(fn));
  expect(text.slice(0, expected.length)).toBe(expected);
  expect(text.slice(expected.length)).toMatch(/^(set_detect_anomaly\(True\)|setDetectAnomaly\(true\))\.$/);
}

test("I65 an in-place operation on a leaf or a view of it raises; through .data it is allowed", () => {
  const x = ones(2);
  raises(() => x.add_(1), leafError);
  raises(() => x.setAt([0], 5), viewOfLeafError);
  raises(() => x.view(2).mul_(2), viewOfLeafError);
  expect(x.tolist()).toEqual([1, 1]);
  expect(x._version).toBe(0);
  expect(String(x.data.add_(1))).toBe("tensor([2., 2.])");
  expect(String(x)).toBe("tensor([2., 2.], requires_grad=True)");
});

test("I65 a plain leaf that receives a value requiring grad becomes a non-leaf", () => {
  const x = torch.tensor([2, 2], { requiresGrad: true });
  const y = torch.ones(2);
  y.setAt([0], x.at(0));
  expect(String(y)).toBe("tensor([2., 1.], grad_fn=<CopySlices>)");
  expect(y.isLeaf).toBe(false);
  y.mul(torch.tensor([3, 5]))
    .sum()
    .backward();
  expect(String(x.grad)).toBe("tensor([3., 0.])");
});

test("I66 a write into a view rewrites the history of its base", () => {
  const x = ones(2);
  const y = x.mul(2);
  const v = y.at(0);
  expect(v.mul_(10) === v).toBe(true);
  expect(String(y)).toBe("tensor([20.,  2.], grad_fn=<CopySlices>)");
  expect(v.gradFn!.name()).toBe("AsStridedBackward0");
  expect(v._base === y).toBe(true);
  y.sum().backward();
  expect(String(x.grad)).toBe("tensor([20.,  2.])");
});

test("I66 a written element has no gradient to its former value", () => {
  const x = ones(2);
  const y = x.mul(2);
  y.setAt([0], 7);
  expect(String(y)).toBe("tensor([7., 2.], grad_fn=<CopySlices>)");
  y.sum().backward();
  expect(String(x.grad)).toBe("tensor([0., 2.])");
});

test("I67 backward after a write to a saved result names the operation", () => {
  const x = ones(3);
  const y = x.exp();
  y.add_(1);
  raisesModified(() => y.sum().backward(), "torch.FloatTensor [3]", "ExpBackward0");
});

test("I67 backward after a write to a saved operand names its last writer", () => {
  const a = ones(2, 2);
  const b = a.mul(1);
  const c = a.matmul(b);
  b.zero_();
  raisesModified(() => c.sum().backward(), "torch.FloatTensor [2, 2]", "ZeroBackward0");
});

test("I67 backward after a write to a saved constant names no operation", () => {
  const w = ones(2);
  const z = torch.ones(2);
  const u = w.mul(z).sum();
  z.add_(1);
  raisesModified(() => u.backward(), "torch.FloatTensor [2]", null);
});

test("I68 a result may be written when its backward did not save it", () => {
  const x = ones(2);
  const y = x.add(1);
  y.mul_(2);
  y.sum().backward();
  expect(String(x.grad)).toBe("tensor([2., 2.])");
});

test("I68 relu saves its result", () => {
  const x = ones(2);
  const y = x.relu();
  y.add_(1);
  raisesModified(() => y.sum().backward(), "torch.FloatTensor [2]", "ReluBackward0");
});

test("I69 _version is shared by views and detach(), not by .data and clone()", () => {
  const x = torch.ones(4);
  const v = x.at(":2");
  const d = x.detach();
  const t = x.data;
  v.add_(1);
  expect([x, v, d, t, x.clone()].map((tensor) => tensor._version)).toEqual([1, 1, 1, 0, 0]);
  t.add_(1);
  expect([x, t, x.data].map((tensor) => tensor._version)).toEqual([1, 1, 0]);
  expect(x.tolist()).toEqual([3, 3, 2, 2]);
});

test("I70 setting .data re-points a tensor to other memory, with another shape and floating dtype", () => {
  const x = ones(2);
  const t = torch.zeros(3);
  x.data = t;
  expect(String(x)).toBe("tensor([0., 0., 0.], requires_grad=True)");
  expect(sameAddress(x, t)).toBe(true);
  expect(x.requiresGrad).toBe(true);
  expect(x._version).toBe(0);
  x.data = torch.zeros(2, { dtype: torch.float64 });
  expect(x.dtype).toBe(torch.float64);
});

test("I70 .data takes tensors only, and no integers where grad is required", () => {
  const x = ones(2);
  expect(
    capture(() => {
      x.data = [1] as unknown as torch.Tensor;
    }),
  ).toMatch(/^TypeError: Variable data has to be a tensor, but got (list|[Aa]rray)$/);
  raises(() => {
    x.data = torch.zeros(2, { dtype: torch.int64 });
  }, "RuntimeError: data set to a tensor that requires gradients must be floating point or complex dtype");
  expect(String(x)).toBe("tensor([1., 1.], requires_grad=True)");
});

test("I71 q.data = p.data makes two Parameters share storage", () => {
  const p = new nn.Parameter(torch.zeros(1));
  const q = new nn.Parameter(torch.ones(1));
  q.data = p.data;
  torch.noGrad(() => p.add_(5));
  expect(String(q)).toBe(lines("Parameter containing:", "tensor([5.], requires_grad=True)"));
  expect(sameAddress(p, q)).toBe(true);
});

test("I72 .grad of a non-leaf is null with a warning", () => {
  const y = ones(1).mul(2);
  y.sum().backward();
  let grad: unknown;
  const messages = warned(() => {
    grad = y.grad;
  });
  expect(grad).toBe(null);
  expect(messages.length).toBe(1);
  expect(messages[0]).toMatch(
    /^The \.grad attribute of a Tensor that is not a leaf Tensor is being accessed\. Its \.grad attribute won't be populated during autograd\.backward\(\)\. If you indeed want the \.grad field to be populated for a non-leaf Tensor, use \.(retain_grad|retainGrad)\(\) on the non-leaf Tensor\. If you access the non-leaf Tensor by mistake, make sure you access the leaf Tensor instead\. See github\.com\/pytorch\/pytorch\/pull\/30531 for more informations\./,
  );
});

test("I72 retainGrad() keeps the gradient of a non-leaf", () => {
  const y = ones(1).mul(2);
  y.retainGrad();
  y.sum().backward();
  expect(warned(() => y.grad)).toEqual([]);
  expect(String(y.grad)).toBe("tensor([1.])");
  expect(y.retainsGrad).toBe(true);
});

test("I73 a second backward needs retainGraph; gradients accumulate in one tensor", () => {
  const x = ones(1);
  const y = x.mul(x).sum();
  y.backward({ retainGraph: true });
  const g = x.grad;
  y.backward();
  expect(String(x.grad)).toBe("tensor([4.])");
  expect(x.grad === g).toBe(true);
  expect(capture(() => y.backward())).toMatch(
    /^RuntimeError: Trying to backward through the graph a second time \(or directly access saved tensors after they have already been freed\)\. Saved intermediate values of the graph are freed when you call \.backward\(\) or autograd\.grad\(\)\. Specify (retain_graph=True|retainGraph: true) if you need to backward through the graph a second time or if you need to access saved tensors after calling backward\.$/,
  );
  const z = x.add(1).sum();
  z.backward();
  z.backward();
  expect(String(x.grad)).toBe("tensor([6.])");
});

test("I74 backward refuses non-scalars without a gradient, other shapes, and what has no graph", () => {
  const x = ones(2);
  const noGraph = "RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn";
  raises(() => x.mul(2).backward(), "RuntimeError: grad can be implicitly created only for scalar outputs");
  raises(() => torch.ones(1).backward(), noGraph);
  raises(
    () => x.mul(2).backward(torch.ones(3)),
    "RuntimeError: Mismatch in shape: grad_output[0] has a shape of torch.Size([3]) and output[0] has a shape of torch.Size([2]).",
  );
  expect(x.grad).toBe(null);
  x.mul(2).backward(torch.ones(2));
  expect(String(x.grad)).toBe("tensor([2., 2.])");
  raises(() => x.detach().sum().backward(), noGraph);
});

test("I75 autograd.grad returns gradients without touching .grad", () => {
  const x = ones(1);
  const y = ones(1);
  const [g, ...rest] = torch.autograd.grad(x.mul(3).sum(), x);
  expect(String(g)).toBe("tensor([3.])");
  expect(rest.length).toBe(0);
  expect(x.grad).toBe(null);
  expect(capture(() => torch.autograd.grad(x.mul(3).sum(), [x, y]))).toMatch(
    /^RuntimeError: One of the differentiated Tensors appears to not have been used in the graph\. Set (allow_unused=True|allowUnused: true|allowUnused=true) if this is the desired behavior\.$/,
  );
  const [first, second] = torch.autograd.grad(x.mul(3).sum(), [x, y], { allowUnused: true });
  expect(String(first)).toBe("tensor([3.])");
  expect(second).toBe(null);
});

test("I76 detach stops gradients, clone passes them on, detach().clone() is independent", () => {
  const x = ones(1);
  x.mul(2).add(x.detach().mul(5)).add(x.clone().mul(7)).sum().backward();
  expect(String(x.grad)).toBe("tensor([9.])");
  const c = x.detach().clone();
  expect(c.requiresGrad).toBe(false);
  expect(sameAddress(c, x)).toBe(false);
});

test("I77 detach_() on a leaf clears requiresGrad", () => {
  const p = new nn.Parameter(torch.ones(1));
  expect(p.detach_() === p).toBe(true);
  expect(p.requiresGrad).toBe(false);
  expect(String(p)).toBe(lines("Parameter containing:", "tensor([1.])"));
  expect(mk().weight.requiresGrad).toBe(true);
});
