/** Samples of views, of copies that rearrange, and of what joins and splits tensors. */
import { byData, type Samples, type Table, valueOnly } from "../samples.ts";

const none: Samples = (m) => [[m.tensor([2, 3])], [m.tensor([])], [m.tensor([0, 3])]];
const swap: Samples = (m) => [
  [m.tensor([2, 3, 2]), 0, 2],
  [m.tensor([2, 3]), -1, 0],
  [m.tensor([]), 0, 0],
  [m.tensor([0, 3]), 0, 1],
];
const move: Samples = (m) => [
  [m.tensor([2, 3, 4]), 0, 2],
  [m.tensor([2, 3, 4]), [0, 1], [2, 0]],
  [m.tensor([]), 0, 0],
];
/** Too coarse for differences. */
const coarse: Samples = (m) => none(m).map((s) => ("args" in s ? s : valueOnly(...s)));
const convert: Samples = (m) => [[m.tensor([2, 3])], [m.tensor([])], [m.tensor([0, 3])], valueOnly(m.special())];
const pair: Samples = (m) => [
  [[m.tensor([2, 3]), m.tensor([2, 3])]],
  [[m.tensor([2]), m.tensor([2])]],
  valueOnly([m.tensor([2]), m.tensor([2], { dtype: "float64" })]),
];
const joined: Samples = (m) => [
  [[m.tensor([2, 3]), m.tensor([1, 3])]],
  [[m.tensor([2, 3]), m.tensor([2, 1])], 1],
  [[m.tensor([2, 3]), m.tensor([0]), m.tensor([2, 3])]],
  valueOnly([m.tensor([2]), m.tensor([3], { dtype: "float64" })]),
  [[m.tensor([0, 3]), m.tensor([0, 3])]],
];
const raised: Samples = (m) => [
  [m.tensor([])],
  [m.tensor([3])],
  [m.tensor([2, 3]), m.tensor([])],
  [[m.tensor([2]), m.tensor([])]],
];
const cut: Samples = (m) => [
  [m.tensor([4, 4, 4]), 2],
  [m.tensor([4, 4, 4]), [1, 3]],
  [m.tensor([0, 0, 0]), 2],
];
const band: Samples = (m) => [[m.tensor([3, 3])], [m.tensor([2, 2, 3]), 1], [m.tensor([3, 2]), -1], [m.tensor([0, 3])]];

