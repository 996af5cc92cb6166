/** Complex tensors: from their parts, as their parts, and conjugation, which is a view until somebody reads it. */
import { flipped } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { Layout } from "../core/layout.ts";
import type { Tensor } from "../core/tensor.ts";
import * as ir from "../ir/expr.ts";
import type { Forms, Op, OpInfo, OpInplace } from "./call.ts";
import { composite, custom, makeView, pointwise } from "./define.ts";
import type { Pointwise } from "./pointwise.ts";

/** A function of a tensor that is a property, not a method, of tensors. */
export interface PartFunction {
  (input: Tensor): Tensor;
  readonly op: OpInfo;
}

// ---------------------------------------------------------------- from parts

const fromParts = pointwise("complex", 2, (re, im) => ir.make(re!, im!), {
  dtype: "complex",
  grads: [(g) => ir.real(g), (g) => ir.imag(g)],
});

const along = (g: ir.Expr, cos: ir.Expr, sin: ir.Expr): ir.Expr =>
  ir.add(ir.mul(ir.real(g), cos), ir.mul(ir.imag(g), sin));
const fromPolar = pointwise("polar", 2, (r, t) => ir.make(ir.mul(r!, ir.cos(t!)), ir.mul(r!, ir.sin(t!))), {
  dtype: "complex",
  grads: [
    // As PyTorch: the sign of the result, which is 0 where the absolute value is.
    (g, [r, t]) => ir.mul(ir.sign(ir.abs(r!)), along(g, ir.cos(t!), ir.sin(t!))),
    (g, [r, t]) => ir.mul(r!, along(g, ir.neg(ir.sin(t!)), ir.cos(t!))),
  ],
});

function ofTwoParts<T>(name: string, names: readonly [string, string], kernel: Pointwise): T {
  const [first, second] = names;
  return custom<T>({ name, params: `${second}:tensor`, receiver: null }, (a, v) => {
    const b = v[second] as Tensor;
    const fits = (t: Tensor): boolean => t.dtype.isFloatingPoint && t.dtype.itemsize >= 4;
    check(
      fits(a) && fits(b),
      () =>
        `${name}(): expected both ${first} and ${second} to be Float or Double tensors but got ${a.dtype.scalarName} ` +
        `and ${b.dtype.scalarName}`,
    );
    check(
      a.dtype === b.dtype,
      () =>
        `Expected object of scalar type ${a.dtype.scalarName} but got scalar type ${b.dtype.scalarName} for second ` +
        "argument",
    );
    return kernel.apply([a, b]);
  });
}

type FromParts<A extends string, B extends string> = {
  (...args: Forms<[a: Tensor, b: Tensor], [A, B], unknown>): Tensor;
  readonly op: OpInfo;
};

/**
 * The complex tensor with these parts, float32 or float64 both.
 * @example torch.complex(torch.tensor([1]), torch.tensor([2])) // tensor([1.+2.j])
 */
export const complex: FromParts<"real", "imag"> = ofTwoParts("complex", ["real", "imag"], fromParts);

/**
 * The complex tensor with these absolute values and angles in radians, float32 or float64 both.
 * @example torch.polar(torch.tensor([2]), torch.tensor([0])) // tensor([2.+0.j])
 */
export const polar: FromParts<"abs", "angle"> = ofTwoParts("polar", ["abs", "angle"], fromPolar);

// ---------------------------------------------------------------- as parts

/**
 * A complex tensor as a real one with a last dim of two, its real and imaginary parts; shares storage.
 * @throws RuntimeError for real tensors, and for lazily conjugated ones.
 * @example torch.viewAsReal(torch.complex(torch.tensor([1]), torch.tensor([2]))) // tensor([[1., 2.]])
 */
export const viewAsReal: Op<[]> = custom({ name: "viewAsReal", kind: "view", receiver: null }, (self) => {
  check(self.dtype.isComplex, () => "view_as_real is only supported for complex tensors");
  check(
    !self.impl.dtype.isLazy,
    () =>
      "view_as_real doesn't work on unresolved conjugated tensors.  To resolve the conjugate tensor so you can view it " +
      "as real, use self.resolve_conj(); however, be warned that the resulting tensor will NOT alias the original.",
  );
  const back = (g: Tensor): Tensor => viewAsComplex(g.contiguous().resolveNeg());
  return makeView(self, partsLayout(self.impl.layout), "ViewAsRealBackward0", back, false, self.dtype.toReal());
});

/**
 * Where the parts of complex elements lie, in elements of the real dtype.
 * @internal
 */
export function partsLayout({ shape, strides, offset }: Layout): Layout {
  return new Layout([...shape, 2], [...strides.map((s) => 2 * s), 1], 2 * offset);
}

