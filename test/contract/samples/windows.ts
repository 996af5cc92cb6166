/** Samples of convolutions, pooling, resampling and rearrangement of planes. */
import type { Maker } from "../maker.ts";
import { type Samples, type Table, valueOnly } from "../samples.ts";

const spatial = (n: number, size: number): number[] => new Array<number>(n).fill(size);

const convolution =
  (n: number): Samples =>
  (m) => [
    [m.tensor([1, 2, ...spatial(n, 4)]), m.tensor([2, 2, ...spatial(n, 2)]), m.tensor([2])],
    [m.tensor([2, 2, ...spatial(n, 3)]), m.tensor([2, 1, ...spatial(n, 2)]), null, 2, 1, 1, 2],
    [m.tensor([2, ...spatial(n, 3)]), m.tensor([1, 2, ...spatial(n, 2)]), { padding: "same" }],
  ];
const transposed =
  (n: number): Samples =>
  (m) => [
    [m.tensor([1, 2, ...spatial(n, 3)]), m.tensor([2, 2, ...spatial(n, 2)]), m.tensor([2])],
    [m.tensor([2, 2, ...spatial(n, 2)]), m.tensor([2, 1, ...spatial(n, 2)]), null, 2, 1, 1, 2],
  ];
const average =
  (n: number): Samples =>
  (m) => [
    [m.tensor([1, 2, ...spatial(n, 4)]), 2],
    [m.tensor([2, ...spatial(n, 3)]), 2, 1, 1, true, false],
  ];
const maximum =
  (n: number): Samples =>
  (m) => [
    [m.tensor([1, 2, ...spatial(n, 4)]), 2],
    [m.tensor([1, ...spatial(n, 4)]), 2, 1, 1, 2],
    [m.tensor([1, 1, ...spatial(n, 3)]), 2, { ceilMode: true, returnIndices: true }],
  ];
const adaptive =
  (n: number): Samples =>
  (m) => [
    [m.tensor([1, 2, ...spatial(n, 4)]), 2],
    [m.tensor([1, ...spatial(n, 3)]), spatial(n, 2)],
  ];
const power =
  (n: number): Samples =>
  (m) => [
    [m.positive([1, 1, ...spatial(n, 4)]), 2, 2],
    [m.positive([1, 1, ...spatial(n, 4)]), 3, 2, 1],
  ];
const fractional =
  (n: number): Samples =>
  (m) => [
    [m.tensor([1, 2, ...spatial(n, 5)]), 2, spatial(n, 3), { _randomSamples: m.fixed(m.unit([1, 2, n])) }],
    [m.tensor([1, 2, ...spatial(n, 5)]), 2, { outputRatio: 0.5, _randomSamples: m.fixed(m.unit([1, 2, n])) }],
  ];

/** Indices as pooling by 2 gives them: the last element of each window. */
const corners = (m: Maker, n: number) => {
  const at = n === 1 ? [1, 3] : n === 2 ? [5, 7, 13, 15] : [21, 23, 29, 31, 53, 55, 61, 63];
  return m.of([1, 1, ...spatial(n, 2)], at, "int64", false);
};
const unpool =
  (n: number): Samples =>
  (m) => [
    [m.tensor([1, 1, ...spatial(n, 2)]), corners(m, n), 2],
    [m.tensor([1, 1, ...spatial(n, 2)]), corners(m, n), 2, { outputSize: spatial(n, 4) }],
  ];
const resize: Samples = (m) => [
  [m.tensor([1, 2, 3]), 5],
  [m.tensor([1, 1, 2, 3]), { scaleFactor: 2 }],
];

