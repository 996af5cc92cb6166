/** Tensors from data, sizes and other tensors. */

import { isComplexNumber } from "../core/complex.ts";
import { cpu, type Device, usableDevice } from "../core/device.ts";
import { bool, type DType, type DTypeName, dtypes, float32, int64, type TypedArray } from "../core/dtype.ts";
import { check, NotImplementedError, RuntimeError, typeName, ValueError } from "../core/errors.ts";
import { Layout, list, product } from "../core/layout.ts";
import { announce } from "../core/observe.ts";
import { isOptions, type Values } from "../core/params.ts";
import { largest } from "../core/sampling.ts";
import { getDefaultDtype, isScalar, resultType, type Scalar, scalarBigInt, scalarDType } from "../core/scalar.ts";
import { Storage } from "../core/storage.ts";
import { isTensor, Tensor, type TensorImpl, wrap } from "../core/tensor.ts";
import { warn } from "../core/warnings.ts";
import { numberToBfloat16, numberToHalf } from "../ir/half.ts";
import type { DeviceLike, DTypeLike, OpInfo } from "./call.ts";
import { contiguousFormat, formatLayout, type MemoryFormat, preserveFormat } from "./copy.ts";
import { composite, copyKernel, fn } from "./define.ts";
import { emptyTensor, emptyLike as newLike } from "./operands.ts";

/** What creation functions take by name. */
export interface CreateOptions {
  /** Default: the default float dtype, or what the data says. */
  dtype?: DTypeLike | null;
  /** Default cpu. */
  device?: DeviceLike | null;
  requiresGrad?: boolean;
  /** `torch.strided`, the only one. */
  layout?: object | null;
  /** False: there is no pinned memory. */
  pinMemory?: boolean;
}

/** Nested numbers, booleans, bigints, typed arrays or tensors. */
export type Data = Scalar | TypedArray | Tensor | readonly Data[] | ArrayLike<number> | ArrayLike<bigint>;

/** A creation function by size. */
export interface BySize {
  (...size: number[]): Tensor;
  (...args: [...number[], CreateOptions]): Tensor;
  (size: readonly number[], options?: CreateOptions): Tensor;
  readonly op: OpInfo;
}

const own = "* dtype:dtype?=null device:device?=null requiresGrad:bool=false";

/** What every creation function takes by name. */
export const factory: string = `${own} layout:any?=null pinMemory:bool=false`;

/** The tail of every creation: `requiresGrad` fits the dtype, layout and memory exist. */
export function finish(t: Tensor, values: Values): Tensor {
  if (values.requiresGrad) {
    check(t.dtype.isDifferentiable, () => "Only Tensors of floating point and complex dtype can require gradients");
    t.requiresGrad = true;
  }
  check(
    values.layout == null || String(values.layout) === "torch.strided",
    () => `layout ${values.layout} is not supported: tensors here are torch.strided`,
    NotImplementedError,
  );
  check(!values.pinMemory, () => "Pinned memory requires CUDA.");
  return t;
}

/** The device that was named, which must exist. */
export function deviceOf(values: Values, fallback: Device = cpu): Device {
  return values.device == null ? fallback : usableDevice(values.device as Device);
}

/** Beyond this number of elements byte counts are not exact; PyTorch's limit is 2^63 bytes. */
const maxNumel = 2 ** 53;

/** Throws for sizes that are not natural numbers. */
export function checkSize(op: string, size: readonly number[]): void {
  for (const n of size) {
    check(
      Number.isInteger(n),
      () => `${op}(): argument 'size' must be tuple of ints, but found element of type ${typeName(n)}`,
      TypeError,
    );
    check(n >= 0, () => `Trying to create tensor with negative dimension ${n}: ${list(size)}`);
  }
  check(product(size) <= maxNumel, () => `Storage size calculation overflowed with sizes=${list(size)}`);
}

/** Fills with one value, without autograd. */
export function fillRaw(t: Tensor, value: Scalar): Tensor {
  if (t.device.type === "meta" || t.numel() === 0) return t;
  return copyKernel.into([value], t, t.dtype.isDifferentiable ? t.dtype : scalarIntDType(value, t.dtype));
}

