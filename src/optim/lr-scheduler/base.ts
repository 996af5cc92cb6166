/** What learning rate schedulers share: counting, and writing the rates into the optimizer's groups. */
import { check, KeyError, NotImplementedError, typeName, ValueError } from "../../core/errors.ts";
import { warn } from "../../core/warnings.ts";
import { toSnake } from "../names.ts";
import { Optimizer, type ParamGroup } from "../optimizer.ts";

const orderWarning =
  "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you should call them in " +
  "the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do this will result in PyTorch " +
  "skipping the first value of the learning rate schedule. See more details at " +
  "https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate";
const epochWarning =
  "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use " +
  "`scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from None, the closed form " +
  "is used instead of the new chainable form, where available. Please open an issue if you are unable to replicate " +
  "your use case: https://github.com/pytorch/pytorch/issues/new/choose.";
const lastLrWarning = "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.";

/** A scheduler's state as files have it. */
export type SchedulerState = Record<string, unknown>;

/** Throws unless this is an optimizer. */
export function needOptimizer(optimizer: unknown): Optimizer {
  if (optimizer instanceof Optimizer) return optimizer;
  throw new TypeError(`${typeName(optimizer)} is not an Optimizer`);
}

/** One value for every group. */
export function perGroup<T>(name: string, optimizer: Optimizer, value: T | readonly T[]): T[] {
  if (!Array.isArray(value)) return optimizer.paramGroups.map(() => value as T);
  check(
    value.length === optimizer.paramGroups.length,
    () => `expected ${optimizer.paramGroups.length} values for ${name}, got ${value.length}`,
    ValueError,
  );
  return [...value];
}

const fileNames: Readonly<Record<string, string>> = {
  TMax: "T_max",
  T0: "T_0",
  TI: "T_i",
  TMult: "T_mult",
  TCur: "T_cur",
};
const memoryNames = new Map(Object.entries(fileNames).map(([memory, file]) => [file, memory]));

const toFile = (name: string): string => fileNames[name] ?? toSnake(name);
const toMemory = (name: string): string =>
  memoryNames.get(name) ?? name.replace(/(?<=[a-z0-9])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** The own fields of a scheduler, without `left`, in PyTorch's spelling. */
export function stateOf(scheduler: object, left: readonly string[]): SchedulerState {
  const fields = Object.entries(scheduler).filter(([name, value]) => {
    return !left.includes(name) && typeof value !== "function";
  });
  return Object.fromEntries(fields.map(([name, value]) => [toFile(name), value]));
}

/** Takes over the fields of a state. */
export function restoreState(scheduler: object, state: SchedulerState, left: readonly string[]): void {
  for (const [name, value] of Object.entries(state)) {
    if (!left.includes(toMemory(name))) Reflect.set(scheduler, toMemory(name), value);
  }
}

/**
 * The base of the schedulers that compute rates from the number of the epoch. `step()` is called after the optimizer's
 * steps, once per epoch or as the scheduler is meant; it writes `lr` into the optimizer's groups.
 * @see https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate
 * @example new optim.lrScheduler.StepLR(optimizer, 10) instanceof optim.lrScheduler.LRScheduler // true
 */
export abstract class LRScheduler {
  readonly optimizer: Optimizer;
  baseLrs: number[];
  lastEpoch: number;
  verbose = false;
  _stepCount = 0;
  _getLrCalledWithinStep = false;
  _lastLr: number[] = [];

  /** `fields` are those of the subclass, which the first step needs already. */
  constructor(optimizer: Optimizer, lastEpoch = -1, fields: object = {}) {
    this.optimizer = needOptimizer(optimizer);
    for (const [i, group] of optimizer.paramGroups.entries()) {
      if (lastEpoch === -1) group.initialLr ??= group.lr;
      check(
        group.initialLr !== undefined,
        () => `param 'initial_lr' is not specified in param_groups[${i}] when resuming an optimizer`,
        KeyError,
      );
    }
    this.baseLrs = optimizer.paramGroups.map((group) => group.initialLr as number);
    this.lastEpoch = lastEpoch;
    Object.assign(this, fields);
    this._initialStep();
  }

  /** The groups of the optimizer. */
  protected get groups(): ParamGroup[] {
    return this.optimizer.paramGroups;
  }

  /** The rates as they are. */
  protected current(): number[] {
    return this.groups.map((group) => group.lr);
  }

  _initialStep(): void {
    this.optimizer._stepCount = 0;
    this._stepCount = 0;
    this.step();
  }

  /** The rates that the groups were given last, one for each group. */
  getLastLr(): number[] {
    return this._lastLr;
  }

  /** The rates of this epoch, from those of the one before. */
  abstract getLr(): number[];

  /** The rates of any epoch, where there is a formula. */
  protected closedForm(): number[] | null {
    return null;
  }

  /** Warns where `getLr` is called by the user. */
  protected calledByStep(): void {
    if (!this._getLrCalledWithinStep) warn("get-lr", lastLrWarning);
  }

  /** Goes on to the next epoch; call it after the optimizer's step. */
  step(epoch: number | null = null): void {
    if (this._stepCount === 1 && this.optimizer._stepCount < 1) warn("scheduler-order", orderWarning);
    this._stepCount++;
    if (epoch === null) this.lastEpoch++;
    else {
      warn("scheduler-epoch", epochWarning);
      this.lastEpoch = epoch;
    }
    this.apply(() => (epoch === null ? this.getLr() : (this.closedForm() ?? this.getLr())));
  }

  /** Writes what `rates` gives into the groups. */
  protected apply(rates: () => number[]): void {
    this._getLrCalledWithinStep = true;
    let values: number[];
    try {
      values = rates();
    } finally {
      this._getLrCalledWithinStep = false;
    }
    this.groups.forEach((group, i) => {
      group.lr = values[i]!;
    });
    this._lastLr = this.current();
  }

  /** Fields that state dicts leave out. */
  protected get left(): readonly string[] {
    return ["optimizer"];
  }

  /** The scheduler's fields in PyTorch's spelling, for a checkpoint. */
  stateDict(): SchedulerState {
    return stateOf(this, this.left);
  }

  /** Takes over the fields of a state. */
  loadStateDict(stateDict: SchedulerState): void {
    restoreState(this, stateDict, this.left);
  }
}

/** Refuses the printing that PyTorch is giving up. */
export function refuseVerbose(verbose: unknown): void {
  if (verbose === true) throw new NotImplementedError("verbose is not supported: print getLastLr() instead");
}
