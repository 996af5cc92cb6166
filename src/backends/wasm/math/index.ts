/** Which functions of floats have a formula over vectors, and which call JavaScript lane by lane. */
import type { MathName } from "../host.ts";
import type { Formula, Term } from "../lanes.ts";
import type { Local } from "../module.ts";
import { erf } from "./error.ts";
import { exp, expm1, tanh } from "./exponential.ts";
import { hostCall } from "./host.ts";
import { log, log1p } from "./logarithm.ts";
import { pow } from "./power.ts";
import { cos, sin, tan } from "./trigonometric.ts";

type FormulaOf = (v: Formula, x: Local, y: Local) => Term;

/**
 * The float32 formulas, each within 2.5 units in the last place. What is missing here is rounded from float64, and all
 * of float64 comes from JavaScript: log2 and log10 so that powers of the base are exact, the others for being rare.
 */
const float32: Partial<Readonly<Record<MathName, FormulaOf>>> = {
  exp,
  expm1,
  log,
  log1p,
  sin,
  cos,
  tan,
  tanh,
  erf,
  pow,
};

/** A function of one or two arguments (the first again if it has one) in a float lane. */
export function mathematics(v: Formula, name: MathName, args: readonly Local[]): Term {
  const [x, y = x] = args;
  const formula = v.lane === "f32" ? float32[name] : undefined;
  if (formula !== undefined && x !== undefined && y !== undefined) return formula(v, x, y);
  return hostCall(v, name, args);
}
