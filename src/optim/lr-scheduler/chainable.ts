/** Schedulers whose rates follow from the rates before, so that several can be combined. */
import { check, ValueError } from "../../core/errors.ts";
import { read } from "../../nn/arguments.ts";
import type { Optimizer } from "../optimizer.ts";
import { LRScheduler, needOptimizer, refuseVerbose, type SchedulerState } from "./base.ts";

const tail = "lastEpoch:int=-1 verbose:any=false";

/** Options of all schedulers. */
export interface SchedulerOptions {
  lastEpoch?: number;
}

function parse(
  name: string,
  params: string,
  args: readonly unknown[],
): Record<string, unknown> & { lastEpoch: number } {
  const { verbose, lastEpoch, ...rest } = read(name, `${params} ${tail}`, args);
  refuseVerbose(verbose);
  return { ...rest, lastEpoch: lastEpoch as number };
}

/** A function of the epoch, or one for every group. */
export type Lambda = ((epoch: number) => number) | readonly ((epoch: number) => number)[];

type Rest<O> = [options?: O & SchedulerOptions] | unknown[];

/** What `LambdaLR` and `MultiplicativeLR` share. */
abstract class WithLambdas extends LRScheduler {
  declare readonly lrLambdas: ((epoch: number) => number)[];

  constructor(name: string, optimizer: Optimizer, lrLambda: Lambda, args: readonly unknown[]) {
    const { lastEpoch } = parse(name, "", args);
    const groups = needOptimizer(optimizer).paramGroups;
    const lambdas = typeof lrLambda === "function" ? groups.map(() => lrLambda) : [...lrLambda];
    check(
      lambdas.length === groups.length,
      () => `Expected ${groups.length} lr_lambdas, but got ${lambdas.length}`,
      ValueError,
    );
    super(optimizer, lastEpoch, { lrLambdas: lambdas });
  }

  protected override get left(): readonly string[] {
    return ["optimizer", "lrLambdas"];
  }

  override stateDict(): SchedulerState {
    return { ...super.stateDict(), lr_lambdas: this.lrLambdas.map(() => null) };
  }
}

/**
 * The initial rate times `lrLambda(epoch)`; one function for all groups, or a list.
 * @throws ValueError where there are not as many functions as groups.
 * @example
 * const optimizer = new optim.SGD([w], { lr: 1 });
 * const scheduler = new optim.lrScheduler.LambdaLR(optimizer, (epoch) => 1 / (epoch + 1));
 * const rates = Array.from({ length: 3 }, () => {
 *   optimizer.step();
 *   scheduler.step();
 *   return scheduler.getLastLr()[0];
 * });
 * rates // [ 0.5, 0.3333333333333333, 0.25 ]
 */
export class LambdaLR extends WithLambdas {
  constructor(optimizer: Optimizer, lrLambda: Lambda, ...args: Rest<object>) {
    super("LambdaLR", optimizer, lrLambda, args);
  }

  override getLr(): number[] {
    this.calledByStep();
    return this.baseLrs.map((lr, i) => lr * this.lrLambdas[i]!(this.lastEpoch));
  }
}

/**
 * The rate before times `lrLambda(epoch)`; one function for all groups, or a list.
 * @throws ValueError where there are not as many functions as groups.
 * @example
 * const optimizer = new optim.SGD([w], { lr: 1 });
 * const scheduler = new optim.lrScheduler.MultiplicativeLR(optimizer, () => 0.5);
 * const rates = Array.from({ length: 3 }, () => {
 *   optimizer.step();
 *   scheduler.step();
 *   return scheduler.getLastLr()[0];
 * });
 * rates // [ 0.5, 0.25, 0.125 ]
 */
export class MultiplicativeLR extends WithLambdas {
  constructor(optimizer: Optimizer, lrLambda: Lambda, ...args: Rest<object>) {
    super("MultiplicativeLR", optimizer, lrLambda, args);
  }

  override getLr(): number[] {
    this.calledByStep();
    const rates = this.current();
    return this.lastEpoch > 0 ? rates.map((lr, i) => lr * this.lrLambdas[i]!(this.lastEpoch)) : rates;
  }
}

/**
 * Times `gamma` (0.1) every `stepSize` epochs.
 * @example
 * const optimizer = new optim.SGD([w], { lr: 1 });
 * const scheduler = new optim.lrScheduler.StepLR(optimizer, 2, { gamma: 0.5 });
 * const rates = Array.from({ length: 3 }, () => {
 *   optimizer.step();
 *   scheduler.step();
 *   return scheduler.getLastLr()[0];
 * });
 * rates // [ 1, 0.5, 0.5 ]
 */
