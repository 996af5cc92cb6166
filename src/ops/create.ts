/** Tensors from data, sizes and other tensors. */
import { cpu, type Device, usableDevice } from "../core/device.ts";
import { bool, type DType, type DTypeName, dtypes, float32, int64, type TypedArray } from "../core/dtype.ts";
import { check, typeName, ValueError } from "../core/errors.ts";
import { Layout, list, product } from "../core/layout.ts";
import { isOptions, type Values } from "../core/params.ts";
import { getDefaultDtype, isScalar, resultType, type Scalar, scalarBigInt, scalarDType } from "../core/scalar.ts";
import { Storage } from "../core/storage.ts";
import { isTensor, Tensor, type TensorImpl, wrap } from "../core/tensor.ts";
import { warn } from "../core/warnings.ts";
import { numberToBfloat16, numberToHalf } from "../ir/half.ts";
import type { DeviceLike, DTypeLike, OpInfo } from "./call.ts";
import { composite, copyKernel, fn } from "./define.ts";
import { emptyTensor } from "./operands.ts";

/** What creation functions take by name. */
export interface CreateOptions {
  /** Default: the default float dtype, or what the data says. */
  dtype?: DTypeLike | null;
  /** Default cpu. */
  device?: DeviceLike | null;
  requiresGrad?: boolean;
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

const factory = "* dtype:dtype?=null device:device?=null requiresGrad:bool=false";

/** The tail of every creation: the device exists, and `requiresGrad` fits the dtype. */
function finish(t: Tensor, values: Values): Tensor {
  if (values.requiresGrad) {
    check(t.dtype.isFloatingPoint, () => "Only Tensors of floating point and complex dtype can require gradients");
    t.requiresGrad = true;
  }
  return t;
}

function deviceOf(values: Values, fallback: Device = cpu): Device {
  return values.device == null ? fallback : usableDevice(values.device as Device);
}

/** Largest number of elements, so that byte counts stay exact and messages come before any allocation. */
const maxNumel = 2 ** 40;

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
  check(product(size) <= maxNumel, () => `${op}(): a tensor of size ${list(size)} has too many elements`);
}

/** Fills with one value, without autograd. */
export function fillRaw(t: Tensor, value: Scalar): Tensor {
  if (t.device.type === "meta" || t.numel() === 0) return t;
  return copyKernel.into([value], t, t.dtype.category === "float" ? t.dtype : scalarIntDType(value, t.dtype));
}

/** The dtype to carry a number to a tensor of integers or bools: floats pass as floats and are truncated there. */
function scalarIntDType(value: Scalar, target: DType): DType {
  const own = scalarDType(value);
  return own.category === "float" || target === bool ? (own === bool ? int64 : own) : int64;
}

function bySize(name: string, fill: Scalar | null): BySize {
  return fn<BySize>({ name, params: `...size:ints ${factory}`, kind: "create" }, (values) => {
    const size = values.size as number[];
    checkSize(name, size);
    const t = emptyTensor(size, (values.dtype as DType | null) ?? getDefaultDtype(), deviceOf(values));
    return finish(fill === null ? t : fillRaw(t, fill), values);
  });
}

/** Uninitialised memory of this size. */
export const empty: BySize = bySize("empty", null);
/** Zeros of this size. */
export const zeros: BySize = bySize("zeros", 0);
/** Ones of this size. */
export const ones: BySize = bySize("ones", 1);

/** A function of size and fill value. */
export interface Full {
  (size: readonly number[], fillValue: Scalar, options?: CreateOptions): Tensor;
  readonly op: OpInfo;
}

/** One value everywhere; the dtype is the value's unless given. */
export const full: Full = fn<Full>(
  { name: "full", params: `size:ints fillValue:scalar ${factory}`, kind: "create" },
  (v) => {
    const size = v.size as number[];
    const value = v.fillValue as Scalar;
    checkSize("full", size);
    const t = emptyTensor(size, (v.dtype as DType | null) ?? scalarDType(value), deviceOf(v));
    return finish(fillRaw(t, value), v);
  },
);

// ---------------------------------------------------------------- like another tensor

/** `like(x, options)`. */
export interface Like {
  (self: Tensor, options?: CreateOptions): Tensor;
  readonly op: OpInfo;
}

