/** `x.at(...)` and `x.setAt([...], value)`: every kind of index, basic and advanced, as in PyTorch. */
import { bool, int64 } from "../core/dtype.ts";
import { check, IndexError, typeName, ValueError } from "../core/errors.ts";
import { Layout, list, wrapDim } from "../core/layout.ts";
import type { Values } from "../core/params.ts";
import { isScalar, type Scalar } from "../core/scalar.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import type { OpInplace } from "./call.ts";
import { fromData, full } from "./create.ts";
import { bounded } from "./define.ts";
import { type Indices, numbersAreFloats, putIndexed, putIndexedRaw, takeIndexed } from "./gather.ts";
import { emptyTensor } from "./operands.ts";
import { selectView, sliceView } from "./views.ts";
import { inPlace, writeWithin } from "./writes.ts";

/**
 * Elements `start`, `start + step`, … before `stop`; null: from or to the end.
 * @example x.at(0, torch.slice(1, 3)) // tensor([1., 2.])
 */
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

/**
 * Python's `slice`: with one argument the stop, as there. For `at` and `setAt`, as the texts `"1:3"` and `"::2"` are.
 * @throws ValueError "step must be greater than zero", when used.
 * @example x.at(0, torch.slice(1, 3)) // tensor([1., 2.])
 */
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
  /** Whether a mask is the only advanced index. */
  readonly oneMask: boolean;
}

/** How many dims of the tensor an index consumes. */
function consumes(p: Part): number {
  if (p === null || p === "..." || typeof p === "boolean") return 0;
  if (isTensor(p) && isMask(p)) return p.dim();
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
  const truth = (flag: boolean): void => {
    view = view.unsqueeze(dim);
    note(full([flag ? 1 : 0], 0, { dtype: int64, device: self.device }));
  };
  for (const [at, p] of parts.entries()) {
    if (p === "...") dim += self.dim() - used;
    else if (p === null) view = view.unsqueeze(dim++);
    else if (typeof p === "number") view = indexDim(view, dim, p, at);
    else if (p instanceof Slice) view = sliceDim(view, dim++, p);
    else if (typeof p === "boolean") truth(p);
    else if (p.dim() === 0 && isMask(p)) truth(Number(p.item()) !== 0);
    else if (p.dim() === 0 && !p.dtype.isFloatingPoint) view = indexDim(view, dim, Number(p.item()), at);
    else {
      checkIndexDType(p);
      // As PyTorch: a mask of several dims counts as one here, so a number after it selects among the mask's own dims.
      note(p);
    }
  }
  const expanded = advanced.some((a) => a !== null) ? expandMasks(view, advanced) : [];
  return { view, advanced: expanded, oneMask: hasOneMask(advanced) };
}

const isMask = (index: Tensor): boolean => index.dtype === bool || index.dtype.name === "uint8";

function hasOneMask(indices: readonly (Tensor | null)[]): boolean {
  const tensors = indices.filter((i) => i !== null);
  return tensors.length === 1 && isMask(tensors[0]!);
}

const indexDTypes: readonly string[] = ["int64", "int32", "bool", "uint8"];

function checkIndexDType(index: Tensor): void {
  check(
    indexDTypes.includes(index.dtype.name),
    () => `tensors used as indices must be long, int, byte or bool tensors${numbersAreFloats(index)}`,
    IndexError,
  );
}

/** `at` is the place between the brackets, which PyTorch's message calls the dimension. */
function indexDim(view: Tensor, dim: number, index: number, at: number): Tensor {
  const n = view.shape[wrapDim(dim, view.dim())]!;
  check(
    index >= -n && index < n,
    () => `index ${index} is out of bounds for dimension ${at} with size ${n}`,
    IndexError,
  );
  return selectView(view, dim, index);
}

function sliceDim(view: Tensor, dim: number, s: Slice): Tensor {
  check(s.step !== 0, () => "slice step cannot be zero", ValueError);
  check(s.step > 0, () => "step must be greater than zero", ValueError);
  if (s.start === null && s.stop === null && s.step === 1) return view;
  return sliceView(view, dim, s.start, s.stop, s.step);
}

