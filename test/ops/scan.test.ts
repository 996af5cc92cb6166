/** Scans and discrete calculus. */
import { describe, expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const { tensor } = torch;

/** The gradient of the sum of `f`. */
function gradient(f: (t: torch.Tensor) => torch.Tensor, data: number[], createGraph = false): unknown {
  const leaf = tensor(data).requiresGrad_();
  f(leaf).sum().backward({ createGraph });
  return leaf.grad?.tolist();
}

test("sums and products run along a dim; ints accumulate as int64", () => {
  const t = tensor([1, 2, 3, 4]).reshape(2, 2);
  expect(t.cumsum(0).tolist()).toEqual([
    [1, 2],
    [4, 6],
  ]);
  expect(t.cumprod(-1).tolist()).toEqual([
    [1, 2],
    [3, 12],
  ]);
  expect(t.int().cumsum(0).dtype).toBe(torch.int64);
  expect(t.cumsum(0, { dtype: "float64" }).dtype).toBe(torch.float64);
});

test("in place a scan keeps the dtype and the tensor, and is recorded", () => {
  const t = tensor([1, 2, 3], { dtype: "int32" });
  expect(t.cumsum_(0)).toBe(t);
  expect(t.tolist()).toEqual([1, 3, 6]);
  const y = tensor([1, 2, 3]).requiresGrad_().clone();
  expect(y.cumprod_(0).gradFn?.name()).toBe("CumprodBackward0");
});

test("cumulative extrema give the latest position among equals", () => {
  const { values, indices } = tensor([1, 3, 3, 2]).cummax(0);
  expect(values.tolist()).toEqual([1, 3, 3, 3]);
  expect(indices.tolist()).toEqual([0, 1, 2, 2]);
  expect(tensor([2, 1, 1]).cummin(0).indices.tolist()).toEqual([0, 1, 2]);
});

describe("the gradient of cumprod with zeros", () => {
  // d/dx of x0 + x0 x1 + x0 x1 x2 at each element.
  test.each([
    [
      [2, 0, 3],
      [1, 8, 0],
    ],
    [
      [0, 0, 3],
      [1, 0, 0],
    ],
    [
      [2, 3, 4],
      [16, 10, 6],
    ],
  ])("%j", (data, expected) => {
    expect(gradient((t) => t.cumprod(0), data)).toEqual(expected);
    expect(gradient((t) => t.cumprod(0), data, true)).toEqual(expected);
  });
});

test("the gradient of cumsum counts the sums an element is in", () => {
  expect(gradient((t) => t.cumsum(0), [1, 2, 3])).toEqual([3, 2, 1]);
});

test("logcumsumexp does not overflow", () => {
  const [a, b] = tensor([1000, 1000]).logcumsumexp(0).tolist();
  expect(a).toBe(1000);
  expect(b).toBeCloseTo(1000 + Math.log(2), 3);
  expect(() => tensor([1n]).logcumsumexp(0)).toThrow("\"logcumsumexp_out_cpu\" not implemented for 'Long'");
});

test("diff takes neighbours apart, after prepending and appending", () => {
  const t = tensor([1, 4, 9]);
  expect(t.diff().tolist()).toEqual([3, 5]);
  expect(t.diff(2).tolist()).toEqual([2]);
  expect(t.diff({ prepend: tensor([0]), append: tensor([10]) }).tolist()).toEqual([1, 3, 5, 1]);
  expect(tensor([true, false]).diff().tolist()).toEqual([true]);
  expect(() => tensor(1).diff()).toThrow("diff expects input to be at least one-dimensional");
});

test("trapezoids have widths by number or by points", () => {
  const y = tensor([1, 3, 5]);
  expect(torch.trapezoid(y).item()).toBe(6);
  expect(torch.trapz(y, { dx: 2 }).item()).toBe(12);
  expect(torch.trapezoid(y, tensor([0, 1, 3])).item()).toBe(10);
  expect(torch.cumulativeTrapezoid(y).tolist()).toEqual([2, 6]);
});

test("gradient is exact for squares inside, and at the edges with order 2", () => {
  const t = tensor([0, 1, 4, 9]);
  expect(torch.gradient(t)[0]?.tolist()).toEqual([1, 2, 4, 5]);
  expect(torch.gradient(t, { edgeOrder: 2 })[0]?.tolist()).toEqual([0, 2, 4, 6]);
  expect(
    torch
      .gradient(tensor([0, 1, 9]), { spacing: [tensor([0, 1, 3])] })[0]
      ?.at(1)
      .item(),
  ).toBe(2);
  expect(() => torch.gradient(t, { edgeOrder: 3 })).toThrow("only supports edge_order=1 and edge_order=2");
});
