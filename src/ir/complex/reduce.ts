/** Reductions with complex operands: sums part by part; all else must reduce real numbers or booleans. */
import type { RealName, StoredName } from "../../core/dtype.ts";
import { NotImplementedError } from "../../core/errors.ts";
import { type Expr, load } from "../expr.ts";
import { dependsOn } from "../fold.ts";
import type { ReduceKernel, ReduceRun } from "../kernel.ts";
import { loadsOf, mapLoads } from "../loads.ts";
import type { Runner } from "./lower.ts";
import { pairOf, truthOf } from "./pairs.ts";
import { storedParts } from "./pointwise.ts";
import { type Form, formOf, loadSlots, partOf, slotsOf } from "./stored.ts";

/** Compiles a reduction that is not real. */
export function lowerReduce(kernel: ReduceKernel<StoredName>, runner: Runner): ReduceRun {
  const slots = slotsOf(kernel.inputs);
  const form = formOf(kernel.output);
  const pre = pairOf(kernel.pre, (i) => loadSlots(slots, i));
  if (kernel.combine === "and" || kernel.combine === "or") return one(truthOf(pre), kernel.post, 0);
  if (pre.im === null && !form.complex) return one(pre.re, kernel.post, 0);
  if (kernel.combine !== "sum" || !form.complex || form.lazy) {
    throw new NotImplementedError(`"${kernel.combine}" not implemented for complex numbers`);
  }
  const post = kernel.post === null ? { re: null, im: null } : postParts(kernel.output, kernel.post);
  const { re, im } = storedParts(kernel.output, pre);
  const [first, second] = [one(re, post.re, 0), one(im!, post.im, 1)];
  return (...args) => {
    first(...args);
    second(...args);
  };

  function one(expr: Expr, finish: Expr | null, part: 0 | 1): ReduceRun {
    const { lane: lanes, bool } = loadsOf(expr);
    const reads = [...new Set([...lanes, ...bool])].sort((a, b) => a - b);
    const inputs: RealName[] = reads.map((i) => slots[i]!.dtype);
    const run = runner({
      skeleton: "reduce",
      combine: kernel.combine,
      pre: mapLoads(expr, (i) => reads.indexOf(i)),
      post: finish,
      lane: kernel.lane,
      inputs,
      output: form.dtype,
    });
    return (outer, inner, out, operands) =>
      run(
        outer,
        inner,
        partOf(out, form, part),
        reads.map((i) => partOf(operands[slots[i]!.input]!, slots[i]!.form, slots[i]!.part)),
      );
  }
}

const combined: Form = { dtype: "float32", complex: true, lazy: false };

/** What is made of each combined part: load(0) is that part, load(1) the number of elements. */
function postParts(output: StoredName, post: Expr): { re: Expr; im: Expr } {
  const slots = [0, 1].map((part) => ({ dtype: combined.dtype, input: 0, form: combined, part: part as 0 | 1 }));
  const count = 2;
  const { re, im } = storedParts(
    output,
    pairOf(post, (i) => (i === 0 ? loadSlots(slots, 0) : { re: load(count), im: null })),
  );
  // A quotient needs both parts at once, and a reduction's are finished one by one.
  if (dependsOn(re, 1) || dependsOn(im!, 0))
    throw new NotImplementedError('"mean" not implemented for complex numbers');
  return { re: mapLoads(re, (i) => (i === count ? 1 : 0)), im: mapLoads(im!, (i) => (i === count ? 1 : 0)) };
}
