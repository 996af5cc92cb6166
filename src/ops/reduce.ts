/** Reductions: one kernel over some dims, with or without them kept. */
import { bool, type DType, int64, type StoredName, uint8 } from "../core/dtype.ts";
import { check, IndexError, RuntimeError } from "../core/errors.ts";
import { contiguousStrides, wrapDim } from "../core/layout.ts";
import type { Tensor } from "../core/tensor.ts";
import { type Expr, load } from "../ir/expr.ts";
import type { Combine, ReduceKernel } from "../ir/kernel.ts";
import { runnersOf } from "../ir/runtime.ts";
import type { OpInfo } from "./call.ts";
import { custom, differentiable } from "./define.ts";
import { addressOf, emptyTensor, isMeta, withOperands } from "./operands.ts";

/** What a reduction computes. */
export interface ReduceSpec {
  readonly combine: Combine;
  /** Applied to each element first: load(0) is the element, load(1), … those of `others`. */
  readonly pre?: Expr;
  /** Applied to each result: load(0) is the value, load(1) the number of elements. */
  readonly post?: Expr;
}

/** The dims that a reduction takes away, wrapped and without repeats; null or none: all. */
export function reducedDims(dim: readonly number[] | null | undefined, rank: number): number[] {
  check(rank <= 64, () => "only tensors with up to 64 dims are supported");
  if (dim == null || dim.length === 0) return Array.from({ length: rank }, (_, d) => d);
  const dims = dim.map((d) => wrapDim(d, rank));
  dims.forEach((d, i) => {
    check(dims.indexOf(d) === i, () => `dim ${d} appears multiple times in the list of dims`);
  });
  return rank === 0 ? [] : dims;
}

/** The shape that is left. */
export function reducedShape(shape: readonly number[], dims: readonly number[], keepdim: boolean): number[] {
  if (keepdim) return shape.map((n, d) => (dims.includes(d) ? 1 : n));
  return shape.filter((_, d) => !dims.includes(d));
}

/** Runs a reduction without autograd: computes in `compute`, stores as `dtype`; `others` broadcast to `self`. */
export function reduceRaw(
  self: Tensor,
  spec: ReduceSpec,
  dims: readonly number[],
  keepdim: boolean,
  compute: DType,
  dtype: DType,
  others: readonly Tensor[] = [],
): Tensor {
  const out = emptyTensor(reducedShape(self.impl.layout.shape, dims, keepdim), dtype, self.device);
  return reduceInto(out, self, spec, dims, compute, others);
}

/** The same into a fresh tensor that has the remaining elements in their order, in any shape. */
export function reduceInto(
  out: Tensor,
  self: Tensor,
  spec: ReduceSpec,
  dims: readonly number[],
  compute: DType,
  others: readonly Tensor[] = [],
): Tensor {
  if (out.impl.layout.numel === 0 || isMeta(out)) return out;
  const { dtype } = out.impl;
  const inputs = others.length === 0 ? [self] : [self, ...others];
  const run = runnersOf<ReduceKernel<StoredName>>(spec).get(packed(inputs, dtype.index * 16 + compute.index), () => ({
    skeleton: "reduce",
    combine: spec.combine,
    pre: spec.pre ?? element,
    post: spec.post ?? null,
    lane: compute.lane,
    inputs: inputs.map((t) => t.impl.dtype.stored),
    output: dtype.stored,
  }));
  const { shape } = self.impl.layout;
  const outer = shape.map((_, d) => d).filter((d) => !dims.includes(d));
  const inner = outer.length === 0 ? shape.map((_, d) => d) : [...dims].sort((a, b) => a - b);
  const order = [...outer, ...inner];
  const strides = (t: Tensor): readonly number[] => {
    const own = t === self ? t.impl.layout.strides : t.impl.layout.expand(shape).strides;
    return outer.length === 0 ? own : order.map((d) => own[d]!);
  };
  const target = outer.map((d) => shape[d]!);
  withOperands(() =>
    run(
      target,
      inner.map((d) => shape[d]!),
      { address: addressOf(out, true), strides: contiguousStrides(target) },
      inputs.map((t) => ({ address: addressOf(t), strides: strides(t) })),
    ),
  );
  return out;
}

const element = load(0);

/** A number that stands for the dtypes of tensors and what `head` tells. */
export function packed(tensors: readonly Tensor[], head: number): number {
  let key = head;
  for (const t of tensors) key = key * 16 + t.impl.dtype.index;
  return key;
}

/** The gradient with the reduced dims back as size 1. */
export function keepDims(g: Tensor, shape: readonly number[], dims: readonly number[], keepdim: boolean): Tensor {
  return keepdim || shape.length === 0 ? g : g.reshape(reducedShape(shape, dims, true));
}

