/** What concerns complex numbers, on the real ones that there are. */
import { RuntimeError } from "../../core/errors.ts";
import type { Op, OpInplace } from "../call.ts";
import { composite } from "../define.ts";

/** The complex conjugate: a real tensor itself. */
export const conj: Op<[]> = composite({ name: "conj" }, (self) => self);
/** The complex conjugate, computed: a real tensor itself. */
export const conjPhysical: OpInplace<[]> = composite({ name: "conjPhysical", inplace: true }, (self) => self);
/** The tensor with a pending conjugation carried out: a real tensor itself. */
export const resolveConj: Op<[]> = composite({ name: "resolveConj" }, (self) => self);
/** The tensor with a pending negation carried out: a real tensor itself. */
export const resolveNeg: Op<[]> = composite({ name: "resolveNeg" }, (self) => self);
/** The real part: a real tensor itself. */
export const real: Op<[]> = composite({ name: "real" }, (self) => self);
/** The imaginary part, which only complex tensors have. */
export const imag: Op<[]> = composite({ name: "imag" }, () => {
  throw new RuntimeError("imag is not implemented for tensors with non-complex dtypes.");
});
