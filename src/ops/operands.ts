/** How tensors become operands of kernels: addresses in the heap, with host storages copied in and out. */

import { mode } from "../autograd/mode.ts";
import { type Complex, isComplexNumber } from "../core/complex.ts";
import { cpu, type Device, meta } from "../core/device.ts";
import type { DType } from "../core/dtype.ts";
import { RuntimeError } from "../core/errors.ts";
import { Layout } from "../core/layout.ts";
import { heap } from "../core/memory.ts";
import { Storage } from "../core/storage.ts";
import { type Tensor, wrap } from "../core/tensor.ts";
import type { Operand } from "../ir/kernel.ts";

/** A host storage's bytes while a kernel runs on them. */
interface Stage {
  readonly storage: Storage;
  readonly address: number;
  written: boolean;
}

let staged: Stage[] = [];

/** The heap address of a tensor's first element, until `unstage`. */
export function addressOf(t: Tensor, written = false): number {
  const { storage, layout, dtype } = t.impl;
  const base = storage.host === null ? storage.base : stage(storage, written);
  return base + layout.offset * dtype.itemsize;
}

function stage(storage: Storage, written: boolean): number {
  let entry = staged.find((s) => s.storage === storage);
  if (entry === undefined) {
    const address = heap().alloc(Math.max(storage.nbytes, 1));
    heap().u8.set(storage.bytes(), address);
    entry = { storage, address, written: false };
    staged.push(entry);
  }
  entry.written ||= written;
  return entry.address;
}

/** Copies written host storages back and frees their stages; after every kernel. */
export function unstage(): void {
  if (staged.length === 0) return;
  const done = staged;
  staged = [];
  for (const { storage, address, written } of done) {
    if (written) storage.bytes().set(heap().u8.subarray(address, address + storage.nbytes));
    heap().free(address);
  }
}

/** Runs `fn` on staged operands and copies back what it wrote. */
export function withOperands<R>(fn: () => R): R {
  try {
    return fn();
  } finally {
    unstage();
  }
}

/** A tensor as an operand, its strides those of `layout` (default: its own). */
export function operand(t: Tensor, written = false, layout: Layout = t.impl.layout): Operand {
  return { address: addressOf(t, written), strides: layout.strides };
}

/** An uninitialised tensor of this layout (offset 0, no gaps that matter). */
export function emptyLike(layout: Layout, dtype: DType, device: Device = cpu): Tensor {
  const out = wrap(new Storage(device, layout.end * dtype.itemsize), layout, dtype);
  if (mode.inference) out.impl.inference = true;
  return out;
}

/** An uninitialised row-major tensor. */
export function emptyTensor(shape: readonly number[], dtype: DType, device: Device = cpu): Tensor {
  return emptyLike(Layout.contiguous(shape), dtype, device);
}

/** The device that operands share; a 0-dim cpu tensor goes with any. */
export function commonDevice(tensors: readonly Tensor[]): Device {
  let device: Device | undefined;
  for (const t of tensors) {
    const d = t.impl.storage.device;
    if (d === device || (d === cpu && t.impl.layout.rank === 0 && tensors.length > 1)) continue;
    if (device !== undefined) {
      throw new RuntimeError(
        `Expected all tensors to be on the same device, but found at least two devices, ${device} and ${d}!`,
      );
    }
    device = d;
  }
  return device ?? cpu;
}

/** Complex numbers among operands as tensors without dims, since kernels read two parts of them. */
export function numbersAsTensors<T>(operands: readonly (T | Complex)[], dtype: DType): readonly (T | Tensor)[] {
  return operands.map((x) => {
    if (!isComplexNumber(x)) return x;
    const t = emptyTensor([], dtype);
    (t.impl.storage.window(dtype) as Float64Array).set([x.re, x.im]);
    return t;
  });
}

/** Whether kernels have nothing to do for these. */
export const isMeta = (t: Tensor): boolean => t.impl.storage.device === meta;