function like(name: string, fill: Scalar | null): Like {
  return composite<Like>(
    { name, params: `${factory} memoryFormat:any?=null`, receiver: null, kind: "create" },
    (self, values) => {
      const dtype = (values.dtype as DType | null) ?? self.dtype;
      const device = deviceOf(values, self.device);
      const layout = self.impl.layout.fresh();
      const t = wrap(new Storage(device, layout.end * dtype.itemsize), layout, dtype);
      return finish(fill === null ? t : fillRaw(t, fill), values);
    },
  );
}

/** Uninitialised, with the size, dtype and device of another. */
export const emptyLike: Like = like("emptyLike", null);
/** Zeros, with the size, dtype and device of another. */
export const zerosLike: Like = like("zerosLike", 0);
/** Ones, with the size, dtype and device of another. */
export const onesLike: Like = like("onesLike", 1);

/** `fullLike(x, value, options)`. */
export interface FullLike {
  (self: Tensor, fillValue: Scalar, options?: CreateOptions): Tensor;
  readonly op: OpInfo;
}

/** One value everywhere, with the size, dtype and device of another. */
export const fullLike: FullLike = composite<FullLike>(
  { name: "fullLike", params: `fillValue:scalar ${factory} memoryFormat:any?=null`, receiver: null, kind: "create" },
  (self, values) => {
    const dtype = (values.dtype as DType | null) ?? self.dtype;
    const layout = self.impl.layout.fresh();
    const t = wrap(new Storage(deviceOf(values, self.device), layout.end * dtype.itemsize), layout, dtype);
    return finish(fillRaw(t, values.fillValue as Scalar), values);
  },
);

/** `x.newZeros(2, 3)`: a method by size, of the receiver's dtype and device. */
export interface NewBySize {
  (self: Tensor, ...size: number[]): Tensor;
  (self: Tensor, ...args: [...number[], CreateOptions]): Tensor;
  (self: Tensor, size: readonly number[], options?: CreateOptions): Tensor;
  readonly op: OpInfo;
}

function newBySize(name: string, fill: Scalar | null): NewBySize {
  return composite<NewBySize>(
    { name, params: `...size:ints ${factory}`, isFunction: false, kind: "create" },
    (self, values) => {
      const size = values.size as number[];
      checkSize(name, size);
      const t = emptyTensor(size, (values.dtype as DType | null) ?? self.dtype, deviceOf(values, self.device));
      return finish(fill === null ? t : fillRaw(t, fill), values);
    },
  );
}

/** Uninitialised, of this tensor's dtype and device. */
export const newEmpty: NewBySize = newBySize("newEmpty", null);
/** Zeros of this tensor's dtype and device. */
export const newZeros: NewBySize = newBySize("newZeros", 0);
/** Ones of this tensor's dtype and device. */
export const newOnes: NewBySize = newBySize("newOnes", 1);

/** `x.newFull(size, value)`. */
export interface NewFull {
  (self: Tensor, size: readonly number[], fillValue: Scalar, options?: CreateOptions): Tensor;
  readonly op: OpInfo;
}

/** One value everywhere, of this tensor's dtype and device. */
export const newFull: NewFull = composite<NewFull>(
  { name: "newFull", params: `size:ints fillValue:scalar ${factory}`, isFunction: false, kind: "create" },
  (self, values) => {
    const size = values.size as number[];
    checkSize("newFull", size);
    const t = emptyTensor(size, (values.dtype as DType | null) ?? self.dtype, deviceOf(values, self.device));
    return finish(fillRaw(t, values.fillValue as Scalar), values);
  },
);

/** `x.newTensor(data)`. */
export interface NewTensor {
  (self: Tensor, data: Data, options?: CreateOptions): Tensor;
  readonly op: OpInfo;
}

/** A copy of data in this tensor's dtype and device. */
export const newTensor: NewTensor = composite<NewTensor>(
  { name: "newTensor", params: `data:any ${factory}`, isFunction: false, kind: "create" },
  (self, values) =>
    finish(fromData(values.data, (values.dtype as DType | null) ?? self.dtype, deviceOf(values, self.device)), values),
);

/** `emptyStrided(size, stride)`. */
export interface EmptyStrided {
  (size: readonly number[], stride: readonly number[], options?: CreateOptions): Tensor;
  readonly op: OpInfo;
}

