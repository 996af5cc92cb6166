/** Samples of the Gumbel-softmax distribution. */

import { defaultGenerator } from "../../core/generator.ts";
import { fillExponential } from "../../core/sampling.ts";
import type { Tensor } from "../../core/tensor.ts";
import { warn } from "../../core/warnings.ts";
import type { Op } from "../call.ts";
import { fn, unrecorded } from "../define.ts";
import { emptyTensor, isMeta } from "../operands.ts";
import { softmax } from "../softmax.ts";
import { computeDType } from "./raw.ts";

/** `gumbelSoftmax(logits, tau, hard, eps, dim)`. */
export type GumbelSoftmax = Op<[tau?: number, hard?: boolean, eps?: number, dim?: number], "tau hard eps dim">;

/** Exponentially distributed numbers of the tensor's shape. */
function exponentials(like: Tensor): Tensor {
  const dtype = computeDType(like.dtype);
  const t = emptyTensor(like.shape, dtype, like.device);
  if (isMeta(t)) return t.to(like.dtype);
  fillExponential(t.impl.storage.window(dtype) as Float32Array | Float64Array, dtype, defaultGenerator, 1);
  return t.to(like.dtype);
}

/**
 * A sample over the classes of a dim; with `hard` it is one-hot, with the soft sample's gradient.
 * @example F.gumbelSoftmax(x, { hard: true }).sum(1) // tensor([1., 1.])
 */
export const gumbelSoftmax: GumbelSoftmax = fn<GumbelSoftmax>(
  { name: "gumbelSoftmax", params: "logits:tensor tau:float=1 hard:bool=false eps:float=1e-10 dim:int=-1" },
  (v) => {
    const [logits, dim] = [v.logits as Tensor, v.dim as number];
    if (v.eps !== 1e-10) warn("gumbel-eps", "`eps` parameter is deprecated and has no effect.");
    const noise = unrecorded(() => exponentials(logits.detach()).log().neg());
    const soft = softmax(logits.add(noise).div(v.tau as number), dim);
    if (!v.hard) return soft;
    const hard = unrecorded(() => {
      const index = soft.detach().argmax(dim, true);
      return soft.detach().newZeros(soft.shape).scatter(dim, index, 1);
    });
    return hard.sub(soft.detach()).add(soft);
  },
);
