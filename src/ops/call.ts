/** The types of operators: positional and named arguments, methods, in-place forms. The only clever types here. */
import type { Device } from "../core/device.ts";
import type { DType, DTypeName } from "../core/dtype.ts";
import type { Operand, Scalar } from "../core/scalar.ts";
import type { Tensor } from "../core/tensor.ts";

/** `"dim keepdim"` as a tuple of names. */
type Split<S extends string> = S extends `${infer A} ${infer B}` ? [A, ...Split<B>] : S extends "" ? [] : [S];

/** Named arguments: those of `A` by the names `N`, required where the tuple's element is. */
type Rest<A extends unknown[], N extends unknown[]> = A extends [infer H, ...infer T]
  ? N extends [infer K extends string, ...infer M]
    ? { [P in K]: H } & Rest<T, M>
    : unknown
  : A extends [(infer H)?, ...infer T]
    ? N extends [infer K extends string, ...infer M]
      ? { [P in K]?: H } & Rest<T, M>
      : unknown
    : unknown;

type Tail<T extends unknown[]> = T extends [unknown?, ...infer R] ? R : [];

/** Where to write the result; see `ops/out.ts`. */
interface Out {
  out?: Tensor | readonly Tensor[] | null;
}

/** Every way to pass `A`: all positional, or a prefix and an object with the rest and the keyword-only `K`. */
export type Forms<A extends unknown[], N extends unknown[], K, P extends unknown[] = []> =
  | [...P, ...A]
  | (number extends A["length"] ? [...P, ...A, options: K] : NamedForms<A, N, K, P>);

type NamedForms<A extends unknown[], N extends unknown[], K, P extends unknown[]> =
  | (A extends [unknown, ...unknown[]] ? [...P, options: Rest<A, N> & K & Out] : [...P, options?: Rest<A, N> & K & Out])
  | (A extends [] ? never : A extends [(infer H)?, ...infer T] ? Forms<T, Tail<N>, K, [...P, H]> : never);

/** What is known of an operator besides its value. */
export interface OpInfo {
  readonly name: string;
  readonly kind: "pointwise" | "reduce" | "view" | "scan" | "create" | "composite" | "custom";
  /** Signatures after `self`. */
  readonly params: readonly string[];
  /** Which argument is the method's receiver; null: no method. */
  readonly receiver: number | null;
  /** Whether there is a form with a trailing underscore. */
  readonly inplace: boolean;
  /** Whether it is a function of the package, or a method only. */
  readonly isFunction: boolean;
}

/** Marks operators with an in-place form. */
interface HasInplace {
  readonly inplace: true;
}

/** An operator of one tensor and arguments `A`, named `N`, with keyword-only `K`. */
export interface Op<A extends unknown[], N extends string = "", K = unknown, R = Tensor> {
  (self: Tensor, ...args: Forms<A, Split<N>, K>): R;
  readonly op: OpInfo;
}

/** The same with an in-place form. */
export interface OpInplace<A extends unknown[], N extends string = "", K = unknown> extends Op<A, N, K>, HasInplace {}

/** An elementwise operator of one tensor. */
export interface Unary extends HasInplace {
  (self: Tensor): Tensor;
  readonly op: OpInfo;
}

/** An elementwise operator of two; either may be a number as a function, the second as a method. */
export interface Binary extends HasInplace {
  (self: Operand, other: Operand): Tensor;
  readonly op: OpInfo;
}

/** A reduction over all dims, or some. */
export interface Reduction {
  (
    self: Tensor,
    ...args: Forms<[dim?: Dims | null, keepdim?: boolean], ["dim", "keepdim"], { dtype?: DTypeLike | null }>
  ): Tensor;
  readonly op: OpInfo;
}

export type Dims = number | readonly number[];
export type DTypeLike = DType | DTypeName;
export type DeviceLike = Device | string;
/** Sizes as separate numbers or as one list. */
export type Sizes = number[] | [readonly number[]];
export type { Operand, Scalar, Tensor };

/** The methods that operators become: the arguments without the receiver. */
export type Methods<T> = {
  [K in keyof T as T[K] extends { readonly op: OpInfo } ? K : never]: T[K] extends (
    self: never,
    ...rest: infer A
  ) => infer R
    ? (...rest: A) => R
    : never;
};

/** The in-place forms of those operators that have one. */
export type Inplace<T> = {
  [K in keyof T & string as T[K] extends HasInplace ? `${K}_` : never]: T[K] extends (
    self: never,
    ...rest: infer A
  ) => Tensor
    ? (...rest: A) => Tensor
    : never;
};
