/** The replay itself: names, numbers, tolerances, ties and factorisations, on values small enough to check by hand. */
import { describe, expect, test } from "vitest";
import { evaluate } from "./call.ts";
import { compareElements } from "./compare.ts";
import { hasComplex, hasIntegralFloat } from "./decode.ts";
import { cellValue, cellValues, type Sample, tensorsOf } from "./format.ts";
import { distance, product, reconstructLdl, symmetric } from "./gauge.ts";
import { indexTest } from "./indices.ts";
import { camelCase, inplaceName } from "./names.ts";
import { close, isSoft, toleranceOf } from "./numbers.ts";
import { evaluatePython } from "./python.ts";
import { differences } from "./recorded.ts";
import type { Snapshot } from "./snapshot.ts";

test.each([
  ["index_select", "indexSelect"],
  ["add_", "add_"],
  ["fill_diagonal_", "fillDiagonal_"],
  ["atleast_1d", "atleast1d"],
  ["conv_transpose3d", "convTranspose3d"],
  ["T_max", "TMax"],
  ["T_0", "T0"],
  ["UPLO", "UPLO"],
  ["_base", "_base"],
  ["_is_view", "_isView"],
  ["log1p", "log1p"],
])("%s is called %s", (python, ours) => {
  expect(camelCase(python)).toBe(ours);
});

test("the in-place method of an in-place operator is itself", () => {
  expect([inplaceName("add"), inplaceName("zero_")]).toEqual(["add_", "zero_"]);
});

describe("numbers", () => {
  test("texts are numbers, integers beyond 2^53 are bigints", () => {
    expect([cellValue("NaN"), cellValue("-Infinity"), cellValue(3)]).toEqual([Number.NaN, Number.NEGATIVE_INFINITY, 3]);
    expect(cellValue("9007199254740993")).toBe(9007199254740993n);
  });

  test("float32 decimals become the float32 they restore", () => {
    expect(cellValues([0.1], "float32")).toEqual([0.10000000149011612]);
  });

  test("a float that is integral and not -0 is inexpressible, wherever it stands", () => {
    expect(hasIntegralFloat({ t: "float", v: 2 })).toBe(true);
    expect(hasIntegralFloat([1, { t: "tuple", v: [{ t: "float", v: 3 }] }])).toBe(true);
    expect(hasIntegralFloat({ t: "float", v: 2.5 })).toBe(false);
    expect(hasIntegralFloat({ t: "float", v: -0 })).toBe(false);
    expect(hasIntegralFloat(2)).toBe(false);
  });

  test("complex tensors and dtypes are found", () => {
    expect(hasComplex({ t: "dtype", v: "complex64" })).toBe(true);
    expect(hasComplex([{ t: "tensor", dtype: "complex128", shape: [0], data: [] }])).toBe(true);
    expect(hasComplex({ t: "tensor", dtype: "float32", shape: [0], data: [] })).toBe(false);
  });

  test("leaves are numbered depth first", () => {
    const leaf = (id: number) => ({ t: "tensor" as const, id, dtype: "bool", shape: [0], data: [] });
    const nested = { t: "tuple" as const, v: [leaf(0), [leaf(1), null], leaf(2)] };
    expect(tensorsOf(nested).map(({ id }) => id)).toEqual([0, 1, 2]);
  });
});

describe("tolerances", () => {
  test("NaN equals NaN and infinities equal only themselves", () => {
    const loose = { rtol: 1, atol: 1 };
    expect(close(Number.NaN, Number.NaN, loose)).toBe(true);
    expect(close(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, loose)).toBe(true);
    expect(close(Number.POSITIVE_INFINITY, 1e300, loose)).toBe(false);
    expect(close(0, Number.NaN, loose)).toBe(false);
  });

  test("float32 allows 1.3e-6 of the recorded value and 1e-5", () => {
    expect(close(1000.001, 1000, toleranceOf("float32"))).toBe(true);
    expect(close(1000.002, 1000, toleranceOf("float32"))).toBe(false);
  });

  test("PyTorch's own error counts ten times, unless it is a discontinuity", () => {
    expect(toleranceOf("float32", { err: 1e-4 })).toEqual({ rtol: 1e-3, atol: 1e-3 });
    expect(toleranceOf("float32", { err: 0.5 })).toEqual(toleranceOf("float32"));
    expect([isSoft({ err: 0.5 }), isSoft({ err: 1e-4 }), isSoft({})]).toEqual([true, false, false]);
  });

  test("integers are exact", () => {
    expect(toleranceOf("int64", { err: 1 })).toEqual({ rtol: 0, atol: 0 });
    expect(close(2n ** 60n, 2n ** 60n + 1n, toleranceOf("int64"))).toBe(false);
  });
});

const floats = (...values: number[]): Snapshot => ({ dtype: "float32", shape: [values.length], values });

describe("elements", () => {
  const context = { dtype: "float32" };

  test("a difference names its first position and how many there are", () => {
    const [mismatch] = compareElements(floats(1, 2, 3), floats(1, 5, 4), context, "out");
    expect(mismatch?.kind).toBe("value");
    expect(mismatch?.what).toContain("2 of 3 elements differ, first at 1: expected 2, got 5");
  });

  test("a wrong shape is said before any element", () => {
    const [mismatch] = compareElements(floats(1, 2), floats(1), context, "out");
    expect(mismatch).toMatchObject({ kind: "shape", what: "expected shape [2], got [1]" });
  });

  test("a difference at a discontinuity is soft", () => {
    const [mismatch] = compareElements(floats(1), floats(2), { ...context, err: 0.5 }, "out");
    expect(mismatch?.soft).toBe(true);
  });

  test("an unstable sample may differ at infinities only", () => {
    const unstable = { ...context, unstable: true };
    expect(compareElements(floats(Number.POSITIVE_INFINITY), floats(3), unstable, "out")).toEqual([]);
    expect(compareElements(floats(1), floats(3), unstable, "out")).toHaveLength(1);
  });
});