/** Where a number lies outside a dtype: PyTorch's rule, which lets negative ones wrap in unsigned dtypes. */
export function overflows(value: Scalar, dtype: DType): boolean {
  if (isComplexNumber(value)) {
    const parts = dtype.toReal();
    return overflows(value.re, parts) || (dtype.isComplex ? overflows(value.im, parts) : value.im !== 0);
  }
  if (typeof value === "boolean" || dtype === bool) return false;
  if (dtype.isComplex) return overflows(value, dtype.toReal());
  if (dtype.category === "float") {
    return Number.isFinite(Number(value)) && Math.abs(Number(value)) > (largest[dtype.name] ?? Infinity);
  }
  if (typeof value === "number" && !Number.isFinite(value)) return true;
  const whole = typeof value === "bigint" ? value : BigInt(Math.trunc(value));
  const range = 2n ** BigInt(dtype.itemsize * 8 - (dtype.isSigned ? 1 : 0));
  return whole >= range || whole < (dtype.isSigned ? -range : 1n - range);
}

/** The C++ names in PyTorch's message on values that do not fit. */
const fillNames: Readonly<Record<string, string>> = {
  uint8: "uint8_t",
  int8: "int8_t",
  int16: "int16_t",
  int32: "int",
  int64: "int64_t",
  float16: "at::Half",
  bfloat16: "at::BFloat16",
  float32: "float",
  float64: "double",
  complex64: "c10::complex<float>",
  complex128: "c10::complex<double>",
};

/** Throws where a fill value does not fit the dtype. */
export function checkFill(value: Scalar, dtype: DType): void {
  check(!overflows(value, dtype), () => `value cannot be converted to type ${fillNames[dtype.name]} without overflow`);
}

/** The dtype to carry a number to a tensor of integers or bools: floats pass as floats and are truncated there. */
function scalarIntDType(value: Scalar, target: DType): DType {
  const own = scalarDType(value);
  return own.category === "float" || target === bool ? (own === bool ? int64 : own) : int64;
}

/** `empty(2, 3, { memoryFormat })`. */
export interface Empty {
  (...size: number[]): Tensor;
  (...args: [...number[], CreateOptions & { memoryFormat?: MemoryFormat | null }]): Tensor;
  (size: readonly number[], options?: CreateOptions & { memoryFormat?: MemoryFormat | null }): Tensor;
  readonly op: OpInfo;
}

function bySize(name: string, fill: Scalar | null): BySize {
  return fn<BySize>({ name, params: `...size:ints ${factory}`, kind: "create" }, (values) => {
    const size = values.size as number[];
    checkSize(name, size);
    const t = emptyTensor(size, (values.dtype as DType | null) ?? getDefaultDtype(), deviceOf(values));
    return finish(fill === null ? t : fillRaw(t, fill), values);
  });
}

/**
 * A tensor of this size with whatever the memory held. The size is numbers or one list; dtype: the default float dtype.
 * @throws RuntimeError for a negative size.
 * @example torch.empty(2, 3).shape // torch.Size([2, 3])
 */
export const empty: Empty = fn<Empty>(
  { name: "empty", params: `...size:ints ${factory} memoryFormat:any?=null`, kind: "create" },
  (values) => {
    const size = values.size as number[];
    checkSize("empty", size);
    const format = (values.memoryFormat as MemoryFormat | null) ?? contiguousFormat;
    const layout = formatLayout(Layout.contiguous(size), format);
    return finish(newLike(layout, (values.dtype as DType | null) ?? getDefaultDtype(), deviceOf(values)), values);
  },
);
/**
 * Zeros of this size, given as numbers or one list. dtype: the default float dtype; device: cpu.
 * @throws RuntimeError for a negative size.
 * @example torch.zeros(2, 3, { dtype: "int64" }) // tensor([[0, 0, 0], [0, 0, 0]])
 */
export const zeros: BySize = bySize("zeros", 0);
/**
 * Ones of this size, given as numbers or one list. dtype: the default float dtype; device: cpu.
 * @throws RuntimeError for a negative size.
 * @example torch.ones([2]) // tensor([1., 1.])
 */
export const ones: BySize = bySize("ones", 1);

/** A function of size and fill value. */
export interface Full {
  (size: readonly number[], fillValue: Scalar, options?: CreateOptions): Tensor;
  readonly op: OpInfo;
}

/**
 * One value everywhere; the size is a list. Without a `dtype` it is the value's: a whole number makes int64, any other
 * the default float dtype, a boolean bool.
 * @throws RuntimeError where the value does not fit the dtype.
 * @example torch.full([2], 0.5) // tensor([0.5000, 0.5000])
 * @example torch.full([2], 7) // tensor([7, 7])
 */
