/** The running state of a reduction: in vectors while elements come, and what it comes to at the end. */
import type { Lane } from "../../core/dtype.ts";
import type { Combine, ReduceKernel } from "../../ir/kernel.ts";
import type { Vectors } from "./convert.ts";
import { asLane, asMask, type Value } from "./emit.ts";
import { Formula, laneInfo, type Term } from "./lanes.ts";
import type { FuncBuilder, Local } from "./module.ts";

/** Emits the code of one reduction. Every lane has a state of its own until `row` combines them. */
export interface Accumulator {
  start(): void;
  /** Takes in a vector in one of the slots, which take turns; `at` is the position of its elements. */
  take(slot: number, value: Value, at: Term): void;
  /** Ends a block: sums move on to where they do not lose precision. */
  flush(): void;
  /** Takes in the active lanes of a vector, outside of any block. */
  takeOnce(v: Formula, value: Value, at: Term): void;
  /** The results of the lanes. */
  columns(): Value;
  /** The result of all lanes together, in the first lane at least. */
  row(): Value;
  /** The same in float64, where a float32 kernel keeps it so. */
  readonly totals?: { columns(): Vectors; row(): Vectors };
}

/** Whether a kernel's result is the float64 total of a float32 sum, to be added to others. */
export function keepsTotal({ combine, lane, post, output }: ReduceKernel): boolean {
  return combine === "sum" && lane === "f32" && post === null && output === "float64";
}

/** Whether the result is a position. */
export function isArg(combine: Combine | "fmax"): combine is "argmin" | "argmax" {
  return combine === "argmin" || combine === "argmax";
}

/** The accumulator of a kernel, with `slots` independent chains of additions. */
export function accumulator(
  f: FuncBuilder,
  { combine, lane }: { readonly combine: Combine | "fmax"; readonly lane: Lane },
  slots: number,
): Accumulator {
  const v = new Formula(f, lane, laneInfo[lane].width);
  if (combine === "sum" && lane === "f32") return sumFloat32(v, slots);
  if (combine === "sum" && lane === "f64") return sumFloat64(v, slots);
  return isArg(combine) ? extremum(v, combine) : foldLanes(v, rules(v, combine), slots);
}

