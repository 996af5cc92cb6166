/** Operators that PyTorch differentiates as one node, defined by a composition of others. */
import { grad } from "../../autograd/backward.ts";
import { mode, withGrad } from "../../autograd/mode.ts";
import type { Tensor } from "../../core/tensor.ts";
import { differentiable, unrecorded } from "../define.ts";
import { alias } from "./raw.ts";

/**
 * The result of `body` as one node. Its derivative runs the body again, recorded, and differentiates that: for rare
 * operators, whose second forward costs less than a derivative by hand is worth.
 */
export function oneNode(
  name: string,
  inputs: readonly Tensor[],
  body: (...inputs: readonly Tensor[]) => Tensor,
): Tensor {
  const value = unrecorded(() => body(...inputs.map((t) => t.detach())));
  const out = alias(value, value.impl.layout);
  return differentiable(name, out, inputs, inputs, ([g], saved, needs) => {
    const createGraph = mode.grad;
    const xs = createGraph ? saved : saved.map((t, i) => leaf(t!, needs[i]!));
    const wanted = xs.filter((_, i) => needs[i]);
    const again = withGrad(true, () => body(...xs));
    const grads = grad(again, wanted, [g!], { createGraph, allowUnused: true });
    let next = 0;
    return needs.map((need, i) => (need ? (grads[next++] ?? saved[i]!.detach().newZeros(saved[i]!.shape)) : null));
  });
}

function leaf(t: Tensor, requiresGrad: boolean): Tensor {
  const copy = t.detach();
  copy.requiresGrad = requiresGrad;
  return copy;
}
