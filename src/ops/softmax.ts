/** The softmax family. */
import type { DType } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { wrapDim } from "../core/layout.ts";
import type { Tensor } from "../core/tensor.ts";
import type { DTypeLike, Op } from "./call.ts";
import { custom, differentiable, unrecorded } from "./define.ts";

type Softmax = Op<[dim: number, dtype?: DTypeLike | null], "dim dtype">;
const params = "dim:int dtype:dtype?=null";

function prepare(name: string, self: Tensor, dtype: DType | null): Tensor {
  const x = dtype === null ? self : self.to(dtype);
  check(x.dtype.isFloatingPoint, () => `"${name}_kernel_impl" not implemented for '${x.dtype.scalarName}'`);
  return x;
}

/** exp overflows above 88.7 in float32, so the largest element of each slice is subtracted first. */
function shifted(x: Tensor, dim: number): Tensor {
  return x.dim() === 0 ? x.sub(x) : x.shape[dim] === 0 ? x : x.sub(x.amax(dim, true));
}

/** `exp(x)` over its sum along `dim`. */
export const softmax: Softmax = custom({ name: "softmax", params }, (self, v) => {
  const x = prepare("softmax", self, v.dtype as DType | null);
  const dim = wrapDim(v.dim as number, x.dim());
  const out = unrecorded(() => {
    const e = shifted(x.contiguous(), dim).exp();
    return e.div(e.sum(x.dim() === 0 ? [] : dim, true));
  });
  return differentiable("SoftmaxBackward0", out, [x], [out], ([g], [y]) => {
    const gy = g!.mul(y!);
    return [gy.sub(y!.mul(gy.sum(y!.dim() === 0 ? [] : dim, true)))];
  });
});

/** The logarithm of `softmax`, without its overflow. */
export const logSoftmax: Softmax = custom({ name: "logSoftmax", params }, (self, v) => {
  const x = prepare("log_softmax_lastdim", self, v.dtype as DType | null);
  const dim = wrapDim(v.dim as number, x.dim());
  const over = x.dim() === 0 ? [] : dim;
  const out = unrecorded(() => {
    const z = shifted(x.contiguous(), dim);
    return z.sub(z.exp().sum(over, true).log());
  });
  return differentiable("LogSoftmaxBackward0", out, [x], [out], ([g], [y]) => [
    g!.sub(y!.exp().mul(g!.sum(over, true))),
  ]);
});