export const full: Full = fn<Full>(
  { name: "full", params: `size:ints fillValue:scalar ${factory}`, kind: "create" },
  (v) => {
    const size = v.size as number[];
    const value = v.fillValue as Scalar;
    checkSize("full", size);
    const dtype = (v.dtype as DType | null) ?? scalarDType(value);
    checkFill(value, dtype);
    const t = emptyTensor(size, dtype, deviceOf(v));
    return finish(fillRaw(t, value), v);
  },
);

// ---------------------------------------------------------------- like another tensor

/** `like(x, options)`. */
export interface Like {
  (self: Tensor, options?: CreateOptions & { memoryFormat?: MemoryFormat | null }): Tensor;
  readonly op: OpInfo;
}

/** The layout of a new tensor like another, in the memory format that was named. */
export function layoutLike(self: Tensor, values: Values): Layout {
  return formatLayout(self.impl.layout, (values.memoryFormat as MemoryFormat | null) ?? preserveFormat);
}

function like(name: string, fill: Scalar | null): Like {
  return composite<Like>(
    { name, params: `${factory} memoryFormat:any?=null`, receiver: null, kind: "create" },
    (self, values) => {
      const dtype = (values.dtype as DType | null) ?? self.dtype;
      const device = deviceOf(values, self.device);
      const layout = layoutLike(self, values);
      const t = wrap(new Storage(device, layout.end * dtype.itemsize), layout, dtype);
      return finish(fill === null ? t : fillRaw(t, fill), values);
    },
  );
}

/**
 * Uninitialised memory with the size, dtype, device and strides of `input`, which options may replace.
 * @example torch.emptyLike(torch.zeros(2, 3)).shape // torch.Size([2, 3])
 */
export const emptyLike: Like = like("emptyLike", null);
/**
 * Zeros with the size, dtype and device of `input`, which options may replace.
 * @example torch.zerosLike(torch.tensor([1, 2])) // tensor([0., 0.])
 */
export const zerosLike: Like = like("zerosLike", 0);
/**
 * Ones with the size, dtype and device of `input`, which options may replace.
 * @example torch.onesLike(torch.tensor([1, 2]), { dtype: "bool" }) // tensor([True, True])
 */
export const onesLike: Like = like("onesLike", 1);

/** `fullLike(x, value, options)`. */
export interface FullLike {
  (self: Tensor, fillValue: Scalar, options?: CreateOptions & { memoryFormat?: MemoryFormat | null }): Tensor;
  readonly op: OpInfo;
}

/**
 * One value everywhere, with the size, dtype and device of `input`, which options may replace.
 * @throws RuntimeError where the value does not fit the dtype.
 * @example torch.fullLike(torch.zeros(2), 3) // tensor([3., 3.])
 */
export const fullLike: FullLike = composite<FullLike>(
  { name: "fullLike", params: `fillValue:scalar ${factory} memoryFormat:any?=null`, receiver: null, kind: "create" },
  (self, values) => {
    const dtype = (values.dtype as DType | null) ?? self.dtype;
    checkFill(values.fillValue as Scalar, dtype);
    const layout = layoutLike(self, values);
    const t = wrap(new Storage(deviceOf(values, self.device), layout.end * dtype.itemsize), layout, dtype);
    return finish(fillRaw(t, values.fillValue as Scalar), values);
  },
);

/** Sizes as separate numbers or as one list, then options. */
export type SizesAndOptions = number[] | [...number[], CreateOptions] | [readonly number[], CreateOptions?];

/** `x.newZeros(2, 3)`: a method by size, of the receiver's dtype and device. */
export interface NewBySize {
  (self: Tensor, ...size: SizesAndOptions): Tensor;
  readonly op: OpInfo;
}

function newBySize(name: string, fill: Scalar | null): NewBySize {
  return composite<NewBySize>(
    { name, params: `...size:ints ${own}`, isFunction: false, kind: "create" },
    (self, values) => {
      const size = values.size as number[];
      checkSize(name, size);
      const t = emptyTensor(size, (values.dtype as DType | null) ?? self.dtype, deviceOf(values, self.device));
      return finish(fill === null ? t : fillRaw(t, fill), values);
    },
  );
}

