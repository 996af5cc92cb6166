/** Samples of elementwise operators that their declarations do not give, and domains off the usual ones. */
import type { Maker } from "../maker.ts";
import { byData, type Row, type Samples, type Table, valueOnly } from "../samples.ts";

const on = (low: number, high: number): Row => ({ domain: [low, high] });

/** Orders must stay small: the recurrences run that often. */
const polynomial: Row = {
  instead: (m) => [
    valueOnly(m.tensor([2, 3]), m.of([2, 3], [0, 1, 2, 3, 5, 9])),
    valueOnly(m.unit([2, 2]), m.of([2], [7, 8])),
    valueOnly(m.of([3], [1, -1, 0]), m.of([2, 1], [4, 10])),
    valueOnly(m.unit([]), 3),
    valueOnly(m.tensor([0, 3]), 2),
    valueOnly(m.positive([2]), m.of([2], [3, 1], "int64")),
  ],
};

/** Differentiable in the second operand only. */
const gammaRow: Row = {
  instead: (m) => [
    [m.fixed(m.positive([2, 3])), m.tensor([2, 3], { domain: [0.5, 4], step: 1 / 64 })],
    [m.fixed(m.positive([2, 1])), m.positive([3])],
    [m.fixed(m.positive([])), m.positive([])],
    valueOnly(m.special(), m.positive([])),
    valueOnly(m.positive([1]), m.special()),
    [m.fixed(m.tensor([0, 3])), m.tensor([1, 3])],
  ],
};

const away: Row = on(2.05, 4);
const order: Samples = (m) => [
  [1, m.positive([2, 3])],
  [2, m.positive([])],
  valueOnly(0, m.tensor([2, 2])),
  valueOnly(3, m.tensor([0, 3])),
];
const multivariate: Samples = (m) => [
  [m.tensor([2, 3], { domain: [2.5, 5] }), 2],
  [m.tensor([], { domain: [2.5, 5] }), 1],
  valueOnly(m.tensor([0, 3], { domain: [2.5, 5] }), 3),
];
const clamp: Samples = (m) => [
  [m.tensor([2, 3]), -1, 2],
  [m.tensor([2, 3]), null, 1],
  [m.tensor([3]), { min: 0 }],
  valueOnly(m.special(), -1, 1),
  [
    m.tensor([2, 3]),
    m.tensor([2, 3], { step: 1 / 64, domain: [-2, 0] }),
    m.tensor([3], { step: 1 / 64, domain: [0, 2] }),
  ],
  [m.tensor([]), 0.5, 1.5],
  [m.tensor([0, 3]), -1, 1],
];
const three = (m: Maker): (readonly unknown[])[] => [
  [m.tensor([2, 3]), m.tensor([2, 3]), m.positive([2, 3])],
  [m.tensor([2, 3]), m.tensor([3]), m.positive([2, 1]), { value: 2 }],
  [m.tensor([]), m.tensor([]), m.positive([])],
  [m.tensor([0, 3]), m.tensor([0, 3]), m.positive([3])],
];
const scaled: Samples = (m) => [
  [m.tensor([2, 3]), m.tensor([3]), { alpha: 2 }],
  [m.tensor([2, 3]), 3, { alpha: -1 }],
];
const rounded: Samples = (m) => [
  [m.tensor([2, 3]), m.positive([3])],
  [m.tensor([2, 3]), 2],
  valueOnly(m.tensor([2, 3]), m.positive([3]), { roundingMode: "floor" }),
  valueOnly(m.tensor([2, 3]), m.positive([3]), { roundingMode: "trunc" }),
  valueOnly(m.special(), m.tensor([]), { roundingMode: "floor" }),
];
const activations: Samples = (m) => [[m.tensor([2, 3])], valueOnly(m.special()), [m.tensor([])], [m.tensor([0, 3])]];
const plain: Samples = (m) => [[m.tensor([2, 3])], [m.tensor([])], [m.tensor([0, 3])]];

const reached: readonly string[] = [
  "chebyshevPolynomialT",
  "chebyshevPolynomialU",
  "chebyshevPolynomialV",
  "chebyshevPolynomialW",
  "hermitePolynomialH",
  "hermitePolynomialHe",
  "laguerrePolynomialL",
  "legendrePolynomialP",
  "shiftedChebyshevPolynomialT",
  "shiftedChebyshevPolynomialU",
  "shiftedChebyshevPolynomialV",
  "shiftedChebyshevPolynomialW",
];

