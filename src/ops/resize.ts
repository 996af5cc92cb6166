/** Operators that change what a tensor is a window of: `resize_`, `resizeAs_`, `set_`. Methods only. */
import { checkInplace } from "../autograd/inplace.ts";
import { recording, requiresGrad } from "../autograd/node.ts";
import { check, typeName } from "../core/errors.ts";
import { equalShapes, Layout } from "../core/layout.ts";
import { Storage } from "../core/storage.ts";
import { bump, isTensor, type Tensor } from "../core/tensor.ts";
import type { Op, OpInfo } from "./call.ts";
import { contiguousFormat, formatLayout, type MemoryFormat, preserveFormat, suggestedFormat } from "./copy.ts";
import { checkSize } from "./create.ts";
import { inPlaceOnly } from "./writes.ts";

/** Grows the storage, where it is too small for a layout. */
function makeRoom(self: Tensor, layout: Layout): void {
  const needed = layout.numel === 0 ? 0 : layout.end * self.dtype.itemsize;
  if (needed > self.impl.storage.nbytes) self.impl.storage.resize(needed);
}

function resize(self: Tensor, size: readonly number[], format: MemoryFormat | null): Tensor {
  check(!requiresGrad(self), () => "cannot resize variables that require grad");
  checkSize("resize_", size);
  check(format !== preserveFormat, () => "Unsupported memory format Preserve");
  const same = equalShapes(size, self.shape);
  if (same && format === null) return self;
  const fresh = formatLayout(Layout.contiguous(size), format ?? contiguousFormat);
  const layout = fresh.at(self.storageOffset());
  makeRoom(self, layout);
  self.impl.layout = layout;
  return self;
}

/** `x.resize_(2, 3)`. */
export interface Resize {
  (
    self: Tensor,
    ...size:
      | number[]
      | [...number[], { memoryFormat?: MemoryFormat | null }]
      | [readonly number[], { memoryFormat?: MemoryFormat | null }?]
  ): Tensor;
  readonly op: OpInfo;
}

/** Another size over the same storage, which grows where it must; new elements are uninitialised. */
export const resize_: Resize = inPlaceOnly(
  { name: "resize_", params: "...size:ints * memoryFormat:any?=null" },
  (self, v) => resize(self, v.size as number[], v.memoryFormat as MemoryFormat | null),
);

/** `resize_` to the size of another. */
export const resizeAs_: Op<[theTemplate: Tensor], "theTemplate", { memoryFormat?: MemoryFormat | null }> = inPlaceOnly(
  { name: "resizeAs_", params: "theTemplate:tensor * memoryFormat:any?=null" },
  (self, v) => {
    const template = v.theTemplate as Tensor;
    const given = v.memoryFormat as MemoryFormat | null;
    const format = given === preserveFormat ? suggestedFormat(template.impl.layout) : given;
    return resize(self, template.shape, format);
  },
);

/** A storage, or anything that stands over one. */
type Source = Tensor | Storage | { untyped(): Storage };

/** The storage that a source of `set_` names, and the layout that it suggests. */
function sourceOf(self: Tensor, source: Source | null): { storage: Storage; layout: Layout } {
  if (source === null) return { storage: new Storage(self.device, 0), layout: Layout.contiguous([0]) };
  if (isTensor(source)) {
    check(
      source.dtype === self.dtype,
      () => `set_(): source must have dtype ${self.dtype}, as self, but has ${source.dtype}`,
    );
    return { storage: source.impl.storage, layout: source.impl.layout };
  }
  const storage = source instanceof Storage ? source : "untyped" in source ? source.untyped() : null;
  if (!(storage instanceof Storage)) {
    throw new TypeError(`set_(): argument 'source' must be Tensor or Storage, not ${typeName(source)}`);
  }
  return { storage, layout: Layout.contiguous([Math.floor(storage.nbytes / self.dtype.itemsize)]) };
}

/** Makes this tensor a window of another storage. */
export const set_: Op<
  [
    source?: Source | null,
    storageOffset?: number | null,
    size?: readonly number[] | null,
    stride?: readonly number[] | null,
  ],
  "source storageOffset size stride"
> = inPlaceOnly(
  { name: "set_", params: "source:any?=null storageOffset:int?=null size:ints?=null stride:ints?=null" },
  (self, v) => {
    checkInplace(self, recording([self]));
    const { storage, layout } = sourceOf(self, v.source as Source | null);
    check(storage.device === self.device, () => `set_(): expected storage on ${self.device}, got ${storage.device}`);
    const size = v.size as number[] | null;
    const stride = v.stride as number[] | null;
    const offset = (v.storageOffset as number | null) ?? (size === null ? layout.offset : 0);
    check(offset >= 0, () => `Tensor: invalid storage offset ${offset}`);
    check(
      size === null || stride === null || size.length === stride.length,
      () => `unequal size length (${size?.length}) and stride length (${stride?.length})`,
    );
    const shaped = size === null ? layout.at(offset) : Layout.contiguous(size, offset);
    const target = stride === null ? shaped : new Layout(shaped.shape, stride, offset);
    const needed = target.numel === 0 ? 0 : target.end * self.dtype.itemsize;
    if (needed > storage.nbytes) storage.resize(needed);
    self.impl.storage = storage;
    self.impl.layout = target;
    storage.escaped = true;
    bump(self);
    return self;
  },
);
