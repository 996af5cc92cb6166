/** Elementwise operators: values, dtypes and refusals as PyTorch 1.13 shows them. */
import { describe, expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const { tensor } = torch;
const ints = (data: number[]) => tensor(data, { dtype: "int64" });
const bools = (data: boolean[]) => tensor(data);
const list = (t: torch.Tensor): unknown => t.tolist();

describe("promotion", () => {
  test("a float number makes integers float, an integer number does not", () => {
    expect(ints([1, 2]).mul(2.5).dtype).toBe(torch.float32);
    expect(ints([1, 2]).mul(2).dtype).toBe(torch.int64);
  });

  test("true division and transcendental functions make integers float", () => {
    expect(ints([1, 2]).div(2).dtype).toBe(torch.float32);
    expect(ints([1, 2]).sin().dtype).toBe(torch.float32);
  });

  test("a 0-dim float64 tensor does not widen a float32 one", () => {
    expect(tensor([1]).add(tensor(2, { dtype: "float64" })).dtype).toBe(torch.float32);
  });

  test("the square of booleans is int64", () => {
    expect(bools([true]).square().dtype).toBe(torch.int64);
  });

  test("comparisons see a number as an element of the dtype would hold it", () => {
    expect(list(tensor([0.1], { dtype: "float16" }).eq(0.1))).toEqual([true]);
    expect(list(tensor([255], { dtype: "uint8" }).eq(-1))).toEqual([true]);
  });

  test("floatPower computes in float64", () => {
    expect(torch.floatPower(ints([1, 2]), 2).dtype).toBe(torch.float64);
  });
});

const messages: [string, () => unknown, string][] = [
  ["neg of bool", () => bools([true]).neg(), "Negation, the `-` operator, on a bool tensor is not supported"],
  ["abs of bool", () => bools([true]).abs(), "\"abs_cpu\" not implemented for 'Bool'"],
  ["floor of bool", () => bools([true]).floor(), "\"floor_vml_cpu\" not implemented for 'Bool'"],
  ["frac of integers", () => ints([1]).frac(), "\"frac_cpu\" not implemented for 'Long'"],
  ["rsub of bool", () => torch.rsub(bools([true]), true), "Subtraction, the `-` operator, with two bool tensors"],
  ["integers to -1", () => ints([2]).pow(-1), "Integers to negative integer powers are not allowed."],
  ["remainder by 0", () => ints([2]).remainder(0), "ZeroDivisionError"],
  ["floorDivide by 0", () => torch.floorDivide(ints([2]), ints([0])), "ZeroDivisionError"],
  ["div_ of integers", () => ints([2]).div_(2), "result type Float can't be cast to the desired output type Long"],
  ["clamp without limits", () => tensor([1]).clamp(), "At least one of 'min' or 'max' must not be None"],
  ["bitwise of floats", () => tensor([1]).bitwiseAnd(1), "\"bitwise_and_cpu\" not implemented for 'Float'"],
  ["shift of bool", () => bools([true]).bitwiseLeftShift(true), "\"lshift_cpu\" not implemented for 'Bool'"],
  ["gcd of floats", () => tensor([1]).gcd(tensor([2])), "\"gcd_cpu\" not implemented for 'Float'"],
  ["lerp to float64", () => tensor([1]).lerp(tensor([1], { dtype: "float64" }), 0.5), "expected dtype float for `end`"],
  ["addcdiv of integers", () => ints([1]).addcdiv(ints([1]), ints([2])), "Integer division with addcdiv is no longer"],
  ["where of integers", () => torch.where(ints([1]), 1, 2), "where expected condition to be a boolean tensor"],
  ["mask of integers", () => tensor([1]).maskedFill(ints([1]), 2), "masked_fill_ only supports boolean masks"],
  ["fill by a list", () => tensor([1]).maskedFill(bools([true]), tensor([2])), "only supports a 0-dimensional value"],
  ["uint8 fill of 300", () => tensor([1], { dtype: "uint8" }).maskedFill(bools([true]), 300), "without overflow"],
  ["polygamma of -1", () => torch.polygamma(-1, tensor([1])), "polygamma(n, x) does not support negative n."],
  ["mvlgamma of 0", () => tensor([1]).mvlgamma(0), "p has to be greater than or equal to 1"],
  ["isclose of two dtypes", () => tensor([1]).isclose(ints([1])), "Float did not match Long"],
  ["heaviside of two dtypes", () => tensor([1]).heaviside(ints([1])), "heaviside is not yet implemented for tensors"],
  ["floatPower_ of float32", () => tensor([1]).floatPower_(2), "the base given to float_power_ has dtype Float"],
];

test.each(messages)("%s is refused", (_, call, message) => {
  expect(call).toThrow(message);
});

describe("values", () => {
  test("remainder has the sign of the divisor, fmod that of the dividend", () => {
    expect(list(tensor([-3, 3]).remainder(2))).toEqual([1, 1]);
    expect(list(tensor([-3, 3]).fmod(2))).toEqual([-1, 1]);
  });

  test("round takes halves to even, and decimals", () => {
    expect(list(tensor([0.5, 1.5, 2.5]).round())).toEqual([0, 2, 2]);
    expect(list(tensor([123]).round({ decimals: -1 }))).toEqual([120]);
  });

  test("NaN passes maximum, not fmax", () => {
    const [a, b] = [tensor([NaN, 1]), tensor([2, NaN])];
    expect(list(a.maximum(b))).toEqual([NaN, NaN]);
    expect(list(a.fmax(b))).toEqual([2, 1]);
  });

  test("clamp with crossed limits gives the upper one", () => {
    expect(list(tensor([0]).clamp(2, 1))).toEqual([1]);
  });

  test("nanToNum replaces by the largest finite numbers", () => {
    expect(list(tensor([NaN, Infinity, -1]).nanToNum({ nan: 7, posinf: 8 }))).toEqual([7, 8, -1]);
    expect(list(tensor([-Infinity], { dtype: "float16" }).nanToNum())).toEqual([-65504]);
  });

  test("signbit and copysign see the sign of -0", () => {
    expect(list(tensor([-0, 0]).signbit())).toEqual([true, false]);
    expect(list(tensor([1]).copysign(-0))).toEqual([-1]);
  });

  test("shifts by more bits than there are give 0, or the sign", () => {
    expect(list(ints([1]).bitwiseLeftShift(64))).toEqual([0]);
    expect(list(ints([-8]).bitwiseRightShift(65))).toEqual([-1]);
  });

  test("where of a condition alone gives its positions", () => {
    const [rows, columns] = torch.where(
      tensor([
        [0, 1],
        [2, 0],
      ]),
    );
    expect(list(rows!)).toEqual([0, 1]);
    expect(list(columns!)).toEqual([1, 0]);
  });

  test("where as a method takes the condition second", () => {
    expect(list(tensor([1, 2]).where(bools([true, false]), 9))).toEqual([1, 9]);
  });

  test("maskedFill broadcasts and keeps the dtype", () => {
    const filled = ints([1, 2]).maskedFill(
      tensor([
        [true, false],
        [true, true],
      ]),
      7.9,
    );
    expect(list(filled)).toEqual([
      [7, 2],
      [7, 7],
    ]);
  });

  test("frexp takes a number apart", () => {
    const { mantissa, exponent } = torch.frexp(tensor([-3, 0, 8]));
    expect(list(mantissa)).toEqual([-0.75, 0, 0.5]);
    expect(list(exponent)).toEqual([2, 0, 4]);
  });

  test("isclose compares by both tolerances", () => {
    expect(list(tensor([1, 1, NaN]).isclose(tensor([1.000001, 1.1, NaN])))).toEqual([true, false, false]);
    expect(list(tensor([NaN]).isclose(tensor([NaN]), { equalNan: true }))).toEqual([true]);
  });

  test("float and integer questions agree about what is finite", () => {
    expect(list(tensor([1, Infinity, NaN]).isfinite())).toEqual([true, false, false]);
    expect(list(ints([1]).isfinite())).toEqual([true]);
    expect(list(tensor([-Infinity, Infinity, NaN]).isneginf())).toEqual([true, false, false]);
  });
});

describe("in place", () => {
  test("a comparison writes 1 and 0 into the float tensor", () => {
    const x = tensor([1, 2]);
    expect(x.eq_(1)).toBe(x);
    expect(list(x)).toEqual([1, 0]);
  });

  test("aliases have their in-place forms", () => {
    expect(list(tensor([-2]).absolute_().multiply_(3))).toEqual([6]);
  });

  test("polygamma_ has its tensor as receiver", () => {
    const x = tensor([2]);
    x.polygamma_(1);
    expect(x.item()).toBeCloseTo(0.6449341, 6);
  });

  test("nanToNum_ leaves integers alone, also expanded ones", () => {
    const x = ints([3]).expand([2]);
    expect(x.nanToNum_()).toBe(x);
  });
});

const special: [string, torch.Tensor, number][] = [
  ["entr", torch.special.entr(tensor([0.5])), 0.34657359],
  ["ndtr", torch.special.ndtr(tensor([0.5])), 0.69146246],
  ["zeta", torch.special.zeta(2, tensor([1])), 1.64493407],
  ["xlog1py", torch.special.xlog1py(2, tensor([1])), 1.38629436],
  ["hermitePolynomialH", torch.special.hermitePolynomialH(tensor([0]), 2), -2],
  ["chebyshevPolynomialT", torch.special.chebyshevPolynomialT(tensor([0.5]), 3), -1],
  ["besselJ0", torch.special.besselJ0(tensor([0])), 1],
  ["multigammaln", torch.special.multigammaln(tensor([5]), 2), 6.2042],
  ["expit", torch.special.expit(tensor([0])), 0.5],
];

test.each(special)("special.%s", (_, result, expected) => {
  expect(result.item()).toBeCloseTo(expected, 4);
});

test("what only torch.special has is no method", () => {
  expect("erfcx" in torch.Tensor.prototype).toBe(false);
  expect("erfcx" in torch).toBe(false);
});
