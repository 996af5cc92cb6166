/** torch.nn.functional: nodes, messages, warnings, draws, running statistics; values as PyTorch 1.13 prints them. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const F = torch.nn.functional;
const { tensor, zeros } = torch;
const long = (data: Parameters<typeof tensor>[0]): torch.Tensor => tensor(data, { dtype: "int64" });

const image = (): torch.Tensor => torch.ones(2, 4, 6, 6).requiresGrad_();
const line = (): torch.Tensor => torch.ones(2, 4, 6).requiresGrad_();
const matrix = (): torch.Tensor => torch.full([4, 5], 0.5).requiresGrad_();
const weight = (): torch.Tensor => torch.ones(6, 4, 3, 3);

test.each<[string, () => torch.Tensor]>([
  ["ConvolutionBackward0", () => F.conv2d(image(), weight())],
  ["SqueezeBackward1", () => F.conv2d(image().select(0, 0), weight())],
  ["MaxPool2DWithIndicesBackward0", () => F.maxPool2d(image(), 2)],
  ["MaxPool3DWithIndicesBackward0", () => F.maxPool3d(image(), 2)],
  ["SqueezeBackward1", () => F.maxPool1d(line(), 2)],
  ["AvgPool2DBackward0", () => F.avgPool2d(image(), 2)],
  ["AdaptiveAvgPool2DBackward0", () => F.adaptiveAvgPool2d(image(), 4)],
  ["MeanBackward1", () => F.adaptiveAvgPool2d(image(), 1)],
  ["AdaptiveMaxPool3DBackward0", () => F.adaptiveMaxPool3d(image(), 4)],
  ["MaxUnpool2DBackward0", () => F.maxUnpool2d(...F.maxPool2d(image(), 2, { returnIndices: true }), 2)],
  ["FractionalMaxPool2DBackward0", () => F.fractionalMaxPool2d(image(), 2, 3)],
  ["Im2ColBackward0", () => F.unfold(image(), 2)],
  ["Col2ImBackward0", () => F.fold(F.unfold(image(), 2), [6, 6], 2)],
  ["NativeBatchNormBackward0", () => F.batchNorm(matrix(), null, null, { training: true })],
  ["NativeLayerNormBackward0", () => F.layerNorm(matrix(), [5])],
  ["NativeGroupNormBackward0", () => F.groupNorm(image(), 2)],
  ["MseLossBackward0", () => F.mseLoss(matrix(), zeros(4, 5))],
  ["SmoothL1LossBackward0", () => F.smoothL1Loss(matrix(), zeros(4, 5))],
  ["HuberLossBackward0", () => F.huberLoss(matrix(), zeros(4, 5))],
  ["SoftMarginLossBackward0", () => F.softMarginLoss(matrix(), zeros(4, 5))],
  ["BinaryCrossEntropyBackward0", () => F.binaryCrossEntropy(matrix(), zeros(4, 5))],
  ["BinaryCrossEntropyWithLogitsBackward0", () => F.binaryCrossEntropyWithLogits(matrix(), zeros(4, 5))],
  ["NllLossBackward0", () => F.crossEntropy(matrix(), long([0, 1, 2, 3]))],
  ["NllLoss2DBackward0", () => F.nllLoss(image(), torch.zeros([2, 6, 6], { dtype: "int64" }))],
  ["MultiMarginLossBackward0", () => F.multiMarginLoss(matrix(), long([0, 1, 2, 3]))],
  ["EmbeddingBackward0", () => F.embedding(long([0, 1]), matrix())],
  ["EmbeddingBagBackward0", () => F.embeddingBag(long([[0, 1]]), matrix())],
  ["MulBackward0", () => F.dropout(matrix())],
  ["ConstantPadNdBackward0", () => F.pad(matrix(), [1, 1])],
  ["ReflectionPad2DBackward0", () => F.pad(image(), [1, 1, 1, 1], "reflect")],
  ["PixelShuffleBackward0", () => F.pixelShuffle(image(), 2)],
  ["GridSampler2DBackward0", () => F.gridSample(image(), zeros(2, 3, 3, 2), { alignCorners: false })],
])("the node is %s", (name, f) => {
  expect(f().gradFn?.name()).toBe(name);
});

test.each<[string, () => unknown]>([
  [
    "Given groups=1, weight of size [6, 4, 3, 3], expected input[2, 3, 6, 6] to have 4 channels, but got 3 channels instead",
    () => F.conv2d(zeros(2, 3, 6, 6), weight()),
  ],
  [
    "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [6, 6]",
    () => F.conv2d(zeros(6, 6), weight()),
  ],
  [
    "Calculated padded input size per channel: (2 x 2). Kernel size: (3 x 3). Kernel size can't be greater than actual input size",
    () => F.conv2d(zeros(1, 4, 2, 2), weight()),
  ],
  [
    "Given weight of size [6, 4, 3, 3], expected bias to be 1-dimensional with 6 elements, but got bias of size [3] instead",
    () => F.conv2d(image(), weight(), zeros(3)),
  ],
  [
    "expected stride to be a single integer value or a list of 2 values to match the convolution dimensions, but got stride=[1, 1, 1]",
    () => F.conv2d(image(), weight(), null, [1, 1, 1]),
  ],
  ["padding='same' is not supported for strided convolutions", () => F.conv2d(image(), weight(), null, 2, "same")],
  [
    "Input type (double) and bias type (float) should be the same",
    () => F.conv2d(image().double(), weight(), zeros(6)),
  ],
  [
    "output padding must be smaller than either stride or dilation, but got output_padding_height: 1 output_padding_width: 1 stride_height: 1 stride_width: 1 dilation_height: 1 dilation_width: 1",
    () => F.convTranspose2d(image(), torch.ones(4, 6, 3, 3), { outputPadding: 1 }),
  ],
  [
    "Given input size: (4x6x6). Calculated output size: (4x0x0). Output size is too small",
    () => F.maxPool2d(image(), 9),
  ],
  [
    "max_pool2d: kernel_size must either be a single int, or a tuple of two ints",
    () => F.maxPool2d(image(), [2, 2, 2]),
  ],
  ["divisor must be not zero", () => F.avgPool2d(image(), 2, { divisorOverride: 0 })],
  [
    "Found an invalid max index: 99 (output volumes are of size 4x4",
    () => F.maxUnpool2d(zeros(1, 1, 2, 2), torch.full([1, 1, 2, 2], 99n), 2),
  ],
  ["Dimension out of range (expected to be in range of [-2, 1], but got 2)", () => F.unfold(zeros(2, 3), 2)],
  [
    "Given input with spatial size (2, 2), kernel_size=(3, 3), dilation=(1, 1), padding=(0, 0), calculated shape of the array of sliding blocks as (0, 0), but its components must be at least one.",
    () => F.unfold(zeros(1, 1, 2, 2), 3),
  ],
  [
    "Given output_size=(3, 3), kernel_size=(2, 2), dilation=(1, 1), padding=(0, 0), stride=(1, 1), expected size of input's dimension 2 to match the calculated number of sliding blocks 2 * 2 = 4, but got input.size(2)=5.",
    () => F.fold(zeros(1, 4, 5), [3, 3], 2),
  ],
  [
    "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)=5 and kernel_size=(2, 2).",
    () => F.fold(zeros(1, 5, 4), [3, 3], 2),
  ],
  [
    "Expected more than 1 value per channel when training, got input size torch.Size([1, 5])",
    () => F.batchNorm(zeros(1, 5), null, null, { training: true }),
  ],
  ["running_mean should contain 5 elements not 4", () => F.batchNorm(zeros(4, 5), zeros(4), zeros(5))],
  [
    "Given normalized_shape=[4], expected input with shape [*, 4], but got input of size[4, 5]",
    () => F.layerNorm(zeros(4, 5), [4]),
  ],
  ["all elements of input should be between 0 and 1", () => F.binaryCrossEntropy(tensor([1.5]), tensor([1]))],
  ["all elements of target should be between 0 and 1", () => F.binaryCrossEntropy(tensor([0.5]), tensor([2]))],
  ["Found dtype Long but expected Float", () => F.binaryCrossEntropy(tensor([0.5]), long([1]))],
  [
    "Using a target size (torch.Size([8, 1])) that is different to the input size (torch.Size([8, 4])) is deprecated. Please ensure they have the same size.",
    () => F.binaryCrossEntropy(zeros(8, 4), zeros(8, 1)),
  ],
  ["Target 9 is out of bounds.", () => F.crossEntropy(matrix(), long([0, 1, 2, 9]))],
  [
    "expected scalar type Long but found Float. Numbers make float32 here: pass { dtype: 'int64' }",
    () => F.crossEntropy(matrix(), tensor([0, 1, 2, 3])),
  ],
  ["Expected input batch_size (4) to match target batch_size (3).", () => F.nllLoss(matrix(), long([0, 1, 2]))],
  ["foo is not a valid value for reduction", () => F.mseLoss(matrix(), matrix(), { reduction: "foo" as never })],
  ["index out of range in self", () => F.embedding(long([9]), matrix())],
  ["Padding_idx must be within num_embeddings", () => F.embedding(long([0]), matrix(), 9)],
  ["offsets has to be a 1D Tensor but got None", () => F.embeddingBag(long([0]), matrix())],
  ["Class values must be smaller than num_classes.", () => F.oneHot(long([3]), 2)],
  ["dropout probability has to be between 0 and 1, but got 1.5", () => F.dropout(matrix(), 1.5)],
  [
    "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding (9, 1) at dimension 2 of input [2, 4, 6]",
    () => F.pad(line(), [9, 1], "reflect"),
  ],
  ["either size or scale_factor should be defined", () => F.interpolate(image())],
  ["Got 4D input, but linear mode needs 3D input", () => F.interpolate(image(), 8, null, "linear")],
  [
    "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but input.size(-3)=4 is not divisible by 9",
    () => F.pixelShuffle(image(), 3),
  ],
  [
    "grid_sampler(): expected grid to have size 2 in last dimension, but got grid with sizes [2, 3, 3, 3]",
    () => F.gridSample(image(), zeros(2, 3, 3, 3)),
  ],
  ["var has negative entry/entries", () => F.gaussianNllLoss(matrix(), matrix(), torch.full([4, 5], -1))],
  [
    "blank must be in label range",
    () =>
      F.ctcLoss(
        zeros(5, 2, 4),
        long([
          [1, 1],
          [1, 1],
        ]),
        [5, 5],
        [2, 2],
        9,
      ),
  ],
])("%s", (message, f) => {
  expect(f).toThrow(message);
});

test("losses of different sizes warn, and the deprecated reductions too", () => {
  const seen = torch.warnings.record(() => {
    F.mseLoss(zeros(4, 5), zeros(1, 5));
    F.l1Loss(zeros(2), zeros(2), { sizeAverage: false });
  });
  expect(seen.map((w) => w.message)).toEqual([
    "Using a target size (torch.Size([1, 5])) that is different to the input size (torch.Size([4, 5])). This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
    "size_average and reduce args will be deprecated, please use reduction='sum' instead.",
  ]);
});

test("logarithms in binary cross entropy stop at -100", () => {
  expect(F.binaryCrossEntropy(tensor([0]), tensor([1])).item()).toBe(100);
});

test("a loss without counted elements is NaN as a mean and 0 as a sum", () => {
  const ignored = long([-100, -100]);
  expect(F.nllLoss(zeros(2, 3), ignored).item()).toBeNaN();
  expect(F.nllLoss(zeros(2, 3), ignored, { reduction: "sum" }).item()).toBe(0);
});

test("running statistics move by the momentum, with the unbiased variance, and keep their version", () => {
  const [mean, variance] = [zeros(2), torch.ones(2)];
  const out = F.batchNorm(
    tensor([
      [1, 2],
      [3, 6],
    ]),
    mean,
    variance,
    { training: true, momentum: 0.5 },
  );
  expect(mean.tolist()).toEqual([1, 2]);
  expect(variance.tolist()).toEqual([1.5, 4.5]);
  expect(mean._version).toBe(0);
  expect(
    torch.allclose(
      out,
      tensor([
        [-1, -1],
        [1, 1],
      ]),
      { rtol: 1e-4 },
    ),
  ).toBe(true);
});

test("embedding with a maximal norm scales the rows of the table that it reads", () => {
  const table = tensor([
    [3, 4],
    [1, 0],
    [6, 8],
  ]);
  F.embedding(long([0, 2]), table, { maxNorm: 1 });
  expect(
    torch.allclose(
      table,
      tensor([
        [0.6, 0.8],
        [1, 0],
        [0.6, 0.8],
      ]),
    ),
  ).toBe(true);
});

test("dropout draws as PyTorch's generator does", () => {
  torch.manualSeed(0);
  expect(F.dropout(torch.ones(10), 0.3).ne(0).long().tolist()).toEqual([0, 0, 1, 0, 1, 0, 1, 1, 1, 1]);
  torch.manualSeed(0);
  expect(
    F.dropout2d(torch.ones(2, 3, 1, 1))
      .flatten()
      .tolist(),
  ).toEqual([0, 0, 2, 0, 0, 0]);
  torch.manualSeed(0);
  expect(F.dropout(torch.ones([4], { dtype: "float64" })).tolist()).toEqual([0, 0, 2, 0]);
  torch.manualSeed(0);
  const selu = F.alphaDropout(torch.ones(4), 0.5, true);
  expect(torch.allclose(selu, tensor([-0.7791939, -0.7791939, 1.6655989, -0.7791939]))).toBe(true);
});

test("gumbelSoftmax draws as PyTorch's generator does", () => {
  torch.manualSeed(0);
  const sample = F.gumbelSoftmax(tensor([1, 2, 3]));
  expect(torch.allclose(sample, tensor([0.01964657, 0.15227905, 0.8280744]))).toBe(true);
});

test("instance normalisation averages running statistics over the images", () => {
  const [mean, variance] = [tensor([1, 2]), tensor([1.5, 4.5])];
  F.instanceNorm(torch.arange(8, { dtype: "float32" }).view(1, 2, 4), mean, variance);
  expect(torch.allclose(mean, tensor([1.05, 2.35]))).toBe(true);
  expect(torch.allclose(variance, tensor([1.5166667, 4.2166667]))).toBe(true);
});

test.each(["float16", "bfloat16", "float32", "float64"] as const)("dropout scales what it keeps in %s", (dtype) => {
  const dropped = F.dropout(torch.ones([64], { dtype }), 0.3);
  const kept = torch.tensor(1, { dtype }).div(0.7).item();
  expect(new Set(dropped.tolist() as number[])).toEqual(new Set([0, kept]));
});

test("dropout outside of training, or of nothing, is the input itself", () => {
  const x = matrix();
  expect(F.dropout(x, 0.5, false)).toBe(x);
  expect(F.dropout(x, 0)).toBe(x);
});

test("dropout in place is refused for a leaf that requires grad", () => {
  expect(() => F.dropout(matrix(), { inplace: true })).toThrow(
    "a leaf Variable that requires grad is being used in an in-place operation.",
  );
});

test("ties in a window go to the first element, and NaN wins", () => {
  const [values, indices] = F.maxPool2d(
    tensor([
      [
        [1, 1],
        [1, Number.NaN],
      ],
      [
        [2, 2],
        [2, 2],
      ],
    ]),
    2,
    { returnIndices: true },
  );
  expect(values.flatten().tolist()).toEqual([Number.NaN, 2]);
  expect(indices.flatten().tolist()).toEqual([3, 0]);
});

test("convolutions know their shape on the meta device", () => {
  const x = torch.empty([2, 4, 6, 6], { device: "meta" });
  expect([...F.conv2d(x, torch.empty([6, 4, 3, 3], { device: "meta" })).shape]).toEqual([2, 6, 4, 4]);
});

test("attention where a query sees nothing gives zeros", () => {
  const x = torch.ones(1, 2, 2);
  const mask = tensor([
    [true, false],
    [false, false],
  ]);
  expect(F.scaledDotProductAttention(x, x, x, mask).tolist()).toEqual([
    [
      [1, 1],
      [0, 0],
    ],
  ]);
});
