/** Schedulers made of schedulers, and the one that waits for a plateau. */
import { check, ValueError } from "../../core/errors.ts";
import { isTensor, type Tensor } from "../../core/tensor.ts";
import { read } from "../../nn/arguments.ts";
import type { Optimizer } from "../optimizer.ts";
import { type LRScheduler, needOptimizer, refuseVerbose, restoreState, type SchedulerState, stateOf } from "./base.ts";

function sameOptimizer(schedulers: readonly LRScheduler[], optimizer: Optimizer, who: string): void {
  schedulers.forEach((scheduler, i) => {
    check(
      scheduler.optimizer === optimizer,
      () =>
        `${who} expects all schedulers to belong to the same optimizer, but got schedulers at index 0 and ${i} to be ` +
        "different",
      ValueError,
    );
  });
}

/**
 * One scheduler after another, changing at the milestones.
 * @throws ValueError unless there is one milestone less than schedulers, or where they have other optimizers.
 * @example
 * const warmUp = new optim.lrScheduler.LinearLR(optimizer, { startFactor: 0.5, totalIters: 2 });
 * const decay = new optim.lrScheduler.ExponentialLR(optimizer, 0.9);
 * new optim.lrScheduler.SequentialLR(optimizer, [warmUp, decay], [2]).step()
 */
export class SequentialLR {
  readonly optimizer: Optimizer;
  readonly _schedulers: readonly LRScheduler[];
  readonly _milestones: readonly number[];
  lastEpoch: number;
  _lastLr: number[];

  constructor(
    optimizer: Optimizer,
    schedulers: readonly LRScheduler[],
    milestones: readonly number[],
    lastEpoch: number | { lastEpoch?: number } = -1,
  ) {
    const start = typeof lastEpoch === "object" ? (lastEpoch.lastEpoch ?? -1) : lastEpoch;
    check(schedulers.length > 0, () => "SequentialLR expects at least one scheduler to be chained", ValueError);
    sameOptimizer(schedulers, optimizer, "SequentialLR");
    check(
      milestones.length === schedulers.length - 1,
      () =>
        "Sequential Schedulers expects number of schedulers provided to be one more than the number of milestone " +
        `points, but got number of schedulers ${schedulers.length} and the number of milestones to be equal to ` +
        `${milestones.length}`,
      ValueError,
    );
    this.optimizer = optimizer;
    this._schedulers = [...schedulers];
    this._milestones = [...milestones];
    this.lastEpoch = start + 1;
    // Every scheduler made its first step when it was made: undo them all, then make that of the first.
    for (const group of optimizer.paramGroups) group.lr = group.initialLr as number;
    for (const scheduler of schedulers) scheduler.lastEpoch--;
    schedulers[0]!._initialStep();
    this._lastLr = schedulers[0]!.getLastLr();
  }

  /** Goes on to the next epoch. */
  step(): void {
    this.lastEpoch++;
    const passed = this._milestones.filter((epoch) => epoch <= this.lastEpoch).length;
    const scheduler = this._schedulers[passed]!;
    if (passed > 0 && this._milestones[passed - 1] === this.lastEpoch) scheduler.step(0);
    else scheduler.step();
    this._lastLr = scheduler.getLastLr();
  }

  getLastLr(): number[] {
    return this._lastLr;
  }

  stateDict(): SchedulerState {
    const own = stateOf(this, ["optimizer", "_schedulers"]);
    return { ...own, _schedulers: this._schedulers.map((scheduler) => scheduler.stateDict()) };
  }

  loadStateDict(stateDict: SchedulerState): void {
    restoreState(this, stateDict, ["_schedulers"]);
    (stateDict._schedulers as SchedulerState[]).forEach((state, i) => {
      this._schedulers[i]!.loadStateDict(state);
    });
  }
}

/**
 * Several schedulers, each after the other, at every step.
 * @throws ValueError where they have other optimizers.
 * @example
 * const constant = new optim.lrScheduler.ConstantLR(optimizer, { factor: 0.5 });
 * const decay = new optim.lrScheduler.ExponentialLR(optimizer, 0.9);
 * new optim.lrScheduler.ChainedScheduler([constant, decay]).step()
 */
export class ChainedScheduler {
  readonly optimizer: Optimizer;
  readonly _schedulers: readonly LRScheduler[];
  _lastLr: number[];

  constructor(schedulers: readonly LRScheduler[]) {
    check(schedulers.length > 0, () => "ChainedScheduler expects at least one scheduler to be chained", ValueError);
    this.optimizer = schedulers[0]!.optimizer;
    sameOptimizer(schedulers, this.optimizer, "ChainedScheduler");
    this._schedulers = [...schedulers];
    this._lastLr = this.optimizer.paramGroups.map((group) => group.lr);
  }

  /** Goes on to the next epoch. */
  step(): void {
    for (const scheduler of this._schedulers) scheduler.step();
    this._lastLr = this.optimizer.paramGroups.map((group) => group.lr);
  }

  getLastLr(): number[] {
    return this._lastLr;
  }