/** Masks become one int64 index for each of their dims. */
function expandMasks(view: Tensor, advanced: readonly (Tensor | null)[]): (Tensor | null)[] {
  const result: (Tensor | null)[] = [];
  for (const index of advanced) {
    if (index === null || !isMask(index)) {
      result.push(index);
      continue;
    }
    const dim = result.length;
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
    const resolved = resolve(self, normalize(items, self));
    if (resolved.advanced.length > 0) writeIndexed(resolved.view, resolved, source);
    else writeView(resolved.view, source);
    return self;
  });
}

/** Without leading dims of size 1, which a value may have more of than its place. */
function withoutLead(value: Tensor): Tensor {
  const first = value.shape.findIndex((n) => n !== 1);
  const lead = first === -1 ? value.dim() : first;
  return lead === 0 ? value : value.view(value.shape.slice(lead));
}

function writeView(view: Tensor, value: Tensor | Scalar): void {
  if (!isTensor(value)) view.fill_(value);
  else view.copy_(value.dim() > view.dim() ? withoutLead(value) : value);
}

function writeIndexed(view: Tensor, resolved: Resolved, value: Tensor | Scalar): void {
  const source = isTensor(value) ? withoutLead(value) : fromData(value, view.dtype, view.device);
  checkPutDType(view, source, resolved.oneMask);
  indexPutInplace(view, resolved.advanced, source.to(view.dtype), false);
}

/** One value where one mask is true is a fill, which converts; all else must have the dtype already. */
function checkPutDType(self: Tensor, values: Tensor, oneMask: boolean): void {
  check(
    self.dtype === values.dtype || (oneMask && values.numel() === 1),
    () =>
      `Index put requires the source and destination dtypes match, got ${self.dtype.scalarName} for the destination and ` +
      `${values.dtype.scalarName} for the source.`,
  );
}

/** `indexPut_`: writes (or adds) `values` at the indices, under autograd. */
export function indexPutInplace(self: Tensor, indices: Indices, values: Tensor, accumulate: boolean): Tensor {
  return writeWithin(self, {
    node: "IndexPutBackward0",
    inputs: [values],
    reads: [values, ...indices.filter((i) => i !== null)],
    saved: indices.filter((i) => i !== null),
    run: (target) => putIndexedRaw(target, indices, values.detach(), accumulate),
    grad: ([g], _, needs) => [
      needs[0] ? (accumulate ? g! : putIndexed(g!, indices, g!.newZeros([]), false)) : null,
      needs[1] ? takeIndexed(g!, indices).sumToSize(values.shape) : null,
    ],
  });
}

/** The indices of `indexPut` and its kin: masks as index tensors. */
export function indexList(self: Tensor, indices: readonly (Tensor | null)[]): Indices {
  for (const i of indices) if (i !== null) checkIndexDType(i);
  return expandMasks(self, indices);
}

/** `x.indexPut(indices, values, accumulate)`. */
type IndexPut = OpInplace<
  [indices: readonly (Tensor | null)[], values: Tensor, accumulate?: boolean],
  "indices values accumulate"
>;

/** The arguments of `indexPut`, checked. */
function putArguments(self: Tensor, v: Values): [Indices, Tensor, boolean] {
  const given = v.indices;
  if (!Array.isArray(given) || !given.every((i) => i === null || isTensor(i))) {
    throw new TypeError(`indexPut(): argument 'indices' must be tuple of Tensors, not ${typeName(given)}`);
  }
  const [values, accumulate] = [v.values as Tensor, v.accumulate as boolean];
  const indices = given as (Tensor | null)[];
  checkPutDType(self, values, !accumulate && hasOneMask(indices));
  return [indexList(self, indices), values.to(self.dtype), accumulate];
}

/**
 * A copy with `values` written (or added) at the indices, one tensor per dim.
 * @example torch.zeros(3).indexPut([torch.tensor([1n])], torch.tensor([5])) // tensor([0., 5., 0.])
 */
export const indexPut: IndexPut = inPlace(
  { name: "indexPut", params: "indices:any values:tensor accumulate:bool=false" },
  (self, v) => putIndexed(self, ...putArguments(self, v)),
  (self, v) => indexPutInplace(self, ...putArguments(self, v)),
);
