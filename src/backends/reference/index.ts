/** The reference backend: every kernel in plain JS, one element at a time. It is what a kernel means. */
import type { Heap } from "../../core/heap.ts";
import type { Compiler, Kernel, Run } from "../../ir/kernel.ts";
import { convolution } from "./convolution.ts";
import { gather, scatter } from "./indexing.ts";
import { matmul } from "./matmul.ts";
import { pointwise } from "./pointwise.ts";
import { pool } from "./pool.ts";
import { reduce } from "./reduce.ts";
import { row } from "./row.ts";
import { scan } from "./scan.ts";
import { sort } from "./sort.ts";
import { update } from "./update.ts";
import { windows } from "./window.ts";

/** A compiler whose runners evaluate kernels over `heap` by walking their definitions. */
export function referenceCompiler(heap: Heap): Compiler {
  return {
    name: "reference",
    // The skeleton decides the runner's type, which the compiler cannot follow through a switch.
    compile: <K extends Kernel>(kernel: K) => runnerOf(kernel, heap) as Run<K>,
  };
}

function runnerOf(kernel: Kernel, heap: Heap): Run<Kernel> {
  switch (kernel.skeleton) {
    case "pointwise":
      return pointwise(kernel, heap);
    case "reduce":
      return reduce(kernel, heap);
    case "scan":
      return scan(kernel, heap);
    case "gather":
      return gather(kernel, heap);
    case "scatter":
      return scatter(kernel, heap);
    case "matmul":
      return matmul(kernel, heap);
    case "window":
      return windows(kernel, heap);
    case "convolution":
      return convolution(kernel, heap);
    case "pool":
      return pool(kernel, heap);
    case "sort":
      return sort(kernel, heap);
    case "update":
      return update(kernel, heap);
    case "row":
      return row(kernel, heap);
    default:
      return kernel satisfies never;
  }
}
