/** What `scatterReduce` and `indexReduce` share: writing the reduction, and its derivative. */
import { mode as gradMode } from "../autograd/mode.ts";
import type { DType } from "../core/dtype.ts";
import { check, RuntimeError } from "../core/errors.ts";
import type { Scalar } from "../core/scalar.ts";
import type { Tensor } from "../core/tensor.ts";
import { div, floordiv, load } from "../ir/expr.ts";
import { choose } from "./choose.ts";
import { full, fullLike } from "./create.ts";
import { differentiable, pointwise } from "./define.ts";
import type { Mode } from "./gather.ts";
import type { Pointwise } from "./pointwise.ts";

/** How elements that go to one place are combined. */
export type Reduction = "sum" | "prod" | "mean" | "amax" | "amin";

/** Reading and writing at the places that an index names. */
export interface Places {
  /** PyTorch's name of the operator, for messages. */
  readonly name: string;
  take(t: Tensor): Tensor;
  add(t: Tensor, src: Tensor): Tensor;
  /** Zeros at the places. */
  clear(t: Tensor): Tensor;
  reduce(t: Tensor, src: Tensor, how: Reduction, includeSelf: boolean): Tensor;
  /** Writes without autograd. */
  write(target: Tensor, src: Tensor, mode: Mode): void;
}

/** The reduction of this name, or PyTorch's error. */
export function checkReduction(name: unknown, allowed: readonly Reduction[], message: () => string): Reduction {
  const found = allowed.find((r) => r === name);
  check(found !== undefined, message);
  return found;
}

const modes: Readonly<Record<Reduction, Mode>> = { sum: "add", mean: "add", prod: "mul", amax: "max", amin: "min" };

/** What a reduction of nothing gives: where it starts when self does not take part. */
function identity(how: Reduction, dtype: DType): Scalar {
  if (how === "sum" || how === "mean") return 0;
  if (how === "prod") return 1;
  if (dtype.category === "float") return how === "amax" ? -Infinity : Infinity;
  if (dtype.category === "bool") return how === "amin";
  const bits = BigInt(dtype.itemsize * 8);
  if (!dtype.isSigned) return how === "amax" ? 0n : 2n ** bits - 1n;
  return how === "amax" ? -(2n ** (bits - 1n)) : 2n ** (bits - 1n) - 1n;
}

const quotient: Pointwise = /* @__PURE__ */ pointwise("div", 2, () => div(load(0), load(1)));
const floorQuotient: Pointwise = /* @__PURE__ */ pointwise("div", 2, () => floordiv(load(0), load(1)));

/** Reduces `src` into the places of `target`, without autograd. */
export function reduceInto(target: Tensor, src: Tensor, how: Reduction, includeSelf: boolean, at: Places): void {
  const { dtype, device } = target;
  if (!includeSelf) at.write(target, full([], identity(how, dtype), { dtype, device }), "set");
  at.write(target, src, modes[how]);
  if (how !== "mean") return;
  const counts = fullLike(target.detach(), includeSelf ? 1 : 0);
  at.write(counts, full([], 1, { dtype, device }), "add");
  const divisor = choose(counts.eq(0), 1, counts);
  (dtype.category === "float" ? quotient : floorQuotient).into([target, divisor], target, dtype);
}

/** What the derivative of a reduction reads. */
export interface Reduced {
  readonly g: Tensor;
  readonly old: Tensor;
  readonly out: Tensor;
  /** The part of the source that the index covers; its shape alone for sum and mean. */
  readonly src: Tensor;
  readonly how: Reduction;
  readonly includeSelf: boolean;
}

type Pair = [self: () => Tensor, src: () => Tensor];

/** The gradients of self and of the source (torch/csrc/autograd/FunctionsManual.cpp, scatter_reduce_backward). */
export function reductionGrads(of: Reduced, at: Places): Pair {
  const [self, src] = pairs[of.how](of, at);
  return [of.includeSelf ? self : () => at.clear(self()), src];
}

const extremum = (of: Reduced, at: Places): Pair => {
  const dtype = of.g.dtype;
  // Where self takes no part, being equal to the result by chance gives it no share.
  const equals = of.old.eq(of.out).to(dtype);
  const selfIsResult = of.includeSelf ? equals : at.clear(equals);
  const srcIsResult = of.src.eq(at.take(of.out)).to(dtype);
  const shared = of.g.div(at.add(selfIsResult, srcIsResult));
  return [() => selfIsResult.mul(shared), () => srcIsResult.mul(at.take(shared))];
};

const pairs: Readonly<Record<Reduction, (of: Reduced, at: Places) => Pair>> = {
  sum: ({ g }, at) => [() => g, () => at.take(g)],
  mean: ({ g, src, includeSelf }, at) => {
    const start = includeSelf ? g.detach().newOnes(g.shape) : g.detach().newZeros(g.shape);
    const counts = at.add(start, src.detach().newOnes(src.shape));
    const divisor = choose(counts.eq(0), 1, counts);
    return [() => g.div(divisor), () => at.take(g).div(at.take(divisor))];
  },
  prod: (of, at) => [() => productSelf(of, at), () => productSource(of, at)],
  amax: extremum,
  amin: extremum,
};

/** The product of all but self itself, also where self is 0. */
function productSelf({ g, old, src, how, includeSelf }: Reduced, at: Places): Tensor {
  const safe = choose(old.eq(0), 1, old);
  return g.mul(at.reduce(safe, src, how, includeSelf)).div(safe);
}

/** The product of all but the element itself: where it is the only 0 of its place, the product of the others. */
function productSource({ g, old, out, src, how, includeSelf }: Reduced, at: Places): Tensor {
  const zero = src.eq(0);
  const zeros = at.take(at.add(g.detach().newZeros(g.shape), zero.to(g.dtype)));
  const only = choose(zero, zeros.eq(1), false);
  const others = at.reduce(old, choose(only, 1, src), how, includeSelf);
  const rest = at.take(g.mul(out)).div(choose(zero, 1, src));
  const grad = choose(only, at.take(g.mul(others)), rest);
  if (!gradMode.grad || zeros.device.type === "meta" || !zeros.gt(1).any().item()) return grad;
  return differentiable("DelayedError", grad.mul(1), [grad], [], () => {
    throw new RuntimeError(
      `${at.name}(): Double backward is unsupported for src when >1 zeros in src are scattered to the same position in self`,
    );
  });
}
