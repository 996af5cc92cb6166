/** Samples of reductions, scans, sorts, statistics and searches. */
import type { Maker } from "../maker.ts";
import { byData, type Sample, type Samples, type Table, valueOnly } from "../samples.ts";

/** Over everything, one dim, several, none left, none there. */
const dims: Samples = (m) => [
  [m.tensor([2, 3])],
  [m.tensor([2, 3]), 1],
  [m.tensor([2, 3, 2]), [0, 2], true],
  [m.tensor([]), 0],
  [m.tensor([2, 0, 3]), 0],
  valueOnly(m.special(), 0),
];
/** The same where an empty slice has a result. */
const sums: Samples = (m) => [...dims(m), [m.tensor([0, 3])], [m.tensor([2, 0]), 1, { keepdim: true }]];
const typed: Samples = (m) => [...sums(m), [m.tensor([2, 3]), { dtype: "float64" }]];
const integers: Samples = (m) => [...typed(m), valueOnly(m.tensor([2, 3]), 0, { dtype: "int64" })];
const means: Samples = (m) => [...dims(m), [m.tensor([2, 3]), { dtype: "float64" }], valueOnly(m.tensor([0, 3]))];
const oneDim: Samples = (m) => [
  [m.tensor([2, 3])],
  [m.tensor([2, 3]), 1],
  [m.tensor([2, 3, 2]), 0, true],
  [m.tensor([]), 0],
  [m.tensor([2, 0, 3]), 0],
  valueOnly(m.special(), 0),
];
const extremum: Samples = (m) => [...oneDim(m), [m.tensor([2, 3]), m.tensor([3], { step: 1 / 64 })]];
const along: Samples = (m) => [
  [m.tensor([2, 3]), 1],
  [m.tensor([2, 3, 2]), 0],
  [m.tensor([]), 0],
  [m.tensor([0, 3]), 0],
  [m.tensor([2, 0]), 0],
  [m.tensor([19]), 0],
];
const spread: Samples = (m) => [
  [m.tensor([2, 3])],
  [m.tensor([2, 3]), 1],
  [m.tensor([2, 3, 2]), [0, 2], false, true],
  [m.tensor([2, 3]), { dim: 1, correction: 0 }],
  [m.tensor([2, 3]), false],
  valueOnly(m.tensor([])),
  valueOnly(m.tensor([0, 3]), 0),
];
const normalised: Samples = (m) => [
  [m.tensor([2, 3]), 1],
  [m.tensor([2, 3, 2]), 0],
  [m.tensor([]), 0],
  [m.tensor([0, 3]), 1],
  [m.tensor([2, 3]), -1, { dtype: "float64" }],
];
const quantiles: Samples = (m) => [
  [m.tensor([2, 3]), 0.3],
  [m.tensor([2, 3]), 0.6, 1, true],
  [m.tensor([3, 2]), m.fixed(m.of([2], [0.25, 0.8])), 0],
  [m.tensor([5]), 0.4, { interpolation: "midpoint" }],
  [m.tensor([5]), 0.4, { interpolation: "nearest" }],
  [m.tensor([]), 0.5],
];
const sorting: Samples = (m) => [
  [m.tensor([2, 3])],
  [m.tensor([2, 3]), 0, true],
  [m.tensor([2, 3, 2]), 1, { stable: true }],
  [m.tensor([])],
  [m.tensor([2, 0])],
  valueOnly(m.special()),
];
const integral: Samples = (m) => [
  [m.tensor([2, 3])],
  [m.tensor([2, 3]), m.of([3], [0, 1, 3])],
  [m.tensor([2, 3]), { dx: 2, dim: 0 }],
  [m.tensor([0, 3])],
];
const norms: Samples = (m) => [
  [m.tensor([2, 3])],
  [m.tensor([2, 3]), 3],
  [m.tensor([2, 3]), Number.POSITIVE_INFINITY, 1],
  [m.tensor([2, 3]), 1, [0, 1], true],
  valueOnly(m.tensor([2, 3]), 0),
  [m.tensor([])],
  [m.tensor([0, 3])],
];
const matrixNorms: Samples = (m) => [
  [m.tensor([2, 3]), 1],
  [m.tensor([2, 3]), Number.NEGATIVE_INFINITY],
  [m.tensor([2, 2, 3]), "fro", [1, 2], true],
  [m.tensor([3, 2, 2]), 1, [0, 2]],
];
/** Differentiable, and of a shape or an error that depends on values. */
const inspected = (args: readonly unknown[]): Sample => ({ args, gradient: true, needsData: true });
const counts = (m: Maker, shape: readonly number[]) => m.index(shape, 5);
const places: Samples = (m) => [valueOnly(m.tensor([2, 3])), valueOnly(m.tensor([]))];