/**
 * A real tensor whose last dim holds real and imaginary parts as a complex one; shares storage.
 * @throws RuntimeError where the last dim is not two elements side by side, or others are not whole pairs apart.
 * @example torch.viewAsComplex(torch.tensor([[1, 2]])) // tensor([1.+2.j])
 */
export const viewAsComplex: Op<[]> = custom({ name: "viewAsComplex", kind: "view", receiver: null }, (self) => {
  const { dtype } = self;
  check(
    dtype.isFloatingPoint && dtype.itemsize >= 4,
    () =>
      `view_as_complex is only supported for float and double tensors, but got a tensor of scalar type: ${dtype.scalarName}`,
  );
  check(!self.impl.dtype.isLazy, () => "view_as_complex doesn't work on unresolved negated tensors: use resolveNeg()");
  const { shape, strides, offset, rank } = self.impl.layout;
  check(rank > 0, () => "Input tensor must have one or more dimensions");
  check(shape[rank - 1] === 2, () => "Tensor must have a last dimension of size 2");
  check(strides[rank - 1] === 1, () => "Tensor must have a last dimension with stride 1");
  const outer = strides.slice(0, -1);
  check(
    outer.every((s) => s % 2 === 0),
    () => "Tensor must have a stride divisible by 2 for all but last dimension",
  );
  check(offset % 2 === 0, () => "Tensor must have a storage_offset divisible by 2");
  const layout = new Layout(
    shape.slice(0, -1),
    outer.map((s) => s / 2),
    offset / 2,
  );
  const back = (g: Tensor): Tensor => viewAsReal(g.contiguous().resolveConj());
  return makeView(self, layout, "ViewAsComplexBackward0", back, false, dtype.toComplex());
});

/**
 * The real part: of complex tensors a view, a real tensor itself.
 * @example torch.complex(torch.tensor([1]), torch.tensor([2])).real // tensor([1.])
 */
export const real: PartFunction = composite({ name: "real", receiver: null }, (self) =>
  self.dtype.isComplex ? viewAsReal(unconjugated(self)).select(-1, 0) : self,
);

/**
 * The imaginary part, as a view; lazily negated where the tensor is lazily conjugated.
 * @throws RuntimeError for real tensors.
 * @example torch.complex(torch.tensor([1]), torch.tensor([2])).imag // tensor([2.])
 */
export const imag: PartFunction = composite({ name: "imag", receiver: null }, (self) => {
  check(self.dtype.isComplex, () => "imag is not implemented for tensors with non-complex dtypes.");
  const parts = viewAsReal(unconjugated(self));
  return (isLazilyConjugated(self) ? flippedView(parts, "NegViewBackward0") : parts).select(-1, 1);
});

const isLazilyConjugated = (t: Tensor): boolean => t.impl.dtype.isLazy && t.impl.dtype.isComplex;
const unconjugated = (t: Tensor): Tensor => (isLazilyConjugated(t) ? t.conj() : t);

// ---------------------------------------------------------------- conjugates

/** The same memory, read and written conjugated (complex) or negated (real). */
function flippedView(self: Tensor, node: string): Tensor {
  const back = self.dtype.isComplex ? (g: Tensor): Tensor => g.conj() : (g: Tensor): Tensor => g.neg();
  return makeView(self, self.impl.layout, node, back, false, flipped(self.impl.dtype));
}

/**
 * The complex conjugate, as a view that conjugates when it is read or written; a real tensor itself.
 * @example torch.complex(torch.ones(1), torch.ones(1)).conj() // tensor([1.-1.j])
 */
export const conj: Op<[]> = composite({ name: "conj" }, (self) =>
  self.dtype.isComplex ? flippedView(self, "ConjBackward0") : self,
);

const conjugate = pointwise("conjPhysical", 1, (x) => ir.conj(x!), { grads: [(g) => ir.conj(g)] });

/**
 * The complex conjugate, computed; a real tensor itself.
 * @example torch.complex(torch.ones(1), torch.ones(1)).conjPhysical() // tensor([1.-1.j])
 */
export const conjPhysical: OpInplace<[]> = custom({ name: "conjPhysical", inplace: true }, (self) =>
  self.dtype.isComplex ? conjugate.apply([self]) : self,
);

/**
 * The tensor with a pending conjugation carried out, in memory of its own; itself where none is pending.
 * @example torch.complex(torch.ones(1), torch.ones(1)).conj().resolveConj().isConj() // false
 */
export const resolveConj: Op<[]> = composite({ name: "resolveConj" }, (self) =>
  isLazilyConjugated(self) ? self.clone() : self,
);

/**
 * The tensor with a pending negation carried out, in memory of its own; itself where none is pending.
 * @example torch.complex(torch.ones(1), torch.ones(1)).conj().imag.resolveNeg() // tensor([-1.])
 */
export const resolveNeg: Op<[]> = composite({ name: "resolveNeg" }, (self) =>
  self.impl.dtype.isLazy && !isLazilyConjugated(self) ? self.clone() : self,
);