/**
 * Uninitialised memory of this size, with the dtype and device of the tensor that it is called on.
 * @example torch.zeros(1, { dtype: "int64" }).newEmpty(2, 3).dtype // torch.int64
 */
export const newEmpty: NewBySize = newBySize("newEmpty", null);
/**
 * Zeros of this size, with the dtype and device of the tensor that it is called on.
 * @example torch.ones(1, { dtype: "int64" }).newZeros(2) // tensor([0, 0])
 */
export const newZeros: NewBySize = newBySize("newZeros", 0);
/**
 * Ones of this size, with the dtype and device of the tensor that it is called on.
 * @example torch.zeros(1, { dtype: "int64" }).newOnes(2) // tensor([1, 1])
 */
export const newOnes: NewBySize = newBySize("newOnes", 1);

/** `x.newFull(size, value)`. */
export interface NewFull {
  (self: Tensor, size: readonly number[], fillValue: Scalar, options?: CreateOptions): Tensor;
  readonly op: OpInfo;
}

/**
 * One value everywhere, with the dtype and device of the tensor that it is called on.
 * @throws RuntimeError where the value does not fit the dtype.
 * @example torch.zeros(1).newFull([2], 7) // tensor([7., 7.])
 */
export const newFull: NewFull = composite<NewFull>(
  { name: "newFull", params: `size:ints fillValue:scalar ${own}`, isFunction: false, kind: "create" },
  (self, values) => {
    const size = values.size as number[];
    checkSize("newFull", size);
    const dtype = (values.dtype as DType | null) ?? self.dtype;
    checkFill(values.fillValue as Scalar, dtype);
    const t = emptyTensor(size, dtype, deviceOf(values, self.device));
    return finish(fillRaw(t, values.fillValue as Scalar), values);
  },
);

/** `x.newTensor(data)`. */
export interface NewTensor {
  (self: Tensor, data: Data, options?: CreateOptions): Tensor;
  readonly op: OpInfo;
}

/**
 * A copy of data, with the dtype and device of the tensor that it is called on.
 * @example torch.zeros(1, { dtype: "int64" }).newTensor([1, 2]) // tensor([1, 2])
 */
export const newTensor: NewTensor = composite<NewTensor>(
  { name: "newTensor", params: `data:any ${own}`, isFunction: false, kind: "create" },
  (self, values) =>
    finish(fromData(values.data, (values.dtype as DType | null) ?? self.dtype, deviceOf(values, self.device)), values),
);

/** `emptyStrided(size, stride)`. */
export interface EmptyStrided {
  (size: readonly number[], stride: readonly number[], options?: CreateOptions): Tensor;
  readonly op: OpInfo;
}

/**
 * Uninitialised memory of this size with these strides, counted in elements.
 * @throws RuntimeError where the lists differ in length.
 * @example torch.emptyStrided([2, 3], [1, 2]).stride() // [ 1, 2 ]
 */
export const emptyStrided: EmptyStrided = fn<EmptyStrided>(
  { name: "emptyStrided", params: `size:ints stride:ints ${factory}`, kind: "create" },
  (v) => strided(v, (v.dtype as DType | null) ?? getDefaultDtype(), deviceOf(v)),
);

/** `x.newEmptyStrided(size, stride)`. */
export interface NewEmptyStrided {
  (self: Tensor, size: readonly number[], stride: readonly number[], options?: CreateOptions): Tensor;
  readonly op: OpInfo;
}

/** Uninitialised memory with these strides, of this tensor's dtype and device. */
export const newEmptyStrided: NewEmptyStrided = composite<NewEmptyStrided>(
  { name: "newEmptyStrided", params: `size:ints stride:ints ${own}`, isFunction: false, kind: "create" },
  (self, v) => strided(v, (v.dtype as DType | null) ?? self.dtype, deviceOf(v, self.device)),
);

function strided(v: Values, dtype: DType, device: Device): Tensor {
  const size = v.size as number[];
  const stride = v.stride as number[];
  checkSize("emptyStrided", size);
  check(
    size.length === stride.length,
    () => `dimensionality of sizes (${size.length}) must match dimensionality of strides (${stride.length})`,
  );
  const layout = new Layout(size, stride, 0);
  return finish(wrap(new Storage(device, layout.end * dtype.itemsize), layout, dtype), v);
}

// ---------------------------------------------------------------- from data

