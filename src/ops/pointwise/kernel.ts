/** What the declarations here share: kernels with numbered nodes and missing derivatives, refusals, second names. */
import { withGrad } from "../../autograd/mode.ts";
import { recording } from "../../autograd/node.ts";
import { isComplexNumber } from "../../core/complex.ts";
import { bool, type DType } from "../../core/dtype.ts";
import { check, NotImplementedError } from "../../core/errors.ts";
import { largest, missing } from "../../core/sampling.ts";
import { type Operand, resultType, type Scalar, scalarBigInt } from "../../core/scalar.ts";
import { isTensor, type Tensor } from "../../core/tensor.ts";
import { derive, mulGrad } from "../../ir/derive.ts";
import { constant, type Expr, eq, load, sub, type Value } from "../../ir/expr.ts";
import { bfloat16ToNumber, halfToNumber, numberToBfloat16, numberToHalf } from "../../ir/half.ts";
import { mapLoads } from "../../ir/loads.ts";
import type { OpInfo, OpInplace, Unary } from "../call.ts";
import { overflows } from "../create.ts";
import { type Callable, differentiable, elementwise, needTensor, pointwise } from "../define.ts";
import { type DTypeRule, type GradRule, Pointwise } from "../pointwise.ts";

export interface KernelOptions {
  /** The full name of its node; default: the capitalised name and `Backward0`. */
  readonly node?: string;
  readonly dtype?: DTypeRule;
  /** Overrides of the chain rule, one per input. */
  readonly grads?: readonly (GradRule | null)[];
  /** By input: the error that asking for its gradient throws; the others follow the chain rule. */
  readonly missing?: readonly (string | null)[];
  /** False where PyTorch's result does not require grad. */
  readonly differentiable?: boolean;
}

/** A pointwise kernel whose node may be numbered, and whose derivative may be missing in part or altogether. */
export class Kernel extends Pointwise {
  override readonly nodeName: string;
  readonly #constant: boolean;
  readonly #missing: readonly (string | null)[] | null;
  readonly #grads: readonly (Pointwise | null)[];

  constructor(name: string, arity: number, expr: Expr, options: KernelOptions) {
    super({ name, arity, expr, rule: options.dtype ?? "promote", ...gradsOf(options) });
    this.nodeName = options.node ?? `${capitalize(name)}Backward0`;
    this.#constant = options.dtype === "bool" || options.differentiable === false;
    this.#missing = options.missing ?? null;
    this.#grads = (this.#missing ?? []).map((message, i) =>
      message === null ? gradKernel(name, arity, expr, i) : null,
    );
  }

  override apply(inputs: readonly Operand[]): Tensor {
    if (!this.#constant && this.#missing === null) return super.apply(inputs);
    const tensors = inputs.map((x) => (isTensor(x) ? x : null));
    if (!recording(tensors)) return super.apply(inputs);
    const out = withGrad(false, () => super.apply(inputs));
    return this.#constant ? out : this.#recordPartly(inputs, tensors, out);
  }

  #recordPartly(inputs: readonly Operand[], tensors: readonly (Tensor | null)[], out: Tensor): Tensor {
    return differentiable(this.nodeName, out, tensors, tensors, ([g], saved, needs) =>
      inputs.map((_, i) => {
        if (!needs[i]) return null;
        const message = this.#missing?.[i] ?? null;
        if (message !== null) throw new NotImplementedError(message);
        return this.#grads[i]!.apply([g!, ...inputs.map((y, j) => (isTensor(y) ? saved[j]! : y))]);
      }),
    );
  }
}

function gradsOf({ missing, grads }: KernelOptions): { grads?: readonly (GradRule | null)[] } {
  if (missing === undefined) return grads === undefined ? {} : { grads };
  const refuse = (message: string): GradRule => {
    return () => {
      throw new NotImplementedError(message);
    };
  };
  return { grads: missing.map((message) => (message === null ? null : refuse(message))) };
}