export const windows: Table = {
  "nn.conv1d": convolution(1),
  "nn.conv2d": convolution(2),
  "nn.conv3d": convolution(3),
  "nn.convTbc": (m) => [[m.tensor([4, 2, 3]), m.tensor([2, 3, 2]), m.tensor([2]), 1]],
  "nn.convTranspose1d": transposed(1),
  "nn.convTranspose2d": transposed(2),
  "nn.convTranspose3d": transposed(3),
  "nn.avgPool1d": average(1),
  "nn.avgPool2d": (m) => [...average(2)(m), [m.tensor([1, 1, 4, 4]), 2, { divisorOverride: 3 }]],
  "nn.avgPool3d": average(3),
  "nn.maxPool1d": maximum(1),
  "nn.maxPool2d": maximum(2),
  "nn.maxPool3d": maximum(3),
  "nn.maxPool1dWithIndices": maximum(1),
  "nn.maxPool2dWithIndices": maximum(2),
  "nn.maxPool3dWithIndices": maximum(3),
  "nn.adaptiveAvgPool1d": adaptive(1),
  "nn.adaptiveAvgPool2d": adaptive(2),
  "nn.adaptiveAvgPool3d": adaptive(3),
  "nn.adaptiveMaxPool1d": adaptive(1),
  "nn.adaptiveMaxPool2d": adaptive(2),
  "nn.adaptiveMaxPool3d": adaptive(3),
  "nn.adaptiveMaxPool1dWithIndices": adaptive(1),
  "nn.adaptiveMaxPool2dWithIndices": adaptive(2),
  "nn.adaptiveMaxPool3dWithIndices": adaptive(3),
  "nn.lpPool1d": power(1),
  "nn.lpPool2d": power(2),
  "nn.lpPool3d": power(3),
  "nn.fractionalMaxPool2d": fractional(2),
  "nn.fractionalMaxPool3d": fractional(3),
  "nn.fractionalMaxPool2dWithIndices": fractional(2),
  "nn.fractionalMaxPool3dWithIndices": fractional(3),
  "nn.maxUnpool1d": unpool(1),
  "nn.maxUnpool2d": unpool(2),
  "nn.maxUnpool3d": unpool(3),
  "nn.fold": (m) => [
    [m.tensor([1, 4, 9]), [4, 4], 2],
    [m.tensor([4, 4]), [4, 4], 2, { stride: 2 }],
  ],
  "nn.unfold": (m) => [
    [m.tensor([1, 2, 3, 3]), 2],
    [m.tensor([1, 4, 4]), [2, 3], 1, 1, 2],
  ],
  "nn.affineGrid": (m) => [
    [m.tensor([1, 2, 3]), [1, 1, 2, 3], false],
    [m.tensor([1, 2, 3]), [1, 1, 2, 3], true],
    [m.tensor([1, 3, 4]), [1, 1, 2, 2, 2], false],
  ],
  "nn.gridSample": (m) => [
    [m.tensor([1, 2, 3, 3]), m.tensor([1, 2, 2, 2], { domain: [-0.9, 0.9] }), { alignCorners: false }],
    [m.tensor([1, 1, 3, 3]), m.tensor([1, 2, 2, 2], { domain: [-1.3, 1.3] }), "bilinear", "border", true],
    [m.tensor([1, 1, 3, 3]), m.tensor([1, 2, 2, 2], { domain: [-0.9, 0.9] }), "bicubic", "reflection", false],
    valueOnly(m.tensor([1, 1, 3, 3]), m.tensor([1, 2, 2, 2], { domain: [-0.9, 0.9] }), "nearest", "zeros", true),
    [m.tensor([1, 1, 2, 2, 2]), m.tensor([1, 1, 2, 2, 3], { domain: [-0.9, 0.9] }), { alignCorners: true }],
  ],
  "nn.interpolate": (m) => [
    ...resize(m),
    [m.tensor([1, 2, 3]), 5, { mode: "linear", alignCorners: true }],
    [m.tensor([1, 1, 2, 3]), [3, 4], { mode: "bilinear", alignCorners: false }],
    [m.tensor([1, 1, 2, 3]), { scaleFactor: 2, mode: "bicubic" }],
    [m.tensor([1, 1, 4, 5]), [2, 3], { mode: "area" }],
    [m.tensor([1, 1, 2, 2, 2]), 3, { mode: "trilinear" }],
    [m.tensor([1, 1, 2, 3]), 4, { mode: "nearest-exact" }],
    [m.tensor([1, 1, 4, 4]), [2, 3], { mode: "bilinear", antialias: true }],
  ],
  "nn.upsample": resize,
  "nn.upsampleNearest": resize,
  "nn.upsampleBilinear": (m) => [
    [m.tensor([1, 1, 2, 3]), 4],
    [m.tensor([1, 1, 2, 3]), { scaleFactor: 2 }],
  ],
  "nn.pad": (m) => [
    [m.tensor([2, 3]), [1, 2]],
    [m.tensor([2, 3]), [1, -1, 0, 2], "constant", 1.5],
    [m.tensor([1, 2, 3]), [1, 2], "reflect"],
    [m.tensor([1, 2, 3, 3]), [1, 1, 2, 0], "replicate"],
    [m.tensor([1, 2, 3]), [2, 1], "circular"],
  ],
  "nn.channelShuffle": (m) => [[m.tensor([1, 4, 2, 2]), 2]],
  "nn.nativeChannelShuffle": (m) => [[m.tensor([1, 4, 2, 2]), 2]],
  "nn.pixelShuffle": (m) => [[m.tensor([1, 4, 2, 3]), 2]],
  "nn.pixelUnshuffle": (m) => [[m.tensor([1, 1, 4, 2]), 2]],
};