export class StepLR extends LRScheduler {
  declare readonly stepSize: number;
  declare readonly gamma: number;

  constructor(optimizer: Optimizer, ...args: Rest<{ stepSize: number; gamma?: number }>) {
    const { lastEpoch, ...fields } = parse("StepLR", "stepSize:int gamma:float=0.1", args);
    super(optimizer, lastEpoch, fields);
  }

  override getLr(): number[] {
    this.calledByStep();
    const same = this.lastEpoch === 0 || this.lastEpoch % this.stepSize !== 0;
    return this.current().map((lr) => (same ? lr : lr * this.gamma));
  }

  protected override closedForm(): number[] {
    return this.baseLrs.map((lr) => lr * this.gamma ** Math.floor(this.lastEpoch / this.stepSize));
  }
}

/**
 * Times `gamma` (0.1) at every milestone.
 * @example
 * const optimizer = new optim.SGD([w], { lr: 1 });
 * const scheduler = new optim.lrScheduler.MultiStepLR(optimizer, [1, 3], { gamma: 0.5 });
 * const rates = Array.from({ length: 3 }, () => {
 *   optimizer.step();
 *   scheduler.step();
 *   return scheduler.getLastLr()[0];
 * });
 * rates // [ 0.5, 0.5, 0.25 ]
 */
export class MultiStepLR extends LRScheduler {
  /** How often each epoch is a milestone. */
  declare readonly milestones: Map<number, number>;
  declare readonly gamma: number;

  constructor(optimizer: Optimizer, ...args: Rest<{ milestones: readonly number[]; gamma?: number }>) {
    const { lastEpoch, milestones, gamma } = parse("MultiStepLR", "milestones:ints gamma:float=0.1", args);
    const counts = new Map<number, number>();
    for (const epoch of milestones as number[]) counts.set(epoch, (counts.get(epoch) ?? 0) + 1);
    super(optimizer, lastEpoch, { milestones: counts, gamma });
  }

  override getLr(): number[] {
    this.calledByStep();
    const times = this.milestones.get(this.lastEpoch);
    return this.current().map((lr) => (times === undefined ? lr : lr * this.gamma ** times));
  }

  protected override closedForm(): number[] {
    let passed = 0;
    for (const [epoch, times] of this.milestones) if (epoch <= this.lastEpoch) passed += times;
    return this.baseLrs.map((lr) => lr * this.gamma ** passed);
  }
}

/**
 * Times `factor` (1/3) for the first `totalIters` (5) epochs.
 * @throws ValueError for a factor outside [0, 1].
 * @example
 * const optimizer = new optim.SGD([w], { lr: 1 });
 * const scheduler = new optim.lrScheduler.ConstantLR(optimizer, { factor: 0.5, totalIters: 2 });
 * const rates = Array.from({ length: 3 }, () => {
 *   optimizer.step();
 *   scheduler.step();
 *   return scheduler.getLastLr()[0];
 * });
 * rates // [ 0.5, 1, 1 ]
 */
export class ConstantLR extends LRScheduler {
  declare readonly factor: number;
  declare readonly totalIters: number;

  constructor(optimizer: Optimizer, ...args: Rest<{ factor?: number; totalIters?: number }>) {
    const params = "factor:float=0.3333333333333333 totalIters:int=5";
    const { lastEpoch, ...fields } = parse("ConstantLR", params, args);
    const factor = fields.factor as number;
    check(
      factor >= 0 && factor <= 1,
      () => "Constant multiplicative factor expected to be between 0 and 1.",
      ValueError,
    );
    super(optimizer, lastEpoch, fields);
  }

  override getLr(): number[] {
    this.calledByStep();
    if (this.lastEpoch === 0) return this.current().map((lr) => lr * this.factor);
    return this.current().map((lr) => (this.lastEpoch === this.totalIters ? lr * (1 / this.factor) : lr));
  }

  protected override closedForm(): number[] {
    const over = this.lastEpoch >= this.totalIters ? 1 : 0;
    return this.baseLrs.map((lr) => lr * (this.factor + over * (1 - this.factor)));
  }
}

/**
 * A factor that changes evenly from `startFactor` (1/3) to `endFactor` (1) over `totalIters` (5) epochs.
 * @throws ValueError for factors outside [0, 1].
 * @example
 * const optimizer = new optim.SGD([w], { lr: 1 });
 * const scheduler = new optim.lrScheduler.LinearLR(optimizer, { startFactor: 0.5, totalIters: 2 });
 * const rates = Array.from({ length: 3 }, () => {
 *   optimizer.step();
 *   scheduler.step();
 *   return scheduler.getLastLr()[0];
 * });
 * rates // [ 0.75, 1, 1 ]
 */
