/**
 * Long reductions with few results: blocks of a fixed length, one after another or on several threads, and then a
 * reduction of the blocks' results in order. The blocks depend on shape and strides only, as the result does.
 */
import { dtypes } from "../../core/dtype.ts";
import { load, loadBool } from "../../ir/expr.ts";
import { laneDType, type Operand, type ReduceKernel, type ReduceRun } from "../../ir/kernel.ts";
import type { WasmContext } from "./context.ts";
import { numelOf } from "./parallel.ts";
import { keepsTotal } from "./reduce-state.ts";

/** As `ReduceRun`; `count`: of how many elements `post` is to know. */
export type CountingReduce = (
  outer: readonly number[],
  inner: readonly number[],
  out: Operand,
  inputs: readonly Operand[],
  count: number,
) => void;

/** Most elements of a block. */
const BLOCK = 2 ** 15;
/** As few blocks as are work for all threads. */
const FEWEST = 16;
/** So many results are work enough for all threads. */
const MANY = 32;

/** Whether a large reduction is made in blocks. */
export const inBlocks = (outer: readonly number[]): boolean => numelOf(outer) < MANY;

/** A kernel's stages: blocks, their combination, and what comes after it. */
interface Stages {
  readonly blocks: CountingReduce;
  readonly combine: CountingReduce;
  readonly partBytes: number;
}

/** Compiles a reduction in blocks; `direct` compiles its stages. */
export function reduceInBlocks(
  kernel: ReduceKernel,
  { heap }: WasmContext,
  direct: (kernel: ReduceKernel) => CountingReduce,
): ReduceRun {
  const { blocks, combine, partBytes } = stagesOf(kernel, heap, direct);
  return (outer, inner, out, inputs) => {
    const results = numelOf(outer);
    const count = numelOf(inner);
    const dim = inner.indexOf(Math.max(...inner));
    const size = inner[dim]!;
    const length = Math.max(1, Math.floor(Math.min(BLOCK, count / FEWEST) / (count / size)));
    const whole = Math.floor(size / length);
    const rest = size - whole * length;
    const number = whole + (rest > 0 ? 1 : 0);
    const parts = heap.alloc(number * results * partBytes);
    const resized = (n: number): number[] => inner.map((other, i) => (i === dim ? n : other));
    const at = (operand: Operand): number => operand.strides[outer.length + dim]!;
    // [blocks, …outer, …inner] with the cut dim of a block's length.
    const cut = inputs.map((x) => ({ address: x.address, strides: [at(x) * length, ...x.strides] }));
    const strides = dense([number, ...outer]);
    blocks([whole, ...outer], resized(length), { address: parts, strides }, cut, count);
    if (rest > 0) {
      const bytes = kernel.inputs.map((name) => dtypes[name].itemsize);
      const last = inputs.map((x, k) => ({ ...x, address: x.address + at(x) * whole * length * bytes[k]! }));
      const address = parts + whole * results * partBytes;
      blocks(outer, resized(rest), { address, strides: strides.slice(1) }, last, count);
    }
    combine(outer, [number], out, [{ address: parts, strides: [...strides.slice(1), strides[0]!] }], count);
    heap.free(parts);
  };
}

/** The kernels of a reduction in blocks. A float32 sum stays in float64 until all blocks are added. */
function stagesOf(
  kernel: ReduceKernel,
  heap: WasmContext["heap"],
  direct: (kernel: ReduceKernel) => CountingReduce,
): Stages {
  const { combine, lane } = kernel;
  const logical = combine === "and" || combine === "or";
  const own = logical ? "bool" : laneDType[lane];
  const wide: ReduceKernel = { ...kernel, post: null, output: "float64" };
  const part = keepsTotal(wide) ? "float64" : own;
  const blocks = direct({ ...kernel, post: null, output: part });
  const pre = logical ? loadBool(0) : load(0);
  const partBytes = dtypes[part].itemsize;
  if (!keepsTotal(wide)) return { blocks, combine: direct({ ...kernel, pre, inputs: [part] }), partBytes };
  const add = { ...kernel, pre, post: null, lane: "f64", inputs: [part] } as const;
  if (kernel.post === null && (kernel.output === "float32" || kernel.output === "float64")) {
    return { blocks, combine: direct(add), partBytes };
  }
  const total = direct({ ...add, output: "float32" });
  const finish = direct({ ...kernel, pre, inputs: ["float32"] });
  const both: CountingReduce = (outer, inner, out, inputs, count) => {
    const address = heap.alloc(4 * numelOf(outer));
    const sums = { address, strides: dense(outer) };
    total(outer, inner, sums, inputs, count);
    finish(outer, [1], out, [{ address, strides: [...sums.strides, 1] }], count);
    heap.free(address);
  };
  return { blocks, combine: both, partBytes };
}

function dense(shape: readonly number[]): number[] {
  let step = 1;
  return shape.reduceRight<number[]>((strides, size) => {
    strides.unshift(step);
    step *= size;
    return strides;
  }, []);
}
