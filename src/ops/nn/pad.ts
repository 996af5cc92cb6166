/** Padding: by a constant, by reflection, by the edge, and in a circle. */
import { int64 } from "../../core/dtype.ts";
import { check, NotImplementedError } from "../../core/errors.ts";
import { type Layout, list } from "../../core/layout.ts";
import type { Scalar } from "../../core/scalar.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Op } from "../call.ts";
import { fillRaw } from "../create.ts";
import { copyKernel, differentiable, fn, unrecorded } from "../define.ts";
import { emptyTensor, isMeta } from "../operands.ts";
import { alias } from "./raw.ts";

/** What each dim gains before and behind, from the last pair to the first; negative numbers crop. */
interface Widths {
  readonly before: number[];
  readonly behind: number[];
}

function widthsOf(rank: number, pad: readonly number[]): Widths {
  const pairs = pad.length / 2;
  const at = (d: number, side: number): number => (d < rank - pairs ? 0 : pad[2 * (rank - 1 - d) + side]!);
  return {
    before: Array.from({ length: rank }, (_, d) => at(d, 0)),
    behind: Array.from({ length: rank }, (_, d) => at(d, 1)),
  };
}

/** The constant around the tensor; widths as in `pad`. */
export function constantPad(self: Tensor, pad: readonly number[], value: Scalar): Tensor {
  const rank = self.dim();
  check(pad.length % 2 === 0, () => `Length of pad must be even but instead it equals ${pad.length}`);
  check(
    pad.length <= 2 * rank,
    () =>
      `Length of pad should be no more than twice the number of dimensions of the input. Pad length is ${pad.length}` +
      `while the input has ${rank} dimensions.`,
  );
  const { before, behind } = widthsOf(rank, pad);
  const shape = self.shape.map((n, d) => {
    const size = n + before[d]! + behind[d]!;
    check(
      size >= 0,
      () =>
        `The input size ${n}, plus negative padding ${before[d]} and ${behind[d]} resulted in a negative output size, ` +
        "which is invalid. Check dimension " +
        `${d} of your input.`,
    );
    return size;
  });
  const out = emptyTensor(shape, self.dtype, self.device);
  if (!isMeta(out)) {
    fillRaw(out, value);
    let [from, to]: [Layout, Layout] = [self.impl.layout, out.impl.layout];
    for (let d = 0; d < rank; d++) {
      const skip = Math.max(-before[d]!, 0);
      const length = Math.max(self.shape[d]! - skip - Math.max(-behind[d]!, 0), 0);
      from = from.slice(d, skip, length);
      to = to.slice(d, Math.max(before[d]!, 0), length);
    }
    if (to.numel > 0) copyKernel.into([alias(self, from)], alias(out, to));
  }
  const back = pad.map((n) => -n);
  return differentiable("ConstantPadNdBackward0", out, [self], [], ([g]) => [constantPad(g!, back, 0)]);
}

/** For every position of the padded dim, the position that it copies. */
type Source = (i: number, size: number) => number;

const sources: Readonly<Record<string, Source>> = {
  reflect: (i, n) => (i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i),
  replicate: (i, n) => Math.min(Math.max(i, 0), n - 1),
  circular: (i, n) => ((i % n) + n) % n,
};

/** One dim by a list of positions. */
function take(self: Tensor, indices: readonly (Tensor | null)[]): Tensor {
  return indices.reduce<Tensor>((x, index, d) => (index === null ? x : x.indexSelect(d, index)), self);
}

/** The transpose of `take`: adds every element to the position that it was copied from. */
function give(g: Tensor, indices: readonly (Tensor | null)[], shape: readonly number[]): Tensor {
  let x = g;
  for (let d = indices.length - 1; d >= 0; d--) {
    const index = indices[d]!;
    if (index === null) continue;
    x = x.newZeros(x.shape.with(d, shape[d]!)).indexAdd(d, index, x);
  }
  return x;
}

