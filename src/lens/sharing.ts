/** `sharing`: whether two tensors or typed arrays use the same memory, and how much of it. */
import type { TypedArray } from "../core/dtype.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import { overlapBytes, type Region, regionOf } from "./overlap.ts";

/** What two views have in common: the whole layout, one storage, or nothing. */
export interface Sharing {
  readonly kind: "same" | "storage" | "none";
  /** Distinct bytes that both of them reach. */
  readonly overlapBytes: number;
}

/** What has elements in some memory. */
export type Viewed = Tensor | TypedArray | Uint8ClampedArray | DataView;

/** Where a view's bytes lie: in a storage, or in the ArrayBuffer that a storage shares with user code. */
export interface Placed {
  readonly memory: object;
  readonly region: Region | null;
  /** Equal for views of one memory with the same elements in the same order. */
  readonly shape: string;
}

/** Where a tensor's or a typed array's bytes lie. */
export function placed(x: Viewed): Placed {
  if (isTensor(x)) {
    const { storage, layout, dtype } = x.impl;
    const region = regionOf(layout, dtype.itemsize, storage.host === null ? 0 : storage.hostOffset);
    const start = layout.offset * dtype.itemsize + (storage.host === null ? 0 : storage.hostOffset);
    return {
      memory: storage.host ?? storage,
      region,
      shape: `${start}:${dtype.itemsize}:${layout.shape}:${layout.strides}`,
    };
  }
  if (!ArrayBuffer.isView(x)) throw new TypeError("sharing(): expected tensors or typed arrays");
  const itemsize = x instanceof DataView ? 1 : x.BYTES_PER_ELEMENT;
  const length = x.byteLength / itemsize;
  const region = regionOf({ shape: [length], strides: [1], offset: 0 }, itemsize, x.byteOffset);
  return { memory: x.buffer, region, shape: `${x.byteOffset}:${itemsize}:${length}:1` };
}

/**
 * Whether `a` and `b` lie in one storage, and how many distinct bytes both reach: exact for any strides and dtypes.
 * @example torch.lens.sharing(x.at(0), x) // { kind: "storage", overlapBytes: 12 }
 */
export function sharing(a: Viewed, b: Viewed): Sharing {
  const [left, right] = [placed(a), placed(b)];
  if (left.memory !== right.memory) return { kind: "none", overlapBytes: 0 };
  const kind = left.shape === right.shape ? "same" : "storage";
  return { kind, overlapBytes: overlapBytes(left.region, right.region) };
}
