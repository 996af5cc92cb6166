/** `x.at(...)` and `x.setAt([...], value)`: every kind of index, basic and advanced, as in PyTorch. */
import { checkInplace, rebase } from "../autograd/inplace.ts";
import { FormulaNode, recording } from "../autograd/node.ts";
import { bool, int64 } from "../core/dtype.ts";
import { check, IndexError, typeName, ValueError } from "../core/errors.ts";
import { Layout, list } from "../core/layout.ts";
import { isScalar, type Scalar } from "../core/scalar.ts";
import { bump, isTensor, type Tensor } from "../core/tensor.ts";
import type { Op } from "./call.ts";
import { fromData } from "./create.ts";
import { bounded, custom } from "./define.ts";
import { type Indices, putIndexed, putIndexedRaw, takeIndexed } from "./gather.ts";
import { emptyTensor } from "./operands.ts";
import { selectView, sliceView } from "./views.ts";

/** Elements `start`, `start + step`, … before `stop`; null: from or to the end. */
export class Slice {
  readonly start: number | null;
  readonly stop: number | null;
  readonly step: number;

  constructor(start: number | null, stop: number | null, step: number) {
    this.start = start;
    this.stop = stop;
    this.step = step;
    Object.freeze(this);
  }

  toString(): string {
    return `slice(${this.start ?? "None"}, ${this.stop ?? "None"}, ${this.step})`;
  }
}

/** Python's `slice`: with one argument the stop, as there. */
export function slice(start: number | null, stop?: number | null, step: number | null = 1): Slice {
  return stop === undefined ? new Slice(null, start, 1) : new Slice(start, stop, step ?? 1);
}

/** What may stand between the brackets. */
export type Index = number | bigint | boolean | null | string | Slice | Tensor | readonly Index[];

const sliceText = /^\s*(-?\d+)?\s*:\s*(-?\d+)?\s*(?::\s*(-?\d+)?\s*)?$/;

function parseText(text: string): Slice | "..." {
  if (text === "...") return "...";
  const match = sliceText.exec(text);
  check(match !== null, () => `invalid index "${text}": expected "...", ":" or "start:stop:step"`, IndexError);
  const part = (i: number): number | null => (match[i] === undefined ? null : Number(match[i]));
  return new Slice(part(1), part(2), part(3) ?? 1);
}

/** A list with a slice, null, "...", list or tensor in it is several indices; one of numbers or booleans is one. */
function isTuple(index: readonly Index[]): boolean {
  return index.some((i) => typeof i === "string" || i === null || typeof i === "object");
}

type Part = number | boolean | null | Slice | "..." | Tensor;

function normalize(indices: readonly Index[], self: Tensor): Part[] {
  const only = indices[0];
  const flat = indices.length === 1 && Array.isArray(only) && isTuple(only) ? (only as readonly Index[]) : indices;
  return flat.map((index) => part(index, self));
}

function part(index: Index, self: Tensor): Part {
  if (typeof index === "string") return parseText(index);
  if (typeof index === "bigint") return Number(index);
  if (typeof index === "number") {
    check(
      Number.isInteger(index),
      () =>
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got float)",
      IndexError,
    );
    return index;
  }
  if (index === null || typeof index === "boolean" || index instanceof Slice) return index;
  if (isTensor(index)) return index;
  if (Array.isArray(index)) return listTensor(index as readonly Index[], self);
  if (ArrayBuffer.isView(index)) return fromData(index, null, self.device);
  throw new IndexError(
    "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices " +
      `(got ${typeName(index)})`,
  );
}

/** A list index as a tensor: booleans a mask, numbers int64. */
function listTensor(items: readonly Index[], self: Tensor): Tensor {
  const first = (x: unknown): unknown => (Array.isArray(x) ? first(x[0]) : x);
  const leaf = first(items);
  if (items.some((i) => isTensor(i))) {
    return fromData(items as never, null, self.device).to(int64);
  }
  return fromData(items as never, typeof leaf === "boolean" ? bool : int64, self.device);
}

interface Resolved {
  /** The view after all basic indices. */
  readonly view: Tensor;
  /** Advanced indices by dim of the view; none: the view is the result. */
  readonly advanced: (Tensor | null)[];
}

