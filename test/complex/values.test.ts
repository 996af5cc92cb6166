/** Complex numbers and tensors: creation, reading, conversion, indexing. Texts are what PyTorch prints or raises. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const c = (re: number, im = 0): torch.Complex => new torch.Complex(re, im);
const z = (): torch.Tensor => torch.tensor([c(1, 2), c(3, -4)]);
const longs = (...values: number[]): torch.Tensor => torch.tensor(values, { dtype: "int64" });

test("a Complex is immutable, compares by its parts and is a number only where it is real", () => {
  const number = c(1, 2);
  expect(() => Object.assign(number, { re: 5 })).toThrow(TypeError);
  expect([number.equals(c(1, 2)), number.equals(c(1, 3)), c(2).equals(2), c(2).equals(2n), number.equals(1)]).toEqual([
    true,
    false,
    true,
    true,
    false,
  ]);
  expect(Number(c(3))).toBe(3);
  expect(() => Number(number)).toThrow("value cannot be converted to type double without overflow");
});

test("the dtypes", () => {
  expect([torch.cfloat, torch.cdouble]).toEqual([torch.complex64, torch.complex128]);
  const { itemsize, isComplex, isFloatingPoint, isSigned } = torch.complex64;
  expect({ itemsize, isComplex, isFloatingPoint, isSigned }).toEqual({
    itemsize: 8,
    isComplex: true,
    isFloatingPoint: false,
    isSigned: true,
  });
  expect([torch.complex128.toReal(), torch.float32.toComplex()]).toEqual([torch.float64, torch.complex64]);
  expect(() => torch.float16.toComplex()).toThrow(/no complex dtype with parts of torch.float16/);
  expect(String(torch.finfo("complex64"))).toMatch(/^finfo\(resolution=1e-06, .*dtype=float32\)$/);
});

test.each([
  ["tensor([1.+0.j, 0.+2.j])", () => torch.tensor([1, c(0, 2)])],
  ["tensor([1.+0.j, 0.+2.j])", () => torch.tensor([true, c(0, 2)])],
  ["tensor(0.+1.j)", () => torch.tensor(c(0, 1))],
  ["tensor([1.+2.j, 3.-4.j], dtype=torch.complex128)", () => torch.tensor(z(), { dtype: "complex128" })],
  ["tensor([0.+1.j, 0.+1.j])", () => torch.full([2], c(0, 1))],
  ["tensor([0.+0.j, 0.+0.j])", () => torch.zeros(2, { dtype: "complex64" })],
  ["tensor([1.+0.j, 1.+0.j])", () => torch.onesLike(z().conj())],
  ["tensor([[1.+0.j, 0.+0.j],\n        [0.+0.j, 1.+0.j]])", () => torch.eye(2, { dtype: "complex64" })],
  ["tensor([0.+0.0000j, 0.+0.5000j, 0.+1.0000j])", () => torch.linspace(0, c(0, 1), 3)],
  ["tensor([ 1.0000+0.0000j,  0.4073+0.9133j, -0.6682+0.7440j])", () => torch.logspace(0, c(0, 1), 3)],
  ["tensor([1.+3.j, 2.+4.j])", () => torch.complex(torch.tensor([1, 2]), torch.tensor([3, 4]))],
  ["tensor([1.+0.j, 2.+0.j])", () => torch.polar(torch.tensor([1, 2]), torch.tensor([0, 0]))],
  ["tensor([1.+2.j, 3.+4.j])", () => torch.frombuffer(new Float32Array([1, 2, 3, 4]), { dtype: "complex64" })],
])("makes %s", (text, make) => {
  expect(String(make())).toBe(text);
});

test.each([
  ["must be real number, not complex", () => torch.tensor([c(1, 2)], { dtype: "float32" })],
  ["value cannot be converted to type float without overflow", () => torch.full([2], c(0, 1), { dtype: "float32" })],
  ["value cannot be converted to type float without overflow", () => torch.zeros(2).fill_(c(0, 1))],
  ["\"arange_cpu\" not implemented for 'ComplexFloat'", () => torch.arange(0, 3, 1, { dtype: "complex64" })],
  ["value cannot be converted to type double without overflow", () => torch.arange(0, c(0, 3))],
  ["can't be safely cast to passed dtype Float", () => torch.linspace(0, c(0, 1), 3, { dtype: "float32" })],
  [
    "Expected object of scalar type Float but got scalar type Double for second argument",
    () => torch.complex(torch.ones(1), torch.ones(1, { dtype: "float64" })),
  ],
  ["but got Long and Long", () => torch.complex(longs(1), longs(1))],
  ["result type ComplexFloat can't be cast to the desired output type Float", () => torch.ones(2).mul_(z())],
  ["Cresset has no complex dtype with parts of torch.float16", () => torch.ones(2).half().mul(c(0, 1))],
  ["only floating-point types are supported as the default type", () => torch.setDefaultDtype(torch.complex64)],
  ['"mean" not implemented for complex numbers', () => z().mean()],
  ['"abs" not implemented for complex numbers', () => z().abs()],
])("refuses: %s", (message, call) => {
  expect(call).toThrow(message);
});

test("elements are Complex in item() and tolist(), interleaved parts in read() and numpy()", async () => {
  expect(z().at(0).item<torch.Complex>()).toEqual(c(1, 2));
  expect(z().conj().view(2, 1).tolist()).toEqual([[c(1, -2)], [c(3, 4)]]);
  expect(await z().conj().read()).toEqual(new Float32Array([1, -2, 3, 4]));
  expect(await z().cdouble().at("::2").read()).toEqual(new Float64Array([1, 2]));
  const x = z();
  const memory = x.numpy();
  expect(memory).toEqual({
    data: new Float32Array([1, 2, 3, -4]),
    shape: [2],
    stride: [1],
    offset: 0,
    dtype: "complex64",
  });
  memory.data[3] = 9;
  const again = torch.fromNumpy(memory);
  expect([x, again].map(String)).toEqual(["tensor([1.+2.j, 3.+9.j])", "tensor([1.+2.j, 3.+9.j])"]);
  expect(() => torch.fromNumpy({ ...memory, dtype: "complex128" })).toThrow(/are not the parts of complex128/);
  expect(() => x.conj().numpy()).toThrow(/has conjugate bit set. Use tensor.resolveConj\(\).numpy\(\)/);
});

test("conversions drop the imaginary part with a warning, except to bool", () => {
  const real = (): string[] => [z().float(), z().int(), torch.zeros(2).copy_(z())].map(String);
  const warnings = torch.warnings.record(real);
  expect(warnings.map(({ message }) => message)).toEqual(
    new Array(3).fill("Casting complex values to real discards the imaginary part"),
  );
  torch.warnings.filter("complex-to-real", "ignore");
  expect(real()).toEqual(["tensor([1., 3.])", "tensor([1, 3], dtype=torch.int32)", "tensor([1., 3.])"]);
  torch.warnings.reset();
  const bools = (): string => String(torch.tensor([c(0, 1), c(0), c(1)]).bool());
  expect(torch.warnings.record(bools)).toEqual([]);
  expect(bools()).toBe("tensor([ True, False,  True])");
  expect(String(torch.tensor([1, 2]).to("complex128"))).toBe("tensor([1.+0.j, 2.+0.j], dtype=torch.complex128)");
});

test("elements are compared, chosen and moved whole", () => {
  const x = z();
  expect([x.eq(c(1, 2)), x.ne(x.conj()), torch.tensor([c(1), c(0, 1)]).isreal()].map(String)).toEqual([
    "tensor([ True, False])",
    "tensor([True, True])",
    "tensor([ True, False])",
  ]);
  expect([torch.equal(x, z()), torch.equal(x, x.conj()), torch.equal(x, x.conj().conj())]).toEqual([true, false, true]);
  expect(String(x.conj().at([[1, 1, 0]]))).toBe("tensor([3.+4.j, 3.+4.j, 1.-2.j])");
  expect(String(torch.where(torch.tensor([true, false]), x, 0))).toBe("tensor([1.+2.j, 0.+0.j])");
  expect(String(torch.cat([x.conj(), torch.tensor([5])]))).toBe("tensor([1.-2.j, 3.+4.j, 5.+0.j])");
  expect(String(x.maskedFill(torch.tensor([true, false]), c(0, 1)))).toBe("tensor([0.+1.j, 3.-4.j])");
  expect(String(x.conj().gather(0, longs(1, 0)))).toBe("tensor([3.+4.j, 1.-2.j])");
  expect(String(x.indexAdd(0, longs(0, 0), x.conj()))).toBe("tensor([5.+4.j, 3.-4.j])");
  expect(String(x.scatter(0, longs(1), c(7, 7)))).toBe("tensor([1.+2.j, 7.+7.j])");
  expect(String(x.conj().flip(0))).toBe("tensor([3.+4.j, 1.-2.j])");
  expect(String(torch.tensor([c(0), c(0, 1)]).nonzero())).toBe("tensor([[1]])");
  expect([x.any(), x.sum(), x.conj().sum()].map(String)).toEqual(["tensor(True)", "tensor(4.-2.j)", "tensor(4.+2.j)"]);
});

test("the parts of random numbers are PyTorch's draws, of normal ones with half the variance", () => {
  const drawn = (draw: () => torch.Tensor): torch.Complex => {
    torch.manualSeed(0);
    return draw().at(0).item<torch.Complex>();
  };
  expect(drawn(() => torch.randn(3, { dtype: "complex64" })).re).toBeCloseTo(1.0896488428115845, 6);
  expect(drawn(() => torch.randn(12, { dtype: "complex64" })).im).toBeCloseTo(-0.8148416876792908, 6);
  expect(drawn(() => torch.rand(3, { dtype: "complex128" }))).toEqual(c(0.9700530018065531, 0.707819864399788));
  expect(drawn(() => torch.empty(4, { dtype: "complex64" }).at("::2").normal_(1, 2)).re).toBeCloseTo(
    3.179297685623169,
    6,
  );
});
