/** Limits: clamp, maximum, minimum, nanToNum; mixtures: lerp. */
import { check } from "../../core/errors.ts";
import { cNames, largest } from "../../core/sampling.ts";
import { type Operand, resultType, type Scalar } from "../../core/scalar.ts";
import { bump, isTensor, type Tensor } from "../../core/tensor.ts";
import * as ir from "../../ir/expr.ts";
import type { Forms, Op, OpInfo, OpInplace } from "../call.ts";
import { elementwise, needTensor } from "../define.ts";
import type { GradRule } from "../pointwise.ts";
import {
  alias,
  inplaceOf,
  isFiniteExpr,
  type Kernel,
  kernel,
  noBool,
  onlyFloat,
  scalarTo,
  two,
  withWrite,
} from "./kernel.ts";

/** `clamp(x, min, max)`, each a number or a tensor. */
export interface Clamp {
  (self: Tensor, ...args: Forms<[min?: Operand | null, max?: Operand | null], ["min", "max"], unknown>): Tensor;
  readonly op: OpInfo;
  readonly inplace: true;
}
type Limit = (a: ir.Value, b: ir.Value) => ir.Expr;

const passes =
  (within: (x: ir.Expr, limits: readonly ir.Expr[]) => ir.Expr): GradRule =>
  (g, [x, ...limits]) =>
    ir.select(within(x!, limits), g, 0);

/** The kernels of one limit, a number or a tensor: the gradient goes to `self` where it holds, else to the limit. */
function oneLimit(name: string, nodes: readonly [number, number], apply: Limit, holds: Limit, fails: Limit) {
  const node = name.charAt(0).toUpperCase() + name.slice(1);
  const [scalar, tensor] = nodes.map((n) =>
    kernel(name, 2, (x, limit) => apply(x!, limit!), {
      node: `${node}Backward${n}`,
      grads: [passes((x, [limit]) => holds(x, limit!)), passes((x, [limit]) => fails(x, limit!))],
    }),
  );
  return (limit: Operand): Kernel => (isTensor(limit) ? tensor! : scalar!);
}

const lower = [ir.max, ir.ge, ir.lt] as const;
const upper = [ir.min, ir.le, ir.gt] as const;
const onlyMin = oneLimit("clamp", [1, 0], ...lower);
const onlyMax = oneLimit("clamp", [1, 0], ...upper);

const both = [1, 0].map((n) =>
  kernel("clamp", 3, (x, min, max) => ir.min(ir.max(x!, min!), max!), {
    node: `ClampBackward${n}`,
    grads: [
      passes((x, [min, max]) => ir.and(ir.ge(x, min!), ir.le(x, max!))),
      passes((x, [min, max]) => ir.and(ir.lt(min!, max!), ir.lt(x, min!))),
      passes((x, [min, max]) => ir.or(ir.gt(x, max!), ir.lt(max!, min!))),
    ],
  }),
);

/** A tensor with its limits, of which numbers are converted to an integer dtype: -1 is 255 in uint8, as in PyTorch. */
function limited(name: string, self: Tensor, limits: readonly Operand[]): Operand[] {
  const operands: Operand[] = [needTensor(name, self), ...limits];
  const dtype = resultType(operands);
  if (!limits.every(isTensor)) noBool("clamp_scalar_cpu")(dtype);
  else if (limits.length === 2) noBool("clamp_cpu")(dtype);
  if (dtype.category !== "int") return operands;
  return operands.map((x) => (isTensor(x) ? x : scalarTo(x, dtype)));
}

/**
 * Elements below `min` become `min`, those above `max` become `max`. Bounds are numbers or tensors, or null; NaN stays.
 * No gradient flows where a bound was taken.
 * @throws RuntimeError where neither is given.
 * @example torch.tensor([-1, 0.5, 2]).clamp(0, 1) // tensor([0.0000, 0.5000, 1.0000])
 */
