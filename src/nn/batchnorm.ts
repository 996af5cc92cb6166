/** Batch and instance normalization: the layers that keep running statistics. */
import { check, ValueError } from "../core/errors.ts";
import type { Values } from "../core/params.ts";
import { repr } from "../core/repr.ts";
import type { StateDict } from "../core/statedict.ts";
import type { Tensor } from "../core/tensor.ts";
import { empty, ones, tensor, zeros } from "../ops/create.ts";
import { type Arguments, type FactoryOptions, factory, factoryOf, read } from "./arguments.ts";
import * as F from "./functional.ts";
import * as init from "./init.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";
import type { LocalMetadata } from "./state.ts";

const pyBool = (value: boolean): string => (value ? "True" : "False");

/** The arguments of all of them. */
export type NormArguments = Arguments<
  [numFeatures: number, eps?: number, momentum?: number | null, affine?: boolean, trackRunningStats?: boolean],
  "numFeatures eps momentum affine trackRunningStats",
  FactoryOptions
>;

const batchParams = `numFeatures:int eps:float=1e-5 momentum:float?=0.1 affine:bool=true trackRunningStats:bool=true ${factory}`;
const instanceParams = `numFeatures:int eps:float=1e-5 momentum:float?=0.1 affine:bool=false trackRunningStats:bool=false ${factory}`;

/** Scale, shift and running statistics per channel. */
abstract class NormBase extends Module {
  readonly numFeatures: number;
  eps: number;
  momentum: number | null;
  readonly affine: boolean;
  readonly trackRunningStats: boolean;
  declare weight: Parameter | null;
  declare bias: Parameter | null;
  declare running_mean: Tensor | null;
  declare running_var: Tensor | null;
  declare num_batches_tracked: Tensor | null;

  constructor(v: Values) {
    super();
    this.numFeatures = v.numFeatures as number;
    this.eps = v.eps as number;
    this.momentum = v.momentum as number | null;
    this.affine = v.affine as boolean;
    this.trackRunningStats = v.trackRunningStats as boolean;
    const options = factoryOf(v);
    const size = [this.numFeatures];
    this.registerParameter("weight", this.affine ? new Parameter(empty(size, options)) : null);
    this.registerParameter("bias", this.affine ? new Parameter(empty(size, options)) : null);
    const track = this.trackRunningStats;
    this.registerBuffer("running_mean", track ? zeros(size, options) : null);
    this.registerBuffer("running_var", track ? ones(size, options) : null);
    this.registerBuffer("num_batches_tracked", track ? tensor(0, { dtype: "int64", device: options.device }) : null);
    this.resetParameters();
  }

  override get _version(): number {
    return 2;
  }

  /** The running mean of every channel, or null. */
  get runningMean(): Tensor | null {
    return this.running_mean;
  }

  set runningMean(value: Tensor | null) {
    this.running_mean = value;
  }

  /** The running variance of every channel, or null. */
  get runningVar(): Tensor | null {
    return this.running_var;
  }

  set runningVar(value: Tensor | null) {
    this.running_var = value;
  }

  /** How many batches the running statistics have seen, or null. */
  get numBatchesTracked(): Tensor | null {
    return this.num_batches_tracked;
  }

  set numBatchesTracked(value: Tensor | null) {
    this.num_batches_tracked = value;
  }

  /** Starts the running statistics anew. */
  resetRunningStats(): void {
    if (!this.trackRunningStats) return;
    this.running_mean?.zero_();
    this.running_var?.fill_(1);
    this.num_batches_tracked?.zero_();
  }

  /** Sets the initial values anew. */
  resetParameters(): void {
    this.resetRunningStats();
    if (this.weight !== null) init.ones_(this.weight);
    if (this.bias !== null) init.zeros_(this.bias);
  }

  /** Throws for inputs of the wrong rank. */
  protected abstract checkInputDim(input: Tensor): void;

  override extraRepr(): string {
    return (
      `${this.numFeatures}, eps=${repr(this.eps)}, momentum=${repr(this.momentum)}, affine=${pyBool(this.affine)}, ` +
      `track_running_stats=${pyBool(this.trackRunningStats)}`
    );
  }

