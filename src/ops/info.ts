/** Functions about dtypes and tensors that compute no tensor: `resultType`, `canCast`, `finfo`, `isFloatingPoint`, … */
import { canCast as castable, DType, dtypes, promoteTypes as promoted } from "../core/dtype.ts";
import { check, typeName } from "../core/errors.ts";
import { largest } from "../core/sampling.ts";
import { getDefaultDtype, isScalar, type Operand, resultType as resultOf } from "../core/scalar.ts";
import { Storage } from "../core/storage.ts";
import { printsAs } from "../core/symbols.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import type { DTypeLike } from "./call.ts";
import { needTensor } from "./define.ts";

function dtypeOf(op: string, name: string, value: DTypeLike): DType {
  if (value instanceof DType) return value;
  if (typeof value === "string" && value in dtypes) return dtypes[value];
  throw new TypeError(`${op}(): argument '${name}' must be torch.dtype, not ${typeName(value)}`);
}

/**
 * The dtype that an operation on these two, tensors or numbers, has.
 * @example torch.resultType(torch.tensor([1n]), 1.5) // torch.float32
 */
export function resultType(a: Operand, b: Operand): DType {
  for (const x of [a, b]) {
    if (!isTensor(x) && !isScalar(x)) {
      throw new TypeError(`resultType(): arguments must be Tensor or Number, not ${typeName(x)}`);
    }
  }
  return resultOf([a, b]);
}

/**
 * The smallest dtype that both convert to without loss of kind.
 * @example torch.promoteTypes(torch.int64, torch.float16) // torch.float16
 */
export function promoteTypes(type1: DTypeLike, type2: DTypeLike): DType {
  return promoted(dtypeOf("promoteTypes", "type1", type1), dtypeOf("promoteTypes", "type2", type2));
}

/**
 * Whether values of one dtype may be written into another by an in-place operation.
 * @example torch.canCast(torch.float32, torch.int64) // false
 */
export function canCast(from: DTypeLike, to: DTypeLike): boolean {
  return castable(dtypeOf("canCast", "from_", from), dtypeOf("canCast", "to", to));
}

/**
 * Whether the dtype is one of floats.
 * @example torch.isFloatingPoint(x) // true
 */
export function isFloatingPoint(input: Tensor): boolean {
  return needTensor("isFloatingPoint", input).dtype.isFloatingPoint;
}

/**
 * Whether the dtype is complex.
 * @example torch.isComplex(x) // false
 */
export function isComplex(input: Tensor): boolean {
  return needTensor("isComplex", input).dtype.isComplex;
}

/**
 * Whether the dtype has negative numbers.
 * @example torch.isSigned(x) // true
 */
export function isSigned(input: Tensor): boolean {
  return needTensor("isSigned", input).dtype.isSigned;
}

/**
 * Whether the tensor was made in inference mode.
 * @example torch.isInference(x) // false
 */
export function isInference(input: Tensor): boolean {
  return needTensor("isInference", input).isInference();
}

/**
 * Whether a conjugation waits to be carried out, when the tensor is read.
 * @example torch.isConj(x) // false
 */
export function isConj(input: Tensor): boolean {
  return needTensor("isConj", input).isConj();
}

/**
 * Whether a negation waits to be carried out, when the tensor is read.
 * @example torch.isNeg(x) // false
 */
export function isNeg(input: Tensor): boolean {
  return needTensor("isNeg", input).isNeg();
}

/**
 * Whether two tensors have the same shape.
 * @example torch.isSameSize(x, x.T) // false
 */
export function isSameSize(input: Tensor, other: Tensor): boolean {
  return needTensor("isSameSize", input).isSameSize(other);
}

/**
 * Whether a value is a storage.
 * @example torch.isStorage(x.untypedStorage()) // true
 */
export function isStorage(obj: unknown): obj is Storage {
  return obj instanceof Storage;
}

/**
 * The conjugate transpose of a matrix or a batch of them, as a view.
 * @example x.adjoint().shape // torch.Size([3, 2])
 */
export function adjoint(input: Tensor): Tensor {
  return needTensor("adjoint", input).adjoint();
}

/**
 * Writes zeros into a tensor and returns it.
 * @example torch.zero_(torch.ones(2)) // tensor([0., 0.])
 */
export function zero_(input: Tensor): Tensor {
  return needTensor("zero_", input).zero_();
}

/**
 * Gives a tensor the size of another, in place; see `Tensor.resize_`.
 * @example torch.resizeAs_(torch.zeros(6), x).shape // torch.Size([2, 3])
 */
