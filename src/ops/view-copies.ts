/** View operators that copy: `transposeCopy` and its kin, functions only. */
import type { Tensor } from "../core/tensor.ts";
import { contiguousFormat } from "./copy.ts";
import { needTensor } from "./define.ts";
import { sliceView } from "./views.ts";

/** A function of a tensor that gives independent memory, row-major. */
type Copying<A extends unknown[], R> = (self: Tensor, ...args: A) => R;

const copied = (t: Tensor): Tensor => t.clone({ memoryFormat: contiguousFormat });

function copying<A extends unknown[]>(name: string, view: (self: Tensor, ...args: A) => Tensor): Copying<A, Tensor> {
  return (self, ...args) => copied(view(needTensor(name, self), ...args));
}

function copyingAll<A extends unknown[]>(
  name: string,
  views: (self: Tensor, ...args: A) => Tensor[],
): Copying<A, Tensor[]> {
  return (self, ...args) => views(needTensor(name, self), ...args).map(copied);
}

/**
 * A copy.
 * @example torch.aliasCopy(x).dataPtr() === x.dataPtr() // false
 */
export const aliasCopy: Copying<[], Tensor> = copying("aliasCopy", (x) => x);
/**
 * A copy of `asStrided`.
 * @example torch.asStridedCopy(x, [2], [3]) // tensor([0., 3.])
 */
export const asStridedCopy: Copying<Parameters<Tensor["asStrided"]>, Tensor> = copying("asStridedCopy", (x, ...a) =>
  x.asStrided(...a),
);
/**
 * A copy without history.
 * @example torch.detachCopy(w).requiresGrad // false
 */
export const detachCopy: Copying<[], Tensor> = copying("detachCopy", (x) => x.detach());
/**
 * A copy of `diagonal`.
 * @example torch.diagonalCopy(x) // tensor([0., 4.])
 */
export const diagonalCopy: Copying<Parameters<Tensor["diagonal"]>, Tensor> = copying("diagonalCopy", (x, ...a) =>
  x.diagonal(...a),
);
/**
 * A copy of `expand`.
 * @example torch.expandCopy(torch.ones(1), [2]) // tensor([1., 1.])
 */
export const expandCopy: Copying<Parameters<Tensor["expand"]>, Tensor> = copying("expandCopy", (x, ...a) =>
  x.expand(...a),
);
/**
 * A copy of `permute`.
 * @example torch.permuteCopy(x, [1, 0]).isContiguous() // true
 */
export const permuteCopy: Copying<Parameters<Tensor["permute"]>, Tensor> = copying("permuteCopy", (x, ...a) =>
  x.permute(...a),
);
/**
 * A copy of `select`.
 * @example torch.selectCopy(x, 0, 1) // tensor([3., 4., 5.])
 */
export const selectCopy: Copying<Parameters<Tensor["select"]>, Tensor> = copying("selectCopy", (x, ...a) =>
  x.select(...a),
);
/**
 * A copy of every `step`-th slice of `dim` from `start` to `end`.
 * @example torch.sliceCopy(x, 1, 0, 2) // tensor([[0., 1.], [3., 4.]])
 */
export const sliceCopy: Copying<[dim?: number, start?: number | null, end?: number | null, step?: number], Tensor> =
  copying("sliceCopy", (x, dim = 0, start = null, end = null, step = 1) => sliceView(x, dim, start, end, step));
/**
 * Copies of `split`.
 * @example torch.splitCopy(torch.arange(4), 3)[1] // tensor([3])
 */
export const splitCopy: Copying<Parameters<Tensor["split"]>, Tensor[]> = copyingAll("splitCopy", (x, ...a) =>
  x.split(...a),
);
/**
 * Copies of `splitWithSizes`.
 * @example torch.splitWithSizesCopy(torch.arange(4), [1, 3])[1] // tensor([1, 2, 3])
 */
export const splitWithSizesCopy: Copying<Parameters<Tensor["splitWithSizes"]>, Tensor[]> = copyingAll(
  "splitWithSizesCopy",
  (x, ...a) => x.splitWithSizes(...a),
);
/**
 * A copy of `squeeze`.
 * @example torch.squeezeCopy(torch.ones(1, 2)) // tensor([1., 1.])
 */
export const squeezeCopy: Copying<Parameters<Tensor["squeeze"]>, Tensor> = copying("squeezeCopy", (x, ...a) =>
  x.squeeze(...a),
);
/**
 * A copy of `t`.
 * @example torch.tCopy(x).shape // torch.Size([3, 2])
 */
export const tCopy: Copying<[], Tensor> = copying("tCopy", (x) => x.t());
/**
 * A copy of `transpose`.
 * @example torch.transposeCopy(x, 0, 1).shape // torch.Size([3, 2])
 */
export const transposeCopy: Copying<Parameters<Tensor["transpose"]>, Tensor> = copying("transposeCopy", (x, ...a) =>
  x.transpose(...a),
);
/**
 * Copies of `unbind`.
 * @example torch.unbindCopy(x)[1] // tensor([3., 4., 5.])
 */
export const unbindCopy: Copying<Parameters<Tensor["unbind"]>, Tensor[]> = copyingAll("unbindCopy", (x, ...a) =>
  x.unbind(...a),
);
/**
 * A copy of `unfold`.
 * @example torch.unfoldCopy(torch.arange(4), 0, 2, 2) // tensor([[0, 1], [2, 3]])
 */
export const unfoldCopy: Copying<Parameters<Tensor["unfold"]>, Tensor> = copying("unfoldCopy", (x, ...a) =>
  x.unfold(...a),
);
/**
 * A copy of `unsqueeze`.
 * @example torch.unsqueezeCopy(torch.ones(2), 0) // tensor([[1., 1.]])
 */
export const unsqueezeCopy: Copying<Parameters<Tensor["unsqueeze"]>, Tensor> = copying("unsqueezeCopy", (x, ...a) =>
  x.unsqueeze(...a),
);
/**
 * A copy of `view`.
 * @example torch.viewCopy(x, [6]) // tensor([0., 1., 2., 3., 4., 5.])
 */
export const viewCopy: Copying<Parameters<Tensor["view"]>, Tensor> = copying("viewCopy", (x, ...a) => x.view(...a));
