/** Rows S126 to S130: nn.Unfold, nn.Fold and the view `unfold`. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { lines, raises, raisesPrefix, sameAddress, startFresh } from "./support.ts";

const { nn } = torch;
const F = nn.functional;

function floats(n: number, ...shape: number[]): torch.Tensor {
  return torch.arange(n, { dtype: torch.float32 }).view(shape);
}

startFresh();

test("S126 Unfold copies sliding blocks into columns, channel first", () => {
  const x = floats(32, 1, 2, 4, 4);
  expect([...new nn.Unfold({ kernelSize: [2, 3] })(x).shape]).toEqual([1, 12, 6]);
  expect(sameAddress(F.unfold(x, 1), x)).toBe(false);
  expect(String(new nn.Unfold(2, { stride: 2 })(x).at(0, ":", 0))).toBe(
    "tensor([ 0.,  1.,  4.,  5., 16., 17., 20., 21.])",
  );
  expect([...new nn.Unfold(3, { dilation: 1, padding: 1, stride: 2 })(x).shape]).toEqual([1, 18, 4]);
  expect(String(new nn.Unfold(2))).toBe("Unfold(kernel_size=2, dilation=1, padding=0, stride=1)");
  expect(String(new nn.Fold([4, 4], 2))).toBe(
    "Fold(output_size=(4, 4), kernel_size=2, dilation=1, padding=0, stride=1)",
  );
});

test("S127 a convolution is unfold, matmul and fold", () => {
  const input = torch.randn(1, 3, 10, 12);
  const w = torch.randn(2, 3, 4, 5);
  const u = F.unfold(input, [4, 5]);
  const o = u
    .transpose(1, 2)
    .matmul(w.view(w.size(0), -1).t())
    .transpose(1, 2);
  const out = F.fold(o, [7, 8], [1, 1]);
  expect([...u.shape]).toEqual([1, 60, 56]);
  expect([...out.shape]).toEqual([1, 2, 7, 8]);
  expect(F.conv2d(input, w).sub(out).abs().max().item()).toBeLessThan(1e-4);
  expect(torch.equal(out, o.view(1, 2, 7, 8))).toBe(true);
});

test("S128 fold sums overlapping values", () => {
  const x = floats(9, 1, 1, 3, 3);
  expect(String(F.fold(F.unfold(x, 2), [3, 3], 2))).toBe(
    lines("tensor([[[[ 0.,  2.,  2.],", "          [ 6., 16., 10.],", "          [ 6., 14.,  8.]]]])"),
  );
  expect(String(F.fold(F.unfold(torch.ones(1, 1, 3, 3), 2), [3, 3], 2))).toBe(
    lines("tensor([[[[1., 2., 1.],", "          [2., 4., 2.],", "          [1., 2., 1.]]]])"),
  );
});

test("S129 Tensor.unfold is a view with overlapping windows", () => {
  const x = torch.arange(1, 8, { dtype: torch.float32 });
  const y = x.unfold(0, 3, 2);
  expect(String(y)).toBe(lines("tensor([[1., 2., 3.],", "        [3., 4., 5.],", "        [5., 6., 7.]])"));
  expect([...y.stride()]).toEqual([2, 1]);
  expect(sameAddress(y, x)).toBe(true);
  raises(() => x.unfold(0, 9, 1), "RuntimeError: maximum size for tensor at dimension 0 is 7 but size is 9");
});

test("S130 unfold and fold check their sizes", () => {
  raisesPrefix(
    () => F.unfold(torch.zeros(2, 3), 2),
    "IndexError: Dimension out of range (expected to be in range of [-2, 1], but got 2)",
  );
  raises(
    () => F.unfold(torch.zeros(1, 1, 2, 2), 3),
    "RuntimeError: Given input with spatial size (2, 2), kernel_size=(3, 3), dilation=(1, 1), padding=(0, 0), " +
      "calculated shape of the array of sliding blocks as (0, 0), but its components must be at least one.",
  );
  raises(
    () => F.fold(torch.zeros(1, 4, 5), [3, 3], 2),
    "RuntimeError: Given output_size=(3, 3), kernel_size=(2, 2), dilation=(1, 1), padding=(0, 0), stride=(1, 1), " +
      "expected size of input's dimension 2 to match the calculated number of sliding blocks 2 * 2 = 4, but got " +
      "input.size(2)=5.",
  );
  raises(
    () => F.fold(torch.zeros(1, 5, 4), [3, 3], 2),
    "RuntimeError: Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got " +
      "input.size(1)=5 and kernel_size=(2, 2).",
  );
});
