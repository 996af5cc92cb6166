import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import * as dtypes from "../../src/core/dtype.ts";
import {
  formatExponent,
  formatFixed,
  formatTensor,
  getPrintoptions,
  type PrintSource,
  setPrintoptions,
} from "../../src/core/print.ts";

type Value = number | bigint | boolean;
type Nested = Value | readonly Nested[];
type Extra = Partial<Omit<PrintSource, "shape" | "element">> & { readonly shape?: readonly number[] };

const { bool, float16, float32, float64, int32, int64, uint8 } = dtypes;
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

function shapeOf(data: Nested): number[] {
  if (!Array.isArray(data)) return [];
  return data.length === 0 ? [0] : [data.length, ...shapeOf(data[0])];
}

function elementAt(data: Nested, index: readonly number[], dtype: dtypes.DType): Value {
  const value = index.reduce<Nested>((inner, i) => (Array.isArray(inner) ? inner[i] : inner), data) as Value;
  return typeof value === "number" && dtype === float32 ? Math.fround(value) : value;
}

/** What `torch.tensor(data)` prints, with the dtype Python would infer from these literals given in `extra`. */
function show(data: Nested, extra: Extra = {}): string {
  const dtype = extra.dtype ?? float32;
  return formatTensor({
    shape: shapeOf(data),
    dtype,
    device: "cpu",
    requiresGrad: false,
    gradFn: null,
    parameter: false,
    element: (index) => elementAt(data, index, dtype),
    ...extra,
  });
}

const lines = (...text: string[]): string => text.join("\n");
const range = (n: number, f: (i: number) => number = (i) => i): number[] => Array.from({ length: n }, (_, i) => f(i));
const zeros = (...shape: number[]): string => show([], { shape, dtype: float32 });

afterEach(() => setPrintoptions({ profile: "default" }));

/** Recorded from PyTorch 1.13: number formats. */
test.each<[Nested, Extra, string]>([
  [[1, 2.5], {}, "tensor([1.0000, 2.5000])"],
  [[1e-5, 1], {}, "tensor([1.0000e-05, 1.0000e+00])"],
  [[1e9, 1], {}, "tensor([1.0000e+09, 1.0000e+00])"],
  [[100000.5, 1], {}, "tensor([1.0000e+05, 1.0000e+00])"],
  [[nan, inf, -1], {}, "tensor([nan, inf, -1.])"],
  [[1e-5], {}, "tensor([1.0000e-05])"],
  [[123456789], {}, "tensor([1.2346e+08])"],
  [[1e5, 2e5], {}, "tensor([100000., 200000.])"],
  [[0.0001], {}, "tensor([1.0000e-04])"],
  [[1000.5, 1], {}, "tensor([1.0005e+03, 1.0000e+00])"],
  [Math.PI, {}, "tensor(3.1416)"],
  [-7, { dtype: int64 }, "tensor(-7)"],
  [true, { dtype: bool }, "tensor(True)"],
  [[true, false], { dtype: bool }, "tensor([ True, False])"],
  [[1.5], { dtype: float16 }, "tensor([1.5000], dtype=torch.float16)"],
  [[-0], {}, "tensor([-0.])"],
  [[10, 2, 3], { dtype: int64 }, "tensor([10,  2,  3])"],
  [[1065353216], { dtype: int32 }, "tensor([1065353216], dtype=torch.int32)"],
  [[44], { dtype: uint8 }, "tensor([44], dtype=torch.uint8)"],
  [[0.1192, 0.5, 0.8808], {}, "tensor([0.1192, 0.5000, 0.8808])"],
  [9223372036854775807n, { dtype: int64 }, "tensor(9223372036854775807)"],
])("%o with %o prints as in PyTorch", (data, extra, want) => {
  expect(show(data, extra)).toBe(want);
});