function copyPad(self: Tensor, pad: readonly number[], node: string, source: Source): Tensor {
  const { before, behind } = widthsOf(self.dim(), pad);
  const indices = self.shape.map((n, d) => {
    const [a, b] = [before[d]!, behind[d]!];
    if (a === 0 && b === 0) return null;
    const positions = BigInt64Array.from({ length: n + a + b }, (_, i) => BigInt(source(i - a, n)));
    return int64Tensor(self, positions);
  });
  const shape = self.shape;
  const taken = unrecorded(() => take(self.detach(), indices));
  const out = alias(taken, taken.impl.layout);
  return differentiable(node, out, [self], [], ([g]) => [give(g!, indices, shape)]);
}

/** A vector of indices on the device of another tensor. */
export function int64Tensor(like: Tensor, values: BigInt64Array): Tensor {
  const t = emptyTensor([values.length], int64, like.device);
  if (!isMeta(t)) (t.impl.storage.window(int64) as BigInt64Array).set(values);
  return t;
}

function checkReflect(self: Tensor, pad: readonly number[], op: string): void {
  const dims = pad.length / 2;
  const rank = self.dim();
  check(
    self.shape.slice(rank - dims - 1).every((n) => n > 0),
    () =>
      `Expected ${dims + 1}D or ${dims + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero ` +
      `dimensions for input, but got: ${list(self.shape)}`,
  );
  for (let k = 0; k < dims; k++) {
    const d = rank - 1 - k;
    const [a, b] = [pad[2 * k]!, pad[2 * k + 1]!];
    const size = self.shape[d]!;
    if (op === "reflect") {
      check(
        a < size && b < size,
        () =>
          `Argument #${4 + 2 * k}: Padding size should be less than the corresponding input dimension, but got: padding ` +
          `(${a}, ${b}) at dimension ${d} of input ${list(self.shape)}`,
      );
    }
    check(
      size + a + b >= 1,
      () => `input (${axis[k]}: ${size}) is too small. Calculated output ${axis[k]}: ${size + a + b}`,
    );
  }
}

const axis = ["W", "H", "D"];

function checkCircular(self: Tensor, pad: readonly number[]): void {
  const dims = pad.length / 2;
  for (let k = 0; k < dims; k++) {
    const size = self.shape[self.dim() - 1 - k]!;
    const [a, b] = [pad[2 * k]!, pad[2 * k + 1]!];
    check(a <= size && b <= size, () => "Padding value causes wrapping around more than once.");
    check(size + a + b >= 0, () => "Negative padding value is resulting in an empty dimension");
  }
}

/**
 * Widens (or crops, by negative widths) the last dims; `pad` is (left, right, top, bottom, …), the last dim first.
 * @example F.pad(torch.tensor([1, 2]), [1, 2]) // tensor([0., 1., 2., 0., 0.])
 */
export const pad: Op<
  [pad: readonly number[], mode?: "constant" | "reflect" | "replicate" | "circular", value?: number | null],
  "pad mode value"
> = fn({ name: "pad", params: "input:tensor pad:ints mode:str='constant' value:scalar?=null" }, (v) => {
  const [self, widths, mode, value] = [
    v.input as Tensor,
    v.pad as number[],
    v.mode as string,
    v.value as Scalar | null,
  ];
  check(widths.length % 2 === 0, () => "Padding length must be divisible by 2");
  check(widths.length <= 2 * self.dim(), () => "Padding length too large");
  if (mode === "constant") return constantPad(self, widths, value ?? 0);
  check(value === null || value === 0, () => `Padding mode "${mode}" doesn't take in value argument`);
  const source = sources[mode];
  check(source !== undefined, () => `Unrecognised padding mode ${mode}`, NotImplementedError);
  const dims = widths.length / 2;
  check(
    dims >= 1 && dims <= 3 && (self.dim() === dims + 1 || self.dim() === dims + 2),
    () => "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now",
    NotImplementedError,
  );
  if (mode === "circular") checkCircular(self, widths);
  else checkReflect(self, widths, mode);
  const node =
    mode === "circular" ? "CopySlices" : `${mode === "reflect" ? "Reflection" : "Replication"}Pad${dims}DBackward0`;
  return copyPad(self, widths, node, source);
});
