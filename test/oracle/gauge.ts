/** Factorisations that are unique only up to signs, phases or pivots: what must hold instead of equal elements. */
import { tensorLeaves } from "./face.ts";
import { type Encoded, isTagged, type Sample } from "./format.ts";
import { recorded, type Snapshot, snapshot } from "./snapshot.ts";

/** A dense matrix by rows. */
export type Matrix = readonly (readonly number[])[];

/** The matrices of a batch: the last two dims of a snapshot (a vector counts as one row). */
export function matrices({ shape, values }: Snapshot): Matrix[] {
  const columns = shape.at(-1) ?? 1;
  const rows = shape.length < 2 ? 1 : (shape.at(-2) ?? 1);
  const count = shape.slice(0, -2).reduce((product, size) => product * size, 1);
  const at = (batch: number, i: number, j: number) => Number(values[(batch * rows + i) * columns + j]);
  return fill(count, (batch) => fill(rows, (i) => fill(columns, (j) => at(batch, i, j))));
}

function fill<T>(length: number, make: (index: number) => T): T[] {
  return Array.from({ length }, (_, index) => make(index));
}

/** The product of two matrices. */
export function product(a: Matrix, b: Matrix): Matrix {
  return a.map((row) => fill(b[0]?.length ?? 0, (j) => row.reduce((sum, x, k) => sum + x * (b[k]?.[j] ?? 0), 0)));
}

/** The transpose of a matrix with `columns` columns. */
export function transposed(a: Matrix): Matrix {
  return fill(a[0]?.length ?? 0, (j) => a.map((row) => row[j] ?? 0));
}

/** The largest difference of two matrices, relative to the larger of 1 and the largest element. */
export function distance(a: Matrix, b: Matrix): number {
  const scale = Math.max(1, ...b.flat().map(Math.abs));
  return Math.max(0, ...a.flatMap((row, i) => row.map((x, j) => Math.abs(x - (b[i]?.[j] ?? Number.NaN))))) / scale;
}

function identity(n: number): Matrix {
  return fill(n, (i) => fill(n, (j) => (i === j ? 1 : 0)));
}

function diagonal(d: readonly number[]): Matrix {
  return d.map((x, i) => d.map((_, j) => (i === j ? x : 0)));
}

/** The symmetric matrix that one triangle of `a` describes. */
export function symmetric(a: Matrix, triangle: "L" | "U"): Matrix {
  const swap = (i: number, j: number) => (triangle === "L" ? j > i : j < i);
  return a.map((row, i) => row.map((x, j) => (swap(i, j) ? (a[j]?.[i] ?? x) : x)));
}

/** How far a factorisation is from what it must satisfy; each number has to be near zero. */
type Check = (input: Matrix, parts: readonly Matrix[], sample: Sample) => readonly number[];

const checks: { readonly [compare: string]: Check } = {
  eigh: (input, [values = [], vectors = []], sample) => {
    const a = symmetric(input, triangleOf(sample));
    const scaled = product(vectors, diagonal(values[0] ?? []));
    return [distance(product(a, vectors), scaled), orthonormal(vectors)];
  },
  qr: (input, [q = [], r = []]) => [distance(product(q, r), input), orthonormal(q), belowDiagonal(r)],
  geqrf: (input, [a = [], tau = []]) => {
    const q = reflected(a, tau[0] ?? []);
    return [distance(product(q, upper(a)), input), orthonormal(q)];
  },
  ldl: (input, [factors = [], pivots = []]) => [
    distance(reconstructLdl(factors, pivots[0] ?? []), symmetric(input, "L")),
  ],
};

/** Whether outputs that differ elementwise still are a factorisation of the input. */
export function isFactorisation(compare: string, sample: Sample, result: unknown): boolean {
  const check = checks[compare];
  const input = sample.args[0] ?? null;
  if (check === undefined || !isTagged(input, "tensor")) return false;
  const outputs = tensorLeaves(result).map(snapshot);
  if (!outputs.every(({ shape, dtype }, i) => sameKind(recordedOutput(sample.out, i), shape, dtype))) return false;
  const parts = outputs.map((output, i) =>
    i > 0 || compare === "eigh" ? vectorsOrMatrices(output, input.shape) : matrices(output),
  );
  const tolerance = input.dtype === "float64" ? 1e-7 : 1e-4;
  return matrices(recorded(input)).every((matrix, batch) =>
    check(
      matrix,
      parts.map((part) => part[batch] ?? []),
      sample,
    ).every((error) => error <= tolerance),
  );
}

function recordedOutput(out: Encoded, i: number): Snapshot | undefined {
  const item = isTagged(out, "tuple") ? out.v[i] : undefined;
  return item !== undefined && isTagged(item, "tensor") ? recorded(item) : undefined;
}

