/**
 * Row kernels on tensors: a second, faster lowering of operators that a composition defines, for dense rows of float32
 * or float64. Where operands do not fit, the composition runs.
 */
import type { DType, Lane } from "../core/dtype.ts";
import { heap } from "../core/memory.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import type { RowKernel, RowPass, RowRun, Rows } from "../ir/kernel.ts";
import { Runners } from "../ir/runtime.ts";
import { addressOf, emptyLike, emptyTensor, isMeta, withOperands } from "./operands.ts";

/** How an input lies: along every row, one row for all, one element per row, or a number. */
export type RowInput = "elements" | "shared" | "perRow" | "number";

/** What a row kernel gives: a tensor like the first input, and its kept reductions, one element per row. */
export interface RowResult {
  readonly out: Tensor;
  readonly kept: readonly Tensor[];
}

/** A fused operator along rows; loads of its expressions are numbered as in `RowKernel`. */
export class RowOp {
  readonly #inputs: readonly RowInput[];
  readonly #passes: readonly RowPass[];
  readonly #kept: number;
  readonly #runs = new Runners<RowKernel>();

  constructor(inputs: readonly RowInput[], passes: readonly RowPass[], kept = 0) {
    this.#inputs = inputs;
    this.#passes = passes;
    this.#kept = kept;
  }

  /**
   * The result for rows of `length` elements, or null where an operand does not fit. A row may also lie in several
   * pieces of `length`, each between those of the other rows. No autograd.
   */
  run(length: number, inputs: readonly (Tensor | number)[], pieces = 1): RowResult | null {
    const first = inputs[0];
    if (!isTensor(first) || length === 0 || isMeta(first)) return null;
    const { dtype, layout } = first.impl;
    const rows = layout.numel / (length * pieces);
    if (!isWide(dtype) || !inputs.every((x, k) => this.#fits(x, k, dtype, rows, length, pieces))) return null;
    const out = emptyLike(layout.fresh(), dtype, first.device);
    const kept = Array.from({ length: this.#kept }, () => emptyTensor([rows], dtype, first.device));
    const run = this.#compiled(dtype.lane);
    withOperands(() =>
      run(
        rows,
        length,
        { address: addressOf(out, true), step: length },
        inputs.map((x, k) => this.#rows(x, k, length, dtype)),
        kept.map((t) => addressOf(t, true)),
        { count: pieces, step: rows * length },
      ),
    );
    return { out, kept };
  }

  #fits(x: Tensor | number, k: number, dtype: DType, rows: number, length: number, pieces: number): boolean {
    if (!isTensor(x)) return this.#inputs[k] === "number";
    const { layout } = x.impl;
    const shared = pieces === 1 ? length : -1;
    const counts = { elements: rows * length * pieces, shared, perRow: rows, number: -1 };
    return x.impl.dtype === dtype && layout.contiguous && layout.numel === counts[this.#inputs[k]!] && !isMeta(x);
  }

  #rows(x: Tensor | number, k: number, length: number, dtype: DType): Rows {
    if (!isTensor(x)) return { address: placeNumber(x, k, dtype), step: 0 };
    const steps = { elements: length, shared: 0, perRow: 1, number: 0 };
    return { address: addressOf(x), step: steps[this.#inputs[k]!] };
  }

  #compiled(lane: Lane): RowRun {
    const wide = lane === "f64";
    return this.#runs.get(wide ? 1 : 0, () => ({
      skeleton: "row",
      inputs: this.#inputs.map((kind) => (kind === "elements" || kind === "shared" ? "c" : "b")).join(""),
      passes: this.#passes,
      kept: this.#kept,
      lane: wide ? "f64" : "f32",
    }));
  }
}

/** Whether elements are stored as they are computed: one rounding per operation, as a composition has it. */
export const isWide = (dtype: DType): boolean => dtype.isFloatingPoint && dtype.itemsize >= 4 && !dtype.isLazy;

/** Writes a number of float dtype `dtype` where kernels read it; returns its address. */
export function placeNumber(value: number, slot: number, dtype: DType): number {
  const h = heap();
  const address = h.scratch + 8 * slot;
  if (dtype.lane === "f64") h.f64[address >>> 3] = value;
  else h.f32[address >>> 2] = value;
  return address;
}