/** Recorded from PyTorch 1.13: what follows the elements. */
test.each<[string, string, string]>([
  [
    "requires_grad",
    show([1], { dtype: float64, requiresGrad: true }),
    "tensor([1.], dtype=torch.float64, requires_grad=True)",
  ],
  ["grad_fn", show(4, { gradFn: "SumBackward0", requiresGrad: true }), "tensor(4., grad_fn=<SumBackward0>)"],
  ["an empty tensor", show([]), "tensor([])"],
  ["an empty matrix", zeros(0, 3), "tensor([], size=(0, 3))"],
  ["an empty int64 matrix", show([], { shape: [2, 0], dtype: int64 }), "tensor([], size=(2, 0), dtype=torch.int64)"],
  ["an empty int64 tensor", show([], { dtype: int64 }), "tensor([], dtype=torch.int64)"],
  ["meta", show([], { shape: [2], device: "meta" }), "tensor(..., device='meta', size=(2,))"],
  [
    "a parameter",
    show(
      [
        [0, 0],
        [0, 0],
      ],
      { parameter: true, requiresGrad: true },
    ),
    lines("Parameter containing:", "tensor([[0., 0.],", "        [0., 0.]], requires_grad=True)"),
  ],
  [
    "an empty parameter",
    show([], { parameter: true, requiresGrad: true }),
    lines("Parameter containing:", "tensor([], requires_grad=True)"),
  ],
  [
    "a matrix with a grad_fn",
    show(
      [
        [0.5987, 0.6225],
        [0.69, 0.8022],
      ],
      { gradFn: "SigmoidBackward0" },
    ),
    lines("tensor([[0.5987, 0.6225],", "        [0.6900, 0.8022]], grad_fn=<SigmoidBackward0>)"),
  ],
])("%s shows in the suffixes", (_, got, want) => {
  expect(got).toBe(want);
});

/** Recorded from PyTorch 1.13: layout. */
test.each<[string, string, string]>([
  [
    "columns line up",
    show(
      [
        [1, 2],
        [456, 456],
      ],
      { parameter: true, requiresGrad: true },
    ),
    lines("Parameter containing:", "tensor([[  1.,   2.],", "        [456., 456.]], requires_grad=True)"),
  ],
  [
    "a blank line parts matrices, and the width is common to all",
    show(
      [
        [
          [1, -20],
          [3, 4],
        ],
        [
          [5, 6],
          [7, 8],
        ],
      ],
      { dtype: int64 },
    ),
    lines("tensor([[[  1, -20],", "         [  3,   4]],", "", "        [[  5,   6],", "         [  7,   8]]])"),
  ],
  [
    "lines wrap at 80 columns",
    show(range(30), { dtype: int64 }),
    lines(
      "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,",
      "        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])",
    ),
  ],
  [
    "wide elements wrap earlier",
    show(range(12, (i) => i * 1.5)),
    lines(
      "tensor([ 0.0000,  1.5000,  3.0000,  4.5000,  6.0000,  7.5000,  9.0000, 10.5000,",
      "        12.0000, 13.5000, 15.0000, 16.5000])",
    ),
  ],
])("%s", (_, got, want) => {
  expect(got).toBe(want);
});

describe("above 1000 elements", () => {
  test("three edge items show on each side", () => {
    expect(show(range(1001), { dtype: int64 })).toBe("tensor([   0,    1,    2,  ...,  998,  999, 1000])");
    expect(show(range(1000, () => 0))).not.toContain("...");
  });

  test("rows are left out too", () => {
    const row = "[0., 0., 0.,  ..., 0., 0., 0.]";
    const rows = [row, row, row, "...", row, row, row].join(",\n        ");
    expect(show(range(40).map(() => range(40, () => 0)))).toBe(`tensor([${rows}])`);
  });

  test("the format is chosen from what shows", () => {
    expect(show(range(1001, (i) => (i === 500 ? 12345.678 : 0)))).toBe("tensor([0., 0., 0.,  ..., 0., 0., 0.])");
  });
});

