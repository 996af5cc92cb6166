/** Copies and conversions: `clone`, `contiguous`, `copy_`, `to` and its short forms, `fill_`, `zero_`. */
import { checkInplace, rebase } from "../autograd/inplace.ts";
import { FormulaNode, recording } from "../autograd/node.ts";
import { type Device, usableDevice } from "../core/device.ts";
import { type DType, type DTypeName, dtypes } from "../core/dtype.ts";
import { check, RuntimeError } from "../core/errors.ts";
import { Layout } from "../core/layout.ts";
import { parseAny, signature } from "../core/params.ts";
import { isScalar, type Scalar } from "../core/scalar.ts";
import { printsAs } from "../core/symbols.ts";
import { bump, isTensor, type Tensor, wrap } from "../core/tensor.ts";
import { warn } from "../core/warnings.ts";
import type { Op } from "./call.ts";
import { checkFill, convertVia } from "./create.ts";
import { composite, copyKernel, custom, differentiable, needTensor } from "./define.ts";
import { emptyLike } from "./operands.ts";
import { checkWritable } from "./pointwise.ts";

/**
 * How a copy lies: as its source where that has no gaps, row-major, or channels last.
 * @example torch.contiguousFormat // torch.contiguous_format
 */
export class MemoryFormat {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
    Object.freeze(this);
  }

  toString(): string {
    return `torch.${this.name}`;
  }
}

printsAs(MemoryFormat);

/**
 * As the source lies, where it has no gaps; else row-major. The default of `clone`, `to` and `emptyLike`.
 * @example x.T.clone({ memoryFormat: torch.preserveFormat }).stride() // [ 1, 3 ]
 */
export const preserveFormat: MemoryFormat = new MemoryFormat("preserve_format");
/**
 * Row-major: the last dim has stride 1. The default of `contiguous`.
 * @example x.T.contiguous({ memoryFormat: torch.contiguousFormat }).stride() // [ 2, 1 ]
 */
export const contiguousFormat: MemoryFormat = new MemoryFormat("contiguous_format");
/**
 * Tensors `[N, C, H, W]` with the channels of a pixel beside each other.
 * @example torch.ones(1, 3, 2, 2).contiguous({ memoryFormat: torch.channelsLast }).stride() // [ 12, 1, 6, 3 ]
 */
export const channelsLast: MemoryFormat = new MemoryFormat("channels_last");
/**
 * Tensors `[N, C, D, H, W]` with the channels of a voxel beside each other.
 * @example torch.ones(1, 3, 2, 2, 2).contiguous({ memoryFormat: torch.channelsLast3d }).stride() // [ 24, 1, 12, 6, 3 ]
 */
export const channelsLast3d: MemoryFormat = new MemoryFormat("channels_last_3d");

/** The dims of the channels-last formats from the innermost outwards. */
const innermostFirst: ReadonlyMap<MemoryFormat, readonly number[]> = new Map([
  [channelsLast, [1, 3, 2, 0]],
  [channelsLast3d, [1, 4, 3, 2, 0]],
]);

/** The layout of a fresh copy in a memory format. */
export function formatLayout(source: Layout, format: MemoryFormat): Layout {
  if (format === preserveFormat) return source.fresh();
  if (format === contiguousFormat) return Layout.contiguous(source.shape);
  const order = innermostFirst.get(format)!;
  check(source.rank === order.length, () => `required rank ${order.length} tensor to use ${format.name} format`);
  return Layout.contiguous(source.shape).freshBy(order);
}

/** A new tensor with the elements of `self` converted; no autograd. */
export function copyRaw(self: Tensor, dtype: DType, layout: Layout, device: Device = self.device): Tensor {
  const out = emptyLike(layout, dtype, device);
  if (self.device.type === "meta" && device.type !== "meta") {
    throw new RuntimeError("Cannot copy out of meta tensor; no data!");
  }
  warnOfLoss(self.dtype, dtype);
  return copyKernel.into([self], out, convertVia(self.dtype, dtype));
}