  stateDict(): SchedulerState {
    const own = stateOf(this, ["optimizer", "_schedulers"]);
    return { ...own, _schedulers: this._schedulers.map((scheduler) => scheduler.stateDict()) };
  }

  loadStateDict(stateDict: SchedulerState): void {
    restoreState(this, stateDict, ["_schedulers"]);
    (stateDict._schedulers as SchedulerState[]).forEach((state, i) => {
      this._schedulers[i]!.loadStateDict(state);
    });
  }
}

/** Options of `ReduceLROnPlateau`. */
export interface PlateauOptions {
  mode?: "min" | "max";
  factor?: number;
  patience?: number;
  threshold?: number;
  thresholdMode?: "rel" | "abs";
  cooldown?: number;
  minLr?: number | readonly number[];
  eps?: number;
}

/**
 * Times `factor` (0.1) when a metric has not improved for `patience` (10) epochs. `mode` `"min"` (default) or `"max"`;
 * `threshold` (1e-4) says what counts, `"rel"` or `"abs"`; then it waits `cooldown` epochs; at least `minLr`.
 * @throws ValueError for a factor of 1 or more, or another mode.
 * @example
 * const scheduler = new optim.lrScheduler.ReduceLROnPlateau(optimizer, { factor: 0.5, patience: 0 });
 * scheduler.step(1);
 * scheduler.step(1);
 * optimizer.paramGroups[0]!.lr // 0.05
 */
export class ReduceLROnPlateau {
  readonly optimizer: Optimizer;
  factor: number;
  minLrs: number[];
  patience: number;
  verbose = false;
  cooldown: number;
  cooldownCounter = 0;
  mode: "min" | "max";
  threshold: number;
  thresholdMode: "rel" | "abs";
  best: number;
  numBadEpochs = 0;
  modeWorse: number;
  eps: number;
  lastEpoch = 0;
  _lastLr: number[];

  constructor(optimizer: Optimizer, ...args: [options?: PlateauOptions] | unknown[]) {
    const params =
      "mode:str='min' factor:float=0.1 patience:int=10 threshold:float=1e-4 thresholdMode:str='rel' cooldown:int=0 " +
      "minLr:any=0 eps:float=1e-8 verbose:any=false";
    const v = read("ReduceLROnPlateau", params, args) as unknown as Required<PlateauOptions> & { verbose: unknown };
    refuseVerbose(v.verbose);
    check(v.factor < 1, () => "Factor should be < 1.0.", ValueError);
    const groups = needOptimizer(optimizer).paramGroups;
    const minLrs = Array.isArray(v.minLr) ? [...(v.minLr as number[])] : groups.map(() => v.minLr as number);
    check(minLrs.length === groups.length, () => `expected ${groups.length} min_lrs, got ${minLrs.length}`, ValueError);
    check(v.mode === "min" || v.mode === "max", () => `mode ${v.mode} is unknown!`, ValueError);
    check(["rel", "abs"].includes(v.thresholdMode), () => `threshold mode ${v.thresholdMode} is unknown!`, ValueError);
    this.optimizer = optimizer;
    this.factor = v.factor;
    this.minLrs = minLrs;
    this.patience = v.patience;
    this.cooldown = v.cooldown;
    this.mode = v.mode;
    this.threshold = v.threshold;
    this.thresholdMode = v.thresholdMode;
    this.eps = v.eps;
    this.modeWorse = v.mode === "min" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    this.best = this.modeWorse;
    this._lastLr = groups.map((group) => group.lr);
  }

  get inCooldown(): boolean {
    return this.cooldownCounter > 0;
  }

  /** Whether `a` improves on `best` by more than the threshold. */
  isBetter(a: number, best: number): boolean {
    const margin = this.thresholdMode === "rel" ? this.threshold : 0;
    const shift = this.thresholdMode === "abs" ? this.threshold : 0;
    return this.mode === "min" ? a < best * (1 - margin) - shift : a > best * (margin + 1) + shift;
  }

  /** Takes the metric of an epoch. */
  step(metrics: number | Tensor): void {
    const current = isTensor(metrics) ? metrics.item() : Number(metrics);
    this.lastEpoch++;
    if (this.isBetter(current, this.best)) {
      this.best = current;
      this.numBadEpochs = 0;
    } else this.numBadEpochs++;
    if (this.inCooldown) {
      this.cooldownCounter--;
      this.numBadEpochs = 0;
    }
    if (this.numBadEpochs > this.patience) {
      this.reduce();
      this.cooldownCounter = this.cooldown;
      this.numBadEpochs = 0;
    }
    this._lastLr = this.optimizer.paramGroups.map((group) => group.lr);
  }

  private reduce(): void {
    this.optimizer.paramGroups.forEach((group, i) => {
      const lower = Math.max(group.lr * this.factor, this.minLrs[i]!);
      if (group.lr - lower > this.eps) group.lr = lower;
    });
  }

  getLastLr(): number[] {
    return this._lastLr;
  }

  stateDict(): SchedulerState {
    return stateOf(this, ["optimizer"]);
  }

  loadStateDict(stateDict: SchedulerState): void {
    restoreState(this, stateDict, ["optimizer"]);
  }
}
