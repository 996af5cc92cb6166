/** Samples of the activations, losses, norms and other layers of `nn.functional` that no window slides over. */
import type { Maker } from "../maker.ts";
import { type Sample, type Samples, type Table, valueOnly } from "../samples.ts";

const plain: Samples = (m) => [[m.tensor([2, 3])], valueOnly(m.special()), [m.tensor([])], [m.tensor([0, 3])]];
const alpha: Samples = (m) => [...plain(m), [m.tensor([2, 3]), 0.5]];
const limits: Samples = (m) => [...plain(m), [m.tensor([2, 3]), -0.5, 2]];
const threshold: Samples = (m) => [
  [m.tensor([2, 3]), 0.5, 2],
  [m.tensor([]), 1, 0],
  [m.tensor([0, 3]), 1, 0],
];
const along: Samples = (m) => [
  [m.tensor([2, 3]), 1],
  [m.tensor([2, 3, 2]), 0],
  [m.tensor([2, 3]), { dim: -1, dtype: "float64" }],
];

/** Losses of two tensors of one shape: all reductions, one element, none. */
const loss =
  (
    second: (m: Maker, shape: readonly number[]) => unknown,
    first = (m: Maker, shape: readonly number[]) => m.tensor(shape),
  ): Samples =>
  (m) => [
    ...["mean", "sum", "none"].map((reduction) => [first(m, [2, 3]), second(m, [2, 3]), { reduction }]),
    [first(m, []), second(m, [])],
    [first(m, [0, 3]), second(m, [0, 3]), { reduction: "sum" }],
  ];
const other = (m: Maker, shape: readonly number[]) => m.tensor(shape, { step: 1 / 64 });
const classes = (m: Maker, shape: readonly number[], n: number) => m.index(shape, n);
const signs = (m: Maker, n: number) =>
  m.of(
    [n],
    Array.from({ length: n }, (_, i) => (i % 2 === 0 ? 1 : -1)),
    undefined,
    false,
  );
const apart = { step: 1 / 64 };
const never: Samples = (m) => [
  [m.tensor([2, 3]), 0.5, false],
  [m.tensor([2, 3]), 0, true],
  valueOnly(m.tensor([2, 3]), 1, true),
];
const neverChannels =
  (shape: readonly number[]): Samples =>
  (m) => [
    [m.tensor(shape), 0.5, false],
    [m.tensor(shape), 0, true],
  ];
const statistics = (m: Maker, training: boolean): (readonly unknown[] | Sample)[] => [
  [m.tensor([4, 2]), m.fixed(m.tensor([2])), m.fixed(m.positive([2])), m.tensor([2]), m.tensor([2]), training],
  [m.tensor([2, 3, 4]), m.fixed(m.tensor([3])), m.fixed(m.positive([3])), null, null, training],
];

const written: Readonly<Record<string, Samples>> = {
  "nn.celu_": alpha,
  "nn.elu_": alpha,
  "nn.hardtanh_": limits,
  "nn.leakyRelu_": alpha,
  "nn.relu_": plain,
  "nn.rrelu_": plain,
  "nn.selu_": plain,
  "nn.threshold_": threshold,
};

