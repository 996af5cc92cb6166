/** Resampling dim by dim: every output position is a weighted sum of a few input positions. */
import type { Tensor } from "../../core/tensor.ts";
import { differentiable, unrecorded } from "../define.ts";
import { int64Tensor } from "./pad.ts";
import { alias, computeDType } from "./raw.ts";

/** How a dim of one size becomes one of another. */
export interface Axis {
  readonly input: number;
  readonly output: number;
  readonly alignCorners: boolean;
  /** What the caller scaled by; null: the ratio of the sizes. */
  readonly factor: number | null;
}

/** For every output position the positions that it reads, and their weights (none: a plain copy). */
export interface Taps {
  readonly indices: readonly (readonly number[])[];
  readonly weights: readonly (readonly number[])[] | null;
}

/** The distance between neighbouring output positions, in input positions. */
function step(a: Axis): number {
  if (a.alignCorners) return a.output > 1 ? (a.input - 1) / (a.output - 1) : 0;
  return a.factor !== null && a.factor > 0 ? 1 / a.factor : a.input / a.output;
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const clampTo = (i: number, n: number): number => Math.min(Math.max(i, 0), n - 1);

/** The position at or before, as PyTorch computes it: in float32. */
export function nearest(a: Axis): Taps {
  const scale = Math.fround(a.factor !== null && a.factor > 0 ? 1 / a.factor : a.input / a.output);
  const indices = range(a.output).map((i) => Math.min(Math.floor(Math.fround(i * scale)), a.input - 1));
  return { indices: [indices], weights: null };
}

/** The position whose centre is nearest. */
export function nearestExact(a: Axis): Taps {
  const scale = Math.fround(a.factor !== null && a.factor > 0 ? 1 / a.factor : a.input / a.output);
  const indices = range(a.output).map((i) => Math.min(Math.floor(Math.fround((i + 0.5) * scale)), a.input - 1));
  return { indices: [indices], weights: null };
}

/** Two neighbours by their distances. */
export function linear(a: Axis): Taps {
  const scale = step(a);
  const at = range(a.output).map((i) => (a.alignCorners ? i * scale : Math.max((i + 0.5) * scale - 0.5, 0)));
  const low = at.map((x) => Math.min(Math.floor(x), a.input - 1));
  const high = low.map((i) => Math.min(i + 1, a.input - 1));
  const share = at.map((x, i) => Math.min(Math.max(x - low[i]!, 0), 1));
  return { indices: [low, high], weights: [share.map((s) => 1 - s), share] };
}

/** Keys' cubic convolution, up to distance 1 and up to distance 2. */
const cubicNear = (x: number, a: number): number => ((a + 2) * x - (a + 3)) * x * x + 1;
const cubicFar = (x: number, a: number): number => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;

/** The four weights of cubic interpolation at a fraction between two positions. */
export function cubicWeights(t: number, a = -0.75): number[] {
  return [cubicFar(t + 1, a), cubicNear(t, a), cubicNear(1 - t, a), cubicFar(2 - t, a)];
}

/** Four neighbours by a cubic. */
export function cubic(a: Axis): Taps {
  const scale = step(a);
  const at = range(a.output).map((i) => (a.alignCorners ? i * scale : (i + 0.5) * scale - 0.5));
  const base = at.map(Math.floor);
  const weights = at.map((x, i) => cubicWeights(x - base[i]!));
  return {
    indices: range(4).map((k) => base.map((b) => clampTo(b - 1 + k, a.input))),
    weights: range(4).map((k) => weights.map((w) => w[k]!)),
  };
}

/** A filter over its support, widened where the dim shrinks. */
function antialiased(a: Axis, reach: number, filter: (x: number) => number): Taps {
  const scale = step(a);
  const support = scale >= 1 ? reach * scale : reach;
  const inverse = scale >= 1 ? 1 / scale : 1;
  const rows = range(a.output).map((i) => {
    const centre = scale * (i + 0.5);
    const from = Math.max(Math.trunc(centre - support + 0.5), 0);
    const to = Math.min(Math.trunc(centre + support + 0.5), a.input);
    const raw = range(Math.max(to - from, 0)).map((j) => filter((j + from - centre + 0.5) * inverse));
    const total = raw.reduce((s, w) => s + w, 0);
    return { from, weights: raw.map((w) => (total === 0 ? w : w / total)) };
  });
  const longest = Math.max(...rows.map((r) => r.weights.length), 1);
  return {
    indices: range(longest).map((k) => rows.map((r) => clampTo(r.from + k, a.input))),
    weights: range(longest).map((k) => rows.map((r) => r.weights[k] ?? 0)),
  };
}

/** Linear interpolation with a low-pass filter where the dim shrinks. */
export const linearAntialiased = (a: Axis): Taps => antialiased(a, 1, (x) => Math.max(1 - Math.abs(x), 0));

/** Cubic interpolation with a low-pass filter where the dim shrinks. */
export const cubicAntialiased = (a: Axis): Taps =>
  antialiased(a, 2, (x) => {
    const d = Math.abs(x);
    return d < 1 ? cubicNear(d, -0.5) : d < 2 ? cubicFar(d, -0.5) : 0;
  });

/** Taps as tensors that broadcast along a dim. */
interface Lane {
  readonly dim: number;
  readonly size: number;
  readonly taps: readonly { readonly index: Tensor; readonly weight: Tensor | null }[];
}

function laneOf(x: Tensor, dim: number, taps: Taps): Lane {
  const shape = x.shape.map((_, d) => (d === dim ? taps.indices[0]!.length : 1));
  return {
    dim,
    size: x.shape[dim]!,
    taps: taps.indices.map((list, k) => {
      const weights = taps.weights?.[k];
      return {
        index: int64Tensor(x, BigInt64Array.from(list, BigInt)),
        weight: weights === undefined ? null : x.newTensor(weights).view(shape),
      };
    }),
  };
}

/** Reads along every lane; linear, by differentiable methods. */
function read(x: Tensor, lanes: readonly Lane[]): Tensor {
  return lanes.reduce((y, lane) => {
    const parts = lane.taps.map((t) => {
      const taken = y.indexSelect(lane.dim, t.index);
      return t.weight === null ? taken : taken.mul(t.weight);
    });
    return parts.reduce((sum, part) => sum.add(part));
  }, x);
}

/** The transpose of `read`. */
function write(g: Tensor, lanes: readonly Lane[]): Tensor {
  return lanes.reduceRight((y, lane) => {
    const zeros = y.newZeros(y.shape.with(lane.dim, lane.size));
    return lane.taps.reduce(
      (sum, t) => sum.indexAdd(lane.dim, t.index, t.weight === null ? y : y.mul(t.weight)),
      zeros,
    );
  }, g);
}

/** Resamples the last dims, as one node; dtypes of 16 bits are computed in float32. */
export function resample(x: Tensor, taps: readonly Taps[], node: string): Tensor {
  const start = x.dim() - taps.length;
  const dtype = taps[0]!.weights === null ? x.dtype : computeDType(x.dtype);
  const { out, lanes } = unrecorded(() => {
    const wide = x.detach().to(dtype);
    const lanes = taps.map((t, d) => laneOf(wide, start + d, t));
    return { out: read(wide, lanes).to(x.dtype), lanes };
  });
  return differentiable(node, alias(out, out.impl.layout), [x], [], ([g]) => [write(g!.to(dtype), lanes).to(x.dtype)]);
}
