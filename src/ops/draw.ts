/** Filling tensors with random draws, in the order of their memory, as PyTorch's iterators visit it. */
import { checkInplace, rebase } from "../autograd/inplace.ts";
import { FormulaNode, recording } from "../autograd/node.ts";
import { type DType, float32, float64, type TypedArray } from "../core/dtype.ts";
import { typeName } from "../core/errors.ts";
import { defaultGenerator, Generator } from "../core/generator.ts";
import type { Layout } from "../core/layout.ts";
import type { Values } from "../core/params.ts";
import type { Reals } from "../core/sampling.ts";
import { bump, type Tensor, wrap } from "../core/tensor.ts";
import { partsLayout } from "./complex.ts";
import { copyKernel } from "./define.ts";
import { emptyTensor, isMeta } from "./operands.ts";
import { checkWritable } from "./pointwise.ts";

/** The parameter that every sampling operator takes by name. */
export const generatorParam = "generator:object?=null";

/** The generator that was named, or the default one. */
export function generatorOf(op: string, v: Values): Generator {
  const given = v.generator;
  if (given == null) return defaultGenerator;
  if (given instanceof Generator) return given;
  throw new TypeError(`${op}(): argument 'generator' must be torch.Generator, not ${typeName(given)}`);
}

/**
 * Writes draws into an array; `inOrder` tells whether the memory is row-major without gaps. Of a complex dtype the array
 * takes the parts.
 */
export type Sampler = (out: TypedArray, dtype: DType, inOrder: boolean) => void;

/** The array that samplers fill for a dtype: halves as float32. */
function arrayFor(dtype: DType, length: number): TypedArray {
  if (dtype.category === "float" && dtype.itemsize === 2) return new Float32Array(length);
  return new dtype.array(length);
}

/** The layout with its dims from the largest stride to the smallest: row-major order is that of the memory. */
export function inMemoryOrder(layout: Layout): Layout {
  return layout.contiguous ? layout : layout.permute(layout.dimsByStride().reverse());
}

/** Fills a tensor without autograd; draws everything before the first write. */
export function drawInto(self: Tensor, sample: Sampler): Tensor {
  if (self.impl.dtype.isLazy) {
    return copyKernel.into([drawInto(emptyTensor(self.shape, self.dtype), sample)], self, self.dtype.toReal());
  }
  const { storage } = self.impl;
  const layout = self.dtype.isComplex ? partsLayout(self.impl.layout) : self.impl.layout;
  const dtype = self.dtype.toReal();
  const nothing = isMeta(self) || layout.numel === 0;
  const values = arrayFor(dtype, nothing ? 0 : layout.numel);
  sample(values, self.dtype, layout.contiguous);
  if (nothing) return self;
  const held = values instanceof Float32Array ? float32 : dtype;
  if (layout.contiguous && held === dtype) {
    storage.window(dtype).set(values as never, layout.offset);
    return self;
  }
  const target = wrap(storage, inMemoryOrder(layout), dtype);
  const source = emptyTensor(target.shape, held);
  source.impl.storage.window(held).set(values as never);
  copyKernel.into([source], target, held);
  return self;
}

/** The elements of a tensor of reals in the order in which `like` lies in memory. */
export function realsOf(t: Tensor, like: Tensor): Reals {
  const order = like.impl.layout.contiguous ? like.shape.map((_, d) => d) : like.impl.layout.dimsByStride().reverse();
  const wide = t.dtype === float64 ? float64 : float32;
  const ready = t.detach().expand(like.shape).permute(order).to(wide).contiguous();
  const { storage, layout } = ready.impl;
  return storage.window(wide).slice(layout.offset, layout.offset + layout.numel) as Reals;
}

/** The in-place form: checks, draws, and makes the draw, whose gradient is zero, the history. */
export function drawWithin(self: Tensor, node: string, sample: Sampler, inputs: readonly Tensor[] = []): Tensor {
  const all = [self, ...inputs];
  const recorded = recording(all);
  checkInplace(self, recorded);
  checkWritable(self, []);
  drawInto(self, sample);
  bump(self);
  if (recorded) rebase(self, new FormulaNode(node, all, [], ([g]) => all.map((t) => g!.newZeros(t.shape))));
  return self;
}
