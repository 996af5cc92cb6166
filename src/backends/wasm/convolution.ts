/** Convolutions: which way each is computed. */
import type { Compiler, ConvolutionKernel, ConvolutionRun } from "../../ir/kernel.ts";
import type { WasmContext } from "./context.ts";
import { byProducts } from "./convolution-products.ts";

/** Compiles a convolution; its matrix products are those of `compiler`. */
export function convolution(kernel: ConvolutionKernel, ctx: WasmContext, compiler: Compiler): ConvolutionRun {
  return byProducts(kernel, ctx.heap, compiler);
}
