/** Discrete calculus: differences, trapezoids, gradients. */
import { bool } from "../core/dtype.ts";
import { check, IndexError } from "../core/errors.ts";
import { equalShapes, wrapDim } from "../core/layout.ts";
import { getDefaultDtype, isScalar, type Scalar } from "../core/scalar.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import type { Dims, Op, OpInfo } from "./call.ts";
import { composite, fn, type Values } from "./define.ts";
import { cat } from "./join.ts";
import { reducedDims } from "./reduce.ts";

/**
 * The n-th differences of neighbours along `dim`, with tensors put before and after first.
 * @example torch.tensor([1, 4, 9]).diff() // tensor([3., 5.])
 */
export const diff: Op<
  [n?: number, dim?: number, prepend?: Tensor | null, append?: Tensor | null],
  "n dim prepend append"
> = composite({ name: "diff", params: "n:int=1 dim:int=-1 prepend:tensor?=null append:tensor?=null" }, (self, v) => {
  check(self.dim() >= 1, () => "diff expects input to be at least one-dimensional");
  const dim = wrapDim(v.dim as number, self.dim());
  const n = v.n as number;
  const joined = [v.prepend, self, v.append].filter((t): t is Tensor => isTensor(t));
  for (const t of joined) if (t !== self) checkJoined(self, t, dim);
  check(n >= 0, () => `order must be non-negative but got ${n}`);
  if (n === 0) return self.clone();
  let x = joined.length === 1 ? self : cat(joined, dim);
  const size = x.shape[dim]!;
  if (n >= size) {
    const none = x.narrow(dim, 0, 0);
    return x.dtype === bool ? none.logicalXor(none) : none.sub(none);
  }
  for (let i = 0; i < n; i++) {
    const [after, before] = [x.narrow(dim, 1, size - 1 - i), x.narrow(dim, 0, size - 1 - i)];
    x = x.dtype === bool ? after.logicalXor(before) : after.sub(before);
  }
  return x;
});

function checkJoined(self: Tensor, t: Tensor, dim: number): void {
  check(t.dim() === self.dim(), () => "diff expects prepend or append to be the same dimension as input");
  self.shape.forEach((n, d) => {
    check(
      d === dim || t.shape[d] === n,
      () =>
        "diff expects the shape of tensor to prepend or append to match that of input except along the differencing " +
        `dimension; input.size(${d}) = ${n}, but got tensor.size(${d}) = ${t.shape[d]}`,
    );
  });
}

/** `trapezoid(y, x)` or `trapezoid(y, { dx })`. */
export interface Trapezoid {
  (y: Tensor, options?: { x?: Tensor; dx?: number; dim?: number }): Tensor;
  (y: Tensor, x: Tensor, options?: { dim?: number }): Tensor;
  readonly op: OpInfo;
}

const trapezoidParams = ["y:tensor x:tensor * dim:int=-1", "y:tensor * dx:scalar=1 dim:int=-1"];

/** The heights of each pair of neighbours, added, with the width between them halved: a number or a tensor. */
function panels(name: string, v: Values): { heights: Tensor; widths: Tensor | number; dim: number } {
  const y = v.y as Tensor;
  const x = v.x as Tensor | undefined;
  check(
    y.dtype !== bool,
    () => `${name}: received a bool input for \`${x ? "x` or `y" : "y"}\`, but bool is not supported`,
  );
  check(x?.dtype !== bool, () => `${name}: received a bool input for \`x\` or \`y\`, but bool is not supported`);
  check(y.dim() > 0, () => `Dimension specified as ${v.dim} but tensor has no dimensions`, IndexError);
  const dim = wrapDim(v.dim as number, y.dim());
  const n = y.shape[dim]!;
  const count = Math.max(n - 1, 0);
  const heights = y.narrow(dim, n - count, count).add(y.narrow(dim, 0, count));
  if (x === undefined) return { heights, widths: Number(v.dx as Scalar) / 2, dim };
  return { heights, widths: widthsOf(name, x, y, dim).div(2), dim };
}