/** PyTorch's warning where a copy keeps real parts only. */
function warnOfLoss(from: DType, to: DType): void {
  if (!from.isComplex || to.isComplex || to === dtypes.bool) return;
  warn("complex-to-real", "Casting complex values to real discards the imaginary part");
}

/** A gradient in the dtype of what it belongs to: of a real one the real part. */
const gradAs = (g: Tensor, dtype: DType): Tensor => (g.dtype.isComplex && !dtype.isComplex ? g.real : g).to(dtype);

/**
 * An independent copy; gradients flow back to the source. Without `memoryFormat` it keeps dense strides. Out of the
 * graph: `x.detach().clone()`.
 * @example
 * const c = x.clone();
 * torch.lens.sharing(c, x).kind // 'none'
 */
export const clone: Op<[], "", { memoryFormat?: MemoryFormat | null }> = custom(
  { name: "clone", params: "* memoryFormat:object?=null" },
  (self, { memoryFormat }) => {
    const format = (memoryFormat as MemoryFormat | null) ?? preserveFormat;
    const out = copyRaw(self, self.dtype, formatLayout(self.impl.layout, format));
    return differentiable("CloneBackward0", out, [self], [], ([g]) => [g!]);
  },
);

/** Whether a layout is dense in a memory format. */
export function isContiguousIn(layout: Layout, format: MemoryFormat): boolean {
  const order = innermostFirst.get(format);
  if (order === undefined) return layout.contiguous;
  return layout.rank === order.length && layout.permute(order.toReversed()).contiguous;
}

/** The format that strides suggest: channels last where they say so and nothing else, else row-major. */
export function suggestedFormat(layout: Layout): MemoryFormat {
  for (const [format, order] of innermostFirst) {
    if (layout.rank === order.length && suggestsOrder(layout, order)) return format;
  }
  return contiguousFormat;
}

/** c10/core/MemoryFormat.h, is_channels_last_strides: ambiguous strides count as row-major. */
function suggestsOrder({ shape, strides }: Layout, order: readonly number[]): boolean {
  if (strides[1] === 0) return false;
  let least = 0;
  for (const d of order) {
    if (shape[d] === 0 || strides[d]! < least) return false;
    if (d === 0 && least === strides[1]) return false;
    least = strides[d]! * Math.max(shape[d]!, 1);
  }
  return true;
}

/**
 * This tensor where it is row-major already, else a copy that is.
 * @example x.T.contiguous().stride() // [ 2, 1 ]
 */
export const contiguous: Op<[memoryFormat?: MemoryFormat], "memoryFormat"> = composite(
  { name: "contiguous", params: "memoryFormat:any?=null", isFunction: false },
  (self, { memoryFormat }) => {
    const format = (memoryFormat as MemoryFormat | null) ?? contiguousFormat;
    return isContiguousIn(self.impl.layout, format) ? self : clone(self, { memoryFormat: format });
  },
);

/**
 * Converted by dtype or device; this tensor itself where nothing changes, unless `copy`.
 * @throws RuntimeError or AssertionError for a device that this build has not.
 * @example torch.tensor([1.5]).to(torch.int64) // tensor([1])
 * @example x.to("float32") === x // true
 */
export const to: Op<[dtype?: unknown, nonBlocking?: boolean, copy?: boolean], "dtype nonBlocking copy", ToOptions> =
  custom(
    {
      name: "to",
      params: [
        "dtype:dtype nonBlocking:bool=false copy:bool=false * memoryFormat:object?=null",
        "device:device?=null dtype:dtype?=null nonBlocking:bool=false copy:bool=false * memoryFormat:object?=null",
        "other:tensor nonBlocking:bool=false copy:bool=false * memoryFormat:object?=null",
      ],
      isFunction: false,
    },
    (self, v) => {
      const other = v.other as Tensor | undefined;
      const dtype = (v.dtype as DType | null | undefined) ?? other?.dtype ?? self.dtype;
      const device = v.device == null ? (other?.device ?? self.device) : usableDevice(v.device as Device);
      const format = (v.memoryFormat as MemoryFormat | null) ?? preserveFormat;
      return convert(self, dtype, device, format, v.copy === true);
    },
  );