export class LinearLR extends LRScheduler {
  declare readonly startFactor: number;
  declare readonly endFactor: number;
  declare readonly totalIters: number;

  constructor(optimizer: Optimizer, ...args: Rest<{ startFactor?: number; endFactor?: number; totalIters?: number }>) {
    const params = "startFactor:float=0.3333333333333333 endFactor:float=1 totalIters:int=5";
    const { lastEpoch, ...fields } = parse("LinearLR", params, args);
    const [start, end] = [fields.startFactor as number, fields.endFactor as number];
    check(
      start > 0 && start <= 1,
      () => "Starting multiplicative factor expected to be greater than 0 and less or equal to 1.",
      ValueError,
    );
    check(end >= 0 && end <= 1, () => "Ending multiplicative factor expected to be between 0 and 1.", ValueError);
    super(optimizer, lastEpoch, fields);
  }

  override getLr(): number[] {
    this.calledByStep();
    const { lastEpoch, totalIters, startFactor, endFactor } = this;
    if (lastEpoch === 0) return this.current().map((lr) => lr * startFactor);
    if (lastEpoch > totalIters) return this.current();
    const range = endFactor - startFactor;
    return this.current().map((lr) => lr * (1 + range / (totalIters * startFactor + (lastEpoch - 1) * range)));
  }

  protected override closedForm(): number[] {
    const { lastEpoch, totalIters, startFactor, endFactor } = this;
    const range = endFactor - startFactor;
    return this.baseLrs.map((lr) => lr * (startFactor + (range * Math.min(totalIters, lastEpoch)) / totalIters));
  }
}

/**
 * Times `gamma` every epoch.
 * @example
 * const optimizer = new optim.SGD([w], { lr: 1 });
 * const scheduler = new optim.lrScheduler.ExponentialLR(optimizer, 0.5);
 * const rates = Array.from({ length: 3 }, () => {
 *   optimizer.step();
 *   scheduler.step();
 *   return scheduler.getLastLr()[0];
 * });
 * rates // [ 0.5, 0.25, 0.125 ]
 */
export class ExponentialLR extends LRScheduler {
  declare readonly gamma: number;

  constructor(optimizer: Optimizer, ...args: Rest<{ gamma: number }>) {
    const { lastEpoch, ...fields } = parse("ExponentialLR", "gamma:float", args);
    super(optimizer, lastEpoch, fields);
  }

  override getLr(): number[] {
    this.calledByStep();
    return this.current().map((lr) => (this.lastEpoch === 0 ? lr : lr * this.gamma));
  }

  protected override closedForm(): number[] {
    return this.baseLrs.map((lr) => lr * this.gamma ** this.lastEpoch);
  }
}

/**
 * Down to 0 in `totalIters` (5) epochs, along the `power` (1) of the remaining ones.
 * @example
 * const optimizer = new optim.SGD([w], { lr: 1 });
 * const scheduler = new optim.lrScheduler.PolynomialLR(optimizer, { totalIters: 4 });
 * const rates = Array.from({ length: 3 }, () => {
 *   optimizer.step();
 *   scheduler.step();
 *   return scheduler.getLastLr()[0];
 * });
 * rates // [ 0.75, 0.5, 0.25 ]
 */
export class PolynomialLR extends LRScheduler {
  declare readonly totalIters: number;
  declare readonly power: number;

  constructor(optimizer: Optimizer, ...args: Rest<{ totalIters?: number; power?: number }>) {
    const { lastEpoch, ...fields } = parse("PolynomialLR", "totalIters:int=5 power:float=1", args);
    super(optimizer, lastEpoch, fields);
  }

  override getLr(): number[] {
    this.calledByStep();
    const { lastEpoch, totalIters, power } = this;
    if (lastEpoch === 0 || lastEpoch > totalIters) return this.current();
    const factor = ((1 - lastEpoch / totalIters) / (1 - (lastEpoch - 1) / totalIters)) ** power;
    return this.current().map((lr) => lr * factor);
  }

  protected override closedForm(): number[] {
    const { lastEpoch, totalIters, power } = this;
    return this.baseLrs.map((lr) => lr * (1 - Math.min(totalIters, lastEpoch) / totalIters) ** power);
  }
}

/**
 * From the initial rate to `etaMin` (0) in `TMax` epochs along half a cosine, and back.
 * @see https://arxiv.org/abs/1608.03983
 * @example
 * const optimizer = new optim.SGD([w], { lr: 1 });
 * const scheduler = new optim.lrScheduler.CosineAnnealingLR(optimizer, 2);
 * const rates = Array.from({ length: 2 }, () => {
 *   optimizer.step();
 *   scheduler.step();
 *   return scheduler.getLastLr()[0];
 * });
 * rates // [ 0.5, 0 ]
 */