describe("indices", () => {
  const sampleOf = (op: string, shape: number[], data: number[], dim?: number): Sample => ({
    op,
    i: 0,
    src: "sample",
    dtype: "float32",
    path: `torch.${op}`,
    args: [{ t: "tensor", id: 0, dtype: "float32", shape, data }, ...(dim === undefined ? [] : [dim])],
    names: ["input", "dim"],
    npos: 1,
    opts: {},
    out: { t: "tuple", v: [] },
  });
  const indices = (...values: number[]): Snapshot => ({ dtype: "int64", shape: [values.length], values });

  test("an index of an equal value is as good, along the dim", () => {
    const same = indexTest(sampleOf("max", [3, 2], [7, 1, 7, 2, 0, 2], 0));
    expect(same?.(indices(1, 2), indices(0, 1), 0, "out[1]")).toBe(true);
    expect(same?.(indices(1, 2), indices(0, 1), 1, "out[1]")).toBe(true);
    expect(same?.(indices(2, 2), indices(0, 1), 0, "out[1]")).toBe(false);
  });

  test("an index out of range is wrong, even where the next row holds an equal value", () => {
    const same = indexTest(sampleOf("max", [2, 2], [0, 7, 7, 0], 1));
    expect(same?.(indices(2, 0), indices(1, 0), 0, "out[1]")).toBe(false);
  });

  test("integer values are no indices", () => {
    const same = indexTest(sampleOf("max", [3, 2], [7, 1, 7, 2, 0, 2], 0));
    expect(same?.(indices(1, 2), indices(0, 1), 0, "out[0]")).toBe(false);
  });

  test("pooling counts inside the plane", () => {
    const same = indexTest(sampleOf("nn.functional.max_pool1d", [2, 3], [0, 5, 5, 9, 9, 0]));
    const pooled = (...values: number[]): Snapshot => ({ dtype: "int64", shape: [2, 1], values });
    expect(same?.(pooled(2, 1), pooled(1, 0), 0, "out[1]")).toBe(true);
    expect(same?.(pooled(2, 1), pooled(1, 0), 1, "out[1]")).toBe(true);
    expect(same?.(pooled(0, 2), pooled(1, 0), 1, "out[1]")).toBe(false);
  });
});

describe("factorisations", () => {
  test("a triangle determines a symmetric matrix", () => {
    const wrongUpper = [
      [1, 99],
      [2, 3],
    ];
    expect(symmetric(wrongUpper, "L")).toEqual([
      [1, 2],
      [2, 3],
    ]);
  });

  test("LDL of [[4, 2], [2, 3]] is L = [[1, 0], [0.5, 1]] and D = diag(4, 2)", () => {
    const factors = [
      [4, 0],
      [0.5, 2],
    ];
    const original = [
      [4, 2],
      [2, 3],
    ];
    expect(distance(reconstructLdl(factors, [1, 2]), original)).toBeLessThan(1e-12);
  });

  test("a 2x2 pivot block stands for itself", () => {
    const exchanged = [
      [0, 1],
      [1, 0],
    ];
    expect(reconstructLdl(exchanged, [-2, -2])).toEqual(exchanged);
  });

  test("a product of matrices", () => {
    expect(product([[1, 2]], [[3], [4]])).toEqual([[11]]);
  });
});

test("an operator's equivalent is evaluated by name", () => {
  expect(() => evaluate("y", { x: 1 })).toThrow("unknown name y");
  expect(evaluate("x", { x: 1 })).toBe(1);
});

describe("recorded Python calls", () => {
  const environment = {
    values: { opt: "the optimizer" },
    construct: (name: string, args: readonly unknown[]) => [name, ...args],
    lambdas: { "lambda epoch: 1 / (1 + epoch)": (epoch: number) => 1 / (1 + epoch) },
  };

  test("keywords become an options object in camelCase, calls nest", () => {
    const text = "Chained([A(opt, total_iters=4), B(opt, mode='abs', deep=True)])";
    const inner = [
      ["A", "the optimizer", { totalIters: 4 }],
      ["B", "the optimizer", { mode: "abs", deep: true }],
    ];
    expect(evaluatePython(text, environment)).toEqual(["Chained", inner]);
  });

  test("a lambda is looked up by its text", () => {
    const [, , lambda] = evaluatePython("L(opt, lambda epoch: 1 / (1 + epoch))", environment) as unknown[];
    expect(typeof lambda === "function" && lambda(3)).toBe(0.25);
  });

  test("what is not understood is refused", () => {
    expect(() => evaluatePython("L(other)", environment)).toThrow("cannot read");
    expect(() => evaluatePython("L(opt) + 1", environment)).toThrow("cannot read");
  });
});

describe("recorded states", () => {
  const exact = { rtol: 0, atol: 0 };

  test("keys are found in Maps under their number and in objects under either spelling", () => {
    const ours = { state: new Map([[0, { exp_avg: 1 }]]), paramGroups: [{ lr: 2 }] };
    expect(differences({ state: { "0": { exp_avg: 1 } }, param_groups: [{ lr: 2 }] }, ours, exact)).toEqual([]);
  });

  test("each difference names its place", () => {
    expect(differences({ a: [1, { b: null }] }, { a: [1, { b: 0 }] }, exact, "state")).toEqual([
      "state.a[1].b: expected null, got 0",
    ]);
    expect(differences([1, 2], [1], exact)).toHaveLength(1);
    expect(differences({ a: 1 }, {}, exact)).toHaveLength(1);
  });
});
