/** Expressions as vector code: each distinct subexpression once, in one walk for all lanes. */
import { dtypes } from "../../core/dtype.ts";
import type { BinaryCode, Expr, UnaryCode } from "../../ir/expr.ts";
import { fold, isLogical, type Node, type Target } from "../../ir/fold.ts";
import { specialFunction } from "../../ir/special.ts";
import { roundTrip } from "./convert.ts";
import { integerBinary } from "./integers.ts";
import { type Formula, laneInfo, type Term } from "./lanes.ts";
import { hostCall, hostCallInt64 } from "./math/host.ts";
import { mathematics } from "./math/index.ts";
import type { Local } from "./module.ts";

/** A vector of lane values, or a mask: a boolean per lane as all bits set or clear. */
export interface Value {
  readonly term: Term;
  readonly mask: boolean;
}

/** The vector that an expression loads: values of the lane, or a mask. */
export type Input = (index: number, as: "lane" | "bool") => Local;

/** A subexpression: how to emit it from the values of its operands. */
interface Step {
  readonly operands: readonly number[];
  readonly emit: (operands: readonly Value[]) => Value;
  uses: number;
}

/** Emits what `expr` needs before it, and returns its value. */
export function emitExpr(v: Formula, expr: Expr, input: Input): Value {
  return emitExprs(v, [expr], input)[0]!;
}

/** The same for several expressions, whose common parts are computed once. */
export function emitExprs(v: Formula, exprs: readonly Expr[], input: Input): Value[] {
  const steps: Step[] = [];
  const known = new Map<string, number>();
  const step = (key: string, operands: readonly number[], emit: Step["emit"]): number => {
    const name = `${key}(${operands.join()})`;
    const found = known.get(name);
    if (found !== undefined) return found;
    for (const operand of operands) steps[operand]!.uses++;
    known.set(name, steps.length);
    return steps.push({ operands, emit, uses: 0 }) - 1;
  };
  const target: Target<number> = {
    load: (node) => step(`load ${node.index} ${node.as}`, [], () => loaded(node, input)),
    const: ({ value }) => step(`const ${Object.is(value, -0) ? "-0" : value}`, [], () => constantOf(v, value)),
    unary: ({ code }, a) => step(code, [a], ([x]) => unary(v, code, x!)),
    binary: ({ code }, a, b) => step(code, [a, b], ([x, y]) => binary(v, code, x!, y!)),
    compare: ({ code }, a, b) => step(code, [a, b], ([x, y]) => compared(v, code, x!, y!)),
    select: (_, test, a, b) => step("select", [test, a, b], ([t, x, y]) => selected(v, t!, x!, y!)),
    cast: ({ to }, a) => step(`cast ${to}`, [a], ([x]) => casted(v, to, x!)),
    call: ({ name }, args) => step(`call ${name}`, args, (values) => called(v, name, values)),
  };
  const roots = exprs.map((expr) => fold(expr, target));
  // What is a result and a part of another, or of two results, is read twice.
  if (roots.length > 1) for (const root of roots) steps[root]!.uses++;
  const values: Value[] = [];
  for (const { operands, emit, uses } of steps) {
    const value = emit(operands.map((operand) => values[operand]!));
    values.push(uses > 1 ? { term: reusable(v, value.term), mask: value.mask } : value);
  }
  return roots.map((root) => values[root]!);
}

function reusable(v: Formula, term: Term): Term {
  return typeof term === "function" ? v.let(term) : term;
}

/** A term in a variable, for what reads it more than once. */
function held(v: Formula, term: Term): Local {
  return typeof term === "object" ? term : v.let(term);
}

function loaded(node: Node<"load">, input: Input): Value {
  return { term: input(node.index, node.as), mask: node.as === "bool" };
}

function constantOf(v: Formula, value: number | boolean): Value {
  if (typeof value === "number") return { term: value, mask: false };
  return { term: v.int(value ? -1 : 0), mask: true };
}

/** A value as a number of the lane: 0 or 1 for a boolean. */
export function asLane(v: Formula, { term, mask }: Value): Term {
  return mask ? v.op("v128.and", term, 1) : term;
}

/** A value as a mask: not equal to 0, which NaN is not. */
export function asMask(v: Formula, { term, mask }: Value): Term {
  return mask ? term : v.ne(term, 0);
}

function unary(v: Formula, code: UnaryCode, value: Value): Value {
  if (value.mask && code === "bitnot") return { term: v.not(value.term), mask: true };
  return { term: laneUnary(v, code, asLane(v, value)), mask: false };
}

const rounding = { floor: "floor", ceil: "ceil", trunc: "trunc", rint: "nearest" } as const;

function laneUnary(v: Formula, code: UnaryCode, x: Term): Term {
  const { float } = laneInfo[v.lane];
  switch (code) {
    case "neg":
      return v.neg(x);
    case "abs":
      return v.abs(x);
    case "sign":
      return sign(v, held(v, x));
    case "floor":
    case "ceil":
    case "trunc":
    case "rint":
      return float ? v.float(rounding[code], x) : x;
    case "sqrt":
      return v.float("sqrt", x);
    case "bitnot":
      if (float) throw new Error(`wasm: bitnot is not defined for lane ${v.lane}`);
      return v.not(x);
    default:
      return mathematics(v, floatOnly(v, code), [held(v, x)]);
  }
}

