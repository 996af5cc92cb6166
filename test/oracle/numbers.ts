/** How close is close: PyTorch's tolerances, widened by what PyTorch's own float32 run is off from its float64 run. */

/** Bounds of |got - recorded| <= atol + rtol * |recorded|. */
export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/** A number, or a bigint where the value lies beyond 2^53. */
export type Num = number | bigint;

const defaults: { readonly [dtype: string]: Tolerance } = {
  float32: { rtol: 1.3e-6, atol: 1e-5 },
  complex64: { rtol: 1.3e-6, atol: 1e-5 },
  float64: { rtol: 1e-7, atol: 1e-7 },
  complex128: { rtol: 1e-7, atol: 1e-7 },
  float16: { rtol: 1e-3, atol: 1e-5 },
  bfloat16: { rtol: 1.6e-2, atol: 1e-5 },
};
const exact: Tolerance = { rtol: 0, atol: 0 };

/** Above this a recorded error is a discontinuity (a threshold, a histogram edge), not noise. */
const discontinuity = 1e-2;

/** What a sample says about its own precision. */
export interface Noise {
  /** PyTorch's own error against a float64 run. */
  readonly err?: number | undefined;
  readonly noisy?: boolean | undefined;
}

/** The tolerance for a dtype and a sample's noise. */
export function toleranceOf(dtype: string, { err, noisy }: Noise = {}): Tolerance {
  const base = defaults[dtype];
  if (base === undefined) return exact;
  const measured = err !== undefined && err <= discontinuity ? 10 * err : 0;
  const floor = Math.max(measured, noisy ? 1e-4 : 0);
  return { rtol: Math.max(base.rtol, floor), atol: Math.max(base.atol, floor) };
}

/** Whether a mismatch under this noise is only to be reported: the recorded value sits on a discontinuity. */
export function isSoft({ err }: Noise): boolean {
  return err !== undefined && err > discontinuity;
}

/** Whether two numbers agree. */
export function close(got: Num, recorded: Num, { rtol, atol }: Tolerance): boolean {
  if (got === recorded) return true;
  // Beyond 2^53 on one side only: `got === recorded` has compared everything that is of one type.
  if (typeof got === "bigint" || typeof recorded === "bigint") return false;
  if (Number.isNaN(got) && Number.isNaN(recorded)) return true;
  if (!Number.isFinite(got) || !Number.isFinite(recorded)) return false;
  return Math.abs(got - recorded) <= atol + rtol * Math.abs(recorded);
}

/** `bool < integer < float < complex`, the categories of type promotion. */
export function category(dtype: string): number {
  if (dtype === "bool") return 0;
  if (/^u?int/.test(dtype)) return 1;
  return dtype.startsWith("complex") ? 3 : 2;
}
