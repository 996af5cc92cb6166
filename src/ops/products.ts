/** Derivatives of products, which must not divide by the zeros among the factors. */
import type { Tensor } from "../core/tensor.ts";
import * as ir from "../ir/expr.ts";
import { pointwise } from "./define.ts";
import { cat } from "./join.ts";

/** The gradient of a product over all elements (`dim` undefined) or along `dim`; `g` and `out` keep that dim. */
export function prodGrad(g: Tensor, x: Tensor, out: Tensor, dim: number | undefined): Tensor {
  if (x.dim() === 0) return g;
  if (x.numel() === 0) return x.newZeros(x.shape);
  const zeros = zeroCount(x);
  if (zeros === 0) return g.mul(out).div(x);
  if (dim !== undefined) return g.mul(othersProduct(x, dim));
  if (zeros > 1) return x.newZeros(x.shape);
  return g.mul(othersProduct(x.reshape([-1]), 0).reshape(x.shape));
}

/** The number of zeros; 0 where there are no elements to look at. */
function zeroCount(x: Tensor): number {
  return x.device.type === "meta" ? 0 : x.detach().eq(0).sum().item();
}

/** For each element the product of all others in its slice. */
function othersProduct(x: Tensor, dim: number): Tensor {
  const n = x.shape[dim]!;
  const one = x.newOnes(x.shape.with(dim, 1));
  const before = cat([one, x.narrow(dim, 0, n - 1)], dim).cumprod(dim);
  const after = cat([one, x.narrow(dim, 1, n - 1).flip(dim)], dim)
    .cumprod(dim)
    .flip(dim);
  return before.mul(after);
}

/** Sums from each element to the end of its slice. */
export function reverseCumsum(g: Tensor, dim: number): Tensor {
  return g.flip(dim).cumsum(dim).flip(dim);
}

/**
 * The gradient of a cumulative product. Without zeros it is one division; with them, the elements before, at and after
 * the first zero of a slice differ. The last form is slow but differentiable itself.
 */
export function cumprodGrad(g: Tensor, x: Tensor, out: Tensor, dim: number, differentiably: boolean): Tensor {
  if (x.dim() === 0) return g;
  if (x.numel() === 0) return x.newZeros(x.shape);
  if (zeroCount(x) === 0) return reverseCumsum(g.mul(out), dim).div(x);
  return differentiably ? cumprodGradByElement(g, x, dim) : cumprodGradByZeros(g, x, out, dim);
}

const choose = pointwise("where", 3, (test, a, b) => ir.select(ir.ne(test!, 0), a!, b!));
const chooseFirst = pointwise("where", 2, (test, a) => ir.select(ir.ne(test!, 0), a!, 0));

function cumprodGradByZeros(g: Tensor, x: Tensor, out: Tensor, dim: number): Tensor {
  const zero = x.eq(0);
  const seen = zero.cumsum(dim);
  const before = seen.eq(0);
  const sums = reverseCumsum(chooseFirst.apply([before, g.mul(out)]), dim).div(x);
  const first = zero.mul(seen.eq(1));
  // From the first zero to the second, the products that the zero alone makes 0.
  const without = choose.apply([first, 1, x]).cumprod(dim);
  const total = chooseFirst.apply([seen.eq(1), g.mul(without)]).sum(dim, true);
  return choose.apply([before, sums, chooseFirst.apply([first, total])]);
}

function cumprodGradByElement(g: Tensor, x: Tensor, dim: number): Tensor {
  const n = x.shape[dim]!;
  const parts: Tensor[] = [];
  let before = x.newOnes(x.shape.with(dim, 1));
  for (let k = 0; k < n; k++) {
    const rest = x.narrow(dim, k + 1, n - k - 1);
    const omitted = cat([before, before.mul(rest.cumprod(dim))], dim);
    parts.push(
      g
        .narrow(dim, k, n - k)
        .mul(omitted)
        .sum(dim, true),
    );
    before = before.mul(x.narrow(dim, k, 1));
  }
  return cat(parts, dim);
}
