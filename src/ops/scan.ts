/** Scans: cumulative sums, products, extrema and logarithms of sums along a dim. */
import { mode } from "../autograd/mode.ts";
import { type DType, type DTypeName, int64 } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { wrapDim } from "../core/layout.ts";
import { namedTuple } from "../core/namedtuple.ts";
import type { Tensor } from "../core/tensor.ts";
import * as ir from "../ir/expr.ts";
import type { ScanKernel } from "../ir/kernel.ts";
import { runner } from "../ir/runtime.ts";
import type { DTypeLike, Op, OpInplace } from "./call.ts";
import { custom, differentiable, plain, pointwise } from "./define.ts";
import { emptyTensor, isMeta, operand, withOperands } from "./operands.ts";
import { selected, type ValuesIndices } from "./ordering.ts";
import { cumprodGrad, reverseCumsum } from "./products.ts";

function scanRaw(given: Tensor, combine: ScanKernel["combine"], dim: number, dtype: DType, indices?: Tensor): Tensor {
  const self = plain(given);
  const out = emptyTensor(self.shape, dtype, self.device);
  if (out.numel() === 0 || isMeta(out)) return out;
  const run = runner({
    skeleton: "scan",
    combine,
    input: self.impl.dtype.stored,
    lane: dtype.lane,
    output: dtype.stored,
  });
  const outer = self.shape.filter((_, d) => d !== dim);
  const last = (t: Tensor, written = false) => {
    const { strides } = t.impl.layout;
    const own = operand(t, written);
    return { ...own, strides: [...strides.filter((_, d) => d !== dim), strides[dim] ?? 1] };
  };
  withOperands(() =>
    run(outer, self.shape[dim] ?? 1, last(out, true), last(self), indices === undefined ? null : last(indices, true)),
  );
  return out;
}

type Cumulative = OpInplace<[dim: number], "dim", { dtype?: DTypeLike | null }>;
const params = "dim:int * dtype:dtype?=null";

/** Ints and bools accumulate as int64; an in-place form keeps the dtype by asking for it. */
function accumulated(self: Tensor, dtype: DType | null): DType {
  return dtype ?? (self.dtype.isDifferentiable ? self.dtype : int64);
}

/**
 * The sum of each element and those before it along `dim`. Integers give int64.
 * @throws IndexError for a dim out of range.
 * @example torch.tensor([1, 2, 3]).cumsum(0) // tensor([1., 3., 6.])
 */
export const cumsum: Cumulative = custom({ name: "cumsum", params, inplace: true }, (self, v) => {
  const dim = wrapDim(v.dim as number, self.dim());
  const dtype = accumulated(self, v.dtype as DType | null);
  const out = scanRaw(self.to(dtype).detach(), "sum", dim, dtype);
  return differentiable("CumsumBackward0", out, [self], [], ([g]) => [g!.dim() === 0 ? g! : reverseCumsum(g!, dim)]);
});

/**
 * The product of each element and those before it along `dim`.
 * @example torch.tensor([1, 2, 3]).cumprod(0) // tensor([1., 2., 6.])
 */
export const cumprod: Cumulative = custom({ name: "cumprod", params, inplace: true }, (self, v) => {
  const dim = wrapDim(v.dim as number, self.dim());
  const dtype = accumulated(self, v.dtype as DType | null);
  const out = scanRaw(self.to(dtype).detach(), "prod", dim, dtype);
  return differentiable("CumprodBackward0", out, [self], [self, out], ([g], [x, y]) => [
    cumprodGrad(g!, x!.to(dtype), y!, dim, mode.grad),
  ]);
});

const cummaxResult = namedTuple("cummax", ["values", "indices"]);
const cumminResult = namedTuple("cummin", ["values", "indices"]);

function cumulativeExtremum(self: Tensor, rawDim: number, combine: "min" | "max", node: string): [Tensor, Tensor] {
  const dim = wrapDim(rawDim, self.dim());
  const indices = emptyTensor(self.shape, int64, self.device);
  const values = scanRaw(self.detach(), combine, dim, self.dtype, indices);
  return [selected(node, self, dim, values, indices, true), indices];
}

/**
 * The largest element so far along `dim`, and where it is; the latest among equals. A named tuple `{ values, indices
 * }`.
 * @example torch.tensor([1, 3, 2]).cummax(0).values // tensor([1., 3., 3.])
 */
export const cummax: Op<[dim: number], "dim", unknown, ValuesIndices> = custom(
  { name: "cummax", params: "dim:int" },
  (self, v) => cummaxResult(...cumulativeExtremum(self, v.dim as number, "max", "CummaxBackward0")),
);

/**
 * The smallest element so far along `dim`, and where it is; the latest among equals.
 * @example torch.tensor([3, 1, 2]).cummin(0).values // tensor([3., 1., 1.])
 */
export const cummin: Op<[dim: number], "dim", unknown, ValuesIndices> = custom(
  { name: "cummin", params: "dim:int" },
  (self, v) => cumminResult(...cumulativeExtremum(self, v.dim as number, "min", "CumminBackward0")),
);

/** Logarithms of the positive and of the negative part of a gradient; the lowest number where it has none. */
const logPositive = pointwise("logcumsumexp", 2, (g, low) => ir.select(ir.gt(g!, 0), ir.log(g!), low!));
const logNegative = pointwise("logcumsumexp", 2, (g, low) => ir.select(ir.lt(g!, 0), ir.log(ir.neg(g!)), low!));
const expSum = pointwise("logcumsumexp", 2, (a, b) => ir.exp(ir.add(a!, b!)));

/** The lowest finite number of each float dtype. */
const lowest: Readonly<Partial<Record<DTypeName, number>>> = {
  float16: -65504,
  bfloat16: -(2 - 2 ** -7) * 2 ** 127,
  float32: -(2 - 2 ** -23) * 2 ** 127,
  float64: -Number.MAX_VALUE,
};

/**
 * The logarithm of the cumulative sum of exponentials along `dim`, without overflow.
 * @example torch.zeros(2).logcumsumexp(0) // tensor([0.0000, 0.6931])
 */
export const logcumsumexp: Op<[dim: number], "dim"> = custom({ name: "logcumsumexp", params: "dim:int" }, (self, v) => {
  check(self.dtype.isFloatingPoint, () => `"logcumsumexp_out_cpu" not implemented for '${self.dtype.scalarName}'`);
  const dim = wrapDim(v.dim as number, self.dim());
  const out = scanRaw(self.detach(), "logaddexp", dim, self.dtype);
  return differentiable("LogcumsumexpBackward0", out, [self], [self, out], ([g], [x, y]) => {
    if (g!.dim() === 0 || g!.numel() === 0) return [g!];
    // Minus infinity would make the next derivative NaN.
    const low = lowest[self.dtype.name] ?? 0;
    // In logarithms, part by part, since exp(x - y) alone may overflow.
    const part = (log: Tensor): Tensor => expSum.apply([log.sub(y!).flip(dim).logcumsumexp(dim).flip(dim), x!]);
    return [part(logPositive.apply([g!, low])).sub(part(logNegative.apply([g!, low])))];
  });
});
