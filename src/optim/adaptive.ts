/** Optimizers with a step size per element: Adagrad, Adadelta, RMSprop, Rprop; and averaged SGD. */

import { check, ValueError } from "../core/errors.ts";
import type { Tensor } from "../core/tensor.ts";
import { read } from "../nn/arguments.ts";
import { fullLike, onesLike } from "../ops/create.ts";
import type { AdamArguments } from "./adam.ts";
import { count, counter, inRange, Optimizer, type ParamGroup, type Params, zeros } from "./optimizer.ts";

/** Options of all of them. */
export interface AdaptiveOptions {
  lr?: number;
  weightDecay?: number;
  maximize?: boolean;
  /** Accepted; the values are the same. */
  foreach?: boolean | null;
  capturable?: boolean;
  differentiable?: boolean;
}

const flags = "maximize:bool=false differentiable:bool=false";

/** The gradient with weight decay. */
function decayed(param: Tensor, grad: Tensor, group: ParamGroup): Tensor {
  const decay = group.weightDecay as number;
  return decay === 0 ? grad : grad.add(param, { alpha: decay });
}

/** Options of `Adagrad`. */
export interface AdagradOptions extends AdaptiveOptions {
  lrDecay?: number;
  initialAccumulatorValue?: number;
  eps?: number;
}

/**
 * Steps divided by the root of the sum of all squared gradients: `lr` 0.01, `lrDecay` 0, `weightDecay` 0,
 * `initialAccumulatorValue` 0, `eps` 1e-10. `step()` updates every parameter that has a gradient; options may differ
 * per group.
 * @throws ValueError for options out of range, or no parameters.
 * @see https://jmlr.org/papers/v12/duchi11a.html
 * @example
 * const optimizer = new optim.Adagrad(model.parameters());
 * optimizer.zeroGrad();
 * model(x).square().mean().backward();
 * optimizer.step();
 */
export class Adagrad extends Optimizer {
  constructor(parameters: Params, ...args: AdamArguments<AdagradOptions>) {
    const params =
      "lr:float=0.01 lrDecay:float=0 weightDecay:float=0 initialAccumulatorValue:float=0 eps:float=1e-10 " +
      `foreach:bool?=null * ${flags}`;
    const v = read("Adagrad", params, args);
    inRange((v.lr as number) >= 0, "learning rate", v.lr);
    inRange((v.lrDecay as number) >= 0, "lr_decay value", v.lrDecay);
    inRange((v.weightDecay as number) >= 0, "weight_decay value", v.weightDecay);
    inRange((v.initialAccumulatorValue as number) >= 0, "initial_accumulator_value value", v.initialAccumulatorValue);
    inRange((v.eps as number) >= 0, "epsilon value", v.eps);
    super(parameters, v);
    for (const group of this.paramGroups) for (const param of group.params) this.sums(param, group);
  }

  private sums(param: Tensor, group: ParamGroup): { step: Tensor; sum: Tensor } {
    const start = group.initialAccumulatorValue as number;
    return this.stateOf(param, () => ({ step: counter(), sum: fullLike(param, start) }));
  }

  protected override updateParam(param: Tensor, grad: Tensor, group: ParamGroup): void {
    const state = this.sums(param, group);
    const step = count(state.step);
    const g = decayed(param, grad, group);
    const lr = group.lr / (1 + (step - 1) * (group.lrDecay as number));
    state.sum.addcmul_(g, g, { value: 1 });
    param.addcdiv_(g, state.sum.sqrt().add_(group.eps as number), { value: -lr });
  }
}

/** Options of `Adadelta`. */
export interface AdadeltaOptions extends AdaptiveOptions {
  rho?: number;
  eps?: number;
}

/**
 * Steps scaled by the ratio of running means of squared steps and squared gradients: `lr` 1, `rho` 0.9, `eps` 1e-6,
 * `weightDecay` 0. `step()` updates every parameter that has a gradient; options may differ per group.
 * @throws ValueError for options out of range, or no parameters.
 * @see https://arxiv.org/abs/1212.5701
 * @example
 * const optimizer = new optim.Adadelta(model.parameters());
 * optimizer.zeroGrad();
 * model(x).square().mean().backward();
 * optimizer.step();
 */
