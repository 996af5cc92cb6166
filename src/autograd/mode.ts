/** Whether operations are recorded: noGrad, enableGrad, inferenceMode, anomaly detection, as functions or guards. */
import { RuntimeError } from "../core/errors.ts";

interface State {
  readonly grad: boolean;
  readonly inference: boolean;
  readonly anomaly: boolean;
  readonly checkNan: boolean;
}

/** Read on every operation; written only here. */
export const mode: { grad: boolean; inference: boolean; anomaly: boolean; checkNan: boolean } = {
  grad: true,
  inference: false,
  anomaly: false,
  checkNan: true,
};

const guards: ModeGuard[] = [];

function apply(state: Partial<State>): void {
  Object.assign(mode, state);
}

/** A mode that lasts until it is disposed; made by `noGrad()` and its kin without a function. */
export class ModeGuard {
  readonly #before: State;
  #live = true;

  constructor(state: Partial<State>) {
    this.#before = { ...mode };
    apply(state);
    guards.push(this);
  }

  /** Ends the mode; the one entered last must end first. */
  [Symbol.dispose](): void {
    if (!this.#live) return;
    if (guards.at(-1) !== this) throw new RuntimeError("modes must be left in the reverse order of entering them");
    guards.pop();
    this.#live = false;
    apply(this.#before);
  }
}

/** Runs `fn` in a mode, until its promise settles where it is async; without `fn`, a guard for `using`. */
function within<R>(state: Partial<State>, fn: (() => R) | undefined): R | ModeGuard {
  const guard = new ModeGuard(state);
  if (fn === undefined) return guard;
  let result: R;
  try {
    result = fn();
  } catch (error) {
    guard[Symbol.dispose]();
    throw error;
  }
  if (result instanceof Promise) return result.finally(() => guard[Symbol.dispose]()) as R;
  guard[Symbol.dispose]();
  return result;
}

/** The form of a mode: with a function its result, without one a guard. */
export interface Mode {
  <R>(fn: () => R): R;
  (): ModeGuard;
}

const modeOf =
  (state: Partial<State>): Mode =>
  <R>(fn?: () => R) =>
    within(state, fn) as never;

/**
 * Results do not require grad, and leaves may be written in place. Takes a function, also an async one (until it
 * settles), or is a guard: `using _ = torch.noGrad()`.
 * @example torch.noGrad(() => w.mul(2)).requiresGrad // false
 * @throws RuntimeError where guards are left in another order than they were entered.
 */
export const noGrad: Mode = modeOf({ grad: false });

/**
 * Records again within `noGrad`.
 * @example torch.noGrad(() => torch.enableGrad(() => w.mul(2))).requiresGrad // true
 */
export const enableGrad: Mode = modeOf({ grad: true });

/**
 * As `noGrad`, and tensors made inside can never enter autograd.
 * @example torch.inferenceMode(() => w.mul(2)).requiresGrad // false
 */
export function inferenceMode<R>(fn: () => R): R;
export function inferenceMode(enabled?: boolean): ModeGuard;
export function inferenceMode<R>(enabled: boolean, fn: () => R): R;
export function inferenceMode(first?: boolean | (() => unknown), fn?: () => unknown): unknown {
  const enabled = typeof first === "boolean" ? first : true;
  const body = typeof first === "function" ? first : fn;
  return within(enabled ? { grad: false, inference: true } : { grad: true, inference: false }, body);
}

/**
 * Switches recording on or off: at once without `fn`, else while `fn` runs. The guard restores what was before.
 * @example torch.setGradEnabled(false, () => w.mul(2)).requiresGrad // false
 */
export function setGradEnabled(enabled: boolean): ModeGuard;
export function setGradEnabled<R>(enabled: boolean, fn: () => R): R;
export function setGradEnabled(enabled: boolean, fn?: () => unknown): unknown {
  if (typeof enabled !== "boolean") throw new TypeError("setGradEnabled(): argument 'mode' must be bool");
  if (fn !== undefined) return within({ grad: enabled }, fn);
  return new SwitchGuard(enabled);
}

/** A switch that stays on when nobody disposes it, and may be undone. */
class SwitchGuard {
  readonly #before: boolean = mode.grad;

  constructor(enabled: boolean) {
    mode.grad = enabled;
  }

  [Symbol.dispose](): void {
    mode.grad = this.#before;
  }
}

/**
 * Whether operations are recorded now.
 * @example torch.noGrad(() => torch.isGradEnabled()) // false
 */
export const isGradEnabled = (): boolean => mode.grad;
/**
 * Whether inference mode is on.
 * @example torch.inferenceMode(() => torch.isInferenceModeEnabled()) // true
 */
export const isInferenceModeEnabled = (): boolean => mode.inference;

/**
 * Remembers the forward line of every operation, and names it when its backward fails or gives NaN.
 * @example autograd.detectAnomaly(() => w.mul(2).sum().backward())
 */
export function detectAnomaly<R>(fn: () => R, options?: { checkNan?: boolean }): R;
export function detectAnomaly(options?: { checkNan?: boolean }): ModeGuard;
export function detectAnomaly(first?: unknown, second?: { checkNan?: boolean }): unknown {
  const body = typeof first === "function" ? (first as () => unknown) : undefined;
  const options = body === undefined ? (first as { checkNan?: boolean } | undefined) : second;
  return within({ anomaly: true, checkNan: options?.checkNan ?? true }, body);
}

/**
 * Switches anomaly detection on or off for good.
 * @example
 * autograd.setDetectAnomaly(true);
 * autograd.setDetectAnomaly(false);
 */
export function setDetectAnomaly(enabled: boolean, checkNan = true): void {
  mode.anomaly = enabled;
  mode.checkNan = checkNan;
}

/** Whether anomaly detection is on. */
export const isAnomalyEnabled = (): boolean => mode.anomaly;

/** Runs library code with recording as given, without the cost of a guard. */
export function withGrad<R>(enabled: boolean, fn: () => R): R {
  const before = mode.grad;
  mode.grad = enabled;
  try {
    return fn();
  } finally {
    mode.grad = before;
  }
}
