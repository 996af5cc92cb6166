/** All parameters as one vector, and back. */
import { check, typeName } from "../../core/errors.ts";
import { isTensor, type Tensor } from "../../core/tensor.ts";
import { cat } from "../../ops/join.ts";

/**
 * The elements of all parameters, one after another, as a new vector; differentiable.
 * @example nn.utils.parametersToVector(model.parameters()).shape // torch.Size([8])
 */
export function parametersToVector(parameters: Iterable<Tensor>): Tensor {
  return cat(Array.from(parameters, (param) => param.view(-1)));
}

/**
 * Makes every parameter a view of its part of `vec`, whose memory they then share.
 * @throws RuntimeError where `vec` has too few elements.
 * @example
 * nn.utils.vectorToParameters(torch.zeros(8), model.parameters());
 * model.fc.bias!.detach() // tensor([0., 0.])
 */
export function vectorToParameters(vec: Tensor, parameters: Iterable<Tensor>): void {
  if (!isTensor(vec)) throw new TypeError(`expected torch.Tensor, but got: ${typeName(vec)}`);
  const all = [...parameters];
  const wanted = all.reduce((n, param) => n + param.numel(), 0);
  check(vec.numel() >= wanted, () => `the vector has ${vec.numel()} elements, but the parameters have ${wanted}`);
  let at = 0;
  for (const param of all) {
    param.data = vec.narrow(0, at, param.numel()).view(param.shape).data;
    at += param.numel();
  }
}
