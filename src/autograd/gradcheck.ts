/** `gradcheck` and `gradgradcheck`: derivatives against finite differences. */
import { check, RuntimeError, ValueError } from "../core/errors.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import { warn } from "../core/warnings.ts";
import { grad } from "./backward.ts";
import { noGrad } from "./mode.ts";
import { requiresGrad } from "./node.ts";

/**
 * What `gradcheck` raises.
 * @example
 * try {
 *   autograd.gradcheck((x: torch.Tensor) => x.mul(x.detach()), w.double());
 * } catch (error) {
 *   (error as Error).name // 'GradcheckError'
 * }
 */
export class GradcheckError extends RuntimeError {
  override name = "GradcheckError";
}

/** How derivatives are compared. */
export interface GradcheckOptions {
  /** The step of the differences; default 1e-6. */
  eps?: number;
  /** Default 1e-5. */
  atol?: number;
  /** Default 1e-3. */
  rtol?: number;
  /** Throw instead of returning false; default true. */
  raiseException?: boolean;
  /** How much two runs of backward may differ; default 0. */
  nondetTol?: number;
}

type Values = Tensor | readonly unknown[];
type Checked = (...inputs: never[]) => unknown;

const listOf = (values: unknown): unknown[] => (Array.isArray(values) ? [...values] : [values]);

/** The tensors of a result that derivatives reach. */
function differentiableOutputs(result: unknown): Tensor[] {
  return listOf(result)
    .filter(isTensor)
    .filter((t) => requiresGrad(t));
}

/**
 * Whether the gradients of `func` agree with central differences in every element; float64 inputs are needed for that.
 * @throws GradcheckError with both Jacobians where they differ, unless `raiseException` is false.
 * @example torch.autograd.gradcheck((x: torch.Tensor) => x.exp(), w.double()) // true
 */
export function gradcheck(func: Checked, inputs: Values, options: GradcheckOptions = {}): boolean {
  const { raiseException = true, ...rest } = options;
  for (const key of Object.keys(rest)) {
    if (!["eps", "atol", "rtol", "nondetTol"].includes(key)) {
      throw new TypeError(`gradcheck() got an unexpected keyword argument '${key}'`);
    }
  }
  const args = listOf(inputs);
  const wanted = checkInputs(args);
  const problem = firstProblem(func, args, wanted, rest);
  if (problem === null) return true;
  if (raiseException) throw new GradcheckError(problem);
  return false;
}

/** The inputs that require grad, after checking that they can be perturbed one by one. */
function checkInputs(args: readonly unknown[]): Tensor[] {
  const wanted = args.filter(isTensor).filter((t) => requiresGrad(t));
  check(
    wanted.length > 0,
    () =>
      "gradcheck expects at least one input tensor to require gradient, but none of the them have requires_grad=True.",
    ValueError,
  );
  args.forEach((t, i) => {
    if (!isTensor(t) || !requiresGrad(t)) return;
    if (t.dtype.itemsize < 8) warn("gradcheck-dtype", notDouble(i));
    check(
      t.shape.every((n, d) => n <= 1 || t.impl.layout.strides[d] !== 0),
      () =>
        `The ${i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping to ` +
        "be able to compute the numerical gradients correctly. You should call .contiguous on the input before " +
        "passing it to gradcheck.",
    );
    if (t.isLeaf) return;
    t.retainGrad();
  });
  return wanted;
}

const notDouble = (i: number): string =>
  `Input #${i} requires gradient and is not a double precision floating point or complex. This check will likely fail ` +
  "if all the inputs are not of double precision floating point or complex. ";

/** Rows by input element, columns by output element. */
type Jacobian = number[][];

function firstProblem(
  func: Checked,
  args: readonly unknown[],
  wanted: readonly Tensor[],
  options: Omit<GradcheckOptions, "raiseException">,
): string | null {
  const { eps = 1e-6, atol = 1e-5, rtol = 1e-3, nondetTol = 0 } = options;
  const call = (): Tensor[] => differentiableOutputs(Reflect.apply(func, undefined, args));
  const outputs = call();
  const numeric = wanted.map((x) => numericJacobians(call, x, outputs.length, eps));
  for (const [o, output] of outputs.entries()) {
    const analytic = analyticJacobians(output, wanted);
    for (const i of wanted.keys()) {
      const [a, n] = [analytic[i]!, numeric[i]![o]!];
      if (!near(a, n, atol, rtol)) return mismatch(o, i, n, a);
    }
    const again = analyticJacobians(output, wanted);
    if (!again.every((j, i) => near(j, analytic[i]!, nondetTol, 0))) {
      return (
        "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives " +
        "different values, although analytical gradient matches numerical gradient.The tolerance for nondeterminism " +
        `was ${nondetTol}.`
      );
    }
  }
  return null;
}

