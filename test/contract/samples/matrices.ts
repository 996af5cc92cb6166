/** Samples of matrix products. */
import type { Samples, Table } from "../samples.ts";

const scales = { beta: 2, alpha: 3 };
const outer: Samples = (m) => [
  [m.tensor([2]), m.tensor([3])],
  [m.tensor([0]), m.tensor([2])],
];
const inner: Samples = (m) => [
  [m.tensor([3]), m.tensor([3])],
  [m.tensor([0]), m.tensor([0])],
];

export const matrices: Table = {
  addbmm: (m) => [
    [m.tensor([2, 3]), m.tensor([2, 2, 4]), m.tensor([2, 4, 3])],
    [m.tensor([3]), m.tensor([2, 2, 1]), m.tensor([2, 1, 3]), scales],
  ],
  addmm: (m) => [
    [m.tensor([2, 3]), m.tensor([2, 4]), m.tensor([4, 3])],
    [m.tensor([3]), m.tensor([2, 2]), m.tensor([2, 3]), scales],
    [m.tensor([]), m.tensor([2, 0]), m.tensor([0, 3])],
  ],
  addmv: (m) => [
    [m.tensor([2]), m.tensor([2, 3]), m.tensor([3])],
    [m.tensor([]), m.tensor([2, 3]), m.tensor([3]), scales],
  ],
  addr: (m) => [
    [m.tensor([2, 3]), m.tensor([2]), m.tensor([3])],
    [m.tensor([3]), m.tensor([2]), m.tensor([3]), scales],
  ],
  baddbmm: (m) => [
    [m.tensor([2, 2, 3]), m.tensor([2, 2, 4]), m.tensor([2, 4, 3])],
    [m.tensor([3]), m.tensor([2, 2, 1]), m.tensor([2, 1, 3]), scales],
  ],
  bmm: (m) => [
    [m.tensor([2, 3, 2]), m.tensor([2, 2, 4])],
    [m.tensor([0, 3, 2]), m.tensor([0, 2, 4])],
  ],
  mm: (m) => [
    [m.tensor([2, 3]), m.tensor([3, 4])],
    [m.tensor([2, 0]), m.tensor([0, 3])],
    [m.tensor([9, 7]), m.tensor([7, 5])],
  ],
  mv: (m) => [
    [m.tensor([2, 3]), m.tensor([3])],
    [m.tensor([2, 0]), m.tensor([0])],
  ],
  matmul: (m) => [
    [m.tensor([3]), m.tensor([3])],
    [m.tensor([2, 3]), m.tensor([3])],
    [m.tensor([3]), m.tensor([3, 2])],
    [m.tensor([2, 3]), m.tensor([3, 2])],
    [m.tensor([2, 1, 2, 3]), m.tensor([2, 3, 2])],
    [m.tensor([2, 2, 3]), m.tensor([3])],
    [m.tensor([0, 3]), m.tensor([3, 2])],
  ],
  dot: inner,
  vdot: inner,
  ger: outer,
  outer: outer,
  einsum: (m) => [
    ["ij,jk->ik", m.tensor([2, 3]), m.tensor([3, 2])],
    ["bij,bjk", [m.tensor([2, 2, 3]), m.tensor([2, 3, 2])]],
    ["ii->i", m.tensor([3, 3])],
    ["ij->", m.tensor([2, 3])],
    ["...i,...i->...", m.tensor([2, 3]), m.tensor([3])],
  ],
  tensordot: (m) => [
    [m.tensor([2, 3]), m.tensor([3, 2]), 1],
    [
      m.tensor([2, 3, 4]),
      m.tensor([4, 3, 2]),
      [
        [1, 2],
        [1, 0],
      ],
    ],
    [m.tensor([2]), m.tensor([3]), 0],
  ],
};
