/** Normalisation of channels: the one kernel for it against the composition that defines it. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const F = torch.nn.functional;

interface Training {
  readonly out: torch.Tensor;
  readonly running: readonly torch.Tensor[];
  readonly grads: readonly torch.Tensor[];
}

/** With a graph of the gradients, they are made of recorded operators. */
function train(shape: readonly number[], affine: boolean, composed: boolean): Training {
  torch.manualSeed(3);
  const options = { dtype: torch.float64 };
  const x = torch
    .randn(...shape, options)
    .mul(2)
    .add(5)
    .requiresGrad_();
  const w = affine ? torch.randn(shape[1]!, options).requiresGrad_() : null;
  const b = affine ? torch.randn(shape[1]!, options).requiresGrad_() : null;
  const running = [torch.zeros(shape[1]!, options), torch.ones(shape[1]!, options)] as const;
  const out = F.batchNorm(x, running[0], running[1], w, b, true, 0.25);
  const upstream = torch.randn(...shape, options);
  const inputs = [x, w, b].filter((t) => t !== null);
  const grads = torch.autograd.grad(out, inputs, upstream, { createGraph: composed }) as unknown as torch.Tensor[];
  return { out, running, grads: [...grads] };
}

const close = (a: torch.Tensor, b: torch.Tensor): boolean => torch.allclose(a.detach(), b.detach(), 1e-10, 1e-12);

test.each([
  ["images", [3, 4, 6, 5], true],
  ["images without weight and bias", [3, 4, 6, 5], false],
  ["lines", [5, 3, 33], true],
  ["volumes", [2, 3, 3, 4, 5], true],
  ["one image", [1, 2, 4, 4], true],
] as const)("gradients of %s are those of the composition", (_name, shape, affine) => {
  const [fused, composed] = [train(shape, affine, false), train(shape, affine, true)];
  expect(fused.grads.length).toBe(affine ? 3 : 1);
  expect(fused.grads.every((g, i) => close(g, composed.grads[i]!))).toBe(true);
});

test("values and running statistics are those of means and variances", () => {
  torch.manualSeed(3);
  const x = torch.randn(3, 4, 6, 5, { dtype: torch.float64 }).mul(2).add(5);
  const { out, running } = train([3, 4, 6, 5], false, false);
  const dims = [0, 2, 3];
  const [mean, variance] = [x.mean(dims, true), x.var(dims, { unbiased: false, keepdim: true })];
  expect(close(out, x.sub(mean).div(variance.add(1e-5).sqrt()))).toBe(true);
  expect(close(running[0]!, mean.view(4).mul(0.25))).toBe(true);
  expect(close(running[1]!, x.var(dims).mul(0.25).add(0.75))).toBe(true);
});
