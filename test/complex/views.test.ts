/** Views of complex tensors: conjugates, parts, reinterpretations; what they share, and what flows back through them. */
import { describe, expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const c = (re: number, im = 0): torch.Complex => new torch.Complex(re, im);
const z = (): torch.Tensor => torch.tensor([c(1, 2), c(3, -4)]);
const leaf = (): torch.Tensor => z().requiresGrad_();
const pairs = (): torch.Tensor =>
  torch.tensor(
    [
      [1, 2],
      [3, 4],
    ],
    { requiresGrad: true },
  ); // prettier-ignore

describe("a conjugate", () => {
  test("is a view until somebody computes with it", () => {
    const x = z();
    const conj = x.conj();
    expect([conj.isConj(), conj._isView(), conj._base === x, conj.conj().isConj()]).toEqual([true, true, true, false]);
    const lazy = [conj.at("0:1"), conj.reshape(2, 1), conj.expand(3, 2), conj.contiguous(), conj.detach(), conj.data];
    expect(lazy.map((t) => t.isConj())).toEqual(lazy.map(() => true));
    const computed = [
      conj.clone(),
      conj.cdouble(),
      conj.add(1),
      conj.flip(0),
      torch.cat([conj, conj]),
      conj.resolveConj(),
    ];
    expect(computed.map((t) => t.isConj())).toEqual(computed.map(() => false));
    expect([torch.isConj(conj), torch.isConj(x), torch.isComplex(x)]).toEqual([true, false, true]);
    expect([x.resolveConj() === x, x.conjPhysical().isConj()]).toEqual([true, false]);
    const copied = torch.copy.deepcopy(conj);
    expect([copied.isConj(), String(copied)]).toEqual([false, "tensor([1.-2.j, 3.+4.j])"]);
  });

  test("of a real tensor is that tensor", () => {
    const x = torch.ones(2);
    expect([x.conj() === x, x.conjPhysical() === x, x.resolveConj() === x, x.isConj()]).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  test("sees writes and writes conjugated", () => {
    const x = z();
    const conj = x.conj();
    x.at(0).fill_(c(5, 5));
    expect(String(conj)).toBe("tensor([5.-5.j, 3.+4.j])");
    conj.mul_(c(0, 1));
    expect([String(conj), String(x)]).toEqual(["tensor([ 5.+5.j, -4.+3.j])", "tensor([ 5.-5.j, -4.-3.j])"]);
    conj.setAt([[0, 1]], torch.tensor([c(1, 1), c(2, 2)]));
    expect(String(x)).toBe("tensor([1.-1.j, 2.-2.j])");
    x.mul_(conj);
    expect(String(x)).toBe("tensor([2.+0.j, 8.+0.j])");
  });

  test("transposes matrices with H, mH and adjoint", () => {
    const x = torch.tensor([[c(1, 2), c(3, 4)]]);
    for (const t of [x.H, x.mH, x.adjoint()]) {
      expect([String(t), t.isConj()]).toEqual(["tensor([[1.-2.j],\n        [3.-4.j]])", true]);
    }
  });
});

describe("the parts", () => {
  test("are views; the imaginary one of a conjugate is lazily negated", () => {
    const x = z();
    const negated = x.conj().imag;
    expect([x.real, x.imag, x.conj().real, negated].map(String)).toEqual([
      "tensor([1., 3.])",
      "tensor([ 2., -4.])",
      "tensor([1., 3.])",
      "tensor([-2.,  4.])",
    ]);
    expect([negated.isNeg(), negated.clone().isNeg(), negated.resolveNeg().isNeg()]).toEqual([true, false, false]);
    expect([x.imag, negated].map((t) => t._base === x)).toEqual([true, true]);
    negated.add_(torch.tensor([10, 20]));
    expect(String(x)).toBe("tensor([1.-8.j, 3.-24.j])");
    expect([negated.sort().values, negated.sum(), negated.mul(2), negated.dot(x.real)].map(String)).toEqual([
      "tensor([ 8., 24.])",
      "tensor(32.)",
      "tensor([16., 48.])",
      "tensor(80.)",
    ]);
    x.real = torch.tensor([7, 8]);
    x.imag = 0;
    expect(String(x)).toBe("tensor([7.+0.j, 8.+0.j])");
  });

  test("share memory with viewAsReal and viewAsComplex", () => {
    const x = z();
    const real = torch.viewAsReal(x.view(2, 1));
    expect([[...real.shape], real.stride(), real.storageOffset()]).toEqual([[2, 1, 2], [2, 2, 1], 0]);
    real.mul_(2);
    expect(String(x)).toBe("tensor([2.+4.j, 6.-8.j])");
    const back = torch.viewAsComplex(real.at(1));
    expect([String(back), back.storageOffset(), back._base === x]).toEqual(["tensor([6.-8.j])", 1, true]);
    expect(String(x.view(torch.float32))).toBe("tensor([ 2.,  4.,  6., -8.])");
  });

  test.each([
    ["imag is not implemented for tensors with non-complex dtypes.", () => torch.ones(1).imag],
    ["view_as_real is only supported for complex tensors", () => torch.viewAsReal(torch.ones(1))],
    ["view_as_real doesn't work on unresolved conjugated tensors.", () => torch.viewAsReal(z().conj())],
    ["Tensor must have a last dimension of size 2", () => torch.viewAsComplex(torch.ones(1))],
    ["Input tensor must have one or more dimensions", () => torch.viewAsComplex(torch.tensor(1))],
    ["Tensor must have a last dimension with stride 1", () => torch.viewAsComplex(torch.zeros(2, 4).at(":", "::2"))],
    ["must have a stride divisible by 2", () => torch.viewAsComplex(torch.zeros(3, 3).at(":", ":2"))],
    ["storage_offset divisible by 2", () => torch.viewAsComplex(torch.zeros(9).at("1:").view(4, 2))],
    ["but got a tensor of scalar type: Int", () => torch.viewAsComplex(torch.zeros(2, 2, { dtype: "int32" }))],
    ["torch.Tensor.view is not supported for conjugate view tensors", () => z().conj().view(torch.float32)],
  ])("refuse: %s", (message, call) => {
    expect(call).toThrow(message);
  });
});

describe("gradients are PyTorch's", () => {
  const through: readonly (readonly [string, (x: torch.Tensor) => torch.Tensor, string])[] = [
    ["viewAsReal", (x) => torch.viewAsReal(x).sum(), "tensor([1.+1.j, 1.+1.j])"],
    ["imag", (x) => x.imag.sum(), "tensor([0.+1.j, 0.+1.j])"],
    ["conj().imag", (x) => x.conj().imag.sum(), "tensor([-0.-1.j, -0.-1.j])"],
    ["conjPhysical", (x) => x.conjPhysical().imag.sum(), "tensor([0.-1.j, 0.-1.j])"],
    ["mul", (x) => x.mul(x).real.sum(), "tensor([2.-4.j, 6.+8.j])"],
    ["where", (x) => torch.where(torch.tensor([true, false]), x, x.conj()).imag.sum(), "tensor([0.+1.j, 0.-1.j])"],
    ["cat", (x) => torch.cat([x, x.conj()]).at("1:3").imag.sum(), "tensor([0.-1.j, 0.+1.j])"],
    ["a conversion to real", (x) => x.float().sum(), "tensor([1.+0.j, 1.+0.j])"],
    ["a copy into a real tensor", (x) => torch.zeros(2).copy_(x).sum(), "tensor([1.+0.j, 1.+0.j])"],
  ];

  test.each(through)("through %s", (_, loss, text) => {
    const x = leaf();
    torch.warnings.record(() => loss(x).backward());
    expect(String(x.grad)).toBe(text);
  });

  const writes: readonly (readonly [
    string,
    (y: torch.Tensor) => unknown,
    (y: torch.Tensor) => torch.Tensor,
    string,
  ])[] = [
    ["y.imag.mul_(3)", (y) => y.imag.mul_(3), (y) => y.mul(y).real, "tensor([2.-36.j, 6.+72.j])"],
    [
      "y.conj().mul_(1j)",
      (y) => y.conj().mul_(c(0, 1)),
      (y) => y.mul(torch.tensor([1, 2])).imag,
      "tensor([-1.+0.j, -2.+0.j])",
    ],
    [
      "y.conj().imag.add_(…)",
      (y) => y.conj().imag.add_(torch.tensor([10, 20])),
      (y) => y.mul(y.conj()).real,
      "tensor([2.-16.j, 6.-48.j])",
    ],
    ["y[0] = 5", (y) => y.setAt([0], 5), (y) => y.mul(y).real, "tensor([0.+0.j, 6.+8.j])"],
  ];

  test.each(writes)("through the write %s", (_, write, loss, text) => {
    const x = leaf();
    const y = x.clone();
    write(y);
    loss(y).sum().backward();
    expect(String(x.grad)).toBe(text);
  });

  test("through views made before their base was written", () => {
    const [x, w] = [leaf(), leaf()];
    const [y, v] = [x.clone(), w.clone()];
    const [conj, real] = [y.conj(), v.real];
    y.mul_(c(0, 2));
    v.mul_(c(1, 1));
    conj.mul(conj).real.sum().backward();
    real.mul(real).sum().backward();
    expect([x.grad, w.grad].map(String)).toEqual(["tensor([ -8.+16.j, -24.-32.j])", "tensor([-2.+2.j, 14.-14.j])"]);
  });

  test("through viewAsComplex, written and stale", () => {
    const [x, w] = [pairs(), pairs()];
    const [y, v] = [x.clone(), w.clone()];
    torch.viewAsComplex(y).mul_(c(0, 1));
    const stale = torch.viewAsComplex(v);
    v.mul_(2);
    y.mul(torch.tensor([1, 10]))
      .sum()
      .backward();
    stale.mul(stale).real.sum().backward();
    expect(x.grad?.tolist()).toEqual([
      [10, -1],
      [10, -1],
    ]); // prettier-ignore
    expect(w.grad?.tolist()).toEqual([
      [8, -16],
      [24, -32],
    ]); // prettier-ignore
  });

  test("to real inputs are real", () => {
    const grads = (loss: (a: torch.Tensor, b: torch.Tensor) => torch.Tensor): string[] => {
      const [a, b] = [torch.tensor([1, 2], { requiresGrad: true }), torch.tensor([3, 4], { requiresGrad: true })];
      loss(a, b).sum().backward();
      return [String(a.grad), String(b.grad)];
    };
    const cube = (x: torch.Tensor): torch.Tensor => x.mul(x).mul(x);
    expect(grads((a, b) => cube(torch.complex(a, b)).real)).toEqual(["tensor([-24., -36.])", "tensor([-18., -48.])"]);
    expect(grads((a, b) => torch.viewAsReal(torch.polar(a, b)).mul(torch.tensor([1, 2])))).toEqual([
      "tensor([-0.7078, -2.1672])",
      "tensor([-2.1211, -1.1010])",
    ]);
    expect(grads((a, b) => a.mul(torch.tensor([c(1, 2), c(0, 3)])).real.mul(b))[0]).toBe("tensor([3., 0.])");
  });

  test("start from real numbers unless one is given", () => {
    const x = leaf();
    expect(() => x.sum().backward()).toThrow(
      "grad can be implicitly created only for real scalar outputs but got torch.complex64",
    );
    expect(() => x.mul(x).backward(torch.ones(2))).toThrow(
      "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: " +
        "grad_output[0] has a dtype of torch.float32 and output[0] has a dtype of torch.complex64.",
    );
    x.mul(2).backward(z());
    expect(String(x.grad)).toBe("tensor([2.+4.j, 6.-8.j])");
  });
});