export class CosineAnnealingLR extends LRScheduler {
  declare readonly TMax: number;
  declare readonly etaMin: number;

  constructor(optimizer: Optimizer, ...args: Rest<{ TMax: number; etaMin?: number }>) {
    const { lastEpoch, ...fields } = parse("CosineAnnealingLR", "TMax:int etaMin:float=0", args);
    super(optimizer, lastEpoch, fields);
  }

  override getLr(): number[] {
    this.calledByStep();
    const { lastEpoch, TMax, etaMin } = this;
    if (lastEpoch === 0) return this.current();
    if (this._stepCount === 1) return this.closedForm();
    if ((lastEpoch - 1 - TMax) % (2 * TMax) === 0) {
      return this.groups.map((group, i) => {
        return group.lr + ((this.baseLrs[i]! - etaMin) * (1 - Math.cos(Math.PI / TMax))) / 2;
      });
    }
    const ratio = (1 + Math.cos((Math.PI * lastEpoch) / TMax)) / (1 + Math.cos((Math.PI * (lastEpoch - 1)) / TMax));
    return this.current().map((lr) => ratio * (lr - etaMin) + etaMin);
  }

  protected override closedForm(): number[] {
    const { lastEpoch, TMax, etaMin } = this;
    return this.baseLrs.map((lr) => etaMin + ((lr - etaMin) * (1 + Math.cos((Math.PI * lastEpoch) / TMax))) / 2);
  }
}

/**
 * From the initial rate to `etaMin` (0) along half a cosine, again and again: first in `T0` epochs, each time `TMult`
 * (1) times as many.
 * @throws ValueError unless `T0` is a positive whole number and `TMult` one from 1.
 * @see https://arxiv.org/abs/1608.03983
 * @example
 * const optimizer = new optim.SGD([w], { lr: 1 });
 * const scheduler = new optim.lrScheduler.CosineAnnealingWarmRestarts(optimizer, 2);
 * const rates = Array.from({ length: 3 }, () => {
 *   optimizer.step();
 *   scheduler.step();
 *   return scheduler.getLastLr()[0];
 * });
 * rates // [ 0.5, 1, 0.5 ]
 */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  declare readonly T0: number;
  declare TI: number;
  declare readonly TMult: number;
  declare readonly etaMin: number;
  declare TCur: number;

  constructor(optimizer: Optimizer, ...args: Rest<{ T0: number; TMult?: number; etaMin?: number }>) {
    const { lastEpoch, T0, TMult, etaMin } = parse(
      "CosineAnnealingWarmRestarts",
      "T0:any TMult:any=1 etaMin:float=0",
      args,
    ) as { lastEpoch: number; T0: number; TMult: number; etaMin: number };
    check(Number.isInteger(T0) && T0 > 0, () => `Expected positive integer T_0, but got ${T0}`, ValueError);
    check(Number.isInteger(TMult) && TMult >= 1, () => `Expected integer T_mult >= 1, but got ${TMult}`, ValueError);
    super(optimizer, lastEpoch, { T0, TI: T0, TMult, etaMin, TCur: lastEpoch });
  }

  override getLr(): number[] {
    this.calledByStep();
    const { etaMin } = this;
    return this.baseLrs.map((lr) => etaMin + ((lr - etaMin) * (1 + Math.cos((Math.PI * this.TCur) / this.TI))) / 2);
  }

  override step(epoch: number | null = null): void {
    const at = epoch ?? (this.lastEpoch < 0 ? 0 : null);
    if (at === null) this.advance();
    else this.jump(at);
    this.lastEpoch = at === null ? this.lastEpoch + 1 : Math.floor(at);
    this.apply(() => this.getLr());
  }

  private advance(): void {
    this.TCur++;
    if (this.TCur < this.TI) return;
    this.TCur -= this.TI;
    this.TI *= this.TMult;
  }

  private jump(epoch: number): void {
    const { T0, TMult } = this;
    check(epoch >= 0, () => `Expected non-negative epoch, but got ${epoch}`, ValueError);
    if (epoch < T0) {
      this.TI = T0;
      this.TCur = epoch;
    } else if (TMult === 1) this.TCur = epoch % T0;
    else {
      const n = Math.trunc(Math.log((epoch / T0) * (TMult - 1) + 1) / Math.log(TMult));
      this.TCur = epoch - (T0 * (TMult ** n - 1)) / (TMult - 1);
      this.TI = T0 * TMult ** n;
    }
  }
}