function sameKind(want: Snapshot | undefined, shape: readonly number[], dtype: string): boolean {
  return want !== undefined && want.shape.join() === shape.join() && want.dtype === dtype;
}

/** Outputs of one dim less than the input are one vector per matrix of the batch. */
function vectorsOrMatrices(output: Snapshot, input: readonly number[]): Matrix[] {
  if (output.shape.length === input.length) return matrices(output);
  const { shape } = output;
  return matrices({ ...output, shape: [...shape.slice(0, -1), 1, shape.at(-1) ?? 1] });
}

function triangleOf({ names, args, opts, op }: Sample): "L" | "U" {
  const given = (name: string) => opts[name] ?? args[names.indexOf(name)];
  if (op === "symeig") return given("upper") === false ? "L" : "U";
  return given("UPLO") === "U" ? "U" : "L";
}

function orthonormal(q: Matrix): number {
  const gram = product(transposed(q), q);
  return distance(gram, identity(gram.length));
}

function belowDiagonal(r: Matrix): number {
  return Math.max(0, ...r.flatMap((row, i) => row.slice(0, i).map(Math.abs)));
}

function upper(a: Matrix): Matrix {
  const rows = Math.min(a.length, a[0]?.length ?? 0);
  return a.slice(0, rows).map((row, i) => row.map((x, j) => (j >= i ? x : 0)));
}

/** Q of LAPACK's reflectors: the product of I - tau v vᵀ, with v below the diagonal of `a` and 1 on it. */
function reflected(a: Matrix, tau: readonly number[]): Matrix {
  const m = a.length;
  let q = identity(m);
  tau.forEach((scale, k) => {
    const v = fill(m, (i) => (i < k ? 0 : i === k ? 1 : (a[i]?.[k] ?? 0)));
    const reflector = v.map((x, i) => v.map((y, j) => (i === j ? 1 : 0) - scale * x * y));
    q = product(q, reflector);
  });
  return q.map((row) => row.slice(0, Math.min(m, a[0]?.length ?? 0)));
}

/** A of LAPACK's sytrf (lower): steps of one or two columns, each a row exchange and multipliers, applied backwards. */
export function reconstructLdl(factors: Matrix, pivots: readonly number[]): Matrix {
  const n = factors.length;
  const starts: number[] = [];
  for (let k = 0; k < n; k += (pivots[k] ?? 1) > 0 ? 1 : 2) starts.push(k);
  const block = (k: number) => ((pivots[k] ?? 1) > 0 ? 1 : 2);
  const step = (i: number) => starts.findLast((start) => start <= i) ?? 0;
  const entry = (i: number, j: number) => factors[Math.max(i, j)]?.[Math.min(i, j)] ?? 0;
  let x: Matrix = fill(n, (i) => fill(n, (j) => (step(i) === step(j) ? entry(i, j) : 0)));
  for (const k of starts.toReversed()) {
    const last = k + block(k) - 1;
    const multipliers = fill(n, (i) =>
      fill(n, (j) => (i === j ? 1 : i > last && j >= k && j <= last ? entry(i, j) : 0)),
    );
    const exchange = swapped(n, last, Math.abs(pivots[k] ?? 1) - 1);
    const both = product(exchange, multipliers);
    x = product(product(both, x), transposed(both));
  }
  return x;
}

function swapped(n: number, a: number, b: number): Matrix {
  const to = (i: number) => (i === a ? b : i === b ? a : i);
  return fill(n, (i) => fill(n, (j) => (to(i) === j ? 1 : 0)));
}

/** Whether complex results are the recorded ones in another order. */
export function isMultisetEqual({ out, dtype }: Sample, result: unknown): boolean {
  const [got] = tensorLeaves(result).map(snapshot);
  if (got === undefined || !isTagged(out, "tensor")) return false;
  const want = recorded(out);
  if (!sameKind(want, got.shape, got.dtype)) return false;
  const tolerance = dtype === "float64" || dtype === "complex128" ? 1e-7 : 1e-4;
  const length = out.shape.at(-1) ?? 1;
  const batches = length === 0 ? 0 : want.values.length / (2 * length);
  return fill(batches, (batch) => batch).every((batch) => {
    const points = ({ values }: Snapshot) =>
      fill(length, (i) => [Number(values[2 * (batch * length + i)]), Number(values[2 * (batch * length + i) + 1])]);
    const left = points(want);
    return points(got).every(([re = 0, im = 0]) => {
      const near = left.findIndex(
        ([x = 0, y = 0]) => Math.hypot(re - x, im - y) <= tolerance * Math.max(1, Math.hypot(x, y)),
      );
      if (near >= 0) left.splice(near, 1);
      return near >= 0;
    });
  });
}
