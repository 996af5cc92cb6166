/** Convolutions: which way each is computed. */
import type { Compiler, ConvolutionKernel, ConvolutionRun, ConvolutionSizes } from "../../ir/kernel.ts";
import type { WasmContext } from "./context.ts";
import { byProducts, isPointwise } from "./convolution-products.ts";
import { byTaps, suitsTaps } from "./convolution-taps.ts";
import { byTiles, suitsTiles } from "./convolution-winograd.ts";
import { type TapFunctions, tapFunctions } from "./taps.ts";
import type { FloatLane } from "./winograd-linear.ts";
import { productsByMatmul, productsByTaps } from "./winograd-products.ts";

/** Compiles a convolution; its matrix products are those of `compiler`. */
export function convolution(kernel: ConvolutionKernel, ctx: WasmContext, compiler: Compiler): ConvolutionRun {
  const products = byProducts(kernel, ctx.heap, compiler);
  const { dtype } = kernel;
  if (dtype !== "float32" && dtype !== "float64") return products;
  const lane = dtype === "float32" ? "f32" : "f64";
  const functions = functionsOf(ctx, lane);
  const taps = byTaps(kernel, ctx, functions, compiler.compile({ skeleton: "window", mode: "im2col", dtype }));
  const tiles = byTiles(kernel, ctx, lane, functions);
  const [ownTiles, fastTiles] = [
    tiles(productsByTaps(ctx, functions)),
    tiles(productsByMatmul(compiler.compile({ skeleton: "matmul", dtype }), functions.bytes)),
  ];
  return (sizes, operands) => {
    const fast = compiler.fastProducts?.() ?? false;
    let way = taps;
    if (suitsTiles(sizes, functions.lanes)) way = fast ? fastTiles : ownTiles;
    else if (!suitsTaps(kernel, sizes, functions.lanes) || (fast && paysProducts(sizes))) way = products;
    way(sizes, operands);
  };
}

/** With fewer filters than this, fast products do not make up for the columns that they need. */
const WORTH_COLUMNS = 24;
/** And with fewer filters or channels than this not even where the image is its own columns. */
const WORTH_CALL = 4;

function paysProducts(s: ConvolutionSizes): boolean {
  return isPointwise(s) ? Math.min(s.filters, s.channels) >= WORTH_CALL : s.filters >= WORTH_COLUMNS;
}

const made = new WeakMap<WasmContext, Partial<Record<FloatLane, TapFunctions>>>();

/** The functions of a lane, which all convolutions share. */
function functionsOf(ctx: WasmContext, lane: FloatLane): TapFunctions {
  const known = made.get(ctx) ?? {};
  made.set(ctx, known);
  return (known[lane] ??= tapFunctions(ctx, lane));
}
