/** What a tensor says of itself beside its size and dtype, under PyTorch's names. */
import { checkInplace } from "../autograd/inplace.ts";
import { recording, requiresGrad } from "../autograd/node.ts";
import { type DType, dtypeList } from "../core/dtype.ts";
import { check, ValueError } from "../core/errors.ts";
import { equalShapes } from "../core/layout.ts";
import type { Scalar } from "../core/scalar.ts";
import { printsAs } from "../core/symbols.ts";
import { isTensor, legacyTypeName, type Tensor } from "../core/tensor.ts";
import { warn } from "../core/warnings.ts";
import { imag, real } from "./complex.ts";
import { checkWritable } from "./pointwise.ts";

/**
 * How elements are arranged: PyTorch's `torch.layout`, of which there is one here.
 * @example torch.strided // torch.strided
 */
export class MemoryLayout {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
    Object.freeze(this);
  }

  toString(): string {
    return `torch.${this.name}`;
  }
}

printsAs(MemoryLayout);

/**
 * Elements at regular distances in one storage.
 * @example x.layout // torch.strided
 */
export const strided: MemoryLayout = new MemoryLayout("strided");

export interface Attributes {
  /** The conjugate transpose of the last two dims. */
  readonly mH: Tensor;
  /** The real part, as a view; setting it writes there. A real tensor itself. */
  get real(): Tensor;
  set real(value: Tensor | Scalar);
  /** The imaginary part, as a view; setting it writes there. */
  get imag(): Tensor;
  set imag(value: Tensor | Scalar);
  readonly layout: MemoryLayout;
  readonly isCpu: boolean;
  readonly isCuda: boolean;
  readonly isIpu: boolean;
  readonly isMeta: boolean;
  readonly isMps: boolean;
  readonly isXpu: boolean;
  readonly isQuantized: boolean;
  readonly isSparse: boolean;
  readonly isSparseCsr: boolean;
  /** One null per dim: dims have no names here. */
  readonly names: null[];
  /** The conjugate transpose of a matrix or a batch of them. */
  adjoint(): Tensor;
  /** Number of dimensions. */
  ndimension(): number;
  /** Whether a conjugation waits to be carried out, when the tensor is read. */
  isConj(): boolean;
  /** Whether a negation waits to be carried out, when the tensor is read. */
  isNeg(): boolean;
  isPinned(): boolean;
  isShared(): boolean;
  isSameSize(other: Tensor): boolean;
  hasNames(): boolean;
  /** -1: not on a GPU. */
  getDevice(): number;
  /** `"torch.FloatTensor"` and its kin; given a dtype or such a name, the tensor converted to it. */
  type(): string;
  type(dtype: DType | string): Tensor;
  /** Replaces each element by what `fn` makes of it; for the cpu, slow, and unknown to autograd. */
  apply_(fn: (x: number) => number): this;
  /** Replaces each element by what `fn` makes of it and of the other tensor's. */
  map_(other: Tensor, fn: (a: number, b: number) => number): this;
}

function conjugateMatrix(self: Tensor, name: string, where: string): Tensor {
  check(
    self.dim() !== 1,
    () => `tensor.${where} is only supported on matrices or batches of matrices. Got ${self.dim()}-D tensor.`,
  );
  if (self.dim() > 1) return self.transpose(-2, -1).conj();
  warn(`deprecated-${name}`, `Tensor.${name} is deprecated on 0-D tensors. Consider using x.conj().`);
  return self.conj();
}

function typed(self: Tensor, dtype: DType | string | undefined): string | Tensor {
  if (dtype === undefined) return legacyTypeName(self);
  if (typeof dtype !== "string") return self.to(dtype);
  const found = dtypeList.find((d) => `torch.${d.scalarName}Tensor` === dtype || d.name === dtype);
  check(found !== undefined, () => `invalid type: '${dtype}'`, ValueError);
  return self.to(found);
}

/** Writes numbers, in row-major order, without autograd. */
function replaceAll(self: Tensor, name: string, values: () => number[]): void {
  check(
    !requiresGrad(self),
    () => `Can't call ${name}() on Variable that requires grad. Use var.detach().${name}() instead.`,
  );
  check(self.device.type === "cpu", () => `${name} is only implemented on CPU tensors`, TypeError);
  checkInplace(self, recording([self]));
  checkWritable(self, []);
  const fresh = self.newTensor(values()).view(self.shape);
  self.detach().copy_(fresh);
}

const numbers = (t: Tensor): number[] => t.detach().reshape(-1).tolist() as number[];

const methods: Partial<Attributes> & ThisType<Tensor> = {
  adjoint() {
    return conjugateMatrix(this, "adjoint", "adjoint()");
  },
  ndimension() {
    return this.dim();
  },
  isConj() {
    return this.impl.dtype.isLazy && this.impl.dtype.isComplex;
  },
  isNeg() {
    return this.impl.dtype.isLazy && !this.impl.dtype.isComplex;
  },
  isPinned: () => false,
  isShared: () => false,
  isSameSize(other) {
    if (!isTensor(other)) throw new TypeError("isSameSize(): argument 'other' must be Tensor");
    return equalShapes(this.shape, other.shape);
  },
  hasNames: () => false,
  getDevice: () => -1,
  type(dtype?: DType | string): never {
    return typed(this, dtype) as never;
  },
  apply_(fn) {
    replaceAll(this, "apply_", () => numbers(this).map((x) => fn(x)));
    return this as never;
  },
  map_(other, fn) {
    const others = numbers(other.expand(this.shape));
    replaceAll(this, "map_", () => numbers(this).map((x, i) => fn(x, others[i]!)));
    return this as never;
  },
};

const no = (): boolean => false;
const getters: Readonly<Record<string, (t: Tensor) => unknown>> = {
  mH: (t) => conjugateMatrix(t, "mH", "mH"),
  real,
  imag,
  layout: () => strided,
  isCpu: (t) => t.device.type === "cpu",
  isMeta: (t) => t.device.type === "meta",
  isCuda: no,
  isIpu: no,
  isMps: no,
  isXpu: no,
  isQuantized: no,
  isSparse: no,
  isSparseCsr: no,
  names: (t) => t.shape.map(() => null),
};

/** What assigning to a property writes to. */
const setters: Readonly<Record<string, (t: Tensor) => Tensor>> = { real, imag };

/** The methods and properties, for `members.ts` to install. */
export const attributes: {
  readonly methods: typeof methods;
  readonly getters: typeof getters;
  readonly setters: typeof setters;
} = { methods, getters, setters };