function widthsOf(name: string, x: Tensor, y: Tensor, dim: number): Tensor {
  const n = y.shape[dim]!;
  check(x.dim() !== 1 || x.shape[0] === n, () => `${name}: There must be one \`x\` value for each sample point`);
  // One dim belongs to the samples; fewer dims than y are y's last.
  const points = x.dim() === 1 ? x.reshape(y.shape.map((_, d) => (d === dim ? n : 1))) : x;
  const lead = y.dim() - points.dim();
  const spread = lead <= 0 ? points : points.reshape([...new Array<number>(lead).fill(1), ...points.shape]);
  const at = dim + Math.max(-lead, 0);
  const count = Math.max(spread.shape[at]! - 1, 0);
  return spread.narrow(at, spread.shape[at]! - count, count).sub(spread.narrow(at, 0, count));
}

function integrate(v: Values): Tensor {
  const y = v.y as Tensor;
  if (y.dim() > 0 && y.shape[wrapDim(v.dim as number, y.dim())] === 0) {
    const dim = wrapDim(v.dim as number, y.dim());
    return y.newZeros(y.shape.filter((_, d) => d !== dim));
  }
  const { heights, widths, dim } = panels("trapezoid", v);
  return isTensor(widths) ? heights.mul(widths).sum(dim) : heights.sum(dim).mul(widths);
}

/**
 * The integral along `dim` by the trapezoidal rule, over points `x` or steps of `dx`.
 * @example torch.trapezoid(torch.tensor([1, 2, 3])) // tensor(4.)
 */
export const trapezoid: Trapezoid = fn<Trapezoid>({ name: "trapezoid", params: trapezoidParams }, integrate);
/**
 * `trapezoid` by its older name.
 * @example torch.trapz(torch.tensor([1, 2, 3])) // tensor(4.)
 */
export const trapz: Trapezoid = fn<Trapezoid>({ name: "trapz", params: trapezoidParams }, integrate);

/**
 * The integral up to each point along `dim` by the trapezoidal rule.
 * @example torch.cumulativeTrapezoid(torch.tensor([1, 2, 3])) // tensor([1.5000, 4.0000])
 */
export const cumulativeTrapezoid: Trapezoid = fn<Trapezoid>(
  { name: "cumulativeTrapezoid", params: trapezoidParams },
  (v) => {
    const { heights, widths, dim } = panels("cumulative_trapezoid", v);
    return isTensor(widths) ? heights.mul(widths).cumsum(dim) : heights.cumsum(dim).mul(widths);
  },
);

// ---------------------------------------------------------------- numerical gradient

/** `gradient(x, { spacing, dim, edgeOrder })`: one tensor per dim. */
export interface Gradient {
  (
    input: Tensor,
    options?: {
      spacing?: number | readonly number[] | readonly Tensor[] | null;
      dim?: Dims | null;
      edgeOrder?: number;
    },
  ): Tensor[];
  readonly op: OpInfo;
}

type Spacing = number | Tensor;

function spacings(given: unknown, dims: readonly number[]): Spacing[] {
  if (given == null) return dims.map(() => 1);
  if (isScalar(given)) return dims.map(() => Number(given));
  if (!Array.isArray(given))
    throw new TypeError("gradient(): argument 'spacing' must be a number or a list, not Tensor");
  check(
    given.length === dims.length,
    () =>
      "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have the same " +
      `length, but got a spacing argument of length ${given.length} and a dim argument of length ${dims.length}.`,
  );
  for (const s of given) {
    check(
      !isTensor(s) || s.dim() === 1,
      () =>
        "torch.gradient expected each element of spacing to have one dimension, but got an element with " +
        `${(s as Tensor).dim()} dimensions!`,
    );
  }
  return given.map((s) => (isTensor(s) ? s : Number(s)));
}

/**
 * The numerical gradient along each dim: central differences, and one-sided ones of `edgeOrder` at the edges.
 * @example torch.gradient(torch.tensor([1, 4, 9]))[0] // tensor([3., 4., 5.])
 */
