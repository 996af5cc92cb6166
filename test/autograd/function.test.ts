/** Custom operations: `autograd.Function`. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const { autograd } = torch;
type Tensor = torch.Tensor;
type Ctx = torch.autograd.FunctionCtx;

class Exp extends autograd.Function {
  static forward(ctx: Ctx, x: Tensor): Tensor {
    const y = x.exp();
    ctx.saveForBackward(y);
    return y;
  }
  static backward(ctx: Ctx, g: Tensor): Tensor {
    return g.mul(ctx.savedTensors[0]!);
  }
}

/** `x * factor` and `x + 1`, with the form that has its context apart. */
class Two extends autograd.Function {
  static forward(x: Tensor, factor: number): [Tensor, Tensor] {
    return [x.mul(factor), x.add(1)];
  }
  static setupContext(ctx: Ctx, [, factor]: [Tensor, number]): void {
    ctx.factor = factor;
  }
  static backward(ctx: Ctx, a: Tensor, b: Tensor): [Tensor, null] {
    return [a.mul(ctx.factor).add(b), null];
  }
}

class Double extends autograd.Function {
  static forward(ctx: Ctx, x: Tensor): Tensor {
    ctx.markDirty(x);
    return x.mul_(2);
  }
  static backward(_ctx: Ctx, g: Tensor): Tensor {
    return g.mul(2);
  }
}

const leaf = (...data: number[]): Tensor => torch.tensor(data, { dtype: torch.float64, requiresGrad: true });

test("apply records one node with the name of the class", () => {
  const y = Exp.apply(leaf(0, 1));
  expect(y.gradFn!.name()).toBe("ExpBackward");
  expect(y.requiresGrad).toBe(true);
});

test("backward gets the gradient of the output and what forward saved", () => {
  const x = leaf(0, 1);
  Exp.apply(x).sum().backward();
  expect(x.grad!.tolist()).toEqual([1, Math.E]);
});

test("a differentiable backward has derivatives of its own", () => {
  expect(autograd.gradcheck((x: Tensor) => Exp.apply(x), leaf(0.5, -1))).toBe(true);
  expect(autograd.gradgradcheck((x: Tensor) => Exp.apply(x), leaf(0.5, -1))).toBe(true);
});

test("several outputs, arguments that are no tensors, and setupContext", () => {
  const x = leaf(3);
  const [a, b] = Two.apply(x, 5);
  a.mul(2).add(b).sum().backward();
  expect(x.grad!.tolist()).toEqual([11]);
});

test("an output without gradient gives zeros, or null when the context says so", () => {
  const seen: (Tensor | null)[] = [];
  class Watch extends autograd.Function {
    static forward(ctx: Ctx, x: Tensor, materialize: boolean): [Tensor, Tensor] {
      ctx.setMaterializeGrads(materialize);
      return [x.clone(), x.clone()];
    }
    static backward(_ctx: Ctx, a: Tensor, b: Tensor): [Tensor, null] {
      seen.push(b);
      return [a, null];
    }
  }
  Watch.apply(leaf(1, 2), true)[0].sum().backward();
  Watch.apply(leaf(1, 2), false)[0].sum().backward();
  expect(seen[0]!.tolist()).toEqual([0, 0]);
  expect(seen[1]).toBe(null);
});

test("outputs marked as non-differentiable do not require grad", () => {
  class Sorted extends autograd.Function {
    static forward(ctx: Ctx, x: Tensor): [Tensor, Tensor] {
      const up = x.gt(0).double();
      ctx.markNonDifferentiable(up);
      return [x.mul(up), up];
    }
    static backward(_ctx: Ctx, g: Tensor): Tensor {
      return g;
    }
  }
  const [y, up] = Sorted.apply(leaf(1, -1));
  expect([y.requiresGrad, up.requiresGrad]).toEqual([true, false]);
});

test("a dirty input gets the history of the operation", () => {
  const x = leaf(1, 2);
  const y = x.mul(3);
  expect(Double.apply(y) === y).toBe(true);
  expect(y.gradFn!.name()).toBe("DoubleBackward");
  y.sum().backward();
  expect(x.grad!.tolist()).toEqual([6, 6]);
});