/** Keyword arguments of `to`. */
export interface ToOptions {
  device?: Device | string | null;
  memoryFormat?: MemoryFormat;
}

function convert(self: Tensor, dtype: DType, device: Device, format: MemoryFormat, copy: boolean): Tensor {
  const inFormat = format === preserveFormat || suggestedFormat(self.impl.layout) === format;
  if (!copy && dtype === self.dtype && device === self.device && inFormat) return self;
  const out = copyRaw(self, dtype, formatLayout(self.impl.layout, format), device);
  const from = self.dtype;
  if (!dtype.isDifferentiable) return out;
  return differentiable("ToCopyBackward0", out, [self], [], ([g]) => [gradAs(g!, from)]);
}

function conversion(name: string, target: DTypeName): Op<[], "", { memoryFormat?: MemoryFormat }> {
  return custom({ name, params: "* memoryFormat:object?=null", isFunction: false }, (self, v) =>
    convert(self, dtypes[target], self.device, (v.memoryFormat as MemoryFormat | null) ?? preserveFormat, false),
  );
}

type Conversion = Op<[], "", { memoryFormat?: MemoryFormat }>;

/** To float32. */
export const float: Conversion = conversion("float", "float32");
/** To float64. */
export const double: Conversion = conversion("double", "float64");
/** To float16. */
export const half: Conversion = conversion("half", "float16");
/** To bfloat16. */
export const bfloat16: Conversion = conversion("bfloat16", "bfloat16");
/** To complex64. */
export const cfloat: Conversion = conversion("cfloat", "complex64");
/** To complex128. */
export const cdouble: Conversion = conversion("cdouble", "complex128");
/** To int32. */
export const int: Conversion = conversion("int", "int32");
/** To int64. */
export const long: Conversion = conversion("long", "int64");
/** To int16. */
export const short: Conversion = conversion("short", "int16");
/** To int8. */
export const char: Conversion = conversion("char", "int8");
/** To uint8. */
export const byte: Conversion = conversion("byte", "uint8");
/** To bool: whether each element is not 0. */
export const bool: Conversion = conversion("bool", "bool");

/** To the dtype of another tensor. */
export const typeAs: Op<[other: Tensor], "other"> = composite(
  { name: "typeAs", params: "other:tensor", isFunction: false },
  (self, { other }) => self.to((other as Tensor).dtype),
);

/** To the cpu: this tensor itself where it is there. */
export const cpu: Op<[]> = composite({ name: "cpu", isFunction: false }, (self) => self.to("cpu"));

/** PyTorch's error: there is no CUDA here. */
export const cuda: Op<[device?: unknown], "device"> = composite(
  { name: "cuda", params: "device:any?=null", isFunction: false },
  () => usableDevice("cuda"),
);

// ---------------------------------------------------------------- writes

const copySignature = signature("src:operand nonBlocking:bool=false");

/**
 * Writes the elements of `src`, broadcast and converted, into `self`. `self` stays the tensor that it is; gradients
 * flow to `src`.
 * @throws RuntimeError for sizes that cannot be broadcast, or a leaf that requires grad outside of `noGrad`.
 * @example torch.zeros(2, 2).copy_(torch.tensor([1, 2])) // tensor([[1., 2.], [1., 2.]])
 */
export function copy_(self: Tensor, ...args: unknown[]): Tensor {
  needTensor("copy_", self);
  const { values } = parseAny("copy_", [copySignature], args);
  const src = values.src as Tensor | Scalar;
  if (!isTensor(src)) return fill_(self, src);
  const recorded = recording([self, src]);
  checkInplace(self, recorded);
  const dtype = src.dtype;
  const node = recorded
    ? new FormulaNode("CopyBackwards", [self, src], [], ([g], _, needs) => [
        needs[0] ? g!.newZeros(self.shape) : null,
        needs[1] ? gradAs(g!, dtype) : null,
      ])
    : null;
  checkWritable(self, [src]);
  if (self.device.type !== "meta" && src.device.type === "meta") {
    throw new RuntimeError("Cannot copy out of meta tensor; no data!");
  }
  warnOfLoss(dtype, self.dtype);
  copyKernel.into([src], self, convertVia(dtype, self.dtype));
  bump(self);
  if (node !== null) rebase(self, node);
  return self;
}