interface Scan {
  readonly shape: number[];
  kind: "empty" | "bool" | "int" | "float" | "complex";
  dtype: DType | null;
}

/** Reads the shape of nested data and what kinds of numbers it has. */
function scan(data: unknown): Scan {
  const result: Scan = { shape: shapeOf(data), kind: "empty", dtype: null };
  visit(data, 0, result);
  return result;
}

const isTyped = (x: unknown): x is TypedArray => ArrayBuffer.isView(x) && !(x instanceof DataView);

function shapeOf(data: unknown): number[] {
  const shape: number[] = [];
  let x = data;
  for (;;) {
    if (isTyped(x)) return [...shape, x.length];
    if (!Array.isArray(x)) return shape;
    shape.push(x.length);
    if (x.length === 0) return shape;
    x = x[0];
  }
}

function visit(x: unknown, depth: number, into: Scan): void {
  if (isTensor(x)) {
    check(x.numel() === 1, () => "only one element tensors can be converted to Python scalars", ValueError);
    into.dtype ??= x.dtype;
    into.dtype = resultType([into.dtype === x.dtype ? x : wrap(x.impl.storage, x.impl.layout, into.dtype), x]);
    return;
  }
  if (isTyped(x)) {
    into.dtype ??= typedDType(x, "tensor");
    return;
  }
  if (Array.isArray(x)) {
    const expected = into.shape[depth];
    check(expected !== undefined, () => "must be real number, not list", TypeError);
    check(
      expected === x.length,
      () => `expected sequence of length ${expected} at dim ${depth} (got ${x.length})`,
      ValueError,
    );
    for (const item of x) visit(item, depth + 1, into);
    return;
  }
  check(depth === into.shape.length, () => "not a sequence", TypeError);
  if (isComplexNumber(x)) into.kind = "complex";
  else if (into.kind === "complex") return;
  else if (typeof x === "number") into.kind = "float";
  else if (typeof x === "bigint") into.kind = into.kind === "float" ? "float" : "int";
  else if (typeof x === "boolean") into.kind = into.kind === "empty" ? "bool" : into.kind;
  else if (typeof x === "string") throw new TypeError("new(): invalid data type 'str'");
  else if (x === undefined) throw new TypeError("tensor(): undefined is no number");
  else throw new RuntimeError(`Could not infer dtype of ${typeName(x)}`);
}

/** The dtype of a typed array; throws for those without one. */
export function typedDType(array: ArrayBufferView, op: string): DType {
  for (const [kind, name] of typedNames) if (array instanceof kind) return dtypeByName(name);
  throw new TypeError(
    `${op}(): can't convert ${array.constructor.name}: the supported kinds are Float64Array, Float32Array, ` +
      "BigInt64Array, Int32Array, Int16Array, Int8Array, Uint8Array and Uint8ClampedArray",
  );
}

const dtypeByName = (name: DTypeName): DType => dtypes[name];
const typedNames: readonly [new (n: number) => ArrayBufferView, DTypeName][] = [
  [Float32Array, "float32"],
  [Float64Array, "float64"],
  [BigInt64Array, "int64"],
  [Int32Array, "int32"],
  [Int16Array, "int16"],
  [Int8Array, "int8"],
  [Uint8Array, "uint8"],
  [Uint8ClampedArray, "uint8"],
];

/** A new tensor with a copy of the data; numbers without a dtype make float32, bigints int64, booleans bool. */
export function fromData(data: unknown, dtype: DType | null, device: Device): Tensor {
  if (isTensor(data)) {
    const target = dtype ?? data.dtype;
    const out = emptyTensor(data.shape, target, device);
    return out.numel() === 0 ? out : copyKernel.into([data.detach()], out, convertVia(data.dtype, target));
  }
  const found = scan(data);
  const decides = found.kind === "float" || found.kind === "complex" || found.dtype === null;
  const target = dtype ?? (decides ? dtypeOfKind(found.kind) : found.dtype!);
  checkSize("tensor", found.shape);
  const out = emptyTensor(found.shape, target, device);
  if (device.type === "meta") return out;
  const write = writer(out.impl.storage.window(target), target);
  let at = 0;
  const put = (x: unknown): void => {
    if (Array.isArray(x)) for (const item of x) put(item);
    else if (isTyped(x)) for (let i = 0; i < x.length; i++) write(at++, x[i]!);
    else {
      const value = isTensor(x) ? (x.item({ bigint: true }) as Scalar) : (x as Scalar);
      check(target.isComplex || !isComplexNumber(value), () => "must be real number, not complex", TypeError);
      if (target.category === "int") checkDatum(value, target);
      write(at++, value);
    }
  };
  put(data);
  return out;
}