/** The derivative by input `i`, over the gradient and the inputs. */
function gradKernel(name: string, arity: number, expr: Expr, i: number): Pointwise {
  const slope = mapLoads(derive(expr, i), (j) => j + 1);
  return pointwise(`${name}Backward`, arity + 1, (g) => mulGrad(g!, slope));
}

/** A kernel from its expression over as many inputs as the function takes. */
export function kernel(
  name: string,
  arity: number,
  value: (...inputs: Expr[]) => Value,
  options: KernelOptions = {},
): Kernel {
  const expr = value(...Array.from({ length: arity }, (_, i) => load(i)));
  return new Kernel(name, arity, typeof expr === "object" ? expr : constant(expr), options);
}

/** The derivative of a step: 0 everywhere. */
export const zeroGrad: GradRule = () => constant(0);

const capitalize = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

// ---------------------------------------------------------------- dtypes

/** Refuses dtypes that PyTorch has no kernel for, under the kernel's name in its message. */
export type Refusal = (dtype: DType) => void;

/** Refuses bool. */
export const noBool = (name: string): Refusal => refuse(name, (dtype) => dtype === bool);
/** Refuses all but floats. */
export const onlyFloat = (name: string): Refusal => refuse(name, (dtype) => dtype.category !== "float");
/** Refuses floats and complex numbers. */
export const noFloat = (name: string): Refusal => refuse(name, (dtype) => dtype.isDifferentiable);
/** Refuses all but integers. */
export const onlyInt = (name: string): Refusal => refuse(name, (dtype) => dtype.category !== "int");

function refuse(name: string, wrong: (dtype: DType) => boolean): Refusal {
  return (dtype) => {
    if (wrong(dtype)) throw missing(name, dtype);
  };
}

