/** Quantiles: positions between sorted elements. */
import { float32, float64 } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { wrapDim } from "../core/layout.ts";
import { type Scalar, scalarNumber } from "../core/scalar.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import * as ir from "../ir/expr.ts";
import type { Op } from "./call.ts";
import { composite, pointwise } from "./define.ts";

type Interpolation = "linear" | "lower" | "higher" | "midpoint" | "nearest";

type Quantile = Op<
  [q: number | Tensor, dim?: number | null, keepdim?: boolean],
  "q dim keepdim",
  { interpolation?: Interpolation }
>;

const params = "q:operand dim:int?=null keepdim:bool=false * interpolation:str='linear'";
const modes: readonly string[] = ["linear", "lower", "higher", "midpoint", "nearest"];

/** From the rank: the last place where a NaN sorted there, else q of the way; NaN are counted out with the second. */
const rankOf = pointwise("quantile", 3, (q, last, size) =>
  ir.select(ir.ne(last!, last!), ir.sub(size!, 1), ir.mul(q!, ir.sub(size!, 1))),
);
const rankAmong = pointwise("quantile", 2, (q, count) => ir.max(ir.mul(q!, ir.sub(count!, 1)), 0));
const below = pointwise("quantile", 1, (rank) => ir.floor(rank!));
const above = pointwise("quantile", 1, (rank) => ir.ceil(rank!));
const nearest = pointwise("quantile", 1, (rank) => ir.rint(rank!));

function checkArguments(name: string, self: Tensor, q: Tensor | Scalar, mode: string): void {
  check(self.numel() > 0, () => `${name}() input tensor must be non-empty`);
  check(
    self.dtype === float32 || self.dtype === float64,
    () => `${name}() input tensor must be either float or double dtype`,
  );
  if (isTensor(q)) {
    check(q.dim() < 2, () => `${name}() q must be a scalar or 1D tensor`);
    check(q.dtype === self.dtype, () => `${name}() q tensor must be same dtype as the input tensor`);
    check(q.device === self.device, () => `${name}() q tensor must be on the same device as the input tensor`);
    const d = q.detach();
    const outside = d.device.type === "meta" ? 0 : d.lt(0).sum().item() + d.gt(1).sum().item();
    check(outside === 0, () => `${name}() q values must be in the range [0, 1]`);
  } else {
    check(scalarNumber(q) >= 0 && scalarNumber(q) <= 1, () => `${name}() q must be in the range [0, 1] but got ${q}`);
  }
  check(
    modes.includes(mode),
    () => `${name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got ${mode}`,
  );
}

/** The quantiles of the last dim, with those of `q` last in its place. */
function quantiles(x: Tensor, q: Tensor, mode: Interpolation, ignoreNan: boolean): Tensor {
  const sorted = x.sort().values;
  const fixed = sorted.detach();
  const size = x.shape.at(-1)!;
  const ranks = ignoreNan
    ? rankAmong.apply([q, fixed.eq(fixed).sum(-1, true)])
    : rankOf.apply([q, fixed.narrow(-1, size - 1, 1), size]);
  const at = (places: Tensor): Tensor => sorted.gather(-1, places.detach().long());
  if (mode === "lower") return at(below.apply([ranks]));
  if (mode === "higher") return at(above.apply([ranks]));
  if (mode === "nearest") return at(nearest.apply([ranks]));
  const low = below.apply([ranks]);
  const weight = mode === "midpoint" ? 0.5 : ranks.sub(low);
  return at(low).lerp(at(above.apply([ranks])), weight);
}

function define(name: "quantile" | "nanquantile"): Quantile {
  return composite({ name, params }, (self, v) => {
    const q = v.q as Tensor | Scalar;
    const mode = v.interpolation as Interpolation;
    checkArguments(name, self, q, mode);
    const given = v.dim as number | null;
    const dim = given === null ? 0 : wrapDim(given, self.dim());
    const keepdim = v.keepdim as boolean;
    const x = given === null ? self.reshape([-1]) : self.dim() === 0 ? self.reshape([1]) : self.movedim(dim, -1);
    const points = isTensor(q) ? q.reshape([-1]) : self.newFull([1], q);
    // Slices first, quantiles last; then quantiles move to the front and the slices' dims keep their order.
    const found = quantiles(x, points, mode, name === "nanquantile").movedim(-1, 0);
    const rest = keepdim
      ? self.shape.map((n, d) => (given === null || d === dim ? 1 : n))
      : self.shape.filter((_, d) => given !== null && d !== dim);
    const single = !isTensor(q) || q.dim() === 0;
    return found.reshape(single ? rest : [points.numel(), ...rest]);
  });
}

/**
 * The q-th quantiles of all elements or of each slice along `dim`; NaN where a slice has one. `q` is a number or a
 * vector from [0, 1]; `interpolation` `"linear"` (default), `"lower"`, `"higher"`, `"midpoint"`, `"nearest"`.
 * @throws RuntimeError for `q` outside [0, 1], or where its dtype is another.
 * @example torch.tensor([1, 2, 3]).quantile(0.5) // tensor(2.)
 */
export const quantile: Quantile = define("quantile");

/**
 * The q-th quantiles of the elements that are not NaN.
 * @example torch.nanquantile(torch.tensor([1, NaN, 3]), 0.5) // tensor(2.)
 */
export const nanquantile: Quantile = define("nanquantile");
