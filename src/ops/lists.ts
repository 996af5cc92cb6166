/** Functions of lists of tensors: stacking, broadcasting, grids, products. */
import { promoteTypes } from "../core/dtype.ts";
import { check, typeName } from "../core/errors.ts";
import { broadcastShapes as broadcastPair, list, type Size, sizeOf } from "../core/layout.ts";
import type { Values } from "../core/params.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import { warn } from "../core/warnings.ts";
import type { Op, OpInfo } from "./call.ts";
import { zeros } from "./create.ts";
import { composite, differentiable, fn, unrecorded } from "./define.ts";
import { cat, stack } from "./join.ts";
import { commonDevice, emptyTensor } from "./operands.ts";
import { arange } from "./ranges.ts";

/** Tensors as separate arguments or as one list. */
export type Tensors = Tensor[] | [readonly Tensor[]];

/** The tensors of a variadic call. */
function tensorsOf(op: string, v: Values): Tensor[] {
  const given = isTensor(v.tensors) ? [v.tensors] : v.tensors;
  if (!Array.isArray(given))
    throw new TypeError(`${op}(): argument 'tensors' must be tuple of Tensors, not ${typeName(given)}`);
  given.forEach((t, i) => {
    if (!isTensor(t)) {
      throw new TypeError(`${op}(): expected Tensor as element ${i} in argument 0, but got ${typeName(t)}`);
    }
  });
  return given as Tensor[];
}

// ---------------------------------------------------------------- at least so many dims

/** One tensor gives one, several or a list give a list. */
export interface AtLeast {
  (tensor: Tensor): Tensor;
  (tensors: readonly Tensor[]): Tensor[];
  (...tensors: Tensor[]): Tensor[];
  readonly op: OpInfo;
}

function atLeast(name: string, reshape: (t: Tensor) => Tensor): AtLeast {
  return fn<AtLeast>({ name, params: "...tensors:any" }, (v) =>
    isTensor(v.tensors) ? reshape(v.tensors) : tensorsOf(name, v).map(reshape),
  );
}

const dims1 = (t: Tensor): Tensor => (t.dim() === 0 ? t.reshape(1) : t);
const dims2 = (t: Tensor): Tensor => (t.dim() === 0 ? t.reshape(1, 1) : t.dim() === 1 ? t.unsqueeze(0) : t);
const dims3 = (t: Tensor): Tensor => {
  if (t.dim() === 0) return t.reshape(1, 1, 1);
  if (t.dim() === 1) return t.unsqueeze(0).unsqueeze(-1);
  return t.dim() === 2 ? t.unsqueeze(-1) : t;
};

/**
 * With at least one dim.
 * @example torch.atleast1d(torch.tensor(2)) // tensor([2.])
 */
export const atleast1d: AtLeast = atLeast("atleast1d", dims1);
/**
 * With at least two dims, new ones in front.
 * @example torch.atleast2d(torch.tensor(2)) // tensor([[2.]])
 */
export const atleast2d: AtLeast = atLeast("atleast2d", dims2);
/**
 * With at least three dims: a matrix becomes [n, m, 1], a vector [1, n, 1].
 * @example torch.atleast3d(torch.tensor(2)) // tensor([[[2.]]])
 */
export const atleast3d: AtLeast = atLeast("atleast3d", dims3);

// ---------------------------------------------------------------- stacking

/** A function of a list of tensors. */
export interface Stack {
  (tensors: readonly Tensor[]): Tensor;
  readonly op: OpInfo;
}

function stacking(name: string, pyName: string, prepare: (t: Tensor) => Tensor, dim: (ts: Tensor[]) => number): Stack {
  return fn<Stack>({ name, params: "tensors:tensors" }, (v) => {
    const tensors = v.tensors as Tensor[];
    check(tensors.length > 0, () => `${pyName} expects a non-empty TensorList`);
    const ready = tensors.map(prepare);
    return cat(ready, dim(ready));
  });
}

/**
 * Joins along dim 1, vectors along dim 0.
 * @example torch.hstack([torch.zeros(1), torch.ones(1)]) // tensor([0., 1.])
 */
export const hstack: Stack = stacking("hstack", "hstack", dims1, ([first]) => (first!.dim() === 1 ? 0 : 1));
/**
 * Joins along dim 0, vectors as rows.
 * @example torch.vstack([torch.zeros(2), torch.ones(2)]) // tensor([[0., 0.], [1., 1.]])
 */
export const vstack: Stack = stacking("vstack", "vstack", dims2, () => 0);
/**
 * `vstack` by NumPy's other name.
 * @example torch.rowStack([torch.tensor([1, 2]), torch.tensor([3, 4])]) // tensor([[1., 2.], [3., 4.]])
 */
