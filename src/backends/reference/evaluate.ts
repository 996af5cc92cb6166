/** Expressions as closures: the meaning of every node. */
import type { Expr } from "../../ir/expr.ts";
import type { Node, Target } from "../../ir/fold.ts";
import { fold, isLogical } from "../../ir/fold.ts";
import { specialFunction } from "../../ir/special.ts";
import { through } from "./access.ts";
import { comparisons, type LaneMath, type Raw, type Scalar, truth } from "./lanes.ts";

/** Reads input `index`, wherever its cursor stands, in the input's own dtype. */
export type Load = (index: number) => Raw;

/** A compiled expression, with the type that it has by itself. */
type Code<T> =
  | { readonly type: "lane"; readonly run: () => T }
  | { readonly type: "bool"; readonly run: () => boolean };

/** An expression's value as a number of the lane, a boolean becoming 0 or 1. */
export function laneValue<T extends Scalar>(expr: Expr, math: LaneMath<T>, load: Load): () => T {
  return asLane(fold(expr, closures(math, load)), math);
}

/** An expression's value in its own type: what a store converts. */
export function ownValue<T extends Scalar>(expr: Expr, math: LaneMath<T>, load: Load): () => T | boolean {
  return fold(expr, closures(math, load)).run;
}

function asLane<T extends Scalar>(code: Code<T>, math: LaneMath<T>): () => T {
  if (code.type === "lane") return code.run;
  const [no, yes] = [math.of(0), math.of(1)];
  return () => (code.run() ? yes : no);
}

function asBool<T extends Scalar>(code: Code<T>): () => boolean {
  return code.type === "bool" ? code.run : () => truth(code.run());
}

function closures<T extends Scalar>(math: LaneMath<T>, load: Load): Target<Code<T>> {
  const lane = (run: () => T): Code<T> => ({ type: "lane", run });
  const bool = (run: () => boolean): Code<T> => ({ type: "bool", run });
  return {
    load: ({ index, as }) => (as === "bool" ? bool(() => truth(load(index))) : lane(() => math.of(load(index)))),
    const: ({ value }) => {
      if (typeof value === "boolean") return bool(() => value);
      const rounded = math.of(value);
      return lane(() => rounded);
    },
    unary: ({ code }, a) => {
      if (code === "bitnot" && a.type === "bool") return bool(() => !a.run());
      const rule = defined(math.unary[code], code, math);
      const x = asLane(a, math);
      return lane(() => rule(x()));
    },
    binary: (node, a, b) =>
      isLogical(node.code) && a.type === "bool" && b.type === "bool"
        ? bool(logical(node, a.run, b.run))
        : lane(arithmetic(node, math, a, b)),
    compare: ({ code }, a, b) => {
      const rule = comparisons[code];
      const [x, y] = [asLane(a, math), asLane(b, math)];
      return bool(() => rule(x(), y()));
    },
    select: (_, test, a, b) => {
      const condition = asBool(test);
      if (a.type === "bool" && b.type === "bool") return bool(() => (condition() ? a.run() : b.run()));
      const [x, y] = [asLane(a, math), asLane(b, math)];
      return lane(() => (condition() ? x() : y()));
    },
    cast: ({ to }, a) => {
      if (to === "bool") return bool(asBool(a));
      if (to === "lane") return lane(asLane(a, math));
      return lane(() => math.of(through(to, a.run())));
    },
    call: (node, args) => lane(callOf(node, math, args)),
  };
}

function defined<F>(rule: F | null, code: string, math: { readonly lane: string }): F {
  if (rule === null) throw new Error(`'${code}' is not defined in lane ${math.lane}`);
  return rule;
}

function arithmetic<T extends Scalar>({ code }: Node<"binary">, math: LaneMath<T>, a: Code<T>, b: Code<T>): () => T {
  const rule = defined(math.binary[code], code, math);
  const [x, y] = [asLane(a, math), asLane(b, math)];
  return () => rule(x(), y());
}

function logical({ code }: Node<"binary">, a: () => boolean, b: () => boolean): () => boolean {
  if (code === "and") return () => a() && b();
  return code === "or" ? () => a() || b() : () => a() !== b();
}

function callOf<T extends Scalar>({ name }: Node<"call">, math: LaneMath<T>, args: readonly Code<T>[]): () => T {
  const { arity, fn, integer } = specialFunction(name);
  if (args.length !== arity) throw new Error(`'${name}' takes ${arity} arguments, not ${args.length}`);
  const x = asLane(args[0]!, math);
  const y = args[1] === undefined ? () => math.of(0) : asLane(args[1], math);
  if (integer !== undefined && math.lane === "i64") return () => math.of(integer(BigInt(x()), BigInt(y())));
  return () => math.of(fn(Number(x()), Number(y())));
}