/** How the result's dtype follows: ints sum to int64; floats only; as the input; bool, or uint8 from uint8. */
export type ReduceDType = "sum" | "float" | "same" | "bool";

/** A reduction's gradient, given the output's with the reduced dims kept. */
export type ReduceGrad = (
  g: Tensor,
  at: {
    /** The input; only where it is saved. */
    readonly x: Tensor;
    /** The result with reduced dims kept; only where it is saved. */
    readonly out: Tensor;
    /** The input's shape. */
    readonly shape: readonly number[];
    readonly dims: readonly number[];
    /** Elements combined into each result. */
    readonly count: number;
    /** Whether the call named dims. */
    readonly withDim: boolean;
  },
) => Tensor;

export interface ReduceDeclaration extends ReduceSpec {
  readonly name: string;
  readonly dtype: ReduceDType;
  /** Signatures; the default has one without and one with dims. */
  readonly params?: readonly string[];
  /** What the gradient reads. */
  readonly saves?: "nothing" | "input" | "both";
  readonly grad?: ReduceGrad;
  /** Without an identity: empty input is an error. */
  readonly needsElements?: boolean;
  /** Names of the nodes of the forms without and with a dim. */
  readonly nodes?: readonly [string, string];
}

const sumParams = ["* dtype:dtype?=null", "dim:ints?=null keepdim:bool=false * dtype:dtype?=null"];

/** A reduction over all dims or some. */
/* @__NO_SIDE_EFFECTS__ */
export function reduce<T extends { readonly op: OpInfo }>(d: ReduceDeclaration): T {
  const cap = d.name.charAt(0).toUpperCase() + d.name.slice(1);
  const nodes = d.nodes ?? [`${cap}Backward0`, `${cap}Backward1`];
  return custom<T>({ name: d.name, params: d.params ?? sumParams, kind: "reduce" }, (self, v, which) => {
    const keepdim = (v.keepdim as boolean | undefined) ?? false;
    const dims = reducedDims(dimList(v.dim), self.dim());
    const dtype = outDType(d, self.dtype, (v.dtype as DType | null | undefined) ?? null);
    if (d.needsElements) checkElements(d.name, self, dims, dimList(v.dim));
    const input = d.dtype === "sum" && dtype === bool ? self.bool() : self;
    const out = reduceRaw(input, d, dims, keepdim, d.dtype === "bool" || dtype === bool ? input.dtype : dtype, dtype);
    const grad = d.grad;
    if (grad === undefined || !dtype.isDifferentiable) return out;
    const saves = d.saves ?? "nothing";
    const { shape } = self.impl.layout;
    const count = dims.reduce((n, dim) => n * shape[dim]!, 1);
    return differentiable(
      which === 0 ? nodes[0] : nodes[1],
      out,
      [self],
      [saves === "nothing" ? null : self, saves === "both" ? out : null],
      ([g], [x, result]) => {
        const kept = keepDims(g!, shape, dims, keepdim);
        const outKept = result == null ? (null as never) : keepDims(result, shape, dims, keepdim);
        return [grad(kept, { x: x!, out: outKept, shape, dims, count, withDim: which !== 0 })];
      },
    );
  });
}

/** A `dim` argument as a list; none: empty. */
function dimList(dim: unknown): number[] {
  if (dim == null) return [];
  return typeof dim === "number" ? [dim] : (dim as number[]);
}

function outDType(d: ReduceDeclaration, input: DType, given: DType | null): DType {
  if (d.dtype === "float") {
    const dtype = given ?? input;
    check(
      dtype.isDifferentiable,
      () =>
        `${d.name}(): could not infer output dtype. ${given === null ? "Input" : "Optional"} dtype must be either a ` +
        `floating point or complex dtype. Got: ${dtype.scalarName}`,
    );
    return dtype;
  }
  if (given !== null) return given;
  if (d.dtype === "sum") return input.isDifferentiable ? input : int64;
  return d.dtype === "same" || input === uint8 ? input : bool;
}

/** Throws where a slice is empty and the reduction has no identity; `given` are the dims as the caller wrote them. */
export function checkElements(
  name: string,
  self: Tensor,
  dims: readonly number[],
  given: readonly number[] = dims,
): void {
  if (dims.every((d) => self.impl.layout.shape[d]! > 0)) return;
  if (given.length === 0) {
    throw new RuntimeError(
      `${name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument.`,
    );
  }
  const at = dims.findIndex((dim) => self.shape[dim] === 0);
  throw new IndexError(`${name}(): Expected reduction dim ${given[at]} to have non-zero size.`);
}
