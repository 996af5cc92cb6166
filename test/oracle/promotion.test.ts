/** PyTorch's type-promotion tables, cell by cell. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { asTensor, call, callMethod, elements, isTensor, lookup, shortDtype, type Tensor } from "./face.ts";
import { category } from "./numbers.ts";

type Table = Readonly<Record<string, string>>;

interface Promotion {
  readonly promote_types: Table;
  readonly tensor_tensor: Table;
  readonly tensor_zerodim: Table;
  readonly tensor_scalar: Table;
  readonly zerodim_scalar: Table;
  readonly can_cast: Readonly<Record<string, boolean>>;
  readonly result_dtypes: Readonly<Record<string, Table>>;
}

const promotion = JSON.parse(readFileSync(new URL("../data/promotion.json", import.meta.url), "utf8")) as Promotion;

const exists = (dtype: string) => lookup(dtype) !== undefined;
const scalars: Readonly<Record<string, unknown>> = { bool: true, int: 1, float: 1.5 };

/** The cells of a table whose dtypes the library has. */
function cells<T>(table: Readonly<Record<string, T>>): [a: string, b: string, expected: T][] {
  return Object.entries(table).flatMap(([key, expected]) => {
    const [a = "", b = ""] = key.split(",");
    return exists(a) && (b in scalars || exists(b)) ? [[a, b, expected] as [string, string, T]] : [];
  });
}

function tensor(dtype: string, data: unknown): Tensor {
  return asTensor(call("tensor", [data, { dtype: lookup(dtype) }]));
}

function resultType(a: unknown, b: unknown): string {
  return String(call("result_type", [a, b])).replace("torch.", "");
}

describe("promoteTypes", () => {
  test.each(cells(promotion.promote_types))("%s and %s give %s", (a, b, expected) => {
    expect(call("promote_types", [lookup(a), lookup(b)])).toBe(lookup(expected));
  });
});

describe("canCast", () => {
  test.each(cells(promotion.can_cast))("%s to %s is %s", (a, b, expected) => {
    expect(call("can_cast", [lookup(a), lookup(b)])).toBe(expected);
  });
});

describe("two dimensioned tensors", () => {
  test.each(cells(promotion.tensor_tensor))("%s and %s give %s", (a, b, expected) => {
    expect(resultType(tensor(a, [1, 1]), tensor(b, [1, 1]))).toBe(expected);
    expect(shortDtype(asTensor(call("mul", [tensor(a, [1, 1]), tensor(b, [1, 1])])))).toBe(expected);
  });
});

describe("a dimensioned tensor and a 0-dim one", () => {
  test.each(cells(promotion.tensor_zerodim))("%s and 0-dim %s give %s", (a, b, expected) => {
    expect(resultType(tensor(a, [1, 1]), tensor(b, 1))).toBe(expected);
    expect(shortDtype(asTensor(call("mul", [tensor(a, [1, 1]), tensor(b, 1)])))).toBe(expected);
  });
});

describe("a tensor and a scalar", () => {
  test.each(cells(promotion.tensor_scalar))("%s and a %s give %s", (a, b, expected) => {
    expect(resultType(tensor(a, [1, 1]), scalars[b])).toBe(expected);
    expect(shortDtype(asTensor(call("mul", [tensor(a, [1, 1]), scalars[b]])))).toBe(expected);
  });
});

describe("a 0-dim tensor and a scalar", () => {
  test.each(cells(promotion.zerodim_scalar))("0-dim %s and a %s give %s", (a, b, expected) => {
    expect(resultType(tensor(a, 1), scalars[b])).toBe(expected);
    expect(shortDtype(asTensor(call("mul", [tensor(a, 1), scalars[b]])))).toBe(expected);
  });
});

/** The calls behind the names of `result_dtypes`, on x = two elements; by default `torch.name(x)`. */
const operations: Readonly<Record<string, (x: Tensor) => unknown>> = {
  add: (x) => call("add", [x, x]),
  sub: (x) => call("sub", [x, x]),
  mul: (x) => call("mul", [x, x]),
  div: (x) => call("div", [x, x]),
  eq: (x) => call("eq", [x, x]),
  floor_divide: (x) => call("floor_divide", [x, x]),
  pow: (x) => call("pow", [x, x]),
  pow_int: (x) => call("pow", [x, 2]),
  pow_float: (x) => call("pow", [x, 0.5]),
  cumsum: (x) => call("cumsum", [x, 0]),
  matmul: (x) => call("matmul", [x, x]),
  softmax: (x) => call("softmax", [x, 0]),
  clamp: (x) => call("clamp", [x, 0, 1]),
  sort: (x) => elements(callMethod(x, "sort", []))?.[0],
};

/** What is missing from PyTorch 1.13's CPU kernels only: half precision there refuses, later versions compute. */
function mayCompute(dtype: string): boolean {
  return dtype === "float16" || dtype === "bfloat16";
}

const results = Object.entries(promotion.result_dtypes)
  .filter(([dtype]) => exists(dtype))
  .flatMap(([dtype, table]) => Object.entries(table).map(([name, expected]) => [dtype, name, expected] as const));

describe("results of common operations", () => {
  test.for(results)("%s: %s gives %s", ([dtype, name, expected], { skip }) => {
    const path = name.replace(/_(int|float)$/, "");
    if (lookup(path) === undefined) skip(`not implemented: ${path}`);
    const x = tensor(dtype, category(dtype) === 0 ? [true, true] : [1, 2]);
    const run = () => (operations[name] ?? ((input: Tensor) => call(name, [input])))(x);
    if (!expected.startsWith("error:")) expect(dtypeOf(run())).toBe(expected);
    else if (mayCompute(dtype)) expect([dtype, "refuses"]).toContain(dtypeOrRefusal(run));
    else expect(run).toThrow(/^(?!not implemented|Cannot read|.*is not a function)/);
  });
});

function dtypeOf(value: unknown): string {
  return isTensor(value) ? shortDtype(value) : String(value);
}

function dtypeOrRefusal(run: () => unknown): string {
  try {
    return dtypeOf(run());
  } catch {
    return "refuses";
  }
}