export class Adadelta extends Optimizer {
  constructor(parameters: Params, ...args: AdamArguments<AdadeltaOptions>) {
    const params = `lr:float=1 rho:float=0.9 eps:float=1e-6 weightDecay:float=0 foreach:bool?=null * capturable:bool=false ${flags}`;
    const v = read("Adadelta", params, args);
    inRange((v.lr as number) >= 0, "learning rate", v.lr);
    inRange((v.rho as number) >= 0 && (v.rho as number) <= 1, "rho value", v.rho);
    inRange((v.eps as number) >= 0, "epsilon value", v.eps);
    inRange((v.weightDecay as number) >= 0, "weight_decay value", v.weightDecay);
    super(parameters, v);
  }

  protected override updateParam(param: Tensor, grad: Tensor, group: ParamGroup): void {
    const { rho, eps, lr } = group as unknown as Required<AdadeltaOptions>;
    const state = this.stateOf(param, () => ({ step: 0, square_avg: zeros(param), acc_delta: zeros(param) }));
    state.step++;
    const g = decayed(param, grad, group);
    state.square_avg.mul_(rho).addcmul_(g, g, { value: 1 - rho });
    const std = state.square_avg.add(eps).sqrt_();
    const delta = state.acc_delta.add(eps).sqrt_().div_(std).mul_(g);
    state.acc_delta.mul_(rho).addcmul_(delta, delta, { value: 1 - rho });
    param.add_(delta, { alpha: -lr });
  }
}

/** Options of `RMSprop`. */
export interface RMSpropOptions extends AdaptiveOptions {
  alpha?: number;
  eps?: number;
  momentum?: number;
  centered?: boolean;
}

interface RMSpropState {
  step: number;
  square_avg: Tensor;
  momentum_buffer?: Tensor;
  grad_avg?: Tensor;
  [key: string]: unknown;
}

/**
 * Steps divided by the root of a running mean of squared gradients: `lr` 0.01, `alpha` 0.99, `eps` 1e-8, `weightDecay`
 * 0, `momentum` 0, `centered` false. `step()` updates every parameter that has a gradient; options may differ per
 * group.
 * @throws ValueError for options out of range, or no parameters.
 * @see https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf
 * @example
 * const optimizer = new optim.RMSprop(model.parameters());
 * optimizer.zeroGrad();
 * model(x).square().mean().backward();
 * optimizer.step();
 */
export class RMSprop extends Optimizer {
  constructor(parameters: Params, ...args: AdamArguments<RMSpropOptions>) {
    const params =
      "lr:float=0.01 alpha:float=0.99 eps:float=1e-8 weightDecay:float=0 momentum:float=0 centered:bool=false " +
      "capturable:bool=false foreach:bool?=null maximize:bool=false differentiable:bool=false";
    const v = read("RMSprop", params, args);
    inRange((v.lr as number) >= 0, "learning rate", v.lr);
    inRange((v.eps as number) >= 0, "epsilon value", v.eps);
    inRange((v.momentum as number) >= 0, "momentum value", v.momentum);
    inRange((v.weightDecay as number) >= 0, "weight_decay value", v.weightDecay);
    inRange((v.alpha as number) >= 0, "alpha value", v.alpha);
    super(parameters, v);
  }

  protected override updateParam(param: Tensor, grad: Tensor, group: ParamGroup): void {
    const { alpha, eps, momentum, lr } = group as unknown as Required<RMSpropOptions>;
    const state = this.stateOf(
      param,
      (): RMSpropState => ({
        step: 0,
        square_avg: zeros(param),
        ...(momentum > 0 ? { momentum_buffer: zeros(param) } : {}),
        ...(group.centered === true ? { grad_avg: zeros(param) } : {}),
      }),
    );
    state.step++;
    const g = decayed(param, grad, group);
    state.square_avg.mul_(alpha).addcmul_(g, g, { value: 1 - alpha });
    const { grad_avg: mean, momentum_buffer: buffer, square_avg: squares } = state;
    mean?.mul_(alpha).add_(g, { alpha: 1 - alpha });
    const root = mean === undefined ? squares.sqrt() : squares.addcmul(mean, mean, { value: -1 }).sqrt_();
    const scale = root.add_(eps);
    if (buffer === undefined) {
      param.addcdiv_(g, scale, { value: -lr });
      return;
    }
    param.add_(buffer.mul_(momentum).addcdiv_(g, scale), { alpha: -lr });
  }
}

