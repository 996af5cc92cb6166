/** Samples of what reads and writes by index or mask. */
import type { Maker } from "../maker.ts";
import { byData, type Sample, type Samples, type Table, valueOnly } from "../samples.ts";

const rows: Samples = (m) => [
  [m.tensor([4, 2]), 0, m.of([3], [2, 0, 3], "int64", false), m.tensor([3, 2])],
  [m.tensor([2, 3]), 1, m.of([2], [0, 2], "int64", false), m.tensor([2, 2])],
  [m.tensor([]), 0, m.of([1], [0], "int64"), m.tensor([1])],
  [m.tensor([2, 3]), 0, m.of([0], [], "int64"), m.tensor([0, 3])],
];
const written: Samples = (m) => [
  [m.tensor([3, 4]), 1, m.of([3, 2], [0, 3, 1, 2, 2, 0], "int64", false), m.tensor([3, 2])],
  [m.tensor([3, 2]), 0, m.of([1, 2], [2, 1], "int64", false), m.tensor([2, 2])],
  [m.tensor([]), 0, m.of([], [0], "int64"), m.tensor([])],
  [m.tensor([2, 3]), 1, m.of([2, 0], [], "int64"), m.tensor([2, 1])],
];
const repeatedly = (m: Maker): readonly unknown[] => [
  m.tensor([3, 2]),
  0,
  m.of([3, 2], [0, 1, 0, 1, 2, 0], "int64"),
  m.tensor([3, 2]),
];
const gathered: Samples = (m) => [
  [m.tensor([3, 4]), 1, m.index([3, 2], 4)],
  [m.tensor([3, 2]), 0, m.index([2, 2], 3)],
  [m.tensor([]), 0, m.of([], [0], "int64")],
  [m.tensor([2, 3]), 1, m.of([2, 0], [], "int64")],
];
const ways = (m: Maker): (readonly unknown[] | Sample)[] =>
  ["sum", "prod", "mean", "amax", "amin"].flatMap((reduce) => [
    [
      m.tensor([3, 4]),
      1,
      m.of([3, 3], [0, 3, 1, 2, 2, 0, 1, 1, 1], "int64"),
      m.tensor([3, 3], { step: 1 / 64 }),
      reduce,
    ],
    valueOnly(m.tensor([4]), 0, m.of([3], [0, 1, 0], "int64"), m.tensor([3]), reduce, { includeSelf: false }),
  ]);

export const indexing: Table = {
  gather: gathered,
  indexSelect: (m) => [
    [m.tensor([3, 2]), 0, m.index([4], 3)],
    [m.tensor([2, 3]), 1, m.index([2], 3)],
    [m.tensor([]), 0, m.of([1], [0], "int64")],
    [m.tensor([2, 3]), 1, m.of([0], [], "int64")],
  ],
  indexPut: (m) => [
    [m.tensor([3, 2]), [m.of([2], [2, 0], "int64", false)], m.tensor([2, 2])],
    [m.tensor([3, 2]), [m.of([3], [1, 0, 1], "int64"), m.of([3], [0, 1, 0], "int64")], m.tensor([3]), true],
    byData(m.tensor([3]), [m.of([3], [1, 0, 1], "bool", false)], m.tensor([])),
  ],
  indexAdd: (m) => [
    ...rows(m),
    [m.tensor([3, 2]), 0, m.of([4], [0, 1, 0, 2], "int64"), m.tensor([4, 2]), { alpha: 2 }],
  ],
  indexCopy: rows,
  indexFill: (m) => [
    [m.tensor([3, 2]), 0, m.index([2], 3), 2],
    [m.tensor([2, 3]), 1, m.index([2], 3), m.tensor([])],
    [m.tensor([]), 0, m.of([1], [0], "int64"), 1],
  ],
  indexReduce: (m) =>
    ["prod", "mean", "amax", "amin"].flatMap((reduce): (readonly unknown[] | Sample)[] => [
      [m.tensor([3, 2]), 0, m.of([4], [0, 1, 0, 2], "int64"), m.tensor([4, 2], { step: 1 / 64 }), reduce],
      valueOnly(m.tensor([2, 3]), 1, m.of([2], [0, 2], "int64"), m.tensor([2, 2]), reduce, { includeSelf: false }),
    ]),
  maskedScatter: (m) => [
    [m.tensor([2, 3]), m.of([2, 3], [1, 0, 1, 0, 1, 0], "bool", false), m.tensor([4])],
    [m.tensor([2, 3]), m.of([3], [1, 0, 0], "bool", false), m.tensor([2])],
    [m.tensor([0, 3]), m.mask([3]), m.tensor([1])],
  ],
  maskedSelect: (m) => [
    { args: [m.tensor([2, 3]), m.mask([2, 3])], gradient: true, needsData: true },
    { args: [m.tensor([2, 3]), m.mask([3])], gradient: true, needsData: true },
    byData(m.tensor([]), m.of([], [1], "bool")),
    byData(m.tensor([0, 3]), m.mask([3])),
  ],
  put: (m) => [
    [m.tensor([2, 3]), m.of([3], [5, 0, 2], "int64", false), m.tensor([3])],
    [m.tensor([2, 3]), m.of([3], [1, 1, -1], "int64"), m.tensor([3]), true],
    [m.tensor([]), m.of([1], [0], "int64"), m.tensor([1])],
  ],
  take: (m) => [
    [m.tensor([2, 3]), m.index([2, 2], 6)],
    [m.tensor([]), m.of([], [0], "int64")],
    [m.tensor([2]), m.of([0], [], "int64")],
  ],
  takeAlongDim: (m) => [
    [m.tensor([2, 3]), m.index([2, 2], 3), 1],
    [m.tensor([2, 3]), m.index([4], 6)],
    [m.tensor([3, 1]), m.index([2, 2], 3), 0],
  ],
  scatter: (m) => [
    ...written(m),
    [m.tensor([3, 4]), 1, m.index([3, 2], 4), 2],
    valueOnly(m.tensor([3, 2]), 0, m.of([3, 2], [0, 1, 0, 1, 2, 0], "int64"), m.tensor([3, 2]), { reduce: "add" }),
    valueOnly(m.tensor([3, 2]), 0, m.of([3, 2], [0, 1, 0, 1, 2, 0], "int64"), m.tensor([3, 2]), { reduce: "multiply" }),
  ],
  scatterAdd: (m) => [...written(m), repeatedly(m)],
  scatterReduce: ways,
  unravelIndex: (m) => [valueOnly(m.of([3], [5, 0, 3], "int64"), [2, 3]), valueOnly(m.of([], [2], "int64"), [4])],
  fillDiagonal_: (m) => [
    valueOnly(m.tensor([3, 3]), 2),
    valueOnly(m.tensor([5, 2]), 1, true),
    valueOnly(m.tensor([2, 3]), 0),
  ],
};
