/** Parts of a dim by number, sizes or places: `tensorSplit`, `hsplit` and kin, and the forms that forget they are views. */
import { int64 } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { wrapDim } from "../core/layout.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import type { Op } from "./call.ts";
import { composite, custom, differentiable, unrecorded } from "./define.ts";
import { numbersAreFloats } from "./gather.ts";
import { cat } from "./join.ts";
import { sliceView } from "./views.ts";

/** A number of parts, or the places where parts begin. */
export type Sections = number | readonly number[] | Tensor;

/** PyTorch's names of the first parameter differ with its kind: each is taken. */
interface SectionNames {
  sections?: number;
  indices?: readonly number[];
}

/**
 * Parts as equal as can be, or cut at the indices; a tensor of either counts as well. Views.
 * @example torch.arange(5).tensorSplit(2) // [ tensor([0, 1, 2]), tensor([3, 4]) ]
 */
export const tensorSplit: Op<
  [indicesOrSections?: Sections, dim?: number],
  "indicesOrSections dim",
  SectionNames,
  Tensor[]
> = composite(
  {
    name: "tensorSplit",
    params: [
      "tensorIndicesOrSections:tensor dim:int=0",
      "sections:int dim:int=0",
      "indices:ints dim:int=0",
      "indicesOrSections:any dim:int=0",
    ],
  },
  (self, v) => {
    const given = v.tensorIndicesOrSections ?? v.sections ?? v.indices ?? v.indicesOrSections;
    check(
      self.dim() > 0,
      () => `tensor_split expected at least a 1-dimensional tensor, but got a tensor with ${self.dim()} dims`,
    );
    const sections = isTensor(given) ? sectionsOf(given) : (given as number | number[]);
    const dim = wrapDim(v.dim as number, self.dim());
    return typeof sections === "number" ? equalSections(self, sections, dim) : cut(self, sections, dim);
  },
);

function sectionsOf(t: Tensor): number | number[] {
  check(
    t.dtype === int64,
    () =>
      `tensor_split expected tensor_indices_or_sections to have dtype of long, but got ${t.dtype.scalarName}` +
      numbersAreFloats(t),
  );
  check(
    t.dim() <= 1,
    () =>
      "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but got a " +
      `tensor with ${t.dim()} dims`,
  );
  return t.tolist() as number | number[];
}

function equalSections(self: Tensor, sections: number, dim: number): Tensor[] {
  check(sections > 0, () => `number of sections must be larger than 0, got ${sections}`);
  const n = self.shape[dim]!;
  const [size, longer] = [Math.floor(n / sections), n % sections];
  let start = 0;
  return Array.from({ length: sections }, (_, i) => {
    const end = start + size + (i < longer ? 1 : 0);
    const part = sliceView(self, dim, start, end, 1);
    start = end;
    return part;
  });
}

function cut(self: Tensor, indices: readonly number[], dim: number): Tensor[] {
  const starts = [0, ...indices];
  return starts.map((start, i) => sliceView(self, dim, start, i < indices.length ? indices[i]! : null, 1));
}

/** A split along a fixed dim. */
export type SplitAlong = Op<
  [indicesOrSections?: number | readonly number[]],
  "indicesOrSections",
  SectionNames,
  Tensor[]
>;

function splitAlong(name: string, least: number, dimOf: (rank: number) => number): SplitAlong {
  return composite<SplitAlong>(
    { name, params: ["sections:int", "indices:ints", "indicesOrSections:any"] },
    (self, v) => {
      const rank = self.dim();
      check(
        rank >= least,
        () =>
          `torch.${name} requires a tensor with at least ${least} dimension, but got a tensor with ${rank} dimensions!`,
      );
      const dim = dimOf(rank);
      const sections = (v.sections ?? v.indices ?? v.indicesOrSections) as number | number[];
      if (typeof sections !== "number") return self.tensorSplit(sections, dim);
      const n = self.shape[dim]!;
      check(
        sections !== 0 && n % sections === 0,
        () =>
          `torch.${name} attempted to split along dimension ${dim}, but the size of the dimension ${n} is not divisible ` +
          `by the split_size ${sections}!`,
      );
      return self.tensorSplit(sections, dim);
    },
  );
}