/** How many dims of the tensor an index consumes. */
function consumes(p: Part): number {
  if (p === null || p === "..." || typeof p === "boolean") return 0;
  if (isTensor(p) && (p.dtype === bool || p.dtype.name === "uint8")) return p.dim();
  return 1;
}

function resolve(self: Tensor, parts: readonly Part[]): Resolved {
  const used = parts.reduce<number>((n, p) => n + consumes(p), 0);
  if (self.dim() === 0 && parts.some((p) => typeof p === "number" || p instanceof Slice)) {
    throw new IndexError(
      typeof parts[0] === "number"
        ? "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"
        : "slice() cannot be applied to a 0-dim tensor.",
    );
  }
  check(used <= self.dim(), () => `too many indices for tensor of dimension ${self.dim()}`, IndexError);
  let view = self;
  let dim = 0;
  const advanced: (Tensor | null)[] = [];
  const note = (index: Tensor): void => {
    while (advanced.length < dim) advanced.push(null);
    advanced.push(index);
    dim++;
  };
  let sawEllipsis = false;
  for (const p of parts) {
    if (p === "...") {
      check(!sawEllipsis, () => "an index can only have a single ellipsis ('...')", IndexError);
      sawEllipsis = true;
      dim += self.dim() - used;
    } else if (p === null) view = view.unsqueeze(dim++);
    else if (typeof p === "number") view = indexDim(view, dim, p);
    else if (p instanceof Slice) view = sliceDim(view, dim++, p);
    else if (typeof p === "boolean") {
      view = view.unsqueeze(dim);
      note(fromData([p], bool, self.device));
    } else if (p.dim() === 0 && p.dtype !== bool && p.dtype.name !== "uint8" && !p.dtype.isFloatingPoint) {
      view = indexDim(view, dim, Number(p.item()));
    } else if (p.dim() === 0 && p.dtype === bool) {
      view = view.unsqueeze(dim);
      note(p.reshape([1]));
    } else {
      checkIndexDType(p);
      note(p);
      dim += Math.max(consumes(p) - 1, 0);
      while (advanced.length < dim) advanced.push(null);
    }
  }
  return { view, advanced: advanced.some((a) => a !== null) ? expandMasks(view, advanced) : [] };
}

function checkIndexDType(index: Tensor): void {
  check(
    !index.dtype.isFloatingPoint,
    () =>
      "tensors used as indices must be long, int, byte or bool tensors. Numbers make float32 here: pass { dtype: 'int64' }",
    IndexError,
  );
}

function indexDim(view: Tensor, dim: number, index: number): Tensor {
  const n = view.shape[dim]!;
  check(
    index >= -n && index < n,
    () => `index ${index} is out of bounds for dimension ${dim} with size ${n}`,
    IndexError,
  );
  return selectView(view, dim, index);
}

function sliceDim(view: Tensor, dim: number, s: Slice): Tensor {
  check(s.step > 0, () => "step must be greater than zero", ValueError);
  if (s.start === null && s.stop === null && s.step === 1) return view;
  return sliceView(view, dim, s.start, s.stop, s.step);
}

/** Masks become one int64 index for each of their dims. */
function expandMasks(view: Tensor, advanced: readonly (Tensor | null)[]): (Tensor | null)[] {
  const result: (Tensor | null)[] = [];
  let dim = 0;
  for (let i = 0; i < advanced.length; ) {
    const index = advanced[i]!;
    if (index === null || (index.dtype !== bool && index.dtype.name !== "uint8")) {
      result.push(index);
      i++;
      dim++;
      continue;
    }
    index.shape.forEach((n, d) => {
      check(
        n === view.shape[dim + d],
        () =>
          `The shape of the mask ${list(index.shape)} at index ${d} does not match the shape of the indexed tensor ` +
          `${list(view.shape)} at index ${dim + d}`,
        IndexError,
      );
    });
    result.push(...nonzeroColumns(index));
    i += Math.max(index.dim(), 1);
    dim += index.dim();
  }
  return result;
}

