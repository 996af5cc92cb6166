/** Pointwise kernels with complex operands: one real kernel for each part of the result, or one for both. */
import { dtypes, type RealName, type StoredName } from "../../core/dtype.ts";
import { heap } from "../../core/memory.ts";
import { constant, type Expr, load, neg } from "../expr.ts";
import { sameExpr } from "../fold.ts";
import type { Operand, PointwiseKernel, PointwiseRun } from "../kernel.ts";
import { loadsOf, mapLoads } from "../loads.ts";
import type { Runner } from "./lower.ts";
import { type Pair, pairOf, truthOf } from "./pairs.ts";
import { type Form, formOf, loadSlots, partOf, type Slot, slotsOf } from "./stored.ts";

/** The trees that a result of this form stores. */
export function storedParts(name: StoredName, pair: Pair): Pair {
  const { complex, lazy } = formOf(name);
  if (name === "bool") return { re: truthOf(pair), im: null };
  if (!complex) return { re: lazy ? neg(pair.re) : pair.re, im: null };
  const im = pair.im ?? constant(0);
  return { re: pair.re, im: lazy ? neg(im) : im };
}

/** Compiles a pointwise kernel that is not real. */
export function lowerPointwise(kernel: PointwiseKernel<StoredName>, runner: Runner): PointwiseRun {
  const slots = slotsOf(kernel.inputs);
  const form = formOf(kernel.output);
  const pair = storedParts(
    kernel.output,
    pairOf(kernel.expr, (i) => loadSlots(slots, i)),
  );
  const { lane } = kernel;
  const real = (expr: Expr, inputs: readonly RealName[]): PointwiseRun =>
    runner({ skeleton: "pointwise", expr, lane, inputs, output: form.dtype });
  const both = alike(pair, slots);
  if (both !== null)
    return bothParts(
      kernel,
      form,
      real(
        both,
        kernel.inputs.map((name) => formOf(name).dtype),
      ),
    );
  const part = (expr: Expr): Part => {
    const { lane: lanes, bool } = loadsOf(expr);
    const reads = [...new Set([...lanes, ...bool])].sort((a, b) => a - b);
    const compact = mapLoads(expr, (i) => reads.indexOf(i));
    return {
      run: real(
        compact,
        reads.map((i) => slots[i]!.dtype),
      ),
      reads: reads.map((i) => slots[i]!),
    };
  };
  const re = part(pair.re);
  const im = pair.im === null ? null : part(pair.im);
  return fromStrided((shape, operands) => {
    const run = ({ run: { strided }, reads }: Part, out: Operand): void =>
      strided(shape, [out, ...reads.map((slot) => partOf(operands[1 + slot.input]!, slot.form, slot.part))]);
    const target = (k: 0 | 1): Operand => partOf(operands[0]!, form, k);
    if (im === null) run(re, target(0));
    else if (!im.reads.some((slot) => overlap(shape, kernel, operands, slot.input))) {
      run(re, target(0));
      run(im, target(1));
    } else {
      // The real part would be overwritten before the imaginary one has read it.
      withTemporary(shape, form.dtype, (held) => {
        run(re, held);
        run(im, target(1));
        runner({ skeleton: "pointwise", expr: load(0), lane, inputs: [form.dtype], output: form.dtype }).strided(
          shape,
          [target(0), held],
        );
      });
    }
  });
}

/** A real kernel and which parts it reads. */
interface Part {
  readonly run: PointwiseRun;
  readonly reads: readonly Slot[];
}

/** One tree over the inputs for both parts, where the imaginary part is computed as the real one is; else null. */
function alike({ re, im }: Pair, slots: readonly Slot[]): Expr | null {
  if (im === null) return null;
  const toImaginary = (i: number): number => (slots[i]!.form.complex && slots[i]!.part === 0 ? i + 1 : i);
  const { lane, bool } = loadsOf(re);
  if ([...lane, ...bool].some((i) => slots[i]!.form.complex && slots[i]!.part === 1)) return null;
  return sameExpr(mapLoads(re, toImaginary), im) ? mapLoads(re, (i) => slots[i]!.input) : null;
}

/** The kernel over one more dim, of two elements. */
function bothParts(kernel: PointwiseKernel<StoredName>, form: Form, { strided }: PointwiseRun): PointwiseRun {
  const forms = [form, ...kernel.inputs.map(formOf)];
  const wide = ({ address, strides }: Operand, k: number): Operand => {
    const { complex } = forms[k]!;
    return { address, strides: complex ? [...strides.map((s) => 2 * s), 1] : [...strides, 0] };
  };
  return fromStrided((shape, operands) => strided([...shape, 2], operands.map(wide)));
}

/** The dense form by way of strides. */
function fromStrided(strided: PointwiseRun["strided"]): PointwiseRun {
  return {
    strided,
    dense:
      (classes) =>
      (n, ...addresses) => {
        const at = addresses.slice(0, classes.length) as number[];
        strided(
          [n],
          at.map((address, k) => ({ address, strides: [classes[k] === "c" ? 1 : 0] })),
        );
      },
  };
}

function withTemporary(shape: readonly number[], dtype: RealName, use: (held: Operand) => void): void {
  let n = 1;
  const strides = shape.map(() => 0);
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = n;
    n *= shape[d]!;
  }
  const address = heap().alloc(n * dtypes[dtype].itemsize);
  try {
    use({ address, strides });
  } finally {
    heap().free(address);
  }
}

/** Whether an input's bytes reach into those of the result. */
function overlap(
  shape: readonly number[],
  kernel: PointwiseKernel<StoredName>,
  operands: readonly Operand[],
  input: number,
): boolean {
  const range = (x: Operand, name: StoredName): [number, number] => {
    const { dtype, complex } = formOf(name);
    const bytes = dtypes[dtype].itemsize * (complex ? 2 : 1);
    return [x.address, x.address + bytes * (1 + x.strides.reduce((sum, s, d) => sum + s * (shape[d]! - 1), 0))];
  };
  const [from, to] = range(operands[0]!, kernel.output);
  const [start, end] = range(operands[1 + input]!, kernel.inputs[input]!);
  return start < to && from < end;
}