export const reductions: Table = {
  all: sums,
  any: sums,
  amax: dims,
  amin: dims,
  sum: integers,
  mean: means,
  nansum: integers,
  nanmean: means,
  prod: (m) => [
    [m.tensor([2, 3])],
    [m.tensor([2, 3]), 1],
    [m.tensor([2, 3]), 0, true],
    [m.tensor([2, 2]), 1, { dtype: "float64" }],
    [m.of([2, 3], [0, 2, 3, 1, 0, 0]), 1],
    [m.tensor([])],
    [m.tensor([0, 3])],
  ],
  sumToSize: (m) => [
    [m.tensor([2, 3]), 1, 3],
    [m.tensor([2, 3]), [2, 1]],
    [m.tensor([4, 2, 3]), 2, 3],
    [m.tensor([]), []],
  ],
  aminmax: (m) => [
    [m.tensor([2, 3])],
    [m.tensor([2, 3]), { dim: 1 }],
    [m.tensor([2, 3]), { dim: 0, keepdim: true }],
    [m.tensor([])],
  ],
  argmax: oneDim,
  argmin: oneDim,
  max: extremum,
  min: extremum,
  median: oneDim,
  nanmedian: oneDim,
  std: spread,
  stdMean: spread,
  var: spread,
  varMean: spread,
  countNonzero: (m) => [
    [m.of([2, 3], [0, 2, 1, 0, 0, 3])],
    [m.tensor([2, 3, 2]), [0, 2]],
    [m.tensor([])],
    [m.tensor([0, 3]), 0],
  ],
  logsumexp: (m) => [
    [m.tensor([2, 3]), 1],
    [m.tensor([2, 3, 2]), [0, 2], true],
    [m.tensor([]), 0],
    [m.tensor([0, 3]), 0],
    valueOnly(m.special(), 0),
  ],
  quantile: quantiles,
  nanquantile: quantiles,
  cummax: along,
  cummin: along,
  cumsum: (m) => [...along(m), [m.tensor([2, 3]), 1, { dtype: "float64" }]],
  cumprod: (m) => [...along(m), [m.of([2, 3], [0, 2, 3, 1, 0, 2]), 1]],
  logcumsumexp: along,
  softmax: normalised,
  logSoftmax: normalised,
  argsort: sorting,
  sort: sorting,
  msort: (m) => [[m.tensor([2, 3])], [m.tensor([3])], [m.tensor([0, 2])]],
  kthvalue: (m) => [
    [m.tensor([2, 3]), 2],
    [m.tensor([3, 2]), 1, 0, true],
    [m.tensor([]), 1],
  ],
  topk: (m) => [
    [m.tensor([2, 3]), 2],
    [m.tensor([3, 2]), 2, 0, false],
    [m.tensor([]), 1],
    [m.tensor([2, 3]), 0],
    valueOnly(m.special(), 4),
  ],
  mode: (m) => [
    [m.tensor([2, 3])],
    valueOnly(m.of([2, 4], [1, 2, 2, 3, 0, 0, 1, 1])),
    valueOnly(m.of([3, 2], [1, 2, 1, 0, 3, 0]), 0, true),
    [m.tensor([])],
  ],
  norm: (m) => [...norms(m), [m.tensor([2, 3]), "fro", [0, 1]]],
  dist: (m) => [
    [m.tensor([2, 3]), m.tensor([2, 3], { step: 1 / 64 })],
    [m.tensor([2, 3]), m.tensor([3], { step: 1 / 64 }), 1],
    [m.tensor([3]), m.tensor([3], { step: 1 / 64 }), 3],
    [m.tensor([]), m.tensor([], { step: 1 / 64 })],
  ],
  cdist: (m) => [
    [m.tensor([2, 3]), m.tensor([4, 3], { step: 1 / 64 })],
    [m.tensor([2, 2, 3]), m.tensor([3, 3], { step: 1 / 64 }), 1],
    [m.tensor([2, 3]), m.tensor([2, 3], { step: 1 / 64 }), 3],
    [m.tensor([2, 3]), m.tensor([2, 3], { step: 1 / 64 }), { p: Number.POSITIVE_INFINITY }],
    [m.tensor([0, 3]), m.tensor([2, 3])],
  ],
  renorm: (m) => [
    [m.tensor([2, 3]), 2, 0, 1.5],
    [m.tensor([2, 3, 2]), 1, 1, 2],
    [m.tensor([0, 3]), 2, 0, 1],
  ],
  "linalg.norm": (m) => [
    [m.tensor([2, 3])],
    [m.tensor([2, 3]), "fro"],
    [m.tensor([2, 3]), 1],
    [m.tensor([4]), 3],
    [m.tensor([2, 3]), Number.POSITIVE_INFINITY, 1],
    [m.tensor([2, 2, 3]), 1, [0, 1], true],
    [m.tensor([])],
    [m.tensor([0, 3])],
  ],
  "linalg.vectorNorm": norms,
  "linalg.matrixNorm": matrixNorms,
  histc: (m) => [valueOnly(m.tensor([2, 3]), 4), valueOnly(m.tensor([7]), 3, -2, 2), valueOnly(m.tensor([]), 2)],
  histogram: (m) => [
    [m.tensor([2, 3]), 3],
    valueOnly(m.tensor([2, 3]), 3, { range: [-2, 2], density: true }),
    valueOnly(m.tensor([2, 3]), m.of([4], [-3, -1, 0, 2]), { weight: m.positive([2, 3]) }),
  ],
  histogramdd: (m) => [
    [m.tensor([5, 2]), [2, 3]],
    valueOnly(m.tensor([5, 2]), [m.of([3], [-4, 0, 4]), m.of([4], [-4, -1, 1, 4])]),
  ],
  bincount: (m) => [
    byData(counts(m, [7])),
    inspected([counts(m, [4]), m.positive([4])]),
    byData(counts(m, [0]), { minlength: 3 }),
  ],
  unique: (m) => [
    inspected([m.tensor([2, 3])]),
    byData(m.of([6], [1, 2, 1, 0, 2, 1]), true, true, true),
    byData(m.of([3, 2], [1, 0, 1, 0, 0, 1]), true, true, true, 0),
    byData(m.tensor([0])),
  ],
  uniqueConsecutive: (m) => [
    byData(m.of([6], [1, 1, 0, 0, 1, 2]), true, true),
    byData(m.of([3, 2], [1, 0, 1, 0, 0, 1]), { dim: 0 }),
    inspected([m.tensor([4])]),
    byData(m.tensor([])),
  ],
  bucketize: (m) => [
    valueOnly(m.tensor([2, 3]), m.sorted([4])),
    valueOnly(m.tensor([3]), m.sorted([4]), { outInt32: true, right: true }),
    valueOnly(1.5, m.sorted([4])),
    valueOnly(m.tensor([0]), m.sorted([4])),
  ],
  searchsorted: (m) => [
    valueOnly(m.sorted([4]), m.tensor([2, 3])),
    valueOnly(m.sorted([2, 4]), m.tensor([2, 3]), { right: true }),
    valueOnly(m.sorted([4]), 1.5, { side: "left" }),
    valueOnly(m.of([3], [2, 0, 1]), m.tensor([2]), { sorter: m.of([3], [1, 2, 0], "int64", false) }),
  ],
  cov: (m) => [
    [m.tensor([2, 4])],
    [m.tensor([4]), { correction: 0 }],
    inspected([m.tensor([2, 3]), { fweights: m.of([3], [1, 2, 3], "int64"), aweights: m.fixed(m.positive([3])) }]),
    valueOnly(m.tensor([])),
  ],
  corrcoef: (m) => [[m.tensor([2, 4])], [m.tensor([4])]],
  diff: (m) => [
    [m.tensor([2, 3])],
    [m.tensor([4]), 2],
    [m.tensor([2, 3]), 1, 0, m.tensor([1, 3]), m.tensor([2, 3])],
    [m.tensor([0, 3])],
  ],
  gradient: (m) => [
    [m.tensor([5])],
    [m.tensor([3, 4]), { spacing: 2, dim: 1 }],
    [m.tensor([3, 4]), { spacing: [m.fixed(m.of([3], [0, 1, 3])), m.fixed(m.of([4], [0, 1, 2, 4]))] }],
    [m.tensor([4]), { edgeOrder: 2 }],
  ],
  trapezoid: integral,
  trapz: integral,
  cumulativeTrapezoid: integral,
  allclose: (m) => [byData(m.tensor([2, 3]), m.tensor([2, 3])), byData(m.tensor([3]), m.tensor([3]), 0.1, 10)],
  equal: (m) => [byData(m.tensor([2, 3]), m.tensor([2, 3])), byData(m.of([2], [1, 0]), m.of([2], [1, 0]))],
  isNonzero: (m) => [byData(m.tensor([1])), byData(m.tensor([]))],
  isin: (m) => [
    valueOnly(m.tensor([2, 3]), m.tensor([4])),
    valueOnly(m.tensor([3]), 1, { invert: true }),
    valueOnly(2, m.tensor([3])),
    valueOnly(m.tensor([0]), m.tensor([2])),
  ],
  nonzero: (m) => [
    byData(m.tensor([2, 3])),
    byData(m.tensor([2, 3]), { asTuple: true }),
    byData(m.tensor([])),
    byData(m.tensor([0, 2])),
  ],
  argwhere: (m) => [byData(m.tensor([2, 3])), byData(m.tensor([]))],
  numel: places,
  trace: (m) => [[m.tensor([2, 3])], [m.tensor([0, 2])]],
};
