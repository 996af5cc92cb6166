/**
 * Kernels with complex operands, or with a conjugation or negation that waits to be carried out, as kernels of real ones:
 * a complex tensor is a real one with a last dim of two, its real and imaginary parts.
 */
import type { RealName, StoredName } from "../../core/dtype.ts";
import { NotImplementedError } from "../../core/errors.ts";
import type { GatherKernel, GatherRun, Kernel, Operand, Run, ScatterKernel, ScatterRun } from "../kernel.ts";
import { lowerPointwise } from "./pointwise.ts";
import { lowerReduce } from "./reduce.ts";
import { formOf } from "./stored.ts";

/** Compiles kernels of real dtypes. */
export type Runner = <K extends Kernel<RealName>>(kernel: K) => Run<K>;

/** Whether backends know every dtype of the kernel. */
export function isReal(kernel: Kernel<StoredName>): boolean {
  return namesOf(kernel).every(isRealName);
}

function isRealName(name: StoredName): boolean {
  const { complex, lazy } = formOf(name);
  return !complex && !lazy;
}

function namesOf(kernel: Kernel<StoredName>): readonly StoredName[] {
  switch (kernel.skeleton) {
    case "pointwise":
    case "reduce":
      return [kernel.output, ...kernel.inputs];
    case "scan":
      return [kernel.output, kernel.input];
    case "update":
    case "row":
      return [];
    default:
      return [kernel.dtype];
  }
}

/** The runner of a kernel that is not real, made of runners of real ones. */
export function lower<K extends Kernel<StoredName>>(kernel: K, runner: Runner): Run<K> {
  return lowered(kernel, runner) as Run<K>; // a switch cannot tell TypeScript which skeleton K is
}

function lowered(kernel: Kernel<StoredName>, runner: Runner): unknown {
  switch (kernel.skeleton) {
    case "pointwise":
      return lowerPointwise(kernel, runner);
    case "reduce":
      return lowerReduce(kernel, runner);
    case "gather":
    case "scatter":
      return lowerMoves(kernel, runner);
    default:
      throw refusal(kernel);
  }
}

/** PyTorch's words for a dtype that a kernel was not written for. */
function refusal(kernel: Kernel<StoredName>): NotImplementedError {
  const name = namesOf(kernel).find((stored) => !isRealName(stored))!;
  const { lazy } = formOf(name);
  const cure = lazy ? ": resolveConj() or resolveNeg() first" : "";
  return new NotImplementedError(
    `"${kernel.skeleton}" not implemented for '${scalarNames[formOf(name).dtype]}'${cure}`,
  );
}

const scalarNames: Readonly<Partial<Record<RealName, string>>> = { float32: "ComplexFloat", float64: "ComplexDouble" };

/** Elements move with both their parts. */
function lowerMoves(
  kernel: GatherKernel<StoredName> | ScatterKernel<StoredName>,
  runner: Runner,
): GatherRun & ScatterRun {
  const { dtype, complex, lazy } = formOf(kernel.dtype);
  const separable = kernel.skeleton === "gather" || kernel.mode === "set" || kernel.mode === "add";
  if (lazy || !complex || !separable) throw refusal(kernel);
  const run = runner({ ...kernel, dtype });
  const wide = (x: Operand): Operand => ({ ...x, strides: [...x.strides.map((s) => 2 * s), 1] });
  return (shape, a, b, indices, space) =>
    run(
      [...shape, 2],
      wide(a),
      wide(b),
      indices.map((x) => ({ ...x, strides: [...x.strides, 0] })),
      { ...space, strides: space.strides.map((s) => 2 * s) },
    );
}
