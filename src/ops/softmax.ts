/** The softmax family. */
import { recording } from "../autograd/node.ts";
import type { DType } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { wrapDim } from "../core/layout.ts";
import type { Tensor } from "../core/tensor.ts";
import { constant, div, exp, load, log, mul, sub } from "../ir/expr.ts";
import type { RowPass } from "../ir/kernel.ts";
import type { DTypeLike, Op } from "./call.ts";
import { custom, differentiable, unrecorded } from "./define.ts";
import { RowOp } from "./rows.ts";

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

const [x, r0, r1] = [load(0), load(2), load(3)];
/** A NaN is not the maximum, but makes NaN of the sum. */
const maximum: RowPass = { store: null, reduce: [{ combine: "fmax", of: x, post: null }] };
const exponential = exp(sub(x, r0));

const softmaxRows = new RowOp(
  ["elements"],
  [
    maximum,
    { store: exponential, reduce: [{ combine: "sum", of: exponential, post: div(constant(1), r1) }] },
    { store: mul(load(1), r1), reduce: [] },
  ],
);
const logSoftmaxRows = new RowOp(
  ["elements"],
  [
    maximum,
    { store: null, reduce: [{ combine: "sum", of: exponential, post: log(r1) }] },
    { store: sub(sub(x, r0), r1), reduce: [] },
  ],
);

const [g, y, total] = [load(0), load(1), load(3)];
const softmaxGradRows = new RowOp(
  ["elements", "elements"],
  [
    { store: null, reduce: [{ combine: "sum", of: mul(g, y), post: null }] },
    { store: sub(mul(g, y), mul(y, total)), reduce: [] },
  ],
);
const logSoftmaxGradRows = new RowOp(
  ["elements", "elements"],
  [
    { store: null, reduce: [{ combine: "sum", of: g, post: null }] },
    { store: sub(g, mul(exp(y), total)), reduce: [] },
  ],
);

/** The fused form along the last dim, or null. */
function alongRows(op: RowOp, dim: number, ...inputs: readonly Tensor[]): Tensor | null {
  const { shape } = inputs[0]!.impl.layout;
  if (shape.length === 0 || dim !== shape.length - 1) return null;
  return op.run(shape[dim]!, inputs)?.out ?? null;
}

/** The fused derivative, or null where it must be differentiable itself. */
function gradAlongRows(op: RowOp, dim: number, g: Tensor, y: Tensor): Tensor | null {
  return recording([g, y]) ? null : alongRows(op, dim, g.contiguous(), y);
}

/**
 * `exp(x)` over its sum along `dim`. `dtype` converts first.
 * @throws IndexError for a dim out of range.
 * @example torch.zeros(2).softmax(0) // tensor([0.5000, 0.5000])
 */
export const softmax: Softmax = custom({ name: "softmax", params }, (self, v) => {
  const x = prepare("softmax", self, v.dtype as DType | null);
  const dim = wrapDim(v.dim as number, x.dim());
  const out = unrecorded(() => {
    const source = x.contiguous();
    const fused = alongRows(softmaxRows, dim, source);
    if (fused !== null) return fused;
    const e = shifted(source, dim).exp();
    return e.div(e.sum(x.dim() === 0 ? [] : dim, true));
  });
  return differentiable("SoftmaxBackward0", out, [x], [out], ([g], [y]) => [softmaxGrad(g!, y!, dim)]);
});

/** The input's gradient, from the result `y` of a softmax and its gradient. */
export function softmaxGrad(g: Tensor, y: Tensor, dim: number): Tensor {
  const fused = gradAlongRows(softmaxGradRows, dim, g, y);
  if (fused !== null) return fused;
  const gy = g.mul(y);
  return gy.sub(y.mul(gy.sum(y.dim() === 0 ? [] : dim, true)));
}

/**
 * The logarithm of `softmax`, without its overflow.
 * @example torch.zeros(2).logSoftmax(0) // tensor([-0.6931, -0.6931])
 */
export const logSoftmax: Softmax = custom({ name: "logSoftmax", params }, (self, v) => {
  const x = prepare("log_softmax_lastdim", self, v.dtype as DType | null);
  const dim = wrapDim(v.dim as number, x.dim());
  const over = x.dim() === 0 ? [] : dim;
  const out = unrecorded(() => {
    const source = x.contiguous();
    const fused = alongRows(logSoftmaxRows, dim, source);
    if (fused !== null) return fused;
    const z = shifted(source, dim);
    return z.sub(z.exp().sum(over, true).log());
  });
  return differentiable("LogSoftmaxBackward0", out, [x], [out], ([g], [y]) => [
    gradAlongRows(logSoftmaxGradRows, dim, g!, y!) ?? g!.sub(y!.exp().mul(g!.sum(over, true))),
  ]);
});
