/** What operators may do beyond the common contract, each with its reason. */
import type { Entry } from "./catalogue.ts";
import type { Closeness } from "./compare.ts";

/** Reasons and the labels that they hold for, as one map from label to reason. */
function reasons(groups: Readonly<Record<string, readonly string[]>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(groups).flatMap(([reason, labels]) => labels.map((label) => [label, reason] as const)));
}

/** Float results that depend on no operand differentiably. */
export const constant: ReadonlyMap<string, string> = reasons({
  "PyTorch has no derivative of these functions": [
    "special.airyAi",
    "special.besselJ0",
    "special.besselJ1",
    "special.besselY0",
    "special.besselY1",
    "special.chebyshevPolynomialT",
    "special.chebyshevPolynomialU",
    "special.chebyshevPolynomialV",
    "special.chebyshevPolynomialW",
    "special.hermitePolynomialH",
    "special.hermitePolynomialHe",
    "special.laguerrePolynomialL",
    "special.legendrePolynomialP",
    "special.modifiedBesselI0",
    "special.modifiedBesselI1",
    "special.modifiedBesselK0",
    "special.modifiedBesselK1",
    "special.scaledModifiedBesselK0",
    "special.scaledModifiedBesselK1",
    "special.shiftedChebyshevPolynomialT",
    "special.shiftedChebyshevPolynomialU",
    "special.shiftedChebyshevPolynomialV",
    "special.shiftedChebyshevPolynomialW",
    "special.sphericalBesselJ0",
  ],
  "PyTorch computes it outside of autograd": ["histc"],
});

/** Operators whose node throws in the backward pass, as PyTorch's. */
export const throwingNode: ReadonlyMap<string, string> = reasons({
  "PyTorch has not written the derivative": [
    "bincount",
    "floorDivide",
    "heaviside",
    "histogram",
    "histogramdd",
    "nextafter",
    "unique",
    "uniqueConsecutive",
  ],
});

/** Operators that no real dtype has. */
export const alwaysRefuses: ReadonlyMap<string, string> = reasons({
  "of complex tensors only": ["imag", "viewAsReal"],
  "no such device": ["cuda"],
});

/** Operators whose derivative differences cannot show. */
export const unmeasured: ReadonlyMap<string, string> = reasons({
  "the result is too coarse": ["bfloat16", "cfloat", "float", "half"],
  "the derivative leaves the drawn numbers out": ["nn.gumbelSoftmax", "normal", "poisson"],
  "the derivative is that of the loss after a log-softmax": ["nn.ctcLoss"],
});

/** Operators whose derivative PyTorch cannot differentiate. */
export const onceOnly: ReadonlyMap<string, string> = reasons({
  "PyTorch has not written the derivative of its backward": ["nn.ctcLoss"],
});

/** Operators that look at values to find the shape. */
export const withoutMeta: ReadonlyMap<string, string> = reasons({
  "PyTorch has no meta kernel": ["combinations", "histc", "histogram", "histogramdd", "repeatInterleave"],
  "moves data": ["cpu"],
  "reads labels, lengths or offsets": ["nn.ctcLoss", "nn.embeddingBag", "nn.multilabelMarginLoss", "nn.oneHot"],
});

/** Operators that read the storage itself, and so mean something else in another layout. */
export const readsStorage: ReadonlyMap<string, string> = reasons({
  "its strides count the storage's elements": ["asStrided", "asStridedScatter"],
  "draws in the order of memory": [
    "bernoulli",
    "bernoulli_",
    "cauchy_",
    "exponential_",
    "geometric_",
    "logNormal_",
    "multinomial",
    "normal",
    "normal_",
    "poisson",
    "randLike",
    "randintLike",
    "randnLike",
    "random_",
    "uniform_",
  ],
});

/** Operators that refuse some layouts. */
export const needsStrides: ReadonlyMap<string, string> = reasons({
  "a view cannot span dims that do not follow each other": ["view", "viewAs"],
  "parts must lie side by side": ["viewAsComplex"],
});

/** In-place forms that take a receiver whose elements share memory. */
export const writesExpanded: ReadonlyMap<string, string> = reasons({
  "leaves integers alone, and so never looks where they lie": ["nanToNum"],
  "PyTorch fills a strided view, which need not overlap itself": ["fillDiagonal_"],
});

/** Operators that may count two writes. */
export const writesTwice: ReadonlyMap<string, string> = reasons({
  "PyTorch fills the wrapped part apart": ["fillDiagonal_"],
});

/** In-place forms that refuse dtypes which could hold the result. */
export const needsDouble: ReadonlyMap<string, string> = reasons({
  "the receiver must have the result's dtype": ["floatPower"],
});

/** Composites that are views of their operand by definition. */
const views: ReadonlySet<string> = new Set([
  "broadcastTensors",
  "broadcastTo",
  "chunk",
  "dsplit",
  "expandAs",
  "hsplit",
  "movedim",
  "moveaxis",
  "narrow",
  "tensorSplit",
  "unflatten",
  "unsafeChunk",
  "unsafeSplit",
  "unsafeSplitWithSizes",
  "viewAs",
  "vsplit",
]);

/** Operators that give a view where they can, and a copy else. */
const maybeViews: ReadonlySet<string> = new Set([
  "atleast1d",
  "atleast2d",
  "atleast3d",
  "einsum",
  "flatten",
  "meshgrid",
  "nn.channelShuffle",
  "nn.nativeChannelShuffle",
  "ravel",
  "reshape",
  "reshapeAs",
  "unflatten",
]);

/** Whether results share an operand's memory. */
export function memoryOf({ label, op }: Entry): "view" | "fresh" | "either" {
  if (maybeViews.has(label)) return "either";
  return op.kind === "view" || views.has(label) ? "view" : "fresh";
}

/** Factors on the usual bound for results that lose digits by cancellation. */
const loose: Readonly<Record<string, number>> = {};

/** How close the backends must be: elementwise each element by itself, else relative to the largest. */
export function closenessOf({ label, op }: Entry): Closeness {
  return { factor: loose[label] ?? 1, toLargest: op.kind !== "pointwise" };
}