function dtypeOfKind(kind: Scan["kind"]): DType {
  if (kind === "int") return int64;
  if (kind === "bool") return bool;
  return kind === "complex" ? getDefaultDtype().toComplex() : getDefaultDtype();
}

function checkDatum(value: Scalar, dtype: DType): void {
  if (!overflows(value, dtype)) return;
  throw new RuntimeError(
    typeof value === "bigint" && dtype === int64
      ? "Overflow when unpacking long"
      : `value cannot be converted to type ${dtype.name} without overflow`,
  );
}

/** The dtype to compute a conversion in. */
export function convertVia(from: DType, to: DType): DType {
  if (from.isComplex || to.isComplex) return convertVia(from.toReal(), to.toReal());
  if (from.category === "float") return from.itemsize >= 4 ? from : float32;
  if (to.category === "float") return to.itemsize >= 4 ? to : float32;
  return from === int64 || to === int64 ? int64 : from === bool ? to : from;
}

/** Writes numbers as a dtype's bits. */
export function writer(window: TypedArray, dtype: DType): (i: number, value: Scalar) => void {
  switch (dtype.name) {
    case "int64": {
      const w = window as BigInt64Array;
      return (i, v) => {
        w[i] = scalarBigInt(v);
      };
    }
    case "bool":
      return (i, v) => {
        window[i] = v ? 1 : 0;
      };
    case "float16":
      return (i, v) => {
        window[i] = numberToHalf(Number(v));
      };
    case "bfloat16":
      return (i, v) => {
        window[i] = numberToBfloat16(Number(v));
      };
    case "complex64":
    case "complex128":
      return (i, v) => {
        window[2 * i] = isComplexNumber(v) ? v.re : Number(v);
        window[2 * i + 1] = isComplexNumber(v) ? v.im : 0;
      };
    case "float32":
    case "float64":
      return (i, v) => {
        window[i] = Number(v);
      };
    default:
      return (i, v) => {
        window[i] = typeof v === "number" && Math.abs(v) < 2 ** 31 ? v : Number(BigInt.asIntN(32, scalarBigInt(v)));
      };
  }
}

/** `tensor(data, options)`. */
export interface FromData {
  (data: Data, options?: CreateOptions): Tensor;
  readonly op: OpInfo;
}

/**
 * A new tensor with a copy of the data: numbers, nested lists, typed arrays or tensors. Numbers make float32 whatever
 * their values (JavaScript cannot tell `1` from `1.0`), bigints int64, booleans bool, a typed array its own dtype;
 * `dtype` says otherwise.
 * @throws ValueError "expected sequence of length 2 at dim 1 (got 1)" for ragged lists, TypeError for data that are
 *   none.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.tensor.html
 * @example torch.tensor([[1, 2], [3, 4]]) // tensor([[1., 2.], [3., 4.]])
 * @example torch.tensor([1, 2], { dtype: "int64" }) // tensor([1, 2])
 */
export const tensor: FromData = fn<FromData>(
  { name: "tensor", params: `data:any? ${factory}`, kind: "create" },
  (v) => {
    if (isTensor(v.data)) {
      warn(
        "copy-construct",
        "To copy construct from a tensor, it is recommended to use sourceTensor.clone().detach() or " +
          "sourceTensor.clone().detach().requires_grad_(True), rather than torch.tensor(sourceTensor).",
      );
    }
    return finish(fromData(v.data, v.dtype as DType | null, deviceOf(v)), v);
  },
);

/**
 * The data itself where it is a tensor of this dtype and device, a tensor over its memory where it is a typed array of
 * the dtype, else a copy.
 * @example torch.asTensor(x) === x // true
 * @example
 * const array = new Float32Array(2);
 * const shared = torch.asTensor(array);
 * array[0] = 5;
 * shared // tensor([5., 0.])
 */
