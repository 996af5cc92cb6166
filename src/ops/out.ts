/** The keyword `out`: results written into tensors that the caller gives. */
import { mode } from "../autograd/mode.ts";
import { requiresGrad } from "../autograd/node.ts";
import { canCast } from "../core/dtype.ts";
import { check, typeName } from "../core/errors.ts";
import { equalShapes, list } from "../core/layout.ts";
import { isOptions } from "../core/params.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import { warn } from "../core/warnings.ts";

type Call = (...args: unknown[]) => unknown;

/** Whether a call names `out`. */
export function namesOut(args: readonly unknown[]): boolean {
  const last = args[args.length - 1];
  return isOptions(last) && last.out != null;
}

/**
 * Computes a call without its `out` and writes the result there.
 * @throws RuntimeError where an argument requires grad, or `out` cannot hold the result's dtype.
 */
export function computeInto(op: string, args: readonly unknown[], call: Call): unknown {
  const { out, ...named } = args[args.length - 1] as Record<string, unknown>;
  const rest = [...args.slice(0, -1), ...(Object.keys(named).length > 0 ? [named] : [])];
  const differentiated = [...rest, out].flat().some((x) => isTensor(x) && requiresGrad(x));
  check(
    !mode.grad || !differentiated,
    () =>
      `${op}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments ` +
      "requires grad.",
  );
  const targets = isTensor(out) ? [out] : [...(out as Iterable<unknown>)];
  for (const t of targets) {
    if (!isTensor(t)) throw new TypeError(`${op}(): argument 'out' must be Tensor, not ${typeName(t)}`);
  }
  const result = call(...rest);
  const results = isTensor(result) ? [result] : [...(result as Iterable<Tensor>)];
  check(results.length === targets.length, () => `${op}(): expected ${results.length} tensors as out`);
  results.forEach((value, i) => {
    checkHolds(value, targets[i] as Tensor);
  });
  results.forEach((value, i) => {
    write(value, targets[i] as Tensor);
  });
  return out;
}

function checkHolds(value: Tensor, target: Tensor): void {
  check(
    canCast(value.dtype, target.dtype),
    () => `result type ${value.dtype.scalarName} can't be cast to the desired output type ${target.dtype.scalarName}`,
  );
}

function write(value: Tensor, target: Tensor): void {
  if (!equalShapes(value.shape, target.shape)) {
    if (target.numel() > 0) {
      warn(
        "out-resized",
        `An output with one or more elements was resized since it had shape ${list(target.shape)}, which does not match ` +
          `the required output shape ${list(value.shape)}. This behavior is deprecated, and in a future PyTorch release ` +
          "outputs will not be resized unless they have zero elements. You can explicitly reuse an out tensor t by " +
          "resizing it, inplace, to zero elements with t.resize_(0).",
      );
    }
    target.resize_(value.shape);
  }
  target.copy_(value);
}
