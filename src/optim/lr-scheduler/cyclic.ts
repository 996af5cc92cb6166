/** Schedulers that also move the momentum: cycles, and the one cycle. */
import { check, ValueError } from "../../core/errors.ts";
import { read } from "../../nn/arguments.ts";
import { toCamel } from "../names.ts";
import type { Optimizer, ParamGroup } from "../optimizer.ts";
import { LRScheduler, needOptimizer, perGroup, refuseVerbose } from "./base.ts";

/** Options of `CyclicLR`. */
export interface CyclicOptions {
  baseLr: number | readonly number[];
  maxLr: number | readonly number[];
  stepSizeUp?: number;
  stepSizeDown?: number | null;
  mode?: "triangular" | "triangular2" | "exp_range";
  gamma?: number;
  scaleFn?: ((x: number) => number) | null;
  scaleMode?: "cycle" | "iterations";
  cycleMomentum?: boolean;
  baseMomentum?: number | readonly number[];
  maxMomentum?: number | readonly number[];
  lastEpoch?: number;
}

/**
 * Up from `baseLr` to `maxLr` in `stepSizeUp` (2000) steps and down in `stepSizeDown`, and the momentum the other way
 * unless `cycleMomentum: false`. `mode` `"triangular"`, `"triangular2"` (half as high each time) or `"exp_range"`.
 * `step()` after every batch.
 * @throws ValueError where the optimizer knows no momentum and `cycleMomentum` is on.
 * @see https://arxiv.org/abs/1506.01186
 * @example
 * const scheduler = new optim.lrScheduler.CyclicLR(optimizer, 0.1, 0.5, { stepSizeUp: 2, cycleMomentum: false });
 * scheduler.step();
 * scheduler.getLastLr()[0]!.toFixed(2) // '0.30'
 */
export class CyclicLR extends LRScheduler {
  declare readonly maxLrs: number[];
  declare readonly totalSize: number;
  declare readonly stepRatio: number;
  declare readonly mode: string;
  declare readonly gamma: number;
  declare readonly scaleMode: string;
  declare readonly cycleMomentum: boolean;
  declare readonly baseMomentums: number[];
  declare readonly maxMomentums: number[];
  declare readonly _scaleFnCustom: ((x: number) => number) | null;

  constructor(optimizer: Optimizer, ...args: [options: CyclicOptions] | [...values: unknown[]]) {
    const params =
      "baseLr:any maxLr:any stepSizeUp:int=2000 stepSizeDown:int?=null mode:str='triangular' gamma:float=1 " +
      "scaleFn:function?=null scaleMode:str='cycle' cycleMomentum:bool=true baseMomentum:any=0.8 maxMomentum:any=0.9 " +
      "lastEpoch:int=-1 verbose:any=false";
    const v = read("CyclicLR", params, args) as unknown as Required<CyclicOptions> & { verbose: unknown };
    refuseVerbose(v.verbose);
    const groups = needOptimizer(optimizer).paramGroups;
    check(
      ["triangular", "triangular2", "exp_range"].includes(v.mode) || v.scaleFn !== null,
      () => "mode is invalid and scale_fn is None",
      ValueError,
    );
    const baseLrs = perGroup("base_lr", optimizer, v.baseLr);
    const maxLrs = perGroup("max_lr", optimizer, v.maxLr);
    const fresh = v.lastEpoch === -1;
    if (fresh) setAll(groups, "lr", baseLrs);
    const totalSize = v.stepSizeUp + (v.stepSizeDown ?? v.stepSizeUp);
    const momentum = v.cycleMomentum ? momentumFields(optimizer, v, fresh) : {};
    super(optimizer, v.lastEpoch, {
      maxLrs,
      totalSize,
      stepRatio: v.stepSizeUp / totalSize,
      mode: v.mode,
      gamma: v.gamma,
      _scaleFnCustom: v.scaleFn,
      scaleMode: v.scaleFn !== null ? v.scaleMode : v.mode === "exp_range" ? "iterations" : "cycle",
      cycleMomentum: v.cycleMomentum,
      ...momentum,
    });
    this.baseLrs = baseLrs;
  }

  /** The height of a cycle or an iteration. */
  scaleFn(x: number): number {
    if (this._scaleFnCustom !== null) return this._scaleFnCustom(x);
    if (this.mode === "triangular2") return 1 / 2 ** (x - 1);
    return this.mode === "exp_range" ? this.gamma ** x : 1;
  }