  override _loadFromStateDict(
    stateDict: StateDict<unknown>,
    prefix: string,
    localMetadata: LocalMetadata,
    strict: boolean,
    missingKeys: string[],
    unexpectedKeys: string[],
    errorMessages: string[],
  ): void {
    const key = `${prefix}num_batches_tracked`;
    // Version 1 had no count of batches.
    if ((localMetadata.version ?? 1) < 2 && this.trackRunningStats && !stateDict.has(key)) {
      stateDict.set(key, tensor(0, { dtype: "int64" }));
    }
    super._loadFromStateDict(stateDict, prefix, localMetadata, strict, missingKeys, unexpectedKeys, errorMessages);
  }
}

function checkRank(input: Tensor, ranks: readonly number[]): void {
  check(
    ranks.includes(input.dim()),
    () => `expected ${ranks.map((n) => `${n}D`).join(" or ")} input (got ${input.dim()}D input)`,
    ValueError,
  );
}

/** What the batch normalizations share. */
abstract class BatchNorm extends NormBase {
  forward(input: Tensor): Tensor {
    this.checkInputDim(input);
    const { training, running_mean, running_var } = this;
    const update = training && this.trackRunningStats;
    let factor = this.momentum ?? 0;
    if (update && this.num_batches_tracked !== null) {
      this.num_batches_tracked.add_(1);
      if (this.momentum === null) factor = 1 / this.num_batches_tracked.item();
    }
    const ownStatistics = training || (running_mean === null && running_var === null);
    const pass = !training || this.trackRunningStats;
    return F.batchNorm(
      input,
      pass ? running_mean : null,
      pass ? running_var : null,
      this.weight,
      this.bias,
      ownStatistics,
      factor,
      this.eps,
    );
  }
}

/**
 * Normalizes every channel of `[N, C]` or `[N, C, L]`. In training by the batch's mean and (biased) variance, which
 * also move `running_mean` and `running_var` by `momentum` (null: their plain average); in `eval()` by these. `weight`
 * and `bias` are `[numFeatures]`, null with `affine: false`.
 * @throws ValueError "Expected more than 1 value per channel when training" for a single value, and for other dims.
 * @see https://arxiv.org/abs/1502.03167
 * @example new nn.BatchNorm1d(1)(torch.tensor([[1], [3]])).round() // tensor([[-1.], [ 1.]], grad_fn=<RoundBackward0>)
 */
export class BatchNorm1d extends BatchNorm {
  constructor(...args: NormArguments) {
    super(read("BatchNorm1d", batchParams, args));
  }

  protected override checkInputDim(input: Tensor): void {
    checkRank(input, [2, 3]);
  }
}

/**
 * Normalizes every channel of `[N, C, H, W]`. In training by the batch's mean and (biased) variance, which also move
 * `running_mean` and `running_var` by `momentum` (null: their plain average); in `eval()` by these. `weight` and `bias`
 * are `[numFeatures]`, null with `affine: false`.
 * @throws ValueError "Expected more than 1 value per channel when training" for a single value, and for other dims.
 * @see https://arxiv.org/abs/1502.03167
 * @example new nn.BatchNorm2d(1)(images).shape // torch.Size([8, 1, 28, 28])
 */
export class BatchNorm2d extends BatchNorm {
  constructor(...args: NormArguments) {
    super(read("BatchNorm2d", batchParams, args));
  }

  protected override checkInputDim(input: Tensor): void {
    checkRank(input, [4]);
  }
}

/**
 * Normalizes every channel of `[N, C, D, H, W]`. In training by the batch's mean and (biased) variance, which also move
 * `running_mean` and `running_var` by `momentum` (null: their plain average); in `eval()` by these. `weight` and `bias`
 * are `[numFeatures]`, null with `affine: false`.
 * @throws ValueError "Expected more than 1 value per channel when training" for a single value, and for other dims.
 * @see https://arxiv.org/abs/1502.03167
 * @example new nn.BatchNorm3d(2)(torch.rand(4, 2, 3, 3, 3)).shape // torch.Size([4, 2, 3, 3, 3])
 */
export class BatchNorm3d extends BatchNorm {
  constructor(...args: NormArguments) {
    super(read("BatchNorm3d", batchParams, args));
  }

  protected override checkInputDim(input: Tensor): void {
    checkRank(input, [5]);
  }
}

