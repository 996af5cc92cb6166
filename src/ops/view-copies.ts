/** View operators that copy: `transposeCopy` and its kin, functions only. */
import type { Tensor } from "../core/tensor.ts";
import { needTensor } from "./define.ts";
import { sliceView } from "./views.ts";

/** A function of a tensor that gives independent memory. */
type Copying<A extends unknown[], R> = (self: Tensor, ...args: A) => R;

function copying<A extends unknown[]>(name: string, view: (self: Tensor, ...args: A) => Tensor): Copying<A, Tensor> {
  return (self, ...args) => view(needTensor(name, self), ...args).clone();
}

function copyingAll<A extends unknown[]>(
  name: string,
  views: (self: Tensor, ...args: A) => Tensor[],
): Copying<A, Tensor[]> {
  return (self, ...args) => views(needTensor(name, self), ...args).map((t) => t.clone());
}

/** A copy. */
export const aliasCopy: Copying<[], Tensor> = copying("aliasCopy", (x) => x);
/** A copy of `asStrided`. */
export const asStridedCopy: Copying<Parameters<Tensor["asStrided"]>, Tensor> = copying("asStridedCopy", (x, ...a) =>
  x.asStrided(...a),
);
/** A copy without history. */
export const detachCopy: Copying<[], Tensor> = copying("detachCopy", (x) => x.detach());
/** A copy of `diagonal`. */
export const diagonalCopy: Copying<Parameters<Tensor["diagonal"]>, Tensor> = copying("diagonalCopy", (x, ...a) =>
  x.diagonal(...a),
);
/** A copy of `expand`. */
export const expandCopy: Copying<Parameters<Tensor["expand"]>, Tensor> = copying("expandCopy", (x, ...a) =>
  x.expand(...a),
);
/** A copy of `permute`. */
export const permuteCopy: Copying<Parameters<Tensor["permute"]>, Tensor> = copying("permuteCopy", (x, ...a) =>
  x.permute(...a),
);
/** A copy of `select`. */
export const selectCopy: Copying<Parameters<Tensor["select"]>, Tensor> = copying("selectCopy", (x, ...a) =>
  x.select(...a),
);
/** A copy of every `step`-th slice of `dim` from `start` to `end`. */
export const sliceCopy: Copying<[dim?: number, start?: number | null, end?: number | null, step?: number], Tensor> =
  copying("sliceCopy", (x, dim = 0, start = null, end = null, step = 1) => sliceView(x, dim, start, end, step));
/** Copies of `split`. */
export const splitCopy: Copying<Parameters<Tensor["split"]>, Tensor[]> = copyingAll("splitCopy", (x, ...a) =>
  x.split(...a),
);
/** Copies of `splitWithSizes`. */
export const splitWithSizesCopy: Copying<Parameters<Tensor["splitWithSizes"]>, Tensor[]> = copyingAll(
  "splitWithSizesCopy",
  (x, ...a) => x.splitWithSizes(...a),
);
/** A copy of `squeeze`. */
export const squeezeCopy: Copying<Parameters<Tensor["squeeze"]>, Tensor> = copying("squeezeCopy", (x, ...a) =>
  x.squeeze(...a),
);
/** A copy of `t`. */
export const tCopy: Copying<[], Tensor> = copying("tCopy", (x) => x.t());
/** A copy of `transpose`. */
export const transposeCopy: Copying<Parameters<Tensor["transpose"]>, Tensor> = copying("transposeCopy", (x, ...a) =>
  x.transpose(...a),
);
/** Copies of `unbind`. */
export const unbindCopy: Copying<Parameters<Tensor["unbind"]>, Tensor[]> = copyingAll("unbindCopy", (x, ...a) =>
  x.unbind(...a),
);
/** A copy of `unfold`. */
export const unfoldCopy: Copying<Parameters<Tensor["unfold"]>, Tensor> = copying("unfoldCopy", (x, ...a) =>
  x.unfold(...a),
);
/** A copy of `unsqueeze`. */
export const unsqueezeCopy: Copying<Parameters<Tensor["unsqueeze"]>, Tensor> = copying("unsqueezeCopy", (x, ...a) =>
  x.unsqueeze(...a),
);
/** A copy of `view`. */
export const viewCopy: Copying<Parameters<Tensor["view"]>, Tensor> = copying("viewCopy", (x, ...a) => x.view(...a));
