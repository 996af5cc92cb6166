/**
 * Negative log-likelihood of dense rows, by one loop over memory: a second, faster lowering of what loss-class.ts
 * composes of a dozen operators, each of which costs more than the loop. It gives the same values.
 */
import { float32, float64, int64, type TypedArray } from "../../core/dtype.ts";
import type { Tensor } from "../../core/tensor.ts";
import { fillRaw } from "../create.ts";
import { emptyTensor, isMeta } from "../operands.ts";
import { elements } from "./raw.ts";
import type { Reduction } from "./reduction.ts";

/** The losses, their slopes against what was picked, and each row's class, -1 where it is ignored. */
export interface RowLosses {
  readonly out: Tensor;
  readonly slope: Tensor;
  readonly classes: Int32Array;
}

/** Whether memory holds the elements as they are: in order, and not still to be negated. */
const fits = (t: Tensor): boolean => t.impl.layout.contiguous && !t.impl.dtype.isLazy && !isMeta(t);

/** Every row's class, or null where one lies outside: then the operators say so. */
function classesOf(target: Tensor, count: number, ignoreIndex: number): Int32Array | null {
  // An int64 is two words here, since BigInts would cost an allocation each.
  const { buffer, byteOffset } = elements(target);
  const words = new Int32Array(buffer, byteOffset, 2 * target.numel());
  const classes = new Int32Array(target.numel());
  for (let row = 0; row < classes.length; row++) {
    const [low, high] = [words[2 * row]!, words[2 * row + 1]!];
    if (low === ignoreIndex && high === (ignoreIndex < 0 ? -1 : 0)) classes[row] = -1;
    else if (high !== 0 || low < 0 || low >= count) return null;
    else classes[row] = low;
  }
  return classes;
}

/** `-input[row, target[row]]` and its slopes, or null where the operands do not fit. */
export function nllRows(
  input: Tensor,
  target: Tensor,
  weight: Tensor | null,
  ignoreIndex: number,
  reduction: Reduction,
): RowLosses | null {
  const { dtype } = input;
  if (input.dim() !== 2 || target.dim() !== 1 || (dtype !== float32 && dtype !== float64)) return null;
  if (target.dtype !== int64 || ![input, target, ...(weight === null ? [] : [weight])].every(fits)) return null;
  const [rows, count] = input.impl.layout.shape as [number, number];
  const classes = classesOf(target, count, ignoreIndex);
  if (classes === null) return null;
  const slope = emptyTensor([rows], dtype, input.device);
  const out = emptyTensor(reduction === "none" ? [rows] : [], dtype, input.device);
  const [x, slopes, losses] = [elements(input), elements(slope), elements(out)] as Float64Array[];
  const weights = weight === null ? null : elements(weight);
  let [total, counted] = [0, 0];
  classes.forEach((c, row) => {
    const w = c < 0 ? 0 : Number(weights === null ? 1 : weights[c]!);
    const loss = w === 0 ? 0 : -x![row * count + c]! * w; // an ignored element may be infinite
    slopes![row] = -w;
    if (reduction === "none") losses![row] = loss;
    total += loss;
    counted += w;
  });
  if (reduction === "mean") for (let row = 0; row < rows; row++) slopes![row]! /= counted;
  if (reduction !== "none") losses![0] = reduction === "sum" ? total : total / counted;
  return { out, slope, classes };
}

/** The gradient of the input: zeros but for what was picked; `g` is one number, or one per row. */
export function nllRowsGrad(g: Tensor, { slope, classes }: RowLosses, count: number): Tensor {
  const out = emptyTensor([classes.length, count], slope.dtype, slope.device);
  if (out.numel() === 0) return out;
  fillRaw(out, 0);
  const [gradient, slopes, given] = [out, slope, g].map(elements) as [TypedArray, TypedArray, TypedArray];
  const step = g.dim() === 0 ? 0 : 1;
  classes.forEach((c, row) => {
    if (c >= 0) gradient[row * count + c] = Number(given[row * step]!) * Number(slopes[row]!);
  });
  return out;
}
