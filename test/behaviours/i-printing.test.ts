/** Rows I119-I126: printed tensors. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { ints, lines, startFresh } from "./support.ts";

const { nn } = torch;
startFresh();

/** 3.14159, which the linter would have as Math.PI. */
const almostPi = 314159 / 1e5;

test.each([
  ["tensor([1.0000, 2.5000])", [1, 2.5]],
  ["tensor([1.0000e-05, 1.0000e+00])", [1e-5, 1]],
  ["tensor([1.0000e+09, 1.0000e+00])", [1e9, 1]],
  ["tensor([1.0000e+05, 1.0000e+00])", [100000.5, 1]],
  ["tensor([nan, inf, -1.])", [Number.NaN, Number.POSITIVE_INFINITY, -1]],
  ["tensor([1.0000e-05])", [1e-5]],
  ["tensor([1.2346e+08])", [123456789]],
  ["tensor([100000., 200000.])", [1e5, 2e5]],
  ["tensor([1.0000e-04])", [0.0001]],
  ["tensor([1.0005e+03, 1.0000e+00])", [1000.5, 1]],
])("I119 floats print as %s", (text, data) => {
  expect(String(torch.tensor(data))).toBe(text);
});

test.each<[string, () => torch.Tensor]>([
  ["tensor(3.1416)", () => torch.tensor(almostPi)],
  ["tensor(-7)", () => ints(-7)],
  ["tensor([])", () => torch.tensor([])],
  ["tensor([], size=(0, 3))", () => torch.zeros(0, 3)],
  ["tensor([], size=(2, 0), dtype=torch.int64)", () => torch.zeros(2, 0, { dtype: torch.int64 })],
  ["tensor([], dtype=torch.int64)", () => torch.tensor([], { dtype: torch.int64 })],
  ["tensor(True)", () => torch.tensor(true)],
  ["tensor([1.5000], dtype=torch.float16)", () => torch.tensor([1.5], { dtype: torch.float16 })],
  [
    "tensor([1.], dtype=torch.float64, requires_grad=True)",
    () => torch.tensor([1], { dtype: torch.float64, requiresGrad: true }),
  ],
  ["tensor([-0.])", () => torch.tensor([-0])],
  ["tensor(..., device='meta', size=(2,))", () => torch.zeros(2, { device: "meta" })],
  ["Parameter containing:\ntensor([], requires_grad=True)", () => new nn.Parameter(torch.zeros(0))],
])("I120 prints %s", (text, make) => {
  expect(String(make())).toBe(text);
});

test("I120 prints complex numbers", () => {
  expect(String(torch.tensor([new torch.Complex(1, 2)]))).toBe("tensor([1.+2.j])");
});

test("I121 matrices of a 3-d tensor stand apart and share one width", () => {
  const x = ints([
    [
      [1, -20],
      [3, 4],
    ],
    [
      [5, 6],
      [7, 8],
    ],
  ]);
  expect(String(x)).toBe(
    lines("tensor([[[  1, -20],", "         [  3,   4]],", "", "        [[  5,   6],", "         [  7,   8]]])"),
  );
});

test("I122 above 1000 elements the edges are printed", () => {
  expect(String(torch.arange(1001))).toBe("tensor([   0,    1,    2,  ...,  998,  999, 1000])");
  expect(String(torch.zeros(1000)).includes("...")).toBe(false);
  expect(String(torch.zeros(1001)).includes("...")).toBe(true);
  const row = "[0., 0., 0.,  ..., 0., 0., 0.]";
  expect(String(torch.zeros(40, 40))).toBe(
    lines(
      `tensor([${row},`,
      `        ${row},`,
      `        ${row},`,
      "        ...,",
      `        ${row},`,
      `        ${row},`,
      `        ${row}])`,
    ),
  );
});

test("I122 the format follows the shown elements", () => {
  const x = torch.zeros(1001);
  x.setAt([500], 12345.678);
  expect(String(x)).toBe("tensor([0., 0., 0.,  ..., 0., 0., 0.])");
});

test("I123 lines wrap at 80 columns", () => {
  expect(String(torch.arange(30))).toBe(
    lines(
      "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,",
      "        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])",
    ),
  );
  expect(String(torch.arange(12).float().mul(1.5))).toBe(
    lines(
      "tensor([ 0.0000,  1.5000,  3.0000,  4.5000,  6.0000,  7.5000,  9.0000, 10.5000,",
      "        12.0000, 13.5000, 15.0000, 16.5000])",
    ),
  );
});

test("I124 setPrintoptions takes precision, sciMode, threshold, edgeitems and a profile", () => {
  torch.setPrintoptions({ precision: 2, sciMode: false });
  expect(String(torch.tensor([1e-5, almostPi]))).toBe("tensor([    0.00,     3.14])");
  torch.setPrintoptions({ profile: "default" });
  expect(String(torch.tensor([1e-5, almostPi]))).toBe("tensor([1.0000e-05, 3.1416e+00])");
  torch.setPrintoptions({ threshold: 3, edgeitems: 1 });
  expect(String(torch.arange(5))).toBe("tensor([0,  ..., 4])");
});

test("I125 template strings print tensors; a number is formatted through item()", () => {
  expect((torch.tensor(almostPi).item() as number).toFixed(2)).toBe("3.14");
  expect(String(ints([1, 2]))).toBe("tensor([1, 2])");
  expect(`${torch.tensor([1])}`).toBe("tensor([1.])");
});

test("I126 views print the node that made them", () => {
  const x = torch.ones(2, 2, { requiresGrad: true });
  expect(String(x.at(0))).toBe("tensor([1., 1.], grad_fn=<SelectBackward0>)");
  expect(String(x.view(4))).toBe("tensor([1., 1., 1., 1.], grad_fn=<ViewBackward0>)");
  expect(String(x.t())).toBe(lines("tensor([[1., 1.],", "        [1., 1.]], grad_fn=<TBackward0>)"));
  expect(String(x.sum())).toBe("tensor(4., grad_fn=<SumBackward0>)");
  expect(String(x.clone().at("0:1"))).toBe("tensor([[1., 1.]], grad_fn=<SliceBackward0>)");
});
