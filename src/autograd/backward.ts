/** `backward` and `autograd.grad`: the checks, the first gradients, and the run. */
import { check, RuntimeError } from "../core/errors.ts";
import { equalShapes, sizeOf } from "../core/layout.ts";
import { escape, inside } from "../core/scope.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import { runBackward } from "./engine.ts";
import { type Grads, gradEdge, type Node, requiresGrad } from "./node.ts";

type TensorOrList = Tensor | readonly Tensor[];
type GradOrList = Tensor | null | readonly (Tensor | null)[];

/** Options of `backward`, by PyTorch's names in camelCase. */
export interface BackwardArguments {
  /** Keep what the graph saved; default: the value of `createGraph`. */
  retainGraph?: boolean | null;
  /** Record the backward itself, for higher derivatives; default false. */
  createGraph?: boolean;
  /** Accumulate into these leaves only. */
  inputs?: TensorOrList | null;
}

/** Options of `autograd.grad`. */
export interface GradArguments {
  retainGraph?: boolean | null;
  createGraph?: boolean;
  /** Give null for an input that the outputs do not depend on, instead of throwing. */
  allowUnused?: boolean | null;
  /** Give zeros for such an input. */
  materializeGrads?: boolean;
}

const asList = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? value : [value as T]);

function firstGradients(outputs: readonly Tensor[], given: GradOrList | undefined): Tensor[] {
  const grads = given == null ? [] : asList(given);
  check(
    given == null || grads.length === outputs.length,
    () => `got ${outputs.length} tensors and ${grads.length} gradients`,
  );
  return outputs.map((out, i) => {
    check(requiresGrad(out), () => `element ${i} of tensors does not require grad and does not have a grad_fn`);
    const g = grads[i] ?? null;
    if (g === null) {
      check(out.numel() === 1, () => "grad can be implicitly created only for scalar outputs");
      check(
        !out.dtype.isComplex,
        () => `grad can be implicitly created only for real scalar outputs but got ${out.dtype}`,
      );
      return out.newOnes(out.impl.layout.shape);
    }
    if (!isTensor(g)) throw new TypeError("gradients can be either Tensors or None, but got another type");
    check(
      equalShapes(g.impl.layout.shape, out.impl.layout.shape),
      () =>
        `Mismatch in shape: grad_output[${i}] has a shape of ${sizeOf(g.shape)} and output[${i}] has a shape of ` +
        `${sizeOf(out.shape)}.`,
    );
    check(
      out.dtype.isComplex === g.dtype.isComplex,
      () =>
        "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: " +
        `grad_output[${i}] has a dtype of ${g.dtype} and output[${i}] has a dtype of ${out.dtype}.`,
    );
    return g;
  });
}

/**
 * Sums the gradients of `tensors` into the `grad` of the leaves.
 * @throws RuntimeError where a tensor has no history, is no scalar and has no gradient given, or its graph was freed.
 * @example torch.autograd.backward(loss)
 */
export function backward(tensors: TensorOrList, gradTensors?: GradOrList, options: BackwardArguments = {}): void {
  const roots = asList(tensors);
  inside(() => {
    const grads = firstGradients(roots, gradTensors);
    const createGraph = options.createGraph ?? false;
    const only = options.inputs == null ? null : asList(options.inputs);
    check(only === null || only.length > 0, () => "inputs argument to torch.autograd.backward cannot be empty.");
    const leaves = only?.filter((t) => t.isLeaf) ?? [];
    const inner = only?.filter((t) => !t.isLeaf) ?? [];
    for (const t of inner) t.retainGrad();
    runBackward(roots, grads, {
      retainGraph: options.retainGraph ?? createGraph,
      createGraph,
      capture: null,
      ...(only === null ? {} : { only: new Set([...leaves, ...inner].map((t) => edge(t))) }),
    });
  });
}

function edge(t: Tensor): Node {
  const node = gradEdge(t);
  check(node !== null, () => "One of the differentiated Tensors does not require grad");
  return node;
}

/**
 * The gradients of `outputs` with respect to `inputs`, without touching any `grad`.
 * @throws RuntimeError where an input was not used, unless `allowUnused`.
 * @example torch.autograd.grad(w.square().sum(), [w]) // [ tensor([2., 2., 2.]) ]
 */
export function grad(
  outputs: TensorOrList,
  inputs: TensorOrList,
  gradOutputs?: GradOrList | GradArguments,
  options: GradArguments = {},
): Grads {
  const named = gradOutputs != null && !isTensor(gradOutputs) && !Array.isArray(gradOutputs);
  if (named) return grad(outputs, inputs, null, gradOutputs as GradArguments & { gradOutputs?: GradOrList });
  const roots = asList(outputs);
  const wanted = asList(inputs);
  const nested = (options as { gradOutputs?: GradOrList }).gradOutputs;
  const createGraph = options.createGraph ?? false;
  const results = inside(() => {
    const first = firstGradients(roots, (gradOutputs as GradOrList | undefined) ?? nested);
    for (const t of wanted) check(requiresGrad(t), () => "One of the differentiated Tensors does not require grad");
    const captured = runBackward(roots, first, {
      retainGraph: options.retainGraph ?? createGraph,
      createGraph,
      capture: wanted,
    });
    for (const g of captured) if (g !== null) escape(g);
    return captured;
  });
  return results.map((g, i) => {
    if (g !== null) return g;
    if (options.materializeGrads) return wanted[i]!.detach().newZeros(wanted[i]!.shape);
    if (options.allowUnused) return null;
    throw new RuntimeError(
      "One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if this " +
        "is the desired behavior.",
    );
  });
}
