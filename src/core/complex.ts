/** Complex numbers as values: what `item()` gives and what `full`, `tensor` and operators take. */
import { RuntimeError } from "./errors.ts";
import { reprFloat } from "./repr.ts";
import { printsAs } from "./symbols.ts";

const brand: unique symbol = Symbol.for("cresset.Complex") as never;

/**
 * An immutable complex number `re + im·i`, which prints as Python's `complex`.
 * @example String(new torch.Complex(1, -2)) // "(1-2j)"
 */
export class Complex {
  readonly re: number;
  readonly im: number;

  constructor(re: number, im = 0) {
    this.re = re;
    this.im = im;
    Object.freeze(this);
  }

  static [Symbol.hasInstance](value: unknown): boolean {
    return isComplexNumber(value);
  }

  /** Whether both parts equal those of another number, which may be real; NaN equals nothing, and 0 equals -0. */
  equals(other: unknown): boolean {
    if (isComplexNumber(other)) return this.re === other.re && this.im === other.im;
    return this.im === 0 && (typeof other === "number" || typeof other === "bigint") && this.re === Number(other);
  }

  /** `(1-2j)`, and `2j` where the real part is 0. */
  toString(): string {
    const imaginary = `${part(this.im)}j`;
    if (Object.is(this.re, 0)) return imaginary;
    return `(${part(this.re)}${imaginary.startsWith("-") ? "" : "+"}${imaginary})`;
  }

  /** Arithmetic with a complex number would be silent nonsense in JavaScript: only a real one is a number. */
  [Symbol.toPrimitive](hint: string): string | number {
    if (hint === "string") return this.toString();
    if (this.im !== 0) throw new RuntimeError("value cannot be converted to type double without overflow");
    return this.re;
  }
}

/** Python leaves out the `.0` of whole parts. */
const part = (x: number): string => reprFloat(x).replace(/\.0$/, "");

Object.defineProperty(Complex.prototype, brand, { value: true });
printsAs(Complex);

/** Whether a value is a Complex, also of another copy of this package. */
export function isComplexNumber(value: unknown): value is Complex {
  return typeof value === "object" && value !== null && brand in value;
}
