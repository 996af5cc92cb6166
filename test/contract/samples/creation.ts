/** Samples of what makes tensors from sizes, numbers or other tensors, and of random draws. */
import type { Maker } from "../maker.ts";
import { byData, type Samples, type Table, valueOnly } from "../samples.ts";

const like: Samples = (m) => [[m.tensor([2, 3])], [m.tensor([])], [m.tensor([0, 3]), { dtype: "int32" }]];
const floats: Samples = (m) => [[m.tensor([2, 3])], [m.tensor([])], [m.tensor([0, 3]), { dtype: "float64" }]];
const as = (m: Maker) => ({ dtype: m.dtype.name });
const sized: Samples = (m) => [[2, 3, as(m)], [[0, 3], as(m)], [[], as(m)], [4]];
const steps: Samples = (m) => [
  [0, 3, 4, as(m)],
  [-1, 1, 1, as(m)],
  [5, -5, 11],
  [0, 1, 0],
];
const window: Samples = (m) => [[5, as(m)], [4, false], [1], [0]];
const data: Samples = (m) => [
  [
    [
      [1, 0, 1],
      [0, 1, 1],
    ],
    as(m),
  ],
  [1, as(m)],
  [[], as(m)],
  [m.tensor([2, 3])],
  [m.tensor([3]), { dtype: "float64" }],
];
const triangle: Samples = () => [
  [3, 4],
  [3, 3, 1],
  [2, 3, -1, { dtype: "int32" }],
  [0, 2],
];
const low: Samples = (m) => [
  [m.tensor([2, 3]), 5],
  [m.tensor([2, 3]), 2, 6, { dtype: "int64" }],
];

/** Values that follow from the arguments. */
export const creation: Table = {
  arange: (m) => [[5, as(m)], [1, 4, as(m)], [0, 2, 0.5], [3, 0, -1, as(m)], [0]],
  range: (m) => [
    [1, 4, 1, as(m)],
    [0, 1, 0.5],
    [3, 0, -1],
  ],
  asTensor: data,
  asarray: data,
  tensor: (m) => data(m).slice(0, 3),
  newTensor: (m) => [
    [m.tensor([2]), [1, 0, 1]],
    [m.tensor([]), [[1], [0]], { dtype: "int32" }],
  ],
  bartlettWindow: window,
  blackmanWindow: window,
  hammingWindow: (m) => [...window(m), [5, true, 0.6, 0.3]],
  hannWindow: window,
  kaiserWindow: (m) => [...window(m), [5, true, 4]],
  eye: (m) => [[3, as(m)], [2, 3, as(m)], [0]],
  frombuffer: () => [
    [new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]), { dtype: "int16" }],
    [new Uint8Array(16), { dtype: "float32", count: 2, offset: 4 }],
  ],
  full: (m) => [
    [[2, 3], 1, as(m)],
    [[], 2.5],
    [[0, 3], true],
  ],
  fullLike: (m) => [
    [m.tensor([2, 3]), 1],
    [m.tensor([]), 2, { dtype: "float64" }],
  ],
  newFull: (m) => [
    [m.tensor([2]), [2, 3], 1],
    [m.tensor([]), [], 1, { dtype: "float64" }],
  ],
  linspace: steps,
  logspace: (m) => [...steps(m).map((s) => s), [0, 3, 4, 2]],
  ones: sized,
  zeros: sized,
  newOnes: (m) => [
    [m.tensor([2]), 2, 3],
    [m.tensor([2]), [0, 2], { dtype: "int32" }],
  ],
  newZeros: (m) => [
    [m.tensor([2]), 2, 3],
    [m.tensor([2]), [], { dtype: "int32" }],
  ],
  onesLike: like,
  zerosLike: like,
  scalarTensor: (m) => [[1, as(m)], [2.5]],
  trilIndices: triangle,
  triuIndices: triangle,
};

/** Draws, the same for the same seed. */
export const random: Table = {
  bernoulli: (m) => [[m.unit([2, 3])], [m.tensor([2, 3]), 0.3], [m.unit([0, 3])]],
  multinomial: (m) => [valueOnly(m.positive([2, 3]), 2), valueOnly(m.positive([4]), 6, true)],
  normal: (m) => [
    valueOnly(m.tensor([2, 3]), m.positive([2, 3])),
    valueOnly(m.tensor([2, 3]), 2),
    valueOnly(0.5, m.positive([2, 3])),
    valueOnly(0, 1, [2, 3], as(m)),
  ],
  poisson: (m) => [valueOnly(m.positive([2, 3])), valueOnly(m.positive([]))],
  rand: sized,
  randn: sized,
  randLike: floats,
  randnLike: floats,
  randint: (m) => [
    [5, [2, 3], as(m)],
    [-3, 4, [20]],
  ],
  randintLike: low,
  randperm: (m) => [[6, as(m)], [0]],
};

const values: Samples = (m) => [
  valueOnly(m.tensor([2, 3])),
  valueOnly(m.tensor([])),
  valueOnly(m.tensor([0, 3])),
  valueOnly(m.tensor([19])),
];

/** Draws over a tensor. */
export const draws: Table = {
  bernoulli_: (m) => [
    ...values(m),
    valueOnly(m.tensor([2, 3]), 0.2),
    byData(m.tensor([2, 3]), m.fixed(m.unit([2, 3], "float64"))),
  ],
  cauchy_: values,
  exponential_: values,
  geometric_: (m) => [valueOnly(m.tensor([2, 3]), 0.3), valueOnly(m.tensor([]), 0.9)],
  logNormal_: values,
  normal_: (m) => [...values(m), valueOnly(m.tensor([4]), 5, 2)],
  random_: (m) => [...values(m), valueOnly(m.tensor([4]), 2), valueOnly(m.tensor([4]), 0, 2)],
  uniform_: (m) => [...values(m), valueOnly(m.tensor([4]), 2, 3)],
};
