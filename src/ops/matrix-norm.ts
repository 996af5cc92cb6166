/** Matrix norms over two dims. */
import type { DType } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { list, wrapDim } from "../core/layout.ts";
import type { Tensor } from "../core/tensor.ts";
import { singularValues } from "./singular.ts";
import { checkNormDType, vectorNorm } from "./vector-norm.ts";

const infinity = Number.POSITIVE_INFINITY;

/** The norm of the matrices in the two dims: 'fro', 'nuc', or an order of 1, 2, infinity or their negatives. */
export function matrixNormOf(
  self: Tensor,
  ord: string | number,
  dim: readonly number[],
  keepdim: boolean,
  dtype: DType | null,
): Tensor {
  const name = "linalg.matrix_norm";
  const size = typeof ord === "number" ? Math.abs(ord) : ord;
  check(
    size === "fro" || size === "nuc" || size === 1 || size === 2 || size === infinity,
    () => `${name}: Order ${ord} not supported.`,
  );
  check(self.dim() >= 2, () => `${name}: The input tensor A must have at least 2 dimensions.`);
  checkNormDType(name, self, dtype);
  check(dim.length === 2, () => `${name}: dim must be a 2-tuple. Got ${dim.join(" ")}`);
  const [a, b] = dim.map((d) => wrapDim(d, self.dim())) as [number, number];
  check(a !== b, () => `${name}: dims must be different. Got (${dim.join(", ")})`);
  if (ord === "fro") return vectorNorm(self, 2, [a, b], keepdim, dtype);
  const pick = (t: Tensor, d: number, keep: boolean): Tensor => (Number(ord) > 0 ? t.amax(d, keep) : t.amin(d, keep));
  if (size === 1 || size === infinity) {
    const [summed, chosen] = size === 1 ? [a, b] : [b, a];
    const lower = !keepdim && summed < chosen ? chosen - 1 : chosen;
    return pick(vectorNorm(self, 1, [summed], keepdim, dtype), lower, keepdim);
  }
  const values = singularValues((dtype === null ? self : self.to(dtype)).movedim([a, b], [-2, -1]));
  const out = size === "nuc" ? values.sum(-1) : pick(values, -1, false);
  return keepdim ? out.unsqueeze(-1).unsqueeze(-1).movedim([-2, -1], [a, b]) : out;
}

/** `linalg.norm`: a vector norm where no order or one dim is given, else a matrix norm. */
export function generalNorm(
  self: Tensor,
  ord: string | number | null,
  dim: readonly number[] | null,
  keepdim: boolean,
  dtype: DType | null,
): Tensor {
  if (dim !== null) {
    check(
      dim.length === 1 || dim.length === 2,
      () => `linalg.norm: If dim is specified, it must be of length 1 or 2. Got ${list(dim)}`,
    );
  } else if (ord !== null) {
    check(
      self.dim() === 1 || self.dim() === 2,
      () => `linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got ${self.dim()}D.`,
    );
  }
  if (ord === null) return vectorNorm(self, 2, dim, keepdim, dtype);
  const matrix = typeof ord === "string" || (dim === null ? self.dim() === 2 : dim.length === 2);
  if (matrix) return matrixNormOf(self, ord, dim ?? [0, 1], keepdim, dtype);
  return vectorNorm(self, ord, dim, keepdim, dtype);
}