export const pointwise: Table = {
  ...Object.fromEntries(reached.map((name) => [`special.${name}`, polynomial])),
  acosh: on(1.1, 4),
  arccosh: on(1.1, 4),
  igamma: gammaRow,
  igammac: gammaRow,
  "special.gammainc": gammaRow,
  "special.gammaincc": gammaRow,
  "special.zeta": {
    instead: (m) => [
      [m.fixed(m.tensor([2, 3], { domain: [1.5, 5] })), m.positive([2, 3])],
      [m.fixed(m.tensor([], { domain: [1.5, 5] })), m.positive([3])],
      valueOnly(m.special(), m.positive([])),
      valueOnly(m.tensor([1], { domain: [1.5, 5] }), m.special()),
      [m.fixed(m.tensor([0, 3])), m.tensor([3])],
    ],
  },
  xlogy: (m) => [
    [m.positive([2]), 2],
    [2, m.positive([2])],
  ],
  "special.xlog1py": (m) => [[2, m.positive([2])]],
  pow: (m) => [
    [m.tensor([2, 3]), 2],
    [m.positive([2]), m.tensor([2])],
    [2, m.tensor([3])],
    valueOnly(m.special(), 0.5),
    valueOnly(m.special(), 3),
    valueOnly(m.special(), -1),
  ],
  fmod: away,
  remainder: away,
  mvlgamma: multivariate,
  "special.multigammaln": multivariate,
  polygamma: order,
  clamp: { instead: clamp },
  clip: { instead: clamp },
  add: scaled,
  sub: scaled,
  subtract: scaled,
  rsub: scaled,
  div: rounded,
  divide: rounded,
  addcdiv: three,
  addcmul: three,
  lerp: (m) => [
    [m.tensor([2, 3]), m.tensor([3]), 0.25],
    [m.tensor([2, 3]), m.tensor([2, 3]), m.tensor([2, 3])],
    [m.tensor([]), m.tensor([]), 0.75],
    [m.tensor([0, 3]), m.tensor([0, 3]), 0.5],
  ],
  logit: (m) => [[m.unit([2, 3]), 0.01], valueOnly(m.special(), { eps: 0.25 })],
  nanToNum: (m) => [valueOnly(m.special(), 1, 2, -3), [m.tensor([2, 3]), { posinf: 1 }]],
  round: (m) => [valueOnly(m.tensor([2, 3]), { decimals: 1 }), valueOnly(m.tensor([2, 3]), { decimals: -1 })],
  hardshrink: (m) => [[m.tensor([2, 3]), 1]],
  maskedFill: (m) => [
    [m.tensor([2, 3]), m.mask([2, 3]), 2],
    [m.tensor([2, 3]), m.mask([3]), m.tensor([])],
    [m.tensor([]), m.mask([]), 1],
    [m.tensor([0, 3]), m.mask([3]), 0],
  ],
  where: (m) => [
    [m.mask([2, 3]), m.tensor([2, 3]), m.tensor([3])],
    [m.mask([3]), m.tensor([2, 3]), 2],
    [m.mask([2, 1]), 1, m.tensor([3])],
    valueOnly(m.mask([3]), m.tensor([3]), m.tensor([3], { dtype: "float64" })),
    [m.mask([]), m.tensor([]), m.tensor([])],
    [m.mask([0, 3]), m.tensor([0, 3]), m.tensor([1])],
    byData(m.mask([2, 3])),
  ],
  isclose: (m) => [
    valueOnly(m.tensor([2, 3]), m.tensor([3])),
    valueOnly(m.special(), m.special(), 0, 0.5, true),
    valueOnly(m.tensor([]), m.tensor([])),
    valueOnly(m.tensor([0, 3]), m.tensor([0, 3])),
  ],
  isreal: (m) => [valueOnly(m.special()), valueOnly(m.tensor([2, 3])), valueOnly(m.tensor([0]))],
  ldexp: (m) => [
    [m.tensor([2, 3]), m.fixed(m.index([3], 4))],
    [m.tensor([]), m.tensor([])],
    [m.tensor([0, 3]), m.fixed(m.index([3], 2))],
  ],
  prelu: (m) => [
    [m.tensor([2, 3]), m.unit([3])],
    [m.tensor([2, 3, 2]), m.unit([1])],
    [m.tensor([]), m.unit([])],
    [m.tensor([0, 3]), m.unit([3])],
  ],
  celu: (m) => [...activations(m), [m.tensor([2, 3]), 0.5]],
  selu: activations,
  rrelu: (m) => [...activations(m), [m.tensor([2, 3]), 0.25, 0.25, true]],
  threshold: (m) => [
    [m.tensor([2, 3]), 0.5, 2],
    [m.tensor([]), 1, 0],
    [m.tensor([0, 3]), 1, 0],
  ],
  complex: (m) => [
    [m.tensor([2, 3]), m.tensor([3])],
    [m.tensor([]), m.tensor([])],
    [m.tensor([0, 3]), m.tensor([0, 3])],
    valueOnly(m.special(), m.special()),
  ],
  polar: (m) => [
    [m.tensor([2, 3]), m.tensor([3])],
    [m.tensor([]), m.tensor([])],
    [m.tensor([0, 3]), m.tensor([0, 3])],
  ],
  conj: plain,
  conjPhysical: plain,
  imag: plain,
  real: plain,
  resolveConj: plain,
  resolveNeg: plain,
  positive: plain,
  frexp: (m) => [[m.tensor([2, 3])], valueOnly(m.special()), [m.tensor([])], [m.tensor([0, 3])]],
  "special.ndtr": activations,
};