export const asTensor: FromData = fn<FromData>(
  { name: "asTensor", params: `data:any ${factory}`, kind: "create" },
  (v) => {
    const dtype = v.dtype as DType | null;
    if (isTensor(v.data)) {
      if ((dtype === null || dtype === v.data.dtype) && deviceOf(v, v.data.device) === v.data.device) return v.data;
      return v.data.to(dtype ?? v.data.dtype);
    }
    if (isTyped(v.data) && (dtype === null || dtype === typedDType(v.data, "asTensor")))
      return fromTyped(v.data, "asTensor");
    return finish(fromData(v.data, dtype, deviceOf(v)), v);
  },
);

/** `scalarTensor(5)`. */
export interface ScalarTensor {
  (s: Scalar, options?: CreateOptions): Tensor;
  readonly op: OpInfo;
}

/**
 * A number as a tensor without dims, of the default float dtype unless told otherwise.
 * @example torch.scalarTensor(3) // tensor(3.)
 */
export const scalarTensor: ScalarTensor = fn<ScalarTensor>(
  { name: "scalarTensor", params: `s:scalar ${factory}`, kind: "create" },
  (v) => {
    const dtype = (v.dtype as DType | null) ?? getDefaultDtype();
    return finish(fillRaw(emptyTensor([], dtype, deviceOf(v)), v.s as Scalar), v);
  },
);

/** `asarray(obj, { dtype, device, copy })`. */
export interface AsArray {
  (obj: Data, options?: CreateOptions & { copy?: boolean | null }): Tensor;
  readonly op: OpInfo;
}

/**
 * The data as a tensor. By default memory is shared where it can be (tensors, typed arrays, buffers); `copy: true`
 * always copies, `copy: false` never does.
 * @throws ValueError where `copy: false` cannot be kept.
 * @example torch.asarray([1, 2]) // tensor([1., 2.])
 */
export const asarray: AsArray = fn<AsArray>(
  { name: "asarray", params: `obj:any ${factory} copy:bool?=null`, kind: "create" },
  (v) => {
    const shared = asTensor(v.obj as Data, { dtype: v.dtype as DType | null, device: v.device as Device | null });
    const shares = shared === v.obj || (isTyped(v.obj) && shared.impl.storage.host === v.obj.buffer);
    check(v.copy !== false || shares, () => "can't alias the object: a copy is needed", ValueError);
    const out = v.copy === true && shares ? shared.detach().clone() : shared;
    return v.requiresGrad ? finish(out === v.obj ? shared.detach() : out, v) : out;
  },
);

/** `frombuffer(buffer, { dtype, count, offset })`. */
export interface FromBuffer {
  (
    buffer: ArrayBufferLike | ArrayBufferView,
    options: { dtype: DTypeLike; count?: number; offset?: number; requiresGrad?: boolean },
  ): Tensor;
  readonly op: OpInfo;
}

/**
 * A vector over the bytes of an ArrayBuffer or a view of one, which share memory: `count` elements of `dtype` (-1: all)
 * from byte `offset` on.
 * @throws ValueError where the bytes do not suffice, or are not a whole number of elements.
 * @example torch.frombuffer(new Uint8Array([1, 0, 2, 0]), { dtype: "int16" }) // tensor([1, 2], dtype=torch.int16)
 */
export const frombuffer: FromBuffer = fn<FromBuffer>(
  {
    name: "frombuffer",
    params: "buffer:any * dtype:dtype count:int=-1 offset:int=0 requiresGrad:bool=false",
    kind: "create",
  },
  (v) => {
    const view = ArrayBuffer.isView(v.buffer) ? v.buffer : null;
    const bytes = view?.byteLength ?? (v.buffer as ArrayBufferLike).byteLength;
    if (typeof bytes !== "number") throw new TypeError("object does not implement Python buffer protocol.");
    const dtype = v.dtype as DType;
    const [offset, given] = [v.offset as number, v.count as number];
    const size = dtype.itemsize;
    check(
      bytes > 0 && given !== 0,
      () => `both buffer length (${bytes}) and count (${given}) must not be 0`,
      ValueError,
    );
    check(
      offset >= 0 && offset < bytes,
      () => `offset (${offset} bytes) must be non-negative and no greater than buffer length (${bytes} bytes) minus 1`,
      ValueError,
    );
    check(
      given >= 0 || (bytes - offset) % size === 0,
      () =>
        `buffer length (${bytes - offset} bytes) after offset (${offset} bytes) must be a multiple of element size (${size})`,
      ValueError,
    );
    const count = given < 0 ? (bytes - offset) / size : given;
    check(
      offset + count * size <= bytes,
      () =>
        `requested buffer length (${count} * ${size} bytes) after offset (${offset} bytes) must not be greater than ` +
        `actual buffer length (${bytes} bytes)`,
      ValueError,
    );
    const start = (view?.byteOffset ?? 0) + offset;
    const memory = view === null ? (v.buffer as ArrayBufferLike) : view.buffer;
    check(
      start % size === 0,
      () => `frombuffer(): byte ${start} of the memory is not aligned for ${dtype}`,
      ValueError,
    );
    const storage = Storage.over(cpu, memory, start, count * size);
    announce(() => ({ kind: "share", storage }));
    return finish(wrap(storage, Layout.contiguous([count]), dtype), v);
  },
);