export function resizeAs_(input: Tensor, theTemplate: Tensor, options: { memoryFormat?: never } = {}): Tensor {
  return needTensor("resizeAs_", input).resizeAs_(theTemplate, options);
}

/** C's %g, six digits, as PyTorch prints these limits. */
function sixDigits(x: number): string {
  const longer = x.toExponential(6);
  // C rounds a tie to the even digit, JavaScript up.
  const tie = Number(longer) === x && /[02468]5e/.test(longer);
  const [digits, exponent] = (tie ? longer.replace("5e", "e") : x.toExponential(5)).split("e") as [string, string];
  const e = Number(exponent);
  const trim = (text: string): string => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (e >= -4 && e < 6) return trim(Number(`${digits}e${e}`).toFixed(5 - e));
  return `${trim(digits)}e${e < 0 ? "-" : "+"}${String(Math.abs(e)).padStart(2, "0")}`;
}

/**
 * The limits of a float dtype.
 * @example torch.finfo(torch.float16).max // 65504
 */
export class FloatInfo {
  readonly bits: number;
  /** The distance from 1 to the next number. */
  readonly eps: number;
  readonly max: number;
  readonly min: number;
  readonly smallestNormal: number;
  readonly tiny: number;
  /** About the precision in decimal digits. */
  readonly resolution: number;
  /** The dtype's name. */
  readonly dtype: string;

  constructor(dtype: DType) {
    const [eps, smallest, decimals] = floats[dtype.name]!;
    this.bits = dtype.itemsize * 8;
    this.eps = eps;
    this.max = largest[dtype.name]!;
    this.min = -this.max;
    this.smallestNormal = smallest;
    this.tiny = smallest;
    this.resolution = Number(`1e-${decimals}`);
    this.dtype = dtype.name;
    Object.freeze(this);
  }

  toString(): string {
    const { resolution, min, max, eps, smallestNormal, tiny, dtype } = this;
    const fields = { resolution, min, max, eps, smallest_normal: smallestNormal, tiny };
    const texts = Object.entries(fields).map(([name, value]) => `${name}=${sixDigits(value)}`);
    return `finfo(${texts.join(", ")}, dtype=${dtype})`;
  }
}

printsAs(FloatInfo);

/** The distance from 1 to the next number, the smallest normal one, and the decimal digits that are certain. */
const floats: Readonly<Record<string, readonly [number, number, number]>> = {
  float16: [2 ** -10, 2 ** -14, 3],
  bfloat16: [2 ** -7, 2 ** -126, 2],
  float32: [2 ** -23, 2 ** -126, 6],
  float64: [2 ** -52, 2 ** -1022, 15],
};

/**
 * The limits of a float dtype, for a complex one those of its parts; without one, of the default dtype.
 * @example torch.finfo(torch.float32).max // 3.4028234663852886e+38
 */
export function finfo(type: DTypeLike = getDefaultDtype()): FloatInfo {
  const dtype = dtypeOf("finfo", "type", type);
  check(
    dtype.isDifferentiable,
    () => "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'",
    TypeError,
  );
  return new FloatInfo(dtype.toReal());
}

/**
 * The limits of an integer dtype; those of int64 are bigints, which numbers do not hold.
 * @example torch.iinfo(torch.int8).max // 127
 */
export class IntegerInfo {
  readonly bits: number;
  readonly max: number | bigint;
  readonly min: number | bigint;
  /** The dtype's name. */
  readonly dtype: string;

  constructor(dtype: DType) {
    this.bits = dtype.itemsize * 8;
    const wide = this.bits === 64;
    const range = 2n ** BigInt(dtype.isSigned ? this.bits - 1 : this.bits);
    const [min, max] = [dtype.isSigned ? -range : 0n, range - 1n];
    this.max = wide ? max : Number(max);
    this.min = wide ? min : Number(min);
    this.dtype = dtype.name;
    Object.freeze(this);
  }

  toString(): string {
    return `iinfo(min=${sixDigits(Number(this.min))}, max=${sixDigits(Number(this.max))}, dtype=${this.dtype})`;
  }
}

printsAs(IntegerInfo);

/**
 * The limits of an integer dtype.
 * @example torch.iinfo(torch.uint8).max // 255
 */
export function iinfo(type: DTypeLike): IntegerInfo {
  const dtype = dtypeOf("iinfo", "type", type);
  check(dtype.name !== "bool", () => "torch.bool is not supported by torch.iinfo", TypeError);
  check(
    !dtype.isFloatingPoint && !dtype.isComplex,
    () => "torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'",
    TypeError,
  );
  return new IntegerInfo(dtype);
}