  protected override get left(): readonly string[] {
    return ["optimizer", "_scaleFnCustom"];
  }

  override getLr(): number[] {
    this.calledByStep();
    const cycle = Math.floor(1 + this.lastEpoch / this.totalSize);
    const x = 1 + this.lastEpoch / this.totalSize - cycle;
    const part = x <= this.stepRatio ? x / this.stepRatio : (x - 1) / (this.stepRatio - 1);
    const scale = (): number => this.scaleFn(this.scaleMode === "cycle" ? cycle : this.lastEpoch);
    if (this.cycleMomentum) {
      const momentums = this.maxMomentums.map((most, i) => most - (most - this.baseMomentums[i]!) * part * scale());
      setAll(this.groups, "momentum", momentums);
    }
    return this.baseLrs.map((least, i) => least + (this.maxLrs[i]! - least) * part * scale());
  }
}

function setAll(groups: readonly ParamGroup[], name: string, values: readonly number[]): void {
  groups.forEach((group, i) => {
    group[name] = values[i]!;
  });
}

function momentumFields(optimizer: Optimizer, v: Required<CyclicOptions>, fresh: boolean): object {
  check(
    "momentum" in optimizer.defaults,
    () => "optimizer must support momentum with `cycle_momentum` option enabled",
    ValueError,
  );
  if (fresh) setAll(optimizer.paramGroups, "momentum", perGroup("base_momentum", optimizer, v.baseMomentum));
  return {
    baseMomentums: optimizer.paramGroups.map((group) => group.momentum),
    maxMomentums: perGroup("max_momentum", optimizer, v.maxMomentum),
  };
}

/** Options of `OneCycleLR`. */
export interface OneCycleOptions {
  maxLr: number | readonly number[];
  totalSteps?: number | null;
  epochs?: number | null;
  stepsPerEpoch?: number | null;
  pctStart?: number;
  annealStrategy?: "cos" | "linear";
  cycleMomentum?: boolean;
  baseMomentum?: number | readonly number[];
  maxMomentum?: number | readonly number[];
  divFactor?: number;
  finalDivFactor?: number;
  threePhase?: boolean;
  lastEpoch?: number;
}

/** A part of the one cycle, with the names of options as files spell them. */
interface Phase {
  end_step: number;
  start_lr: string;
  end_lr: string;
  start_momentum: string;
  end_momentum: string;
}

/**
 * Up to `maxLr` and down to nearly nothing, once in `totalSteps`, or `epochs` times `stepsPerEpoch`; `pctStart` (0.3)
 * of them go up. `step()` after every batch.
 * @throws ValueError where the number of steps is not given; at a step beyond it.
 * @see https://arxiv.org/abs/1708.07120
 * @example
 * const scheduler = new optim.lrScheduler.OneCycleLR(optimizer, 1, { totalSteps: 10, cycleMomentum: false });
 * scheduler.getLastLr()[0]!.toFixed(2) // '0.04'
 */
export class OneCycleLR extends LRScheduler {
  declare readonly totalSteps: number;
  declare readonly _schedulePhases: Phase[];
  declare readonly cycleMomentum: boolean;
  declare readonly useBeta1: boolean;
  declare readonly _annealFuncType: "cos" | "linear";

  constructor(optimizer: Optimizer, ...args: [options: OneCycleOptions] | [...values: unknown[]]) {
    const params =
      "maxLr:any totalSteps:any?=null epochs:any?=null stepsPerEpoch:any?=null pctStart:float=0.3 " +
      "annealStrategy:str='cos' cycleMomentum:bool=true baseMomentum:any=0.85 maxMomentum:any=0.95 divFactor:float=25 " +
      "finalDivFactor:float=10000 threePhase:bool=false lastEpoch:int=-1 verbose:any=false";
    const v = read("OneCycleLR", params, args) as unknown as Required<OneCycleOptions> & { verbose: unknown };
    refuseVerbose(v.verbose);
    needOptimizer(optimizer);
    const totalSteps = stepsOf(v);
    check(
      v.pctStart >= 0 && v.pctStart <= 1,
      () => `Expected float between 0 and 1 pct_start, but got ${v.pctStart}`,
      ValueError,
    );
    check(
      ["cos", "linear"].includes(v.annealStrategy),
      () => `anneal_strategy must by one of 'cos' or 'linear', instead got ${v.annealStrategy}`,
      ValueError,
    );
    const useBeta1 = v.cycleMomentum ? startOneCycle(optimizer, v) : startOneCycle(optimizer, { ...v });
    super(optimizer, v.lastEpoch, {
      totalSteps,
      _schedulePhases: phases(v, totalSteps),
      _annealFuncType: v.annealStrategy,
      cycleMomentum: v.cycleMomentum,
      ...(v.cycleMomentum ? { useBeta1 } : {}),
    });
  }