export const gradient: Gradient = fn<Gradient>(
  { name: "gradient", params: "input:tensor * spacing:any?=null dim:ints?=null edgeOrder:int=1" },
  (v) => {
    const input = v.input as Tensor;
    const order = v.edgeOrder as number;
    const dims = reducedDims(v.dim as number[] | null, input.dim());
    const steps = spacings(v.spacing, dims);
    check(order === 1 || order === 2, () => "torch.gradient only supports edge_order=1 and edge_order=2.");
    for (const d of dims) {
      check(
        input.shape[d]! >= order + 1,
        () => "torch.gradient expected each dimension size to be at least edge_order+1",
      );
    }
    const x = input.dtype.isFloatingPoint ? input : input.to(getDefaultDtype());
    return dims.map((d, i) => {
      const step = steps[i]!;
      return isTensor(step) ? unevenGradient(x, d, step, order) : evenGradient(x, d, step, order);
    });
  },
);

function evenGradient(x: Tensor, dim: number, step: number, order: number): Tensor {
  const n = x.shape[dim]!;
  const at = (i: number, length = 1): Tensor => x.narrow(dim, i, length);
  const center = at(2, n - 2)
    .sub(at(0, n - 2))
    .div(2 * step);
  if (order === 1) {
    return cat(
      [
        at(1).sub(at(0)).div(step),
        center,
        at(n - 1)
          .sub(at(n - 2))
          .div(step),
      ],
      dim,
    );
  }
  const first = at(0).mul(-1.5).add(at(1).mul(2)).sub(at(2).mul(0.5)).div(step);
  const last = at(n - 1)
    .mul(1.5)
    .sub(at(n - 2).mul(2))
    .add(at(n - 3).mul(0.5))
    .div(step);
  return cat([first, center, last], dim);
}

/** Second-order differences for uneven spacing, as in NumPy: weights from the two steps around a point. */
function unevenGradient(x: Tensor, dim: number, coordinates: Tensor, order: number): Tensor {
  const n = x.shape[dim]!;
  check(
    equalShapes(coordinates.shape, [n]),
    () =>
      `torch.gradient expected each element of spacing to match the size of its dimension, but got ` +
      `${coordinates.shape[0]} coordinates for size ${n}`,
  );
  const shape = x.shape.map((_, d) => (d === dim ? -1 : 1));
  const points = coordinates.reshape(shape);
  const at = (i: number, length = 1): Tensor => x.narrow(dim, i, length);
  const width = points.narrow(dim, 1, n - 1).sub(points.narrow(dim, 0, n - 1));
  const step = (i: number, length = 1): Tensor => width.narrow(dim, i, length);
  const [left, right] = [step(0, n - 2), step(1, n - 2)];
  const both = left.add(right);
  const center = at(0, n - 2)
    .mul(right.neg().div(left.mul(both)))
    .add(at(1, n - 2).mul(right.sub(left).div(left.mul(right))))
    .add(at(2, n - 2).mul(left.div(right.mul(both))));
  if (order === 1) {
    return cat(
      [
        at(1).sub(at(0)).div(step(0)),
        center,
        at(n - 1)
          .sub(at(n - 2))
          .div(step(n - 2)),
      ],
      dim,
    );
  }
  const edge = (h1: Tensor, h2: Tensor, a: Tensor, b: Tensor, c: Tensor): Tensor => {
    const sum = h1.add(h2);
    const wa = h1.mul(2).add(h2).neg().div(h1.mul(sum));
    return a
      .mul(wa)
      .add(b.mul(sum.div(h1.mul(h2))))
      .add(c.mul(h1.neg().div(h2.mul(sum))));
  };
  const first = edge(step(0), step(1), at(0), at(1), at(2));
  const last = edge(step(n - 2), step(n - 3), at(n - 1), at(n - 2), at(n - 3)).neg();
  return cat([first, center, last], dim);
}