/**
 * Parts along dim 1; a vector's along dim 0.
 * @example x.hsplit([1])[0] // tensor([[0.], [3.]])
 */
export const hsplit: SplitAlong = splitAlong("hsplit", 1, (rank) => (rank === 1 ? 0 : 1));
/**
 * Parts along dim 0.
 * @example x.vsplit(2)[1] // tensor([[3., 4., 5.]])
 */
export const vsplit: SplitAlong = splitAlong("vsplit", 2, () => 0);
/**
 * Parts along dim 2.
 * @example torch.ones(2, 2, 4).dsplit(2).length // 2
 */
export const dsplit: SplitAlong = splitAlong("dsplit", 3, () => 2);

/** Parts that autograd does not know as views, so that each may be written in place. */
function forget(self: Tensor, parts: readonly Tensor[], dim: number, node: string): Tensor[] {
  const outs = parts.map((part) => part.detach());
  for (const out of outs) out.impl.cell = null;
  const shapes = outs.map((t) => t.shape);
  return [
    ...differentiable(node, outs, [self], [], (grads) => {
      const some = grads.find((g) => g !== null)!;
      return [
        cat(
          shapes.map((shape, i) => grads[i] ?? some.newZeros(shape)),
          dim,
        ),
      ];
    }),
  ];
}

/**
 * `split` whose parts autograd does not treat as views.
 * @example torch.unsafeSplit(torch.arange(4), 3)[1] // tensor([3])
 */
export const unsafeSplit: Op<[splitSize: number, dim?: number], "splitSize dim", unknown, Tensor[]> = custom(
  { name: "unsafeSplit", params: "splitSize:int dim:int=0" },
  (self, v) => {
    const dim = wrapDim(v.dim as number, self.dim());
    const parts = unrecorded(() => self.detach().split(v.splitSize as number, dim));
    return forget(self, parts, dim, "UnsafeSplitBackward0");
  },
);

/**
 * `splitWithSizes` whose parts autograd does not treat as views.
 * @example torch.unsafeSplitWithSizes(torch.arange(4), [1, 3])[1] // tensor([1, 2, 3])
 */
export const unsafeSplitWithSizes: Op<
  [splitSizes: readonly number[], dim?: number],
  "splitSizes dim",
  unknown,
  Tensor[]
> = custom({ name: "unsafeSplitWithSizes", params: "splitSizes:ints dim:int=0" }, (self, v) => {
  const dim = wrapDim(v.dim as number, self.dim());
  const parts = unrecorded(() => self.detach().splitWithSizes(v.splitSizes as number[], dim));
  return forget(self, parts, dim, "UnsafeSplitWithSizesBackward0");
});

/**
 * `chunk` whose parts autograd does not treat as views.
 * @example torch.unsafeChunk(torch.arange(4), 2)[1] // tensor([2, 3])
 */
export const unsafeChunk: Op<[chunks: number, dim?: number], "chunks dim", unknown, Tensor[]> = composite(
  { name: "unsafeChunk", params: "chunks:int dim:int=0" },
  (self, v) => {
    const dim = wrapDim(v.dim as number, self.dim());
    const sizes = unrecorded(() => self.detach().chunk(v.chunks as number, dim)).map((part) => part.shape[dim]!);
    return self.unsafeSplitWithSizes(sizes, dim);
  },
);

/**
 * A copy of `length` elements of `dim` from `start`.
 * @example x.narrowCopy(1, 0, 2) // tensor([[0., 1.], [3., 4.]])
 */
export const narrowCopy: Op<[dim: number, start: number, length: number], "dim start length"> = composite(
  { name: "narrowCopy", params: "dim:int start:int length:int" },
  (self, v) => self.narrow(v.dim as number, v.start as number, v.length as number).clone(),
);