  override getLr(): number[] {
    this.calledByStep();
    const at = this.lastEpoch;
    check(
      at <= this.totalSteps,
      () => `Tried to step ${at + 1} times. The specified number of total steps is ${this.totalSteps}`,
      ValueError,
    );
    return this.groups.map((group) => this.annealed(group, at));
  }

  private annealed(group: ParamGroup, at: number): number {
    let from = 0;
    let phase = this._schedulePhases[0]!;
    for (const candidate of this._schedulePhases) {
      phase = candidate;
      if (at <= phase.end_step || phase === this._schedulePhases.at(-1)) break;
      from = phase.end_step;
    }
    const part = (at - from) / (phase.end_step - from);
    const between = (start: string, end: string): number => {
      const [a, b] = [group[toCamel(start)] as number, group[toCamel(end)] as number];
      if (this._annealFuncType === "linear") return (b - a) * part + a;
      return b + ((a - b) / 2) * (Math.cos(Math.PI * part) + 1);
    };
    if (this.cycleMomentum) {
      const momentum = between(phase.start_momentum, phase.end_momentum);
      if (this.useBeta1) group.betas = [momentum, ...(group.betas as number[]).slice(1)];
      else group.momentum = momentum;
    }
    return between(phase.start_lr, phase.end_lr);
  }
}

function stepsOf(v: Required<OneCycleOptions>): number {
  const natural = (value: number | null, name: string): number => {
    check(
      value !== null && Number.isInteger(value) && value > 0,
      () => `Expected positive integer ${name}, but got ${value}`,
      ValueError,
    );
    return value;
  };
  check(
    v.totalSteps !== null || v.epochs !== null || v.stepsPerEpoch !== null,
    () => "You must define either total_steps OR (epochs AND steps_per_epoch)",
    ValueError,
  );
  if (v.totalSteps !== null) return natural(v.totalSteps, "total_steps");
  return natural(v.epochs, "epochs") * natural(v.stepsPerEpoch, "steps_per_epoch");
}

function phases(v: Required<OneCycleOptions>, totalSteps: number): Phase[] {
  const phase = (end_step: number, lr: readonly [string, string], momentum: readonly [string, string]): Phase => ({
    end_step,
    start_lr: lr[0],
    end_lr: lr[1],
    start_momentum: momentum[0],
    end_momentum: momentum[1],
  });
  const up = phase(v.pctStart * totalSteps - 1, ["initial_lr", "max_lr"], ["max_momentum", "base_momentum"]);
  const back = ["base_momentum", "max_momentum"] as const;
  if (!v.threePhase) return [up, phase(totalSteps - 1, ["max_lr", "min_lr"], back)];
  return [
    up,
    phase(2 * v.pctStart * totalSteps - 2, ["max_lr", "initial_lr"], back),
    phase(totalSteps - 1, ["initial_lr", "min_lr"], ["max_momentum", "max_momentum"]),
  ];
}

/** Writes the bounds into the groups; returns whether Adam's first beta is the momentum. */
function startOneCycle(optimizer: Optimizer, v: Required<OneCycleOptions>): boolean {
  const useBeta1 = "betas" in optimizer.defaults;
  const maxLrs = perGroup("max_lr", optimizer, v.maxLr);
  check(
    !v.cycleMomentum || useBeta1 || "momentum" in optimizer.defaults,
    () => "optimizer must support momentum with `cycle_momentum` option enabled",
    ValueError,
  );
  const most = perGroup("max_momentum", optimizer, v.maxMomentum);
  const least = perGroup("base_momentum", optimizer, v.baseMomentum);
  if (v.lastEpoch !== -1) return useBeta1;
  optimizer.paramGroups.forEach((group, i) => {
    const initialLr = maxLrs[i]! / v.divFactor;
    Object.assign(group, { initialLr, maxLr: maxLrs[i], minLr: initialLr / v.finalDivFactor });
    if (!v.cycleMomentum) return;
    if (useBeta1) group.betas = [most[i], ...(group.betas as number[]).slice(1)];
    else group.momentum = most[i];
    Object.assign(group, { maxMomentum: most[i], baseMomentum: least[i] });
  });
  return useBeta1;
}