describe("setPrintoptions", () => {
  test("precision and sciMode keep the width of the natural format", () => {
    setPrintoptions({ precision: 2, sciMode: false });
    expect(show([1e-5, Math.PI])).toBe("tensor([    0.00,     3.14])");
  });

  test("threshold and edgeitems summarise sooner", () => {
    setPrintoptions({ threshold: 3, edgeitems: 1 });
    expect(show(range(5), { dtype: int64 })).toBe("tensor([0,  ..., 4])");
  });

  test("a call without sciMode leaves it to the values again", () => {
    setPrintoptions({ sciMode: true });
    setPrintoptions({ precision: 4 });
    expect(getPrintoptions()).toEqual({ precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80, sciMode: null });
  });

  test("unknown options and values are refused before anything changes", () => {
    expect(() => setPrintoptions({ precision: 2, ...{ digits: 3 } })).toThrow(
      'setPrintoptions() got an unknown option "digits"',
    );
    expect(() => setPrintoptions({ precision: 2, edgeitems: -1 })).toThrow(
      "setPrintoptions(): edgeitems must be a whole number from 0, but got -1",
    );
    expect(getPrintoptions().precision).toBe(4);
  });
});

test("the default dtype goes without saying", () => {
  const source: PrintSource = {
    shape: [1],
    dtype: float64,
    device: "cpu",
    requiresGrad: false,
    gradFn: null,
    parameter: false,
    element: () => 1,
  };
  expect(formatTensor(source, float64)).toBe("tensor([1.])");
  expect(formatTensor(source)).toBe("tensor([1.], dtype=torch.float64)");
});

interface Recorded {
  readonly dtype: dtypes.DTypeName;
  readonly shape: readonly number[];
  readonly data: readonly (number | string)[];
  readonly repr: string;
  readonly options?: Parameters<typeof setPrintoptions>[0];
  readonly requiresGrad?: boolean;
  readonly gradFn?: string;
  readonly parameter?: boolean;
}

/** Random tensors and what PyTorch 1.13.1 prints for them. */
const recorded: { cases: Recorded[] } = JSON.parse(
  readFileSync(new URL("../data/print.json", import.meta.url), "utf8"),
);

function parse(value: number | string, dtype: dtypes.DTypeName): Value {
  if (dtype === "bool") return value === 1;
  if (dtype === "int64") return BigInt(value);
  return dtype === "float64" || !dtype.includes("float") ? Number(value) : Math.fround(Number(value));
}

test.each(
  recorded.cases.map((c, i): [number, string, Recorded] => [i, `${c.dtype} [${c.shape}]`, c]),
)("recorded tensor %i, %s, prints as in PyTorch", (_, __, {
  shape,
  dtype,
  data,
  options,
  requiresGrad = false,
  gradFn = null,
  parameter = false,
  repr,
}) => {
  setPrintoptions(options ?? {});
  const element = (index: readonly number[]): Value =>
    parse(data[index.reduce((flat, i, dim) => flat * shape[dim]! + i, 0)]!, dtype);
  const source = { shape, dtype: dtypes.dtypes[dtype], device: "cpu", element, requiresGrad, gradFn, parameter };
  expect(formatTensor(source)).toBe(repr);
});

/** Python 3.11: '{:.{d}f}'.format(x) and '{:.{d}e}'.format(x). */
test.each([
  [0.03125, 4, "0.0312", "3.1250e-02"],
  [0.09375, 4, "0.0938", "9.3750e-02"],
  [-2.5, 0, "-2", "-2e+00"],
  [9.5, 0, "10", "1e+01"],
  [100005, 4, "100005.0000", "1.0000e+05"],
  [100015, 4, "100015.0000", "1.0002e+05"],
  [-0, 2, "-0.00", "-0.00e+00"],
  [-0.00001, 4, "-0.0000", "-1.0000e-05"],
  [1e22, 1, "10000000000000000000000.0", "1.0e+22"],
  [5e-324, 4, "0.0000", "4.9407e-324"],
  [inf, 4, "inf", "inf"],
  [nan, 4, "nan", "nan"],
])("%d with %i decimals rounds half to even, as in Python", (x, decimals, fixed, exponent) => {
  expect([formatFixed(x, decimals), formatExponent(x, decimals)]).toEqual([fixed, exponent]);
});
