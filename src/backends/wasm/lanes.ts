/** The four lanes as vectors, and formulas over them: kernels always compute whole vectors, one element included. */
import type { Lane } from "../../core/dtype.ts";
import { relaxedSimd } from "./features.ts";
import type { FuncBuilder, Local } from "./module.ts";
import type { PlainOp } from "./opcodes.ts";

interface LaneInfo {
  /** The vector type's prefix in the names of instructions, and that of the integers as wide. */
  readonly shape: "i32x4" | "i64x2" | "f32x4" | "f64x2";
  readonly bits: "i32x4" | "i64x2";
  /** Elements in a vector. */
  readonly width: 2 | 4;
  readonly float: boolean;
}

export const laneInfo: Readonly<Record<Lane, LaneInfo>> = {
  i32: { shape: "i32x4", bits: "i32x4", width: 4, float: false },
  i64: { shape: "i64x2", bits: "i64x2", width: 2, float: false },
  f32: { shape: "f32x4", bits: "i32x4", width: 4, float: true },
  f64: { shape: "f64x2", bits: "i64x2", width: 2, float: true },
};

const UPPER = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15];
const LOWER = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];

/** A vector in a formula: code that leaves it on the stack, a variable that holds it, or a constant for all lanes. */
export type Term = (() => void) | Local | number;

type FloatOp =
  | ("abs" | "neg" | "sqrt" | "ceil" | "floor" | "trunc" | "nearest")
  | ("add" | "sub" | "mul" | "div" | "min" | "max" | "pmin" | "pmax")
  | ("eq" | "ne" | "lt" | "gt" | "le" | "ge");

/**
 * Formulas over vectors of one lane. A method returns a term and emits nothing until the term is put on the stack;
 * `let` does that at once and names the result, which is how a value is used twice. Comparisons give masks: all bits
 * of a lane set or clear.
 */
export class Formula {
  readonly f: FuncBuilder;
  readonly lane: Lane;
  /** How many lanes hold elements: work that goes lane by lane skips the others. */
  readonly active: number;
  readonly #shape: LaneInfo["shape"];
  readonly #bits: LaneInfo["bits"];
  readonly #float: boolean;

  constructor(f: FuncBuilder, lane: Lane, active: number) {
    this.f = f;
    this.lane = lane;
    this.active = active;
    const { shape, bits, float } = laneInfo[lane];
    this.#shape = shape;
    this.#bits = bits;
    this.#float = float;
  }

  /** The same function, with vectors read as another lane. */
  as(lane: Lane): Formula {
    return new Formula(this.f, lane, this.active);
  }