function mismatch(output: number, input: number, numeric: Jacobian, analytic: Jacobian): string {
  const show = (j: Jacobian): string => `[${j.map((row) => `[${row.join(", ")}]`).join(",\n ")}]`;
  return (
    `Jacobian mismatch for output ${output} with respect to input ${input},\nnumerical:${show(numeric)}\n` +
    `analytical:${show(analytic)}\n`
  );
}

function near(a: Jacobian, b: Jacobian, atol: number, rtol: number): boolean {
  return a.every((row, i) =>
    row.every((x, j) => {
      const y = b[i]![j]!;
      return Object.is(x, y) || Math.abs(x - y) <= atol + rtol * Math.abs(y);
    }),
  );
}

const flat = (t: Tensor): number[] => t.detach().double().reshape(-1).tolist() as number[];

/** A 0-dim view of every element, which writes reach without autograd's notice. */
function* elements(t: Tensor): Generator<Tensor, void> {
  const { shape, strides, offset } = t.impl.layout;
  const data = t.data;
  for (let i = 0; i < t.numel(); i++) {
    let rest = i;
    let at = offset;
    for (let d = shape.length - 1; d >= 0; d--) {
      at += (rest % shape[d]!) * strides[d]!;
      rest = Math.floor(rest / shape[d]!);
    }
    yield data.asStrided([], [], at);
  }
}

/** The Jacobian of every output by central differences. */
function numericJacobians(call: () => Tensor[], x: Tensor, count: number, eps: number): Jacobian[] {
  const jacobians: Jacobian[] = Array.from({ length: count }, () => []);
  for (const element of elements(x)) {
    const value = element.item();
    const at = (shifted: number): number[][] => {
      noGrad(() => element.fill_(shifted));
      return call().map(flat);
    };
    const [above, below] = [at(value + eps), at(value - eps)];
    noGrad(() => element.fill_(value));
    jacobians.forEach((jacobian, o) => {
      jacobian.push(above[o]!.map((y, k) => (y - below[o]![k]!) / (2 * eps)));
    });
  }
  return jacobians;
}

/** The Jacobian of one output with respect to every input, by one backward per output element. */
function analyticJacobians(output: Tensor, wanted: readonly Tensor[]): Jacobian[] {
  const jacobians: Jacobian[] = wanted.map((x) => Array.from({ length: x.numel() }, () => []));
  for (let k = 0; k < output.numel(); k++) {
    const seed = output.detach().newZeros([output.numel()]);
    seed.narrow(0, k, 1).fill_(1);
    const grads = grad(output, wanted, seed.view(output.shape), { retainGraph: true, allowUnused: true });
    grads.forEach((g, i) => {
      const column = g === null ? jacobians[i]!.map(() => 0) : flat(g);
      column.forEach((value, row) => {
        jacobians[i]![row]!.push(value);
      });
    });
  }
  return jacobians;
}

/**
 * Whether the second derivatives of `func` agree with differences of its first ones.
 * @example torch.autograd.gradgradcheck((x: torch.Tensor) => x.pow(3), w.double()) // true
 */
export function gradgradcheck(
  func: Checked,
  inputs: Values,
  gradOutputs: Tensor | readonly Tensor[] | GradcheckOptions | null = null,
  options: GradcheckOptions = {},
): boolean {
  const named = gradOutputs !== null && !isTensor(gradOutputs) && !Array.isArray(gradOutputs);
  if (named) return gradgradcheck(func, inputs, null, gradOutputs as GradcheckOptions);
  const args = listOf(inputs);
  const outputs = differentiableOutputs(Reflect.apply(func, undefined, args));
  const given = gradOutputs as Tensor | readonly Tensor[] | null;
  const seeds = given === null ? outputs.map(randomLike) : (listOf(given) as Tensor[]);
  const first = (...all: unknown[]): unknown => {
    const [own, weights] = [all.slice(0, args.length), all.slice(args.length) as Tensor[]];
    const wanted = own.filter(isTensor).filter((t) => requiresGrad(t));
    const results = differentiableOutputs(Reflect.apply(func, undefined, own));
    return grad(results, wanted, weights, { createGraph: true, allowUnused: true }).filter((g) => g !== null);
  };
  return gradcheck(first, [...args, ...seeds], options);
}

/** Random weights for an output, which require grad. */
function randomLike(t: Tensor): Tensor {
  return t.detach().newEmpty(t.shape).uniform_(-1, 1).requiresGrad_();
}