export const rowStack: Stack = stacking("rowStack", "vstack", dims2, () => 0);
/**
 * Joins along dim 2, matrices and vectors as slices.
 * @example torch.dstack([torch.tensor([1, 2]), torch.tensor([3, 4])]) // tensor([[[1., 3.], [2., 4.]]])
 */
export const dstack: Stack = stacking("dstack", "dstack", dims3, () => 2);
/**
 * Joins along dim 1, vectors as columns.
 * @example torch.columnStack([torch.tensor([1, 2]), torch.tensor([3, 4])]) // tensor([[1., 3.], [2., 4.]])
 */
export const columnStack: Stack = stacking(
  "columnStack",
  "column_stack",
  (t) => (t.dim() <= 1 ? t.reshape(t.numel(), 1) : t),
  () => 1,
);

// ---------------------------------------------------------------- broadcasting and grids

/** A function of tensors, separate or as a list, that gives a list. */
export interface TensorsToTensors {
  (...tensors: Tensors): Tensor[];
  readonly op: OpInfo;
}

/**
 * All of them expanded to their common shape, as views.
 * @throws RuntimeError for sizes that cannot be broadcast.
 * @example torch.broadcastTensors(torch.zeros(2, 1), torch.zeros(3))[0]!.shape // torch.Size([2, 3])
 */
export const broadcastTensors: TensorsToTensors = fn<TensorsToTensors>(
  { name: "broadcastTensors", params: "...tensors:any" },
  (v) => {
    const tensors = tensorsOf("broadcastTensors", v);
    const shape = tensors.reduce<readonly number[]>((s, t) => broadcastPair(s, t.shape), []);
    return tensors.map((t) => t.expand(shape));
  },
);

/**
 * The shape that shapes broadcast to; a number is a shape of one dim.
 * @throws RuntimeError for shapes that cannot be broadcast.
 * @example torch.broadcastShapes([2, 1], [3]) // torch.Size([2, 3])
 */
