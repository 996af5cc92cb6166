/** Counts: histograms and the frequencies of integers. */
import { type DType, float32, float64, int64 } from "../core/dtype.ts";
import { check, RuntimeError } from "../core/errors.ts";
import { equalShapes, list } from "../core/layout.ts";
import { type NamedTuple, namedTuple } from "../core/namedtuple.ts";
import { type Scalar, scalarNumber } from "../core/scalar.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import type { Op, OpInfo } from "./call.ts";
import { custom, differentiable } from "./define.ts";
import { elementsOf, fill, numbersOf } from "./elements.ts";
import { emptyTensor } from "./operands.ts";
import { linspace } from "./ranges.ts";

function refusing(outs: readonly Tensor[], inputs: readonly (Tensor | null)[], name: string): void {
  differentiable("NotImplemented", outs, inputs, [], () => {
    throw new RuntimeError(`derivative for aten::${name} is not implemented`);
  });
}

/** The least and the greatest element; 0 to 1 where there are none, and a width of 1 where they are equal. */
function bounds(given: readonly number[] | null, x: Float64Array, dim: number, name: string): [number, number] {
  let [low, high] =
    given === null ? [x.length > 0 ? Infinity : 0, x.length > 0 ? -Infinity : 1] : [given[0]!, given[1]!];
  if (given === null) {
    for (const value of x) {
      if (!(value >= low)) low = value;
      if (!(value <= high)) high = value;
    }
  }
  check(
    Number.isFinite(low) && Number.isFinite(high),
    () => `${name}: dimension ${dim}'s range [${cNumber(low)}, ${cNumber(high)}] is not finite`,
  );
  check(low <= high, () => `${name}: min should not exceed max, but got min ${low} max ${high} for dimension ${dim}`);
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

const cNumber = (x: number): string =>
  Number.isFinite(x) ? String(x) : Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";

/** The bin of a value between sorted edges, the last one closed on both sides; -1 outside. */
function binOf(edges: Float64Array, value: number): number {
  const bins = edges.length - 1;
  if (!(value >= edges[0]! && value <= edges[bins]!)) return -1;
  let [low, high] = [0, bins + 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (edges[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return Math.min(low - 1, bins - 1);
}

/** The bin among equal ones: by proportion, then corrected against the edges, which rounding may contradict. */
function linearBin(edges: Float64Array, value: number): number {
  const bins = edges.length - 1;
  const [low, high] = [edges[0]!, edges[bins]!];
  if (!(value >= low && value <= high)) return -1;
  const guess = Math.floor(((value - low) / (high - low)) * bins);
  const from = Math.max(0, guess - 1);
  const to = Math.min(guess + 2, bins + 1);
  let at = from;
  while (at < to && edges[at]! <= value) at++;
  return Math.min(Math.max(at - 1, 0), bins - 1);
}

/** What a histogram is made of: the points by coordinate, their weights, and the edges of each coordinate. */
interface Counting {
  readonly points: readonly Float64Array[];
  readonly weights: Float64Array | null;
  readonly edges: readonly Float64Array[];
  readonly find: typeof binOf;
}

function count({ points, weights, edges, find }: Counting): Float64Array {
  const sizes = edges.map((e) => e.length - 1);
  const out = new Float64Array(sizes.reduce((a, b) => a * b, 1));
  const total = points[0]?.length ?? 0;
  for (let i = 0; i < total; i++) {
    let place = 0;
    for (let d = 0; d < points.length && place >= 0; d++) {
      const bin = find(edges[d]!, points[d]![i]!);
      place = bin < 0 ? -1 : place * sizes[d]! + bin;
    }
    if (place >= 0) out[place]! += weights === null ? 1 : weights[i]!;
  }
  return out;
}

/** Divides by the total and by the sizes of the bins. */
function densities(hist: Float64Array, edges: readonly Float64Array[]): Float64Array {
  const total = hist.reduce((a, b) => a + b, 0);
  return hist.map((value, i) => {
    let volume = 1;
    let rest = i;
    for (let d = edges.length - 1; d >= 0; d--) {
      const bins = edges[d]!.length - 1;
      const at = rest % bins;
      rest = Math.floor(rest / bins);
      volume *= edges[d]![at + 1]! - edges[d]![at]!;
    }
    return value / total / volume;
  });
}

function needFloat(name: string, x: Tensor): void {
  check(x.dtype === float32 || x.dtype === float64, () => `"${name}" not implemented for '${x.dtype.scalarName}'`);
}

/**
 * Counts of the elements in equal bins from `min` to `max`; both 0: of the data. Elements outside are not counted.
 * @example torch.histc(torch.tensor([1, 2, 1]), { bins: 2, min: 0, max: 3 }) // tensor([2., 1.])
 */
export const histc: Op<[bins?: number, min?: number, max?: number], "bins min max"> = custom(
  { name: "histc", params: "bins:int=100 min:scalar=0 max:scalar=0" },
  (self, v) => {
    needFloat("histogram_cpu", self);
    const bins = v.bins as number;
    check(bins > 0, () => `torch.histogram(): bins must be > 0, but got ${bins} for dimension 0`);
    const x = numbersOf("histc", self);
    let [low, high] = [scalarNumber(v.min as Scalar), scalarNumber(v.max as Scalar)];
    if (low === high && x.length > 0) [low, high] = extent(x);
    check(
      Number.isFinite(low) && Number.isFinite(high),
      () => `torch.histc: range of [${cNumber(low)}, ${cNumber(high)}] is not finite`,
    );
    if (low === high) [low, high] = [low - 1, high + 1];
    check(low < high, () => "torch.histc: max must be larger than min");
    const out = emptyTensor([bins], self.dtype, self.device);
    return fill(
      out,
      count({
        points: [x],
        weights: null,
        edges: [evenEdges(low, high, bins, self.dtype).numbers],
        find: proportionalBin,
      }),
    );
  },
);

/** `histc` trusts the proportion alone. */
function proportionalBin(edges: Float64Array, value: number): number {
  const bins = edges.length - 1;
  const [low, high] = [edges[0]!, edges[bins]!];
  if (!(value >= low && value <= high)) return -1;
  return Math.min(Math.floor(((value - low) / (high - low)) * bins), bins - 1);
}

function extent(x: Float64Array): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of x) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}

function evenEdges(low: number, high: number, bins: number, dtype: DType): { tensor: Tensor; numbers: Float64Array } {
  const tensor = linspace(low, high, bins + 1, { dtype });
  return { tensor, numbers: numbersOf("histogram", tensor) };
}

function checkWeight(x: Tensor, shape: readonly number[], weight: Tensor | null): void {
  if (weight === null) return;
  check(
    weight.dtype === x.dtype,
    () =>
      "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same dtype, " +
      `but got input(${cName(x.dtype)}), and weight(${cName(weight.dtype)})`,
  );
  check(
    equalShapes(weight.shape, shape),
    () =>
      "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor excluding " +
      `its innermost dimension, but got input with shape ${list(x.shape)} and weight with shape ${list(weight.shape)}`,
  );
}

const cName = (dtype: DType): string => (dtype === float32 ? "float" : dtype === float64 ? "double" : dtype.name);

function checkEdges(x: Tensor, edges: Tensor, d: number): void {
  check(
    edges.dtype === x.dtype,
    () =>
      "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype " +
      `${cName(x.dtype)} and bins for dimension ${d} with dtype ${cName(edges.dtype)}`,
  );
  check(
    edges.dim() === 1,
    () =>
      `torch.histogramdd: bins tensor should have one dimension, but got ${edges.dim()} dimensions in the bins tensor ` +
      `for dimension ${d}`,
  );
  check(
    edges.numel() > 0,
    () =>
      "torch.histogramdd: bins tensor should have at least 1 element, but got 0 elements in the bins tensor for " +
      `dimension ${d}`,
  );
  check(edges.numel() > 1, () => `torch.histogram(): bins must be > 0, but got 0 for dimension ${d}`);
}

/** How bins were asked for: a number or edges for each coordinate. */
type Bins = readonly (number | Tensor)[];

function histogramOf(
  x: Tensor,
  points: readonly Float64Array[],
  bins: Bins,
  v: { range: readonly number[] | null; weight: Tensor | null; density: boolean },
  shape: readonly number[],
): { hist: Tensor; edges: Tensor[] } {
  needFloat("histogramdd", x);
  checkWeight(x, shape, v.weight);
  const made = bins.map((b, d) => {
    if (isTensor(b)) {
      checkEdges(x, b, d);
      return { tensor: b, numbers: numbersOf("histogram", b) };
    }
    check(b > 0, () => `torch.histogram(): bins must be > 0, but got ${b} for dimension ${d}`);
    const given = v.range === null ? null : v.range.slice(2 * d, 2 * d + 2);
    return evenEdges(...bounds(given, points[d]!, d, "torch.histogramdd"), b, x.dtype);
  });
  const edges = made.map((m) => m.numbers);
  const weights = v.weight === null ? null : numbersOf("histogram", v.weight);
  const counted = count({ points, weights, edges, find: isTensor(bins[0]) ? binOf : linearBin });
  const out = emptyTensor(
    edges.map((e) => e.length - 1),
    x.dtype,
    x.device,
  );
  return { hist: fill(out, v.density ? densities(counted, edges) : counted), edges: made.map((m) => m.tensor) };
}

/** `histogram(x, bins, { range, weight, density })`: bins are a number or the edges. */
export interface Histogram {
  (self: Tensor, ...args: HistogramArgs): HistogramResult;
  readonly op: OpInfo;
}

type HistogramOptions = { range?: readonly number[] | null; weight?: Tensor | null; density?: boolean };
type HistogramArgs =
  | [bins?: number | Tensor, options?: HistogramOptions]
  | [options: HistogramOptions & { bins?: number | Tensor }];
/** Counts and the edges of the bins. */
export type HistogramResult = NamedTuple<Tensor, readonly ["hist", "binEdges"]>;

const histogramResult = namedTuple("histogram", ["hist", "binEdges"]);

/**
 * Counts, or sums of weights, of the elements in bins, and the bins' edges.
 * @example torch.histogram(torch.tensor([1, 2, 1]), 2, { range: [0, 3] }).hist // tensor([2., 1.])
 */
export const histogram: Histogram = custom(
  {
    name: "histogram",
    params: [
      "bins:int=100 * range:floats?=null weight:tensor?=null density:bool=false",
      "bins:tensor * weight:tensor?=null density:bool=false",
    ],
  },
  (self, v) => {
    const weight = v.weight as Tensor | null;
    const range = (v.range as number[] | null | undefined) ?? null;
    check(
      range === null || range.length === 2,
      () => `torch.histogramdd: for a 1-dimensional histogram range should have 2 elements, but got ${range?.length}`,
    );
    const flat = self.reshape([-1, 1]);
    const { hist, edges } = histogramOf(
      flat,
      [numbersOf("histogram", self)],
      [v.bins as number | Tensor],
      { range, weight: weight === null ? null : weight.reshape([-1]), density: v.density as boolean },
      [flat.shape[0]!],
    );
    const binEdges = isTensor(v.bins) ? edges[0]!.detach().clone() : edges[0]!;
    refusing([hist, binEdges], [self, weight], "histogram");
    return histogramResult(hist, binEdges);
  },
);

/** Counts over a grid and the edges of each coordinate. */
export type HistogramddResult = NamedTuple<Tensor | Tensor[], readonly ["hist", "binEdges"]> & {
  readonly hist: Tensor;
  readonly binEdges: Tensor[];
};

const histogramddResult = namedTuple("histogramdd", ["hist", "binEdges"]);

/** `histogramdd(x, bins, range, weight, density)`: a number or edges for each coordinate. */
export type Histogramdd = Op<
  [
    bins: number | readonly number[] | readonly Tensor[],
    range?: readonly number[] | null,
    weight?: Tensor | null,
    density?: boolean,
  ],
  "bins range weight density",
  unknown,
  HistogramddResult
>;

/**
 * Counts, or sums of weights, of points (the last dim holds coordinates) in a grid of bins.
 * @example torch.histogramdd(torch.tensor([[0, 1], [1, 0]]), [2, 2]).hist // tensor([[0., 1.], [1., 0.]])
 */
export const histogramdd: Histogramdd = custom(
  {
    name: "histogramdd",
    receiver: null,
    params: [
      "bins:ints range:floats?=null weight:tensor?=null density:bool=false",
      "bins:tensors range:floats?=null weight:tensor?=null density:bool=false",
    ],
  },
  (self, v) => {
    check(self.dim() >= 2, () => "torch.histogramdd: input tensor should have at least 2 dimensions");
    const n = self.shape.at(-1)!;
    const given = v.bins as (number | Tensor)[];
    const bins = given.length === 1 && n > 1 && !isTensor(given[0]) ? new Array<number>(n).fill(given[0]!) : given;
    check(
      bins.length === n,
      () =>
        `torch.histogramdd: expected ${n} sequences of bin edges or numbers of bins for a ${n}-dimensional histogram ` +
        `but got ${bins.length}`,
    );
    const range = v.range as number[] | null;
    check(
      range === null || range.length === 2 * n,
      () =>
        `torch.histogramdd: for a ${n}-dimensional histogram range should have ${2 * n} elements, but got ${range?.length}`,
    );
    const weight = v.weight as Tensor | null;
    checkWeight(self, self.shape.slice(0, -1), weight);
    const points = Array.from({ length: n }, (_, d) => numbersOf("histogramdd", self.select(-1, d)));
    const flat = self.reshape([-1, n]);
    const { hist, edges } = histogramOf(
      flat,
      points,
      bins,
      { range, weight: weight === null ? null : weight.reshape([-1]), density: v.density as boolean },
      [flat.shape[0]!],
    );
    // Edges that the caller gave are returned as they are.
    refusing([hist, ...edges.filter((e, d) => e !== bins[d])], [self, weight], "histogramdd");
    return histogramddResult<Tensor | Tensor[]>(hist, edges);
  },
);

/**
 * How often each non-negative integer occurs, or the sum of its weights; at least `minlength` of them.
 * @example torch.bincount(torch.tensor([0n, 2n, 2n])) // tensor([1, 0, 2])
 */
export const bincount: Op<[weights?: Tensor | null, minlength?: number], "weights minlength"> = custom(
  { name: "bincount", params: "weights:tensor?=null minlength:int=0" },
  (self, v) => {
    const weights = v.weights as Tensor | null;
    const minlength = v.minlength as number;
    check(
      self.dtype.category === "int",
      () =>
        `"bincount_cpu" not implemented for '${self.dtype.scalarName}'` +
        (self.dtype.isFloatingPoint ? ". Numbers make float32 here: pass { dtype: 'int64' }" : ""),
    );
    check(minlength >= 0, () => "minlength should be >= 0");
    const elements = elementsOf("bincount", self);
    const nonnegative = "bincount only supports 1-d non-negative integral inputs.";
    check(self.dim() === 1 || (self.dim() === 0 && self.numel() === 0), () => nonnegative);
    const values = Array.from(elements, Number);
    check(
      values.every((x) => x >= 0),
      () => nonnegative,
    );
    check(
      weights === null || (weights.dim() === 1 && weights.numel() === values.length),
      () => "weights should be 1-d and have the same length as input",
    );
    const length = Math.max(
      minlength,
      values.reduce((a, b) => Math.max(a, b + 1), 0),
    );
    return weights === null ? counts(values, length) : weighted(self, values, weights, length);
  },
);

function counts(values: readonly number[], length: number): Tensor {
  const total = new BigInt64Array(length);
  for (const x of values) total[x]!++;
  return fill(emptyTensor([length], int64), total);
}

function weighted(self: Tensor, values: readonly number[], weights: Tensor, length: number): Tensor {
  const w = numbersOf("bincount", weights);
  const total = new Float64Array(length);
  values.forEach((x, i) => {
    total[x]! += w[i]!;
  });
  const out = fill(emptyTensor([length], weights.dtype === float32 ? float32 : float64), total);
  refusing([out], [self, weights], "bincount");
  return out;
}