/** The `ndarray` convention: a typed array with a shape, strides and an offset in elements. */
export interface NDArray {
  readonly data: TypedArray | Uint8ClampedArray;
  readonly shape: readonly number[];
  readonly stride?: readonly number[];
  readonly offset?: number;
  /** Says that the data are the interleaved parts of complex elements. */
  readonly dtype?: "complex64" | "complex128";
}

function fromTyped(array: ArrayBufferView, op: string): Tensor {
  const dtype = typedDType(array, op);
  const length = array.byteLength / dtype.itemsize;
  const storage = Storage.over(cpu, array.buffer, array.byteOffset, array.byteLength);
  announce(() => ({ kind: "share", storage }));
  return wrap(storage, Layout.contiguous([length]), dtype);
}

/**
 * A tensor over the memory of a typed array, or of `{ data, shape, stride, offset }` as the `ndarray` package has it:
 * writes to one are seen in the other. `torch.tensor` copies. Uint8ClampedArray is uint8.
 * @throws TypeError for arrays without a dtype: Uint16Array, Uint32Array, BigUint64Array.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.from_numpy.html
 * @example
 * const array = new Float32Array(2);
 * const t = torch.fromNumpy(array);
 * t.fill_(3);
 * array // Float32Array(2) [ 3, 3 ]
 */
export function fromNumpy(source: TypedArray | Uint8ClampedArray | NDArray): Tensor {
  if (isTyped(source)) return fromTyped(source, "fromNumpy");
  if (!isOptions(source) && !(typeof source === "object" && source !== null && "data" in source)) {
    throw new TypeError(`expected a typed array or { data, shape, stride, offset } (got ${typeName(source)})`);
  }
  const { data, shape, stride, offset = 0 } = source as NDArray;
  if (!isTyped(data)) throw new TypeError(`expected a typed array as data (got ${typeName(data)})`);
  checkSize("fromNumpy", shape);
  const layout = stride === undefined ? Layout.contiguous(shape, offset) : new Layout(shape, stride, offset);
  check(
    layout.strides.every((s) => s >= 0),
    () =>
      "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently " +
      "supported. (You can probably work around this by making a copy of your array  with array.copy().) ",
    ValueError,
  );
  const whole = fromTyped(data, "fromNumpy");
  const dtype = complexOf(whole.dtype, (source as NDArray).dtype);
  const length = data.length / (dtype.isComplex ? 2 : 1);
  check(offset >= 0 && layout.end <= length, () => "fromNumpy(): shape, stride and offset reach beyond the data");
  return wrap(whole.impl.storage, layout, dtype);
}

/** The dtype of data of which an array may say that its numbers are parts. */
function complexOf(parts: DType, named: string | undefined): DType {
  if (named === undefined) return parts;
  const dtype = parts.category === "float" ? parts.toComplex() : parts;
  check(dtype.name === named, () => `fromNumpy(): ${parts} data are not the parts of ${named}`, TypeError);
  return dtype;
}

Tensor.legacy = (args: unknown[]): TensorImpl => {
  const first = args[0];
  if (args.length === 1 && (Array.isArray(first) || isTyped(first))) return fromData(first, float32, cpu).impl;
  if (args.length === 1 && isTensor(first)) return first.detach().impl;
  for (const n of args)
    if (!isScalar(n)) throw new TypeError(`new Tensor(): sizes must be numbers, not ${typeName(n)}`);
  const size = args.length === 0 ? [0] : (args as number[]);
  checkSize("Tensor", size);
  return emptyTensor(size, float32).impl;
};
