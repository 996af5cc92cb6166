/** Covariance and correlation of variables, one per row. */
import { bool } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import type { Tensor } from "../core/tensor.ts";
import { warn } from "../core/warnings.ts";
import type { Op } from "./call.ts";
import { composite } from "./define.ts";

type WeightName = "fweights" | "aweights";

function checkWeights(name: WeightName, w: Tensor | null, observations: number): void {
  if (w === null) return;
  check(
    w.dim() <= 1,
    () => `cov(): expected ${name} to have one or fewer dimensions but got ${name} with ${w.dim()} dimensions`,
  );
  const [fits, kind] =
    name === "fweights" ? [w.dtype.category === "int", "integral"] : [w.dtype.isFloatingPoint, "floating point"];
  check(
    fits,
    () =>
      `cov(): expected ${name} to have ${kind} dtype but got ${name} with ${w.dtype.scalarName} dtype` +
      (name === "fweights" && w.dtype.isFloatingPoint ? ". Numbers make float32 here: pass { dtype: 'int64' }" : ""),
  );
  check(
    w.numel() === observations,
    () =>
      `cov(): expected ${name} to have the same numel as there are observations in the input but got ${w.numel()} ` +
      `!= ${observations}`,
  );
  check(observations === 0 || w.detach().min().item() >= 0, () => `cov(): ${name} cannot be negative`);
}

/**
 * The covariance matrix of variables in rows and observations in columns, with frequencies and weights of these.
 * @example torch.tensor([[1, 2], [2, 1]]).cov() // tensor([[ 0.5000, -0.5000], [-0.5000, 0.5000]])
 */
export const cov: Op<[], "", { correction?: number; fweights?: Tensor | null; aweights?: Tensor | null }> = composite(
  { name: "cov", params: "* correction:int=1 fweights:tensor?=null aweights:tensor?=null" },
  (self, v) => {
    check(
      self.dim() <= 2,
      () => `cov(): expected input to have two or fewer dimensions but got an input with ${self.dim()} dimensions`,
    );
    check(self.dtype !== bool, () => "cov(): bool dtype is not supported for input");
    const rows = self.dim() < 2 ? self.reshape([1, -1]) : self;
    const observations = rows.shape[1]!;
    const [fweights, aweights] = [v.fweights as Tensor | null, v.aweights as Tensor | null];
    checkWeights("fweights", fweights, observations);
    checkWeights("aweights", aweights, observations);
    const w = fweights !== null && aweights !== null ? fweights.mul(aweights) : (fweights ?? aweights);
    const total = w === null ? observations : w.sum();
    const sum = typeof total === "number" ? total : total.detach().item();
    check(w === null || sum !== 0, () => "cov(): weights sum to zero, can't be normalized");
    const weighted = (x: Tensor): Tensor => (w === null ? x : x.mul(w));
    const centered = rows.sub(weighted(rows).sum(1).div(total).unsqueeze(1));
    const c = centered.mm(weighted(centered).t());
    return c.div(normalizer(v.correction as number, total, w, aweights)).squeeze();
  },
);

/** The number of observations, or their weight, less the correction; 0 where nothing is left. */
function normalizer(
  correction: number,
  total: number | Tensor,
  w: Tensor | null,
  aweights: Tensor | null,
): Tensor | number {
  const none = (): number => {
    warn("degrees-of-freedom", "cov(): degrees of freedom is <= 0");
    return 0;
  };
  if (typeof total === "number") return total - correction > 0 ? total - correction : none();
  const reduced =
    aweights !== null && correction !== 0 ? w!.mul(aweights).sum().mul(correction).div(total) : correction;
  const factor = total.sub(reduced);
  return factor.detach().item() > 0 ? factor : factor.mul(none());
}

/**
 * The matrix of correlation coefficients of variables in rows and observations in columns.
 * @example torch.tensor([[1, 2], [2, 1]]).corrcoef() // tensor([[ 1., -1.], [-1., 1.]])
 */
export const corrcoef: Op<[]> = composite({ name: "corrcoef" }, (self) => {
  check(
    self.dim() <= 2,
    () => `corrcoef(): expected input to have two or fewer dimensions but got an input with ${self.dim()} dimensions`,
  );
  const c = self.cov();
  if (c.dim() === 0) return c.div(c);
  const deviations = c.diag().sqrt();
  return c
    .div(deviations.reshape([-1, 1]))
    .div(deviations.reshape([1, -1]))
    .clip(-1, 1);
});
