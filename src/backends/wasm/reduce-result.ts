/** The end of a reduction: its `post` expression, and the store. */
import type { ReduceKernel } from "../../ir/kernel.ts";
import { storeBytes, type Walk } from "./access.ts";
import { asLane, asMask, emitExpr, type Value } from "./emit.ts";
import { outputBytes } from "./inputs.ts";
import { type Formula, laneInfo, type Term } from "./lanes.ts";
import type { Local } from "./module.ts";
import { type Accumulator, isArg, keepsTotal } from "./reduce-state.ts";

/** Stores a float64 total, or what the accumulator's result becomes: one of all lanes, or one per lane. */
export function storeState(
  v: Formula,
  kernel: ReduceKernel,
  state: Accumulator,
  { which, count, out }: { readonly which: "row" | "columns"; readonly count: Local; readonly out: Walk },
): void {
  if (keepsTotal(kernel) && state.totals !== undefined) storeBytes(v.f, out, state.totals[which](), v.active);
  else storeResult(v, kernel, state[which](), count, out);
}

/** Stores what `combined`, the results of the active lanes, become; `count` elements went into each. */
function storeResult(v: Formula, kernel: ReduceKernel, combined: Value, count: Local, out: Walk): void {
  const arg = isArg(kernel.combine);
  if (arg && kernel.post === null) {
    storePositions(v, combined.term, out);
    return;
  }
  if (arg) throw new Error("wasm: a position has no expression after it");
  const value = kernel.post === null ? combined : emitPost(v, kernel.post, combined, count);
  storeBytes(v.f, out, outputBytes(v, value, kernel.output), v.active);
}

function emitPost(v: Formula, post: NonNullable<ReduceKernel["post"]>, combined: Value, count: Local): Value {
  const held: Value = { term: v.let(combined.term), mask: combined.mask };
  return emitExpr(v, post, (index, as) => {
    const value = index === 0 ? held : { term: countOf(v, count), mask: false };
    return v.let(as === "bool" ? asMask(v, value) : asLane(v, value));
  });
}

/** The number of elements, which is an unsigned 32-bit integer, in all lanes. */
function countOf(v: Formula, count: Local): Term {
  return v.splat(() => {
    v.f.get(count);
    if (v.lane === "i64") v.f.op("i64.extend_i32_u");
    else if (v.lane !== "i32") v.f.op(`${v.lane}.convert_i32_u`);
  });
}

/** Positions are unsigned and as wide as the lane; the output is int64. */
function storePositions(v: Formula, positions: Term, out: Walk): void {
  if (out.dtype !== "int64") throw new Error(`wasm: positions are int64, not ${out.dtype}`);
  const x = v.let(positions);
  if (laneInfo[v.lane].width === 2) {
    storeBytes(v.f, out, [x], v.active);
    return;
  }
  const index = v.as("i64");
  const low = index.let(index.op("i64x2.extend_low_i32x4_u", x));
  const high = v.active > 2 ? [index.let(index.op("i64x2.extend_high_i32x4_u", x))] : [];
  storeBytes(v.f, out, [low, ...high], v.active);
}