/** C++'s names of the dtypes in the message on overflow. */
const cNames: Readonly<Record<string, string>> = {
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

/** A parameter converted to the dtype of the tensor that it goes with: integers truncate, what does not fit throws. */
export function scalarTo(given: Scalar, dtype: DType): Scalar {
  if (dtype.isComplex) {
    check(!overflows(given, dtype), () => overflow(dtype));
    return given;
  }
  const complex = isComplexNumber(given);
  check(!complex || given.im === 0, () => overflow(dtype));
  const value = complex ? given.re : given;
  if (dtype === bool) return value !== 0 && value !== 0n && value !== false;
  if (dtype.category === "float") {
    const x = Number(value);
    check(!Number.isFinite(x) || Math.abs(x) <= largest[dtype.name]!, () => overflow(dtype));
    return x;
  }
  const x = typeof value === "number" ? Math.trunc(value) : value;
  const bits = BigInt(8 * dtype.itemsize);
  const top = dtype.isSigned ? 1n << (bits - 1n) : 1n << bits;
  const fits = Number.isFinite(Number(x)) && BigInt(x) < top && BigInt(x) >= (dtype.isSigned ? -top : 1n - top);
  check(fits, () => overflow(dtype));
  return dtype.isSigned ? scalarBigInt(x) : BigInt.asUintN(8 * dtype.itemsize, BigInt(x));
}

const overflow = (dtype: DType): string => `value cannot be converted to type ${cNames[dtype.name]} without overflow`;

/**
 * Operands whose numbers are as elements of the operands' dtype have them, where kernels compute wider: a float16 0.1
 * equals the number 0.1, a uint8 255 the number -1.
 */
export function narrowed(operands: readonly Operand[]): Operand[] {
  const dtype = resultType(operands);
  const to = narrowing[dtype.name];
  return to === undefined ? [...operands] : operands.map((x) => (isTensor(x) ? x : to(x)));
}

const narrowing: Readonly<Record<string, (x: Scalar) => Scalar>> = {
  uint8: (x) => BigInt.asUintN(8, scalarBigInt(x)),
  int8: (x) => BigInt.asIntN(8, scalarBigInt(x)),
  int16: (x) => BigInt.asIntN(16, scalarBigInt(x)),
  float16: (x) => halfToNumber(numberToHalf(Number(x))),
  bfloat16: (x) => bfloat16ToNumber(numberToBfloat16(Number(x))),
};

/** Throws as integer division by zero does, before anything is computed. */
export function refuseZeroDivision(self: Operand, other: Operand): void {
  if (resultType([self, other]).isDifferentiable) return;
  const zero = isTensor(other)
    ? other.numel() > 0 && other.device.type === "cpu" && other.eq(0).any().item()
    : Number(other) === 0;
  check(!zero, () => "ZeroDivisionError");
}

/** Whether an element is finite: what is infinite or NaN, taken from itself, is not 0. Integers are. */
export const isFiniteExpr = (x: Expr): Expr => eq(sub(x, x), 0);

// ---------------------------------------------------------------- declarations

export interface OneDeclaration {
  readonly name: string;
  /** Which argument is the method's receiver; null for a function without a method. */
  readonly receiver?: number | null;
  readonly inplace?: boolean;
  readonly refuse?: Refusal;
  readonly kernel: Kernel | ((dtype: DType) => Kernel);
}

/** An elementwise operator of one tensor without an in-place form. */
export interface UnaryOnly {
  (self: Tensor): Tensor;
  readonly op: OpInfo;
}

/** An operator of one tensor that refuses some dtypes, or whose kernel depends on the dtype. */
/* @__NO_SIDE_EFFECTS__ */
export function one<T = Unary>(d: OneDeclaration): T {
  const { name, inplace = true, receiver = 0 } = d;
  return elementwise({
    name,
    inplace,
    receiver,
    kernel: (self) => {
      const { dtype } = needTensor(name, self);
      d.refuse?.(dtype);
      return { kernel: pick(d.kernel, dtype), operands: [self] };
    },
  });
}

export interface TwoDeclaration extends OneDeclaration {
  /** The second parameter's name; default `other`. */
  readonly other?: string;
}

/** An operator of two tensors, neither of which may be a number. */
/* @__NO_SIDE_EFFECTS__ */
export function two<T = OpInplace<[other: Tensor], "other">>(d: TwoDeclaration): T {
  const { name, inplace = true, receiver = 0, other: parameter = "other" } = d;
  return elementwise({
    name,
    inplace,
    receiver,
    params: `${parameter}:tensor`,
    kernel: (self, v) => {
      const operands = [needTensor(name, self), v[parameter] as Tensor];
      const dtype = resultType(operands);
      d.refuse?.(dtype);
      return { kernel: pick(d.kernel, dtype), operands };
    },
  });
}

const pick = (kernel: Kernel | ((dtype: DType) => Kernel), dtype: DType): Kernel =>
  typeof kernel === "function" ? kernel(dtype) : kernel;

/** The same operator under another of its names. */
/* @__NO_SIDE_EFFECTS__ */
export function alias<T extends { readonly op: OpInfo }>(name: string, of: T): T {
  const original = of as unknown as Callable;
  const call = (...args: unknown[]): unknown => original(...args);
  Object.defineProperty(call, "name", { value: name });
  const write = original.write === undefined ? {} : { write: original.write };
  return Object.assign(call, { op: { ...of.op, name }, ...write }) as unknown as T;
}

/** The same operator with an in-place form of its own. */
/* @__NO_SIDE_EFFECTS__ */
export function withWrite<T extends { readonly op: OpInfo }>(
  of: T,
  write: (self: Tensor, ...args: unknown[]) => Tensor,
): T {
  return Object.assign(of, { write });
}

/** The in-place form of an operator, for functions that take `inplace`. */
export function inplaceOf(of: { readonly op: OpInfo }): (self: Tensor, ...args: unknown[]) => Tensor {
  return (of as unknown as Required<Callable>).write;
}
