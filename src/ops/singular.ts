/** The thin singular value decomposition, for the norms that are sums or extrema of singular values. */
import { float32, float64 } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { product } from "../core/layout.ts";
import type { Tensor } from "../core/tensor.ts";
import { differentiable, unrecorded } from "./define.ts";
import { fill, numbersOf } from "./elements.ts";
import { emptyTensor, isMeta } from "./operands.ts";

/** `U`, `S` and `Vh` with `A = U diag(S) Vh`. */
type Svd = [u: Tensor, s: Tensor, vh: Tensor];

/** The singular values of the matrices in the last two dims, in descending order. */
export function singularValues(self: Tensor): Tensor {
  check(
    self.dtype === float32 || self.dtype === float64,
    () => `"svd_cpu" not implemented for '${self.dtype.scalarName}'`,
  );
  const outs = unrecorded(() => decompose(self.detach()));
  return differentiable("LinalgSvdBackward0", outs, [self], outs, ([gU, gS, gVh], [u, s, vh]) => [
    svdGrad(gU ?? null, gS ?? null, gVh ?? null, [u!, s!, vh!]),
  ])[1];
}

/**
 * The gradient of the decomposition, as in PyTorch's `svd_backward`: the parts of U and V that lie in their own span
 * divide by differences of squared singular values, the rest by the values.
 */
function svdGrad(gU: Tensor | null, gS: Tensor | null, gVh: Tensor | null, [u, s, vh]: Svd): Tensor | null {
  const gV = gVh === null ? null : gVh.mT;
  const v = vh.mT;
  const rows = s.unsqueeze(-1);
  const columns = s.unsqueeze(-2);
  let inner: Tensor | null = gS === null ? null : gS.diagEmbed();
  if (gU !== null || gV !== null) {
    const squares = s.mul(s);
    const k = s.shape.at(-1)!;
    const gaps = squares
      .unsqueeze(-2)
      .sub(squares.unsqueeze(-1))
      .add(s.newOnes([k]).diag());
    const left = gU === null ? null : skew(u.mT.matmul(gU)).mul(columns);
    const right = gV === null ? null : skew(v.mT.matmul(gV)).mul(rows);
    inner = plus(inner, plus(left, right)!.div(gaps));
  }
  if (inner === null) return null;
  let out = u.matmul(inner).matmul(vh);
  if (gU !== null && u.shape.at(-2)! > u.shape.at(-1)!) {
    const part = gU.div(columns);
    out = out.add(part.sub(u.matmul(u.mT.matmul(part))).matmul(vh));
  }
  if (gVh !== null && vh.shape.at(-1)! > vh.shape.at(-2)!) {
    const part = gVh.div(rows);
    out = out.add(u.matmul(part.sub(part.matmul(v).matmul(vh))));
  }
  return out;
}

const skew = (t: Tensor): Tensor => t.sub(t.mT);

function plus(a: Tensor | null, b: Tensor | null): Tensor | null {
  return a === null || b === null ? (a ?? b) : a.add(b);
}

function decompose(a: Tensor): Svd {
  const [m, n] = a.shape.slice(-2) as [number, number];
  const k = Math.min(m, n);
  const batch = a.shape.slice(0, -2);
  const make = (...shape: number[]): Tensor => emptyTensor([...batch, ...shape], a.dtype, a.device);
  const outs: Svd = [make(m, k), make(k), make(k, n)];
  if (isMeta(a) || a.numel() === 0) return outs;
  const elements = numbersOf("linalg.svd", a);
  const [us, ss, vs] = outs.map((t) => new Float64Array(t.numel())) as [Float64Array, Float64Array, Float64Array];
  const tall = m >= n;
  for (let i = 0; i < product(batch); i++) {
    const matrix = elements.slice(i * m * n, (i + 1) * m * n);
    const { left, values, right } = jacobi(columnsOf(matrix, m, n, tall), tall ? m : n);
    ss.set(values, i * k);
    const [u, v] = tall ? [left, right] : [right, left];
    u.forEach((column, j) => {
      column.forEach((x, r) => {
        us[(i * m + r) * k + j] = x;
      });
    });
    v.forEach((column, j) => {
      vs.set(column, (i * k + j) * n);
    });
  }
  [us, ss, vs].forEach((values, i) => {
    fill(outs[i]!, values);
  });
  return outs;
}

/** The columns of a row-major matrix, or its rows. */
function columnsOf(a: Float64Array, m: number, n: number, columns: boolean): Float64Array[] {
  if (!columns) return Array.from({ length: m }, (_, i) => a.slice(i * n, (i + 1) * n));
  return Array.from({ length: n }, (_, j) => Float64Array.from({ length: m }, (_, i) => a[i * n + j]!));
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

/** Turns two columns in their plane. */
function rotate(a: Float64Array, b: Float64Array, c: number, s: number): void {
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]!, b[i]!];
    a[i] = c * x - s * y;
    b[i] = s * x + c * y;
  }
}

/**
 * One-sided Jacobi (Hestenes): turns pairs of columns until all are orthogonal; their lengths are the singular values.
 * It loses no relative accuracy in the small ones. Columns of length 0 are completed to an orthonormal set.
 */
function jacobi(columns: Float64Array[], m: number): { left: Float64Array[]; values: number[]; right: Float64Array[] } {
  const n = columns.length;
  const right = columns.map((_, j) => Float64Array.from({ length: n }, (_, i) => (i === j ? 1 : 0)));
  for (let sweep = 0; sweep < 60; sweep++) {
    let turned = false;
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) turned = orthogonalize(columns, right, p, q) || turned;
    }
    if (!turned) break;
  }
  const lengths = columns.map((c) => Math.sqrt(dot(c, c)));
  const order = lengths.map((_, j) => j).sort((a, b) => lengths[b]! - lengths[a]!);
  const left: Float64Array[] = [];
  for (const j of order) left.push(lengths[j]! > 0 ? columns[j]!.map((x) => x / lengths[j]!) : complement(left, m));
  return { left, values: order.map((j) => lengths[j]!), right: order.map((j) => right[j]!) };
}

function orthogonalize(columns: Float64Array[], right: Float64Array[], p: number, q: number): boolean {
  const [a, b] = [columns[p]!, columns[q]!];
  const [aa, bb, ab] = [dot(a, a), dot(b, b), dot(a, b)];
  if (!(Math.abs(ab) > 1e-15 * Math.sqrt(aa * bb))) return false;
  const zeta = (bb - aa) / (2 * ab);
  const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
  const c = 1 / Math.sqrt(1 + t * t);
  rotate(a, b, c, c * t);
  rotate(right[p]!, right[q]!, c, c * t);
  return true;
}

/** A unit vector orthogonal to these. */
function complement(vectors: readonly Float64Array[], m: number): Float64Array {
  let best = new Float64Array(m);
  let length = 0;
  for (let axis = 0; axis < m && length < 0.5; axis++) {
    const v = Float64Array.from({ length: m }, (_, i) => (i === axis ? 1 : 0));
    for (let pass = 0; pass < 2; pass++) {
      for (const u of vectors) {
        const along = dot(u, v);
        for (let i = 0; i < m; i++) v[i]! -= along * u[i]!;
      }
    }
    const size = Math.sqrt(dot(v, v));
    if (size > length) [best, length] = [v.map((x) => x / size), size];
  }
  return best;
}