/** The same elements with every dim of stride 0 taken once. */
function once(self: Tensor): Tensor {
  const { storage, layout, dtype } = self.impl;
  if (layout.contiguous || !layout.strides.includes(0)) return self;
  const shape = layout.shape.map((n, d) => (layout.strides[d] === 0 && n > 1 ? 1 : n));
  return wrap(storage, new Layout(shape, layout.strides, layout.offset), dtype);
}

/** Writes one value everywhere. */
export function fill_(self: Tensor, value: Tensor | Scalar): Tensor {
  needTensor("fill_", self);
  if (isTensor(value)) {
    check(
      value.dim() === 0,
      () => `fill_ only supports 0-dimension value tensor but got tensor with ${value.dim()} dimensions.`,
    );
  } else if (!isScalar(value)) {
    throw new TypeError(`fill_(): argument 'value' must be Number, not ${value === null ? "NoneType" : typeof value}`);
  }
  const source = isTensor(value) ? value : null;
  if (source === null) checkFill(value as Scalar, self.dtype);
  const recorded = recording([self, source]);
  checkInplace(self, recorded);
  // Writing one value twice is harmless, so elements may share memory, as in PyTorch.
  const node = recorded ? fillNode(self, source) : null;
  const via = source === null ? scalarVia(value as Scalar, self.dtype) : convertVia(source.dtype, self.dtype);
  copyKernel.into([value], once(self), via);
  bump(self);
  if (node !== null) rebase(self, node);
  return self;
}

/**
 * A copy with one value everywhere.
 * @example torch.fill(x, 7) // tensor([[7., 7., 7.], [7., 7., 7.]])
 */
export const fill: Op<[value: Tensor | Scalar], "value"> = custom(
  { name: "fill", params: "value:operand", receiver: null },
  (self, { value }) => {
    const source = isTensor(value) ? value : null;
    check(
      source === null || source.dim() === 0,
      () => `fill_ only supports 0-dimension value tensor but got tensor with ${source?.dim()} dimensions.`,
    );
    const out = emptyLike(self.impl.layout.fresh(), self.dtype, self.device);
    fill_(out, source === null ? (value as Scalar) : source.detach());
    out.impl.cell = null;
    const inputs = source === null ? [self] : [self, source];
    return differentiable(`FillBackward${inputs.length - 1}`, out, inputs, [], ([g], _, needs) => [
      needs[0] ? g!.newZeros(g!.shape) : null,
      ...(source === null ? [] : [needs[1] ? g!.sum().to(source.dtype) : null]),
    ]);
  },
);

function fillNode(self: Tensor, source: Tensor | null): FormulaNode {
  const name = source === null ? "FillBackward0" : "FillBackward1";
  return new FormulaNode(name, source === null ? [self] : [self, source], [], ([g], _, needs) => [
    needs[0] ? g!.newZeros(g!.shape) : null,
    ...(source === null ? [] : [needs[1] ? g!.sum() : null]),
  ]);
}

function scalarVia(value: Scalar, target: DType): DType {
  if (target.isDifferentiable) return target;
  const whole = typeof value !== "number" || Number.isSafeInteger(value);
  return whole ? dtypes.int64 : dtypes.float64;
}

/** Writes zeros. */
export function zero_(self: Tensor): Tensor {
  const recorded = recording([needTensor("zero_", self)]);
  checkInplace(self, recorded);
  const node = recorded ? new FormulaNode("ZeroBackward0", [self], [], ([g]) => [g!.newZeros(g!.shape)]) : null;
  copyKernel.into([0], once(self), scalarVia(0, self.dtype));
  bump(self);
  if (node !== null) rebase(self, node);
  return self;
}
