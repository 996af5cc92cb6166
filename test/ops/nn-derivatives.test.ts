/** First and second derivatives of torch.nn.functional against finite differences in float64. */
import { describe, expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const F = torch.nn.functional;
type Fn = (...xs: torch.Tensor[]) => torch.Tensor;

/** Fixed numbers without ties: products of the golden ratio, spread over (-2, 2) or (0.1, 0.9). */
function numbers(shape: readonly number[], seed: number, positive = false): torch.Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  const data = Float64Array.from({ length: n }, (_, i) => {
    const u = ((i + 1) * 0.6180339887 + seed * 0.3819) % 1;
    return positive ? 0.1 + 0.8 * u : 4 * u - 2;
  });
  const t = torch
    .fromNumpy(data)
    .clone()
    .view(...shape);
  return t.requiresGrad_();
}

/** A scalar of a result: its elements weighed by cosines. */
function weighed(t: torch.Tensor): torch.Tensor {
  const w = torch.fromNumpy(Float64Array.from({ length: t.numel() }, (_, i) => Math.cos(i + 0.3)));
  return t.reshape(-1).mul(w).sum();
}

function slopes(f: Fn, xs: readonly torch.Tensor[], createGraph: boolean): torch.Tensor[] {
  const grads = torch.autograd.grad(weighed(f(...xs)), xs, { createGraph, allowUnused: true });
  return grads.map((g, i) => g ?? torch.zerosLike(xs[i]!));
}

/** The derivative of a scalar by every element, by central differences. */
function numeric(scalar: (...xs: torch.Tensor[]) => number, xs: readonly torch.Tensor[]): number[] {
  const h = 1e-5;
  return xs.flatMap((x, i) =>
    Array.from({ length: x.numel() }, (_, j) => {
      const moved = (by: number): number => {
        const copy = x.detach().clone();
        copy.view(-1).setAt([j], Number(copy.view(-1).at(j).item()) + by);
        return scalar(...xs.map((y, k) => (k === i ? copy.requiresGrad_() : y)));
      };
      return (moved(h) - moved(-h)) / (2 * h);
    }),
  );
}

const flat = (ts: readonly torch.Tensor[]): number[] => ts.flatMap((t) => t.detach().reshape(-1).tolist() as number[]);

function expectClose(got: readonly number[], wanted: readonly number[], tolerance: number): void {
  expect(got.length).toBe(wanted.length);
  const worst = Math.max(...got.map((x, i) => Math.abs(x - wanted[i]!) / (1 + Math.abs(wanted[i]!))));
  expect(worst).toBeLessThan(tolerance);
}

function checkFirst(f: Fn, xs: readonly torch.Tensor[]): void {
  const value = (...ys: torch.Tensor[]): number => weighed(f(...ys)).item();
  expectClose(flat(slopes(f, xs, false)), numeric(value, xs), 1e-6);
}

function checkSecond(f: Fn, xs: readonly torch.Tensor[]): void {
  const scalar = (...ys: torch.Tensor[]): torch.Tensor =>
    slopes(f, ys, true).reduce((sum, g) => sum.add(weighed(g)), torch.zeros([], { dtype: "float64" }));
  const total = scalar(...xs);
  const exact = total.requiresGrad
    ? torch.autograd.grad(total, xs, { allowUnused: true }).map((g, i) => g ?? torch.zerosLike(xs[i]!))
    : xs.map((x) => torch.zerosLike(x));
  expectClose(
    flat(exact),
    numeric((...ys) => scalar(...ys).item(), xs),
    1e-5,
  );
}

const x4 = (): torch.Tensor => numbers([2, 4, 5, 4], 1);
const labels = torch.tensor([1n, 0n, 2n]);

