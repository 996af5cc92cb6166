/** How elements that backends do not know stand in memory: parts of a real dtype, read with or without a sign change. */
import { dtypes, type RealName, type StoredName } from "../../core/dtype.ts";
import { type Expr, load, neg } from "../expr.ts";
import type { Operand } from "../kernel.ts";
import type { Pair } from "./pairs.ts";

export interface Form {
  /** The dtype of the parts. */
  readonly dtype: RealName;
  readonly complex: boolean;
  /** Whether the (imaginary) part is read, and written, negated. */
  readonly lazy: boolean;
}

const forms: Readonly<Partial<Record<StoredName, Form>>> = {
  complex64: { dtype: "float32", complex: true, lazy: false },
  complex128: { dtype: "float64", complex: true, lazy: false },
  "conj complex64": { dtype: "float32", complex: true, lazy: true },
  "conj complex128": { dtype: "float64", complex: true, lazy: true },
  "neg float32": { dtype: "float32", complex: false, lazy: true },
  "neg float64": { dtype: "float64", complex: false, lazy: true },
};

/** The form of a dtype as kernels name it. */
export function formOf(name: StoredName): Form {
  return forms[name] ?? { dtype: name as RealName, complex: false, lazy: false }; // all other names are real
}

/** A real input of the lowered kernels: a part of one of the kernel's inputs. */
export interface Slot {
  readonly dtype: RealName;
  readonly input: number;
  readonly form: Form;
  readonly part: 0 | 1;
}

/** The real inputs of a kernel. */
export function slotsOf(inputs: readonly StoredName[]): Slot[] {
  return inputs.flatMap((name, input) => {
    const form = formOf(name);
    const slot = { dtype: form.dtype, input, form };
    const re: Slot = { ...slot, part: 0 };
    return form.complex ? [re, { ...slot, part: 1 }] : [re];
  });
}

/** How an input reads, over loads of slots. */
export function loadSlots(slots: readonly Slot[], input: number): Pair {
  const at = slots.findIndex((slot) => slot.input === input);
  const { complex, lazy } = slots[at]!.form;
  const signed = (x: Expr): Expr => (lazy ? neg(x) : x);
  return complex ? { re: load(at), im: signed(load(at + 1)) } : { re: signed(load(at)), im: null };
}

/** One part of an operand, as an operand of a real kernel. */
export function partOf(x: Operand, { complex, dtype }: Form, part: 0 | 1): Operand {
  if (!complex) return x;
  const { itemsize } = dtypes[dtype];
  return { address: x.address + part * itemsize, strides: x.strides.map((s) => 2 * s) };
}