function floatOnly<Code extends string>(v: Formula, code: Code): Code {
  if (!laneInfo[v.lane].float) throw new Error(`wasm: ${code} is not defined for lane ${v.lane}`);
  return code;
}

/** 1, 0 or -1; 0 for NaN. */
function sign(v: Formula, x: Local): Term {
  return v.sub(v.op("v128.and", v.gt(x, 0), 1), v.op("v128.and", v.lt(x, 0), 1));
}

function binary(v: Formula, code: BinaryCode, a: Value, b: Value): Value {
  if (a.mask && b.mask && isLogical(code)) return { term: laneBinary(v.masks(), code, a.term, b.term), mask: true };
  return { term: laneBinary(v, code, asLane(v, a), asLane(v, b)), mask: false };
}

function laneBinary(v: Formula, code: BinaryCode, a: Term, b: Term): Term {
  switch (code) {
    case "add":
    case "sub":
    case "mul":
      return v[code](a, b);
    case "min":
    case "max":
      return v[code](held(v, a), held(v, b));
    case "and":
    case "or":
    case "xor":
      if (laneInfo[v.lane].float) throw new Error(`wasm: ${code} is not defined for lane ${v.lane}`);
      return v.op(`v128.${code}`, a, b);
    default:
      if (!laneInfo[v.lane].float) return integer(v, code, held(v, a), held(v, b));
      return code === "div" ? v.div(a, b) : floatBinary(v, code, held(v, a), held(v, b));
  }
}

type Other = Exclude<BinaryCode, "add" | "sub" | "mul" | "min" | "max" | "and" | "or" | "xor">;

function integer(v: Formula, code: Other, a: Local, b: Local): Term {
  if (code === "atan2") throw new Error(`wasm: atan2 is not defined for lane ${v.lane}`);
  return integerBinary(v, code, a, b);
}

function floatBinary(v: Formula, code: Other, a: Local, b: Local): Term {
  switch (code) {
    case "pow":
    case "atan2":
    case "fmod":
      return mathematics(v, code, [a, b]);
    case "rem": {
      const rest = held(v, mathematics(v, "fmod", [a, b]));
      // Not rest + 0 where nothing is added: that would lose the sign of -0.
      return v.select(crosses(v, rest, b), v.add(rest, b), rest);
    }
    case "floordiv":
      return floorDivide(v, a, b);
    default:
      throw new Error(`wasm: ${code} is not defined for lane ${v.lane}`);
  }
}

/** Where a remainder is not 0 and its sign is not the divisor's. */
function crosses(v: Formula, rest: Local, b: Local): Term {
  return v.and(v.ne(rest, 0), v.xor(v.lt(rest, 0), v.lt(b, 0)));
}

/** Python's floor division, as PyTorch computes it: exact where a - mod(a, b) is a multiple of b. */
function floorDivide(v: Formula, a: Local, b: Local): Term {
  const rest = held(v, mathematics(v, "fmod", [a, b]));
  const down = v.op("v128.and", crosses(v, rest, b), 1);
  const exact = v.let(v.sub(v.div(v.sub(a, rest), b), down));
  const floor = v.let(v.float("floor", exact));
  const rounded = v.add(floor, v.op("v128.and", v.gt(v.sub(exact, floor), 0.5), 1));
  const ratio = v.let(v.div(a, b));
  const zero = v.op("v128.and", ratio, -0); // 0 with the sign of the quotient
  return v.select(v.eq(b, 0), ratio, v.select(v.eq(exact, 0), zero, rounded));
}

function compared(v: Formula, code: Node<"compare">["code"], a: Value, b: Value): Value {
  return { term: v[code](asLane(v, a), asLane(v, b)), mask: true };
}

function selected(v: Formula, test: Value, a: Value, b: Value): Value {
  const mask = a.mask && b.mask;
  const [x, y] = mask ? [a.term, b.term] : [asLane(v, a), asLane(v, b)];
  return { term: v.select(asMask(v, test), x, y), mask };
}

function casted(v: Formula, to: Node<"cast">["to"], value: Value): Value {
  if (to === "bool") return { term: asMask(v, value), mask: true };
  const term = asLane(v, value);
  return { term: to === "lane" ? term : roundTrip(v, dtypes[to], term), mask: false };
}

function called(v: Formula, name: string, values: readonly Value[]): Value {
  const { arity, integer } = specialFunction(name);
  if (values.length !== arity) throw new Error(`wasm: ${name} takes ${arity} arguments, not ${values.length}`);
  const args = values.map((value) => held(v, asLane(v, value)));
  const exact = v.lane === "i64" && integer !== undefined;
  const term = exact ? hostCallInt64(v, `special.${name}.int`, args) : hostCall(v, `special.${name}`, args);
  return { term, mask: false };
}
