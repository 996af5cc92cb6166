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

/** The cells of a table whose dtypes, that of the result among them, the library has. */
function cells<T>(table: Readonly<Record<string, T>>): Record<string, T> {
  const known = (name: string) => name in scalars || exists(name);
  const result = (value: T) => typeof value !== "string" || exists(value);
  return Object.fromEntries(
    Object.entries(table).filter(([key, value]) => key.split(",").every(known) && result(value)),
  );
}

/** The same cells, computed. */
function computed<T>(table: Readonly<Record<string, T>>, cell: (a: string, b: string) => unknown): object {
  const compute = (key: string) => {
    const [a = "", b = ""] = key.split(",");
    return cell(a, b);
  };
  return Object.fromEntries(Object.keys(cells(table)).map((key) => [key, compute(key)]));
}

function tensor(dtype: string, data: unknown): Tensor {
  return asTensor(call("tensor", [data, { dtype: lookup(dtype) }]));
}

const dtypeName = (dtype: unknown): string => String(dtype).replace("torch.", "");

/** A tensor of one dimension, of none, or a number, by the name of a dtype or of a kind of scalar. */
type Operand = (name: string) => unknown;

const dimensioned: Operand = (dtype) => tensor(dtype, [1, 1]);
const zeroDim: Operand = (dtype) => tensor(dtype, 1);
const scalar: Operand = (kind) => scalars[kind];

const tables: readonly [what: string, table: Table, a: Operand, b: Operand][] = [
  ["two dimensioned tensors", promotion.tensor_tensor, dimensioned, dimensioned],
  ["a dimensioned tensor and a 0-dim one", promotion.tensor_zerodim, dimensioned, zeroDim],
  ["a dimensioned tensor and a number", promotion.tensor_scalar, dimensioned, scalar],
  ["a 0-dim tensor and a number", promotion.zerodim_scalar, zeroDim, scalar],
];

test.for(tables)("the product of %s has PyTorch's dtype", ([, table, left, right]) => {
  const product = (a: string, b: string) => shortDtype(asTensor(call("mul", [left(a), right(b)])));
  expect(computed(table, product)).toEqual(cells(table));
});

test.for(tables)("resultType of %s", ([, table, left, right], { skip }) => {
  if (lookup("result_type") === undefined) skip("not implemented: resultType");
  const result = (a: string, b: string) => dtypeName(call("result_type", [left(a), right(b)]));
  expect(computed(table, result)).toEqual(cells(table));
});

test("promoteTypes", ({ skip }) => {
  if (lookup("promote_types") === undefined) skip("not implemented: promoteTypes");
  const promoted = (a: string, b: string) => dtypeName(call("promote_types", [lookup(a), lookup(b)]));
  expect(computed(promotion.promote_types, promoted)).toEqual(cells(promotion.promote_types));
});

test("canCast", ({ skip }) => {
  if (lookup("can_cast") === undefined) skip("not implemented: canCast");
  const can = (a: string, b: string) => call("can_cast", [lookup(a), lookup(b)]);
  expect(computed(promotion.can_cast, can)).toEqual(cells(promotion.can_cast));
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
    if (dtype === "complex64") skip("arithmetic of complex tensors is not complete");
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
