/** The sorting kernel on any dim, and the derivative of results that are selected elements of their input. */
import { int64 } from "../core/dtype.ts";
import type { NamedTuple } from "../core/namedtuple.ts";
import type { Tensor } from "../core/tensor.ts";
import { runner } from "../ir/runtime.ts";
import { differentiable, plain } from "./define.ts";
import { addressOf, emptyTensor, isMeta, withOperands } from "./operands.ts";

/** Values and the int64 positions they came from. */
export type ValuesIndices = NamedTuple<Tensor, readonly ["values", "indices"]>;

/** The elements along `dim` in order and their positions, without autograd; `self` is detached already. */
export function sortRaw(self: Tensor, dim: number, descending: boolean): [values: Tensor, indices: Tensor] {
  const swapped = self.dim() === 0 ? self.reshape([1]) : self.transpose(dim, -1);
  const input = plain(swapped.contiguous());
  const values = emptyTensor(input.shape, self.dtype, self.device);
  const indices = emptyTensor(input.shape, int64, self.device);
  if (self.numel() > 0 && !isMeta(self)) {
    const run = runner({ skeleton: "sort", dtype: self.dtype.stored, descending });
    const length = input.shape.at(-1)!;
    withOperands(() =>
      run(input.numel() / length, length, addressOf(values, true), addressOf(indices, true), addressOf(input)),
    );
  }
  return [restore(values, self, dim), restore(indices, self, dim)];
}

function restore(t: Tensor, self: Tensor, dim: number): Tensor {
  return self.dim() === 0 ? t.reshape([]) : t.transpose(dim, -1).contiguous();
}

/**
 * Records `values` as those elements of `self` that `indices` names along `dim`; without `keepdim` both lack that dim.
 */
export function selected(
  node: string,
  self: Tensor,
  dim: number,
  values: Tensor,
  indices: Tensor,
  keepdim: boolean,
): Tensor {
  const shape = self.shape;
  differentiable(node, [values, indices], [self], [indices], ([g], [at]) => {
    if (shape.length === 0) return [g!];
    const kept = (t: Tensor): Tensor => (keepdim ? t : t.unsqueeze(dim));
    return [g!.newZeros(shape).scatterAdd(dim, kept(at!), kept(g!))];
  });
  return values;
}

/** The elements of `self` at `indices` (which keep `dim`) along `dim`, without autograd. */
export function pick(self: Tensor, dim: number, indices: Tensor): Tensor {
  return self.dim() === 0 ? self.clone() : self.gather(dim, indices);
}

/** An int64 tensor 0, 1, … along `dim` of a shape, with size 1 elsewhere. */
export function positions(self: Tensor, dim: number): Tensor {
  const n = self.shape[dim]!;
  const out = emptyTensor([n], int64, self.device);
  if (!isMeta(out)) {
    const window = out.impl.storage.window(int64) as BigInt64Array;
    for (let i = 0; i < n; i++) window[i] = BigInt(i);
  }
  return out.view(self.shape.map((size, d) => (d === dim ? size : 1)));
}
