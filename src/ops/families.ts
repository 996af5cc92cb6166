/** The files whose exports are all functions of the package, and methods where they have a receiver. */
export * from "./einsum.ts";
export * from "./extrema.ts";
export * from "./join.ts";
export * from "./matmul.ts";
export * from "./pointwise/index.ts";
export * from "./quantile.ts";
export * from "./random.ts";
export * from "./ranges.ts";
export * from "./scan.ts";
export * from "./scatter.ts";
export * from "./shape.ts";
export * from "./softmax.ts";
export * from "./sort.ts";
export * from "./statistics.ts";
export * from "./sums.ts";