test("a dirty view rewrites the history of its base", () => {
  const x = leaf(1, 2);
  const y = x.mul(3);
  Double.apply(y.at("0:1"));
  expect(y.tolist()).toEqual([6, 6]);
  y.sum().backward();
  expect(x.grad!.tolist()).toEqual([6, 3]);
});

test("a dirty leaf that requires grad is refused", () => {
  expect(() => Double.apply(leaf(1))).toThrow(
    "a leaf Variable that requires grad is being used in an in-place operation.",
  );
});

test("a saved tensor that was written to since is refused", () => {
  const x = leaf(0);
  const y = Exp.apply(x);
  torch.noGrad(() => y.add_(1));
  expect(() => y.sum().backward()).toThrow(
    "one of the variables needed for gradient computation has been modified by an inplace operation: " +
      "[torch.DoubleTensor [1]], which is output 0 of ExpBackward, is at version 1; expected version 0 instead.",
  );
});

test("backward runs once unless the graph is retained", () => {
  const y = Exp.apply(leaf(0)).sum();
  y.backward();
  expect(() => y.backward()).toThrow("Trying to backward through the graph a second time");
});

test("needsInputGrad tells which arguments require grad", () => {
  let needs: boolean[] = [];
  class Product extends autograd.Function {
    static forward(ctx: Ctx, a: Tensor, b: Tensor): Tensor {
      ctx.saveForBackward(a, b);
      return a.mul(b);
    }
    static backward(ctx: Ctx, g: Tensor): [Tensor, null] {
      needs = ctx.needsInputGrad;
      return [g.mul(ctx.savedTensors[1]!), null];
    }
  }
  const a = leaf(2);
  Product.apply(a, torch.tensor([3], { dtype: torch.float64 })).backward();
  expect(needs).toEqual([true, false]);
  expect(a.grad!.tolist()).toEqual([3]);
});

test("a wrong number of gradients is refused", () => {
  class Wrong extends autograd.Function {
    static forward(_ctx: Ctx, a: Tensor, b: Tensor): Tensor {
      return a.add(b);
    }
    static backward(_ctx: Ctx, g: Tensor): Tensor {
      return g;
    }
  }
  expect(() => Wrong.apply(leaf(1), leaf(2)).backward()).toThrow(
    "function WrongBackward returned an incorrect number of gradients (expected 2, got 1)",
  );
});

test("an input that is returned is another tensor over the same memory", () => {
  class Same extends autograd.Function {
    static forward(_ctx: Ctx, x: Tensor): Tensor {
      return x;
    }
    static backward(_ctx: Ctx, g: Tensor): Tensor {
      return g.mul(7);
    }
  }
  const x = leaf(1);
  const y = Same.apply(x);
  expect(y === x).toBe(false);
  expect(y.dataPtr()).toBe(x.dataPtr());
  y.backward();
  expect(x.grad!.tolist()).toEqual([7]);
});

test("gradcheck refuses a wrong derivative and shows both Jacobians", () => {
  class Wrong extends autograd.Function {
    static forward(_ctx: Ctx, x: Tensor): Tensor {
      return x.mul(2);
    }
    static backward(_ctx: Ctx, g: Tensor): Tensor {
      return g.mul(3);
    }
  }
  const check = (raiseException: boolean) =>
    autograd.gradcheck((x: Tensor) => Wrong.apply(x), leaf(1), { raiseException });
  expect(() => check(true)).toThrow("Jacobian mismatch for output 0 with respect to input 0");
  expect(check(false)).toBe(false);
});

test("gradcheck needs an input that requires grad", () => {
  expect(() => autograd.gradcheck((x: Tensor) => x.exp(), torch.ones(1))).toThrow(
    "gradcheck expects at least one input tensor to require gradient",
  );
});

test("gradcheck perturbs through strides and leaves the inputs as they were", () => {
  const x = torch
    .tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { dtype: torch.float64, requiresGrad: true },
    )
    .detach()
    .t()
    .requiresGrad_();
  expect(autograd.gradcheck((a: Tensor) => a.mul(a), x)).toBe(true);
  expect(x.tolist()).toEqual([
    [1, 3],
    [2, 4],
  ]);
});
