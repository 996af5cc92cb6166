/** softmax and its kin as functions, whose dim PyTorch still guesses (with a warning) where none is given. */
import type { DType } from "../../core/dtype.ts";
import { defaultGenerator } from "../../core/generator.ts";
import { fillExponential } from "../../core/sampling.ts";
import type { Tensor } from "../../core/tensor.ts";
import { warn } from "../../core/warnings.ts";
import type { DTypeLike, Op } from "../call.ts";
import { fn, unrecorded, type Values } from "../define.ts";
import { emptyTensor, isMeta } from "../operands.ts";
import { logSoftmax as logSoftmaxAlong, softmax as softmaxAlong } from "../softmax.ts";
import { computeDType } from "./raw.ts";

/** A softmax's call; PyTorch has a parameter for internal use before `dtype`. */
export type Softmax = Op<
  [dim?: number | null, stacklevel?: number, dtype?: DTypeLike | null],
  "dim stacklevel dtype"
>;

const params = "input:tensor dim:int?=null stacklevel:int=3 dtype:dtype?=null";

function dimOf(op: string, v: Values): number {
  if (v.dim !== null) return v.dim as number;
  warn(
    "softmax-dim",
    `Implicit dimension choice for ${op} has been deprecated. Change the call to include dim=X as an argument.`,
  );
  const rank = (v.input as Tensor).dim();
  return rank === 0 || rank === 1 || rank === 3 ? 0 : 1;
}

/** `exp(x)` over its sum along `dim`. */
export const softmax: Softmax = fn<Softmax>({ name: "softmax", params }, (v) =>
  softmaxAlong(v.input as Tensor, dimOf("softmax", v), v.dtype as DType | null),
);

/** The logarithm of `softmax`, without its overflow. */
export const logSoftmax: Softmax = fn<Softmax>({ name: "logSoftmax", params }, (v) =>
  logSoftmaxAlong(v.input as Tensor, dimOf("log_softmax", v), v.dtype as DType | null),
);

/** `softmax(-x)`. */
export const softmin: Softmax = fn<Softmax>({ name: "softmin", params }, (v) =>
  softmaxAlong((v.input as Tensor).neg(), dimOf("softmin", v), v.dtype as DType | null),
);

/** `gumbelSoftmax(logits, tau, hard, eps, dim)`. */
export type GumbelSoftmax = Op<[tau?: number, hard?: boolean, eps?: number, dim?: number], "tau hard eps dim">;

/** Exponentially distributed numbers of the tensor's shape. */
function exponentials(like: Tensor): Tensor {
  const dtype = computeDType(like.dtype);
  const t = emptyTensor(like.shape, dtype, like.device);
  if (isMeta(t)) return t;
  fillExponential(t.impl.storage.window(dtype) as Float32Array | Float64Array, dtype, defaultGenerator, 1);
  return t.to(like.dtype);
}

/** A sample of the Gumbel-softmax distribution; with `hard` it is one-hot, with the soft sample's gradient. */
export const gumbelSoftmax: GumbelSoftmax = fn<GumbelSoftmax>(
  { name: "gumbelSoftmax", params: "logits:tensor tau:float=1 hard:bool=false eps:float=1e-10 dim:int=-1" },
  (v) => {
    const [logits, dim] = [v.logits as Tensor, v.dim as number];
    if (v.eps !== 1e-10) warn("gumbel-eps", "`eps` parameter is deprecated and has no effect.");
    const noise = unrecorded(() => exponentials(logits.detach()).log().neg());
    const soft = softmaxAlong(logits.add(noise).div(v.tau as number), dim);
    if (!v.hard) return soft;
    const hard = unrecorded(() => {
      const index = soft.detach().argmax(dim, true);
      return soft.detach().newZeros(soft.shape).scatter(dim, index, 1);
    });
    return hard.sub(soft.detach()).add(soft);
  },
);