export const clamp: Clamp = elementwise({
  name: "clamp",
  params: "min:operand?=null max:operand?=null",
  kernel: (self, v) => {
    const min = v.min as Operand | null;
    const max = v.max as Operand | null;
    check(min !== null || max !== null, () => "torch.clamp: At least one of 'min' or 'max' must not be None");
    const operands = limited(
      "clamp",
      self,
      [min, max].filter((x) => x !== null),
    );
    if (max === null) return { kernel: onlyMin(min!), operands };
    if (min === null) return { kernel: onlyMax(max), operands };
    return { kernel: both[isTensor(min) || isTensor(max) ? 1 : 0]!, operands };
  },
});
/**
 * `clamp` by NumPy's name.
 * @example x.clip(1, 4) // tensor([[1., 1., 2.], [3., 4., 4.]])
 */
export const clip: Clamp = alias("clip", clamp);

const minKernel = oneLimit("clampMin", [0, 1], ...lower);
const maxKernel = oneLimit("clampMax", [0, 1], ...upper);

/**
 * Elements below `min` become `min`.
 * @example x.clampMin(2) // tensor([[2., 2., 2.], [3., 4., 5.]])
 */
export const clampMin: OpInplace<[min: Operand], "min"> = elementwise({
  name: "clampMin",
  params: "min:operand",
  kernel: (self, v) => ({
    kernel: minKernel(v.min as Operand),
    operands: limited("clampMin", self, [v.min as Operand]),
  }),
});
/**
 * Elements above `max` become `max`.
 * @example x.clampMax(2) // tensor([[0., 1., 2.], [2., 2., 2.]])
 */
export const clampMax: OpInplace<[max: Operand], "max"> = elementwise({
  name: "clampMax",
  params: "max:operand",
  kernel: (self, v) => ({
    kernel: maxKernel(v.max as Operand),
    operands: limited("clampMax", self, [v.max as Operand]),
  }),
});

type OfTwo = Op<[other: Tensor], "other">;

/**
 * The greater of two elements; NaN if either is. Equal ones share the gradient. Broadcast.
 * @example torch.tensor([1, 5]).maximum(torch.tensor([3, 2])) // tensor([3., 5.])
 */
export const maximum: OfTwo = two({
  name: "maximum",
  inplace: false,
  kernel: kernel("maximum", 2, (a, b) => ir.max(a!, b!)),
});
/**
 * The lesser of two elements; NaN if either is. Equal ones share the gradient. Broadcast.
 * @example torch.tensor([1, 5]).minimum(torch.tensor([3, 2])) // tensor([1., 2.])
 */
export const minimum: OfTwo = two({
  name: "minimum",
  inplace: false,
  kernel: kernel("minimum", 2, (a, b) => ir.min(a!, b!)),
});

const isNan = (x: ir.Expr): ir.Expr => ir.ne(x, x);

function ignoringNan(name: string, choose: Limit, wins: Limit): OfTwo {
  const first = (a: ir.Expr, b: ir.Expr): ir.Expr => ir.or(wins(a, b), isNan(b));
  return two({
    name,
    inplace: false,
    kernel: kernel(name, 2, (a, b) => ir.select(isNan(a!), b!, ir.select(isNan(b!), a!, choose(a!, b!))), {
      grads: [(g, [a, b]) => ir.select(first(a!, b!), g, 0), (g, [a, b]) => ir.select(first(a!, b!), 0, g)],
    }),
  });
}

/**
 * The greater of two elements; the other one where one is NaN. Broadcast.
 * @example torch.tensor([NaN, 5]).fmax(torch.tensor([3, 2])) // tensor([3., 5.])
 */
export const fmax: OfTwo = ignoringNan("fmax", ir.max, ir.ge);
/**
 * The lesser of two elements; the other one where one is NaN. Broadcast.
 * @example torch.tensor([NaN, 5]).fmin(torch.tensor([3, 2])) // tensor([3., 2.])
 */
export const fmin: OfTwo = ignoringNan("fmin", ir.min, ir.le);

