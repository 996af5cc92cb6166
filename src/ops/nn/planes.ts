/** Values at int64 positions of flattened planes, read and added: what max pooling and its inverse are made of. */
import { RuntimeError } from "../../core/errors.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { GatherRun, Operand, ScatterRun } from "../../ir/kernel.ts";
import { runner } from "../../ir/runtime.ts";
import { fillRaw } from "../create.ts";
import { differentiable } from "../define.ts";
import { emptyTensor, isMeta, operand, withOperands } from "../operands.ts";
import { dense, elements } from "./raw.ts";

/** How a position outside of the plane is reported. */
export type OutOfPlane = (position: number) => Error;

const unexpected: OutOfPlane = (position) => new RuntimeError(`index ${position} is out of the plane`);

/** Both kernels take negative indices as counted from the end, which is never meant here. */
function refuseNegative(indices: Tensor, report: OutOfPlane): void {
  for (const i of elements(indices) as BigInt64Array) if (i < 0n) throw report(Number(i));
}

const along = (t: Tensor, strides: readonly number[]): Operand => ({ address: operand(t, true).address, strides });

/** `out[p, indices[p, i]] = source[p, i]` (or added) over zeros of [planes, size]; no autograd. */
export function scatterRaw(
  source: Tensor,
  indices: Tensor,
  size: number,
  mode: "add" | "set",
  report: OutOfPlane = unexpected,
): Tensor {
  const [planes = 0, count = 0] = source.shape;
  const out = emptyTensor([planes, size], source.dtype, source.device);
  if (isMeta(out)) return out;
  fillRaw(out, 0);
  if (planes * count === 0) return out;
  const run: ScatterRun = runner({ skeleton: "scatter", mode, dtype: out.impl.dtype.stored, indices: 1 });
  const [from, at] = [dense(source), dense(indices)];
  if (report !== unexpected) refuseNegative(at, report);
  const hit = withOperands(() =>
    run([planes, count], along(out, [size, 0]), operand(from), [operand(at)], { sizes: [size], strides: [1] }),
  );
  if (hit !== null) throw report(hit.value);
  return out;
}

/** `out[p, i] = source[p, indices[p, i]]`; no autograd. */
export function gatherRaw(source: Tensor, indices: Tensor): Tensor {
  const [planes = 0, size = 0] = source.shape;
  const out = emptyTensor(indices.shape, source.dtype, source.device);
  if (isMeta(out) || out.numel() === 0) return out;
  const run: GatherRun = runner({ skeleton: "gather", dtype: out.impl.dtype.stored, indices: 1 });
  const [from, at] = [dense(source), dense(indices)];
  const shape = [planes, indices.shape[1]!];
  const hit = withOperands(() =>
    run(shape, operand(out, true), { address: operand(from).address, strides: [size, 0] }, [operand(at)], {
      sizes: [size],
      strides: [1],
    }),
  );
  if (hit !== null) throw unexpected(hit.value);
  return out;
}

/** Adds values at positions of zeros of [planes, size]; differentiable. */
export function scatterPlanes(source: Tensor, indices: Tensor, size: number, node: string): Tensor {
  const out = scatterRaw(source, indices, size, "add");
  return differentiable(node, out, [source], [], ([g]) => [gatherPlanes(g!, indices, node)]);
}

/** The values at positions of planes; differentiable. */
export function gatherPlanes(source: Tensor, indices: Tensor, node: string): Tensor {
  const out = gatherRaw(source, indices);
  const size = source.shape[1]!;
  return differentiable(node, out, [source], [], ([g]) => [scatterPlanes(g!, indices, size, node)]);
}
