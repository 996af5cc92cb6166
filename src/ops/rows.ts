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

/**
 * How an input lies: along every row, along the rows of a block and again in the next one, one row for all, one element
 * per row, or a number.
 */
export type RowInput = "elements" | "cycled" | "shared" | "perRow" | "number";

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
    const block = this.#block(inputs, rows, length);
    withOperands(() => {
      const all = inputs.map((x, k) => this.#rows(x, k, length, dtype));
      const to = { address: addressOf(out, true), step: length };
      const reductions = kept.map((t) => addressOf(t, true));
      for (let row = 0; row < rows; row += block) {
        const from = (operand: Rows): Rows => moved(operand, row * dtype.itemsize);
        run(
          block,
          length,
          from(to),
          all.map((operand, k) => (this.#inputs[k] === "cycled" ? operand : from(operand))),
          reductions.map((address) => address + row * dtype.itemsize),
          { count: pieces, step: rows * length },
        );
      }
    });
    return { out, kept };
  }

  /** After how many rows cycled inputs begin anew; all of them where there are none. */
  #block(inputs: readonly (Tensor | number)[], rows: number, length: number): number {
    const k = this.#inputs.indexOf("cycled");
    return k < 0 ? rows : (inputs[k] as Tensor).impl.layout.numel / length;
  }

  #fits(x: Tensor | number, k: number, dtype: DType, rows: number, length: number, pieces: number): boolean {
    if (!isTensor(x)) return this.#inputs[k] === "number";
    const { layout } = x.impl;
    const shared = pieces === 1 ? length : -1;
    const kind = this.#inputs[k]!;
    if (x.impl.dtype !== dtype || !layout.contiguous || isMeta(x)) return false;
    if (kind === "cycled") {
      const own = layout.numel / length;
      return pieces === 1 && own > 0 && Number.isInteger(own) && rows % own === 0;
    }
    return layout.numel === { elements: rows * length * pieces, shared, perRow: rows, number: -1 }[kind];
  }

  #rows(x: Tensor | number, k: number, length: number, dtype: DType): Rows {
    if (!isTensor(x)) return { address: placeNumber(x, k, dtype), step: 0 };
    const steps = { elements: length, cycled: length, shared: 0, perRow: 1, number: 0 };
    return { address: addressOf(x), step: steps[this.#inputs[k]!] };
  }

  #compiled(lane: Lane): RowRun {
    const wide = lane === "f64";
    return this.#runs.get(wide ? 1 : 0, () => ({
      skeleton: "row",
      inputs: this.#inputs.map((kind) => (kind === "perRow" || kind === "number" ? "b" : "c")).join(""),
      passes: this.#passes,
      kept: this.#kept,
      lane: wide ? "f64" : "f32",
    }));
  }
}

const moved = ({ address, step }: Rows, bytes: number): Rows => ({ address: address + step * bytes, step });

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
