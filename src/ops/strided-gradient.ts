/** The gradient of a tensor from that of a strided region of its storage: what replaying a view as `asStrided` needs. */
import type { Device } from "../core/device.ts";
import type { DType } from "../core/dtype.ts";
import { Layout } from "../core/layout.ts";
import type { Tensor } from "../core/tensor.ts";
import type { Op } from "./call.ts";
import { partsLayout, viewAsComplex, viewAsReal } from "./complex.ts";
import { full } from "./create.ts";
import { custom } from "./define.ts";
import { arange } from "./ranges.ts";

/** How a tensor reads a storage. */
interface Reading {
  readonly layout: Layout;
  readonly dtype: DType;
}

/**
 * The gradient of a base from that of a strided region of it; elements that the region repeats are summed.
 * @internal
 */
export const asStridedBackward: Op<
  [
    shape: readonly number[],
    strides: readonly number[],
    offset: number,
    regionStrides: readonly number[],
    regionOffset: number,
  ],
  "shape strides offset regionStrides regionOffset",
  { dtype?: DType | null; regionDtype?: DType | null }
> = custom(
  {
    name: "asStridedBackward",
    params:
      "shape:ints strides:ints offset:int regionStrides:ints regionOffset:int * dtype:dtype?=null regionDtype:dtype?=null",
    isFunction: false,
  },
  (g, v) => {
    const base = new Layout(v.shape as number[], v.strides as number[], v.offset as number);
    const region = new Layout(g.shape, v.regionStrides as number[], v.regionOffset as number);
    const [dtype, regionDtype] = [v.dtype as DType | null, v.regionDtype as DType | null];
    if (dtype === null || regionDtype === null || dtype === regionDtype) return regionGradient(g, base, region);
    return rereadGradient(g, { layout: base, dtype }, { layout: region, dtype: regionDtype });
  },
);

/** The same where the region reads the storage otherwise: conjugated, as parts of complex numbers, or as such numbers. */
function rereadGradient(g: Tensor, base: Reading, region: Reading): Tensor {
  // Of what is stored in the region: the other way of a conjugation or negation.
  const stored = region.dtype.isLazy ? flip(g) : g;
  return ofStored(base.dtype, storedGradient(stored, base, region));
}

const flip = (g: Tensor): Tensor => (g.dtype.isComplex ? g.conj() : g.neg());
const ofStored = (dtype: DType, g: Tensor): Tensor => (dtype.isLazy ? flip(g) : g);

function storedGradient(g: Tensor, base: Reading, region: Reading): Tensor {
  if (base.dtype.isComplex === region.dtype.isComplex) return regionGradient(g, base.layout, region.layout);
  if (region.dtype.isComplex) {
    return regionGradient(viewAsReal(g.contiguous().resolveConj()), base.layout, partsLayout(region.layout));
  }
  return viewAsComplex(regionGradient(g, partsLayout(base.layout), region.layout).contiguous().resolveNeg());
}

/** Scatters `g`, laid out as `region`, into a tensor laid out as `base`, both over one imagined storage. */
function regionGradient(g: Tensor, base: Layout, region: Layout): Tensor {
  const start = Math.min(base.offset, region.offset);
  const end = Math.max(base.end, region.end);
  const positions = (layout: Layout): Tensor => positionsOf(layout, start, g.device);
  const flat = g.newZeros([end - start]).indexAdd(0, positions(region), g.reshape(-1));
  const out = flat.indexSelect(0, positions(base)).view(base.shape);
  if (!base.selfOverlapping) return out;
  // Each place of the storage that several elements of the base share gives each an equal part.
  const ones = g.detach().newOnes([base.numel]);
  const counts = g
    .detach()
    .newZeros([end - start])
    .indexAdd(0, positions(base), ones);
  return out.div(counts.indexSelect(0, positions(base)).view(base.shape));
}

/** Where each element of a layout lies, counted from `start`, as a 1-d int64 tensor. */
function positionsOf(layout: Layout, start: number, device: Device): Tensor {
  let sum = full([], layout.offset - start, { dtype: "int64", device });
  layout.shape.forEach((n, d) => {
    const steps = arange(0, n, 1, { dtype: "int64", device }).mul(layout.strides[d]!);
    sum = sum.unsqueeze(-1).add(steps);
  });
  return sum.reshape(-1);
}