export function broadcastShapes(...shapes: (number | readonly number[])[]): Size {
  const lists = shapes.map((s) => (typeof s === "number" ? [s] : s));
  for (const shape of lists) {
    const bad = shape.find((n) => !Number.isInteger(n) || n < 0);
    if (bad === undefined) continue;
    check(
      Number.isInteger(bad),
      () => `Input shapes should be of type ints, a tuple of ints, or a list of ints, got ${typeName(bad)}`,
    );
    check(false, () => `Trying to create tensor with negative dimension (${bad}): (${bad})`);
  }
  const rank = Math.max(0, ...lists.map((s) => s.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of lists) {
    shape.forEach((n, i) => {
      const d = rank - shape.length + i;
      check(
        n === 1 || result[d] === 1 || n === result[d],
        () => "Shape mismatch: objects cannot be broadcast to a single shape",
      );
      if (n !== 1) result[d] = n;
    });
  }
  return sizeOf(result);
}

/** `meshgrid(...tensors, { indexing })`. */
export interface Meshgrid {
  (...tensors: Tensors): Tensor[];
  (...args: [...Tensor[], MeshgridOptions]): Tensor[];
  (tensors: readonly Tensor[], options?: MeshgridOptions): Tensor[];
  readonly op: OpInfo;
}

/** Whether the first tensor runs along the rows (`ij`) or the columns (`xy`). */
export interface MeshgridOptions {
  indexing?: "ij" | "xy" | null;
}

/**
 * Coordinates of a grid: each vector expanded over a dim of its own, as views. `indexing` `"ij"` or `"xy"`.
 * @example torch.meshgrid(torch.arange(2), torch.arange(3), { indexing: "ij" })[0]!.shape // torch.Size([2, 3])
 */
export const meshgrid: Meshgrid = fn<Meshgrid>(
  { name: "meshgrid", params: "...tensors:any * indexing:str?=null" },
  (v) => {
    const tensors = tensorsOf("meshgrid", v);
    if (v.indexing === null) {
      warn(
        "meshgrid-indexing",
        "torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.",
      );
    }
    const indexing = v.indexing ?? "ij";
    check(tensors.length > 0, () => "meshgrid expects a non-empty TensorList");
    for (const t of tensors) {
      check(t.dim() <= 1, () => `torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: ${t}`);
      check(t.dtype === tensors[0]!.dtype, () => "torch.meshgrid expects all tensors to have the same dtype");
    }
    commonDevice(tensors);
    check(
      indexing === "ij" || indexing === "xy",
      () => `torch.meshgrid: indexing must be one of "xy" or "ij", but received: ${indexing}`,
    );
    const swap = indexing === "xy" && tensors.length >= 2;
    const ordered = swap ? [tensors[1]!, tensors[0]!, ...tensors.slice(2)] : tensors;
    const shape = ordered.map((t) => t.numel());
    const grids = ordered.map((t, i) => t.reshape(shape.map((_, d) => (d === i ? -1 : 1))).expand(shape));
    return swap ? [grids[1]!, grids[0]!, ...grids.slice(2)] : grids;
  },
);

/** A function of tensors, separate or as a list, that gives one. */
export interface TensorsToTensor {
  (...tensors: Tensors): Tensor;
  readonly op: OpInfo;
}

function checkVector(t: Tensor): void {
  check(t.dim() === 1, () => `Expect a 1D vector, but got shape ${list(t.shape)}`);
}

/**
 * Every combination of one element from each vector, as rows.
 * @example torch.cartesianProd(torch.arange(2), torch.arange(2)).shape // torch.Size([4, 2])
 */
export const cartesianProd: TensorsToTensor = fn<TensorsToTensor>(
  { name: "cartesianProd", params: "...tensors:any" },
  (v) => {
    const tensors = tensorsOf("cartesianProd", v);
    for (const t of tensors) checkVector(t);
    if (tensors.length === 1) return tensors[0];
    return stack(
      meshgrid(tensors, { indexing: "ij" }).map((g) => g.flatten()),
      1,
    );
  },
);

/**
 * All choices of `r` elements of a vector, in order, as rows; `withReplacement` lets an element come again.
 * @example torch.combinations(torch.tensor([1, 2, 3])) // tensor([[1., 2.], [1., 3.], [2., 3.]])
 */
export const combinations: Op<[r?: number, withReplacement?: boolean], "r withReplacement"> = composite(
  { name: "combinations", params: "r:int=2 withReplacement:bool=false", receiver: null },
  (self, v) => {
    checkVector(self);
    const r = v.r as number;
    check(r >= 0, () => `Expect a non-negative number, but got ${r}`);
    if (r === 0) return self.newEmpty([0]);
    const n = self.numel();
    const index = arange(0, n, 1, { dtype: "int64", device: self.device });
    const grids = meshgrid(new Array<Tensor>(r).fill(index), { indexing: "ij" });
    let mask = zeros(new Array<number>(r).fill(n), { dtype: "bool", device: self.device }).eq(0);
    for (let i = 0; i + 1 < r; i++) {
      const [a, b] = [grids[i]!, grids[i + 1]!];
      mask = mask.mul(v.withReplacement ? a.le(b) : a.lt(b));
    }
    const values = meshgrid(new Array<Tensor>(r).fill(self), { indexing: "ij" });
    return stack(
      values.map((t) => t.maskedSelect(mask)),
      1,
    );
  },
);

/**
 * Matrices on the diagonal of one matrix; vectors count as rows.
 * @example torch.blockDiag(torch.ones(1, 1), torch.ones(1, 1)) // tensor([[1., 0.], [0., 1.]])
 */
export const blockDiag: TensorsToTensor = fn<TensorsToTensor>(
  { name: "blockDiag", params: "...tensors:any=[]" },
  (v) => {
    const tensors = tensorsOf("blockDiag", v);
    tensors.forEach((t, i) => {
      check(
        t.dim() <= 2,
        () => `torch.block_diag: Input tensors must have 2 or fewer dimensions. Input ${i} has ${t.dim()} dimensions`,
      );
    });
    if (tensors.length === 0) return zeros([1, 0]);
    const device = commonDevice(tensors);
    const sizes = tensors.map((t): [number, number] =>
      t.dim() === 2 ? [t.shape[0]!, t.shape[1]!] : [1, t.dim() === 0 ? 1 : t.shape[0]!],
    );
    const total = (k: 0 | 1): number => sizes.reduce((n, s) => n + s[k], 0);
    const out = emptyTensor([total(0), total(1)], tensors.map((t) => t.dtype).reduce(promoteTypes), device);
    const block = (whole: Tensor, i: number): Tensor => {
      const [row, column] = [0, 1].map((k) => sizes.slice(0, i).reduce((n, s) => n + s[k]!, 0));
      return whole.narrow(0, row!, sizes[i]![0]).narrow(1, column!, sizes[i]![1]);
    };
    unrecorded(() => {
      out.zero_();
      for (const [i, t] of tensors.entries()) block(out, i).copy_(t);
    });
    const shapes = tensors.map((t) => t.shape);
    const dtypes = tensors.map((t) => t.dtype);
    return differentiable("BlockDiagBackward0", fresh(out), tensors, [], ([g], _, needs) =>
      tensors.map((_t, i) => (needs[i] ? block(g!, i).reshape(shapes[i]!).to(dtypes[i]!) : null)),
    );
  },
);

/** Forgets the writes that made a value: its version counts from 0. */
function fresh(t: Tensor): Tensor {
  t.impl.cell = null;
  return t;
}