/** Options of `Rprop`. */
export interface RpropOptions extends Omit<AdaptiveOptions, "weightDecay"> {
  etas?: readonly [number, number];
  stepSizes?: readonly [number, number];
}

/**
 * Steps whose sizes grow while the sign of the gradient stays, and shrink when it turns: `lr` 0.01, `etas` [0.5, 1.2],
 * `stepSizes` [1e-6, 50]. For whole batches. `step()` updates every parameter that has a gradient; options may differ
 * per group.
 * @throws ValueError for options out of range, or no parameters.
 * @see https://doi.org/10.1109/ICNN.1993.298623
 * @example
 * const optimizer = new optim.Rprop(model.parameters());
 * optimizer.zeroGrad();
 * model(x).square().mean().backward();
 * optimizer.step();
 */
export class Rprop extends Optimizer {
  constructor(parameters: Params, ...args: AdamArguments<RpropOptions>) {
    const params =
      "lr:float=0.01 etas:floats=[0.5,1.2] stepSizes:floats=[0.000001,50] * capturable:bool=false " +
      "foreach:bool?=null maximize:bool=false differentiable:bool=false";
    const v = read("Rprop", params, args);
    const [minus = 0, plus = 0] = v.etas as number[];
    inRange((v.lr as number) >= 0, "learning rate", v.lr);
    check(minus > 0 && minus < 1 && plus > 1, () => `Invalid eta values: ${minus}, ${plus}`, ValueError);
    super(parameters, v);
  }

  protected override updateParam(param: Tensor, grad: Tensor, group: ParamGroup): void {
    const [minus, plus] = group.etas as [number, number];
    const [least, most] = group.stepSizes as [number, number];
    const state = this.stateOf(param, () => ({ step: 0, prev: zeros(param), step_size: fullLike(grad, group.lr) }));
    state.step++;
    const sign = grad.mul(state.prev).sign();
    const turned = sign.lt(0);
    const factor = onesLike(sign).maskedFill(sign.gt(0), plus).maskedFill(turned, minus);
    state.step_size.mul_(factor).clamp_(least, most);
    const kept = grad.maskedFill(turned, 0);
    param.addcmul_(kept.sign(), state.step_size, { value: -1 });
    state.prev.copy_(kept);
  }
}

/** Options of `ASGD`. */
export interface ASGDOptions extends AdaptiveOptions {
  lambd?: number;
  alpha?: number;
  t0?: number;
}

/**
 * Gradient descent that also keeps the mean of its way in `state.get(p).ax`: `lr` 0.01, `lambd` 1e-4, `alpha` 0.75,
 * `t0` 1e6, `weightDecay` 0. `step()` updates every parameter that has a gradient; options may differ per group.
 * @throws ValueError for options out of range, or no parameters.
 * @see https://doi.org/10.1137/0330046
 * @example
 * const optimizer = new optim.ASGD(model.parameters());
 * optimizer.zeroGrad();
 * model(x).square().mean().backward();
 * optimizer.step();
 */
export class ASGD extends Optimizer {
  constructor(parameters: Params, ...args: AdamArguments<ASGDOptions>) {
    const params =
      "lr:float=0.01 lambd:float=1e-4 alpha:float=0.75 t0:float=1e6 weightDecay:float=0 foreach:bool?=null " +
      "maximize:bool=false differentiable:bool=false capturable:bool=false";
    const v = read("ASGD", params, args);
    inRange((v.lr as number) >= 0, "learning rate", v.lr);
    inRange((v.weightDecay as number) >= 0, "weight_decay value", v.weightDecay);
    super(parameters, v);
  }

  protected override updateParam(param: Tensor, grad: Tensor, group: ParamGroup): void {
    const { lr, lambd, alpha, t0 } = group as unknown as Required<ASGDOptions>;
    const state = this.stateOf(param, () => ({
      step: counter(),
      eta: counter(lr),
      mu: counter(1),
      ax: zeros(param),
    }));
    const step = count(state.step);
    const g = decayed(param, grad, group);
    const eta = state.eta.item();
    param.mul_(1 - lambd * eta).add_(g, { alpha: -eta });
    if (state.mu.item() === 1) state.ax.copy_(param);
    else state.ax.add_(param.sub(state.ax).mul(state.mu));
    state.eta.fill_(lr / (1 + lambd * lr * step) ** alpha);
    state.mu.fill_(1 / Math.max(1, step - t0));
  }
}
