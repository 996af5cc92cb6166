/** Calls of JS functions, lane by lane, in float64. */
import { truncateToI64 } from "../convert.ts";
import type { MathName } from "../host.ts";
import type { Formula } from "../lanes.ts";
import type { Local } from "../module.ts";

/** Calls `env[name]` with the lanes of the arguments; float32 and int32 pass through float64, int64 too. */
export function hostCall(v: Formula, name: string, args: readonly Local[]): Local {
  const { f, lane } = v;
  const types = args.map(() => "f64" as const);
  const func = f.module.import(name, types, ["f64"]);
  return v.perLane((k) => {
    for (const arg of args) {
      v.extract(arg, k);
      if (lane === "f32") f.op("f64.promote_f32");
      else if (lane === "i32" || lane === "i64") f.op(`f64.convert_${lane}_s`);
    }
    f.call(func);
    if (lane === "f32") f.op("f32.demote_f64");
    else if (lane !== "f64") truncateToI64(f, "f64");
    if (lane === "i32") f.op("i32.wrap_i64");
  });
}

/** Calls a function of bigints with the lanes of int64 arguments. */
export function hostCallInt64(v: Formula, name: string, args: readonly Local[]): Local {
  const types = args.map(() => "i64" as const);
  const func = v.f.module.import(name, types, ["i64"]);
  return v.perLane((k) => {
    for (const arg of args) v.extract(arg, k);
    v.f.call(func);
  });
}

/** A function of one argument from the table of mathematics. */
export function hostUnary(v: Formula, name: MathName, x: Local): Local {
  return hostCall(v, name, [x]);
}