export const activations: Table = {
  ...written,
  "nn.celu": alpha,
  "nn.elu": alpha,
  "nn.gelu": (m) => [...plain(m), [m.tensor([2, 3]), { approximate: "tanh" }]],
  "nn.glu": (m) => [[m.tensor([2, 4])], [m.tensor([4, 3]), 0], [m.tensor([0, 2])]],
  "nn.hardsigmoid": plain,
  "nn.hardswish": plain,
  "nn.hardtanh": limits,
  "nn.leakyRelu": alpha,
  "nn.logsigmoid": plain,
  "nn.mish": plain,
  "nn.relu": plain,
  "nn.relu6": plain,
  "nn.rrelu": (m) => [...plain(m), [m.tensor([2, 3]), 0.25, 0.25, true]],
  "nn.selu": plain,
  "nn.silu": plain,
  "nn.softplus": (m) => [...plain(m), [m.tensor([2, 3]), 2, 1.5]],
  "nn.softshrink": alpha,
  "nn.softsign": plain,
  "nn.tanhshrink": plain,
  "nn.threshold": threshold,
  "nn.softmax": along,
  "nn.logSoftmax": along,
  "nn.softmin": along,
  "nn.gumbelSoftmax": (m) => [valueOnly(m.tensor([2, 3]), 0.5), valueOnly(m.tensor([2, 3]), { hard: true })],
  "nn.l1Loss": loss(other),
  "nn.mseLoss": loss(other),
  "nn.smoothL1Loss": loss(other),
  "nn.huberLoss": loss(other),
  "nn.softMarginLoss": loss((m, shape) => m.fixed(m.tensor(shape))),
  "nn.klDiv": (m) => [
    ...loss((n, shape) => n.unit(shape))(m),
    [m.tensor([2, 3]), m.tensor([2, 3]), { logTarget: true, reduction: "batchmean" }],
  ],
  "nn.poissonNllLoss": (m) => [
    ...loss((n, shape) => n.fixed(n.positive(shape)))(m),
    [m.positive([2, 3]), m.fixed(m.positive([2, 3])), { logInput: false, full: true }],
  ],
  "nn.gaussianNllLoss": (m) => [
    [m.tensor([2, 3]), m.tensor([2, 3]), m.positive([2, 3])],
    [m.tensor([2, 3]), m.tensor([2, 3]), m.positive([2]), { full: true, reduction: "none" }],
  ],
  "nn.binaryCrossEntropy": (m) => [
    ...loss(
      (n, shape) => n.unit(shape),
      (n, shape) => n.unit(shape),
    )(m),
    [m.unit([2, 3]), m.unit([2, 3]), m.fixed(m.positive([3]))],
  ],
  "nn.binaryCrossEntropyWithLogits": (m) => [
    ...loss((n, shape) => n.unit(shape))(m),
    [m.tensor([2, 3]), m.unit([2, 3]), { weight: m.fixed(m.positive([3])), posWeight: m.fixed(m.positive([3])) }],
  ],
  "nn.hingeEmbeddingLoss": (m) => [
    [m.tensor([4]), signs(m, 4)],
    [m.tensor([4]), signs(m, 4), 0.5, { reduction: "none" }],
  ],
  "nn.marginRankingLoss": (m) => [
    [m.tensor([4]), m.tensor([4], apart), signs(m, 4)],
    [m.tensor([4]), m.tensor([4], apart), signs(m, 4), 0.5, { reduction: "sum" }],
  ],
  "nn.cosineEmbeddingLoss": (m) => [
    [m.tensor([2, 3]), m.tensor([2, 3], apart), m.of([2], [1, -1], "int64", false)],
    [m.tensor([2, 3]), m.tensor([2, 3], apart), m.of([2], [1, -1], "int64", false), 0.1, { reduction: "none" }],
  ],
  "nn.cosineSimilarity": (m) => [
    [m.tensor([2, 3]), m.tensor([2, 3], apart)],
    [m.tensor([2, 3]), m.tensor([3], apart), -1, 1e-6],
  ],
  "nn.pairwiseDistance": (m) => [
    [m.tensor([2, 3]), m.tensor([2, 3], apart)],
    [m.tensor([2, 3]), m.tensor([2, 3], apart), 1, 1e-6, true],
  ],
  "nn.pdist": (m) => [
    [m.tensor([3, 2])],
    [m.tensor([3, 2]), 1],
    [m.tensor([3, 2]), 3],
    [m.tensor([3, 2]), Number.POSITIVE_INFINITY],
    [m.tensor([1, 2])],
  ],
  "nn.tripletMarginLoss": (m) => [
    [m.tensor([2, 3]), m.tensor([2, 3], apart), m.tensor([2, 3], { step: 1 / 16 })],
    [
      m.tensor([2, 3]),
      m.tensor([2, 3], apart),
      m.tensor([2, 3], { step: 1 / 16 }),
      { swap: true, reduction: "none", margin: 2 },
    ],
  ],
  "nn.tripletMarginWithDistanceLoss": (m) => [
    [m.tensor([2, 3]), m.tensor([2, 3], apart), m.tensor([2, 3], { step: 1 / 16 })],
    [
      m.tensor([2, 3]),
      m.tensor([2, 3], apart),
      m.tensor([2, 3], { step: 1 / 16 }),
      { swap: true, reduction: "sum", margin: 2 },
    ],
  ],
  "nn.multiMarginLoss": (m) => [
    [m.tensor([2, 3]), classes(m, [2], 3)],
    [m.tensor([2, 3]), classes(m, [2], 3), 2, 0.5, m.fixed(m.positive([3])), { reduction: "none" }],
    [m.tensor([3]), classes(m, [], 3)],
  ],
  "nn.multilabelMarginLoss": (m) => [
    [m.tensor([2, 3]), m.of([2, 3], [0, -1, 1, 2, 1, -1], "int64")],
    [m.tensor([3]), m.of([3], [1, 0, -1], "int64", false), { reduction: "none" }],
  ],
  "nn.multilabelSoftMarginLoss": (m) => [
    [m.tensor([2, 3]), m.fixed(m.unit([2, 3]))],
    [m.tensor([2, 3]), m.fixed(m.unit([2, 3])), m.fixed(m.positive([3])), { reduction: "none" }],
  ],
  "nn.nllLoss": (m) => [
    [m.tensor([2, 3]), classes(m, [2], 3)],
    [m.tensor([2, 3, 4]), classes(m, [2, 4], 3), m.fixed(m.positive([3])), { reduction: "sum" }],
    [m.tensor([3, 3]), m.of([3], [0, 1, 2], "int64"), { ignoreIndex: 1, reduction: "none" }],
    [m.tensor([3]), classes(m, [], 3)],
  ],
  "nn.crossEntropy": (m) => [
    [m.tensor([2, 3]), classes(m, [2], 3)],
    [m.tensor([2, 3, 4]), classes(m, [2, 4], 3), m.fixed(m.positive([3])), { labelSmoothing: 0.1 }],
    [m.tensor([2, 3]), m.unit([2, 3]), { reduction: "sum" }],
    [m.tensor([3]), classes(m, [], 3)],
  ],
  // Its derivative is that of the loss after a log-softmax (LossCTC.cpp), which differences of free numbers are not.
  "nn.ctcLoss": (m) => [
    valueOnly(m.tensor([4, 2, 3], { domain: [-3, -0.5] }), m.of([2, 2], [1, 2, 2, 1], "int64"), [4, 4], [2, 2]),
    valueOnly(m.tensor([4, 3], { domain: [-3, -0.5] }), m.of([2], [1, 2], "int64", false), [4], [2], {
      reduction: "sum",
    }),
  ],
  "nn.batchNorm": (m) => [
    ...statistics(m, false),
    [m.tensor([4, 2]), null, null, m.tensor([2]), m.tensor([2]), true],
    [m.tensor([2, 2, 3]), null, null, null, null, true],
  ],
  "nn.instanceNorm": (m) => [[m.tensor([2, 2, 3])], [m.tensor([2, 2, 3]), null, null, m.tensor([2]), m.tensor([2])]],
  "nn.groupNorm": (m) => [
    [m.tensor([2, 4, 3]), 2],
    [m.tensor([2, 4]), 2, m.tensor([4]), m.tensor([4])],
  ],
  "nn.layerNorm": (m) => [
    [m.tensor([2, 3]), [3]],
    [m.tensor([2, 2, 3]), [2, 3], m.tensor([2, 3]), m.tensor([2, 3])],
    [m.tensor([0, 3]), [3]],
  ],
  "nn.rmsNorm": (m) => [
    [m.tensor([2, 3]), [3]],
    [m.tensor([2, 2, 3]), [2, 3], m.tensor([2, 3])],
  ],
  "nn.localResponseNorm": (m) => [
    [m.tensor([2, 4, 3]), 3],
    [m.tensor([2, 4, 2, 2]), 2, 0.1, 0.5, 2],
  ],
  "nn.normalize": (m) => [[m.tensor([2, 3])], [m.tensor([2, 3, 2]), 1, 2], [m.tensor([2, 3]), { p: 3, dim: 0 }]],
  "nn.linear": (m) => [
    [m.tensor([2, 3]), m.tensor([4, 3]), m.tensor([4])],
    [m.tensor([2, 2, 3]), m.tensor([4, 3])],
    [m.tensor([3]), m.tensor([4, 3]), m.tensor([4])],
    [m.tensor([0, 3]), m.tensor([4, 3])],
  ],
  "nn.bilinear": (m) => [
    [m.tensor([2, 3]), m.tensor([2, 2]), m.tensor([4, 3, 2]), m.tensor([4])],
    [m.tensor([2, 3]), m.tensor([2, 2]), m.tensor([1, 3, 2])],
  ],
  "nn.scaledDotProductAttention": (m) => [
    [m.tensor([2, 3, 4]), m.tensor([2, 5, 4]), m.tensor([2, 5, 2])],
    [m.tensor([2, 3, 4]), m.tensor([2, 3, 4]), m.tensor([2, 3, 2]), { isCausal: true, scale: 0.3 }],
    [m.tensor([1, 2, 3, 4]), m.tensor([1, 2, 3, 4]), m.tensor([1, 2, 3, 2]), m.mask([3, 3]).fill_(true)],
  ],
  "nn.embedding": (m) => [
    [m.index([2, 3], 4), m.tensor([4, 2])],
    // The row of padding gets no gradient.
    valueOnly(m.index([5], 4), m.tensor([4, 2]), 1),
    [m.index([], 4), m.tensor([4, 2]), { scaleGradByFreq: true }],
  ],
  "nn.embeddingBag": (m) => [
    [m.index([2, 3], 4), m.tensor([4, 2])],
    [
      m.index([5], 4),
      m.tensor([4, 2]),
      m.of([2], [0, 3], "int64", false),
      { mode: "sum", perSampleWeights: m.tensor([5]) },
    ],
    [m.index([2, 3], 4), m.tensor([4, 2]), { mode: "max" }],
  ],
  "nn.oneHot": (m) => [valueOnly(m.index([2, 3], 4), 4), valueOnly(m.index([], 3), 5)],
  "nn.dropout": never,
  "nn.alphaDropout": never,
  "nn.dropout1d": neverChannels([2, 2, 3]),
  "nn.dropout2d": neverChannels([2, 2, 3, 2]),
  "nn.dropout3d": neverChannels([1, 2, 2, 2, 2]),
  "nn.featureAlphaDropout": neverChannels([2, 2, 3]),
};
