/** Distances between rows, and positions from flat indices. */
import { int64 } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { broadcastShapes, list, product } from "../core/layout.ts";
import type { Tensor } from "../core/tensor.ts";
import { abs, div, type Expr, eq, load, mul, ne, pow, select, sign } from "../ir/expr.ts";
import type { Op } from "./call.ts";
import { composite, custom, differentiable, pointwise, unrecorded } from "./define.ts";
import { commonDevice } from "./operands.ts";
import type { Pointwise } from "./pointwise.ts";

/** Gradient of a distance with respect to a difference, over load(0) = difference, 1 = distance, 2 = gradient, 3 = p. */
function slope(name: string, value: (d: Expr, dist: Expr, g: Expr, p: Expr) => Expr): Pointwise {
  return pointwise(name, 4, (d, dist, g, p) => value(d!, dist!, g!, p!));
}

const [difference, distance, gradient] = [load(0), load(1), load(2)];

// At a distance of 0 the gradient is 0, as in ATen/native/cpu/DistanceOpsKernel.cpp.
const slopes = {
  one: /* @__PURE__ */ slope("cdist", () => mul(sign(difference), gradient)),
  two: /* @__PURE__ */ slope("cdist", () => select(eq(distance, 0), 0, div(mul(difference, gradient), distance))),
  max: /* @__PURE__ */ slope("cdist", () => select(eq(abs(difference), distance), mul(sign(difference), gradient), 0)),
  other: /* @__PURE__ */ slope("cdist", (_d, _dist, _g, p) =>
    select(
      ne(difference, 0),
      div(mul(mul(sign(difference), pow(abs(difference), minusOne(p))), gradient), pow(distance, minusOne(p))),
      0,
    ),
  ),
};

function minusOne(p: Expr): Expr {
  return { op: "binary", code: "sub", a: p, b: { op: "const", value: 1 } };
}

function slopeFor(p: number): Pointwise | null {
  if (p === 0) return null;
  if (p === 1) return slopes.one;
  if (p === 2) return slopes.two;
  return p === Infinity ? slopes.max : slopes.other;
}

function pairDistances(differences: Tensor, p: number): Tensor {
  if (differences.shape.at(-1) === 0) return differences.sum(-1);
  if (p === 0) return differences.ne(0).sum(-1).to(differences.dtype);
  const sizes = differences.abs();
  if (p === 1) return sizes.sum(-1);
  if (p === 2) return sizes.square().sum(-1).sqrt();
  return p === Infinity
    ? sizes.amax(-1)
    : sizes
        .pow(p)
        .sum(-1)
        .pow(1 / p);
}

const modes = ["use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"];

function checkRows(x1: Tensor, x2: Tensor, p: number): void {
  for (const [name, x] of [
    ["X1", x1],
    ["X2", x2],
  ] as const) {
    check(x.dim() >= 2, () => `cdist only supports at least 2D tensors, ${name} got: ${x.dim()}D`);
  }
  for (const [name, x] of [
    ["X1", x1],
    ["X2", x2],
  ] as const) {
    check(
      x.dtype.isFloatingPoint,
      () => `cdist only supports floating-point dtypes, ${name} got: ${x.dtype.scalarName}`,
    );
  }
  check(
    x1.shape.at(-1) === x2.shape.at(-1),
    () => `X1 and X2 must have the same number of columns. X1: ${x1.shape.at(-1)} X2: ${x2.shape.at(-1)}`,
  );
  check(p >= 0, () => "cdist only supports non-negative p values");
  commonDevice([x1, x2]);
  broadcastShapes(x1.shape.slice(0, -2), x2.shape.slice(0, -2));
}

/**
 * The p-norm distance of each row of the first to each row of the second.
 * @example torch.cdist(torch.tensor([[0, 0]]), torch.tensor([[3, 4]])) // tensor([[5.]])
 */
export const cdist: Op<[x2: Tensor, p?: number, computeMode?: string], "x2 p computeMode"> = custom(
  {
    name: "cdist",
    params: "x2:tensor p:float=2 computeMode:str='use_mm_for_euclid_dist_if_necessary'",
    receiver: null,
  },
  (x1, v) => {
    const x2 = v.x2 as Tensor;
    const p = v.p as number;
    check(modes.includes(v.computeMode as string), () => `${v.computeMode} is not a valid value for compute_mode`);
    checkRows(x1, x2, p);
    const differences = (a: Tensor, b: Tensor): Tensor => a.unsqueeze(-2).sub(b.unsqueeze(-3));
    const out = unrecorded(() => pairDistances(differences(x1, x2), p));
    const kernel = slopeFor(p);
    return differentiable("CdistBackward0", out, [x1, x2], [x1, x2, out], ([g], [a, b, d], needs) => {
      if (kernel === null) return [g!.newZeros(a!.shape), g!.newZeros(b!.shape)];
      const each = kernel.apply([differences(a!, b!), d!.unsqueeze(-1), g!.unsqueeze(-1), p]);
      return [
        needs[0] ? each.sum(-2).sumToSize(a!.shape) : null,
        needs[1] ? each.neg().sum(-3).sumToSize(b!.shape) : null,
      ];
    });
  },
);

/**
 * The positions, one tensor per dim, of flat indices into a tensor of this shape.
 * @example torch.unravelIndex(torch.tensor([4n]), [2, 3])[0] // tensor([1])
 */
export const unravelIndex: Op<[shape: number | readonly number[]], "shape", unknown, Tensor[]> = composite(
  { name: "unravelIndex", params: "shape:ints", receiver: null },
  (indices, v) => {
    const shape = v.shape as number[];
    check(
      !indices.dtype.isFloatingPoint && indices.dtype.name !== "bool",
      () => `expected 'indices' to be integer dtype, but got ${indices.dtype}`,
      TypeError,
    );
    check(
      shape.every((n) => n >= 0),
      () => `'shape' cannot have negative values, but got ${list(shape)}`,
    );
    return shape.map((n, d) => {
      const inner = product(shape.slice(d + 1));
      return n === 0 || inner === 0 ? indices.to(int64) : indices.div(inner, { roundingMode: "floor" }).remainder(n);
    });
  },
);