const cases: [string, Fn, () => torch.Tensor[]][] = [
  [
    "conv1d",
    (x, w, b) => F.conv1d(x!, w!, b!, 2, 1),
    () => [numbers([2, 2, 6], 1), numbers([3, 2, 3], 2), numbers([3], 3)],
  ],
  [
    "conv2d",
    (x, w, b) => F.conv2d(x!, w!, b!),
    () => [numbers([2, 2, 4, 4], 1), numbers([2, 2, 3, 2], 2), numbers([2], 3)],
  ],
  [
    "conv2d with a stride that leaves a rest",
    (x, w) => F.conv2d(x!, w!, null, 2),
    () => [numbers([1, 2, 6, 5], 1), numbers([2, 2, 3, 2], 2)],
  ],
  [
    "conv2d, dilated, padded, in groups",
    (x, w) => F.conv2d(x!, w!, null, 1, 2, 2, 2),
    () => [numbers([1, 4, 4, 4], 1), numbers([4, 2, 2, 2], 2)],
  ],
  ["conv2d by 1 x 1", (x, w) => F.conv2d(x!, w!), () => [numbers([2, 3, 2, 2], 1), numbers([2, 3, 1, 1], 2)]],
  [
    "conv2d, padded to the same size",
    (x, w) => F.conv2d(x!, w!, null, 1, "same"),
    () => [numbers([1, 1, 3, 4], 1), numbers([1, 1, 2, 3], 2)],
  ],
  ["conv3d", (x, w) => F.conv3d(x!, w!, null, 1, 1), () => [numbers([1, 1, 2, 3, 2], 1), numbers([2, 1, 2, 2, 2], 2)]],
  [
    "convTranspose2d",
    (x, w, b) => F.convTranspose2d(x!, w!, b!, 2, 1, 1, 2),
    () => [numbers([1, 4, 2, 3], 1), numbers([4, 1, 3, 2], 2), numbers([2], 3)],
  ],
  ["maxPool2d", (x) => F.maxPool2d(x!, 2, 1, 1), () => [x4()]],
  ["avgPool2d, padded, rounded up", (x) => F.avgPool2d(x!, 3, 2, 1, true, false), () => [x4()]],
  ["adaptiveAvgPool2d", (x) => F.adaptiveAvgPool2d(x!, [3, 2]), () => [x4()]],
  ["adaptiveMaxPool2d", (x) => F.adaptiveMaxPool2d(x!, [3, 3]), () => [x4()]],
  ["unfold", (x) => F.unfold(x!, [2, 3], 1, 1, 2), () => [x4()]],
  ["fold", (x) => F.fold(x!, [3, 3], 2), () => [numbers([1, 8, 4], 1)]],
  [
    "batchNorm in training",
    (x, w, b) => F.batchNorm(x!, null, null, w!, b!, true),
    () => [numbers([3, 2, 3], 1), numbers([2], 2), numbers([2], 3)],
  ],
  [
    "batchNorm by running statistics",
    (x, w, b) =>
      F.batchNorm(
        x!,
        torch.tensor([0.2, -0.1], { dtype: "float64" }),
        torch.tensor([1.5, 0.5], { dtype: "float64" }),
        w!,
        b!,
      ),
    () => [numbers([3, 2, 2], 1), numbers([2], 2), numbers([2], 3)],
  ],
  [
    "layerNorm",
    (x, w, b) => F.layerNorm(x!, [2, 3], w!, b!),
    () => [numbers([3, 2, 3], 1), numbers([2, 3], 2), numbers([2, 3], 3)],
  ],
  [
    "groupNorm",
    (x, w, b) => F.groupNorm(x!, 2, w!, b!),
    () => [numbers([2, 4, 3], 1), numbers([4], 2), numbers([4], 3)],
  ],
  ["rmsNorm", (x, w) => F.rmsNorm(x!, [3], w!), () => [numbers([4, 3], 1), numbers([3], 2)]],
  ["mseLoss", (x, t) => F.mseLoss(x!, t!), () => [numbers([3, 2], 1), numbers([3, 2], 2)]],
  ["smoothL1Loss", (x, t) => F.smoothL1Loss(x!, t!, { beta: 0.7 }), () => [numbers([3, 2], 1), numbers([3, 2], 5)]],
  ["huberLoss", (x, t) => F.huberLoss(x!, t!, "sum", 0.7), () => [numbers([3, 2], 1), numbers([3, 2], 5)]],
  [
    "softMarginLoss",
    (x) => F.softMarginLoss(x!, torch.tensor([1, -1, 1], { dtype: "float64" })),
    () => [numbers([3], 1)],
  ],
  [
    "binaryCrossEntropy",
    (x, t) => F.binaryCrossEntropy(x!, t!),
    () => [numbers([3, 2], 1, true), numbers([3, 2], 2, true)],
  ],
  [
    "binaryCrossEntropyWithLogits",
    (x, t) => F.binaryCrossEntropyWithLogits(x!, t!, { posWeight: torch.tensor([2, 3], { dtype: "float64" }) }),
    () => [numbers([3, 2], 1), numbers([3, 2], 2, true)],
  ],
  ["nllLoss", (x) => F.nllLoss(x!, labels), () => [numbers([3, 4], 1)]],
  [
    "crossEntropy",
    (x) => F.crossEntropy(x!, labels, { ignoreIndex: 0, labelSmoothing: 0.2 }),
    () => [numbers([3, 4], 1)],
  ],
  [
    "crossEntropy of images",
    (x) =>
      F.crossEntropy(
        x!,
        torch.tensor([
          [1n, 0n],
          [2n, 1n],
        ]),
      ),
    () => [numbers([2, 3, 2], 1)],
  ],
  ["embedding", (w) => F.embedding(torch.tensor([1n, 3n, 1n]), w!, 0), () => [numbers([4, 2], 1)]],
  [
    "embeddingBag of means",
    (w) => F.embeddingBag(torch.tensor([1n, 3n, 1n, 0n]), w!, torch.tensor([0n, 3n])),
    () => [numbers([4, 2], 1)],
  ],
  [
    "embeddingBag of maxima",
    (w) => F.embeddingBag(torch.tensor([1n, 3n, 1n, 0n]), w!, torch.tensor([0n, 3n]), { mode: "max" }),
    () => [numbers([4, 2], 1)],
  ],
  ["interpolate, bilinear", (x) => F.interpolate(x!, [3, 7], null, "bilinear"), () => [numbers([1, 2, 4, 3], 1)]],
  ["interpolate, bicubic", (x) => F.interpolate(x!, [5, 2], null, "bicubic", true), () => [numbers([1, 1, 3, 4], 1)]],
  ["pad by reflection", (x) => F.pad(x!, [2, 1, 1, 0], "reflect"), () => [numbers([1, 1, 3, 3], 1)]],
  ["pad by a constant", (x) => F.pad(x!, [2, -1], "constant", 3), () => [numbers([2, 3], 1)]],
  ["pixelShuffle", (x) => F.pixelShuffle(x!, 2), () => [numbers([1, 4, 2, 2], 1)]],
  [
    "gridSample",
    (x, g) => F.gridSample(x!, g!, "bilinear", "reflection", false),
    () => [numbers([1, 2, 3, 3], 1), numbers([1, 2, 2, 2], 2)],
  ],
  ["multiMarginLoss", (x) => F.multiMarginLoss(x!, labels, 2), () => [numbers([3, 4], 1)]],
  ["cosineSimilarity", (x, y) => F.cosineSimilarity(x!, y!), () => [numbers([2, 3], 1), numbers([2, 3], 2)]],
  [
    "scaledDotProductAttention",
    (q, k, v) => F.scaledDotProductAttention(q!, k!, v!, { isCausal: true }),
    () => [numbers([1, 3, 2], 1), numbers([1, 3, 2], 2), numbers([1, 3, 2], 3)],
  ],
];

describe("the gradient is the derivative", () => {
  test.each(cases)("%s", (_, f, xs) => checkFirst(f, xs()));
});

describe("the gradient's gradient is the second derivative", () => {
  test.each(cases)("%s", (_, f, xs) => checkSecond(f, xs()));
});

test("ctcLoss has PyTorch's gradient: of the logits, as if they were not normalised", () => {
  const x = numbers([4, 1, 3], 1);
  const targets = torch.tensor([[1n, 2n]]);
  checkFirst((x) => F.ctcLoss(F.logSoftmax(x!, 2), targets, [4], [2], 0, "sum"), [x]);
});