const finite: GradRule = (g, [x]) => ir.mul(g, ir.select(isFiniteExpr(x!), 1, 0));
const replaced = kernel(
  "nanToNum",
  4,
  (x, nan, posinf, neginf) =>
    ir.select(isNan(x!), nan!, ir.select(isFiniteExpr(x!), x!, ir.select(ir.gt(x!, 0), posinf!, neginf!))),
  { grads: [finite, null, null, null] },
);
const same = kernel("nanToNum", 1, (x) => x!);

type NanToNum = OpInplace<[nan?: number | null, posinf?: number | null, neginf?: number | null], "nan posinf neginf">;

const replaceNonFinite: NanToNum = elementwise({
  name: "nanToNum",
  params: "nan:float?=null posinf:float?=null neginf:float?=null",
  kernel: (self, v) => {
    const { dtype } = needTensor("nanToNum", self);
    if (!dtype.isFloatingPoint) return { kernel: same, operands: [self] };
    const top = largest[dtype.name]!;
    const [nan, posinf, neginf] = [v.nan, v.posinf, v.neginf] as (number | null)[];
    return { kernel: replaced, operands: [self, nan ?? 0, posinf ?? top, neginf ?? -top] };
  },
});
const replaceInPlace = inplaceOf(replaceNonFinite);

/**
 * NaN becomes `nan`, infinities `posinf` and `neginf`; by default 0 and the largest finite numbers.
 * @example torch.tensor([NaN, 1]).nanToNum() // tensor([0., 1.])
 */
export const nanToNum: NanToNum = withWrite(replaceNonFinite, (self, ...args) => {
  if (self.dtype.isFloatingPoint) return replaceInPlace(self, ...args);
  // Integers are left alone, also where their memory could not be written elementwise; it counts as a write.
  bump(self);
  return self;
});

/** Whichever end is nearer is the one that stays exact (Lerp.h). */
const mixture = (a: ir.Expr, b: ir.Expr, weight: ir.Expr): ir.Expr => {
  const difference = ir.sub(b, a);
  return ir.select(
    ir.lt(ir.abs(weight), 0.5),
    ir.add(a, ir.mul(weight, difference)),
    ir.sub(b, ir.mul(difference, ir.sub(1, weight))),
  );
};
const [lerpScalar, lerpTensor] = [0, 1].map((n) =>
  kernel("lerp", 3, (a, b, weight) => mixture(a!, b!, weight!), {
    node: `LerpBackward${n}`,
    grads: [
      (g, [, , weight]) => ir.mul(g, ir.sub(1, weight!)),
      (g, [, , weight]) => ir.mul(g, weight!),
      (g, [a, b]) => ir.mul(g, ir.sub(b!, a!)),
    ],
  }),
);

/**
 * `self + weight * (end - self)`. `weight` is a number or a tensor. Broadcast.
 * @throws RuntimeError where the dtypes differ.
 * @example torch.tensor([0]).lerp(torch.tensor([10]), 0.25) // tensor([2.5000])
 */
export const lerp: OpInplace<[end: Tensor, weight: Operand], "end weight"> = elementwise({
  name: "lerp",
  params: "end:tensor weight:operand",
  kernel: (self, v) => {
    const end = v.end as Tensor;
    const weight = v.weight as Tensor | Scalar;
    const { dtype } = needTensor("lerp", self);
    const same = (t: Tensor, name: string): void =>
      check(
        t.dtype === dtype,
        () => `expected dtype ${cNames[dtype.name]} for \`${name}\` but got dtype ${cNames[t.dtype.name]}`,
      );
    same(end, "end");
    if (isTensor(weight)) same(weight, "weight");
    onlyFloat(isTensor(weight) ? "lerp_kernel_tensor" : "lerp_kernel_scalar")(dtype);
    return { kernel: isTensor(weight) ? lerpTensor! : lerpScalar!, operands: [self, end, weight] };
  },
});