/** Uninitialised memory with these strides, in elements. */
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
  { name: "newEmptyStrided", params: `size:ints stride:ints ${factory}`, isFunction: false, kind: "create" },
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
  kind: "empty" | "bool" | "int" | "float";
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
    if (isTensor(x)) return [...shape, ...x.shape];
    if (isTyped(x)) return [...shape, x.length];
    if (!Array.isArray(x)) return shape;
    shape.push(x.length);
    if (x.length === 0) return shape;
    x = x[0];
  }
}

function visit(x: unknown, depth: number, into: Scan): void {
  if (isTensor(x)) {
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
    check(
      expected === x.length,
      () => `expected sequence of length ${expected} at dim ${depth} (got ${x.length})`,
      ValueError,
    );
    for (const item of x) visit(item, depth + 1, into);
    return;
  }
  check(
    depth === into.shape.length,
    () => `expected sequence of length ${into.shape[depth]} at dim ${depth} (got a number)`,
    ValueError,
  );
  if (typeof x === "number") into.kind = "float";
  else if (typeof x === "bigint") into.kind = into.kind === "float" ? "float" : "int";
  else if (typeof x === "boolean") into.kind = into.kind === "empty" ? "bool" : into.kind;
  else throw new TypeError(`tensor(): could not infer dtype of ${typeName(x)}`);
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
  const byKind =
    found.kind === "float"
      ? getDefaultDtype()
      : found.kind === "int"
        ? int64
        : found.kind === "bool"
          ? bool
          : getDefaultDtype();
  const target = dtype ?? (found.kind === "float" || found.dtype === null ? byKind : found.dtype);
  checkSize("tensor", found.shape);
  const out = emptyTensor(found.shape, target, device);
  if (device.type === "meta") return out;
  const write = writer(out.impl.storage.window(target), target);
  let at = 0;
  const put = (x: unknown): void => {
    if (Array.isArray(x)) for (const item of x) put(item);
    else if (isTyped(x)) for (let i = 0; i < x.length; i++) write(at++, x[i]!);
    else if (isTensor(x)) for (const v of flatValues(x)) write(at++, v);
    else write(at++, x as Scalar);
  };
  put(data);
  return out;
}

function* flatValues(t: Tensor): Iterable<Scalar> {
  yield* t.flatten().tolist() as Scalar[];
}

/** The dtype to compute a conversion in. */
export function convertVia(from: DType, to: DType): DType {
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
 * A new tensor with a copy of the data.
 * @throws ValueError where nested lists differ in length, TypeError for what is no number.
 * @example torch.tensor([[1, 2], [3, 4]])
 */
export const tensor: FromData = fn<FromData>({ name: "tensor", params: `data:any ${factory}`, kind: "create" }, (v) => {
  if (isTensor(v.data)) {
    warn(
      "copy-construct",
      "To copy construct from a tensor, it is recommended to use sourceTensor.clone().detach() or " +
        "sourceTensor.clone().detach().requires_grad_(True), rather than torch.tensor(sourceTensor).",
    );
  }
  return finish(fromData(v.data, v.dtype as DType | null, deviceOf(v)), v);
});

/** The data itself where it is a tensor or a typed array of the dtype, else a copy. */
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

/** The `ndarray` convention: a typed array with a shape, strides and an offset in elements. */
export interface NDArray {
  readonly data: TypedArray | Uint8ClampedArray;
  readonly shape: readonly number[];
  readonly stride?: readonly number[];
  readonly offset?: number;
}

function fromTyped(array: ArrayBufferView, op: string): Tensor {
  const dtype = typedDType(array, op);
  const length = array.byteLength / dtype.itemsize;
  const storage = Storage.over(cpu, array.buffer, array.byteOffset, array.byteLength);
  return wrap(storage, Layout.contiguous([length]), dtype);
}

/**
 * A tensor over the memory of a typed array, or of an object in the `ndarray` convention: writes to either are seen by
 * both, and the tensor cannot grow.
 * @throws TypeError for other kinds of arrays, ValueError for negative strides.
 * @example const t = torch.fromNumpy(new Float32Array(4))
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
  check(offset >= 0 && layout.end <= data.length, () => "fromNumpy(): shape, stride and offset reach beyond the data");
  const whole = fromTyped(data, "fromNumpy");
  return wrap(whole.impl.storage, layout, whole.impl.dtype);
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