/** What the instance normalizations share. */
abstract class InstanceNorm extends NormBase {
  /** The rank of one sample. */
  protected abstract readonly sampleRank: number;

  protected override checkInputDim(input: Tensor): void {
    checkRank(input, [this.sampleRank, this.sampleRank + 1]);
  }

  forward(input: Tensor): Tensor {
    this.checkInputDim(input);
    if (input.dim() === this.sampleRank) return this.normalize(input.unsqueeze(0)).squeeze(0);
    return this.normalize(input);
  }

  private normalize(input: Tensor): Tensor {
    return F.instanceNorm(
      input,
      this.running_mean,
      this.running_var,
      this.weight,
      this.bias,
      this.training || !this.trackRunningStats,
      this.momentum ?? 0,
      this.eps,
    );
  }

  override _loadFromStateDict(
    stateDict: StateDict<unknown>,
    prefix: string,
    localMetadata: LocalMetadata,
    strict: boolean,
    missingKeys: string[],
    unexpectedKeys: string[],
    errorMessages: string[],
  ): void {
    if (localMetadata.version === undefined && !this.trackRunningStats) {
      const found = ["running_mean", "running_var"].map((name) => prefix + name).filter((key) => stateDict.has(key));
      if (found.length > 0) errorMessages.push(oldStatistics(found, this.constructor.name));
      for (const key of found) stateDict.delete(key);
    }
    super._loadFromStateDict(stateDict, prefix, localMetadata, strict, missingKeys, unexpectedKeys, errorMessages);
  }
}

function oldStatistics(keys: readonly string[], name: string): string {
  return (
    `Unexpected running stats buffer(s) ${keys.map((key) => `"${key}"`).join(" and ")} for ${name} with ` +
    "track_running_stats=False. If state_dict is a checkpoint saved before 0.4.0, this may be expected because " +
    `${name} does not track running stats by default since 0.4.0. Please remove these keys from state_dict. If the ` +
    `running stats are actually needed, instead set track_running_stats=True in ${name} to enable them. See the ` +
    `documentation of ${name} for details.`
  );
}

/**
 * Normalizes every channel of every sample of `[N, C, L]` or `[C, L]`. By the mean and variance of each channel of each
 * sample; it learns nothing and keeps no statistics unless `affine` and `trackRunningStats` are true.
 * @throws ValueError "Expected more than 1 spatial element when training" for a single one, and for other dims.
 * @see https://arxiv.org/abs/1607.08022
 * @example new nn.InstanceNorm1d(2)(torch.rand(4, 2, 5)).shape // torch.Size([4, 2, 5])
 */
export class InstanceNorm1d extends InstanceNorm {
  protected override get sampleRank(): number {
    return 2;
  }

  constructor(...args: NormArguments) {
    super(read("InstanceNorm1d", instanceParams, args));
  }
}

/**
 * Normalizes every channel of every sample of `[N, C, H, W]` or `[C, H, W]`. By the mean and variance of each channel
 * of each sample; it learns nothing and keeps no statistics unless `affine` and `trackRunningStats` are true.
 * @throws ValueError "Expected more than 1 spatial element when training" for a single one, and for other dims.
 * @see https://arxiv.org/abs/1607.08022
 * @example new nn.InstanceNorm2d(1)(images).shape // torch.Size([8, 1, 28, 28])
 */
export class InstanceNorm2d extends InstanceNorm {
  protected override get sampleRank(): number {
    return 3;
  }

  constructor(...args: NormArguments) {
    super(read("InstanceNorm2d", instanceParams, args));
  }
}

/**
 * Normalizes every channel of every sample of `[N, C, D, H, W]` or `[C, D, H, W]`. By the mean and variance of each
 * channel of each sample; it learns nothing and keeps no statistics unless `affine` and `trackRunningStats` are true.
 * @throws ValueError "Expected more than 1 spatial element when training" for a single one, and for other dims.
 * @see https://arxiv.org/abs/1607.08022
 * @example new nn.InstanceNorm3d(2)(torch.rand(4, 2, 3, 3, 3)).shape // torch.Size([4, 2, 3, 3, 3])
 */
export class InstanceNorm3d extends InstanceNorm {
  protected override get sampleRank(): number {
    return 4;
  }

  constructor(...args: NormArguments) {
    super(read("InstanceNorm3d", instanceParams, args));
  }
}