/** The positions of elements that are not 0, one 1-d int64 tensor per dim. */
export function nonzeroColumns(mask: Tensor): Tensor[] {
  const values = mask.bool().contiguous();
  const { layout, storage } = values.impl;
  const bytes = storage.bytes().subarray(layout.offset, layout.offset + layout.numel);
  let count = 0;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) count++;
  const columns = mask.shape.map(() => emptyTensor([count], int64, mask.device));
  // Allocation may have moved the heap's windows, so take them again.
  const flags = storage.bytes().subarray(layout.offset, layout.offset + layout.numel);
  const windows = columns.map((c) => c.impl.storage.window(int64) as BigInt64Array);
  const strides = Layout.contiguous(mask.shape).strides;
  let at = 0;
  for (let i = 0; i < flags.length; i++) {
    if (flags[i] === 0) continue;
    for (let d = 0; d < windows.length; d++) {
      windows[d]![at] = BigInt(Math.floor(i / strides[d]!) % mask.shape[d]!);
    }
    at++;
  }
  return columns;
}

/** Reads by indices: a view for basic ones, a copy where a list, mask or index tensor takes part. */
export function at(self: Tensor, ...indices: Index[]): Tensor {
  return bounded(() => {
    const { view, advanced } = resolve(self, normalize(indices, self));
    if (advanced.length > 0) return takeIndexed(view, advanced);
    return view === self ? view.view(view.shape) : view;
  });
}

/** Writes `value`, converted and broadcast, at the indices. */
export function setAt(
  self: Tensor,
  indices: Index | readonly Index[],
  value: Tensor | Scalar | readonly unknown[],
): Tensor {
  return bounded(() => {
    const items = Array.isArray(indices) ? (indices as readonly Index[]) : [indices as Index];
    const source = isTensor(value) || isScalar(value) ? value : fromData(value, self.dtype, self.device);
    const { view, advanced } = resolve(self, normalize(items, self));
    if (advanced.length > 0) writeIndexed(view, advanced, source);
    else writeView(view, source);
    return self;
  });
}

function writeView(view: Tensor, value: Tensor | Scalar): void {
  if (!isTensor(value)) {
    view.fill_(value);
    return;
  }
  let source = value;
  while (source.dim() > view.dim() && source.shape[0] === 1) source = source.squeeze(0);
  view.copy_(source);
}

function writeIndexed(view: Tensor, indices: Indices, value: Tensor | Scalar): void {
  const source = isTensor(value) ? value : fromData(value, view.dtype, view.device);
  check(
    source.dtype === view.dtype || !isTensor(value) || source.dim() === 0,
    () =>
      `Index put requires the source and destination dtypes match, got ${view.dtype.scalarName} for the destination and ` +
      `${source.dtype.scalarName} for the source.`,
  );
  indexPutInplace(view, indices, source.to(view.dtype), false);
}

/** `indexPut_`: writes (or adds) `values` at the indices, under autograd. */
export function indexPutInplace(self: Tensor, indices: Indices, values: Tensor, accumulate: boolean): Tensor {
  const recorded = recording([self, values]);
  checkInplace(self, recorded);
  const node = recorded
    ? new FormulaNode("IndexPutBackward0", [self, values], [], ([g], _, needs) => [
        needs[0] ? (accumulate ? g! : g!.indexPut(indices as Tensor[], g!.newZeros([]))) : null,
        needs[1] ? takeIndexed(g!, indices).sumToSize(values.shape) : null,
      ])
    : null;
  const safe = values.impl.storage === self.impl.storage ? values.detach().clone() : values;
  putIndexedRaw(self, indices, safe, accumulate);
  bump(self);
  if (node !== null) rebase(self, node);
  return self;
}

/** The indices of `indexPut` and its kin: masks as index tensors. */
export function indexList(self: Tensor, indices: readonly (Tensor | null)[]): Indices {
  const padded = indices.flatMap((i) =>
    i !== null && (i.dtype === bool || i.dtype.name === "uint8")
      ? [i, ...new Array(Math.max(i.dim() - 1, 0)).fill(null)]
      : [i],
  );
  for (const i of indices) if (i !== null) checkIndexDType(i);
  return expandMasks(self, padded);
}

/** `x.indexPut(indices, values, accumulate)`. */
type IndexPut = Op<
  [indices: readonly (Tensor | null)[], values: Tensor, accumulate?: boolean],
  "indices values accumulate"
>;

/** A copy with `values` written (or added) at the indices, one tensor per dim. */
export const indexPut: IndexPut = custom(
  { name: "indexPut", params: "indices:any values:tensor accumulate:bool=false" },
  (self, v) =>
    putIndexed(self, indexList(self, v.indices as (Tensor | null)[]), v.values as Tensor, v.accumulate as boolean),
);