  /** The same, with vectors read as the integers that masks are. */
  masks(): Formula {
    return this.as(this.#bits === "i32x4" ? "i32" : "i64");
  }

  /** Emits a term; numbers are constants of the lane. */
  put(term: Term): void {
    if (typeof term === "function") term();
    else if (typeof term !== "number") this.f.get(term);
    else if (this.#shape === "i64x2") this.f.i64x2(BigInt(Math.trunc(term)));
    else this.f[this.#shape](term);
  }

  /** Emits a term as an operand of an integer instruction. */
  putBits(term: Term): void {
    if (typeof term !== "number") this.put(term);
    else if (this.#bits === "i64x2") this.f.i64x2(BigInt(term));
    else this.f.i32x4(term);
  }

  /** A vector that is assigned more than once. */
  variable(): Local {
    return this.f.local("v128");
  }

  variables(count: number): Local[] {
    return Array.from({ length: count }, () => this.variable());
  }

  /** Emits a term now, into a new variable. */
  let(term: Term): Local {
    const local = this.f.local("v128");
    this.put(term);
    this.f.set(local);
    return local;
  }

  op(name: PlainOp, ...terms: readonly Term[]): Term {
    return () => {
      for (const term of terms) this.put(term);
      this.f.op(name);
    };
  }

  #bitsOp(name: PlainOp, ...terms: readonly Term[]): Term {
    return () => {
      for (const term of terms) this.putBits(term);
      this.f.op(name);
    };
  }

  add(a: Term, b: Term): Term {
    return this.op(`${this.#shape}.add`, a, b);
  }

  sub(a: Term, b: Term): Term {
    return this.op(`${this.#shape}.sub`, a, b);
  }

  mul(a: Term, b: Term): Term {
    return this.op(`${this.#shape}.mul`, a, b);
  }

  abs(a: Term): Term {
    return this.op(`${this.#shape}.abs`, a);
  }

  neg(a: Term): Term {
    return this.op(`${this.#shape}.neg`, a);
  }

  /** Operations that only floats have. */
  float(code: FloatOp, ...terms: readonly Term[]): Term {
    const shape = this.#shape;
    if (shape !== "f32x4" && shape !== "f64x2") throw new Error(`wasm: ${code} is not defined for lane ${this.lane}`);
    return this.op(`${shape}.${code}`, ...terms);
  }

  div(a: Term, b: Term): Term {
    return this.float("div", a, b);
  }

  lt(a: Term, b: Term): Term {
    return this.#float ? this.float("lt", a, b) : this.op(`${this.#bits}.lt_s`, a, b);
  }

  gt(a: Term, b: Term): Term {
    return this.#float ? this.float("gt", a, b) : this.op(`${this.#bits}.gt_s`, a, b);
  }

  le(a: Term, b: Term): Term {
    return this.#float ? this.float("le", a, b) : this.op(`${this.#bits}.le_s`, a, b);
  }

  ge(a: Term, b: Term): Term {
    return this.#float ? this.float("ge", a, b) : this.op(`${this.#bits}.ge_s`, a, b);
  }

  eq(a: Term, b: Term): Term {
    return this.op(`${this.#shape}.eq`, a, b);
  }

  ne(a: Term, b: Term): Term {
    return this.op(`${this.#shape}.ne`, a, b);
  }

  /** b < a ? b : a, and `pmax` a < b ? b : a: one instruction each, and a NaN in `a` stays. */
  pmin(a: Term, b: Term): Term {
    return this.float("pmin", a, b);
  }

  pmax(a: Term, b: Term): Term {
    return this.float("pmax", a, b);
  }

  /** NaN if either operand is. */
  min(a: Term, b: Term): Term {
    if (this.#float) return this.float("min", a, b);
    return this.#bits === "i32x4" ? this.op("i32x4.min_s", a, b) : this.select(this.lt(a, b), a, b);
  }

  max(a: Term, b: Term): Term {
    if (this.#float) return this.float("max", a, b);
    return this.#bits === "i32x4" ? this.op("i32x4.max_s", a, b) : this.select(this.gt(a, b), a, b);
  }

  /** a · b + c, rounded once where the engine can. */
  multiplyAdd(a: Term, b: Term, c: Term): Term {
    const shape = this.#shape;
    const fused = (shape === "f32x4" || shape === "f64x2") && relaxedSimd();
    return fused ? this.op(`${shape}.relaxed_madd`, a, b, c) : this.add(this.mul(a, b), c);
  }

  /** c0 + x (c1 + x (c2 + …)). */
  poly(x: Local, coefficients: readonly number[]): Term {
    return coefficients.reduceRight<Term | null>(
      (rest, c) => (rest === null ? c : this.multiplyAdd(rest, x, c)),
      null,
    )!;
  }

  /** mask ? a : b, lane by lane. */
  select(mask: Term, a: Term, b: Term): Term {
    return () => {
      this.put(a);
      this.put(b);
      this.putBits(mask);
      this.f.op("v128.bitselect");
    };
  }

  and(a: Term, b: Term): Term {
    return this.#bitsOp("v128.and", a, b);
  }

  /** a and not b. */
  andnot(a: Term, b: Term): Term {
    return this.#bitsOp("v128.andnot", a, b);
  }

  or(a: Term, b: Term): Term {
    return this.#bitsOp("v128.or", a, b);
  }

  xor(a: Term, b: Term): Term {
    return this.#bitsOp("v128.xor", a, b);
  }

  not(a: Term): Term {
    return this.#bitsOp("v128.not", a);
  }

  /** An integer constant, where a bare number would be one of the lane. */
  int(value: number): Term {
    return () => this.putBits(value);
  }

  /** Integer arithmetic on the bits of the lanes; numbers are integers here. */
  iadd(a: Term, b: Term): Term {
    return this.#bitsOp(`${this.#bits}.add`, a, b);
  }

  isub(a: Term, b: Term): Term {
    return this.#bitsOp(`${this.#bits}.sub`, a, b);
  }

  ieq(a: Term, b: Term): Term {
    return this.#bitsOp(`${this.#bits}.eq`, a, b);
  }

  igt(a: Term, b: Term): Term {
    return this.#bitsOp(`${this.#bits}.gt_s`, a, b);
  }

  shl(a: Term, count: number): Term {
    return this.#shift("shl", a, count);
  }

  shr(a: Term, count: number): Term {
    return this.#shift("shr_s", a, count);
  }

  shrU(a: Term, count: number): Term {
    return this.#shift("shr_u", a, count);
  }

  #shift(code: "shl" | "shr_s" | "shr_u", a: Term, count: number): Term {
    return () => {
      this.putBits(a);
      this.f.i32(count).op(`${this.#bits}.${code}`);
    };
  }

  shuffle(lanes: readonly number[], a: Term, b: Term = a): Term {
    return () => {
      this.put(a);
      this.put(b);
      this.f.shuffle(lanes);
    };
  }

  /** The upper eight bytes, in both halves. */
  upper(a: Term): Term {
    return this.shuffle(UPPER, a);
  }

  /** The lower eight bytes of `a`, then those of `b`. */
  joinLow(a: Term, b: Term): Term {
    return this.shuffle(LOWER, a, b);
  }

  /** Where any lane of `mask` is set, replaces those lanes of `result` by what `repair` gives. */
  patch(result: Local, mask: Local, repair: () => Term): void {
    this.put(mask);
    this.f.op("v128.any_true").if(() => {
      const better = repair();
      this.put(this.select(mask, better, result));
      this.f.set(result);
    });
  }

  /** Emits an element of a vector, as a scalar. */
  extract(vector: Local, lane: number): void {
    this.f.get(vector).lane(`${this.#shape}.extract_lane`, lane);
  }

  /** A vector computed element by element: `emit` leaves the scalar for one lane. Inactive lanes repeat the first. */
  perLane(emit: (lane: number) => void): Local {
    const result = this.let(this.splat(() => emit(0)));
    for (let k = 1; k < this.active; k++) {
      this.f.get(result);
      emit(k);
      this.f.lane(`${this.#shape}.replace_lane`, k).set(result);
    }
    return result;
  }

  /** A vector with one scalar of the lane's type in all lanes. */
  splat(scalar: () => void): Term {
    return () => {
      scalar();
      this.f.op(`${this.#shape}.splat`);
    };
  }
}