const FIRST_32 = [255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const FIRST_64 = [255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0];
const SECOND_WORD = [4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7];

/** The mask of the first lane. */
function firstLane(v: Formula): Term {
  return () => {
    v.f.v128(laneInfo[v.lane].width === 4 ? FIRST_32 : FIRST_64);
  };
}

function assign(v: Formula, local: Local, term: Term): void {
  v.put(term);
  v.f.set(local);
}

/** A combination that is one operation on vectors, of masks or of lane values. */
interface Rule {
  readonly mask: boolean;
  readonly identity: Term;
  readonly apply: (a: Local, b: Local) => Term;
}

const least: Readonly<Record<Lane, number>> = { i32: -(2 ** 31), i64: -(2 ** 63), f32: -Infinity, f64: -Infinity };

/** The greatest value of a lane; 2^63 - 1 is not a float64. */
function greatest(v: Formula): Term {
  if (v.lane === "i64") return v.not(least.i64);
  return v.lane === "i32" ? 2 ** 31 - 1 : Infinity;
}

function rules(v: Formula, combine: Exclude<Combine | "fmax", "argmin" | "argmax">): Rule {
  switch (combine) {
    case "sum":
      return { mask: false, identity: 0, apply: (a, b) => v.add(a, b) };
    case "prod":
      return { mask: false, identity: 1, apply: (a, b) => v.mul(a, b) };
    case "min":
      return { mask: false, identity: greatest(v), apply: (a, b) => v.min(a, b) };
    case "max":
      return { mask: false, identity: least[v.lane], apply: (a, b) => v.max(a, b) };
    case "fmax":
      return { mask: false, identity: least[v.lane], apply: (a, b) => v.pmax(a, b) };
    case "and":
      return { mask: true, identity: v.int(-1), apply: (a, b) => v.and(a, b) };
    case "or":
      return { mask: true, identity: v.int(0), apply: (a, b) => v.or(a, b) };
    default:
      return combine satisfies never;
  }
}

/** The state of a `Rule`. */
function foldLanes(v: Formula, { mask, identity, apply }: Rule, slots: number): Accumulator {
  const states = v.variables(slots);
  const take = (slot: number, value: Value): void => {
    const element = v.let(mask ? asMask(v, value) : asLane(v, value));
    assign(v, states[slot]!, apply(states[slot]!, element));
  };
  const columns = (): Local => states.reduce((a, b) => v.let(apply(a, b)));
  return {
    start: () => {
      for (const state of states) assign(v, state, identity);
    },
    take,
    flush: () => {},
    takeOnce: ({ active }, value) => {
      const term = mask ? asMask(v, value) : asLane(v, value);
      take(0, { term: active > 1 ? term : v.select(firstLane(v), term, identity), mask });
    },
    columns: () => ({ term: columns(), mask }),
    row: () => {
      const all = columns();
      const two = v.let(apply(all, v.let(v.upper(all))));
      if (laneInfo[v.lane].width === 2) return { term: two, mask };
      return { term: apply(two, v.let(v.shuffle(SECOND_WORD, two))), mask };
    },
  };
}

/** float32 sums: blocks in float32, their totals in float64. */
function sumFloat32(v: Formula, slots: number): Accumulator {
  const d = v.as("f64");
  const states = v.variables(slots);
  const [low, high] = [v.variable(), v.variable()];
  const promote = (x: Term): Term => d.op("f64x2.promote_low_f32x4", x);
  const demote = (x: Term): Term => v.op("f32x4.demote_f64x2_zero", x);
  const all = (): Term => {
    const both = d.let(d.add(low, high));
    return d.add(both, d.upper(both));
  };
  const addTotals = (x: Local): void => {
    assign(d, low, d.add(low, promote(x)));
    assign(d, high, d.add(high, promote(v.upper(x))));
  };
  return {
    start: () => {
      for (const local of [...states, low, high]) assign(v, local, 0);
    },
    take: (slot, value) => {
      assign(v, states[slot]!, v.add(states[slot]!, asLane(v, value)));
    },
    flush: () => {
      for (const state of states) {
        addTotals(state);
        assign(v, state, 0);
      }
    },
    takeOnce: ({ active }, value) => {
      const x = v.let(asLane(v, value));
      if (active > 1) addTotals(x);
      else assign(d, low, d.add(low, d.and(promote(x), firstLane(d))));
    },
    columns: () => ({ term: v.joinLow(demote(low), demote(high)), mask: false }),
    row: () => ({ term: demote(all()), mask: false }),
    totals: { columns: () => [low, high], row: () => [d.let(all())] },
  };
}

/** float64 sums: blocks, and a total that carries along what its additions lose. */
function sumFloat64(v: Formula, slots: number): Accumulator {
  const states = v.variables(slots);
  const [total, lost] = [v.variable(), v.variable()];
  /** total + x, and its error into `lost` (Knuth's two-sum). */
  const addTotal = (x: Local): void => {
    const sum = v.let(v.add(total, x));
    const part = v.let(v.sub(sum, total));
    const error = v.add(v.sub(total, v.sub(sum, part)), v.sub(x, part));
    assign(v, lost, v.add(lost, error));
    assign(v, total, sum);
  };
  /** An infinite or NaN total has made NaN of what was lost. */
  const settled = (): Term => v.select(v.lt(v.abs(total), Infinity), v.add(total, lost), total);
  return {
    start: () => {
      for (const local of [...states, total, lost]) assign(v, local, 0);
    },
    take: (slot, value) => {
      assign(v, states[slot]!, v.add(states[slot]!, asLane(v, value)));
    },
    flush: () => {
      for (const state of states) {
        addTotal(state);
        assign(v, state, 0);
      }
    },
    takeOnce: ({ active }, value) => {
      const x = asLane(v, value);
      addTotal(v.let(active > 1 ? x : v.and(x, firstLane(v))));
    },
    columns: () => ({ term: settled(), mask: false }),
    row: () => {
      // The second lane joins the first one's total, and nothing is lost.
      const rest = v.let(v.upper(lost));
      addTotal(v.let(v.upper(total)));
      assign(v, lost, v.add(lost, rest));
      return { term: settled(), mask: false };
    },
  };
}

/** The first greatest or least element, NaN beating all, and its position, kept as wide as the lane. */
function extremum(v: Formula, combine: "argmin" | "argmax"): Accumulator {
  const index = v.masks();
  const [best, position] = [v.variable(), v.variable()];
  const notBeaten = (x: Local): Term => (combine === "argmax" ? v.le(x, best) : v.ge(x, best));
  const take = (x: Local, at: Term, mask: Term | null): void => {
    const beats = v.andnot(v.eq(best, best), notBeaten(x));
    const chosen = v.let(mask === null ? beats : v.and(beats, mask));
    assign(v, best, v.select(chosen, x, best));
    assign(v, position, index.select(chosen, at, position));
  };
  return {
    start: () => {
      // Only where all elements equal this is it not beaten, and then the first one's position is right.
      assign(v, best, combine === "argmax" ? least[v.lane] : greatest(v));
      assign(index, position, 0);
    },
    take: (_, value, at) => take(v.let(asLane(v, value)), at, null),
    flush: () => {},
    takeOnce: ({ active }, value, at) => take(v.let(asLane(v, value)), at, active > 1 ? null : firstLane(v)),
    columns: () => ({ term: position, mask: false }),
    row: () => ({ term: firstExtremum(v, combine, best, position), mask: false }),
  };
}

/** Of the lanes' extrema the best one, and of equals the one that comes first: its position in all lanes. */
function firstExtremum(v: Formula, combine: "argmin" | "argmax", best: Local, position: Local): Term {
  const index = v.masks();
  // The best value in every lane, and the positions of the lanes that hold it, the greatest position elsewhere.
  const reach = (x: Local, other: (x: Local) => Term): Local => {
    const y = v.let(other(x));
    return v.let(combine === "argmax" ? v.max(x, y) : v.min(x, y));
  };
  const swapHalves = (x: Local): Term => v.shuffle(SWAP_HALVES, x);
  const swapWords = (x: Local): Term => v.shuffle(SWAP_WORDS, x);
  const halves = reach(best, swapHalves);
  const winner = laneInfo[v.lane].width === 2 ? halves : reach(halves, swapWords);
  const bothNaN = v.and(v.ne(winner, winner), v.ne(best, best));
  const candidates = index.let(index.select(v.or(v.eq(best, winner), bothNaN), position, v.int(-1)));
  const first = (x: Local, other: (x: Local) => Term): Local => {
    const y = index.let(other(x));
    // As unsigned integers: all bits set is the greatest position.
    const less = laneInfo[v.lane].width === 4 ? v.op("i32x4.lt_u", x, y) : lessUnsigned64(index, x, y);
    return index.let(index.select(less, x, y));
  };
  const pair = first(candidates, swapHalves);
  return laneInfo[v.lane].width === 2 ? pair : first(pair, swapWords);
}

const SWAP_HALVES = [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7];
const SWAP_WORDS = [4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11];

/** x < y for positions below 2^53, and -1 for the greatest. */
function lessUnsigned64(v: Formula, x: Local, y: Local): Term {
  const low = v.int(2 ** 53 - 1);
  return v.lt(v.and(x, low), v.and(y, low));
}
