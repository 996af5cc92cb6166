/** Gradients held within bounds. */
import { noGrad } from "../../autograd/mode.ts";
import { check } from "../../core/errors.ts";
import { isTensor, type Tensor } from "../../core/tensor.ts";
import { tensor } from "../../ops/create.ts";
import { stack } from "../../ops/join.ts";
import { type Arguments, read } from "../arguments.ts";

/** Accepted; the values are the same. */
interface Foreach {
  foreach?: boolean | null;
}

function gradsOf(parameters: Tensor | Iterable<Tensor>): Tensor[] {
  const all = isTensor(parameters) ? [parameters] : [...parameters];
  return all.flatMap((param) => (param.grad === null ? [] : [param.grad]));
}

function norm(t: Tensor, p: number): Tensor {
  if (p === Number.POSITIVE_INFINITY) return t.abs().max();
  if (p === Number.NEGATIVE_INFINITY) return t.abs().min();
  if (p === 2) return t.mul(t).sum().sqrt();
  if (p === 1) return t.abs().sum();
  if (p === 0) return t.ne(0).sum().to(t.dtype);
  return t
    .abs()
    .pow(p)
    .sum()
    .pow(1 / p);
}

/**
 * The p-norm (2) of all tensors as if they were one vector.
 * @throws RuntimeError for a norm that is not finite, with `errorIfNonfinite`.
 * @example nn.utils.getTotalNorm([torch.tensor([3]), torch.tensor([4])]) // tensor(5.)
 */
export function getTotalNorm(tensors: Iterable<Tensor>, normType = 2, errorIfNonfinite = false): Tensor {
  const all = [...tensors];
  if (all.length === 0) return tensor(0);
  const total = noGrad(() =>
    norm(
      stack(all.map((t) => norm(t.detach(), normType))),
      normType === Number.NEGATIVE_INFINITY ? Number.NEGATIVE_INFINITY : normType,
    ),
  );
  check(
    !errorIfNonfinite || Number.isFinite(total.item()),
    () =>
      `The total norm of order ${normType} for gradients from \`parameters\` is non-finite, so it cannot be clipped. ` +
      "To disable this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`",
  );
  return total;
}

/**
 * Scales all gradients down in place so that together their p-norm is at most `maxNorm`; returns the norm that they
 * had.
 * @throws RuntimeError for a norm that is not finite, with `errorIfNonfinite`.
 * @example
 * w.mul(2).sum().backward();
 * nn.utils.clipGradNorm_(w, 1) // tensor(3.4641)
 * w.grad!.norm() // tensor(1.0000)
 */
export function clipGradNorm_(
  parameters: Tensor | Iterable<Tensor>,
  ...args: Arguments<
    [maxNorm: number, normType?: number, errorIfNonfinite?: boolean],
    "maxNorm normType errorIfNonfinite",
    Foreach
  >
): Tensor {
  const params = "maxNorm:float normType:float=2 errorIfNonfinite:bool=false foreach:bool?=null";
  const v = read("clipGradNorm_", params, args);
  const grads = gradsOf(parameters);
  const total = getTotalNorm(grads, v.normType as number, v.errorIfNonfinite as boolean);
  noGrad(() => {
    // Multiplying by a factor of 1 costs less than asking for the value.
    const factor = total
      .add(1e-6)
      .reciprocal()
      .mul(v.maxNorm as number)
      .clamp({ max: 1 });
    for (const grad of grads) grad.detach().mul_(factor);
  });
  return total;
}

/**
 * Holds every element of all gradients within `-clipValue` and `clipValue`, in place.
 * @example
 * w.mul(2).sum().backward();
 * nn.utils.clipGradValue_(w, 0.5);
 * w.grad // tensor([0.5000, 0.5000, 0.5000])
 */
export function clipGradValue_(
  parameters: Tensor | Iterable<Tensor>,
  ...args: Arguments<[clipValue: number], "clipValue", Foreach>
): void {
  const bound = read("clipGradValue_", "clipValue:float foreach:bool?=null", args).clipValue as number;
  noGrad(() => {
    for (const grad of gradsOf(parameters)) grad.clamp_(-bound, bound);
  });
}
