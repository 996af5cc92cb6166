/** Numbers from JavaScript as PyTorch's scalars, and the dtype that operands promote to. */
import { type Complex, isComplexNumber } from "./complex.ts";
import { bool, categoryRank, type DType, float32, int64, promoteTypes } from "./dtype.ts";
import { check } from "./errors.ts";
import { isTensor, type Tensor } from "./tensor.ts";

/** A Python number, as JavaScript has it. */
export type Scalar = RealScalar | Complex;

/** One that is not complex. */
export type RealScalar = number | bigint | boolean;

/** A tensor or a number. */
export type Operand = Tensor | Scalar;

let defaultDType: DType = float32;

/**
 * The dtype of floats that nobody gave a dtype; float32 unless set.
 * @example torch.getDefaultDtype() // torch.float32
 */
export const getDefaultDtype = (): DType => defaultDType;

/**
 * Sets the default float dtype.
 * @throws TypeError for a dtype that is no floating-point one.
 * @example torch.setDefaultDtype(torch.float32)
 */
export function setDefaultDtype(dtype: DType): void {
  check(dtype.category === "float", () => "only floating-point types are supported as the default type", TypeError);
  defaultDType = dtype;
}

export const isScalar = (value: unknown): value is Scalar =>
  typeof value === "number" || typeof value === "bigint" || typeof value === "boolean" || isComplexNumber(value);

/** A number counts as an int where it is a safe integer and not -0. */
export const isInt = (value: number): boolean => Number.isSafeInteger(value) && !Object.is(value, -0);

/** The dtype that a lone scalar has: int64, bool, the default float, or complex with such parts. */
export function scalarDType(value: Scalar): DType {
  if (typeof value === "boolean") return bool;
  if (isComplexNumber(value)) return defaultDType.toComplex();
  if (typeof value === "bigint" || isInt(value)) return int64;
  return defaultDType;
}

/**
 * PyTorch's result type: tensors with dims, then 0-dim tensors, then numbers; a lower group counts only where its
 * category is higher.
 */
export function resultType(operands: readonly Operand[]): DType {
  const groups: (DType | undefined)[] = [undefined, undefined, undefined];
  for (const x of operands) {
    const tensor = isTensor(x);
    const group = tensor ? (x.impl.layout.rank > 0 ? 0 : 1) : 2;
    const dtype = tensor ? x.impl.dtype.shown : scalarDType(x);
    groups[group] = groups[group] === undefined ? dtype : promoteTypes(groups[group], dtype);
  }
  return combine(groups[0], combine(groups[1], groups[2])) ?? defaultDType;
}

function combine(higher: DType | undefined, lower: DType | undefined): DType | undefined {
  if (higher === undefined || lower === undefined) return higher ?? lower;
  if (categoryRank(higher) >= categoryRank(lower)) return higher;
  if (higher.category === "float") return higher.toComplex();
  return promoteTypes(higher, lower);
}

/** Ints and bools become the default float. */
export const toFloat = (dtype: DType): DType => (dtype.isDifferentiable ? dtype : defaultDType);

/** A scalar as a float64; throws PyTorch's error for one with an imaginary part. */
export const scalarNumber = (value: Scalar): number => Number(value);

/** A scalar as an int64, truncated. */
export function scalarBigInt(value: Scalar): bigint {
  if (typeof value === "bigint") return BigInt.asIntN(64, value);
  const n = Number(value);
  return Number.isFinite(n) ? BigInt.asIntN(64, BigInt(Math.trunc(n))) : -(2n ** 63n);
}
