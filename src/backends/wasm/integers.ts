/** Integer operations that vectors lack, element by element; none of them traps. */
import type { Formula } from "./lanes.ts";
import type { Func, FuncBuilder, Local, ModuleBuilder } from "./module.ts";

/** Codes of integer arithmetic on two elements. */
export type IntegerCode = "div" | "floordiv" | "rem" | "fmod" | "pow" | "shl" | "shr";

type IntLane = "i32" | "i64";

/** An operation of two elements as a function of the module, defined at its first use. */
const functions = new WeakMap<ModuleBuilder, Map<string, Func>>();

function integerFunction(module: ModuleBuilder, lane: IntLane, code: IntegerCode): Func {
  let known = functions.get(module);
  if (known === undefined) functions.set(module, (known = new Map()));
  const key = `${lane}.${code}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  const func = module.func(null, [lane, lane], [lane], (f, a, b) => bodies[code](f, lane, a, b));
  known.set(key, func);
  return func;
}

/** a code b on vectors of integers. */
export function integerBinary(v: Formula, code: IntegerCode, a: Local, b: Local): Local {
  const lane: IntLane = v.lane === "i64" ? "i64" : "i32";
  const func = integerFunction(v.f.module, lane, code);
  return v.perLane((k) => {
    v.extract(a, k);
    v.extract(b, k);
    v.f.call(func);
  });
}

function constant(f: FuncBuilder, lane: IntLane, value: number): FuncBuilder {
  return lane === "i64" ? f.i64(value) : f.i32(value);
}

/** Division by 0 gives 0, and by -1 the negative, which wraps where the machine would trap. */
function guarded(f: FuncBuilder, lane: IntLane, b: Local, byMinusOne: () => void, regular: () => void): void {
  f.get(b).op(`${lane}.eqz`);
  f.ifValue(
    lane,
    () => constant(f, lane, 0),
    () => {
      constant(f.get(b), lane, -1).op(`${lane}.eq`).ifValue(lane, byMinusOne, regular);
    },
  );
}

function negated(f: FuncBuilder, lane: IntLane, a: Local): void {
  constant(f, lane, 0).get(a).op(`${lane}.sub`);
}

/** Leaves 1 where the remainder is not 0 and its sign is not the divisor's. */
function crosses(f: FuncBuilder, lane: IntLane, rest: Local, b: Local): void {
  constant(f.get(rest), lane, 0).op(`${lane}.ne`);
  constant(f.get(rest).get(b).op(`${lane}.xor`), lane, 0).op(`${lane}.lt_s`);
  f.op("i32.and");
}

function remainder(f: FuncBuilder, lane: IntLane, a: Local, b: Local): Local {
  const rest = f.local(lane);
  f.get(a).get(b).op(`${lane}.rem_s`).set(rest);
  return rest;
}

/** Squares `a` while bits of `b` remain; a negative exponent gives 1, -1 or 0. */
function power(f: FuncBuilder, lane: IntLane, a: Local, b: Local): void {
  const result = f.local(lane);
  constant(f, lane, 1).set(result);
  constant(f.get(b), lane, 0).op(`${lane}.lt_s`);
  f.if(() => {
    // Of 1 and -1 the sign's parity counts; every other base is 0 (so are all its further powers).
    const unit = (value: number): FuncBuilder => constant(f.get(a), lane, value).op(`${lane}.eq`);
    unit(1);
    unit(-1).op("i32.or").op("i32.eqz");
    f.if(() => {
      constant(f, lane, 0).return();
    });
    constant(f.get(b), lane, 1).op(`${lane}.and`).set(b);
  });
  f.while(
    () => constant(f.get(b), lane, 0).op(`${lane}.ne`),
    () => {
      constant(f.get(b), lane, 1).op(`${lane}.and`);
      if (lane === "i64") f.op("i32.wrap_i64");
      f.if(() => f.get(result).get(a).op(`${lane}.mul`).set(result));
      f.get(a).get(a).op(`${lane}.mul`).set(a);
      constant(f.get(b), lane, 1).op(`${lane}.shr_u`).set(b);
    },
  );
  f.get(result);
}

function shift(f: FuncBuilder, lane: IntLane, a: Local, b: Local, code: "shl" | "shr_s"): void {
  const bits = lane === "i64" ? 64 : 32;
  constant(f.get(b), lane, bits).op(`${lane}.lt_u`);
  f.ifValue(
    lane,
    () => f.get(a).get(b).op(`${lane}.${code}`),
    () => {
      if (code === "shl") constant(f, lane, 0);
      else constant(f.get(a), lane, bits - 1).op(`${lane}.shr_s`);
    },
  );
}

type Body = (f: FuncBuilder, lane: IntLane, a: Local, b: Local) => void;

const bodies: Readonly<Record<IntegerCode, Body>> = {
  div: (f, lane, a, b) =>
    guarded(
      f,
      lane,
      b,
      () => negated(f, lane, a),
      () => f.get(a).get(b).op(`${lane}.div_s`),
    ),
  floordiv: (f, lane, a, b) =>
    guarded(
      f,
      lane,
      b,
      () => negated(f, lane, a),
      () => {
        f.get(a).get(b).op(`${lane}.div_s`);
        crosses(f, lane, remainder(f, lane, a, b), b);
        if (lane === "i64") f.op("i64.extend_i32_u");
        f.op(`${lane}.sub`);
      },
    ),
  fmod: (f, lane, a, b) =>
    guarded(
      f,
      lane,
      b,
      () => constant(f, lane, 0),
      () => f.get(a).get(b).op(`${lane}.rem_s`),
    ),
  rem: (f, lane, a, b) =>
    guarded(
      f,
      lane,
      b,
      () => constant(f, lane, 0),
      () => {
        const rest = remainder(f, lane, a, b);
        f.get(rest).get(b).op(`${lane}.add`).get(rest);
        crosses(f, lane, rest, b);
        f.select();
      },
    ),
  pow: power,
  shl: (f, lane, a, b) => shift(f, lane, a, b, "shl"),
  shr: (f, lane, a, b) => shift(f, lane, a, b, "shr_s"),
};