export const views: Table = {
  asStrided: (m) => [
    [m.tensor([2, 3]), [2, 2], [1, 2]],
    [m.tensor([4]), [2], [1], 1],
    [m.tensor([2]), [], []],
  ],
  asStridedBackward: (m) => [[m.tensor([2, 2]), [6], [1], 0, [2, 1], 1]],
  cuda: (m) => [[m.tensor([2])]],
  viewAsComplex: (m) => [[m.tensor([3, 2])], [m.tensor([2])], [m.tensor([0, 2])]],
  viewAsReal: (m) => [[m.tensor([2, 3])], [m.tensor([])]],
  fill: (m) => [
    [m.tensor([2, 3]), 2],
    [m.tensor([2, 3]), m.tensor([])],
    [m.tensor([]), 1],
    [m.tensor([0, 3]), 1],
  ],
  asStridedScatter: (m) => [[m.tensor([6]), m.tensor([2, 2]), [2, 2], [2, 1], 1]],
  broadcastTo: (m) => [
    [m.tensor([3]), [2, 3]],
    [m.tensor([2, 1]), [2, 3]],
    [m.tensor([]), [2]],
    [m.tensor([0, 1]), [0, 3]],
  ],
  chunk: (m) => [
    [m.tensor([5, 2]), 2],
    [m.tensor([2, 5]), 3, 1],
    [m.tensor([0, 3]), 2],
  ],
  clone: none,
  contiguous: none,
  cpu: none,
  bfloat16: coarse,
  cdouble: none,
  cfloat: coarse,
  bool: convert,
  byte: convert,
  char: convert,
  double: convert,
  float: coarse,
  half: coarse,
  int: convert,
  long: convert,
  short: convert,
  to: (m) => [
    [m.tensor([2, 3]), "float64"],
    valueOnly(m.tensor([2, 3]), "int32"),
    byData(m.tensor([2, 3]), "cpu", "float32"),
    valueOnly(m.tensor([2, 3]), m.tensor([], { dtype: "float16" }), { copy: true }),
    [m.tensor([]), { copy: true }],
  ],
  typeAs: (m) => [
    [m.tensor([2, 3]), m.tensor([])],
    [m.tensor([2]), m.tensor([], { dtype: "float64" })],
  ],
  diagonal: (m) => [
    [m.tensor([3, 3])],
    [m.tensor([2, 3, 4]), 1, 0, 2],
    [m.tensor([3, 2]), -1],
    [m.tensor([0, 3])],
    [m.tensor([2, 2]), 5],
  ],
  diagonalScatter: (m) => [
    [m.tensor([3, 3]), m.tensor([3])],
    [m.tensor([2, 3, 2]), m.tensor([3, 2]), 0, 0, 2],
  ],
  expand: (m) => [
    [m.tensor([3]), 2, 3],
    [m.tensor([2, 1]), [-1, 3]],
    [m.tensor([]), 2],
    [m.tensor([0, 1]), 0, 2],
  ],
  expandAs: (m) => [
    [m.tensor([3]), m.fixed(m.tensor([2, 3]))],
    [m.tensor([]), m.fixed(m.tensor([2]))],
  ],
  flatten: (m) => [
    [m.tensor([2, 3])],
    [m.tensor([2, 3, 2]), 1],
    [m.tensor([2, 3, 2]), 0, 1],
    [m.tensor([])],
    [m.tensor([0, 3])],
  ],
  moveaxis: move,
  movedim: move,
  narrow: (m) => [
    [m.tensor([3, 2]), 0, 1, 2],
    [m.tensor([2, 3]), 1, -2, 1],
    [m.tensor([0, 3]), 1, 0, 2],
  ],
  narrowCopy: (m) => [
    [m.tensor([3, 2]), 0, 1, 2],
    [m.tensor([2, 3]), 1, 0, 1],
  ],
  permute: (m) => [
    [m.tensor([2, 3, 4]), 2, 0, 1],
    [m.tensor([2, 3]), [1, 0]],
    [m.tensor([]), []],
    [m.tensor([0, 3]), 1, 0],
  ],
  ravel: none,
  reshape: (m) => [
    [m.tensor([2, 3]), 3, 2],
    [m.tensor([2, 3, 2]), [-1, 2]],
    [m.tensor([]), 1, 1],
    [m.tensor([0, 3]), 3, 0],
  ],
  reshapeAs: (m) => [[m.tensor([2, 3]), m.fixed(m.tensor([3, 2]))]],
  view: (m) => [
    [m.tensor([2, 3]), 2, 3, 1],
    [m.tensor([2, 3]), 3, 2],
    [m.tensor([3]), [3, 1]],
    [m.tensor([]), 1],
    valueOnly(m.tensor([2, 4], { dtype: "float32" }), "int32"),
    valueOnly(m.tensor([2, 4], { dtype: "float32" }), "uint8"),
  ],
  viewAs: (m) => [[m.tensor([2, 3]), m.fixed(m.tensor([2, 1, 3]))]],
  select: (m) => [
    [m.tensor([2, 3]), 0, 1],
    [m.tensor([2, 3]), -1, -1],
    [m.tensor([0, 3]), 1, 0],
  ],
  selectScatter: (m) => [
    [m.tensor([2, 3]), m.tensor([3]), 0, 1],
    [m.tensor([2, 3]), m.tensor([2]), 1, -1],
  ],
  sliceScatter: (m) => [
    [m.tensor([4, 2]), m.tensor([2, 2]), 0, 1, 3],
    [m.tensor([2, 5]), m.tensor([2, 2]), 1, 0, 4, 2],
  ],
  split: (m) => [
    [m.tensor([5, 2]), 2],
    [m.tensor([2, 5]), [1, 4], 1],
    [m.tensor([0, 3]), 2],
  ],
  splitWithSizes: (m) => [
    [m.tensor([5, 2]), [2, 3]],
    [m.tensor([2, 3]), [0, 3], 1],
  ],
  unsafeChunk: (m) => [[m.tensor([5, 2]), 2]],
  unsafeSplit: (m) => [
    [m.tensor([5, 2]), 2],
    [m.tensor([2, 5]), 3, 1],
  ],
  unsafeSplitWithSizes: (m) => [[m.tensor([5, 2]), [2, 3]]],
  squeeze: (m) => [
    [m.tensor([1, 3, 1])],
    [m.tensor([1, 3, 1]), 0],
    [m.tensor([1, 3, 1]), [0, 2]],
    [m.tensor([])],
    [m.tensor([1, 0])],
  ],
  unsqueeze: (m) => [
    [m.tensor([2, 3]), 1],
    [m.tensor([]), 0],
    [m.tensor([0, 3]), -1],
  ],
  swapaxes: swap,
  swapdims: swap,
  transpose: swap,
  t: (m) => [[m.tensor([2, 3])], [m.tensor([3])], [m.tensor([])]],
  unbind: (m) => [[m.tensor([2, 3])], [m.tensor([2, 3]), 1], [m.tensor([0, 3])]],
  unflatten: (m) => [
    [m.tensor([6, 2]), 0, [2, 3]],
    [m.tensor([2, 6]), -1, [-1, 2]],
  ],
  unfold: (m) => [
    [m.tensor([5]), 0, 3, 1],
    [m.tensor([2, 5]), 1, 2, 2],
    [m.tensor([]), 0, 1, 1],
  ],
  atleast1d: raised,
  atleast2d: raised,
  atleast3d: raised,
  blockDiag: (m) => [
    [m.tensor([2, 3]), m.tensor([2]), m.tensor([])],
    [m.tensor([0, 2]), m.tensor([1, 1])],
  ],
  broadcastTensors: (m) => [
    [m.tensor([2, 1]), m.tensor([3])],
    [m.tensor([]), m.tensor([0, 2])],
  ],
  cartesianProd: (m) => [[m.tensor([2]), m.tensor([3])], [m.tensor([3])]],
  columnStack: pair,
  dstack: pair,
  hstack: pair,
  rowStack: pair,
  vstack: pair,
  stack: (m) => [
    ...pair(m),
    [[m.tensor([2, 3]), m.tensor([2, 3])], 2],
    [[m.tensor([]), m.tensor([])]],
    [[m.tensor([0, 2])], 1],
  ],
  cat: joined,
  concat: joined,
  concatenate: joined,
  combinations: (m) => [[m.tensor([4])], [m.tensor([3]), 2, true], [m.tensor([3]), 1]],
  meshgrid: (m) => [
    [m.tensor([2]), m.tensor([3]), { indexing: "ij" }],
    [[m.tensor([2]), m.tensor([])], { indexing: "xy" }],
  ],
  diag: (m) => [[m.tensor([3])], [m.tensor([3, 2])], [m.tensor([2]), 1], [m.tensor([3, 3]), -1], [m.tensor([0])]],
  diagEmbed: (m) => [[m.tensor([2, 3])], [m.tensor([2]), -1], [m.tensor([2, 3]), 0, 0, 2]],
  diagflat: (m) => [[m.tensor([2, 2])], [m.tensor([3]), 1], [m.tensor([])]],
  flip: (m) => [
    [m.tensor([2, 3]), 0],
    [m.tensor([2, 3, 2]), [0, 2]],
    [m.tensor([0, 3]), 1],
    [m.tensor([]), []],
  ],
  fliplr: (m) => [[m.tensor([2, 3])], [m.tensor([0, 3])]],
  flipud: (m) => [[m.tensor([2, 3])], [m.tensor([3])]],
  kron: (m) => [
    [m.tensor([2, 2]), m.tensor([1, 3])],
    [m.tensor([2]), m.tensor([2, 2])],
    [m.tensor([]), m.tensor([2])],
  ],
  repeat: (m) => [
    [m.tensor([2, 3]), 2, 1],
    [m.tensor([3]), [2, 2]],
    [m.tensor([]), 3],
    [m.tensor([2, 3]), 0, 1],
  ],
  repeatInterleave: (m) => [
    [m.tensor([2, 3]), 2],
    [m.tensor([2, 3]), m.of([3], [1, 0, 2], "int64", false), 1, { outputSize: 3 }],
    [m.tensor([]), 2],
  ],
  roll: (m) => [
    [m.tensor([2, 3]), 1],
    [m.tensor([2, 3]), [1, -1], [0, 1]],
    [m.tensor([3]), 5, 0],
    [m.tensor([0, 3]), 1, 0],
  ],
  rot90: (m) => [[m.tensor([2, 3])], [m.tensor([2, 3, 2]), 3, [1, 2]], [m.tensor([2, 2]), 2], [m.tensor([2, 2]), 0]],
  tile: (m) => [
    [m.tensor([2, 3]), 2],
    [m.tensor([3]), [2, 2]],
    [m.tensor([]), 2],
  ],
  tril: band,
  triu: band,
  vander: (m) => [[m.tensor([3])], [m.tensor([2]), 3, true], [m.tensor([3]), 1]],
  dsplit: cut,
  hsplit: cut,
  vsplit: cut,
  tensorSplit: (m) => [
    [m.tensor([5, 2]), 2],
    [m.tensor([2, 5]), [1, 3], 1],
    byData(m.tensor([5]), m.of([2], [1, 4], "int64", false)),
  ],
  cross: (m) => [
    [m.tensor([2, 3]), m.tensor([2, 3])],
    [m.tensor([3, 2]), m.tensor([3, 2]), 0],
    [m.tensor([0, 3]), m.tensor([0, 3]), 1],
  ],
};
